"""Learning curves: losses by plain scikit-learn on the same subsets, and every kind of data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import LinearRegression as Unpenalised
from sklearn.linear_model import LogisticRegression as Rival
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.records.why_growth import LearningCurve
from weightdecay.show.why_growth_picture import draw
from weightdecay.studies.why.learning_curve import _orders, learning_curve
from weightdecay.studies.why.opened_rows import opened

Array = np.ndarray
DECAYS = 10.0 ** np.arange(-2.5, 1.5, 0.5)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No figure stays open."""
    yield
    plt.close("all")


def regression(n: int = 60, p: int = 12, seed: int = 0) -> tuple[Array, Array]:
    """A dense truth."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p)
    return X, X @ rng.standard_normal(p) / 3 + 1.5 * rng.standard_normal(n)


def refitted(X: Array, y: Array, train: Array, test: Array, penalty: float) -> float:
    """The mean squared error of a plain pipeline, Λ = λ times the rows that λ is of."""
    model = make_pipeline(StandardScaler(), Ridge(penalty)) if math.isfinite(penalty) else None
    predicted = np.full(len(test), y[train].mean())
    if model is not None:
        predicted = (
            model.fit(X[train], y[train]).predict(X[test])
            if penalty
            else make_pipeline(StandardScaler(), Unpenalised()).fit(X[train], y[train]).predict(X[test])
        )
    return float(np.mean((y[test] - predicted) ** 2))


@pytest.mark.parametrize("size", [9, 30, 48])
def test_losses_are_those_of_plain_refits_on_the_same_nested_subsets(size: int) -> None:
    X, y = regression()
    found = learning_curve(wd.LinearRegression(), X, y, sizes=[size], repeats=5, decays=DECAYS)
    for fold, (train, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(X)):
        rows = np.sort(np.random.default_rng((0, fold)).permutation(train)[:size])
        inner = list(KFold(5, shuffle=True, random_state=fold).split(rows))
        means = [
            np.average(
                [refitted(X, y, rows[a], rows[b], size * one) for a, b in inner], weights=[len(b) for _, b in inner]
            )
            for one in DECAYS
        ]
        best = DECAYS[int(np.argmin(means))]
        assert_allclose(found.fits.decays[0, fold], best, rtol=1e-12)
        assert_allclose(found.fits.tuned[0, fold], refitted(X, y, rows, test, size * best), rtol=1e-7)
        assert_allclose(found.fits.none[0, fold], refitted(X, y, rows, test, 0.0), rtol=1e-6)
        assert_allclose(found.fits.constant[0, fold], refitted(X, y, rows, test, math.inf), rtol=1e-9)
    weight = np.full(5, 12)
    assert_allclose(found.fits.gain[0], np.average(found.fits.none[0] - found.fits.tuned[0], weights=weight))
    assert_allclose(found.fits.gain_error[0], np.std(found.fits.none[0] - found.fits.tuned[0], ddof=1) / math.sqrt(5))


def test_subsets_are_nested_disjoint_from_the_test_rows_and_hold_every_class() -> None:
    rng = np.random.default_rng(0)
    y = np.array(["a"] * 6 + ["b"] * 50 + ["c"] * 34)
    work = opened(wd.LogisticRegression(), rng.standard_normal((90, 3)), y, what="it")
    orders = _orders(work, 5, 0)
    assert sorted(np.concatenate([test for _, test in orders])) == list(range(90))
    for order, test in orders:
        assert not set(order) & set(test) and len(set(order)) == len(order) == 90 - len(test)
        for size in (6, 20, 50):
            counts = dict(zip(*np.unique(y[order[:size]], return_counts=True), strict=True))
            assert min(counts.get(one, 0) for one in "abc") >= 2
        shares = [np.mean(y[order[:50]] == one) for one in "bc"]
        assert_allclose(shares, [50 / 90, 34 / 90], atol=0.08)


def test_sizes_below_take_part_in_those_above_with_the_same_loss_at_each() -> None:
    X, y = regression()
    both = learning_curve(wd.LinearRegression(), X, y, sizes=[20, 40], repeats=2)
    one = learning_curve(wd.LinearRegression(), X, y, sizes=[40], repeats=2)
    assert_allclose(both.fits.tuned[1], one.fits.tuned[0], rtol=1e-9)
    assert_allclose(both.fits.none[1], one.fits.none[0], rtol=1e-9)


def test_without_decay_the_loss_peaks_where_rows_are_as_many_as_columns_and_with_it_does_not() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 60))
    y = X @ rng.standard_normal(60) / 8 + rng.standard_normal(150)
    found = learning_curve(wd.LinearRegression(), X, y, sizes=[15, 30, 61, 85, 120])
    assert found.peak == 61
    assert (np.diff(found.fits.tuned_mean) < 0.1 * found.fits.tuned_mean[:-1]).all()
    assert (found.fits.gain[1:4] > found.fits.gain_error[1:4]).all()
    assert found.rows_without < 120 * 0.9
    text = str(found)
    for word in ("peak at 61 rows", "needs", "tuned decay", "120 rows"):
        assert word in text
    assert LearningCurve.from_json(found.to_json()) == found
    ax = draw(found)
    assert ax.get_xlabel() == "rows to train on" and ax.get_yscale() == "log"


def test_shares_are_of_the_most_rows_and_never_too_few() -> None:
    X, y = regression(50, 3)
    found = learning_curve(wd.LinearRegression(), X, y, sizes=[0.01, 0.5, 1.0], repeats=2)
    assert found.sizes.tolist() == [4, 20, 40]


def test_the_rows_that_decay_saves_are_read_off_in_log_rows() -> None:
    X, y = regression(100, 20, 1)
    found = learning_curve(wd.LinearRegression(), X, y, sizes=[22, 40, 80], repeats=5)
    goal, tuned = found.fits.none_mean[-1], found.fits.tuned_mean
    assert tuned[-1] <= goal < tuned[0]
    at = int(np.argmax(tuned <= goal))
    expected = np.exp(np.interp(-goal, -tuned[at - 1 : at + 1], np.log(found.sizes[at - 1 : at + 1])))
    assert_allclose(found.rows_without, expected)


def test_classes_that_can_be_separated_have_a_small_decay_in_place_of_none() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = np.where(X[:, 0] > 0, "yes", "no")
    found = learning_curve(wd.LogisticRegression(decays=[0.01, 0.1]), X, y, sizes=[40], repeats=2)
    assert (found.fits.least > 0).all() and np.isfinite(found.fits.none).all()
    assert "with hardly any decay" in str(found) and "stands in" in str(found)
    work = opened(wd.LogisticRegression(), X, y, what="it")
    order, test = _orders(work, 2, 0)[0]
    rows = np.sort(order[:40])
    decay = found.fits.decays[0, 0]
    rival = make_pipeline(StandardScaler(), Rival(C=1 / (40 * decay), tol=1e-10, max_iter=10_000)).fit(X[rows], y[rows])
    assert_allclose(found.fits.tuned[0, 0], log_loss(y[test], rival.predict_proba(X[test])), rtol=1e-5)


def frame(n: int = 60) -> tuple[pd.DataFrame, Array]:
    """Text, gaps and numbers."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.standard_normal(n), "kind": rng.choice(["a", "b", "c"], n)})
    y = table["size"].to_numpy() + (table["kind"] == "a") + 0.5 * rng.standard_normal(n)
    table.loc[::7, "size"] = np.nan
    return table, np.asarray(y)


