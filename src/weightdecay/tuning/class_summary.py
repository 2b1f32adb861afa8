"""What held-out probabilities of a classifier come to: confusion, metrics and calibration."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightdecay.records.class_summary import ClassSummary, drawn_classes, ratio
from weightdecay.tuning.calibration import TINY, calibrate, recalibrate
from weightdecay.tuning.roc_curve import area_under, roc_curve, thinned

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def summarise_classes(probability: ArrayLike, code: ArrayLike, weight: ArrayLike) -> ClassSummary:
    """Confusion, metrics and calibration of probabilities that were predicted for held-out rows.

    Parameters
    ----------
    probability : array-like of shape (m, k)
        Predicted probability of each of k ≥ 2 classes; rows sum to 1.
    code : array-like of shape (m,)
        The true class of each row, a whole number from 0 to k − 1.
    weight : array-like of shape (m,)
        Sample weights; rows of weight 0 are left out.

    Returns
    -------
    ClassSummary

    Raises
    ------
    ValueError
        Shapes or codes do not fit, a probability is outside of 0 to 1 or unknown, or no row has weight.

    Examples
    --------
    >>> found = summarise_classes([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], [0, 0, 1], [1.0, 1.0, 1.0])
    >>> found.confusion, round(found.accuracy, 3), found.roc_auc
    (array([[1., 1.],
           [0., 1.]]), 0.667, 1.0)
    """
    P, c, s = _checked(probability, code, weight)
    m, k = P.shape
    said = P.argmax(axis=1)
    confusion: Array = np.bincount(k * c + said, weights=s, minlength=k * k).astype(np.float64).reshape(k, k)
    total, right = s.sum(), np.diag(confusion)
    shares = confusion.sum(axis=1) / total
    per_class = ratio(2 * right, confusion.sum(axis=0) + confusion.sum(axis=1))  # F1
    curves = [roc_curve(P[:, at], c == at, s) for at in range(k)] if k > 2 else [roc_curve(P[:, 1], c == 1, s)]
    areas = np.array([area_under(curve) for curve in curves] * (2 if k == 2 else 1))
    truth = np.zeros((m, k))
    truth[np.arange(m), c] = 1.0
    squares = ((P - truth) ** 2).sum(axis=1)
    own = P[np.arange(m), c]
    again = recalibrate(P, c, s)
    return ClassSummary(
        rows=m,
        confusion=confusion,
        mean_probability=s @ P / total,
        log_loss=float(s @ -np.log(np.maximum(own, TINY)) / total),
        base_log_loss=float(-(shares @ np.log(np.maximum(shares, TINY)))),
        accuracy=float(right.sum() / total),
        base_accuracy=float(shares.max()),
        balanced_accuracy=_mean(ratio(right, confusion.sum(axis=1))),
        f1=float(per_class[1]) if k == 2 else _mean(per_class),
        roc_auc=_mean(areas),
        class_auc=areas,
        brier=float(s @ (squares / 2 if k == 2 else squares) / total),
        calibration=calibrate(P[:, 1], c == 1, s) if k == 2 else calibrate(P.max(axis=1), said == c, s),
        slope=again.slope,
        slope_error=again.slope_error,
        intercept=again.intercept,
        roc=thinned(curves[0]) if k == 2 else np.zeros((0, 2)),
        class_roc=_together([thinned(curves[at]) for at in drawn_classes(confusion)] if k > 2 else []),
    )


def _checked(probability: ArrayLike, code: ArrayLike, weight: ArrayLike) -> tuple[Array, Codes, Array]:
    """The rows with weight, once they are known to fit together."""
    P, given, s = (np.asarray(one, dtype=np.float64) for one in (probability, code, weight))
    if P.ndim != 2 or P.shape[1] < 2 or given.shape != P.shape[:1] or s.shape != P.shape[:1]:
        raise ValueError(
            f"probability, code and weight have shapes {P.shape}, {given.shape} and {s.shape}; "
            "give (m, k) with k of at least 2, (m,) and (m,)"
        )
    if not (np.isfinite(s) & (s >= 0)).all():
        raise ValueError("a weight is negative or no finite number; give weights of at least 0")
    used = s > 0
    P, given, s = P[used], given[used], s[used]
    if not len(s):
        raise ValueError("no row has positive weight; give rows to be judged by")
    if not ((given >= 0) & (given < P.shape[1]) & (given == np.floor(given))).all():
        raise ValueError(
            f"a code is none of 0 to {P.shape[1] - 1}; give the place of each row's class among the {P.shape[1]}"
        )
    if not ((P >= 0) & (P <= 1 + 1e-9)).all():
        row = int(np.flatnonzero(~((P >= 0) & (P <= 1 + 1e-9)).all(axis=1))[0])
        raise ValueError(f"row {row} of those with weight has a probability outside of 0 to 1, or none; leave it out")
    return np.minimum(P, 1.0), given.astype(np.intp), s


def _mean(values: Array) -> float:
    """Mean of the known values, nan without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _together(curves: list[Array]) -> Array:
    """Curves (m, r, 2), of which shorter ones stay at their end, and those without points are nan; none of none."""
    longest = max(map(len, curves), default=0)
    if not longest:
        return np.zeros((0, 0, 2))
    found = np.full((len(curves), longest, 2), np.nan)
    for row, curve in zip(found, curves, strict=True):
        if len(curve):
            row[:] = curve[np.minimum(np.arange(longest), len(curve) - 1)]
    return found
