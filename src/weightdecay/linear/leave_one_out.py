"""Exact leave-one-out of tall data: rotate the rows once, and every decay costs one column of a matrix product.

With V, d the eigenvectors and eigenvalues of G, row i rotated to τ_i, and h⁰ the leverage of intercept and exempt
columns, the prediction and leverage at Λ are f_i = f⁰_i + Σ_j τ_ij z_j/(d_j + Λ) and
h_i = s_i (h⁰_i + Σ_j τ_ij²/(d_j + Λ)); the residual of row i left out is (y_i − f_i)/(1 − h_i). Scales are those of
all rows; the intercept is refitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import Roles
from weightdecay.linear.fold_split import exact
from weightdecay.linear.heavy_rows import HeavyRows, set_apart
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.linear.spectrum import Diagonal
from weightdecay.linear.workers import in_order
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.scoring import losses_of_targets

Array = NDArray[np.float64]

# Residuals of a block of rows, at all decays and targets together.
RESULTS = 1_000_000
# Where 1 − h is smaller than this, too few digits of it are left (`heavy_rows`).
NEARLY_ONE = 1e-5


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rows to eigen-coordinates: τ = (1, x − shift) A, and the undecayed part through N with Σ s (N z₀)(N z₀)ᵀ = I.

    Parameters
    ----------
    A : ndarray of shape (1 + p, m)
    N : ndarray of shape (1 + p, h)
    base : ndarray of shape (h, t)
        Coefficients of the targets on the undecayed part.
    spectrum : Diagonal
        d (m,) and z (m, t).
    undecayed : ndarray
        Which columns of (1, x) are not decayed.
    roles : Roles
        The decayed ones, and their scale.
    shift : tuple of ndarray
        Of columns and targets.
    """

    A: Array
    N: Array
    base: Array
    spectrum: Diagonal
    undecayed: NDArray[np.intp]
    roles: Roles
    shift: tuple[Array, Array]
    centre: Array


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Every row of tall data held out once."""

    rows: Rows
    rotation: Rotation

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out squared errors of the rows, averaged, or −score of all held-out predictions together."""
        decays, rows = np.asarray(decays, dtype=np.float64), self.rows
        late = np.zeros(len(decays), dtype=bool)
        pieces, s = self._residuals(decays, late), rows.s
        if scoring is None:
            squares = ((np.square(residual, out=residual), s[block]) for block, residual in pieces)
            found = of_rows(decays, squares, among)
        else:
            used = ((s[block] > 0, rows.Y[block], residual) for block, residual in pieces)
            prediction = np.concatenate([Y[kept][:, None, :] - residual[kept] for kept, Y, residual in used])
            found = scored(rows, decays, prediction, scoring)
        return marked(found, late, "inexact: leverage near 1")

    def _residuals(self, decays: Array, late: NDArray[np.bool_]) -> Iterator[tuple[slice, Array]]:
        """Residuals (m, L, t) of each block's rows left out; marks the decays that kept too few digits."""
        precisions, apart, done = decays * self.rows.weight_sum, None, 0
        for block, residual, left in fitted(self.rotation, self.rows, precisions):
            near = (left < NEARLY_ONE).any(axis=1)
            if near.any():
                if apart is None:
                    apart, inaccurate = self._heavy(precisions).residuals(precisions)
                    late |= inaccurate
                count = int(np.count_nonzero(near))
                residual[near], left[near], done = apart[done : done + count], 1.0, done + count
            residual /= left[:, :, None]
            yield block, residual

    def _heavy(self, precisions: Array) -> HeavyRows:
        """All rows that some model follows almost wholly, found in a pass of their own."""
        near = [
            block.start + np.flatnonzero((left < NEARLY_ONE).any(axis=1))
            for block, _, left in fitted(self.rotation, self.rows, precisions)
        ]
        one = self.rotation
        return set_apart(self.rows, np.concatenate(near), one.undecayed, one.roles, one.shift, one.centre)


def scored(rows: Rows, decays: Array, prediction: Array, scorer: Scorer) -> HeldOut:
    """−score once over all held-out predictions (rows with weight, L, t): single values without an error."""
    used = rows.s > 0
    weight = None if rows.weight is None else rows.weight[used]
    loss = losses_of_targets(scorer, rows.X[used], rows.Y[used], np.swapaxes(prediction, 0, 1), weight)
    unknown, status = np.full(len(decays), np.nan), exact(1, len(decays))
    made = [HeldOut(decays, one[None, :], np.ones(1), unknown, unknown, status) for one in loss.T]
    return replace(made[0], targets=tuple(made[1:]))


def fitted(rotation: Rotation, rows: Rows, precisions: Array) -> Iterator[tuple[slice, Array, Array]]:
    """Residuals (m, L, t) of each block's rows, and what their leverages leave of 1, (m, L)."""
    spectrum, s = rotation.spectrum, rows.s
    shrunken = spectrum.shrunken(precisions)
    L, t = len(precisions), rows.t
    scaled = (shrunken[:, :, None] * spectrum.z[:, None, :]).reshape(len(shrunken), L * t)
    free: list[Array] = []  # buffers of workers that are between blocks

    def of_block(read: tuple[slice, NDArray[Any]]) -> tuple[slice, Array, Array]:
        block, part = read
        m = len(part)
        buffer = free.pop() if free else np.empty(0)
        buffer = buffer if len(buffer) >= m else np.empty((m, rows.p + rotation.A.shape[1]))
        Z, T = buffer[:m, : rows.p], buffer[:m, rows.p :]
        np.subtract(part, rotation.shift[0], out=Z)
        y = rows.Y[block] - rotation.shift[1]
        if rotation.centre.any():
            y = y - Z @ rotation.centre.T
        np.matmul(Z, rotation.A[1:], out=T)
        T += rotation.A[0]
        F = Z @ rotation.N[1:] + rotation.N[0] if rotation.N[1:].any() else np.tile(rotation.N[0], (m, 1))
        residual = (y - F @ rotation.base)[:, None, :] - (T @ scaled).reshape(m, L, t)
        np.square(F, out=F)
        left = np.square(T, out=T) @ shrunken
        left += F.sum(axis=1)[:, None]
        left *= -s[block][:, None]
        left += 1.0
        free.append(buffer)
        return block, residual, left

    blocks = row_blocks(rows.X, minimum=256, maximum=max(16, RESULTS // (L * t)))
    yield from in_order(of_block, blocks, rows.n)
