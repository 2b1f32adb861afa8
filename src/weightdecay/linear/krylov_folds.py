"""Every fold of a sparse least-squares problem as one linear operator that is never densified.

With prior precision Λ, weights s_i m_if on the training rows of fold f and v_jf the variance of column j there,

    J_f(w, γ) = ½ Σ_i s_i m_if (y_i − x_i·w − b_i·γ)²  +  ½ Λ Σ_j p_j v_jf w_j²,

where b_i holds what is not penalised: the constant and the exempt columns (p_j = 0). Two changes of variable turn each
fold into a damped least-squares problem with the same Λ: θ_j = √(p_j v_jf) w_j makes the penalty ½ Λ ‖θ‖², and
minimising over γ projects along b, in the inner product of the training weights. What is left is

    ½ ‖R_f Π_f (y − X D_f⁻¹ θ)‖²  +  ½ Λ ‖θ‖²,     R_f = diag √(s_i m_if),   D_f = diag √(p_j v_jf),

with Π_f g = g − B γ_f(g) and γ_f(g) the weighted least-squares fit of g by the columns of B. As Π_f corrects all rows,
a test row of Π_f X D_f⁻¹ θ already is a held-out prediction, up to that row of B γ_f(y). Arrays have a fold axis F and
a target axis T, (rows, F, T): to a sparse product they are matrices with F·T columns, so one product serves all folds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightdecay.linear.krylov_data import Floats, Index, Sparse, non_negative, power_of_two, with_values

EPSILON = float(np.finfo(np.float64).eps)
# Sums of squares of numbers within 2^±SAFE_EXPONENT neither overflow nor vanish.
SAFE_EXPONENT = 300
# A variance below this part of the mean square has lost digits to the difference of two moments.
CANCELLED = 1e-2


@dataclass(frozen=True, eq=False)
class Unpenalised:
    """What is fitted without penalty in every fold: the constant, if there is an intercept, and the exempt columns.

    Parameters
    ----------
    block : ndarray of shape (n, q)
        B: the constant, then the exempt columns, centred and scaled.
    maps : ndarray of shape (F, q, q)
        C_f with orthonormal R_f B C_f, so that γ_f(g) = C_f C_fᵀ Bᵀ R_f² g; zero columns where B has lost rank.
    columns : ndarray of shape (e,)
        Where the exempt columns stand in X.
    shifts, scales : ndarray of shape (e,)
        An exempt column is shift + scale · (its column of B).
    """

    block: Floats
    maps: Floats
    columns: Index
    shifts: Floats
    scales: Floats

    @property
    def n_constants(self) -> int:
        """1 with an intercept, else 0."""
        return int(self.block.shape[1] - len(self.columns))

    def fit(self, weighted: Floats) -> Floats:
        """C_f C_fᵀ Bᵀ z, (q, F, T) for z (n, F, T)."""
        moments: Floats = self.block.T @ flat(weighted)
        moments = moments.reshape(len(moments), *weighted.shape[1:])
        coordinates = np.einsum("fqr,qft->rft", self.maps, moments)
        coefficients: Floats = np.einsum("fqr,rft->qft", self.maps, coordinates)
        return coefficients

    def part(self, coefficients: Floats) -> Floats:
        """B γ on all rows, (n, F, T) for γ (q, F, T)."""
        product: Floats = self.block @ flat(coefficients)
        return product.reshape(len(product), *coefficients.shape[1:])


@dataclass(frozen=True, eq=False)
class FoldOperator:
    """The maps A_f = R_f Π_f X D_f⁻¹ of all folds, and what undoes their scaling.

    Parameters
    ----------
    forward, backward : sparse of shape (n, p) and (p, n)
        The columns, in units of `column_units` and less `column_shifts`, and their transpose (the same memory).
    row_weights, row_roots : ndarray of shape (n, F)
        s_i m_if in units of `weight_unit`, and the square roots.
    inverse_scales : ndarray of shape (p, F)
        1/√(p_j v_jf); 0 for columns that are exempt, or constant in the fold.
    decay_roots : ndarray of shape (p,)
        √p_j: a gradient in θ times this is the gradient where columns have variance 1.
    unpenalised : Unpenalised
        The columns of B, which Π_f projects out.
    column_units : ndarray of shape (p,)
        Powers of two.
    column_shifts : ndarray of shape (p,)
        Taken off columns that have no implicit zeros.
    weight_unit, penalty_unit : float
        Powers of two; without standardising, the penalty acts on columns in units of `penalty_unit`.
    """

    forward: Sparse
    backward: Sparse
    row_weights: Floats
    row_roots: Floats
    inverse_scales: Floats
    decay_roots: Floats
    unpenalised: Unpenalised
    column_units: Floats
    column_shifts: Floats
    weight_unit: float
    penalty_unit: float

    def internal(self, prior_precisions: Floats) -> Floats:
        """Λ in the units of the scaled problem, where ½ ‖R Π (y − X D⁻¹ θ)‖² + ½ Λ ‖θ‖² is minimised."""
        return prior_precisions / self.weight_unit / self.penalty_unit / self.penalty_unit

    def decayed_part(self, theta: Floats) -> Floats:
        """X D_f⁻¹ θ on all rows, (n, F, T) for θ (p, F, T): one pass over X."""
        scaled = theta * self.inverse_scales[:, :, None]
        image: Floats = self.forward @ flat(scaled)
        return image.reshape(len(image), *theta.shape[1:])

    def free_fit(self, image: Floats) -> Floats:
        """γ_f(g), the coefficients (q, F, T) of the weighted least-squares fit of g (n, F, T) by B."""
        return self.unpenalised.fit(image * self.row_weights[:, :, None])

    def apply(self, theta: Floats) -> Floats:
        """Π_f X D_f⁻¹ θ on all rows, (n, F, T) for θ (p, F, T): one pass over X."""
        image = self.decayed_part(theta)
        image -= self.unpenalised.part(self.free_fit(image))
        return image

    def rooted(self, image: Floats) -> Floats:
        """R_f g, zero off the training rows."""
        return image * self.row_roots[:, :, None]

    def adjoint(self, residual: Floats) -> Floats:
        """D_f⁻¹ Xᵀ R_f u, (p, F, T) for u (n, F, T) that is orthogonal to R_f B: one pass over X."""
        rooted = self.rooted(residual)
        gradient: Floats = self.backward @ flat(rooted)
        gradient = gradient.reshape(len(gradient), *residual.shape[1:])
        gradient *= self.inverse_scales[:, :, None]
        return gradient

    def reproject(self, residual: Floats) -> Floats:
        """Take out of u (n, F, T) what rounding has left in it along R_f B, in place."""
        residual -= self.rooted(self.unpenalised.part(self.unpenalised.fit(self.rooted(residual))))
        return residual

    def original(self, theta: Floats, free_coefficients: Floats) -> tuple[Floats, Floats]:
        """Coefficients (p, F, T) and intercepts (F, T) on the caller's columns, of θ (p, F, T) and γ (q, F, T)."""
        free, n_constants = self.unpenalised, self.unpenalised.n_constants
        weights = theta * self.inverse_scales[:, :, None]
        weights[free.columns] += free_coefficients[n_constants:] / free.scales[:, None, None]
        intercept = free_coefficients[:n_constants].sum(axis=0)
        intercept -= np.tensordot(free.shifts, weights[free.columns], axes=1)
        intercept -= np.tensordot(self.column_shifts, weights, axes=1)
        return weights / self.column_units[:, None, None], intercept


