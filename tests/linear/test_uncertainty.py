"""Standard deviations of ridge coefficients: dense algebra in extended precision, BayesianRidge and a bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import BayesianRidge, LinearRegression

import weightdecay as wd
from laws.honest_tables import by_hand, raw_table
from weightdecay.linear import uncertainty

Array = NDArray[np.float64]


def inverse(A: Any) -> Any:
    """Of a positive definite matrix, by Gauss and Jordan in extended precision."""
    n = len(A)
    work = np.concatenate([A, np.eye(n)], axis=1).astype(np.longdouble)
    for j in range(n):
        at = j + int(np.argmax(np.abs(work[j:, j])))
        work[[j, at]] = work[[at, j]]
        work[j] /= work[j, j]
        others = np.arange(n) != j
        work[others] -= np.outer(work[others, j], work[j])
    return work[:, n:]


def dense(X: Any, y: Any, decay: float, **given: Any) -> tuple[Array, Array]:
    """Posterior and sandwich standard deviations (1 + p,) of intercept and coefficients, from H and its inverse."""
    n, p = X.shape
    s = np.asarray(given.get("s", np.ones(n)), dtype=np.longdouble)
    X, y, S = X.astype(np.longdouble), np.asarray(y, dtype=np.longdouble), s.sum()
    mean = s @ X / S
    scale = s @ (X - mean) ** 2 / S if given.get("standardize", True) else np.ones(p)
    constant = (X == X[0]).all(axis=0)
    intercept = given.get("fit_intercept", True)
    kept = np.flatnonzero(~constant) if intercept else np.arange(p)
    E = np.column_stack([np.ones(n), X[:, kept]]) if intercept else X
    weights = (np.asarray(given.get("decay_weights", np.ones(p))) * scale)[kept]
    H = E.T @ (E * s[:, None]) + decay * S * np.diag(np.concatenate([[0.0], weights]) if intercept else weights)
    inverted = inverse(H)
    residual = y - E @ (inverted @ (E.T @ (s * y)))
    df = np.trace(inverted @ (E.T @ (E * s[:, None])))
    variance = s @ residual**2 / (np.count_nonzero(s) - df)
    scores = E * (s * residual)[:, None]
    found = np.full((2, 1 + p), np.nan)
    place = np.concatenate([[0], 1 + kept]) if intercept else 1 + kept
    found[0, place] = np.sqrt(variance * np.diag(inverted))
    found[1, place] = np.sqrt(np.diag(inverted @ scores.T @ scores @ inverted))
    return found[0], found[1]


def told(found: Any) -> tuple[Array, Array]:
    """The same as the record has them."""
    posterior = np.concatenate([[found.posterior_intercept_std], found.posterior_std])
    return posterior, np.concatenate([[found.sandwich_intercept_std], found.sandwich_std])


def check(found: Any, expected: tuple[Array, Array], rtol: float = 1e-9) -> None:
    """Equal, nan where it is due."""
    for one, other in zip(told(found), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


def data(n: int, p: int) -> tuple[Array, Array]:
    """Columns of different sizes and places, and noise that grows with one of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p)) * np.logspace(-1, 1, p) + 3.0
    return X, X[:, 0] + (1 + np.abs(X[:, 1] - 3.0)) * rng.standard_normal(n)


