"""Law 6: held-out losses from shared work equal honest refits, for every kind of fold, weight, target and container."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from laws.problems import SHAPES, pipeline_losses, regression, ridge, weighted_scales

Floats = NDArray[np.float64]

DECAYS = np.geomspace(1e-5, 1e3, 9)
LABELS = np.arange(60) // 7
SPLITTERS: dict[str, Any] = {
    "folds": KFold(5, shuffle=True, random_state=3),
    "unshuffled": KFold(4),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=3, random_state=1),
    "time series": TimeSeriesSplit(4, gap=2),
    "overlapping": ShuffleSplit(5, test_size=0.3, random_state=2),
    "one hold-out": ShuffleSplit(1, test_size=0.2, random_state=2),
    "predefined": PredefinedSplit(np.arange(60) % 4 - 1),
}


def tuned(X: Any, y: Any, cv: Any, **settings: Any) -> wd.Tuning:
    """A tuning at the decays of these tests."""
    return wd.tune(wd.LinearRegression(), X, y, decays=DECAYS, cv=cv, **settings)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 7), (60, 90)])
def test_fold_losses_equal_refitted_pipelines(splitter: str, weighted: bool, shape: tuple[int, int]) -> None:
    """Every fold's loss at every decay is that of StandardScaler and Ridge(alpha=Λ) fitted on its training rows."""
    X, y = regression(*shape)
    s = np.random.default_rng(0).uniform(0.1, 3.0, 60) if weighted else None
    cv = SPLITTERS[splitter]
    total = 60.0 if s is None else s.sum()
    expected = pipeline_losses(X, y, cv.split(X), DECAYS * total, s)
    found = tuned(X, y, cv, sample_weight=s)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-9)
    tests = [test for _, test in cv.split(X)]
    weights = [len(test) if s is None else s[test].sum() for test in tests]
    np.testing.assert_allclose(found.mean, np.average(expected, axis=0, weights=weights), rtol=1e-9)


