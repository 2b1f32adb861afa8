"""`Noise`: how fits with and without decay stand columns that tell nothing, and wrong targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.frozen import freeze
from weightdecay.records.jsonable import encode, number, numbers
from weightdecay.records.why import Why
from weightdecay.records.why_fits import Fits, change, in_two, metric_of, shown

Array = NDArray[np.float64]

GAUSSIAN, FLIPPED, SWAPPED = "gaussian", "flipped", "swapped"


@dataclass(frozen=True, eq=False)
class NoiseSteps:
    """One kind of noise in steps.

    Parameters
    ----------
    levels : ndarray of shape (k,)
        Amounts, ascending: columns, standard deviations in units of the residual, or shares of rows.
    fits : Fits
        Losses (k, folds of all draws) on clean targets.
    """

    levels: Array
    fits: Fits

    def __post_init__(self) -> None:
        freeze(self)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types."""
        return {"levels": encode(self.levels), "fits": self.fits.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NoiseSteps:
        """The record from its JSON types."""
        return cls(numbers(data["levels"]), Fits.from_dict(data["fits"]))


@final
@dataclass(frozen=True, eq=False)
class Noise(Why):
    """Held-out loss over noise in the columns and in the targets, with tuned decay, without and at infinite decay.

    Parameters
    ----------
    columns, labels : NoiseSteps or None
        Columns of noise beside those of the data; noise on the targets to learn from. None where left out.
    kind : {"gaussian", "flipped", "swapped"}
        What noise on targets is: added, another class, or the target of another row.
    residual : float
        The root mean squared held-out error that Gaussian noise is measured in, mean over the targets; else nan.
    repeats, inner : int
        Draws of noise and folds, and folds within a training set that choose its decay.
    n_rows, n_columns : int
        Rows with positive weight, and columns of the data.
    model_name, scoring : str
        The estimator's class; the metric, or − and a scorer's name.
    notes : tuple of str
    """

    name: ClassVar[str] = "noise"

    columns: NoiseSteps | None
    labels: NoiseSteps | None
    kind: str
    residual: float
    repeats: int
    inner: int
    n_rows: int
    n_columns: int
    model_name: str
    scoring: str
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The metric in words."""
        return metric_of(self.scoring)

    @property
    def label_unit(self) -> str:
        """What amounts of noise on the targets are, for an axis."""
        return {
            GAUSSIAN: "noise on the targets (residual standard deviations)",
            FLIPPED: "share of labels flipped",
            SWAPPED: "share of targets dealt out anew",
        }[self.kind]

    @property
    def short_unit(self) -> str:
        """The same in two words."""
        return {GAUSSIAN: "target noise", FLIPPED: "labels flipped", SWAPPED: "targets swapped"}[self.kind]

    def sentences(self) -> tuple[str, ...]:
        """What it says, the answer first."""
        parts = []
        if self.columns is not None:
            parts += self._of(self.columns, self._columns(float(self.columns.levels[-1])))
        if self.labels is not None:
            parts += self._of(self.labels, self._labels(float(self.labels.levels[-1])))
        stands_in = [one.fits.stands_in for one in (self.columns, self.labels) if one is not None]
        return (*parts, self._how(), *filter(None, stands_in[:1]), *self.notes)

    def _columns(self, level: float) -> str:
        """The last amount in words."""
        return f"With {level:,.0f} columns of noise beside the {self.n_columns:,} of the data"

    def _labels(self, level: float) -> str:
        """The last amount in words."""
        if self.kind == GAUSSIAN:
            return (
                f"With noise of {level:g} residual standard deviations ({brief(level * self.residual)}) on the targets"
            )
        what = "labels flipped" if self.kind == FLIPPED else "targets dealt out anew among their rows"
        return f"With {100 * level:g} % of the {what}"

    def _of(self, steps: NoiseSteps, amount: str) -> list[str]:
        """How both fits fare from the least amount to the most."""
        fits, scoring = steps.fits, self.scoring
        none, tuned = fits.none_mean, fits.tuned_mean
        if len(steps.levels) < 2:
            return [
                f"{amount} the held-out {self.metric} is {shown(scoring, float(none[0]))} {fits.without(0)} and "
                f"{shown(scoring, float(tuned[0]))} with tuned decay, {in_two(float(fits.decay[0]))}."
            ]
        first, last = f"goes from {shown(scoring, float(none[0]))}", shown(scoring, float(none[-1]))
        without = f"{first} to {last}{_bracket(change(scoring, float(none[0]), float(none[-1])))} {fits.without(-1)}"
        moved = _bracket(change(scoring, float(tuned[0]), float(tuned[-1])))
        within = f"from {shown(scoring, float(tuned[0]))} to {shown(scoring, float(tuned[-1]))}{moved} with tuned decay"
        decay = f"whose decay goes from {in_two(float(fits.decay[0]))} to {in_two(float(fits.decay[-1]))}"
        return [f"{amount} the held-out {self.metric} {without} and {within}, {decay}.", *self._nothing(steps)]

    def _nothing(self, steps: NoiseSteps) -> list[str]:
        """Whether at the most noise a model is worse than infinite decay."""
        fits = steps.fits
        none, tuned, constant = (float(one[-1]) for one in (fits.none_mean, fits.tuned_mean, fits.constant_mean))
        if not (math.isfinite(none) and math.isfinite(constant)) or none <= constant:
            return []
        beside = "; tuned decay stays better" if tuned < constant else ""
        worse = f"There the fit {fits.without(-1)} is worse than infinite decay ({shown(self.scoring, constant)})"
        return [f"{worse}{beside}."]

    def _how(self) -> str:
        """What was done."""
        times = "one draw" if self.repeats == 1 else f"{self.repeats} draws"
        return (
            f"Means of five folds and {times} of the noise, judged on clean targets; decay was tuned by {self.inner} "
            "folds within the noisy training rows."
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text."""
        steps = {name: getattr(self, name) for name in ("columns", "labels")}
        plain: dict[str, Any] = encode({name: value for name, value in vars(self).items() if name not in steps})
        found = {name: None if one is None else one.to_dict() for name, one in steps.items()}
        return {"why": self.name} | plain | found | {"sentences": list(self.sentences())}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record from its JSON types."""
        plain: dict[str, Any] = {name: str(data[name]) for name in ("kind", "model_name", "scoring")}
        plain |= {name: int(data[name]) for name in ("repeats", "inner", "n_rows", "n_columns")}
        plain |= {name: data[name] and NoiseSteps.from_dict(data[name]) for name in ("columns", "labels")}
        return cls(
            residual=number(data["residual"]),
            notes=tuple(data["notes"]),
            **plain,
        )

    def __repr__(self) -> str:
        return f"Noise({self.model_name}: {self.sentences()[0]})"


def _bracket(text: str) -> str:
    """In brackets, where there is something."""
    return f" ({text})" if text else ""
