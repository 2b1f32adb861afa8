"""Expected errors: no coefficient is worse than ten times what was expected, and harmless data are not refined."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import weightdecay as wd
from reference.exact import exact_ridge
from reference.nist import NAMES, nist_set
from weightdecay.linear.accuracy import (
    EVERY_DIGIT,
    GUARDED,
    TINY,
    Fitted,
    cholesky_triangle,
    enough,
    expected_error,
    stacked_triangle,
)
from weightdecay.linear.refinement import solve_refined
from weightdecay.linear.sides import Tall


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("decay", [0.0, 2.0**-20, 2.0**-6, 1.0, 1024.0])
@pytest.mark.parametrize("name", NAMES)
def test_errors_before_refinement_stay_below_ten_times_the_expected(name: str, decay: float, standardize: bool) -> None:
    published = nist_set(name)
    X, y = published.X, published.y
    estimator = wd.LinearRegression(decay, fit_intercept=published.fit_intercept, standardize=standardize)
    side = estimator.open(X, y).side
    assert isinstance(side, Tall)
    precision = decay * len(y)
    models = side.models(np.array([precision]))
    exact = exact_ridge(X, y, decay, fit_intercept=published.fit_intercept, standardize=standardize)
    pairs = list(zip(models.coef[0, 0].tolist(), exact.coef, strict=True))
    if published.fit_intercept:
        pairs.append((float(models.intercept[0, 0]), exact.intercept))
    measured = max(float(abs(Fraction(found) - truth) / abs(truth)) for found, truth in pairs)
    assert measured <= 10.0 * side.whole.expected_error(precision, models, from_moments=False)


@pytest.mark.parametrize("noise", [1e-2, 1.0])
@pytest.mark.parametrize("condition", [1e0, 1e2, 1e4, 1e7])
@pytest.mark.parametrize(("n", "p"), [(400, 8), (4800, 80)])
def test_what_is_called_safe_has_nine_digits(n: int, p: int, condition: float, noise: float) -> None:
    """Both ways of tall data: triangles, and moments with corrections."""
    rng = np.random.default_rng(4)
    left, right = np.linalg.qr(rng.standard_normal((n, p)))[0], np.linalg.qr(rng.standard_normal((p, p)))[0]
    X = (left * np.geomspace(1.0, 1.0 / condition, p)) @ right * n**0.5 + 3.0
    y = X @ rng.standard_normal(p) + noise * rng.standard_normal(n) + 1.0
    for decay in (0.0, 1e-4):
        side = wd.LinearRegression(decay).open(X, y).side
        coef, intercept, safe = side.solution(decay * n)
        truth = solve_refined(X, y[:, None], decay)
        if safe:
            np.testing.assert_allclose(coef, truth.coef, rtol=1e-9)
            np.testing.assert_allclose(intercept, truth.intercept, rtol=1e-9)
        assert safe or condition > 1e2
    assert condition < 1e7 or not wd.LinearRegression(0.0).open(X, y).side.solution(0.0)[2]


def test_small_coefficients_of_large_data_do_not_ask_for_refinement() -> None:
    """Ninety coefficients that are noise beside ten that are not."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 100))
    for noise in (1e-2, 1.0, 30.0):
        y = X[:, :10] @ rng.standard_normal(10) + noise * rng.standard_normal(20_000) + 1.0
        assert wd.LinearRegression(1e-3).fit(X, y).status_ == "exact"


def test_the_triangle_of_rows_is_that_of_moments() -> None:
    rng = np.random.default_rng(1)
    body, penalty = rng.standard_normal((9, 4)), np.array([0.5, 2.0])
    one, two = stacked_triangle(body, penalty), cholesky_triangle(body.T @ body, penalty)
    expected = body.T @ body + np.diag([0.0, 0.0, *(penalty**2)])
    np.testing.assert_allclose(one.T @ one, expected, rtol=1e-12)
    np.testing.assert_allclose(two.T @ two, expected, rtol=1e-12)
    assert cholesky_triangle(np.ones((2, 2)) - np.eye(2), np.zeros(0)).shape == (0, 2)


def test_what_cannot_be_vouched_for_is_infinite() -> None:
    one = np.ones(1)
    singular = Fitted(np.array([[1.0, 1.0], [0.0, 0.0]]), np.ones(2), np.ones((1, 2)), None, one, one, one, 50)
    short = Fitted(np.array([[1.0, 1.0]]), np.ones(2), np.ones((1, 2)), None, one, one, one, 50)
    nothing = Fitted(np.zeros((0, 0)), np.zeros(0), np.zeros((1, 0)), None, one, one, one, 50)
    assert expected_error(singular, 100) == np.inf
    assert expected_error(short, 100) == np.inf
    assert expected_error(nothing, 100) == 0.0
    assert (enough(TINY), enough(TINY + 1)) == (EVERY_DIGIT, GUARDED)