@pytest.mark.parametrize("splitter", [GroupKFold(3), LeaveOneGroupOut()])
def test_groups(splitter: Any) -> None:
    """Group splitters get the groups, and cv=int holds out whole groups."""
    X, y = regression(60, 5)
    expected = pipeline_losses(X, y, splitter.split(X, y, LABELS), DECAYS * 60)
    np.testing.assert_allclose(tuned(X, y, splitter, groups=LABELS).losses, expected, rtol=1e-9)
    by_int = GroupKFold(4, shuffle=True, random_state=0)
    expected = pipeline_losses(X, y, by_int.split(X, y, LABELS), DECAYS * 60)
    np.testing.assert_allclose(tuned(X, y, 4, groups=LABELS).losses, expected, rtol=1e-9)


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, csr_array, csc_array])
@pytest.mark.parametrize("shape", [(60, 7), (60, 90)])
def test_several_targets(container: Any, shape: tuple[int, int]) -> None:
    """Every target has its own curve and decay; the outer record is their mean."""
    X, Y = regression(*shape, t=3)
    X[np.abs(X) < 1] = 0.0
    found = tuned(container(X), Y, KFold(4))
    for k, one in enumerate(found.targets):
        expected = pipeline_losses(X, Y[:, k], KFold(4).split(X), DECAYS * 60)
        np.testing.assert_allclose(one.losses, expected, rtol=1e-9)
    np.testing.assert_allclose(found.losses, np.mean([one.losses for one in found.targets], axis=0), rtol=1e-12)
    chosen = [one.decay for one in found.targets]
    np.testing.assert_array_equal(found.model.decay_, chosen)
    for k, decay in enumerate(chosen):
        single = wd.LinearRegression(decay).fit(X, Y[:, k])
        np.testing.assert_allclose(found.model.coef_[k], single.coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", [(60, 7), (60, 90)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_number_types(dtype: type, shape: tuple[int, int]) -> None:
    """float32 and whole numbers are taken as they are, and sums run in float64."""
    X, y = regression(*shape)
    X = (10 * X).astype(dtype)
    expected = pipeline_losses(X.astype(np.float64), y, KFold(4).split(X), DECAYS * 60)
    np.testing.assert_allclose(tuned(X, y, KFold(4)).losses, expected, rtol=1e-9)


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"])
@pytest.mark.parametrize("shape", [(60, 7), (60, 90)])
def test_scorers(scoring: str, shape: tuple[int, int]) -> None:
    """Any scorer, as a plain mean over folds."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = regression(*shape)
    found = tuned(X, y, KFold(4), scoring=scoring)
    for fold, (train, test) in enumerate(KFold(4).split(X)):
        for row, decay in enumerate(DECAYS):
            model = make_pipeline(StandardScaler(), Ridge(alpha=decay * 60, solver="svd")).fit(X[train], y[train])
            np.testing.assert_allclose(
                -found.losses[fold, row], get_scorer(scoring)(model, X[test], y[test]), rtol=1e-7
            )
    np.testing.assert_allclose(found.mean, found.losses.mean(axis=0))


def left_out(
    X: Floats, y: Floats, precisions: Floats, s: Floats, weights: Floats, *, standardize: bool, fit_intercept: bool
) -> Floats:
    """Held-out residuals (n, L) of n honest refits that keep the full-data scales and the prior precision."""
    metric = weights * (weighted_scales(X, s) ** 2 if standardize else 1.0)
    found = np.empty((len(y), len(precisions)))
    for row in range(len(y)):
        rest = np.arange(len(y)) != row
        for column, precision in enumerate(precisions):
            coef, intercept = ridge(X[rest], y[rest], precision, s[rest], metric, fit_intercept=fit_intercept)
            found[row, column] = y[row] - intercept - X[row] @ coef
    return found


@pytest.mark.parametrize("shape", [(40, 6), (30, 29), (20, 35), (25, 1)])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["plain", "weights", "exempt and centre"])
def test_leave_one_out_equals_n_refits(
    shape: tuple[int, int], standardize: bool, fit_intercept: bool, kind: str
) -> None:
    """Exact leave-one-out, the intercept's leverage and its standard errors included."""
    X, y = regression(*shape)
    n, p = X.shape
    rng = np.random.default_rng(5)
    s = rng.uniform(0.2, 3, n) if kind == "weights" else np.ones(n)
    weights, centre = np.ones(p), np.zeros(p)
    if kind == "exempt and centre":
        weights, centre = rng.uniform(0.5, 2, p), rng.standard_normal(p)
        weights[:2] = 0.0 if p > 2 else 1.0
    size = 1.0 if standardize else float(np.mean(X**2))
    decays = size * np.array([1e-4, 0.1, 10.0])
    residual = left_out(
        X, y - X @ centre, decays * s.sum(), s, weights, standardize=standardize, fit_intercept=fit_intercept
    )
    found = wd.tune(
        wd.LinearRegression(standardize=standardize, fit_intercept=fit_intercept, decay_weights=weights, centre=centre),
        X,
        y,
        sample_weight=s if kind == "weights" else None,
        decays=decays,
        cv="loo",
    )
    loss = residual**2
    mean = np.average(loss, axis=0, weights=s)
    np.testing.assert_allclose(found.losses[0], mean, rtol=1e-9)
    spread = np.average((loss - mean) ** 2, axis=0, weights=s)
    np.testing.assert_allclose(found.standard_error, np.sqrt(spread / (n - 1)), rtol=1e-8)
    best = int(np.argmin(mean))
    np.testing.assert_array_equal(found.decay_min, decays[best])
    difference = loss - loss[:, [best]]
    spread = np.average((difference - np.average(difference, axis=0, weights=s)) ** 2, axis=0, weights=s)
    np.testing.assert_allclose(found.paired, np.sqrt(spread / (n - 1)), rtol=1e-6, atol=1e-9 * mean.max())


@given(st.integers(0, 500), st.sampled_from([(12, 3), (9, 9), (8, 20), (30, 12)]), st.sampled_from([1e-6, 0.1, 30.0]))
def test_leave_one_out_of_any_data(seed: int, shape: tuple[int, int], decay: float) -> None:
    """The same for drawn data, several targets at once."""
    X, Y = regression(*shape, t=2, seed=seed)
    found = wd.tune(wd.LinearRegression(), X, Y, decays=[decay], cv="loo")
    for k, one in enumerate(found.targets):
        residual = left_out(
            X,
            Y[:, k],
            np.array([decay * len(X)]),
            np.ones(len(X)),
            np.ones(X.shape[1]),
            standardize=True,
            fit_intercept=True,
        )
        np.testing.assert_allclose(one.losses[0], np.mean(residual**2, axis=0), rtol=1e-7)


@pytest.mark.parametrize("shape", [(40, 6), (20, 35)])
def test_leave_one_out_scorers_see_all_predictions_at_once(shape: tuple[int, int]) -> None:
    """A scorer under leave-one-out is applied once; 1se then has no error and says so."""
    from sklearn.metrics import r2_score

    X, y = regression(*shape)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[0.1, 1.0], cv="loo", scoring="r2")
    residual = left_out(
        X, y, np.array([0.1, 1.0]) * len(y), np.ones(len(y)), np.ones(shape[1]), standardize=True, fit_intercept=True
    )
    expected = [r2_score(y, y - residual[:, k]) for k in range(2)]
    np.testing.assert_allclose(-found.losses[0], expected, rtol=1e-9)
    with pytest.raises(ValueError, match="1se"):
        wd.tune(wd.LinearRegression(rule="1se"), X, y, decays=[0.1, 1.0], cv="loo", scoring="r2")


