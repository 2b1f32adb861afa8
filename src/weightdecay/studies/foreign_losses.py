"""Losses of a fitted foreign estimator, row by row: squared error, log-loss or Poisson deviance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Array = NDArray[np.float64]


def row_losses(model: Any, X: Any, y: NDArray[Any], kind: str, classifies: bool) -> Array:
    """Loss of every row, shape (n,) or (n, t)."""
    if classifies:
        return _log_losses(model, X, y, kind)
    prediction = np.asarray(model.predict(X), dtype=np.float64).reshape(y.shape)
    if kind == "PoissonRegressor":
        return np.asarray(2.0 * (xlogy(y, y / prediction) - y + prediction), dtype=np.float64)
    return np.asarray((y - prediction) ** 2, dtype=np.float64)


def _log_losses(model: Any, X: Any, y: NDArray[Any], kind: str) -> Array:
    """−log of the probability of the class that occurred, at least the least float above zero."""
    if not hasattr(model, "predict_proba"):
        raise ValueError(f"{kind} gives no probabilities as it is; give scoring='accuracy', or loss='log_loss' to it")
    probability = np.asarray(model.predict_proba(X), dtype=np.float64)
    chosen = probability[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return np.asarray(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)), dtype=np.float64)
