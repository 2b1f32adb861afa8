"""Sparse ridge on all rows through a Krylov space: dense least squares, error bounds, gradients, and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from linear.sparse_data import (
    MATRICES,
    PRECISIONS,
    ill_conditioned,
    least_squares,
    response,
    scattered,
    text_like,
    two_encodings,
)
from weightdecay.linear import krylov_verification, krylov_whole
from weightdecay.linear.krylov_whole import KrylovPath, open_whole


def krylov_path(X: Any, Y: Any, precisions: Any, tol: float = 1e-10, max_iter: int = 1000, **design: Any) -> KrylovPath:
    return open_whole(X, Y, **design).path(precisions, tol=tol, max_iter=max_iter)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-7])
@pytest.mark.parametrize("name", MATRICES)
def test_the_error_is_within_the_bound_that_stops_it(name: str, tol: float) -> None:
    """√(‖A e‖² + Λ‖e‖²) ≤ tol · √(2 J), with e from a dense decomposition."""
    X = MATRICES[name]
    y = response(X)[:, 0]
    found = krylov_path(X, y, PRECISIONS, tol=tol)
    dense = X.toarray()
    deviation = dense.std(axis=0)
    A = (dense - dense.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    left, spectrum, right = np.linalg.svd(A, full_matrices=False)
    residual = y - y.mean()
    for coef, precision, steps in zip(found.coef[:, 0], PRECISIONS, found.iterations[:, 0], strict=True):
        theta = coef * deviation
        error = theta - right.T @ (spectrum / (spectrum**2 + precision) * (left.T @ residual))
        energy = np.sum((A @ error) ** 2) + precision * np.sum(error**2)
        twice_objective = np.sum((residual - A @ theta) ** 2) + precision * np.sum(theta**2)
        assert 0 < energy <= tol**2 * twice_objective
        assert steps < 150
    assert found.converged.all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_path_is_dense_least_squares(fit_intercept: bool, standardize: bool) -> None:
    rng = np.random.default_rng(7)
    X, weight, decay = scattered(70, 25, 0.3).toarray(), rng.uniform(0, 2, 70), rng.uniform(0.1, 9, 25)
    decay[[2, 11]] = 0.0
    X[:, 4] = 50.0 + rng.standard_normal(70)
    Y = response(sparse.csr_array(X), 2)
    design: dict[str, Any] = {"fit_intercept": fit_intercept, "standardize": standardize}
    precisions = np.r_[PRECISIONS, 0.0]
    found = krylov_path(sparse.csc_array(X), Y, precisions, sample_weight=weight, decay_weights=decay, **design)
    assert found.converged.all()
    for place, precision in enumerate(precisions):
        coef, intercept = least_squares(X, Y, precision, weight, decay, **design)
        np.testing.assert_allclose(found.coef[place], coef, rtol=1e-8, atol=1e-8 * np.abs(coef).max())
        np.testing.assert_allclose(found.intercept[place], intercept, rtol=1e-8, atol=1e-8)
        rss = weight @ np.square(Y - X @ coef.T - intercept)
        np.testing.assert_allclose(found.residual_square[place], rss, rtol=1e-9)
        centre = np.average(X, axis=0, weights=weight)
        variance = np.average(np.square(X - centre), axis=0, weights=weight) if standardize else np.ones(25)
        penalty = precision * np.square(coef) @ (decay * variance)
        np.testing.assert_allclose(found.penalty[place], penalty, rtol=1e-7, atol=1e-12 * rss.max())


def test_no_decay_and_infinite_decay() -> None:
    X = scattered(40, 90, 0.2)
    Y = response(X, 2)
    found = krylov_path(X, Y, [np.inf, 0.0], standardize=False)
    assert found.converged.all() and not found.coef[0].any()
    np.testing.assert_allclose(found.intercept[0], Y.mean(axis=0), rtol=1e-14)
    dense = X.toarray()
    least = np.linalg.pinv(dense - dense.mean(axis=0)) @ (Y - Y.mean(axis=0))
    np.testing.assert_allclose(found.coef[1], least.T, rtol=1e-8, atol=1e-9)


RANKLESS: dict[str, sparse.csr_array] = {
    "two encodings": two_encodings(300, 40),
    "more categories than rows": two_encodings(120, 90),
    "columns twice": sparse.hstack([text_like(90, 30), text_like(90, 30)[:, :12] * 3.0], format="csr"),
    "few directions": sparse.csr_array(
        np.random.default_rng(3).integers(0, 3, (333, 6)) @ np.random.default_rng(4).integers(-1, 2, (6, 50)) * 1.0
    ),
}


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", RANKLESS)
def test_hardly_any_decay_where_directions_have_no_effect(name: str, standardize: bool) -> None:
    """Steps end where only rounding errors are left to go on with: the solution is the least one, and stays it."""
    X = RANKLESS[name]
    Y = np.random.default_rng(5).standard_normal((X.shape[0], 1))
    found = krylov_path(X, Y, [0.0, 1e-25, 1e-20], standardize=standardize)
    dense = X.toarray() - X.toarray().mean(axis=0)
    scale = dense.std(axis=0) if standardize else np.ones(X.shape[1])
    scale = np.where(dense.std(axis=0) > 1e-12, scale, np.inf)
    least = np.linalg.pinv(dense / scale, rcond=1e-10) @ (Y - Y.mean(axis=0))
    assert found.converged.all() and found.iterations.max() < 300
    for coef in found.coef[:, 0]:
        np.testing.assert_allclose(coef * np.where(np.isfinite(scale), scale, 0.0), least[:, 0], atol=1e-9)


def test_what_float64_does_not_resolve_has_not_converged() -> None:
    """Columns that differ by 1e-9 of themselves: no decay asks for a coefficient that the steps do not reach."""
    rng = np.random.default_rng(6)
    X = text_like(80, 20).toarray()
    X = sparse.csr_array(np.hstack([X, X[:, :5] * (1 + 1e-9 * rng.standard_normal((80, 5)))]))
    Y = rng.standard_normal((80, 1))
    found = krylov_path(X, Y, [0.0, 1.0])
    assert not found.converged[0].any() and found.converged[1].all()
    dense = X.toarray() - X.toarray().mean(axis=0)
    least = np.linalg.pinv(dense / dense.std(axis=0), rcond=1e-13) @ (Y - Y.mean(axis=0))
    assert np.linalg.norm(found.coef[0] * dense.std(axis=0)) < 1.1 * np.linalg.norm(least)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_trace_is_a_sum_of_squares_in_the_callers_units(standardize: bool) -> None:
    rng = np.random.default_rng(12)
    X, weight, decay = scattered(60, 20, 0.3).toarray(), rng.uniform(0, 900, 60), rng.uniform(0.1, 9, 20)
    decay[4], X[:, 7], X[:, 8] = 0.0, 3.0, 1e6 + rng.standard_normal(60)
    centred = X - weight @ X / weight.sum()
    square = weight @ np.square(centred)
    used = (decay > 0) & (np.arange(20) != 7)
    scale = decay[used] * (square[used] / weight.sum() if standardize else 1.0)
    design: dict[str, Any] = {"sample_weight": weight, "decay_weights": decay, "standardize": standardize}
    y = rng.standard_normal(60)
    assert open_whole(sparse.csc_array(X), y, **design).trace() == pytest.approx((square[used] / scale).sum(), rel=1e-9)
    if not standardize:
        far = open_whole(sparse.csc_array(X * 2.0**400), y, **design).trace()
        assert far == pytest.approx((square[used] / scale).sum() * 2.0**800, rel=1e-9)


def test_decays_that_do_not_fit_into_memory_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    X = MATRICES["square"]
    problem, order = open_whole(X, response(X, 2)), np.array([2, 0, 4, 1, 3, 5])
    together = problem.path(PRECISIONS[order])
    monkeypatch.setattr(krylov_whole, "PATH_ENTRIES", 2 * 2 * X.shape[1])
    apart = problem.path(PRECISIONS[order])
    assert apart.passes > together.passes and np.array_equal(apart.iterations, together.iterations)
    for name in ("coef", "intercept", "residual_square", "penalty"):
        np.testing.assert_allclose(getattr(apart, name), getattr(together, name), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
def test_a_constant_target_needs_no_step(value: float) -> None:
    X = scattered(40, 30, 0.2)
    Y = np.column_stack([np.full(40, value), response(X)[:, 0]])
    found = krylov_path(X, Y, PRECISIONS)
    assert found.converged.all() and not found.iterations[:, 0].any() and not found.coef[:, 0].any()
    np.testing.assert_allclose(found.intercept[:, 0], value, rtol=1e-15)
    np.testing.assert_allclose(found.coef[:, 1], krylov_path(X, Y[:, 1], PRECISIONS).coef[:, 0], rtol=1e-9, atol=1e-12)


def test_a_path_starts_anew_where_the_recurrence_drifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit the recurrence believes in gradients that it has not; Newton steps make them true again."""
    X, Y, _ = ill_conditioned()

    def run(restarts: int) -> tuple[bool, int]:
        monkeypatch.setattr(krylov_verification, "RESTARTS", restarts)
        found = krylov_path(X, Y, [1e-5], tol=3e-15, max_iter=3000)
        return bool(found.converged.all()), found.passes

    (before, few), (after, more) = run(0), run(3)
    assert not before and after and more > few


