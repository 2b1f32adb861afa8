"""Descent: the textbook update w ← w − α(∇loss + λ w), epoch by epoch, with its history."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.ridge import RidgeProblem, Solution
from weightdecay.records.history import History

Array = NDArray[np.float64]


def descend(problem: RidgeProblem, decay: float, settings: Any) -> tuple[History, Solution]:
    """Full-batch gradient descent from zero in the coordinates where λ acts.

    With z the columns centred (if there is an intercept) and divided by a_j (their standard deviations under
    ``standardize``), each epoch is u ← u − α(Σ s z(z·u − y)/Σs + λ p u); coefficients are u/a.

    Parameters
    ----------
    problem : RidgeProblem
    decay : float
        λ.
    settings : estimator
        ``learning_rate`` α, ``epochs``, ``tol``.
    """
    rows, design = problem.rows, problem.design
    if not isinstance(rows.X, np.ndarray):
        raise ValueError("solver='gradient_descent' takes dense data; use solver='auto' for sparse X")
    s, S = rows.s, rows.weight_sum
    X = np.asarray(rows.X, dtype=np.float64)
    mean, y_mean = s @ X / S, s @ rows.Y / S
    spread = np.sqrt(s @ (X - mean) ** 2 / S) if design.standardize else np.ones(rows.p)
    scale = np.where(spread > 0, spread, 1.0)
    strength = design.decay_weights * (spread > 0) if design.standardize else design.decay_weights
    if not design.fit_intercept:
        mean, y_mean = np.zeros_like(mean), np.zeros_like(y_mean)
    Z, Y = (X - mean) / scale, rows.Y - y_mean
    G, r, yy = (Z * s[:, None]).T @ Z / S, (Z * s[:, None]).T @ Y / S, s @ Y**2 / S
    target = problem.centre * scale
    u, kept, losses, gradient = _epochs((G, r, yy), (decay * strength)[:, None], target.T, settings)
    coef, intercept = _original(u.T, scale, mean, y_mean)
    weights = np.stack([one.T / scale for one in kept])
    size = float(np.abs(gradient).max(initial=0.0))
    goal = settings.tol * max(1.0, float(np.abs(r).max(initial=0.0)))
    message = _message(len(kept) - 1, size, goal, settings)
    if size > goal:
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(message, ConvergenceWarning, stacklevel=3)
    history = History(
        decay, weights[:, 0] if problem.single else weights, losses, size <= goal, message, problem.columns
    )
    coef, intercept = problem.scaling.undone(coef[None], intercept[None])
    return history, Solution(coef[0], intercept[0], message)


def _epochs(
    moments: tuple[Array, Array, Array], strength: Array, target: Array, settings: Any
) -> tuple[Array, list[Array], Array, Array]:
    """All updates, from zero; stops early once the gradient meets the tolerance."""
    G, r, yy = moments
    u = np.zeros_like(r)
    kept, losses = [u], []
    goal = settings.tol * max(1.0, float(np.abs(r).max(initial=0.0)))
    for epoch in range(settings.epochs + 1):
        pull = G @ u
        slope = pull - r
        gradient = slope + strength * (u - target)
        losses.append(
            0.5 * float((yy + ((slope - r) * u).sum(axis=0) + (strength * (u - target) ** 2).sum(axis=0)).sum())
        )
        if epoch == settings.epochs or np.abs(gradient).max(initial=0.0) <= goal or not np.isfinite(losses[-1]):
            break
        # The update itself: the only place where gradient descent changes a weight.
        u = u - settings.learning_rate * gradient
        kept.append(u)
    return u, kept, np.array(losses), gradient


def _original(u: Array, scale: Array, mean: Array, y_mean: Array) -> tuple[Array, Array]:
    """Coefficients (t, p) and intercepts (t,) in original units."""
    coef = u / scale
    return coef, y_mean - coef @ mean


def _message(epochs: int, size: float, goal: float, settings: Any) -> str:
    """The outcome in one sentence."""
    if not np.isfinite(size):
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
