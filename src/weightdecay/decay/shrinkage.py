r"""Shrinkage: what a decay alone leaves of a weight, step after step, in every form and under every schedule.

A form takes the share a_t = λ c p_t of the weight in step t, with p_t = s_t or s_t² of the schedule (see `schedules`):

.. math:: \text{decoupled, cautious: } c = η, \quad \text{independent: } c = 1, \quad
          \text{corrected: } c = η,\; p_t = s_t^2, \quad \text{coupled in SGD: } c = η/(1-β),

the last one in the long run: with momentum β the weight follows v ← β v + λ w, w ← w − η_t v.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from weightdecay.decay.schedules import PLACES, Array, Course

# How an optimiser's own weight_decay acts in torch, and its usual momentum.
OPTIMISERS: Mapping[str, tuple[str, float]] = {
    "sgd": ("coupled", 0.0),
    "adam": ("coupled", 0.9),
    "adamw": ("decoupled", 0.9),
    "nadam": ("coupled", 0.9),
    "radam": ("coupled", 0.9),
    "rmsprop": ("coupled", 0.0),
    "adagrad": ("coupled", 0.0),
    "lion": ("decoupled", 0.9),
    "muon": ("decoupled", 0.95),
}
FORMS = ("decoupled", "independent", "corrected", "cautious", "coupled", "penalty")
IN_THE_GRADIENT = ("coupled", "penalty")
TURNS = 200


@final
@dataclass(frozen=True)
class Pull:
    """How a form pulls.

    Attributes
    ----------
    per_decay : float
        c: the share of a weight that one step at the peak rate takes, per unit of λ.
    power : int
        1 or 2: p_t = s_t or s_t².
    momentum : float or None
        β where the decay goes through the momentum of SGD; None beside the gradient.
    """

    per_decay: float
    power: int = 1
    momentum: float | None = None

    @property
    def rate(self) -> float:
        """What multiplies λ in one step at the peak rate, before momentum piles it up."""
        return self.per_decay if self.momentum is None else self.per_decay * (1.0 - self.momentum)


def pull_of(form: str, optimizer: str, learning_rate: float | None, momentum: float) -> Pull | None:
    """Return how a form pulls under an optimiser; None where it has no rate: in the gradient of an adaptive one.

    Raises
    ------
    ValueError
        If the form needs a learning rate and there is none.

    Examples
    --------
    >>> pull_of("coupled", "sgd", 0.1, 0.9).per_decay
    1.0000000000000002
    >>> pull_of("coupled", "adam", 1e-3, 0.9) is None
    True
    """
    if form == "independent":
        return Pull(1.0)
    if form in IN_THE_GRADIENT and optimizer != "sgd":
        return None
    if learning_rate is None:
        raise ValueError(
            f"form={form!r} removes the learning rate times λ in each step: give learning_rate=, the peak of the run"
        )
    if form in IN_THE_GRADIENT:
        return Pull(learning_rate / (1.0 - momentum), 1, momentum)
    return Pull(learning_rate, 2 if form == "corrected" else 1)


def elapsed(pull: Pull, decay: float, course: Course) -> float:
    """Σ a_t: how many timescales a run lasts.

    Examples
    --------
    >>> from weightdecay.decay.schedules import course_of
    >>> elapsed(Pull(1e-3), 0.1, course_of("constant", 20_000))
    2.0
    """
    return decay * pull.per_decay * course.total(pull.power)


def left_after(pull: Pull, decay: float, course: Course, steps: float | None = None) -> float:
    r"""Return what decay alone leaves of a weight 1: ∏ (1 − a_t), or the recurrence with momentum.

    Parameters
    ----------
    pull, decay, course
        a_t.
    steps : float, optional
        After so many steps; None: at the end of the run. A fraction of a step counts as that power of its factor.

    Examples
    --------
    >>> from weightdecay.decay.schedules import course_of
    >>> round(left_after(Pull(0.5), 1.0, course_of("constant", 3)), 12)
    0.125
    """
    steps = course.steps if steps is None else steps
    if pull.momentum:
        return _with_momentum(pull, decay, course, steps)
    if course.constant:
        factors, shares = np.ones(1), np.array([steps])
    else:
        factors, shares = course.up_to(steps)
    taken = decay * pull.rate * factors**pull.power
    if (taken >= 1.0).any():
        return 0.0  # no run of sense: whoever asks refuses such a decay before
    return math.exp(float((shares * np.log1p(-taken)).sum()))


def _with_momentum(pull: Pull, decay: float, course: Course, steps: float) -> float:
    """The same where the decay goes through momentum: one step after another, or by the larger root where too long."""
    momentum, rate = pull.momentum or 0.0, decay * pull.rate
    if course.constant and steps <= PLACES:
        factors = np.ones(math.ceil(steps))
    elif course.each == 1.0:
        factors = course.up_to(steps)[0]
    else:
        some, shares = (np.ones(1), np.array([steps])) if course.constant else course.up_to(steps)
        return math.exp(float((shares * np.log(_root(rate * some, momentum))).sum()))
    weight, velocity, before = 1.0, 0.0, 1.0
    for factor in factors.tolist():
        before = weight
        velocity = momentum * velocity + rate * weight
        weight -= factor * velocity
    part = len(factors) - steps
    if part > 0.0 and weight > 0.0 and before > 0.0:  # a fraction of the last step
        return math.exp((1.0 - part) * math.log(weight) + part * math.log(before))
    return weight


def _root(rate: Array, momentum: float) -> Array:
    """The size of the larger root of z² − (1 + β − ηλ) z + β: what a step leaves in the long run."""
    middle = 1.0 + momentum - rate
    inside = np.maximum(middle * middle - 4.0 * momentum, 0.0)
    return np.asarray(np.maximum(0.5 * (np.abs(middle) + np.sqrt(inside)), math.sqrt(momentum)))


def oscillates(pull: Pull, decay: float) -> bool:
    """Whether momentum makes a weight swing through zero: ηλ > (1 − √β)²."""
    momentum = pull.momentum or 0.0
    return momentum > 0.0 and decay * pull.rate > (1.0 - math.sqrt(momentum)) ** 2


def half_life(pull: Pull, decay: float, course: Course) -> float:
    """Return the steps from the beginning of a run after which decay alone has halved a weight.

    Infinite if a schedule that does not stay constant ends before.

    Examples
    --------
    >>> from weightdecay.decay.schedules import course_of, unending
    >>> round(half_life(Pull(1e-3), 0.1, unending()), 2)
    6931.13
    >>> half_life(Pull(1e-3), 0.1, course_of("linear", 5000))
    inf
    """
    if decay == 0.0:
        return math.inf
    if not pull.momentum and course.constant:
        taken = decay * pull.rate
        return -math.log(2.0) / math.log1p(-taken) if taken < 1.0 else 0.0
    high = 1.0
    while left_after(pull, decay, course, high) > 0.5:
        if not course.constant and high >= course.steps:
            return math.inf
        high = 2.0 * high if course.constant else min(2.0 * high, course.steps)
        if high > 1e300:
            return math.inf
    low = 0.0 if high == 1.0 else 0.5 * high
    for _ in range(TURNS):
        middle = 0.5 * (low + high)
        if not low < middle < high or high - low <= 1e-12 * high:
            break
        low, high = (middle, high) if left_after(pull, decay, course, middle) > 0.5 else (low, middle)
    return high


def decay_halving(pull: Pull, course: Course, steps: float) -> float:
    """Return the λ that halves a weight in so many steps from the beginning of the run.

    Raises
    ------
    ValueError
        If no decay does: the steps are beyond the end of the schedule, or fewer than momentum needs to build up.

    Examples
    --------
    >>> from weightdecay.decay.schedules import unending
    >>> round(decay_halving(Pull(1e-3), unending(), 6931.13), 6)
    0.1
    """
    if not course.constant and steps > course.steps:
        raise ValueError(
            f"a half-life of {steps:g} steps is longer than the run of {course.steps:g}, at whose end the schedule "
            f"stops: give a half-life within the run, or tau="
        )
    if not pull.momentum and course.constant:
        return -math.expm1(-math.log(2.0) / steps) / pull.rate
    factors, shares = (np.ones(1), np.array([steps])) if course.constant else course.up_to(steps)
    sum_of_steps = float((shares * factors**pull.power).sum())
    if not sum_of_steps > 0.0:
        raise ValueError(f"the learning rate is 0 in the first {steps:g} steps: give a longer half-life")
    # The decay of small steps, then the interval around it, then halving, in the logarithm.
    low = high = math.log(math.log(2.0) / (pull.per_decay * sum_of_steps))
    while left_after(pull, math.exp(low), course, steps) < 0.5:
        low -= 1.0
    limit = math.log((1.0 - math.sqrt(pull.momentum or 0.0)) ** 2 / pull.rate)
    while left_after(pull, math.exp(min(high, limit)), course, steps) > 0.5:
        if high >= limit:
            raise ValueError(
                f"no decay halves a weight in {steps:g} steps here without overshooting zero: give a longer half-life"
            )
        high += 0.5
    return math.exp(_between(pull, course, steps, low, min(high, limit)))


def _between(pull: Pull, course: Course, steps: float, low: float, high: float) -> float:
    """The logarithm of the decay at which half is left: false position, kept inside by halving."""

    def above(place: float) -> float:
        return math.log(max(left_after(pull, math.exp(place), course, steps), 1e-300) / 0.5)

    left, right = above(low), above(high)
    for turn in range(TURNS):
        if high - low <= 1e-14 or left == 0.0:
            break
        share = 0.5 if turn % 3 == 2 or left == right else left / (left - right)
        middle = low + (high - low) * min(max(share, 1e-3), 1.0 - 1e-3)
        value = above(middle)
        if value > 0.0:
            low, left = middle, value
        else:
            high, right = middle, value
        if abs(value) <= 1e-14:
            return middle
    return 0.5 * (low + high)
