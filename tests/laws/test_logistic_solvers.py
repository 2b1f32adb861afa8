"""Law 2 for the log-loss and counts: every way to the minimum of J ends there; law 4: its gradient vanishes there.

Laws 9 and 10 besides: records that survive JSON, arguments that are left alone, the same bits again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from threadpoolctl import threadpool_limits

import weightdecay as wd
from laws.logistic_oracles import SHAPES, indicators, means, problem, row_losses, weighted_scales

Floats = NDArray[np.float64]
DECAYS = [1e-3, 0.1, 10.0]


def estimator(k: int, *arguments: Any, **settings: Any) -> Any:
    """Counts for k = 0, else k classes."""
    return (wd.LogisticRegression if k else wd.PoissonRegression)(*arguments, **settings)


def table(k: int, y: Any) -> Floats:
    """Targets (n, m)."""
    return indicators(y) if k else np.asarray(y, dtype=float)[:, None]


def by_lbfgs(k: int, X: Floats, y: Any, decay: float) -> tuple[Floats, Floats]:
    """J and its gradient as they stand in the axiom, minimised by a stranger on standardised columns."""
    kind, T = ("log" if k else "poisson"), table(k, y)
    scale = weighted_scales(X, np.ones(len(X)))
    Z = np.column_stack([(X - X.mean(axis=0)) / scale, np.ones(len(X))])
    m, q = T.shape[1], Z.shape[1]

    def objective(theta: Floats) -> tuple[float, Floats]:
        V = theta.reshape(q, m)
        W = V * (np.arange(q) < q - 1)[:, None]
        value = row_losses(kind, T, Z @ V).mean() + 0.5 * decay * (W**2).sum()
        return float(value), (Z.T @ (means(kind, Z @ V) - T) / len(X) + decay * W).ravel()

    options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 0, "gtol": 1e-11, "maxcor": 30}
    found = minimize(objective, np.zeros(q * m), jac=True, method="L-BFGS-B", options=options)
    V = found.x.reshape(q, m)
    coef = V[:-1].T / scale
    base = V[-1] - coef @ X.mean(axis=0)
    return coef, base - base.mean() if m > 1 else base


@pytest.mark.parametrize("k", [0, 2, 3, 5])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("decay", DECAYS)
def test_newton_path_fit_and_lbfgs_agree(k: int, shape: str, decay: float) -> None:
    """Path = single fit = a general minimiser of J, written from the axiom alone."""
    X, y = problem(*SHAPES[shape], k=k)
    fitted = estimator(k, decay).fit(X, y)
    along = wd.path(estimator(k), X, y, [1e-4, decay, 1e3])
    size = np.abs(fitted.coef_).max()
    # A gradient of 1e-9 is all that models of a path promise; a fit goes on to the last digit.
    np.testing.assert_allclose(along.coef[1].ravel(), fitted.coef_.ravel(), rtol=1e-6, atol=1e-7 * size)
    coef, base = by_lbfgs(k, X, y, decay)
    np.testing.assert_allclose(np.atleast_2d(fitted.coef_), coef, rtol=1e-6, atol=2e-6 * size)
    np.testing.assert_allclose(np.atleast_1d(fitted.intercept_), base, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("solver", ["newton-cholesky", "lbfgs"])
@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_documented_relation_to_scikit_learn(solver: str, k: int, shape: str) -> None:
    """On columns as they are λ·Σs is 1/C, and λ is PoissonRegressor's alpha."""
    X, y = problem(*SHAPES[shape], k=k)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    s = np.random.default_rng(0).uniform(0.5, 2, len(y))
    tight = {"solver": solver, "tol": 1e-12, "max_iter": 50_000}
    rival = LogisticRegression(C=2.0, **tight) if k else PoissonRegressor(alpha=0.5 / s.sum(), **tight)
    with np.errstate(all="ignore"):
        rival.fit(X, y, s)
    model = estimator(k, 0.5 / s.sum(), standardize=False).fit(X, y, s)
    size = np.abs(model.coef_).max()
    np.testing.assert_allclose(model.coef_, rival.coef_, rtol=1e-4, atol=1e-5 * size)
    if k:
        np.testing.assert_allclose(model.predict_proba(X), rival.predict_proba(X), atol=1e-4)
        np.testing.assert_array_equal(model.predict(X), rival.predict(X))
    else:
        np.testing.assert_allclose(model.predict(X), rival.predict(X), rtol=1e-4)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("decay", [1e-4, 0.05, 20.0])
