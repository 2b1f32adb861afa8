"""Factors: the Hessian of a member at a decay, ready to be solved with.

The data's part comes from *anchors*: models at which every cell's Hessian is known. The Hessian of a training set is a
sum of cells, and that of any decay differs by its diagonal alone, so that one pass over the rows serves all members and
the decays around an anchor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, lapack

from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.passes import cell_diagonals, cell_hessians
from weightdecay.linear.newton.proximal import Kinks
from weightdecay.linear.newton.rows import Cells, Standardised

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Coefficients up to which a Hessian is formed: beyond it its diagonal stands for it.
FORMED = 2500
# Coefficients of the columns with the most curvature, whose Hessian is formed even then.
HEAD = 512
# Strength of a decay beside the mean of the Hessian's diagonal below which Cholesky's pivots are rounding.
WEAK = 1e-11
# The same in single precision, and Cholesky's least pivot of a unit diagonal that is no rounding there.
WEAK_SINGLE, PIVOT = 1e-4, 3e-3
# Coefficients from which Hessians that only guide steps are in single precision.
SINGLE = 256


class Factor(Protocol):
    """A positive definite matrix to be solved with."""

    def solve(self, right: Array) -> Array:
        """The solution for right-hand sides (D,) or (D, r)."""
        ...

    def step(self, v: Array, gradient: Array) -> Array:
        """What a Newton step takes from a model v (D,)."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Triangle:
    """Cholesky's, of a matrix scaled to a unit diagonal."""

    lower: Array
    unit: Array

    def solve(self, right: Array) -> Array:
        """Two triangular solves."""
        unit = self.unit if right.ndim == 1 else self.unit[:, None]
        scaled = np.asarray(right * unit, dtype=self.lower.dtype)
        return np.asarray(cho_solve((self.lower, True), scaled, overwrite_b=True, check_finite=False) * unit)

    def step(self, v: Array, gradient: Array) -> Array:
        """Whatever the model is, H⁻¹g."""
        return self.solve(gradient)


@final
@dataclass(frozen=True, eq=False)
class Axes:
    """Eigenvectors over the roots of eigenvalues, those that are rounding left out."""

    root: Array

    def solve(self, right: Array) -> Array:
        """The solution of least penalty."""
        return np.asarray(self.root @ (self.root.T @ right))

    def step(self, v: Array, gradient: Array) -> Array:
        """Whatever the model is, H⁻¹g."""
        return self.solve(gradient)


@final
@dataclass(frozen=True, eq=False)
class Headed:
    """A matrix whose head is known whole, and of the rest the diagonal alone.

    Parameters
    ----------
    place : ndarray of shape (k,)
        Of the head.
    head : Factor
    inverse : ndarray of shape (D,)
        Of the diagonal.
    """

    place: Index
    head: Factor
    inverse: Array

    def solve(self, right: Array) -> Array:
        """The head's solution, and division."""
        found = self.inverse * right if right.ndim == 1 else self.inverse[:, None] * right
        found[self.place] = self.head.solve(right[self.place])
        return found

    def step(self, v: Array, gradient: Array) -> Array:
        """Whatever the model is, H⁻¹g."""
        return self.solve(gradient)


@final
@dataclass(frozen=True, eq=False)
class Diagonal:
    """A diagonal matrix, by its inverse (D,)."""

    inverse: Array

    def solve(self, right: Array) -> Array:
        """Multiplication."""
        return self.inverse * right if right.ndim == 1 else self.inverse[:, None] * right

    def step(self, v: Array, gradient: Array) -> Array:
        """Whatever the model is, H⁻¹g."""
        return self.solve(gradient)


@final
@dataclass(frozen=True, eq=False)
class HeadHessian:
    """Of the mean training loss of a member: the diagonal (D,), the head's place (k,) and its Hessian (k, k)."""

    diagonal: Array
    place: Index
    head: Array


