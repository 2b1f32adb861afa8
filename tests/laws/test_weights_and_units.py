"""Law 3: what weights, copies and units of columns may change; law 5: the ends of the path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import weightdecay as wd
from laws.problems import SHAPES, regression, ridge, weighted_scales

Floats = NDArray[np.float64]

shapes = st.sampled_from(list(SHAPES.values()))
seeds = st.integers(0, 10_000)
decays = st.sampled_from([0.01, 0.3, 20.0])


def fit(X: Any, y: Any, decay: float, s: Any = None, **settings: Any) -> wd.LinearRegression:
    """A fit at a fixed decay."""
    return wd.LinearRegression(decay, **settings).fit(X, y, s)


def assert_same(one: wd.LinearRegression, other: wd.LinearRegression, rtol: float = 1e-8) -> None:
    """Equal coefficients and intercepts."""
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=rtol, atol=rtol * np.abs(other.coef_).max())
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=rtol, atol=rtol * np.abs(other.coef_).max())


@given(shapes, seeds, decays, st.booleans(), st.booleans())
def test_weight_two_is_the_row_twice(
    shape: tuple[int, int], seed: int, decay: float, standardize: bool, fit_intercept: bool
) -> None:
    """Whole weights are copies, and weight 0 is a row that is not there."""
    X, y = regression(*shape, seed=seed)
    s = np.random.default_rng(seed).integers(0, 3, len(y)).astype(float)
    s[:2] = 1.0
    settings = {"standardize": standardize, "fit_intercept": fit_intercept}
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    assert_same(fit(X, y, decay, s, **settings), fit(X[rows], y[rows], decay, **settings))


@given(shapes, seeds, decays, st.sampled_from([1e-6, 0.37, 1e8]))
def test_only_ratios_of_weights_count(shape: tuple[int, int], seed: int, decay: float, factor: float) -> None:
    """All weights times c change nothing."""
    X, y = regression(*shape, seed=seed)
    s = np.random.default_rng(seed).uniform(0.1, 4.0, len(y))
    assert_same(fit(X, y, decay, factor * s), fit(X, y, decay, s))


@given(shapes, seeds, decays, st.sampled_from([-3.0, 1e-7, 1e9]))
def test_a_column_in_other_units(shape: tuple[int, int], seed: int, decay: float, factor: float) -> None:
    """Column j times c changes its coefficient by 1/c, and no other."""
    X, y = regression(*shape, seed=seed)
    other = X.copy()
    other[:, 0] *= factor
    expected, found = fit(X, y, decay), fit(other, y, decay)
    np.testing.assert_allclose(found.coef_[0] * factor, expected.coef_[0], rtol=1e-8)
    np.testing.assert_allclose(found.coef_[1:], expected.coef_[1:], rtol=1e-8, atol=1e-10)


@given(shapes, seeds, st.booleans())
def test_targets_are_linear(shape: tuple[int, int], seed: int, standardize: bool) -> None:
    """Coefficients are linear in the targets, and several targets are as many single ones."""
    X, Y = regression(*shape, t=2, seed=seed)
    both = fit(X, Y, 0.1, standardize=standardize)
    one, two = (fit(X, Y[:, k], 0.1, standardize=standardize) for k in range(2))
    np.testing.assert_allclose(both.coef_, [one.coef_, two.coef_], rtol=1e-9, atol=1e-12)
    mixed = fit(X, 2 * Y[:, 0] - 5 * Y[:, 1], 0.1, standardize=standardize)
    np.testing.assert_allclose(mixed.coef_, 2 * one.coef_ - 5 * two.coef_, rtol=1e-8, atol=1e-9)


@given(shapes, seeds, st.booleans())
def test_the_centre_is_an_offset(shape: tuple[int, int], seed: int, standardize: bool) -> None:
    """Decay towards c is decay towards 0 of what c leaves unexplained."""
    X, y = regression(*shape, seed=seed)
    centre = np.random.default_rng(seed).standard_normal(X.shape[1])
    moved = fit(X, y, 0.2, centre=centre, standardize=standardize)
    plain = fit(X, y - X @ centre, 0.2, standardize=standardize)
    np.testing.assert_allclose(moved.coef_, plain.coef_ + centre, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(moved.intercept_, plain.intercept_, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("standardize", [True, False])
def test_decay_weights_against_a_stacked_system(shape: str, standardize: bool) -> None:
    """p_j scales the penalty of its column; 0 exempts it."""
    X, y = regression(*SHAPES[shape])
    n, p = X.shape
    rng = np.random.default_rng(1)
    s, weights = rng.uniform(0.2, 3, n), rng.uniform(0.1, 5, p)
    weights[: p // 3] = 0.0
    metric = weights * (weighted_scales(X, s) ** 2 if standardize else 1.0)
    for decay in (0.02, 2.0):
        coef, intercept = ridge(X, y, decay * s.sum(), s, metric)
        model = fit(X, y, decay, s, decay_weights=weights, standardize=standardize)
        np.testing.assert_allclose(model.coef_, coef, rtol=1e-8, atol=1e-9 * np.abs(coef).max())
        np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-8)


@given(st.sampled_from([(40, 6), (15, 15), (12, 30)]), seeds, st.booleans())
def test_copies_in_one_fold_are_a_weight_in_tuning(shape: tuple[int, int], seed: int, standardize: bool) -> None:
    """Rows twice, both in one fold, tune as weight 2; rows of weight 0 as none."""
    X, y = regression(*shape, seed=seed)
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 3, len(y)).astype(float)
    fold = np.arange(len(y)) % 3
    s[:6] = 1.0
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    losses = []
    for index, weight in ((np.arange(len(y)), s), (rows, None)):
        splits = [(np.flatnonzero(fold[index] != k), np.flatnonzero(fold[index] == k)) for k in range(3)]
        tuning = wd.tune(
            wd.LinearRegression(standardize=standardize),
            X[index],
            y[index],
            sample_weight=weight,
            cv=splits,
            decays=[0.01, 1.0],
        )
        losses.append(tuning.losses)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("standardize", [True, False])
def test_the_ends_of_the_path(shape: str, standardize: bool) -> None:
    """λ → 0 is the least-penalty least-squares solution, λ → ∞ the centre with everything undecayed refitted."""
    X, y = regression(*SHAPES[shape])
    p = X.shape[1]
    scale = weighted_scales(X, np.ones(len(X))) if standardize else np.ones(p)
    Z = (X - X.mean(axis=0)) / scale
    coef = np.linalg.lstsq(Z, y - y.mean(), rcond=1e-12)[0] / scale
    zero = fit(X, y, 0.0, standardize=standardize)
    np.testing.assert_allclose(zero.coef_, coef, rtol=1e-7, atol=1e-8 * np.abs(coef).max())
    tiny = fit(X, y, 1e-13 * float((Z**2).mean()), standardize=standardize)
    np.testing.assert_allclose(tiny.coef_, coef, rtol=1e-4, atol=1e-5 * np.abs(coef).max())

    centre, weights = np.arange(p) - 1.0, np.ones(p)
    weights[0] = 0.0 if p > 1 else 1.0
    end = fit(X, y, np.inf, standardize=standardize, centre=centre, decay_weights=weights)
    decayed = weights > 0
    np.testing.assert_array_equal(end.coef_[decayed], centre[decayed])
    if p > 1:
        rest = y - X[:, decayed] @ centre[decayed]
        slope = np.cov(X[:, 0], rest)[0, 1] / np.var(X[:, 0], ddof=1)
        np.testing.assert_allclose(end.coef_[0], slope, rtol=1e-9)
    np.testing.assert_allclose(np.mean(y - end.predict(X)), 0.0, atol=1e-9 * np.abs(y).max())


@given(shapes, seeds, st.booleans())
def test_the_path_is_monotone(shape: tuple[int, int], seed: int, standardize: bool) -> None:
    """With λ the penalty sum and the degrees of freedom never rise, and the training loss never falls."""
    X, y = regression(*shape, seed=seed)
    grid = np.concatenate([[0.0], np.geomspace(1e-8, 1e6, 60), [np.inf]])
    found = wd.path(wd.LinearRegression(standardize=standardize), X, y, grid)
    scale = weighted_scales(X, np.ones(len(X))) if standardize else np.ones(X.shape[1])
    penalty = ((found.coef * scale) ** 2).sum(axis=1)
    assert (np.diff(penalty) <= 1e-9 * penalty.max()).all()
    assert (np.diff(found.df) <= 1e-9 * X.shape[1]).all()
    assert (np.diff(found.train_loss) >= -1e-9 * found.train_loss.max()).all()
    rank = min(len(X) - 1, X.shape[1])
    np.testing.assert_allclose(found.df[[0, -1]], [rank, 0.0], atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_degrees_of_freedom_are_the_trace_of_the_hat_matrix(shape: str) -> None:
    """df(λ) = trace of the map from y to the fit, the intercept's 1 taken off."""
    X, _ = regression(*SHAPES[shape])
    n = len(X)
    s = np.random.default_rng(0).uniform(0.5, 2, n)
    path = wd.path(wd.LinearRegression(), X, np.arange(n) * 1.0, [0.01, 1.0], sample_weight=s)
    unit = wd.path(wd.LinearRegression(), X, np.eye(n), [0.01, 1.0], sample_weight=s)
    for row in range(2):
        fitted = X @ unit.coef[row].T + unit.intercept[row]  # column k: the fit to the k-th unit vector
        np.testing.assert_allclose(np.trace(fitted) - 1.0, path.df[row], rtol=1e-8)


@pytest.mark.parametrize("n", [40, 3000])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_copies_of_an_exempt_column_count_once(n: int, fit_intercept: bool) -> None:
    """Degrees of freedom of undecayed columns are their rank, through triangles as through moments."""
    X, y = regression(n, 120 if n > 1000 else 5)
    X = np.column_stack([X, X[:, 0], np.zeros(n)])
    weights = np.ones(X.shape[1])
    weights[[0, -2]] = 0.0
    model = wd.LinearRegression(fit_intercept=fit_intercept, decay_weights=weights)
    path = wd.path(model, X, y, [1e-6, 1.0, np.inf])
    np.testing.assert_allclose(path.df[-1], 1.0, atol=1e-9)
    assert path.df[0] <= X.shape[1] - 2 + 1e-9
