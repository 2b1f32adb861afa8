"""Powers of two that bring columns, targets and weights of any float64 size into the range where squares exist."""

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
# Weights multiply such squares, targets enter by their fourth power (errors of losses), decay weights by their root.
MODEST = (1e-50, 1e50)
SAFE_EXPONENT = 960


@dataclass(frozen=True, eq=False)
class Scaling:
    """Exponents by which columns (p,), all targets and all weights were divided: x = 2^column x', y = 2^target y'."""

    columns: NDArray[np.int64] | None = None
    target_exponent: int = 0
    weight_exponent: int = 0

    @property
    def target(self) -> float:
        """2^target, inf when beyond float64."""
        with np.errstate(over="ignore"):
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
        with np.errstate(over="ignore"):  # a coefficient beyond float64 is infinite
            return np.ldexp(coef, self.target_exponent - columns), np.ldexp(intercept, self.target_exponent)

    def weights(self, weight: Array | None) -> Array | None:
        """Sample weights divided by their power of two; only their ratios count."""
        return weight if weight is None or not self.weight_exponent else np.ldexp(weight, -self.weight_exponent)

    def weight_sum(self, total: float) -> float:
        """A sum of such weights in the caller's units."""
        with np.errstate(over="ignore"):
            return float(np.ldexp(total, self.weight_exponent))

    def decay_weights(self, weights: Array, standardize: bool) -> tuple[Array, int]:
        """Decay weights (p,) for the divided columns, and the power of two that λ takes from all of them.

        λ p w² with w = 2^(target − column) w': where columns are not standardised, only the columns' share differs
        between columns. What is common to weights that would leave the range where their roots can be divided by goes
        to λ; weights still outside are so far apart that no λ serves both.
        """
        share = np.zeros(len(weights), dtype=np.int64) if standardize or self.columns is None else -2 * self.columns
        exponents = (np.frexp(weights)[1] + share)[weights > 0]
        if np.abs(exponents).max(initial=0) <= SAFE_EXPONENT:
            return np.ldexp(weights, share), 0
        common = (int(exponents.min()) + int(exponents.max())) // 2
        bounds = -SAFE_EXPONENT - np.frexp(weights)[1], SAFE_EXPONENT - np.frexp(weights)[1]
        return np.ldexp(weights, np.clip(share - common, *bounds)), common

    def kinks(self, weights: Array, divided: Array, standardize: bool, exponent: int) -> Array:
        """What L1 parts are multiplied with in coordinates u = √p' σ' w', p' what `decay_weights` made of weights (p,).

        λ p |w| 2^−2target with w = 2^(target − column) w', and λ without the power of two that it took: √p, unless
        numbers were divided.
        """
        columns = 0 if standardize or self.columns is None else self.columns
        with np.errstate(over="ignore", under="ignore"):
            strength = np.ldexp(weights, -(columns + self.target_exponent + exponent))
            return np.asarray(strength / np.sqrt(np.where(divided > 0, divided, 1.0)))

    def centre(self, centre: Array) -> Array:
        """The centre (t, p) in the units of the divided columns and targets."""
        columns = np.zeros(centre.shape[1], dtype=np.int64) if self.columns is None else self.columns
        return np.asarray(np.ldexp(centre, columns - self.target_exponent))


def extremes(X: Any) -> tuple[Array, NDArray[np.bool_]]:
    """Largest absolute value of each column, and which columns hold nan or inf; one pass."""
    largest, bad = np.zeros(X.shape[1]), np.zeros(X.shape[1], dtype=bool)
    if sparse.issparse(X):
        stored = X.tocoo()
        finite = np.isfinite(stored.data)
        bad[stored.col[~finite]] = True
        np.maximum.at(largest, stored.col[finite], np.abs(stored.data[finite]))
        return largest, bad
    for block, part in column_blocks(X):
        size = np.abs(part).max(axis=0, initial=0.0)
        bad[block] = ~np.isfinite(size)
        largest[block] = np.where(np.isfinite(size), size, 0.0)
    return largest, bad


def choose_scaling(largest: Array, Y: Array, weight: Array | None = None, centre: Array | None = None) -> Scaling:
    """Exponents for what needs them.

    Parameters
    ----------
    largest : ndarray of shape (p,)
        Largest absolute value of each column.
    Y : ndarray of shape (n, t)
    weight : ndarray of shape (n,), optional
    centre : ndarray of shape (t, p), optional
        Its predictions count as targets.
    """
    outside = (largest > 0) & ((largest < SAFE[0]) | (largest > SAFE[1]))
    columns = np.where(outside, np.frexp(largest)[1], 0).astype(np.int64) if outside.any() else None
    exponents = [_exponent(float(np.abs(Y).max(initial=0.0)))]
    if centre is not None and (predicting := (centre != 0) & (largest > 0)).any():
        exponents.append(int((np.frexp(centre)[1] + np.frexp(largest)[1])[predicting].max()))
    target = max((one for one in exponents if one is not None), default=0)
    heaviest = 1.0 if weight is None else float(weight.max())
    return Scaling(columns, _needed(target), _needed(_exponent(heaviest) or 0))


def _needed(exponent: int) -> int:
    """The exponent, or zero where numbers of that size are harmless."""
    return 0 if MODEST[0] <= np.ldexp(1.0, min(exponent, 1000)) <= MODEST[1] else exponent


def _exponent(size: float) -> int | None:
    """The power of two just above a number, None for zero."""
    return int(np.frexp(size)[1]) if size > 0 else None


def scaled(X: Any, Y: Array, scaling: Scaling) -> tuple[Any, Array]:
    """Columns, dense or CSR, and targets divided by their powers of two; copies only what changes."""
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
            f"column {columns[column]!r} reaches {largest[column]:.3g} in a few rows, and squares of such numbers "
            "leave float64; divide the column, cap it or take its logarithm"
        )
    column = int(np.flatnonzero(bad)[0])
    values = X[:, [column]].toarray()[:, 0] if sparse.issparse(X) else X[:, column]
    where = np.flatnonzero(~np.isfinite(values))
    missing = bool(np.isnan(values[where[0]]))
    count = f" and {len(where) - 1} more rows" if len(where) > 1 else ""
    remedy = "wd.tune fills gaps of data frames in; or drop the rows" if missing else "correct it or drop the row"
    value = "NaN" if missing else "infinity"
    return f"Input X contains {value} in column {columns[column]!r} at row {where[0]}{count}; {remedy}"
