"""Laws of strengths tuned per group of columns: honest refits, one decay for all, invariances, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from laws.problems import ridge, weighted_scales
from weightdecay.tuning.folds import plan
from weightdecay.tuning.group_search import search_groups

Floats = NDArray[np.float64]

SIGNAL, NOISE = range(4), range(4, 24)
GROUPS = {"signal": SIGNAL, "noise": NOISE}


def data(n: int = 70, p: int = 26, *, seed: int = 0, t: int = 0) -> tuple[Floats, Floats]:
    """Four columns that matter, and others that do not; two of these are in no group."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.exp(rng.uniform(-2, 2, p)) + rng.uniform(-3, 3, p)
    scale = X.std(axis=0)
    shape = (4, max(t, 1))
    Y = (X[:, :4] / scale[:4]) @ rng.choice([-1.0, 1.0], shape) + rng.standard_normal((n, max(t, 1)))
    return X, Y if t else Y[:, 0]


def honest(X: Floats, y: Floats, splits: Any, weights: Floats, precision: float) -> Floats:
    """Held-out mean squared errors of scikit-learn's Ridge on standardised columns divided by the roots of weights."""
    losses = []
    for train, test in splits:
        scaler = StandardScaler().fit(X[train])
        A, B = (scaler.transform(X[rows]) / np.sqrt(weights) for rows in (train, test))
        model = Ridge(alpha=precision, solver="cholesky").fit(A, y[train])
        losses.append(((y[test] - model.predict(B)) ** 2).mean())
    return np.array(losses)


@pytest.mark.parametrize("shape", [(70, 26), (24, 40)], ids=["tall", "wide"])
def test_folds_are_those_of_refits_on_rescaled_columns(shape: tuple[int, int]) -> None:
    X, y = data(*shape)
    cv = KFold(4, shuffle=True, random_state=0)
    tuning = wd.tune(wd.LinearRegression(decay_groups=GROUPS, cv=cv), X, y)
    weights = tuning.model.decay_weights_
    for at in (tuning.best, 0, len(tuning.decays) // 2, -1):
        decay = float(tuning.decays[at])
        if 0 < decay < np.inf:
            expected = honest(X, y, cv.split(X), weights, decay * len(X))
            np.testing.assert_allclose(tuning.losses[:, at], expected, rtol=1e-9)
    # The search's own loss is that of refits where each group has its own decay.
    grouping, sizes = tuning.grouping, np.array([len(test) for _, test in cv.split(X)])
    one = honest(X, y, cv.split(X), np.ones(X.shape[1]), grouping.single_decay * len(X))
    assert grouping.single_loss == pytest.approx(np.average(one, weights=sizes), rel=1e-9)
    assert grouping.loss == pytest.approx(float(tuning.mean.min()), rel=2e-3)


@pytest.mark.parametrize("shape", [(40, 26), (24, 40)], ids=["tall", "wide"])
def test_leave_one_out_is_that_of_refits_with_scales_of_all_rows(shape: tuple[int, int]) -> None:
    X, y = data(*shape)
    rng = np.random.default_rng(5)
    s = rng.uniform(0.5, 2.0, len(X))
    tuning = wd.tune(wd.LinearRegression(decay_groups=GROUPS, cv="loo"), X, y, sample_weight=s)
    metric = tuning.model.decay_weights_ * weighted_scales(X, s) ** 2
    at = tuning.best
    errors = []
    for row in range(len(X)):
        others = np.arange(len(X)) != row
        coef, intercept = ridge(X[others], y[others], tuning.decays[at] * s.sum(), s[others], metric)
        errors.append((y[row] - intercept - X[row] @ coef) ** 2)
    assert tuning.mean[at] == pytest.approx(np.average(errors, weights=s), rel=1e-8)


@pytest.mark.parametrize("cv", [5, "loo"])
@pytest.mark.parametrize("shape", [(70, 26), (24, 40)], ids=["tall", "wide"])
@pytest.mark.parametrize("seed", range(3))
def test_never_worse_than_the_best_single_decay_on_the_same_folds(seed: int, shape: tuple[int, int], cv: Any) -> None:
    X, y = data(*shape, seed=seed)
    single = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=np.geomspace(1e-8, 1e5, 400))
    grouped = wd.tune(wd.LinearRegression(decay_groups=GROUPS), X, y, cv=cv)
    grouping = grouped.grouping
    assert grouping.single_loss <= single.mean.min() * (1 + 1e-3)
    assert grouping.loss <= min(grouping.single_loss, single.mean.min() * (1 + 1e-9))
    # The curve with fixed ratios passes through the groups' own best.
    assert grouped.mean.min() <= grouping.loss * (1 + 1e-3)


