"""Data on which logistic regressions go wrong: the right answer, or a finding with a remedy; never a silent nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

import weightdecay as wd
from laws.logistic_oracles import fit, honest_losses, indicators, problem, weighted_scales

Floats = NDArray[np.float64]


def separable(n: int = 40, p: int = 3) -> tuple[Floats, NDArray[np.int64]]:
    """Two classes that a plane separates with a gap."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(np.int64)
    X[:, 0] += 0.5 * (2 * y - 1)
    return X, y


def quasi_separable(n: int = 60) -> tuple[Floats, NDArray[np.int64]]:
    """One level of an indicator has members of a single class: its coefficient has no finite maximum likelihood."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(n)
    level = (np.arange(n) % 6 == 0).astype(float)
    y = (x + 1.5 * rng.standard_normal(n) > 0).astype(np.int64)
    y[level == 1] = 1
    return np.column_stack([x, level]), y


def finite(model: Any, X: Any) -> None:
    """Every fitted number is one, and probabilities sum to 1."""
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    chances = model.predict_proba(X)
    assert np.isfinite(chances).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-12)


def codes(found: Any) -> set[str]:
    return {one.code for one in found.findings}


# Separation


@pytest.mark.parametrize("data", [separable, quasi_separable])
def test_separated_classes_without_decay_are_told(data: Any) -> None:
    """At λ = 0 there is no minimum: the model is finite, separates, is not zero, and its status says what happened."""
    X, y = data()
    with pytest.warns(ConvergenceWarning, match="separat"):
        model = wd.LogisticRegression(0.0).fit(X, y)
    finite(model, X)
    assert np.abs(model.coef_).max() > 1.0
    assert model.status_ != "newton"
    if data is separable:
        assert (model.predict(X) == y).all()


@pytest.mark.parametrize("data", [separable, quasi_separable])
def test_separated_classes_are_a_finding_when_no_decay_is_tried(data: Any) -> None:
    """The curve goes on to the left; a finding names separation or the edge, with a remedy."""
    X, y = data()
    found = wd.tune(wd.LogisticRegression(), X, y, decays=[0.0, 1e-3, 0.1], cv=5)
    assert np.isfinite(found.losses[:, 1:]).all()
    said = " ".join(f"{one.message} {one.remedy}" for one in found.findings)
    assert "separat" in said or "apart" in said
    assert found.decay > 0 or np.isfinite(found.losses[:, 0]).all()


@pytest.mark.parametrize("data", [separable, quasi_separable])
@pytest.mark.parametrize("decay", [1e-8, 1e-5, 1e-2])
def test_separated_classes_with_little_decay_are_solved(data: Any, decay: float) -> None:
    """However little: λ > 0 has a unique minimum, and it is found, not zero and not cut off."""
    X, y = data()
    model = wd.LogisticRegression(decay).fit(X, y)
    expected = fit("log", X, indicators(y), decay * len(y), metric=weighted_scales(X, np.ones(len(y))) ** 2)
    error = np.linalg.norm(model.coef_ - expected.coef) / np.linalg.norm(expected.coef)
    assert error <= 1e-7
    finite(model, X)


def test_separated_folds_only() -> None:
    """All rows overlap, but the training rows of some folds do not: λ = 0 is not the winner by accident."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((24, 2))
    y = (X[:, 0] > 0).astype(np.int64)
    y[[3, 11]] = 1 - y[[3, 11]]
    found = wd.tune(wd.LogisticRegression(), X, y, cv=6)
    assert found.decay > 0 and np.isfinite(found.mean[found.best])
    splits_at = wd.tune(wd.LogisticRegression(), X, y, cv=6, decays=[1e-6, 1e-3])
    assert np.isfinite(splits_at.losses).all() and splits_at.mean[0] > splits_at.mean[1]


# Columns of extreme size


@pytest.mark.parametrize("factor", [1e8, 1e-8, -1e8])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("shape", [(80, 5), (30, 45)])
def test_one_column_in_other_units_is_no_all_zero_model(factor: float, k: int, shape: tuple[int, int]) -> None:
    """One column × 1e8: standardised, nothing changes but its coefficient (others return all zeros, silently)."""
    X, y = problem(*shape, k=k)
    other = X.copy()
    other[:, 1] *= factor
    plain, model = (wd.LogisticRegression(0.01).fit(one, y) for one in (X, other))
    np.testing.assert_allclose(model.coef_[:, 1] * factor, plain.coef_[:, 1], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(other), plain.predict_proba(X), rtol=1e-6, atol=1e-10)
    a, b = (wd.tune(wd.LogisticRegression(), one, y, cv=4, decays=[1e-3, 0.1]).losses for one in (X, other))
    np.testing.assert_allclose(b, a, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e8, 1e-8])
@pytest.mark.parametrize("k", [2, 3])
def test_one_column_in_other_units_without_standardising(factor: float, k: int) -> None:
    """On columns as they are the minimum of J is another one, and it is found: the large column is not decayed."""
    X, y = problem(80, 5, k=k)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X[:, 1] *= factor
    model = wd.LogisticRegression(0.01, standardize=False).fit(X, y)
    expected = fit("log", X, indicators(y), 0.8, metric=np.ones(5))
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), expected.coef * X.std(axis=0), rtol=1e-6, atol=1e-9)


