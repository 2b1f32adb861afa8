"""Foreign estimators through `wd.tune`: losses equal to honest loops over the same folds with Λ = λ·Σs held fixed."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.metrics import log_loss, mean_tweedie_deviance, r2_score
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.studies.foreign import ForeignFitter
from weightdecay.tuning.request import Request, folds_of

Array = NDArray[np.float64]
DECAYS = [0.01, 0.1, 1.0]
RNG = np.random.default_rng(0)
N = 48
X = RNG.standard_normal((N, 4)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 1.0, 0.0, 3.0]
Y = X @ [1.0, -0.5, 0.0, 0.0] + RNG.standard_normal(N)
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0] + 0.5)).astype(float)
LABELS = np.where(X[:, 0] + RNG.standard_normal(N) > 0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.5 * RNG.standard_normal(N), [-0.5, 0.5])]
WEIGHT = RNG.uniform(0.2, 3.0, N)
FOLDS = list(KFold(4, shuffle=True, random_state=1).split(X))

# What λ is in the estimator's own parameter when it is fitted on rows with weight sum S_f, S being that of all rows.
OWN = {
    "Ridge": lambda decay, S, S_f: {"alpha": decay * S},
    "Lasso": lambda decay, S, S_f: {"alpha": decay * S / S_f},
    "ElasticNet": lambda decay, S, S_f: {"alpha": decay * S / S_f},
    "LogisticRegression": lambda decay, S, S_f: {"C": 1 / (decay * S)},
    "PoissonRegressor": lambda decay, S, S_f: {"alpha": decay * S / S_f},
    "GammaRegressor": lambda decay, S, S_f: {"alpha": decay * S / S_f},
    "TweedieRegressor": lambda decay, S, S_f: {"alpha": decay * S / S_f},
}
TIGHT = {"tol": 1e-10, "max_iter": 10000}
NEWTON = {"tol": 1e-10, "solver": "newton-cholesky"}
CASES = {
    "Ridge": (Ridge(), Y),
    "Lasso": (Lasso(**TIGHT), Y),
    "ElasticNet": (ElasticNet(l1_ratio=0.3, **TIGHT), Y),
    "LogisticRegression": (LogisticRegression(**NEWTON), LABELS),
    "three classes": (LogisticRegression(**NEWTON), THREE),
    "PoissonRegressor": (PoissonRegressor(**NEWTON), COUNTS),
    "GammaRegressor": (GammaRegressor(**NEWTON), COUNTS + 0.5),
    "Tweedie 1.5": (TweedieRegressor(power=1.5, **NEWTON), COUNTS),
    "Tweedie 3": (TweedieRegressor(power=3, **NEWTON), COUNTS + 0.5),
    "Tweedie identity": (TweedieRegressor(power=0, **NEWTON), Y),
}


def loss_of(model: Any, rows: Any, y: Any, weight: Any) -> float:
    """The natural loss of a model on rows, by scikit-learn's metrics."""
    if hasattr(model, "predict_proba"):
        return float(log_loss(y[rows], model.predict_proba(X[rows]), sample_weight=weight, labels=model.classes_))
    power = {"PoissonRegressor": 1, "GammaRegressor": 2}.get(type(model).__name__, getattr(model, "power", 0))
    return float(mean_tweedie_deviance(y[rows], model.predict(X[rows]), sample_weight=weight, power=power))


def honest(estimator: Any, y: Any, weight: Array | None) -> Array:
    """Fold losses by a plain loop."""
    s = np.ones(N) if weight is None else weight
    loss = np.empty((len(FOLDS), len(DECAYS)))
    for f, (train, test) in enumerate(FOLDS):
        for column, decay in enumerate(DECAYS):
            own = OWN[type(estimator).__name__](decay, s.sum(), s[train].sum())
            model = clone(estimator).set_params(**own)
            model.fit(X[train], y[train], sample_weight=None if weight is None else s[train])
            loss[f, column] = loss_of(model, test, y, None if weight is None else s[test])
    return loss


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_honest_loops(case: str, weight: Array | None) -> None:
    estimator, y = CASES[case]
    tuning = wd.tune(estimator, X, y, decays=DECAYS, cv=FOLDS, sample_weight=weight)
    expected = honest(estimator, y, weight)
    np.testing.assert_allclose(tuning.losses, expected, rtol=1e-7)
    s = np.ones(N) if weight is None else weight
    np.testing.assert_allclose(tuning.weight, [s[test].sum() for _, test in FOLDS])
    np.testing.assert_allclose(tuning.mean, np.average(expected, axis=0, weights=tuning.weight), rtol=1e-7)
    assert set(np.unique(tuning.status)) == {"refitted"}
    assert tuning.model_name == type(estimator).__name__


