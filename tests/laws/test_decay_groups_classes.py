"""Laws of strengths per group of columns of classifiers and counts: honest refits, one decay, and what is kept."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import weightdecay as wd
from laws.logistic_oracles import held_out_loss
from weightdecay.tuning.folds import plan
from weightdecay.tuning.group_search import search_groups

Floats = NDArray[np.float64]

SIGNAL, NOISE = range(3), range(3, 12)
GROUPS = {"signal": SIGNAL, "noise": NOISE}
KINDS = pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])
# Three classes take long, and one test of each law has them.
THINNED = pytest.mark.parametrize(
    "k", [2, pytest.param(3, marks=pytest.mark.long), 0], ids=["two classes", "three classes", "counts"]
)


def data(n: int = 120, p: int = 14, *, k: int = 2, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Three columns that matter, and others that do not; two of these are in no group."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.exp(rng.uniform(-2, 2, p)) + rng.uniform(-3, 3, p)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    signal = Z[:, :3] @ rng.choice([-1.0, 1.0], (3, max(k - 1, 1)))
    if k == 0:
        return X, rng.poisson(np.exp(0.4 * signal[:, 0]))
    return X, (np.column_stack([np.zeros(n), signal]) + rng.gumbel(size=(n, k))).argmax(axis=1)


def shell(k: int, **settings: Any) -> Any:
    """Of that kind."""
    return wd.LogisticRegression(**settings) if k else wd.PoissonRegression(**settings)


def honest(X: Floats, y: Any, splits: Any, weights: Floats, precision: float, k: int) -> Floats:
    """Held-out losses of scikit-learn's estimators on standardised columns divided by the roots of weights."""
    losses = []
    for train, test in splits:
        settings: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 1000}
        last = (
            LogisticRegression(C=1.0 / precision, **settings)
            if k
            else PoissonRegressor(alpha=precision / len(train), **settings)
        )
        model = make_pipeline(StandardScaler(), FunctionTransformer(lambda Z: Z / np.sqrt(weights)), last)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X[train], y[train])
        losses.append(held_out_loss("log" if k else "poisson", model, X[test], y[test], np.ones(len(test))))
    return np.array(losses)


@KINDS
def test_folds_are_those_of_refits_on_rescaled_columns(k: int) -> None:
    X, y = data(k=k)
    folds = list(StratifiedKFold(4, shuffle=True, random_state=0).split(X, y > 0))
    problem = shell(k, decay_groups=GROUPS).open(X, y)
    columns = problem.column_groups
    loss = problem.group_loss(columns, plan(folds, len(X)))
    sizes = np.array([len(test) for _, test in folds])
    for theta in np.array([[-3.0, -1.0, 0.0], [-7.0, -2.0, 2.0], [0.5, -4.0, -1.0]]):
        expected = honest(X, y, folds, np.exp(theta)[columns.label], float(len(X)), k)
        parts, weight = loss.parts(theta)
        np.testing.assert_allclose(parts, expected, rtol=1e-7)
        assert loss.value_and_gradient(theta)[0] == pytest.approx(np.average(expected, weights=sizes), rel=1e-7)
        np.testing.assert_allclose(weight, sizes)


@THINNED
def test_the_tuned_curve_is_that_of_refits_with_the_tuned_weights(k: int) -> None:
    X, y = data(k=k)
    folds = list(StratifiedKFold(4, shuffle=True, random_state=0).split(X, y > 0))
    tuning = wd.tune(shell(k, decay_groups=GROUPS, cv=folds), X, y)
    weights, grouping = tuning.model.decay_weights_, tuning.grouping
    assert np.exp(np.log(weights).mean()) == pytest.approx(1.0)
    expected = honest(X, y, folds, weights, tuning.decay * len(X), k)
    np.testing.assert_allclose(tuning.losses[:, tuning.best], expected, rtol=1e-7)
    assert grouping.loss == pytest.approx(float(tuning.mean.min()), rel=2e-3)
    one = honest(X, y, folds, np.ones(X.shape[1]), grouping.single_decay * len(X), k)
    assert grouping.single_loss == pytest.approx(np.average(one, weights=[len(test) for _, test in folds]), rel=1e-7)


