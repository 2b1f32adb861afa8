"""Conjugate: Newton steps by conjugate gradients, for sparse columns of more coefficients than a Hessian may have.

A Newton step solves H d = −g with products alone,

    H d = Σ s Zᵀ(∂²loss · Z d)/Σs + λ Q d,

over the rows that a member trains on, to no more digits than the step itself will be right to. Products of sparse
columns with several vectors at once cost no less than one after another, so that every member goes its own way, on a
thread of its own.

Nocedal & Wright (2006), "Numerical Optimization", algorithms 5.3 and 7.1; Eisenstat & Walker (1996), "Choosing the
forcing terms in an inexact Newton method", choice 2, for how many digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.losses import Loss
from weightdecay.linear.newton.factors import Factor
from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.rows import Cells, Standardised, taken

Array = NDArray[np.float64]

# Share of the gradient that is left by the first step, and at least by any.
ROUGH, FINE = 0.01, 1e-6
# Products for one Newton step.
PRODUCTS = 500
# Products, up to twice as many, whose moves are taken for those to come.
LATE = 5
# What a step may leave of the slope along it, and by what it is shortened.
OVERSHOT, SHORTEST, LONGEST, SMALLEST = 0.5, 0.1, 0.6, 1e-10
# Rows whose curvatures, of several outputs, are formed at a time.
CURVED = 4096


@final
@dataclass(eq=False)
class Part:
    """Rows of one member that lie side by side, and the predictors and curvatures at the last point."""

    Z: Any
    Zt: Any
    target: Array
    s: Array
    offset: Array | None
    eta: Array = field(default_factory=lambda: np.zeros((0, 0)))
    bend: Array = field(default_factory=lambda: np.zeros(0))


def parts(data: Standardised, cells: Cells, inside: NDArray[np.bool_]) -> list[Part]:
    """The rows of some cells (C,) of sparse columns: views of what lies side by side."""
    wanted = np.append(inside, False)[cells.label]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    found = []
    for start, stop in edges.reshape(-1, 2).tolist():
        rows = slice(start, stop)
        Z = _viewed(data, rows)
        offset = None if data.offset is None else data.offset[rows]
        found.append(Part(Z, Z.T, data.target[rows], data.s[rows], offset))
    return found


def _viewed(data: Standardised, rows: slice) -> Any:
    """Rows of a CSR array without a copy of its numbers."""
    Z = data.Z
    if Z.format != "csr":
        return taken(data, rows)
    low, high = int(Z.indptr[rows.start]), int(Z.indptr[rows.stop])
    indptr = Z.indptr[rows.start : rows.stop + 1] - Z.indptr[rows.start]
    kept = Z.data[low:high], Z.indices[low:high], indptr
    return sparse.csr_array(kept, shape=(rows.stop - rows.start, Z.shape[1]), copy=False)


@final
@dataclass(eq=False)
class Objective:
    """J of one member at one decay, of coefficients v (D,) of a shape (c, q)."""

    parts: list[Part]
    loss: Loss
    members: Members
    member: int
    decay: float
    shape: tuple[int, int]
    products: int = 0

    def __post_init__(self) -> None:
        self.one = np.array([self.member])
        Q = np.tile(self.members.Q[self.member], self.shape[0])
        self.pull = np.where(Q > 0, float(self.members.strength(np.array(self.decay), self.one)[0]) * Q, 0.0)
        held = np.tile(self.members.held(np.array([self.decay]), self.one)[0], self.shape[0])
        self.held = np.flatnonzero(held)
        self.mapped = self.members.maps[self.member] is not None
        self.share = [part.s / self.members.weight[self.member] for part in self.parts]

    def gradient(self, v: Array) -> Array:
        """∇J, and H is that at v from now on."""
        wide = self._wide(v)
        slopes = []
        for part, s in zip(self.parts, self.share, strict=True):
            eta = _predicted(part, wide)
            part.eta = eta if part.offset is None else eta + part.offset
            if self.shape[0] == 1:
                part.bend = self.loss.curvature(part.target, part.eta)[:, 0] * s[:, None]
            slope = self.loss.slope(part.target, part.eta[:, None].copy())[:, 0]
            slopes.append(slope * s[:, None])
        return self._gathered(slopes, v)

    def product(self, d: Array) -> Array:
        """H d."""
        wide = self._wide(d)
        pairs = zip(self.parts, self.share, strict=True)
        return self._gathered([self._bent(part, s, _predicted(part, wide)) for part, s in pairs], d)

    def _bent(self, part: Part, s: Array, moved: Array) -> Array:
        """s ∂²loss of rows times moves (n, c) of their predictors."""
        if self.shape[0] == 1:
            return part.bend * moved
        found = np.empty_like(moved)
        for start in range(0, len(moved), CURVED):
            rows = slice(start, start + CURVED)
            found[rows] = np.einsum("iab,ib->ia", self.loss.curvature(part.target[rows], part.eta[rows]), moved[rows])
        return found * s[:, None]

    def _wide(self, v: Array) -> Array:
        return np.asarray(self.members.wide(v.reshape(1, *self.shape), self.one)[0])

    def _gathered(self, slopes: list[Array], v: Array) -> Array:
        """Rows times their slopes, beside what decay adds at v."""
        self.products += 1
        c, q = self.shape
        p = self.parts[0].Z.shape[1]
        total = self.pull.reshape(c, q) * v.reshape(c, q)
        mean = np.zeros((c, q)) if self.mapped else total
        for part, slope in zip(self.parts, slopes, strict=True):
            mean[:, :p] += _times(part.Zt, slope).T
            if q > p:
                mean[:, p] += slope.sum(axis=0)
        if self.mapped:
            total += self.members.back(mean[None], self.one)[0]
        found = total.ravel()
        found[self.held] = 0.0
        return found


def _predicted(part: Part, wide: Array) -> Array:
    """Predictors (n, c) of rows, without the offset."""
    p = part.Z.shape[1]
    eta = _times(part.Z, wide[:, :p].T)
    if wide.shape[1] > p:
        eta += wide[:, p]
    return eta


def _times(Z: Any, W: Array) -> Array:
    """Z W (n, c): one column is a vector's product, which is the faster one."""
    return np.asarray(Z @ W[:, 0])[:, None] if W.shape[1] == 1 else np.asarray(Z @ np.ascontiguousarray(W))


