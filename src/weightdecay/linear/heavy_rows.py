"""Heavy rows: those that a model follows almost wholly, left out without subtracting their leverage from 1.

They are few, since leverages sum to a rank; they are kept as they are, and all other rows become a triangle below
them. With U the left singular vectors of the decayed part on the complement of the undecayed columns, completed by
those without singular value, and z = Uᵀy, the residual of row i left out is

    (Σ_j u_ij m_j z_j) / (Σ_j u_ij² m_j),      m_j = 1/(d_j + Λ),

where nothing cancels in the denominator. Where what counts of u_i is itself close to rounding error, the system is
factorised again without the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import Roles
from weightdecay.linear.moments import Shift
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import left_vectors, singular
from weightdecay.linear.triangles import gather_triangles, split_undecayed, triangle

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Entries of U are known to ε; where the denominator magnifies that by more than this, too few digits are left.
FAINT = 1e5
# Products that factorising again and again may take.
AFFORDABLE = 1e10


@dataclass(frozen=True, eq=False)
class HeavyRows:
    """Heavy rows above the triangle of all others, columns in the order undecayed, decayed, targets.

    Parameters
    ----------
    B : ndarray of shape (H + k, h + q + t)
        √s times the H rows, and the triangle; decayed columns in units of their scale.
    root : ndarray of shape (H,)
        √s.
    sizes : tuple of int
        h, q and n, the number of all rows.
    intercept : bool
        Whether the first undecayed column is that of the intercept.
    """

    B: Array
    root: Array
    sizes: tuple[int, int, int]
    intercept: bool

    def residuals(self, precisions: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Residuals (H, L, t) of the rows left out, and at which decays they have too few digits."""
        d, U, z = self._rotated
        m, H = multipliers(d, precisions), len(self.root)
        top = (U @ (m[:, :, None] * z[:, None, :]).reshape(len(d), -1)).reshape(H, len(precisions), -1)
        bottom = np.square(U) @ m
        faint = ~(np.abs(U) @ m < FAINT * bottom)
        found = top / np.where(bottom > 0, bottom, np.inf)[:, :, None]
        again = np.flatnonzero(faint.any(axis=1))
        if len(again) * float(self.B.shape[1]) ** 3 <= AFFORDABLE:
            for row in again:
                found[row] = self._without(int(row), precisions)
            faint[:] = False
        return found / self.root[:, None, None], np.asarray(faint.any(axis=0))

    @cached_property
    def _rotated(self) -> tuple[Array, Array, Array]:
        """d (m,), the rows of U (H, m) that are heavy, and z (m, t)."""
        h, q, n = self.sizes
        body, lengths = self.B[:, h:], np.sqrt(np.einsum("ij,ij->j", self.B, self.B))
        undecayed, left = left_vectors(self.B[:, :h], n, lengths[:h])
        complement = left[:, len(undecayed) :]
        outside = complement.T @ body
        sigma, U = left_vectors(outside[:, :q], n, lengths[h : h + q])
        d = np.zeros(U.shape[1])
        d[: len(sigma)] = sigma**2
        return d, complement[: len(self.root)] @ U, U.T @ outside[:, q:]

    def _without(self, row: int, precisions: Array) -> Array:
        """√s times the residuals (L, t) of one row from the model of all others; the least that they leave open."""
        h, q, n = self.sizes
        one, R = self.B[row], triangle(np.delete(self.B, row, axis=0))
        lengths = np.sqrt(np.einsum("ij,ij->j", R[:, h : h + q], R[:, h : h + q]))
        inverse, inside, outside = split_undecayed(R, h, n)
        U = singular(outside[:, :q], outside[:, q:], n, lengths).solutions(precisions)
        theta = inverse @ (inside[:, q:] - inside[:, :q] @ U)  # (L, h, t)
        if inverse.shape[1] < h:
            theta = _least_slopes(R[:h, :h], inverse, theta, int(self.intercept))
        return np.asarray(one[h + q :] - one[:h] @ theta - one[h : h + q] @ U)


def _least_slopes(head: Array, inverse: Array, theta: Array, start: int) -> Array:
    """Of all solutions of the undecayed part the one whose coefficients, the intercept apart, are least."""
    norm = np.sqrt(np.einsum("ij,ij->j", head, head))
    norm = np.where(norm > 0, norm, 1.0)
    Vt = np.linalg.svd(head / norm)[2]
    free = Vt[inverse.shape[1] :].T / norm[:, None]
    return np.asarray(theta - free @ (np.linalg.pinv(free[start:]) @ theta[:, start:]))


def multipliers(d: Array, precisions: Array) -> Array:
    """(d_min + Λ)/(d_j + Λ), shape (m, L): 1 for the smallest eigenvalue at every Λ, 1 for all at Λ = inf."""
    finite = np.where(np.isinf(precisions), 1.0, precisions)
    least = d.min(initial=np.inf)
    with np.errstate(invalid="ignore"):
        ratio = np.where(d[:, None] == least, 1.0, (least + finite) / (d[:, None] + finite))
    return np.asarray(np.where(np.isinf(precisions), 1.0, ratio))


def set_apart(
    rows: Rows, heavy: Index, undecayed: Index, roles: Roles, shift: tuple[Array, Array], centre: Array
) -> HeavyRows:
    """Heavy rows and the triangle of all others: one pass over these.

    Parameters
    ----------
    rows : Rows
    heavy : ndarray of shape (H,)
        Which rows.
    undecayed : ndarray of shape (h,)
        Which columns of (1, x) are not decayed.
    roles : Roles
        The decayed columns and their scale.
    shift : tuple of ndarray
        Of columns and targets.
    centre : ndarray of shape (t, p)
    """
    label = np.zeros(rows.n, dtype=np.int32)
    label[heavy] = -1
    ((rest,),) = gather_triangles(rows, [label], [1], Shift(*shift), centre)
    part = rows.X[heavy]
    Z = np.asarray(part if isinstance(part, np.ndarray) else part.toarray(), dtype=np.float64) - shift[0]
    root = np.sqrt(rows.s[heavy])
    own = np.concatenate([np.ones((len(heavy), 1)), Z, rows.Y[heavy] - shift[1] - Z @ centre.T], axis=1)
    p, t = rows.p, rows.t
    order = np.concatenate([undecayed, 1 + roles.decayed, np.arange(1 + p, 1 + p + t)])
    B = np.concatenate([own * root[:, None], rest])[:, order]
    h, q = len(undecayed), len(roles.decayed)
    B[:, h : h + q] /= roles.scale
    return HeavyRows(B, root, (h, q, rows.n), bool(h and undecayed[0] == 0))
