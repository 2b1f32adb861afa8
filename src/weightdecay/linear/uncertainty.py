"""Uncertainty of ridge coefficients: standard deviations of their posterior and of their sampling, tall and wide.

In the coordinates u in which decay acts alike, the decayed part has the posterior covariance φ (G + Λ I)⁻¹ and exempt
columns and intercept follow, w_E = N(…) − M u. A direction that the rows say nothing of has the variance φ/Λ of the
prior; at Λ = 0 coefficients with a share in one are not determined, and theirs is nan. Scales are taken as given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.covariances import noise_variance, posterior_std, sandwich_std, scatter
from weightdecay.linear.dual import DualFit
from weightdecay.linear.fold_split import HELD_OUT_ROWS
from weightdecay.linear.rows import Rows, column_blocks, row_blocks
from weightdecay.linear.sides import Tall, Wide
from weightdecay.linear.whole import Models, Whole

Array = NDArray[np.float64]

# Products beyond which it is not had: about a minute.
MOST = 2e12
# Share of a coefficient in directions that the rows do not determine, up to which it is rounding.
DETERMINED = 1e-8


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Standard deviations (t, 1 + p) of intercepts and coefficients, nan where they are undefined or not to be had.

    Parameters
    ----------
    posterior : ndarray
        Under the Gaussian prior that decay is.
    sandwich : ndarray
        Of the decayed fit about its own mean, over samples of rows.
    """

    posterior: Array
    sandwich: Array


def uncertainty(problem: Any, precisions: Array, models: Models) -> Uncertainty:
    """Of the model of every target of a ridge problem, in the units that the rows are in.

    Parameters
    ----------
    problem : RidgeProblem
    precisions : ndarray of shape (t,)
        Λ of each target.
    models : Models
        At Λ = 0 and then at these, one after another.
    """
    rows: Rows = problem.rows
    unknown = np.full((rows.t, 1 + rows.p), np.nan)
    posterior, sandwich = unknown, unknown.copy()
    work = 2.0 * rows.n * (1.0 + rows.p) * (1.0 + min(rows.n, rows.p)) * rows.t
    if problem.side.name not in ("moments", "kernel") or work > MOST:
        return Uncertainty(posterior, sandwich)
    for t, precision in enumerate(precisions.tolist()):
        parameters = float(models.df[1 + t]) + int(problem.design.fit_intercept)
        variance = noise_variance(float(models.rss[1 + t, t]), rows.n_positive, parameters)
        if problem.side.name == "moments":
            posterior[t], sandwich[t] = _tall(problem.side, precision, t, models, variance)
        else:
            posterior[t], sandwich[t] = _wide(problem.side, precision, t, variance)
    if not problem.design.fit_intercept:
        posterior[:, 0] = sandwich[:, 0] = np.nan
    return Uncertainty(posterior, sandwich)


def _tall(side: Tall, precision: float, t: int, models: Models, variance: float) -> tuple[Array, Array]:
    """Through the eigenvectors of G: β = (b, w) about the shift has H⁻¹ = A (d + Λ)⁻¹ Aᵀ + N Nᵀ + C Cᵀ/Λ."""
    rows, rotation = side.rows, side.whole.rotation(lifted=False)
    shift, head = rotation.shift[0], rotation.undecayed
    shrunken = np.sqrt(rotation.spectrum.shrunken(np.array([precision]))[:, 0])
    root = np.concatenate([rotation.A * shrunken, rotation.N], axis=1)
    coef, gram = models.coef[1 + t, t], np.zeros((len(head), len(head)))
    intercept = float(models.intercept[1 + t, t] + coef @ shift)

    def scores() -> Iterator[Array]:
        for block, part in row_blocks(rows.X, maximum=HELD_OUT_ROWS):
            Z = np.ones((len(part), 1 + rows.p))
            np.subtract(part, shift, out=Z[:, 1:])
            s = rows.s[block]
            gram[...] += (Z[:, head].T * s) @ Z[:, head]
            yield Z * (s * (rows.Y[block, t] - intercept - Z[:, 1:] @ coef))[:, None]

    scattered = scatter(root, scores())
    root = _about_zero(root, shift)
    square = np.square(posterior_std(root)) + _of_prior(_undetermined(side.whole, len(shrunken), shift), precision)
    found = np.stack([np.sqrt(variance * square), sandwich_std(root, scattered)])
    taking_part = np.zeros(1 + rows.p, dtype=bool)
    taking_part[[0, *(1 + rotation.roles.decayed), *(1 + rotation.roles.exempt)]] = True
    found[:, ~taking_part] = np.nan
    if rotation.N.shape[1] < len(head):
        found[0, head[_repeated(gram)]] = np.nan
    return found[0], found[1]


def _about_zero(root: Array, shift: Array) -> Array:
    """Rows of (b, w) about a shift of the columns, for b about zero."""
    found = root.copy()
    found[0] -= shift @ root[1:]
    return found


def _undetermined(whole: Whole, rank: int, shift: Array) -> Array:
    """‖C_j‖² (1 + p,), of the part of β that depends on directions of u which the rows say nothing of."""
    nothing = np.zeros(1 + whole.rows.p)
    if not whole.small and rank == whole.reduced.q:
        return nothing
    fit = whole.triangular
    V, q = fit.diagonal.V, len(fit.roles.decayed)
    if V.shape[1] == q:
        return nothing
    M = np.zeros((1 + whole.rows.p, q))
    M[1 + fit.roles.decayed, np.arange(q)] = 1.0 / fit.roles.scale
    head = np.concatenate([[0] if whole.design.fit_intercept else [], 1 + fit.roles.exempt]).astype(np.intp)
    M[head] = -fit.inverse @ fit.undecayed_x
    M = _about_zero(M, shift)
    C = M - (M @ V) @ V.T
    share, size = (np.einsum("pq,pq->p", one, one) for one in (C, M))
    return np.where(share > DETERMINED * size, share, 0.0)


