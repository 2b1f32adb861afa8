"""Selection: from held-out losses to a decay, a window and a plausible range.

With fold weights W_f and fold losses L_f(λ): mean = ΣW_f L_f/ΣW_f and SE² = [ΣW_f (L_f − mean)²/ΣW_f]/(F − 1), the
definition of glmnet; within repetitions, then averaged. The paired error is that of L_f(λ) − L_f(best).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut, weighted_mean
from weightdecay.tuning.folds import Index

Array = NDArray[np.float64]
Rule = str | Callable[[Array, Array, Array], float]

TIE = 1e-10


def standard_error(loss: Array, weight: Array, repeat: Index) -> Array:
    """Standard error of the weighted mean over folds, averaged over repetitions; nan with a single fold."""
    errors = [_one_error(loss[repeat == r], weight[repeat == r]) for r in range(int(repeat.max()) + 1)]
    return np.asarray(np.mean(errors, axis=0), dtype=np.float64)


def _one_error(loss: Array, weight: Array) -> Array:
    """Standard error within one repetition."""
    if len(weight) < 2:
        return np.full(loss.shape[1], np.nan)
    with np.errstate(invalid="ignore"):  # a loss that is not finite has no error
        deviation = (loss - weighted_mean(loss, weight)) ** 2
    return np.sqrt(weighted_mean(deviation, weight) / (len(weight) - 1))


def from_folds(
    decays: Array, loss: Array, weight: Array, repeat: Index, status: NDArray[np.str_], **more: Any
) -> HeldOut:
    """A `HeldOut` from fold losses (F, L): its standard errors are those of the folds.

    Paired errors refer to the best of ``more["among"]`` (decays), by default of all.
    """
    best = smallest(decays, weighted_mean(loss, weight), more.pop("among", None))
    paired = standard_error(loss - loss[:, [best]], weight, repeat)
    return HeldOut(decays, loss, weight, standard_error(loss, weight, repeat), paired, status, **more)


def from_rows(
    decays: Array, loss: Array, weight: Array, status: NDArray[np.str_], among: Array | None = None
) -> HeldOut:
    """A `HeldOut` of one fold from the losses (m, L) of its test rows: the rows take the folds' place in the errors."""
    used = weight > 0
    repeat = np.zeros(int(used.sum()), dtype=np.intp)
    rows = from_folds(decays, loss[used], weight[used], repeat, status, among=among)
    return replace(rows, loss=rows.mean[None, :], weight=np.array([weight.sum()]))


def smallest(decays: Array, mean: Array, among: Array | None = None) -> int:
    """Index of the least mean loss (of some decays); ties within 1e-10 relative go to the larger decay."""
    finite = np.where(np.isfinite(mean), mean, np.inf)
    if among is not None:
        finite = np.where(np.isin(decays, among), finite, np.inf)
    least = finite.min()
    if not math.isfinite(least):
        raise ValueError("no decay gave a finite held-out loss; look at the data for extreme values")
    tied = finite <= least + TIE * abs(least)
    return int(np.flatnonzero(tied)[np.argmax(decays[tied])])


def one_standard_error(decays: Array, mean: Array, error: Array) -> float:
    """Largest decay whose mean loss is within one standard error of the least; nan where there is no error."""
    best = smallest(decays, mean)
    if not math.isfinite(error[best]):
        return math.nan
    return float(decays[mean <= mean[best] + error[best]].max())


def choose(rule: Rule, decays: Array, mean: Array, error: Array) -> float:
    """The decay that a rule picks: ``"min"``, ``"1se"`` or ``rule(decays, mean, standard_error)``."""
    if callable(rule):
        choice = float(rule(decays, mean, error))
        if not choice >= 0:
            raise ValueError(f"the rule returned {choice!r}; a rule returns a decay of at least 0")
        return choice
    if rule == "min":
        return float(decays[smallest(decays, mean)])
    if rule == "1se":
        choice = one_standard_error(decays, mean, error)
        if math.isnan(choice):
            raise ValueError(
                "rule='1se' needs a standard error, which this scoring and these folds do not give; use rule='min'"
            )
        return choice
    raise ValueError(f"rule={rule!r} is not known; give 'min', '1se' or a function of (decays, mean, standard_error)")


def connected(decays: Array, excess: Array, best: int, outside: tuple[float, float]) -> tuple[float, float]:
    """Connected range of decays around the best where an excess is ≤ 0, ends interpolated in log λ.

    Parameters
    ----------
    decays : ndarray of shape (L,)
        Ascending; 0 and inf allowed.
    excess : ndarray of shape (L,)
        Negative or zero inside the range.
    best : int
        A point inside.
    outside : (float, float)
        The excess at λ = 0 and at λ = inf, which decide whether the range goes on beyond the grid.
    """
    low = _end(decays[: best + 1][::-1], excess[: best + 1][::-1], outside[0], 0.0)
    high = _end(decays[best:], excess[best:], outside[1], math.inf)
    return low, high


def _end(decays: Array, excess: Array, beyond: float, limit: float) -> float:
    """Walk away from the best until the excess turns positive."""
    positive = np.flatnonzero(~(excess <= 0))
    if positive.size == 0:
        return limit if beyond <= 0 else float(decays[-1])
    stop = int(positive[0])
    inner, outer = float(decays[stop - 1]), float(decays[stop])
    low, high = float(excess[stop - 1]), float(excess[stop])
    if not (0 < inner < math.inf and 0 < outer < math.inf and math.isfinite(high)):
        return inner
    share = -low / (high - low) if high > low else 0.0
    return inner * math.exp(share * (math.log(outer) - math.log(inner)))
