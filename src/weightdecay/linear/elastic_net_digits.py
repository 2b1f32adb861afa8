"""Digits of an elastic net of all rows, where its moments have lost some: slopes formed from residuals of the rows.

As in `polish`: a slope q − Qu from moments has lost as many digits as their condition costs, one from the rows half as
many, and a solve with the active columns wins them back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from weightdecay.linear.active_set import Kinked, settle
from weightdecay.linear.design import Reduced
from weightdecay.linear.elastic_net import Training
from weightdecay.linear.polish import STEPS, of_residuals
from weightdecay.linear.quadratic import OfGram
from weightdecay.linear.quadratic_lasso import SETTLED
from weightdecay.linear.spectrum import EPS
from weightdecay.linear.whole import Whole

Array = NDArray[np.float64]

# Amplification of rounding errors beyond which the rows are read again: eleven digits are left then.
ILL = 1e5
# Changes of the active set that residuals of the rows may make.
CHANGES = 5


@dataclass(frozen=True, eq=False)
class About(OfGram):
    """A Gram matrix whose slope is known better at one point, from which it goes on."""

    point: Array
    there: Array

    def slope(self, w: Array) -> Array:
        """The slope at the point, and what Q says of the way from it."""
        return np.asarray(self.there - self.Q @ (w - self.point))


def corrected(whole: Whole, reduced: Reduced, training: Training, precision: float) -> tuple[Array, Array] | None:
    """Coefficients (t, p) and intercepts (t,) at Λ > 0, from the rows; None where moments have digits enough."""
    ridge = precision * (1.0 - training.l1_ratio)
    U = np.stack([training.solutions(t, np.array([precision]))[0][0] for t in range(whole.rows.t)])
    if reduced.cancelled * max(_condition(reduced.G, u, ridge) for u in U) <= ILL:
        return None
    coef, intercept = (one[0] for one in reduced.models(U.T[None]))
    coef = coef + whole.centre
    intercept = intercept + whole.shift.y - coef @ whole.shift.x
    last = np.inf
    for _ in range(STEPS):
        left = of_residuals(whole, reduced, coef, intercept)
        better = np.stack([_settled(training, (t, precision, u), left.r[:, t]) for t, u in enumerate(U)])
        step, step_intercept = (one[0] for one in left.models((better - U).T[None]))
        size = float(np.abs(step).max(initial=0.0) / max(np.abs(coef).max(initial=0.0), 1e-300))
        if not size < last / 2:
            break
        coef, U, last = coef + step, better, size
        # What has become zero is so exactly.
        coef[:, reduced.roles.decayed] = np.where(
            U == 0, whole.centre[:, reduced.roles.decayed], coef[:, reduced.roles.decayed]
        )
        intercept = intercept + step_intercept - step @ whole.shift.x
        if size < 1e-14:
            break
    return coef, intercept


def _settled(training: Training, asked: tuple[int, float, Array], slope: Array) -> Array:
    """The solution (q,) of one target at Λ from another that is near it, where the slope is known."""
    t, precision, u = asked
    given = training.quadratics[t]
    assert isinstance(given, OfGram)
    ridge = np.full(len(u), precision * (1.0 - training.l1_ratio))
    kinked = Kinked(
        About(given.Q, given.q, given.square, u, slope), precision * training.l1_ratio * training.kinks, ridge
    )
    found, _ = settle(kinked, u, SETTLED * 1e-3 * float(np.abs(given.q).max(initial=0.0)), CHANGES)
    return found


def _condition(G: Array, u: Array, ridge: float) -> float:
    """Of the active columns' block, each in units of its length."""
    index = np.flatnonzero(u)
    if not len(index):
        return 1.0
    block = G[np.ix_(index, index)]
    block[np.diag_indices_from(block)] += ridge
    unit = np.sqrt(np.diagonal(block))
    block = block / unit / unit[:, None]
    factor, info = lapack.dpotrf(block, lower=1)
    if info:
        return 1.0 / EPS
    rcond, _ = lapack.dpocon(factor, float(np.abs(block).sum(axis=0).max()), uplo="L")
    return 1.0 / max(float(rcond), EPS)
