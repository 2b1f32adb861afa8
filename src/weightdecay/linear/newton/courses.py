"""Courses: training sets that are solved together, and their models in the units of the columns.

Tall data keep their columns, so that all folds share the passes over the rows. Data of more columns than rows are
turned first: with K = Σ_j x_j x_jᵀ/a_j² over the decayed columns, a_j the scale on which λ acts, and the eigenvectors
of its training part, K = U d Uᵀ, every model is a model of the n columns U√d, on which λ acts as it does on the p; what
is not decayed stays beside them. Since every fold has scales of its own, each is a course of its own then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design, Roles
from weightdecay.linear.fold_maps import FoldMap
from weightdecay.linear.losses import Loss
from weightdecay.linear.newton.members import Members, members_of
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.newton.rows import Standardised, cells_of
from weightdecay.linear.rows import OutOfRangeError, Rows, column_blocks
from weightdecay.linear.spectrum import rank_tolerance, rounding
from weightdecay.tuning.folds import Partition

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Numbers up to which wide rows are decomposed themselves.
DECOMPOSED = 2_000_000

# Tolerance of gradients in folds.
FOLD_TOL = 1e-8
# Training rows per coefficient from which folds share their Hessians with all rows.
SHARED = 10


class Units(Protocol):
    """The way back to the columns."""

    def models(self, V: Array, member: Index) -> tuple[Array, Array]:
        """Coefficients (M, c, p) and intercepts (M, c) of models (M, c, q), in the units of the columns."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Course:
    """Members that are solved together.

    Parameters
    ----------
    paths : Paths
    units : Units
    folds : tuple of int
        Which folds of the plan its members are; −1 for all rows.
    rows : ndarray
        Numbers of the rows of its data among all.
    """

    paths: Paths
    units: Units
    folds: tuple[int, ...]
    rows: Index

    def test_rows(self, member: int) -> Index:
        """Positions in its data of the rows that a member is tested on."""
        inside = np.append(self.paths.members.test[member], False)
        return np.flatnonzero(inside[self.paths.cells.label])


@final
@dataclass(frozen=True, eq=False)
class Direct:
    """Models of z = (x − middle)/unit."""

    data: Standardised
    members: Members
    centre: Array

    def models(self, V: Array, member: Index) -> tuple[Array, Array]:
        """Division, and the shift moved into the intercept."""
        p = self.data.p
        wide = self.members.wide(V, member)
        coef = wide[:, :, :p] / self.data.unit
        intercept = wide[:, :, p] - coef @ self.data.middle if wide.shape[2] > p else np.zeros(coef.shape[:2])
        return coef + self.centre, intercept


@final
@dataclass(frozen=True, eq=False)
class Turned:
    """Models of the columns U√d, of the undecayed columns and the intercept.

    Parameters
    ----------
    X : Rows
        As the fold has them.
    mean : ndarray of shape (p,)
    roles : Roles
    weights : ndarray of shape (m, r)
        By which combinations of training rows the decayed coefficients are had: U/√d, over the unit of U√d.
    train : ndarray of shape (m,)
    exempt_unit : ndarray of shape (e,)
    mapped : FoldMap or None
    centre : ndarray of shape (c, p)
    """

    rows: Rows
    mean: Array
    roles: Roles
    weights: Array
    train: Index
    exempt_unit: Array
    mapped: FoldMap | None
    centre: Array

    def models(self, V: Array, member: Index) -> tuple[Array, Array]:
        """Sums of training rows."""
        M, c, q = V.shape
        r, (D, E) = self.weights.shape[1], (self.roles.decayed, self.roles.exempt)
        duals = self.weights @ V[:, :, :r].reshape(M * c, r).T
        total = duals.sum(axis=0)
        coef = np.zeros((M * c, self.rows.p))
        used = self.rows.X[self.train]
        for block, part in column_blocks(used):
            coef[:, block] = (part.T @ duals - np.outer(self.mean[block], total)).T
        found = np.zeros_like(coef)
        found[:, D] = coef[:, D] / self.roles.scale**2
        found = found.reshape(M, c, -1)
        e = len(E)
        found[:, :, E] = V[:, :, r : r + e] / self.exempt_unit
        intercept = V[:, :, -1] - found @ self.mean if q > r + e else np.zeros((M, c))
        if self.mapped is not None:
            found = self.mapped.of_wide(found)
        return found + self.centre, intercept


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """What an estimator asks of the columns, where coefficients are pulled to (c, p), tolerance and Newton steps."""

    design: Design
    centre: Array
    tol: float
    max_iter: int
    l1_ratio: float = 0.0


