"""Elastic net: a training set whose decayed columns carry an L1 part too, solved at the decays that are asked for.

In the coordinates u_j = √p_j σ_j (w_j − c_j) of `design` the objective J becomes

    ½‖ỹ − X̃ u‖² + ½ Λ (1 − ρ) ‖u‖² + Λ ρ Σ_j k_j |u_j|,      k_j = √p_j,

so that moments, folds and maps of columns are those of ridge; only the solution is another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from weightdecay.linear.design import Design, Reduced
from weightdecay.linear.quadratic import OfGram, OfRows, Quadratic
from weightdecay.linear.quadratic_lasso import Minima, along
from weightdecay.linear.triangles import TriangularFit
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Expand = Callable[[Array], tuple[Array, Array]]

# Of the sides that solve with an L1 part.
NAME = "active set"
# Decades of Λ below the least that sets all to zero, and below what is ridge's own, from which candidates begin.
SPAN, RIDGE_SPAN = 4.5, 4.0
# Distance from the conditions of a minimum, relative to the largest slope at zero, beyond which a solve has failed.
UNFINISHED = 1e-9
# Strengths, relative to the least that sets all to zero, from which the limit of no decay is looked for, and to where.
LIMIT, LAST_LIMIT = 1e-4, 1e-12


@dataclass(frozen=True, eq=False)
class Training:
    """A training set reduced to its decayed columns, and the solutions that are known.

    Parameters
    ----------
    quadratics : tuple of t Quadratic
        One per target, of q columns.
    kinks : ndarray of shape (q,)
        k_j > 0.
    l1_ratio : float
        ρ > 0.
    expand : callable
        From solutions u (L, q, t) to coefficients (L, t, p) and intercepts (L, t) about the shift.
    undecayed : int
        Rank of the intercept and the exempt columns.
    """

    quadratics: tuple[Quadratic, ...]
    kinks: Array
    l1_ratio: float
    expand: Expand
    undecayed: int
    _known: list[dict[float, tuple[Array, float]]] = field(default_factory=list, repr=False)

    @property
    def largest(self) -> Array:
        """The least Λ, per target (t,), at which all decayed coefficients are zero."""
        return np.array(
            [float((np.abs(one.q) / self.kinks).max(initial=0.0)) / self.l1_ratio for one in self.quadratics]
        )

    @property
    def span(self) -> tuple[float, float]:
        """Decades of Λ about the largest of `largest` in which solutions change: from nearly no to infinite decay."""
        largest = self.largest
        if not largest.any():
            return -SPAN, 0.5
        low = np.log10(largest[largest > 0].min()) - SPAN
        if self.l1_ratio < 1.0:
            ridge = float(self.quadratics[0].diagonal.mean()) / (1.0 - self.l1_ratio)
            low = min(low, np.log10(ridge) - RIDGE_SPAN)
        return float(low - np.log10(largest.max())), 0.5

    def models(self, precisions: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Coefficients (L, t, p), intercepts (L, t), and which of the L were solved to working accuracy."""
        U = np.zeros((len(precisions), len(self.kinks), len(self.quadratics)))
        done = np.ones(len(precisions), dtype=bool)
        for t, quadratic in enumerate(self.quadratics):
            U[:, :, t], distance = self.solutions(t, precisions)
            done &= distance <= UNFINISHED * np.abs(quadratic.q).max(initial=0.0)
        return (*self.expand(U), done)

    def solutions(self, t: int, precisions: Array) -> tuple[Array, Array]:
        """Solutions u (L, q) of one target, and their distances (L,) from the conditions of a minimum.

        Those that are new start from the nearest known one of more decay.
        """
        if not self._known:
            self._known.extend({} for _ in self.quadratics)
        known = self._known[t]
        wanted = sorted({*precisions.tolist(), *known}, reverse=True)
        start = None
        for there, group in groupby(wanted, key=known.__contains__):
            run = list(group)
            if not there:
                found = self._solved(t, np.array(run), start)
                known.update(zip(run, zip(found.w, found.distance.tolist(), strict=True), strict=True))
            start = known[run[-1]][0]
        both = [known[one] for one in precisions.tolist()]
        return np.array([one for one, _ in both]).reshape(len(both), -1), np.array([one for _, one in both])

    def _solved(self, t: int, precisions: Array, start: Array | None) -> Minima:
        """New solutions at falling Λ; of no decay their limit."""
        if precisions[-1] == 0.0 and len(precisions) > 1:
            first = self._solved(t, precisions[:-1], start)
            limit, distance = self._limit(t, first.w[-1])
            return Minima(np.vstack([first.w, limit]), np.append(first.distance, distance))
        if precisions[-1] == 0.0:
            limit, distance = self._limit(t, start)
            return Minima(limit[None], np.array([distance]))
        ridge = np.where(np.isinf(precisions), 0.0, precisions) * (1.0 - self.l1_ratio)
        with threads_for(float(len(self.kinks)) ** 3):
            return along(self.quadratics[t], precisions * self.l1_ratio, self.kinks, ridge=ridge, start=start)

    def _limit(self, t: int, start: Array | None) -> tuple[Array, float]:
        """The least-squares solution of least penalty: the end of the path, to which its last signs tell the way."""
        quadratic, largest = self.quadratics[t], self.largest[t]
        size = float(np.abs(quadratic.q).max(initial=0.0))
        u, distance = np.zeros(len(self.kinks)) if start is None else start, 0.0
        if not quadratic.ends:
            return np.full_like(u, np.nan), distance
        strength = LIMIT * largest
        while size and strength >= LAST_LIMIT * largest:
            u = self._solved(t, np.array([strength]), u).w[0]
            end, pull = _end(quadratic, u, self.l1_ratio, self.kinks)
            distance = float(np.abs(quadratic.slope(end)).max(initial=0.0))
            kept = (np.sign(end) == np.sign(u)).all() and (
                np.abs(pull) <= self.l1_ratio * self.kinks * (1 + 1e-9)
            ).all()
            if kept and distance <= UNFINISHED * size:
                return end, distance
            strength /= 10.0
        return u, distance


