"""Losses of a fitted foreign estimator, row by row: squared error, a deviance or log-loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RegressionLoss:
    """What a regressor is judged by, which is twice what it minimises beside its penalty.

    Parameters
    ----------
    name : str
    rows : callable
        Loss of every row from target and prediction.
    link, mean : callable
        From a mean to the scale on which coefficients add up, and back.
    """

    name: str
    rows: Callable[[Array, Array], Array]
    link: Callable[[Array], Array]
    mean: Callable[[Array], Array]


def loss_of(final: Any, kind: str) -> RegressionLoss:
    """The loss of a regressor of a known class."""
    if kind not in ("PoissonRegressor", "PoissonRegression", "GammaRegressor", "TweedieRegressor"):
        return RegressionLoss("mean squared error", _square, np.positive, np.positive)
    power = {"PoissonRegressor": 1.0, "PoissonRegression": 1.0, "GammaRegressor": 2.0}.get(kind) or float(final.power)
    name = {0.0: "mean squared error", 1.0: "Poisson deviance", 2.0: "gamma deviance"}.get(
        power, f"Tweedie deviance of power {power:g}"
    )
    link = getattr(final, "link", "auto")
    if link == "identity" or (link == "auto" and power <= 0):
        return RegressionLoss(name, _deviance(power), np.positive, np.positive)
    return RegressionLoss(name, _deviance(power), np.log, np.exp)


def _square(y: Array, mean: Array) -> Array:
    """Squared error."""
    return np.asarray((y - mean) ** 2, dtype=np.float64)


def _deviance(power: float) -> Callable[[Array, Array], Array]:
    """Unit deviance 2 ∫ (y − t) t^(−power) dt from the mean to y (Jørgensen 1997, The Theory of Dispersion Models)."""
    if power == 0:
        return _square

    def rows(y: Array, mean: Array) -> Array:
        if power == 1:
            half = xlogy(y, y / mean) - y + mean
        elif power == 2:
            half = np.log(mean / y) + y / mean - 1
        else:
            one, two = 1 - power, 2 - power
            half = np.maximum(y, 0) ** two / (one * two) - y * mean**one / one + mean**two / two
        return np.asarray(2 * half, dtype=np.float64)

    return rows


def row_losses(model: Any, X: Any, y: NDArray[Any], loss: RegressionLoss | None) -> Array:
    """Loss of every row, shape (n,) or (n, t); of a classifier (loss None) the log-loss."""
    if loss is not None:
        return loss.rows(y, np.asarray(model.predict(X), dtype=np.float64).reshape(y.shape))
    probability = np.asarray(model.predict_proba(X), dtype=np.float64)
    chosen = probability[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return np.asarray(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)), dtype=np.float64)