def test_gradients_are_small_where_the_penalty_acts() -> None:
    X = MATRICES["text"]
    y, decay = response(X)[:, 0], np.random.default_rng(9).uniform(0.5, 2.0, X.shape[1])
    found = krylov_path(X, y, PRECISIONS, decay_weights=decay)
    dense = X.toarray()
    deviation = dense.std(axis=0)
    A = (dense - dense.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    steepest = np.abs(A.T @ y).max()
    for coef, intercept, precision in zip(found.coef[:, 0], found.intercept[:, 0], PRECISIONS, strict=True):
        slope = precision * (decay * coef * deviation)[deviation > 0] - A.T @ (y - intercept - dense @ coef)
        assert np.abs(slope).max() <= 1e-9 * steepest


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([1e-3, 2.0, 1e5]))
def test_laws_of_weights_rows_and_columns(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(8, 40)), int(rng.integers(1, 30))
    X = scattered(n, p, 0.4, seed)
    X.data[:] = np.round(4 * X.data) + 1
    Y = rng.standard_normal((n, 1)) + X @ rng.standard_normal((p, 1))
    weight = rng.integers(0, 3, n).astype(float)
    weight[:2] = 1.0
    fitted = krylov_path(X, Y, PRECISIONS[:4], sample_weight=weight)
    repeated = np.repeat(np.arange(n), weight.astype(int))
    np.testing.assert_allclose(
        fitted.coef, krylov_path(X[repeated], Y[repeated], PRECISIONS[:4]).coef, rtol=1e-7, atol=1e-8
    )
    heavier = krylov_path(X, Y, PRECISIONS[:4] * factor, sample_weight=weight * factor)
    np.testing.assert_allclose(fitted.coef, heavier.coef, rtol=1e-7, atol=1e-8)
    column = int(rng.integers(p))
    scale = np.where(np.arange(p) == column, factor, 1.0)
    stretched = krylov_path(sparse.csr_array(X * scale), Y, PRECISIONS[:4], sample_weight=weight)
    np.testing.assert_allclose(fitted.coef, stretched.coef * scale, rtol=1e-7, atol=1e-8)
