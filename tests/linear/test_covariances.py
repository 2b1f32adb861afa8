"""Kernels of covariances, on a logistic regression solved by hand: they know no engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weightdecay.linear.covariances import in_units, noise_variance, posterior_std, sandwich_std, scatter

Array = NDArray[np.float64]


def logistic(n: int = 120, p: int = 4) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p)) * np.logspace(-1, 1, p) + 3.0
    y = (rng.random(n) < 1 / (1 + np.exp(-(X - 3.0) @ (1.0 / np.logspace(-1, 1, p))))).astype(float)
    return X, y, rng.uniform(0.5, 2.0, n)


def fitted(X: Array, y: Array, s: Array, P: Array) -> tuple[Array, Array, Array]:
    """Newton's method on Σ s log-loss + ½ βᵀ P β: β, its Hessian and the rows' gradients."""
    E = np.column_stack([np.ones(len(y)), X])
    beta = np.zeros(E.shape[1])
    for _ in range(60):
        f = 1 / (1 + np.exp(-E @ beta))
        hessian = E.T @ (E * (s * f * (1 - f))[:, None]) + P
        beta -= np.linalg.solve(hessian, E.T @ (s * (f - y)) + P @ beta)
    return beta, hessian, E * (s * (f - y))[:, None]


def test_a_cholesky_root_in_scaled_coordinates_gives_the_dense_formulas_in_original_units() -> None:
    X, y, s = logistic()
    mean, scale = s @ X / s.sum(), X.std(axis=0)
    decay = 3.0
    # Decay acts on w times scale; the same fit twice, in original and in scaled coordinates.
    _, hessian, scores = fitted(X, y, s, np.diag(np.r_[0.0, decay * scale**2]))
    _, inner, own = fitted((X - mean) / scale, y, s, np.diag(np.r_[0.0, np.full(4, decay)]))
    root = np.linalg.inv(np.linalg.cholesky(inner)).T
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(inner), rtol=1e-9)
    scattered = scatter(root, np.array_split(own, 7))
    outer = in_units(root, scale, mean)
    inverse = np.linalg.inv(hessian)
    np.testing.assert_allclose(posterior_std(outer), np.sqrt(np.diag(inverse)), rtol=1e-9)
    np.testing.assert_allclose(posterior_std(outer, 4.0), 2 * posterior_std(outer), rtol=1e-12)
    sandwich = inverse @ scores.T @ scores @ inverse
    np.testing.assert_allclose(sandwich_std(outer, scattered), np.sqrt(np.diag(sandwich)), rtol=1e-8)


def test_columns_that_take_no_part_have_no_rows() -> None:
    root = in_units(np.ones((3, 3)), np.array([2.0, np.inf]), np.array([5.0, 1e9]))
    np.testing.assert_array_equal(root[1:], [[0.5] * 3, [0.0] * 3])
    np.testing.assert_array_equal(root[0], 1.0 - 5.0 * 0.5)


@pytest.mark.parametrize(("n", "parameters", "expected"), [(10, 4.0, 2.0), (10, 10.0, np.nan), (10, 11.0, np.nan)])
def test_noise_is_what_the_rows_left_over_say(n: int, parameters: float, expected: Any) -> None:
    np.testing.assert_equal(noise_variance(12.0, n, parameters), expected)
