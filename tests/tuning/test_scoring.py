"""Scorers: named as scikit-learn names them, and told in a sentence where they give no number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, median_absolute_error
from sklearn.model_selection import KFold

import weightdecay as wd
from weightdecay.tuning.scoring import as_scorer, scoring_name

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 3))
Y = X[:, 0] + RNG.standard_normal(30)
WEIGHT = RNG.uniform(0.5, 2.0, 30)
DECAYS = [0.1, 1.0]
BOTH = pytest.mark.parametrize("estimator", [wd.LinearRegression(), Ridge()], ids=["ours", "foreign"])


def correlation(model: Any, X: Any, y: Any) -> float:
    """A scorer that takes no weights, and is undefined where all predictions are the same."""
    prediction = model.predict(X)
    if np.ptp(prediction) < 1e-12:
        return math.nan
    return float(np.corrcoef(y, prediction)[0, 1])


def test_errors_are_named_as_the_scores_that_they_are_made() -> None:
    turned = make_scorer(mean_absolute_error, greater_is_better=False)
    assert scoring_name(turned, "") == "−neg_mean_absolute_error"
    assert scoring_name("neg_mean_absolute_error", "") == "−neg_mean_absolute_error"
    assert scoring_name(make_scorer(mean_absolute_error), "") == "−mean_absolute_error"
    assert scoring_name(correlation, "") == "−correlation"
    assert scoring_name(None, "log-loss") == "log-loss"


@BOTH
def test_the_verdict_shows_the_score_with_its_own_sign(estimator: Any) -> None:
    turned = make_scorer(mean_absolute_error, greater_is_better=False)
    by_name, by_scorer = (
        wd.tune(estimator, X, Y, decays=DECAYS, cv=3, scoring=one) for one in ("neg_mean_absolute_error", turned)
    )
    assert by_scorer == by_name
    assert "held-out mean absolute error 1.0" in by_scorer.verdict
    assert (by_scorer.losses > 0).all()


@BOTH
def test_a_scorer_without_weights_serves_rows_without_weights(estimator: Any) -> None:
    tuning = wd.tune(estimator, X, Y, decays=DECAYS, cv=3, scoring=correlation)
    assert ((-1 <= tuning.losses) & (tuning.losses <= 1)).all()
    # At infinite decay all predictions are the same, and correlation is undefined by right.
    assert math.isnan(tuning.reference("infinite decay").mean)  # type: ignore[union-attr]
    for scorer, name in ((correlation, "correlation"), (make_scorer(lambda y, f: 0.0), "<lambda>")):
        with pytest.raises(ValueError, match=f"the scoring {name} takes no sample_weight, and the rows are weighted"):
            wd.tune(estimator, X, Y, decays=DECAYS, cv=3, scoring=scorer, sample_weight=WEIGHT)


@BOTH
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "the scoring judge returned None; a scorer returns one number, the larger the better"),
        ({"r2": 1.0}, "the scoring judge returned {'r2': 1.0}; a scorer returns one number"),
        (math.nan, "the scoring judge is nan on a fold of 10 test rows; give larger folds, another scorer"),
    ],
)
def test_a_scorer_that_gives_no_number_is_told(estimator: Any, given: Any, sentence: str) -> None:
    def judge(model: Any, X: Any, y: Any) -> Any:
        return given

    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, Y, decays=DECAYS, cv=3, scoring=judge)
    assert str(caught.value).startswith(sentence)


@BOTH
@pytest.mark.filterwarnings("ignore:R\\^2 score is not well-defined")
def test_r2_of_a_single_row_is_told(estimator: Any) -> None:
    folds = list(KFold(30).split(X))[:3]
    with pytest.raises(ValueError, match="the scoring r2_score is nan on a fold of a single test row; give larger"):
        wd.tune(estimator, X, Y, decays=DECAYS, cv=folds, scoring="r2")


def test_a_scorer_that_raises_for_reasons_of_its_own_is_not_hidden() -> None:
    def judge(model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        raise TypeError("something else")

    with pytest.raises(TypeError, match="something else"):
        wd.tune(Ridge(), X, Y, decays=DECAYS, scoring=judge, sample_weight=WEIGHT)


def test_a_scorer_from_a_name_is_scikit_learns() -> None:
    assert as_scorer("r2")._score_func is get_scorer("r2")._score_func  # type: ignore[union-attr]
    assert as_scorer(None) is None
    with pytest.raises(ValueError, match="metric function rather than a scorer"):
        as_scorer(median_absolute_error)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mse", "neg_mean_squared_error"),
        ("MAE", "neg_mean_absolute_error"),
        ("rmse", "neg_root_mean_squared_error"),
        ("mape", "neg_mean_absolute_percentage_error"),
        ("mean_squared_error", "neg_mean_squared_error"),
    ],
)
def test_a_metric_by_its_initials_is_suggested(given: str, meant: str) -> None:
    with pytest.raises(ValueError) as caught:
        as_scorer(given)
    assert str(caught.value).startswith(f"scoring={given!r} is no metric of scikit-learn; did you mean {meant}")


@BOTH
def test_a_metric_of_target_and_prediction_is_no_scorer(estimator: Any) -> None:
    for metric, arguments in ((lambda a, b: 0.0, "(a, b)"), (math.dist, "(p, q, /)")):
        with pytest.raises(ValueError) as caught:
            wd.tune(estimator, X, Y, decays=DECAYS, scoring=metric)
        assert str(caught.value) == (
            f"scoring is a function of {arguments}, but a scorer is one of (estimator, X, y); "
            "sklearn.metrics.make_scorer turns a metric of (y, prediction) into a scorer"
        )


def test_a_scorer_may_take_what_it_likes_beside_the_three() -> None:
    class Judge:
        def __call__(self, *arguments: Any, **more: Any) -> float:
            return -float(((arguments[0].predict(arguments[1]) - arguments[2]) ** 2).mean())

    for scorer in (Judge(), lambda model, X, y, power=2: float(-(abs(model.predict(X) - y) ** power).mean())):
        tuning = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=3, scoring=scorer)
        np.testing.assert_allclose(tuning.losses, wd.tune(Ridge(), X, Y, decays=DECAYS, cv=3).losses)