def flat(vectors: Floats) -> Floats:
    """(size, F·T) of (size, F, T), also where a size is 0 and -1 would be ambiguous."""
    return vectors.reshape(len(vectors), math.prod(vectors.shape[1:]))


def open_operator(
    matrix: Sparse,
    multiplicities: Floats,
    *,
    sample_weight: Floats,
    decay_weights: ArrayLike | None,
    fit_intercept: bool,
    standardize: bool,
    spread: Floats | None = None,
) -> FoldOperator:
    """Find weights, scales and unpenalised directions of every fold, in two passes over X.

    Parameters
    ----------
    matrix : sparse of shape (n, p)
        From `as_float64`; its values are copied only where they are beyond 2^±300, or where a column without
        implicit zeros lies far from 0.
    multiplicities : ndarray of shape (n, F)
        m_if, how often row i trains in fold f.
    sample_weight : ndarray of shape (n,)
        s ≥ 0.
    decay_weights : array of shape (p,), optional
        p_j ≥ 0; None: 1 each; 0 exempts a column.
    fit_intercept, standardize : bool
        Whether the constant is in B; whether v_jf is the fold's weighted variance of the column, or 1.
    spread : ndarray of shape (p, F), optional
        √v_jf, nan where ``standardize`` decides.

    Raises
    ------
    ValueError
        If a value, a weight or a fold cannot be used; the sentence names it.
    """
    p = matrix.shape[1]
    weights, weight_unit = _row_weights(sample_weight, multiplicities)
    decay = non_negative(decay_weights, p, "decay_weights", "column")
    units = _column_units(matrix, shared=not standardize)
    if np.any(units != 1.0):
        matrix = with_values(matrix, matrix.data / units[_columns_of(matrix)])
    matrix, shifts = _without_offsets(matrix) if fit_intercept else (matrix, np.zeros(p))
    means, deviations = _means_and_deviations(matrix, weights)
    constant = deviations <= 8 * EPSILON * np.abs(means + shifts[:, None])
    scales = np.where(constant, 0.0, deviations) if standardize else np.ones_like(deviations)
    if spread is not None:
        # In the units of the columns where these are their own, else in the one that all columns share.
        own = spread / (units[:, None] if standardize else 1.0)
        scales = np.where(np.isnan(own) | constant, scales, own)
    scales *= np.sqrt(decay)[:, None]
    # The intercept makes a constant column useless; without one it has variance 0 and with it no penalty.
    used = ~constant | ((means != 0) & (not fit_intercept))
    roots = np.sqrt(weights)
    return FoldOperator(
        forward=matrix,
        backward=matrix.T,
        row_weights=weights,
        row_roots=roots,
        inverse_scales=np.divide(1.0, scales, out=np.zeros_like(scales), where=used & (scales > 0)),
        decay_roots=np.sqrt(decay),
        unpenalised=_unpenalised(matrix, used & (scales == 0), roots, fit_intercept),
        column_units=units,
        column_shifts=shifts,
        weight_unit=weight_unit,
        penalty_unit=1.0 if standardize or p == 0 else float(units[0]),
    )


