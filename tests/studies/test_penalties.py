"""Whose penalty is known, under which name, and with which mix; what has none is refused in a sentence."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskLasso,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.metrics import mean_tweedie_deviance
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import weightdecay as wd
from weightdecay.studies.penalties import penalised

DECAYS = [0.01, 0.1, 1.0]
RNG = np.random.default_rng(0)
N = 40
X = RNG.standard_normal((N, 3)) * [1.0, 2.0, 0.5]
Y = X @ [1.0, -0.5, 0.0] + RNG.standard_normal(N)
LABELS = np.where(X[:, 0] + RNG.standard_normal(N) > 0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.5 * RNG.standard_normal(N), [-0.5, 0.5])]
WEIGHT = RNG.uniform(0.2, 3.0, N)
FOLDS = list(KFold(4, shuffle=True, random_state=1).split(X))


class MyRidge(Ridge):  # type: ignore[misc]
    """A subclass that needs no fitting of its own."""

    def __init__(self, name: str, alpha: float = 1.0) -> None:
        super().__init__(alpha)
        self.name = name


class Renamed(Ridge):  # type: ignore[misc]
    """A subclass that hides the parameter."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength)
        self.strength = strength


def refused(estimator: Any, y: Any = Y, **more: Any) -> str:
    """The sentence with which a search is refused."""
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, y, **({"decays": DECAYS} | more))
    return str(caught.value)


def test_a_subclass_is_tuned_as_the_class_that_it_derives_from() -> None:
    own, known = (wd.tune(one, X, Y, decays=DECAYS, cv=FOLDS) for one in (MyRidge("mine"), Ridge()))
    np.testing.assert_array_equal(own.losses, known.losses)
    assert own.references[1] == known.references[1]
    assert isinstance(own.model, MyRidge) and own.model.name == "mine" and own.model.alpha == known.model.alpha
    assert own.model_name == "MyRidge"


@pytest.mark.parametrize(
    "estimator",
    [MultiTaskLasso(), LassoCV(), LogisticRegressionCV(), LinearRegression(), Renamed()],
    ids=lambda one: type(one).__name__,
)
def test_what_only_looks_like_a_known_penalty_is_refused(estimator: Any) -> None:
    kind = type(estimator).__name__
    assert refused(estimator).startswith(f"{kind} has no penalty that wd.tune knows; give wd.LinearRegression()")


@pytest.mark.parametrize(
    ("wrapper", "inner"),
    [
        (TransformedTargetRegressor(Ridge()), "Ridge"),
        (TransformedTargetRegressor(make_pipeline(StandardScaler(), ElasticNet())), "ElasticNet"),
        (make_pipeline(StandardScaler(), MultiOutputRegressor(Ridge())), "Ridge"),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}), "LogisticRegression"),
        (TransformedTargetRegressor(wd.LinearRegression()), "LinearRegression"),
    ],
)
def test_a_penalty_inside_a_wrapper_is_told(wrapper: Any, inner: str) -> None:
    kind = type(wrapper[-1] if isinstance(wrapper, Pipeline) else wrapper).__name__
    assert refused(wrapper) == (
        f"{kind} wraps {inner}, whose penalty wd.tune does not reach there; give {inner} itself, alone or at the end "
        f"of a Pipeline, and do what {kind} does beforehand"
    )


def test_coefficients_of_a_pipeline_are_in_the_units_of_what_reaches_its_last_step() -> None:
    for last in (Ridge(), wd.LinearRegression()):
        assert wd.path(last, X, Y, DECAYS).units == "the units of the columns"
        for estimator in (make_pipeline(StandardScaler(), last), make_pipeline(make_pipeline(MinMaxScaler(), last))):
            assert wd.path(estimator, X, Y, DECAYS).units == "the units of what reaches the last step"
            tuning = wd.tune(estimator, X, Y, decays=DECAYS)
            assert tuning.path.units == "the units of what reaches the last step"


