"""Law 6 for raw tables, classes and counts: fold losses are those of refits of scikit-learn's whole pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, StratifiedKFold, TimeSeriesSplit

import weightdecay as wd
from laws.honest_tables import by_hand, pipeline, raw_table
from laws.logistic_oracles import held_out_loss, refit

Floats = NDArray[np.float64]

DECAYS = np.array([1e-3, 0.1, 3.0])


def table(n: int, k: int, numbers: int = 4) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Numbers and texts with gaps; classes 0 to k − 1, or for k = 0 counts, that depend on them."""
    frame, y = raw_table(n, numbers=numbers)
    rng = np.random.default_rng(7)
    y = (y - y.mean()) / y.std() + 0.7 * rng.standard_normal(n)
    if k == 0:
        return frame, rng.poisson(np.exp(0.5 + 0.5 * y)).astype(np.int64)
    return frame, np.searchsorted(np.quantile(y, np.arange(1, k) / k), y).astype(np.int64)


def honest(
    frame: pd.DataFrame, y: Any, splits: Any, precisions: Floats, s: Floats, kind: str, **settings: bool
) -> Floats:
    """Losses (F, L) of the pipeline of imputers, encoders and scaler, a logistic or Poisson regression at its end."""
    losses = np.empty((len(splits), len(precisions)))
    for f, (train, test) in enumerate(splits):
        train = np.asarray(train)[s[train] > 0]
        for place, precision in enumerate(precisions):
            model = pipeline(frame, 1.0, **settings)
            last = refit(kind, precision, s[train].sum(), settings.get("fit_intercept", True))
            model.steps[-1] = ("last", last)
            weights = {"last__sample_weight": s[train]}
            if settings.get("standardize", True):
                weights["scale__sample_weight"] = s[train]
            model.fit(frame.iloc[train], y[train], **weights)
            losses[f, place] = held_out_loss(kind, model, frame.iloc[test], y[test], s[test])
    return losses


def compared(
    n: int, cv: Any, k: int = 2, *, numbers: int = 4, weighted: bool = False, groups: Any = None, **settings: bool
) -> None:
    """The encoded table and the frame itself, against the pipeline."""
    frame, y = table(n, k, numbers)
    weight = np.random.default_rng(1).uniform(0.2, 3.0, n) if weighted else np.ones(n)
    weight[::17] = 0.0 if weighted else 1.0
    kind = "log" if k else "poisson"
    splits = list(cv.split(np.zeros((n, 1)), y, groups))
    expected = honest(frame, y, splits, DECAYS * weight.sum(), weight, kind, **settings)
    encoded = by_hand(frame, weight > 0)
    model = (wd.LogisticRegression if k else wd.PoissonRegression)(**settings)
    ours = wd.tune(model, encoded, y, decays=DECAYS, cv=splits, sample_weight=weight if weighted else None)
    np.testing.assert_allclose(ours.losses, expected, rtol=1e-7)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [80, 600])
def test_folds(n: int, weighted: bool, k: int) -> None:
    """One level is in a single fold; gaps take what the training rows say."""
    compared(n, KFold(4, shuffle=True, random_state=0), k, weighted=weighted)


@pytest.mark.parametrize("k", [2, 3])
def test_stratified_groups_and_weights(k: int) -> None:
    compared(200, StratifiedKFold(4, shuffle=True, random_state=0), k)
    groups = np.random.default_rng(2).integers(0, 12, 200)
    compared(200, GroupKFold(4), k, weighted=True, groups=groups)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)])
@pytest.mark.parametrize("k", [2, 3])
def test_time_series_and_repeats(cv: Any, k: int) -> None:
    compared(300, cv, k)


@pytest.mark.parametrize("k", [2, 3])
def test_more_columns_than_rows(k: int) -> None:
    compared(60, KFold(4, shuffle=True, random_state=0), k, numbers=80)


@pytest.mark.parametrize("settings", [{"standardize": False}, {"fit_intercept": False}])
def test_columns_as_they_are(settings: dict[str, bool]) -> None:
    compared(200, KFold(4), 2, numbers=3, **settings)


@pytest.mark.parametrize("k", [2, 3])
def test_sparse_designs(k: int) -> None:
    frame, y = table(300, k)
    splits = list(KFold(4, shuffle=True, random_state=0).split(y))
    encoded = by_hand(frame)
    wide = type(encoded)(sparse.csr_array(encoded.matrix), encoded.names, encoded.encoding)
    ours = wd.tune(wd.LogisticRegression(), wide, y, decays=DECAYS, cv=splits)
    expected = honest(frame, y, splits, DECAYS * 300, np.ones(300), "log")
    np.testing.assert_allclose(ours.losses, expected, rtol=1e-7)


@pytest.mark.parametrize("k", [0, 2, 3])
def test_the_door_takes_the_frame_itself(k: int) -> None:
    """``wd.tune`` on a frame with text columns: a column plan, finite losses, and a model that predicts from frames."""
    frame, y = table(200, k)
    estimator = wd.LogisticRegression if k else wd.PoissonRegression
    labels = np.array(["low", "middle", "high"])[y] if k == 3 else y
    found = wd.tune(estimator(), frame, labels, decays=DECAYS, cv=4)
    assert np.isfinite(found.losses).all() and found.plan
    predicted = found.model.predict(frame)
    assert predicted.shape == (200,)
    if k:
        chances = found.model.predict_proba(frame)
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-12)
        assert set(predicted) <= set(labels.tolist())