def _end(quadratic: Quadratic, u: Array, l1_ratio: float, kinks: Array) -> tuple[Array, Array]:
    """Where the path ends from u if all coefficients keep their signs s, and how hard the others are pulled there.

    The end solves Q_AA w = q_A with the part of u that Q_AA does not see, in which it has least penalty already. The
    slope falls to zero with Λ as Λ Q w', where Q_AA w' = (1 − ρ) w + ρ k s.
    """
    index = np.flatnonzero(u)
    d, V = np.linalg.eigh(quadratic.block(index)) if len(index) else (np.zeros(0), np.zeros((0, 0)))
    seen = d > 1e-12 * d.max(initial=0.0)
    d, V = d[seen], V[:, seen]
    end, away = u.copy(), np.zeros_like(u)
    for _ in range(3):  # the second and the third win digits back
        end[index] += V @ (V.T @ quadratic.slope(end)[index] / d)
    force = (1.0 - l1_ratio) * end[index] + l1_ratio * kinks[index] * np.sign(u[index])
    away[index] = V @ (V.T @ force / d)
    pull = quadratic.q - quadratic.slope(away)
    pull[index] = 0.0
    return end, pull


def of_moments(reduced: Reduced, square: Array, design: Design) -> Training:
    """From a reduced Gram matrix; ``square`` (t,) is Σ s y² or more."""
    G = np.ascontiguousarray(reduced.G)
    quadratics = tuple(OfGram(G, r, float(yy)) for r, yy in zip(reduced.r.T.copy(), square, strict=True))
    undecayed = int(design.fit_intercept) + reduced.exempt_root.shape[1]
    return Training(quadratics, kinks(design)[reduced.roles.decayed], design.l1_ratio, reduced.models, undecayed)


def of_triangle(fit: TriangularFit, design: Design) -> Training:
    """From singular values and vectors of a triangle: rows √d Vᵀ have its decayed part as their Gram matrix."""
    diagonal = fit.diagonal
    root = np.sqrt(diagonal.d)
    Z = np.asfortranarray(root[:, None] * diagonal.V.T)
    quadratics = tuple(OfRows(Z, z / root) for z in diagonal.z.T)
    undecayed = fit.inverse.shape[1]
    return Training(quadratics, kinks(design)[fit.roles.decayed], design.l1_ratio, fit.expanded, undecayed)


def kinks(design: Design) -> Array:
    """k (p,): √p_j, unless powers of two were taken out of columns and targets."""
    return np.sqrt(design.decay_weights) if design.kinks is None else design.kinks


def degrees_of_freedom(training: Training, t: int, precisions: Array) -> Array:
    """tr X_A (X_AᵀX_A + Λ(1 − ρ))⁻¹ X_Aᵀ over the columns A that are not zero, (L,): their number where ρ = 1.

    Zou, Hastie & Tibshirani (2007), "On the degrees of freedom of the lasso", Annals of Statistics 35(5); with an L2
    part Zou (2005), "Some perspectives of sparse statistical modeling", section 3.4.
    """
    U, _ = training.solutions(t, precisions)
    found = np.empty(len(precisions))
    for row, (u, precision) in enumerate(zip(U, precisions, strict=True)):
        index = np.flatnonzero(u)
        found[row] = len(index)
        ridge = 0.0 if np.isinf(precision) else precision * (1.0 - training.l1_ratio)
        if ridge and len(index):
            block = training.quadratics[t].block(index)
            block[np.diag_indices_from(block)] += ridge
            factor, _ = lapack.dpotrf(block, lower=1)
            inverse, _ = lapack.dtrtri(np.tril(factor), lower=1)
            found[row] -= ridge * float(np.einsum("ij,ij->", inverse, inverse))
    return found


def refused() -> ValueError:
    """What is said of leave-one-out."""
    return ValueError(
        "cv='loo' is a short-cut that an L1 part does not have; give cv=5, or cv=LeaveOneOut() of scikit-learn for a "
        "fit per row"
    )


def words(done: NDArray[np.bool_]) -> NDArray[np.str_]:
    """How models were computed."""
    return np.where(done, "exact", "not converged")