def direct(
    data: Standardised, partition: Partition | None, start: int, asked: Asked, maps: Sequence[FoldMap | None]
) -> Course:
    """All rows, and the folds of a partition, on the columns as they are.

    Parameters
    ----------
    start : int
        Number of the partition's first fold.
    """
    n = data.n
    if partition is None:
        cells, sides = cells_of(np.zeros(n, dtype=np.int32), 1), (np.ones((1, 1), bool), np.zeros((1, 1), bool))
        order, folds = np.arange(n), (-1,)
    else:
        label = np.where(partition.label < 0, partition.n_cells, partition.label).astype(np.int32)
        order = np.argsort(label, kind="stable")
        F, C = len(partition.train), partition.n_cells + 1
        cells = cells_of(label[order], C)
        train, test = np.zeros((1 + F, C), dtype=bool), np.zeros((1 + F, C), dtype=bool)
        train[0] = True
        for f in range(F):
            train[1 + f, list(partition.train[f])] = True
            test[1 + f, list(partition.test[f])] = True
        sides, folds = (train, test), (-1, *range(start, start + F))
        data = data.ordered(order)
    every = [None, *maps] if partition is not None else [None]
    members = members_of(data, cells, sides, asked.design, every, asked.l1_ratio)
    paths = Paths(data, cells, members, asked.tol, asked.max_iter)
    return Course(paths, Direct(data, members, asked.centre), folds, order)


def of_fold(data: Standardised, pair: tuple[Index, Index], number: int, asked: Asked, mapped: FoldMap | None) -> Course:
    """One fold on the columns as they are, with Hessians of its own."""
    train, test = pair
    order = np.concatenate([train, test])
    cells = cells_of(np.repeat(np.array([0, 1], dtype=np.int32), [len(train), len(test)]), 2)
    part = data.ordered(order)
    sides = np.array([[True, False]]), np.array([[False, True]])
    members = replace(members_of(part, cells, sides, asked.design, [mapped], asked.l1_ratio), total=float(data.s.sum()))
    paths = Paths(part, cells, members, asked.tol, asked.max_iter)
    return Course(paths, Direct(part, members, asked.centre), (number,), order)


@final
@dataclass(frozen=True, eq=False)
class Wide:
    """Rows of more columns than rows, their targets, and what a centre predicts."""

    rows: Rows
    loss: Loss
    offset: Array | None


@final
@dataclass(frozen=True, eq=False)
class WideFold:
    """One training set of wide data, and the rows it is tested on.

    Parameters
    ----------
    wide : Wide
    rows : Rows
        As the fold has them.
    train, test : ndarray
        Its rows; training rows all have weight.
    mean : ndarray of shape (p,)
    roles : Roles
    beside : ndarray of shape (m, e)
        Exempt columns of training and test rows.
    unit : ndarray of shape (e,)
    """

    wide: Wide
    rows: Rows
    train: Index
    test: Index
    mean: Array
    roles: Roles
    beside: Array
    unit: Array

    @property
    def order(self) -> Index:
        """Training rows, then test rows."""
        return np.concatenate([self.train, self.test])

    def kernel(self, columns: Index) -> Array:
        """Σ_j (x_j − mean_j)(x_j − mean_j)ᵀ/a_j² over some of the decayed columns (places among these)."""
        roles = replace(self.roles, decayed=self.roles.decayed[columns], scale=self.roles.scale[columns])
        return _kernel(self.rows, self.order, self.mean, roles)

    def paths(self, A: Array, asked: Asked, size: Array | None = None) -> Paths:
        """Models of columns A (m, r), on which λ acts, divided by their sizes (r,), beside the exempt ones."""
        s, order, wide = self.rows.s, self.order, self.wide
        size = np.ones(A.shape[1]) if size is None else size
        Z = np.ascontiguousarray(np.concatenate([A / size, self.beside], axis=1))
        r, k = A.shape[1], Z.shape[1]
        offset = None if wide.offset is None else wide.offset[order]
        data = Standardised(Z, self.rows.Y[order, 0], s[order], offset, np.zeros(k), np.ones(k), wide.loss)
        q = k + int(asked.design.fit_intercept)
        Q, reach = np.zeros((1, q)), np.ones((1, q))
        Q[0, :r], reach[0, :r] = 1.0 / size**2, size
        sizes = [len(self.train), len(self.test)]
        cells = cells_of(np.repeat(np.array([0, 1], dtype=np.int32), sizes), 2)
        members = Members(
            np.array([[True, False]]),
            np.array([[False, True]]),
            np.array([float(s[self.train].sum())]),
            np.array([float(s[self.test].sum())]),
            self.rows.weight_sum,
            Q,
            np.zeros((1, q), dtype=bool),
            reach,
            [None],
        )
        return Paths(data, cells, members, asked.tol, asked.max_iter)


