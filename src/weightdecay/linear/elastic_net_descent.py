"""Elastic net by the textbook's proximal gradient descent, epoch by epoch: a step down the loss, then one of decay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from weightdecay.decay.penalty import Penalty

Array = NDArray[np.float64]


def penalty_of(l1_ratio: float, held: Array, kinks: Array, target: Array) -> Penalty:
    """The penalty on u of shape (t, p): ½ (1 − ρ) held (u − target)² + ρ k √held |u − target| for one unit of λ."""
    kinks = np.where(held > 0, kinks, 1.0)
    return Penalty(l1_ratio=l1_ratio, decay_weights=kinks**2, centre=target, scale=np.sqrt(held) / kinks)


def proximal_epochs(
    slant: Callable[[Array], Array],
    r: Array,
    yy: Array,
    penalised: tuple[Penalty, Array],
    settings: tuple[float, int, float],
) -> tuple[list[Array], Array, Array]:
    """All updates u ← prox(u − α∇loss) from zero, the objective after each, and what is left of its conditions.

    Parameters
    ----------
    slant : callable
        u (p, t) → ∇loss (p, t) of the loss ½ Σ s (y − z·u)²/Σs.
    r : ndarray of shape (p, t)
        Minus the slope at zero.
    yy : ndarray of shape (t,)
        Twice the loss at zero.
    penalised : (Penalty, ndarray of shape (t,))
        On u transposed, and λ.
    settings : (α, epochs, goal)

    Notes
    -----
    Parikh & Boyd (2014), "Proximal Algorithms", section 4.2.
    """
    (penalty, decay), (rate, epochs, goal) = penalised, settings
    u = np.zeros_like(r)
    kept, losses = [u], []
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(epochs + 1):
            gradient = slant(u)
            smooth = 0.5 * (yy + ((gradient - r) * u).sum(axis=0))
            losses.append(float((smooth + decay * penalty.value(u.T)).sum()))
            left = penalty.subdifferential_distance(u.T, gradient.T, decay[:, None])
            size = float(np.abs(left).max(initial=0.0))
            if epoch == epochs or size <= goal or not (np.isfinite(losses[-1]) and np.isfinite(size)):
                break
            # The update itself: the only place where proximal gradient descent changes a weight.
            u = penalty.proximal((u - rate * gradient).T, rate * decay[:, None]).T
            kept.append(u)
    return kept, np.array(losses), left
