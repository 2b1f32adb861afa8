"""Dominance: how much of a column's variance a single row makes up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.rows import Rows, column_blocks, row_blocks

Array = NDArray[np.float64]

# A sum of squares below this share of the squared mean is rounding.
CONSTANT = 1e-28


def ruling_share(n: int, p: int) -> float:
    """The share of a column's variance beyond which a row rules it: a tenth, in small tables more, at most half.

    The largest of n·p normal numbers is about √(2 ln np), and so carries 2 ln(np)/n of its column's variance; a row
    rules where it carries twice that.
    """
    return min(max(0.1, 4.0 * math.log(max(n * p, 2)) / n), 0.5)


def largest_share(rows: Rows) -> tuple[int, int, float]:
    """Row, column and size of the largest s_i (x_ij − x̄_j)²/Σ s (x_j − x̄_j)²; two passes over the data at most.

    Levels of a category, flags of gaps, truth values and words do not count: that few rows have them is no slip of the
    pen, and a row that is left out takes a level of its own along.
    """
    counted = ~indicators(rows)
    if sparse.issparse(rows.X):
        return _of_sparse(rows, counted)
    s, S = rows.s, rows.weight_sum
    best = (0, 0, 0.0)
    if rows.p > rows.n:
        for block, part in column_blocks(rows.X):
            middle = s @ part / S
            square = s[:, None] * (part - middle) ** 2
            best = max(best, _largest(square * counted[block], S * middle**2, block.start), key=lambda one: one[2])
        return best
    mean = sum(s[block] @ part for block, part in row_blocks(rows.X)) / S
    # The sum of squares and each row's part of it come from the same pass; the largest part is divided at the end.
    total, top, where = np.zeros(rows.p), np.zeros(rows.p), np.zeros(rows.p, dtype=np.intp)
    for block, part in row_blocks(rows.X):
        square = np.subtract(part, mean, dtype=np.float64)
        np.square(square, out=square)
        square *= s[block][:, None]
        total += square.sum(axis=0)
        row = square.argmax(axis=0)
        value = square[row, np.arange(rows.p)]
        better = value > top
        top[better], where[better] = value[better], block.start + row[better]
    share = np.where(total > CONSTANT * S * (mean**2), top / np.where(total > 0, total, 1.0), 0.0)
    share[~counted] = 0.0
    column = int(share.argmax()) if rows.p else 0
    return (int(where[column]), column, float(share[column])) if rows.p else best


def _largest(square: Array, size: Array, column: int) -> tuple[int, int, float]:
    """The largest share within a block of columns, with its place; `size` is what the mean alone would make up."""
    total = square.sum(axis=0)
    share = square / np.where(total > CONSTANT * size, total, np.inf)
    at = np.unravel_index(int(share.argmax()), share.shape)
    return int(at[0]), column + int(at[1]), float(share[at])


def indicators(rows: Rows) -> NDArray[np.bool_]:
    """Which columns (p,) are levels of a category, flags of gaps, truth values or words of a text."""
    found = np.zeros(rows.p, dtype=bool)
    if rows.encoding is not None:
        found[[*rows.encoding.flags, *rows.encoding.truths]] = True
        for one in rows.encoding.terms:
            found[one.start : one.stop] = True
        for columns in rows.encoding.sums:
            found[list(columns)] = True
    return found


def _of_sparse(rows: Rows, counted: NDArray[np.bool_]) -> tuple[int, int, float]:
    """The same of sparse columns from their stored values; zeros are told by counting."""
    p, S = rows.p, rows.weight_sum
    # Heaviest rows first: of a column's zeros, the one that weighs most stands in the first row without a stored value.
    order = np.argsort(-rows.s, kind="stable")
    weights = rows.s[order]
    matrix = _by_columns(rows.X, None if rows.weight is None else order)
    starts = matrix.indptr[:-1]
    columns = np.repeat(np.arange(p), np.diff(matrix.indptr))
    stored = weights[matrix.indices]
    mean = np.bincount(columns, stored * matrix.data, minlength=p) / S
    square = stored * np.square(matrix.data - mean[columns])
    absent = _first_absent(matrix.indices, starts, columns, p)
    gap = absent < rows.n
    zero = np.where(gap, weights[np.minimum(absent, rows.n - 1)], 0.0) * np.square(mean)
    rest = np.where(gap, np.maximum(S - np.bincount(columns, stored, minlength=p), 0.0), 0.0)
    total = np.bincount(columns, square, minlength=p) + rest * np.square(mean)
    total[~counted] = 0.0
    floor = np.where(total > CONSTANT * S * np.square(mean), total, np.inf)
    share = np.concatenate([square / floor[columns], zero / floor])
    if not share.size:
        return 0, 0, 0.0
    at = int(share.argmax())
    row = matrix.indices[at] if at < len(square) else absent[at - len(square)]
    column = columns[at] if at < len(square) else at - len(square)
    return int(order[row]) if share[at] else 0, int(column), float(share[at])


def _by_columns(X: Any, order: NDArray[np.intp] | None) -> Any:
    """Float64 columns of X with its rows in an order, each entry stored once, those of a column by row."""
    matrix = X.astype(np.float64) if order is None else X[order].astype(np.float64)
    matrix = matrix.tocsc()
    matrix.sum_duplicates()  # sorts too, and changes a copy only: `astype` has made one
    return matrix


def _first_absent(indices: NDArray[Any], starts: NDArray[Any], columns: NDArray[np.intp], p: int) -> NDArray[np.intp]:
    """First row of each column (p,) that has no stored value: where sorted row numbers first differ from 0, 1, 2, …"""
    place = np.arange(len(indices)) - starts[columns]
    first = np.bincount(columns, minlength=p)
    gaps = np.flatnonzero(indices != place)
    np.minimum.at(first, columns[gaps], place[gaps])
    return first
