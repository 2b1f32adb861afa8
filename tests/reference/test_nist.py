"""The oracle itself: exact rational arithmetic reproduces what NIST certifies and satisfies its own definition."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from reference.exact import ExactFit, correct_digits, exact_ridge, least_penalty_solution
from reference.nist import NAMES, NistSet, nist_set

SHAPES = {
    "Norris": (36, 1), "Pontius": (40, 2), "NoInt1": (11, 1), "NoInt2": (3, 1), "Filip": (82, 10), "Longley": (16, 6),
    "Wampler1": (21, 5), "Wampler2": (21, 5), "Wampler3": (21, 5), "Wampler4": (21, 5), "Wampler5": (21, 5),
}  # fmt: skip

# Certified residual sums of squares, which no coefficient shares.
CERTIFIED_RESIDUALS = {
    "Norris": "26.6173985294224", "Pontius": "0.155761768796992E-05", "NoInt1": "127.272727272727",
    "NoInt2": "0.272727272727273", "Filip": "0.795851382172941E-03", "Longley": "836424.055505915", "Wampler1": "0",
    "Wampler2": "0", "Wampler3": "83554268", "Wampler4": "835542680000", "Wampler5": "8355426800000000",
}  # fmt: skip


@pytest.fixture(params=NAMES)
def published(request: pytest.FixtureRequest) -> NistSet:
    """One data set."""
    return nist_set(request.param)


def _least_squares(published: NistSet) -> ExactFit:
    return exact_ridge(published.rows, published.target, 0, fit_intercept=published.fit_intercept, standardize=False)


def test_exact_arithmetic_reproduces_every_certified_coefficient(published: NistSet) -> None:
    assert (len(published.rows), len(published.rows[0])) == SHAPES[published.name]
    fit = _least_squares(published)
    found = fit.all if published.fit_intercept else fit.coef
    assert len(found) == len(published.exact)
    for value, certified in zip(found, published.exact, strict=True):
        assert abs(value - certified) <= abs(certified) * Fraction(10) ** -14, (float(value), float(certified))


def test_exact_arithmetic_reproduces_every_certified_residual(published: NistSet) -> None:
    fit = _least_squares(published)
    residuals = (
        y - fit.intercept - sum(v * w for v, w in zip(row, fit.coef, strict=True))
        for row, y in zip(published.rows, published.target, strict=True)
    )
    total, certified = sum(r * r for r in residuals), Fraction(CERTIFIED_RESIDUALS[published.name])
    assert abs(total - certified) <= certified * Fraction(10) ** -14


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_exact_fit_is_stationary(standardize: bool, fit_intercept: bool) -> None:
    """The gradient of J, written out once more from its definition, is exactly zero."""
    rng = np.random.default_rng(3)
    X, y = rng.integers(-9, 9, (7, 3)).astype(float), rng.integers(-9, 9, 7).astype(float)
    s, p, c = [1.0, 2.0, 0.0, 0.5, 3.0, 1.0, 1.0], [1.0, 0.0, 2.5], [0.5, 1.0, -1.0]
    fit = exact_ridge(
        X, y, 0.75, sample_weight=s, decay_weights=p, centre=c, fit_intercept=fit_intercept, standardize=standardize
    )
    rows, weights = [[Fraction(v) for v in row] for row in X.tolist()], [Fraction(v) for v in s]
    total = sum(weights)
    residual = [
        Fraction(t) - fit.intercept - sum(v * w for v, w in zip(row, fit.coef, strict=True))
        for row, t in zip(rows, y.tolist(), strict=True)
    ]
    if fit_intercept:
        assert sum(a * r for a, r in zip(weights, residual, strict=True)) == 0
    else:
        assert fit.intercept == 0
    for j in range(3):
        column = [row[j] for row in rows]
        mean = sum(a * v for a, v in zip(weights, column, strict=True)) / total
        variance = sum(a * (v - mean) ** 2 for a, v in zip(weights, column, strict=True)) / total
        pull = Fraction(0.75) * Fraction(p[j]) * (variance if standardize else 1) * (fit.coef[j] - Fraction(c[j]))
        assert sum(a * v * r for a, v, r in zip(weights, column, residual, strict=True)) / total == pull


def test_the_least_penalty_solution_is_the_shortest() -> None:
    """On w₁ + 2 w₂ = 5 the shortest point is (1, 2); with penalties (1, 4) it is (5/2, 5/4)."""
    system = [[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]]
    right = [Fraction(5), Fraction(10)]
    assert least_penalty_solution(system, right, [Fraction(1), Fraction(1)]) == [1, 2]
    assert least_penalty_solution(system, right, [Fraction(1), Fraction(4)]) == [Fraction(5, 2), Fraction(5, 4)]
    with pytest.raises(ValueError, match="no solution"):
        least_penalty_solution(system, [Fraction(5), Fraction(11)], [Fraction(1), Fraction(1)])


def test_correct_digits_counts_the_worst() -> None:
    exact = [Fraction(1), Fraction(-2000), Fraction(0)]
    assert correct_digits([1.0, -2000.0, 0.0], exact) == 16.0
    assert correct_digits([1.0, -2000.002, 0.0], exact) == pytest.approx(6.0, abs=1e-9)
    assert correct_digits([1.0, -2000.0, 1e-5], exact) == pytest.approx(5.0, abs=1e-9)
    assert correct_digits([1.0, np.nan, 0.0], exact) == 0.0
    assert correct_digits([1.0, 2000.0, 0.0], exact) == 0.0
