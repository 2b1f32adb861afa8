"""Leverages G_i = E_iᵀ F⁻¹ E_i of rows, F the Hessian of the sum with decay, at many decays.

Of few rows, and of several classes, each is worked out at its own model. Of many rows two things vary smoothly along
the path, and a sample of rows tells how:

* The curvatures of the rows at a model are nearly a sum of those at a few other models, W(λ) ≈ Σ_k a_k(λ) W_k, and so
  is then the Hessian, which is linear in them. If all curvatures are right within a share ε, then so are leverages.
* The leverages' logarithms at a decay are nearly a sum of those at a few decays, log h(λ) ≈ Σ_k b_k(λ) log h(λ_k): at
  these alone all rows are gone through (empirical interpolation).

Barrault, Maday, Nguyen & Patera (2004), "An 'empirical interpolation' method", Comptes Rendus Mathématique 339(9).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack, qr

from weightdecay.linear.newton.factors import FORMED, Anchor, Axes, Factor, Triangle
from weightdecay.linear.newton.nodes import interpolated
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.newton.rows import Standardised
from weightdecay.linear.rows import Share
from weightdecay.linear.workers import shared_out, threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Rows from which leverages are interpolated, rows of the sample, and decays that make it worth while.
MANY, SAMPLE, FAR, FEW_DECAYS = 2000, 384, 128, 8
# Share by which curvatures in the sample may be off, and leverages there.
BENT, LEVERED = 1e-2, 3e-3
# Share of the mean curvature that a row's own must be to be told apart from none.
FLAT = 0.02
# Decades between decays at which the sample's leverages are worked out.
SPACING = 0.2
# Coefficients from which factors are formed by threads.
LARGE = 500
# Rows whose leverages are formed together, and numbers that these may be.
TOGETHER, NUMBERS = 512, 2**21
# Singular values of what is summed, relative, that are rounding.
ROUNDED = 1e-8
TINY = float(np.finfo(np.float64).tiny)


class Leverages(Protocol):
    """Leverages of all rows at L decays."""

    def of(self, rows: Index | slice) -> Array:
        """Those (m, L, c, c) of some rows."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Exact:
    """Worked out at every decay: (n, L, c, c)."""

    found: Array

    def of(self, rows: Index | slice) -> Array:
        """Those (m, L, c, c) of some rows."""
        return self.found[rows]


@final
@dataclass(frozen=True, eq=False)
class Between:
    """exp(Σ_k log h_k b_k): logarithms (n, K) at nodes, and what every decay takes of them, (K, L)."""

    logs: Array
    weights: Array

    def of(self, rows: Index | slice) -> Array:
        """Those (m, L, 1, 1) of some rows."""
        return np.asarray(np.exp(self.logs[rows] @ self.weights))[:, :, None, None]


def leverages(paths: Paths, decays: Array, models: Sequence[Array]) -> Leverages:
    """At every decay, of which there is one at least, for the model (c, q) there."""
    data = paths.data
    if not interpolates(data):
        each = [leverage(paths, one, model) for one, model in zip(decays.tolist(), models, strict=True)]
        return Exact(np.stack(each, axis=1))
    smooth = np.flatnonzero((decays > 0) & np.isfinite(decays))
    blend = Blend.of(paths, decays, models)
    with threads_for(0.0 if models[0].size < LARGE else math.inf):
        chosen, share = _nodes(blend, smooth) if len(smooth) >= FEW_DECAYS else (smooth, np.eye(len(smooth)))
    others = np.setdiff1d(np.arange(len(decays)), smooth)
    weights = np.zeros((len(chosen) + len(others), len(decays)))
    weights[: len(chosen), smooth] = share
    weights[np.arange(len(chosen), len(weights)), others] = 1.0
    # Without decay what is nearly no curvature decides.
    each = [blend.leverage(one) if decays[one] > 0 else leverage(paths, 0.0, models[one]) for one in (*chosen, *others)]
    return Between(np.log(np.maximum(np.stack([one[:, 0, 0] for one in each], axis=1), TINY)), weights)


def interpolates(data: Standardised) -> bool:
    """Whether leverages are interpolated."""
    return data.n >= MANY and data.loss.outputs == 1 and data.p < FORMED


def leverage(paths: Paths, decay: float, v: Array) -> Array:
    """G_i (n, c, c) at a model."""
    anchor = Anchor(paths.data, paths.cells, paths.members, 0.0, v)
    return _of_factor(paths, anchor.factor(0, decay, anchor.hessian(0)), decay, v.shape)