def test_a_pipeline_is_refitted_as_a_whole_in_every_fold() -> None:
    pipeline = make_pipeline(StandardScaler(), Ridge())
    tuning = wd.tune(pipeline, X, Y, decays=DECAYS, cv=FOLDS)
    ours = wd.tune(wd.LinearRegression(), X, Y, decays=DECAYS, cv=FOLDS)
    np.testing.assert_allclose(tuning.losses, ours.losses, rtol=1e-9)
    assert tuning.decay == ours.decay
    np.testing.assert_allclose(tuning.window, ours.window, rtol=1e-7)
    assert isinstance(tuning.model[-1], Ridge)
    assert tuning.model[-1].alpha == pytest.approx(tuning.decay * N)


def test_weights_reach_every_step_that_takes_them() -> None:
    pipeline = make_pipeline(StandardScaler(), Ridge())
    tuning = wd.tune(pipeline, X, Y, decays=DECAYS, cv=FOLDS, sample_weight=WEIGHT)
    ours = wd.tune(wd.LinearRegression(), X, Y, decays=DECAYS, cv=FOLDS, sample_weight=WEIGHT)
    np.testing.assert_allclose(tuning.losses, ours.losses, rtol=1e-9)
    np.testing.assert_allclose(tuning.standard_error, ours.standard_error, rtol=1e-9)


def test_leave_one_out_and_a_single_hold_out_take_their_errors_from_the_rows() -> None:
    ours = wd.tune(wd.LinearRegression(standardize=False), X, Y, decays=DECAYS, cv="loo", sample_weight=WEIGHT)
    theirs = wd.tune(Ridge(), X, Y, decays=DECAYS, cv="loo", sample_weight=WEIGHT)
    for name in ("losses", "standard_error", "paired"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-8, atol=1e-12)
    scored = [
        wd.tune(one, X, Y, decays=DECAYS, cv="loo", scoring="r2")
        for one in (Ridge(), wd.LinearRegression(standardize=False))
    ]
    np.testing.assert_allclose(scored[0].losses, scored[1].losses, rtol=1e-8)
    assert np.isnan(scored[0].standard_error).all() and math.isnan(scored[0].plausible[0])

    ((train, test),) = ShuffleSplit(1, test_size=0.4, random_state=0).split(X)
    single = wd.tune(Ridge(), X, Y, decays=[0.1], cv=[(train, test)])
    square = (Y[test] - Ridge(alpha=0.1 * N).fit(X[train], Y[train]).predict(X[test])) ** 2
    assert single.mean[0] == pytest.approx(square.mean())
    assert single.standard_error[0] == pytest.approx(square.std(ddof=1) / math.sqrt(len(test)))


def test_class_weights_count_in_the_unit() -> None:
    weights = {"yes": 3.0, "no": 1.0}
    estimator = LogisticRegression(class_weight=weights, **NEWTON)
    tuning = wd.tune(estimator, X, LABELS, decays=DECAYS, cv=FOLDS)
    S = sum(weights[label] for label in LABELS)
    assert tuning.weight_sum == S
    assert tuning.model.C == pytest.approx(1 / (tuning.decay * S))
    model = clone(estimator).set_params(C=1 / (0.1 * S)).fit(X[FOLDS[0][0]], LABELS[FOLDS[0][0]])
    assert tuning.losses[0, 1] == pytest.approx(loss_of(model, FOLDS[0][1], LABELS, None), rel=1e-7)
    assert f"LogisticRegression(C={tuning.model.C:.4g})" in tuning.verdict


