"""Rows of a Newton problem: columns brought to one scale, targets and weights, read in blocks that lie in one cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.losses import Loss
from weightdecay.linear.rows import OutOfRangeError, Rows, Share, row_blocks, sample_middle
from weightdecay.tuning.folds import Partition

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Predictors of a block of rows, of all models together, and its columns: both stay in the cache of a core.
PREDICTORS = 2**18
COLUMNS = 2**19
FEWEST, MOST = 64, 8192
SPARSE_PREDICTORS = 2**22


@final
@dataclass(frozen=True, eq=False)
class Standardised:
    """Columns z = (x − middle)/unit, targets and weights.

    Parameters
    ----------
    Z : ndarray or sparse CSR array of shape (n, p)
        float64. Sparse columns are not centred: middle is 0.
    target : ndarray of shape (n,)
    s : ndarray of shape (n,)
        Sample weights.
    offset : ndarray of shape (n, c) or None
        What a centre predicts.
    middle, unit : ndarray of shape (p,)
    loss : Loss
    """

    Z: Any
    target: Array
    s: Array
    offset: Array | None
    middle: Array
    unit: Array
    loss: Loss

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.Z.shape[0])

    @property
    def p(self) -> int:
        """Number of columns."""
        return int(self.Z.shape[1])

    def ordered(self, order: Index) -> Standardised:
        """Some of the rows, in an order."""
        if len(order) == self.n and bool((np.diff(order) == 1).all()):
            return self
        offset = None if self.offset is None else self.offset[order]
        return replace(self, Z=self.Z[order], target=self.target[order], s=self.s[order], offset=offset)

    def share(self, share: Share) -> tuple[slice, Any]:
        """A worker's rows of sparse columns, kept, since taking them costs as much as a product."""
        number, of = share
        kept: dict[Share, tuple[slice, Any]] = vars(self).setdefault("_shares", {})
        if share not in kept:
            rows = slice(self.n * number // of, self.n * (number + 1) // of)
            kept[share] = rows, taken(self, rows) if of > 1 else self.Z
        return kept[share]

    def narrowed(self, columns: Index, v: Array) -> Standardised:
        """Some of the columns, dense, beside what a model v (c, q) of all predicts."""
        eta = np.asarray(self.Z @ v[:, : self.p].T) + (v[:, self.p] if v.shape[1] > self.p else 0.0)
        eta = eta if self.offset is None else eta + self.offset
        Z = self.Z[:, columns]
        Z = np.ascontiguousarray(Z.toarray() if self.sparse else Z)
        return replace(self, Z=Z, offset=eta, middle=self.middle[columns], unit=self.unit[columns])

    def without_offset(self) -> Standardised:
        """The same without what a centre predicts."""
        return replace(self, offset=None)

    @property
    def sparse(self) -> bool:
        """Whether the columns are stored sparsely."""
        return not isinstance(self.Z, np.ndarray)


def standardised(rows: Rows, loss: Loss, offset: Array | None, *, centred: bool) -> Standardised:
    """The rows on one scale: weighted deviation 1, or the root mean square where nothing is centred.

    Raises
    ------
    OutOfRangeError
        When a value is not finite or its square leaves float64.
    """
    S, s = rows.weight_sum, rows.s
    y = rows.Y[:, 0]
    if sparse.issparse(rows.X):
        square = np.asarray(rows.X.multiply(rows.X).T @ s).ravel() / S
        first = np.asarray(rows.X.T @ s).ravel() / S
        unit = np.sqrt(np.maximum(square - first**2, 0.0)) if centred else np.sqrt(square)
        unit = _positive(unit, 1e-7 * np.sqrt(square))  # a variance from squares has half the digits
        Z = sparse.csr_array(rows.X, dtype=np.float64, copy=True)
        Z.data /= unit[Z.indices]
        return Standardised(Z, y, s, offset, np.zeros(rows.p), unit, loss)
    shift = sample_middle(rows.X) if centred else np.zeros(rows.p)
    Z = np.empty((rows.n, rows.p))
    first, second = np.zeros(rows.p), np.zeros(rows.p)
    for block, part in row_blocks(rows.X):
        np.subtract(part, shift, out=Z[block])
        first += s[block] @ Z[block]
    away = first / S if centred else np.zeros(rows.p)
    for block, _ in row_blocks(Z):
        Z[block] -= away
        second += np.einsum("i,ij,ij->j", s[block], Z[block], Z[block])
    middle = shift + away
    unit = np.sqrt(second / S)
    if not np.isfinite(unit).all():
        raise OutOfRangeError
    unit = _positive(unit, 1e-14 * np.abs(middle))
    Z /= unit
    return Standardised(Z, y, s, offset, middle, unit, loss)


def _positive(unit: Array, size: Array) -> Array:
    """Units, 1 in place of what is no more than rounding."""
    if not np.isfinite(unit).all():
        raise OutOfRangeError
    return np.where(unit > size, np.where(unit > 0, unit, 1.0), 1.0)


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """Rows by cell.

    Parameters
    ----------
    label : ndarray of shape (n,)
        Cell of every row, −1 for none.
    count : int
    order : ndarray of shape (m,)
        Rows of the cells, cell by cell.
    bounds : ndarray of shape (count + 1,)
        Where each cell begins and ends among them.
    in_place : bool
        Whether the rows stand in the order of the cells already.
    """

    label: NDArray[np.int32]
    count: int
    order: Index = field(repr=False)
    bounds: Index
    in_place: bool

    def blocks(self, cell: int, rows: int, share: Share) -> Iterator[Index | slice]:
        """Rows of those blocks of a cell that are in a share; small cells go to the workers in turn."""
        number, of = share
        low, high = int(self.bounds[cell]), int(self.bounds[cell + 1])
        pieces = max(1, -(-(high - low) // rows))
        edges = np.linspace(low, high, pieces + 1).astype(np.intp)
        for place, (start, stop) in enumerate(pairwise(edges)):
            if start < stop and (cell + place) % of == number:
                yield slice(int(start), int(stop)) if self.in_place else self.order[start:stop]


def cells_of(label: NDArray[np.int32], count: int) -> Cells:
    """Rows sorted by cell."""
    order = np.argsort(label, kind="stable")
    order = order[np.count_nonzero(label < 0) :]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label[label >= 0], minlength=count))])
    in_place = len(order) == len(label) and bool((np.diff(order) == 1).all())
    return Cells(label, count, order, bounds, in_place)


def of_partition(partition: Partition) -> Cells:
    """The cells of a partition."""
    return cells_of(partition.label, partition.n_cells)


def taken(data: Standardised, where: Index | slice) -> Any:
    """Columns of a block of rows; the only reader of the rows while models are fitted: a count of it counts passes."""
    return data.Z[where]


def block_rows(data: Standardised, predictors: int) -> int:
    """Rows of a block; of sparse columns many, since what comes back is dense."""
    if data.sparse:
        return max(1024, SPARSE_PREDICTORS // max(predictors, 1))
    return int(min(max(FEWEST, min(PREDICTORS // max(predictors, 1), COLUMNS // max(data.p, 1))), MOST))
