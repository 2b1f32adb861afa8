"""Intervals against loops of scikit-learn refits, and against how often they hold; standard deviations likewise."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from laws.honest_tables import by_hand, pipeline, raw_table
from laws.problems import regression
from weightdecay.linear import dual, fold_split, moments

Floats = NDArray[np.float64]
Loss = Callable[[Any, Any, float], tuple[float, float]]  # of training and test rows at alpha: the loss, its weight
DECAYS = np.geomspace(1e-2, 10, 5)


def refits(X: Floats, y: Floats, s: Floats | None = None, *, scored: bool = False) -> Loss:
    """Mean squared errors of StandardScaler and Ridge, or −R² where every fold counts alike."""
    weight = np.ones(len(y)) if s is None else s
    fitted: dict[tuple[bytes, float], Any] = {}

    def loss(train: Any, test: Any, alpha: float) -> tuple[float, float]:
        model = fitted.get((train.tobytes(), alpha))
        if model is None:
            model = fitted[train.tobytes(), alpha] = make_pipeline(StandardScaler(), Ridge(alpha, solver="cholesky"))
            weights = {f"{step}__sample_weight": weight[train] for step in ("standardscaler", "ridge")}
            model.fit(X[train], y[train], **weights)
        if scored:
            return -float(r2_score(y[test], model.predict(X[test]))), 1.0
        return float(np.average((y[test] - model.predict(X[test])) ** 2, weights=weight[test])), weight[test].sum()

    return loss


def best(table: Floats, weight: Floats) -> int:
    """The decay of least mean loss."""
    return int(np.argmin(weight @ table))


def simplest(table: Floats, weight: Floats) -> int:
    """The largest decay within a standard error of the least."""
    mean = weight @ table / weight.sum()
    error = np.sqrt(weight @ (table - mean) ** 2 / weight.sum() / (len(weight) - 1))
    at = int(np.argmin(mean))
    return int(np.flatnonzero(mean <= mean[at] + error[at]).max())


def by_refits(
    partitions: list[list[Any]],
    loss: Loss,
    precision: float,
    n: int,
    pick: Any = best,
    *,
    least: float = 0.0,
    decays: Floats = DECAYS,
) -> tuple[float, tuple[float, float], list[float]]:
    """The nested interval by loops over lists of disjoint folds of rows, and the decays chosen."""
    chosen, totals = [], []
    for cells in partitions:
        F, rows = len(cells), np.concatenate(cells)
        W, outer = np.empty(F), np.empty(F)
        inner = {}
        for f, g in product(range(F), range(F)):
            train = np.setdiff1d(rows, np.concatenate([cells[f], cells[g]]))
            found = [loss(train, cells[g], decay * precision) for decay in decays]
            inner[f, g] = np.array([one for one, _ in found])
            W[g] = found[0][1]
        foretold, error = np.empty(F), np.empty((F, F))
        for f in range(F):
            others = [g for g in range(F) if g != f]
            at = pick(np.array([inner[f, g] for g in others]), W[others])
            outer[f] = inner[f, f][at]
            chosen.append(float(decays[at]))
            for g in others:
                rest = [h for h in others if h != g]
                error[f, g] = inner[f, g][pick(np.array([inner[f, h] for h in rest]), W[rest])]
            foretold[f] = np.average(error[f, others], weights=W[others])
        mean = np.average(outer, weights=W)
        pairs = [(f, g) for f in range(F) for g in range(F) if f != g]
        two = np.average([error[pair] for pair in pairs], weights=[W[g] for _, g in pairs])
        square = np.average((outer - mean) ** 2, weights=W) / (F - 1)
        apart = np.average((foretold - outer) ** 2, weights=W)
        totals.append([mean, two, square, (1 - 1 / F) * (apart - F * square)])
    mean, two, square, mse = np.mean(totals, axis=0)
    F, square = len(partitions[0]), max(float(square), least**2)
    middle = mean - (1 - 2 / F) * max(0.0, two - mean)
    reach = student.ppf(0.975, min(len(partitions) * (F - 1), n - 1)) * np.sqrt(np.clip(mse, square, F * square))
    return middle, (middle - reach, middle + reach), chosen


def dealt(n: int, k: int, seeds: range = range(3)) -> list[list[Any]]:
    """Test rows of shuffled folds."""
    return [[test for _, test in KFold(k, shuffle=True, random_state=seed).split(np.zeros(n))] for seed in seeds]


def check(found: wd.Intervals | None, expected: tuple[float, tuple[float, float], list[float]]) -> None:
    """The same to many digits, and the same decays."""
    assert found is not None and not found.note
    middle, (low, high), chosen = expected
    np.testing.assert_allclose(found.nested_loss, middle, rtol=1e-7)
    np.testing.assert_allclose(found.nested, (low, high), rtol=1e-6)
    np.testing.assert_array_equal(found.nested_decays, chosen)


@pytest.mark.parametrize(("n", "p", "weighted"), [(60, 7, False), (60, 7, True), (30, 55, True), (1500, 150, True)])
def test_nested_intervals_are_those_of_a_loop_over_refits(n: int, p: int, weighted: bool) -> None:
    X, y = regression(n, p)
    s = np.random.default_rng(1).uniform(0.5, 2.0, n) if weighted else None
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS, sample_weight=s)
    precision = float(n if s is None else s.sum())
    check(tuning.intervals, by_refits(dealt(n, 5), refits(X, y, s), precision, n))
    assert tuning.intervals is not None and tuning.intervals.nested_folds == "5 folds, 3 times"


def test_leave_one_out_takes_ten_folds_and_its_fold_wise_interval_is_of_rows() -> None:
    X, y = regression(50, 6)
    tuning = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=DECAYS[1:4])
    found = tuning.intervals
    at = int(np.flatnonzero(tuning.decays == tuning.decay)[0])
    check(found, by_refits(dealt(50, 10), refits(X, y), 50.0, 50, least=tuning.standard_error[at], decays=DECAYS[1:4]))
    assert found is not None and (found.nested_folds, found.n_folds) == ("10 folds, 3 times", 50)
    reach = student.ppf(0.975, 49) * tuning.standard_error[at]
    np.testing.assert_allclose(found.fold_wise, (tuning.mean[at] - reach, tuning.mean[at] + reach), rtol=1e-12)
    assert (found.decay, found.loss) == (tuning.decay, tuning.mean[at])


def test_folds_of_groups_keep_them_whole_and_many_are_merged() -> None:
    X, y = regression(96, 5)
    groups = np.arange(96) // 4
    splits = list(GroupKFold(24).split(X, y, groups))
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=splits, decays=DECAYS)
    cells = [np.concatenate([splits[f][1] for f in part]) for part in np.array_split(np.arange(24), 10)]
    check(tuning.intervals, by_refits([cells], refits(X, y), 96.0, 96))
    by_group = wd.tune(wd.LinearRegression(), X, y, cv=6, groups=groups, decays=DECAYS).intervals
    assert by_group is not None and by_group.nested_folds == "6 folds" and by_group.n_folds == 6


def test_repeats_that_are_given_are_taken() -> None:
    X, y = regression(40, 4)
    cv = RepeatedKFold(n_splits=4, n_repeats=2, random_state=3)
    folds = [test for _, test in cv.split(X)]
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=DECAYS)
    check(tuning.intervals, by_refits([folds[:4], folds[4:]], refits(X, y), 40.0, 40))
    found = tuning.intervals
    assert found is not None and found.n_folds == 4
    at = int(np.flatnonzero(tuning.decays == tuning.decay)[0])
    reach = student.ppf(0.975, 3) * tuning.standard_error[at]
    np.testing.assert_allclose(found.fold_wise[1] - found.loss, reach, rtol=1e-9)


def test_every_target_has_its_own() -> None:
    X, Y = regression(60, 5, t=2)
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=5, decays=DECAYS)
    assert tuning.intervals is None
    for number, one in enumerate(tuning.targets):
        check(one.intervals, by_refits(dealt(60, 5), refits(X, Y[:, number]), 60.0, 60))


@pytest.mark.parametrize("rule", ["1se", "between"])
def test_the_rule_is_paid_for(rule: str) -> None:
    X, y = regression(60, 12, noise=3.0)
    if rule == "1se":
        tuning = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS, rule="1se")
        check(tuning.intervals, by_refits(dealt(60, 5), refits(X, y), 60.0, 60, simplest))
        return

    def half(decays: Floats, mean: Floats, error: Floats) -> float:
        return float(decays[np.argmin(mean)]) / 2

    found = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS, rule=half).intervals
    assert found is not None and set(found.nested_decays) <= set(DECAYS / 2)
    assert not found.has_fold_wise and np.isnan(found.loss) and found.has_nested
    least = by_refits(dealt(60, 5), refits(X, y), 60.0, 60)
    np.testing.assert_array_equal(found.nested_decays, np.array(least[2]) / 2)


def test_scores_are_means_over_folds() -> None:
    X, y = regression(60, 5)
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS, scoring="r2")
    check(tuning.intervals, by_refits(dealt(60, 5), refits(X, y, scored=True), 60.0, 60))
    loo = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=DECAYS, scoring="r2").intervals
    assert loo is not None and not loo.has_fold_wise and loo.nested_folds == "10 folds, 3 times"


def test_every_nested_fold_learns_what_a_raw_table_is() -> None:
    frame, y = raw_table(150)

    def loss(train: Any, test: Any, alpha: float) -> tuple[float, float]:
        model = pipeline(frame, alpha).fit(frame.iloc[train], y[train])
        return float(np.mean((y[test] - model.predict(frame.iloc[test])) ** 2)), float(len(test))

    splits = list(KFold(4, shuffle=True, random_state=0).split(y))
    tuning = wd.tune(wd.LinearRegression(), by_hand(frame), y, cv=splits, decays=DECAYS)
    check(tuning.intervals, by_refits([[test for _, test in splits]], loss, 150.0, 150))


@pytest.mark.parametrize(
    ("cv", "reason"),
    [
        (TimeSeriesSplit(4), "folds by time"),
        (KFold(2), "at least 3 folds"),
        ([(np.arange(40), np.arange(40, 60))], "train on all but their own|at least 3 folds"),
    ],
)
def test_where_folds_give_no_nested_ones_it_says_why(cv: Any, reason: str) -> None:
    X, y = regression(60, 5)
    found = wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=DECAYS).intervals
    assert found is not None and found.has_fold_wise and not found.has_nested
    assert any(one in found.note for one in reason.split("|")) and not found.nested_folds
    assert np.isnan(found.nested_loss) and len(found.nested_decays) == 0


def test_foreign_estimators_have_the_fold_wise_one_alone() -> None:
    X, y = regression(60, 5)
    found = wd.tune(Ridge(), X, y, cv=5, decays=DECAYS[:3]).intervals
    assert found is not None and found.has_fold_wise and "a fit of its own" in found.note


def test_changed_data_are_told() -> None:
    X, y = regression(60, 5)
    tuning, other = (wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS) for _ in range(2))
    settled = tuning.settled()
    X[0] += 1.0
    with pytest.raises(ValueError, match="were changed since"):
        assert other.intervals
    assert settled.intervals is not None and settled.intervals.has_nested


def covered(trials: int, n: int, p: int, cv: Any = "auto") -> tuple[float, float]:
    """How often the loss of the tuned model on new rows is within the fold-wise and within the nested interval."""
    rng = np.random.default_rng(7)
    inside = np.zeros(2)
    for _ in range(trials):
        beta = rng.standard_normal(p) * np.sqrt(4.0 / p)
        X = rng.standard_normal((n, p))
        y = X @ beta + rng.standard_normal(n)
        tuning = wd.tune(wd.LinearRegression(), X, y, cv=cv)
        model, found = tuning.model, tuning.intervals
        assert found is not None
        loss = 1.0 + float(np.sum((model.coef_ - beta) ** 2)) + model.intercept_**2  # rows are standard normal
        inside += [low <= loss <= high for low, high in (found.fold_wise, found.nested)]
    return inside[0] / trials, inside[1] / trials


def test_nested_intervals_hold_more_often() -> None:
    fold_wise, nested = covered(30, 60, 30)
    assert nested >= 0.9 and nested > fold_wise


@pytest.mark.long
@pytest.mark.parametrize(("n", "p", "cv"), [(60, 30, "auto"), (100, 50, "auto"), (60, 30, 10), (200, 20, "auto")])
def test_nested_intervals_hold_about_as_often_as_they_say(n: int, p: int, cv: Any) -> None:
    fold_wise, nested = covered(300, n, p, cv)
    assert 0.88 <= nested <= 0.99
    assert nested >= fold_wise + (0.07 if p > n / 4 else 0.0)


@pytest.mark.parametrize(
    ("n", "p", "module", "factorise"), [(4000, 90, fold_split, "tridiagonal"), (30, 60, dual, "of_kernel")]
)
def test_training_sets_are_factorised_once_and_rows_read_once(
    n: int, p: int, module: Any, factorise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F sets without one fold and F(F − 1)/2 without two, in every repetition; what is kept afterwards is small."""
    X, y = regression(n, p)
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS)
    counts = {"fits": 0, "rows": 0}
    original, reader = getattr(module, factorise), moments.row_blocks

    def counting(*given: Any) -> Any:
        counts["fits"] += 1
        return original(*given)

    def reading(*given: Any, **options: Any) -> Any:
        for block, part in reader(*given, **options):
            counts["rows"] += block.stop - block.start
            yield block, part

    monkeypatch.setattr(module, factorise, counting)
    monkeypatch.setattr(moments, "row_blocks", reading)
    found = tuning.intervals
    assert found is not None
    repeats = len(found.nested_decays) // 5
    assert counts["fits"] == repeats * 15 and counts["rows"] in (0, n)
    assert tuning.intervals is found