def _of_prior(undetermined: Array, precision: float) -> Array:
    """What the prior alone says of them, ‖C_j‖²/Λ; nan where it says nothing either."""
    if precision == 0.0:
        return np.where(undetermined > 0.0, np.nan, 0.0)
    return undetermined / precision


def _repeated(gram: Array) -> NDArray[np.bool_]:
    """Which of some columns are combinations of others, by their moments (h, h)."""
    unit = np.sqrt(np.diagonal(gram))
    unit = np.where(unit > 0, unit, 1.0)
    d, V = np.linalg.eigh(gram / np.outer(unit, unit))
    null = V[:, d <= DETERMINED * d[-1]]
    return np.asarray(np.einsum("hk,hk->h", null, null) > DETERMINED)


def _wide(side: Wide, precision: float, t: int, variance: float) -> tuple[Array, Array]:
    """Through the kernel: (G + Λ I)⁻¹ = (I − Z̃ᵀ(K̃ + Λ)⁻¹ Z̃)/Λ, with Z̃ᵀ B = Zᵀ √s B, in one pass over the columns."""
    trusted = bool(side.whole.trusted(np.array([precision]))[0])
    fit = side.whole if trusted else side.triangular
    seen = _Seen.of(fit, precision, t)
    rows, columns, h = side.rows, fit.sets.columns, fit.sets.inverse.shape[0]
    start = h - len(columns.exempt)
    decayed = np.isfinite(columns.scale)
    posterior, sandwich = np.full((2, 1 + rows.p), np.nan)
    # Of the intercept and the exempt columns: M (h, q) by its rows' squares and its products with Z̃ᵀ B.
    lengths, products = np.zeros((h, h)), np.zeros((h, len(fit.d)))
    own, own_products, crossed = 0.0, np.zeros(len(fit.d)), np.zeros(h)
    for block, part in column_blocks(rows.X):
        mine = decayed[block]
        scale, mean = columns.scale[block][mine], columns.mean[block][mine]
        Z = (np.asarray(part, dtype=np.float64)[fit.sets.train][:, mine] - mean) / scale * fit.sets.root[:, None]
        C, M = Z.T @ fit.B, -fit.sets.inverse @ Z
        at = 1 + block.start + np.flatnonzero(mine)
        posterior[at] = seen.posterior(C, np.ones(len(C))) / scale**2
        sandwich[at] = seen.sandwich(C) / scale
        a = mean / scale
        lengths, products = lengths + M @ M.T, products + M @ C
        own, own_products, crossed = own + float(a @ a), own_products + a @ C, crossed + M @ a
    # The intercept about zero is that about the means, less mean·w: of decayed columns and of exempt ones.
    T = np.zeros((h, h))
    T[np.arange(h), np.arange(h)] = 1.0
    T[:start, start:] -= columns.mean[columns.exempt]
    less = np.zeros((h, 1))
    less[:start] = 1.0
    full = np.einsum("hk,kl,hl->h", T, lengths, T) - 2.0 * less[:, 0] * (T @ crossed) + less[:, 0] * own
    seen_by = T @ products - less * own_products
    inverse = T @ fit.sets.inverse
    place = np.concatenate([np.zeros(start, dtype=np.intp), 1 + columns.exempt])
    posterior[place] = np.einsum("hm,hm->h", inverse, inverse) + seen.posterior(seen_by, full)
    sandwich[place] = np.linalg.norm(inverse * seen.residual + seen_by @ seen.influence, axis=1)
    if fit.sets.rank < h:
        head = fit.sets.undecayed[fit.sets.train] * fit.sets.root[:, None]
        posterior[place[_repeated(head.T @ head)]] = np.nan
    return np.sqrt(variance * posterior), sandwich


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the training rows see of directions in u, by their products Z̃ᵀ B.

    Parameters
    ----------
    shrunken : ndarray of shape (k,)
        1/(d + Λ).
    residual : ndarray of shape (m,)
        √s times the residuals of the training rows.
    influence : ndarray of shape (k, m)
        (d + Λ)⁻¹ Bᵀ √s residual: what each row adds to the solution.
    """

    precision: float
    shrunken: Array
    residual: Array
    influence: Array

    @staticmethod
    def of(fit: DualFit, precision: float, t: int) -> _Seen:
        """Of one target; the residuals come from the dual solution, in which nothing cancels."""
        sets, shrunken = fit.sets, 1.0 / (fit.d + precision)
        left = precision * shrunken if np.isfinite(precision) else np.ones(len(fit.d))
        outside = sets.complement(sets.y[:, [t]]) - sets.complement(fit.B) @ fit.z[:, [t]]
        residual = sets.embedded(outside)[:, 0] + fit.B @ (left * fit.z[:, t])
        return _Seen(precision, shrunken, residual, shrunken[:, None] * (fit.B.T * residual))

    def posterior(self, products: Array, size: Array) -> Array:
        """c (G + Λ I)⁻¹ cᵀ of directions c with these products (r, k) and squared lengths (r,)."""
        known = np.square(products) @ self.shrunken
        if self.precision > 0.0:
            return np.maximum(size - known, 0.0) / self.precision
        found = np.square(products) @ self.shrunken**2
        return np.where(size - known > DETERMINED * size, np.nan, found)

    def sandwich(self, products: Array) -> Array:
        """Standard deviations of the solution in these directions."""
        return np.asarray(np.linalg.norm(products @ self.influence, axis=1))
