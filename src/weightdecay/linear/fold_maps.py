"""Fold maps: what the training rows of a fold make of the columns of an encoded table.

The wide design X holds, where a value is missing, the filling of all rows. A fold that fills in c_f instead has the
columns X_f = X + Σ_j δ_fj m_j e_jᵀ with m_j the 0/1 flag of column j's gaps and δ_fj what c_fj differs by: a linear
map X_f = X M_f, which acts on moments (M_fᵀ G M_f) and triangles (R M_f) as on rows. A model w_f of X_f is the model
M_f w_f of X, so that only training sets are mapped, and everything that is held out stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design
from weightdecay.linear.moments import Moments
from weightdecay.linear.rows import Rows
from weightdecay.records.encoding import Terms
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.learned_columns import learned_of_folds, one_column, spread_of

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FoldMap:
    """One fold's map of the columns.

    Parameters
    ----------
    columns, flags : ndarray of shape (k,)
        Columns j that gaps are filled in, and the columns that flag these.
    filling, delta : ndarray of shape (k,)
        What the fold fills in, and by how much that is more than what X holds there.
    known, constant : ndarray of shape (c,)
        Columns of which the training rows tell exactly whether they are constant once mapped, and whether they are.
    spread : ndarray of shape (p,) or None
        Scales of columns that are not standardised, nan for those that are.
    """

    columns: Index
    flags: Index
    filling: Array
    delta: Array
    known: Index
    constant: NDArray[np.bool_]
    spread: Array | None = None

    def moments(self, moments: Moments) -> Moments:
        """Moments of the mapped rows, M_fᵀ G M_f, about a shift that is mapped likewise."""
        J, M, delta = 1 + self.columns, 1 + self.flags, self.delta
        zz, zy = moments.zz.copy(), moments.zy.copy()
        # No flag is filled in, so that the products with flags are still those of X when the others need them.
        zz[J] += delta[:, None] * zz[M]
        zz[:, J] += delta * zz[:, M]
        zy[J] += delta[:, None] * zy[M]
        return replace(moments, zz=zz, zy=zy)

    def triangle(self, R: Array) -> Array:
        """Columns (1, x, y) of a triangle, mapped; no triangle any more, but as good for the next decomposition."""
        R = R.copy()
        R[:, 1 + self.columns] += self.delta * R[:, 1 + self.flags]
        return R

    def decide(self, constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which columns (p,) are constant, once what is known of some replaces what their moments suggest."""
        constant = constant.copy()
        constant[self.known] = self.constant
        return constant

    def of_wide(self, coef: Array) -> Array:
        """Coefficients (…, p) of the mapped columns as those of X: M_f w."""
        found = coef.copy()
        # Two levels of a category share a flag, so that both are added to one place.
        np.add.at(np.moveaxis(found, -1, 0), self.flags, np.moveaxis(self.delta * coef[..., self.columns], -1, 0))
        return found

    def patched(self, X: Array, block: slice, missing: NDArray[np.bool_]) -> Array:
        """A block of columns (n, b) as the fold fills them in; `missing` (n, k) marks the gaps of `columns`."""
        inside = np.flatnonzero((self.columns >= block.start) & (self.columns < block.stop) & (self.delta != 0.0))
        if not len(inside):
            return X
        X = X.copy()
        for place in inside:
            X[missing[:, place], self.columns[place] - block.start] = self.filling[place]
        return X

    def patched_sparse(self, X: sparse.csr_array) -> sparse.csr_array:
        """All columns (n, p) of a sparse X as the fold fills them in."""
        moved = np.flatnonzero(self.delta)
        if not len(moved):
            return X
        flags = sparse.csc_array(X[:, self.flags[moved]])
        entries = np.repeat(np.arange(len(moved)), np.diff(flags.indptr))
        change = (self.delta[moved][entries], (flags.indices, self.columns[moved][entries]))
        return sparse.csr_array(X + sparse.csr_array(change, shape=X.shape))

    def rows(self, rows: Rows) -> Rows:
        """All rows as the fold fills them in."""
        if sparse.issparse(rows.X):
            return replace(rows, X=self.patched_sparse(rows.X))
        return replace(rows, X=self.patched(np.asarray(rows.X), slice(0, rows.p), gaps(rows, self)))

    def designed(self, design: Design) -> Design:
        """The design with the fold's own scales."""
        return design if self.spread is None else replace(design, spread=self.spread)

    def ordered(self, order: Index) -> FoldMap:
        """The same map where the columns stand in another order: column order[i] at place i."""
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        spread = None if self.spread is None else self.spread[order]
        columns, flags, known = place[self.columns], place[self.flags], place[self.known]
        return replace(self, columns=columns, flags=flags, known=known, spread=spread)


def fold_maps(rows: Rows, folds: Folds) -> Sequence[FoldMap | None]:
    """The map of every fold, None where columns do not depend on rows.

    Rows without weight do not count. Every column with gaps is sorted once, and every fold picks its median from it;
    levels and terms are counted per cell, and the counts of a training set are sums.
    """
    if rows.encoding is None or not rows.encoding.of_rows:
        return [None] * len(folds.repeat)
    return [FoldMap(**vars(one)) for one in learned_of_folds(rows.X, rows.s, rows.encoding, folds)]


def gaps(rows: Rows, one: FoldMap) -> NDArray[np.bool_]:
    """Where the columns that a map fills in have gaps, (n, k)."""
    flags = rows.X[:, one.flags]
    return np.asarray((flags.toarray() if sparse.issparse(flags) else flags) != 0)


def column(rows: Rows, j: int) -> Array:
    """One column (n,), dense."""
    return one_column(rows.X, j)


def whole_spread(rows: Rows, terms: Sequence[Terms]) -> Array | None:
    """Scales (p,) of terms where all rows with weight train."""
    return spread_of(rows.X, rows.s, terms)


def plain_decay_weights(rows: Rows, design: Design) -> Array:
    """Decay weights (p,) that say the same of all rows without scales of their own: p_j spread_j²/v_j."""
    if design.spread is None:
        return design.decay_weights
    S, s = rows.weight_sum, rows.s
    own = np.flatnonzero(~np.isnan(design.spread))
    weights, square = design.decay_weights.copy(), design.spread[own] ** 2
    if design.standardize:
        part = sparse.csr_array(rows.X[:, own])
        variance = part.multiply(part).T @ s / S - (part.T @ s / S) ** 2
        square = np.where(variance > 0, square / np.where(variance > 0, variance, 1.0), 1.0)
    weights[own] *= square
    return weights
