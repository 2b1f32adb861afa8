"""Dominance: how much of a column's variance a single row makes up."""

from __future__ import annotations

import numpy as np

from weightdecay.linear.rows import Rows, column_blocks, row_blocks


def largest_share(rows: Rows) -> tuple[int, int, float]:
    """Row, column and size of the largest s_i (x_ij − x̄_j)²/Σ s (x_j − x̄_j)²; two passes over the data."""
    s, S = rows.s, rows.weight_sum
    best = (0, 0, 0.0)
    if rows.p > rows.n:
        for block, part in column_blocks(rows.X):
            square = s[:, None] * (part - s @ part / S) ** 2
            best = max(best, _largest(square, square.sum(axis=0), 0, block.start), key=lambda one: one[2])
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
    share = np.where(total > 1e-28 * S * (mean**2), top / np.where(total > 0, total, 1.0), 0.0)
    column = int(share.argmax()) if rows.p else 0
    return (int(where[column]), column, float(share[column])) if rows.p else best


def _largest(square: np.ndarray, total: np.ndarray, row: int, column: int) -> tuple[int, int, float]:  # type: ignore[type-arg]
    """The largest share within a block, with its place."""
    share = square / np.where(total > 0, total, 1.0)
    at = np.unravel_index(int(share.argmax()), share.shape)
    return row + int(at[0]), column + int(at[1]), float(share[at])
