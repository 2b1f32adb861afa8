"""The grid: decays on a lattice regular in log λ, extended until all is bracketed, refined where it is read off.

Read off are the minimum of every curve, and where it leaves the tolerance, one paired standard error and one standard
error above it: the ends of the window and of the plausible range, and the decay of the 1-SE rule. Lattice points are
counted in sixteenths of a decade, so that the same point always comes out as the same float.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.records.shares import share_unit
from weightdecay.tuning.curve_findings import PROMINENCE, valleys
from weightdecay.tuning.protocol import Scorer, Split
from weightdecay.tuning.selection import TIE, Crossing, crossings, one_standard_error, smallest

Array = NDArray[np.float64]
Exponents = NDArray[np.int64]

FINE = 16  # lattice points per decade around a minimum
COARSE = 2  # lattice points per decade of `Problem.candidates`
STEP = FINE // COARSE
DRAWN = 4  # lattice points from one decay of a path to the next: four per decade
NEAR = 2  # lattice points between which a crossing is interpolated: an eighth of a decade
EXTENSION = 2  # decades added at an edge
MAX_ROUNDS = 16
FARTHEST = 305  # powers of ten beyond which floats end
NOTHING = 1e-24  # share of infinite decay's loss below which the loss of no decay is rounding: the fit is exact
ITERATED = 1e-14  # the same of models that are found step by step, to half the digits
PERFECT = 1e-9  # the same of a loss that only falls, where no decay has no model
UNBOUNDED = 8  # decades below the candidates to which such a loss is followed
SAME = 1e-6  # relative difference at which an edge has reached its limit, no decay or infinite decay


def searched(
    split: Split, candidates: Array, names: Array, scorer: Scorer | None, tolerance: float
) -> tuple[Array, HeldOut]:
    """A grid that brackets what is read off every curve: the mean's, and each target's when there are several.

    No decay and infinite decay are part of it where they are the best, its equals or its neighbours, and infinite decay
    where it is within one standard error. Decays whose loss is not finite are no part of it.

    Parameters
    ----------
    split : Split
    candidates : ndarray
        A coarse lattice to begin with.
    names : ndarray
        Decays that people use untuned, evaluated as well; they join the grid where they are the best.
    scorer : Scorer or None
    tolerance : float
        Of the window.

    Returns
    -------
    grid : ndarray of shape (L,)
        Ascending.
    held_out : HeldOut
        Of the grid and the names together, from one question.
    """
    lattice = np.round(FINE * np.log10(candidates)).astype(np.int64)
    first = lattice[0]
    for _ in range(MAX_ROUNDS):
        held_out = split.held_out(np.union1d(np.concatenate([[0.0], decays_at(lattice), [np.inf]]), names), scorer)
        curves = _Curves(held_out, lattice, int(first) - UNBOUNDED * FINE)
        new = curves.extension()
        if not new.size:
            new = np.union1d(curves.refinement(), curves.crossings(tolerance, scored=scorer is not None))
        grown = np.union1d(lattice, new)
        if len(grown) == len(lattice):
            break
        lattice = grown
    below, above = curves.needed()
    grid = np.concatenate([[0.0] if below else [], decays_at(curves.lattice), [np.inf] if above else []])
    known = held_out.decays[np.isfinite(held_out.mean)]
    return np.intersect1d(np.union1d(grid, bests(held_out)), known), held_out


def curves_of(held_out: HeldOut) -> tuple[HeldOut, ...]:
    """The record of the mean and, when there are several, of each target."""
    return (held_out, *held_out.targets)


def bests(held_out: HeldOut) -> Array:
    """The decays of least loss of every curve."""
    return np.unique([one.decays[smallest(one.decays, one.mean)] for one in curves_of(held_out)])


def decays_at(lattice: Exponents) -> Array:
    """λ at lattice points."""
    return np.asarray(10.0 ** (lattice / FINE), dtype=np.float64)


def drawable(candidates: Array) -> Array:
    """A lattice over the same decades, dense enough to be drawn."""
    first, *_, last = np.round(FINE * np.log10(candidates)).astype(np.int64)
    return decays_at(np.arange(first, last + 1, DRAWN))


class _Curves:
    """Mean losses (1 + t, L), or (1, L) for one target, at the lattice and at both limits; inf where not finite."""

    def __init__(self, held_out: HeldOut, lattice: Exponents, floor: int) -> None:
        self.held_out, self.lattice, self.floor = held_out, lattice, floor
        means = np.stack([one.mean for one in curves_of(held_out)])
        means = np.where(np.isfinite(means), means, np.inf)
        self.limits = means[:, [0, -1]]
        self.inner = means[:, np.searchsorted(held_out.decays, decays_at(lattice))]
        self.whole = np.concatenate([self.limits[:, :1], self.inner, self.limits[:, 1:]], axis=1)
        self.best = self.whole.argmin(axis=1)

    def extension(self) -> Exponents:
        """Two more decades at each end towards which some curve falls or may; empty when minima are bracketed."""
        change = SAME * np.abs(self.inner.min(axis=1))
        with np.errstate(invalid="ignore"):
            falls = [self.inner[:, 0] < self.inner[:, 1] - change, self.inner[:, -1] < self.inner[:, -2] - change]
        return self._beyond(np.stack([self.best <= 1, self.best >= self.inner.shape[1]]) | np.stack(falls))

    def _beyond(self, wanted: NDArray[np.bool_]) -> Exponents:
        """Lattice points beyond the ends for which some curve (2, 1 + t) wants them, and which are not settled."""
        low, high = (bool((asked & self._unsettled(end)).any()) for asked, end in zip(wanted, (0, -1), strict=True))
        steps = STEP * np.arange(1, EXTENSION * COARSE + 1)
        new = [self.lattice[0] - steps[::-1]] if low and self.lattice[0] > -FARTHEST * FINE else []
        new += [self.lattice[-1] + steps] if high and self.lattice[-1] < FARTHEST * FINE else []
        return np.concatenate([*new, np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def _unsettled(self, end: int) -> NDArray[np.bool_]:
        """Whether an edge is not yet at its limit; where there is no limit, whether the curve is not yet level."""
        edge, inner, limit = self.inner[:, end], self.inner[:, 1 if end == 0 else -2], self.limits[:, end]
        with np.errstate(invalid="ignore"):
            distance = np.abs(edge - np.where(np.isfinite(limit), limit, inner))
            unsettled = np.asarray(distance > SAME * np.abs(self.inner.min(axis=1)))
        iterated = bool((self.held_out.status == "newton").any())
        exact = np.abs(self.limits[:, 0]) <= (ITERATED if iterated else NOTHING) * np.abs(self.limits[:, 1])
        # Of classes that can be separated the loss falls to nothing, and there is no model without decay.
        nothing = np.abs(edge) <= PERFECT * np.abs(self.limits[:, 1])
        exact |= np.isinf(self.limits[:, 0]) & (nothing | (self.lattice[0] <= self.floor))
        return unsettled & ~exact if end == 0 else unsettled

    def refinement(self) -> Exponents:
        """Lattice points up to half a decade to either side of every valley; none for a curve whose best is a limit."""
        inside = self.inner.min(axis=1) < self.limits.min(axis=1)
        rises = PROMINENCE * np.abs(self.limits[inside, 1] - self.inner[inside].min(axis=1))
        found = [i for curve, rise in zip(self.inner[inside], rises, strict=True) for i in valleys(curve, rise)]
        reach = np.arange(-STEP, STEP + 1)
        points = np.concatenate([np.zeros(0, dtype=np.int64), *(self.lattice[i] + reach for i in found)])
        return np.unique(points[(points >= self.lattice[0]) & (points <= self.lattice[-1])])

    def crossings(self, tolerance: float, *, scored: bool) -> Exponents:
        """Lattice points about the crossings that are not yet between two near ones, or beyond an end that has some."""
        found = [np.zeros(0, dtype=np.int64)]
        open_ends = np.zeros((2, len(self.limits)), dtype=bool)
        for number, one in enumerate(curves_of(self.held_out)):
            least = float(self.whole[number, self.best[number]])
            unit = share_unit(least, float(self.limits[number, 1]) if scored else None)
            for crossing in crossings(one, unit, tolerance):
                low, high = sorted((crossing.inner, crossing.outer))
                open_ends[:, number] |= [low == 0, math.isinf(high)]
                found.extend(_about(crossing, low, high))
        return np.union1d(np.concatenate(found), self._beyond(open_ends))

    def needed(self) -> tuple[bool, bool]:
        """Whether no decay and infinite decay belong into the grid."""
        least = self.whole.min(axis=1)
        tied = self.limits <= (least + TIE * np.abs(least))[:, None]
        tolerated = [_simplest(one) for one in curves_of(self.held_out)]
        below = (self.best <= 1) | tied[:, 0]
        above = (self.best >= self.inner.shape[1]) | tied[:, 1] | np.isinf(tolerated)
        return bool(below.any()), bool(above.any())


def _about(crossing: Crossing, low: float, high: float) -> Iterator[Exponents]:
    """Three lattice points about a crossing of two decays that are too far apart to interpolate between."""
    if not (0 < low and math.isfinite(high)):
        return
    ends = FINE * math.log10(low), FINE * math.log10(high)
    if ends[1] - ends[0] > NEAR + 0.5:
        about = NEAR * round(FINE * math.log10(crossing.decay) / NEAR) + NEAR * np.arange(-1, 2)
        yield about[(about > ends[0] + 0.5) & (about < ends[1] - 0.5)].astype(np.int64)


def _simplest(held_out: HeldOut) -> float:
    """The largest decay within one standard error of the best, nan where there is no error."""
    return one_standard_error(held_out.decays, held_out.mean, held_out.standard_error)
