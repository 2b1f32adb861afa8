"""Powers of two that bring columns and targets of any float64 size into the range where squares exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.rows import column_blocks

Array = NDArray[np.float64]

# Sums of squares of numbers in this range neither overflow nor lose small terms.
SAFE = (1e-100, 1e100)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Exponents by which columns (p,) and all targets were divided: x = 2^column · x', y = 2^target · y'."""

    columns: NDArray[np.int64] | None = None
    target_exponent: int = 0

    @property
    def target(self) -> float:
        """2^target, inf when beyond float64."""
        return float(np.ldexp(1.0, self.target_exponent))

    def squared(self, values: Array) -> Array:
        """Losses in the targets' own squared units; beyond float64 they become inf or 0."""
        with np.errstate(over="ignore"):
            return np.asarray(np.ldexp(values, 2 * self.target_exponent))

    @property
    def unit(self) -> str:
        """In what the targets were measured meanwhile, in words; empty where in themselves."""
        return f"y/2^{self.target_exponent}" if self.target_exponent else ""

    def undone(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Models in the caller's units, exactly: only exponents change."""
        if self.columns is None and self.target_exponent == 0:
            return coef, intercept
        columns = 0 if self.columns is None else self.columns
        return np.ldexp(coef, self.target_exponent - columns), np.ldexp(intercept, self.target_exponent)


def extremes(X: Any) -> tuple[Array, NDArray[np.bool_]]:
    """Largest absolute value of each column, and which columns hold nan or inf; one pass."""
    largest, bad = np.zeros(X.shape[1]), np.zeros(X.shape[1], dtype=bool)
    for block, part in column_blocks(X):
        size = np.abs(part).max(axis=0, initial=0.0)
        bad[block] = ~np.isfinite(size)
        largest[block] = np.where(np.isfinite(size), size, 0.0)
    return largest, bad


def choose_scaling(largest: Array, Y: Array) -> Scaling:
    """Exponents for the columns and targets that need them."""
    outside = (largest > 0) & ((largest < SAFE[0]) | (largest > SAFE[1]))
    columns = np.where(outside, np.frexp(largest)[1], 0).astype(np.int64) if outside.any() else None
    size = float(np.abs(Y).max(initial=0.0))
    target = int(np.frexp(size)[1]) if size > 0 and not SAFE[0] <= size <= SAFE[1] else 0
    return Scaling(columns, target)


def scaled(X: Any, Y: Array, scaling: Scaling) -> tuple[Any, Array]:
    """Columns and targets divided by their powers of two; copies only what changes."""
    if scaling.columns is not None:
        if sparse.issparse(X):
            X = X.astype(np.float64).copy()
            X.data = np.ldexp(X.data, -scaling.columns[X.indices])
        else:
            X = np.ldexp(np.asarray(X, dtype=np.float64), -scaling.columns)
    return X, np.ldexp(Y, -scaling.target_exponent) if scaling.target_exponent else Y


def bad_cell(X: Any, columns: tuple[str, ...]) -> str:
    """The first column that cannot be used, in a sentence."""
    largest, bad = extremes(X)
    if not bad.any():
        column = int(np.argmax(largest))
        return (
            f"column {columns[column]!r} reaches {largest[column]:.3g} in a few rows, and squares of such numbers leave "
            "float64; divide the column, cap it or take its logarithm"
        )
    column = int(np.flatnonzero(bad)[0])
    values = X[:, [column]].toarray()[:, 0] if sparse.issparse(X) else X[:, column]
    where = np.flatnonzero(~np.isfinite(values))
    value = "NaN" if np.isnan(values[where[0]]) else "infinity"
    return (
        f"Input X contains {value} in column {columns[column]!r} at row {where[0]} ({len(where)} such values in this "
        "column); fill missing values in (sklearn.impute.SimpleImputer) or drop the rows"
    )
