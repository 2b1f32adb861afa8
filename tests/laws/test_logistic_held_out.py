"""Law 6 for the log-loss and counts: held-out losses from shared work equal honest refits of scikit-learn.

For every kind of fold, weight, number of classes, container and number type. All to 1e-7 relative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

import weightdecay as wd
from laws.logistic_oracles import (
    REPORTED,
    Objective,
    fit,
    honest_losses,
    indicators,
    problem,
    refit,
    row_losses,
    weighted_scales,
)

Floats = NDArray[np.float64]

DECAYS = np.geomspace(1e-4, 1e2, 5)
LABELS = np.arange(90) // 7
SPLITTERS: dict[str, Any] = {
    "stratified": StratifiedKFold(5, shuffle=True, random_state=3),
    "unshuffled": KFold(4),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=1),
    "repeated stratified": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=1),
    "time series": TimeSeriesSplit(4, gap=2),
    "overlapping": ShuffleSplit(4, test_size=0.3, random_state=2),
    "one hold-out": ShuffleSplit(1, test_size=0.2, random_state=2),
    "predefined": PredefinedSplit(np.arange(90) % 4 - 1),
}
ESTIMATORS: dict[str, Any] = {"log": wd.LogisticRegression, "poisson": wd.PoissonRegression}


def equal(found: Floats, expected: Floats, rtol: float = 1e-7) -> None:
    """The bar of these laws."""
    np.testing.assert_allclose(found, expected, rtol=rtol)


def compared(
    X: Floats,
    y: Any,
    cv: Any,
    *,
    data: Any = None,
    weight: Floats | None = None,
    groups: Any = None,
    kind: str = "log",
    decays: Floats = DECAYS,
    rtol: float = 1e-7,
    **settings: bool,
) -> wd.Tuning:
    """Tune on ``data`` (X unless another container) and compare all losses with refits on X."""
    splits = list(cv.split(X, y, groups))
    total = float(len(y) if weight is None else weight.sum())
    expected = honest_losses(X, y, splits, decays * total, kind=kind, weight=weight, **settings)
    found = wd.tune(
        ESTIMATORS[kind](**settings),
        X if data is None else data,
        y,
        decays=decays,
        cv=cv,
        sample_weight=weight,
        groups=groups,
    )
    equal(found.losses, expected, rtol)
    weights = [len(test) if weight is None else weight[test].sum() for _, test in splits]
    equal(found.mean, np.average(expected, axis=0, weights=weights), rtol)
    return found


def weights(n: int) -> Floats:
    """Uneven weights, every seventh of them 0."""
    s = np.random.default_rng(0).uniform(0.1, 3.0, n)
    s[2::7] = 0.0
    return s


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 3])
def test_every_kind_of_fold(splitter: str, weighted: bool, k: int) -> None:
    X, y = problem(90, 7, k=k)
    compared(X, y, SPLITTERS[splitter], weight=weights(90) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 4])
def test_more_columns_than_rows(weighted: bool, k: int) -> None:
    X, y = problem(50, 90, k=k)
    # Refits of many classes with more columns than rows agree among themselves to 1e-7 at best.
    rtol = 1e-7 if k == 2 else 3e-7
    found = compared(X, y, KFold(4), weight=weights(50) if weighted else None, rtol=rtol)
    assert found.path.coef.shape == ((5, 90) if k == 2 else (5, 4, 90))


@pytest.mark.parametrize("splitter", [GroupKFold(3), LeaveOneGroupOut()])
@pytest.mark.parametrize("k", [2, 3])
def test_groups(splitter: Any, k: int) -> None:
    """Group splitters get the groups."""
    X, y = problem(90, 5, k=k)
    compared(X, y, splitter, groups=LABELS)


def test_a_number_holds_out_whole_groups() -> None:
    X, y = problem(90, 5)
    found = wd.tune(wd.LogisticRegression(), X, y, decays=DECAYS, cv=4, groups=LABELS)
    splits = list(GroupKFold(4, shuffle=True, random_state=0).split(X, y, LABELS))
    equal(found.losses, honest_losses(X, y, splits, DECAYS * 90))


@pytest.mark.parametrize("k", [2, 3])
def test_a_number_deals_the_classes_out_evenly(k: int) -> None:
    """Every fold's share of each class is that of all rows, up to one row; the curve is that of such folds."""
    X, y = problem(90, 5, k=k)
    estimator = wd.LogisticRegression()
    found = wd.tune(estimator, X, y, decays=DECAYS, cv=5)
    assert "stratified" in found.cv
    from weightdecay.tuning.folds import stratified_folds

    splits = list(stratified_folds(y, 5, 0).splits())
    for _, test in splits:
        assert (np.abs(np.bincount(y[test], minlength=k) - np.bincount(y, minlength=k) / 5) < 1).all()
    equal(found.losses, honest_losses(X, y, splits, DECAYS * 90))


