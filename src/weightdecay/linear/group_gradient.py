"""The held-out squared error of ridge as a function of the strengths of groups of columns, with its exact gradient.

With G and r the decayed part of a training set (`design`), P_g the columns of group g and Λ_g = λ_g Σs,

    H u = r,   H = G + Σ_g Λ_g P_g,       ∂u/∂θ_g = −H⁻¹ Λ_g P_g u,   θ_g = log λ_g,

so that one adjoint solve a = H⁻¹ ∂L/∂u gives every ∂L/∂θ_g = −Σ_{j∈g} Λ_g a_j u_j. The centre is in r already: u is
what the coefficients differ from it by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from weightdecay.linear.design import Design, Reduced
from weightdecay.linear.fold_split import FoldSplit
from weightdecay.linear.moments import Moments, Shift
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.linear.spectrum import EPS
from weightdecay.linear.whole import Whole
from weightdecay.tuning.group_search import box

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# What is left of 1 by a leverage: a row of which less is left by the undecayed columns alone has no say, and no row's
# residual is divided by less.
NO_SHARE, LEAST_LEFT = 1e-8, 1e-10
# H stays positive definite where Λ is at least so many times the rounding error of its diagonal, times its order.
SAFE = 16.0


@dataclass(frozen=True, eq=False)
class Strengths:
    """The decayed columns of a training set and their groups.

    Parameters
    ----------
    G : ndarray of shape (q, q)
    label : ndarray of shape (q,)
        Group of every decayed column.
    weight_sum : float
        Σs of all rows: folds share Λ.
    n_groups : int
    """

    G: Array
    label: Index
    weight_sum: float
    n_groups: int

    @property
    def sizes(self) -> tuple[Array, Array]:
        """Mean eigenvalue of each group's own part of G over Σs, and its number of columns, each (n_groups,)."""
        count = np.bincount(self.label, minlength=self.n_groups).astype(np.float64)
        total = np.bincount(self.label, np.diagonal(self.G), self.n_groups)
        return total / np.maximum(count, 1.0) / self.weight_sum, count

    @property
    def least(self) -> Array:
        """Decays (n_groups,) below which H, its diagonal scaled to 1, may not be positive definite for rounding."""
        largest = np.zeros(self.n_groups)
        np.maximum.at(largest, self.label, np.diagonal(self.G))
        return SAFE * EPS * len(self.label) * largest / self.weight_sum

    def precisions(self, log_decays: Array) -> Array:
        """Λ of every column (q,)."""
        return np.asarray((np.exp(log_decays) * self.weight_sum)[self.label])

    def factor(self, precisions: Array) -> tuple[Array, bool]:
        """Cholesky factor of H: the one place where the groups' decays change a matrix."""
        H = self.G.copy()
        H[np.diag_indices(len(H))] += precisions
        found: tuple[Array, bool] = cho_factor(H, lower=True, overwrite_a=True, check_finite=False)
        return found

    def summed(self, values: Array) -> Array:
        """Sums over the columns of each group, (n_groups,)."""
        return np.asarray(np.bincount(self.label, values, self.n_groups), dtype=np.float64)


def bounds_of(each: list[Strengths]) -> tuple[Array, Array]:
    """Bounds of log decays that serve all training sets."""
    mean, count = (np.max([one.sizes[at] for one in each], axis=0) for at in (0, 1))
    low, high = box(mean, count)
    least = np.max([one.least for one in each], axis=0)
    return np.maximum(low, np.log(np.where(least > 0, least, np.exp(low)))), high


