"""Rows: the data of a linear problem as the engine reads them, block by block, never copied whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.records.encoding import Encoding

Array = NDArray[np.float64]

Share = tuple[int, int]  # (k, W): the k-th block of every W, what one of W workers reads
WHOLE: Share = (0, 1)

BLOCK_BYTES = 4 << 20  # of one float64 block of rows: fits the cache of a core, and many rows of moderate width


FEW = 4096  # numbers in a fingerprint
SAMPLED = 31  # rows that show where a column is
DENSE_SAMPLE = 50_000  # sparse columns of which so many rows are looked at


class OutOfRangeError(ArithmeticError):
    """Rows hold nan, inf, or numbers whose squares leave float64."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns, targets and weights of n rows.

    Parameters
    ----------
    X : ndarray or sparse CSR array of shape (n, p)
        float32 or float64, as the caller gave it.
    Y : ndarray of shape (n, t)
        float64.
    weight : ndarray of shape (n,) or None
        Sample weights ≥ 0; None means ones.
    encoding : Encoding or None
        Which columns depend on the rows that a model learns from.
    """

    X: Any
    Y: Array
    weight: Array | None
    encoding: Encoding | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def p(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def t(self) -> int:
        """Number of targets."""
        return int(self.Y.shape[1])

    @property
    def s(self) -> Array:
        """Sample weights, shape (n,)."""
        return np.ones(self.n) if self.weight is None else self.weight

    @property
    def weight_sum(self) -> float:
        """Σs."""
        return float(self.n) if self.weight is None else float(self.weight.sum())

    @property
    def n_positive(self) -> int:
        """Rows with positive weight."""
        return self.n if self.weight is None else int(np.count_nonzero(self.weight))


def fingerprint(rows: Rows) -> float:
    """A sum over some of the numbers, which tells at next to no cost whether they are still the same."""
    if sparse.issparse(rows.X):
        some = rows.X.data[:: max(1, rows.X.nnz // FEW)]
    else:
        some = rows.X[:: max(1, rows.n // 64), :: max(1, rows.p // 64)]
    return float(np.sum(some, dtype=np.float64) + rows.Y[:: max(1, rows.n // FEW)].sum() + rows.weight_sum)


def row_blocks(
    X: Any, minimum: int = 0, share: Share = WHOLE, maximum: int | None = None
) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
    """All rows of a share once, in dense blocks; the only reader of tall data's rows: a count of them counts passes.

    Parameters
    ----------
    X : ndarray or sparse CSR array of shape (n, p)
    minimum, maximum : int
        Rows of a block, where its bytes would make them fewer or more.
    share : (int, int)
    """
    n, p = X.shape
    number, of = share
    size = max(BLOCK_BYTES // (8 * max(p, 1)), minimum, 16)
    size = max(1, min(size, -(-n // of), maximum or size))
    for start in range(number * size, n, of * size):
        block = slice(start, min(n, start + size))
        part = X[block]
        yield block, part.toarray() if sparse.issparse(part) else part


def column_blocks(X: Any) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
    """All columns once, in dense blocks; the only reader of the columns of wide data."""
    n, p = X.shape
    size = max(BLOCK_BYTES // (8 * max(n, 1)), 16)
    for start in range(0, p, size):
        block = slice(start, min(p, start + size))
        part = X[:, block]
        yield block, part.toarray() if sparse.issparse(part) else part


def sample_middle(X: Any) -> Array:
    """A value from the middle of each column (p,): a shift that keeps moments of far-off columns from cancelling.

    Medians of a few dozen rows, which no outlier carries away from the others; of sparse columns by the million means.
    """
    n, p = X.shape
    rows = X[:: max(1, n // SAMPLED)]
    if sparse.issparse(rows):
        if p > DENSE_SAMPLE:
            return np.asarray(rows.mean(axis=0, dtype=np.float64), dtype=np.float64).ravel()
        rows = rows.toarray()
    half = (len(rows) - 1) // 2
    middle = np.asarray(np.partition(rows, half, axis=0)[half], dtype=np.float64)
    return np.where(np.isfinite(middle), middle, 0.0)
