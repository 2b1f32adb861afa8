"""Numbers of any size: powers of two on columns, targets and weights move exponents and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightdecay as wd
from reference.exact import correct_digits, exact_ridge

# Exponents from 1e-300 to 1e300, mixed.
EXPONENTS = {
    "all huge": [996, 996, 996, 996, 996],
    "all tiny": [-996, -996, -996, -996, -996],
    "mixed": [996, -900, 0, 300, -300],
    "just inside the squares": [331, -331, 330, -330, 0],
    "moderate": [60, -60, 0, 20, -20],
}
MIXED = EXPONENTS["mixed"]
DECAYS = [0.0, 1e-6, 0.1, np.inf]


def tall(n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A well-conditioned problem on which some decay is best: columns, target, weights."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5)) + np.array([0.0, 1.0, 2.0, -1.0, 0.5])
    y = X @ [1.0, -0.2, 0.1, 0.3, 0.1] + 6.0 * rng.standard_normal(n) + 3.0
    return X, y, rng.uniform(0.5, 2.0, n)


def wide() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """More columns than rows."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 35))
    return X, X[:, 0] + rng.standard_normal(20) + 2.0, rng.uniform(0.5, 2.0, 20)


def model(decay: Any, X: Any, y: Any, weight: Any = None, **options: Any) -> wd.LinearRegression:
    return wd.LinearRegression(decay, **options).fit(X, y, sample_weight=weight)


def assert_same_model(
    scaled: wd.LinearRegression, plain: wd.LinearRegression, columns: Any = 0, target: int = 0, rtol: float = 1e-12
) -> None:
    """Coefficients and intercepts agree once the exponents are taken back."""
    columns = np.asarray(columns)
    np.testing.assert_allclose(np.ldexp(scaled.coef_, columns - target), plain.coef_, rtol=rtol, atol=0.0)
    np.testing.assert_allclose(np.ldexp(scaled.intercept_, -target), plain.intercept_, rtol=rtol, atol=0.0)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("name", EXPONENTS)
@pytest.mark.parametrize("data", [tall, wide])
def test_columns_of_any_size_at_a_fixed_decay(data: Any, name: str, decay: float) -> None:
    X, y, s = data()
    k = np.resize(EXPONENTS[name], X.shape[1])
    for weight in (None, s):
        assert_same_model(model(decay, np.ldexp(X, k), y, weight), model(decay, X, y, weight), k)


@pytest.mark.parametrize("name", EXPONENTS)
@pytest.mark.parametrize("data", [tall, wide])
@pytest.mark.parametrize("cv", ["auto", 5])
def test_columns_of_any_size_are_tuned_alike(data: Any, name: str, cv: Any) -> None:
    X, y, _ = data()
    k = np.resize(EXPONENTS[name], X.shape[1])
    plain, scaled = model("auto", X, y, cv=cv), model("auto", np.ldexp(X, k), y, cv=cv)
    assert scaled.decay_ == pytest.approx(plain.decay_, rel=1e-9)
    np.testing.assert_allclose(scaled.tuning_.mean, plain.tuning_.mean, rtol=1e-10)
    assert_same_model(scaled, plain, k, rtol=1e-9)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("target", [996, -996, 400, -400])
def test_targets_of_any_size(target: int, decay: float) -> None:
    X, y, _ = tall()
    assert_same_model(model(decay, X, np.ldexp(y, target)), model(decay, X, y), 0, target)


@pytest.mark.parametrize("target", [990, -990, 300, -300])
def test_targets_of_any_size_are_tuned_alike(target: int) -> None:
    X, y, s = tall()
    for weight in (None, s):
        plain, scaled = model("auto", X, y, weight), model("auto", X, np.ldexp(y, target), weight)
        assert scaled.decay_ == pytest.approx(plain.decay_, rel=1e-9)
        assert_same_model(scaled, plain, 0, target, rtol=1e-9)


@pytest.mark.parametrize("weight", [1000, 540, -540, -996])
@pytest.mark.parametrize("decay", [*DECAYS, "auto"])
def test_weights_of_any_size(weight: int, decay: Any) -> None:
    """Only ratios of weights count; tuned with columns and targets of any size beside them."""
    X, y, s = tall()
    plain = model(decay, X, y, s)
    if decay == "auto":
        k = np.array([900, -500, 0, 300, -300])
        scaled = model(decay, np.ldexp(X, k), np.ldexp(y, 300), np.ldexp(s, weight))
        assert scaled.decay_ == pytest.approx(plain.decay_, rel=1e-9)
        assert_same_model(scaled, plain, k, 300, rtol=1e-9)
    else:
        assert_same_model(model(decay, X, y, np.ldexp(s, weight)), plain)


