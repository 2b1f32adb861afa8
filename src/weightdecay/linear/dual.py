"""Wide data on the side of the rows: an n × n kernel per training set instead of a p × p Gram matrix.

With Z the decayed columns, centred and scaled by a training set, and K = √s Z Zᵀ √s, the solution is u = Zᵀ√s α with
(K̃ + Λ I) α = ỹ, where K̃ = P K P and ỹ = P √s y, and P projects out √s (1, exempt columns). All training sets get their
kernels from one pass over the columns; scales are redone for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from weightdecay.linear.design import Design
from weightdecay.linear.rows import OutOfRangeError, Rows, column_blocks
from weightdecay.linear.spectrum import EPS, Diagonal, Tridiagonal, diagonal, tridiagonal

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Relative size of Λ below which the tridiagonal form would resolve directions that are only rounding error.
SMALL_PRECISION = 1e-8


@dataclass(frozen=True, eq=False)
class Columns:
    """What one training set says of the columns: means, scales a_j of the decayed ones, and who is exempt."""

    mean: Array  # (p,), zeros without intercept
    scale: Array  # (p,), inf where a column does not take part
    exempt: Index


@dataclass(frozen=True, eq=False)
class DualFit:
    """One training set of wide data, factorised."""

    train: Index
    test: Index
    columns: Columns
    undecayed: Array  # (n, h): 1 and the exempt columns of all rows, unweighted
    inverse: Array  # (h, n_train) pseudo-inverse of √s times its training rows
    basis: Array  # (n_train, r) orthonormal basis of those
    kernel: Array  # (n, n_train): Z Z_trainᵀ √s_train
    root: Array  # (n_train,) √s
    y: Array  # (n_train, t) √s y

    @cached_property
    def projected(self) -> tuple[Array, Array]:
        """K̃ and ỹ."""
        K = self.kernel[self.train] * self.root[:, None]
        Q = self.basis
        K = K - Q @ (Q.T @ K)
        K -= (K @ Q) @ Q.T
        return (K + K.T) / 2, self.y - Q @ (Q.T @ self.y)

    @cached_property
    def factor(self) -> Tridiagonal:
        """For Λ well above rounding error."""
        K, y = self.projected
        return tridiagonal(np.array(K), y)

    @cached_property
    def spectrum(self) -> Diagonal:
        """For leverages, and for Λ near 0."""
        K, y = self.projected
        return diagonal(K, y)

    def duals(self, precisions: Array) -> Array:
        """α(Λ), shape (L, n_train, t); zeros at Λ = inf."""
        found = np.zeros((len(precisions), *self.y.shape))
        finite = np.isfinite(precisions)
        size = float(np.trace(self.projected[0]))
        safe = finite & (precisions > SMALL_PRECISION * size) & ("spectrum" not in self.__dict__)
        if safe.any():
            found[safe] = self.factor.solutions(precisions[safe])
        rest = finite & ~safe
        if rest.any():
            # α matters only through K̃α: directions without eigenvalue may be left out.
            found[rest] = self.spectrum.solutions(precisions[rest])
        # What rounding leaves in the projected directions, divided by Λ alone, would show in the coefficients.
        return np.asarray(found - self.basis @ (self.basis.T @ found))

    def predictions(self, rows: Index, precisions: Array) -> Array:
        """Predictions for some rows, shape (L, len(rows), t)."""
        across = self.undecayed[rows] @ self.inverse
        reach = self.kernel[rows] - across @ (self.kernel[self.train] * self.root[:, None])
        return np.asarray(across @ self.y + reach @ self.duals(precisions))

    def training_residuals(self, precisions: Array) -> Array:
        """√s times the residuals of the training rows, shape (L, n_train, t)."""
        K, y = self.projected
        return np.asarray(y - K @ self.duals(precisions))


def fit_duals(rows: Rows, design: Design, trains: Sequence[Index], tests: Sequence[Index], Y: Array) -> list[DualFit]:
    """Factorisable training sets from one pass over the columns.

    Parameters
    ----------
    rows : Rows
    design : Design
    trains, tests : sequences of index arrays
    Y : ndarray of shape (n, t)
        Targets, the centre's offset taken out.
    """
    n, p = rows.n, rows.p
    kernels = [np.zeros((n, n)) for _ in trains]
    means, scales = np.zeros((len(trains), p)), np.full((len(trains), p), np.inf)
    exempt: list[list[int]] = [[] for _ in trains]
    kept: list[list[Array]] = [[] for _ in trains]
    everything = [len(train) == n for train in trains]
    for block, part in column_blocks(rows.X):
        X = np.asarray(part, dtype=np.float64)
        for f, train in enumerate(trains):
            mean, scale, free, Z = _columns(X, slice(None) if everything[f] else train, rows.s, design, block)
            means[f, block] = mean
            scales[f, block] = scale
            exempt[f] += (block.start + np.flatnonzero(free)).tolist()
            kept[f].append(X[:, free])
            # A symmetric rank-k update in place: half the products, and no second matrix.
            dsyrk(1.0, Z.T, beta=1.0, c=kernels[f].T, trans=1, lower=1, overwrite_c=1)
    fits = []
    for f, (train, test) in enumerate(zip(trains, tests, strict=True)):
        K = np.triu(kernels[f]) + np.triu(kernels[f], 1).T
        columns = Columns(means[f], scales[f], np.asarray(exempt[f], dtype=np.intp))
        fits.append(_fit(rows, design, (train, test), columns, np.concatenate(kept[f], axis=1), (K, Y)))
    return fits


def _columns(
    X: Array, train: Index | slice, s: Array, design: Design, block: slice
) -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """Means, scales and exemption of a block of columns over training rows, and all rows centred and scaled."""
    s_train = s[train]
    # Not by a product of NumPy's BLAS, whose threads would stand in the way of those of SciPy's (see `moments`).
    mean = np.einsum("i,ij->j", s_train, X[train]) / s_train.sum()
    if not np.isfinite(mean.sum()):
        raise OutOfRangeError
    Z = X - mean
    variance = np.einsum("i,ij,ij->j", s_train, Z[train], Z[train]) / s_train.sum()
    constant = np.sqrt(variance) <= 16 * EPS * np.abs(mean)
    roles = design.roles(np.where(constant, 0.0, variance), constant, block)
    scale = np.full(X.shape[1], np.inf)
    scale[roles.decayed] = roles.scale
    free = np.zeros(X.shape[1], dtype=bool)
    free[roles.exempt] = True
    if not design.fit_intercept:
        mean, Z = np.zeros_like(mean), X / scale
    else:
        Z /= scale
    return mean, scale, free, Z


def _fit(
    rows: Rows, design: Design, sets: tuple[Index, Index], columns: Columns, exempt: Array, data: tuple[Array, Array]
) -> DualFit:
    """Project the undecayed columns out of one kernel."""
    (train, test), (K, Y) = sets, data
    root = np.sqrt(rows.s[train])
    ones = [np.ones((rows.n, 1))] if design.fit_intercept else []
    undecayed = np.concatenate([*ones, exempt - columns.mean[columns.exempt]], axis=1)
    weighted = undecayed[train] * root[:, None]
    U, sigma, Vt = np.linalg.svd(weighted / _norms(weighted), full_matrices=False)
    keep = sigma > 1e-13 * sigma.max(initial=0.0)
    inverse = (Vt[keep].T / sigma[keep]) @ U[:, keep].T / _norms(weighted)[:, None]
    kernel = K[:, train] * root
    return DualFit(train, test, columns, undecayed, inverse, U[:, keep], kernel, root, Y[train] * root[:, None])


def _norms(A: Array) -> Array:
    """Norms of columns, 1 for zero columns."""
    norm = np.sqrt((A**2).sum(axis=0))
    return np.where(norm > 0, norm, 1.0)


def dual_models(rows: Rows, fit: DualFit, precisions: Array) -> tuple[Array, Array]:
    """Coefficients (L, t, p) and intercepts (L, t), from one more pass over the columns."""
    duals = fit.duals(precisions)
    L, m, t = duals.shape
    V = (duals * fit.root[:, None]).transpose(0, 2, 1).reshape(L * t, m)
    coef = np.zeros((L * t, rows.p))
    for block, part in column_blocks(rows.X):
        X: Any = part[fit.train] - fit.columns.mean[block]
        coef[:, block] = (V @ X) / fit.columns.scale[block] ** 2
    coef = coef.reshape(L, t, rows.p)
    inner = (fit.kernel[fit.train] * fit.root[:, None]) @ duals  # (L, m, t)
    rest = fit.inverse @ (fit.y - inner)  # (L, h, t)
    start = rest.shape[1] - len(fit.columns.exempt)
    coef[:, :, fit.columns.exempt] = np.swapaxes(rest[:, start:], 1, 2)
    intercept = rest[:, 0] - coef @ fit.columns.mean if start else np.zeros((L, t))
    return coef, intercept
