"""Moments: everything that ridge needs of a set of rows, additive over disjoint sets.

With z_i = (1, x_i − shift) and weights s_i, a set of rows has the moments Σ s z zᵀ, Σ s z yᵀ and Σ s y². Those of a
training set are the *sum* of those of its cells (`weightdecay.tuning.folds`), so all folds of a partition come from one
pass over the rows, and no moments are ever subtracted from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.rows import OutOfRangeError, Rows, Share, row_blocks, sample_middle
from weightdecay.linear.workers import shared_out

Array = NDArray[np.float64]

# A sum of squared residuals below this share of the terms that cancel in it has lost too many digits.
CANCELLED = 1e-6


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of a set of rows about a common shift.

    Parameters
    ----------
    zz : ndarray of shape (1 + p, 1 + p)
        Σ s z zᵀ, symmetric.
    zy : ndarray of shape (1 + p, t)
        Σ s z (y − shift)ᵀ.
    yy : ndarray of shape (t,)
        Σ s (y − shift)².
    """

    zz: Array
    zy: Array
    yy: Array

    @property
    def weight_sum(self) -> float:
        """Σs of the rows."""
        return float(self.zz[0, 0])

    @property
    def finite(self) -> bool:
        """Whether every moment is a finite number; sums tell, since nan and inf survive addition."""
        return bool(np.isfinite(self.zz.sum()) and np.isfinite(self.zy.sum()) and np.isfinite(self.yy.sum()))

    def about_centre(self, centre: Array) -> Moments:
        """The same rows with y replaced by y − X c, for a centre c of shape (t, p)."""
        inner = self.zz[:, 1:] @ centre.T
        yy = self.yy - 2 * np.einsum("tp,pt->t", centre, self.zy[1:]) + np.einsum("tp,pt->t", centre, inner[1:])
        return replace(self, zy=self.zy - inner, yy=yy)

    def residual_sum(self, coef: Array, intercept: Array) -> Array:
        """Σ s (y − b − (x − shift)·w)² for models w (L, t, p) and b (L, t); shape (L, t)."""
        L, t, p = coef.shape
        product = coef.reshape(L * t, p) @ self.zz[1:, 1:]
        quadratic = np.einsum("kp,kp->k", product, coef.reshape(L * t, p)).reshape(L, t)
        crossed = np.einsum("ltp,pt->lt", coef, self.zy[1:])
        linear = coef @ self.zz[1:, 0]
        offset = intercept * (intercept * self.zz[0, 0] + 2 * linear - 2 * self.zy[0])
        return np.asarray(self.yy - 2 * crossed + quadratic + offset)

    def errors(self, coef: Array, intercept: Array) -> tuple[Array, NDArray[np.bool_]]:
        """`residual_sum`, and for which of the L models too few of its digits are left."""
        found = self.residual_sum(coef, intercept)
        lost = found < CANCELLED * self.magnitude(coef, intercept) / len(self.zz)
        return found, np.asarray(lost.any(axis=1))

    def magnitude(self, coef: Array, intercept: Array) -> Array:
        """An upper bound of the terms that cancel in `residual_sum`, by Cauchy's inequality; shape (L, t)."""
        root = np.sqrt(np.abs(np.diagonal(self.zz)))
        return np.asarray((np.abs(coef) @ root[1:] + np.abs(intercept) * root[0] + np.sqrt(np.abs(self.yy))) ** 2)


def total(parts: Sequence[Moments]) -> Moments:
    """Moments of the union of disjoint sets."""
    if len(parts) == 1:
        return parts[0]
    zz, zy, yy = (sum(getattr(one, name) for one in parts[1:]) + getattr(parts[0], name) for name in ("zz", "zy", "yy"))
    return Moments(zz, zy, yy)


@dataclass(frozen=True, eq=False)
class Shift:
    """What is subtracted from columns (p,) and targets (t,) before products are formed."""

    x: Array
    y: Array


def choose_shift(rows: Rows, fit_intercept: bool) -> Shift:
    """Values from the middle of columns where an intercept absorbs them, zeros where none does."""
    if not fit_intercept:
        return Shift(np.zeros(rows.p), np.zeros(rows.t))
    return Shift(sample_middle(rows.X), sample_middle(rows.Y))


def gather(
    rows: Rows, labels: Sequence[NDArray[np.int32]], n_cells: Sequence[int], shift: Shift
) -> list[list[Moments]]:
    """Moments of every cell of every partition, in one pass over the rows.

    Parameters
    ----------
    rows : Rows
    labels : sequence of ndarray of shape (n,)
        Per partition the cell of each row, −1 for none.
    n_cells : sequence of int
    shift : Shift

    Returns
    -------
    list of list of Moments
        Per partition, per cell.

    Raises
    ------
    OutOfRangeError
        When a moment is not finite: checking the result costs nothing, checking the rows another pass.
    """

    def of_share(share: Share) -> list[_Sums]:
        return _sums(rows, labels, [_Sums(cells, rows.p, rows.t) for cells in n_cells], shift, share)

    first, *others = shared_out(of_share, rows.n, 8 * sum(n_cells) * (1 + rows.p) ** 2)
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            mine.join(theirs)
    cells = [one.moments() for one in first]
    if not all(cell.finite for part in cells for cell in part):
        raise OutOfRangeError
    return cells


