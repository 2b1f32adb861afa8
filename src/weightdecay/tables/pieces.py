"""Pieces of a wide design, written side by side into one matrix: dense where it is small or full, else sparse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A dense matrix is fastest while it fits well into memory; beyond, a sparse one pays where few numbers are not 0.
DENSE_BYTES = 512 * 2**20
DENSE_SHARE = 0.2
# Rows written at a time: a block of a few hundred columns stays in a processor's cache.
BLOCK_BYTES = 2**20


class Piece(Protocol):
    """Columns of the design that belong together."""

    @property
    def width(self) -> int:
        """How many columns."""

    @property
    def filled(self) -> int:
        """How many numbers are not 0."""

    def write(self, block: Array, start: int) -> None:
        """Write rows from ``start`` on into a block of zeros, (rows, width)."""

    def sparse(self) -> Any:
        """All rows as a sparse array, (n, width)."""


@dataclass(frozen=True, eq=False)
class Values:
    """A column of numbers, shape (n,); any type that float64 holds."""

    values: NDArray[Any]

    @property
    def width(self) -> int:
        return 1

    @property
    def filled(self) -> int:
        return int(np.count_nonzero(self.values))

    def write(self, block: Array, start: int) -> None:
        block[:, 0] = self.values[start : start + len(block)]

    def sparse(self) -> Any:
        from scipy import sparse

        rows = np.flatnonzero(self.values).astype(np.int32)
        shape = (len(self.values), 1)
        return sparse.csc_array((self.values[rows].astype(np.float64), rows, np.array([0, len(rows)])), shape=shape)


@dataclass(frozen=True, eq=False)
class Codes:
    """A 0/1 column for every level: the level of each row, shape (n,), or −1 for none."""

    codes: NDArray[np.int32]
    width: int

    @property
    def filled(self) -> int:
        return int(np.count_nonzero(self.codes >= 0))

    def write(self, block: Array, start: int) -> None:
        codes = self.codes[start : start + len(block)]
        rows = np.flatnonzero(codes >= 0)
        block[rows, codes[rows]] = 1.0

    def sparse(self) -> Any:
        from scipy import sparse

        there = self.codes >= 0
        ends = np.concatenate(([0], np.cumsum(there, dtype=np.int32)))
        ones = np.ones(int(ends[-1]))
        return sparse.csr_array((ones, self.codes[there], ends), shape=(len(self.codes), self.width))


@dataclass(frozen=True, eq=False)
class Weighed:
    """Columns that are sparse already, a CSR array of shape (n, width)."""

    matrix: Any

    @property
    def width(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def filled(self) -> int:
        return int(self.matrix.nnz)

    def write(self, block: Array, start: int) -> None:
        block[:] = self.matrix[start : start + len(block)].toarray()

    def sparse(self) -> Any:
        return self.matrix


def assembled(pieces: Sequence[Piece], n: int, *, sparse: bool) -> Any:
    """The pieces side by side.

    Parameters
    ----------
    pieces : sequence of Piece
    n : int
        Rows.
    sparse : bool
        Whether the matrix is sparse however small it is.

    Returns
    -------
    ndarray or sparse CSR array of shape (n, p)
        float64; the ndarray in C order.
    """
    width = sum(piece.width for piece in pieces)
    large = 8 * n * width > DENSE_BYTES and sum(piece.filled for piece in pieces) < DENSE_SHARE * n * width
    if sparse or large:
        from scipy import sparse as matrices

        return matrices.csr_array(matrices.hstack([piece.sparse() for piece in pieces], format="csr"))
    matrix = np.zeros((n, width))
    rows = max(1, BLOCK_BYTES // (8 * max(width, 1)))
    for start in range(0, n, rows):
        column = 0
        for piece in pieces:
            piece.write(matrix[start : start + rows, column : column + piece.width], start)
            column += piece.width
    return matrix
