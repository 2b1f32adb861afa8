"""Ridge on sparse columns that are never densified: coefficients of all rows, at many decays from one Krylov space."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from weightdecay.linear.krylov import MAX_ITER, TOL, split_targets
from weightdecay.linear.krylov_data import (
    Floats,
    Sparse,
    Targets,
    as_float64,
    as_precisions,
    as_targets,
    non_negative,
    with_values,
)
from weightdecay.linear.krylov_folds import FoldOperator, open_operator
from weightdecay.linear.krylov_recurrence import Booleans, Counts, Outcome, Views, norm, solve
from weightdecay.linear.krylov_verification import refined

# Coefficients × decays of one run: 128 MiB in each of a few arrays. More decays take further runs.
PATH_ENTRIES = 2**24


@dataclass(frozen=True, eq=False)
class KrylovPath:
    """Coefficients at L decays.

    Parameters
    ----------
    coef : ndarray of shape (L, t, p)
        For the columns as they were given.
    intercept : ndarray of shape (L, t)
    residual_square : ndarray of shape (L, t)
        Σ s_i (y_i − f_i)².
    penalty : ndarray of shape (L, t)
        Λ Σ_j p_j v_j w_j²; 0 at Λ = ∞.
    converged : ndarray of shape (L, t) of bool
        Whether error bound and recomputed gradient are within tolerance.
    iterations : ndarray of shape (L, t) of int
    passes : int
        Products with X or its transpose, for all targets and decays together.
    """

    coef: Floats
    intercept: Floats
    residual_square: Floats
    penalty: Floats
    converged: Booleans
    iterations: Counts
    passes: int


@dataclass(frozen=True, eq=False)
class KrylovWhole:
    """A sparse problem opened on all its rows: weights, scales and projections are known, and no decay yet.

    Parameters
    ----------
    operator : FoldOperator
        Of one fold, which trains on every row.
    targets : Targets
    """

    operator: FoldOperator
    targets: Targets

    def path(self, prior_precisions: ArrayLike, *, tol: float = TOL, max_iter: int = MAX_ITER) -> KrylovPath:
        """Fit all rows at many prior precisions.

        Parameters
        ----------
        prior_precisions : array of shape (L,)
            Λ ≥ 0; 0 gives least squares with the least penalty, inf leaves what is not penalised.
        tol : float
            A decay stops when the energy norm of its error is ≤ tol · √(2 J) and ‖∇J‖∞ ≤ 5 tol ‖∇J(0)‖∞; its gradient
            is then computed anew, and where that is above 10 tol ‖∇J(0)‖∞, a Newton step is taken from there.
        max_iter : int
            Steps of a run.

        Raises
        ------
        ValueError
            If a prior precision is negative or not a number.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy import sparse
        >>> X = sparse.csr_array([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
        >>> fitted = open_whole(X, np.array([2.0, 3.0, 5.0, 4.0])).path([0.0, np.inf])
        >>> fitted.coef.round(6).tolist()
        [[[0.8, 1.3]], [[0.0, 0.0]]]
        >>> fitted.intercept.round(6).tolist()
        [[1.0], [3.5]]
        """
        precisions = as_precisions(prior_precisions)
        internal = self.operator.internal(precisions)
        centred = split_targets(self.operator, self.targets)[1]
        L, t, p = len(precisions), len(self.targets.units), len(self.operator.decay_roots)
        coef, intercept = np.empty((L, t, p)), np.empty((L, t))
        rss, penalty = np.empty((L, t)), np.empty((L, t))
        converged, iterations, passes = np.empty((L, t), dtype=bool), np.empty((L, t), dtype=np.intp), 0
        # Neighbours in size share a run, as they take about as many steps.
        order, width = np.argsort(internal, kind="stable"), max(1, PATH_ENTRIES // max(1, p * t))
        for start in range(0, L, width):
            here = order[start : start + width]
            theta, outcome = _verified(self.operator, centred, internal[here], tol, max_iter)
            coef[here], intercept[here], rss[here], penalty[here] = self._original(theta, internal[here])
            converged[here], iterations[here] = outcome.converged[0].T, outcome.iterations[0].T
            passes += outcome.passes + 1
        return KrylovPath(coef, intercept, rss, penalty, converged, iterations, passes)

    def trace(self) -> float:
        """Σ_j Σ_i s_i (x_ij − x̄_j)²/(p_j v_j) over the decayed columns (x̄ = 0 without an intercept): two passes."""
        operator, weights = self.operator, self.operator.row_weights[:, 0]
        squares = with_values(operator.backward, np.square(operator.backward.data)) @ weights
        if operator.unpenalised.n_constants:
            squares -= np.square(operator.backward @ weights) / weights.sum()
        trace = float(np.square(operator.inverse_scales[:, 0]) @ np.maximum(squares, 0.0))
        return trace * operator.weight_unit * operator.penalty_unit**2

    def _original(self, theta: Floats, internal: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Coefficients, intercepts, Σ s (residual)² and Λ Σ p v w² in the caller's units, of θ (p, 1, t, L)."""
        operator, targets = self.operator, self.targets
        p, _, t, n_decays = theta.shape
        columns = theta.reshape(p, 1, t * n_decays)
        rest = np.repeat(targets.values, n_decays, axis=1)[:, None, :] - operator.decayed_part(columns)
        free = operator.free_fit(rest)
        coef, intercept = operator.original(columns, free)
        residual = norm(operator.rooted(rest - operator.unpenalised.part(free))).reshape(t, n_decays)
        length = norm(columns).reshape(t, n_decays)
        damped = np.sqrt(np.where(np.isfinite(internal), internal, 0.0)) * length
        units, shifts = targets.units[:, None], targets.shifts[:, None]
        square = np.square(units) * operator.weight_unit
        return (
            (coef.reshape(p, t, n_decays) * units).transpose(2, 1, 0),
            (intercept.reshape(t, n_decays) * units + shifts).T,
            (np.square(residual) * square).T,
            (np.square(damped) * square).T,
        )


def open_whole(
    X: Sparse,
    Y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    decay_weights: ArrayLike | None = None,
    fit_intercept: bool = True,
    standardize: bool = True,
    spread: Floats | None = None,
) -> KrylovWhole:
    """Open a sparse problem on all its rows, in two passes over X.

    Parameters
    ----------
    X : scipy.sparse CSR or CSC of shape (n, p)
    Y : array of shape (n,) or (n, t)
    sample_weight, decay_weights, fit_intercept, standardize, spread
        As in `krylov.open_folds`; one fold.

    Raises
    ------
    ValueError
        If a value or a weight cannot be used; the sentence names it.
    """
    matrix = as_float64(X)
    weights = non_negative(sample_weight, matrix.shape[0], "sample_weight", "row")
    operator = open_operator(
        matrix,
        np.ones((matrix.shape[0], 1)),
        sample_weight=weights,
        decay_weights=decay_weights,
        fit_intercept=fit_intercept,
        standardize=standardize,
        spread=spread,
    )
    return KrylovWhole(operator, as_targets(Y, weights, fit_intercept))


def _verified(
    operator: FoldOperator, centred: Floats, internal: Floats, tol: float, max_iter: int
) -> tuple[Floats, Outcome]:
    """θ (p, 1, t, L) of one fold with gradients computed anew, and restarts where the recurrence has drifted."""
    p, t, n_decays = len(operator.decay_roots), centred.shape[2], len(internal)
    views = Views(lambda step, fold, target: step.direction[:, fold, target], [p], t, n_decays)
    outcome = solve(operator, centred, internal, (views,), tol=tol, max_iter=max_iter)
    theta = views.totals(0).reshape(p, 1, t * n_decays)
    # Where the steps are spent there is nothing to verify, and at Λ = ∞ θ = 0 is exact.
    converged = outcome.converged.reshape(1, t * n_decays).copy()
    pairs = np.flatnonzero(converged[0] & np.isfinite(np.tile(internal, t)))
    target, decay = np.divmod(pairs, n_decays)
    chosen, limit = theta[:, :, pairs], outcome.gradient_limit[:, target]
    small, passes = refined(
        operator, centred[:, :, target], chosen, internal[decay], gradient_limit=limit, max_iter=max_iter
    )
    theta[:, :, pairs], converged[:, pairs] = chosen, small
    outcome = replace(outcome, converged=converged.reshape(outcome.converged.shape), passes=outcome.passes + passes)
    return theta.reshape(p, 1, t, n_decays), outcome
