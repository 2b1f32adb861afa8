"""Scorers of classes: those of scikit-learn on the same probabilities, whatever the labels and the rows of a fold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    get_scorer_names,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import cross_val_score

import weightdecay as wd
from weightdecay.tuning.folds import stratified_folds
from weightdecay.tuning.scoring import (
    OF_SEVERAL,
    PredictedClasses,
    as_scorer,
    losses_of_probabilities,
    of_classes,
    scoring_name,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 3))
CODE = (X[:, 0] + RNG.logistic(size=150) > 0).astype(int)
CODE3 = CODE + (X[:, 1] > 0.4) * (CODE == 1)
WEIGHT = RNG.uniform(0.5, 2.0, 150)
TWO = [["no", "yes"], [0, 1], [-1, 1], [1, 2], [False, True], [0.0, 1.0]]
# Scorers that scikit-learn has for two classes by name, and cannot apply to all labels, or to two classes.
ODD = ("top_k_accuracy", *(name for name in get_scorer_names() if name.endswith("_samples")))


def fitted(labels: list[Any]) -> tuple[LogisticRegression, np.ndarray]:
    """A classifier of these labels, and what it is to find."""
    y = np.array(labels)[CODE if len(labels) == 2 else CODE3]
    return LogisticRegression().fit(X, y), y


def loss(name: Any, labels: list[Any], rows: Any = slice(None), weight: Any = None) -> float:
    """−score of a classifier's probabilities for some rows."""
    model, y = fitted(labels)
    scorer = as_scorer(name, len(labels))
    assert scorer is not None
    probabilities = [model.predict_proba(X[rows])]
    return float(losses_of_probabilities(scorer, X[rows], y[rows], model.classes_, probabilities, weight)[0])


def judges_numbers(name: str) -> bool:
    """Whether scikit-learn's metric is one of regression."""
    return get_scorer(name)._score_func.__module__.endswith("_regression")


def of_clusters(name: str) -> bool:
    """Whether scikit-learn's metric is one of clusters."""
    return get_scorer(name)._score_func.__module__.endswith("_supervised")


@pytest.mark.parametrize("name", [name for name in get_scorer_names() if not judges_numbers(name) and name not in ODD])
def test_a_named_scorer_is_scikit_learns(name: str) -> None:
    model, y = fitted([0, 1])
    for weight in (None, WEIGHT):
        given = {} if weight is None else {"sample_weight": weight}
        if weight is not None and ("likelihood_ratio" in name or of_clusters(name)):
            continue  # they take no weights
        assert loss(name, [0, 1], weight=weight) == pytest.approx(-get_scorer(name)(model, X, y, **given), rel=1e-12)
    several, y = fitted(["a", "b", "c"])
    if "likelihood_ratio" not in name:
        due = -get_scorer(OF_SEVERAL.get(name, name))(several, X, y)
        assert loss(name, ["a", "b", "c"]) == pytest.approx(due, rel=1e-9)


@pytest.mark.parametrize("labels", TWO, ids=str)
def test_the_positive_class_is_1_else_the_second(labels: list[Any]) -> None:
    model, y = fitted(labels)
    positive = 1 if 1 in labels else labels[1]
    place = labels.index(positive)
    probability = model.predict_proba(X)
    assert loss("f1", labels) == -f1_score(y == positive, model.predict(X) == positive)
    assert loss("brier", labels) == pytest.approx(brier_score_loss(y == labels[1], probability[:, 1]))
    assert loss("auc", labels) == loss("roc_auc", labels) == -roc_auc_score(y == labels[1], probability[:, 1])
    assert loss("average_precision", labels) == pytest.approx(
        -average_precision_score(y == positive, probability[:, place])
    )


def test_rows_that_lack_a_class_are_judged_where_that_can_be_done() -> None:
    rows = np.flatnonzero(CODE3 != 2)
    for labels in (["a", "b", "c"], [0, 1, 2]):
        model, y = fitted(labels)
        due = log_loss(y[rows], model.predict_proba(X[rows]), labels=model.classes_)
        assert loss("neg_log_loss", labels, rows) == pytest.approx(due)
        assert loss("neg_brier_score", labels, rows) == pytest.approx(
            float(((np.eye(3)[CODE3[rows]] - model.predict_proba(X[rows])) ** 2).sum(axis=1).mean())
        )
        assert loss("accuracy", labels, rows) == -np.mean(model.predict(X[rows]) == y[rows])
        assert loss("balanced_accuracy", labels, rows) <= 0
        with pytest.raises(ValueError, match=r"on a fold of \d+ test rows, none of which is of class '(c|2)'"):
            loss("roc_auc", labels, rows)
    single = np.flatnonzero(CODE == 0)
    with pytest.raises(ValueError, match=r"none of which is of class 'yes'; give fewer or stratified folds"):
        loss("roc_auc", ["no", "yes"], single)
    assert loss("neg_log_loss", ["no", "yes"], single) > 0
    assert loss("f1", ["no", "yes"], single) == 0


