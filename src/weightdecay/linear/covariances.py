"""Covariances of fitted coefficients: of their posterior under the prior that decay is, and of their sampling.

With H the Hessian of the summed loss and penalty at the fit, Σ s_i loss_i + (Λ/2)‖u‖², decay is minus the logarithm of
a Gaussian prior density, so that coefficients have, to second order, the posterior covariance φ H⁻¹, where φ is the
variance of the noise for squared loss, and 1 where the loss is a likelihood of its own. The sandwich
H⁻¹ (Σ g_i g_iᵀ) H⁻¹ of the rows' gradients g_i = s_i loss′_i z_i is how the fit would scatter over samples of such
rows, whatever their noise is like; it says nothing of how far decay has moved the fit from the truth.

Everything goes through a root B of H⁻¹ = B Bᵀ, whose rows are those of the parameters: an inverse Cholesky factor, or
eigenvectors over roots of eigenvalues. Linear maps of the parameters, such as into the units of the columns, act on its
rows.

Source: H. White, *Maximum likelihood estimation of misspecified models*, Econometrica 50, 1982.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def in_units(root: Array, scale: Array, mean: Array) -> Array:
    """The rows (1 + p, r) of a root for (b, w) of columns x, from those of (b′, u) with b′ + (x − mean)·u/scale.

    Parameters
    ----------
    root : ndarray of shape (1 + p, r)
        The intercept first.
    scale : ndarray of shape (p,)
        inf for columns that take no part.
    mean : ndarray of shape (p,)
    """
    found = np.asarray(root / np.concatenate([[1.0], scale])[:, None], dtype=np.float64)
    found[0] -= mean @ found[1:]
    return found


def posterior_std(root: Array, variance: float = 1.0) -> Array:
    """√(φ (B Bᵀ)_jj) of each row of a root (P, r), shape (P,).

    Parameters
    ----------
    root : ndarray of shape (P, r)
        B.
    variance : float
        φ.
    """
    return np.asarray(np.sqrt(variance * np.einsum("pr,pr->p", root, root)))


def scatter(root: Array, scores: Iterable[Array]) -> Array:
    """Bᵀ (Σ g_i g_iᵀ) B, shape (r, r), in one pass.

    Parameters
    ----------
    root : ndarray of shape (P, r)
        In the coordinates of the gradients.
    scores : iterable of ndarray of shape (m, P)
        The gradients s_i loss′_i z_i of blocks of rows.
    """
    found = np.zeros((root.shape[1], root.shape[1]))
    for block in scores:
        seen = block @ root
        found += seen.T @ seen
    return found


def sandwich_std(root: Array, scattered: Array) -> Array:
    """√((B S Bᵀ)_jj) of each row of a root (P, r), with S of `scatter`, shape (P,).

    The root may be that of other units than the one that the gradients met.
    """
    return np.asarray(np.sqrt(np.maximum(np.einsum("pr,pr->p", root @ scattered, root), 0.0)))


def noise_variance(rss: float, n: int, parameters: float) -> float:
    """φ̂ = RSS/(n − parameters), nan where no row is left over.

    Parameters
    ----------
    rss : float
        Σ s (residual)².
    n : int
        Rows with positive weight.
    parameters : float
        Effective degrees of freedom, the intercept's among them.
    """
    left = n - parameters
    return rss / left if left > 1e-9 * n else float("nan")
