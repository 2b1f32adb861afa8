"""Diagnostics against refits by scikit-learn: least squares, models of folds, held-out residuals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, LeaveOneGroupOut, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from laws.honest_tables import by_hand, pipeline, raw_table
from weightdecay.linear import ridge


def data(n: int, p: int, t: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p)) * np.logspace(-2, 2, p) + 5.0
    return X, X[:, :3] @ rng.standard_normal((3, t)) + rng.standard_normal((n, t))


def refitted(X: Any, y: Any, alpha: float, s: Any = None) -> tuple[Any, float]:
    s = np.ones(len(y)) if s is None else s
    model = make_pipeline(StandardScaler(), Ridge(alpha, solver="svd"))
    model.fit(X, y, standardscaler__sample_weight=s, ridge__sample_weight=s)
    scaler, ridge = model[0], model[1]
    coef = ridge.coef_ / scaler.scale_
    return coef, float(ridge.intercept_ - coef @ scaler.mean_)


@pytest.mark.parametrize(("n", "p"), [(80, 6), (8000, 8), (60, 90)])
@pytest.mark.parametrize("weighted", [False, True])
def test_models_of_folds_and_their_residuals(n: int, p: int, weighted: bool) -> None:
    X, Y = data(n, p)
    y = Y[:, 0]
    s = np.random.default_rng(1).uniform(0.5, 2.0, n) if weighted else np.ones(n)
    splits = list(KFold(4, shuffle=True, random_state=3).split(X))
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=splits, sample_weight=s if weighted else None, decays=[0.01, 0.3])
    found = tuning.diagnostics
    assert found is not None
    alpha = tuning.decay * s.sum()
    models = [refitted(X[train], y[train], alpha, s[train]) for train, _ in splits]
    coef = np.array([one for one, _ in models])
    np.testing.assert_allclose(found.fold_low, coef.min(axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.fold_high, coef.max(axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.fold_std, coef.std(axis=0, ddof=1), rtol=1e-6)
    whole, intercept = refitted(X, y, alpha, s)
    np.testing.assert_allclose(found.coef, whole, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(found.intercept, intercept, rtol=1e-6)
    scale = np.sqrt(np.average((X - np.average(X, axis=0, weights=s)) ** 2, axis=0, weights=s))
    np.testing.assert_allclose(found.scale, scale, rtol=1e-9)
    prediction = np.empty(n)
    for (_, test), (w, b) in zip(splits, models, strict=True):
        prediction[test] = X[test] @ w + b
    order = np.argsort(prediction)
    shown = np.searchsorted(prediction[order], found.fitted - 1e-9)
    assert len(found.fitted) == min(n, 2000) and len(np.unique(shown)) == len(shown)
    np.testing.assert_allclose(found.fitted, prediction[order][shown], rtol=1e-7)
    np.testing.assert_allclose(found.residual, (y - prediction)[order][shown], rtol=1e-5, atol=1e-8)
    error = 1 - s @ (y - prediction) ** 2 / (s @ (y - np.average(y, weights=s)) ** 2)
    np.testing.assert_allclose(found.r2, error, rtol=1e-7)
    assert found.edges[0] == found.fitted[0] and found.edges[-1] == found.fitted[-1]
    residual, weight = (y - prediction)[order], s[order]
    bounds = [*np.searchsorted(prediction[order], found.edges[:-1] - 1e-9), n]
    for number, (low, high) in enumerate(pairwise(bounds)):
        assert abs(weight[low:high].sum() / s.sum() * (len(bounds) - 1) - 1) < 0.3
        for level, quantile in zip((0.05, 0.25, 0.5, 0.75, 0.95), found.quantiles[number], strict=True):
            up_to = residual[low:high] <= quantile + 1e-7
            below = residual[low:high] < quantile - 1e-7
            total = weight[low:high].sum()
            assert weight[low:high][below].sum() / total < level + 1e-9 <= weight[low:high][up_to].sum() / total + 2e-9
    if p < n and not weighted:
        np.testing.assert_allclose(found.least_squares, LinearRegression().fit(X, y).coef_, rtol=1e-6)


def test_leave_one_out_shows_ten_folds() -> None:
    X, Y = data(100, 5)
    tuning = wd.tune(wd.LinearRegression(), X, Y[:, 0])
    assert tuning.cv.startswith("leave-one-out")
    found = tuning.diagnostics
    assert found is not None and found.folds == "10 folds"
    splits = KFold(10, shuffle=True, random_state=0).split(X)
    coef = np.array([refitted(X[train], Y[train, 0], tuning.decay * 100)[0] for train, _ in splits])
    np.testing.assert_allclose(found.fold_low, coef.min(axis=0), rtol=1e-7)


def test_every_target_has_its_own() -> None:
    X, Y = data(100, 5, 2)
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=4)
    assert tuning.diagnostics is None
    for number, one in enumerate(tuning.targets):
        alone = wd.tune(wd.LinearRegression(), X, Y[:, number], cv=4, decays=one.decays).diagnostics
        mine = one.diagnostics
        assert alone is not None and mine is not None
        np.testing.assert_allclose(mine.fold_high, alone.fold_high, rtol=1e-6)
        np.testing.assert_allclose(mine.residual, alone.residual, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("n", "numbers"), [(300, 4), (20_000, 4), (60, 90)])
def test_residuals_of_raw_tables_are_those_of_honest_refits(n: int, numbers: int) -> None:
    frame, y = raw_table(n, numbers=numbers)
    splits = list(KFold(4, shuffle=True, random_state=0).split(y))
    found = wd.tune(wd.LinearRegression(), by_hand(frame), y, cv=splits, decays=[0.05, 1.0]).diagnostics
    assert found is not None
    prediction = np.empty(n)
    for train, test in splits:
        model = pipeline(frame, found.decay * n).fit(frame.iloc[train], y[train])
        prediction[test] = model.predict(frame.iloc[test])
    assert abs(found.r2 - (1 - np.sum((y - prediction) ** 2) / np.sum((y - y.mean()) ** 2))) < 1e-7
    ascending = np.sort(prediction)
    np.testing.assert_allclose(found.fitted[[0, -1]], ascending[[0, -1]], rtol=1e-7)


def test_large_sparse_data_have_none_and_json_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = data(60, 12)
    tuning = wd.tune(wd.LinearRegression(), X, Y[:, 0], cv=4)
    again = wd.Tuning.from_json(tuning.to_json())
    assert again.diagnostics == tuning.diagnostics and again == tuning
    monkeypatch.setattr("weightdecay.linear.opening.LARGE", 5)
    assert wd.tune(wd.LinearRegression(), sparse.csr_array(X), Y[:, 0], cv=4).diagnostics is None


def test_extreme_columns_come_in_their_own_units() -> None:
    X, Y = data(80, 3)
    scaled = X * [1e200, 1.0, 1e-200]
    one = wd.tune(wd.LinearRegression(), X, Y[:, 0], cv=4, decays=[0.1]).diagnostics
    other = wd.tune(wd.LinearRegression(), scaled, Y[:, 0], cv=4, decays=[0.1]).diagnostics
    assert one is not None and other is not None
    for name in ("coef", "least_squares", "fold_low", "fold_std"):
        np.testing.assert_allclose(getattr(other, name) * [1e200, 1.0, 1e-200], getattr(one, name), rtol=1e-9)
    np.testing.assert_allclose(other.scale / [1e200, 1.0, 1e-200], one.scale, rtol=1e-9)
    np.testing.assert_allclose(other.residual, one.residual, rtol=1e-9, atol=1e-9)


def test_a_row_twice_is_a_row_of_weight_two() -> None:
    X, Y = data(90, 4)
    y, twice = Y[:, 0], np.arange(90) % 3 == 0
    group = np.arange(90)
    again = np.concatenate([group, group[twice]])
    splits = list(KFold(4, shuffle=True, random_state=3).split(X))
    same = [(np.flatnonzero(np.isin(again, train)), np.flatnonzero(np.isin(again, test))) for train, test in splits]
    one = wd.tune(wd.LinearRegression(), X, y, cv=splits, sample_weight=1.0 + twice, decays=[0.1]).diagnostics
    other = wd.tune(wd.LinearRegression(), X[again], y[again], cv=same, decays=[0.1]).diagnostics
    assert one is not None and other is not None
    np.testing.assert_allclose(one.r2, other.r2, rtol=1e-9)
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-9)


def test_many_folds_are_merged_and_groups_stay_whole() -> None:
    """Held-out R² of groups whose rows are alike is that of whole groups held out, not of single rows."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(120), 3)
    X, y = rng.standard_normal((120, 30))[groups], rng.standard_normal(120)[groups]
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=LeaveOneGroupOut(), groups=groups, decays=[0.01])
    found = tuning.diagnostics
    assert found is not None and found.folds.startswith("10 folds, each of several of the 120 folds")
    assert found.r2 < 0
    late = wd.tune(wd.LinearRegression(), X, y, cv=TimeSeriesSplit(120), decays=[0.01]).diagnostics
    assert late is not None and late.folds.startswith("10 folds")


def test_targets_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = data(100, 5, 3)
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=4)
    calls = []
    original = ridge.diagnose
    monkeypatch.setattr(ridge, "diagnose", lambda *given: calls.append(1) or original(*given))
    tuning.to_json()
    assert len(calls) == 1
