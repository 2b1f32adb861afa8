"""Members: the training sets of one set of cells, each with its own scales, and the one place where λ enters.

A model of a member has coefficients v (c, q) of the columns z, the intercept last where there is one. λ acts through

    R(v) = ½ Σ_j Q_j v_j²,    Q_j = p_j (deviation of the member's column/unit of z)²,

so λ Q v is what decay adds to the gradient, and λ Q to the diagonal of the Hessian (`decayed_gradient`,
`decayed_hessian`). Of an L1 share ρ these are (1 − ρ) times as much, and Σ_j λ ρ √(p_j Q_j) |v_j| comes on top. A
member whose encoding differs from that of all rows has columns of its own, which are a linear map of z (`fold_maps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design
from weightdecay.linear.fold_maps import FoldMap
from weightdecay.linear.newton.rows import Cells, Standardised, taken
from weightdecay.linear.rows import WHOLE

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Share of a column's square that its variance must be to be one for certain.
VARYING = 1e-10
# Share of a column's mean that its deviation must be to be one for certain.
ROUNDED = 1e-10


@final
@dataclass(frozen=True, eq=False)
class ZMap:
    """A member's map of the columns z: column ``columns`` takes ``factor`` times column ``flags`` on top."""

    columns: Index
    flags: Index
    factor: Array

    def wide(self, V: Array) -> Array:
        """Coefficients (…, q) of the member's columns as those of z."""
        found = V.copy()
        np.add.at(np.moveaxis(found, -1, 0), self.flags, np.moveaxis(self.factor * V[..., self.columns], -1, 0))
        return found

    def back(self, G: Array) -> Array:
        """Gradients (…, q) by coefficients of z as those of the member's: the transpose."""
        found = G.copy()
        found[..., self.columns] += self.factor * G[..., self.flags]
        return found