@final
@dataclass(frozen=True, eq=False)
class Blend:
    """Hessians of the mean loss at L decays as sums of those of K anchors.

    Parameters
    ----------
    paths : Paths
    decays : ndarray of shape (L,)
    anchors : list of Anchor
    hessians : list of ndarray of shape (q, q)
    share : ndarray of shape (K, L)
        What a decay takes of them.
    Z : ndarray of shape (m, q)
        The rows of the sample.
    """

    paths: Paths
    decays: Array
    anchors: list[Anchor]
    hessians: list[Array]
    share: Array
    Z: Array

    @staticmethod
    def of(paths: Paths, decays: Array, models: Sequence[Array]) -> Blend:
        """Of the anchors that are there, and of as many more as it takes."""
        data = paths.data
        rows = _sample(data)
        Z = extended(data, rows, models[0].shape[1])
        # The further out a row, the less curvature is nothing there.
        near = np.minimum(1.0, Z.shape[1] / np.maximum(np.einsum("ij,ij->i", Z, Z), TINY))

        def bent(v: Array) -> Array:
            eta = Z @ v.T if data.offset is None else Z @ v.T + data.offset[rows]
            found = data.loss.curvature(data.target[rows], eta)[:, 0, 0]
            return np.where(np.isfinite(found), found, 0.0)

        wanted = np.stack([bent(v) for v in models], axis=1)
        wanted[:, decays == 0] = 0.0
        # What is in single precision guides steps, and no more.
        anchors = [one for one in paths.anchors if not one.rough]
        known = np.stack([bent(one.v) for one in anchors], axis=1) if anchors else np.zeros((len(rows), 0))
        share, off = _sums(known, wanted, near)
        while off.max() > BENT and known.shape[1] < len(paths.anchors) + len(decays):
            worst = int(np.argmax(off))
            anchors.append(Anchor(data, paths.cells, paths.members, 0.0, models[worst]))
            known = np.concatenate([known, wanted[:, [worst]]], axis=1)
            share, off = _sums(known, wanted, near)
        return Blend(paths, decays, anchors, [np.asarray(one.hessian(0)) for one in anchors], share, Z)

    def factor(self, place: int) -> Factor:
        """Of the objective's Hessian at a decay."""
        H = np.zeros_like(self.hessians[0])
        for a, one in zip(self.share[:, place], self.hessians, strict=True):
            H += a * one
        return self.anchors[0].factor(0, float(self.decays[place]), H)

    def leverage(self, place: int) -> Array:
        """Of all rows (n, 1, 1) at a decay."""
        return _of_factor(self.paths, self.factor(place), float(self.decays[place]), (1, self.Z.shape[1]))

    def sampled(self, place: int) -> Array:
        """Of the sample (m,) at a decay."""
        p, free = self.paths.data.p, _free(self.paths, float(self.decays[place]))
        form = _form(self.factor(place), free, p, (1, self.Z.shape[1]))
        return form(self.Z[:, :p])[:, 0, 0] / float(self.paths.members.weight[0])


def _sample(data: Standardised) -> Index:
    """Rows at random, and those that are furthest out."""
    square = data.Z.multiply(data.Z).sum(axis=1) if data.sparse else np.einsum("ij,ij->i", data.Z, data.Z)
    far = np.argsort(-np.asarray(square), kind="stable")[:FAR]
    return np.union1d(far, np.random.default_rng(0).choice(data.n, min(data.n, SAMPLE), replace=False))


def _sums(known: Array, wanted: Array, near: Array) -> tuple[Array, Array]:
    """What columns (m, L) take of others (m, K) each, and by how much of their values they are off at most."""
    share, off = np.zeros((known.shape[1], wanted.shape[1])), np.zeros(wanted.shape[1])
    some = np.flatnonzero(wanted.any(axis=0))
    off[some] = 1.0
    for one in some if known.shape[1] else some[:0]:
        size = wanted[:, one] + FLAT * wanted[:, one].mean() * near + TINY
        relative = known / size[:, None]
        share[:, one] = np.linalg.lstsq(relative, wanted[:, one] / size, rcond=ROUNDED)[0]
        off[one] = float(np.abs(relative @ share[:, one] - wanted[:, one] / size).max())
    return share, off


def _nodes(blend: Blend, smooth: Index) -> tuple[Index, Array]:
    """Some of the decays, and what the logarithms of leverages at all of them take of those there (K, L)."""
    order = smooth[np.argsort(blend.decays[smooth])]
    places = np.log10(blend.decays[order])
    some = [0]
    for one in range(1, len(order)):
        if places[one] - places[some[-1]] >= SPACING or one == len(order) - 1:
            some.append(one)
    known = {float(blend.decays[order[one]]): np.log(np.maximum(blend.sampled(int(order[one])), TINY)) for one in some}
    logs = np.stack(
        [known[one] if one in known else interpolated(one, known) for one in blend.decays[smooth].tolist()], axis=1
    )
    pivots = qr(logs, mode="r", pivoting=True)[1]
    for count in range(1, len(smooth) + 1):
        chosen = pivots[:count]
        share = np.linalg.lstsq(logs[:, chosen], logs, rcond=None)[0]
        if np.abs(logs[:, chosen] @ share - logs).max(initial=0.0) <= LEVERED:
            break
    return smooth[chosen], share


