"""Proximal steps: many convex problems with L1 terms at once, each step the exact minimum of a quadratic with them.

With H a Hessian of nearby and g the gradient of what is smooth at v, the next point is the minimum over x of

    g·(x − v) + ½ (x − v)ᵀH(x − v) + Σ_j t_j |x_j|,

a quadratic lasso, whose signs are mostly those of v. A step is taken if the slope along it, kinks included, has not
risen to more than half of what it was; else it is halved.

Lee, Sun & Saunders (2014), "Proximal Newton-type methods for minimizing composite functions", SIAM J. Optim. 24(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, lapack

from weightdecay.linear.newton.minimise import OVERSHOT, SHORTENED, SURE, Evaluate, Minimum, Settings
from weightdecay.linear.quadratic_lasso import minimise as quadratic_minimum

Array = NDArray[np.float64]
Index = NDArray[np.intp]

HALVINGS = 20


@final
@dataclass(frozen=True, eq=False)
class Kinks:
    """A quadratic's Hessian (D, D), the thresholds t (D,) of the L1 terms, and what counts as zero (D,) in a slope."""

    H: Array
    thresholds: Array
    zero: Array

    def target(self, v: Array, gradient: Array) -> Array:
        """The minimum of the quadratic about v with the L1 terms."""
        goal = 1e-2 * float(self.zero.min(initial=np.inf))
        q = self.H @ v - gradient
        square = None if self._lower is None else float(q @ cho_solve((self._lower, True), q, check_finite=False))
        found, _ = quadratic_minimum(self.H, q, self.thresholds, start=v, square=square, goal=goal)
        return found

    @cached_property
    def _lower(self) -> Array | None:
        """Cholesky's factor of H, None where it has none."""
        lower, bad = lapack.dpotrf(self.H, lower=1, clean=0)
        return None if bad else np.asarray(lower)

    def step(self, v: Array, gradient: Array) -> Array:
        """What is to be taken from v."""
        return np.asarray(v - self.target(v, gradient))

    def size(self, v: Array, gradient: Array) -> float:
        """Distance of −gradient from the subdifferential, in units of what counts as zero."""
        bent = np.abs(gradient + self.thresholds * np.sign(v))
        distance = np.where(v == 0, np.maximum(np.abs(gradient) - self.thresholds, 0.0), bent)
        return float((distance / self.zero).max(initial=0.0))

    def slope(self, v: Array, gradient: Array, d: Array) -> float:
        """The derivative at v along d."""
        kink = np.where(v == 0, np.abs(d), np.sign(v) * d)
        return float(gradient @ d + self.thresholds @ kink)


def minimise_kinked(V: Array, evaluate: Evaluate, kinks: list[Kinks], settings: Settings) -> Minimum:
    """Minimise M problems from V (M, D); see `weightdecay.linear.newton.minimise.minimise`."""
    M, D = V.shape
    V, every = V.copy(), np.arange(M)
    with np.errstate(over="ignore", invalid="ignore"):
        gradient, found = evaluate(V, every)
    size = np.array([one.size(v, g) for one, v, g in zip(kinks, V, gradient, strict=True)])
    none = np.zeros(M, dtype=bool)
    out = Minimum(V, gradient, np.zeros((M, D)), size, np.full(M, np.nan), np.ones(M, dtype=np.intp), none)
    out.found = {one: (found, one) for one in range(M)}
    target, length = np.zeros((M, D)), np.ones(M)
    before = np.full(M, np.nan)
    open_ = np.flatnonzero(np.isfinite(size))
    fresh = open_
    steps = 0
    for _ in range(settings.most + SHORTENED):
        _aim(out, kinks, target, fresh, before, settings.step)
        length[fresh] = 1.0
        done = np.isin(open_, fresh) & (out.size[open_] <= 1.0)
        with np.errstate(invalid="ignore"):
            sure = done & (out.ratio[open_] <= SURE) & settings.trust
        out.step[open_[sure]] = target[open_[sure]] - out.V[open_[sure]]
        out.converged[open_[done]] = True
        open_ = open_[~done]
        if not len(open_) or steps == settings.most:
            break
        before = out.size.copy()
        fresh = _move(out, kinks, evaluate, (open_, target, length))
        steps += bool(len(fresh))
        open_ = open_[length[open_] > 0.5**HALVINGS]
        fresh = np.intersect1d(fresh, open_)
    out.V += out.step
    return out


def _aim(out: Minimum, kinks: list[Kinks], target: Array, fresh: Index, before: Array, step: float) -> None:
    """The next points of some problems, and sizes that take the way there into account."""
    for one in fresh:
        target[one] = kinks[one].target(out.V[one], out.gradient[one])
        reach = max(1.0, float(np.abs(out.V[one]).max(initial=0.0)))
        ahead = float(np.abs(target[one] - out.V[one]).max(initial=0.0)) / (step * reach)
        out.size[one] = max(out.size[one], ahead)
    with np.errstate(divide="ignore", invalid="ignore"):
        out.ratio[fresh] = np.where(np.isfinite(before[fresh]), out.size[fresh] / before[fresh], out.ratio[fresh])


def _move(out: Minimum, kinks: list[Kinks], evaluate: Evaluate, where: tuple[Index, Array, Array]) -> Index:
    """Try one step of all open problems; those that took theirs."""
    open_, target, length = where
    way = target[open_] - out.V[open_]
    trial = np.where(length[open_, None] == 1.0, target[open_], out.V[open_] + length[open_, None] * way)
    with np.errstate(over="ignore", invalid="ignore"):
        there, found = evaluate(trial, open_)
    out.evaluations[open_] += 1
    won = []
    for position, one in enumerate(open_):
        d = trial[position] - out.V[one]
        start = kinks[one].slope(out.V[one], out.gradient[one], d)
        with np.errstate(over="ignore", invalid="ignore"):
            end = -kinks[one].slope(trial[position], there[position], -d)
            size = kinks[one].size(trial[position], there[position])
        if np.isfinite(size) and (end <= OVERSHOT * abs(start) or size <= 1.0):
            out.V[one], out.gradient[one], out.size[one] = trial[position], there[position], size
            out.found[int(one)] = (found, position)
            won.append(int(one))
        else:
            length[one] *= 0.5
    return np.array(won, dtype=np.intp)
