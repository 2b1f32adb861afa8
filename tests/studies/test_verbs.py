"""The verbs of the door: arguments that are None are the estimator's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

import weightdecay as wd

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (60, 4))
Y = X[:, 0] + RNG.standard_normal(60)


def test_what_is_not_given_is_the_estimators_own() -> None:
    own = wd.LinearRegression(decays=[0.1, 1.0], cv=4, rule="1se", scoring="r2", tolerance=0.2, random_state=3)
    tuning = wd.tune(own, X, Y)
    assert tuning.decays.tolist() == [0.1, 1.0]
    assert (tuning.cv, tuning.rule, tuning.scoring, tuning.tolerance) == ("4 folds", "1se", "−r2", 0.2)
    assert tuning == own.fit(X, Y).tuning_
    other = wd.tune(own, X, Y, decays=[0.5], cv=3, rule="min", scoring="neg_mean_absolute_error", random_state=0)
    assert other.decays.tolist() == [0.5]
    assert (other.cv, other.rule, other.scoring) == ("3 folds", "min", "−neg_mean_absolute_error")
    assert other != wd.tune(own, X, Y, decays=[0.5], cv=3, rule="min", scoring="neg_mean_absolute_error")


def test_the_estimator_given_is_not_fitted() -> None:
    model = wd.LinearRegression()
    tuning = wd.tune(model, X, Y)
    assert not hasattr(model, "coef_")
    np.testing.assert_allclose(tuning.model.coef_, wd.LinearRegression(decay=tuning.decay).fit(X, Y).coef_, rtol=1e-12)


def test_the_model_predicts_as_the_path_does_at_the_decay() -> None:
    tuning = wd.tune(wd.LinearRegression(), X, Y)
    np.testing.assert_allclose(tuning.model.coef_, tuning.path.coef[tuning.best], rtol=1e-9)
    assert tuning.model.decay == tuning.model.decay_ == tuning.decay


def test_callable_scorers_are_named_by_their_function() -> None:
    from sklearn.metrics import make_scorer, median_absolute_error

    scorer = make_scorer(median_absolute_error, greater_is_better=False)
    assert wd.tune(wd.LinearRegression(), X, Y, scoring=scorer, cv=3).scoring == "−neg_median_absolute_error"


@pytest.mark.parametrize("kind", [wd.LinearRegression, Ridge, Pipeline])
def test_a_class_is_no_estimator(kind: Any) -> None:
    for verb in (wd.tune, wd.path):
        with pytest.raises(ValueError) as caught:
            verb(kind, X, Y)
        assert str(caught.value) == f"estimator is the class {kind.__name__}; give an instance: {kind.__name__}()"
    with pytest.raises(ValueError, match="estimator is the class"):
        wd.tune(kind, X, Y, space={"fit_intercept": [True]})


def test_a_listener_hears_of_one_search() -> None:
    class Counting:
        def __init__(self) -> None:
            self.began = self.done = self.over = 0

        def start(self, total: int, text: str) -> None:
            self.began += total

        def advance(self, text: str = "") -> None:
            self.done += 1

        def finish(self) -> None:
            self.over += 1

    heard = Counting()
    wd.tune(wd.LinearRegression(), X, Y, progress=heard)
    assert (heard.began, heard.done, heard.over) == (3, 3, 1)


@pytest.mark.parametrize("estimator", [wd.LinearRegression(), Ridge()], ids=["ours", "foreign"])
@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"decays": "auto"}, "decays='auto': expected numbers of at least 0, or None for a grid that the data span"),
        ({"decays": ["a"]}, "decays=['a']: expected numbers of at least 0; wd.convert"),
        ({"decays": [10**400]}, "decays=[1000"),
        ({"decays": [[1.0, 2.0]]}, "decays has shape (1, 2), expected (L,): one list of numbers"),
        ({"groups": 3}, "groups has shape (); give one group label per row"),
        ({"groups": np.array([1, "a"] * 30, dtype=object)}, "groups mixes labels of type int and str; give labels"),
        ({"random_state": "a", "cv": 3}, "random_state='a': expected an int of at least 0, a RandomState or None"),
        ({"random_state": -1, "cv": 3}, "random_state=-1: expected an int of at least 0"),
        ({"cv": KFold}, "cv is the class KFold; give an instance, such as cv=KFold()"),
        ({"scoring": "R2"}, "scoring='R2' is no metric of scikit-learn; did you mean r2"),
        ({"rule": "1se", "scoring": "r2", "cv": "loo"}, "rule='1se' needs a standard error, which a scorer does not"),
        ({"scoring": ["r2"]}, "scoring=['r2']: expected the name of one metric"),
    ],
)
def test_arguments_that_cannot_be_are_told_in_a_sentence(estimator: Any, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, Y, **more)
    assert str(caught.value).startswith(sentence)
    if "decays" in more:
        with pytest.raises(ValueError) as caught:
            wd.path(estimator, X, Y, more["decays"])
        assert str(caught.value).startswith(sentence)


def test_the_one_standard_error_rule_and_a_scorer_go_by_folds() -> None:
    with pytest.raises(ValueError, match="under leave-one-out; give cv=5, or rule='min'"):
        wd.tune(wd.LinearRegression(), X, Y, rule="1se", scoring="r2")
    assert wd.tune(wd.LinearRegression(), X, Y, rule="1se", scoring="r2", cv=5).rule == "1se"


def test_a_single_decay_needs_no_list() -> None:
    assert wd.tune(wd.LinearRegression(), X, Y, decays=0.5).decays.tolist() == [0.5]


@pytest.mark.parametrize("decays", [[], [np.nan], [-0.1], [[0.1], [-2.0]]])
def test_decays_that_are_none_are_refused(decays: object) -> None:
    with pytest.raises(ValueError, match=r"expected numbers of at least 0; wd\.convert turns other tools'"):
        wd.tune(wd.LinearRegression(), X, Y, decays=decays)
