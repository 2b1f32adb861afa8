"""Nested search: which decays nested folds are asked about, where every decay of every fold costs.

Of a squared error the models at all decays come from one factorisation, and nested folds are asked about the whole
grid. Any other loss is minimised anew at every decay, and with most work at the small ones, which folds seldom choose.
There folds are first asked about the plausible range of the tuning, then about whatever is near to a decay that one of
them chooses, until all of that is known. Every choice then is the best of its neighbourhood and of all that was
plausible: that of the whole grid, unless a fold has a deeper valley which is apart from both.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning
from weightdecay.tuning.protocol import Facts

Array = NDArray[np.float64]

SQUARED = "mean squared error"
# Decades about every choice in which all decays of the grid are known in the end. Where a grid is coarse its decays are
# half a decade apart, so that on either side of a choice there is at least one.
REACH = 0.75
# Decades from the last finite decay of a grid to 0 or inf, which are its neighbours.
BESIDE = 0.5
ROUNDING = 1e-9


def one_by_one(facts: Facts) -> bool:
    """Whether the models of a training set are minimised decay by decay."""
    return not facts.loss_name.startswith(SQUARED)


def places(grid: Array, decays: Array) -> Array:
    """log10 λ of decays (m,), with 0 and inf half a decade beyond what else the ascending grid has."""
    finite = np.log10(grid[(grid > 0) & np.isfinite(grid)])
    low, high = (finite[0] - BESIDE, finite[-1] + BESIDE) if len(finite) else (-BESIDE, BESIDE)
    inside = (decays > 0) & np.isfinite(decays)
    found = np.where(decays > 0, high, low)
    found[inside] = np.log10(decays[inside])
    return np.asarray(found, dtype=np.float64)


def first_asked(grid: Array, tuning: Tuning) -> Array:
    """Those of an ascending grid (L,) that the tuning leaves plausible, what is near to them, and infinite decay."""
    at = places(grid, grid)
    ends = np.array([tuning.decay, tuning.decay_min, *tuning.plausible])
    ends = np.clip(places(grid, ends[~np.isnan(ends)]), at[0], at[-1])
    near = (ends.min() - REACH <= at + ROUNDING) & (at - ROUNDING <= ends.max() + REACH)
    # At infinite decay only what is exempt is fitted, which costs next to nothing.
    return np.asarray(grid[near | np.isinf(grid)])


def next_asked(grid: Array, asked: Array, chosen: Iterable[Array]) -> Array:
    """The decays asked about, and what else an ascending grid has that is near to those chosen."""
    at = places(grid, grid)
    to = places(grid, np.unique(np.concatenate([np.ravel(one) for one in chosen])))
    near = (np.abs(at[:, None] - to) <= REACH + ROUNDING).any(axis=1)
    return np.union1d(asked, grid[near])
