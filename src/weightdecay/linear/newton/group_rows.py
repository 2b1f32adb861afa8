"""The same held-out losses for data of more columns than rows, through one kernel per group of columns.

With K_g = Σ_{j∈g} x̃_j x̃_jᵀ/a_j² and K = Σ_g K_g/λ_g over the rows, models are those of the columns A, A Aᵀ = K, on
which 1 acts as the λ_g do on the p. With ρ = s slope/S_f of the training rows at a fold's model, r = s slope of its
test rows, W = s curvature/S_f and η_a what the adjoint a = H_f⁻¹ ∂L/∂v predicts of training rows, stationarity of both
takes the coefficients out of ∂L/∂θ_g = −a·(Λ_g/S_f) Q_g v:

    ∂L/∂θ_g = ρ·(K_g[train, test] r − K_g[train, train] W η_a) S_f/Λ_g.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from weightdecay.linear.fold_maps import FoldMap
from weightdecay.linear.group_kernels import MOST
from weightdecay.linear.newton.courses import Asked, Wide, WideFold, wide_fold
from weightdecay.linear.newton.group_courses import FEWEST, KEPT, HeldOutSums
from weightdecay.linear.newton.passes import predictors
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.spectrum import EPS
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Known:
    """A model at log decays (G,): pulls ρ, predictors by decayed columns (m, c), coefficients of the others (c, e)."""

    place: Array
    pull: Array
    decayed: Array
    free: Array


@final
@dataclass(eq=False)
class KernelGroups:
    """One training set of wide data, and the rows it is tested on.

    Parameters
    ----------
    fold : WideFold
    asked : Asked
    kernels : ndarray of shape (G, m, m)
        Of training and test rows.
    """

    fold: WideFold
    asked: Asked
    kernels: Array
    passes: int = 0
    known: list[Known] = field(default_factory=list)

    def sizes(self, n_groups: int) -> tuple[Array, Array]:
        """Mean and largest eigenvalue, roughly, of each group's kernel, each (1, G), at the best constant."""
        m = len(self.fold.train)
        data = self.fold.paths(np.zeros((len(self.kernels[0]), 0)), self.asked).data
        flat = data.loss.constant(data.target[:m], data.s[:m])[None, :].repeat(m, axis=0)
        bend = np.einsum("icc->i", data.loss.curvature(data.target[:m], flat)) / data.loss.outputs * data.s[:m]
        own = np.einsum("gii->gi", self.kernels[:, :m, :m]) @ bend / data.s[:m].sum()
        return (own / m)[None], own[None]

    def visit(self, log_decays: Array) -> None:
        """Find the model, for others to start from."""
        self._solved(log_decays)

    def held_out(self, log_decays: Array) -> HeldOutSums:
        """Loss of the fold, and its slope."""
        paths, v = self._solved(log_decays)
        data, members, one, m = paths.data, paths.members, np.zeros(1, dtype=np.intp), len(self.fold.train)
        found = paths.gradients(v[None], one)
        train = members.decayed_gradient(found.train, v[None], np.ones(1), one)[0]
        anchor = paths.own_anchor(v, 0, 1.0)
        adjoint = anchor.factor(0, 1.0, anchor.hessian(0)).solve(found.test.ravel()).reshape(v.shape)
        self.passes += paths.passes + 1
        S, strength = members.weight[0], members.strength(np.ones(1), one)[0]
        eta = predictors(data, members, v[None], one, np.arange(data.n))
        slope = data.loss.slope(data.target, eta.copy())[:, 0] * data.s[:, None]
        bend = data.loss.curvature(data.target[:m], eta[:m, 0]) * (data.s[:m] / S)[:, None, None]
        moved = predictors(data.without_offset(), members, adjoint[None], one, np.arange(m))[:, 0]
        pull = np.concatenate([-np.einsum("iab,ib->ia", bend, moved), slope[m:]])
        each = np.einsum("ia,gij,ja->g", slope[:m] / S, self.kernels[:, :m], pull, optimize=True)
        loss = found.test_loss - np.sum(adjoint * train)
        return HeldOutSums(loss, (each * np.exp(-log_decays) / strength)[None], members.test_weight)

    def _solved(self, log_decays: Array) -> tuple[Paths, Array]:
        """The model (c, q), and the columns it is of."""
        m, fold = len(self.fold.train), self.fold
        with threads_for(float(m) ** 3):
            A, first = _root(np.tensordot(np.exp(-log_decays), self.kernels[:, :, :m], axes=1), m)
        paths = fold.paths(A, self.asked)
        data, (c, q), r = paths.data, paths.shape, A.shape[1]
        flat = np.zeros((c, q))
        if q > data.p and data.offset is None:
            flat[:, -1] = data.loss.constant(data.target[:m], data.s[:m])
        vars(paths)["goal"] = np.full(1, paths.tol * max(1.0, float(np.abs(paths.gradient(flat)).max())))
        starts = [flat]
        if self.known:
            near = min(self.known, key=lambda one: float(np.abs(one.place - log_decays).max()))
            # Its pulls are close to the new ones where decays are large, its predictors where they are small.
            duals = near.pull.T @ A[:m] / paths.members.strength(np.ones(1), np.zeros(1, dtype=np.intp))[0]
            same = solve_triangular(A[first], near.decayed[first], lower=True, check_finite=False).T
            starts += [np.concatenate([one, near.free], axis=1) for one in (-duals, same)]
        v = min(starts, key=lambda one: _objective(paths, one, m))
        v = paths.model(v, 1.0).V[0]
        eta = predictors(data, paths.members, v[None], np.zeros(1, dtype=np.intp), np.arange(m))
        pull = data.loss.slope(data.target[:m], eta)[:, 0] * (data.s[:m] / paths.members.weight[0])[:, None]
        model = Known(log_decays.copy(), pull, A[:m] @ v[:, :r].T, v[:, r:].copy())
        self.known = [*self.known[-max(FEWEST, KEPT // pull.size) :], model]
        self.passes += paths.passes
        paths.passes = 0
        return paths, v


def _root(K: Array, m: int) -> tuple[Array, Index]:
    """A (n, r) with A Aᵀ = K among the first m rows, and between these and the others, from K (n, m).

    Cholesky's with pivots, which pivots of rounding size end; also the rows (r,) in which A is triangular.
    """
    cut = 4.0 * m * EPS * float(np.diagonal(K[:m]).max(initial=0.0))
    lower, pivots, rank, _ = lapack.dpstrf(K[:m], tol=cut, lower=1)
    order = pivots - 1
    first = np.tril(lower)[:, :rank]
    A = np.zeros((len(K), rank))
    A[order] = first
    if rank and len(K) > m:
        A[m:] = solve_triangular(first[:rank], K[m:, order[:rank]].T, lower=True, check_finite=False).T
    return A, order[:rank]


def _objective(paths: Paths, v: Array, m: int) -> float:
    """J of a fold at a model, inf where it is no number."""
    data, members, one = paths.data, paths.members, np.zeros(1, dtype=np.intp)
    eta = predictors(data, members, v[None], one, np.arange(m))
    with np.errstate(over="ignore", invalid="ignore"):
        loss = float(data.s[:m] @ data.loss.value(data.target[:m], eta)[:, 0]) / members.weight[0]
        value = loss + 0.5 * members.strength(np.ones(1), one)[0] * float((members.Q[0] * v**2).sum())
    return value if math.isfinite(value) else math.inf


def kernel_groups(
    wide: Wide,
    pairs: Sequence[tuple[Index, Index]],
    asked: Asked,
    maps: Sequence[FoldMap | None],
    label: Index,
) -> list[KernelGroups]:
    """One kernel per group and fold.

    Raises
    ------
    ValueError
        So many rows, folds and groups that the kernels would not fit into memory.
    """
    n, n_groups = wide.rows.n, int(label.max(initial=-1)) + 1
    if len(pairs) * n_groups * n**2 > MOST:
        raise ValueError(
            f"decay_groups: {n_groups} groups, {n:,} rows and {len(pairs)} folds make {len(pairs) * n_groups} kernels "
            f"of {n:,} × {n:,} numbers, more than fit into 2 GiB; give fewer groups or folds"
        )
    found = []
    for pair, mapped in zip(pairs, maps, strict=True):
        fold = wide_fold(wide, pair, asked, mapped)
        own = label[fold.roles.decayed]
        kernels = np.stack([fold.kernel(np.flatnonzero(own == g)) for g in range(n_groups)])
        found.append(KernelGroups(fold, asked, kernels))
    return found
