"""Graded: orthogonal factorisations of columns of very different lengths, in which each length keeps its digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg import lapack

from weightdecay.linear.spectrum import GRADED, rank_tolerance, singular

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LongFirst:
    """Z = Q R of a matrix (p, n) whose rows have very different lengths and come in descending order of these.

    Then both R and products with Q keep the digits of each row: those of the long ones do not drown the short ones.

    Source: A. J. Cox and N. J. Higham, *Stability of Householder QR factorization for weighted least squares problems*,
    in: Numerical Analysis 1997, Longman 1998.
    """

    factor: Array
    tau: Array
    triangle: Array  # R (min(n, p), n)

    @staticmethod
    def of(Z: Array) -> LongFirst:
        """Factorise; Z, in Fortran order, is overwritten."""
        (factor, tau), triangle = scipy.linalg.qr(Z, mode="raw", overwrite_a=True, check_finite=False)
        return LongFirst(factor, tau, triangle[: len(tau)])

    def embedded(self, v: Array) -> Array:
        """Q v (p, c) of coordinates (min(n, p), c)."""
        padded = np.zeros((len(self.factor), v.shape[1]), order="F")
        if not v.size:
            return padded
        padded[: len(v)] = v
        found, _, info = lapack.dormqr("L", "N", self.factor, self.tau, padded, 64 * v.shape[1], overwrite_c=1)
        if info:  # pragma: no cover - LAPACK refuses only malformed arguments
            raise ArithmeticError(f"dormqr: argument {-info}")
        return np.asarray(found)


def graded_svd(A: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """U (n, k), singular values beyond rounding error, and Vᵀ (k, d) of A (n, d), whose columns have given lengths.

    Where columns were projected out of A the lengths are those before that, which its rounding errors are a share of.
    """
    order = np.argsort(-lengths, kind="stable")
    W, stairs, reach = _staircase(A[:, order], lengths[order])
    reduced = LongFirst.of(stairs)
    found = singular(reduced.triangle.T, np.zeros((len(reach), 0)), A.shape[1], reach)
    sigma = np.sqrt(found.d)
    right = np.empty((len(sigma), A.shape[1]))
    right[:, order] = reduced.embedded(found.V).T
    return W @ orthonormal(reduced.triangle.T @ found.V / sigma), sigma, right


def _staircase(A: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """A = W Sᵀ with WᵀW = I, for columns in descending order of length: W (n, k), S (d, k), and lengths (k,).

    Columns of like length form a step, which adds to W what it spans beyond the longer ones. What is rounding error of
    a step is an exact zero in S: where long columns depend on each other it might be as large as all that short ones
    say.
    """
    (n, d), tolerance = A.shape, rank_tolerance(A.shape[1], A.shape[0])
    W, S, reach = np.zeros((n, 0)), np.zeros((d, min(n, d)), order="F"), np.zeros(0)
    start = 0
    while start < d and lengths[start] > 0.0 and W.shape[1] < S.shape[1]:
        stop = start + int(np.count_nonzero(lengths[start:] * GRADED >= lengths[start]))
        rest, k = A[:, start:stop], W.shape[1]
        for _ in range(2):  # the second time takes out the rounding errors of the first
            inside = W.T @ rest
            S[start:stop, :k] += inside.T
            rest = rest - W @ inside
        U, sigma, _ = np.linalg.svd(rest / lengths[start:stop], full_matrices=False)
        U = U[:, sigma > tolerance * max(1.0, sigma[0])][:, : S.shape[1] - k]
        S[start:stop, k : k + U.shape[1]] = rest.T @ U
        W, reach = np.hstack([W, U]), np.append(reach, np.full(U.shape[1], lengths[start]))
        start = stop
    S[start:, : W.shape[1]] = A[:, start:].T @ W
    return W, np.asfortranarray(S[:, : W.shape[1]]), reach


def orthonormal(B: Array) -> Array:
    """Nearly orthonormal columns made so, the last ones first, whose errors are the least."""
    if not B.size:
        return B
    Q, triangle = np.linalg.qr(B[:, ::-1])
    return np.asarray((Q * np.sign(np.diagonal(triangle)))[:, ::-1])