def test_a_foreign_path_names_its_targets_but_no_classes() -> None:
    both = pd.DataFrame({"u": Y, "v": -Y})
    assert wd.path(Ridge(), X, both, DECAYS).target_names == ("u", "v")
    assert wd.path(LogisticRegression(), X, pd.Series(THREE, name="kind"), DECAYS).target_names == ()


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_a_pipeline_may_end_in_a_pipeline(weight: Any) -> None:
    flat = make_pipeline(MinMaxScaler(), StandardScaler(), Ridge())
    nested = Pipeline([("first", MinMaxScaler()), ("rest", make_pipeline(StandardScaler(), Ridge()))])
    split = Pipeline([("first", make_pipeline(MinMaxScaler(), StandardScaler())), ("ridge", Ridge())])
    expected = wd.tune(flat, X, Y, decays=DECAYS, cv=FOLDS, sample_weight=weight)
    for other in (nested, split):
        tuning = wd.tune(other, X, Y, decays=DECAYS, cv=FOLDS, sample_weight=weight)
        np.testing.assert_allclose(tuning.losses, expected.losses, rtol=1e-12)
        np.testing.assert_allclose(tuning.path.coef, expected.path.coef, rtol=1e-12)
        assert tuning.path.columns == expected.path.columns == ("x0", "x1", "x2")
    assert wd.tune(nested, X, Y, decays=[0.1]).model["rest"]["ridge"].alpha == pytest.approx(0.1 * N)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_our_own_estimator_at_the_end_of_a_pipeline_is_refitted_in_the_folds(weight: Any) -> None:
    decays = [0.0, *DECAYS, math.inf]
    options = {"cv": FOLDS, "sample_weight": weight}
    expected = wd.tune(wd.LinearRegression(decays=decays), X, Y, **options)
    for last in (wd.LinearRegression(decays=decays), wd.LinearRegression(decays=decays, standardize=False)):
        tuning = wd.tune(make_pipeline(StandardScaler(), last), X, Y, **options)
        np.testing.assert_allclose(tuning.losses, expected.losses, rtol=1e-9)
        np.testing.assert_allclose(tuning.paired, expected.paired, rtol=1e-7, atol=1e-12)
        assert tuning.decay == expected.decay == tuning.model[-1].decay_
        assert set(tuning.status.ravel()) == {"refitted"}
        assert tuning.standardize is last.standardize
        assert [one.name for one in tuning.references] == ["no decay", "infinite decay"]
    assert wd.tune(make_pipeline(StandardScaler(), wd.LinearRegression()), X, Y).cv == "5 folds"


@pytest.mark.parametrize(
    "estimator", [SGDRegressor(penalty=None), SGDClassifier(penalty=None), LogisticRegression(penalty=None)]
)
def test_an_estimator_told_to_have_no_penalty_is_refused(estimator: Any) -> None:
    kind = type(estimator).__name__
    sentence = f"{kind}(penalty=None) has no penalty, so there is no decay to tune"
    assert refused(estimator).startswith(sentence)
    assert refused(make_pipeline(StandardScaler(), estimator)).startswith(sentence)


# What scikit-learn 1.7 and later really minimise under each name; an error where they refuse the name itself.
MIXES = [
    (ElasticNet(l1_ratio=0.3), 0.3),
    (SGDRegressor(penalty="l2", l1_ratio=0.7), 0.0),
    (SGDRegressor(penalty="l1", l1_ratio=0.2), 1.0),
    (SGDRegressor(penalty="elasticnet", l1_ratio=0.2), 0.2),
    (LogisticRegression(), 0.0),
    (LogisticRegression(penalty="l2", l1_ratio=0.5), 0.0),
    (LogisticRegression(penalty="l1", l1_ratio=0.0), 1.0),
    (LogisticRegression(penalty="elasticnet", l1_ratio=0.4), 0.4),
]


@pytest.mark.parametrize(("estimator", "mix"), MIXES)
def test_the_share_of_l1_is_what_the_estimator_minimises(estimator: Any, mix: float) -> None:
    assert penalised(estimator).l1_ratio == mix


