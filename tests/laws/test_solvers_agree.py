"""Law 2: every way to the minimum of J ends at the same coefficients; law 4: its gradient vanishes there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.sparse import csc_array, csr_array
from sklearn.linear_model import Ridge

import weightdecay as wd
from laws.problems import SHAPES, regression, weighted_scales

Floats = NDArray[np.float64]
DECAYS = [1e-3, 0.1, 10.0]


def by_cholesky(X: Floats, y: Floats, decay: float) -> Floats:
    """The normal equations on standardised columns."""
    scale = weighted_scales(X, np.ones(len(X)))
    Z = (X - X.mean(axis=0)) / scale
    factor = cho_factor(Z.T @ Z / len(Z) + decay * np.eye(Z.shape[1]))
    return cho_solve(factor, Z.T @ (y - y.mean()) / len(Z)) / scale


def by_lbfgs(X: Floats, y: Floats, decay: float) -> Floats:
    """J and its gradient as they stand in the axiom, minimised by a stranger."""
    scale = weighted_scales(X, np.ones(len(X)))

    def objective(theta: Floats) -> tuple[float, Floats]:
        w, b = theta[:-1], theta[-1]
        residual = y - b - X @ (w / scale)
        value = 0.5 * np.mean(residual**2) + 0.5 * decay * w @ w
        gradient = np.append(-(X / scale).T @ residual / len(X) + decay * w, -residual.mean())
        return value, gradient

    start = np.append(np.zeros(X.shape[1]), y.mean())
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 20000, "ftol": 0, "gtol": 1e-11}
    )
    return found.x[:-1] / scale


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("decay", DECAYS)
def test_path_fit_cholesky_and_ridge_agree(shape: str, decay: float) -> None:
    """Decomposition path = single fit = Cholesky = scikit-learn's Ridge at alpha = λ·Σs."""
    X, y = regression(*SHAPES[shape])
    fitted = wd.LinearRegression(decay).fit(X, y)
    along = wd.path(wd.LinearRegression(), X, y, [1e-5, decay, 1e3])
    scale = weighted_scales(X, np.ones(len(X)))
    ridge = Ridge(alpha=decay * len(y), solver="svd").fit((X - X.mean(axis=0)) / scale, y)
    for coef in (along.coef[1], by_cholesky(X, y, decay), ridge.coef_ / scale):
        np.testing.assert_allclose(coef, fitted.coef_, rtol=1e-9, atol=1e-11 * np.abs(fitted.coef_).max())
    np.testing.assert_allclose(along.intercept[1], fitted.intercept_, rtol=1e-10)
    np.testing.assert_allclose(fitted.intercept_, y.mean() - X.mean(axis=0) @ fitted.coef_, rtol=1e-10)


@pytest.mark.parametrize("shape", ["tall", "wide", "one column"])
def test_lbfgs_on_the_axiom_agrees(shape: str) -> None:
    """A general minimiser of J, written from the axiom alone, finds the same coefficients."""
    X, y = regression(*SHAPES[shape])
    for decay in (0.1, 10.0):
        expected = by_lbfgs((X - X.mean(axis=0)), y, decay)
        coef = wd.LinearRegression(decay).fit(X, y).coef_
        np.testing.assert_allclose(coef, expected, rtol=1e-6, atol=1e-7 * np.abs(coef).max())


def test_gradient_descent_agrees() -> None:
    """The textbook update, run to convergence, ends where the exact solver is."""
    X, y = regression(*SHAPES["tall"])
    slow = wd.LinearRegression(0.1, solver="gradient_descent", learning_rate=0.2, epochs=20000, tol=1e-13).fit(X, y)
    np.testing.assert_allclose(slow.coef_, wd.LinearRegression(0.1).fit(X, y).coef_, rtol=1e-10)
    assert slow.history_ is not None and slow.history_.converged


@pytest.mark.parametrize("container", [csr_array, csc_array])
@pytest.mark.parametrize("shape", SHAPES)
def test_sparse_containers_agree(container: type, shape: str) -> None:
    """CSR and CSC give what the same numbers give when they are dense."""
    X, y = regression(*SHAPES[shape])
    X = np.where(np.abs(X) > np.median(np.abs(X)), X, 0.0)
    dense, sparse = (wd.LinearRegression(0.3).fit(one, y) for one in (X, container(X)))
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        wd.tune(wd.LinearRegression(), container(X), y, cv=3).losses,
        wd.tune(wd.LinearRegression(), X, y, cv=3).losses,
        rtol=1e-9,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_vanishes_at_returned_models(shape: str, standardize: bool, fit_intercept: bool) -> None:
    """‖∇J‖∞ ≤ 1e-9 max(1, ‖∇J(c)‖∞) where λ acts, with weights, exempt columns and a centre."""
    rng = np.random.default_rng(3)
    X, y = regression(*SHAPES[shape])
    n, p = X.shape
    s, decay_weights, centre = rng.uniform(0, 3, n), rng.uniform(0.2, 2, p), rng.standard_normal(p)
    decay_weights[0] = 0.0 if p > 1 else 1.0
    model = wd.LinearRegression(
        0.05, decay_weights=decay_weights, centre=centre, standardize=standardize, fit_intercept=fit_intercept
    ).fit(X, y, s)
    scale = weighted_scales(X, s) if standardize else np.ones(p)
    offset = (s @ X / s.sum()) if fit_intercept else 0.0
    Z = (X - offset) / scale

    def gradient(w: Floats, b: float) -> Floats:
        residual = y - b - X @ w
        return -Z.T @ (s * residual) / s.sum() + 0.05 * decay_weights * scale * (w - centre)

    start = gradient(centre, (s @ (y - X @ centre) / s.sum()) if fit_intercept else 0.0)
    assert np.abs(gradient(model.coef_, model.intercept_)).max() <= 1e-9 * max(1.0, np.abs(start).max())


def test_every_thread_count_chooses_the_same() -> None:
    """Law 10: one thread or two give the same decay, and coefficients to 1e-9."""
    from threadpoolctl import threadpool_limits

    X, y = regression(3000, 80)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(wd.LinearRegression(cv=5).fit(X, y))
    assert found[0].decay_ == found[1].decay_
    np.testing.assert_allclose(found[0].coef_, found[1].coef_, rtol=1e-9)


def test_the_same_bits_again() -> None:
    """Law 10: the same seed and threads give the same bits."""
    X, y = regression(3000, 40)
    first, second = (wd.LinearRegression(cv=4, random_state=7).fit(X, y) for _ in range(2))
    assert first.coef_.tobytes() == second.coef_.tobytes()
    assert first.tuning_.losses.tobytes() == second.tuning_.losses.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES)
def test_fits_leave_their_arguments_alone(order: str, shape: str) -> None:
    """Law 10: no fit writes into the caller's arrays."""
    X, y = regression(*SHAPES[shape])
    X = np.asarray(X, order=order)
    s, centre, weights = np.full(len(y), 2.0), np.ones(X.shape[1]), np.ones(X.shape[1])
    given = (X, y, s, centre, weights)
    kept = [one.copy() for one in given]
    for one in given:
        one.flags.writeable = False
    for cv in ("loo", 4):
        tuning = wd.tune(
            wd.LinearRegression(centre=centre, decay_weights=weights), X, y, sample_weight=s, cv=cv, decays=[0.1, 1.0]
        )
        assert tuning.model.predict(X).shape == y.shape
        assert tuning.findings is not None and tuning.opinions and tuning.path
    for one, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(one, before)
