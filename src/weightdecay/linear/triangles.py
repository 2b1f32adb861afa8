"""Triangles: square-root moments, for when the moments themselves would lose the digits.

R with RᵀR = Σ s (1, x − shift, y − shift)(…)ᵀ, from a QR decomposition of row blocks, has the condition of the data
where moments have its square. Triangles combine like moments: those of a training set are the QR of its cells'
triangles on top of each other, and ‖R (−b, −w, 1)‖² is a held-out error in which nothing cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from weightdecay.linear.design import Constancy, Design, Roles
from weightdecay.linear.fold_maps import FoldMap
from weightdecay.linear.moments import Shift
from weightdecay.linear.rows import Rows, Share, row_blocks
from weightdecay.linear.spectrum import EPS, Diagonal, rank_tolerance, singular
from weightdecay.linear.workers import shared_out

Array = NDArray[np.float64]

# Shares of its distance from the shift up to which a column's spread in a triangle is rounding error, and may be.
CONSTANT, PERHAPS_CONSTANT = 16 * EPS, 1e-11
# Rows per column that wait to become a triangle together: of fewer, more are decomposed again and again.
PILE = 6


def triangle(A: Array) -> Array:
    """R of the QR decomposition of A (m, k), shape (min(m, k), k)."""
    m, k = A.shape
    if m == 0:
        return A
    factor, _, _, info = lapack.dgeqrf(A, lwork=64 * max(k, 1), overwrite_a=0)
    if info:  # pragma: no cover - LAPACK refuses only malformed arguments
        raise ArithmeticError(f"dgeqrf: argument {-info}")
    return np.triu(factor[: min(m, k)])


def gather_triangles(
    rows: Rows, labels: Sequence[NDArray[np.int32]], n_cells: Sequence[int], shift: Shift, centre: Array
) -> list[list[Array]]:
    """Triangle of [1, X − shift, Y − shift] for every cell of every partition, in one pass over the rows."""
    k = 1 + rows.p + rows.t

    def of_share(share: Share) -> list[list[_Pile]]:
        piles = [[_Pile(k) for _ in range(cells)] for cells in n_cells]
        for block, part in row_blocks(rows.X, minimum=2 * k, share=share):
            A = _augmented(rows, block, part, shift, centre)
            for label, mine in zip(labels, piles, strict=True):
                for cell, pile in enumerate(mine):
                    pile.add(A[label[block] == cell])
        return piles

    shares = shared_out(of_share, rows.n, 8 * sum(n_cells) * 2 * PILE * k**2)
    return [[_joined([one[number][cell] for one in shares]) for cell in range(n)] for number, n in enumerate(n_cells)]


def _augmented(rows: Rows, block: slice, part: NDArray[Any], shift: Shift, centre: Array) -> Array:
    """√s times [1, X − shift, Y − shift] of a block of rows."""
    A = np.empty((part.shape[0], 1 + rows.p + rows.t))
    A[:, 0] = 1.0
    np.subtract(part, shift.x, out=A[:, 1 : 1 + rows.p])
    np.subtract(rows.Y[block], shift.y, out=A[:, 1 + rows.p :])
    if centre.any():
        A[:, 1 + rows.p :] -= A[:, 1 : 1 + rows.p] @ centre.T
    if rows.weight is not None:
        A *= np.sqrt(rows.weight[block])[:, None]
    return A


class _Pile:
    """Rows of a cell, which become a triangle whenever there are many."""

    def __init__(self, k: int) -> None:
        self.enough = PILE * k
        self.parts: list[Array] = [np.zeros((0, k))]

    def add(self, part: Array) -> None:
        """More rows."""
        self.parts.append(part)
        if sum(map(len, self.parts)) >= self.enough:
            self.parts = [self.triangle()]

    def triangle(self) -> Array:
        """Of all rows so far."""
        return triangle(np.concatenate(self.parts))


def _joined(piles: Sequence[_Pile]) -> Array:
    """The triangle of a cell from those of its shares."""
    found = [one.triangle() for one in piles]
    return found[0] if len(found) == 1 else triangle(np.concatenate(found))


@dataclass(frozen=True, eq=False)
class TriangularFit:
    """A training set as a triangle, solved by a singular value decomposition of its decayed part.

    Parameters
    ----------
    diagonal : Diagonal
        Of the decayed part.
    inverse : ndarray of shape (h, rank)
        From orthonormal coordinates of the undecayed part to coefficients of intercept and exempt columns.
    undecayed_y, undecayed_x : ndarray of shape (rank, t), (rank, q)
        Targets and decayed columns in those coordinates.
    """

    diagonal: Diagonal
    inverse: Array
    undecayed_y: Array
    undecayed_x: Array
    roles: Roles
    p: int
    fit_intercept: bool

    def models(self, precisions: Array) -> tuple[Array, Array]:
        """Coefficients (L, t, p) and intercepts (L, t) about the shift; Λ = 0 gives the least-penalty solution."""
        return self.expanded(self.diagonal.solutions(precisions))

    def expanded(self, U: Array) -> tuple[Array, Array]:
        """The same of solutions u (L, q, t) of the decayed part."""
        decayed = np.swapaxes(U, 1, 2) / self.roles.scale  # (L, t, q)
        L, t, _ = decayed.shape
        coef = np.zeros((L, t, self.p))
        coef[:, :, self.roles.decayed] = decayed
        rest = self.undecayed_y.T - np.swapaxes(U, 1, 2) @ self.undecayed_x.T  # (L, t, rank)
        rest = rest @ self.inverse.T
        start = int(self.fit_intercept)
        coef[:, :, self.roles.exempt] = rest[:, :, start:]
        return coef, rest[:, :, 0] if self.fit_intercept else np.zeros((L, t))


def fit_triangle(
    parts: Sequence[Array], design: Design, t: int, n: int, constancy: Constancy, mapped: FoldMap | None = None
) -> TriangularFit:
    """Combine cells' triangles into a training set of about n rows, map its columns, and factorise it."""
    R = triangle(np.concatenate(parts)) if len(parts) > 1 else parts[0]
    if mapped is not None:
        R, design = triangle(mapped.triangle(R)), mapped.designed(design)
    p = R.shape[1] - 1 - t
    S = float(R[:, 0] @ R[:, 0])
    centred = R[1:, 1 : 1 + p]
    variance = np.einsum("ij,ij->j", centred, centred) / S
    size, spread = np.sqrt(variance + R[0, 1 : 1 + p] ** 2 / S), np.sqrt(variance)
    # A triangle holds a spread to ε of the distance from the shift; moments hold only its square to ε.
    constant = spread <= CONSTANT * size
    unknown = (spread <= PERHAPS_CONSTANT * size) & ~constant
    if mapped is not None:
        constant = mapped.decide(constant)
        unknown[mapped.known] = False
    if unknown.any():
        constant |= unknown & constancy()
    roles = design.roles(variance, constant)
    first = np.concatenate([[0] if design.fit_intercept else [], 1 + roles.exempt]).astype(np.intp)
    order = np.concatenate([first, 1 + roles.decayed, np.arange(1 + p, 1 + p + t)])
    h, q = len(first), len(roles.decayed)
    R = triangle(R[:, order])
    R[:, h : h + q] /= roles.scale
    inverse, inside, outside = split_undecayed(R, h, n)
    return TriangularFit(
        singular(outside[:, :q], outside[:, q:], n, S**0.5 * size[roles.decayed] / roles.scale),
        inverse,
        inside[:, q:],
        inside[:, :q],
        roles,
        p,
        design.fit_intercept,
    )