@final
@dataclass(frozen=True, eq=False)
class Members:
    """F training sets over C cells.

    Parameters
    ----------
    train, test : ndarray of shape (F, C) of bool
    weight, test_weight : ndarray of shape (F,)
        Σs of the training and of the test rows.
    total : float
        Σs of all rows: λ belongs to it, and a member is fitted at λ total/weight.
    Q : ndarray of shape (F, q)
    pinned : ndarray of shape (F, q) of bool
        Columns that are left out.
    reach : ndarray of shape (F, q)
        Unit of z over that of the coordinates where λ acts: gradients by these are ``reach`` times those by v.
    maps : sequence of ZMap or None
    l1_ratio : float
        ρ.
    """

    train: Mask
    test: Mask
    weight: Array
    test_weight: Array
    total: float
    Q: Array
    pinned: Mask
    reach: Array
    maps: Sequence[ZMap | None]
    l1_ratio: float = 0.0

    def kinks(self, decay: float, member: int, outputs: int) -> Array:
        """Thresholds (D,) of the L1 terms of a member; zeros where there are none."""
        if self.l1_ratio == 0.0 or not 0.0 < decay < np.inf:
            return np.zeros(outputs * self.Q.shape[1])
        strength = float(self.strength(np.array(decay), np.array([member]))[0])
        # √(p Q) = Q unit/deviation, where p = Q (unit/deviation)² is the decay weight.
        return np.tile(strength * self.l1_ratio * self.Q[member] * self.reach[member], outputs)

    @property
    def count(self) -> int:
        """F."""
        return len(self.weight)

    def strength(self, decays: Array, member: Index) -> Array:
        """λ of members fitted at the Λ of λ."""
        return np.asarray(decays * (self.total / self.weight[member]))

    def decayed_gradient(self, G: Array, V: Array, decays: Array, member: Index) -> Array:
        """Gradients (M, c, q) of the mean loss with those of λR, where finite, and without the pinned columns."""
        strength = self.strength(decays, member)[:, None, None]
        Q = self.Q[member][:, None, :]
        with np.errstate(invalid="ignore"):
            pull = np.where(Q > 0, (1.0 - self.l1_ratio) * strength * Q * V, 0.0)
        return np.where(self.held(decays, member)[:, None, :], 0.0, G + pull)

    def decayed_hessian(self, H: Array, decay: float, member: int, outputs: int) -> Array:
        """The Hessian (D, D) of the mean loss with that of λR, pinned columns cut out with a 1 in their place."""
        one = np.array([member])
        Q = (1.0 - self.l1_ratio) * np.tile(self.Q[member], outputs)
        held = np.tile(self.held(np.array([decay]), one)[0], outputs)
        H = H.copy()
        place = np.arange(len(H))
        with np.errstate(invalid="ignore"):
            H[place, place] += np.where(held, 0.0, np.where(Q > 0, self.strength(np.array(decay), one)[0] * Q, 0.0))
        H[held] = 0.0
        H[:, held] = 0.0
        H[held, held] = 1.0
        return H

    def held(self, decays: Array, member: Index) -> Mask:
        """Coefficients (M, q) that stay 0: of pinned columns, and at infinite decay of all decayed ones."""
        return np.asarray(self.pinned[member] | (np.isinf(decays)[:, None] & (self.Q[member] > 0)))

    def wide(self, V: Array, member: Index) -> Array:
        """Models (M, c, q) of members as models of z."""
        if all(one is None for one in self.maps):
            return V
        found = V.copy()
        for one in np.unique(member):
            mapped = self.maps[one]
            if mapped is not None:
                found[member == one] = mapped.wide(V[member == one])
        return found

    def back(self, G: Array, member: Index) -> Array:
        """Gradients (M, c, q) by models of z as those by models of members."""
        if all(one is None for one in self.maps):
            return G
        found = G.copy()
        for one in np.unique(member):
            mapped = self.maps[one]
            if mapped is not None:
                found[member == one] = mapped.back(G[member == one])
        return found

    def hessian_back(self, H: Array, member: int, outputs: int) -> Array:
        """A Hessian (D, D) by a model of z as that by a model of a member."""
        mapped = self.maps[member]
        if mapped is None:
            return H
        D = len(H)
        half = mapped.back(H.reshape(D, outputs, D // outputs)).reshape(D, D)
        return np.asarray(mapped.back(half.T.reshape(D, outputs, D // outputs)).reshape(D, D))


@dataclass(frozen=True, eq=False)
class CellSums:
    """Weights (C,), and sums Σ s z and Σ s z² (C, p) of the cells."""

    weight: Array
    first: Array
    second: Array


def cell_sums(data: Standardised, cells: Cells) -> CellSums:
    """First and second moments of the columns in every cell."""
    weight = np.bincount(cells.label[cells.label >= 0], data.s[cells.label >= 0], cells.count)
    first, second = np.zeros((cells.count, data.p)), np.zeros((cells.count, data.p))
    size = max(1, 2**20 // max(data.p, 1)) if not data.sparse else data.n
    for cell in range(cells.count):
        for rows in cells.blocks(cell, size, WHOLE):
            part, s = taken(data, rows), data.s[rows]
            first[cell] += np.asarray(part.T @ s).ravel()
            square = part.multiply(part) if data.sparse else part * part
            second[cell] += np.asarray(square.T @ s).ravel()
    return CellSums(np.asarray(weight, dtype=np.float64), first, second)


def members_of(
    data: Standardised,
    cells: Cells,
    sides: tuple[Mask, Mask],
    design: Design,
    maps: Sequence[FoldMap | None],
    l1_ratio: float = 0.0,
) -> Members:
    """The members whose training and test cells are given (F, C)."""
    train, test = sides
    sums = cell_sums(data, cells)
    weight, test_weight = train @ sums.weight, test @ sums.weight
    q = data.p + int(design.fit_intercept)
    Q, reach = np.zeros((len(train), q)), np.ones((len(train), q))
    pinned, z_maps = np.zeros((len(train), q), dtype=bool), []
    for f, (inside, mapped) in enumerate(zip(train, maps, strict=True)):
        S = weight[f]
        first, second = inside @ sums.first / S, inside @ sums.second / S
        if mapped is not None:
            first, second = _filled(data, mapped, first, second)
        variance = np.maximum(second - first**2, 0.0)
        # Of columns that were centred what is left of a constant one is rounding, which varies.
        constant = (variance <= VARYING * second) | (np.sqrt(variance) * data.unit <= ROUNDED * np.abs(data.middle))
        constant = _constant(data, cells, inside, constant) if constant.any() else constant
        if mapped is not None:
            constant = mapped.decide(constant)
        own = design if mapped is None else mapped.designed(design)
        roles = own.roles(variance * data.unit**2, constant)
        D, E = roles.decayed, roles.exempt
        Q[f, D] = (roles.scale / data.unit[D]) ** 2
        left_out = np.ones(data.p, dtype=bool)
        left_out[D] = False
        left_out[E] = constant[E] & (second[E] <= VARYING**2)  # columns of zeros, which nothing is known of
        pinned[f, : data.p] = left_out
        reach[f, D] = data.unit[D] * np.sqrt(own.decay_weights[D]) / roles.scale
        if not design.standardize:
            reach[f, E] = data.unit[E]
        z_maps.append(None if mapped is None else _z_map(data, mapped))
    total = float(data.s.sum())
    return Members(train, test, weight, test_weight, total, Q, pinned, reach, z_maps, l1_ratio)


def _z_map(data: Standardised, mapped: FoldMap) -> ZMap:
    """A map of raw columns as one of z."""
    moved = np.flatnonzero(mapped.delta)
    columns, flags = mapped.columns[moved], mapped.flags[moved]
    return ZMap(columns, flags, mapped.delta[moved] * data.unit[flags] / data.unit[columns])


def _filled(data: Standardised, mapped: FoldMap, first: Array, second: Array) -> tuple[Array, Array]:
    """Mean and mean square of z once gaps hold the member's own fillings."""
    first, second = first.copy(), second.copy()
    J, M = mapped.columns, mapped.flags
    gaps = data.unit[M] * first[M] + data.middle[M]
    after = (mapped.filling - data.middle[J]) / data.unit[J]
    before = (mapped.filling - mapped.delta - data.middle[J]) / data.unit[J]
    np.add.at(first, J, gaps * (after - before))
    np.add.at(second, J, gaps * (after**2 - before**2))
    return first, second


def _constant(data: Standardised, cells: Cells, inside: Mask, suspected: Mask) -> Mask:
    """Which of the suspected columns hold a single value in the rows of some cells that have weight."""
    used = np.append(inside, False)[cells.label] & (data.s > 0)
    constant = np.zeros(data.p, dtype=bool)
    if not used.any():
        return np.ones(data.p, dtype=bool)
    where = np.flatnonzero(suspected)
    if data.sparse:
        mine = sparse.csc_array(data.Z[used][:, where])
        constant[where] = (mine.max(axis=0).toarray() == mine.min(axis=0).toarray()).ravel()
        return constant
    for j in where:
        values = data.Z[used, j]
        constant[j] = values.min() == values.max()
    return constant