def wide_fold(wide: Wide, pair: tuple[Index, Index], asked: Asked, mapped: FoldMap | None) -> WideFold:
    """One training set of wide data, its columns scaled."""
    rows = wide.rows if mapped is None else mapped.rows(wide.rows)
    design = asked.design if mapped is None else mapped.designed(asked.design)
    train, test = pair[0][rows.s[pair[0]] > 0], pair[1]
    mean, roles = _scales(rows, train, design, mapped)
    order, E = np.concatenate([train, test]), roles.exempt
    beside = np.asarray(rows.X[:, E][order].toarray() if not isinstance(rows.X, np.ndarray) else rows.X[order][:, E])
    beside = beside - mean[E]
    s = rows.s[train]
    unit = np.sqrt(s @ beside[: len(train)] ** 2 / float(s.sum()))
    unit = np.where(unit > 0, unit, 1.0)
    return WideFold(wide, rows, train, test, mean, roles, beside / unit, unit)


def turned(wide: Wide, pair: tuple[Index, Index], number: int, asked: Asked, mapped: FoldMap | None) -> Course:
    """One training set of wide data, and the rows it is tested on."""
    fold = wide_fold(wide, pair, asked, mapped)
    m = len(fold.train)
    A, weights = _by_rows(fold) if len(fold.order) * fold.rows.p <= DECOMPOSED else _by_kernel(fold)
    s = fold.rows.s[fold.train]
    size = np.sqrt(s @ A[:m] ** 2 / float(s.sum()))
    size = np.where(size > 0, size, 1.0)
    units = Turned(fold.rows, fold.mean, fold.roles, weights / size, fold.train, fold.unit, mapped, asked.centre)
    return Course(fold.paths(A, asked, size), units, (number,), fold.order)


def _by_rows(fold: WideFold) -> tuple[Array, Array]:
    """U√d of training and test rows (m, r), and U/√d: by the singular values of the rows, with all their digits."""
    D, m = fold.roles.decayed, len(fold.train)
    part = fold.rows.X[:, D][fold.order] if sparse.issparse(fold.rows.X) else fold.rows.X[np.ix_(fold.order, D)]
    Z = (np.asarray(part.toarray() if sparse.issparse(part) else part) - fold.mean[D]) / fold.roles.scale
    U, root, Vt = np.linalg.svd(Z[:m], full_matrices=False)
    kept = root > rank_tolerance(m, len(D)) * root.max(initial=0.0)
    return np.concatenate([U[:, kept] * root[kept], Z[m:] @ Vt[kept].T]), U[:, kept] / root[kept]


def _by_kernel(fold: WideFold) -> tuple[Array, Array]:
    """The same by the eigenvalues of the kernel, which has half the digits and is as small as the rows are few."""
    m, K = len(fold.train), fold.kernel(np.arange(len(fold.roles.decayed)))
    d, U = np.linalg.eigh(K[:m, :m])
    kept = d > rounding(d)
    root = np.sqrt(d[kept])
    weights = U[:, kept] / root
    return np.concatenate([U[:, kept] * root, K[m:, :m] @ weights]), weights


def _scales(rows: Rows, train: Index, design: Design, mapped: FoldMap | None) -> tuple[Array, Roles]:
    """Means of the columns, zeros without intercept, and their roles."""
    s, S = rows.s[train], float(rows.s[train].sum())
    mean, variance = np.zeros(rows.p), np.zeros(rows.p)
    constant = np.zeros(rows.p, dtype=bool)
    for block, part in column_blocks(rows.X[train]):
        part = np.asarray(part, dtype=np.float64)
        middle = part[0] + s @ (part - part[0]) / S
        mean[block] = middle
        variance[block] = s @ (part - middle) ** 2 / S
        constant[block] = part.min(axis=0) == part.max(axis=0)
    if not np.isfinite(variance).all():
        raise OutOfRangeError
    if mapped is not None:
        constant = mapped.decide(constant)
    roles = design.roles(variance, constant)
    return mean if design.fit_intercept else np.zeros(rows.p), roles


def _kernel(rows: Rows, order: Index, mean: Array, roles: Roles) -> Array:
    """Σ_j (x_j − mean_j)(x_j − mean_j)ᵀ/a_j² over the decayed columns, of some rows."""
    scale = np.full(rows.p, np.inf)
    scale[roles.decayed] = roles.scale
    K = np.zeros((len(order), len(order)))
    for block, part in column_blocks(rows.X[order]):
        Z = (part - mean[block]) / scale[block]
        K += Z @ Z.T
    return K
