"""Working sets: L1 paths of more columns than Hessians are formed for, most of whose coefficients are zero.

At each decay the columns are taken along that have a coefficient at the last one, or whose gradient is close enough to
its threshold to pass it by the next (the strong rule: |g_j| ≥ 2 t_j(λ) − t_j(λ before)). What was left out wrongly
shows in the gradients of all columns at the solution, and is taken along then. Where that is more than there is room
for, columns whose coefficients are zero make room.

Tibshirani et al. (2012), "Strong rules for discarding predictors in lasso-type problems", JRSS B 74(2).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.newton.members import Members, ZMap
from weightdecay.linear.newton.solved import Solved

if TYPE_CHECKING:
    from weightdecay.linear.newton.paths import Paths

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Rounds in which columns that were left out wrongly are taken along.
ROUNDS = 20
# Columns at least that are tried at a time where not all that are wanted have room.
FEWEST = 64
# Ratio of decays up to which one's models are a start for the next.
APART = 1.4


def sparse_models(paths: Paths, decay: float, start: Array, before: float) -> Solved:
    """The members' models at a decay, from their models (F, c, q) at the one before.

    Where more columns are needed than Hessians are formed for, the models are those of the start, not converged.
    """
    F, (c, q) = paths.members.count, paths.shape
    every = np.arange(F)
    thresholds = np.stack([paths.members.kinks(decay, int(m), c).reshape(c, q) for m in every])
    last = thresholds * (min(before, 1.5 * decay) / decay)
    gradient = np.abs(paths.gradients(start, every).train)
    needed = ((thresholds == 0) & ~paths.members.pinned[:, None, :]).any(axis=(0, 1))
    needed[_mapped(paths.members)] = True
    pulling = ((gradient >= 2 * thresholds - last) & (thresholds > 0)).any(axis=(0, 1))
    excess = (gradient - thresholds).max(axis=(0, 1))
    V, found = start, Solved.nothing(F, paths.shape)
    inside = needed | (start != 0).any(axis=(0, 1)) | pulling
    for _ in range(ROUNDS):
        columns = _fitting(needed | (V != 0).any(axis=(0, 1)), inside, excess, FORMED // c)
        if c * len(columns) > FORMED:
            break
        narrow = _narrowed(paths, columns)
        narrow.begin(decay, V[0][:, columns])
        part = narrow.together(V[:, :, columns], every, np.full(F, decay))
        V = np.zeros((F, c, q))
        V[:, :, columns] = part.V
        over = np.abs(paths.gradients(V, every).train) - thresholds
        excess = over.max(axis=(0, 1))
        over = np.where(thresholds > 0, over * paths.members.reach[:, None, :], 0.0)
        inside = np.zeros(q, dtype=bool)
        inside[columns] = True
        missed = (over > paths.goal[:, None, None]).any(axis=(0, 1)) & ~inside
        if not missed.any():
            return Solved(V, part.test_loss, part.ratio, part.size, part.converged)
        inside |= missed
    found.V, found.ratio = start.copy(), np.ones(F)
    found.test_loss[:] = math.nan
    return found


def _fitting(needed: NDArray[np.bool_], wanted: NDArray[np.bool_], excess: Array, most: int) -> Index:
    """The columns that are needed, and as many of those wanted as there is room for, the steepest first."""
    others = np.flatnonzero(wanted & ~needed)
    room = max(0, most - int(needed.sum()))
    if len(others) > room:
        room = min(room, max(FEWEST, int(needed.sum())))
    kept = others[np.argsort(-excess[others], kind="stable")[:room]]
    return np.union1d(np.flatnonzero(needed), kept).astype(np.intp)


def descending(paths: Paths, decays: Array) -> list[float]:
    """Decays from the least that leaves no coefficient down, some in between where they are far apart, and the rest."""
    gradient = np.abs(paths.gradients(paths.known[math.inf].V, np.arange(paths.members.count)).train)
    unit = np.stack([paths.members.kinks(1.0, m, 1) for m in range(paths.members.count)])[:, None, :]
    held = np.broadcast_to(unit > 0, gradient.shape)
    most = float((gradient[held] / np.broadcast_to(unit, gradient.shape)[held]).max(initial=0.0))
    known = [one for one in paths.first if one > 0]
    above = max(min([most, *known]), float(decays.max(initial=0.0))) if len(decays) else 1.0
    found: list[float] = []
    for decay in np.sort(decays)[::-1].tolist():
        gap = math.log(above / decay) / math.log(APART) if decay > 0 else 0.0
        found += [above * (decay / above) ** (k / math.ceil(gap)) for k in range(1, math.ceil(gap))] if gap > 1 else []
        found.append(decay)
        above = decay
    return [one for one in found if one not in paths.known]


def _mapped(members: Members) -> Index:
    """Columns that a member's encoding changes, and the flags by which it does."""
    parts = [np.concatenate([one.columns, one.flags]) for one in members.maps if one is not None]
    return np.unique(np.concatenate([*parts, np.zeros(0, dtype=np.intp)])).astype(np.intp)


def _narrowed(paths: Paths, columns: Index) -> Paths:
    """The same problems on some of the coefficients' columns."""
    data, members = paths.data, paths.members
    own = columns[columns < data.p]
    place = np.zeros(paths.shape[1], dtype=np.intp)
    place[columns] = np.arange(len(columns))
    maps = [None if one is None else ZMap(place[one.columns], place[one.flags], one.factor) for one in members.maps]
    kept = {name: getattr(members, name)[:, columns] for name in ("Q", "pinned", "reach")}
    part = replace(data, Z=data.Z[:, own], middle=data.middle[own], unit=data.unit[own])
    twin = replace(
        paths, data=part, members=replace(members, maps=maps, **kept), first={}, known={}, anchors=[], hints={}
    )
    vars(twin)["goal"] = paths.goal
    return twin