@dataclass(frozen=True, eq=False)
class FoldGroups:
    """The mean held-out squared error over the folds of tall data, from the moments of cells.

    Parameters
    ----------
    split : FoldSplit
    design : Design
        With the relative weights inside the groups, and no columns told to be dependent: H needs no lifting.
    label : ndarray of shape (p,)
        Group of every column.
    n_groups : int
    """

    split: FoldSplit
    design: Design
    label: Index
    n_groups: int

    @cached_property
    def folds(self) -> list[tuple[Reduced, Strengths]]:
        """The training set of every fold; no factorisation yet."""
        found = []
        for fold in range(len(self.split.folds.repeat)):
            reduced = self.split.reduced(fold, self.design)
            label = self.label[reduced.roles.decayed]
            found.append((reduced, Strengths(reduced.G, label, self.split.rows.weight_sum, self.n_groups)))
        return found

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes."""
        return bounds_of([one for _, one in self.folds])

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The mean over folds, and its slope in the log decays."""
        weight = self.split.weight
        loss, slopes = zip(*self._each(log_decays), strict=True)
        return float(weight @ loss / weight.sum()), np.asarray(weight @ np.array(slopes) / weight.sum())

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of every fold."""
        return np.array([loss for loss, _ in self._each(log_decays)]), self.split.weight

    def _each(self, log_decays: Array) -> Iterator[tuple[float, Array]]:
        """Loss of every fold, and its slope (n_groups,)."""
        for fold, (reduced, strengths) in enumerate(self.folds):
            precisions = strengths.precisions(log_decays)
            factor = strengths.factor(precisions)
            U = cho_solve(factor, reduced.r, check_finite=False)
            loss, slope = self._held_out(fold, reduced, U)
            adjoint = cho_solve(factor, slope, check_finite=False)
            yield loss, -strengths.summed(precisions * np.einsum("qt,qt->q", adjoint, U))

    def _held_out(self, fold: int, reduced: Reduced, U: Array) -> tuple[float, Array]:
        """Loss of a fold's model u (q, t) on its test rows, averaged over targets, and its slope in u."""
        split, t = self.split, U.shape[1]
        mapped = split.maps[fold]
        coef, intercept = (one[0] for one in reduced.models(U[None]))
        wide = coef if mapped is None else mapped.of_wide(coef)
        error, by_coef, by_intercept = self._errors(fold, wide, intercept)
        if mapped is not None:
            by_coef[:, mapped.columns] += mapped.delta * by_coef[:, mapped.flags]
        # Back through the models: intercept and exempt columns follow the decayed ones.
        by_coef -= by_intercept[:, None] * reduced.mean
        roles = reduced.roles
        by_decayed = by_coef[:, roles.decayed] - by_coef[:, roles.exempt] @ reduced.exempt_x
        scale = split.weight[fold] * t
        return float(error.sum()) / scale, (by_decayed / roles.scale).T / scale

    def _errors(self, fold: int, coef: Array, intercept: Array) -> tuple[Array, Array, Array]:
        """Σ s (residual)² (t,) of a fold's test rows, and its slopes in coefficients (t, p) and intercepts (t,)."""
        if not self.split.small:
            moments = self.split.tests[fold]
            (error,), lost = moments.errors(coef[None], intercept[None])
            if not lost[0]:
                return error, *_slopes(moments, coef, intercept)
        T = self.split.triangular_tests[fold]
        p = coef.shape[1]
        residual = T[:, 1 + p :] - T[:, 1 : 1 + p] @ coef.T - T[:, :1] * intercept
        slopes = -2.0 * residual.T @ T[:, : 1 + p]
        return np.einsum("mt,mt->t", residual, residual), slopes[:, 1:], slopes[:, 0]


def _slopes(moments: Moments, coef: Array, intercept: Array) -> tuple[Array, Array]:
    """Slopes of the sum of squared residuals in coefficients (t, p) and intercepts (t,)."""
    both = np.concatenate([intercept[:, None], coef], axis=1)
    slopes = 2.0 * (both @ moments.zz - moments.zy.T)
    return slopes[:, 1:], slopes[:, 0]