def triangle(H: Array) -> Triangle:
    """Cholesky's factor.

    Raises
    ------
    LinAlgError
        H is not positive definite, or next to it for the digits of single precision.
    """
    unit = 1.0 / np.sqrt(np.maximum(np.diagonal(H), np.finfo(H.dtype).tiny))
    single = H.dtype == np.float32
    potrf = lapack.spotrf if single else lapack.dpotrf
    # What LAPACK takes by columns is symmetric: its transpose needs no copy.
    lower, bad = potrf((H * unit[:, None] * unit).T, lower=1, overwrite_a=1, clean=0)
    if bad or (single and float(np.diagonal(lower).min(initial=1.0)) < PIVOT):
        raise LinAlgError
    return Triangle(lower, unit)


def axes(H: Array, metric: Array, least: float) -> Axes:
    """Eigenvectors in a metric (D,), where λ acts alike on all that it decays; eigenvalues are at least ``least``."""
    unit = np.where(metric > 0, 1.0 / np.sqrt(np.where(metric > 0, metric, 1.0)), 1.0)
    d, U = np.linalg.eigh(H * unit[:, None] * unit)
    cut = 4.0 * len(d) * np.finfo(np.float64).eps * max(float(d[-1]), 0.0)
    kept = d > cut
    d = np.where(kept, np.maximum(d, least), least)
    kept |= least > 0
    return Axes(unit[:, None] * U[:, kept] / np.sqrt(d[kept]))


