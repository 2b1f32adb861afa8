"""Ridge on sparse columns that are never densified: all folds, targets and decays for two passes over X per step.

With prior precision Λ, weights s, and v_jf the variance of column j over the training rows T_f of fold f, minimised is

    ½ Σ_{i∈T_f} s_i (y_i − b − x_i·w)²  +  ½ Λ Σ_j p_j v_jf w_j².

`krylov_folds` makes one linear operator of all folds, `krylov_recurrence` solves with it for all Λ together; here go
data in, and held-out predictions and errors out. `krylov_whole` gives coefficients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from weightdecay.linear.krylov_data import (
    Floats,
    Index,
    Sparse,
    Targets,
    as_float64,
    as_precisions,
    as_rows,
    as_targets,
    non_negative,
)
from weightdecay.linear.krylov_folds import EPSILON, FoldOperator, open_operator
from weightdecay.linear.krylov_recurrence import Booleans, Counts, Outcome, Step, Views, norm, solve
from weightdecay.linear.krylov_verification import Witness, steady

TOL, MAX_ITER = 1e-10, 1000
# Held-out entries × decays of one run: 256 MiB in each of two arrays. More decays take further runs.
STATE_ENTRIES = 2**25


@dataclass(frozen=True, eq=False)
class HeldOutPredictions:
    """Predictions for every fold's test rows at L decays.

    Parameters
    ----------
    rows : tuple of F ndarray of shape (n_f,)
        The test rows.
    predictions : tuple of F ndarray of shape (n_f, t, L)
    converged : ndarray of shape (F, t, L) of bool
        Whether error bound and gradient came within tolerance, and the recurrence had not drifted.
    iterations : ndarray of shape (F, t, L) of int
    passes : int
        Products with X or its transpose, for all folds, targets and decays together.
    """

    rows: tuple[Index, ...]
    predictions: tuple[Floats, ...]
    converged: Booleans
    iterations: Counts
    passes: int


@dataclass(frozen=True, eq=False)
class HeldOutErrors:
    """Mean squared errors on every fold's test rows at L decays.

    Parameters
    ----------
    loss : ndarray of shape (F, t, L)
        Σ s_i (y_i − f_i)²/Σ s_i over the test rows; 0 where these weigh nothing.
    converged, iterations, passes
        As in `HeldOutPredictions`.
    """

    loss: Floats
    converged: Booleans
    iterations: Counts
    passes: int


@dataclass(frozen=True, eq=False)
class _Run:
    """Some of the decays, their predictions (n_f, t, ·) for each fold's test rows in the targets' units, and more."""

    decays: Index
    predictions: tuple[Floats, ...]
    outcome: Outcome


@dataclass(frozen=True, eq=False)
class KrylovFolds:
    """A sparse problem opened on its folds: weights, scales and projections are known, and no decay yet.

    Parameters
    ----------
    operator : FoldOperator
    targets : Targets
    test : tuple of F ndarray of shape (n_f,)
        Test rows.
    row_weights : ndarray of shape (n,)
        s.
    """

    operator: FoldOperator
    targets: Targets
    test: tuple[Index, ...]
    row_weights: Floats

    def predictions(
        self, prior_precisions: ArrayLike, *, tol: float = TOL, max_iter: int = MAX_ITER
    ) -> HeldOutPredictions:
        """Predict every fold's test rows at every prior precision.

        Parameters
        ----------
        prior_precisions : array of shape (L,)
            Λ ≥ 0, the same in all folds; inf leaves what is not penalised.
        tol : float
            A decay stops when the energy norm of its error is ≤ tol · √(2 J) and ‖∇J‖∞ ≤ 5 tol ‖∇J(0)‖∞.
        max_iter : int
            Steps of a run.

        Raises
        ------
        ValueError
            If a prior precision is negative or not a number.
        """
        precisions = as_precisions(prior_precisions)
        shifts, units = self.targets.shifts[:, None], self.targets.units[:, None]
        found = tuple(np.empty((len(rows), len(units), len(precisions))) for rows in self.test)
        runs = []
        for run in self._runs(precisions, tol, max_iter):
            for predictions, values in zip(found, run.predictions, strict=True):
                predictions[:, :, run.decays] = values * units + shifts
            runs.append(replace(run, predictions=()))
        return HeldOutPredictions(self.test, found, *_joined(runs))

    def squared_errors(
        self, prior_precisions: ArrayLike, *, tol: float = TOL, max_iter: int = MAX_ITER
    ) -> HeldOutErrors:
        """Give the mean squared errors on every fold's test rows at every prior precision, and keep no predictions.

        Parameters
        ----------
        prior_precisions, tol, max_iter
            As in `predictions`.

        Raises
        ------
        ValueError
            If a prior precision is negative or not a number.
        """
        precisions = as_precisions(prior_precisions)
        loss = np.zeros((len(self.test), len(self.targets.units), len(precisions)))
        runs = []
        for run in self._runs(precisions, tol, max_iter):
            for fold, (rows, values) in enumerate(zip(self.test, run.predictions, strict=True)):
                weights = self.row_weights[rows]
                errors = np.square(self.targets.values[rows, :, None] - values)
                loss[fold][:, run.decays] = np.tensordot(weights, errors, axes=1) / (weights.sum() or 1.0)
            runs.append(replace(run, predictions=()))
        return HeldOutErrors(loss * np.square(self.targets.units)[:, None], *_joined(runs))

    def _runs(self, precisions: Floats, tol: float, max_iter: int) -> Iterator[_Run]:
        """Solve for some decays after others, as memory allows."""
        operator, n_targets = self.operator, len(self.targets.units)
        internal = operator.internal(precisions)
        free, centred = split_targets(operator, self.targets)
        # Neighbours in size share a run, as they take about as many steps.
        order = np.argsort(internal, kind="stable")
        width = max(1, STATE_ENTRIES // max(1, n_targets * sum(map(len, self.test))))
        for start in range(0, len(order), width):
            decays = order[start : start + width]
            views = Views(self._look, [len(rows) for rows in self.test], n_targets, len(decays))
            witness, chosen = Witness(), internal[decays]
            outcome = solve(operator, centred, chosen, (views, witness), tol=tol, max_iter=max_iter)
            trusted, passes = steady(operator, centred, chosen, witness, tol=tol, outcome=outcome)
            outcome = replace(outcome, converged=outcome.converged & trusted, passes=outcome.passes + passes)
            predictions = tuple(views.totals(fold) + free[rows, fold, :, None] for fold, rows in enumerate(self.test))
            yield _Run(decays, predictions, outcome)

    def _look(self, step: Step, fold: int, target: int) -> Floats:
        """What the test rows of a fold see of v_k."""
        seen: Floats = step.image[self.test[fold], fold, target]
        return seen


def open_folds(
    X: Sparse,
    Y: ArrayLike,
    *,
    train: Iterable[ArrayLike],
    test: Iterable[ArrayLike],
    sample_weight: ArrayLike | None = None,
    decay_weights: ArrayLike | None = None,
    fit_intercept: bool = True,
    standardize: bool = True,
    spread: Floats | None = None,
) -> KrylovFolds:
    """Open a sparse problem on its folds, in two passes over X.

    Parameters
    ----------
    X : scipy.sparse CSR or CSC of shape (n, p)
    Y : array of shape (n,) or (n, t)
    train, test : sequence of F arrays
        Row numbers, or boolean masks of shape (n,), of each fold; folds may overlap, and a training row that is
        named twice counts twice.
    sample_weight : array of shape (n,), optional
        s ≥ 0; None: 1 each.
    decay_weights : array of shape (p,), optional
        p_j ≥ 0; None: 1 each. Columns with 0 are exempt: they are made dense, so they should be few.
    fit_intercept : bool
    standardize : bool
        Whether the penalty counts a column in units of its standard deviation over the fold's training rows.
        Columns that are constant there get weight 0.
    spread : array of shape (p, F), optional
        Units that take the place of those of ``standardize``, nan where these hold.

    Raises
    ------
    ValueError
        If a value, a weight or a fold cannot be used; the sentence names it.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> X = sparse.csr_array([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0], [4.0, 0.0], [0.0, 5.0], [6.0, 0.0]])
    >>> y = np.array([1.0, 2.0, 4.0, 3.0, 6.0, 7.0])
    >>> folds = open_folds(X, y, train=[[0, 1, 2, 3], [2, 3, 4, 5]], test=[[4, 5], [0, 1]])
    >>> held_out = folds.squared_errors([0.1, 10.0])
    >>> held_out.loss.round(3).tolist()
    [[[2.983, 14.154]], [[0.022, 11.435]]]
    >>> bool(held_out.converged.all())
    True
    """
    matrix = as_float64(X)
    n = matrix.shape[0]
    training = [as_rows(fold, n, f"train[{number}]") for number, fold in enumerate(train)]
    testing = tuple(as_rows(fold, n, f"test[{number}]") for number, fold in enumerate(test))
    if len(training) != len(testing) or not training:
        raise ValueError(f"{len(training)} training sets and {len(testing)} test sets; give one of each for every fold")
    weights = non_negative(sample_weight, n, "sample_weight", "row")
    targets = as_targets(Y, weights, fit_intercept)
    operator = open_operator(
        matrix,
        np.column_stack([np.bincount(rows, minlength=n) for rows in training]).astype(np.float64),
        sample_weight=weights,
        decay_weights=decay_weights,
        fit_intercept=fit_intercept,
        standardize=standardize,
        spread=spread,
    )
    return KrylovFolds(operator, targets, testing, weights / operator.weight_unit)


def split_targets(operator: FoldOperator, targets: Targets) -> tuple[Floats, Floats]:
    """B γ(y) and Π y on all rows, (n, F, t); where B explains y, Π y is rounding on the training rows and made 0."""
    whole = np.repeat(targets.values[:, None, :], operator.row_weights.shape[1], axis=1)
    free = operator.unpenalised.part(operator.free_fit(whole))
    centred = whole - free
    sizes = norm(operator.rooted(whole + targets.shifts / targets.units))
    centred *= norm(operator.rooted(centred)) > 16 * EPSILON * sizes
    return free, centred


def _joined(runs: list[_Run]) -> tuple[Booleans, Counts, int]:
    """Status, steps and passes of all runs, the decays in the caller's order."""
    places = np.argsort(np.concatenate([run.decays for run in runs]))
    converged = np.concatenate([run.outcome.converged for run in runs], axis=2)[:, :, places]
    iterations = np.concatenate([run.outcome.iterations for run in runs], axis=2)[:, :, places]
    return converged, iterations, sum(run.outcome.passes for run in runs)
