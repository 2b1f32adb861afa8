"""The grid: decays on a lattice regular in log λ, extended until every minimum is bracketed, refined around each.

Lattice points are counted in sixteenths of a decade, so that the same point always comes out as the same float.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.curve_findings import PROMINENCE, valleys
from weightdecay.tuning.protocol import Scorer, Split
from weightdecay.tuning.selection import TIE

Array = NDArray[np.float64]
Exponents = NDArray[np.int64]

FINE = 16  # lattice points per decade around a minimum
COARSE = 2  # lattice points per decade of `Problem.candidates`
STEP = FINE // COARSE
EXTENSION = 2  # decades added at an edge
MAX_EXTENSIONS = 12
FARTHEST = 290  # powers of ten beyond which floats end
NOTHING = 1e-24  # share of infinite decay's loss below which the loss of no decay is rounding: the fit is exact
SAME = 1e-6  # relative difference at which an edge has reached its limit, no decay or infinite decay


def searched(split: Split, candidates: Array, scorer: Scorer | None) -> Array:
    """A grid that brackets the minimum of every curve: the mean's, and each target's when there are several.

    No decay and infinite decay are part of it where they are the best or stand beside the best; then they bracket.
    """
    lattice = np.round(FINE * np.log10(candidates)).astype(np.int64)
    first = curves_of(split.held_out(np.concatenate([[0.0], _decays(lattice), [np.inf]]), scorer))
    limits, curves = first[:, [0, -1]], first[:, 1:-1]
    for _ in range(MAX_EXTENSIONS):
        new = _extension(lattice, curves, limits)
        if new.size == 0:
            break
        order = np.argsort(np.concatenate([lattice, new]))
        curves = np.concatenate([curves, curves_of(split.held_out(_decays(new), scorer))], axis=1)[:, order]
        lattice = np.concatenate([lattice, new])[order]
    below, above = _needed(curves, limits)
    inner = _decays(np.union1d(lattice, _refinement(lattice, curves, limits)))
    return np.concatenate([[0.0] if below else [], inner, [np.inf] if above else []])


def curves_of(held_out: HeldOut) -> Array:
    """Mean losses to be bracketed, shape (1 + t, L), or (1, L) for a single target; inf where they are not finite."""
    means = np.stack([one.mean for one in (held_out, *held_out.targets)])
    return np.where(np.isfinite(means), means, np.inf)


def _decays(lattice: Exponents) -> Array:
    """λ at lattice points."""
    return np.asarray(10.0 ** (lattice / FINE), dtype=np.float64)


def _with_limits(curves: Array, limits: Array) -> Array:
    """Curves from no decay to infinite decay."""
    return np.concatenate([limits[:, :1], curves, limits[:, 1:]], axis=1)


def _extension(lattice: Exponents, curves: Array, limits: Array) -> Exponents:
    """Two more decades at each end towards which some curve may still fall; empty when all minima are bracketed."""
    steps = STEP * np.arange(1, EXTENSION * COARSE + 1)
    best = _with_limits(curves, limits).argmin(axis=1)
    low = (best <= 1) & _unsettled(curves[:, 0], curves[:, 1], limits[:, 0], curves)
    low &= ~(np.abs(limits[:, 0]) <= NOTHING * np.abs(limits[:, 1]))
    high = (best >= curves.shape[1]) & _unsettled(curves[:, -1], curves[:, -2], limits[:, 1], curves)
    new = [lattice[0] - steps[::-1]] if low.any() and lattice[0] > -FARTHEST * FINE else []
    new += [lattice[-1] + steps] if high.any() and lattice[-1] < FARTHEST * FINE else []
    return np.concatenate([*new, np.zeros(0, dtype=np.int64)]).astype(np.int64)


def _unsettled(edge: Array, inner: Array, limit: Array, curves: Array) -> NDArray[np.bool_]:
    """Whether an edge is not yet at its limit; where there is no limit, whether the curve is not yet level."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(edge - np.where(np.isfinite(limit), limit, inner))
        return np.asarray(distance > SAME * np.abs(curves.min(axis=1)))


def _needed(curves: Array, limits: Array) -> tuple[bool, bool]:
    """Whether no decay and infinite decay belong into the grid: as the best, its equal, or its neighbour."""
    whole = _with_limits(curves, limits)
    best, least = whole.argmin(axis=1), whole.min(axis=1)
    tied = limits <= (least + TIE * np.abs(least))[:, None]
    return bool(((best <= 1) | tied[:, 0]).any()), bool(((best >= curves.shape[1]) | tied[:, 1]).any())


def _refinement(lattice: Exponents, curves: Array, limits: Array) -> Exponents:
    """Lattice points up to half a decade to either side of every valley; none for a curve whose best is a limit."""
    inside = curves.min(axis=1) < limits.min(axis=1)
    rises = PROMINENCE * np.abs(limits[inside, 1] - curves[inside].min(axis=1))
    centres = [lattice[i] for curve, rise in zip(curves[inside], rises, strict=True) for i in valleys(curve, rise)]
    reach = np.arange(-STEP, STEP + 1)
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(centre + reach for centre in centres)]))
