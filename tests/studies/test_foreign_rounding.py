"""Foreign estimators on designs without full rank: fits that are made of rounding are neither chosen nor believed.

The oracle is `wd.LinearRegression(standardize=False)`, whose solutions do not depend on the rank, on the same folds.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import weightdecay as wd

Array = NDArray[np.float64]
N = 150
ILL = "ill-conditioned: refitted"


def levels(rng: np.random.Generator, *counts: int) -> Array:
    """All levels of categories, each category's adding up to 1."""
    return np.hstack([np.eye(count)[rng.integers(0, count, N)] for count in counts])


def table(seed: int = 0) -> tuple[Array, Array]:
    """Three categories and three numbers of unlike units, with little noise: any small decay is fine."""
    rng = np.random.default_rng(seed)
    X = np.hstack([levels(rng, 3, 3, 2), rng.standard_normal((N, 3)) * [5.0, 2.0, 800.0] + [40.0, 17.0, 4000.0]])
    return X, X @ rng.standard_normal(X.shape[1]) + 300.0 * rng.standard_normal(N)


def penguins(n: int = N) -> tuple[pl.DataFrame, Array]:
    """The same as a frame of texts and numbers."""
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {
        "species": rng.choice(["Adelie", "Chinstrap", "Gentoo"], n),
        "island": rng.choice(["Biscoe", "Dream", "Torgersen"], n),
        "sex": rng.choice(["male", "female"], n),
        "bill": rng.normal(44, 5, n),
        "flipper": rng.normal(200, 14, n),
    }
    heavy = 800.0 * (columns["species"] == "Gentoo") + 600.0 * (columns["sex"] == "male")
    return pl.DataFrame(columns), heavy + 30.0 * columns["flipper"] + 300.0 * rng.standard_normal(n)


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two windows have a decay in common."""
    return max(one[0], other[0]) <= min(one[1], other[1])


@pytest.mark.parametrize(
    "estimator",
    [Ridge(), Ridge(solver="svd"), Ridge(solver="cholesky"), make_pipeline(StandardScaler(with_std=False), Ridge())],
    ids=str,
)
def test_a_design_without_full_rank_is_tuned_as_ours_tunes_it(estimator: Any) -> None:
    X, y = table()
    theirs = wd.tune(estimator, X, y, cv=5)
    ours = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=5)
    assert theirs.decay > 1e-9, "not a decay of rounding"
    assert overlap(theirs.window, ours.window)
    assert theirs.window[1] == pytest.approx(ours.window[1], rel=1e-6)
    assert theirs.plausible[1] == pytest.approx(ours.plausible[1], rel=1e-3)
    assert theirs.mean.min() == pytest.approx(ours.mean.min(), rel=1e-3)
    none = theirs.reference("no decay")
    assert none is not None and math.isnan(none.mean) and theirs.plausible[0] > 0, "of no decay nothing is said"
    (told,) = (one for one in theirs.findings if one.code == "WD014")
    assert told.severity == "info" and told.message.startswith("without decay the estimator's equations are ill")
    assert wd.Tuning.from_json(theirs.to_json()) == theirs
    assert np.isfinite(theirs.model.predict(X)).all() and np.isfinite(theirs.path.coef).all()


def test_a_table_of_categories_is_tuned_as_ours_tunes_it() -> None:
    frame, y = penguins()
    theirs = wd.tune(Ridge(), frame, y, cv=4)
    ours = wd.tune(wd.LinearRegression(standardize=False), frame, y, cv=4)
    assert theirs.decay > 1e-9 and overlap(theirs.window, ours.window)
    assert ours.window[0] == ours.plausible[0] == 0.0
    assert theirs.window[0] == theirs.plausible[0] == theirs.decays[0] > 0, "of no decay nothing is said"
    assert theirs.window[1] == pytest.approx(ours.window[1], rel=1e-6)
    assert theirs.mean.min() == pytest.approx(ours.mean.min(), rel=1e-3)
    assert [one.code for one in theirs.findings if one.code == "WD014"] == ["WD014"]


def test_where_no_decay_would_be_best_the_least_that_can_be_fitted_is_taken() -> None:
    X, _ = table()
    y = 100.0 * X @ np.random.default_rng(1).standard_normal(X.shape[1]) + np.random.default_rng(0).standard_normal(N)
    theirs = wd.tune(Ridge(), X, y, cv=4)
    ours = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=4)
    assert ours.decay == 0.0 < theirs.decay == theirs.decays[0]
    assert np.isfinite(theirs.mean).all(), "a grid that was searched has no decay without a loss"
    assert theirs.mean[0] == pytest.approx(ours.mean[0], rel=1e-5)


@pytest.mark.parametrize("estimator", [Ridge(), Ridge(solver="svd")], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_noise_is_where_it_is_said_to_be_and_nowhere_else(estimator: Any, weighted: bool) -> None:
    """Losses are those of a plain loop, and of ours; where they are not, the fit is told to be ill-conditioned."""
    X, y = table()
    weight = np.random.default_rng(4).uniform(0.3, 3.0, N) if weighted else None
    s = np.ones(N) if weight is None else weight
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    decays = 10.0 ** np.arange(-36.0, 2.0)
    theirs = wd.tune(estimator, X, y, decays=decays, cv=folds, sample_weight=weight)
    ours = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=decays, cv=folds, sample_weight=weight)
    ill = (theirs.status == ILL).any(axis=0)
    assert ill[decays < 1e-20].all() and not ill[decays > 1e-8].any()
    assert np.isnan(theirs.mean[ill]).all()
    np.testing.assert_allclose(theirs.mean[~ill], ours.mean[~ill], rtol=1e-9)
    assert not ill[int(theirs.best)] and not ill[theirs.decays == theirs.decay].any()
    for (f, (train, test)), at in itertools.product(enumerate(folds), range(len(decays))):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            plain = Ridge(alpha=decays[at] * s.sum(), solver=estimator.solver)
            plain.fit(X[train], y[train], None if weight is None else s[train])
        loss = np.average((y[test] - plain.predict(X[test])) ** 2, weights=s[test])
        assert theirs.status[f, at] == ILL or not said
        if theirs.status[f, at] == ILL:
            assert np.isnan(theirs.losses[f, at])
        else:
            assert theirs.losses[f, at] == pytest.approx(loss, rel=1e-9)
    message = next(one.message for one in theirs.findings if one.code == "WD014")
    assert f"at decays up to {decays[ill].max():.3e}" in message


def test_small_singular_values_that_are_no_rounding_are_believed() -> None:
    """Powers of one number: their equations are worse than those of categories, but they have full rank."""
    x = np.linspace(0, 1, N)
    X, y = np.vander(x, 11)[:, :-1], np.sin(6 * x) + 0.1 * np.random.default_rng(5).standard_normal(N)
    decays = [0.0, 1e-18, 1e-14, 1e-10, 1e-4]
    theirs = wd.tune(Ridge(solver="svd"), X, y, decays=decays, cv=5)
    ours = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=decays, cv=5)
    assert set(theirs.status.ravel()) == {"refitted"}
    np.testing.assert_allclose(theirs.mean, ours.mean, rtol=1e-4)
    assert "WD014" not in {one.code for one in theirs.findings}


def test_more_columns_than_rows() -> None:
    rng = np.random.default_rng(6)
    X = rng.standard_normal((30, 60))
    y = X[:, 0] + rng.standard_normal(30)
    ours = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=5)
    for estimator in (Ridge(), Ridge(solver="svd")):
        theirs = wd.tune(estimator, X, y, cv=5)
        assert theirs.decay == ours.decay
        np.testing.assert_allclose(theirs.window, ours.window, rtol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (RidgeClassifier(), np.random.default_rng(7).integers(0, 2, N)),
        (LogisticRegression(solver="newton-cholesky"), np.random.default_rng(7).integers(0, 2, N)),
        (PoissonRegressor(solver="newton-cholesky"), np.random.default_rng(7).poisson(3.0, N)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_other_estimators_that_solve_equations_are_quiet_too(estimator: Any, y: Any) -> None:
    X = levels(np.random.default_rng(8), 3, 4)
    scoring = "accuracy" if isinstance(estimator, RidgeClassifier) else None
    tuning = wd.tune(estimator, X, y, cv=4, scoring=scoring)
    assert tuning.decay > 1e-9 and np.isfinite(tuning.mean).all()


def test_leave_one_out_and_several_targets_with_a_scorer() -> None:
    X, y = table()
    both = np.column_stack([y, -y])
    tuning = wd.tune(Ridge(), X[:40], both[:40], decays=[0.0, 1e-30, 1e-4], cv="loo", scoring="r2")
    assert np.isnan(tuning.mean[:2]).all() and tuning.decay == 1e-4
    assert tuning.status.tolist() == [[ILL, ILL, "refitted"]]
    tuning = wd.tune(Ridge(), X[:40], y[:40], decays=[0.0, 1e-30, 1e-4], cv="loo")
    assert np.isnan(tuning.mean[:2]).all() and tuning.decay == 1e-4


def test_decays_of_rounding_alone_are_refused() -> None:
    X, y = table()
    with pytest.raises(ValueError, match="decays: at every one of them the estimator's equations are ill-conditioned"):
        wd.tune(Ridge(), X, y, decays=[0.0, 1e-30], cv=4)
    with pytest.raises(ValueError, match="none of them gave coefficients; give larger ones"):
        wd.path(Ridge(), X, y, [0.0, 1e-30])
    path = wd.path(Ridge(), X, y, [1e-30, 1e-4])
    assert path.status == (ILL, "refitted")
    assert np.isnan(path.coef[0]).all() and np.isnan(path.train_loss[0]) and np.isfinite(path.coef[1]).all()


def test_a_rule_that_takes_a_decay_of_rounding_is_warned_of_its_model() -> None:
    X, y = table()
    tuning = wd.tune(Ridge(), X, y, decays=[1e-4, 1.0], cv=4, rule=lambda *_: 1e-30)
    with pytest.warns(LinAlgWarning, match="decay 1e-30 leaves coefficients made of rounding"):
        assert isinstance(tuning.model, Ridge)


class Grumbling(Ridge):  # type: ignore[misc]
    """Says something of its own at every fit."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Grumbling:
        warnings.warn("a word of its own", UserWarning, stacklevel=2)
        return super().fit(X, y, sample_weight)