def _columns_of(matrix: Sparse) -> NDArray[np.integer[Any]]:
    """The column of every stored value."""
    if matrix.format == "csr":
        return np.asarray(matrix.indices)
    return np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))


def _row_weights(sample_weight: Floats, multiplicities: Floats) -> tuple[Floats, float]:
    """s_i m_if in units of a power of two, and the unit."""
    unit = float(power_of_two(sample_weight.max(initial=0.0)))
    weights = sample_weight[:, None] / unit * multiplicities
    empty = np.flatnonzero(weights.sum(axis=0) == 0)
    if empty.size:
        raise ValueError(f"fold {empty[0]} has no training row of positive weight; give fewer folds or other splits")
    return weights, unit


def _column_units(matrix: Sparse, *, shared: bool) -> Floats:
    """Powers of two that bring columns beyond 2^±300 near 1, one for all if the columns' relative scales matter."""
    magnitudes = np.abs(matrix.data)
    largest = magnitudes.max(initial=0.0)
    units = np.ones(matrix.shape[1])
    low, high = np.ldexp(1.0, -SAFE_EXPONENT), np.ldexp(1.0, SAFE_EXPONENT)
    if largest <= high and magnitudes.min(initial=1.0, where=magnitudes > 0) >= low:
        return units
    by_column = np.zeros(matrix.shape[1])
    np.maximum.at(by_column, _columns_of(matrix), magnitudes)
    by_column[:] = largest if shared else by_column
    return np.where((by_column < low) | (by_column > high), power_of_two(by_column), units)