@pytest.mark.parametrize("container", [np.asfortranarray, csr_array, csc_array])
@pytest.mark.parametrize("shape", [(90, 7), (50, 90)])
@pytest.mark.parametrize("k", [2, 3])
def test_containers(container: Any, shape: tuple[int, int], k: int) -> None:
    """Sparse columns are standardised too: as if they were dense, zeros included."""
    X, y = problem(*shape, k=k)
    X[np.abs(X) < 1] = 0.0
    compared(X, y, KFold(4), data=container(X))
    compared(X, y, KFold(4), data=container(X), weight=weights(len(y)), standardize=False)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize("shape", [(90, 7), (50, 90)])
def test_other_number_types(dtype: type, shape: tuple[int, int]) -> None:
    """float32 and whole numbers are taken as they are, and sums run in float64."""
    X, y = problem(*shape, k=3)
    X = (10 * X).astype(dtype)
    compared(X.astype(np.float64), y, KFold(4), data=X)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("shape", [(90, 7), (50, 90)])
def test_without_intercept_and_on_columns_as_they_are(
    fit_intercept: bool, standardize: bool, k: int, shape: tuple[int, int]
) -> None:
    """Without intercept the standard deviation is still about the mean, and nothing is centred."""
    X, y = problem(*shape, k=k)
    compared(X, y, KFold(4), fit_intercept=fit_intercept, standardize=standardize)


