"""Law 5 for the log-loss and counts: the ends of the path, and what never rises or falls along it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import weightdecay as wd
from laws.logistic_oracles import REPORTED, SHAPES, Objective, fit, indicators, problem, row_losses, weighted_scales

Floats = NDArray[np.float64]

kinds = st.sampled_from([0, 2, 3])
GRID = np.concatenate([np.geomspace(1e-7, 1e5, 40), [np.inf]])


def estimator(k: int, *arguments: Any, **settings: Any) -> Any:
    """Counts for k = 0, else k classes."""
    return (wd.LogisticRegression if k else wd.PoissonRegression)(*arguments, **settings)


def vectors(k: int, coef: Floats) -> Floats:
    """Coefficients of a path as (L, m, p)."""
    return coef if k > 2 else coef[:, None, :]


@settings(max_examples=25)
@given(kinds, st.sampled_from(list(SHAPES.values())), st.integers(0, 10_000), st.booleans())
def test_the_path_is_monotone(k: int, shape: tuple[int, int], seed: int, standardize: bool) -> None:
    """With λ the penalty sum never rises and the training loss never falls; degrees of freedom stay in their range."""
    X, y = problem(*shape, k=k, seed=seed)
    X = (X - X.mean(axis=0)) / X.std(axis=0) * np.exp(np.random.default_rng(seed).uniform(-1, 1, shape[1]))
    found = wd.path(estimator(k, standardize=standardize), X, y, GRID)
    scale = X.std(axis=0) if standardize else np.ones(shape[1])
    penalty = ((vectors(k, found.coef) * scale) ** 2).sum(axis=(1, 2))
    assert (np.diff(penalty) <= 1e-9 * penalty.max()).all()
    assert (np.diff(found.train_loss) >= -1e-9 * found.train_loss.max()).all()
    most = min(len(X) - 1, shape[1]) * max(k - 1, 1)
    assert (found.df >= -1e-9).all() and (found.df <= most * (1 + 1e-9)).all()
    assert found.df[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_training_loss_is_the_loss_of_the_training_rows(k: int, shape: str) -> None:
    """Weighted mean log-loss, or mean deviance, without the penalty."""
    X, y = problem(*SHAPES[shape], k=k)
    s = np.random.default_rng(0).uniform(0.2, 2, len(y))
    found = wd.path(estimator(k), X, y, GRID[5:-1:7], sample_weight=s)
    T = indicators(y) if k else y[:, None].astype(float)
    for row, loss in enumerate(found.train_loss):
        W = vectors(k, found.coef)[row]
        F = X @ W.T + np.atleast_1d(found.intercept[row])
        kind = "log" if k else "poisson"
        assert loss == pytest.approx(REPORTED[kind] * np.average(row_losses(kind, T, F), weights=s), rel=1e-8)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("standardize", [True, False])
def test_infinite_decay_leaves_what_is_not_decayed(k: int, standardize: bool) -> None:
    """λ → ∞: w → c on decayed columns, the exempt column and the intercept refitted on the offset Xc."""
    X, y = problem(90, 5, k=k, noise=2.0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    m = k if k > 2 else 1
    rng = np.random.default_rng(1)
    centre, weights = 0.2 * rng.standard_normal((m, 5)), np.array([0.0, 1.0, 2.0, 0.5, 1.0])
    centre[:, 0] = 0.0
    given_centre = centre if m > 1 else centre[0]
    end, near = (
        estimator(k, decay, centre=given_centre, decay_weights=weights, standardize=standardize).fit(X, y)
        for decay in (np.inf, 1e10)
    )
    coef = np.atleast_2d(end.coef_)
    np.testing.assert_array_equal(coef[:, 1:], centre[:, 1:])
    np.testing.assert_allclose(np.atleast_2d(near.coef_), coef, atol=1e-7)
    np.testing.assert_allclose(near.intercept_, end.intercept_, atol=1e-7)
    T = indicators(y) if k else y[:, None].astype(float)
    Z = np.column_stack([X[:, 0], np.ones(90)])
    offset = X[:, 1:] @ centre[:, 1:].T
    J = Objective("log" if k else "poisson", Z, T, np.ones(90), np.zeros(2), np.zeros((2, m)), offset)
    # For classes only the differences between them are known; their sum does not enter the gradient of the losses.
    at = np.vstack([coef[:, 0], np.atleast_1d(end.intercept_)])
    free = J.gradient(at - at.mean(axis=1, keepdims=True) if m > 1 else at)
    assert np.abs(free).max() <= 1e-7 * 90


@pytest.mark.parametrize("k", [0, 2, 3])
def test_everything_decayed_to_nothing_predicts_the_shares(k: int) -> None:
    """At λ = ∞ without a centre the model is the constant one: weighted shares of the classes, or the mean count."""
    X, y = problem(90, 5, k=k)
    s = np.random.default_rng(0).uniform(0.2, 2, 90)
    end = estimator(k, np.inf).fit(X, y, s)
    assert (end.coef_ == 0).all()
    if k:
        shares = np.bincount(y, s) / s.sum()
        np.testing.assert_allclose(end.predict_proba(X), np.tile(shares, (90, 1)), rtol=1e-10)
    else:
        np.testing.assert_allclose(end.predict(X), np.full(90, np.average(y, weights=s)), rtol=1e-10)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("standardize", [True, False])
def test_no_decay_is_maximum_likelihood(k: int, standardize: bool) -> None:
    """λ = 0 where it exists, and the path towards it."""
    X, y = problem(300, 4, k=k, noise=3.0)
    zero = estimator(k, 0.0, standardize=standardize).fit(X, y)
    T = indicators(y) if k else y[:, None].astype(float)
    expected = fit("log" if k else "poisson", X, T, 1e-13, metric=weighted_scales(X, np.ones(300)) ** 2)
    size = np.abs(expected.coef).max()
    np.testing.assert_allclose(np.atleast_2d(zero.coef_), expected.coef, rtol=1e-8, atol=1e-9 * size)
    np.testing.assert_allclose(np.atleast_1d(zero.intercept_), expected.intercept, rtol=1e-7, atol=1e-7)
    tiny = estimator(k, 1e-12, standardize=standardize).fit(X, y)
    np.testing.assert_allclose(tiny.coef_, zero.coef_, rtol=1e-4, atol=1e-6 * size)


def test_no_decay_of_three_classes_is_the_limit_of_little_decay() -> None:
    """Without decay a constant over the classes is free in every column: the limit λ → 0 has their sums at 0."""
    X, y = problem(300, 4, k=3, noise=3.0)
    zero = wd.LogisticRegression(0.0).fit(X, y)
    assert np.abs(zero.coef_.sum(axis=0)).max() <= 1e-8 * np.abs(zero.coef_).max()
    rival = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(zero.predict_proba(X), rival.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("shape", [(90, 6), (40, 60)])
def test_degrees_of_freedom_are_a_trace(k: int, shape: tuple[int, int]) -> None:
    """df = tr (H₀ + λ)⁻¹H₀, H₀ the curvature of the mean loss at the model, the intercept projected out of it.

    To three digits: the curvature of a model close by will do.
    """
    X, y = problem(*shape, k=k)
    n, p = shape
    decays = np.array([1e-3, 0.1, 3.0])
    found = wd.path(estimator(k), X, y, decays)
    scale = X.std(axis=0)
    T = indicators(y) if k else y[:, None].astype(float)
    m = T.shape[1]
    Z = np.column_stack([(X - X.mean(axis=0)) / scale, np.ones(n)])
    J = Objective(
        "log" if k else "poisson", Z, T, np.ones(n) / n, np.ones(p + 1), np.zeros((p + 1, m)), np.zeros((n, m))
    )
    for row, decay in enumerate(decays):
        W = (vectors(k, found.coef)[row] * scale).T
        base = np.atleast_1d(found.intercept[row]) + vectors(k, found.coef)[row] @ X.mean(axis=0)
        more = np.eye(m * (p + 1)) + (m > 1) * np.kron(np.ones((m, m)), np.eye(p + 1))  # what is not the losses'
        H = J.hessian(np.vstack([W, base])) - more
        last = np.arange(p, m * (p + 1), p + 1)
        rest = np.setdiff1d(np.arange(m * (p + 1)), last)
        inner = np.linalg.pinv(H[np.ix_(last, last)], rcond=1e-10, hermitian=True)
        S = H[np.ix_(rest, rest)] - H[np.ix_(rest, last)] @ inner @ H[np.ix_(last, rest)]
        trace = np.trace(np.linalg.solve(S + decay * np.eye(len(S)), S))
        assert found.df[row] == pytest.approx(trace, rel=1e-3)
