"""Noise: losses by plain scikit-learn on the same noisy rows, and every kind of data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as Rival
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.records.why_noise import FLIPPED, GAUSSIAN, SWAPPED, Noise
from weightdecay.show.why_noise_picture import draw
from weightdecay.studies.why.added_noise import spread_of, twice, widened, with_flips, with_swaps
from weightdecay.studies.why.noise import noise
from weightdecay.studies.why.opened_rows import opened

Array = np.ndarray
DECAYS = 10.0 ** np.arange(-2.0, 1.5, 0.5)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No figure stays open."""
    yield
    plt.close("all")


def regression(n: int = 50, p: int = 6, seed: int = 0) -> tuple[Array, Array]:
    """A dense truth."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p)
    return X, X @ rng.standard_normal(p) / 3 + rng.standard_normal(n)


def chosen_and_tried(X: Array, noisy: Array, clean: Array, train: Array, test: Array) -> tuple[float, float]:
    """The decay that five folds within noisy training rows choose, and its loss on clean test rows."""

    def loss(rows: Array, held: Array, decay: float, targets: Array) -> float:
        # Λ is the same in all folds of a training set: λ times its rows.
        model = make_pipeline(StandardScaler(), Ridge(decay * len(train))).fit(X[rows], noisy[rows])
        return float(np.mean((targets[held] - model.predict(X[held])) ** 2))

    inner = [(train[a], train[b]) for a, b in KFold(5, shuffle=True, random_state=0).split(train)]
    means = [
        np.average([loss(a, b, one, noisy) for a, b in inner], weights=[len(b) for _, b in inner]) for one in DECAYS
    ]
    best = float(DECAYS[int(np.argmin(means))])
    return best, loss(train, test, best, clean)


def test_noise_columns_are_those_of_plain_refits() -> None:
    X, y = regression()
    found = noise(wd.LinearRegression(), X, y, columns=[0, 8], labels=[], repeats=1, decays=DECAYS)
    assert found.labels is None and found.columns is not None
    drawn = np.median(X.std(axis=0)) * np.random.default_rng((0, 0)).standard_normal((50, 8))
    for level, wide in enumerate((X, np.column_stack([X, drawn]))):
        for fold, (train, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(X)):
            decay, loss = chosen_and_tried(wide, y, y, train, test)
            assert_allclose(found.columns.fits.decays[level, fold], decay, rtol=1e-9)
            assert_allclose(found.columns.fits.tuned[level, fold], loss, rtol=1e-7)
            design = np.column_stack([np.ones(len(train)), wide[train]])
            coef = np.linalg.lstsq(design, y[train], rcond=None)[0]
            plain = np.mean((y[test] - coef[0] - wide[test] @ coef[1:]) ** 2)
            assert_allclose(found.columns.fits.none[level, fold], plain, rtol=1e-6)


def test_noisy_targets_teach_and_choose_and_clean_ones_judge() -> None:
    X, y = regression()
    found = noise(wd.LinearRegression(), X, y, columns=[], labels=[0.0, 2.0], repeats=1, decays=DECAYS)
    assert found.columns is None and found.labels is not None and found.kind == GAUSSIAN
    assert_allclose(found.residual, best_residual(X, y), rtol=0.02)
    for level, amount in enumerate((0.0, 2.0)):
        noisy = y + amount * found.residual * np.random.default_rng((0, 0)).standard_normal(50)
        for fold, (train, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(X)):
            decay, loss = chosen_and_tried(X, noisy, y, train, test)
            assert_allclose(found.labels.fits.decays[level, fold], decay, rtol=1e-9)
            assert_allclose(found.labels.fits.tuned[level, fold], loss, rtol=1e-7)
            assert_allclose(found.labels.fits.constant[level, fold], np.mean((y[test] - noisy[train].mean()) ** 2))


def best_residual(X: Array, y: Array) -> float:
    """By five folds of a plain pipeline over a fine grid."""
    folds = list(KFold(5, shuffle=True, random_state=0).split(X))
    return math.sqrt(min(_mean(X, y, folds, alpha) for alpha in 50 * 10.0 ** np.arange(-3, 2, 0.25)))


def _mean(X: Array, y: Array, folds: Sequence[tuple[Array, Array]], alpha: float) -> float:
    squares = [
        (y[b] - make_pipeline(StandardScaler(), Ridge(alpha)).fit(X[a], y[a]).predict(X[b])) ** 2 for a, b in folds
    ]
    return float(np.mean(np.concatenate(squares)))


def test_labels_are_flipped_in_training_rows_alone() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = np.where(X[:, 0] + rng.standard_normal(60) > 0, "yes", "no")
    found = noise(wd.LogisticRegression(decays=[0.1, 1.0]), X, y, columns=[], labels=[0.3], repeats=1)
    assert found.labels is not None and found.kind == FLIPPED
    noisy = with_flips(y, 0.3, np.random.default_rng((0, 0)))
    work = opened(wd.LogisticRegression(), X, y, what="it")
    for fold, (train, test) in enumerate(work.folds(work.used, 5, 0)):
        strength = 1 / (len(train) * found.labels.fits.decays[0, fold])
        rival = make_pipeline(StandardScaler(), Rival(C=strength, tol=1e-10, max_iter=10_000)).fit(
            X[train], noisy[train]
        )
        expected = log_loss(y[test], rival.predict_proba(X[test]), labels=["no", "yes"])
        assert_allclose(found.labels.fits.tuned[0, fold], expected, rtol=1e-5)


def test_flips_are_of_the_share_asked_for_and_keep_every_class() -> None:
    y = np.repeat(["a", "b", "c"], [50, 49, 1])
    for share in (0.0, 0.2, 1.0):
        flipped = with_flips(y, share, np.random.default_rng(1))
        assert np.sum(flipped != y) == min(round(share * 100), 97)
        assert set(flipped) == {"a", "b", "c"}
    swapped = with_swaps(np.arange(100), 0.3, np.random.default_rng(1))
    assert sorted(swapped) == list(range(100)) and 20 <= np.sum(swapped != np.arange(100)) <= 30


def test_decay_withstands_more_noise_than_none() -> None:
    X, y = regression(80, 10)
    found = noise(wd.LinearRegression(), X, y, columns=[0, 20, 50], labels=[0, 1, 4])
    for steps in (found.columns, found.labels):
        assert steps is not None
        none, tuned = steps.fits.none_mean, steps.fits.tuned_mean
        assert none[-1] / none[0] > tuned[-1] / tuned[0]
        assert steps.fits.decay[-1] > steps.fits.decay[0]
        assert steps.fits.gain[-1] > steps.fits.gain_error[-1]
    text = str(found)
    for word in (
        "50 columns of noise beside the 10",
        "4 residual standard deviations",
        "whose decay goes from",
        "draws",
    ):
        assert word in text
    assert Noise.from_json(found.to_json()) == found
    ax = draw(found)
    assert [one.get_xlabel() for one in ax.child_axes] == [
        *("", "noise columns", "", "target noise (residual s.d.)"),
    ]


def test_columns_are_widened_whatever_they_are_in() -> None:
    X, more = np.arange(6.0).reshape(3, 2), np.array([[7.0], [8.0], [9.0]])
    expected = np.column_stack([X, more])
    kinds: list[Any] = [X, X.tolist(), pd.DataFrame(X), pl.DataFrame(X), sparse.csr_array(X), sparse.coo_array(X)]
    for kind in kinds:
        made = widened(kind, more)
        plain = made.toarray() if sparse.issparse(made) else np.asarray(made)
        assert_allclose(plain, expected)
        both = twice(kind)
        assert_allclose(both.toarray() if sparse.issparse(both) else np.asarray(both), np.vstack([X, X]))
        assert_allclose(spread_of(kind), X.std(axis=0).mean())


def frame(n: int = 50) -> tuple[pd.DataFrame, Array]:
    """Text, gaps and numbers."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.standard_normal(n), "kind": rng.choice(["a", "b", "c"], n)})
    y = table["size"].to_numpy() + (table["kind"] == "a") + 0.5 * rng.standard_normal(n)
    table.loc[::7, "size"] = np.nan
    return table, np.asarray(y)


