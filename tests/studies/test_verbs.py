"""The verbs of the door: arguments that are None are the estimator's own."""

from __future__ import annotations

import numpy as np
import pytest

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
    assert wd.tune(wd.LinearRegression(), X, Y, scoring=scorer, cv=3).scoring == "−median_absolute_error"


@pytest.mark.parametrize("decays", [[], [np.nan], [-0.1], [[0.1], [-2.0]]])
def test_decays_that_are_none_are_refused(decays: object) -> None:
    with pytest.raises(ValueError, match=r"expected numbers of at least 0; wd\.convert turns other tools'"):
        wd.tune(wd.LinearRegression(), X, Y, decays=decays)