@pytest.mark.parametrize("cv", [4, "loo"])
@pytest.mark.parametrize(("shape", "seed"), [((70, 26), 0), ((30, 26), 2), ((24, 40), 0), ((24, 40), 1)])
def test_no_point_of_a_fine_grid_is_better(shape: tuple[int, int], seed: int, cv: Any) -> None:
    """Plateaus and several minima: what is found is as good as the best of all pairs of strengths."""
    X, y = data(*shape, seed=seed)
    model = wd.LinearRegression(decay_groups={"signal": SIGNAL})
    problem = model.open(X, y)
    assert problem.column_groups is not None
    loss = problem.group_loss(problem.column_groups, plan(cv, len(X)))
    found = search_groups(loss)
    (low, _), (high, _) = loss.bounds
    grid = np.linspace(low, high, 27)
    least = min(loss.value_and_gradient(np.array([one, other]))[0] for one in grid for other in grid)
    assert found.loss <= least * (1 + 1e-4)
    assert found.loss == loss.value_and_gradient(found.log_decays)[0]


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_decayed_a_hundred_times_as_strongly_and_new_rows_gain(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((2200, 110))
    y = X[:, :10] @ rng.choice([-1.0, 1.0], 10) + rng.standard_normal(2200)
    train, new = slice(0, 200), slice(200, None)
    groups = {"signal": range(10), "noise": range(10, 110)}
    grouped = wd.LinearRegression(decay_groups=groups, cv=5).fit(X[train], y[train])
    single = wd.LinearRegression(cv=5).fit(X[train], y[train])
    found = grouped.tuning_.groups
    assert found["noise"] >= 100 * found["signal"]
    one, other = (((y[new] - model.predict(X[new])) ** 2).mean() for model in (grouped, single))
    assert one < other


def test_a_group_of_twenty_thousand_columns() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20_010)).astype(np.float32)
    y = X[:, :10].sum(axis=1) + 0.5 * rng.standard_normal(60)
    model = wd.LinearRegression(decay_groups={"few": range(10)}).fit(X, y)
    single = wd.LinearRegression().fit(X, y)
    assert model.tuning_.mean.min() < 0.2 * single.tuning_.mean.min()
    assert model.tuning_.grouping.groups[1].extreme == "infinite"


@pytest.mark.parametrize("cv", [4, "loo"])
def test_the_result_is_a_model_with_decay_weights(cv: Any) -> None:
    """What was tuned is one curve with fixed weights: given as such they give the same curve and the same model."""
    X, y = data()
    grouped = wd.LinearRegression(decay_groups=GROUPS, cv=cv).fit(X, y)
    given = wd.LinearRegression(decay_weights=grouped.decay_weights_, cv=cv).fit(X, y)
    assert grouped.decay_ == given.decay_ and isinstance(grouped.decay_, float)
    np.testing.assert_allclose(grouped.coef_, given.coef_, rtol=1e-9)
    np.testing.assert_allclose(grouped.tuning_.mean, given.tuning_.mean, rtol=1e-9)
    assert np.exp(np.log(grouped.decay_weights_).mean()) == pytest.approx(1.0)
    # Columns of a group share a strength.
    for group in (SIGNAL, NOISE, range(24, 26)):
        assert len(set(grouped.decay_weights_[list(group)].round(12))) == 1
    groups = grouped.tuning_.groups
    assert list(groups) == ["signal", "noise", "other columns"]
    assert groups["noise"] == pytest.approx(grouped.decay_ * grouped.decay_weights_[10])