@dataclass(frozen=True, eq=False)
class RowGroups:
    """The mean squared error over rows left out one by one, of tall data; scales are those of all rows.

    With x̃ and ỹ the rows on the complement of intercept and exempt columns and T = X̃H⁻¹, the residual of row i left
    out is ρ_i = (ỹ_i − x̃_i·u)/(1 − h_i), h_i = h⁰_i + s_i x̃_i·T_i, and

        ∂ρ_i/∂θ_g = (Σ_{j∈g} Λ_g T_ij u_j − ρ_i s_i Σ_{j∈g} Λ_g T_ij²)/(1 − h_i).

    Parameters
    ----------
    strengths : Strengths
    r : ndarray of shape (q, t)
    X, Y : ndarray of shape (m, q), (m, t)
        x̃ and ỹ of the rows that count.
    s, left : ndarray of shape (m,)
        Their weights, and 1 − h⁰.
    """

    strengths: Strengths
    r: Array
    X: Array
    Y: Array
    s: Array
    left: Array

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes."""
        return bounds_of([self.strengths])

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The mean over rows, and its slope in the log decays."""
        precisions = self.strengths.precisions(log_decays)
        U, T, residual, left = self._left_out(precisions)
        S, t = self.s.sum(), residual.shape[1]
        value = float(np.einsum("m,mt,mt->", self.s, residual, residual) / (S * t))
        pull = (2.0 / (S * t)) * (self.s / left)[:, None] * residual  # what ∂ρ is multiplied by, before its denominator
        slope = np.einsum("qt,qt->q", T.T @ pull, U)
        slope -= (self.s * np.einsum("mt,mt->m", pull, residual)) @ np.square(T)
        return value, self.strengths.summed(precisions * slope)

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of every row."""
        _, _, residual, _ = self._left_out(self.strengths.precisions(log_decays))
        return np.square(residual).mean(axis=1), self.s

    def _left_out(self, precisions: Array) -> tuple[Array, Array, Array, Array]:
        """u, T, the residuals (m, t) of the rows left out, and what their leverages leave of 1."""
        factor = self.strengths.factor(precisions)
        U = cho_solve(factor, self.r, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(U)), check_finite=False)
        T = self.X @ inverse
        left = np.maximum(self.left - self.s * np.einsum("mq,mq->m", T, self.X), LEAST_LEFT)
        return U, T, (self.Y - self.X @ U) / left[:, None], left


def rows_left_out(whole: Whole, design: Design, label: Index, n_groups: int) -> RowGroups:
    """Tall data whose rows are left out one by one: one more pass over the rows, which are kept.

    Parameters
    ----------
    whole : Whole
        All rows as one training set.
    design : Design
        With the relative weights inside the groups.
    label : ndarray of shape (p,)
    n_groups : int
    """
    reduced, rows = whole.reduced_for(design), whole.rows
    roles = reduced.roles
    parts = list(_reduced_rows(rows, whole.shift, whole.centre, reduced))
    X, Y, exempt = (np.concatenate([part[at] for part in parts]) for at in range(3))
    s = rows.s
    left = 1.0 - s * (exempt + (1.0 / reduced.weight_sum if design.fit_intercept else 0.0))
    used = (s > 0) & (left > NO_SHARE)
    strengths = Strengths(reduced.G, label[roles.decayed], reduced.weight_sum, n_groups)
    return RowGroups(strengths, reduced.r, X[used], Y[used], s[used], left[used])


def _reduced_rows(rows: Rows, shift: Shift, centre: Array, reduced: Reduced) -> Iterator[tuple[Array, Array, Array]]:
    """Rows of the decayed part (m, q), their targets (m, t), and the leverage of the exempt columns over s, (m,)."""
    roles = reduced.roles
    for block, part in row_blocks(rows.X):
        Z = np.subtract(part, shift.x, dtype=np.float64)
        y = rows.Y[block] - shift.y - Z @ centre.T - reduced.y_mean
        Z -= reduced.mean
        E = Z[:, roles.exempt]
        X = (Z[:, roles.decayed] - E @ reduced.exempt_x) / roles.scale
        yield X, y - E @ reduced.exempt_y, np.square(E @ reduced.exempt_root).sum(axis=1)