def test_other_warnings_are_passed_on() -> None:
    X, y = table()
    with pytest.warns(UserWarning, match="a word of its own"):
        wd.tune(Grumbling(), X, y, decays=[0.1, 1.0], cv=3)


PIPELINE = make_pipeline(StandardScaler(), Ridge())


@pytest.mark.parametrize("verb", [wd.tune, wd.path])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "could not convert string to float"),
        ({"species": None, "island": None, "sex": None}, "missing values are left"),
    ],
)
def test_a_pipeline_that_makes_no_numbers_of_a_table_is_one_sentence(verb: Any, change: Any, reason: str) -> None:
    frame, y = penguins(60)
    if change:
        frame = frame.drop(list(change)).with_columns(pl.when(pl.col("bill") > 44).then(pl.col("bill")).alias("bill"))
    with pytest.raises(ValueError) as caught:
        verb(PIPELINE, frame, y)
    told = str(caught.value)
    assert told.startswith("the Pipeline gets the table as it is, and its steps make no numbers of it (" + reason)
    assert told.endswith("or give Ridge alone, for which wd.tune does it") and "\n" not in told
    with pytest.raises(ValueError, match="StandardScaler has no penalty"):
        verb(make_pipeline(StandardScaler()), frame, y)


def test_a_pipeline_that_encodes_a_table_itself_is_tuned() -> None:
    frame, y = penguins(60)
    encoding = make_column_transformer(
        (OneHotEncoder(drop="first"), ["species", "island", "sex"]), (StandardScaler(), ["bill", "flipper"])
    )
    tuning = wd.tune(make_pipeline(encoding, Ridge()), frame, y, decays=[0.01, 1.0], cv=3)
    assert set(tuning.status.ravel()) == {"refitted"} and tuning.path.coef.shape == (2, 7)
    # Rows that do not count are not looked at either.
    odd = frame.with_columns(pl.Series("bill", [math.nan, *frame["bill"][1:]]))
    weight = np.r_[0.0, np.ones(59)]
    tuning = wd.tune(make_pipeline(encoding, Ridge()), odd, y, decays=[0.01, 1.0], cv=3, sample_weight=weight)
    assert tuning.n_rows == 59
