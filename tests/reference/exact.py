"""Ridge regression in exact rational arithmetic: the answer that every solver is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log10
from typing import Any

import numpy as np

Rationals = list[Fraction]


@dataclass(frozen=True)
class ExactFit:
    """The exact minimiser: coefficients (p,) and intercept."""

    coef: Rationals
    intercept: Fraction

    @property
    def all(self) -> Rationals:
        """Intercept first, then the coefficients."""
        return [self.intercept, *self.coef]


def exact_ridge(
    X: Any,
    y: Any,
    decay: Any,
    *,
    sample_weight: Any = None,
    decay_weights: Any = None,
    centre: Any = None,
    fit_intercept: bool = True,
    standardize: bool = True,
) -> ExactFit:
    """The minimiser of J, or where it is not unique the one of least Σ p v (w − c)², by rational elimination.

    J = 1/(2 Σs) Σ s (y − b − x·w)² + (λ/2) Σ_j p_j v_j (w_j − c_j)², v_j the weighted variance or 1. Numbers may be
    floats (taken exactly), integers, fractions or decimal strings.
    """
    rows = [[Fraction(v) for v in row] for row in _plain(X)]
    target = [Fraction(v) for v in _plain(y)]
    n, p = len(rows), len(rows[0])
    s = [Fraction(v) for v in _plain(sample_weight)] if sample_weight is not None else [Fraction(1)] * n
    weights = [Fraction(v) for v in _plain(decay_weights)] if decay_weights is not None else [Fraction(1)] * p
    c = [Fraction(v) for v in _plain(centre)] if centre is not None else [Fraction(0)] * p
    total = sum(s)
    mean = [sum(si * row[j] for si, row in zip(s, rows, strict=True)) / total for j in range(p)]
    penalty = list(weights)
    if standardize:
        for j in range(p):
            penalty[j] *= sum(si * (row[j] - mean[j]) ** 2 for si, row in zip(s, rows, strict=True)) / total
    level = Fraction(0)
    if fit_intercept:
        level = sum(si * yi for si, yi in zip(s, target, strict=True)) / total
        rows = [[v - m for v, m in zip(row, mean, strict=True)] for row in rows]
    # In d = w − c the penalty is centred at zero.
    rest = [yi - level - _dot(row, c) for row, yi in zip(rows, target, strict=True)]
    gram = [[sum(si * row[j] * row[k] for si, row in zip(s, rows, strict=True)) for k in range(p)] for j in range(p)]
    moment = [sum(si * row[j] * ri for si, row, ri in zip(s, rows, rest, strict=True)) for j in range(p)]
    strength = Fraction(decay) * total
    system = [[gram[j][k] + (strength * penalty[j] if j == k else 0) for k in range(p)] for j in range(p)]
    step = least_penalty_solution(system, moment, penalty)
    coef = [a + b for a, b in zip(c, step, strict=True)]
    return ExactFit(coef, level - _dot(mean, coef) if fit_intercept else Fraction(0))


def least_penalty_solution(system: Sequence[Rationals], right: Rationals, penalty: Rationals) -> Rationals:
    """Among the solutions of a consistent symmetric system, the one of least Σ penalty_j d_j²."""
    p = len(right)
    first, free = _eliminated([[*row, b] for row, b in zip(system, right, strict=True)], p)
    if not free:
        return first
    # Stationarity penalty ∘ d = system u together with system d = right; u itself need not be unique.
    full = [[*(penalty[j] if j == k else Fraction(0) for k in range(p)), *(-v for v in system[j])] for j in range(p)]
    full += [[*system[j], *([Fraction(0)] * p)] for j in range(p)]
    columns = [[*row, b] for row, b in zip(full, [Fraction(0)] * p + list(right), strict=True)]
    return _eliminated(columns, 2 * p)[0][:p]


def _eliminated(table: list[Rationals], unknowns: int) -> tuple[Rationals, list[int]]:
    """Gauss–Jordan on [A | b]: a solution with free unknowns at zero, and which those are."""
    pivots: list[int] = []
    for column in range(unknowns):
        row = len(pivots)
        pivot = next((i for i in range(row, len(table)) if table[i][column]), None)
        if pivot is None:
            continue
        table[row], table[pivot] = table[pivot], table[row]
        inverse = 1 / table[row][column]
        table[row] = [v * inverse for v in table[row]]
        for i in range(len(table)):
            if i != row and (factor := table[i][column]):
                table[i] = [a - factor * b for a, b in zip(table[i], table[row], strict=True)]
        pivots.append(column)
    if any(row[-1] for row in table[len(pivots) :]):
        raise ValueError("the rational system has no solution; expected a consistent one")
    solution = [Fraction(0)] * unknowns
    for row, column in enumerate(pivots):
        solution[column] = table[row][-1]
    return solution, [column for column in range(unknowns) if column not in pivots]


def correct_digits(found: Any, exact: Sequence[Fraction]) -> float:
    """The worst log relative error over entries, at most 16; entries that are exactly zero count absolutely."""
    worst = 16.0
    for value, truth in zip(np.ravel(found).tolist(), exact, strict=True):
        if not np.isfinite(value):
            return 0.0
        error = abs(Fraction(value) - truth) / (abs(truth) or 1)
        if error:
            # Through numerator and denominator: the error itself may be below the smallest float.
            worst = min(worst, -(log10(error.numerator) - log10(error.denominator)))
    return max(0.0, worst)


def _plain(values: Any) -> Any:
    """Nested lists of Python numbers."""
    return values.tolist() if isinstance(values, np.ndarray) else values


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))
