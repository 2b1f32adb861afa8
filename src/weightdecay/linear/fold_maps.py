"""Fold maps: what the training rows of a fold make of the columns of an encoded table.

The wide design X holds, where a value is missing, the filling of all rows. A fold that fills in c_f instead has the
columns X_f = X + Σ_j δ_fj m_j e_jᵀ with m_j the 0/1 flag of column j's gaps and δ_fj what c_fj differs by: a linear
map X_f = X M_f, which acts on moments (M_fᵀ G M_f) and triangles (R M_f) as on rows. A model w_f of X_f is the model
M_f w_f of X, so that only training sets are mapped, and everything that is held out stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design
from weightdecay.linear.moments import Moments
from weightdecay.linear.rows import Rows
from weightdecay.records.encoding import Filled, Levels, Terms
from weightdecay.tuning.folds import Folds, Partition

Array = NDArray[np.float64]
Index = NDArray[np.intp]

CHUNK = 4096  # values that are counted together


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
    return [one for partition in folds.partitions for one in _of_partition(rows, partition)]


@dataclass(frozen=True)
class _Part:
    """What one column or category adds to a fold's map: fillings of columns where a flag is 1, and known constants."""

    fillings: tuple[tuple[int, int, float, float], ...]  # column, flag, filling, delta
    constants: tuple[tuple[int, bool], ...]


def _of_partition(rows: Rows, partition: Partition) -> Iterator[FoldMap]:
    """Maps of the folds of one partition."""
    encoding = rows.encoding
    assert encoding is not None
    label = np.where(rows.s > 0, partition.label, -1)
    train = np.zeros((len(partition.train), partition.n_cells + 1), dtype=bool)  # the last is that of no cell
    for fold, cells in enumerate(partition.train):
        train[fold, list(cells)] = True
    parts: list[list[_Part]] = [_filled(rows, one, label, train) for one in encoding.filled]
    parts += [_levels(rows, one, label, train) for one in encoding.levels]
    spreads = _spreads(rows, encoding.terms, label, train)
    for fold in range(len(train)):
        mine = [part[fold] for part in parts]
        fillings = [one for part in mine for one in part.fillings]
        constants = [one for part in mine for one in part.constants]
        columns, flags = (np.array([one[at] for one in fillings], dtype=np.intp) for at in (0, 1))
        filling, delta = (np.array([one[at] for one in fillings], dtype=np.float64) for at in (2, 3))
        known = np.array([column for column, _ in constants], dtype=np.intp)
        constant = np.array([value for _, value in constants], dtype=bool)
        yield FoldMap(columns, flags, filling, delta, known, constant, None if spreads is None else spreads[fold])


def gaps(rows: Rows, one: FoldMap) -> NDArray[np.bool_]:
    """Where the columns that a map fills in have gaps, (n, k)."""
    flags = rows.X[:, one.flags]
    return np.asarray((flags.toarray() if sparse.issparse(flags) else flags) != 0)


def column(rows: Rows, j: int) -> Array:
    """One column (n,), dense."""
    found = rows.X[:, [j]].toarray()[:, 0] if sparse.issparse(rows.X) else rows.X[:, j]
    return np.asarray(found, dtype=np.float64)


