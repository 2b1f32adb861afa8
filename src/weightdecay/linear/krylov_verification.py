"""Gradients computed anew: how far a recurrence has drifted, and Newton steps from where it has."""

from __future__ import annotations

import numpy as np

from weightdecay.linear.krylov_data import Floats
from weightdecay.linear.krylov_folds import FoldOperator
from weightdecay.linear.krylov_recurrence import RANK, Booleans, Outcome, Step, norm, peak, quotient, solve, tightened

# A Newton step need not be exact: the gradient after it is computed anew.
NEWTON_TOL = 1e-3
RESTARTS = 3


class Witness:
    """Follows θ at the first decay of a run in every fold, so that its gradient can be computed anew at the end."""

    def __init__(self) -> None:
        self._tail, self._theta, self._believed = np.zeros(()), np.zeros(()), np.zeros(())

    def follow(self, step: Step) -> None:
        """Take w_k in, and remember the gradient that the recurrence believes in."""
        if self._tail.ndim == 0:
            self._tail, self._theta = step.direction.copy(), np.zeros_like(step.direction)
        self._theta += step.gain[..., 0] * self._tail
        self._tail *= -step.ratio[..., 0]
        self._tail += step.following
        self._believed = (step.slope[..., 0] * step.after[..., 0]) * step.following

    def drift(self, operator: FoldOperator, centred: Floats, precision: Floats) -> Floats:
        """‖∇J − what it is believed to be‖∞ (F, t) where columns have variance 1, for Λ (1,): two passes over X."""
        if self._tail.ndim == 0:  # there was no step
            return np.zeros(centred.shape[1:])
        return peak(operator, gradient(operator, centred, self._theta, precision) - self._believed)


def steady(
    operator: FoldOperator, centred: Floats, precisions: Floats, witness: Witness, *, tol: float, outcome: Outcome
) -> tuple[Booleans, int]:
    """Which decays of a run have not drifted, (F, t, L), and the passes that it took to know.

    The computed vectors satisfy A V = U B up to errors of about ε‖A‖, so gradients drift from those of the recurrence
    by about ε‖A‖² ‖θ‖, which grows as Λ falls: if the smallest Λ has not drifted, none has. Else the smallest Λ that
    has not is found by bisection, one run each.

    Parameters
    ----------
    operator : FoldOperator
    centred : ndarray of shape (n, F, t)
        Π y.
    precisions : ndarray of shape (L,)
        Λ of the run, ascending.
    witness : Witness
        Of the run.
    tol : float
        Of the run.
    outcome : Outcome
        Of the run.
    """
    limit, max_iter = outcome.gradient_limit / 2, int(outcome.iterations.max(initial=0))
    at_smallest = witness.drift(operator, centred, precisions[:1]) <= limit
    low, high, passes = 0, len(precisions), 2
    while not at_smallest.all() and high - low > 1:
        middle = (low + high) // 2
        alone, witness = precisions[middle : middle + 1], Witness()
        passes += 2 + solve(operator, centred, alone, (witness,), tol=tol, max_iter=max_iter).passes
        if np.all(witness.drift(operator, centred, alone) <= limit):
            high = middle
        else:
            low = middle
    return at_smallest[:, :, None] | (np.arange(len(precisions)) >= high), passes


def gradient(operator: FoldOperator, centred: Floats, theta: Floats, precisions: Floats) -> Floats:
    """∇J = Λθ − Aᵀ(y − Aθ), (p, F, T) for Π y and θ with T entries each, Λ (T,) or (1,): two passes over X."""
    residual = operator.reproject(operator.rooted(centred - operator.apply(theta)))
    slope = precisions * theta
    slope -= operator.adjoint(residual)
    return slope


def newton_step(
    operator: FoldOperator, slope: Floats, precisions: Floats, *, tol: float, max_iter: int
) -> tuple[Floats, int]:
    """−(AᵀA + Λ)⁻¹∇J by conjugate gradients, to `tol` of its own energy norm, and the passes it has cost.

    Parameters
    ----------
    operator : FoldOperator
    slope : ndarray of shape (p, F, T)
        ∇J.
    precisions : ndarray of shape (T,)
        Λ in the operator's units.
    tol : float
    max_iter : int
    """
    change, residual = np.zeros_like(slope), -slope
    direction, square = residual.copy(), np.square(norm(residual))
    energy, bound, node = np.zeros_like(square), np.zeros_like(square), np.zeros_like(square)
    for taken in range(max_iter):
        image = operator.reproject(operator.rooted(operator.apply(direction)))
        bend, length = np.square(norm(image)), np.square(norm(direction))
        if taken == 0:
            node = np.maximum(precisions, RANK * quotient(bend, length))
            bound = quotient(square, node)
        rate = quotient(square, bend + precisions * length)
        change += rate * direction
        residual -= rate * (operator.adjoint(image) + precisions * direction)
        before, square = square, np.square(norm(residual))
        energy += rate * before
        bound = tightened(bound, node, rate * before, square)
        if np.all(bound <= np.square(tol) * energy):
            return change, 2 * (taken + 1)
        direction *= quotient(square, before)
        direction += residual
    return change, 2 * max_iter


def refined(
    operator: FoldOperator,
    centred: Floats,
    theta: Floats,
    precisions: Floats,
    *,
    gradient_limit: Floats,
    max_iter: int,
) -> tuple[Booleans, int]:
    """Take Newton steps in place until every gradient, computed anew, is small; tell where, and the passes.

    Parameters
    ----------
    operator : FoldOperator
    centred, theta : ndarray of shape (n, F, T) and (p, F, T)
        Π y and θ for T pairs of target and decay.
    precisions : ndarray of shape (T,)
        Λ < ∞ in the operator's units.
    gradient_limit : ndarray of shape (F, T)
        How large ‖∇J‖∞ may be where columns have variance 1.
    max_iter : int
        Steps of conjugate gradients.
    """
    steep, passes = np.ones(theta.shape[1:], dtype=bool), 0
    for restart in range(RESTARTS + 1):
        slope = gradient(operator, centred, theta, precisions)
        steep = peak(operator, slope) > gradient_limit
        passes += 2
        columns = np.flatnonzero(steep.any(axis=0))
        if restart == RESTARTS or columns.size == 0:
            break
        slope, chosen = slope[:, :, columns], precisions[columns]
        change, spent = newton_step(operator, slope, chosen, tol=NEWTON_TOL, max_iter=max_iter)
        theta[:, :, columns] += change
        passes += spent
    return ~steep, passes