@pytest.mark.parametrize(
    ("shape", "k"),
    [
        ((100, 14), 2),
        pytest.param((100, 14), 3, marks=pytest.mark.long),
        ((100, 14), 0),
        ((24, 30), 2),
        pytest.param((24, 30), 0, marks=pytest.mark.long),
    ],
    ids=["tall, two classes", "tall, three classes", "tall, counts", "wide, two classes", "wide, counts"],
)
def test_never_worse_than_the_best_single_decay_on_the_same_folds(shape: tuple[int, int], k: int) -> None:
    X, y = data(*shape, k=k, seed=1)
    single = wd.tune(shell(k), X, y, cv=3, decays=np.geomspace(1e-6, 1e4, 40))
    grouped = wd.tune(shell(k, decay_groups=GROUPS), X, y, cv=3)
    grouping = grouped.grouping
    assert grouping.single_loss <= single.mean.min() * (1 + 1e-3)
    assert grouping.loss <= min(grouping.single_loss, single.mean.min() * (1 + 1e-9))
    # The curve with fixed ratios passes through the groups' own best.
    assert grouped.mean.min() <= grouping.loss * (1 + 2e-3)
    assert grouped.cv == single.cv == grouping.cv


def test_no_point_of_a_grid_is_better() -> None:
    X, y = data(60)
    problem = wd.LogisticRegression(decay_groups={"signal": SIGNAL}).open(X, y)
    loss = problem.group_loss(problem.column_groups, plan(3, len(X), strata=y))
    found = search_groups(loss)
    (low, _), (high, _) = loss.bounds
    grid = np.linspace(low, high, 12)
    least = min(loss.value_and_gradient(np.array([one, other]))[0] for one in grid for other in grid)
    assert found.loss <= least * (1 + 1e-4)


