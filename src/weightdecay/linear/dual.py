"""Wide data on the side of the rows: an n × n matrix per training set instead of a p × p Gram matrix.

With Z the decayed columns, centred and scaled by a training set, and K = √s Z Zᵀ √s, the solution is u = Zᵀ√s α with
(K̃ + Λ I) α = ỹ, where K̃ = P K P and ỹ = P √s y, and P projects out √s (1, exempt columns). With K̃ = B diag(d) Bᵀ,
α = B (d + Λ)⁻¹ Bᵀỹ, so whatever is linear in α costs one column of a matrix product per Λ.

K has the square of the data's condition, and P takes digits from where K was large. Where that costs digits the
triangle R of Zᵀ = Q R takes its place (Q is never formed): RᵀR = Z Zᵀ, so the rows of Rᵀ are those of Z in other
coordinates, and the singular values of R √s P are the roots of d with the digits that the data have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.linalg.blas import dsyrk

from weightdecay.linear.design import Design
from weightdecay.linear.fold_maps import FoldMap, gaps
from weightdecay.linear.graded import orthonormal
from weightdecay.linear.rows import OutOfRangeError, Rows, column_blocks
from weightdecay.linear.spectrum import EPS, GRADED, singular

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Numbers that the n × n matrices of one pass over the columns may hold, or X itself if that is more: 256 MiB.
TOGETHER = 2**25
# ‖K‖/(d + Λ) up to which a kernel keeps the digits that held-out losses need.
TRUSTED = 1e6
# Columns of one panel of a QR decomposition.
PANEL = 32


@dataclass(frozen=True, eq=False)
class Columns:
    """What one training set says of the columns: means, scales a_j of the decayed ones, and who is exempt."""

    mean: Array  # (p,), zeros without intercept
    scale: Array  # (p,), inf where a column does not take part
    exempt: Index


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Who trains, who is predicted, and what is not decayed, of which √s times the m training rows is projected out."""

    train: Index
    test: Index
    columns: Columns
    undecayed: Array  # (n, h'): 1 and the exempt columns of all rows, unweighted
    inverse: Array  # (h', m) pseudo-inverse of √s times its training rows
    reflectors: tuple[Array, Array]  # H = (basis of those, basis of their complement), as Householder vectors
    root: Array  # (m,) √s
    y: Array  # (m, t) √s y

    @property
    def rank(self) -> int:
        """How many directions are not decayed."""
        return len(self.reflectors[1])

    def rotated(self, A: Array, trans: str = "T") -> Array:
        """Hᵀ A, or H A with "N", for A (m, c)."""
        if not self.rank or not A.shape[1]:
            return A
        factor, tau = self.reflectors
        found, _, info = lapack.dormqr("L", trans, factor, tau, A, max(1, 64 * A.shape[1]))
        if info:  # pragma: no cover - LAPACK refuses only malformed arguments
            raise ArithmeticError(f"dormqr: argument {-info}")
        return np.asarray(found)

    def complement(self, A: Array) -> Array:
        """Coordinates (m − h, c) of the columns of A (m, c) on the complement of what is not decayed."""
        return self.rotated(A)[self.rank :]

    def embedded(self, V: Array) -> Array:
        """Vectors (m, c) of given coordinates (m − h, c) on that complement."""
        return self.rotated(np.concatenate([np.zeros((self.rank, V.shape[1])), V]), "N")

    def without(self, place: int) -> TrainingSet:
        """The same columns with one of the training rows as the only test row."""
        others = np.delete(np.arange(len(self.train)), place)
        train, root = self.train[others], self.root[others]
        constant = self.undecayed.shape[1] - len(self.columns.exempt)
        exempt = self.undecayed[:, constant:]
        if constant:
            exempt = exempt - _mean(exempt[train], root**2)
        undecayed = np.concatenate([self.undecayed[:, :constant], exempt], axis=1)
        y = self.y[others]
        return TrainingSet(train, self.train[[place]], self.columns, undecayed, *_projected(undecayed, train, root), y)