def _free(paths: Paths, decay: float) -> Index:
    """The coefficients of a class that are not held at 0; on those that are no row has a hold."""
    return np.flatnonzero(~paths.members.held(np.array([decay]), np.zeros(1, dtype=np.intp))[0])


def _of_factor(paths: Paths, factor: Factor, decay: float, shape: tuple[int, int]) -> Array:
    """G_i (n, c, c) of all rows, given the factor of the objective's Hessian."""
    data, (c, q) = paths.data, shape
    with threads_for(0.0 if c * q < LARGE else math.inf):
        form = _form(factor, _free(paths, decay), data.p, shape)

    size = max(1, min(TOGETHER, NUMBERS // (c * q)))

    def of_share(share: Share) -> Array:
        found = np.zeros((data.n, c, c))
        number, of = share
        for start in range(number * size, data.n, of * size):
            rows = slice(start, start + size)
            found[rows] = form(extended(data, rows, data.p))
        return found

    return np.asarray(sum(shared_out(of_share, data.n, 8 * data.n * c * c))) / float(paths.members.weight[0])


def _form(factor: Factor, free: Index, p: int, shape: tuple[int, int]) -> Callable[[Array], Array]:
    """E_iᵀ H⁻¹ E_i (m, c, c) as a function of columns (m, p), of the coefficients that are free."""
    c, q = shape
    if c == 1 and isinstance(factor, Triangle):
        return _of_triangle(factor, free, p)
    if c == 1 and isinstance(factor, Axes):
        return _of_axes(factor, p)
    held = np.ones(q, dtype=bool)
    held[free] = False
    ones = np.ones((1, q - p))
    if c * q > FORMED:

        def solved(Z: Array) -> Array:
            right = np.concatenate([Z, np.tile(ones, (len(Z), 1))], axis=1).T
            right[held] = 0.0
            each = [factor.solve(np.kron(one[:, None], right)).reshape(c, q, -1) for one in np.eye(c)]
            return np.stack([np.einsum("aqi,qi->ia", one, right) for one in each], axis=2)

        return solved
    cut = np.tile(~held, c).astype(np.float64)
    inverse = factor.solve(np.diag(cut)).reshape(c, q, c, q)

    def formed(Z: Array) -> Array:
        whole = np.concatenate([Z, np.tile(ones, (len(Z), 1))], axis=1)
        found = np.zeros((len(Z), c, c))
        for a in range(c):
            for b in range(c):
                found[:, a, b] = np.einsum("ij,ij->i", whole @ inverse[a, :, b], whole)
        return found

    return formed


def _of_triangle(factor: Triangle, free: Index, p: int) -> Callable[[Array], Array]:
    """‖L⁻¹ẑ‖²; what is held has no part in what is not, and the intercept is the last row of L⁻¹."""
    inverse = lapack.dtrtri(factor.lower, lower=1)[0] * factor.unit
    inner = free[free < p]
    body = np.asfortranarray(inverse[np.ix_(inner, inner)])
    edge = inverse[free[len(inner) :]]

    def of(Z: Array) -> Array:
        part = Z if len(inner) == p else Z[:, inner]
        found = np.zeros((len(Z), 1, 1))
        if len(inner):
            product = blas.dtrmm(1.0, body, part.T, lower=1).T
            found[:, 0, 0] += np.einsum("ij,ij->i", product, product)
        for last in edge:
            found[:, 0, 0] += (part @ last[inner] + last[p]) ** 2
        return found

    return of


def _of_axes(factor: Axes, p: int) -> Callable[[Array], Array]:
    """‖Rᵀẑ‖² for the inverse RRᵀ, in which what is held has rows of zeros."""

    def of(Z: Array) -> Array:
        product = Z @ factor.root[:p]
        for last in factor.root[p:]:
            product += last
        return np.asarray(np.einsum("ij,ij->i", product, product)[:, None, None])

    return of


def extended(data: Standardised, rows: Index | slice, q: int) -> Array:
    """Columns of some rows, dense, with a 1 for the intercept where there is one."""
    part = data.Z[rows]
    part = part.toarray() if data.sparse else part
    return part if q == data.p else np.concatenate([part, np.ones((len(part), 1))], axis=1)