def test_scorers_are_called_with_the_model_and_the_weights() -> None:
    tuning = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=FOLDS, scoring="r2", sample_weight=WEIGHT)
    train, test = FOLDS[2]
    model = Ridge(alpha=0.1 * WEIGHT.sum()).fit(X[train], Y[train], sample_weight=WEIGHT[train])
    expected = r2_score(Y[test], model.predict(X[test]), sample_weight=WEIGHT[test])
    assert tuning.losses[2, 1] == pytest.approx(-expected)
    assert tuning.weight.tolist() == [1.0] * 4
    accuracy = wd.tune(LogisticRegression(), X, LABELS, decays=DECAYS, scoring="accuracy")
    assert ((accuracy.losses <= 0) & (accuracy.losses >= -1)).all()
    assert "held-out accuracy 0." in accuracy.verdict
    with pytest.raises(ValueError, match="one row of a class at a time"):
        wd.tune(LogisticRegression(), X, LABELS, cv="loo", scoring="accuracy")


@pytest.mark.parametrize("case", CASES)
def test_infinite_decay_is_what_huge_decays_approach(case: str) -> None:
    estimator, y = CASES[case]
    tuning = wd.tune(estimator, X, y, decays=[1e7, math.inf], cv=FOLDS, sample_weight=WEIGHT)
    np.testing.assert_allclose(tuning.losses[:, 1], tuning.losses[:, 0], rtol=1e-5)
    path = wd.path(estimator, X, y, [1e7, math.inf], sample_weight=WEIGHT)
    np.testing.assert_allclose(path.intercept[1], path.intercept[0], rtol=1e-4, atol=1e-5)
    assert not path.coef[1].any()
    assert path.train_loss[1] == pytest.approx(path.train_loss[0], rel=1e-5)


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (Ridge(fit_intercept=False), Y + 3),
        (PoissonRegressor(fit_intercept=False, **NEWTON), COUNTS),
        (TweedieRegressor(power=1.5, fit_intercept=False, **NEWTON), COUNTS),
        (LogisticRegression(fit_intercept=False), LABELS),
        # liblinear decays the intercept like any coefficient.
        (LogisticRegression(solver="liblinear"), LABELS),
    ],
)
def test_without_intercept_nothing_is_left_at_infinite_decay(estimator: Any, y: Any) -> None:
    tuning = wd.tune(estimator, X, y, decays=[1e8, math.inf], cv=FOLDS)
    np.testing.assert_allclose(tuning.losses[:, 1], tuning.losses[:, 0], rtol=1e-5)
    assert tuning.path.intercept == pytest.approx([0.0, 0.0], abs=1e-6)


def test_infinite_decay_leaves_the_classes_shares_under_class_weights() -> None:
    estimator = LogisticRegression(class_weight={"yes": 5.0, "no": 1.0}, **NEWTON)
    tuning = wd.tune(estimator, X, LABELS, decays=[1e7, math.inf], cv=FOLDS)
    np.testing.assert_allclose(tuning.losses[:, 1], tuning.losses[:, 0], rtol=1e-5)


def test_a_tuned_model_at_infinite_decay_predicts_the_mean() -> None:
    noise = np.random.default_rng(5).standard_normal(N)
    tuning = wd.tune(Lasso(), X, noise)
    assert tuning.decay == math.inf
    np.testing.assert_allclose(tuning.model.predict(X), noise.mean())


def test_the_default_of_the_estimator_is_its_reference() -> None:
    def reference(estimator: Any, y: Any) -> tuple[str, float]:
        one = wd.tune(estimator, X, y, decays=[0.1], cv=FOLDS).references[1]
        return one.name, one.decay

    assert reference(Ridge(alpha=7.0), Y) == ("sklearn alpha=1", 1 / N)
    assert reference(Lasso(), Y) == ("sklearn alpha=1", 1.0)
    assert reference(LogisticRegression(), LABELS) == ("sklearn C=1", 1 / N)


@pytest.mark.parametrize("case", CASES)
def test_paths_hold_the_coefficients_of_fits_on_all_rows(case: str) -> None:
    estimator, y = CASES[case]
    path = wd.path(estimator, X, y, [0.1, 1.0])
    for row, decay in enumerate((0.1, 1.0)):
        own = OWN[type(estimator).__name__](decay, N, N)
        model = clone(estimator).set_params(**own).fit(X, y)
        np.testing.assert_allclose(path.coef[row], np.squeeze(model.coef_), rtol=1e-7)
        np.testing.assert_allclose(path.intercept[row], np.squeeze(model.intercept_), rtol=1e-7)
        assert path.train_loss[row] == pytest.approx(loss_of(model, np.arange(N), y, None))
    assert path.status == ("refitted", "refitted")
    assert path.columns == ("x0", "x1", "x2", "x3")
    assert np.isnan(path.df).all()


