"""Law 5: the solutions that small decays tend to, those of infinite decay, and what is monotone in between."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightdecay as wd
from reference.exact import correct_digits, exact_ridge


def eighths(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random multiples of 1/8, so that sums and doubles of columns are exact."""
    return rng.integers(-16, 17, shape) / 8.0


def singular() -> dict[str, tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
    """Designs on which least squares is not unique: columns, target, options."""
    rng = np.random.default_rng(7)
    X, y = eighths(rng, 14, 3), eighths(rng, 14)
    W, z = eighths(rng, 6, 9), eighths(rng, 6)
    twice, repeated = W.copy(), np.repeat(X[:7], 2, axis=0)
    twice[5] = twice[4]
    weights = np.array([1.0, 2.0, 3.0, 0.5, 0.125])
    duplicated, dependent = np.column_stack([X, X[:, :2]]), np.column_stack([X, X[:, 0] - 2.0 * X[:, 1], X[:, 2]])
    return {
        "duplicate columns": (duplicated, y, {}),
        "duplicates at other scales": (np.column_stack([X, 64.0 * X[:, 0], X[:, 0] / 1024.0]), y, {}),
        "dependent columns": (dependent, y, {}),
        "decay weights": (dependent, y, {"decay_weights": weights}),
        "centre": (dependent, y, {"centre": np.array([1.0, -2.0, 3.0, 0.5, 10.0])}),
        "sample weights": (dependent, y, {"sample_weight": np.arange(14) % 3 + 0.5}),
        "rows without weight": (dependent, y, {"sample_weight": (np.arange(14) % 4 == 0).astype(float)}),
        "exempt column": (dependent, y, {"decay_weights": np.array([0.0, 1.0, 1.0, 2.0, 1.0])}),
        "constant column": (np.column_stack([dependent, np.full(14, 3.0)]), y, {}),
        "equal rows": (np.column_stack([repeated, repeated[:, 0] + repeated[:, 1]]), y, {}),
        "wide": (W, z, {}),
        "wide, two equal rows": (twice, z, {}),
        "wide, decay weights": (W, z, {"decay_weights": np.array([1, 2, 3, 0.5, 1, 4, 1, 1, 0.25])}),
        "wide, exempt columns": (W, z, {"decay_weights": np.array([0, 2, 3, 0.5, 1, 4, 1, 1, 0.0])}),
        "wide, centre": (W, z, {"centre": np.arange(9) - 4.0}),
        "wide, weights": (W, z, {"sample_weight": np.array([1.0, 2.0, 3.0, 0.5, 1.0, 0.0])}),
    }


def model(decay: Any, X: Any, y: Any, options: dict[str, Any], **more: Any) -> wd.LinearRegression:
    own = {**options, **more}
    weight = own.pop("sample_weight", None)
    return wd.LinearRegression(decay, **own).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", singular())
def test_no_decay_is_the_least_penalty_solution(name: str, fit_intercept: bool, standardize: bool) -> None:
    """Of all least-squares solutions the one of least Σ p v (w − c)², in exact arithmetic."""
    X, y, options = singular()[name]
    flags = {"fit_intercept": fit_intercept, "standardize": standardize}
    found, exact = model(0.0, X, y, options, **flags), exact_ridge(X, y, 0, **options, **flags)
    if name == "constant column" and fit_intercept:
        exact.coef[-1] = Fraction(0)  # nothing decides about it; where it has a penalty this is the least
    assert correct_digits([found.intercept_, *found.coef_], exact.all) >= 12.0


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", singular())
def test_small_decays_tend_to_it(name: str, standardize: bool) -> None:
    """|w(λ) − w(0)| falls in proportion to λ, and each w(λ) is exact."""
    X, y, options = singular()[name]
    limit = model(0.0, X, y, options, standardize=standardize).coef_
    gaps = []
    for decay in (2.0**-20, 2.0**-24, 2.0**-40):
        found = model(decay, X, y, options, standardize=standardize)
        exact = exact_ridge(X, y, decay, **options, standardize=standardize)
        assert correct_digits([found.intercept_, *found.coef_], exact.all) >= 9.0
        gaps.append(float(np.abs(found.coef_ - limit).max()))
    assert gaps[0] == pytest.approx(16.0 * gaps[1], rel=0.05)
    assert gaps[2] <= 1.1 * gaps[0] * 2.0**-20 + 1e-13 * np.abs(limit).max()


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", singular())
def test_infinite_decay_is_the_centre_and_the_rest_refitted(name: str, standardize: bool) -> None:
    X, y, options = singular()[name]
    found = model(np.inf, X, y, options, standardize=standardize)
    decayed = options.get("decay_weights", np.ones(X.shape[1])) > 0
    centre = options.get("centre", np.zeros(X.shape[1]))
    np.testing.assert_array_equal(found.coef_[decayed], centre[decayed])
    s = options.get("sample_weight", np.ones(len(y)))
    root = np.sqrt(s)[:, None]
    rest = np.column_stack([np.ones(len(y)), X[:, ~decayed]])
    target = y - X[:, decayed] @ centre[decayed]
    refitted = np.linalg.lstsq(root * rest, root[:, 0] * target, rcond=None)[0]
    np.testing.assert_allclose([found.intercept_, *found.coef_[~decayed]], refitted, rtol=1e-11, atol=1e-13)


def test_large_decays_tend_to_infinite_decay() -> None:
    X, y, options = singular()["exempt column"]
    limit = model(np.inf, X, y, options)
    gaps = [np.abs(model(decay, X, y, options).coef_ - limit.coef_).max() for decay in (1e8, 1e9)]
    assert gaps[0] == pytest.approx(10.0 * gaps[1], rel=1e-3)
    assert gaps[0] < 1e-6


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.5, np.inf])
def test_exempt_columns_that_are_collinear_with_decayed_ones(decay: float, standardize: bool) -> None:
    """What an exempt column can explain costs nothing there, so its decayed copy stays at zero, or at its centre."""
    rng = np.random.default_rng(5)
    X, y = eighths(rng, 20, 2), eighths(rng, 20)
    both = np.column_stack([X, 2.0 * X[:, 0]])
    for centre in (0.0, 0.75):
        found = wd.LinearRegression(
            decay, decay_weights=[0.0, 1.0, 1.0], centre=[0.0, 0.0, centre], standardize=standardize
        ).fit(both, y)
        alone = wd.LinearRegression(decay, decay_weights=[0.0, 1.0], standardize=standardize).fit(X, y)
        assert found.coef_[2] == pytest.approx(centre, abs=1e-13)
        np.testing.assert_allclose(found.coef_[0] + 2.0 * centre, alone.coef_[0], rtol=1e-11)
        np.testing.assert_allclose(found.coef_[1], alone.coef_[1], rtol=1e-11, atol=1e-13)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 9), st.booleans())
