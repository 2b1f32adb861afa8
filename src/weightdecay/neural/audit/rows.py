"""What is known of each parameter, side by side: what it is, what was promised to it, what it receives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weightdecay.neural.audit.forms import Reading
from weightdecay.neural.audit.guard import Optimizers
from weightdecay.neural.audit.members import Member
from weightdecay.neural.audit.promises import Promise, probed_rate, promise
from weightdecay.neural.audit.received import Found
from weightdecay.records.audit import AuditRow, AuditTreatment
from weightdecay.records.brief import brief


@dataclass(frozen=True, eq=False)
class Case:
    """One parameter with all that is known of it.

    Attributes
    ----------
    member : what and where it is.
    promise : of its group; None where it is in no optimiser.
    reading : what it receives; None where that is not known.
    reason : why not.
    penalty : λ of a penalty on it in the loss.
    probed : learning rate at which it was measured where the present one is 0.
    """

    member: Member
    promise: Promise | None
    reading: Reading | None
    reason: str
    penalty: float
    probed: float | None

    @property
    def trained(self) -> bool:
        """Whether a step changes it: it requires a gradient, or has one left."""
        return self.member.parameter.requires_grad or self.member.parameter.grad is not None

    @property
    def acts(self) -> bool:
        """Whether the optimiser decays it."""
        return self.reading is not None and self.reading.acts and self.trained

    @property
    def decayed(self) -> bool:
        """Whether anything decays it."""
        return self.acts or self.penalty > 0

    @property
    def measured(self) -> bool:
        """Whether it is known if it is decayed."""
        return self.penalty > 0 or (self.reading is not None and self.trained)


def cases(
    optimizers: Optimizers, listed: Sequence[Member], found: Sequence[Found], penalties: Sequence[float]
) -> tuple[Case, ...]:
    """Put everything side by side."""
    return tuple(_case(optimizers, one, found, penalty) for one, penalty in zip(listed, penalties, strict=True))


def _case(optimizers: Optimizers, member: Member, found: Sequence[Found], penalty: float) -> Case:
    if not member.places:
        return Case(member, None, None, "", penalty, None)
    number, position = member.places[0]
    group = optimizers[number].param_groups[position]
    rate = probed_rate(group, optimizers[number].defaults)
    own = [found[which][id(member.parameter)] for which in dict.fromkeys(which for which, _ in member.places)]
    readings = [one.reading for one in own if one.reading is not None]
    reading = readings[0] if readings else None
    for other in readings[1:]:  # of further optimisers
        reading = _sum(reading, other) if reading is not None else other
    reason = "" if readings else own[0].reason
    return Case(member, promise(optimizers[number], position, member.parameter, rate), reading, reason, penalty, rate)


def _sum(one: Reading, other: Reading) -> Reading:
    """What two optimisers do together."""
    if not one.acts or not other.acts:
        return other if other.acts else one
    return replace(one, shrink=one.shrink + other.shrink, first=one.first + other.first, note="in two optimisers")


def row(case: Case) -> AuditRow:
    """A case as the record shows it."""
    member, said, reading = case.member, case.promise, case.reading
    notes = [reading.note] if reading is not None and reading.note else []
    if reading is not None and reading.lost:
        notes.append(f"{brief(reading.first)} without rounding")
    if reading is not None and reading.threshold:
        notes.append(f"moves by {brief(reading.threshold)} a step whatever its size")
    if case.penalty:
        notes.append(f"penalty of {brief(case.penalty)} in the loss")
    if case.probed is not None:
        notes.append(f"measured at a learning rate of {brief(case.probed)}, the present one being 0")
    if case.reason:
        notes.append(case.reason)
    promised = None if said is None else _promised(said, reading)
    shrink = None if reading is None or math.isnan(reading.shrink) else reading.shrink
    if said is not None and not case.trained and reading is not None:
        shrink = reading.bare
    parameter = member.parameter
    return AuditRow(
        member.name,
        tuple(parameter.shape),
        member.role,
        member.marks,
        member.certain,
        None if said is None else said.decay,
        promised,
        None if shrink is None else float(f"{shrink:.6g}"),
        "none" if reading is None or not (case.trained or reading.bare) else reading.form,
        _treatment(case),
        "; ".join(notes),
    )


def _promised(said: Promise, reading: Reading | None) -> float | None:
    """Share that settings promise, where they promise one."""
    if reading is not None and reading.form == "coupled inside Adam":
        return None
    share = said.steady if reading is not None and reading.form == "coupled (through momentum)" else said.direct
    return None if math.isnan(share) or said.decay is None else share


def _treatment(case: Case) -> AuditTreatment:
    parameter = case.member.parameter
    if not case.member.places:
        return ("missing" if parameter.requires_grad else "frozen") if not case.penalty else "decayed"
    if not case.trained and not (case.reading is not None and case.reading.bare):
        return "frozen"
    if case.reading is None and not case.penalty:
        return "not measured"
    lost = case.reading is not None and case.reading.lost
    return "decayed" if case.penalty or (case.decayed and not lost) or not case.trained else "exempt"