@pytest.mark.parametrize(("n", "p"), [(50, 4), (6000, 75), (40, 60), (30, 29)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_they_are_those_of_dense_inverses(n: int, p: int, fit_intercept: bool, standardize: bool) -> None:
    X, y = data(n, p)
    s = np.random.default_rng(1).uniform(0.5, 2.0, n)
    s[3] = 0.0
    weights = np.ones(p)
    weights[1], weights[2] = 0.0, 3.0
    settings = {"fit_intercept": fit_intercept, "standardize": standardize, "decay_weights": weights}
    for decay in (0.02, 0.7):
        tuning = wd.tune(wd.LinearRegression(**settings), X, y, decays=[decay], cv=4, sample_weight=s)
        check(tuning.diagnostics, dense(X, y, decay, s=s, **settings), 1e-8)
    more = wd.tune(wd.LinearRegression(**settings), X, y, decays=[decay], cv=4, sample_weight=1e3 * s).diagnostics
    check(more, told(tuning.diagnostics), 1e-8)


@pytest.mark.parametrize("kind", ["CSR", "float32", "two targets", "centre"])
def test_kinds_of_data(kind: str) -> None:
    X, y = data(60, 5)
    if kind == "centre":
        c = np.arange(5.0)
        found = wd.tune(wd.LinearRegression(centre=c), X, y, decays=[0.1], cv=4).diagnostics
        check(found, dense(X, y - X @ c, 0.1))
        return
    if kind == "two targets":
        Y = np.column_stack([y, X @ np.arange(5.0) + 0.1 * np.random.default_rng(5).standard_normal(60)])
        tuning = wd.tune(wd.LinearRegression(), X, Y, decays=[0.01, 0.1, 1.0, 10.0], cv=4)
        assert tuning.targets[0].decay != tuning.targets[1].decay
        for number, one in enumerate(tuning.targets):
            check(one.diagnostics, dense(X, Y[:, number], one.decay))
        return
    X = X.astype(np.float32)
    given = sparse.csr_array(X) if kind == "CSR" else X
    check(wd.tune(wd.LinearRegression(), given, y, decays=[0.1], cv=4).diagnostics, dense(X, y, 0.1))


@pytest.mark.parametrize("shape", [(80, 6), (30, 50)])
def test_the_posterior_is_that_of_bayesian_ridge_at_its_own_precisions(shape: tuple[int, int]) -> None:
    X, y = data(*shape)
    n = len(y)
    other = BayesianRidge().fit(X, y)
    decay = other.lambda_ / other.alpha_ / n
    tuning = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=[decay], cv=4)
    found = tuning.diagnostics
    assert found is not None
    np.testing.assert_allclose(found.coef, other.coef_, rtol=1e-7, atol=1e-9)
    residual = y - other.predict(X)
    noise = residual @ residual / (n - found.df - 1)
    expected = np.sqrt(np.diag(other.sigma_) * other.alpha_ * noise)
    np.testing.assert_allclose(found.posterior_std, expected, rtol=1e-6)


def test_without_decay_they_are_those_of_least_squares() -> None:
    X, y = data(60, 5)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[0.0], cv=4).diagnostics
    assert found is not None
    check(found, dense(X, y, 0.0))
    E = np.column_stack([np.ones(60), X])
    residual = y - LinearRegression().fit(X, y).predict(X)
    classical = np.sqrt(np.diag(np.linalg.inv(E.T @ E)) * (residual @ residual) / 54)
    np.testing.assert_allclose(told(found)[0], classical, rtol=1e-9)


def test_what_rows_do_not_determine_has_the_variance_of_the_prior_or_none() -> None:
    X, y = data(60, 4)
    X = np.column_stack([X, X[:, 0] - X[:, 1], np.ones(60)])  # a combination, and a constant
    found = wd.tune(wd.LinearRegression(), X, y, decays=[1e-3], cv=4).diagnostics
    assert found is not None and np.isnan(found.posterior_std[5]) and np.isnan(found.sandwich_std[5])
    check(found, dense(X, y, 1e-3), 1e-7)
    free = wd.tune(wd.LinearRegression(), X, y, decays=[0.0], cv=4).diagnostics
    assert free is not None
    undetermined = np.array([True, True, False, False, True, True])
    np.testing.assert_array_equal(np.isnan(free.posterior_std), undetermined)
    assert np.isfinite(free.sandwich_std[:5]).all()
    check_some = dense(X[:, [0, 1, 2, 3]], y, 0.0)[0][3:]
    np.testing.assert_allclose(free.posterior_std[2:4], check_some, rtol=1e-7)


def test_exempt_columns_that_repeat_each_other_are_undetermined() -> None:
    X, y = data(60, 4)
    X = np.column_stack([X, 2.0 * X[:, 0]])
    weights = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    found = wd.tune(wd.LinearRegression(decay_weights=weights), X, y, decays=[0.1], cv=4).diagnostics
    assert found is not None
    np.testing.assert_array_equal(np.isnan(found.posterior_std), [True, False, False, False, True])
    once = dense(X[:, :4], y, 0.1, decay_weights=weights[:4])
    np.testing.assert_allclose(found.posterior_std[1:4], once[0][2:], rtol=1e-8)
    np.testing.assert_allclose(found.posterior_intercept_std, once[0][0], rtol=1e-8)
    wide = np.column_stack([X, np.random.default_rng(2).standard_normal((60, 80))])
    more = np.concatenate([weights, np.ones(80)])
    found = wd.tune(wd.LinearRegression(decay_weights=more), wide, y, decays=[0.1], cv=4).diagnostics
    assert found is not None
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.posterior_std)), [0, 4])
    once = dense(np.delete(wide, 4, axis=1), y, 0.1, decay_weights=np.delete(more, 4))
    np.testing.assert_allclose(np.delete(found.posterior_std, 4)[1:], once[0][2:], rtol=1e-7)


