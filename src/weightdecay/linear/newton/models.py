"""Models of all rows along a path of decays, and one model to the last digit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.courses import Course
from weightdecay.linear.newton.factors import FORMED, Anchor
from weightdecay.linear.newton.nodes import interpolated
from weightdecay.linear.newton.passes import predictors
from weightdecay.linear.newton.paths import CHEAP
from weightdecay.linear.newton.split import NOWHERE, UNFINISHED

Array = NDArray[np.float64]

# Rows whose losses are summed at a time.
SUMMED = 2**21
# Newton steps after convergence that still gain digits.
POLISH = 4
# Decades between decays at which degrees of freedom of large data are worked out, and how many decays are worth it.
SPACING, FEW = 0.5, 24


@final
@dataclass(frozen=True, eq=False)
class Models:
    """L models: coefficients (L, c, p), intercepts (L, c), degrees of freedom (L,), mean losses (L,), status."""

    decays: Array
    coef: Array
    intercept: Array
    df: Array
    loss: Array
    status: tuple[str, ...]


def models_of(course: Course, decays: Array) -> Models:
    """Models of the first member of a course."""
    paths = course.paths
    solved = paths.solve(decays)
    V = np.stack([one.V[0] for one in solved])
    status = tuple(
        UNFINISHED if not one.converged[0] else NOWHERE if np.isnan(one.V[0]).any() else "newton" for one in solved
    )
    coef, intercept = course.units.models(V, np.zeros(len(V), dtype=np.intp))
    df = _freedoms(course, decays, [one.V[0] for one in solved])
    return Models(decays, coef, intercept, df, train_losses(course, V), status)


def _freedoms(course: Course, decays: Array, models: list[Array]) -> Array:
    """Degrees of freedom (L,): of large data at some decays, and interpolated in log λ between these."""
    v = models[0]
    inner = np.flatnonzero((decays > 0) & np.isfinite(decays))
    order = inner[np.argsort(decays[inner])]
    exact = set(range(len(decays)))
    large = float(course.paths.data.n) * v.size**2 > CHEAP and not course.paths.members.l1_ratio
    if large and len(order) > FEW:
        places = np.log10(decays[order])
        wanted = np.linspace(places[0], places[-1], max(4, math.ceil((places[-1] - places[0]) / SPACING) + 1))
        nodes = np.unique(np.abs(places[:, None] - wanted).argmin(axis=0))
        exact -= set(order.tolist()) - set(order[nodes].tolist())
    df = np.full(len(decays), math.nan)
    for one in sorted(exact):
        df[one] = _freedom(course, float(decays[one]), models[one])
    known = {float(decays[one]): df[[one]] for one in order.tolist() if one in exact}
    for one in order.tolist():
        if one not in exact:
            df[one] = float(interpolated(float(decays[one]), known)[0])
    return df


def train_losses(course: Course, V: Array) -> Array:
    """Mean training losses (L,) of models (L, c, q)."""
    paths = course.paths
    data, member = paths.data, np.zeros(len(V), dtype=np.intp)
    size = max(1, SUMMED // max(1, len(V) * V.shape[1]))
    inside = np.append(paths.members.train[0], False)
    rows = np.flatnonzero(inside[paths.cells.label])
    total = np.zeros(len(V))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        eta = predictors(data, paths.members, V, member, part)
        total += data.s[part] @ data.loss.value(data.target[part], eta)
    return np.asarray(total / paths.members.weight[0])


def _freedom(course: Course, decay: float, v: Array) -> float:
    """Effective degrees of freedom tr H(H + λQ)⁻¹, less those of the intercepts; nan where H is not formed.

    Models of several classes that differ by a constant are the same: directions of that kind do not count.
    """
    paths = course.paths
    c, q = v.shape
    if v.size > FORMED or np.isnan(v).any():
        return math.nan
    anchor = paths.anchor_near(decay, v)
    H = anchor.hessian(0)
    assert isinstance(H, np.ndarray)
    if paths.members.l1_ratio and 0 < decay < math.inf:
        return _sparse_freedom(course, decay, v, H)
    factor = anchor.factor(0, decay, H)
    members = paths.members
    one = np.zeros(1, dtype=np.intp)
    held = members.held(np.array([decay]), one)[0]
    free = np.flatnonzero(~held)
    contrasts = np.eye(c)
    if c > 1:
        contrasts = np.linalg.svd(np.eye(c) - 1.0 / c)[0][:, : c - 1]
    basis = np.asarray(np.kron(contrasts, np.eye(q)[:, free]), dtype=np.float64)
    strength = float(members.strength(np.array([decay]), one)[0])
    pull = np.zeros(q)
    if math.isfinite(strength):
        pull = strength * members.Q[0]
    shrunk = np.einsum("dk,dk->", basis, factor.solve(np.tile(pull, c)[:, None] * basis))
    intercepts = contrasts.shape[1] * (q - paths.data.p)
    return float(basis.shape[1] - shrunk - intercepts) - _null(H, basis, decay)


def _sparse_freedom(course: Course, decay: float, v: Array, H: Array) -> float:
    """The same of a model with an L1 share: tr H(H + λ(1 − ρ)Q)⁻¹ over the coefficients that are not zero.

    Zou, Hastie & Tibshirani (2007), "On the degrees of freedom of the lasso", Annals of Statistics 35(5).
    """
    paths = course.paths
    c, q = v.shape
    columns = np.tile(np.arange(q) < paths.data.p, c)
    used = np.flatnonzero((v.ravel() != 0) & columns)
    if paths.members.l1_ratio == 1.0 or not len(used):
        return float(len(used))
    strength = float(paths.members.strength(np.array([decay]), np.zeros(1, dtype=np.intp))[0])
    pull = (1.0 - paths.members.l1_ratio) * strength * np.tile(paths.members.Q[0], c)[used]
    inner = H[np.ix_(used, used)]
    return float(len(used) - np.trace(np.linalg.solve(inner + np.diag(pull), np.diag(pull))))


def _null(H: Array, basis: Array, decay: float) -> float:
    """Directions without curvature, which count nothing at no decay."""
    if decay > 0:
        return 0.0
    d = np.linalg.eigvalsh(basis.T @ H @ basis)
    return float(np.count_nonzero(d <= 4 * len(d) * np.finfo(np.float64).eps * d[-1])) if len(d) else 0.0


def polished(course: Course, decay: float) -> tuple[Array, str, int]:
    """The model of all rows at a decay by Newton steps until these gain nothing, its status, and their number."""
    paths = course.paths
    before = paths.passes
    (solved,) = paths.solve(np.array([decay]))
    v, one = solved.V[0], np.zeros(1, dtype=np.intp)
    if np.isnan(v).any():
        return paths.last, NOWHERE, paths.passes - before
    least = math.inf
    for _ in range(POLISH if v.size <= FORMED else 0):
        anchor = Anchor(paths.data, paths.cells, paths.members, 0.0, paths.members.wide(v[None], one)[0])
        train = paths.gradient(v)
        gradient = paths.members.decayed_gradient(train[None], v[None], np.array([decay]), one)[0]
        step = paths.local(anchor, 0, decay, anchor.hessian(0)).step(v.ravel(), gradient.ravel()).reshape(v.shape)
        size = float(np.abs(step).max(initial=0.0))
        if not size < 0.5 * least:
            break
        v, least = v - step, size
        if size <= 1e-15 * float(np.abs(v).max(initial=0.0)):
            break
    return v, "newton" if solved.converged[0] else UNFINISHED, paths.passes - before