@given(
    st.lists(st.integers(-500, 500), min_size=5, max_size=5),
    st.integers(-450, 450),
    st.integers(-990, 990),
    st.sampled_from(DECAYS),
    st.booleans(),
)
def test_everything_at_once(columns: list[int], target: int, weight: int, decay: float, fit_intercept: bool) -> None:
    X, y, s = tall(25)
    scaled = model(decay, np.ldexp(X, columns), np.ldexp(y, target), np.ldexp(s, weight), fit_intercept=fit_intercept)
    assert_same_model(scaled, model(decay, X, y, s, fit_intercept=fit_intercept), columns, target)


@pytest.mark.parametrize("columns", [0, 130, -130, 470, -470])
def test_unstandardised_columns_carry_the_decay_along(columns: int) -> None:
    """Columns × 2^k and λ × 4^k: the same predictions."""
    for X, y, s in (tall(), wide()):
        plain = model(0.25, X, y, s, standardize=False)
        scaled = model(0.25 * 4.0**columns, np.ldexp(X, columns), y, s, standardize=False)
        assert_same_model(scaled, plain, columns)


@pytest.mark.parametrize("columns", [996, -996])
@pytest.mark.parametrize("decay", [0.0, np.inf])
def test_unstandardised_columns_beyond_the_reach_of_any_finite_decay(columns: int, decay: float) -> None:
    X, y, _ = tall()
    scaled = model(decay, np.ldexp(X, columns), y, standardize=False)
    assert_same_model(scaled, model(decay, X, y, standardize=False), columns)


@given(st.integers(0, 4), st.floats(-12, 12), st.sampled_from([0.0, 1e-3, 1.0]))
def test_a_standardised_column_times_c_changes_its_own_coefficient_alone(
    column: int, logarithm: float, decay: float
) -> None:
    """Law 3, with factors that are no powers of two."""
    X, y, s = tall(25)
    factor = np.ones(5)
    factor[column] = -(10.0**logarithm)
    plain, scaled = model(decay, X, y, s), model(decay, X * factor, y, s)
    np.testing.assert_allclose(scaled.coef_ * factor, plain.coef_, rtol=1e-10)
    assert scaled.intercept_ == pytest.approx(plain.intercept_, rel=1e-10)


def hard_columns() -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """Designs that cost common solvers their digits: columns, target, options."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 4))
    y = X @ [1.0, -0.2, 0.1, 0.3] + rng.standard_normal(30) + 3.0
    barely, light, heavy = X.copy(), np.ones(30), np.ones(30)
    barely[:, 1] = 7.0
    barely[3, 1] = np.nextafter(7.0, 8.0)
    light[:5], heavy[:5] = 1e-12, 1e12
    integers = rng.integers(-99, 99, (30, 4))
    subnormal = X.copy()
    subnormal[:, 1] = np.round(1000.0 * X[:, 1]) * 5e-324
    exempt = {"decay_weights": np.array([0.0, 0.0, 1.0, 2.0])}
    return {
        "float32": (X.astype(np.float32), y.astype(np.float32), {}),
        "integers": (integers, rng.integers(-9, 9, 30), {}),
        "small integers": (integers.astype(np.int8), rng.integers(-9, 9, 30), {}),
        "booleans": (X > 0.3, y, {}),
        "far from zero": (X + np.array([1e8, 0.0, 1e8, 0.0]), y, {}),
        "very far from zero": (X + np.array([1e12, 0.0, -1e12, 0.0]), y, {}),
        "nearly constant": (barely, y, {}),
        "far targets": (X, y + 1e12, {}),
        "scales 1e8 and 1": (X * [1e8, 1.0, 1e-8, 1.0], X @ [1.0, 1.0, 0.5, 0.0], {}),
        "subnormal column": (subnormal, np.round(y * 1024.0) * 2.0**-60, {}),
        "light rows": (X, y, {"sample_weight": light}),
        "heavy rows": (X, y, {"sample_weight": heavy}),
        "exempt, tiny": (X * [1.0, 1e-20, 1.0, 1.0], y, exempt),
        "exempt, huge": (X * [1.0, 1e20, 1.0, 1.0], y, exempt),
        "decay weights": (X, y, {"decay_weights": np.array([1e-60, 1.0, 1e60, 1e-3])}),
    }


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("name", hard_columns())
def test_hard_columns_against_rational_arithmetic(name: str, decay: float, fit_intercept: bool) -> None:
    X, y, options = hard_columns()[name]
    weight = options.pop("sample_weight", None)
    found = model(decay, X, y, weight, fit_intercept=fit_intercept, **options)
    exact = exact_ridge(
        np.asarray(X, dtype=float), np.asarray(y, dtype=float), decay, sample_weight=weight,
        fit_intercept=fit_intercept, **options,
    )  # fmt: skip
    assert correct_digits([found.intercept_, *found.coef_], exact.all) >= 12.0


@pytest.mark.parametrize("name", sorted(set(hard_columns()) - {"scales 1e8 and 1", "subnormal column"}))
def test_hard_columns_without_standardising(name: str) -> None:
    X, y, options = hard_columns()[name]
    weight = options.pop("sample_weight", None)
    found = model(0.3, X, y, weight, standardize=False, **options)
    exact = exact_ridge(
        np.asarray(X, dtype=float), np.asarray(y, dtype=float), 0.3, sample_weight=weight, standardize=False, **options
    )
    assert correct_digits([found.intercept_, *found.coef_], exact.all) >= 12.0


@pytest.mark.parametrize("name", hard_columns())
def test_hard_columns_can_be_tuned(name: str) -> None:
    """Without a warning, and what is returned is the exact model at the decay that was chosen."""
    X, y, options = hard_columns()[name]
    weight = options.pop("sample_weight", None)
    found = model("auto", X, y, weight, **options)
    fixed = model(found.decay_, X, y, weight, **options)
    assert np.isfinite(found.tuning_.mean).all()
    np.testing.assert_array_equal(found.coef_, fixed.coef_)


def test_columns_that_are_constant_up_to_rounding_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 4))
    y = X[:, 0] + rng.standard_normal(30)
    for value in (0.1, 1e-30, 1e12 / 3.0, 0.0):
        Z = X.copy()
        Z[:, 1] = value
        found, without = model(0.1, Z, y), model(0.1, np.delete(X, 1, axis=1), y)
        assert found.coef_[1] == 0.0
        np.testing.assert_allclose(np.delete(found.coef_, 1), without.coef_, rtol=1e-12)


def test_no_direction_is_dropped_for_its_scale() -> None:
    """Noiseless data with columns of scale 1e8 and 1: relative cut-offs of singular values lose all but the first."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) * [1e8, 1.0, 1e-6]
    w = np.array([1e-8, 1.0, 1e6])
    y = X @ w + 1.0
    for standardize in (True, False):
        found = model(0.0, X, y, standardize=standardize)
        assert found.score(X, y) == pytest.approx(1.0, abs=1e-14)
        np.testing.assert_allclose(found.coef_, w, rtol=1e-12)
    tuned = model("auto", X, y)
    assert tuned.score(X, y) > 1.0 - 1e-9


