"""The advice is good: on new rows the tuned decay does nearly as well as the best that a sweep on them would find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes, load_digits  # noqa: E402
from sklearn.model_selection import ShuffleSplit  # noqa: E402

from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor  # noqa: E402
from weightdecay.tuning.folds import plan  # noqa: E402
from weightdecay.tuning.request import tune_request  # noqa: E402

SPLITS = 10


def excess(model: Any, X: Any, y: Any) -> list[float]:
    """By how much the loss on held-out rows at the tuned decay exceeds the least of a sweep, for every split.

    The sweep starts from the same weights and sees the same batches as the tuned network.
    """
    found = []
    for train, test in ShuffleSplit(SPLITS, test_size=0.3, random_state=0).split(X):
        problem = model.open(X[train], y[train])
        tuning = tune_request(problem, model.request(), y=y[train])
        decays = np.union1d(np.logspace(-4, 1.5, 23), tuning.decay)
        sweep = model.open(X, y).split(plan([(train, test)], len(y))).held_out(decays)
        losses = sweep.mean
        found.append(float(losses[np.searchsorted(decays, tuning.decay)] / np.nanmin(losses) - 1.0))
    return found


@pytest.mark.long
def test_digits() -> None:
    X, y = load_digits(return_X_y=True)
    model = NetworkClassifier((64, 64), epochs=20, learning_rate=1e-3)
    assert np.median(excess(model, X, y)) <= 0.02


@pytest.mark.long
def test_diabetes() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = NetworkRegressor((32,), epochs=60, batch_size=32, learning_rate=3e-3)
    assert np.median(excess(model, X, y)) <= 0.02
