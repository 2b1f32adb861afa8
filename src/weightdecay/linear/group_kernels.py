"""The same held-out error of wide data, through one n × n kernel per group: a group may have any number of columns.

With Z_g the columns of group g, centred and scaled by a training set, K_g = √s Z_g Z_gᵀ √s on the complement of what is
not decayed, and x_g = 1/Λ_g,

    B β = ỹ,   B = I + Σ_g x_g K_g,       prediction = start + Σ_g x_g C_g β,   C_g = Z_test Z_gᵀ √s,

where nothing divides by Λ_g = inf. Left-out rows: with A = Q B⁻¹ Qᵀ, Q that complement's basis, the residual of row i
is (Aỹ)_i/(A_ii √s_i), and ∂A/∂x_g = −A K_g A.

Source: T. Dupré la Tour, M. Eickenberg, A. Nunez-Elizalde and J. Gallant, *Feature-space selection with banded ridge
regression*, NeuroImage 264, 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from weightdecay.linear.design import Design
from weightdecay.linear.dual import Columns, TrainingSet, standardized, training_set
from weightdecay.linear.fold_maps import FoldMap, gaps
from weightdecay.linear.group_gradient import NO_SHARE
from weightdecay.linear.rows import Rows, column_blocks
from weightdecay.linear.spectrum import EPS
from weightdecay.tuning.group_search import box

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Numbers that the kernels of all folds and groups may hold: 2 GiB.
MOST = 2**28
# B stays positive definite where Λ is at least so many times the rounding error of its kernels.
SAFE = 16.0


@dataclass(frozen=True, eq=False)
class Kernels:
    """A training set as one kernel per group.

    Parameters
    ----------
    sets : TrainingSet
    inside : ndarray of shape (G, k, k)
        K_g in coordinates of the complement of what is not decayed.
    across : ndarray of shape (G, n_test, k)
        C_g from those coordinates to test rows.
    y : ndarray of shape (k, t)
        ỹ in those coordinates.
    """

    sets: TrainingSet
    inside: Array
    across: Array
    y: Array

    @staticmethod
    def of(sets: TrainingSet, kernels: Sequence[Array]) -> Kernels:
        """From the kernels (n, n) of all rows."""
        train, test, root, k = sets.train, sets.test, sets.root, len(sets.train) - sets.rank
        inside, across = np.empty((len(kernels), k, k)), np.empty((len(kernels), len(test), k))
        follow = (sets.undecayed[test] @ sets.inverse) * root  # what the undecayed columns take over
        for g, K in enumerate(kernels):
            cross = K[:, train] * root
            inside[g] = sets.complement(sets.complement(cross[train] * root[:, None]).T)
            across[g] = sets.complement((cross[test] - follow @ cross[train]).T).T
        return Kernels(sets, inside, across, sets.complement(sets.y))

    @property
    def start(self) -> Array:
        """Predictions of the test rows at infinite decay, (n_test, t)."""
        return self.sets.undecayed[self.sets.test] @ (self.sets.inverse @ self.sets.y)

    def factor(self, reach: Array) -> tuple[Array, bool]:
        """Cholesky factor of B at x (G,): the one place where the groups' decays change a kernel."""
        B = np.tensordot(reach, self.inside, axes=1)
        B[np.diag_indices(len(B))] += 1.0
        found: tuple[Array, bool] = cho_factor(B, lower=True, overwrite_a=True, check_finite=False)
        return found

    @property
    def traces(self) -> Array:
        """Of the kernels, (G,)."""
        return np.asarray(np.einsum("gkk->g", self.inside))