def test_penalty_and_degrees_fall_and_the_training_loss_rises(seed: int, n: int, p: int, standardize: bool) -> None:
    """Along any path; tall, wide and singular designs alike."""
    rng = np.random.default_rng(seed)
    X, y = eighths(rng, n, p), eighths(rng, n)
    decays = np.concatenate([[0.0], 2.0 ** np.arange(-30.0, 31.0, 5.0), [np.inf]])
    path = wd.path(wd.LinearRegression(standardize=standardize), X, y, decays=decays)
    scale = X.var(axis=0) if standardize else np.ones(p)
    size, scale_y = (scale * path.coef**2).sum(axis=1), max(float(np.mean(y**2)), 1e-3)
    assert (np.diff(size) <= 1e-9 * size[0] + 1e-13).all()
    assert (np.diff(path.train_loss) >= -1e-12 * scale_y).all()
    assert (np.diff(path.df) <= 1e-9).all()
    assert path.df[-1] == 0.0
    assert path.df[0] == pytest.approx(np.linalg.matrix_rank(X - X.mean(axis=0)))


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1e-12, 1e-6, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("condition", [1e0, 1e4, 1e8])
@pytest.mark.parametrize("shape", [(40, 6), (3000, 110), (30, 60)])
def test_the_gradient_vanishes_at_the_model(
    shape: tuple[int, int], condition: float, decay: float, standardize: bool
) -> None:
    """Law 4: ‖∇J‖ ≤ 1e-9 max(1, ‖∇J(c)‖) where λ acts, for small, tall and wide data."""
    rng = np.random.default_rng(2)
    n, p = shape
    left, right = np.linalg.qr(rng.standard_normal((n, min(n, p))))[0], np.linalg.qr(rng.standard_normal((p, p)))[0]
    X = (left * np.geomspace(1.0, 1.0 / condition, min(n, p))) @ right[: min(n, p)] * n**0.5 + 1.0
    y = X @ rng.standard_normal(p) + rng.standard_normal(n) + 5.0
    found = wd.LinearRegression(decay, standardize=standardize).fit(X, y)
    unit = X.std(axis=0) if standardize else np.ones(p)
    centred = X - X.mean(axis=0)

    def gradient(coef: np.ndarray, intercept: float) -> np.ndarray:
        residual = y - intercept - X @ coef
        return np.append(-(centred.T @ residual) / n / unit + decay * unit * coef, residual.mean())

    start = np.abs(gradient(np.zeros(p), 0.0)).max()
    assert np.abs(gradient(found.coef_, found.intercept_)).max() <= 1e-9 * max(1.0, start)
