"""Polish: Newton corrections of a model from the residuals of its rows.

A solution from moments has an error of about ε times the condition of G. Its gradient formed from the rows themselves
loses only the square root of that, so w ← w − H⁻¹∇J, with H from the moments, wins the digits back in a step or two.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import Reduced
from weightdecay.linear.moments import Moments
from weightdecay.linear.rows import row_blocks
from weightdecay.linear.spectrum import rotated
from weightdecay.linear.whole import Whole

Array = NDArray[np.float64]

STEPS = 3


def residual_moments(whole: Whole, coef: Array, intercept: Array) -> Array:
    """Σ s (1, x − shift) (y − b − x·w)ᵀ, shape (1 + p, t), in one pass over the rows."""
    rows = whole.rows
    found = np.zeros((1 + rows.p, rows.t))
    offset = intercept + coef @ whole.shift.x
    for block, part in row_blocks(rows.X):
        Z = np.subtract(part, whole.shift.x, dtype=np.float64)
        residual = rows.Y[block] - offset - Z @ coef.T
        if rows.weight is not None:
            residual *= rows.weight[block][:, None]
        found[0] += residual.sum(axis=0)
        found[1:] += Z.T @ residual
    return found


def polished(whole: Whole, precision: float, coef: Array, intercept: Array) -> tuple[Array, Array]:
    """A model (t, p), (t,) at Λ with its Newton corrections, as long as they shrink."""
    last = np.inf
    for _ in range(STEPS):
        step, step_intercept = _newton(whole, precision, coef, intercept)
        size = float(np.abs(step).max(initial=0.0) / max(np.abs(coef).max(initial=0.0), 1e-300))
        if not size < last / 2:
            break
        coef, intercept, last = coef + step, intercept + step_intercept, size
        if size < 1e-14:
            break
    return coef, intercept


def of_residuals(whole: Whole, reduced: Reduced, coef: Array, intercept: Array) -> Reduced:
    """The decayed part with residuals of the rows in the place of the targets."""
    gradient = Moments(whole.moments.zz, residual_moments(whole, coef, intercept), np.zeros(whole.rows.t))
    roles, S = reduced.roles, reduced.weight_sum
    y_mean = gradient.zy[0] / S if whole.design.fit_intercept else np.zeros(whole.rows.t)
    xy = gradient.zy[1:] - S * np.outer(reduced.mean, y_mean)
    exempt_y = reduced.exempt_root @ (reduced.exempt_root.T @ xy[roles.exempt])
    r = (xy[roles.decayed] - reduced.exempt_x.T @ xy[roles.exempt]) / roles.scale[:, None]
    return replace(reduced, r=r, y_mean=y_mean, exempt_y=exempt_y)


def _newton(whole: Whole, precision: float, coef: Array, intercept: Array) -> tuple[Array, Array]:
    """−H⁻¹∇J from the rows."""
    left = of_residuals(whole, whole.reduced, coef, intercept)
    u = ((coef - whole.centre)[:, left.roles.decayed] * left.roles.scale).T
    r = left.r - precision * u
    factor = replace(whole.fit.factor, z=rotated(whole.fit.factor.reflectors, whole.fit.factor.tau, r, "T"))
    step, step_intercept = left.models(factor.solutions(np.array([precision])))
    return step[0], step_intercept[0] - step[0] @ whole.shift.x
