"""ROC curves: how many rows of a class, and of the others, are given more of it than a threshold that falls."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_POINTS = 200  # of a thinned curve


def roc_curve(score: Array, positive: NDArray[np.bool_], weight: Array) -> Array:
    """Weight of false and of true positives as the threshold falls (r, 2), from (0, 0); rows that tie are one step.

    Parameters
    ----------
    score, positive, weight : ndarray of shape (m,)
        Of rows with positive weight.

    Returns
    -------
    ndarray of shape (r, 2)
        The origin, and one point per distinct score.

    Examples
    --------
    >>> import numpy as np
    >>> curve = roc_curve(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]), np.ones(4))
    >>> curve.tolist(), area_under(curve)
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 2.0], [2.0, 2.0]], 0.875)
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    split = np.where(positive[order, None], [0.0, 1.0], [1.0, 0.0]) * weight[order, None]
    return np.concatenate([np.zeros((1, 2)), np.cumsum(split, axis=0)[ends]])


def area_under(curve: Array) -> float:
    """Area under a curve of weights or rates (r, 2) as a share; nan where there is no negative or no positive row."""
    whole = curve[-1, 0] * curve[-1, 1]
    if not whole > 0:
        return math.nan
    return float(np.diff(curve[:, 0]) @ (curve[1:, 1] + curve[:-1, 1]) / 2 / whole)


def thinned(curve: Array) -> Array:
    """A curve of weights as rates (r, 2), in at most 200 points with the area of all; no points where it has no area.

    Points on a straight line are left out. Of more than 200 corners every so many along the curve are kept, P, and
    between two of them, w and h apart, stands one point instead of those left out,

        (P + P′)/2 + t (−w, h)/2,    t = (area between curve and chord)/(w h/2),

    which is within their rectangle, as the curve is, and keeps its area.
    """
    if not (curve[-1] > 0).all():
        return np.zeros((0, 2))
    rates = curve / curve[-1]
    steps = np.diff(rates, axis=0)
    corner = steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]
    rates = rates[np.concatenate([[True], corner, [True]])]
    if len(rates) <= MOST_POINTS:
        return np.asarray(rates, dtype=np.float64)
    kept = np.searchsorted(rates.sum(axis=1), np.linspace(0.0, 2.0, MOST_POINTS // 2))
    kept = np.unique(np.append(kept[:-1], len(rates) - 1))
    ends = rates[kept]
    parts = np.diff(rates[:, 0]) * (rates[1:, 1] + rates[:-1, 1]) / 2
    sides = np.diff(ends, axis=0)
    above = np.add.reduceat(parts, kept[:-1]) - sides[:, 0] * (ends[1:, 1] + ends[:-1, 1]) / 2
    box = sides.prod(axis=1) / 2
    bent = np.divide(above, box, out=np.zeros_like(box), where=box > 0).clip(-1.0, 1.0)
    between = (ends[1:] + ends[:-1]) / 2 + bent[:, None] * sides * [-0.5, 0.5]
    found = np.empty((2 * len(ends) - 1, 2))
    found[::2], found[1::2] = ends, between
    return found
