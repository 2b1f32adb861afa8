"""Existence: whether there is a best model without decay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.factors import FORMED, Anchor
from weightdecay.linear.newton.passes import predictors

if TYPE_CHECKING:
    from weightdecay.linear.newton.paths import Paths

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Change of a linear predictor by a Newton step at vanishing gradient by which a minimum is told to be nowhere.
RUNNING = 0.1
# Share of its curvature that is left of a direction in which models run away.
FLAT = 1e-9
# Predictors up to which no row's curvature has gone.
MODEST = 12.0
# Rows whose predictors are looked at together.
SOME = 4096


def _training(paths: Paths, member: int) -> Iterator[Index]:
    """A member's training rows that have weight, some thousand at a time."""
    inside = np.append(paths.members.train[member], False)[paths.cells.label] & (paths.data.s > 0)
    rows = np.flatnonzero(inside)
    yield from (rows[k : k + SOME] for k in range(0, len(rows), SOME))


def separates(paths: Paths, v: Array, member: int) -> bool:
    """Whether a model (c, q) tells all training rows of a member apart: larger ones are then ever better."""
    data, one = paths.data, np.array([member])
    return all(
        data.loss.separated(data.target[rows], predictors(data, paths.members, v[None], one, rows)[:, 0])
        for rows in _training(paths, member)
    )


def runs_away(paths: Paths, v: Array, member: int) -> bool:
    """Whether a Newton step still moves predictors though the gradient has gone: there is no minimum."""
    one, data = np.array([member]), paths.data
    reached = (np.abs(predictors(data, paths.members, v[None], one, rows)).max() for rows in _training(paths, member))
    if max(map(float, reached), default=0.0) < MODEST:
        return False
    if separates(paths, v, member):
        return True
    train = paths.gradient(v, member)[None]
    gradient = paths.members.decayed_gradient(train, v[None], np.zeros(1), one)
    anchor = paths.own_anchor(v, member, 0.0)
    step = anchor.factor(member, 0.0, anchor.hessian(member)).solve(gradient.ravel()).reshape(1, *paths.shape)
    free = paths.data.without_offset()
    moved = (np.abs(predictors(free, paths.members, step, one, rows)).max() for rows in _training(paths, member))
    return not max(map(float, moved), default=0.0) < RUNNING or _flattened(paths, v, member)


def _flattened(paths: Paths, v: Array, member: int) -> bool:
    """Whether the loss has lost next to all curvature in a direction that it had some in at no coefficients."""
    if v.size > FORMED:
        return False
    H, at_zero = (_hessian(paths.own_anchor(one, member, 0.0), member) for one in (v, paths.known[math.inf].V[member]))
    d, before = np.linalg.eigvalsh(H), np.linalg.eigvalsh(at_zero)
    rank = int(np.count_nonzero(before > 8 * len(before) * np.finfo(np.float64).eps * before[-1]))
    return bool(rank and d[-rank] < FLAT * before[-rank])


def _hessian(anchor: Anchor, member: int) -> Array:
    """A member's Hessian at no decay, pinned columns cut out."""
    hessian = anchor.hessian(member)
    assert isinstance(hessian, np.ndarray)
    return anchor.members.decayed_hessian(hessian, 0.0, member, len(anchor.v))
