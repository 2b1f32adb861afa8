"""Coefficients of wide data, from what was factorised on the side of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.dual import DualFit, of_triangle
from weightdecay.linear.graded import LongFirst
from weightdecay.linear.rows import Rows, column_blocks

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def dual_models(rows: Rows, fit: DualFit, precisions: Array) -> tuple[Array, Array]:
    """Coefficients (L, t, p) and intercepts (L, t), from one more pass over the columns, or two for triangles.

    The decayed part u = Zᵀ√s α of a triangle's α sees rounding errors in proportion to ‖Z‖‖α‖, but what it predicts
    on the training rows is known better: one step towards that, as for semi-normal equations.

    Source: Å. Björck, *Stability analysis of the method of seminormal equations*, Linear Algebra Appl. 88/89, 1987.
    """
    sets, weights = fit.sets, fit.weights(precisions)
    coef, seen = _through_columns(rows, fit, fit.B @ weights)
    inner = sets.root[:, None] * (fit.cross[sets.train] @ (fit.maps @ weights))  # √s Z u (m, L t)
    if fit.triangular and len(fit.d):
        missing = fit.B.T @ (inner - seen)
        coef += _through_columns(rows, fit, fit.B @ (missing / fit.d[:, None]))[0]
    return _completed(fit, coef, inner, (len(precisions), rows.t))


def graded_models(rows: Rows, fit: DualFit, precisions: Array, lengths: Array, order: Index) -> tuple[Array, Array]:
    """The same from a triangle of columns of very different lengths, which `rows` have in `order`, the long ones first.

    A long column's coefficient z·α is tiny beside ‖z‖‖α‖, so that no α tells it. But with Zᵀ = Q R the coefficients
    are Q v, with v the solution in the coordinates of Rᵀ, in which each length keeps its digits; and so it does under
    the reflections that make up Q. Memory: one copy of the columns.
    """
    sets, n, p = fit.sets, rows.n, rows.p
    Z = np.empty((p, n), order="F")
    for block, part in column_blocks(rows.X):
        columns = order[block]
        Z[block] = ((part - sets.columns.mean[columns]) / sets.columns.scale[columns]).T
    reduced = LongFirst.of(Z)
    cross = np.zeros((n, n))
    cross[:, : len(reduced.triangle)] = reduced.triangle.T
    fit = of_triangle(sets, cross, lengths, p)
    v = fit.maps @ fit.weights(precisions)
    coef = np.empty((v.shape[1], p))
    coef[:, order] = reduced.embedded(v[: len(reduced.triangle)]).T / sets.columns.scale[order]
    return _completed(fit, coef, sets.root[:, None] * (fit.cross[sets.train] @ v), (len(precisions), rows.t))


def _completed(fit: DualFit, coef: Array, inner: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """With the exempt columns and the intercept, from decayed coefficients (L t, p) and √s times their predictions."""
    sets, (L, t) = fit.sets, shape
    coef = coef.reshape(L, t, -1)
    rest = sets.inverse @ (sets.y[:, None, :] - inner.reshape(-1, L, t)).reshape(-1, L * t)
    rest = np.moveaxis(rest.reshape(len(sets.inverse), L, t), 0, 2)  # (L, t, h')
    start = rest.shape[2] - len(sets.columns.exempt)
    coef[:, :, sets.columns.exempt] = rest[:, :, start:]
    intercept = rest[:, :, 0] - coef @ sets.columns.mean if start else np.zeros((L, t))
    return coef, intercept


def _through_columns(rows: Rows, fit: DualFit, duals: Array) -> tuple[Array, Array]:
    """Coefficients (L t, p) of α (m, L t), and √s times what these predict of the training rows, (m, L t)."""
    sets = fit.sets
    V = (duals * sets.root[:, None]).T
    coef, seen = np.zeros((V.shape[0], rows.p)), np.zeros(V.shape[::-1])
    for block, part in column_blocks(rows.X):
        X = np.asarray(part[sets.train] - sets.columns.mean[block])
        coef[:, block] = (V @ X) / sets.columns.scale[block] ** 2
        if fit.triangular:
            seen += X @ coef[:, block].T
    return coef, seen * sets.root[:, None]
