"""Descent: the textbook update w ← w − α(∇loss + λw) for losses that are not squares, with its history."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from weightdecay.linear.newton.models import train_losses
from weightdecay.linear.newton.problem import NewtonProblem, Solution
from weightdecay.records.history import History

Array = NDArray[np.float64]


def descend(problem: NewtonProblem, decay: float, settings: Any) -> tuple[History, Solution]:
    """Full-batch gradient descent from zero in the coordinates where λ acts.

    With z the columns centred (if there is an intercept) and divided by their standard deviations (under
    ``standardize``), each epoch is u ← u − α(Σ s z slope/Σs + λ p (u − c)), and b ← b − α Σ s slope/Σs.

    Parameters
    ----------
    problem : NewtonProblem
    decay : float
        λ.
    settings : estimator
        ``learning_rate`` α, ``epochs``, ``tol``.
    """
    _check(settings, decay)
    with problem.working():
        course = problem.whole
        paths = course.paths
        members, one = paths.members, np.zeros(1, dtype=np.intp)
        paths.solve(np.array([np.inf]))
        goal = float(paths.goal[0])
        step = settings.learning_rate * members.reach[0] ** 2
        kinks = members.kinks(decay, 0, len(paths.members.Q[:1])).reshape(1, -1)
        v, kept, gradient = np.zeros(paths.shape), [], np.zeros(paths.shape)
        size = np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(settings.epochs + 1):
                kept.append(v)
                train = paths.gradient(v)
                gradient = members.decayed_gradient(train[None], v[None], np.array([decay]), one)[0]
                bent = np.abs(gradient + kinks * np.sign(v))
                bent = np.where(v == 0, np.maximum(np.abs(gradient) - kinks, 0.0), bent)
                size = float((bent * members.reach[0]).max(initial=0.0))
                if epoch == settings.epochs or size <= goal or not np.isfinite(size):
                    break
                # The update itself: where gradient descent changes a weight; L1 terms by their proximal step.
                v = v - step * gradient
                v = np.sign(v) * np.maximum(np.abs(v) - step * kinks, 0.0) if kinks.any() else v
        models = np.stack(kept)
        coef, intercept = course.units.models(models, np.zeros(len(models), dtype=np.intp))
        coef, intercept = problem.scaling.undone(coef, intercept)
        with np.errstate(over="ignore", invalid="ignore"):
            pull = 0.5 * (1.0 - members.l1_ratio) * members.strength(np.array([decay]), one)[0]
            losses = train_losses(course, models) + pull * np.einsum("lcq,q->l", models**2, members.Q[0])
            losses += np.einsum("lcq,q->l", np.abs(models), kinks[0])
    message = _message(len(kept) - 1, size, goal, settings)
    converged = size <= goal
    if not converged:
        warnings.warn(message, ConvergenceWarning, stacklevel=4)
    shown = coef[:, 0] if len(coef[0]) == 1 else coef
    history = History(decay, shown, losses, converged, message, problem.columns)
    return history, Solution(coef[-1], intercept[-1], message, len(kept) - 1)


def _check(settings: Any, decay: float) -> None:
    """Parameters of the update."""
    if np.isinf(decay):
        raise ValueError("solver='gradient_descent' cannot take infinite steps, and decay is inf; use solver='auto'")
    if not 0 < settings.learning_rate < np.inf:
        raise ValueError(f"learning_rate={settings.learning_rate!r}: expected a positive number such as 0.01")
    if not isinstance(settings.epochs, Integral) or settings.epochs < 1:
        raise ValueError(f"epochs={settings.epochs!r}: expected a whole number of at least 1")


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
