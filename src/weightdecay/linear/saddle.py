"""A ridge problem as a saddle system in safe units: powers of two taken out of rows, columns, targets and penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.corrections import rank_tolerance
from weightdecay.linear.extended import Arithmetic, Floats, Integers, Pair, pair_sum, zeros
from weightdecay.linear.scaled_design import ColumnMoments, RowScale, Scaled, ScaledDesign, column_moments

_WIDEST_TIE = 300  # powers of two by which column lengths over penalty lengths may differ within one decomposition
_ABSENT = -(2**24)  # below every exponent in use


@final
@dataclass(frozen=True)
class Question:
    """What is asked of the data, in the caller's units; see `solve_refined`."""

    decay: float
    decay_weights: Floats  # (p,)
    centre: Floats  # (t, p)
    fit_intercept: bool
    standardize: bool


@final
@dataclass(frozen=True)
class SaddleSystem:
    """The equations of `extended_residual` in one choice of units for the unknowns.

    W = `penalty`, W₀ = `tie`; W = `ratio` W₀ in penalty units. `limit`: `ratio` is at rounding level, so that the
    condition of least penalty has to be part of the system.
    """

    design: ScaledDesign
    target: Pair  # (n, t)
    weight: Floats  # (n,)
    penalty: Pair  # (q,)
    tie: Pair  # (q,)
    ratio: float
    limit: bool


