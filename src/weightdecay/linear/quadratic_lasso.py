"""Quadratic lasso: the exact minimum of a quadratic with L1 terms, at one strength or along many.

scikit-learn's coordinate descent tells roughly which coefficients are zero; with their signs known the others solve
linear equations (`active_set`), to all digits at the price of one Cholesky decomposition. Coordinate descent alone
would need thousands of sweeps for digits that nobody can see in its duality gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.active_set import Kinked, settle
from weightdecay.linear.quadratic import ROUGH, OfGram, Quadratic

Array = NDArray[np.float64]

# Distance from the conditions of a minimum that counts as zero, relative to the largest slope at zero.
SETTLED = 1e-13
# Tolerances of coordinate descent, one after another until the active set has settled.
TOLERANCES = (ROUGH, 1e-7, 1e-10)
# Changes of the active set that a warm start is allowed before coordinate descent is cheaper.
FEW = 10


@dataclass(frozen=True, eq=False)
class Minima:
    """Minima at L strengths.

    Parameters
    ----------
    w : ndarray of shape (L, p)
        Zeros are exact.
    distance : ndarray of shape (L,)
        How far each is from the conditions of a minimum: the largest distance, over the coefficients, of −∇ of the
        quadratic from the subdifferential of the L1 terms. About 1e-15 of the terms that cancel in it.
    """

    w: Array
    distance: Array


def minimise(
    Q: Array,
    q: Array,
    thresholds: Array,
    *,
    start: Array | None = None,
    square: float | None = None,
    goal: float | None = None,
) -> tuple[Array, float]:
    r"""The exact minimum of a quadratic with an L1 term per coefficient.

    .. math:: \min_w \; \tfrac12 w^T Q w - q^T w + \sum_j t_j |w_j|

    Parameters
    ----------
    Q : ndarray of shape (p, p)
        Symmetric and positive semi-definite; not changed. An L2 part belongs on its diagonal.
    q : ndarray of shape (p,)
        In the range of Q, as Xᵀy is in that of XᵀX.
    thresholds : ndarray of shape (p,)
        t_j ≥ 0; coefficients with t_j = 0 are free.
    start : ndarray of shape (p,), optional
        A warm start, from which the answer does not depend. One that has the right signs is made exact by one
        Cholesky decomposition, without any coordinate descent.
    square : float, optional
        A bound of qᵀQ⁺q, such as yᵀy where q = Xᵀy, by which coordinate descent measures its gap; worked out if None.
    goal : float, optional
        Distance from the conditions of a minimum that counts as zero; 1e-13 of the largest |q_j| if None.

    Returns
    -------
    w : ndarray of shape (p,)
        Zeros are exact.
    distance : float
        That of w from the conditions of a minimum (see `Minima`); above the goal where digits did not suffice.

    Notes
    -----
    Coordinate descent: Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33(1), by scikit-learn's ``enet_path``.

    Examples
    --------
    >>> w, distance = minimise(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 0.5]), np.array([1.0, 1.0]))
    >>> w.round(12).tolist(), distance < 1e-12
    ([1.0, 0.0], True)
    """
    given = OfGram(Q, q, _bound(Q, q) if square is None else square)
    goal = SETTLED * float(np.abs(q).max(initial=0.0)) if goal is None else goal
    kinked, free = Kinked(given, thresholds, np.zeros(len(q))), thresholds == 0
    w, distance = np.zeros(len(q)), np.inf
    if start is not None:
        w, distance = settle(kinked, np.asarray(start, dtype=np.float64), goal, changes=FEW)
    if not distance <= max(goal, kinked.noise(w)):
        held = given.without(free) if free.any() else given
        w[~free] = along(held, np.ones(1), thresholds[~free], start=w[~free], goal=goal).w[0]
        w, distance = settle(kinked, w, goal)
    return w, distance


def along(
    quadratic: Quadratic,
    strengths: Array,
    weights: Array,
    *,
    ridge: Array | None = None,
    start: Array | None = None,
    goal: float | None = None,
) -> Minima:
    r"""The exact minima of a quadratic along L strengths of its penalty, from one run of coordinate descent.

    .. math:: \min_w \; \tfrac12 w^T Q w - q^T w + τ_l \sum_j a_j |w_j| + \tfrac12 r_l \sum_j w_j^2

    Parameters
    ----------
    quadratic : Quadratic
    strengths : ndarray of shape (L,)
        τ_l in any order; 0 and inf are allowed.
    weights : ndarray of shape (p,)
        a_j > 0.
    ridge : ndarray of shape (L,), optional
        r_l ≥ 0, not falling where strengths rise; zeros if None.
    start : ndarray of shape (p,), optional
        A warm start of the largest strength.
    goal : float, optional
        Distance from the conditions of a minimum that counts as zero; 1e-13 of the largest |q_j| if None.

    Returns
    -------
    Minima
        In the order of the strengths.

    Examples
    --------
    >>> rows = OfGram(np.eye(2), np.array([2.0, 1.0]), 5.0)
    >>> along(rows, np.array([0.5, 1.5]), np.ones(2)).w.tolist()
    [[1.5, 0.5], [0.5, 0.0]]
    """
    ridge = np.zeros(len(strengths)) if ridge is None else ridge
    ridge = np.where(np.isinf(strengths), 0.0, ridge)
    # A strength beyond float64 sets all that it holds to zero, as this one does.
    strengths = np.minimum(strengths, 1e300 / max(1.0, float(weights.max(initial=0.0))))
    goal = SETTLED * float(np.abs(quadratic.q).max(initial=0.0)) if goal is None else goal
    order = np.argsort(-strengths, kind="stable")
    rough = _Rough(quadratic, weights)
    w, distance = np.zeros((len(strengths), len(weights))), np.zeros(len(strengths))
    found = np.zeros(len(weights)) if start is None else np.asarray(start, dtype=np.float64)
    for row in order:
        kinked = Kinked(quadratic, strengths[row] * weights, np.full(len(weights), ridge[row]))
        found, left = settle(kinked, found, goal, changes=FEW)
        for tol in TOLERANCES:
            if left <= max(goal, kinked.noise(found)):
                break
            again = settle(kinked, rough.minimum(strengths[row], ridge[row], found, tol), goal)
            found, left = again if again[1] < left else (found, left)
        w[row], distance[row] = found, left
    return Minima(w, distance)


class _Rough:
    """Coordinate descent, which is given the columns in units of their strength.

    Parameters
    ----------
    quadratic : Quadratic
    weights : ndarray of shape (p,)
    """

    def __init__(self, quadratic: Quadratic, weights: Array) -> None:
        self.given, self.weights, self.alike = quadratic, weights, bool((weights == 1.0).all())

    @cached_property
    def quadratic(self) -> Quadratic:
        """In v = weight · w."""
        return self.given if self.alike else self.given.scaled(self.weights)

    def minimum(self, strength: float, ridge: float, start: Array, tol: float) -> Array:
        """A rough minimum (p,); where nothing is penalised the start."""
        if not strength > 0 or not len(start):
            return start
        own = np.full(1, ridge) if self.alike or not ridge else ridge / self.weights**2
        return self.quadratic.descend(strength, own, start * self.weights, tol) / self.weights


def _bound(Q: Array, q: Array) -> float:
    """qᵀQ⁺q, or nearly: yᵀy of the shortest y with q = Xᵀy and Q = XᵀX."""
    unit = np.sqrt(np.maximum(np.diagonal(Q), 0.0))
    unit = np.where(unit > 0, unit, 1.0)
    lifted = Q / unit / unit[:, None]
    lifted[np.diag_indices_from(lifted)] += 1e-10
    return float(q / unit @ np.linalg.solve(lifted, q / unit)) if len(q) else 0.0
