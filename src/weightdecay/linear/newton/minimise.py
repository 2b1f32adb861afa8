"""Minimise: many smooth convex problems at once by a quasi-Newton method whose start is a factorised Hessian.

Every step costs all problems together one evaluation of gradients. The direction is −H⁻¹g with H⁻¹ a Hessian of nearby,
factorised once, and corrected by the last pairs of steps and gradient changes (the two loops of limited-memory BFGS).
No values are needed: along a direction d of a convex function the slope g·d rises, so a step is taken if it has not
risen to more than half of what it was, with either sign, and shortened otherwise by the secant through both slopes.

Nocedal & Wright (2006), "Numerical Optimization", algorithm 7.4; the preconditioned start is its H⁰.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Gradients (m, D) of the problems at points (m, D), and whatever else was found there.
Evaluate = Callable[[Array, Index], tuple[Array, Any]]
# H⁻¹g (m, D) of some of the problems.
Precondition = Callable[[Array, Index], Array]

# Size (m,) of gradients (m, D) of some problems, in units of what counts as zero.
Measure = Callable[[Array, Index], Array]

OVERSHOT = 0.5
SHORTEST, LONGEST = 0.1, 0.6
SMALLEST_STEP = 1e-10
# Evaluations that may end in a shorter step, beside those that are counted.
SHORTENED = 30
# The next step, beside the point or 1, that counts as none.
STEP = 1e-7
# The longest step, beside the point or 1.
FARTHEST = 30.0
# A ratio of gradients by which a step is sure to help.
SURE = 0.3


@final
@dataclass(eq=False)
class Minimum:
    """Where M problems ended.

    Parameters
    ----------
    V : ndarray of shape (M, D)
        Points.
    gradient : ndarray of shape (M, D)
        There; of a last step that was taken on trust that at its start.
    step : ndarray of shape (M, D)
        The step taken on trust, zeros where none was.
    size : ndarray of shape (M,)
        Measure of the gradient; of a step taken on trust what is expected of it.
    ratio : ndarray of shape (M,)
        By what the last full step reduced the measure.
    evaluations : ndarray of shape (M,) of int
    converged : ndarray of shape (M,) of bool
    found : dict of int
        What `Evaluate` gave besides, as (its answer, position in it).
    """

    V: Array
    gradient: Array
    step: Array
    size: Array
    ratio: Array
    evaluations: Index
    converged: NDArray[np.bool_]
    found: dict[int, tuple[Any, int]] = field(default_factory=dict)


@dataclass(eq=False)
class _Memory:
    """The last pairs of steps and gradient changes (K, M, D) of every problem, newest last, 0 where there is none."""

    steps: Array
    changes: Array
    inverse: Array

    @staticmethod
    def of(M: int, D: int, size: int) -> _Memory:
        """Empty."""
        return _Memory(np.zeros((size, M, D)), np.zeros((size, M, D)), np.zeros((size, M)))

    def add(self, which: Index, step: Array, change: Array) -> None:
        """Add a pair to some problems; pairs without curvature are left out."""
        product = np.einsum("md,md->m", step, change)
        norm = np.einsum("md,md->m", step, step) * np.einsum("md,md->m", change, change)
        good = product > 1e-12 * np.sqrt(norm)
        if not good.any():
            return
        mine = which[good]
        for kept, new in ((self.steps, step[good]), (self.changes, change[good]), (self.inverse, 1.0 / product[good])):
            kept[:-1, mine] = kept[1:, mine]
            kept[-1, mine] = new

    def direction(self, gradient: Array, which: Index, precondition: Precondition) -> Array:
        """−H⁻¹g of some problems."""
        q = gradient.copy()
        weights = []
        for s, y, inverse in zip(self.steps[::-1], self.changes[::-1], self.inverse[::-1], strict=True):
            a = inverse[which] * np.einsum("md,md->m", s[which], q)
            q -= a[:, None] * y[which]
            weights.append(a)
        r = precondition(q, which)
        for s, y, inverse, a in zip(self.steps, self.changes, self.inverse, weights[::-1], strict=True):
            b = inverse[which] * np.einsum("md,md->m", y[which], r)
            r = r + (a - b)[:, None] * s[which]
        return -r


@final
@dataclass(frozen=True)
class Settings:
    """How far to go.

    Parameters
    ----------
    most : int
        Evaluations after which some problem has moved.
    memory : int
        Pairs kept.
    trust : bool
        Whether a last step may be taken without looking at its end, where it is expected to meet the tolerance.
    step : float
        The next step, beside the point or 1, that counts as none.
    """

    most: int = 60
    memory: int = 6
    trust: bool = True
    step: float = STEP


def minimise(
    V: Array,
    evaluate: Evaluate,
    precondition: Precondition,
    measure: Measure,
    settings: Settings = Settings(),
    expected: Array | None = None,
) -> Minimum:
    """Minimise M problems from V (M, D).

    A problem is solved when its gradient counts as zero and the next step is nothing beside its point.

    Parameters
    ----------
    V : ndarray of shape (M, D)
    evaluate, precondition : callable
    measure : callable
        Size of gradients (m, D) of some problems in units of what counts as zero, (m,).
    settings : Settings
    expected : ndarray of shape (M,), optional
        The ratio by which a step is expected to reduce gradients, before any was taken; nan where nothing is known.
    """
    M, D = V.shape
    V = V.copy()
    ratio = np.full(M, np.nan) if expected is None else expected.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        gradient, found = evaluate(V, np.arange(M))
        size = measure(gradient, np.arange(M))
    out = Minimum(V, gradient, np.zeros((M, D)), size, ratio, np.ones(M, dtype=np.intp), np.zeros(M, dtype=bool))
    out.found = {one: (found, one) for one in range(M)}
    memory = _Memory.of(M, D, settings.memory)
    work = _Work(evaluate, precondition, measure, memory, np.ones(M), np.zeros((M, D)), settings.step)
    open_ = np.flatnonzero(np.isfinite(size))
    fresh, before = open_, np.full(M, np.nan)
    steps = 0
    for _ in range(settings.most + SHORTENED):
        _turn(out, work, fresh, before)
        open_ = _settled(out, work, open_, fresh, settings)
        if not len(open_) or steps == settings.most:
            break
        before = out.size.copy()
        fresh = _step(out, work, open_)
        steps += bool(len(fresh))
        open_ = open_[work.length[open_] >= SMALLEST_STEP]
        fresh = np.intersect1d(fresh, open_)
    out.V += out.step
    return out


@dataclass(eq=False)
class _Work:
    """What every step needs."""

    evaluate: Evaluate
    precondition: Precondition
    measure: Measure
    memory: _Memory
    length: Array
    direction: Array
    step: float


def _turn(out: Minimum, work: _Work, fresh: Index, before: Array) -> None:
    """New directions, and sizes that take the length of the next step into account."""
    if not len(fresh):
        return
    whole = work.length[fresh] == 1.0
    direction = work.memory.direction(out.gradient[fresh], fresh, work.precondition)
    # Where a loss is level a Newton step leads to where numbers end.
    far = np.abs(direction).max(axis=1, initial=0.0) / (FARTHEST * np.maximum(1.0, np.abs(out.V[fresh]).max(axis=1)))
    work.direction[fresh] = direction / np.maximum(1.0, np.where(np.isfinite(far), far, 1.0))[:, None]
    work.length[fresh] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        _look_ahead(out, work, fresh, before, whole)


def _look_ahead(out: Minimum, work: _Work, fresh: Index, before: Array, whole: NDArray[np.bool_]) -> None:
    """Sizes that take the length of the next step into account, and by what they fell."""
    reach = np.maximum(1.0, np.abs(out.V[fresh]).max(axis=1, initial=0.0))
    ahead = np.abs(work.direction[fresh]).max(axis=1, initial=0.0) / (work.step * reach)
    out.size[fresh] = np.maximum(out.size[fresh], np.where(np.isfinite(ahead), ahead, np.inf))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = out.size[fresh] / before[fresh]
    known = np.isfinite(before[fresh])
    out.ratio[fresh] = np.where(known, np.where(whole, ratio, np.nan), out.ratio[fresh])


def _settled(out: Minimum, work: _Work, open_: Index, fresh: Index, settings: Settings) -> Index:
    """The problems that are still open: a step that is sure to help and to end there is taken unseen."""
    turned = np.isin(open_, fresh)
    with np.errstate(invalid="ignore"):
        helps = turned & (out.ratio[open_] <= SURE) & settings.trust
        ends = helps & (2.0 * out.ratio[open_] * out.size[open_] <= 1.0)
        done = turned & ((out.size[open_] <= 1.0) | ends)
        unseen = open_[done & helps]
    out.step[unseen] = work.direction[unseen]
    out.size[unseen] *= out.ratio[unseen]
    out.converged[open_[done]] = True
    return open_[~done]


def _step(out: Minimum, work: _Work, open_: Index) -> Index:
    """Try one step of all open problems; those that took theirs."""
    direction, length = work.direction, work.length
    move = length[open_, None] * direction[open_]
    trial = out.V[open_] + move
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        there, found = work.evaluate(trial, open_)
        before = np.einsum("md,md->m", out.gradient[open_], direction[open_])
        after = np.einsum("md,md->m", there, direction[open_])
        size = work.measure(there, open_)
        fine = np.isfinite(size) & np.isfinite(after)
        taken = fine & ((np.abs(after) <= OVERSHOT * np.abs(before)) | (after <= 0.0) | (size <= 1.0))
        secant = np.where(fine & (after > before), before / (before - after), SHORTEST)
    out.evaluations[open_] += 1
    won = open_[taken]
    work.memory.add(won, move[taken], there[taken] - out.gradient[won])
    out.V[won], out.gradient[won], out.size[won] = trial[taken], there[taken], size[taken]
    for position in np.flatnonzero(taken):
        out.found[int(open_[position])] = (found, int(position))
    length[open_[~taken]] *= np.clip(secant[~taken], SHORTEST, LONGEST)
    return np.asarray(won)
