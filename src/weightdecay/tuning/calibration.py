"""Calibration: whether what is predicted with a probability comes true so often."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_summary import Calibration

Array = NDArray[np.float64]

MOST_BINS = 12
FEWEST_IN_BIN = 20  # effective rows
NORMAL = 1.959963984540054  # 97.5 % quantile: intervals of 95 %
HISTOGRAM = 20
MOST_STEPS = 100
TINY = np.finfo(np.float64).tiny  # below which a probability has no logarithm


def calibrate(probability: Array, true: NDArray[np.bool_], weight: Array) -> Calibration:
    """Bins of rows by their predicted probability (m,), with what came true in each.

    Parameters
    ----------
    probability : ndarray of shape (m,)
    true : ndarray of shape (m,) of bool
        Whether it came true.
    weight : ndarray of shape (m,)
        Positive sample weights.

    Returns
    -------
    Calibration
    """
    order = np.argsort(probability, kind="stable")
    p, came, s = probability[order], true[order].astype(np.float64), weight[order]
    starts = _starts(p, s)
    total, squares, expected, observed, spread = (
        np.add.reduceat(one, starts) for one in (s, s * s, s * p, s * came, s * s * p * (1 - p))
    )
    predicted, share = expected / total, np.clip(observed / total, 0.0, 1.0)
    low, high = wilson(share, total**2 / squares)
    part, variance = total / total.sum(), np.maximum(spread, 0.0) / total**2
    return Calibration(
        edges=np.concatenate([[p[0]], (p[starts[1:] - 1] + p[starts[1:]]) / 2, [p[-1]]]),
        predicted=predicted,
        observed=share,
        low=low,
        high=high,
        weight=total,
        histogram=np.histogram(p, HISTOGRAM, (0.0, 1.0), weights=s)[0],
        error=float(part @ np.abs(share - predicted)),
        # A normal deviation has the mean size √(2/π) σ.
        error_by_chance=float(part @ np.sqrt(2 / np.pi * variance)),
        chance_std=math.sqrt(float(part**2 @ variance) * (1 - 2 / np.pi)),
    )


def _starts(p: Array, s: Array) -> NDArray[np.intp]:
    """Where bins of about the same weight begin among ascending probabilities, none between equal ones."""
    effective = s.sum() ** 2 / (s @ s)
    count = max(1, min(MOST_BINS, int(effective / FEWEST_IN_BIN)))
    steps = np.flatnonzero(p[1:] > p[:-1]) + 1
    if not len(steps):
        return np.zeros(1, dtype=np.intp)
    before = np.cumsum(s)[steps - 1]
    wanted = s.sum() * np.arange(1, count) / count
    right = np.searchsorted(before, wanted).clip(1, max(len(steps) - 1, 1))
    pair = np.minimum(np.array([right - 1, right]), len(steps) - 1)
    nearest = np.where(np.abs(before[pair[0]] - wanted) <= np.abs(before[pair[1]] - wanted), *pair)
    return np.unique(np.concatenate([[0], steps[nearest]])).astype(np.intp)


def wilson(share: Array, count: Array) -> tuple[Array, Array]:
    """Ends of the 95 % interval of a share observed in so many rows (Wilson 1927, JASA 22).

    Examples
    --------
    >>> import numpy as np
    >>> low, high = wilson(np.array([0.0, 0.5]), np.array([20.0, 100.0]))
    >>> low.round(3), high.round(3)
    (array([0.   , 0.404]), array([0.161, 0.596]))
    """
    z2 = NORMAL**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(share * (1 - share) * z2 + z2**2 / 4) / (1 + z2)
    return np.clip(middle - half, 0.0, share), np.clip(middle + half, share, 1.0)


class Recalibrated(NamedTuple):
    """Slope, its standard error, and intercept."""

    slope: float
    slope_error: float
    intercept: float


UNKNOWN = Recalibrated(math.nan, math.nan, math.nan)


def recalibrate(probability: Array, code: NDArray[np.intp], weight: Array) -> Recalibrated:
    """The slope (and for two classes the intercept) that makes held-out probabilities likeliest.

    Two classes: logit π = a + b logit P[1]. More: π ∝ P^b. Both are concave in their parameters, solved by damped
    Newton steps; b is infinite where it could grow for ever, that is where the classes are separated.

    Parameters
    ----------
    probability : ndarray of shape (m, k)
    code : ndarray of shape (m,)
        The true class of each row, 0 … k − 1.
    weight : ndarray of shape (m,)
        Positive sample weights.

    Returns
    -------
    Recalibrated
    """
    logs = np.log(np.maximum(probability, TINY))
    if probability.shape[1] == 2:
        return _two(logs[:, 1] - logs[:, 0], code == 1, weight)
    own = logs[np.arange(len(code)), code]
    others = logs.copy()
    others[np.arange(len(code)), code] = -np.inf
    ahead = own - others.max(axis=1)
    if (ahead >= 0).all() or probability.shape[1] < 2:
        return Recalibrated(math.inf, math.nan, math.nan) if (ahead > 0).any() else UNKNOWN

    def slopes(at: Array) -> tuple[float, Array, Array]:
        """Log-likelihood, scores of the rows (m, 1) and information (1, 1)."""
        raised = at[0] * logs
        top = raised.max(axis=1, keepdims=True)
        share = np.exp(raised - top)
        norm = share.sum(axis=1)
        share /= norm[:, None]
        mean = np.einsum("ij,ij->i", share, logs)
        variance = np.einsum("ij,ij->i", share, (logs - mean[:, None]) ** 2)
        value = weight @ (at[0] * own - top[:, 0] - np.log(norm))
        return float(value), (own - mean)[:, None], np.array([[weight @ variance]])

    at, error = _newton(slopes, np.ones(1), weight)
    return Recalibrated(float(at[0]), error, math.nan)


def _two(z: Array, second: NDArray[np.bool_], weight: Array) -> Recalibrated:
    """Cox's slope and intercept of log-odds z (m,)."""
    if second.all() or not second.any() or z.min() == z.max():
        return UNKNOWN
    for sign in (1.0, -1.0):
        if (sign * z[second]).min() >= (sign * z[~second]).max():
            return Recalibrated(sign * math.inf, math.nan, math.nan)
    centre = float(weight @ z / weight.sum())
    size = math.sqrt(float(weight @ (z - centre) ** 2 / weight.sum()))
    x = np.column_stack([np.ones(len(z)), (z - centre) / size])
    sign_of = np.where(second, 1.0, -1.0)

    def slopes(at: Array) -> tuple[float, Array, Array]:
        """Log-likelihood, scores of the rows (m, 2) and information (2, 2)."""
        eta = x @ at
        mean = 0.5 * (1 + np.tanh(eta / 2))
        curvature = weight * mean * (1 - mean)
        value = -float(weight @ np.logaddexp(0.0, -sign_of * eta))
        return value, (second - mean)[:, None] * x, (x * curvature[:, None]).T @ x

    at, error = _newton(slopes, np.array([centre, size]), weight)
    slope = float(at[1]) / size
    return Recalibrated(slope, error / size, float(at[0]) - slope * centre)


def _newton(slopes: Callable[[Array], tuple[float, Array, Array]], start: Array, weight: Array) -> tuple[Array, float]:
    """Where a concave likelihood is greatest, and the sandwich standard error of its last parameter; nan if unknown.

    Steps that lose likelihood are halved.
    """
    at = start
    value, score, information = slopes(at)
    for _ in range(MOST_STEPS):
        try:
            step = np.linalg.solve(information, weight @ score)
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(step).all():
            break
        if np.abs(step).max() <= 1e-10 * (1 + np.abs(at).max()):
            inverse = np.linalg.inv(information)
            weighted = weight[:, None] * score
            return at, math.sqrt(float((inverse @ (weighted.T @ weighted) @ inverse)[-1, -1]))
        for _ in range(60):
            new = slopes(at + step)
            if new[0] >= value - 1e-13 * abs(value):
                break
            step = step / 2
        at = at + step
        value, score, information = new
    return np.full(len(start), math.nan), math.nan