@dataclass(frozen=True, eq=False)
class DualFit:
    """A training set, factorised through its kernel or its triangle.

    Parameters
    ----------
    sets : TrainingSet
    cross : ndarray of shape (n, r)
        Z Z_trainᵀ √s with r = m, or Rᵀ with r = n.
    maps : ndarray of shape (r, k)
        What takes `cross` to the k directions: B, or left singular vectors times σ.
    B : ndarray of shape (m, k)
        Eigenvectors of K̃.
    d : ndarray of shape (k,)
        Their eigenvalues, ascending. A triangle leaves out what is rounding error; a kernel cannot tell: a direction of
        d below ε‖K‖ may reach test rows with the root of d.
    z : ndarray of shape (k, t)
        Bᵀỹ.
    size : float
        Largest eigenvalue of K, or nearly: before the projection.
    triangular : bool
    """

    sets: TrainingSet
    cross: Array
    maps: Array
    B: Array
    d: Array
    z: Array
    size: float
    triangular: bool

    @property
    def n_null(self) -> int:
        """Directions that no decayed column sees."""
        return len(self.sets.train) - self.sets.rank - len(self.d)

    def trusted(self, precisions: Array) -> NDArray[np.bool_]:
        """Where rounding errors of the kernel do not show."""
        return self.triangular | trusted(self.d, self.size, precisions)

    def condition(self, precision: float) -> float:
        """By which rounding errors are amplified at Λ in the directions that are not left out."""
        if self.size == 0.0:
            return 1.0
        least = float(self.d.min(initial=self.size)) + precision
        ratio = (self.size + precision) / least if least > 0.0 else np.inf
        return float(np.sqrt(ratio) if self.triangular else ratio)

    def weights(self, precisions: Array) -> Array:
        """Bᵀα (k, L t)."""
        found = self.z[:, None, :] / (self.d[:, None] + precisions)[:, :, None]
        return found.reshape(len(self.d), len(precisions) * self.z.shape[1])

    def reach(self, rows: Index) -> Array:
        """What some rows see of B times weights, beyond what is not decayed, (len(rows), k)."""
        across = (self.sets.undecayed[rows] @ self.sets.inverse) * self.sets.root
        return (self.cross[rows] - across @ self.cross[self.sets.train]) @ self.maps

    def start(self, rows: Index) -> Array:
        """Predictions at Λ = inf, (len(rows), t)."""
        return self.sets.undecayed[rows] @ (self.sets.inverse @ self.sets.y)

    def sums(self, precisions: Array) -> tuple[Array, Array]:
        """Σ s (residual)², and the same plus Λ‖u‖², of the training rows, each (L, t): nothing cancels."""
        outside = self.sets.complement(self.sets.y) - self.sets.complement(self.B) @ self.z
        finite = np.isfinite(precisions)
        bounded = np.where(finite, precisions, 1.0)
        left = np.where(finite, bounded / (self.d[:, None] + bounded), 1.0)
        rest, square = np.einsum("mt,mt->t", outside, outside), np.square(self.z)
        return rest + np.square(left).T @ square, rest + left.T @ square


def trusted(d: Array, size: float, precisions: Array) -> NDArray[np.bool_]:
    """Where ‖K‖/(d + Λ) is small enough for the smallest d."""
    return np.asarray(size <= TRUSTED * (float(d.min(initial=np.inf)) + precisions))