@dataclass(frozen=True, eq=False)
class KernelGroups:
    """The mean held-out squared error over the folds of wide data.

    Parameters
    ----------
    rows : Rows
    Y : ndarray of shape (n, t)
        Targets, the centre's offset taken out.
    folds : list of Kernels
    count : ndarray of shape (G,)
        Columns of the groups.
    """

    rows: Rows
    Y: Array
    folds: list[Kernels]
    count: Array

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes."""
        return _bounds(self.folds, self.count, self.rows.weight_sum)

    @cached_property
    def weight(self) -> Array:
        """Σs of the test rows."""
        return np.array([self.rows.s[one.sets.test].sum() for one in self.folds])

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The mean over folds, and its slope in the log decays."""
        reach = np.exp(-log_decays) / self.rows.weight_sum
        loss, slopes = zip(*(self._of_fold(one, reach) for one in self.folds), strict=True)
        total = self.weight.sum()
        return float(self.weight @ loss / total), np.asarray(-reach * (self.weight @ np.array(slopes)) / total)

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of every fold."""
        reach = np.exp(-log_decays) / self.rows.weight_sum
        return np.array([self._of_fold(one, reach)[0] for one in self.folds]), self.weight

    def _of_fold(self, one: Kernels, reach: Array) -> tuple[float, Array]:
        """Loss of a fold averaged over targets, and its slope in x (G,)."""
        factor = one.factor(reach)
        beta = cho_solve(factor, one.y, check_finite=False)
        across = np.tensordot(reach, one.across, axes=1)
        s, Y = self.rows.s[one.sets.test], self.Y[one.sets.test]
        residual = Y - one.start - across @ beta
        scale = s.sum() * Y.shape[1]
        pull = residual * (s / scale)[:, None]
        adjoint = cho_solve(factor, across.T @ pull, check_finite=False)
        slope = ((one.across @ beta) * pull).sum(axis=(1, 2)) - ((one.inside @ beta) * adjoint).sum(axis=(1, 2))
        return float(np.einsum("nt,nt->", residual, pull)), -2.0 * slope


@dataclass(frozen=True, eq=False)
class KernelRowGroups:
    """The mean squared error over rows of wide data left out one by one; scales are those of all rows."""

    rows: Rows
    whole: Kernels
    count: Array

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes."""
        return _bounds([self.whole], self.count, self.rows.weight_sum)

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Rows that the undecayed columns alone do not determine."""
        sets = self.whole.sets
        fixed = np.einsum("mh,hm->m", sets.undecayed[sets.train] * sets.root[:, None], sets.inverse)
        return np.asarray(1.0 - fixed > NO_SHARE)

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The mean over rows, and its slope in the log decays."""
        sets, whole = self.whole.sets, self.whole
        reach = np.exp(-log_decays) / self.rows.weight_sum
        beta, A, ratio = self._left_out(reach)
        diagonal = np.diagonal(A)
        used, (_, t) = self.used, ratio.shape
        S = float((sets.root[used] ** 2).sum()) * t
        value = float(np.square(ratio[used]).sum() / S)
        # ∂(a_i/A_ii) = (−(A K a)_i + ratio_i (A K A)_ii)/A_ii.
        pull = np.where(used[:, None], 2.0 * ratio / (S * diagonal[:, None]), 0.0)
        weighted = A * np.einsum("mt,mt->m", pull, ratio)
        inner = sets.complement(sets.complement(weighted @ A).T)
        slope = np.einsum("gkl,kl->g", whole.inside, inner)
        slope -= ((whole.inside @ beta) * sets.complement(A @ pull)).sum(axis=(1, 2))
        return value, -reach * slope

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of every row."""
        _, _, ratio = self._left_out(np.exp(-log_decays) / self.rows.weight_sum)
        s = self.whole.sets.root[self.used] ** 2
        return np.square(ratio[self.used]).mean(axis=1) / s, s

    def _left_out(self, reach: Array) -> tuple[Array, Array, Array]:
        """β (k, t), A (m, m), and √s times the residuals (m, t) of the rows left out."""
        sets, factor = self.whole.sets, self.whole.factor(reach)
        beta = cho_solve(factor, self.whole.y, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(beta)), check_finite=False)
        A = sets.embedded(sets.embedded(inverse).T)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = sets.embedded(beta) / np.diagonal(A)[:, None]
        return beta, A, np.where(self.used[:, None], ratio, 0.0)


def _bounds(folds: Sequence[Kernels], count: Array, weight_sum: float) -> tuple[Array, Array]:
    """Bounds of log decays that serve all training sets."""
    traces = np.max([one.traces for one in folds], axis=0)
    rank = np.minimum(np.maximum(count, 1), max(len(one.y) for one in folds))
    low, high = box(traces / rank / weight_sum, rank)
    least = SAFE * EPS * len(traces) * traces / weight_sum
    return np.maximum(low, np.log(np.where(least > 0, least, np.exp(low)))), high


def gather_kernels(
    rows: Rows,
    design: Design,
    pairs: Sequence[tuple[Index, Index]],
    Y: Array,
    label: Index,
    maps: Sequence[FoldMap | None],
) -> Iterator[Kernels]:
    """One kernel per group and training set, from one pass over the columns.

    Parameters
    ----------
    rows : Rows
    design : Design
        With the relative weights inside the groups.
    pairs : sequence of (train, test)
        Training rows, all with weight, and those to be predicted.
    Y : ndarray of shape (n, t)
        Targets, the centre's offset taken out.
    label : ndarray of shape (p,)
        Group of every column, −1 for exempt ones.
    maps : sequence of FoldMap or None
        What every training set makes of the columns.

    Raises
    ------
    ValueError
        So many rows, folds and groups that the kernels would not fit into memory.
    """
    n, p, n_groups = rows.n, rows.p, int(label.max(initial=-1)) + 1
    if len(pairs) * n_groups * n**2 > MOST:
        raise ValueError(
            f"decay_groups: {n_groups} groups, {n:,} rows and {len(pairs)} fold{'s' if len(pairs) > 1 else ''} make "
            f"{len(pairs) * n_groups} kernels of {n:,} × {n:,} numbers, more than fit into 2 GiB; give fewer groups or "
            "cv='loo'"
        )
    missing = [None if one is None else gaps(rows, one) for one in maps]
    kernels = [[np.zeros((n, n), order="F") for _ in range(n_groups)] for _ in pairs]
    means, scales = np.zeros((len(pairs), p)), np.full((len(pairs), p), np.inf)
    exempt: list[list[int]] = [[] for _ in pairs]
    kept: list[list[Array]] = [[] for _ in pairs]
    for block, part in column_blocks(rows.X):
        whole = np.asarray(part, dtype=np.float64)
        for f, ((train, _), one) in enumerate(zip(pairs, maps, strict=True)):
            X, own = whole, design
            if one is not None and (holes := missing[f]) is not None:
                X, own = one.patched(whole, block, holes), one.designed(design)
            means[f, block], scales[f, block], free, Z = standardized(X, train, rows.s, own, block)
            exempt[f] += (block.start + np.flatnonzero(free)).tolist()
            kept[f].append(X[:, free])
            _add(kernels[f], Z, label[block])
    for f, pair in enumerate(pairs):
        columns = Columns(means[f], scales[f], np.asarray(exempt[f], dtype=np.intp))
        sets = training_set(rows, design, pair, columns, np.concatenate(kept[f], axis=1), Y)
        whole_kernels = [np.tril(K) + np.tril(K, -1).T for K in kernels[f]]
        kernels[f] = []
        yield Kernels.of(sets, whole_kernels)


def _add(kernels: list[Array], Z: Array, label: Index) -> None:
    """Add a block of columns (n, b) to the kernels of their groups."""
    for g in np.unique(label[label >= 0]):
        mine = np.ascontiguousarray(Z[:, label == g])
        dsyrk(1.0, mine.T, beta=1.0, c=kernels[g], trans=1, lower=1, overwrite_c=1)