def split_undecayed(R: Array, h: int, n: int) -> tuple[Array, Array, Array]:
    """What the first h columns of a triangle of n rows span, and what they leave of the others.

    Returns
    -------
    inverse : ndarray of shape (h, rank)
        From orthonormal coordinates to coefficients, the least where each column has length 1.
    inside : ndarray of shape (rank, k − h)
        The other columns in those coordinates.
    outside : ndarray of shape (m, k − h)
        And across them: columns that repeat each other take away no more than one does.
    """
    head, rest = R[:h, :h], R[:h, h:]
    if h < 2 and (h == 0 or head[0, 0] != 0.0):
        return 1.0 / head, rest, R[h:, h:]
    norm = np.sqrt(np.einsum("ij,ij->j", head, head))
    norm = np.where(norm > 0, norm, 1.0)
    U, sigma, Vt = np.linalg.svd(head / norm)
    rank = int(np.count_nonzero(sigma > rank_tolerance(h, n) * sigma[0]))
    rest = U.T @ rest
    outside = R[h:, h:] if rank == len(head) else np.concatenate([rest[rank:], R[h:, h:]])
    return Vt[:rank].T / sigma[:rank] / norm[:, None], rest[:rank], outside


def residual_sum(R: Array, coef: Array, intercept: Array) -> Array:
    """‖R (−b, −w, 1)‖² for models w (L, t, p), b (L, t): Σ s (residual)² of the rows behind R; shape (L, t)."""
    L, t, p = coef.shape
    product = coef.reshape(L * t, p) @ R[:, 1 : 1 + p].T + intercept.reshape(L * t, 1) * R[:, 0]
    residual = product.reshape(L, t, -1) - R[:, 1 + p :].T
    return np.asarray(np.einsum("ltm,ltm->lt", residual, residual))
