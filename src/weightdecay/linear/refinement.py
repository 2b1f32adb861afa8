"""Ridge and least squares to (nearly) the last digit: orthogonal factorisation and iterative refinement.

The route for designs on which normal equations lose digits. Every step solves Björck's augmented system with a float64
factorisation and measures its residual in wider arithmetic, so the error shrinks by about condition × 2⁻⁵³ a step; the
solution itself is kept as unevaluated pairs and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.corrections import Correction, LeastPenalty, StackedQR
from weightdecay.linear.extended import Arithmetic, Floats, Pair, choose_arithmetic, extended_residual, zeros
from weightdecay.linear.saddle import Question, SaddleSystem, ScaledProblem
from weightdecay.linear.scaled_design import RowScale

_MAX_STEPS = 30
_CONVERGED = 1e-9  # a last correction that leaves the coefficients nine digits
_ENOUGH = 2.0**-54  # a last correction below half a unit in the last place of every coefficient
_INVISIBLE = 2.0**-50  # corrections that stop halving below this are no reason to change to a slower arithmetic
_FEW_COLUMNS = 200  # up to which the rows of the penalty are no burden, even where the data have fewer of their own
_NEGLIGIBLE = 2.0**-30  # a coefficient this much smaller (in scaled units) than the largest is measured against that


@final
@dataclass(frozen=True)
class RefinedSolution:
    """Coefficients made exact by iterative refinement, and how hard that was.

    Attributes
    ----------
    coef : array (t, p), in original units
    intercept : array (t,)
    condition : float
        Estimate of the condition number of the scaled, augmented design at this decay.
    steps : int
        Refinement steps taken, the first solve included.
    correction : float
        Relative size of the last correction, the largest over scaled coefficients and targets; as long as it is far
        below 1 the error that remains is smaller still.
    rank : int
        Numerical rank of the scaled, augmented design, the intercept not counted.
    """

    coef: Floats
    intercept: Floats
    condition: float
    steps: int
    correction: float
    rank: int


def solve_refined(
    X: NDArray[Any],
    Y: Floats,
    decay: float,
    *,
    sample_weight: Floats | None = None,
    decay_weights: Floats | None = None,
    centre: Floats | None = None,
    fit_intercept: bool = True,
    standardize: bool = True,
    arithmetic: Arithmetic | None = None,
) -> RefinedSolution:
    """Minimise the squared loss with weight decay to nearly the last digit of float64.

    For each target, with s the sample weights, p ≥ 0 the decay weights, c the centre, v_j the weighted variance of
    column j if `standardize` else 1::

        J(w, b) = 1/(2 Σs) Σ_i s_i (y_i − b − x_i·w)² + (λ/2) Σ_j p_j v_j (w_j − c_j)²

    Where the minimiser is not unique it is the one of least Σ_j p_j v_j (w_j − c_j)². With an intercept constant
    columns get w_j = c_j, without one they are free of decay where columns are standardised. At infinite decay all
    columns with a penalty get w_j = c_j.

    Parameters
    ----------
    X : array (n, p), float64 or float32, finite
        Taken as exact.
    Y : array (n, t), finite
    decay : float
        λ in [0, inf], the same for all targets.
    sample_weight : array (n,), optional
    decay_weights : array (p,), optional
    centre : array (p,) or (t, p), optional
    fit_intercept, standardize : bool
    arithmetic : Arithmetic, optional
        Of the residuals; by default those of `choose_arithmetic`.

    Returns
    -------
    RefinedSolution

    Raises
    ------
    ValueError
        If no row has a positive weight.

    Notes
    -----
    Columns, rows and targets are scaled by powers of two, so magnitudes from 1e-300 to 1e300 cost no digits. Memory
    is about two copies of X. Where the least-penalty rule decides among columns whose lengths relative to their
    penalties differ by more than 2³⁰⁰ (without `standardize` only), it decides as if they were standardised. Where no
    penalty decides, rows whose weights are below 2⁻⁹⁰ of the largest count as absent.

    Source: Å. Björck, *Iterative refinement of linear least squares solutions I*, BIT 7, 1967; the penalty enters as
    rows √(λ p_j v_j Σs) e_j.

    Examples
    --------
    >>> X = np.array([[1.0, 1e8], [2.0, 1e8 + 1], [3.0, 1e8], [4.0, 1e8 + 3]])
    >>> exact = solve_refined(X, X @ np.array([[0.5], [2.0]]) + 1.0, decay=0.0)
    >>> exact.coef.tolist(), exact.intercept.tolist()
    ([[0.5, 2.0]], [1.0])
    """
    (n, p), t = X.shape, Y.shape[1]
    question = Question(
        decay=float(decay),
        decay_weights=np.ones(p) if decay_weights is None else np.asarray(decay_weights, dtype=np.float64),
        centre=np.broadcast_to(np.zeros(p) if centre is None else np.asarray(centre, dtype=np.float64), (t, p)),
        fit_intercept=fit_intercept,
        standardize=standardize,
    )
    ladder = choose_arithmetic(n * p * t) if arithmetic is None else (arithmetic,)
    rows = RowScale.of(sample_weight, n)
    problem = ScaledProblem.of(X, rows, question, ladder[0])
    y = np.asarray(rows.take(Y, slice(None)), dtype=np.float64)
    exponent = problem.target_exponent(y)
    last = np.inf
    for attempt in _factorised(problem, problem.target(y, exponent, ladder[0])):
        refined = _refine(*attempt, ladder)
        if refined[2] < last:
            (system, correction), (solution, steps, last) = attempt, refined
        if last <= _CONVERGED:
            break
    coef, intercept = problem.original_units(system, solution, exponent)
    return RefinedSolution(coef, intercept, correction.condition, steps, last, correction.rank - int(fit_intercept))


def _factorised(problem: ScaledProblem, target: Pair) -> Iterator[tuple[SaddleSystem, Correction]]:
    """The system in the units, and with the factorisation, that its regularity asks for, and what else there is.

    A penalty may make a design regular that still asks for more digits than its factorisation has: equal rows with
    different targets, of which only a small penalty keeps the coefficients.
    """
    system = problem.in_column_units(target)
    n, q = system.design.shape
    if n >= q or q <= _FEW_COLUMNS:
        qr = StackedQR.of(system.design, np.sqrt(system.weight), system.penalty.hi)
        if qr.regular:
            yield system, qr
    system = problem.in_penalty_units(target)
    root = np.sqrt(system.weight)
    yield system, LeastPenalty.of(system.design, root, system.tie.hi, system.ratio, limit=system.limit)


def _refine(system: SaddleSystem, correction: Correction, ladder: tuple[Arithmetic, ...]) -> tuple[Pair, int, float]:
    """Solution (q, t), steps taken, and the relative size of the last correction.

    Ends when a correction is below rounding in every coefficient. When corrections as a whole stop halving (a small
    coefficient may take a step or two before its own do) they are the noise of the residuals' own arithmetic: then the
    next one on the ladder goes on, if that noise would show.
    """
    penalties = [system.penalty, system.tie] if system.limit else [system.penalty]
    spread = Pair.of(system.weight).reciprocal()
    (n, q), t = system.design.shape, system.target.hi.shape[1]
    solution, dual = zeros((q, t)), zeros((n, t * len(penalties)))
    steps, last = 0, np.inf
    for arithmetic in ladder:
        previous = np.inf
        while steps < _MAX_STEPS:
            f, g = extended_residual(
                system.design, system.target, spread, penalties, solution, dual=dual, arithmetic=arithmetic
            )
            change, dual_change = correction.solve(f, g)
            candidate = solution.plus(change)
            size = _relative_size(change, candidate.hi, share=1.0)
            if not size <= 0.5 * previous:
                break
            solution, dual, previous = candidate, dual.plus(dual_change), size
            steps, last = steps + 1, _relative_size(change, candidate.hi, share=_NEGLIGIBLE)
            if last <= _ENOUGH:
                break
        if last <= _INVISIBLE:
            break
    return solution, steps, last


def _relative_size(change: Floats, solution: Floats, share: float) -> float:
    """The largest |change| relative to its coefficient, or to a share of the target's largest coefficient."""
    scale = np.maximum(np.abs(solution), share * np.abs(solution).max(axis=0, initial=0.0))
    relative = np.divide(np.abs(change), scale, out=np.zeros_like(change), where=scale > 0.0)
    return float(relative.max(initial=0.0))
