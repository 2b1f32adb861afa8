"""Sensitivity: costs by plain scikit-learn at the same decays, and off the curve where there are no data."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.records.why_sensitivity import Sensitivity
from weightdecay.show.why_sensitivity_picture import draw
from weightdecay.studies.why.sensitivity import sensitivity

Array = np.ndarray
FACTORS = (0.01, 0.1, 0.5, 2.0, 10.0, 100.0)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No figure stays open."""
    yield
    plt.close("all")


def regression(n: int = 80, p: int = 30, seed: int = 0) -> tuple[Array, Array]:
    """A dense truth, of which decay is worth having."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p)
    return X, X @ rng.standard_normal(p) / 6 + 1.5 * rng.standard_normal(n)


def fold_predictions(X: Array, y: Array, decay: float) -> list[tuple[Array, Array]]:
    """Targets and predictions of every fold of a plain pipeline at Λ = λ times all rows."""
    found = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        model = make_pipeline(StandardScaler(), Ridge(decay * len(y))).fit(X[train], y[train])
        found.append((y[test], model.predict(X[test])))
    return found


def test_costs_and_paired_errors_are_those_of_plain_refits() -> None:
    X, y = regression()
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5)
    found = sensitivity(tuning)
    assert found.exact and found.decay == tuning.decay_min
    assert tuple(one.factor for one in found.off) == FACTORS
    best = np.array([np.mean((a - b) ** 2) for a, b in fold_predictions(X, y, found.decay)])
    assert_allclose(found.loss, best.mean(), rtol=1e-8)
    for one in found.off:
        assert_allclose(one.decay, one.factor * found.decay)
        loss = np.array([np.mean((a - b) ** 2) for a, b in fold_predictions(X, y, one.decay)])
        assert_allclose(one.mean, loss.mean(), rtol=1e-7)
        assert_allclose(one.excess, (loss - best).mean(), rtol=1e-4, atol=1e-9)
        assert_allclose(one.error, np.std(loss - best, ddof=1) / math.sqrt(5), rtol=1e-4)
        assert_allclose(found.share(one.mean), loss.mean() / best.mean() - 1, rtol=1e-4, atol=1e-9)


def test_scores_cost_shares_of_their_gain_on_infinite_decay() -> None:
    X, y = regression()
    found = sensitivity(wd.tune(wd.LinearRegression(), X, y, cv=5, scoring="r2"))
    assert found.larger_is_better and found.metric == "r2"
    last = found.off[-1]
    expected = np.mean([r2_score(a, b) for a, b in fold_predictions(X, y, last.decay)])
    assert_allclose(found.as_metric(last.mean), expected, rtol=1e-6)
    assert_allclose(found.share(found.constant), 1.0)
    assert "gain on infinite decay" in str(found)


def test_leave_one_out_is_what_refits_without_the_row_say() -> None:
    X, y = regression(25, 4)
    found = sensitivity(wd.tune(wd.LinearRegression(standardize=False), X, y, cv="loo", decays=[0.1]), factors=[3])
    below, above = found.off
    for one in (below, above):
        squares = []
        for row in range(25):
            rest = np.delete(np.arange(25), row)
            model = Ridge(one.decay * 25).fit(X[rest], y[rest])
            squares.append((y[row] - model.predict(X[[row]])[0]) ** 2)
        assert_allclose(one.mean, np.mean(squares), rtol=1e-8)


def test_without_data_costs_are_read_off_the_curve() -> None:
    X, y = regression()
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5)
    exact, curve = sensitivity(tuning), sensitivity(tuning, exact=False)
    stored = sensitivity(wd.Tuning.from_json(tuning.to_json()))
    assert stored == curve and not curve.exact
    assert "read off the curve" in str(curve) and "computed at these very decays" in str(exact)
    for one, other in zip(exact.off, curve.off, strict=True):
        if tuning.decays[0] <= one.decay <= tuning.decays[-1]:
            inner = (tuning.decays > 0) & np.isfinite(tuning.decays)
            straight = np.interp(math.log(one.decay), np.log(tuning.decays[inner]), tuning.mean[inner])
            assert_allclose(other.mean, straight, rtol=1e-12)
            assert_allclose(other.mean, one.mean, rtol=0.02)
    few = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=[0.1, 1.0, 10.0])
    short = sensitivity(few, exact=False)
    assert math.isnan(short.off[0].mean) and "unknown" in str(short)
    draw(short)
    with pytest.raises(ValueError, match="exact=True needs the data"):
        sensitivity(wd.Tuning.from_json(tuning.to_json()), exact=True)


def test_the_answer_says_how_well_the_decay_need_be_known() -> None:
    X, y = regression()
    sharp = sensitivity(wd.tune(wd.LinearRegression(), X, y, cv=5))
    assert str(sharp).startswith("The decay matters to a factor of 2")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    y = X @ [1.0, 1.0, 1.0] + rng.standard_normal(400)
    flat = sensitivity(wd.tune(wd.LinearRegression(decays=10.0 ** np.arange(-5.0, 2.0, 0.5)), X, y))
    assert "a rough guess is enough" in str(flat)
    rows = flat.table().splitlines()
    assert len(rows) == 8 and len({len(row) for row in rows}) == 1 and rows[4].split()[0] == "1"
    assert [row.split()[0] for row in rows[1:4]] == ["÷"] * 3
    assert Sensitivity.from_json(flat.to_json()) == flat == pickle.loads(pickle.dumps(flat))
    with pytest.raises(ValueError, match="not the JSON of a Sensitivity"):
        Sensitivity.from_json('{"why": "noise"}')
    for found in (sharp, flat):
        ax = draw(found)
        labels = [one.get_text() for one in ax.get_xticklabels()]
        assert labels[0] == "÷ 100" and labels[-1] == "× 100" and labels[3].startswith("\nbest")


def test_tables_targets_and_classes() -> None:
    X, y = regression(60, 12)
    rng = np.random.default_rng(1)
    both = wd.tune(wd.LinearRegression(), X, np.column_stack([y, -2 * y + rng.standard_normal(60)]))
    with pytest.raises(ValueError, match=r"pass one of tuning\.targets"):
        sensitivity(both)
    for target in both.targets:
        found = sensitivity(target)
        assert found.exact
        assert_allclose(found.loss, target.mean[target.best], rtol=1e-9)
    table = pd.DataFrame(X, columns=[f"c{j}" for j in range(12)]).assign(kind=rng.choice(["a", "b"], 60))
    table.loc[::9, "c0"] = np.nan
    raw = wd.tune(wd.LinearRegression(), table, y)
    assert sensitivity(raw).exact
    labels = wd.tune(wd.LogisticRegression(), X, y + 2 * rng.standard_normal(60) > 0, cv=3, decays=[0.01, 0.1, 1.0])
    found = sensitivity(labels, factors=10)
    assert found.exact and found.metric == "log-loss" and len(found.off) == 2


def test_networks_are_not_trained_again() -> None:
    X, y = regression(30, 3)
    tuning = wd.tune(wd.NetworkRegressor(hidden=(4,), epochs=5, random_state=0), X, y, decays=[0.1, 1.0, 10.0], cv=2)
    assert 0 < tuning.decay_min < math.inf
    assert not sensitivity(tuning).exact


@pytest.mark.parametrize("factors", [[1.0, 2.0], "two", [], [math.inf]])
def test_factors_that_are_none_are_refused(factors: Any) -> None:
    X, y = regression()
    with pytest.raises(ValueError, match="numbers above 1"):
        sensitivity(wd.tune(wd.LinearRegression(), X, y), factors=factors)


def test_a_best_decay_without_multiples_is_refused() -> None:
    X, y = regression()
    for decays, words in (([0.0], "no decay"), ([math.inf], "infinite")):
        with pytest.raises(ValueError, match=words):
            sensitivity(wd.tune(wd.LinearRegression(), X, y, decays=decays))
    with pytest.raises(TypeError, match="got ndarray"):
        sensitivity(X)  # type: ignore[arg-type]