@pytest.mark.parametrize("given", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights(given: Any, weighted: bool) -> None:
    """Class weights are weights of rows, and "balanced" ones are taken once, from all rows; losses are weighted too."""
    X, y = problem(90, 6, k=3)
    s = weights(90) if weighted else np.ones(90)
    factor = compute_class_weight(given, classes=np.arange(3), y=y, sample_weight=s)
    splits = list(KFold(4).split(X))
    total = s * factor[y]
    expected = honest_losses(X, y, splits, DECAYS * total.sum(), weight=total)
    found = wd.tune(
        wd.LogisticRegression(class_weight=given),
        X,
        y,
        decays=DECAYS,
        cv=KFold(4),
        sample_weight=s if weighted else None,
    )
    equal(found.losses, expected)


def own_losses(
    X: Floats, y: Any, splits: Any, kind: str, *, decay_weights: Floats, centre: Floats, standardize: bool
) -> Floats:
    """The same from the plain Newton method, with decay weights and a centre in the units of the columns."""
    losses = []
    for train, test in splits:
        s = np.ones(len(train))
        metric = decay_weights * (weighted_scales(X[train], s) ** 2 if standardize else 1.0)
        T = indicators(y) if kind == "log" else y[:, None].astype(float)
        losses.append(
            [
                row_losses(
                    kind,
                    T[test],
                    fit(kind, X[train], T[train], decay * len(y), metric=metric, centre=centre).predict(X[test]),
                ).mean()
                for decay in DECAYS
            ]
        )
    return np.array(losses) * REPORTED[kind]


@pytest.mark.parametrize("kind", ["two classes", "three classes", "counts"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("shape", [(90, 7), (40, 60)])
def test_decay_weights_and_a_centre(kind: str, standardize: bool, shape: tuple[int, int]) -> None:
    """Exempt columns are never decayed, the others with their weight, towards the centre."""
    k = {"two classes": 2, "three classes": 3, "counts": 0}[kind]
    X, y = problem(*shape, k=k)
    rng = np.random.default_rng(4)
    decay_weights, centre = rng.uniform(0.3, 3.0, shape[1]), 0.1 * rng.standard_normal((3 if k == 3 else 1, shape[1]))
    decay_weights[1] = 0.0
    centre -= centre.mean(axis=0) * (k == 3)
    expected = own_losses(
        X,
        y,
        list(KFold(3).split(X)),
        "log" if k else "poisson",
        decay_weights=decay_weights,
        centre=centre,
        standardize=standardize,
    )
    model = ESTIMATORS["log" if k else "poisson"](
        decay_weights=decay_weights, centre=centre if k == 3 else centre[0], standardize=standardize
    )
    equal(wd.tune(model, X, y, decays=DECAYS, cv=KFold(3)).losses, expected)


@pytest.mark.parametrize("k", [2, 3])
def test_decay_weights_are_columns_in_other_units(k: int) -> None:
    """Without standardising p_j is the column times 1/√p_j: scikit-learn's refits on rescaled columns."""
    X, y = problem(90, 6, k=k)
    decay_weights = np.array([0.2, 1.0, 3.0, 0.5, 2.0, 1.5])
    expected = honest_losses(X / np.sqrt(decay_weights), y, list(KFold(4).split(X)), DECAYS * 90, standardize=False)
    model = wd.LogisticRegression(decay_weights=decay_weights, standardize=False)
    equal(wd.tune(model, X, y, decays=DECAYS, cv=KFold(4)).losses, expected)


@pytest.mark.parametrize("splitter", ["unshuffled", "repeated", "time series", "overlapping"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(90, 5), (40, 60)])
def test_counts(splitter: str, weighted: bool, shape: tuple[int, int]) -> None:
    """Poisson regression: the mean deviance of scikit-learn's refits."""
    X, y = problem(*shape, k=0)
    compared(X, y, SPLITTERS[splitter], weight=weights(shape[0]) if weighted else None, kind="poisson")


@pytest.mark.parametrize("settings", [{"fit_intercept": False}, {"standardize": False}])
def test_counts_without_intercept_and_on_columns_as_they_are(settings: dict[str, bool]) -> None:
    X, y = problem(90, 5, k=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    compared(X, y, KFold(4), kind="poisson", **settings)


@pytest.mark.parametrize("scoring", ["accuracy", "neg_brier_score", "roc_auc", "f1", "neg_log_loss"])
def test_scorers(scoring: str) -> None:
    """Any scorer of scikit-learn, as a plain mean over folds."""
    X, y = problem(90, 6)
    found = wd.tune(wd.LogisticRegression(), X, y, decays=DECAYS, cv=KFold(4), scoring=scoring)
    for fold, (train, test) in enumerate(KFold(4).split(X)):
        for row, decay in enumerate(DECAYS):
            model = make_pipeline(StandardScaler(), refit("log", decay * 90, len(train))).fit(X[train], y[train])
            np.testing.assert_allclose(
                -found.losses[fold, row], get_scorer(scoring)(model, X[test], y[test]), rtol=1e-6
            )
    np.testing.assert_allclose(found.mean, found.losses.mean(axis=0))


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "roc_auc_ovr"])
def test_scorers_of_three_classes(scoring: str) -> None:
    X, y = problem(90, 6, k=3)
    found = wd.tune(wd.LogisticRegression(), X, y, decays=DECAYS, cv=KFold(4), scoring=scoring)
    for fold, (train, test) in enumerate(KFold(4).split(X)):
        model = make_pipeline(StandardScaler(), refit("log", DECAYS[1] * 90, len(train))).fit(X[train], y[train])
        assert -found.losses[fold, 1] == pytest.approx(get_scorer(scoring)(model, X[test], y[test]), rel=1e-9)


def test_no_decay_where_the_classes_overlap() -> None:
    """λ = 0 is the maximum-likelihood fit of every fold."""
    X, y = problem(300, 4, noise=3.0)
    splits = list(KFold(4).split(X))
    found = wd.tune(wd.LogisticRegression(), X, y, decays=[0.0, 0.01], cv=KFold(4))
    equal(found.losses[:, 0], honest_losses(X, y, splits, [1e-12])[:, 0])


@pytest.mark.parametrize("n", [400, 4000])
@pytest.mark.parametrize("k", [2, 3])
def test_tables_of_the_usual_size(n: int, k: int) -> None:
    """Many rows per fold, a grid of the usual width and 30 decays: nodes, predictions and corrections alike."""
    X, y = problem(n, 12, k=k)
    decays = np.geomspace(1e-6, 1e2, 30)
    found = wd.tune(wd.LogisticRegression(), X, y, decays=decays, cv=KFold(5))
    some = [0, 7, 16, 29]
    equal(found.losses[:, some], honest_losses(X, y, list(KFold(5).split(X)), decays[some] * n))


@pytest.mark.parametrize("k", [0, 2, 3])
def test_the_two_oracles_agree(k: int) -> None:
    """scikit-learn's refits and the plain Newton method: the bar of 1e-7 is not the oracle's own."""
    X, y = problem(90, 7, k=k)
    kind = "log" if k else "poisson"
    splits = list(KFold(4).split(X))
    by_newton = own_losses(X, y, splits, kind, decay_weights=np.ones(7), centre=np.zeros((1, 7)), standardize=True)
    np.testing.assert_allclose(honest_losses(X, y, splits, DECAYS * 90, kind=kind), by_newton, rtol=2e-8)


def test_the_objective_of_the_oracle_has_the_gradient_that_it_says() -> None:
    """Differences of J are its gradient, and of the gradient its Hessian."""
    rng = np.random.default_rng(0)
    for kind, m in (("log", 1), ("log", 3), ("poisson", 1)):
        T = np.eye(3)[rng.integers(0, 3, 20)] if m == 3 else rng.integers(0, 2, (20, 1)).astype(float)
        zero = np.zeros((4, m))
        D = np.array([0.5, 1.0, 0.0, 0.0])
        J = Objective(kind, rng.standard_normal((20, 4)), T, rng.uniform(0.5, 2, 20), D, zero, np.zeros((20, m)))
        V, E = 0.3 * rng.standard_normal((4, m)), 1e-5 * rng.standard_normal((4, m))
        assert J.value(V + E) - J.value(V - E) == pytest.approx(2 * (J.gradient(V) * E).sum(), rel=1e-5)
        change = (J.gradient(V + E) - J.gradient(V - E)).T.ravel()
        np.testing.assert_allclose(change, 2 * J.hessian(V) @ E.T.ravel(), rtol=1e-4, atol=1e-12)
