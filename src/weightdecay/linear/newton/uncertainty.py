"""How uncertain coefficients are: the posterior under the Gaussian prior that λ is, and the sandwich."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.covariances import posterior_std, sandwich_std, scatter
from weightdecay.linear.newton.courses import Direct
from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.newton.passes import predictors

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]

# Products beyond which nobody waits.
MOST = 2e11
# Numbers of the scores of rows that are held at once.
SCORES = 2**22


def coefficient_stds(problem: NewtonProblem, decay: float) -> tuple[Array, Array] | None:
    r"""Posterior and sandwich standard deviations (c, p) of the coefficients at a decay, in the units of the columns.

    With F the Hessian of J, n rows, weights s relative and g_i the gradient of a row's loss, the covariances are

    .. math:: (nF)^{-1}, \qquad F^{-1} \Big( \sum_i (s_i/\sum s)^2 g_i g_i^T \Big) F^{-1},

    the latter of the decayed estimator about its own expectation, which is not the truth. Of several classes, whose
    coefficients are known up to a constant, those that sum to 0. None with an L1 part, where rows are fewer than
    columns (most directions then have the prior's variance alone), at infinite decay and for very large data.
    """
    course = problem.whole
    paths, units = course.paths, course.units
    c, q = paths.shape
    D = c * q
    if not isinstance(units, Direct) or paths.members.l1_ratio or not decay < math.inf:
        return None
    if D > FORMED or float(paths.data.n) * D * D > MOST:
        return None
    (solved,) = paths.solve(np.array([decay]))
    v = solved.V[0]
    if np.isnan(v).any():
        return None
    anchor = paths.own_anchor(v, 0, decay)
    hessian = anchor.hessian(0)
    free = np.tile(~paths.members.held(np.array([decay]), np.zeros(1, dtype=np.intp))[0], c)
    inverse = anchor.factor(0, decay, hessian).solve(np.diag(free.astype(np.float64)))
    inverse = 0.5 * (inverse + inverse.T)
    if c > 1:
        apart = np.kron(np.eye(c) - 1.0 / c, np.eye(q))
        inverse = apart @ inverse @ apart
    d, U = np.linalg.eigh(inverse)
    root = U * np.sqrt(np.maximum(d, 0.0))
    scattered = scatter(root, _scores(problem, v))
    columns = np.ones(problem.rows.p) / problem.data.unit
    found = []
    for std in (posterior_std(root, 1.0 / problem.rows.n_positive), sandwich_std(root, scattered)):
        found.append(np.where(free, std, math.nan).reshape(c, q)[:, : problem.rows.p] * columns)
    posterior, sandwich = (problem.scaling.undone(one, np.zeros(c))[0] for one in found)
    return posterior, sandwich


def _scores(problem: NewtonProblem, v: Array) -> Iterator[Array]:
    """(s_i/Σs) g_i of blocks of rows, (m, c·q)."""
    paths = problem.whole.paths
    data, (c, q) = paths.data, v.shape
    S, size = float(data.s.sum()), max(1, SCORES // (c * q))
    for start in range(0, data.n, size):
        rows = np.arange(start, min(start + size, data.n))
        eta = predictors(data, paths.members, v[None], np.zeros(1, dtype=np.intp), rows)
        slope = data.loss.slope(data.target[rows], eta)[:, 0] * (data.s[rows] / S)[:, None]
        part = data.Z[rows]
        Z = np.asarray(part.toarray() if data.sparse else part)
        Z = np.concatenate([Z, np.ones((len(rows), 1))], axis=1) if q > data.p else Z
        yield (slope[:, :, None] * Z[:, None, :]).reshape(len(rows), c * q)