def _without_offsets(matrix: Sparse) -> tuple[Sparse, Floats]:
    """Centre columns that have no implicit zeros and lie far from 0: the intercept absorbs it, and digits are kept."""
    n, p = matrix.shape
    shifts = np.zeros(p)
    if matrix.nnz < n:
        return matrix, shifts
    columns = _columns_of(matrix)
    full = np.bincount(columns, minlength=p) == n
    if not full.any():
        return matrix, shifts
    means = np.bincount(columns, weights=matrix.data, minlength=p) / n
    mean_squares = np.bincount(columns, weights=np.square(matrix.data), minlength=p) / n
    far = full & (np.square(means) > 0.5 * mean_squares)
    shifts[far] = means[far]
    return (with_values(matrix, matrix.data - shifts[columns]) if far.any() else matrix), shifts


def _means_and_deviations(matrix: Sparse, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted means and standard deviations (p, F) of every column on every fold's training rows.

    Σs x²/Σs − (Σs x/Σs)² is safe for columns that are mostly zero, as the mean is then small. For the rest, which
    the size of the difference betrays, deviations from the mean are summed.
    """
    totals = weights.sum(axis=0)
    means = (matrix.T @ weights) / totals
    mean_squares = (with_values(matrix, np.square(matrix.data)).T @ weights) / totals
    variances = mean_squares - np.square(means)
    doubtful = np.flatnonzero(np.any((variances <= CANCELLED * mean_squares) & (mean_squares > 0), axis=1))
    if doubtful.size:
        part = matrix[:, doubtful].tocsc()
        for fold in range(weights.shape[1]):
            exact = _by_deviations(part, weights[:, fold], means[doubtful, fold])
            means[doubtful, fold], variances[doubtful, fold] = exact
    return means, np.sqrt(np.maximum(variances, 0.0))


def _by_deviations(part: Sparse, weights: Floats, means: Floats) -> tuple[Floats, Floats]:
    """Means and variances of a few columns by deviations from approximate means, implicit zeros counted at once."""
    size, columns, total = part.shape[1], _columns_of(part), weights.sum()
    stored = weights[part.indices]
    deviations = part.data - means[columns]
    first = np.bincount(columns, weights=stored * deviations, minlength=size)
    second = np.bincount(columns, weights=stored * np.square(deviations), minlength=size)
    # Rows without a stored value weigh exactly 0 where there are none: a rounded difference would be a false variance.
    n_stored = np.bincount(columns[stored > 0], minlength=size)
    absent = np.maximum(total - np.bincount(columns, weights=stored, minlength=size), 0.0)
    absent[n_stored == np.count_nonzero(weights)] = 0.0
    first -= absent * means
    second += absent * np.square(means)
    return means + first / total, second / total - np.square(first / total)


def _unpenalised(matrix: Sparse, free: NDArray[np.bool_], roots: Floats, fit_intercept: bool) -> Unpenalised:
    """The few columns without penalty, dense, near mean 0 and mean square 1, with maps that orthonormalise them.

    `free` (p, F) tells in which folds a column is without penalty.
    """
    exempt = np.flatnonzero(free.any(axis=1))
    columns = matrix[:, exempt].toarray()
    shifts = columns.mean(axis=0) if fit_intercept else np.zeros(len(exempt))
    columns -= shifts
    scales = np.sqrt(np.mean(np.square(columns), axis=0))
    scales[scales == 0] = 1.0
    block = np.hstack([np.ones((len(columns), int(fit_intercept))), columns / scales])
    present = np.vstack([np.ones((int(fit_intercept), roots.shape[1]), dtype=bool), free[exempt]])
    n, q = block.shape
    maps = np.zeros((roots.shape[1], q, q))
    for fold in range(len(maps) if q else 0):
        triangle = np.linalg.qr(roots[:, fold, None] * block * present[:, fold], mode="r")
        _, spectrum, directions = np.linalg.svd(triangle)
        kept = np.flatnonzero(spectrum > max(n, q) * EPSILON * spectrum[0])
        maps[fold][:, kept] = directions[kept].T / spectrum[kept]
    return Unpenalised(block, maps, exempt, shifts, scales)
