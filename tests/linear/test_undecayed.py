"""Models in which no column is decayed: least squares on what is left, whatever depends on what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weightdecay as wd

Floats = np.ndarray


def least_squares(X: Floats, Y: Floats, fit_intercept: bool = True) -> Floats:
    """Predictions of NumPy's least squares."""
    columns = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    return np.asarray(columns @ np.linalg.lstsq(columns, Y, rcond=None)[0])


def dependent(n: int) -> Floats:
    """Dummies of three groups, which sum to the intercept, a column, and the same again."""
    rng = np.random.default_rng(1)
    once = rng.standard_normal(n)
    return np.column_stack([np.eye(3)[np.arange(n) % 3], once, 3.0 * once])


@pytest.mark.parametrize("n", [30, 20_000])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1.0, np.inf])
def test_dependent_columns_that_are_all_exempt(n: int, fit_intercept: bool, decay: float) -> None:
    """No decay of theirs changes what they predict."""
    X, y = dependent(n), np.random.default_rng(2).standard_normal(n)
    model = wd.LinearRegression(decay, decay_weights=np.zeros(5), fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(model.predict(X), least_squares(X, y, fit_intercept), rtol=0, atol=1e-12)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("columns", [2, 40])
def test_infinite_decay_leaves_the_fit_of_dependent_exempt_columns(columns: int, standardize: bool) -> None:
    """Law 5: decayed columns are at their centre, the rest is refitted."""
    rng, n = np.random.default_rng(3), 60
    exempt, others, y = dependent(n), rng.standard_normal((n, columns)), rng.standard_normal(n)
    centre = np.r_[np.zeros(5), rng.standard_normal(columns)]
    options: dict[str, Any] = {"decay_weights": np.r_[np.zeros(5), np.ones(columns)], "standardize": standardize}
    model = wd.LinearRegression(np.inf, centre=centre, **options).fit(np.hstack([exempt, others]), y)
    np.testing.assert_array_equal(model.coef_[5:], centre[5:])
    offset = others @ centre[5:]
    expected = offset + least_squares(exempt, y - offset)
    np.testing.assert_allclose(model.predict(np.hstack([exempt, others])), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", ["auto", 0.0, 1.0, np.inf])
def test_constant_columns_without_an_intercept_fit_the_mean(decay: Any) -> None:
    """They have no variance that could be decayed, and each other's part cannot be told."""
    y = np.random.default_rng(4).standard_normal(10)
    model = wd.LinearRegression(decay, fit_intercept=False).fit(np.ones((10, 2)), y)
    np.testing.assert_allclose(model.predict(np.ones((1, 2))), y.mean(), rtol=1e-14)


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4])
def test_large_data_of_which_nothing_is_decayed(size: float) -> None:
    """The way through moments, whose digits residuals of the rows win back."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((20_000, 40)) + 3.0
    Y = X @ rng.standard_normal((40, 2)) * size + rng.standard_normal((20_000, 2))
    estimator = wd.LinearRegression(1.0, decay_weights=np.zeros(40))
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), Y, rcond=None)[0][1:].T
    np.testing.assert_allclose(estimator.fit(X, Y).coef_, expected, rtol=1e-9)
    path = wd.path(estimator, X, Y, [0.0, 1.0, np.inf])
    np.testing.assert_allclose(path.coef, [expected] * 3, rtol=1e-9, atol=1e-9 * size)
    np.testing.assert_allclose(path.df, 40.0)