def test_our_own_path_and_a_foreign_one_agree() -> None:
    ours = wd.path(wd.LinearRegression(standardize=False), X, Y, [0.0, 0.1, math.inf], sample_weight=WEIGHT)
    theirs = wd.path(Ridge(), X, Y, [0.0, 0.1, math.inf], sample_weight=WEIGHT)
    np.testing.assert_allclose(theirs.coef, ours.coef, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(theirs.intercept, ours.intercept, rtol=1e-9)
    np.testing.assert_allclose(theirs.train_loss, ours.train_loss, rtol=1e-9)
    # Without decays given, each takes its natural lattice.
    assert len(wd.path(wd.LinearRegression(), X, Y).decays) > 10
    assert len(wd.path(Ridge(), X, Y).decays) > 10
    with pytest.raises(ValueError, match="expected numbers of at least 0"):
        wd.path(Ridge(), X, Y, [-1.0])


def test_several_targets_have_a_coefficient_row_each() -> None:
    both = np.column_stack([Y, -2 * Y])
    tuning = wd.tune(Ridge(), X, both, decays=DECAYS, cv=FOLDS)
    single = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=FOLDS)
    np.testing.assert_allclose(tuning.losses, single.losses * 2.5, rtol=1e-9)
    path = wd.path(Ridge(), X, both, [0.1, math.inf])
    assert path.coef.shape == (2, 2, 4) and path.intercept.shape == (2, 2)
    np.testing.assert_allclose(path.intercept[1], both.mean(axis=0))


def test_names_of_frames_and_of_transformed_columns() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    tuning = wd.tune(make_pipeline(StandardScaler(), Ridge()), frame, pd.Series(Y), decays=DECAYS)
    assert tuning.columns == ("a", "b", "c", "d")
    assert tuning.path.columns == ("a", "b", "c", "d")
    assert list(tuning.model.feature_names_in_) == ["a", "b", "c", "d"]
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_sparse_matrices_stay_sparse() -> None:
    dense = wd.tune(Ridge(solver="sparse_cg", tol=1e-12), X, Y, decays=DECAYS, cv=FOLDS)
    thin = wd.tune(Ridge(solver="sparse_cg", tol=1e-12), sparse.csr_array(X), Y, decays=DECAYS, cv=FOLDS)
    np.testing.assert_allclose(thin.losses, dense.losses, rtol=1e-6)


class CountingRidge(Ridge):  # type: ignore[misc]
    """Counts its fits by rows and strength."""

    fits: ClassVar[Counter[tuple[bytes, float]]] = Counter()

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CountingRidge:
        type(self).fits[X.tobytes(), self.alpha] += 1
        return super().fit(X, y, sample_weight)


def test_no_fit_is_made_twice() -> None:
    CountingRidge.fits.clear()
    tuning = wd.tune(CountingRidge(), X, Y, cv=FOLDS)
    assert set(CountingRidge.fits.values()) == {1}
    finite = {float(one) for one in tuning.decays} | {one.decay for one in tuning.references}
    assert sum(CountingRidge.fits.values()) == 4 * len(finite - {math.inf})


def test_fits_that_did_not_converge_are_told_and_do_not_shout() -> None:
    tuning = wd.tune(Lasso(max_iter=1, tol=1e-12), X, Y, decays=[0.001, 0.1, 10.0], cv=FOLDS)
    assert tuning.status[:, 0].tolist() == ["not converged: refitted"] * 4
    assert tuning.status[:, 2].tolist() == ["refitted"] * 4
    assert [one.code for one in tuning.findings] == ["WD013"]
    assert "8 of 12 fold fits" in tuning.findings[0].message


def folds(estimator: Any, y: Any, cv: Any = "auto", rows: int = N) -> str:
    """The folds that `tune` would take, in words."""
    problem = ForeignFitter(estimator).open(X[:rows], y[:rows])
    return folds_of(problem, Request(cv=cv), None, y[:rows]).text


