"""A design matrix in safe units: columns and rows scaled by powers of two, columns shifted, seen in blocks of rows.

Scaling by powers of two is exact, so magnitudes from 1e-300 to 1e300 cost nothing; shifting a column by a float near
its mean is kept exactly as an unevaluated pair, so a column like 1e8 + noise loses nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.extended import Arithmetic, Floats, Integers, Pair, pair_sum, zeros

_BLOCK = 2**16  # numbers in a block: half a megabyte, so that the temporaries of the pair arithmetic stay in cache
_LOWEST = -(2**20)  # stands for the exponent of zero


@final
@dataclass(frozen=True)
class Scaled:
    """Numbers mantissa · 2**exponent of unbounded range, mantissa in [1/4, 1) or zero."""

    mantissa: Pair
    exponent: Integers

    @staticmethod
    def of(value: Pair) -> Scaled:
        """Numbers in the range of float64, exactly."""
        zero = value.hi == 0.0
        exponent = np.where(zero, 0, np.frexp(value.hi)[1]).astype(np.int32)
        return Scaled(value.scaled(-exponent), np.where(zero, _LOWEST, exponent).astype(np.int32))

    def __mul__(self, other: Scaled) -> Scaled:
        product = Scaled.of(self.mantissa * other.mantissa)
        exponent = np.maximum(product.exponent + self.exponent + other.exponent, _LOWEST)
        return Scaled(product.mantissa, exponent.astype(np.int32))

    def shifted(self, exponent: Integers) -> Scaled:
        """The product with 2**exponent."""
        return Scaled(self.mantissa, np.maximum(self.exponent + exponent, _LOWEST).astype(np.int32))

    def at(self, exponent: Integers) -> Pair:
        """The quotient by 2**exponent as a pair; far too small becomes zero."""
        return self.mantissa.scaled(np.clip(self.exponent - exponent, -3000, 3000).astype(np.int32))


@final
@dataclass(frozen=True)
class RowScale:
    """The rows with positive weight: s_i = weight_i · 2**(2 exponent_i) (up to one common factor), weight in [1/2, 2).

    The square roots of the powers of two go into the rows of the design and the target; only `weight` acts as a weight.
    """

    index: NDArray[np.intp] | None  # None: all rows
    weight: Floats
    exponent: Integers
    total: Pair  # Σ s_i in the same units

    @staticmethod
    def of(sample_weight: Floats | None, n: int) -> RowScale:
        """From sample weights of any magnitude; None means ones."""
        if sample_weight is None:
            return RowScale(None, np.ones(n), np.zeros(n, dtype=np.int32), Pair.of(np.array(float(n))))
        positive = np.flatnonzero(sample_weight > 0.0)
        if not positive.size:
            raise ValueError(
                f"sample_weight: all {n} weights are zero or missing; expected at least one positive weight. "
                "Leave sample_weight out to give every row the same weight."
            )
        mantissa, exponent = np.frexp(sample_weight[positive].astype(np.float64))
        exponent = exponent - exponent.max()
        half = exponent // 2
        weight = np.ldexp(mantissa, exponent - 2 * half)
        total = pair_sum(Pair.of(np.ldexp(mantissa, exponent)))
        return RowScale(None if positive.size == n else positive, weight, half.astype(np.int32), total)

    def take(self, values: NDArray[Any], rows: slice) -> NDArray[Any]:
        """The rows `rows` (counted among those with positive weight) of an array."""
        taken: NDArray[Any] = values[rows] if self.index is None else values[self.index[rows]]
        return taken


def _row_ranges(n: int, q: int) -> Iterator[slice]:
    """Ranges of rows that hold about `_BLOCK` numbers each."""
    step = max(1, _BLOCK // max(1, q))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


@final
@dataclass(frozen=True)
class ScaledDesign:
    """Rows 2**h_i · (x_ij 2**-exponent_j − shift_j) of chosen columns, and last, if asked for, a column of ones."""

    X: NDArray[Any]
    scale: RowScale
    columns: NDArray[np.intp]
    exponent: Integers  # of the columns, and of the intercept last
    shift: Floats | None  # (columns,), in scaled units; None: no shift and no intercept column

    @property
    def shape(self) -> tuple[int, int]:
        """(rows with positive weight, columns and intercept)."""
        return self.scale.weight.size, self.exponent.size

    def blocks(self) -> Iterator[tuple[slice, Pair]]:
        """Row ranges with their part of the matrix."""
        n, q = self.shape
        p = self.columns.size
        half = self.exponent // 2
        # Two factors: 2**-exponent itself can be out of range where x · 2**-exponent is not.
        first, second = np.ldexp(1.0, -half), np.ldexp(1.0, half - self.exponent)
        every = p == self.X.shape[1]
        for rows in _row_ranges(n, q):
            raw = self.scale.take(self.X, rows)
            hi = np.ones((raw.shape[0], q))
            hi[:, :p] = raw if every else raw[:, self.columns]
            hi *= first
            hi *= second
            factor = np.ldexp(1.0, self.scale.exponent[rows])[:, None]
            yield rows, self._centred(hi, factor)

    def _centred(self, hi: Floats, factor: Floats) -> Pair:
        """The block less the shift, times the row factors, as a pair."""
        lo = np.zeros_like(hi)
        if self.shift is not None:
            p = self.shift.size
            x = hi[:, :p]
            s = x - self.shift
            t = s - x
            lo[:, :p] = (x - (s - t)) - (self.shift + t)
            hi[:, :p] = s
        hi *= factor
        lo *= factor
        return Pair(hi, lo)


@final
@dataclass(frozen=True)
class ColumnMoments:
    """What scaling and penalty need of each column, in units of 2**exponent_j: the largest |x_ij| is below 1."""

    exponent: Integers
    mean: Floats  # within rounding of the weighted mean; exact for constant columns
    variance: Pair  # weighted, to the arithmetic's precision
    constant: NDArray[np.bool_]


def column_moments(X: NDArray[Any], scale: RowScale, arithmetic: Arithmetic) -> ColumnMoments:
    """Exponent, mean and weighted variance of every column, in three passes over blocks of rows.

    With m near the mean, variance = Σs(x−m)²/Σs − (Σs(x−m)/Σs)²: the second term is tiny, so nothing cancels.
    """
    n, p = scale.weight.size, X.shape[1]
    columns = np.arange(p)
    low, high = np.full(p, np.inf), np.full(p, -np.inf)
    for rows in _row_ranges(n, p):
        block = scale.take(X, rows)
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    exponent = np.frexp(np.maximum(np.abs(low), np.abs(high)))[1].astype(np.int32)
    middle = 0.5 * np.ldexp(low, -exponent) + 0.5 * np.ldexp(high, -exponent)
    first_weight = np.ldexp(scale.weight, scale.exponent)  # the blocks carry the other root of the powers of two
    drift = np.zeros(p)
    for rows, part in ScaledDesign(X, scale, columns, exponent, middle).blocks():
        drift += first_weight[rows] @ part.hi
    mean = middle + drift / scale.total.hi
    first, second = zeros((p,)), zeros((p,))
    for rows, part in ScaledDesign(X, scale, columns, exponent, mean).blocks():
        sums, squares = arithmetic.moments(part, first_weight[rows], scale.weight[rows])
        first, second = first + sums, second + squares
    share = scale.total.reciprocal()
    offset = first * share
    constant = low == high
    variance = second * share - offset * offset
    return ColumnMoments(exponent, mean, variance, constant | (variance.hi <= 0.0))
