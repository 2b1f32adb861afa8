"""Whole: tall data with all rows in one training set, for leave-one-out, final models and opinions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.accuracy import (
    Fitted,
    cholesky_triangle,
    expected_error,
    perturbed_lengths,
    stacked_triangle,
)
from weightdecay.linear.design import Design, Reduced, Roles, reduce
from weightdecay.linear.fold_split import SMALL, GramFit
from weightdecay.linear.leave_one_out import Rotation
from weightdecay.linear.moments import Moments, Shift, choose_shift, constant_columns, gather, gather_extents
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import Diagonal, diagonal, rounding, tridiagonal
from weightdecay.linear.triangles import TriangularFit, fit_triangle, gather_triangles, residual_sum

Array = NDArray[np.float64]

# Leverages need eigenvectors, whose small directions lose digits sooner than solutions do.
ILL_LEVERAGE = 1e7
# What of all rows does not depend on the design.
OF_ROWS = ("small", "moments", "triangle")


@dataclass(frozen=True, eq=False)
class Models:
    """L models about no shift, and what the training rows say of them.

    Parameters
    ----------
    coef, intercept : ndarray of shape (L, t, p), (L, t)
    rss : ndarray of shape (L, t)
        Σ s (residual)².
    shrunk : ndarray of shape (L, t)
        Σ s (residual)² + Λ‖u‖², the restricted likelihood's sum of squares.
    df : ndarray of shape (L,)
        Effective degrees of freedom without the intercept.
    log_det : ndarray of shape (L,)
        Σ log(1 + d_j/Λ).
    exact : ndarray of shape (L,) of bool
        Where triangles were needed.
    undecayed : int
        Rank of the intercept and the exempt columns.
    status : tuple of L str
        How each model was computed, where it is neither "exact" nor "exact (triangular)".
    """

    coef: Array
    intercept: Array
    rss: Array
    shrunk: Array
    df: Array
    log_det: Array
    exact: NDArray[np.bool_]
    undecayed: int
    status: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Whole:
    """All rows as one training set."""

    rows: Rows
    design: Design
    centre: Array
    shift: Shift

    @cached_property
    def small(self) -> bool:
        """Whether triangles are as good as free."""
        return bool(self.rows.n * (1.0 + self.rows.p + self.rows.t) ** 2 < SMALL)

    @cached_property
    def moments(self) -> Moments:
        """Moments of all rows: one pass."""
        ((found,),) = gather(self.rows, [np.zeros(self.rows.n, dtype=np.int32)], [1], self.shift)
        return found.about_centre(self.centre) if self.centre.any() else found

    @cached_property
    def reduced(self) -> Reduced:
        """The decayed part."""
        return reduce(self.moments, self.design, self._constant)

    def reduced_for(self, design: Design) -> Reduced:
        """The decayed part for another design."""
        return reduce(self.moments, design, self._constant)

    def redesigned(self, design: Design) -> Whole:
        """The same rows for another design: what was read of them is kept."""
        twin = replace(self, design=design)
        vars(twin).update({name: value for name, value in vars(self).items() if name in OF_ROWS})
        return twin

    def _constant(self) -> NDArray[np.bool_]:
        """Which columns hold a single value, when something needs it: another pass."""
        (extents,) = gather_extents(self.rows, [np.zeros(self.rows.n, dtype=np.int32)], [1])
        return constant_columns(extents, [0])

    @cached_property
    def fit(self) -> GramFit:
        """Tridiagonalised."""
        return GramFit(self.reduced, tridiagonal(np.array(self.reduced.G), self.reduced.r))

    @cached_property
    def diagonal(self) -> Diagonal:
        """Diagonalised."""
        return diagonal(self.reduced.G, self.reduced.r)

    @cached_property
    def triangle(self) -> Array:
        """Square-root moments of all rows: another pass, when needed."""
        labels = [np.zeros(self.rows.n, dtype=np.int32)]
        ((found,),) = gather_triangles(self.rows, labels, [1], self.shift, self.centre)
        return found

    @cached_property
    def triangular(self) -> TriangularFit:
        """The decayed part from the triangle, diagonalised."""
        return fit_triangle([self.triangle], self.design, self.rows.t, self.rows.n, self._constant)

    def expected_error(self, precision: float, models: Models, *, from_moments: bool) -> float:
        """Largest relative error that rounding has probably left in the first of these models, which is for Λ."""
        triangular = self.small or bool(models.exact[0])
        roles = self.triangular.roles if triangular else self.reduced.roles
        decayed = np.isfinite(precision) * len(roles.decayed)
        used, scale = np.concatenate([roles.exempt, roles.decayed[:decayed]]), roles.scale[:decayed]
        start = int(self.design.fit_intercept)
        columns = np.concatenate([np.zeros(start, dtype=np.intp), 1 + used])
        penalty = np.sqrt(precision) * scale if decayed else scale
        if triangular:
            body, y = self.triangle[:, columns], self.triangle[:, 1 + self.rows.p :]
            root, square, yy = stacked_triangle(body, penalty), (body**2).sum(axis=0), (y**2).sum(axis=0)
        else:
            gram, yy = self.moments.zz[np.ix_(columns, columns)], self.moments.yy
            root, square = cholesky_triangle(gram, penalty), np.diagonal(gram)
        coef, shift = models.coef[0] - self.centre, self.shift
        about = models.intercept[0] - shift.y + models.coef[0] @ shift.x
        fitted = Fitted(
            root,
            perturbed_lengths(np.sqrt(square), scale),
            np.concatenate([about[:, None][:, :start], coef[:, used]], axis=1),
            shift.x[used] if start else None,
            shift.y,
            np.sqrt(yy),
            np.sqrt(models.rss[0]),
            self.rows.n_positive,
        )
        return expected_error(fitted, self.rows.n * self.rows.p * self.rows.t, from_moments=from_moments)

    def models(self, precisions: Array) -> Models:
        """Models at prior precisions Λ (0 and inf allowed)."""
        L, t = len(precisions), self.rows.t
        coef, intercept, rss = np.empty((L, t, self.rows.p)), np.empty((L, t)), np.empty((L, t))
        df, log_det = np.empty(L), np.empty(L)
        exact = np.ones(L, dtype=bool) if self.small else ~self.fit.trusted(precisions)
        if not exact.all():
            coef, intercept = self.fit.models(np.where(exact, np.inf, precisions))
            rss, lost = self.moments.errors(coef, intercept)
            df, log_det = spectral_sums(self.fit.factor.eigenvalues, precisions)
            not_there = spectral_sums(self.reduced.lifted, precisions, 0.0)
            df, known = df - not_there[0], np.isfinite(log_det)
            log_det[known] -= not_there[1][known]
            exact |= lost
        if exact.any():
            coef[exact], intercept[exact] = self.triangular.models(precisions[exact])
            rss[exact] = residual_sum(self.triangle, coef[exact], intercept[exact])
            df[exact], log_det[exact] = spectral_sums(self.triangular.diagonal.d, precisions[exact], 0.0)
        roles = self.triangular.roles if exact.any() else self.reduced.roles
        scaled = coef[:, :, roles.decayed] * roles.scale
        finite = np.where(np.isfinite(precisions), precisions, 0.0)
        shrunk = rss + finite[:, None] * np.einsum("ltq,ltq->lt", scaled, scaled)
        undecayed = (self.triangular.inverse if exact.any() else self._head_root[1]).shape[1]
        df += undecayed - int(self.design.fit_intercept)
        coef = coef + self.centre
        intercept = intercept + self.shift.y - coef @ self.shift.x
        return Models(coef, intercept, rss, shrunk, df, log_det, exact & (not self.small), undecayed)

    @cached_property
    def _head_root(self) -> tuple[NDArray[np.intp], Array]:
        """Intercept and exempt columns among (1, x), and the inverse square root of their block of the moments."""
        reduced = self.reduced
        exempt, root = reduced.roles.exempt, reduced.exempt_root
        if not self.design.fit_intercept:
            return 1 + exempt, root
        inverse = np.zeros((1 + len(exempt), 1 + root.shape[1]))
        inverse[0, 0] = reduced.weight_sum**-0.5
        inverse[0, 1:] = -reduced.mean[exempt] @ root
        inverse[1:, 1:] = root
        return np.concatenate([[0], 1 + exempt]), inverse

    def rotation(self, *, lifted: bool = True) -> Rotation:
        """Rows to eigen-coordinates, from the triangle where the moments would cost digits.

        Eigenvalues of G's own making (`design._lift`) do not matter to rows, which have no part in their directions;
        without them they come from the triangle.
        """
        if not self.small and (lifted or not self.reduced.lifted.size):
            d = self.diagonal.d
            if len(d) == self.reduced.q and (len(d) == 0 or d[-1] * self.reduced.cancelled <= ILL_LEVERAGE * d[0]):
                return self._rotation_of_moments()
        return self._rotation_of_triangle()

    def _rotation_of_triangle(self) -> Rotation:
        """In the coordinates of the factorised triangle."""
        fit = self.triangular
        head = np.concatenate([[0] if self.design.fit_intercept else [], 1 + fit.roles.exempt]).astype(np.intp)
        return self._assembled((head, fit.inverse), (fit.diagonal, fit.roles, fit.undecayed_x), fit.undecayed_y)

    def _rotation_of_moments(self) -> Rotation:
        """Through the inverse square root of the undecayed block of the moments."""
        roles, moments = self.reduced.roles, self.moments
        head, inverse = self._head_root
        undecayed_x = inverse.T @ moments.zz[np.ix_(head, 1 + roles.decayed)] / roles.scale
        return self._assembled((head, inverse), (self.diagonal, roles, undecayed_x), inverse.T @ moments.zy[head])

    def _assembled(
        self, undecayed: tuple[NDArray[np.intp], Array], decayed: tuple[Diagonal, Roles, Array], base: Array
    ) -> Rotation:
        """The maps of `Rotation` from the inverse root (head, h) of the undecayed block."""
        (head, inverse), (spectrum, roles, undecayed_x) = undecayed, decayed
        A = np.zeros((1 + self.rows.p, spectrum.V.shape[1]))
        A[1 + roles.decayed] = spectrum.V / roles.scale[:, None]
        A[head] -= inverse @ (undecayed_x @ spectrum.V)
        N = np.zeros((1 + self.rows.p, inverse.shape[1]))
        N[head] = inverse
        return Rotation(A, N, base, spectrum, head, roles, (self.shift.x, self.shift.y), self.centre)


def spectral_sums(eigenvalues: Array, precisions: Array, cut: float | None = None) -> tuple[Array, Array]:
    """Σ d/(d + Λ) and Σ log(1 + d/Λ) over eigenvalues above `cut`, each (L,).

    A factorisation that has left out what is rounding error gives 0; without a cut eigenvalues are measured against
    the largest.
    """
    d = eigenvalues[eigenvalues > (rounding(eigenvalues) if cut is None else cut)][:, None]
    with np.errstate(divide="ignore", over="ignore"):
        ratio = d / precisions
        logs = np.where(np.isinf(ratio), np.log(d) - np.log(precisions), np.log1p(ratio))
        return (d / (d + precisions)).sum(axis=0), logs.sum(axis=0)


def open_whole(rows: Rows, design: Design, centre: Array) -> Whole:
    """Tall data as one training set; rows are read when something is asked for."""
    return Whole(rows, design, centre, choose_shift(rows, design.fit_intercept))
