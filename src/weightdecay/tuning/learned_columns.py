"""Learned columns: what the training rows of a fold make of the columns of an encoded table.

Gaps take medians and most frequent levels of the training rows, terms their inverse document frequencies. Every column
is sorted or counted once, by cells of rows that the folds never separate; a fold sums the counts of its cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.records.encoding import Encoding, Filled, Levels, Terms
from weightdecay.tuning.folds import Folds, Partition

Array = NDArray[np.float64]
Index = NDArray[np.intp]

CHUNK = 4096  # values that are counted together


@final
@dataclass(frozen=True, eq=False)
class Learned:
    """What a training set teaches of the columns of a wide design.

    Parameters
    ----------
    columns, flags : ndarray of shape (k,)
        Columns j that gaps are filled in, and the columns that flag these.
    filling, delta : ndarray of shape (k,)
        What the training set fills in, and by how much that is more than what X holds there.
    known, constant : ndarray of shape (c,)
        Columns of which the training rows tell exactly whether they are constant once filled in, and whether they are.
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


@final
@dataclass(frozen=True, eq=False)
class _Columns:
    """A wide design X (n, p), dense or sparse, and the cell of every row, −1 for rows that teach nothing."""

    X: Any
    label: NDArray[np.int32]

    def of(self, j: int) -> Array:
        """One column (n,), dense."""
        return one_column(self.X, j)


def one_column(X: Any, j: int) -> Array:
    """A column (n,) of a dense or sparse X, dense."""
    found = X[:, [j]].toarray()[:, 0] if sparse.issparse(X) else X[:, j]
    return np.asarray(found, dtype=np.float64)


def learned_of_folds(X: Any, s: Array, encoding: Encoding, folds: Folds) -> list[Learned]:
    """What the training rows of every fold teach, in the order of the folds.

    Parameters
    ----------
    X : ndarray or sparse CSR array of shape (n, p)
        A wide design, gaps filled in from all rows that count.
    s : ndarray of shape (n,)
        Sample weights; rows without weight teach nothing.
    encoding : Encoding
    folds : Folds
        Not leave-one-out.

    Returns
    -------
    list of Learned
    """
    return [one for partition in folds.partitions for one in _of_partition(X, s, encoding, partition)]


def _of_partition(X: Any, s: Array, encoding: Encoding, partition: Partition) -> Iterator[Learned]:
    """What the training sets of one partition teach."""
    seen = _Columns(X, np.where(s > 0, partition.label, -1).astype(np.int32))
    train = np.zeros((len(partition.train), partition.n_cells + 1), dtype=bool)  # the last is that of no cell
    for fold, cells in enumerate(partition.train):
        train[fold, list(cells)] = True
    parts: list[list[_Part]] = [_filled(seen, one, train) for one in encoding.filled]
    parts += [_levels(seen, one, train) for one in encoding.levels]
    spreads = _spreads(seen, encoding.terms, train)
    for fold in range(len(train)):
        mine = [part[fold] for part in parts]
        fillings = [one for part in mine for one in part.fillings]
        constants = [one for part in mine for one in part.constants]
        columns, flags = (np.array([one[at] for one in fillings], dtype=np.intp) for at in (0, 1))
        filling, delta = (np.array([one[at] for one in fillings], dtype=np.float64) for at in (2, 3))
        known = np.array([column for column, _ in constants], dtype=np.intp)
        constant = np.array([value for _, value in constants], dtype=bool)
        yield Learned(columns, flags, filling, delta, known, constant, None if spreads is None else spreads[fold])


def spread_of(X: Any, s: Array, terms: Sequence[Terms]) -> Array | None:
    """Scales (p,) of terms where all rows with weight train, nan for other columns; None where there are no terms."""
    label = np.where(s > 0, 0, -1).astype(np.int32)
    found = _spreads(_Columns(X, label), terms, np.array([[True, False]]))
    return None if found is None else np.asarray(found[0])


@dataclass(frozen=True)
class _Part:
    """What one column or category adds to a fold's map: fillings of columns where a flag is 1, and known constants."""

    fillings: tuple[tuple[int, int, float, float], ...]  # column, flag, filling, delta
    constants: tuple[tuple[int, bool], ...]


def _filled(seen: _Columns, one: Filled, train: NDArray[np.bool_]) -> list[_Part]:
    """Medians of a column's values among the training rows of every fold, as `numpy.median` has them."""
    values, missing = seen.of(one.value), seen.of(one.flag) != 0
    # Where everything is missing X holds the same number in every row, and nothing is filled in.
    reference = float(values[missing][0]) if missing.any() else 0.0
    present = np.flatnonzero(~missing & (seen.label >= 0))
    ranked = _Ranked.of(values[present], seen.label[present], train.shape[1] - 1)
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


def _levels(seen: _Columns, one: Levels, train: NDArray[np.bool_]) -> list[_Part]:
    """The most frequent level of a category among the training rows of every fold, the first of several."""
    columns = np.arange(one.start, one.stop)
    block = seen.X[:, one.start : one.stop]
    code = np.asarray(block.argmax(axis=1), dtype=np.intp).ravel()
    missing = seen.of(one.flag) != 0
    reference = int(code[missing][0])
    n_cells, width = train.shape[1] - 1, len(columns)
    counts = np.zeros((n_cells, 1 + width), dtype=np.intp)
    used = seen.label >= 0
    np.add.at(counts, (seen.label[used], np.where(missing, 0, 1 + code)[used]), 1)
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


def _spreads(seen: _Columns, terms: Sequence[Terms], train: NDArray[np.bool_]) -> Array | None:
    """Scales (F, p) of terms, 1/idf of the training rows; nan for other columns."""
    if not terms:
        return None
    spread = np.full((len(train), seen.X.shape[1]), np.nan)
    n_cells = train.shape[1] - 1
    inside = train[:, :-1].astype(np.float64)
    sizes = inside @ np.bincount(seen.label + 1, minlength=n_cells + 1)[1:]
    for one in terms:
        having = inside @ document_counts(seen.X, one, seen.label, n_cells)
        spread[:, one.start : one.stop] = 1.0 / inverse_frequency(sizes[:, None], having)
    return spread


def document_counts(X: Any, terms: Terms, label: NDArray[np.int32], n_cells: int) -> Array:
    """How many rows of each cell have each term, (n_cells, terms)."""
    block = sparse.csr_array(X[:, terms.start : terms.stop])
    width = block.shape[1]
    cell = np.repeat(label, np.diff(block.indptr))
    there = (block.data != 0) & (cell >= 0)
    code = cell[there].astype(np.intp) * width + block.indices[there]
    return np.bincount(code, minlength=n_cells * width).reshape(n_cells, width).astype(np.float64)


def inverse_frequency(n: Array, having: Array) -> Array:
    """log((1 + n)/(1 + n_j)) + 1 of terms that n_j of n rows have."""
    return np.asarray(np.log((1.0 + n) / (1.0 + having)) + 1.0)