@pytest.mark.parametrize("seed", [0, 2])
def test_noise_is_decayed_a_hundred_times_as_strongly_and_new_rows_gain(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((5600, 65))
    y = X[:, :5] @ rng.choice([-1.0, 1.0], 5) + rng.logistic(size=5600) > 0
    train, new = slice(0, 600), slice(600, None)
    groups = {"signal": range(5), "noise": range(5, 65)}
    grouped = wd.LogisticRegression(decay_groups=groups, cv=5).fit(X[train], y[train])
    single = wd.LogisticRegression(cv=5).fit(X[train], y[train])
    found = grouped.tuning_.groups
    assert found["noise"] >= 100 * found["signal"]
    one, other = (held_out_loss("log", model, X[new], y[new], np.ones(5000)) for model in (grouped, single))
    assert one < other


@THINNED
def test_the_result_is_a_model_with_decay_weights(k: int) -> None:
    """What was tuned is one curve with fixed weights: given as such they give the same curve and the same model."""
    X, y = data(k=k)
    grouped = shell(k, decay_groups=GROUPS, cv=4).fit(X, y)
    given = shell(k, decay_weights=grouped.decay_weights_, cv=4).fit(X, y)
    assert grouped.decay_ == given.decay_ and isinstance(grouped.decay_, float)
    np.testing.assert_allclose(grouped.coef_, given.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(grouped.tuning_.mean, given.tuning_.mean, rtol=1e-7)
    for group in (SIGNAL, NOISE, range(12, 14)):
        assert len(set(grouped.decay_weights_[list(group)].round(12))) == 1
    groups = grouped.tuning_.groups
    assert list(groups) == ["signal", "noise", "other columns"]
    assert groups["noise"] == pytest.approx(grouped.decay_ * grouped.decay_weights_[5])
    assert "Groups of columns: " in str(grouped.tuning_.verdict)


def test_fit_and_tune_and_path_and_a_fixed_decay_agree() -> None:
    X, y = data(80)
    groups = {"signal": SIGNAL}
    estimator = wd.LogisticRegression(decay_groups=groups, cv=3)
    fitted, tuned = wd.LogisticRegression(decay_groups=groups, cv=3).fit(X, y), wd.tune(estimator, X, y)
    assert np.array_equal(fitted.coef_, tuned.model.coef_) and fitted.decay_ == tuned.decay
    assert np.array_equal(fitted.decay_weights_, tuned.model.decay_weights_)
    assert fitted.tuning_ == tuned
    path = wd.path(estimator, X, y, [tuned.decay])
    np.testing.assert_allclose(path.coef[0], tuned.model.coef_[0], rtol=1e-6, atol=1e-9)
    fixed = wd.LogisticRegression(decay=0.5, decay_groups=groups, cv=3).fit(X, y)
    assert fixed.decay_ == 0.5 and fixed.tuning_ is None
    assert np.array_equal(fixed.decay_weights_, fitted.decay_weights_)
    assert "decay_weights_" not in vars(estimator)


def test_decay_weights_are_there_without_groups_and_zero_exempts() -> None:
    X, y = data(80)
    weights = np.arange(14.0)
    assert wd.LogisticRegression(decay=0.1).fit(X, y).decay_weights_.tolist() == [1.0] * 14
    model = wd.LogisticRegression(decay=0.1, decay_weights=weights).fit(X, y)
    assert model.decay_weights_.tolist() == weights.tolist()
    grouped = wd.LogisticRegression(decay_groups=GROUPS, decay_weights=weights, cv=3).fit(X, y)
    found = grouped.decay_weights_
    assert found[0] == 0.0 and found[4] / found[8] == pytest.approx(0.5)
    assert [one.columns for one in grouped.tuning_.grouping.groups] == [2, 9, 2]


def test_a_row_twice_is_a_weight_of_two_and_units_change_nothing() -> None:
    X, y = data(60)
    fold = np.arange(60) % 3
    twice = np.concatenate([np.arange(60), np.arange(15)])
    weight = np.where(np.arange(60) < 15, 2.0, 1.0)

    def folds(of: NDArray[np.intp]) -> list[Any]:
        return [(np.flatnonzero(of != one), np.flatnonzero(of == one)) for one in range(3)]

    estimator = wd.LogisticRegression(decay_groups={"signal": SIGNAL})
    one = wd.tune(estimator, X, y, sample_weight=weight, cv=folds(fold))
    other = wd.tune(estimator, X[twice], y[twice], cv=folds(fold[twice]))
    units = wd.tune(estimator, X * np.exp2(np.arange(14) % 5), y, sample_weight=7.0 * weight, cv=folds(fold))
    for each in (other, units):
        assert each.grouping.loss == pytest.approx(one.grouping.loss, rel=1e-5)
        for name, strength in one.groups.items():
            assert np.log(each.groups[name] / strength) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    "groups", [{"a": range(3)}, pytest.param({"a": np.arange(14) < 4}, marks=pytest.mark.long)], ids=["range", "mask"]
)
def test_a_saved_model_can_be_fitted_again(groups: Any, tmp_path: Path) -> None:
    X, y = data(80)
    model = wd.LogisticRegression(decay_groups=groups, cv=3).fit(X, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert np.array_equal(back.decay_weights_, model.decay_weights_)
    assert back.tuning_ == model.tuning_ and back.tuning_.grouping == model.tuning_.grouping
    assert np.array_equal(back.fit(X, y).coef_, model.coef_)


def test_kinds_of_a_table_are_the_groups_of_its_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "height": rng.standard_normal(120),
            "age": [None if row % 9 == 0 else float(row % 7) for row in range(120)],
            "island": [f"island {row}" for row in rng.integers(0, 8, 120)],
        }
    )
    y = np.where(2.0 * frame["height"].to_numpy() + rng.logistic(size=120) > 0, "yes", "no")
    kinds = wd.tune(wd.LogisticRegression(decay_groups="kinds"), frame, y, cv=3)
    assert list(kinds.groups) == ["number", "category"] and kinds.groups["category"] > kinds.groups["number"]
    back = wd.load(wd.save(kinds, tmp_path / "model.wd"))
    assert np.array_equal(back.predict_proba(frame), kinds.model.predict_proba(frame))
    assert back.tuning_.grouping == kinds.grouping
    page = wd.report(kinds, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "columns decayed" in page


def test_a_scorer_chooses_the_decay_and_not_the_strengths() -> None:
    X, y = data(80)
    groups = {"signal": SIGNAL}
    one, other = (
        wd.tune(wd.LogisticRegression(decay_groups=groups), X, y, cv=3, scoring=name) for name in (None, "accuracy")
    )
    assert one.grouping == other.grouping
    assert other.scoring != one.scoring


def test_what_other_tools_do_untuned_is_no_reference_for_columns_of_different_strength() -> None:
    X, y = data(k=2)
    tuning = wd.tune(wd.LogisticRegression(decay_groups=GROUPS), X, y, cv=4)
    assert not tuning.grouping.alike
    assert "sklearn C=1" not in [one.name for one in tuning.references]
    assert any(one.code == "WD023" for one in tuning.findings)