def test_fit_and_tune_and_path_agree() -> None:
    X, y = data()
    estimator = wd.LinearRegression(decay_groups=GROUPS, cv=4)
    fitted, tuned = wd.LinearRegression(decay_groups=GROUPS, cv=4).fit(X, y), wd.tune(estimator, X, y)
    model = tuned.model
    assert np.array_equal(fitted.coef_, model.coef_) and fitted.decay_ == model.decay_
    assert np.array_equal(fitted.decay_weights_, model.decay_weights_)
    assert fitted.tuning_ == tuned
    path = wd.path(estimator, X, y, [tuned.decay])
    np.testing.assert_allclose(path.coef[0], model.coef_, rtol=1e-9)
    assert "decay_weights_" not in vars(estimator)


def test_a_fixed_decay_keeps_tuned_ratios() -> None:
    X, y = data()
    tuned, fixed = (wd.LinearRegression(decay=decay, decay_groups=GROUPS, cv=4).fit(X, y) for decay in ("auto", 0.5))
    assert fixed.decay_ == 0.5 and fixed.tuning_ is None
    assert np.array_equal(tuned.decay_weights_, fixed.decay_weights_)


def test_decay_weights_are_there_without_groups() -> None:
    X, y = data()
    assert wd.LinearRegression(decay=0.1).fit(X, y).decay_weights_.tolist() == [1.0] * 26
    weights = np.arange(26.0)
    assert wd.LinearRegression(decay=0.1, decay_weights=weights).fit(X, y).decay_weights_.tolist() == weights.tolist()


def test_weights_inside_a_group_are_relative_and_zero_exempts() -> None:
    X, y = data()
    relative = np.ones(26)
    relative[[4, 5, 0]] = [8.0, 2.0, 0.0]
    model = wd.LinearRegression(decay_groups=GROUPS, decay_weights=relative, cv=4).fit(X, y)
    found = model.decay_weights_
    assert found[0] == 0.0 and found[4] / found[5] == pytest.approx(4.0)
    assert np.exp(np.log(found[found > 0]).mean()) == pytest.approx(1.0)
    assert [one.columns for one in model.tuning_.grouping.groups] == [3, 20, 2]
    relative[list(NOISE)] *= 1e6
    again = wd.LinearRegression(decay_groups=GROUPS, decay_weights=relative, cv=4).fit(X, y)
    np.testing.assert_allclose(again.decay_weights_, found, rtol=1e-6)


def test_a_row_twice_is_a_weight_of_two_and_units_change_nothing() -> None:
    X, y = data(40)
    fold = np.arange(40) % 4
    twice = np.concatenate([np.arange(40), np.arange(10)])
    weight = np.ones(40)
    weight[:10] = 2.0

    def folds(of: NDArray[np.intp]) -> list[Any]:
        return [(np.flatnonzero(of != one), np.flatnonzero(of == one)) for one in range(4)]

    estimator = wd.LinearRegression(decay_groups=GROUPS)
    one = wd.tune(estimator, X, y, sample_weight=weight, cv=folds(fold))
    other = wd.tune(estimator, X[twice], y[twice], cv=folds(fold[twice]))
    units = wd.tune(estimator, X * np.exp2(np.arange(26) % 5), 4.0 * y, sample_weight=7.0 * weight, cv=folds(fold))
    for each, square in ((other, 1.0), (units, 16.0)):
        assert each.grouping.loss == pytest.approx(square * one.grouping.loss, rel=1e-6)
        for name, strength in one.groups.items():
            assert each.groups[name] / each.decay == pytest.approx(strength / one.decay, rel=1e-2)


def test_order_of_groups_and_columns_changes_nothing() -> None:
    X, y = data()
    order = np.random.default_rng(0).permutation(26)
    place = np.argsort(order)
    one = wd.tune(wd.LinearRegression(decay_groups=GROUPS), X, y, cv=4)
    moved = {"noise": place[list(NOISE)], "signal": place[list(SIGNAL)]}
    other = wd.tune(wd.LinearRegression(decay_groups=moved), X[:, order], y, cv=4)
    assert other.grouping.loss == pytest.approx(one.grouping.loss, rel=1e-5)
    for name, decay in one.groups.items():
        assert np.log(other.groups[name] / decay) == pytest.approx(0.0, abs=0.2)