def variants() -> dict[str, tuple[Any, Any, Any, dict[str, Any]]]:
    X, y = regression(40, 5)
    rng = np.random.default_rng(1)
    return {
        "frame": (wd.LinearRegression(), *frame(), {}),
        "foreign frame": (Ridge(), *frame(), {"sizes": [24], "decays": [0.01, 1.0]}),
        "sparse": (wd.LinearRegression(), sparse.csr_array(X * (np.abs(X) > 1)), y, {}),
        "targets": (wd.LinearRegression(), X, np.column_stack([y, -3 * y + rng.standard_normal(40)]), {}),
        "weights": (wd.LinearRegression(), X, y, {"sample_weight": np.r_[np.zeros(5), rng.uniform(1, 2, 35)]}),
        "groups": (wd.LinearRegression(), X, y, {"groups": np.arange(40) // 4}),
        "counts": (wd.PoissonRegression(), X / 3, rng.poisson(1.5, 40), {"decays": [0.1, 1.0]}),
        "score": (wd.LinearRegression(), X, y, {"scoring": "r2"}),
        "1se": (wd.LinearRegression(rule="1se"), X, y, {}),
        "ten rows": (wd.LinearRegression(), X[:10], y[:10], {"sizes": None}),
        "lists": (wd.LinearRegression(), X.tolist(), y.tolist(), {}),
    }


@pytest.mark.parametrize("name", variants())
def test_every_kind_of_data_is_taken(name: str) -> None:
    estimator, X, y, more = variants()[name]
    found = learning_curve(estimator, X, y, **{"sizes": [12, 24], "repeats": 2, **more})
    assert np.isfinite(found.fits.tuned).all() and np.isfinite(found.fits.constant).all()
    assert LearningCurve.from_json(found.to_json()) == found
    assert str(found).endswith(".")
    draw(found)


def test_weight_two_is_a_row_twice_for_the_subsets_that_hold_it() -> None:
    X, y = regression(40, 5)
    one = learning_curve(wd.LinearRegression(), X, y, sizes=[20], repeats=2, decays=DECAYS)
    two = learning_curve(
        wd.LinearRegression(), X, y, sizes=[20], repeats=2, decays=DECAYS, sample_weight=np.full(40, 2)
    )
    assert_allclose(two.fits.tuned, one.fits.tuned, rtol=1e-9)
    assert_allclose(two.fits.decays, one.fits.decays, rtol=1e-9)


def test_networks_have_a_learning_curve() -> None:
    X, y = regression(40, 4)
    network = wd.NetworkRegressor(hidden=(4,), epochs=3, decays=[0.1, 10.0], random_state=0)
    found = learning_curve(network, X, y, sizes=[12, 30], repeats=2)
    assert np.isfinite(found.fits.tuned).all() and set(np.unique(found.fits.decays)) <= {0.1, 10.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 9}, "at least 10 rows, got 9"),
        ({"constant": True}, "same number in all rows"),
        ({"sizes": [3, 20]}, "sizes holds 3"),
        ({"sizes": [20, 500]}, "sizes holds 500"),
        ({"sizes": "all"}, "sizes='all'"),
        ({"repeats": 1}, "repeats=1"),
        ({"random_state": -1}, "random_state=-1"),
        ({"estimator": wd.LinearRegression(decay_groups={"a": [0]})}, "leave decay_groups out"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    X, y = regression(40, 5)
    estimator, rows = change.pop("estimator", wd.LinearRegression()), change.pop("rows", 40)
    y = np.ones(40) if change.pop("constant", False) else y
    with pytest.raises(ValueError, match=words) as told, warnings.catch_warnings():
        learning_curve(estimator, X[:rows], y[:rows], **change)
    assert "\n" not in str(told.value)
