"""Search from above: the decays of a form, on the same lattice for all, downward until the loss has clearly risen.

With an L1 part small decays cost the most and are chosen the least, so the search comes from infinite decay, where only
what is exempt is fitted, and asks for half a decade at a time; then for quarters of a decade about the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut, weighted_mean
from weightdecay.tuning.folds import Index
from weightdecay.tuning.grid import EXTENSION, FARTHEST, FINE, SAME, STEP, UNBOUNDED, decays_at
from weightdecay.tuning.protocol import Scorer, Split
from weightdecay.tuning.selection import Rule, choose, standard_error

Array = NDArray[np.float64]

BEGIN = 3  # points of the lattice asked for first
PASSED = 2  # points below the best that have to be worse
ENDLESS = 64  # rounds


@dataclass(eq=False)
class Losses:
    """Held-out losses of a split, by fold and decay; none is asked for twice.

    Parameters
    ----------
    split : Split or None
        None once no more is asked for.
    scorer : Scorer or None
    decays : ndarray of shape (L,)
        Known, ascending.
    loss : ndarray of shape (F, L)
    weight : ndarray of shape (F,)
    """

    split: Split | None
    scorer: Scorer | None
    decays: Array = field(default_factory=lambda: np.zeros(0))
    loss: Array = field(default_factory=lambda: np.zeros((0, 0)))
    weight: Array = field(default_factory=lambda: np.zeros(0))

    def at(self, decays: Array) -> Array:
        """Losses (F, L) at some decays."""
        decays = np.asarray(decays, dtype=np.float64)
        new = np.setdiff1d(decays, self.decays)
        if new.size:
            held_out = self._asked(new)
            fresh = ~np.isin(held_out.decays, self.decays)
            known = self.loss if self.decays.size else np.zeros((len(held_out.loss), 0))
            every = np.concatenate([self.decays, held_out.decays[fresh]])
            order = np.argsort(every)
            self.loss = np.concatenate([known, held_out.loss[:, fresh]], axis=1)[:, order]
            self.decays, self.weight = every[order], held_out.weight
        return self.loss[:, np.searchsorted(self.decays, decays)]

    def _asked(self, new: Array) -> HeldOut:
        """What the split says of some decays, and of infinite decay where none of them has a model."""
        assert self.split is not None
        if not self.decays.size or 0.0 in new:
            return self.split.held_out(np.union1d(new, [np.inf]), self.scorer)
        try:
            return self.split.held_out(new, self.scorer)
        except ValueError:
            return self.split.held_out(np.union1d(new, [np.inf]), self.scorer)

    @property
    def constant(self) -> tuple[Array, Array] | None:
        """Losses (F, 1) at infinite decay and the weights of the folds; None while they are not known."""
        known = self.decays.size and np.isinf(self.decays[-1])
        return (self.loss[:, -1:].copy(), self.weight) if known else None

    def begin(self, constant: tuple[Array, Array] | None) -> Losses:
        """Take over infinite decay, which leaves the same model whatever the form, from another setting."""
        if not self.decays.size and constant is not None:
            self.decays, (self.loss, self.weight) = np.array([np.inf]), constant
        return self

    def mean(self, decays: Array) -> Array:
        """Mean losses (L,) at some decays, inf where a fold has none."""
        found = weighted_mean(self.at(decays), self.weight)
        return np.where(np.isfinite(found), found, np.inf)


@dataclass(frozen=True)
class Care:
    """With what care all forms are tuned alike.

    Parameters
    ----------
    given : ndarray of shape (L,) or None
        Decays to be used as they are.
    rule : str or callable
    tolerance : float
    scorer : Scorer or None
    at_once : bool
        Whether the whole lattice is asked for in one question, since models are trained together.
    """

    given: Array | None
    rule: Rule
    tolerance: float
    scorer: Scorer | None
    at_once: bool = False


def from_above(losses: Losses, candidates: Array, care: Care, repeat: Index) -> Array:
    """A lattice of λ, ascending, that brackets the least mean loss; of losses that rise no more it ends below."""
    if care.given is not None:
        losses.at(care.given)
        return care.given[(care.given > 0) & np.isfinite(care.given)]
    lattice = np.round(FINE * np.log10(candidates)).astype(np.int64)[::-1]
    points = [int(one) for one in (lattice if care.at_once else lattice[:BEGIN])]
    floor = int(lattice[-1])
    for _ in range(ENDLESS):
        new = _next(losses, points, floor, care, repeat)
        if not new:
            break
        points = sorted({*points, *new}, reverse=True)
    mean = losses.mean(_decays(points))
    if mean.min() < np.inf:
        best = points[int(mean.argmin())]
        points = sorted({*points, *(best + STEP // 2 * step for step in (-3, -1, 1, 3))}, reverse=True)
        losses.at(_decays(points))
    return np.unique(_decays(points))


def _next(losses: Losses, points: list[int], floor: int, care: Care, repeat: Index) -> list[int]:
    """Lattice points to ask for next; none where the best is bracketed."""
    decays = _decays(points)
    mean = losses.mean(decays)
    best = int(mean.argmin())
    constant = float(losses.mean(np.array([np.inf]))[0])
    if best == 0 and mean[0] < constant - SAME * abs(constant) and points[0] < FARTHEST * FINE:
        return [points[0] + STEP * step for step in range(1, EXTENSION + 1)]
    if _passed(losses, decays, best, care, repeat):
        return []
    falling = best >= len(points) - PASSED and abs(mean[-1] - mean[-2]) > SAME * abs(mean[best])
    if points[-1] - STEP < (floor - UNBOUNDED * FINE if falling else floor):
        return []
    return [points[-1] - STEP]


def _passed(losses: Losses, decays: Array, best: int, care: Care, repeat: Index) -> bool:
    """Whether the last decays, a decade below the best, are clearly worse, or have no model."""
    last = np.arange(len(decays) - PASSED, len(decays))
    if best >= last[0]:
        return False
    found = losses.at(decays)
    mean = losses.mean(decays)
    error = standard_error(found[:, last] - found[:, [best]], losses.weight, repeat)
    margin = np.fmax(care.tolerance * abs(mean[best]), np.nan_to_num(error))
    return bool((mean[last] - mean[best] > margin).all())


def _decays(points: list[int]) -> Array:
    return decays_at(np.array(points, dtype=np.int64))


def chosen(care: Care, decays: Array, loss: Array, weight: Array) -> tuple[float, float]:
    """The decay that some folds' losses (m, L) choose among ascending ones, and its mean loss; nan where none has one.

    A rule of the user's own that picks between them means the nearest.
    """
    mean = weighted_mean(loss, weight)
    there = np.isfinite(mean)
    if not there.any():
        return math.nan, math.nan
    decays, loss, mean = decays[there], loss[:, there], mean[there]
    # The least loss needs no errors.
    error = mean if care.rule == "min" else standard_error(loss, weight, np.zeros(len(weight), dtype=np.intp))
    picked = choose(care.rule, decays, mean, error)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(decays == picked, 0.0, np.abs(np.log(decays) - np.log(picked)))
    place = int(np.nanargmin(distance))
    return float(decays[place]), float(mean[place])
