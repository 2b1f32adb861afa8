"""Exact leave-one-out of tall data: rotate the rows once, and every decay costs one column of a matrix product.

With V, d the eigenvectors and eigenvalues of G, row i rotated to τ_i, and h⁰ the leverage of intercept and exempt
columns, the prediction and leverage at Λ are f_i = f⁰_i + Σ_j τ_ij z_j/(d_j + Λ) and
h_i = s_i (h⁰_i + Σ_j τ_ij²/(d_j + Λ)); the residual of row i left out is (y_i − f_i)/(1 − h_i). Scales are those of
all rows; the intercept is refitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.fold_split import exact, squeeze
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.linear.spectrum import EPS, Diagonal
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.scoring import loss_of_predictions

Array = NDArray[np.float64]

# Where 1 − h is smaller than this, too few digits of it are left, and the row is left out honestly.
NEARLY_ONE = 1e-7


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
    shift : tuple of ndarray
        Of columns and targets.
    """

    A: Array
    N: Array
    base: Array
    spectrum: Diagonal
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
        pieces = self._residuals(decays, late)
        if scoring is None:
            squares = ((np.square(residual, out=residual), rows.s[block]) for block, residual in pieces)
            found = of_rows(decays, squares, among)
        else:
            used = ((rows.s[block] > 0, rows.Y[block], residual) for block, residual in pieces)
            prediction = np.concatenate([Y[kept][:, None, :] - residual[kept] for kept, Y, residual in used])
            found = scored(rows, decays, prediction, scoring)
        return marked(found, late, "inexact: leverage near 1")

    def _residuals(self, decays: Array, late: NDArray[np.bool_]) -> Iterator[tuple[slice, Array]]:
        """Residuals (m, L, t) of each block's rows left out; marks the decays that kept too few digits."""
        for block, residual, here in left_out(self.rotation, self.rows, decays * self.rows.weight_sum):
            late |= here
            yield block, residual


def scored(rows: Rows, decays: Array, prediction: Array, scorer: Scorer) -> HeldOut:
    """−score once over all held-out predictions (rows with weight, L, t): a single value without an error."""
    used = rows.s > 0
    X, Y = rows.X[used], rows.Y[used]
    weight = None if rows.weight is None else rows.weight[used]
    loss = [
        loss_of_predictions(scorer, X, squeeze(Y), squeeze(prediction[:, row]), weight) for row in range(len(decays))
    ]
    unknown = np.full(len(decays), np.nan)
    return HeldOut(decays, np.array([loss]), np.ones(1), unknown, unknown, exact(1, len(decays)))


def left_out(rotation: Rotation, rows: Rows, precisions: Array) -> Iterator[tuple[slice, Array, NDArray[np.bool_]]]:
    """Residuals (m, L, t) of each block's rows when each is left out, and which decays kept too few digits."""
    spectrum = rotation.spectrum
    shrunken = spectrum.shrunken(precisions)
    L, t = len(precisions), rows.t
    scaled = (shrunken[:, :, None] * spectrum.z[:, None, :]).reshape(len(shrunken), L * t)
    buffers = (np.empty((0, 0)), np.empty((0, 0)))
    for block, part in row_blocks(rows.X, minimum=256):
        m = part.shape[0]
        if len(buffers[0]) < m:
            buffers = (np.empty((m, rows.p)), np.empty((m, rotation.A.shape[1])))
        Z, T = (buffer[:m] for buffer in buffers)
        np.subtract(part, rotation.shift[0], out=Z)
        y = rows.Y[block] - rotation.shift[1]
        if rotation.centre.any():
            y = y - Z @ rotation.centre.T
        np.matmul(Z, rotation.A[1:], out=T)
        T += rotation.A[0]
        F = Z @ rotation.N[1:] + rotation.N[0] if rotation.N[1:].any() else np.tile(rotation.N[0], (m, 1))
        s = rows.s[block]
        residual = (y - F @ rotation.base)[:, None, :] - (T @ scaled).reshape(m, L, t)
        np.square(F, out=F)
        left = np.square(T, out=T) @ shrunken
        left += F.sum(axis=1)[:, None]
        left *= -s[:, None]
        left += 1.0
        late = _honest(rotation, Z, y, s, precisions, (residual, left))
        residual /= left[:, :, None]
        yield block, residual, late


def _honest(
    rotation: Rotation, Z: Array, y: Array, s: Array, precisions: Array, results: tuple[Array, Array]
) -> NDArray[np.bool_]:
    """Where 1 − h has lost its digits, leave the row out of the rotated system itself; overwrites residual and left.

    In rotated coordinates g_i of all fitted directions the Gram matrix is D = diag(1, …, d_j + Λ); without row i it is
    D − s g gᵀ, whose vanishing direction, if it has one, is left at zero as the least-norm solution does.
    """
    residual, left = results
    late = np.zeros(len(precisions), dtype=bool)
    row_index, decay_index = np.nonzero(left < NEARLY_ONE)
    if len(row_index) > 10_000:
        late[np.unique(decay_index)] = True
        left[row_index, decay_index] = np.maximum(left[row_index, decay_index], EPS)
        return late
    h = rotation.base.shape[0]
    for i, column in zip(row_index, decay_index, strict=True):
        g = np.concatenate([Z[i] @ rotation.N[1:] + rotation.N[0], Z[i] @ rotation.A[1:] + rotation.A[0]])
        D = np.concatenate([np.ones(h), rotation.spectrum.d + precisions[column]])
        right = np.concatenate([rotation.base, rotation.spectrum.z]) - s[i] * np.outer(g, y[i])
        keep = np.isfinite(D)
        root = 1.0 / np.sqrt(D[keep])
        scaled = root * g[keep]
        values, V = np.linalg.eigh(np.eye(len(scaled)) - s[i] * np.outer(scaled, scaled))
        good = values > NEARLY_ONE * 1e-3
        solution = root[:, None] * (V[:, good] @ ((V[:, good].T @ (root[:, None] * right[keep])) / values[good, None]))
        for vanished in (root[:, None] * V[:, ~good]).T:
            _make_least(rotation, keep, vanished, solution)
        residual[i, column] = y[i] - g[keep] @ solution
        left[i, column] = 1.0
    return late


def _make_least(rotation: Rotation, keep: NDArray[np.bool_], vanished: Array, solution: Array) -> None:
    """Of all solutions + multiples of a direction that the other rows do not see, take the least, in place.

    Least counts the penalty first; a direction without penalty, which only exempt columns have, their coefficients.
    """
    h = rotation.base.shape[0]
    penalised = np.flatnonzero(keep)[:, None] >= h
    part = np.where(penalised[:, 0], vanished, 0.0)
    seen = np.where(penalised, solution, 0.0)
    if part @ part <= 1e-16 * (vanished @ vanished):
        coefficients = np.hstack([rotation.N[1:], rotation.A[1:]])[:, keep]
        part, seen = coefficients @ vanished, coefficients @ solution
    size = float(part @ part)
    if size > 0:
        solution -= np.outer(vanished, part @ seen / size)
