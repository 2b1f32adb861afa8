"""What a Krylov solve is given, checked, as float64 in units that keep its digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Floats: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]
Sparse: TypeAlias = Any  # a scipy.sparse csr_array or csc_array of float64; SciPy ships no types


@dataclass(frozen=True, eq=False)
class Targets:
    """Y in units that keep its digits: (Y − shift)/unit, where the shift is 0 without an intercept.

    Parameters
    ----------
    values : ndarray of shape (n, t)
    shifts, units : ndarray of shape (t,)
    """

    values: Floats
    shifts: Floats
    units: Floats


def as_float64(X: Sparse) -> Sparse:
    """X as a CSR or CSC array of finite float64 in canonical order; the caller's arrays are used, never changed."""
    if not sparse.issparse(X) or X.format not in ("csr", "csc"):
        given = f"sparse {X.format}" if sparse.issparse(X) else type(X).__name__
        raise ValueError(f"X is {given}; give a scipy.sparse CSR or CSC matrix, for example X.tocsr()")
    matrix = with_values(X, X.data)
    if matrix.has_canonical_format:
        matrix = with_values(matrix, matrix.data.astype(np.float64, copy=False))
    else:
        matrix = matrix.astype(np.float64, copy=True)
        matrix.sum_duplicates()
    bad = np.flatnonzero(~np.isfinite(matrix.data))
    if bad.size:
        entries = matrix.tocoo()
        row, column = (int(axis[bad[0]]) for axis in (entries.row, entries.col))
        raise ValueError(
            f"X holds {matrix.data[bad[0]]} in row {row}, column {column}; fill in or drop missing and infinite values"
        )
    return matrix


def with_values(matrix: Sparse, values: Floats) -> Sparse:
    """The same pattern, in the same memory, with other stored values."""
    kind = sparse.csr_array if matrix.format == "csr" else sparse.csc_array
    return kind((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def as_rows(fold: ArrayLike, n: int, name: str) -> Index:
    """Row numbers of a fold that is given as a boolean mask (n,) or as row numbers."""
    rows = np.asarray(fold)
    if rows.dtype == bool:
        if rows.shape != (n,):
            raise ValueError(f"{name} is a mask of shape {rows.shape}; X has {n} rows, so give shape ({n},)")
        return np.flatnonzero(rows)
    if rows.size == 0:
        return np.empty(0, dtype=np.intp)
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"{name} has shape {rows.shape} and type {rows.dtype}; give row numbers or a boolean mask")
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"{name} names rows {rows.min()} to {rows.max()}; X has rows 0 to {n - 1}")
    return rows.astype(np.intp)


def non_negative(values: ArrayLike | None, size: int, name: str, item: str) -> Floats:
    """A weight for each row or column, checked; ones for None."""
    weights = np.ones(size) if values is None else np.asarray(values, dtype=np.float64)
    if weights.shape != (size,):
        raise ValueError(f"{name} has shape {weights.shape}; give one number for each of the {size} {item}s")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(f"{name} is {weights[bad[0]]} at {item} {bad[0]}; give finite numbers that are at least 0")
    return weights


def as_precisions(prior_precisions: ArrayLike) -> Floats:
    """Λ (L,), checked."""
    precisions = np.atleast_1d(np.asarray(prior_precisions, dtype=np.float64))
    bad = np.flatnonzero(~(precisions >= 0))
    if precisions.ndim != 1 or bad.size:
        given = f"shape {precisions.shape}" if precisions.ndim != 1 else f"{precisions[bad[0]]} at place {bad[0]}"
        raise ValueError(f"prior_precisions has {given}; give a list of numbers that are at least 0")
    return precisions


def as_targets(Y: ArrayLike, weights: Floats, fit_intercept: bool) -> Targets:
    """Y as (n, t), checked, less its mean if there is an intercept, in powers of two."""
    values = np.asarray(Y, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(weights):
        raise ValueError(f"Y has shape {np.shape(Y)}; X has {len(weights)} rows, so give shape ({len(weights)}, t)")
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, target = bad[0].tolist()
        raise ValueError(f"Y holds {values[row, target]} in row {row}, target {target}; drop or fill in such rows")
    units = power_of_two(np.abs(values).max(axis=0, initial=0.0))
    values = values / units
    shifts = np.average(values, axis=0, weights=weights) if fit_intercept and weights.any() else np.zeros(len(units))
    return Targets(values - shifts, shifts * units, units)


def power_of_two(magnitude: Floats) -> Floats:
    """The largest power of two that is at most a magnitude; 1 for 0."""
    return np.ldexp(1.0, np.where(magnitude > 0, np.frexp(magnitude)[1] - 1, 0))
