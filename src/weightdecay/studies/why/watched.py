"""What three fits of many training sets come to, level by level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import weighted_mean
from weightdecay.records.why_fits import Fits
from weightdecay.studies.why.three_fits import Judged
from weightdecay.tuning.selection import standard_error

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def fits_of(levels: Sequence[Judged], repeat: Index) -> Fits:
    """Means and errors of k levels; training sets of one repetition share no test rows."""
    names = ("none", "tuned", "constant")
    told: dict[str, list[float]] = {f"{name}_{what}": [] for name in names for what in ("mean", "error")}
    gains: list[tuple[float, float]] = []
    for level in levels:
        for name in names:
            mean, error = summary(getattr(level, name), level.weight, repeat)
            told[f"{name}_mean"].append(mean)
            told[f"{name}_error"].append(error)
        gains.append(summary(level.none - level.tuned, level.weight, repeat))
    return Fits(
        **{name: np.stack([getattr(one, name) for one in levels]) for name in names},
        least=np.stack([one.least for one in levels]),
        decays=np.stack([_together(one.decays) for one in levels]),
        **{name: np.array(values) for name, values in told.items()},
        gain=np.array([one for one, _ in gains]),
        gain_error=np.array([one for _, one in gains]),
    )


def summary(loss: Array, weight: Array, repeat: Index) -> tuple[float, float]:
    """Weighted mean of losses (m,) and its standard error."""
    return float(weighted_mean(loss, weight)), float(standard_error(loss[:, None], weight, repeat)[0])


def _together(decays: Array) -> Array:
    """One decay for the targets of every set: of decays (m, t) the geometric mean."""
    if decays.shape[1] == 1:
        return decays[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.exp(np.log(decays).mean(axis=1)))


def repetitions(count: int, folds: int) -> Index:
    """The repetition (m,) of so many training sets, each repetition with at least as many as there are folds."""
    whole = max(1, count // folds)
    return np.minimum(np.arange(count) // folds, whole - 1)
