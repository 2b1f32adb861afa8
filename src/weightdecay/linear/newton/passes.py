"""Passes over the rows: gradients of many models at once, and the Hessian of one in every cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.rows import Cells, Standardised, block_rows, taken
from weightdecay.linear.rows import WHOLE, Share
from weightdecay.linear.workers import shared_out

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Columns of a dense block that are weighted for a Hessian at once.
HESSIAN_NUMBERS = 2**19
# Curvatures beside the largest of a block that are nothing in single precision.
NOTHING = 1e-14


@final
@dataclass(frozen=True, eq=False)
class Gradients:
    """Of M models: gradients (M, c, q) of the mean training loss, sums over the test rows of loss and its gradient.

    Of sparse columns the latter is left out, and (M, 0).

    ``test_loss`` is of shape (M,), ``test_gradient`` (M, c, q); both are zeros for members without test rows.
    """

    train: Array
    test: Array
    test_loss: Array


@dataclass(eq=False)
class _Sums:
    train: Array
    test: Array
    loss: Array


def gradients(data: Standardised, cells: Cells, members: Members, V: Array, member: Index) -> Gradients:
    """Gradients of models V (M, c, q) of members (M,), in one pass over the rows.

    Every row is multiplied once with every model that trains or is tested on it; what comes back is added to one side
    or the other.
    """
    M, c, q = V.shape
    p = data.p
    wide = members.wide(V, member)
    if data.sparse:
        return _of_sparse(data, cells, members, wide, member)
    places = []
    for cell in range(cells.count):
        training, testing = members.train[member, cell], members.test[member, cell]
        active = np.flatnonzero(training | testing)
        W = np.ascontiguousarray(wide[active, :, :p].reshape(len(active) * c, p).T)
        places.append((active, np.flatnonzero(testing[active]), W, wide[active, :, p] if q > p else None))

    def of_share(share: Share) -> _Sums:
        sums = _Sums(np.zeros((M, c, q)), np.zeros((M, c, q)), np.zeros(M))
        for cell in range(cells.count):
            if len(places[cell][0]):
                _of_cell(data, cells, (cell, share), places[cell], sums)
        return sums

    first, *others = shared_out(of_share, data.n, 16 * V.size)
    for other in others:
        first.train += other.train
        first.test += other.test
        first.loss += other.loss
    train = members.back(first.train, member) / members.weight[member][:, None, None]
    return Gradients(train, members.back(first.test, member), first.loss)


def _of_sparse(data: Standardised, cells: Cells, members: Members, wide: Array, member: Index) -> Gradients:
    """The same of sparse columns, whose products are the cheaper the fewer they are: one for all cells."""
    M, c, q = wide.shape
    p = data.p
    W = np.ascontiguousarray(wide[:, :, :p].reshape(M * c, p).T)
    outside = np.zeros((M, 1), dtype=bool)
    training = np.concatenate([members.train[member], outside], axis=1).T[cells.label].astype(np.float64)
    testing = np.concatenate([members.test[member], outside], axis=1).T

    def of_share(share: Share) -> _Sums:
        rows, part = data.share(share)
        s, target = data.s[rows], data.target[rows]
        eta = np.asarray(part @ W).reshape(len(s), M, c)
        if q > p:
            eta += wide[:, :, p]
        if data.offset is not None:
            eta += data.offset[rows][:, None, :]
        loss = np.zeros(M)
        for cell in range(cells.count):
            asked = np.flatnonzero(testing[cell])
            if len(asked):
                own = np.flatnonzero(cells.label[rows] == cell)
                loss[asked] += s[own] @ data.loss.value(target[own], eta[own][:, asked])
        slope = data.loss.slope(target, eta) * (s[:, None] * training[rows])[:, :, None]
        flat = slope.reshape(len(s), M * c)
        found = np.asarray(part.T @ flat)
        both = np.concatenate([found, flat.sum(axis=0)[None]]) if q > p else found
        return _Sums(np.ascontiguousarray(both.T).reshape(M, c, q), np.zeros(0), loss)

    first, *others = shared_out(of_share, data.n, 16 * wide.size)
    for other in others:
        first.train += other.train
        first.loss += other.loss
    train = members.back(first.train, member) / members.weight[member][:, None, None]
    return Gradients(train, np.zeros((M, 0)), first.loss)


def _of_cell(
    data: Standardised,
    cells: Cells,
    where: tuple[int, Share],
    place: tuple[Index, Index, Array, Array | None],
    sums: _Sums,
) -> None:
    """Add the rows of one cell that are a worker's share."""
    cell, share = where
    active, testing, W, intercept = place
    m, c = len(active), sums.train.shape[1]
    p = data.p
    found, total = np.zeros((m * c, p)), np.zeros(m * c)
    for rows in cells.blocks(cell, block_rows(data, m * c), share):
        part, s, target = taken(data, rows), data.s[rows], data.target[rows]
        eta = np.asarray(part @ W).reshape(len(s), m, c)
        if intercept is not None:
            eta += intercept
        if data.offset is not None:
            eta += data.offset[rows][:, None, :]
        if len(testing):
            sums.loss[active[testing]] += s @ data.loss.value(target, eta[:, testing])
        slope = data.loss.slope(target, eta).reshape(len(s), m * c)
        slope *= s[:, None]
        found += slope.T @ part  # which is faster than the other way around
        total += slope.sum(axis=0)
    G = (found if intercept is None else np.column_stack([found, total])).reshape(m, c, -1)
    training = np.ones(m, dtype=bool)
    training[testing] = False
    sums.train[active[training]] += G[training]
    sums.test[active[testing]] += G[testing]