def test_targets_share_strengths_and_have_decays_of_their_own() -> None:
    X, Y = data(t=3)
    model = wd.LinearRegression(decay_groups=GROUPS, cv=4).fit(X, Y)
    tuning = model.tuning_
    assert model.decay_weights_.shape == (26,) and model.decay_.shape == (3,)
    assert all(one.grouping == tuning.grouping for one in tuning.targets)
    assert tuning.targets[1].groups["noise"] == tuning.targets[1].decay * tuning.grouping.groups[1].strength
    # Twice the same target is as good as one.
    one, two = (wd.tune(wd.LinearRegression(decay_groups=GROUPS), X, Y[:, at], cv=4) for at in (0, [0, 0]))
    assert two.grouping.loss == pytest.approx(one.grouping.loss, rel=1e-6)


def test_kinds_of_a_table_are_the_groups_of_its_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "height": rng.standard_normal(90),
            "age": [None if row % 9 == 0 else float(row % 7) for row in range(90)],
            "island": [f"island {row}" for row in rng.integers(0, 12, 90)],
        }
    )
    y = frame["height"].to_numpy() + rng.standard_normal(90)
    kinds = wd.tune(wd.LinearRegression(decay_groups="kinds"), frame, y)
    named = wd.tune(wd.LinearRegression(decay_groups={"number": ["height", "age"], "category": ["island"]}), frame, y)
    assert kinds.groups == named.groups and list(kinds.groups) == ["number", "category"]
    assert kinds.groups["category"] > kinds.groups["number"]
    back = wd.load(wd.save(kinds, tmp_path / "model.wd"))
    assert np.array_equal(back.predict(frame), kinds.model.predict(frame))
    assert np.array_equal(back.decay_weights_, kinds.model.decay_weights_)
    assert back.tuning_.grouping == kinds.grouping


@pytest.mark.parametrize(
    "groups",
    [{"a": [0, 1]}, {"a": range(3)}, {"a": slice(0, 4, None)}, {"a": np.array([0, 2])}, {"a": np.arange(26) < 4}],
    ids=["list", "range", "slice", "array", "mask"],
)
def test_a_saved_model_can_be_fitted_again(groups: Any, tmp_path: Path) -> None:
    X, y = data()
    model = wd.LinearRegression(decay_groups=groups, cv=4).fit(X, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert np.array_equal(back.decay_weights_, model.decay_weights_)
    assert back.tuning_ == model.tuning_ and back.tuning_.grouping == model.tuning_.grouping
    assert np.array_equal(back.fit(X, y).coef_, model.coef_)


def test_gradient_descent_follows_the_tuned_weights() -> None:
    X, y = data()
    settings: dict[str, Any] = {"decay": 0.05, "decay_groups": GROUPS, "cv": 4}
    exact = wd.LinearRegression(**settings).fit(X, y)
    assert exact.decay_weights_.max() < 20
    slow = wd.LinearRegression(**settings, solver="gradient_descent", learning_rate=0.1, epochs=20_000).fit(X, y)
    np.testing.assert_allclose(slow.coef_, exact.coef_, rtol=1e-5, atol=1e-8)


def test_a_scorer_chooses_the_decay_and_not_the_strengths() -> None:
    X, y = data()
    one, other = (
        wd.tune(wd.LinearRegression(decay_groups=GROUPS), X, y, cv=4, scoring=score) for score in (None, "r2")
    )
    assert one.grouping == other.grouping


def test_no_interval_calls_itself_nested_where_strengths_saw_all_rows() -> None:
    X, y = data()
    grouped = wd.tune(wd.LinearRegression(decay_groups=GROUPS), X, y, cv=4).intervals
    assert grouped.note == (
        "no nested cross-validation: the strengths of groups of columns were tuned on all rows, so that no fold was "
        "left out of that"
    )
    assert grouped.fold_wise[0] < grouped.loss < grouped.fold_wise[1]
