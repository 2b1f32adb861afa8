"""Accuracy: how many digits of each coefficient rounding has probably taken.

A backward stable method solves a problem whose columns differ from the given ones by about ε of their lengths κ. With
M = [√s (1, X − shift); √Λ diag(0, a)], N = (MᵀM)⁻¹, coefficients θ and residuals r, to first order::

    |δθ_j| ≲ ε ( √N_jj (Σ_k κ_k |θ_k| + ‖y‖) + Σ_k |N_jk| κ_k ‖r‖ )

From moments alone the second length is not ‖r‖ but that of the terms whose difference r is. The bound is taken
coefficient by coefficient, since a condition number of the whole says nothing of the small ones.

Source: Å. Björck, *Numerical Methods for Least Squares Problems*, SIAM 1996, section 1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
# Numbers in X, times targets, up to which refinement takes about two milliseconds, and the error then allowed.
TINY, EVERY_DIGIT = 2**11, 1e-13
# The error allowed otherwise: measured ones stay below ten times the expected ones, so that nine digits are safe.
GUARDED = 1e-10
# Of large data a coefficient that is small beside its standard error, or vanishes beside the others, is measured
# against those; of tiny data only one that vanishes.
OF_STANDARD_ERROR, OF_LARGEST, OF_LARGEST_TINY = 0.03, 2.0**-20, 2.0**-30
# Rounding errors of many rows cancel in part: beyond this number squared, as a random walk does.
AVERAGED = 10.0


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """A model about a shift, and the sizes of what it was fitted to.

    Parameters
    ----------
    triangle : ndarray of shape (k, k)
        Upper triangle of M on the columns that have coefficients, the intercept first if there is one.
    lengths : ndarray of shape (k,)
        Each column was perturbed by about ε of this.
    theta : ndarray of shape (t, k)
    shift : ndarray of shape (k − 1,) or None
        Of the columns; None without intercept.
    y_shift, y_length, r_length : ndarray of shape (t,)
        The targets' shift, and the lengths of shifted targets and residuals.
    n : int
        Number of rows.
    """

    triangle: Array
    lengths: Array
    theta: Array
    shift: Array | None
    y_shift: Array
    y_length: Array
    r_length: Array
    n: int


def enough(numbers: int) -> float:
    """The expected error up to which a solution needs no refinement, for so many numbers in X times targets."""
    return EVERY_DIGIT if numbers <= TINY else GUARDED


def expected_error(fitted: Fitted, numbers: int, *, from_moments: bool = False) -> float:
    """The largest expected relative error of a coefficient or an intercept; inf where the triangle is singular.

    Examples
    --------
    >>> plain = Fitted(np.eye(2), np.ones(2), np.ones((1, 2)), None, np.zeros(1), np.ones(1), np.ones(1), 100)
    >>> expected_error(plain, 200) < 1e-14
    True
    """
    if not len(fitted.lengths):
        return 0.0
    with np.errstate(all="ignore"):  # what leaves float64 on the way is no digit that could be vouched for
        inverse = _inverse(fitted.triangle / fitted.lengths)
        found = np.inf if inverse is None else _relative_error(fitted, inverse, numbers, from_moments=from_moments)
    return found if np.isfinite(found) else np.inf


def _relative_error(fitted: Fitted, inverse: Array, numbers: int, *, from_moments: bool) -> float:
    """The bound from the inverse (k, k) of the triangle in units of the columns' lengths."""
    tiny = numbers <= TINY
    share = OF_LARGEST_TINY if tiny else OF_LARGEST
    size = np.abs(fitted.theta) * fitted.lengths  # (t, k)
    floor = np.maximum(size, share * size.max(axis=1, keepdims=True))
    total = size.sum(axis=1) + fitted.y_length
    rows, rounding = inverse, np.zeros(len(size))
    if fitted.shift is not None:
        # The intercept about no shift is θ_0 + shift of y − Σ shift_j θ_j.
        slopes, first = fitted.theta[:, 1:], fitted.lengths[0]
        rows = np.concatenate([inverse[:1] - (fitted.shift * first / fitted.lengths[1:]) @ inverse[1:], inverse[1:]])
        rounding = size[:, 0] + first * (np.abs(fitted.y_shift) + np.abs(slopes) @ np.abs(fitted.shift))
        intercept = fitted.theta[:, 0] + fitted.y_shift - slopes @ fitted.shift
        floor[:, 0] = np.maximum(first * np.abs(intercept), share * rounding)
    root = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    pull = np.abs(rows @ inverse.T).sum(axis=1)
    error = np.outer(total, root) + np.outer(total if from_moments else fitted.r_length, pull)
    if not tiny:
        error *= min(1.0, AVERAGED / fitted.n**0.5)
        floor = np.maximum(floor, OF_STANDARD_ERROR / fitted.n**0.5 * np.outer(fitted.r_length, root))
    error[:, 0] += rounding
    return EPS * float(np.divide(error, floor, out=np.zeros_like(error), where=floor > 0.0).max())


def _inverse(triangle: Array) -> Array | None:
    """R⁻¹, None where R is singular."""
    if len(triangle) < triangle.shape[1] or not np.isfinite(triangle).all() or not np.diagonal(triangle).all():
        return None
    inverse, info = lapack.dtrtri(np.asfortranarray(triangle))
    return None if info else np.triu(inverse)


def perturbed_lengths(lengths: Array, scale: Array) -> Array:
    """Lengths of which decompositions see an ε in every column, from the columns' own, the decayed ones last.

    Each group, undecayed and decayed, is decomposed as a whole, the decayed columns in units of their scale a_j.
    """
    undecayed, decayed = np.split(lengths, [len(lengths) - len(scale)])
    return np.concatenate(
        [np.full_like(undecayed, undecayed.max(initial=0.0)), scale * (decayed / scale).max(initial=0.0)]
    )


def stacked_triangle(body: Array, penalty: Array) -> Array:
    """R of the QR decomposition of `body` over the diagonal `penalty` of its last columns; (k, k) or less."""
    k = body.shape[1]
    lower = np.zeros((len(penalty), k))
    lower[:, k - len(penalty) :] = np.diag(penalty)
    return np.asarray(np.linalg.qr(np.concatenate([body, lower]), mode="r"))


def cholesky_triangle(gram: Array, penalty: Array) -> Array:
    """The same from the body's Gram matrix; (0, k) where it is not definite."""
    k = len(gram)
    gram, last = gram.copy(), np.arange(k - len(penalty), k)
    gram[last, last] += penalty**2
    unit = np.sqrt(np.diagonal(gram))
    if not unit.all():
        return np.zeros((0, k))
    root, info = lapack.dpotrf(gram / np.outer(unit, unit), lower=0, clean=1)
    return np.zeros((0, k)) if info else np.asarray(root * unit)