def variants() -> dict[str, tuple[Any, Any, Any, dict[str, Any]]]:
    X, y = regression(40, 4)
    rng = np.random.default_rng(1)
    return {
        "frame": (wd.LinearRegression(), *frame(), {}),
        "sparse": (wd.LinearRegression(), sparse.csr_array(X * (np.abs(X) > 1)), y, {}),
        "targets": (wd.LinearRegression(), X, np.column_stack([y, -3 * y + rng.standard_normal(40)]), {}),
        "weights": (wd.LinearRegression(), X, y, {"sample_weight": np.r_[np.zeros(5), rng.uniform(1, 2, 35)]}),
        "groups": (wd.LinearRegression(), X, y, {"groups": np.arange(40) // 4}),
        "counts": (wd.PoissonRegression(), X / 3, rng.poisson(1.5, 40), {"decays": [0.1, 1.0], "labels": [0, 0.3]}),
        "score": (wd.LinearRegression(), X, y, {"scoring": "r2"}),
        "foreign": (Ridge(), pd.DataFrame(X, columns=list("abcd")), y, {"decays": [0.1, 1.0]}),
        "named by numbers": (wd.LinearRegression(), pd.DataFrame(X), y, {}),
        "ten rows": (wd.LinearRegression(), X[:10], y[:10], {}),
    }


@pytest.mark.parametrize("name", variants())
def test_every_kind_of_data_is_taken(name: str) -> None:
    estimator, X, y, more = variants()[name]
    found = noise(estimator, X, y, **{"columns": [0, 5], "labels": [0, 1], "repeats": 1, **more})
    assert found.columns is not None and found.labels is not None
    for steps in (found.columns, found.labels):
        assert np.isfinite(steps.fits.tuned).all() and np.isfinite(steps.fits.constant).all()
    assert found.kind == (SWAPPED if name == "counts" else GAUSSIAN)
    assert Noise.from_json(found.to_json()) == found
    assert str(found).endswith(".")
    draw(found)


def test_what_takes_a_table_as_it_is_has_noise_on_its_targets_alone() -> None:
    table, y = frame(30)
    found = noise(Ridge(), table, y, labels=[0, 1], decays=[0.1, 1.0])
    assert found.columns is None and found.labels is not None and "left out" in found.notes[0]
    with pytest.raises(ValueError, match="columns=\\[\\]"):
        noise(Ridge(), table, y, columns=[5], labels=[0, 1], decays=[0.1, 1.0])
    words = [f"good {'fine ' * (one % 3)}day" if one % 2 else "bad night" for one in range(30)]
    pipeline = make_pipeline(TfidfVectorizer(), Ridge())
    found = noise(pipeline, words, y, labels=[0, 1], decays=[0.1])
    assert found.columns is None and len(str(found).splitlines()) >= 3


def test_networks_take_noise() -> None:
    X, y = regression(30, 3)
    network = wd.NetworkRegressor(hidden=(4,), epochs=3, decays=[0.1, 10.0], random_state=0)
    found = noise(network, X, y, columns=[0, 5], labels=[1.0])
    assert found.columns is not None and np.isfinite(found.columns.fits.tuned).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": [-1]}, "columns holds=-1"),
        ({"columns": [2.5]}, "columns holds=2.5"),
        ({"labels": [-1.0]}, "standard deviations of at least 0"),
        ({"labels": "many"}, "standard deviations of at least 0"),
        ({"columns": [], "labels": []}, "neither columns nor labels"),
        ({"repeats": 0}, "repeats=0"),
        ({"rows": 9}, "at least 10 rows, got 9"),
        ({"constant": True}, "same number in all rows"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    X, y = regression(40, 5)
    change = dict(change)
    rows = change.pop("rows", 40)
    y = np.ones(40) if change.pop("constant", False) else y
    with pytest.raises(ValueError, match=words) as told:
        noise(wd.LinearRegression(), X[:rows], y[:rows], **change)
    assert "\n" not in str(told.value)
