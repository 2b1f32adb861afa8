"""From measured numbers to the form of decay that makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weightdecay.neural.audit.measure import REAL_STEPS, Deep, Light, Pull
from weightdecay.records.audit import AuditForm

NEAR = 0.02  # relative difference that counts as none
FAR = 0.05  # relative difference that counts
FOLLOWS = "another with each update"  # of unknown forms in which shares mean nothing

COPIED = "measured on the copy of the weights that the optimiser keeps and overwrites them with"


@dataclass(frozen=True)
class Reading:
    """What one tensor receives.

    Attributes
    ----------
    form : what it is.
    shrink : share of w − c that a step takes in the long run; nan where no share describes it.
    first : the same of the first step.
    threshold : of L1, what a step takes whatever w is.
    power : of the learning rate in it; nan where it cannot be told.
    heard : whether another λ in the group changes it; None where nothing is decayed.
    doubled : whether there is L2 in the gradient besides.
    bare : share that is taken where there is no gradient at all.
    partial : share of the coordinates that are left out.
    lost : whether the type of the weights may swallow it: to be looked at more closely.
    note : what else was seen.
    """

    form: AuditForm
    shrink: float
    first: float = 0.0
    threshold: float = 0.0
    power: float = math.nan
    heard: bool | None = None
    doubled: bool = False
    bare: float = 0.0
    partial: float = 0.0
    lost: bool = False
    note: str = ""

    @property
    def acts(self) -> bool:
        """Whether weights are drawn anywhere."""
        return self.form != "none"


def kind(light: Light) -> tuple[object, ...]:
    """What tensors must have in common for one to be measured more closely for all."""
    rest, move = light.resting, light.moving
    quotient = light.quotient
    likeness = "none" if math.isnan(quotient) else round(quotient, 1) if quotient < 2 else "more"
    sharp = abs(rest.threshold) > 1e-3 * abs(rest.total)
    return _moves(light), likeness, sharp, rest.centred, abs(move.total) > light.noise


def judge(light: Light, deep: Deep) -> Reading:
    """Tell the form of decay.

    Parameters
    ----------
    light : Light
        Of the tensor.
    deep : Deep
        Of one of its kind.

    Returns
    -------
    Reading
    """
    found = _told(light, deep)
    drawn = abs(light.bare) > light.noise
    lost = abs(light.due) > REAL_STEPS * light.noise and abs(light.kept) < 0.5 * abs(light.due)
    bare = light.bare if drawn and found.note != COPIED else 0.0
    heard = None if not found.acts or found.note in (COPIED, FOLLOWS) else _heard(light, deep, found.form)
    return _changed(_trained(found, light, deep), bare=bare, lost=lost, heard=heard)


def _told(light: Light, deep: Deep) -> Reading:
    """The form without the state of training and without rounding."""
    rest, move = light.resting, light.moving
    if not _moves(light):
        return Reading("none", 0.0)
    if _is_overwritten(light):
        share = light.due / REAL_STEPS
        seen = abs(share) > light.noise and abs(light.due - 1) > NEAR  # weights of 0 were replaced by others
        return Reading("decoupled" if seen else "none", share if seen else 0.0, share, note=COPIED)
    if abs(rest.total) <= light.noise and not _is_even(move):
        return Reading("none", 0.0, note="drawn nowhere while the gradient is 0, and not evenly by any other")
    quotient = light.quotient
    if _is_cautious(light):
        sharp = abs(rest.slope - rest.total) > NEAR * abs(rest.total)
        share, threshold = (rest.slope, abs(rest.threshold)) if sharp else (rest.total, 0.0)
        return Reading("cautious", share, share, threshold, _power(light), note="where the update goes the same way")
    if deep.preconditioned:
        beside = deep.late_large / deep.late_small if deep.late_small else 0.0
        if abs(beside) < 0.3 or abs(move.slope) < 0.3 * abs(move.total):
            threshold = abs(move.threshold) if abs(beside) >= 0.3 else 0.0
            return Reading("coupled inside Adam", math.nan, rest.total, threshold)
        share = move.slope / light.calm
        return Reading("decoupled", share, share, power=1.0, doubled=True)
    if light.base > 0:
        return _beside(light, deep)
    if abs(quotient - 1) < NEAR:
        return _beside(light, deep)
    if _follows_length(move, quotient):
        return Reading("unknown", math.nan, rest.total, note=FOLLOWS)
    if abs(quotient) < 0.1:
        if abs(move.total) <= light.noise:
            return Reading("none", 0.0, note="decays only while the gradient is 0")
        return Reading("unknown", rest.total, rest.total, note="falls when the gradient grows")
    least, most = sorted((move.agreeing, move.opposing))
    usual = move.total / quotient
    if -FAR <= least / usual and most / usual <= 1 + FAR:
        return Reading("unknown", rest.total, rest.total, note="less, or nothing, where the update is large")
    return Reading("unknown", math.nan, rest.total, note=FOLLOWS)


def _beside(light: Light, deep: Deep) -> Reading:
    """A form whose decay is there whatever the gradient is."""
    pull, total = light.drawn, light.drawn.total
    power = _power(light)
    scale = max(abs(total), light.noise)
    if pull.still > 0.02:
        left = f"{pull.still:.0%} of its numbers are left out"
        return Reading("decoupled", total, total, power=power, partial=pull.still, note=left)
    straight = abs(pull.slope - total) < NEAR * scale + light.noise
    if not straight and abs(pull.slope) < NEAR * scale + light.noise:
        return Reading("l1", math.nan, total, abs(pull.threshold), power)
    if not straight and pull.slope * total > 0 and pull.threshold * total > 0:
        return Reading("l1", pull.slope, pull.slope, abs(pull.threshold), power, note="with weight decay")
    if not straight:
        return Reading("unknown", total, total, power=power, note="not in proportion to the weight")
    growth, uneven = _growth(deep.course)
    note = "not in every step" if uneven else ""
    if light.base == 0 and pull.centred:
        return Reading("to a centre", total * growth, total, power=power, note=note)
    if not uneven and abs(growth - 1) > NEAR:
        return Reading("coupled (through momentum)", total * growth, total, power=power, note=note)
    return Reading(_rated(power, deep.peaked), total * growth, total, power=power, note=note)


def _rated(power: float, peaked: float) -> AuditForm:
    """The form of a decay beside the update, by what the learning rate and its peak do to it."""
    if abs(power) < 0.1 or (abs(power - 1) < 0.1 and abs(peaked - 1) < 0.1):
        return "independent"
    if abs(power - 2) < 0.1:
        return "corrected (η²)"
    return "decoupled" if abs(power - 1) < 0.1 else "unknown"


def _growth(course: tuple[float, ...]) -> tuple[float, bool]:
    """The share of a step in the long run over that of the first, and whether some steps take nothing."""
    first = course[0]
    if first == 0:
        return 1.0, True
    most = max(abs(share) for share in course)
    idle = sum(abs(share) < 0.1 * most for share in course)
    if idle:
        return sum(course) / len(course) / first, True
    rise, later = course[1] - first, course[2] - course[1]
    ratio = later / rise if abs(rise) > 1e-6 * abs(first) else 0.0
    if 0 < ratio < 1:  # a geometric sum
        end = first + rise / (1 - ratio)
        reached = end - (end - first) * ratio ** (len(course) - 1)
        if abs(reached - course[-1]) < FAR * abs(course[-1]):
            return end / first, False
    return course[-1] / first, False


def _trained(found: Reading, light: Light, deep: Deep) -> Reading:
    """What holds with the state that training has left, where that differs."""
    real = light.trained
    if real is None or math.isnan(real) or found.note == COPIED:
        return found
    if found.form == "coupled inside Adam":
        return _changed(found, note=f"{real:.2g} of itself in a step as its state is now, less where gradients grow")
    if found.form in ("cautious", "unknown", "l1") or light.base > 0:
        return found
    if not found.acts:
        if abs(real) <= light.noise:
            return found
        return Reading("unknown", real, real, note="decays only with the state that training has left")
    steps = deep.course[:REAL_STEPS]
    due = found.first * (sum(steps) / REAL_STEPS / steps[0] if steps[0] else 1.0)
    if abs(real) <= max(light.noise, 1e-3 * abs(due)):
        if found.note == "not in every step":
            return found
        return Reading("none", 0.0, note="decays only before training, not with the state that it has left")
    if abs(real - due) > FAR * abs(due) and not found.note:
        share = found.shrink * real / due
        return _changed(found, shrink=share, note="with the state that training has left")
    return found


def _changed(reading: Reading, **changes: object) -> Reading:
    return Reading(**{**vars(reading), **changes})


def _moves(light: Light) -> bool:
    """Whether weights are drawn at any gradient."""
    threshold = max(light.noise, 1e-13)
    return abs(light.resting.total) > threshold or abs(light.moving.total) > threshold


def _is_cautious(light: Light) -> bool:
    """Whether exactly the coordinates are decayed whose update goes towards 0."""
    agreeing, opposing = light.moving.agreeing, light.moving.opposing
    if math.isnan(agreeing) or math.isnan(opposing):
        return abs(light.quotient - 0.5) < NEAR  # of few coordinates all may go one way
    apart = abs(agreeing) > light.noise and abs(opposing) <= FAR * abs(agreeing) + light.noise
    return apart and abs(light.quotient - 0.5) < 0.2  # with a centre the half is one on average only


def _is_overwritten(light: Light) -> bool:
    """Whether what a weight is does not matter for what it becomes: 2w ends where w does."""
    return abs(light.resting.slope - 1) < 1e-6 and abs(light.resting.total - 1) < 1e-6


def _follows_length(move: Pull, quotient: float) -> bool:
    """Whether the update itself grows with the weights, as under a trust ratio: 2w goes further along it than w."""
    least = max(5 * abs(move.total), 0.05 * abs(move.total / quotient) if quotient else 0.0)
    return move.agreeing * move.opposing < 0 and min(abs(move.agreeing), abs(move.opposing)) > least


def _is_even(pull: Pull) -> bool:
    """Whether all coordinates lose about one share, wherever the update goes."""
    shares = [one for one in (pull.slope, pull.agreeing, pull.opposing) if not math.isnan(one)]
    return all(abs(one - pull.total) < FAR * abs(pull.total) for one in shares)


def _power(light: Light) -> float:
    return math.log2(light.faster) if light.faster > 0 else math.nan


def _heard(light: Light, deep: Deep, form: AuditForm) -> bool:
    """Whether twice λ changes anything."""
    ratio = deep.late_stronger if form == "coupled inside Adam" else light.stronger
    return math.isnan(ratio) or abs(ratio - 1) > FAR
