"""Parameters in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weightdecay.neural.audit.rows import Case
from weightdecay.records.param_table import plain

SHOWN = 24


def named(cases: Sequence[Case], detail: Callable[[Case], str] | None = None) -> str:
    """The first by name, those of one detail together with it, and how many more there are."""
    alike: dict[str, list[str]] = {}
    for case in cases[:SHOWN]:
        said = "" if detail is None else f" ({detail(case)})"
        alike.setdefault(said, []).append(repr(plain(case.member.name)))
    words = [", ".join(names) + said for said, names in alike.items()]
    more = len(cases) - SHOWN
    return ", ".join(words) + (f" and {more:,} more" if more > 0 else "")


def tensors(cases: Sequence[Case], verb: str = "") -> str:
    """How many there are, with a verb that goes with the number ("is", "has")."""
    one = len(cases) == 1
    forms = {"is": "are", "has": "have", "was": "were", "shrinks": "shrink", "receives": "receive"}
    said = "" if not verb else f" {verb if one else forms[verb]}"
    return f"{len(cases):,} tensor{'' if one else 's'}{said}"


def role(case: Case) -> str:
    """What a parameter is, and whether that is a guess."""
    return case.member.role + ("" if case.member.certain else "?")
