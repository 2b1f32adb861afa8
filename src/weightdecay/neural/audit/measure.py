r"""What a few steps show of each tensor: numbers from which its form of decay is told.

All are differences of steps that begin with different weights and are alike in all else, so that the update itself
drops out. With Δ(w, g) = w − w' the way of a step at gradient g:

.. math:: \tfrac12 (Δ(w, g) - Δ(-w, g)) = a w + b \operatorname{sign}(w), \qquad (Δ(2w, g) - Δ(w, g)) / w = a,
          \qquad \tfrac12 (Δ(w, 0) + Δ(-w, 0)) = -a c

for a decay beside the update that takes the share a of w − c and the threshold b. What goes through an adaptive
optimiser's preconditioner falls as the gradient grows; what goes through momentum grows from step to step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from weightdecay.neural.audit.cuts import Cut
from weightdecay.neural.audit.runs import Manner, Moved, Setup, Workshop

SMALL, LARGE = 16.0, 256.0  # sizes of artificial gradients over those of w: g + λw has the sign of g
REAL_STEPS = 4
LONG = 24
STEADY = 0.1  # of a weight, that a step may move it
TINY = 1e-6  # share in the course of steps: so little that w is the same all the while
LATE = 8  # RAdam is no adaptive optimiser before its sixth step


@dataclass(frozen=True)
class Pull:
    """What draws a tensor to a point, at one size of the gradient.

    Attributes
    ----------
    total : share of w that a step takes, ⟨odd part, w⟩/⟨w, w⟩.
    slope, threshold : a and b, medians over the coordinates.
    agreeing, opposing : a where the update goes towards 0, and where not; nan where there are no such coordinates.
    still : share of the coordinates that are not drawn while others are.
    centred : whether the point is not 0.
    update : root mean square of the even part, over that of w.
    """

    total: float
    slope: float
    threshold: float
    agreeing: float
    opposing: float
    still: float
    centred: bool
    update: float


@dataclass(frozen=True)
class Light:
    """What is measured of every tensor.

    Attributes
    ----------
    resting, moving : at gradient 0, and in a large one at a learning rate so small that no weight changes its sign.
    quotient : total of the second over that of the first at that learning rate; nan where nothing rests on it.
    calm : that learning rate over the present one.
    noise : what rounding can make of a share.
    base : size of the gradient at which the next three are measured.
    drawn : at the present learning rate.
    faster, stronger : total at twice the learning rate and at twice λ, over the total.
    bare : share of w that a step without gradient takes.
    kept, due : share of the real weights that some steps take in their own type, and in float64.
    begun : what the first of these takes in their own type.
    trained : share per step with the state that training has left; None without one.
    """

    resting: Pull
    moving: Pull
    quotient: float
    calm: float
    noise: float
    base: float
    drawn: Pull
    faster: float
    stronger: float
    bare: float
    kept: float
    due: float
    begun: float
    trained: float | None


@dataclass(frozen=True)
class Deep:
    """What is measured of one tensor for all of its kind.

    Attributes
    ----------
    course : for each step at gradient 0 and a small learning rate, the share of w that it takes.
    late_small, late_large : total of the last of some very small steps, in a small and a large gradient.
    preconditioned : whether these differ.
    peaked : total at twice the learning rate and its peak, over the total.
    late_stronger : late_small at twice λ, over late_small.
    """

    course: tuple[float, ...]
    late_small: float
    late_large: float
    preconditioned: bool
    peaked: float
    late_stronger: float


def light(
    workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, trained: Sequence[bool], base: float | None = None
) -> list[Light]:
    """Measure some tensors side by side.

    Parameters
    ----------
    workshop : Workshop
    cuts : mapping of Tensor to Cut
        The tensors, each with the numbers that stand for it.
    manner : Manner
        How the optimiser wants to be stepped.
    trained : sequence of bool
        For each, whether it has a state that can be taken over.
    base : float, optional
        Where given, the size of the gradient for the settings' effects.

    Returns
    -------
    list of Light
        In the order of the cuts.
    """
    resting, noise = _pulls(workshop, cuts, manner, Setup())
    moving, _ = _pulls(workshop, cuts, manner, Setup(gradient=SMALL))
    if base is None:
        base = 0.0 if any(abs(pull.total) > least for pull, least in zip(resting, noise, strict=True)) else SMALL
    drawn = resting if base == 0 else moving
    first = [pull.total for pull in drawn]
    calm = min(1.0, STEADY / max(max(pull.update for pull in moving), STEADY))
    beside = [pull.total for pull in resting]
    if calm < 1:
        moving, _ = _pulls(workshop, cuts, manner, Setup(gradient=SMALL, rate=calm))
        beside = _totals(workshop, cuts, manner, Setup(rate=calm))
    quotients = [
        pull.total / total if abs(total) > least else math.nan
        for pull, total, least in zip(moving, beside, noise, strict=True)
    ]
    faster = _totals(workshop, cuts, manner, Setup(gradient=base, rate=2.0))
    stronger = _totals(workshop, cuts, manner, Setup(gradient=base, decay=2.0))
    bare = _bare(workshop, cuts, manner)
    own = Setup(weights=None, steps=REAL_STEPS)
    due = [sum(moved.shares) for moved in workshop.run(cuts, own, manner)]
    real = [moved.shares for moved in workshop.run(cuts, replace(own, precise=False), manner)]
    states: list[float | None] = [None] * len(first)
    if any(trained):
        later = {tensor: cut for (tensor, cut), has in zip(cuts.items(), trained, strict=True) if has}
        totals = iter(_totals(workshop, later, replace(manner, emptied=False), Setup(fresh=False, steps=REAL_STEPS)))
        states = [next(totals) / REAL_STEPS if has else None for has in trained]
    return [
        Light(
            resting[i],
            moving[i],
            quotients[i],
            calm,
            noise[i],
            base,
            drawn[i],
            _ratio(faster[i], first[i]),
            _ratio(stronger[i], first[i]),
            bare[i],
            sum(real[i]),
            due[i],
            real[i][0],
            states[i],
        )
        for i in range(len(first))
    ]


def _bare(workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner) -> list[float]:
    """Share that a step without gradient takes; none where such a step fails."""
    try:
        return [moved.shares[0] for moved in workshop.run(cuts, Setup(gradient=None), manner)]
    except Exception:
        return [0.0] * len(cuts)


def deep(workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, base: float, calm: float) -> list[Deep]:
    """Measure some tensors in more steps; parameters as for `light`, ``calm`` as it says."""
    first = _totals(workshop, cuts, manner, Setup(gradient=base))
    slow = min(1.0, TINY / max(max(map(abs, first)), TINY))
    if base == 0:
        courses = [moved.shares for moved in workshop.run(cuts, Setup(steps=LONG, rate=slow), manner)]
    else:
        courses = _course(workshop, cuts, manner, Setup(gradient=base, rate=slow))
    still = calm * SMALL / LARGE / LATE / 10  # momentum moves weights about ten times as far
    small, _ = _late(workshop, cuts, manner, Setup(gradient=SMALL, rate=still))
    large, noise = _late(workshop, cuts, manner, Setup(gradient=LARGE, rate=still))
    within = [
        abs(one - two) > 1e-5 * max(abs(one), abs(two)) + n for one, two, n in zip(small, large, noise, strict=True)
    ]
    peaked = _totals(workshop, cuts, manner, Setup(gradient=base, rate=2.0, peak=2.0))
    heard = small
    if any(within):
        heard, _ = _late(workshop, cuts, manner, Setup(gradient=SMALL, decay=2.0, rate=still))
    return [
        Deep(course, small[i], large[i], within[i], _ratio(peaked[i], first[i]), _ratio(heard[i], small[i]))
        for i, course in enumerate(courses)
    ]


def _pulls(
    workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, setup: Setup
) -> tuple[list[Pull], list[float]]:
    """What draws each tensor, and what rounding can make of it."""
    plus, minus, double = (workshop.run(cuts, replace(setup, weights=weights), manner) for weights in (1.0, -1.0, 2.0))
    found = [_pull(*three) for three in zip(plus, minus, double, strict=True)]
    return found, [_noise(moved) for moved in plus]


def _pull(plus: Moved, minus: Moved, double: Moved) -> Pull:
    """Take apart the ways from w, −w and 2w."""
    weights = plus.before
    wide = plus.way.to(torch.float64), minus.way.to(torch.float64), double.way.to(torch.float64)
    w = weights.to(torch.float64)
    odd, even, grown = (wide[0] - wide[1]) / 2, (wide[0] + wide[1]) / 2, (wide[2] - wide[0]) / w
    total = float((odd * w).sum() / (w * w).sum())
    slope = float(grown.median())
    threshold = float(((odd - slope * w) * w.sign()).median())
    towards = even * w > 0
    shares = (odd / w).abs()
    lead = float(shares.quantile(0.9)) if shares.numel() < 1 << 20 else float(shares.max())
    update = float(even.square().mean().sqrt() / w.square().mean().sqrt())
    return Pull(
        total,
        slope,
        threshold,
        _median(grown[towards]),
        _median(grown[~towards]),
        float((shares < 0.1 * lead).double().mean()) if lead > 0 else 0.0,
        update > max(1e-6 * abs(slope), _noise(plus)) and slope != 0,
        update,
    )


def _median(values: Tensor) -> float:
    return float(values.median()) if values.numel() else math.nan


def _noise(moved: Moved) -> float:
    """Rounding of w and of its way, over the smallest |w|."""
    least = float(moved.before.abs().min())
    most = float(moved.before.abs().max()) + float(moved.way.abs().max())
    return 8 * torch.finfo(moved.before.dtype).eps * most / least if least > 0 else math.inf


def _totals(workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, setup: Setup) -> list[float]:
    """Share of w that all steps take, from w and −w."""
    plus = workshop.run(cuts, setup, manner)
    minus = workshop.run(cuts, replace(setup, weights=-1.0), manner)
    return [_total(one, other) for one, other in zip(plus, minus, strict=True)]


def _total(plus: Moved, minus: Moved) -> float:
    w = plus.before.to(torch.float64)
    odd = (plus.way.to(torch.float64) - minus.way.to(torch.float64)) / 2
    return float((odd * w).sum() / (w * w).sum())


def _late(
    workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, setup: Setup
) -> tuple[list[float], list[float]]:
    """Share of w that the last step takes, and what rounding can make of it."""
    all_but_one = _totals(workshop, cuts, manner, replace(setup, steps=LATE - 1))
    long = replace(setup, steps=LATE)
    plus, minus = workshop.run(cuts, long, manner), workshop.run(cuts, replace(long, weights=-1.0), manner)
    every = [_total(one, other) for one, other in zip(plus, minus, strict=True)]
    return [whole - part for whole, part in zip(every, all_but_one, strict=True)], [_noise(one) for one in plus]


def _course(workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, setup: Setup) -> list[tuple[float, ...]]:
    """For each step the share that it takes, where a gradient is needed: from sums over more and more steps."""
    sums = [_totals(workshop, cuts, manner, replace(setup, steps=steps)) for steps in (1, 2, 3, LONG - 1, LONG)]
    found = []
    for one in zip(*sums, strict=True):
        middle = (one[3] - one[2]) / (LONG - 4)
        found.append((one[0], one[1] - one[0], one[2] - one[1], *[middle] * (LONG - 4), one[4] - one[3]))
    return found


def _ratio(value: float, unit: float) -> float:
    return value / unit if unit else math.nan