def test_wide_data_without_decay_leave_nothing_to_estimate_the_noise_from() -> None:
    X, y = data(30, 50)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[0.0], cv=4).diagnostics
    assert found is not None and np.isnan(found.posterior_std).all() and np.isfinite(found.sandwich_std).all()


def test_infinite_decay_leaves_nothing_unsure() -> None:
    X, y = data(60, 4)
    for p in (4, 90):
        X = np.random.default_rng(0).standard_normal((60, p))
        found = wd.tune(wd.LinearRegression(), X, y, decays=[np.inf], cv=4).diagnostics
        assert found is not None
        np.testing.assert_array_equal(found.posterior_std, np.zeros(p))
        np.testing.assert_array_equal(found.sandwich_std, np.zeros(p))
        np.testing.assert_allclose(found.posterior_intercept_std, y.std(ddof=1) / np.sqrt(60), rtol=1e-9)


@pytest.mark.parametrize(("n", "numbers"), [(200, 4), (15_000, 40)])
def test_levels_of_a_category_have_the_prior_in_their_sum(n: int, numbers: int) -> None:
    """Columns that add up to 1 by construction: moments lift that direction, which must not show."""
    frame, y = raw_table(n, numbers=numbers)
    table = by_hand(frame)
    found = wd.tune(wd.LinearRegression(), table, y, decays=[0.003], cv=4).diagnostics
    check(found, dense(table.matrix, y, 0.003), 1e-6)


def test_extreme_columns_come_in_their_own_units() -> None:
    X, y = data(60, 3)
    powers = np.array([1e200, 1.0, 1e-200])
    one, other = (wd.tune(wd.LinearRegression(), Z, y, decays=[0.1], cv=4).diagnostics for Z in (X, X * powers))
    assert one is not None and other is not None
    for name in ("posterior_std", "sandwich_std"):
        np.testing.assert_allclose(getattr(other, name) * powers, getattr(one, name), rtol=1e-9)
    far = wd.tune(wd.LinearRegression(), X + 1e7, y, decays=[0.1], cv=4).diagnostics
    assert far is not None
    np.testing.assert_allclose(far.posterior_std, one.posterior_std, rtol=1e-6)
    np.testing.assert_allclose(far.sandwich_std, one.sandwich_std, rtol=1e-6)


def test_what_would_take_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(60, 4)
    monkeypatch.setattr(uncertainty, "MOST", 10.0)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[0.1], cv=4).diagnostics
    assert found is not None and np.isnan(np.concatenate(told(found))).all()
    assert wd.Diagnostics.__doc__ is not None and "was not computed" in wd.Diagnostics.__doc__


def test_the_sandwich_is_how_coefficients_scatter_over_samples() -> None:
    """Against a bootstrap of rows with the scales kept, and against fresh samples of noise that grows with a column."""
    rng = np.random.default_rng(3)
    n, p, decay = 400, 3, 0.3

    def sample() -> tuple[Array, Array]:
        X = rng.standard_normal((n, p))
        return X, X @ [1.0, 0.5, 0.0] + np.abs(X[:, 0]) * 2 * rng.standard_normal(n)

    def fit(X: Array, y: Array) -> Array:
        Z = X - X.mean(axis=0)
        return np.asarray(np.linalg.solve(Z.T @ Z + n * decay * np.eye(p), Z.T @ (y - y.mean())))

    X, y = sample()
    found = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=[decay], cv=4).diagnostics
    assert found is not None
    again = rng.integers(0, n, (1500, n))
    bootstrap = np.std([fit(X[rows], y[rows]) for rows in again], axis=0)
    np.testing.assert_allclose(found.sandwich_std, bootstrap, rtol=0.08)
    fresh = np.std([fit(*sample()) for _ in range(1500)], axis=0)
    np.testing.assert_allclose(found.sandwich_std, fresh, rtol=0.2)
    # The posterior believes in noise that is the same everywhere.
    assert found.posterior_std[0] < 0.8 * fresh[0]
