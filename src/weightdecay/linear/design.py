"""Design: how columns enter the fit, and the reduction of a training set to its decayed part.

A model y ≈ b + x·w with penalty (Λ/2) Σ p_j v_j (w_j − c_j)² becomes, for the decayed columns with a_j = √p_j · sd_j
and u_j = a_j (w_j − c_j), after the intercept and the exempt columns are projected out,

    minimise ½‖ỹ − X̃ u‖² + (Λ/2)‖u‖²,      so (G + Λ I) u = r with G = X̃ᵀX̃, r = X̃ᵀỹ.

The centre is an offset: the engine sees y − Xc and adds c back to the coefficients at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.moments import Moments

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# A column whose spread is below this share of its distance from the shift is constant up to rounding.
CONSTANT = 1e-14


@dataclass(frozen=True, eq=False)
class Design:
    """What an estimator asks of the columns.

    Parameters
    ----------
    fit_intercept, standardize : bool
    decay_weights : ndarray of shape (p,)
        p_j ≥ 0; 0 exempts a column.
    """

    fit_intercept: bool
    standardize: bool
    decay_weights: Array

    def roles(self, variance: Array, constant: NDArray[np.bool_], block: slice = slice(None)) -> Roles:
        """Sort columns into decayed, exempt and dropped ones.

        A constant column has weight 0 where columns are standardised: an intercept makes it useless, and without one it
        is fitted free of decay.

        Parameters
        ----------
        variance : ndarray of shape (p,)
            Σ s (x − mean)²/Σ s of the training rows.
        constant : ndarray of shape (p,) of bool
            Columns whose variance is rounding error.
        block : slice
            Which columns these are, when they are not all.
        """
        spread = np.sqrt(np.where(constant, 0.0, variance)) if self.standardize else 1.0
        scale = np.sqrt(self.decay_weights[block]) * spread
        dropped = constant & self.fit_intercept
        decayed = ~dropped & (scale > 0)
        return Roles(np.flatnonzero(decayed), np.flatnonzero(~dropped & ~decayed), scale[decayed])


@dataclass(frozen=True, eq=False)
class Roles:
    """Which columns are decayed (q of them) and exempt (e of them), and the scale a_j of the decayed ones."""

    decayed: Index
    exempt: Index
    scale: Array


@dataclass(frozen=True, eq=False)
class Reduced:
    """The decayed part of a training set.

    Parameters
    ----------
    G : ndarray of shape (q, q)
    r : ndarray of shape (q, t)
    rss : ndarray of shape (t,)
        ‖ỹ‖²: what intercept and exempt columns leave of the targets.
    """

    G: Array
    r: Array
    rss: Array
    weight_sum: float
    roles: Roles
    p: int
    mean: Array  # (p,) of the shifted columns, zeros without intercept
    y_mean: Array  # (t,)
    exempt_y: Array  # (e, t) least-squares coefficients of the targets on the exempt columns
    exempt_x: Array  # (e, q) and of the decayed columns on them
    cancelled: float  # largest share of a decayed column's square that its mean took away

    @property
    def q(self) -> int:
        """Number of decayed columns."""
        return len(self.roles.decayed)

    def models(self, U: Array) -> tuple[Array, Array]:
        """Coefficients (L, t, p) and intercepts (L, t), about the shift, of solutions u of shape (L, q, t)."""
        L, _, t = U.shape
        coef = np.zeros((L, t, self.p))
        decayed = np.swapaxes(U, 1, 2) / self.roles.scale
        coef[:, :, self.roles.decayed] = decayed
        if len(self.roles.exempt):
            coef[:, :, self.roles.exempt] = self.exempt_y.T - decayed @ self.exempt_x.T
        return coef, self.y_mean - coef @ self.mean


def reduce(moments: Moments, design: Design) -> Reduced:
    """Project intercept and exempt columns out of training moments, and scale the rest."""
    S = moments.weight_sum
    mean = moments.zz[0, 1:] / S
    square = np.diagonal(moments.zz)[1:] / S
    variance = np.maximum(square - mean**2, 0.0)
    roles = design.roles(variance, variance <= CONSTANT * square)
    if design.fit_intercept:
        y_mean = moments.zy[0] / S
        xx, xy = moments.zz[1:, 1:] - S * np.outer(mean, mean), moments.zy[1:] - S * np.outer(mean, y_mean)
        yy = moments.yy - S * y_mean**2
    else:
        mean, y_mean = np.zeros_like(mean), np.zeros_like(moments.yy)
        xx, xy, yy = moments.zz[1:, 1:], moments.zy[1:], moments.yy
    D, E = roles.decayed, roles.exempt
    everything = len(D) == len(mean)
    G, r = (xx, xy) if everything else (xx[np.ix_(D, D)], xy[D])
    exempt_y, exempt_x = np.zeros((len(E), len(yy))), np.zeros((len(E), len(D)))
    if len(E):
        cross = xx[np.ix_(E, D)]
        solved = symmetric_solve(xx[np.ix_(E, E)], np.concatenate([xy[E], cross], axis=1))
        exempt_y, exempt_x = solved[:, : len(yy)], solved[:, len(yy) :]
        yy = yy - np.einsum("et,et->t", xy[E], exempt_y)
        G, r = G - cross.T @ exempt_x, r - cross.T @ exempt_y
    G = G / roles.scale
    G /= roles.scale[:, None]
    r = r / roles.scale[:, None]
    cancelled = float((square[D] / variance[D]).max(initial=1.0)) if design.fit_intercept else 1.0
    return Reduced(G, r, np.maximum(yy, 0.0), S, roles, len(mean), mean, y_mean, exempt_y, exempt_x, cancelled)


def symmetric_solve(A: Array, B: Array) -> Array:
    """Least-norm solution of A Z = B for a positive semi-definite A, by its scaled eigendecomposition."""
    root = np.sqrt(np.maximum(np.diagonal(A), 0.0))
    root = np.where(root > 0, root, 1.0)
    d, V = np.linalg.eigh(A / np.outer(root, root))
    keep = d > len(d) * np.finfo(float).eps * max(float(d[-1]), 0.0)
    V = V[:, keep]
    return np.asarray((V @ ((V.T @ (B / root[:, None])) / d[keep, None])) / root[:, None])