@final
@dataclass(frozen=True)
class ScaledProblem:
    """The data in safe units: what both choices of units for the unknowns share."""

    X: NDArray[Any]
    rows: RowScale
    question: Question
    moments: ColumnMoments
    length: Integers  # (p,) exponents of the columns' weighted norms
    ones_length: int  # the same of the intercept's column
    free: NDArray[np.intp]  # columns whose coefficient is not fixed at the centre
    penalty: Scaled  # p_j v_j of the free columns
    strength: Scaled  # λ Σs, (1,); zero at infinite decay, which `free` has dealt with

    @staticmethod
    def of(X: NDArray[Any], rows: RowScale, question: Question, arithmetic: Arithmetic) -> ScaledProblem:
        """Measure the columns, and find those that the decay or their constancy fixes."""
        moments = column_moments(X, rows, arithmetic)
        square = moments.variance.hi + (0.0 if question.fit_intercept else moments.mean**2)
        fixed = square <= 0.0
        if question.fit_intercept:
            fixed |= moments.constant
        endless = bool(np.isinf(question.decay))
        if endless:
            fixed |= (question.decay_weights > 0.0) & ~(moments.constant & question.standardize)
        free = np.flatnonzero(~fixed)
        penalty = Scaled.of(Pair.of(question.decay_weights[free]))
        if question.standardize:
            # A column that is constant has no variance, not its rounding error.
            spread = moments.variance[free].where(~moments.constant[free])
            penalty = penalty * Scaled.of(spread).shifted(2 * moments.exponent[free])
        strength = Scaled.of(Pair.of(np.array([0.0 if endless else question.decay]))) * Scaled.of(rows.total[None])
        length = moments.exponent + _half(np.frexp(square * rows.total.hi)[1])
        return ScaledProblem(
            X, rows, question, moments, length, int(_half(np.frexp(rows.total.hi)[1])), free, penalty, strength
        )

    def target_exponent(self, Y: Floats) -> Integers:
        """The power of two, (t,), in which each target and the centre's predictions are at most about 1."""
        y = np.abs(Y).max(axis=0)
        c = self.question.centre
        exponent = np.where(c == 0.0, _ABSENT, np.frexp(c)[1] + self.length).max(axis=1, initial=_ABSENT)
        exponent = np.maximum(exponent, np.where(y == 0.0, _ABSENT, np.frexp(y)[1]))
        return np.where(exponent == _ABSENT, 0, exponent).astype(np.int32)

    def target(self, Y: Floats, exponent: Integers, arithmetic: Arithmetic) -> Pair:
        """y − (X − m) c in units 2**exponent, (n, t), with the rows' scaling."""
        y = Pair.of(np.ldexp(Y, -exponent) * np.ldexp(1.0, self.rows.exponent)[:, None])
        if not self.question.centre.any():
            return y
        p = self.length.size
        centre = Pair.of(self._scaled_centre(exponent))
        for rows, block in self._design(np.arange(p), self.length).blocks():
            predicted, _ = arithmetic.products(block[:, :p], centre, zeros((block.hi.shape[0], 0)))
            rest = y[rows] - predicted
            y.hi[rows], y.lo[rows] = rest.hi, rest.lo
        return y

    def in_column_units(self, target: Pair) -> SaddleSystem:
        """Unknowns scaled so that every column of [√s C; √W] has a length of about 1: best where it is regular."""
        decayed = self.strength * self.penalty
        exponent = np.maximum(self.length[self.free], _half(decayed.exponent))
        return self._system(target, exponent, decayed.at(2 * exponent), zeros(self.free.shape), 0.0)

    def in_penalty_units(self, target: Pair) -> SaddleSystem:
        """Unknowns scaled so that the penalty is about their sum of squares; columns and Λ at most about 1."""
        penalised = self.penalty.mantissa.hi > 0.0
        length, unit = self.length[self.free], _half(self.penalty.exponent)
        over = (length - unit)[penalised]
        common = max(int(over.max(initial=_ABSENT)), int(_half(self.strength.exponent)[0]))
        ratio = float(self.strength.at(np.array([2 * common], dtype=np.int32)).hi[0])
        limit = ratio <= rank_tolerance(length.size) ** 2
        tie = self.penalty.at(2 * unit)
        if limit and over.size and int(over.max() - over.min()) > _WIDEST_TIE:
            ones = Pair.of(penalised.astype(np.float64))
            return self._system(target, length, zeros(length.shape), ones, 0.0, limit=True)
        exponent = np.where(penalised, unit + common, length).astype(np.int32)
        penalty = (self.strength * self.penalty).at(2 * exponent)
        return self._system(target, exponent, penalty, tie, ratio, limit=limit)

    def original_units(self, system: SaddleSystem, solution: Pair, exponent: Integers) -> tuple[Floats, Floats]:
        """Coefficients (t, p) and intercepts (t,) of a solution (q, t) for targets in units 2**exponent."""
        p, k = self.length.size, self.free.size
        scaled = Pair.of(self._scaled_centre(exponent))
        unit = (self.length[self.free] - system.design.exponent[:k])[:, None]
        moved = scaled[self.free] + solution[:k].scaled(unit)
        scaled.hi[self.free], scaled.lo[self.free] = moved.hi, moved.lo
        coef = self.question.centre.copy()
        with np.errstate(over="ignore"):  # a coefficient beyond float64 is infinite
            coef[:, self.free] = np.ldexp(moved.rounded(), exponent - self.length[self.free, None]).T
            if not self.question.fit_intercept:
                return coef, np.zeros(coef.shape[0])
            mean = Pair.of(self._shift(np.arange(p), self.length)[:, None])
            ones = solution[k].scaled(np.array(-self.ones_length, dtype=np.int32))
            return coef, np.ldexp((ones - pair_sum(mean * scaled)).rounded(), exponent)

    def _scaled_centre(self, exponent: Integers) -> Floats:
        """The centre in units of the columns' lengths, for targets in units 2**exponent, (p, t)."""
        scaled: Floats = np.ldexp(self.question.centre.T, self.length[:, None] - exponent)
        return scaled

    def _design(self, columns: NDArray[np.intp], exponent: Integers) -> ScaledDesign:
        """The design on chosen columns in units 2**exponent, with the intercept's column if there is one."""
        if not self.question.fit_intercept:
            return ScaledDesign(self.X, self.rows, columns, exponent, None)
        with_ones = np.append(exponent, self.ones_length).astype(np.int32)
        return ScaledDesign(self.X, self.rows, columns, with_ones, self._shift(columns, exponent))

    def _shift(self, columns: NDArray[np.intp], exponent: Integers) -> Floats:
        """The columns' means in units 2**exponent."""
        shift: Floats = np.ldexp(self.moments.mean[columns], self.moments.exponent[columns] - exponent)
        return shift

    def _system(
        self, target: Pair, exponent: Integers, penalty: Pair, tie: Pair, ratio: float, *, limit: bool = False
    ) -> SaddleSystem:
        """The system on the free columns in units 2**exponent; the intercept is exempt."""
        if self.question.fit_intercept:
            penalty, tie = (Pair(np.append(w.hi, 0.0), np.append(w.lo, 0.0)) for w in (penalty, tie))
        return SaddleSystem(self._design(self.free, exponent), target, self.rows.weight, penalty, tie, ratio, limit)


def _half(exponent: Integers) -> Integers:
    """Half the exponent, rounded up."""
    half: Integers = (-(-exponent // 2)).astype(np.int32)
    return half
