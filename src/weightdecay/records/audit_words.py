"""An audit as plain text: names made harmless, layers of one build in one line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from weightdecay.records.brief import brief
from weightdecay.records.param_table import NUMBER, pattern, plain

if TYPE_CHECKING:
    from weightdecay.records.audit import Audit, AuditRow

LONGEST = 600  # characters of a sentence
HEADINGS = ("role", "name", "elements", "weight_decay", "form", "share per step", "half-life, steps", "note")


class Line(NamedTuple):
    """Rows that differ in the numbers of their layers alone, in words."""

    treatment: str
    role: str
    name: str
    elements: str
    configured: str
    form: str
    share: str
    half_life: str
    note: str


def headline(audit: Audit) -> str:
    """How many tensors are decayed, and how many problems there are."""
    count = sum(row.treatment == "decayed" for row in audit.rows)
    decayed = f"{count:,} tensor{' is' if count == 1 else 's are'} decayed" if count else "no tensor is decayed"
    serious = [one for one in audit.problems if one.severity != "info"]
    found = f"{len(serious):,} problem{'' if len(serious) == 1 else 's'}" if serious else "no problem found"
    return f"{plain(audit.optimizer)}, policy {plain(audit.policy)!r}: {decayed}, {found}"


def lines(audit: Audit) -> list[Line]:
    """The rows in words, those of one build together."""
    alike: dict[tuple[object, ...], list[AuditRow]] = {}
    for row in audit.rows:
        values = (row.role, row.marks, row.certain, row.configured, _rough(row.shrink), row.form, row.treatment)
        alike.setdefault((*values, NUMBER.sub("*", row.name), row.note), []).append(row)
    return [_line(same) for same in alike.values()]


def _rough(share: float | None) -> str:
    return "" if share is None else f"{share:.3g}"


def _line(same: list[AuditRow]) -> Line:
    row = same[0]
    name = plain(pattern([one.name for one in same])) + (f" × {len(same)}" if len(same) > 1 else "")
    role = ", ".join((row.role, *row.marks)) + ("" if row.certain else "?")
    half = row.half_life
    decayed = row.shrink is not None and row.shrink != 0
    return Line(
        row.treatment,
        role,
        name,
        f"{sum(one.elements for one in same):,}",
        "" if row.configured is None else brief(row.configured),
        row.form if row.treatment == "decayed" else row.treatment,
        brief(row.shrink) if row.shrink is not None and decayed else "",
        "" if half is None or math.isinf(half) else f"{half:,.0f}" if half >= 10 else brief(half),
        plain(row.note, LONGEST),
    )


def as_text(audit: Audit) -> str:
    """The headline, the problems, and the table."""
    said = [headline(audit)]
    for one in audit.problems:
        said.append(f"{one.severity} {one.code}: {plain(f'{one.message}; {one.remedy}', LONGEST)}")
    table = lines(audit)
    widths = [max((len(line[place]) for line in table), default=0) for place in (1, 2, 3)]
    for line in table:
        left = f"  {line.role:<{widths[0]}}  {line.name:<{widths[1]}}  {line.elements:>{widths[2]}}"
        share = f"  {line.share} per step" if line.share else ""
        life = f", half-life {line.half_life} steps" if line.half_life else ""
        said.append(f"{left}  {line.form}{share}{life}{f'  ({line.note})' if line.note else ''}".rstrip())
    return "\n".join(said)