@final
@dataclass(frozen=True, eq=False)
class Target:
    """What counts as zero: a gradient (D,) times ``reach`` up to ``goal``, and a step beside the point or 1."""

    reach: Array
    goal: float
    step: float
    most: int

    def size(self, gradient: Array) -> float:
        """In units of what counts as zero."""
        return float(np.abs(gradient * self.reach).max(initial=0.0)) / self.goal


@dataclass(eq=False)
class Ended:
    """Where a member is: coefficients (D,), gradient, its size and that of the next step in units of what counts as
    zero, and by what the last step reduced the gradient."""

    v: Array
    gradient: Array
    size: float
    ahead: float = np.inf
    ratio: float = 1.0

    @property
    def converged(self) -> bool:
        """Whether both count as zero."""
        return max(self.size, self.ahead) <= 1.0


def newton_steps(objective: Objective, v: Array, factor: Factor, target: Target) -> Ended:
    """The minimum of an objective from v (D,), by steps whose digits grow as it comes near."""
    with np.errstate(over="ignore", invalid="ignore"):
        g = objective.gradient(v)
        at, share = Ended(v, g, target.size(g)), ROUGH
        for _ in range(target.most):
            if not np.isfinite(at.size) or at.converged:
                break
            share = min(ROUGH, max(share, FINE, 0.3 / max(at.size, 1.0)))
            d, late = _direction(objective, at.gradient, factor, share)
            length = _moved(objective, at, d, target)
            if length == 0.0:
                break
            room = target.step * max(1.0, float(np.abs(at.v).max(initial=0.0)))
            at.ahead = max(late, float(np.abs(d).max(initial=0.0)) * max(at.ratio, 1.0 - length)) / room
            share = 0.9 * at.ratio**2
    return at


def _moved(objective: Objective, at: Ended, d: Array, target: Target) -> float:
    """Go along d as far as the slope falls enough; how far that was, 0 where it never does."""
    slope, length = float(at.gradient @ d), 1.0
    while length >= SMALLEST:
        there = objective.gradient(at.v + length * d)
        after, size = float(there @ d), target.size(there)
        fine = bool(np.isfinite(size) and np.isfinite(after))
        if fine and (abs(after) <= OVERSHOT * abs(slope) or after <= 0 or size <= 1):
            at.v, at.gradient, at.ratio = at.v + length * d, there, size / at.size
            at.size = size
            return length
        secant = slope / (slope - after) if fine and after > slope else SHORTEST
        length *= min(max(secant, SHORTEST), LONGEST)
    return 0.0


def _direction(objective: Objective, g: Array, factor: Factor, share: float) -> tuple[Array, float]:
    """d of H d = −g but for a share of g, and how far its last products moved it.

    What they moved is as much as is to come: a small residual says little of directions without curvature.
    """
    d, r = np.zeros_like(g), -g
    marks = [d, d]
    p = z = factor.solve(r)
    product = float(r @ z)
    enough = share**2 * product
    for number in range(PRODUCTS):
        if number % LATE == 0:
            marks = [marks[1], d.copy()]
        Hp = objective.product(p)
        bend = float(p @ Hp)
        if not bend > 0:
            d = d if d.any() else z
            break
        d += product / bend * p
        r -= product / bend * Hp
        z = factor.solve(r)
        before, product = product, float(r @ z)
        if not product > enough:
            break
        p = z + product / before * p
    return d, float(np.abs(d - marks[0]).max(initial=0.0))