def test_a_coefficient_beyond_float64_is_infinite_and_silent() -> None:
    X, y, _ = tall()
    found = model(0.1, np.ldexp(X, [-1000, 0, 0, 0, 0]), np.ldexp(y, 900))
    plain = model(0.1, X, y)
    assert np.isinf(found.coef_[0]) and np.sign(found.coef_[0]) == np.sign(plain.coef_[0])
    np.testing.assert_allclose(np.ldexp(found.coef_[1:], -900), plain.coef_[1:], rtol=1e-12)


def test_nothing_of_the_caller_is_changed() -> None:
    X, y, s = tall()
    X, y, s = np.ldexp(X, MIXED), np.ldexp(y, 990), np.ldexp(s, -900)
    before = X.copy(), y.copy(), s.copy()
    model(0.1, X, y, s)
    for now, then in zip((X, y, s), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("exponent", [485, -485, 480, -470])
def test_all_columns_times_a_power_of_two_change_a_decay_that_float64_still_holds_by_its_square(exponent: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = X[:, 0] + rng.standard_normal(60)
    factor = 2.0**exponent
    plain = wd.LinearRegression(standardize=False, decay=0.03).fit(X, y).coef_
    scaled = wd.LinearRegression(standardize=False, decay=0.03 * factor * factor).fit(X * factor, y).coef_
    np.testing.assert_allclose(scaled * factor, plain, rtol=1e-13)
    tuning = wd.tune(wd.LinearRegression(standardize=False), X * factor, y, cv=5)
    same = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=5)
    np.testing.assert_allclose(tuning.mean[tuning.best], same.mean[same.best], rtol=1e-4)
    assert tuning.decay / factor / factor == pytest.approx(same.decay, rel=0.16)  # lattices differ by half a step
    given = [0.01 * factor * factor, 0.5 * factor * factor]
    ours = wd.tune(wd.LinearRegression(standardize=False), X * factor, y, cv=5, decays=given)
    theirs = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=5, decays=[0.01, 0.5])
    assert ours.decays.tolist() == given and ours.decay in given
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
    for name, values in theirs.opinions.items():
        np.testing.assert_allclose(ours.opinions[name], values, rtol=1e-12)
    np.testing.assert_allclose(ours.path.df, theirs.path.df, rtol=1e-12)


def test_columns_too_far_apart_for_one_decay_are_each_at_their_limit() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 2))
    y = X.sum(axis=1) + rng.standard_normal(60)
    model = wd.LinearRegression(standardize=False, decay=1.0).fit(X * [1e200, 1e-200], y)
    alone = np.polyfit(X[:, 0], y, 1)[0]
    assert model.coef_[0] * 1e200 == pytest.approx(alone, rel=1e-12)
    assert abs(model.coef_[1] * 1e-200) < 1e-280