def fit_duals(
    rows: Rows,
    design: Design,
    pairs: Sequence[tuple[Index, Index]],
    Y: Array,
    lengths: Array | None = None,
    maps: Sequence[FoldMap | None] | None = None,
) -> Iterator[DualFit]:
    """Factorise training sets one after another, from one pass over the columns for as many as memory holds.

    Parameters
    ----------
    rows : Rows
    design : Design
    pairs : sequence of (train, test)
        Training rows, all with weight, and those to be predicted.
    Y : ndarray of shape (n, t)
        Targets, the centre's offset taken out.
    lengths : ndarray of shape (n,) or None
        None for kernels; for triangles those of the columns, descending as the columns are where they differ.
    maps : sequence of FoldMap or None
        What every training set makes of the columns.
    """
    together = max(1, max(TOGETHER, rows.n * rows.p) // rows.n**2)
    each = maps or [None] * len(pairs)
    for start in range(0, len(pairs), together):
        some = slice(start, start + together)
        yield from _fit_together(rows, design, list(zip(pairs[some], each[some], strict=True)), Y, lengths)


def _fit_together(
    rows: Rows,
    design: Design,
    mapped: Sequence[tuple[tuple[Index, Index], FoldMap | None]],
    Y: Array,
    lengths: Array | None,
) -> Iterator[DualFit]:
    """One pass over the columns."""
    n, p, pairs = rows.n, rows.p, [pair for pair, _ in mapped]
    missing = [None if one is None else gaps(rows, one) for _, one in mapped]
    squares = [np.zeros((n, n), order="F") for _ in pairs]
    means, scales = np.zeros((len(pairs), p)), np.full((len(pairs), p), np.inf)
    exempt: list[list[int]] = [[] for _ in pairs]
    kept: list[list[Array]] = [[] for _ in pairs]
    for block, part in column_blocks(rows.X):
        whole = np.asarray(part, dtype=np.float64)
        for f, ((train, _), one) in enumerate(mapped):
            X, own = whole, design
            if one is not None and (holes := missing[f]) is not None:
                X, own = one.patched(whole, block, holes), one.designed(design)
            mean, scale, free, Z = standardized(X, train, rows.s, own, block)
            means[f, block], scales[f, block] = mean, scale
            exempt[f] += (block.start + np.flatnonzero(free)).tolist()
            kept[f].append(X[:, free])
            if lengths is None:
                # A symmetric rank-k update in place: half the products, and no second matrix.
                dsyrk(1.0, Z.T, beta=1.0, c=squares[f], trans=1, lower=1, overwrite_c=1)
            else:
                squares[f] = _triangle_with(squares[f], Z.T)
    for f, pair in enumerate(pairs):
        columns = Columns(means[f], scales[f], np.asarray(exempt[f], dtype=np.intp))
        sets = training_set(rows, design, pair, columns, np.concatenate(kept[f], axis=1), Y)
        square, squares[f] = squares[f], np.zeros((0, 0))
        if lengths is None:
            K = np.tril(square) + np.tril(square, -1).T
            yield of_kernel(sets, K[:, sets.train] * sets.root)
        else:
            yield of_triangle(sets, np.triu(square).T, lengths, p)


def _triangle_with(R: Array, Z: Array) -> Array:
    """R (n, n) of the rows of a triangle and of Z (m, n), both of which are overwritten."""
    n = len(R)
    if R.any():
        return np.asarray(lapack.dtpqrt(0, min(PANEL, n), R, Z, overwrite_a=1, overwrite_b=1)[0])
    # The first rows are the longest, and short ones lose their digits under reflections that start from less, as zeros.
    R[: len(Z)] = np.triu(lapack.dgeqrf(Z, lwork=64 * n, overwrite_a=1)[0][:n])
    return R


def standardized(
    X: Array, train: Index, s: Array, design: Design, block: slice
) -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """Means, scales and exemption of a block of columns over training rows, and all rows centred and scaled."""
    inside = slice(None) if len(train) == len(X) else train
    weight = s[inside]
    # Not by a product of NumPy's BLAS, whose threads would stand in the way of those of SciPy's (see `moments`).
    mean = np.einsum("i,ij->j", weight, X[inside]) / weight.sum()
    if not np.isfinite(mean.sum()):
        raise OutOfRangeError
    Z = X - mean
    variance = np.einsum("i,ij,ij->j", weight, Z[inside], Z[inside]) / weight.sum()
    # The sum of n equal numbers is off by up to n ε of it, so that only the numbers tell.
    constant = np.sqrt(variance) <= (16 + len(X)) * EPS * np.abs(mean)
    if constant.any():
        values = X[inside][:, constant]
        deviation = values - _mean(values, weight)
        spread = np.sqrt(np.einsum("i,ij,ij->j", weight, deviation, deviation) / weight.sum())
        constant[constant] = spread <= 16 * EPS * np.abs(mean[constant])
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


def _mean(values: Array, weight: Array) -> Array:
    """Weighted means of columns, exact where all numbers of a column are equal."""
    return np.asarray(values[0] + np.einsum("i,ij->j", weight, values - values[0]) / weight.sum())


def training_set(
    rows: Rows, design: Design, pair: tuple[Index, Index], columns: Columns, exempt: Array, Y: Array
) -> TrainingSet:
    """Of the exempt columns (n, e) and the targets (n, t)."""
    train, test = pair
    root = np.sqrt(rows.s[train])
    ones = [np.ones((rows.n, 1))] if design.fit_intercept else []
    undecayed = np.concatenate([*ones, exempt - columns.mean[columns.exempt]], axis=1)
    return TrainingSet(train, test, columns, undecayed, *_projected(undecayed, train, root), Y[train] * root[:, None])


def _projected(undecayed: Array, train: Index, root: Array) -> tuple[Array, tuple[Array, Array], Array]:
    """Pseudo-inverse (h', m) and Householder vectors of what is projected out of the training rows, and their √s."""
    weighted = undecayed[train] * root[:, None]
    norm = np.sqrt(np.einsum("ij,ij->j", weighted, weighted))
    norm = np.where(norm > 0, norm, 1.0)
    U, sigma, Vt = np.linalg.svd(weighted / norm, full_matrices=False)
    keep = sigma > 1e-13 * sigma.max(initial=0.0)
    inverse = (Vt[keep].T / sigma[keep]) @ U[:, keep].T / norm[:, None]
    if not keep.any():
        return inverse, (np.zeros((len(train), 0)), np.zeros(0)), root
    factor, tau, _, info = lapack.dgeqrf(U[:, keep])
    if info:  # pragma: no cover - LAPACK refuses only malformed arguments
        raise ArithmeticError(f"dgeqrf: argument {-info}")
    return inverse, (factor, tau), root


def of_kernel(sets: TrainingSet, cross: Array) -> DualFit:
    """Factorise through the kernel, given Z Z_trainᵀ √s (n, m)."""
    h = sets.rank
    K = sets.rotated(sets.rotated(cross[sets.train] * sets.root[:, None]).T)
    undecayed = float(np.trace(K[:h, :h]))
    G = K[h:, h:]
    # Where no decayed column tells the training rows apart there is no direction to solve for, even at Λ = 0.
    d, V = np.linalg.eigh((G + G.T) / 2) if G.any() else (np.zeros(0), G[:, :0])
    B, size = sets.embedded(V), max(undecayed, float(d.max(initial=0.0)))
    return DualFit(sets, cross, B, B, np.maximum(d, 0.0), V.T @ sets.complement(sets.y), size, False)


def of_triangle(sets: TrainingSet, cross: Array, lengths: Array, p: int) -> DualFit:
    """Factorise through the triangle of p columns, given Rᵀ (n, n) and the lengths that its columns had in them."""
    body = sets.complement(cross[sets.train] * sets.root[:, None])
    found = singular(body, sets.complement(sets.y), p, lengths)
    sigma = np.sqrt(found.d)
    B = sets.embedded(orthonormal(body @ found.V / sigma))
    size = float(np.square(lengths).max(initial=0.0))
    return DualFit(sets, cross, found.V * sigma, B, found.d, found.z / sigma[:, None], size, True)


def null_directions(fit: DualFit) -> Array:
    """Orthonormal vectors (m, n_null) that neither the decayed columns nor the undecayed ones reach."""
    inside = fit.sets.complement(fit.B)
    return fit.sets.embedded(np.linalg.qr(inside, mode="complete")[0][:, inside.shape[1] :])


def left_out(fit: DualFit, place: int, lengths: Array | None, p: int) -> DualFit:
    """The same columns and scales without one training row, which becomes the test row."""
    sets = fit.sets.without(place)
    return (
        of_kernel(sets, np.delete(fit.cross, place, 1)) if lengths is None else of_triangle(sets, fit.cross, lengths, p)
    )


def arranged(rows: Rows, design: Design) -> tuple[Rows, Design, Array, Index | None]:
    """What a triangle asks of columns of very different lengths: the long ones first, else each loses its digits.

    Returns
    -------
    rows, design
        As given, or with the columns in another order.
    lengths : ndarray of shape (n,)
        Before which the rows of the triangle were rounded.
    order : ndarray of shape (p,) or None
        Of the columns.
    """
    length, everything = np.zeros(rows.p), np.flatnonzero(rows.s > 0)
    for block, part in column_blocks(rows.X):
        Z = standardized(np.asarray(part, dtype=np.float64), everything, rows.s, design, block)[3]
        length[block] = np.sqrt(np.einsum("i,ij,ij->j", rows.s, Z, Z))
    largest = float(length.max(initial=0.0))
    if largest <= GRADED * length.min(initial=np.inf, where=length > 0):
        return rows, design, np.full(rows.n, largest), None
    order = np.argsort(-length, kind="stable")
    lengths = np.zeros(rows.n)
    lengths[: rows.p] = length[order][: rows.n]
    spread = None if design.spread is None else design.spread[order]
    rows = replace(rows, X=rows.X[:, order])
    design = replace(design, decay_weights=design.decay_weights[order], spread=spread, nulls=())
    return rows, design, lengths, order


def in_order(fit: DualFit, order: Index) -> DualFit:
    """A fit of columns in another order, for those as they were."""
    columns, mean, scale = fit.sets.columns, np.empty(len(order)), np.empty(len(order))
    mean[order], scale[order] = columns.mean, columns.scale
    return replace(fit, sets=replace(fit.sets, columns=Columns(mean, scale, order[columns.exempt])))
