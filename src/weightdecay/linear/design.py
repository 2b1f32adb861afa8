"""Design: how columns enter the fit, and the reduction of a training set to its decayed part.

A model y ≈ b + x·w with penalty (Λ/2) Σ p_j v_j (w_j − c_j)² becomes, for the decayed columns with a_j = √p_j · sd_j
and u_j = a_j (w_j − c_j), after the intercept and the exempt columns are projected out,

    minimise ½‖ỹ − X̃ u‖² + (Λ/2)‖u‖²,      so (G + Λ I) u = r with G = X̃ᵀX̃, r = X̃ᵀỹ.

The centre is an offset: the engine sees y − Xc and adds c back to the coefficients at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.moments import Moments
from weightdecay.linear.spectrum import rounding

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Which columns hold a single value on the training rows, told by the rows themselves: another pass, when needed.
Constancy = Callable[[], NDArray[np.bool_]]

# Where moments leave less than this share of a column's square as its variance, only rows can tell if it is constant.
CONSTANT = 1e-14
# Share of the largest variance that rounding may leave of a combination that is constant by construction.
HOLDS = 1e-9


@dataclass(frozen=True, eq=False)
class Design:
    """What an estimator asks of the columns.

    Parameters
    ----------
    fit_intercept, standardize : bool
    decay_weights : ndarray of shape (p,)
        p_j ≥ 0; 0 exempts a column.
    spread : ndarray of shape (p,) or None
        Scales that take the place of standard deviations (or of 1 where columns are not standardised), nan for columns
        that keep them.
    nulls : tuple of (ndarray, ndarray)
        Columns, and numbers c_j by which their weighted sum Σ c_j x_j is the same in every row, in every fold: levels
        of a category, flags of gaps that come together.
    l1_ratio : float
        ρ, the share of the L1 part.
    kinks : ndarray of shape (p,) or None
        What Λ ρ |u_j| is multiplied with in the L1 part; None means √p_j.
    """

    fit_intercept: bool
    standardize: bool
    decay_weights: Array
    spread: Array | None = None
    nulls: tuple[tuple[Index, Array], ...] = ()
    l1_ratio: float = 0.0
    kinks: Array | None = None

    def roles(self, variance: Array, constant: NDArray[np.bool_], block: slice = slice(None)) -> Roles:
        """Sort columns into decayed, exempt and dropped ones.

        A constant column has weight 0 where columns are standardised: an intercept makes it useless, and without one it
        is fitted free of decay.

        Parameters
        ----------
        variance : ndarray of shape (p,)
            Σ s (x − mean)²/Σ s of the training rows.
        constant : ndarray of shape (p,) of bool
            Columns that hold a single value.
        block : slice
            Which columns these are, when they are not all.
        """
        spread = np.sqrt(np.where(constant, 0.0, variance)) if self.standardize else np.ones(len(variance))
        if self.spread is not None:
            own = self.spread[block]
            spread = np.where(np.isnan(own) | constant, spread, own)
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
    weight_sum : float
        Σs.
    roles : Roles
    mean : ndarray of shape (p,)
        Of the shifted columns, zeros without intercept.
    y_mean : ndarray of shape (t,)
    exempt_root : ndarray of shape (e, rank)
        Square root of the pseudo-inverse of the exempt columns' moments about their means.
    exempt_y : ndarray of shape (e, t)
        Least-squares coefficients of the targets on the exempt columns.
    exempt_x : ndarray of shape (e, q)
        And of the decayed columns on them.
    cancelled : float
        Largest share of a decayed column's square that its mean and the exempt columns took away, times the condition
        of the latter; inf where moments cannot tell whether a column has any variance.
    lifted : ndarray of shape (k,)
        Eigenvalues of G that are its own making (`_lift`): the data have 0 in their place.
    """

    G: Array
    r: Array
    weight_sum: float
    roles: Roles
    mean: Array
    y_mean: Array
    exempt_root: Array
    exempt_y: Array
    exempt_x: Array
    cancelled: float
    lifted: Array

    @property
    def q(self) -> int:
        """Number of decayed columns."""
        return len(self.roles.decayed)

    def models(self, U: Array) -> tuple[Array, Array]:
        """Coefficients (L, t, p) and intercepts (L, t), about the shift, of solutions u of shape (L, q, t)."""
        L, _, t = U.shape
        coef = np.zeros((L, t, len(self.mean)))
        decayed = np.swapaxes(U, 1, 2) / self.roles.scale
        coef[:, :, self.roles.decayed] = decayed
        if len(self.roles.exempt):
            coef[:, :, self.roles.exempt] = self.exempt_y.T - decayed @ self.exempt_x.T
        return coef, self.y_mean - coef @ self.mean