def test_gradient_vanishes_at_returned_models(
    k: int, shape: str, standardize: bool, fit_intercept: bool, decay: float
) -> None:
    """‖∇J‖∞ ≤ 1e-9 max(1, ‖∇J(c)‖∞) where λ acts, with weights, exempt columns and a centre.

    Computed here from coefficients and intercepts as the caller sees them, in the units of the columns.
    """
    kind, rng = ("log" if k else "poisson"), np.random.default_rng(3)
    X, y = problem(*SHAPES[shape], k=k, noise=2.0)
    X = (X - X.mean(axis=0)) / X.std(axis=0) + 0.5
    n, p = X.shape
    m = k if k > 2 else 1
    s, decay_weights = rng.uniform(0.1, 3, n), rng.uniform(0.2, 2, p)
    centre = 0.2 * rng.standard_normal((m, p))
    decay_weights[0] = 0.0 if p > 1 else 1.0
    model = estimator(
        k,
        decay,
        decay_weights=decay_weights,
        centre=centre if m > 1 else centre[0],
        standardize=standardize,
        fit_intercept=fit_intercept,
    ).fit(X, y, s)
    scale = weighted_scales(X, s) if standardize else np.ones(p)
    place = s @ X / s.sum() if fit_intercept else np.zeros(p)
    T = table(k, y)

    def gradient(W: Floats, b: Floats) -> Floats:
        error = s[:, None] * (means(kind, X @ W.T + b) - T) / s.sum()
        by_columns = ((X - place) / scale).T @ error + decay * (decay_weights * scale * (W - centre)).T
        return np.append(by_columns.ravel(), error.sum(axis=0) if fit_intercept else 0.0)

    coef, base = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    start = np.abs(gradient(centre, np.zeros(m))).max()
    assert np.abs(gradient(coef, base)).max() <= 1e-9 * max(1.0, float(start))


@pytest.mark.parametrize("k", [0, 2, 3])
def test_every_model_of_a_path_is_a_fit(k: int) -> None:
    """All along a path of 40 decays, in any order, dense or sparse: each is what a single fit gives."""
    X, y = problem(120, 6, k=k)
    decays = np.random.default_rng(0).permutation(np.geomspace(1e-5, 10, 40))
    for data in (X, csr_array(X)):
        found = wd.path(estimator(k), data, y, decays)
        np.testing.assert_array_equal(found.decays, decays)
        for row in (0, 17, 39):
            one = estimator(k, decays[row]).fit(X, y)
            size = np.abs(one.coef_).max()
            np.testing.assert_allclose(found.coef[row].ravel(), one.coef_.ravel(), rtol=1e-7, atol=1e-8 * size)
            np.testing.assert_allclose(np.ravel(found.intercept[row]), np.ravel(one.intercept_), rtol=1e-7, atol=1e-8)


def test_gradient_descent_agrees() -> None:
    """The textbook update, run to convergence, ends where Newton's method is."""
    X, y = problem(90, 4)
    slow = wd.LogisticRegression(0.1, solver="gradient_descent", learning_rate=0.5, epochs=20_000, tol=1e-13)
    slow.fit(X, y)
    np.testing.assert_allclose(slow.coef_, wd.LogisticRegression(0.1).fit(X, y).coef_, rtol=1e-8)
    assert slow.history_ is not None and slow.history_.converged


@pytest.mark.parametrize("k", [2, 3])
def test_every_thread_count_chooses_the_same(k: int) -> None:
    """Law 10: one thread or two give the same decay, and coefficients to 1e-9."""
    X, y = problem(3000, 40, k=k)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(wd.LogisticRegression(cv=5).fit(X, y))
    assert found[0].decay_ == found[1].decay_
    size = np.abs(found[0].coef_).max()
    np.testing.assert_allclose(found[0].coef_, found[1].coef_, rtol=1e-9, atol=1e-10 * size)


@pytest.mark.parametrize("k", [0, 2, pytest.param(3, marks=pytest.mark.long)])
def test_the_same_bits_again(k: int) -> None:
    """Law 10: the same seed and threads give the same bits; another seed other folds."""
    X, y = problem(500, 10, k=k)
    first, second, third = (estimator(k, cv=4, random_state=seed).fit(X, y) for seed in (7, 7, 8))
    assert first.coef_.tobytes() == second.coef_.tobytes()
    assert first.tuning_.losses.tobytes() == second.tuning_.losses.tobytes()
    assert first.tuning_ == second.tuning_ != third.tuning_


@pytest.mark.parametrize("order", ["C", "F", "sparse"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [2, 3, pytest.param(0, marks=pytest.mark.long)])
def test_fits_leave_their_arguments_alone(order: str, shape: str, k: int) -> None:
    """Law 10: no fit writes into the caller's arrays, which may be read-only (bbai subtracts means in place)."""
    X, y = problem(*SHAPES[shape], k=k)
    data: Any = csr_array(X) if order == "sparse" else np.asarray(X, order=order)
    m = (k, X.shape[1]) if k > 2 else X.shape[1]
    s, centre, weights = np.full(len(y), 2.0), np.full(m, 0.01), np.ones(X.shape[1])
    given = (data.data if order == "sparse" else data, y, s, centre, weights)
    kept = [one.copy() for one in given]
    for one in given:
        one.flags.writeable = False
    for cv in ("loo", 4):
        tuning = wd.tune(
            estimator(k, centre=centre, decay_weights=weights), data, y, sample_weight=s, cv=cv, decays=[0.1, 1.0]
        )
        assert tuning.model.predict(data).shape == y.shape
        assert tuning.findings is not None and tuning.path
    for one, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(one, before)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("cv", ["loo", 4])
def test_json_is_the_identity(k: int, cv: Any) -> None:
    """Law 9."""
    X, y = problem(60, 4, k=k)
    found = wd.tune(estimator(k), X, y, cv=cv)
    again = wd.Tuning.from_json(found.to_json())
    assert again == found
    assert again.verdict == found.verdict and again.to_json() == found.to_json()
