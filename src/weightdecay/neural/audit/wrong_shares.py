"""Findings about how much decay there is, in which form, and whether it follows its settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from weightdecay.neural.audit.forms import FAR, FOLLOWS
from weightdecay.neural.audit.naming import named, tensors
from weightdecay.neural.audit.rows import Case
from weightdecay.records.brief import brief
from weightdecay.records.finding import Finding


def wrong_shares(cases: Sequence[Case]) -> Iterator[Finding]:
    """All findings about the size and the form of decay."""
    yield from _ineffective(cases)
    yield from _double_decay(cases)
    yield from _preconditioned(cases)
    yield from _lost(cases)
    yield from _frozen(cases)
    yield from _wrong_power(cases)
    yield from _different(cases)
    yield from _unmeasured(cases)


def _ineffective(cases: Sequence[Case]) -> Iterator[Finding]:
    still = [
        one
        for one in cases
        if one.trained
        and one.reading is not None
        and not one.reading.acts
        and one.promise is not None
        and one.promise.decays
    ]
    if still:
        yield Finding(
            "WD045",
            "error",
            f"weight_decay is set, but {tensors(still, 'has')} none of it: {named(still, _configured)}",
            "the step of this optimiser does not use the setting: use one that does, or "
            "wd.with_decay(optimizer, form='decoupled')",
        )


def _double_decay(cases: Sequence[Case]) -> Iterator[Finding]:
    both = [one for one in cases if one.penalty and one.acts]
    if both:
        yield Finding(
            "WD046",
            "error",
            f"{tensors(both, 'is')} decayed by a penalty in the loss and by the optimiser: "
            f"{named(both, lambda one: f'penalty {brief(one.penalty)}, {_configured(one)}')}",
            "take the penalty out of the loss, or set the optimiser's weight_decay to 0",
        )


def _preconditioned(cases: Sequence[Case]) -> Iterator[Finding]:
    inside = [
        one
        for one in cases
        if one.acts
        and one.reading is not None
        and (one.reading.form == "coupled inside Adam" or one.reading.doubled)
        and not (one.promise is not None and one.promise.coupled)
    ]
    if inside:
        yield Finding(
            "WD047",
            "warning",
            f"weight_decay of {tensors(inside)} goes through the optimiser's preconditioner, so that weights with "
            f"large gradients are hardly decayed: {named(inside, _configured)}",
            "use AdamW or wd.with_decay(optimizer, form='decoupled') for decay beside the update, or "
            "form='coupled' if L2 is meant",
        )


def _lost(cases: Sequence[Case]) -> Iterator[Finding]:
    lost = [one for one in cases if one.acts and one.reading is not None and one.reading.lost]
    if lost:
        yield Finding(
            "WD050",
            "error",
            f"decay of {tensors(lost)} is lost to rounding: {named(lost, _rounded)}",
            "keep the weights in float32, or let wd.with_decay(optimizer, form='decoupled') compensate for the "
            "rounding",
        )


def _rounded(case: Case) -> str:
    assert case.reading is not None
    kind = str(case.member.parameter.dtype).removeprefix("torch.")
    return f"{brief(case.reading.first)} of itself in a step is too little for {kind}"


def _frozen(cases: Sequence[Case]) -> Iterator[Finding]:
    """λ or η that was read once and for all."""
    deaf = [
        one
        for one in cases
        if one.acts and one.reading is not None and one.promise is not None and one.promise.decay is not None
        if one.reading.heard is False
    ]
    if deaf:
        yield Finding(
            "WD051",
            "error",
            f"another weight_decay in the group does not change the decay of {tensors(deaf)}: {named(deaf, _sizes)}",
            "the value was taken when the optimiser was built: let step() read group['weight_decay'], or build the "
            "optimiser again after each change",
        )
    stuck = [one for one in cases if one not in deaf and _is_stuck(one)]
    if stuck:
        yield Finding(
            "WD051",
            "error",
            f"another lr in the group does not change the decay of {tensors(stuck)}: {named(stuck, _sizes)}",
            "the learning rate was taken when the optimiser was built: let step() read group['lr'], else a schedule "
            "does not reach the decay",
        )


def _is_stuck(case: Case) -> bool:
    """Whether the share is that of some learning rate, but not of a changed one."""
    reading, said = case.reading, case.promise
    if not case.acts or reading is None or said is None or not said.decay or 0 in said.powers:
        return False
    if math.isnan(said.rate):
        return False
    return abs(reading.power) < 0.1 and abs(reading.first - said.decay) > FAR * said.decay


def _wrong_power(cases: Sequence[Case]) -> Iterator[Finding]:
    wrong = [
        one
        for one in cases
        if one.acts and not _is_stuck(one) and one.reading is not None and one.promise is not None
        if one.promise.decay
        and one.reading.form not in ("coupled inside Adam", "unknown")
        and not math.isnan(one.reading.power)
        and min(abs(one.reading.power - power) for power in one.promise.powers) > 0.1
    ]
    if wrong:
        yield Finding(
            "WD054",
            "error",
            f"decay of {tensors(wrong)} goes with another power of the learning rate than its settings say: "
            f"{named(wrong, _power)}",
            "multiply the decay by lr as often as is meant; wd.with_decay has form='decoupled' (lr), 'independent' "
            "(lr over its peak) and 'corrected' (lr² over its peak)",
        )


def _power(case: Case) -> str:
    assert case.reading is not None and case.promise is not None
    due = " or ".join(str(power) for power in case.promise.powers)
    return f"lr to the power {case.reading.power:.2g}, expected {due}"


def _different(cases: Sequence[Case]) -> Iterator[Finding]:
    wrong = [one for one in cases if one.acts and len(one.member.places) == 1 and _is_different(one)]
    if wrong:
        yield Finding(
            "WD055",
            "error",
            f"{tensors(wrong, 'shrinks')} otherwise than configured: {named(wrong, _sizes)}",
            "compare the optimiser's step with its settings; audit.rows has what each tensor really receives",
        )


def _is_different(case: Case) -> bool:
    reading, said = case.reading, case.promise
    if reading is None or said is None or said.decay is None or reading.lost:
        return False
    if said.decay == 0:
        return True
    if _is_vague(case):
        return False
    if reading.form == "coupled inside Adam":
        return False
    if reading.form == "unknown" or reading.partial:
        return True
    if (reading.threshold and not said.sparse) or (reading.form == "to a centre" and not said.centred):
        return True
    due = said.steady if reading.form == "coupled (through momentum)" else said.direct
    if math.isnan(due) or math.isnan(reading.shrink):
        return False
    return abs(reading.shrink - due) > FAR * abs(due)


def _is_vague(case: Case) -> bool:
    """Whether a step takes no share that settings could promise."""
    reading, said = case.reading, case.promise
    if reading is None or said is None or reading.form != "unknown":
        return False
    return reading.note == FOLLOWS or math.isnan(said.rate)


def _unmeasured(cases: Sequence[Case]) -> Iterator[Finding]:
    by_reason: dict[str, list[Case]] = {}
    for one in cases:
        if one.reason:
            by_reason.setdefault(one.reason, []).append(one)
        elif one.acts and one.reading is not None and _is_vague(one):
            by_reason.setdefault(f"what a step takes is {one.reading.note}", []).append(one)
    for reason, these in by_reason.items():
        yield Finding(
            "WD056",
            "info",
            f"decay of {tensors(these)} could not be measured ({reason}): {named(these)}",
            "look at the decay of these yourself, for example by a step with zero gradients on a copy",
        )


def _configured(case: Case) -> str:
    decay = None if case.promise is None else case.promise.decay
    return "no weight_decay" if decay is None else f"weight_decay={brief(decay)}"


def _sizes(case: Case) -> str:
    """What a step takes, and what it should take."""
    reading, said = case.reading, case.promise
    assert reading is not None and said is not None
    due = said.steady if reading.form == "coupled (through momentum)" else said.direct
    takes = reading.form if math.isnan(reading.shrink) else f"{brief(reading.shrink)} of itself in a step"
    promised = f", settings say {brief(due)}" if not math.isnan(due) else ""
    if reading.form == "to a centre":
        takes += " towards a point that is not 0"
    return takes + promised + (f", {reading.note}" if reading.note else "")
