"""Spectrum: one factorisation of G serves (G + Λ I) u = r for every Λ.

`tridiagonal` reduces G = Q T Qᵀ (4/3 q³ operations, about a third of an eigendecomposition); each Λ then costs O(q),
and all decays come back through Q in one product. `diagonal` goes on to eigenvectors, for what needs them: leverages,
and the least-norm solution at Λ = 0. Both are LAPACK's; nothing here divides by Λ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """G = Q T Qᵀ with T tridiagonal, and Qᵀr.

    Parameters
    ----------
    reflectors, tau : ndarray
        Q as LAPACK's dsytrd leaves it (lower triangle).
    d, e : ndarray of shape (q,), (q − 1,)
        Diagonal and off-diagonal of T.
    z : ndarray of shape (q, t)
        Qᵀ r.
    """

    reflectors: Array
    tau: Array
    d: Array
    e: Array
    z: Array

    def solutions(self, precisions: Array) -> Array:
        """u(Λ) = (G + Λ I)⁻¹ r for finite Λ > 0, shape (L, q, t)."""
        q, t = self.z.shape
        Z = np.empty((len(precisions), q, t))
        for row, precision in zip(Z, precisions, strict=True):
            *_, row[...], info = lapack.dptsv(self.d + precision, self.e, self.z)
            if info:
                row[...] = np.nan
        return np.swapaxes(self._rotated(np.swapaxes(Z, 0, 1).reshape(q, -1), "N").reshape(q, len(Z), t), 0, 1)

    def _rotated(self, B: Array, trans: str) -> Array:
        """Q B or Qᵀ B."""
        return rotated(self.reflectors, self.tau, B, trans)

    @cached_property
    def eigenvalues(self) -> Array:
        """Eigenvalues of G, ascending."""
        values, info = lapack.dsterf(self.d, self.e)
        return np.asarray(values if info == 0 else np.linalg.eigvalsh(_dense(self.d, self.e)))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Smallest and largest eigenvalue of G, by inverse iteration and as Gershgorin's bound."""
        q = len(self.d)
        off = np.abs(self.e)
        radius = np.concatenate([[0.0], off]) + np.concatenate([off, [0.0]])
        largest = float((np.abs(self.d) + radius).max())
        floor = EPS * q * largest
        # Cheap and from above: a few steps of inverse iteration on T from a fixed vector of mixed signs.
        x = np.cos(np.arange(q, dtype=np.float64) * 2.3) + 0.1
        smallest = largest
        for _ in range(4):
            *_, y, info = lapack.dptsv(self.d + floor, self.e, (x / np.linalg.norm(x)).reshape(q, 1))
            if info:
                return 0.0, largest
            x = y[:, 0]
            smallest = 1.0 / float(np.linalg.norm(x))
        return max(smallest - floor, 0.0), largest


def rotated(reflectors: Array, tau: Array, B: Array, trans: str) -> Array:
    """Q B (trans "N") or Qᵀ B ("T"); with the lower triangle, Q acts on rows 1 to q − 1 as a QR's does."""
    if len(B) < 2 or B.shape[1] == 0:
        return B
    result = np.array(B, order="F")
    inner = np.asfortranarray(reflectors[1:, :-1])
    below = np.asfortranarray(result[1:])
    block, _, info = lapack.dormqr("L", trans, inner, tau, below, max(1, 64 * B.shape[1]))
    if info:  # pragma: no cover - LAPACK refuses only malformed arguments
        raise ArithmeticError(f"dormqr: argument {-info}")
    result[1:] = block
    return result


def _dense(d: Array, e: Array) -> Array:
    """T as a full matrix."""
    return np.asarray(np.diag(d) + np.diag(e, 1) + np.diag(e, -1))


def tridiagonal(G: Array, r: Array) -> Tridiagonal:
    """Reduce G (q, q) to tridiagonal form and rotate r (q, t); G may be overwritten."""
    q = len(G)
    if q < 2:
        return Tridiagonal(np.asarray(G), np.zeros(0), np.diagonal(G).copy(), np.zeros(0), np.array(r))
    # G is symmetric, so its transpose is the column-major matrix that LAPACK may overwrite.
    reflectors, d, e, tau, info = lapack.dsytrd(G.T, lower=1, lwork=64 * q, overwrite_a=1)
    if info:  # pragma: no cover - LAPACK refuses only malformed arguments
        raise ArithmeticError(f"dsytrd: argument {-info}")
    return Tridiagonal(reflectors, tau, d, e, rotated(reflectors, tau, r, "T"))


@dataclass(frozen=True, eq=False)
class Diagonal:
    """G = V diag(d) Vᵀ, and Vᵀr; directions whose eigenvalue is rounding error are left out.

    Parameters
    ----------
    V : ndarray of shape (q, m)
    d : ndarray of shape (m,)
        Positive, ascending.
    z : ndarray of shape (m, t)
        Vᵀ r.
    """

    V: Array
    d: Array
    z: Array

    def shrunken(self, precisions: Array) -> Array:
        """1/(d + Λ), shape (m, L): the one place where decay changes a diagonalised matrix; 0 at Λ = inf."""
        return 1.0 / (self.d[:, None] + precisions)

    def solutions(self, precisions: Array) -> Array:
        """u(Λ) = V (d + Λ)⁻¹ Vᵀ r, shape (L, q, t); the least-norm solution at Λ = 0, zeros at inf."""
        m, t = self.z.shape
        scaled = self.shrunken(precisions)[:, :, None] * self.z[:, None, :]
        flat = scaled.reshape(m, len(precisions) * t)
        return np.swapaxes((self.V @ flat).reshape(len(self.V), len(precisions), t), 0, 1)

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues, the left-out ones as zeros."""
        return np.concatenate([np.zeros(len(self.V) - len(self.d)), self.d])


def diagonal(G: Array, r: Array) -> Diagonal:
    """Eigendecomposition of G; eigenvalues below q·ε of the largest are taken as zero."""
    d, V = np.linalg.eigh(G) if len(G) else (np.zeros(0), np.zeros((0, 0)))
    keep = d > len(d) * EPS * (d[-1] if len(d) else 0.0)
    V = V[:, keep]
    return Diagonal(V, d[keep], V.T @ r)


def singular(X: Array, Y: Array, n: int) -> Diagonal:
    """The same for G = XᵀX from X (m, q) itself, so that small eigenvalues keep their digits; r = XᵀY.

    Singular values at the rounding error of a QR decomposition of n rows are taken as zero.
    """
    if 0 in X.shape:
        return Diagonal(np.zeros((X.shape[1], 0)), np.zeros(0), np.zeros((0, Y.shape[1])))
    U, sigma, Vt = np.linalg.svd(X, full_matrices=False)
    keep = sigma > (64 + X.shape[1] + 4 * n**0.5) * EPS * sigma[0]
    order = np.flatnonzero(keep)[::-1]
    return Diagonal(Vt[order].T, sigma[order] ** 2, sigma[order, None] * (U[:, order].T @ Y))