def test_lasso_by_name_and_by_mix_have_the_same_curve_and_no_other() -> None:
    def losses(**more: Any) -> Any:
        estimator = LogisticRegression(solver="saga", tol=1e-8, max_iter=20000, **more)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name is deprecated from scikit-learn 1.8 on,
            warnings.simplefilter("ignore", UserWarning)  # and then said to contradict the mix's default
            return wd.tune(estimator, X, LABELS, decays=[0.05], cv=FOLDS).losses

    named = losses(penalty="l1")
    by_hand = []
    for train, test in FOLDS:
        model = LogisticRegression(C=1 / (0.05 * N), solver="liblinear", tol=1e-8, max_iter=20000)
        mix = {"penalty": "l1"} if model.penalty == "l2" else {"l1_ratio": 1.0}
        # liblinear decays the intercept, a thousandth as much if it is scaled by a thousand.
        model.set_params(intercept_scaling=1000.0, **mix).fit(X[train], LABELS[train])
        chosen = model.predict_proba(X[test])[np.arange(len(test)), np.searchsorted(model.classes_, LABELS[test])]
        by_hand.append(-np.log(chosen).mean())
    np.testing.assert_allclose(named[:, 0], by_hand, rtol=1e-3)
    assert np.abs(named - losses()).max() > 1e-3


def test_decisions_without_probabilities_are_tuned_by_a_scorer() -> None:
    for y in (LABELS, THREE):
        tuning = wd.tune(RidgeClassifier(), X, y, decays=[*DECAYS, 1e6, math.inf], cv=FOLDS, scoring="accuracy")
        for f, (train, test) in enumerate(FOLDS):
            for column, decay in enumerate(DECAYS):
                model = RidgeClassifier(alpha=decay * N).fit(X[train], y[train])
                assert tuning.losses[f, column] == -model.score(X[test], y[test])
        if y is LABELS:
            untied = [0, 1, 3]  # one fold trains on as many rows of either class
            np.testing.assert_array_equal(tuning.losses[untied, 3], tuning.losses[untied, 4])
        # Its coefficients are known, its natural loss is not.
        np.testing.assert_allclose(tuning.path.intercept[4], tuning.path.intercept[3], atol=1e-4)
        assert np.isnan(tuning.path.train_loss[:4]).all()
        assert wd.Tuning.from_json(tuning.to_json()) == tuning
    assert "RidgeClassifier gives no probabilities as it is; give scoring='accuracy'" in refused(
        RidgeClassifier(), LABELS
    )


@pytest.mark.parametrize(
    ("estimator", "power"),
    [(GammaRegressor(), 2.0), (TweedieRegressor(power=1.3), 1.3), (TweedieRegressor(power=3), 3.0)],
)
def test_generalised_linear_models_minimise_half_their_deviance_and_the_penalty(estimator: Any, power: float) -> None:
    """The gradient of J, by differences of scikit-learn's own deviance, vanishes at the coefficients of the path."""
    y, decay = np.exp(0.3 * X[:, 0]) + RNG.uniform(0.1, 1.0, N), 0.2
    sharp = clone(estimator).set_params(solver="newton-cholesky", tol=1e-12)
    path = wd.path(sharp, X, y, [decay], sample_weight=WEIGHT)

    def objective(w: Any, b: float) -> float:
        deviance = mean_tweedie_deviance(y, np.exp(X @ w + b), sample_weight=WEIGHT, power=power)
        return float(deviance / 2 + decay * 0.5 * w @ w)

    w, b, step = path.coef[0], float(path.intercept[0]), 1e-4
    slopes = [(objective(w + d, b) - objective(w - d, b)) / (2 * step) for d in step * np.eye(3)]
    slopes.append((objective(w, b + step) - objective(w, b - step)) / (2 * step))
    np.testing.assert_allclose(slopes, 0.0, atol=1e-7)
    assert np.abs(decay * w).max() > 1e-3
    assert path.train_loss[0] == pytest.approx(2 * (objective(w, b) - decay * 0.5 * w @ w))