@final
@dataclass(frozen=True, eq=False)
class Anchor:
    """A model v (c, q) of all rows, and the cells' Hessians there, formed when first asked for.

    Parameters
    ----------
    data, cells, members
    place : float
        log10 λ it was solved at.
    v : ndarray of shape (c, q)
        In the columns z.
    guiding : bool
        Whether its Hessians only guide steps: large ones are then formed of training rows alone, in single precision.
    """

    data: Standardised
    cells: Cells
    members: Members
    place: float
    v: Array
    guiding: bool = False

    @cached_property
    def head(self) -> tuple[Index, Array]:
        """Where D has columns of the most curvature, with the intercepts, and Σ s ∂²loss of every cell there."""
        (c, q), p = self.v.shape, self.data.p
        size = self.of_cells.sum(axis=0).reshape(c, q)[:, :p].sum(axis=0)
        columns = np.sort(np.argsort(-size, kind="stable")[: max(1, HEAD // c)])
        own = np.append(columns, p) if q > p else columns
        found = cell_hessians(self.data.narrowed(columns, self.v), self.cells, np.zeros((c, len(own))))
        if c > 1:
            found += lifts(found, c)
        return (np.arange(c)[:, None] * q + own).ravel(), found

    @property
    def formed(self) -> bool:
        """Whether Hessians are formed whole."""
        return self.v.size <= FORMED

    @property
    def rough(self) -> bool:
        """Whether Hessians are in single precision."""
        return self.guiding and SINGLE <= self.v.size <= FORMED and not self.members.l1_ratio

    @cached_property
    def exact(self) -> Anchor:
        """The same in double precision."""
        return replace(self, guiding=False)

    @cached_property
    def of_cells(self) -> Array:
        """Σ s ∂²loss of every cell: (C, D, D), or diagonals (C, D) where these are too large."""
        if not self.formed:
            return cell_diagonals(self.data, self.cells, self.v)
        used = np.flatnonzero(self.members.train.any(axis=0)).tolist() if self.rough else None
        found = cell_hessians(self.data, self.cells, self.v, used, rough=self.rough)
        c = len(self.v)
        if c == 1:
            return found
        # L1 terms tell models apart that differ by a constant; what they do not hold they do not tell apart.
        free = self.members.Q[0] == 0 if self.members.l1_ratio else np.ones(self.v.shape[1], dtype=bool)
        return found + lifts(found, c, free)

    def hessian(self, member: int) -> Array | HeadHessian:
        """Of the mean training loss of a member."""
        inside = self.members.train[member]
        H = self.of_cells[inside].sum(axis=0)
        H /= self.members.weight[member]
        if self.formed:
            return self.members.hessian_back(H, member, len(self.v))
        place, head = self.head
        return HeadHessian(H, place, head[inside].sum(axis=0) / self.members.weight[member])

    def diagonal(self, member: int, decay: float) -> Diagonal:
        """The diagonal of the objective's Hessian of a member, where Hessians are not formed."""
        total = self.members.train[member].astype(np.float64) @ self.of_cells / self.members.weight[member]
        return Diagonal(self._pulled(member, decay, total)[2])

    def _pulled(self, member: int, decay: float, diagonal: Array) -> tuple[Array, NDArray[np.bool_], Array]:
        """What decay adds to a diagonal, what is held at 0, and the inverse of the sum."""
        members, c = self.members, len(self.v)
        one = np.array([member])
        strength = float(members.strength(np.array(decay), one)[0])
        metric = np.tile(members.Q[member], c)
        held = np.tile(members.held(np.array([decay]), one)[0], c)
        pull = np.where(metric > 0, strength * metric, 0.0) if np.isfinite(strength) else np.zeros_like(metric)
        total = diagonal + pull
        return pull, held, np.where(held, 0.0, 1.0 / np.where(total > 0, total, 1.0))

    def _headed(self, member: int, decay: float, hessian: HeadHessian) -> Headed:
        """The head's factor, and the diagonal."""
        pull, held, inverse = self._pulled(member, decay, hessian.diagonal)
        place = hessian.place
        H = hessian.head + np.diag(pull[place])
        H[held[place]] = 0.0
        H[:, held[place]] = 0.0
        H[held[place], held[place]] = 1.0
        try:
            return Headed(place, triangle(H), inverse)
        except LinAlgError:
            return Headed(place, axes(H, np.tile(self.members.Q[member], len(self.v))[place], 0.0), inverse)

    def kinks(self, member: int, decay: float, hessian: Array, zero: Array) -> Kinks:
        """The quadratic of a member at a decay with its L1 terms."""
        c = len(self.v)
        H = self.members.decayed_hessian(hessian, decay, member, c)
        return Kinks(H, self.members.kinks(decay, member, c), zero)

    def factor(self, member: int, decay: float, hessian: Array | HeadHessian) -> Factor:
        """Of the objective's Hessian, given that of the mean loss."""
        if isinstance(hessian, HeadHessian):
            return self._headed(member, decay, hessian)
        members, c = self.members, len(self.v)
        strength = float(members.strength(np.array(decay), np.array([member]))[0])
        metric = np.tile(members.Q[member], c)
        H = members.decayed_hessian(hessian, decay, member, c)
        typical = float(np.trace(hessian)) / len(hessian)
        if decay > (WEAK_SINGLE if self.rough else WEAK) * typical:
            try:
                return triangle(H)
            except LinAlgError:
                pass
        if self.rough:
            return self.exact.factor(member, decay, self.exact.hessian(member))
        found = axes(H, metric, strength if np.isfinite(strength) else 0.0)
        # Of equal eigenvalues any vectors may come: what is held has no part in what is not.
        found.root[np.tile(members.held(np.array([decay]), np.array([member]))[0], c)] = 0.0
        return found

    def test_curvature(self, member: int, step: Array) -> float:
        """½ stepᵀ H step over the test rows of a member, for a step (c, q) in the columns z."""
        if not self.formed or self.rough:
            return 0.0
        H = np.tensordot(self.members.test[member].astype(np.float64), self.of_cells, 1)
        flat = step.ravel()
        return 0.5 * float(flat @ H @ flat)


def lifts(found: Array, c: int, free: Array | None = None) -> Array:
    """What gives eigenvalues to directions that change no probability: the same added to the models of all classes.

    No gradient has a part in them, so that solutions stay the same.
    """
    q = found.shape[1] // c
    size = np.einsum("cdd->c", found) / found.shape[1]
    where = np.eye(q) if free is None else np.diag(free.astype(np.float64))
    return np.asarray(size[:, None, None] * np.kron(np.full((c, c), 1.0 / c), where).astype(found.dtype))