def bent(data: Standardised, cells: Cells, members: Members, places: tuple[Array, Array], member: Index) -> Array:
    """Hessians of the mean training loss at models V (M, c, q), times directions of the same shape, in one pass.

    Parameters
    ----------
    places : (ndarray, ndarray)
        V, and the directions.
    member : ndarray of shape (M,)
    """
    M, c, q = places[0].shape
    p = data.p
    wide = np.stack([members.wide(one, member) for one in places])

    def of_share(share: Share) -> Array:
        total = np.zeros((M, c, q))
        for cell in range(cells.count):
            active = np.flatnonzero(members.train[member, cell])
            m = len(active)
            if not m:
                continue
            W = np.ascontiguousarray(wide[..., :p][:, active].reshape(2 * m * c, p).T)
            found, sums = np.zeros((p, m * c)), np.zeros(m * c)
            for rows in cells.blocks(cell, block_rows(data, 2 * m * c * c), share):
                part, s = taken(data, rows), data.s[rows]
                both = np.asarray(part @ W).reshape(len(s), 2, m, c)
                if q > p:
                    both += wide[..., p][:, active]
                eta = both[:, 0] if data.offset is None else both[:, 0] + data.offset[rows][:, None, :]
                bend = data.loss.curvature(np.repeat(data.target[rows], m), eta.reshape(-1, c))
                pull = np.einsum("iab,ib->ia", bend, both[:, 1].reshape(-1, c)).reshape(len(s), m * c)
                pull *= s[:, None]
                found += part.T @ pull
                sums += pull.sum(axis=0)
            total[active] += np.concatenate([found, sums[None]])[:q].T.reshape(m, c, q)
        return total

    total = sum(shared_out(of_share, data.n, 16 * wide.size))
    return members.back(np.asarray(total), member) / members.weight[member][:, None, None]