@pytest.mark.parametrize(
    ("name", "classes", "told"),
    [
        ("r2", 2, "scoring='r2' judges numbers, and the target is of classes; give a scorer of classes, such as"),
        ("neg_mean_squared_error", 3, "'f1_macro'"),
        ("f1_samples", 3, "rows of several labels each, and the target has one of 3 classes; give 'f1_macro'"),
        ("accuracy", 0, "scoring='accuracy' judges classes, and the target is of numbers; give a scorer of regression"),
        ("log-loss", 0, "scoring='log-loss' judges classes"),
        ("Brier", 0, "scoring='Brier' judges classes"),
        ("f2", 2, "scoring='f2' is no metric of scikit-learn; did you mean"),
        (make_scorer(log_loss, response_method="predict_proba"), 0, "the scoring log_loss judges classes"),
    ],
)
def test_scorers_that_do_not_suit_the_target_are_refused(name: Any, classes: int, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        as_scorer(name, classes)
    assert told in str(caught.value)


def test_short_words_and_their_names() -> None:
    assert as_scorer("log-loss", 2) is None and as_scorer("LOG_LOSS", 3) is None
    assert scoring_name("logloss", "log-loss", 2) == "log-loss"
    assert scoring_name("brier", "log-loss", 2) == "−neg_brier_score"
    assert [scoring_name(name, "", 3) for name in ("f1", "auc", "accuracy")] == [
        "−f1_macro",
        "−roc_auc_ovr",
        "−accuracy",
    ]
    assert scoring_name("auc", "", 2) == "−roc_auc"


def test_decisions_are_as_fine_as_the_probabilities() -> None:
    """Near certainty the greater of two probabilities has no digits left, the smaller one all."""
    odds = np.array([40.0, 41.0, 300.0, -300.0, 0.0])
    small = np.exp(-np.abs(odds))
    first = np.where(odds > 0, small, 1.0) / (1 + small)
    model = PredictedClasses(
        np.array(["a", "b"]), np.column_stack([first, np.where(odds > 0, 1.0, small) / (1 + small)])
    )
    np.testing.assert_allclose(model.decision_function(None), odds, rtol=1e-13, atol=1e-15)
    assert model.predict(None).tolist() == ["b", "b", "b", "a", "a"]
    scores = RNG.standard_normal((6, 4))
    scores -= scores.mean(axis=1, keepdims=True)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        PredictedClasses(np.arange(4), probabilities).decision_function(None), scores, atol=1e-12
    )


def test_probabilities_that_are_not_finite_have_no_loss() -> None:
    model, y = fitted(["no", "yes"])
    good, bad = model.predict_proba(X), np.full((150, 2), np.nan)
    scorer = as_scorer("accuracy", 2)
    assert scorer is not None
    found = losses_of_probabilities(scorer, X, y, model.classes_, [good, bad, good], None)
    assert math.isnan(found[1]) and found[0] == found[2] < 0


def test_constant_probabilities_are_judged_without_a_word() -> None:
    model = DummyClassifier().fit(X, np.array(["no", "yes"])[CODE])
    y = np.array(["no", "yes"])[CODE]
    for name, due in (("precision", 0.0), ("matthews_corrcoef", 0.0), ("roc_auc", -0.5)):
        scorer = as_scorer(name, 2)
        assert scorer is not None
        rows = losses_of_probabilities(scorer, X, y, model.classes_, [np.tile([0.6, 0.4], (150, 1))], None)
        assert rows[0] == due


def test_scorers_of_other_makes_get_what_a_classifier_has() -> None:
    def surest(model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        assert model.classes_.tolist() == ["no", "yes"] and set(model.predict(X)) <= {"no", "yes"}
        return float(np.average(model.predict_proba(X).max(axis=1), weights=sample_weight))

    assert of_classes(surest, np.array(["no", "yes"])) is surest
    assert -1 < loss(surest, ["no", "yes"]) < -0.5 and -1 < loss(surest, ["no", "yes"], weight=WEIGHT) < -0.5


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc", "brier", "balanced_accuracy", "neg_log_loss"])
@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]], ids=len)
def test_ours_and_foreign_are_judged_alike(name: str, labels: list[Any]) -> None:
    """Both by scikit-learn's own scorer on honest refits."""
    _, y = fitted(labels)
    code = np.unique(y, return_inverse=True)[1]
    folds = list(stratified_folds(code, 4).splits())
    ours = wd.tune(wd.LogisticRegression(standardize=False), X, y, decays=[0.1], cv=folds, scoring=name)
    solver = LogisticRegression(C=1 / (0.1 * 150), solver="newton-cholesky", tol=1e-12)
    foreign = wd.tune(solver, X, y, decays=[0.1], cv=folds, scoring=name)
    np.testing.assert_allclose(ours.losses, foreign.losses, rtol=1e-6)
    assert ours.scoring == foreign.scoring
    if len(labels) > 2 or name not in ("f1", "brier"):
        due = cross_val_score(solver, X, y, cv=folds, scoring=ours.scoring.removeprefix("−"))
        np.testing.assert_allclose(ours.losses[:, 0], -due, rtol=1e-6)


def test_weights_go_to_the_scorer_and_class_weights_do_not() -> None:
    _, y = fitted(["no", "yes"])
    folds, decay = list(stratified_folds(CODE, 4).splits()), 0.1
    sums = np.bincount(CODE, WEIGHT)
    both = WEIGHT * (WEIGHT.sum() / (2 * sums))[CODE]
    model = wd.LogisticRegression(class_weight="balanced", standardize=False)
    tuning = wd.tune(model, X, y, decays=[decay], cv=folds, scoring="accuracy", sample_weight=WEIGHT)
    for fold, (train, test) in enumerate(folds):
        refit = LogisticRegression(C=1 / (decay * both.sum()), solver="newton-cholesky", tol=1e-12)
        right = refit.fit(X[train], y[train], sample_weight=both[train]).predict(X[test]) == y[test]
        assert tuning.losses[fold, 0] == pytest.approx(-np.average(right, weights=WEIGHT[test]))