def test_classes_are_dealt_out_evenly_by_default() -> None:
    rare = np.where(np.arange(N) < 3, "rare", "common")
    assert folds(LogisticRegression(), rare) == "3 stratified folds"
    assert folds(LogisticRegression(), rare, cv=5) == "5 stratified folds"
    assert folds(LogisticRegression(), np.where(np.arange(N) < 1, "alone", LABELS)) == "5 stratified folds"
    assert folds(Ridge(), Y) == "5 folds"
    assert folds(Ridge(), Y, rows=4) == "4 folds"


def test_an_estimator_that_refuses_to_go_without_decay_is_tuned_all_the_same() -> None:
    tuning = wd.tune(SGDClassifier(loss="log_loss", random_state=0), X, LABELS, decays=[0.0, 0.1, 1.0], cv=FOLDS)
    assert np.isnan(tuning.mean[0]) and tuning.decay > 0
    assert set(tuning.status[:, 0]) == {"refused by the estimator"}
    assert "no decay changes the held-out log-loss by an unknown amount (its loss is not known)" in tuning.verdict
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_liblinear_is_not_asked_to_go_without_decay() -> None:
    tuning = wd.tune(LogisticRegression(solver="liblinear"), X, LABELS, decays=[0.0, 0.1], cv=FOLDS)
    assert set(tuning.status[:, 0]) == {"refused by the estimator"} and tuning.decay == 0.1


def test_groups_stay_together() -> None:
    groups = np.repeat(np.arange(12), 4)
    assert wd.tune(Ridge(), X, Y, decays=[0.1], groups=groups).cv == "5 folds by group"


@pytest.mark.parametrize(
    ("estimator", "y", "more", "sentence"),
    [
        (RandomForestRegressor(), Y, {}, "RandomForestRegressor has no penalty that wd.tune knows; give wd.Linear"),
        (make_pipeline(Ridge(), StandardScaler()), Y, {}, "StandardScaler has no penalty"),
        (SGDClassifier(), LABELS, {}, "SGDClassifier gives no probabilities as it is; give scoring='accuracy'"),
        (Ridge(), Y, {"sample_weight": -WEIGHT}, "sample_weight: expected finite numbers of at least 0"),
        (Ridge(), Y, {"sample_weight": np.zeros(N)}, "sample_weight: expected finite numbers of at least 0"),
        (
            Ridge(),
            Y,
            {"sample_weight": (np.arange(N) > 8) * 1.0, "cv": [(np.arange(9, N), np.arange(9))]},
            "all test rows",
        ),
        (
            LogisticRegression(),
            np.where(np.arange(N) < 5, "first", LABELS),
            {"cv": [(np.arange(5, N), np.arange(5))]},
            "fold 0 holds out class 'first', which none of its training rows has",
        ),
        (
            LogisticRegression(),
            np.where(np.arange(N) < 1, "one", LABELS),
            {"cv": "loo"},
            "fold 0 holds out class 'one'",
        ),
        (Ridge(), Y, {"decays": [-1.0]}, "decays=[-1.0]: expected numbers of at least 0"),
    ],
)
def test_what_cannot_be_tuned_is_told(estimator: Any, y: Any, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, y, **({"decays": [0.1]} | more))
    assert str(caught.value).startswith(sentence)


def test_stochastic_solvers_are_tuned_too() -> None:
    tuning = wd.tune(make_pipeline(StandardScaler(), SGDRegressor(random_state=0)), X, Y, decays=DECAYS, cv=FOLDS)
    exact = wd.tune(make_pipeline(StandardScaler(), Ridge()), X, Y, decays=DECAYS, cv=FOLDS)
    np.testing.assert_allclose(tuning.losses, exact.losses, rtol=0.2)
    scored = wd.tune(SGDClassifier(loss="log_loss", random_state=0), X, LABELS, decays=DECAYS, scoring="accuracy")
    assert (scored.mean < -0.5).all()


def test_the_callers_data_and_estimator_stay_as_they_are() -> None:
    before = (X.copy(), Y.copy(), WEIGHT.copy())
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=3.0))
    wd.tune(pipeline, X, Y, decays=DECAYS, sample_weight=WEIGHT)
    for ours, theirs in zip(before, (X, Y, WEIGHT), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert pipeline[-1].alpha == 3.0 and not hasattr(pipeline[-1], "coef_")
