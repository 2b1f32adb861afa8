"""Opinions beside cross-validation: GCV and the restricted likelihood, against their textbook forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd
from laws.problems import SHAPES, regression, weighted_scales

Floats = NDArray[np.float64]

DECAYS = np.array([0.01, 0.1, 1.0, 30.0])


def tuned(X: Floats, y: Floats, s: Floats | None = None, **settings: object) -> wd.Tuning:
    """A tuning at the decays of these tests."""
    return wd.tune(wd.LinearRegression(**settings), X, y, sample_weight=s, decays=DECAYS, cv=4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_gcv_is_golub_heath_and_wahba(shape: str, weighted: bool) -> None:
    """GCV = mean squared residual / (1 − tr H/n)², H the map from y to the fit with the intercept in it."""
    X, y = regression(*SHAPES[shape])
    n = len(y)
    s = np.random.default_rng(0).uniform(0.5, 2, n) if weighted else np.ones(n)
    scale, mean = weighted_scales(X, s), s @ X / s.sum()
    root = np.sqrt(s)
    Z = root[:, None] * (X - mean) / scale
    ones = root[:, None] / np.sqrt(s.sum())
    expected = []
    for decay in DECAYS:
        H = Z @ np.linalg.solve(Z.T @ Z + decay * s.sum() * np.eye(X.shape[1]), Z.T) + ones @ ones.T
        residual = root * y - H @ (root * y)
        expected.append((residual @ residual / s.sum()) / (1 - np.trace(H) / n) ** 2)
    found = tuned(X, y, s if weighted else None).opinions["gcv"]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exempt", [False, True])
def test_evidence_is_the_restricted_likelihood(shape: str, exempt: bool) -> None:
    """−log REML per row, σ² profiled, of y = Eβ + Zu + ε with u ~ N(0, σ²/Λ), ε ~ N(0, σ²), up to a constant."""
    X, y = regression(*SHAPES[shape])
    n, p = X.shape
    weights = np.ones(p)
    weights[0] = 0.0 if exempt and p > 1 else 1.0
    decayed = weights > 0
    Z = (X / weighted_scales(X, np.ones(n)))[:, decayed]
    E = np.column_stack([np.ones(n), X[:, ~decayed]])
    expected = []
    for decay in DECAYS:
        V = np.eye(n) + Z @ Z.T / (decay * n)
        inverse = np.linalg.inv(V)
        inner = E.T @ inverse @ E
        P = inverse - inverse @ E @ np.linalg.solve(inner, E.T @ inverse)
        rest = n - E.shape[1]
        dets = np.linalg.slogdet(V)[1] + np.linalg.slogdet(inner)[1]
        expected.append(0.5 * (rest * np.log(y @ P @ y) + dets) / n)
    found = tuned(X, y, decay_weights=weights).opinions["evidence"]
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-7, atol=1e-10)


def test_opinions_of_several_targets_are_their_own() -> None:
    """Each target has its curve; the outer record holds their mean."""
    X, Y = regression(60, 5, t=2)
    both = tuned(X, Y)
    for k, one in enumerate(both.targets):
        single = tuned(X, Y[:, k])
        for name in ("gcv", "evidence"):
            np.testing.assert_allclose(one.opinions[name], single.opinions[name], rtol=1e-10)
    np.testing.assert_allclose(both.opinions["gcv"], np.mean([one.opinions["gcv"] for one in both.targets], axis=0))


def test_gcv_has_no_opinion_where_the_fit_takes_every_degree_of_freedom() -> None:
    """n ≤ p without decay: the fit passes through every row, and 0/0 is no score."""
    X, y = regression(20, 40)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[0.0, 0.1], cv=4).opinions["gcv"]
    assert found[0] == np.inf and np.isfinite(found[1])