def gather_extents(
    rows: Rows, labels: Sequence[NDArray[np.int32]], n_cells: Sequence[int]
) -> list[tuple[Array, Array]]:
    """Smallest and largest values (cells, p) of the columns in every cell of every partition, in one pass.

    Rows without weight do not count. Moments cannot tell a constant column from one whose variance is small beside its
    distance from the shift; these can.
    """
    found = [(np.full((cells, rows.p), np.inf), np.full((cells, rows.p), -np.inf)) for cells in n_cells]
    s = rows.s
    for block, part in row_blocks(rows.X):
        for (least, greatest), label in zip(found, labels, strict=True):
            mine = np.where(s[block] > 0, label[block], -1)
            order = np.argsort(mine, kind="stable")[np.count_nonzero(mine < 0) :]
            cells, starts = np.unique(mine[order], return_index=True)
            if len(cells):
                values = part[order]
                least[cells] = np.minimum(least[cells], np.minimum.reduceat(values, starts, axis=0))
                greatest[cells] = np.maximum(greatest[cells], np.maximum.reduceat(values, starts, axis=0))
    return found


def constant_columns(extents: tuple[Array, Array], cells: Sequence[int]) -> NDArray[np.bool_]:
    """Which columns (p,) hold a single value in some cells together."""
    least, greatest = (one[list(cells)] for one in extents)
    return np.asarray(least.min(axis=0) == greatest.max(axis=0))


def _sums(
    rows: Rows, labels: Sequence[NDArray[np.int32]], sums: list[_Sums], shift: Shift, share: Share
) -> list[_Sums]:
    """Add one worker's share of the rows."""
    p, t = rows.p, rows.t
    buffer = np.empty(0)
    for block, part in row_blocks(rows.X, minimum=max(len(one.xx) for one in sums) * max(256, p), share=share):
        m = part.shape[0]
        buffer = buffer if len(buffer) >= m else np.empty((m, p))
        root = None if rows.weight is None else np.sqrt(rows.weight[block])
        W = np.empty((m, 1 + t))
        W[:, 0] = 1.0
        np.subtract(rows.Y[block], shift.y, out=W[:, 1:])
        for one, label in zip(sums, labels, strict=True):
            one.add(_arranged(part, W, root, label[block], shift.x, buffer[:m]), one.bounds(label[block]))
    return sums


def _arranged(
    part: NDArray[Any], W: Array, root: Array | None, label: NDArray[np.int32], shift: Array, out: Array
) -> tuple[Array, Array]:
    """A block's rows ordered by cell, shifted, and scaled by √s."""
    if (label[1:] >= label[:-1]).all():
        np.subtract(part, shift, out=out)
    else:
        order = np.argsort(label.astype(np.int16) if label.max() < 32000 else label, kind="stable")
        W, root = W[order], None if root is None else root[order]
        if part.dtype == np.float64 and part.flags.c_contiguous:
            np.take(part, order, axis=0, out=out, mode="clip")
            np.subtract(out, shift, out=out)
        else:
            np.subtract(part[order], shift, out=out)
    if root is not None:
        np.multiply(out, root[:, None], out=out)
        W = W * root[:, None]
    return out, W


class _Sums:
    """Running moments of the cells of one partition."""

    def __init__(self, n_cells: int, p: int, t: int) -> None:
        self.xx = np.zeros((n_cells, p, p))
        self.xw = np.zeros((n_cells, p, 1 + t))
        self.ww = np.zeros((n_cells, 2, 1 + t))
        self.product = np.empty((p, p))

    def bounds(self, label: NDArray[np.int32]) -> NDArray[np.intp]:
        """Where each cell begins and ends in a block ordered by cell."""
        return np.cumsum(np.bincount(label + 1, minlength=len(self.xx) + 1))

    def add(self, arranged: tuple[Array, Array], bounds: NDArray[np.intp]) -> None:
        """Add a block's products, cell by cell."""
        Z, W = arranged
        for cell in range(len(self.xx)):
            inside = slice(bounds[cell], bounds[cell + 1])
            if inside.stop == inside.start:
                continue
            X, V = Z[inside], W[inside]
            # NumPy takes a matrix times its own transpose as a symmetric update: half the products.
            self.xx[cell] += np.matmul(X.T, X, out=self.product)
            self.xw[cell] += X.T @ V
            self.ww[cell, 0] += V[:, 0] @ V
            self.ww[cell, 1] += np.concatenate([[0.0], np.einsum("it,it->t", V[:, 1:], V[:, 1:])])

    def join(self, other: _Sums) -> None:
        """Add the sums of other rows."""
        self.xx += other.xx
        self.xw += other.xw
        self.ww += other.ww

    def moments(self) -> list[Moments]:
        """The sums as symmetric moments."""
        found = []
        for xx, xw, ww in zip(self.xx, self.xw, self.ww, strict=True):
            p = len(xx)
            zz = np.empty((1 + p, 1 + p))
            zz[0, 0], zz[0, 1:], zz[1:, 0] = ww[0, 0], xw[:, 0], xw[:, 0]
            zz[1:, 1:] = xx
            found.append(Moments(zz, np.concatenate([ww[:1, 1:], xw[:, 1:]]), ww[1, 1:].copy()))
        return found
