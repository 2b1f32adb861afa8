"""Fits watched side by side, without decay, with tuned decay and at infinite decay, as something grows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.frozen import freeze, same
from weightdecay.records.jsonable import encode, numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fits:
    """Held-out losses of k levels, each on m training sets.

    Parameters
    ----------
    none, tuned, constant : ndarray of shape (k, m)
        Without decay, with decay tuned within the training set, at infinite decay; nan where there is no model.
    decays : ndarray of shape (k, m)
        λ chosen, on the scale of the training set; the geometric mean of several targets' own.
    least : ndarray of shape (k, m)
        λ that stands for no decay: 0, or the least of the lattice where there is no model without decay.
    none_mean, tuned_mean, constant_mean : ndarray of shape (k,)
        Weighted means over the training sets; nan where one has no model.
    none_error, tuned_error, constant_error : ndarray of shape (k,)
        Their standard errors over the training sets.
    gain, gain_error : ndarray of shape (k,)
        Mean loss without decay less that with tuned decay, and the standard error of this paired difference.
    """

    none: Array
    tuned: Array
    constant: Array
    decays: Array
    least: Array
    none_mean: Array
    tuned_mean: Array
    constant_mean: Array
    none_error: Array
    tuned_error: Array
    constant_error: Array
    gain: Array
    gain_error: Array

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fits) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def decay(self) -> Array:
        """The median of the decays chosen at every level, shape (k,)."""
        # The middle of ∞ and a number is not a number: of an even count the lower middle.
        order = np.sort(self.decays, axis=1)
        return np.asarray(order[:, (order.shape[1] - 1) // 2])

    @property
    def stands_in(self) -> str:
        """A sentence on what stands for no decay; empty where that is no decay."""
        some = self.least[self.least > 0]
        if not some.size:
            return ""
        ends = in_two(float(some.min())), in_two(float(some.max()))
        which = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
        return (
            "Some training sets have no model without decay (columns can separate their classes, or a solver refuses); "
            f"there a very small decay stands in, {which}."
        )

    def without(self, k: int) -> str:
        """What stands for no decay at a level, in words."""
        return "with hardly any decay" if (self.least[k] > 0).any() else "without decay"

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types."""
        return {name: encode(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Fits:
        """The record from its JSON types."""
        return cls(**{name: numbers(data[name]) for name in cls.__dataclass_fields__})


def is_score(scoring: str) -> bool:
    """Whether losses are negative scores of a scorer."""
    return scoring.startswith("−")


def larger_is_better(scoring: str) -> bool:
    """Whether the metric is a score to be made large."""
    return is_score(scoring) and not scoring.removeprefix("−").startswith("neg_")


def metric_of(scoring: str) -> str:
    """The metric in words."""
    name = scoring.removeprefix("−")
    return name.removeprefix("neg_").replace("_", " ") if is_score(scoring) else name


def as_metric(scoring: str, losses: Any) -> Any:
    """Losses, a float or an array, as the metric itself: scores that are to be large are turned round."""
    return 0.0 - losses if larger_is_better(scoring) else losses


def shown(scoring: str, loss: float) -> str:
    """A loss as the metric in words."""
    return brief(float(as_metric(scoring, loss))) if math.isfinite(loss) else "no model"


def change(scoring: str, before: float, after: float) -> str:
    """By how much a loss changed: ``"+12 %"``, of a score the difference; empty where unknown."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return ""
    if is_score(scoring) or before <= 0:
        apart = float(as_metric(scoring, after - before))
        return f"{'+' if apart >= 0 else '−'}{brief(abs(apart))}"
    share = 100.0 * (after / before - 1.0)
    if abs(share) < 0.05:
        return "0 %"
    if share >= 900.0:
        return f"× {brief(float(f'{after / before:.2g}'))}"
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))} %"


def percent(share: float) -> str:
    """A positive percentage in two digits."""
    return f"{share:.0f}" if share >= 9.95 else f"{share:.1f}"


def errors_apart(gain: float, error: float) -> str:
    """A paired difference in its standard errors, in brackets; empty where these are not known."""
    if not (math.isfinite(gain) and math.isfinite(error) and error > 0):
        return ""
    return f" ({abs(gain) / error:.1f} paired standard errors)"


def in_two(decay: float) -> str:
    """A decay in two digits."""
    return "infinite" if math.isinf(decay) else f"{float(f'{decay:.2g}'):g}"
