"""Factors: the Hessian of a member at a decay, ready to be solved with.

The data's part comes from *anchors*: models at which every cell's Hessian is known. The Hessian of a training set is a
sum of cells, and that of any decay differs by its diagonal alone, so that one pass over the rows serves all members and
the decays around an anchor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, lapack

from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.passes import cell_diagonals, cell_hessians
from weightdecay.linear.newton.rows import Cells, Standardised

Array = NDArray[np.float64]

# Coefficients up to which a Hessian is formed: beyond it its diagonal stands for it.
FORMED = 2500
# Strength of a decay beside the mean of the Hessian's diagonal below which Cholesky's pivots are rounding.
WEAK = 1e-11


class Factor(Protocol):
    """A positive definite matrix to be solved with."""

    def solve(self, right: Array) -> Array:
        """The solution for right-hand sides (D,) or (D, r)."""
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
        return np.asarray(cho_solve((self.lower, True), right * unit, overwrite_b=True, check_finite=False) * unit)


@final
@dataclass(frozen=True, eq=False)
class Axes:
    """Eigenvectors over the roots of eigenvalues, those that are rounding left out."""

    root: Array

    def solve(self, right: Array) -> Array:
        """The solution of least penalty."""
        return np.asarray(self.root @ (self.root.T @ right))


@final
@dataclass(frozen=True, eq=False)
class Diagonal:
    """A diagonal alone."""

    inverse: Array

    def solve(self, right: Array) -> Array:
        """Division."""
        return self.inverse * right if right.ndim == 1 else self.inverse[:, None] * right


def triangle(H: Array) -> Triangle:
    """Cholesky's factor.

    Raises
    ------
    LinAlgError
        H is not positive definite.
    """
    unit = 1.0 / np.sqrt(np.maximum(np.diagonal(H), np.finfo(np.float64).tiny))
    lower, bad = lapack.dpotrf(H * unit[:, None] * unit, lower=1, overwrite_a=1, clean=0)
    if bad:
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
    """

    data: Standardised
    cells: Cells
    members: Members
    place: float
    v: Array

    @property
    def formed(self) -> bool:
        """Whether Hessians are formed whole."""
        return self.v.size <= FORMED

    @cached_property
    def of_cells(self) -> Array:
        """Σ s ∂²loss of every cell: (C, D, D), or diagonals (C, D) where these are too large."""
        if not self.formed:
            return cell_diagonals(self.data, self.cells, self.v)
        found = cell_hessians(self.data, self.cells, self.v)
        c = len(self.v)
        if c > 1:
            found += self._lifts(found, c)
        return found

    def _lifts(self, found: Array, c: int) -> Array:
        """What gives eigenvalues to directions that change no probability: the same added to the models of all classes.

        No gradient has a part in them, so that solutions stay the same.
        """
        q = self.v.shape[1]
        size = np.einsum("cdd->c", found) / found.shape[1]
        return np.asarray(size[:, None, None] * np.kron(np.full((c, c), 1.0 / c), np.eye(q)))

    def hessian(self, member: int) -> Array:
        """Of the mean training loss of a member: (D, D), or a diagonal (D,)."""
        inside = self.members.train[member]
        H = np.tensordot(inside.astype(np.float64), self.of_cells, 1) / self.members.weight[member]
        return self.members.hessian_back(H, member, len(self.v)) if self.formed else np.asarray(H)

    def factor(self, member: int, decay: float, hessian: Array) -> Factor:
        """Of the objective's Hessian, given that of the mean loss."""
        members, c = self.members, len(self.v)
        one = np.array([member])
        strength = float(members.strength(np.array(decay), one)[0])
        metric = np.tile(members.Q[member], c)
        if hessian.ndim == 1:
            held = np.tile(members.held(np.array([decay]), one)[0], c)
            total = hessian + np.where(metric > 0, strength * metric, 0.0) if np.isfinite(strength) else hessian
            return Diagonal(np.where(held, 0.0, 1.0 / np.where(total > 0, total, 1.0)))
        H = members.decayed_hessian(hessian, decay, member, c)
        typical = float(np.trace(hessian)) / len(hessian)
        if decay > WEAK * typical:
            try:
                return triangle(H)
            except LinAlgError:
                pass
        return axes(H, metric, strength if np.isfinite(strength) else 0.0)

    def test_curvature(self, member: int, step: Array) -> float:
        """½ stepᵀ H step over the test rows of a member, for a step (c, q) in the columns z."""
        if not self.formed:
            return 0.0
        H = np.tensordot(self.members.test[member].astype(np.float64), self.of_cells, 1)
        flat = step.ravel()
        return 0.5 * float(flat @ H @ flat)
