"""Modes: the nearest minimum of J, by Newton's method with conjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from weightdecay.neural.opinions.objective import Penalised, Product

# Share of J that a further step may gain: its root is that of the weights' error.
DONE = 1e-22
# The same, with which a mode must be content that kinks let no step come nearer to; and from where its Hessian does not
# tell whether it is one.
NEAR, CLEAR = 1e-4, 1e-9
# Steps in which J must fall by NEAR where it has kinks, on the sides of which the quadratic model is another.
LONG = 25
# Steps of conjugate gradients per step of Newton's method, and those from which the preconditioner is too old.
INNER, OLD = 300, 25
# Curvature below this share of the largest is negative.
NEGATIVE = -1e-7


@final
@dataclass(frozen=True, eq=False)
class Solved:
    """x with H x ≈ b.

    Parameters
    ----------
    x : Tensor
    steps : int
    left : float
        ‖residual‖/‖b‖ in the preconditioner's norm.
    bent : Tensor or None
        A direction of negative curvature.
    flat : bool
        Whether a direction without curvature stopped it.
    """

    x: Tensor
    steps: int
    left: float
    bent: Tensor | None
    flat: bool = False


def conjugate(product: Product, b: Tensor, solve: Product, tol: float, most: int = INNER) -> Solved:
    """Preconditioned conjugate gradients, stopped where curvature is not positive."""
    x, r = torch.zeros_like(b), b.clone()
    z = solve(r)
    d, inner = z.clone(), float(r @ z)
    first = inner if inner > 0 else 1.0
    length, largest = inner, 0.0
    for step in range(most):
        if inner <= tol * tol * first or inner <= 0:
            return Solved(x, step, (max(inner, 0.0) / first) ** 0.5, None)
        q = product(d)
        ratio = float(d @ q) / length
        largest = max(largest, abs(ratio))
        if ratio <= 1e-14 * largest:
            bent = d if ratio < NEGATIVE * largest else None
            return Solved(x, step, (inner / first) ** 0.5, bent, bent is None)
        share = inner / float(d @ q)
        x, r = x + share * d, r - share * q
        z = solve(r)
        new = float(r @ z)
        d = z + (new / inner) * d
        length = new + (new / inner) ** 2 * length
        inner = new
    return Solved(x, most, (max(inner, 0.0) / first) ** 0.5, None)


@final
@dataclass(frozen=True, eq=False)
class Mode:
    """Where the descent ended.

    Parameters
    ----------
    w : Tensor of shape (P,)
    value : float
        J there.
    first : float
        Share of J at the start that the way to the mode has gained.
    found : bool
        Whether it is a minimum.
    reason : str
        What it is if not.
    left : float
        Share of J that a further step would gain, by a quadratic model.
    """

    w: Tensor
    value: float
    first: float
    found: bool
    reason: str = ""
    left: float = 0.0


def descended(
    problem: Penalised,
    w: Tensor,
    solve: Product,
    renewed: Callable[[Tensor], Product] | None,
    most: int,
    limit: float = math.inf,
    *,
    kinks: bool = False,
) -> Mode:
    """Go down from w to the next minimum.

    Parameters
    ----------
    solve : callable
        A preconditioner.
    renewed : callable or None
        Another one for another place.
    most : int
        Steps.
    limit : float
        Share of J that the way may gain: a start from where it is more is given up.
    kinks : bool
        Whether J has any. At a minimum on a kink no gradient is 0: it is one where J has stopped to fall.
    """
    start = value = problem.value(w)
    escapes, polished, reason = 0, 0, ""
    seen: list[float] = []
    for _ in range(most):
        seen.append(value)
        g, scale = problem.gradient(w), max(abs(value), 1e-12 * abs(start))
        H = problem.hessian(w)
        z = solve(g)
        left = 0.5 * float(g @ z) / scale
        if start - value > limit * abs(start):
            return Mode(w, value, (start - value) / abs(start), False, "a start too far from any")
        if left <= DONE or polished > 3 or (reason and left <= NEAR):
            bent = bent_direction(problem, w, H, solve)
            if bent is None or (reason and left > CLEAR):
                return Mode(w, value, (start - value) / max(abs(start), 1e-300), True, left=left)
            step = _escape(problem, w, bent, value)
            escapes += 1
            if step is None or escapes > 10:
                return Mode(w, value, 1.0, False, "a saddle from which no way down was found")
            w, value, polished, reason = step[0], step[1], 0, ""
            continue
        if kinks and (reason or (len(seen) > LONG and seen[-LONG] - value <= NEAR * scale)):
            return Mode(w, value, (start - value) / max(abs(start), 1e-300), True, left=left)
        if reason:
            return Mode(w, value, 1.0, False, reason)
        solved = conjugate(H, -g, solve, 1e-6 if left <= 1e-3 else 1e-2)
        p = -z if solved.steps == 0 else solved.x
        if abs(float(g @ p)) <= 1e-11 * scale:
            # Too little to be seen in J, but not in its gradient.
            w, polished = w + p, polished + 1
            value = problem.value(w)
            continue
        found = _searched(problem, w, p, float(g @ p), value)
        for other in (-z, -g):
            found = _searched(problem, w, other, float(g @ other), value) if found is None else found
        if found is None:
            reason = "a point from which no step goes down, as at a kink"
            continue
        w, value = found
        if solved.steps > OLD and renewed is not None:
            solve = renewed(w)
    left = 0.5 * float((g := problem.gradient(w)) @ solve(g)) / max(abs(value), 1e-300)
    if left <= NEAR:
        return Mode(w, value, (start - value) / max(abs(start), 1e-300), True, left=left)
    return Mode(w, value, 1.0, False, f"still on the way down after {most} steps")


def _searched(problem: Penalised, w: Tensor, p: Tensor, slope: float, value: float) -> tuple[Tensor, float] | None:
    """A step along p, halved until J falls by a share of what its slope promises."""
    t = 1.0
    for _ in range(40):
        new = problem.value(w + t * p)
        if new <= value + 1e-4 * t * slope:
            return w + t * p, new
        t *= 0.5
    return None


def _escape(problem: Penalised, w: Tensor, bent: Tensor, value: float) -> tuple[Tensor, float] | None:
    """A step along a direction of negative curvature, whichever way J falls more."""
    bent = bent * (0.3 * max(float(w.norm()), 1e-3) / float(bent.norm()))
    for _ in range(20):
        ways = [(problem.value(w + sign * bent), sign) for sign in (1.0, -1.0)]
        least, sign = min(ways)
        if least < value:
            return w + sign * bent, least
        bent = 0.5 * bent
    return None


def bent_direction(problem: Penalised, w: Tensor, H: Product, solve: Product) -> Tensor | None:
    """A direction in which J curves down, looked for from a random one; None if there is none."""
    generator = torch.Generator().manual_seed(2)
    v = torch.randn(len(w), generator=generator, dtype=w.dtype).to(w)
    return conjugate(H, H(v), solve, 1e-3).bent