def test_columns_far_from_zero() -> None:
    """A mean of 1e7 standard deviations costs digits, not the answer."""
    X, y = problem(80, 4)
    far = X + 1e7 * X.std(axis=0)
    plain, model = (wd.LogisticRegression(0.01).fit(one, y) for one in (X, far))
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(far), plain.predict_proba(X), rtol=1e-5)


# Columns that say nothing, or the same twice


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_constant_columns_get_nothing(container: Any, k: int, decay: float) -> None:
    """Constant, all-zero, and constant in all rows that count: coefficient 0, and the others as without them."""
    X, y = problem(200, 3, k=k, noise=3.0)
    s = np.ones(200)
    s[0] = 0.0
    almost = np.full(200, 0.1)
    almost[0] = 7.0
    wide = np.column_stack([X, np.full(200, 0.3), np.zeros(200), almost])
    model = wd.LogisticRegression(decay).fit(container(wide), y, s)
    plain = wd.LogisticRegression(decay).fit(X, y, s)
    assert (model.coef_[:, 3:] == 0).all()
    np.testing.assert_allclose(model.coef_[:, :3], plain.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, plain.intercept_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("k", [2, 3])
def test_a_constant_column_of_some_folds(k: int) -> None:
    """An indicator that the training rows of one fold do not have: that fold fits without it."""
    X, y = problem(60, 3, k=k)
    X = np.column_stack([X, (np.arange(60) < 10).astype(float)])
    splits = [(np.arange(12, 60), np.arange(12)), (np.arange(48), np.arange(48, 60))]
    found = wd.tune(wd.LogisticRegression(), X, y, cv=splits, decays=[1e-3, 0.1])
    np.testing.assert_allclose(found.losses, honest_losses(X, y, splits, [0.06, 6.0]), rtol=1e-7)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("decay", [0.0, 1e-9, 0.05])
def test_a_column_twice_shares_its_coefficient(k: int, decay: float) -> None:
    """Duplicates at λ = 0: the least-penalty solution, half to each, and the predictions of the column once."""
    X, y = problem(300, 3, k=k, noise=3.0)
    estimator = wd.LogisticRegression if k else wd.PoissonRegression
    model = estimator(decay).fit(np.column_stack([X, X[:, 0]]), y)
    coef = np.atleast_2d(model.coef_)
    np.testing.assert_allclose(coef[:, 3], coef[:, 0], rtol=1e-5, atol=1e-8 * np.abs(coef).max())
    if decay < 1e-6:
        once = np.atleast_2d(estimator(decay).fit(X, y).coef_)
        np.testing.assert_allclose(coef[:, 0] + coef[:, 3], once[:, 0], rtol=1e-5)
        np.testing.assert_allclose(coef[:, 1:3], once[:, 1:], rtol=1e-5, atol=1e-8)


def test_indicators_that_sum_to_one() -> None:
    """All levels of a category beside the intercept: at λ = 0 the shares of the classes per level, exactly."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 4, 400)
    y = (rng.random(400) < np.array([0.2, 0.4, 0.6, 0.8])[level]).astype(np.int64)
    X = np.eye(4)[level]
    model = wd.LogisticRegression(0.0).fit(X, y)
    chances = model.predict_proba(np.eye(4))[:, 1]
    np.testing.assert_allclose(chances, [y[level == one].mean() for one in range(4)], rtol=1e-7)


# Few rows, few members


def test_a_class_with_one_member_always_trains() -> None:
    """cv="auto" of a class of one: folds that all have it in training, finite losses, and the class is predicted."""
    X, y = problem(41, 3)
    y = np.minimum(y, 1)
    y[40] = 2
    X[40] += 20 * X.std(axis=0)
    found = wd.tune(wd.LogisticRegression(), X, y)
    assert np.isfinite(found.mean).all()
    model = wd.LogisticRegression().fit(X, y)
    assert list(model.classes_) == [0, 1, 2] and model.coef_.shape == (3, 3)
    finite(model, X)


def test_splits_that_leave_a_class_out_of_training() -> None:
    """A given fold that has never seen a class: the loss there is infinite or the fold is told, never a crash."""
    X, y = problem(40, 3)
    y = np.minimum(y, 1)
    y[:10] = 2
    splits = [(np.arange(10, 40), np.arange(10)), (np.arange(0, 30), np.arange(30, 40))]
    try:
        found = wd.tune(wd.LogisticRegression(), X, y, cv=splits, decays=[0.01, 0.1])
    except ValueError as refused:
        assert "class" in str(refused) and "fold" in str(refused)
        return
    assert not np.isnan(found.losses).any()
    np.testing.assert_allclose(found.losses[1], honest_losses(X, y, splits[1:], [0.4, 4.0])[0], rtol=1e-7)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("p", [1, 4])
@pytest.mark.parametrize("k", [2, 3])
def test_a_handful_of_rows(n: int, p: int, k: int) -> None:
    """At a fixed decay a handful of rows is a fit like any other."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, p))
    y = np.arange(n) % min(k, n)
    model = wd.LogisticRegression(0.1).fit(X, y)
    expected = fit("log", X, indicators(y), 0.1 * n, metric=X.std(axis=0) ** 2)
    np.testing.assert_allclose(model.coef_, expected.coef, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_tuning_a_handful_of_rows(n: int) -> None:
    """ "auto" finds something finite or says in one sentence what is missing."""
    rng = np.random.default_rng(n)
    X, y = rng.standard_normal((n, 2)), np.arange(n) % 2
    try:
        model = wd.LogisticRegression().fit(X, y)
    except ValueError as refused:
        assert str(refused).count("\n") == 0 and ("row" in str(refused) or "class" in str(refused))
        return
    finite(model, X)


@pytest.mark.parametrize("k", [0, 2, 3])
def test_rows_that_are_all_the_same(k: int) -> None:
    """No column varies: coefficients 0, the shares of the classes, and no division by nothing."""
    X, y = np.full((12, 3), 0.1), np.arange(12) % max(k, 4)
    y = np.minimum(y, k - 1) if k else y
    model = (wd.LogisticRegression if k else wd.PoissonRegression)(0.1).fit(X, y)
    assert (model.coef_ == 0).all()
    if k:
        np.testing.assert_allclose(model.predict_proba(X[:1])[0], np.bincount(y) / 12, rtol=1e-9)
    else:
        np.testing.assert_allclose(model.predict(X), y.mean(), rtol=1e-9)


@pytest.mark.parametrize("k", [0, 2, 3])
def test_tuning_rows_that_are_all_the_same(k: int) -> None:
    X, y = np.full((12, 3), 0.1), np.arange(12) % max(k, 4)
    y = np.minimum(y, k - 1) if k else y
    found = wd.tune((wd.LogisticRegression if k else wd.PoissonRegression)(), X, y, cv=3)
    assert np.isfinite(found.mean).all() and found.findings


def test_one_class_is_refused() -> None:
    """In one sentence that names the class."""
    with pytest.raises(ValueError, match="class") as refused:
        wd.LogisticRegression(0.1).fit(np.arange(6.0)[:, None], np.zeros(6, dtype=int))
    assert "\n" not in str(refused.value)


def test_one_class_of_positive_weight_is_refused() -> None:
    X, y = problem(12, 2)
    with pytest.raises(ValueError, match="class"):
        wd.LogisticRegression(0.1).fit(X, y, (y == 0).astype(float))


def test_a_class_that_is_rare_and_far_away() -> None:
    """One in a thousand: the minimum is found although the start is far from it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 3))
    y = np.zeros(3000, dtype=np.int64)
    y[:3] = 1
    X[:3] += 6.0
    for decay in (1e-7, 1e-4):
        model = wd.LogisticRegression(decay).fit(X, y)
        expected = fit("log", X, indicators(y), decay * 3000, metric=X.std(axis=0) ** 2)
        np.testing.assert_allclose(model.coef_, expected.coef, rtol=1e-6)


# Counts


def test_counts_that_are_all_zero_are_told() -> None:
    """The mean is 0, whose logarithm there is not: a sentence, or a model that predicts next to nothing."""
    X = np.random.default_rng(0).standard_normal((20, 2))
    try:
        model = wd.PoissonRegression(0.1).fit(X, np.zeros(20))
    except ValueError as refused:
        assert "0" in str(refused) or "zero" in str(refused)
        return
    assert np.isfinite(model.predict(X)).all() and model.predict(X).max() < 1e-3


def test_negative_counts_are_refused() -> None:
    X = np.random.default_rng(0).standard_normal((20, 2))
    with pytest.raises(ValueError, match="-1"):
        wd.PoissonRegression(0.1).fit(X, np.arange(20) - 1.0)


def test_large_counts_do_not_overflow() -> None:
    """Means from 1 to 1e9: exponentials of a bad step would overflow, the minimum does not."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 2))
    y = rng.poisson(np.exp(10 + 10 * X[:, 0])).astype(float)
    model = wd.PoissonRegression(1e-3).fit(X, y)
    expected = fit("poisson", X, y[:, None], 0.1, metric=X.std(axis=0) ** 2)
    np.testing.assert_allclose(model.coef_, expected.coef[0], rtol=1e-7)


def test_counts_may_be_fractions() -> None:
    """Rates with exposures as weights: y = counts/exposure, s = exposure."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 3))
    exposure = rng.uniform(0.5, 3.0, 150)
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0])) / exposure
    model = wd.PoissonRegression(0.01).fit(X, y, exposure)
    metric = weighted_scales(X, exposure) ** 2
    expected = fit("poisson", X, y[:, None], 0.01 * exposure.sum(), metric=metric, weight=exposure)
    np.testing.assert_allclose(model.coef_, expected.coef[0], rtol=1e-8)