class ColumnMap(Protocol):
    """What a fold makes of the columns (`fold_maps`)."""

    @property
    def known(self) -> Index:
        """Columns of which `decide` tells for certain."""
        ...

    def moments(self, moments: Moments) -> Moments:
        """Of the mapped columns."""
        ...

    def decide(self, constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which columns are constant once mapped."""
        ...


def reduce(moments: Moments, design: Design, constancy: Constancy, mapped: ColumnMap | None = None) -> Reduced:
    """Project intercept and exempt columns out of training moments, and scale the rest."""
    S = moments.weight_sum
    given = np.diagonal(moments.zz)[1:] / S
    moments = moments if mapped is None else mapped.moments(moments)
    mean = moments.zz[0, 1:] / S
    square = np.diagonal(moments.zz)[1:] / S
    variance = np.maximum(square - mean**2, 0.0)
    constant = variance <= CONSTANT * square
    unknown = constant & (square > 0.0)
    if mapped is not None:
        constant = mapped.decide(constant)
        unknown[mapped.known] = False
        square = np.maximum(square, given)
    if unknown.any():
        constant &= ~unknown | constancy()
        unknown &= ~constant
    roles = design.roles(variance, constant)
    if design.fit_intercept:
        y_mean = moments.zy[0] / S
        xx, xy = moments.zz[1:, 1:] - S * np.outer(mean, mean), moments.zy[1:] - S * np.outer(mean, y_mean)
    else:
        mean, y_mean = np.zeros_like(mean), np.zeros_like(moments.yy)
        xx, xy = moments.zz[1:, 1:], moments.zy[1:]
    D, E = roles.decayed, roles.exempt
    everything = len(D) == len(mean)
    G, r = (xx, xy) if everything else (xx[np.ix_(D, D)], xy[D])
    inside = np.isin(np.arange(len(mean)), D, invert=True)
    root, condition = _inverse_root(xx[np.ix_(E, E)], sum(bool(inside[one].all()) for one, _ in design.nulls))
    exempt_y, exempt_x = np.zeros((len(E), r.shape[1])), np.zeros((len(E), len(D)))
    if len(E):
        cross = xx[np.ix_(E, D)]
        exempt_y, exempt_x = root @ (root.T @ xy[E]), root @ (root.T @ cross)
        G, r = G - cross.T @ exempt_x, r - cross.T @ exempt_y
    kept = np.diagonal(G) / S
    if design.standardize:
        kept = np.minimum(kept, variance[D])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(square[D] > 0.0, square[D] / np.maximum(kept, 0.0), 1.0)  # of a column of zeros nothing
    cancelled = float(shares.max(initial=1.0)) * condition
    G = G / roles.scale
    G /= roles.scale[:, None]
    r = r / roles.scale[:, None]
    cancelled = np.inf if unknown.any() else cancelled
    lifted = _lift(G, design, roles)
    return Reduced(G, r, S, roles, mean, y_mean, root, exempt_y, exempt_x, cancelled, lifted)


def _lift(G: Array, design: Design, roles: Roles) -> Array:
    """Give G an eigenvalue of its own size where the columns' construction makes it 0; those eigenvalues.

    Where Σ c_j x_j is constant, Σ c_j a_j x̃_j = 0. Neither r nor any solution has a part in such a direction v, so that
    (G + μ v vᵀ + Λ I) u = r has the very same solution, but keeps the digits that a zero eigenvalue would cost it.
    """
    if not design.nulls or not len(G):
        return np.zeros(0)
    place = np.full(len(design.decay_weights), -1, dtype=np.intp)
    place[roles.decayed] = np.arange(len(G))
    V = np.zeros((len(G), len(design.nulls)))
    for number, (columns, factors) in enumerate(design.nulls):
        mine = place[columns]
        V[mine[mine >= 0], number] = factors[mine >= 0] * roles.scale[mine[mine >= 0]]
    # A category that a fold knows nothing of sums to 0 there, and is not what it was made to be.
    size = np.einsum("ij,ij->j", V, V)
    holds = (size > 0) & (np.einsum("ij,ij->j", V, G @ V) <= HOLDS * size * np.diagonal(G).max())
    V = V[:, holds]
    if not V.shape[1]:
        return np.zeros(0)
    U, sigma, _ = np.linalg.svd(V / np.sqrt(np.einsum("ij,ij->j", V, V)), full_matrices=False)
    N = U[:, sigma > 1e-6]
    mu = float(np.trace(G)) / len(G)
    G += mu * (N @ N.T)
    return np.full(N.shape[1], mu)


def _inverse_root(A: Array, nulls: int) -> tuple[Array, float]:
    """B with B Bᵀ = A⁺ for a positive semi-definite A scaled to a unit diagonal, and A's condition then.

    As many directions as the columns' construction makes zero are not counted.
    """
    if not len(A):
        return A, 1.0
    unit = np.sqrt(np.maximum(np.diagonal(A), 0.0))
    unit = np.where(unit > 0, unit, 1.0)
    d, V = np.linalg.eigh(A / np.outer(unit, unit))
    keep = d > rounding(d)
    condition = float(d[-1] / d[keep][0]) if len(d) - np.count_nonzero(keep) <= nulls else np.inf
    return V[:, keep] / np.sqrt(d[keep]) / unit[:, None], condition
