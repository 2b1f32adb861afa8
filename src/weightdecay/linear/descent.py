"""Descent: the textbook update w ← w − α(∇loss + λ w), epoch by epoch, with its history."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import CONSTANT
from weightdecay.linear.elastic_net import kinks
from weightdecay.linear.elastic_net_descent import penalty_of, proximal_epochs
from weightdecay.linear.fold_maps import plain_decay_weights
from weightdecay.linear.moments import Moments, Shift, choose_shift, gather
from weightdecay.linear.ridge import RidgeProblem, Solution
from weightdecay.linear.rows import OutOfRangeError, Rows, row_blocks
from weightdecay.linear.units_of_rows import bad_cell
from weightdecay.records.history import History

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slope:
    """The loss ½ Σ s (y − z·u)²/Σs of weights u (p, t) where λ acts: its gradient is Gu − r, its value at 0 half of yy.

    Parameters
    ----------
    product : callable
        u (p, t) → Gu (p, t), with G = Σ s z zᵀ/Σs.
    r : ndarray of shape (p, t)
        Σ s z y/Σs.
    yy : ndarray of shape (t,)
        Σ s y²/Σs.
    mean, scale : ndarray of shape (p,)
        z = (x − mean)/scale.
    y_mean : ndarray of shape (t,)
    constant : ndarray of shape (p,) of bool
    """

    product: Callable[[Array], Array]
    r: Array
    yy: Array
    mean: Array
    scale: Array
    y_mean: Array
    constant: NDArray[np.bool_]


def descend(problem: RidgeProblem, decay: Array, settings: Any) -> tuple[History, Solution]:
    """Full-batch gradient descent from zero in the coordinates where λ acts.

    With z the columns centred (if there is an intercept) and divided by their standard deviations (under
    ``standardize``), each epoch is u ← u − α(Σ s z(z·u − y)/Σs + λ p (u − c)); coefficients are u/scale. With an L1
    part decay is a step of its own after that of the loss (`elastic_net_descent`).

    Parameters
    ----------
    problem : RidgeProblem
    decay : ndarray of shape () or (t,)
        λ.
    settings : estimator
        ``learning_rate`` α, ``epochs``, ``tol``.
    """
    _check(settings, decay)
    design = problem.design
    try:
        slope = _slope(problem.rows, design.fit_intercept, design.standardize)
    except OutOfRangeError:
        raise ValueError(bad_cell(problem.rows.X, problem.columns)) from None
    held = plain_decay_weights(problem.rows, design)
    held = np.where(slope.constant, 0.0, held) if design.standardize else held
    target = problem.centre.T * slope.scale[:, None]
    decays = np.broadcast_to(problem.inner(decay), len(slope.yy))
    if design.l1_ratio:
        penalty = penalty_of(design.l1_ratio, held, kinks(design), target.T)
        pace = float(settings.learning_rate), int(settings.epochs), _goal(slope, settings)
        slant = (lambda u: slope.product(u) - slope.r), slope.r, slope.yy
        kept, losses, gradient = proximal_epochs(*slant, (penalty, decays), pace)
    else:
        kept, losses, gradient = _epochs(slope, np.outer(held, decays), target, settings)
    coef, intercept = _original(np.stack(kept), slope)
    coef, intercept = problem.scaling.undone(coef, intercept)
    size = float(np.abs(gradient).max(initial=0.0))
    message = _message(len(kept) - 1, size, _goal(slope, settings), settings)
    converged = size <= _goal(slope, settings)
    if not converged:
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(message, ConvergenceWarning, stacklevel=3)
    weights = coef[:, 0] if problem.single else coef
    losses = problem.scaling.squared(losses)
    history = History(float(np.max(decay)), weights, losses, converged, message, problem.columns)
    return history, Solution(coef[-1], intercept[-1], message)


def _check(settings: Any, decay: Array) -> None:
    """Parameters of the update."""
    if np.isinf(decay).any():
        raise ValueError("solver='gradient_descent' cannot take infinite steps, and decay is inf; use solver='auto'")
    if not 0 < settings.learning_rate < np.inf:
        raise ValueError(f"learning_rate={settings.learning_rate!r}: expected a positive number such as 0.01")
    if not isinstance(settings.epochs, Integral) or settings.epochs < 1:
        raise ValueError(f"epochs={settings.epochs!r}: expected a whole number of at least 1")


def _slope(rows: Rows, fit_intercept: bool, standardize: bool) -> Slope:
    """The loss in the coordinates where λ acts: through moments of tall data, through products with wide data."""
    S, s, shift = rows.weight_sum, rows.s, choose_shift(rows, True)
    tall = rows.p <= rows.n
    moments = gather(rows, [np.zeros(rows.n, dtype=np.int32)], [1], shift)[0][0] if tall else None
    away, square = _first_moments(rows, shift, moments)
    variance = np.maximum(square - away**2, 0.0)
    constant = variance <= CONSTANT * square
    scale = np.sqrt(np.where(constant, 1.0, variance)) if standardize else np.ones(rows.p)
    y_away = s @ (rows.Y - shift.y) / S
    mean, y_mean = (shift.x + away, shift.y + y_away) if fit_intercept else (np.zeros(rows.p), np.zeros(rows.t))
    Y = rows.Y - y_mean
    if moments is not None:
        G = _centred(moments.zz[1:, 1:] / S, (away, away), (shift.x - mean, shift.x - mean)) / scale
        r = _centred(moments.zy[1:] / S, (away, y_away), (shift.x - mean, shift.y - y_mean))
        return Slope(
            lambda u: (G @ u) / scale[:, None], r / scale[:, None], s @ Y**2 / S, mean, scale, y_mean, constant
        )

    def back(residual: Array) -> Array:
        weighted = residual * s[:, None] / S
        return np.asarray((rows.X.T @ weighted - np.outer(mean, weighted.sum(axis=0))) / scale[:, None])

    def product(u: Array) -> Array:
        weights = u / scale[:, None]
        return back(rows.X @ weights - mean @ weights)

    return Slope(product, back(Y), s @ Y**2 / S, mean, scale, y_mean, constant)


def _first_moments(rows: Rows, shift: Shift, moments: Moments | None) -> tuple[Array, Array]:
    """Weighted means of x − shift and of its square, each (p,)."""
    S, s = rows.weight_sum, rows.s
    if moments is not None:
        return moments.zz[0, 1:] / S, np.diagonal(moments.zz)[1:] / S
    away, square = np.zeros(rows.p), np.zeros(rows.p)
    for block, part in row_blocks(rows.X):
        Z = np.subtract(part, shift.x, dtype=np.float64)
        away += s[block] @ Z / S
        square += s[block] @ Z**2 / S
    if not np.isfinite(square.sum()):
        raise OutOfRangeError
    return away, square


def _centred(product: Array, means: tuple[Array, Array], moves: tuple[Array, Array]) -> Array:
    """Mean of (a + move)(b + move)ᵀ from the mean of a bᵀ and the means of a and b."""
    (a, b), (c, d) = means, moves
    return product + np.outer(a, d) + np.outer(c, b) + np.outer(c, d)


def _goal(slope: Slope, settings: Any) -> float:
    """The gradient that counts as zero."""
    return float(settings.tol * max(1.0, float(np.abs(slope.r).max(initial=0.0))))


def _epochs(slope: Slope, strength: Array, target: Array, settings: Any) -> tuple[list[Array], Array, Array]:
    """All updates, from zero; stops early once the gradient meets the tolerance, or the objective leaves float64."""
    u = np.zeros_like(slope.r)
    kept, losses = [u], []
    goal = _goal(slope, settings)
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(settings.epochs + 1):
            slant = slope.product(u) - slope.r
            pull = np.where(strength == 0, 0.0, strength * (u - target))
            gradient = slant + pull
            terms = slope.yy + ((slant - slope.r) * u).sum(axis=0) + (pull * (u - target)).sum(axis=0)
            losses.append(0.5 * float(terms.sum()))
            size = np.abs(gradient).max(initial=0.0)
            if epoch == settings.epochs or size <= goal or not (np.isfinite(losses[-1]) and np.isfinite(size)):
                break
            # The update itself: the only place where gradient descent changes a weight.
            u = u - settings.learning_rate * gradient
            kept.append(u)
    return kept, np.array(losses), gradient


def _original(u: Array, slope: Slope) -> tuple[Array, Array]:
    """Coefficients (epochs + 1, t, p) and intercepts (epochs + 1, t) in original units."""
    coef = np.swapaxes(u, 1, 2) / slope.scale
    return coef, slope.y_mean - coef @ slope.mean


def _message(epochs: int, size: float, goal: float, settings: Any) -> str:
    """The outcome in one sentence."""
    if not np.isfinite(size) or size > 1e100:
        return (
            f"gradient descent diverged after {epochs} epochs at learning_rate={settings.learning_rate}; "
            "give a smaller learning_rate, or solver='auto'"
        )
    if size > goal:
        return (
            f"{epochs} epochs were not enough: the gradient is still {size:.2g}, above {goal:.2g}; "
            "give more epochs or a larger learning_rate, or solver='auto' for the exact solution"
        )
    return f"converged after {epochs} epochs (gradient {size:.2g})"
