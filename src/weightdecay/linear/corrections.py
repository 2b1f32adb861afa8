"""Float64 solvers of the least-squares saddle system that iterative refinement calls once a step.

With C (n, q) the design, diagonal row weights s = root², diagonal penalties W ≥ 0, and residuals f (n, t), g (q, t), a
correction (dθ, dν) satisfies, to float64 accuracy::

    dν / s + C dθ = f,      Cᵀdν − W dθ = g

`StackedQR` needs a design that the penalty makes numerically regular and n not much below q; `LeastPenalty` takes the
rest: collinear columns, more columns than rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
import scipy.linalg
from scipy.linalg import lapack, solve_triangular

from weightdecay.linear.extended import Design, Floats
from weightdecay.linear.graded import graded_svd
from weightdecay.linear.spectrum import GRADED

_EPSILON = float(np.finfo(np.float64).eps)


class Correction(Protocol):
    """A factorised saddle system."""

    @property
    def condition(self) -> float:
        """Estimate of the condition number of the stacked matrix [√s C; √W]."""

    @property
    def rank(self) -> int:
        """Its numerical rank."""

    def solve(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """(dθ, d dual) for residuals f (n, t), g (q, m t)."""


def rank_tolerance(q: int) -> float:
    """Singular values below this share of the largest one are rounding errors of a factorisation with q columns."""
    return 2.0 * (q + 16) * _EPSILON


def weighted_columns(design: Design, root: Floats, columns: Any = slice(None), extra: int = 0) -> Floats:
    """The float64 matrix √s C of chosen columns, with `extra` rows of zeros below, in Fortran order."""
    n, q = design.shape
    matrix = np.zeros((n + extra, np.arange(q)[columns].size), order="F")
    for rows, block in design.blocks():
        matrix[rows] = block.hi[:, columns] * root[rows, None]
    return matrix


@final
@dataclass(frozen=True)
class StackedQR:
    """Householder QR of M = [√s C; √W]: Björck's solver for the saddle system.

    With M = Q [R; 0], h = R⁻ᵀg and Qᵀ[√s f; 0] = [d₁; d₂]: dθ = R⁻¹(d₁ − h), and Q [h; d₂] starts with dν/√s.
    Source: Å. Björck, *Numerical Methods for Least Squares Problems*, SIAM 1996, section 2.9.
    """

    factor: Floats
    tau: Floats
    triangle: Floats
    root: Floats
    condition: float

    @staticmethod
    def of(design: Design, root: Floats, penalty: Floats) -> StackedQR:
        """Factorise; memory: one copy of the design."""
        penalised = np.flatnonzero(penalty > 0.0)
        n, q = design.shape
        stacked = weighted_columns(design, root, extra=max(penalised.size, q - n))
        stacked[n + np.arange(penalised.size), penalised] = np.sqrt(penalty[penalised])
        (factor, tau), triangle = scipy.linalg.qr(stacked, mode="raw", overwrite_a=True, check_finite=False)
        triangle = np.asfortranarray(triangle[:q])
        return StackedQR(factor, tau, triangle, root, _condition(triangle))

    @property
    def rank(self) -> int:
        """The number of columns."""
        return len(self.triangle)

    @property
    def regular(self) -> bool:
        """Whether refinement with this factorisation can be expected to converge."""
        return self.condition * rank_tolerance(self.rank) < 1.0

    def solve(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """One correction."""
        n, q = f.shape[0], self.rank
        right = np.zeros((self.factor.shape[0], f.shape[1]), order="F")
        right[:n] = f * self.root[:, None]
        rotated = self._rotate(right, "T")
        h = solve_triangular(self.triangle, g, trans="T", check_finite=False)
        step = solve_triangular(self.triangle, rotated[:q] - h, check_finite=False)
        rotated[:q] = h
        return step, self._rotate(rotated, "N")[:n] * self.root[:, None]

    def _rotate(self, right: Floats, trans: str) -> Floats:
        """Q right or Qᵀ right."""
        if not self.rank:
            return right
        work = lapack.dormqr("L", trans, self.factor, self.tau, right, -1)[1]
        rotated: Floats = lapack.dormqr("L", trans, self.factor, self.tau, right, int(work[0]), overwrite_c=1)[0]
        return rotated


def _condition(triangle: Floats) -> float:
    """Condition number of a triangle in the 1-norm; inf where it is singular."""
    if not len(triangle):
        return 1.0
    inverse, info = lapack.dtrtri(triangle)
    with np.errstate(over="ignore", invalid="ignore"):
        size = float(np.abs(triangle).sum(axis=0).max() * np.abs(np.triu(inverse)).sum(axis=0).max())
    return np.inf if info or not np.isfinite(size) else size


@final
@dataclass(frozen=True)
class LeastPenalty:
    """Singular value decomposition of the penalised columns: the least-penalty solution, also where others fit as well.

    For ratio Λ > 0 that is resolved by float64 (`limit` false) this solves the same system as `StackedQR`, W = Λ W₀.
    For Λ at rounding level or zero (`limit` true) the minimiser of Σ W₀ θ² among the least-squares solutions is the one
    with W₀ θ = Cᵀμ for some μ, which joins as a second dual variable, with its own residual::

        Cᵀdμ − W₀ dθ = g₂

    Let A = √s C W₀^-½ on penalised columns (W₀ > 0), z = W₀^½ dθ there, and E = √s C on exempt ones, E = Qₑ Rₑ
    (dependent exempt columns stay where they are). Then E is projected out and A⊥ = (I − Qₑ Qₑᵀ) A = U Σ Vᵀ decouples
    the rest into 2 × 2 systems: with φ = Uᵀf, γ = Vᵀf₂ the row-space part is z = (σφ − γ)/(σ² + Λ) and
    r = (Λφ + σγ)/(σ² + Λ); the null-space part of z is that of f₄ (the residual of z = Aᵀμ), and μ = (z − Vᵀf₄)/σ.
    """

    left: Floats  # U (n, k)
    sigma: Floats  # (k,)
    right: Floats  # Vᵀ (k, d)
    exempt: Floats  # Qₑ (n, e)
    exempt_triangle: Floats  # Rₑ (e, e)
    exempt_columns: Any  # (e,), the independent ones
    coupling: Floats  # B = Qₑᵀ A (e, d)
    penalised: Any  # (d,)
    root: Floats  # √s
    scale: Floats  # W₀^½ (d,)
    ratio: float  # Λ
    limit: bool
    condition: float

    @staticmethod
    def of(design: Design, root: Floats, tie: Floats, ratio: float, *, limit: bool) -> LeastPenalty:
        """Factorise; memory: two copies of the design.

        `tie` (q,) is W₀, zero for exempt columns; the design's penalised columns are scaled so that √s C W₀^-½ and Λ
        are at most about 1.
        """
        tolerance = rank_tolerance(design.shape[1])
        penalised, free = np.flatnonzero(tie > 0.0), np.flatnonzero(tie <= 0.0)
        scale = np.sqrt(tie[penalised])
        matrix = weighted_columns(design, root, penalised)
        matrix /= scale
        q, triangle, columns = _independent(weighted_columns(design, root, free))
        # Before the projection: a column inside the span of the exempt ones leaves nothing but rounding errors.
        lengths = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
        coupling = q.T @ matrix
        if coupling.size:
            scipy.linalg.blas.dgemm(-1.0, q, coupling, beta=1.0, c=matrix, overwrite_c=1)
        # Where Λ is small, what is rounding error would be divided by it; where it is not, a small σ does no harm.
        cutting = limit or ratio <= tolerance * float(lengths.max(initial=0.0))
        left, sigma, right = _decomposed(matrix, lengths, tolerance if cutting else 0.0, graded=limit)
        rank = len(sigma)
        least = 0.0 if rank < penalised.size and not limit else float(sigma.min(initial=np.inf)) ** 2
        largest = float(sigma.max(initial=0.0)) ** 2
        determined = penalised.size and (rank or not limit)
        condition = float(np.sqrt((largest + ratio) / (least + ratio))) if determined else 1.0
        return LeastPenalty(
            left, sigma, right, q, triangle, free[columns], coupling, penalised, root, scale, ratio, limit, condition,
        )  # fmt: skip

    @property
    def rank(self) -> int:
        """Independent exempt columns and singular values above rounding, or all where the penalty counts."""
        return len(self.exempt_columns) + (len(self.sigma) if self.limit else len(self.penalised))

    def solve(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """One correction; with `limit` g and the dual step have two parts side by side."""
        t = f.shape[1]
        f1 = f * self.root[:, None]
        f2 = g[self.penalised, :t] / self.scale[:, None]
        exempt_dual = self._exempt_solve(g[self.exempt_columns, :t], "T")
        f2 = f2 - self.coupling.T @ exempt_dual
        if self.limit:
            exempt_certificate = self._exempt_solve(g[self.exempt_columns, t:], "T")
            f4 = self.coupling.T @ exempt_certificate - g[self.penalised, t:] / self.scale[:, None]
        else:
            f4 = -f2 / self.ratio
        inside = self.exempt.T @ f1
        outside = f1 - self.exempt @ inside
        sigma = self.sigma[:, None]
        phi, gamma, zeta = self.left.T @ outside, self.right @ f2, self.right @ f4
        z = (sigma * phi - gamma) / (sigma**2 + self.ratio)
        r = (self.ratio * phi + sigma * gamma) / (sigma**2 + self.ratio)
        full = f4 + self.right.T @ (z - zeta)
        step = np.zeros((g.shape[0], t))
        step[self.penalised] = full / self.scale[:, None]
        step[self.exempt_columns] = self._exempt_solve(inside - exempt_dual - self.coupling @ full, "N")
        dual = outside + self.left @ (r - phi) + self.exempt @ exempt_dual
        if self.limit:
            certificate = self.left @ ((z - zeta) / sigma) + self.exempt @ exempt_certificate
            dual = np.hstack([dual, certificate])
        return step, dual * self.root[:, None]

    def _exempt_solve(self, right: Floats, trans: str) -> Floats:
        """Rₑ⁻¹ right or Rₑ⁻ᵀ right."""
        if not right.size:
            return right
        solved: Floats = solve_triangular(self.exempt_triangle, right, trans=trans, check_finite=False)
        return solved


def _decomposed(matrix: Floats, lengths: Floats, tolerance: float, *, graded: bool) -> tuple[Floats, Floats, Floats]:
    """U, Σ, Vᵀ of a matrix that is overwritten, without σ up to a share of the longest column, or of each if graded."""
    if not matrix.size:  # which LAPACK's wrapper refuses
        return np.zeros((len(matrix), 0)), np.zeros(0), np.zeros((0, matrix.shape[1]))
    size = float(lengths.max())
    if graded and size > GRADED * float(lengths.min()):
        return graded_svd(matrix, lengths)
    left, sigma, right = scipy.linalg.svd(matrix, full_matrices=False, overwrite_a=True, check_finite=False)
    rank = int(np.count_nonzero(sigma > tolerance * max(size, float(sigma.max()))))
    return left[:, :rank], sigma[:rank], right[:rank]


def _independent(matrix: Floats) -> tuple[Floats, Floats, Any]:
    """Orthonormal basis, triangle and indices of numerically independent columns, by pivoted QR."""
    n, e = matrix.shape
    if not e:
        return np.zeros((n, 0)), np.zeros((0, 0)), np.zeros(0, dtype=np.intp)
    q, triangle, order = scipy.linalg.qr(matrix, mode="economic", pivoting=True, overwrite_a=True, check_finite=False)
    diagonal = np.abs(np.diag(triangle))
    rank = int(np.count_nonzero(diagonal > rank_tolerance(e) * diagonal[0]))
    return q[:, :rank], triangle[:rank, :rank], order[:rank]