def cell_hessians(
    data: Standardised, cells: Cells, v: Array, wanted: Iterable[int] | None = None, *, rough: bool = False
) -> Array:
    """Σ s ∂²loss (C, D, D) of every cell at one model v (c, q) of z, with D = c·q and outputs apart from each other.

    Parameters
    ----------
    wanted : iterable of int, optional
        Cells that are asked for: the others stay 0.
    rough : bool
        In single precision, for those that only guide steps.
    """
    c, q = v.shape
    p = data.p
    kind = np.float32 if rough else np.float64
    upper = np.triu_indices(c)

    def of_share(share: Share) -> Array:
        found = np.zeros((cells.count, len(upper[0]), q, q), dtype=kind)
        asked = range(cells.count) if wanted is None else wanted
        size = max(64, HESSIAN_NUMBERS // max(p * len(upper[0]), 1)) if not data.sparse else data.n
        for cell in asked:
            for rows in cells.blocks(cell, size, share):
                part, s = taken(data, rows), data.s[rows]
                eta = np.asarray(part @ v[:, :p].T)
                if q > p:
                    eta += v[:, p]
                if data.offset is not None:
                    eta += data.offset[rows]
                with np.errstate(over="ignore", invalid="ignore"):
                    bend = (data.loss.curvature(data.target[rows], eta) * s[:, None, None])[:, upper[0], upper[1]]
                    bend = np.where(np.isfinite(bend), bend, 0.0)
                if rough:
                    # Numbers that end in single precision are slow, and nothing beside the others.
                    bend[np.abs(bend) < NOTHING * np.abs(bend).max(initial=0.0)] = 0.0
                _add(found[cell], part.astype(kind, copy=False), bend.astype(kind, copy=False))
        return found

    first, *others = shared_out(of_share, data.n, 8 * cells.count * len(upper[0]) * q**2)
    for other in others:
        first += other
    if c == 1:
        return np.asarray(first[:, 0])
    whole = np.empty((cells.count, c, q, c, q), dtype=kind)
    for place, (a, b) in enumerate(zip(*upper, strict=True)):
        whole[:, a, :, b] = whole[:, b, :, a] = first[:, place]
    return whole.reshape(cells.count, c * q, c * q)


def _add(found: Array, part: Any, bend: Array) -> None:
    """Add Σ bend ẑ ẑᵀ of a block to sums (k, q, q), for curvatures (m, k) of pairs of outputs."""
    (m, p), q = part.shape, found.shape[1]
    dense = part.toarray() if sparse.issparse(part) and part.nnz > 0.1 * m * p else part
    if isinstance(dense, np.ndarray):
        if q > p:
            dense = np.concatenate([dense, np.ones((m, 1), dtype=dense.dtype)], axis=1)
        if len(found) == 1:
            scaled = dense * np.sqrt(np.maximum(bend, 0.0))
            found[0] += scaled.T @ scaled
        else:
            scaled = (bend[:, :, None] * dense[:, None, :]).reshape(m, -1)
            found += (scaled.T @ dense).reshape(found.shape)
        return
    for sums, weight in zip(found, bend.T, strict=True):
        sums[:p, :p] += (part.T @ part.multiply(weight[:, None])).toarray()
        if q > p:
            edge = np.asarray(part.T @ weight).ravel()
            sums[:p, p] += edge
            sums[p, :p] += edge
            sums[p, p] += weight.sum()


def predictors(data: Standardised, members: Members, V: Array, member: Index, rows: Index) -> Array:
    """Linear predictors (m, M, c) of models V (M, c, q) on some rows."""
    M, c, q = V.shape
    p = data.p
    wide = members.wide(V, member)
    eta = np.asarray(taken(data, rows) @ wide[:, :, :p].reshape(M * c, p).T).reshape(len(rows), M, c)
    if q > p:
        eta += wide[:, :, p]
    if data.offset is not None:
        eta += data.offset[rows][:, None, :]
    return eta


def test_losses(data: Standardised, cells: Cells, members: Members, V: Array, member: Index) -> Array:
    """Sums (M,) of the loss over the test rows of models V (M, c, q) of members (M,)."""
    found = np.zeros(len(member))
    for one in np.unique(member):
        own = np.flatnonzero(member == one)
        for cell in np.flatnonzero(members.test[one]):
            for rows in cells.blocks(int(cell), block_rows(data, V[own, :, 0].size), WHOLE):
                where = np.arange(data.n)[rows] if isinstance(rows, slice) else rows
                eta = predictors(data, members, V[own], member[own], where)
                found[own] += data.s[rows] @ data.loss.value(data.target[rows], eta)
    return found


def cell_diagonals(data: Standardised, cells: Cells, v: Array) -> Array:
    """The diagonals (C, D) of `cell_hessians`."""
    c, q = v.shape
    p = data.p
    found = np.zeros((cells.count, c, q))
    for cell in range(cells.count):
        for rows in cells.blocks(cell, block_rows(data, c), WHOLE):
            part, s = taken(data, rows), data.s[rows]
            eta = np.asarray(part @ v[:, :p].T) + (v[:, p] if q > p else 0.0)
            if data.offset is not None:
                eta = eta + data.offset[rows]
            bend = data.loss.curvature(data.target[rows], eta) * s[:, None, None]
            own = np.ascontiguousarray(np.einsum("icc->ic", bend))
            square = part.multiply(part) if data.sparse else part * part
            found[cell, :, :p] += np.asarray(square.T @ own).T
            if q > p:
                found[cell, :, p] += own.sum(axis=0)
    return found.reshape(cells.count, c * q)