def test_leave_one_out_where_a_row_has_leverage_one() -> None:
    """A column that only one row has: without that row its coefficient is the least-norm one."""
    X, y = regression(30, 4)
    X = np.hstack([X, np.eye(30)[:, [3]]])
    weights = np.array([1.0, 1, 1, 1, 0])
    found = wd.tune(
        wd.LinearRegression(standardize=False, decay_weights=weights), X, y, decays=[0.0, 1e-12, 0.1], cv="loo"
    )
    residual = left_out(X, y, np.array([1e-12, 0.1]) * 30, np.ones(30), weights, standardize=False, fit_intercept=True)
    np.testing.assert_allclose(found.losses[0, 1:], np.mean(residual**2, axis=0), rtol=1e-7)
    np.testing.assert_allclose(found.losses[0, 0], found.losses[0, 1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 7), (40, 80)])
def test_losses_that_are_almost_nothing_keep_their_digits(shape: tuple[int, int]) -> None:
    """Where the fit is almost perfect, errors come from rows, not from differences of moments."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000 if shape[0] > shape[1] else 40, shape[1]))
    X[:, 1] += 1e4
    y = 1e6 + X @ rng.standard_normal(shape[1]) + 1e-7 * rng.standard_normal(len(X))
    cv = KFold(3)
    expected = pipeline_losses(X, y, cv.split(X), np.array([1e-12, 1e-3]) * len(y))
    found = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=[1e-12, 1e-3])
    np.testing.assert_allclose(found.losses, expected, rtol=1e-4)


def test_frames_keep_their_names() -> None:
    """pandas and polars columns come through with names and the same numbers."""
    import pandas as pd
    import polars as pl

    X, y = regression(60, 3)
    names = ["width", "größe", "a b"]
    plain = wd.tune(wd.LinearRegression(), X, y, cv=4)
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        found = wd.tune(wd.LinearRegression(), frame, y, cv=4)
        assert found.columns == found.path.columns == tuple(names)
        np.testing.assert_allclose(found.losses, plain.losses, rtol=1e-12)
        assert list(found.model.feature_names_in_) == names
        np.testing.assert_allclose(found.model.predict(frame), plain.model.predict(X), rtol=1e-12)


def test_shape_table_is_what_it_says() -> None:
    """The shapes of these laws include more columns than rows."""
    assert any(p > n for n, p in SHAPES.values())


@pytest.mark.parametrize("shape", [(60, 7), (60, 90), (4000, 90)])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_a_single_hold_out_the_rows_stand_for_folds(shape: tuple[int, int], weighted: bool) -> None:
    """One hold-out has no spread over folds: its errors are those of a mean over its rows, for every target."""
    X, Y = regression(*shape, t=2)
    n = len(X)
    s = np.random.default_rng(0).uniform(0.1, 3.0, n) if weighted else np.ones(n)
    train, test = next(ShuffleSplit(1, test_size=0.2, random_state=2).split(X))
    decays = np.array([1e-3, 0.1, 10.0])
    found = wd.tune(
        wd.LinearRegression(), X, Y, cv=[(train, test)], decays=decays, sample_weight=s if weighted else None
    )
    metric = weighted_scales(X[train], s[train]) ** 2
    for k, one in enumerate(found.targets):
        loss = np.empty((len(test), 3))
        for column, decay in enumerate(decays):
            coef, intercept = ridge(X[train], Y[train, k], decay * s.sum(), s[train], metric)
            loss[:, column] = (Y[test, k] - intercept - X[test] @ coef) ** 2
        mean = np.average(loss, axis=0, weights=s[test])
        np.testing.assert_allclose(one.losses[0], mean, rtol=1e-7)
        spread = np.average((loss - mean) ** 2, axis=0, weights=s[test])
        np.testing.assert_allclose(one.standard_error, np.sqrt(spread / (len(test) - 1)), rtol=1e-6)
        difference = loss - loss[:, [np.argmin(mean)]]
        spread = np.average(
            (difference - np.average(difference, axis=0, weights=s[test])) ** 2, axis=0, weights=s[test]
        )
        np.testing.assert_allclose(one.paired, np.sqrt(spread / (len(test) - 1)), rtol=1e-5, atol=1e-7 * mean.max())


@pytest.mark.parametrize("cv", ["loo", 4])
@pytest.mark.parametrize("shape", [(40, 6), (20, 35)])
def test_paired_errors_refer_to_the_best_decay_given(cv: Any, shape: tuple[int, int]) -> None:
    """Where no decay, or a habit, beats every decay given, the reported best is still the one that was given."""
    X, y = regression(*shape, noise=0.2)
    found = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=[50.0, 100.0])
    assert min(one.mean for one in found.references) < found.mean.min()
    assert found.decay_min == found.decays[found.mean.argmin()]
    assert found.paired[found.best] == 0.0 < found.paired[1 - found.best]
    assert "WD001" in {one.code for one in found.findings}
    alone = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=[1e4])
    assert alone.window[0] == 1e4 and alone.paired.tolist() == [0.0]


def test_a_window_does_not_reach_what_is_better() -> None:
    """Decays that were all given too large: the window keeps off no decay, and the verdict off "hardly matters"."""
    X, y = regression(40, 6, noise=0.2)
    found = wd.tune(wd.LinearRegression(), X, y, decays=[1e4], cv=4)
    assert found.window[0] == 1e4 and "hardly matters" not in found.verdict
    told = next(one for one in found.findings if one.code == "WD001")
    assert told.message == "the only decay given, 10000, is worse than no decay"


@pytest.mark.parametrize("size", [1e12, 1e16, 1e20])
@pytest.mark.parametrize("small", [True, False])
def test_an_outlier_costs_other_folds_no_digits(size: float, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns near 3 but for one row: that row's fold is predicted from the others, and they keep their digits."""
    if not small:
        for module in ("fold_split", "whole"):
            monkeypatch.setattr(f"weightdecay.linear.{module}.SMALL", 0)
    rng = np.random.default_rng(0)
    X = 3.0 + rng.standard_normal((60, 3))
    y = X[:, 0] + rng.standard_normal(60)
    X[7, 1] = size
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    ours = wd.tune(wd.LinearRegression(), X, y, decays=[0.01, 1.0], cv=splits).losses
    for losses, (train, test) in zip(ours, splits, strict=True):
        for loss, decay in zip(losses, (0.01, 1.0), strict=True):
            model = make_pipeline(StandardScaler(), Ridge(decay * 60)).fit(X[train], y[train])
            assert loss == pytest.approx(np.mean((y[test] - model.predict(X[test])) ** 2), rel=1e-7)
