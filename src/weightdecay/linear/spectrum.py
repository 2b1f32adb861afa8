"""Spectrum: one factorisation of G serves (G + Λ I) u = r for every Λ.

`tridiagonal` reduces G = Q T Qᵀ (4/3 q³ operations, about a third of an eigendecomposition); each Λ then costs O(q),
and all decays come back through Q in one product. `diagonal` goes on to eigenvectors, for what needs them: leverages,
and the least-norm solution at Λ = 0. Both are LAPACK's; nothing here divides by Λ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
# Lengths of columns beyond whose ratio a common decomposition would cost the short ones their digits.
GRADED = 1e3


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
            row[...] = _positive_solve(self.d + precision, self.e, self.z)
        flat = self._rotated(np.swapaxes(Z, 0, 1).reshape(q, len(Z) * t), "N")
        return np.swapaxes(flat.reshape(q, len(Z), t), 0, 1)

    def _rotated(self, B: Array, trans: str) -> Array:
        """Q B or Qᵀ B."""
        return rotated(self.reflectors, self.tau, B, trans)

    @cached_property
    def eigenvalues(self) -> Array:
        """Eigenvalues of G, ascending."""
        if not len(self.e):  # which LAPACK's wrapper refuses
            return self.d
        values, info = lapack.dsterf(self.d, self.e)
        return np.asarray(values if info == 0 else np.linalg.eigvalsh(_dense(self.d, self.e)))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Smallest and largest eigenvalue of G, by inverse iteration and as Gershgorin's bound."""
        q = len(self.d)
        off = np.abs(self.e)
        radius = np.concatenate([[0.0], off]) + np.concatenate([off, [0.0]])
        largest = float((np.abs(self.d) + radius).max())
        if not largest > 0.0:
            return 0.0, largest
        d, e, floor = self.d / largest, self.e / largest, EPS * q
        # Cheap and from above: a few steps of inverse iteration on T from a fixed vector of mixed signs.
        x = np.cos(np.arange(q, dtype=np.float64) * 2.3) + 0.1
        smallest = 1.0
        for _ in range(4):
            x = _positive_solve(d + floor, e, (x / np.linalg.norm(x)).reshape(q, 1))[:, 0]
            if np.isnan(x[0]):
                return 0.0, largest
            smallest = 1.0 / float(np.linalg.norm(x))
        return max(smallest - floor, 0.0) * largest, largest


def _positive_solve(d: Array, e: Array, B: Array) -> Array:
    """T⁻¹ B for a tridiagonal T; nan where it is not positive definite."""
    if not len(e):  # which LAPACK's wrapper refuses
        return B / np.where(d > 0, d, np.nan)[:, None]
    *_, X, info = lapack.dptsv(d, e, B)
    return np.full_like(B, np.nan) if info else np.asarray(X)


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


def diagonal(G: Array, r: Array, size: float | None = None) -> Diagonal:
    """Eigendecomposition of G; eigenvalues below q·ε of the largest are taken as zero.

    Where columns were projected out, what they leave may be rounding error as a whole: `size` is then the largest
    eigenvalue, or a bound of it, *before* the projection, and the cut is measured against that.
    """
    d, V = np.linalg.eigh(G) if len(G) else (np.zeros(0), np.zeros((0, 0)))
    keep = d > rounding(d, size)
    V = V[:, keep]
    return Diagonal(V, d[keep], V.T @ r)


def rounding(eigenvalues: Array, size: float | None = None) -> float:
    """Up to where eigenvalues of a matrix of this order are rounding error, given its size before projections."""
    return float(len(eigenvalues) * EPS * max(eigenvalues.max(initial=0.0), size or 0.0))


def rank_tolerance(q: int, n: int) -> float:
    """The rounding error of a QR decomposition of q columns and n rows, relative to the columns' lengths."""
    return (64 + q + 4 * math.sqrt(n)) * EPS


def singular(X: Array, Y: Array, n: int, size: Array | float | None = None) -> Diagonal:
    """The same for G = XᵀX from X (m, q) itself, so that small eigenvalues keep their digits; r = XᵀY.

    Singular values at the rounding error of a QR decomposition of n rows are taken as zero. Where columns were
    projected out, `size` is the length of the columns *before* that, one for all or (q,), and the cut is measured
    against it. Columns of very different lengths keep their digits, and their directions, each by itself.
    """
    if 0 in X.shape:
        return Diagonal(np.zeros((X.shape[1], 0)), np.zeros(0), np.zeros((0, Y.shape[1])))
    U, sigma, V = _decomposed(X, n, size, complete=False)
    U, sigma, V = U[:, ::-1], sigma[::-1], V[:, ::-1]
    return Diagonal(V, sigma**2, sigma[:, None] * (U.T @ Y))


def left_vectors(X: Array, n: int, size: Array) -> tuple[Array, Array]:
    """Singular values of X (m, q) beyond rounding error, and their left vectors, completed to (m, m)."""
    if 0 in X.shape:
        return np.zeros(0), np.eye(len(X))
    U, sigma, _ = _decomposed(X, n, size, complete=True)
    return sigma, U


def _decomposed(X: Array, n: int, size: Array | float | None, *, complete: bool) -> tuple[Array, Array, Array]:
    """U, singular values beyond rounding error, and V; U of as many columns as there are values unless complete.

    Lengths that differ much are decomposed by one-sided rotations, which keep the digits that columns of length 1 have.

    Source: Z. Drmač and K. Veselić, *New fast and accurate Jacobi SVD algorithm*, SIAM J. Matrix Anal. Appl. 29, 2008.
    """
    tolerance = rank_tolerance(X.shape[1], n)
    lengths = np.broadcast_to(0.0 if size is None else size, X.shape[1])
    largest = float(lengths.max())
    graded = largest > GRADED * lengths.min()
    if graded:
        lengths = np.where(lengths > 0, lengths, largest)
        X, largest = X / lengths, 1.0
    U, sigma, Vt = np.linalg.svd(X, full_matrices=complete)
    rank = int(np.count_nonzero(sigma > tolerance * max(sigma[0], largest)))
    sigma, V = sigma[:rank], Vt[:rank].T
    if graded and rank:
        square = np.zeros((len(lengths), len(lengths)))  # what is rounding error becomes rows of zeros
        square[:rank] = (lengths[:, None] * V * sigma).T
        sigma, left, V, scale, _, info = lapack.dgejsv(square, joba=3)
        if info:  # pragma: no cover - fifty sweeps have always been enough
            raise ArithmeticError(f"dgejsv: {info}")
        sigma, V = sigma[:rank] * (scale[0] / scale[1]), V[:, :rank]
        U[:, :rank] = U[:, :rank] @ left[:rank, :rank]
    return U if complete else U[:, :rank], sigma, V
