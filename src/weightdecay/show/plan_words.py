"""The plan of the columns of a table, in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from weightdecay.records.column_plan import KINDS, ColumnPlan, Kind

WORDS: Mapping[Kind, tuple[str, str]] = {
    "number": ("number", "numbers"),
    "boolean": ("yes or no", "yes or no"),
    "category": ("category", "categories"),
    "date": ("date", "dates"),
    "text": ("text", "texts"),
    "weight": ("column of weights", "columns of weights"),
    "group": ("column of groups", "columns of groups"),
    "time": ("column of times", "columns of times"),
    "dropped": ("dropped", "dropped"),
}
DROPPED, NAME = 5, 24  # dropped columns that are named, and letters of each


def in_a_line(plan: Sequence[ColumnPlan], harmless: Callable[[str, int], str]) -> str:
    """How many columns are of each kind, and which are dropped: ``"42 numbers, 1 date, 2 dropped: id, notes"``.

    `harmless` makes a name harmless for where the line will stand, in so many letters.
    """
    count = Counter(one.kind for one in plan)
    parts = [f"{count[kind]} {WORDS[kind][count[kind] != 1]}" for kind in KINDS if count[kind]]
    dropped = [harmless(one.name, NAME) for one in plan if one.kind == "dropped"]
    left = len(dropped) - DROPPED
    names = ", ".join(dropped[:DROPPED]) + (f" and {left} more" if left > 0 else "")
    return ", ".join(parts) + (f": {names}" if dropped else "")


def plain(plan: Sequence[ColumnPlan]) -> bool:
    """Whether every column is a number without gaps, of which there is nothing to tell."""
    return all(one.kind == "number" and not one.missing for one in plan)
