"""What foreign estimators are given: rows of weight 0, texts, and targets that cannot be learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import weightdecay as wd

DECAYS = [0.01, 0.1, 1.0]
RNG = np.random.default_rng(0)
N = 60
X = RNG.standard_normal((N, 3))
Y = X[:, 0] + RNG.standard_normal(N)
LABELS = np.where(X[:, 0] + RNG.standard_normal(N) > 0, "yes", "no")
COUNTS = RNG.poisson(2.0, N).astype(float)
GROUPS = RNG.integers(0, 12, N)
WEIGHT = np.where(RNG.random(N) < 0.4, 0.0, RNG.uniform(0.5, 2.0, N))
KEPT = WEIGHT > 0
X[~KEPT] *= 100.0  # what would show if these rows were seen


@pytest.mark.parametrize("weight", [WEIGHT, KEPT * 1.0], ids=["weighted", "ones"])
@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (Ridge(), Y),
        (make_pipeline(MinMaxScaler(), Ridge()), Y),
        (LogisticRegression(class_weight="balanced"), LABELS),
        (PoissonRegressor(), COUNTS),
        (SGDRegressor(random_state=0), Y),
        (wd.LinearRegression(), Y),
    ],
    ids=["Ridge", "Pipeline", "LogisticRegression", "PoissonRegressor", "SGDRegressor", "ours"],
)
def test_a_row_of_weight_0_is_as_good_as_removed(estimator: Any, y: Any, weight: Any) -> None:
    kept = {"X": X[KEPT], "y": y[KEPT], "sample_weight": weight[KEPT]}
    for more, fewer in (({}, {}), ({"cv": 4}, {"cv": 4}), ({"groups": GROUPS}, {"groups": GROUPS[KEPT]})):
        tuning = wd.tune(estimator, X, y, decays=DECAYS, sample_weight=weight, **more)
        expected = wd.tune(estimator, decays=DECAYS, **kept, **fewer)
        assert tuning.cv == expected.cv
        np.testing.assert_allclose(tuning.losses, expected.losses, rtol=1e-9)
        np.testing.assert_allclose(tuning.paired, expected.paired, rtol=1e-6, atol=1e-12)
        assert (tuning.n_rows, tuning.weight_sum) == pytest.approx((expected.n_rows, expected.weight_sum))
        assert [one.decay for one in tuning.references] == pytest.approx([one.decay for one in expected.references])
        np.testing.assert_allclose(tuning.path.coef, expected.path.coef, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(tuning.path.train_loss, expected.path.train_loss, rtol=1e-8)
        predictions = [one.model.predict(X[KEPT]) for one in (tuning, expected)]
        if isinstance(estimator, LogisticRegression):
            assert predictions[0].tolist() == predictions[1].tolist()
        else:
            np.testing.assert_allclose(*predictions, rtol=1e-8)


def test_few_rows_of_weight_are_enough_for_a_default_fit() -> None:
    few = np.zeros(N)
    few[:8] = 1
    model = wd.LinearRegression().fit(X, Y, sample_weight=few)
    expected = wd.LinearRegression().fit(X[:8], Y[:8])
    assert model.decay_ == expected.decay_
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    for estimator in (wd.LinearRegression(), Ridge()):
        with pytest.raises(ValueError, match="cv=9 folds need at least 9 rows of positive weight, got 8"):
            wd.tune(estimator, X, Y, sample_weight=few, cv=9)


def test_a_class_of_no_weight_is_no_class_to_hold_out() -> None:
    labels = np.where(np.arange(N) < 5, "ghost", LABELS)
    weight = (np.arange(N) >= 5) * 1.0
    tuning = wd.tune(LogisticRegression(), X, labels, sample_weight=weight, cv=3, decays=DECAYS)
    expected = wd.tune(LogisticRegression(), X[5:], labels[5:], cv=3, decays=DECAYS)
    np.testing.assert_allclose(tuning.losses, expected.losses, rtol=1e-6)
    given = [(np.arange(5, N), np.arange(5)), (np.arange(30), np.arange(30, N))]
    with pytest.raises(ValueError, match="all test rows of fold 0 have weight 0"):
        wd.tune(LogisticRegression(), X, labels, sample_weight=weight, cv=given, decays=DECAYS)
    ghosts = [(np.arange(30, N), np.arange(30)), (np.arange(30), np.arange(30, N))]
    assert wd.tune(LogisticRegression(), X, labels, sample_weight=weight, cv=ghosts, decays=DECAYS).losses.shape[0] == 2


TEXTS = ["good film", "bad film", "good book", "bad book", "a good one", "a bad one"] * 5
TASTE = np.array(["like", "dislike"] * 15)


@pytest.mark.parametrize("give", [list, tuple, np.array, pd.Series, lambda texts: np.array(texts, dtype=object)])
def test_texts_go_through_a_pipeline(give: Any) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    tuning = wd.tune(pipeline, give(TEXTS), TASTE, decays=DECAYS, cv=3)
    table = TfidfVectorizer().fit_transform(TEXTS).toarray()
    assert tuning.losses.shape == (3, 3) and (np.diff(tuning.mean) > 0).all()
    assert tuning.columns == ("x0",)
    assert tuning.path.columns == ("bad", "book", "film", "good", "one") and table.shape[1] == 5
    assert tuning.model.predict(["a good film"]).tolist() == ["like"]
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_a_named_series_and_dictionaries_are_one_column() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    assert wd.tune(pipeline, pd.Series(TEXTS, name="review"), TASTE, decays=[0.1]).columns == ("review",)
    rows = [{"colour": "red", "size": float(i)} if i % 2 else {"colour": "blue"} for i in range(30)]
    tuning = wd.tune(make_pipeline(DictVectorizer(), Ridge()), rows, np.arange(30.0), decays=[0.1], cv=3)
    assert tuning.columns == ("x0",)
    assert tuning.path.columns == ("colour=blue", "colour=red", "size")
    lists = wd.tune(Ridge(), X.tolist(), Y.tolist(), decays=[0.1], cv=3)
    assert lists.columns == ("x0", "x1", "x2")


def missing(y: Any, value: Any = np.nan, row: int = 7) -> Any:
    """A target with a hole in it."""
    holed = np.array(y, dtype=object if value is None or value is pd.NA else None)
    holed[row] = value
    return holed


@pytest.mark.parametrize(
    ("estimator", "y", "sentence"),
    [
        (Ridge(), None, "y is None; expected one value per row"),
        (Ridge(), missing(Y), "y is nan in row 7; drop these rows or give them a value"),
        (Ridge(), missing(Y, np.inf), "y is inf in row 7; drop"),
        (Ridge(), missing(np.column_stack([Y, Y]), row=(7, 1)), "y is nan in row 7 of target 1; drop"),  # type: ignore[arg-type]
        (Ridge(), missing(missing(Y), row=9), "y is nan in row 7 and 1 more places; drop"),
        (Ridge(), missing(Y, None), "y is None in row 7; drop"),
        (Ridge(), pd.Series(missing(Y, pd.NA)), "y is <NA> in row 7; drop"),
        (Ridge(), LABELS, f"y is '{LABELS[0]}' in row 0, but Ridge is a regressor; give numbers, or tune a c"),
        (Ridge(), np.array([*Y[:-1], "?"], dtype=object), f"y is '?' in row {N - 1}, but Ridge is a regressor"),
        (LogisticRegression(), missing((LABELS == "yes") * 1.0), "y is nan in row 7; drop"),
        (LogisticRegression(), missing(LABELS, None), "y is None in row 7; drop"),
        (LogisticRegression(), Y, f"y is continuous ({Y[0]:g} in row 0), but LogisticRegression is a classifier"),
        (LogisticRegression(), np.column_stack([LABELS, LABELS]), f"y has shape ({N}, 2), but LogisticRegression is"),
        (
            LogisticRegression(),
            np.array(["yes", 1] * (N // 2), dtype=object),
            "y mixes labels of type int and str; give labels of one type",
        ),
        (make_pipeline(MinMaxScaler(), LogisticRegression()), Y, "y is continuous"),
    ],
)
def test_targets_that_cannot_be_learned_are_told(estimator: Any, y: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, y, decays=DECAYS)
    assert str(caught.value).startswith(sentence)


def test_a_column_of_classes_and_numbers_as_objects_are_taken() -> None:
    flat = wd.tune(LogisticRegression(), X, LABELS, decays=DECAYS)
    column = wd.tune(LogisticRegression(), X, LABELS[:, None], decays=DECAYS)
    np.testing.assert_array_equal(flat.losses, column.losses)
    whole = (LABELS == "yes") * 1.0
    np.testing.assert_array_equal(wd.tune(LogisticRegression(), X, whole, decays=DECAYS).losses.shape, (5, 3))
    np.testing.assert_array_equal(
        wd.tune(Ridge(), X, Y.astype(object), decays=DECAYS).losses, wd.tune(Ridge(), X, Y, decays=DECAYS).losses
    )
