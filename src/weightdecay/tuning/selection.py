"""Selection: from held-out losses to a decay, a window and a plausible range.

With fold weights W_f and fold losses L_f(λ): mean = ΣW_f L_f/ΣW_f and SE² = [ΣW_f (L_f − mean)²/ΣW_f]/(F − 1), the
definition of glmnet; within repetitions, then averaged. The paired error is that of L_f(λ) − L_f(best).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
        raise ValueError(
            "no decay gave a finite held-out loss; look at the data for extreme values or, where solves stopped early, "
            "raise max_iter"
        )
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
        picked = rule(decays, mean, error)
        try:
            choice = float(picked)
        except (TypeError, ValueError):
            choice = math.nan
        if not choice >= 0:
            raise ValueError(f"the rule returned {picked!r}; a rule returns one number, a decay of at least 0")
        return choice
    if rule == "min":
        return float(decays[smallest(decays, mean)])
    if rule == "1se":
        choice = one_standard_error(decays, mean, error)
        if math.isnan(choice):
            raise ValueError(
                "rule='1se' needs a standard error, which this scoring and these folds do not give; use rule='min' or "
                "several folds"
            )
        return choice
    raise ValueError(f"rule={rule!r} is not known; give 'min', '1se' or a function of (decays, mean, standard_error)")


@dataclass(frozen=True)
class Crossing:
    """Two neighbouring decays between which an excess turns positive, 0 and inf allowed.

    Parameters
    ----------
    inner, outer : float
        The decay whose excess is not positive, and the one whose is.
    inner_excess, outer_excess : float
    """

    inner: float
    outer: float
    inner_excess: float
    outer_excess: float

    @property
    def decay(self) -> float:
        """Where the excess is zero, linear in log λ; the inner decay where that has no meaning."""
        if not (0 < min(self.inner, self.outer) and math.isfinite(max(self.inner, self.outer, self.outer_excess))):
            return self.inner
        rise = self.outer_excess - self.inner_excess
        share = -self.inner_excess / rise if rise > 0 else 0.0
        return self.inner * math.exp(share * (math.log(self.outer) - math.log(self.inner)))


def first_crossing(decays: Array, excess: Array) -> Crossing | None:
    """Where an excess turns positive for the first time on the way from the first decay, or never."""
    positive = np.flatnonzero(~(excess <= 0))
    if not positive.size or positive[0] == 0:
        return None
    stop = int(positive[0])
    return Crossing(float(decays[stop - 1]), float(decays[stop]), float(excess[stop - 1]), float(excess[stop]))


def paired_excess(difference: Array, paired: Array) -> Array:
    """By how many paired standard errors a difference to the best is more than one, for finite errors.

    In these units the excess is −1 at the best and about linear in log λ beside it, where difference − error is zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of a difference that is not known (nan) neither is the excess.
        ratio = np.where(difference <= 0, 0.0, difference / paired)
    return np.asarray(ratio - 1.0)


def crossings(held_out: HeldOut, unit: float, tolerance: float) -> Iterator[Crossing]:
    """Where a curve over ascending decays leaves what window, plausible range and the 1-SE rule allow.

    Parameters
    ----------
    held_out : HeldOut
    unit : float
        What the tolerance is a share of.
    tolerance : float
    """
    decays, mean = held_out.decays, np.where(np.isfinite(held_out.mean), held_out.mean, np.inf)
    best = smallest(decays, mean)
    difference, paired = mean - mean[best], np.where(np.isfinite(held_out.paired), held_out.paired, 0.0)
    found = []
    for excess in (difference - tolerance * unit, *([paired_excess(difference, paired)] if paired.any() else [])):
        found += [first_crossing(decays[best:], excess[best:])]
        found += [first_crossing(decays[: best + 1][::-1], excess[: best + 1][::-1])]
    above = mean[best] + held_out.standard_error[best]
    if math.isfinite(above):
        last = int(np.flatnonzero(mean <= above)[-1])
        found += [first_crossing(decays[last:], (mean - above)[last:])]
    return (one for one in found if one is not None)


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
    crossing = first_crossing(decays, excess)
    if crossing is None:
        return limit if beyond <= 0 else float(decays[-1])
    return crossing.decay