def _filled(rows: Rows, one: Filled, label: NDArray[np.int32], train: NDArray[np.bool_]) -> list[_Part]:
    """Medians of a column's values among the training rows of every fold, as `numpy.median` has them."""
    values, missing = column(rows, one.value), column(rows, one.flag) != 0
    # Where everything is missing X holds the same number in every row, and nothing is filled in.
    reference = float(values[missing][0]) if missing.any() else 0.0
    present = np.flatnonzero(~missing & (label >= 0))
    ranked = _Ranked.of(values[present], label[present], train.shape[1] - 1)
    found = []
    for inside in train:
        cells = inside[:-1]
        m = int(ranked.sizes[cells].sum())
        filling, constant = 0.0, True  # a column of which nothing is known is none
        if m:
            low, high = (ranked.pick(cells, place) for place in ((m - 1) // 2, m // 2))
            filling, constant = 0.5 * low + 0.5 * high, ranked.pick(cells, 0) == ranked.pick(cells, m - 1)
        filling_of = ((one.value, one.flag, filling, filling - reference),)
        found.append(_Part(filling_of, ((one.value, constant),)))
    return found


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Values in order, with counts by which any of those of some cells is found without going through all.

    Parameters
    ----------
    values : ndarray of shape (m,)
        Ascending.
    cells : ndarray of shape (m,)
    before : ndarray of shape (chunks + 1, n_cells)
        How many values of each cell come before every chunk.
    """

    values: Array
    cells: NDArray[np.int32]
    before: Index

    @staticmethod
    def of(values: Array, cells: NDArray[np.int32], n_cells: int) -> _Ranked:
        """Sort and count."""
        order = np.argsort(values)
        cells = cells[order]
        chunks = -(-len(values) // CHUNK)
        code = (np.arange(len(values)) // CHUNK) * n_cells + cells
        counts = np.bincount(code, minlength=chunks * n_cells).reshape(chunks, n_cells)
        before = np.concatenate([np.zeros((1, n_cells), dtype=np.intp), np.cumsum(counts, axis=0)])
        return _Ranked(values[order], cells, before)

    @property
    def sizes(self) -> Index:
        """Values in each cell."""
        sizes: Index = self.before[-1]
        return sizes

    def pick(self, inside: NDArray[np.bool_], place: int) -> float:
        """Of the values in some cells the one with so many before it."""
        before = self.before @ inside
        chunk = int(np.searchsorted(before, place, side="right")) - 1
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        return float(self.values[part][inside[self.cells[part]]][place - before[chunk]])


def _levels(rows: Rows, one: Levels, label: NDArray[np.int32], train: NDArray[np.bool_]) -> list[_Part]:
    """The most frequent level of a category among the training rows of every fold, the first of several."""
    columns = np.arange(one.start, one.stop)
    block = rows.X[:, one.start : one.stop]
    code = np.asarray(block.argmax(axis=1), dtype=np.intp).ravel()
    missing = column(rows, one.flag) != 0
    reference = int(code[missing][0])
    n_cells, width = train.shape[1] - 1, len(columns)
    counts = np.zeros((n_cells, 1 + width), dtype=np.intp)
    used = label >= 0
    np.add.at(counts, (label[used], np.where(missing, 0, 1 + code)[used]), 1)
    found = []
    for inside in train:
        total = counts[inside[:-1]].sum(axis=0)
        gaps, levels = int(total[0]), total[1:]
        mode = int(levels.argmax()) if levels.any() else -1  # of which nothing is known, no column is left
        moved = [] if mode == reference else [(reference, 0.0, -1.0)]
        moved += [(mode, 1.0, 1.0)] if mode not in (reference, -1) else []
        fillings = tuple((int(columns[level]), one.flag, filling, delta) for level, filling, delta in moved)
        after = levels + gaps * (np.arange(width) == mode)
        constant = (after == 0) | (after == gaps + levels.sum())
        found.append(_Part(fillings, tuple(zip(columns.tolist(), constant.tolist(), strict=True))))
    return found


def _spreads(rows: Rows, terms: Sequence[Terms], label: NDArray[np.int32], train: NDArray[np.bool_]) -> Array | None:
    """Scales (F, p) of terms, 1/idf of the training rows; nan for other columns."""
    if not terms:
        return None
    spread = np.full((len(train), rows.p), np.nan)
    n_cells = train.shape[1] - 1
    inside = train[:, :-1].astype(np.float64)
    sizes = inside @ np.bincount(label + 1, minlength=n_cells + 1)[1:]
    for one in terms:
        having = inside @ document_counts(rows, one, label, n_cells)
        spread[:, one.start : one.stop] = 1.0 / inverse_frequency(sizes[:, None], having)
    return spread


def whole_spread(rows: Rows, terms: Sequence[Terms]) -> Array | None:
    """Scales (p,) of terms where all rows with weight train."""
    label = np.where(rows.s > 0, 0, -1).astype(np.int32)
    found = _spreads(rows, terms, label, np.array([[True, False]]))
    return None if found is None else np.asarray(found[0])


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


def document_counts(rows: Rows, terms: Terms, label: NDArray[np.int32], n_cells: int) -> Array:
    """How many rows of each cell have each term, (n_cells, terms)."""
    block = sparse.csr_array(rows.X[:, terms.start : terms.stop])
    width = block.shape[1]
    cell = np.repeat(label, np.diff(block.indptr))
    there = (block.data != 0) & (cell >= 0)
    code = cell[there].astype(np.intp) * width + block.indices[there]
    return np.bincount(code, minlength=n_cells * width).reshape(n_cells, width).astype(np.float64)


def inverse_frequency(n: Array, having: Array) -> Array:
    """log((1 + n)/(1 + n_j)) + 1 of terms that n_j of n rows have."""
    return np.asarray(np.log((1.0 + n) / (1.0 + having)) + 1.0)
