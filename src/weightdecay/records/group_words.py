"""What the strengths of groups of columns say, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from weightdecay.records.grouping import Group, Grouping

# Groups of a kind that are named.
NAMED = 5


def furthest(grouping: Grouping) -> tuple[Group, Group] | None:
    """The weakest and the strongest of the groups whose strength makes a difference; None where all are alike."""
    groups = sorted((one for one in grouping.groups if one.extreme != "any"), key=lambda one: one.strength)
    if len(groups) < 2 or groups[0].strength == groups[-1].strength:
        return None
    return groups[0], groups[-1]


def named(groups: list[Group]) -> str:
    """Names of groups, the first of many."""
    more = f" and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return ", ".join(repr(one.name) for one in groups[:NAMED]) + more


def times(value: float) -> str:
    """How many times as strong, in two digits."""
    return f"{float(f'{value:.2g}'):,.0f}" if 9.95 <= value < 1e6 else f"{value:.2g}"


def apart(grouping: Grouping) -> str:
    """By how much the strengths differ; empty where they do not.

    Where a group is as good as left out or free, more would do as well.
    """
    ends = furthest(grouping)
    if ends is None:
        return ""
    low, high = ends
    least = "at least " if low.extreme == "none" or high.extreme == "infinite" else ""
    return f"the strength of {high.name!r} is {least}{times(high.strength / low.strength)} × that of {low.name!r}"


def extremes(grouping: Grouping) -> Iterator[str]:
    """Groups that are of no use, need no decay, or do not care."""
    for extreme, one, many in (
        ("infinite", "is of no use (infinite decay does as well)", "are of no use (infinite decay does as well)"),
        ("none", "needs no decay", "need no decay"),
        ("any", "does not care how much it is decayed", "do not care how much they are decayed"),
    ):
        groups = [group for group in grouping.groups if group.extreme == extreme]
        if groups:
            yield f"{named(groups)} {one if len(groups) == 1 else many}"


def gained(grouping: Grouping) -> str:
    """What the groups' own strengths change against one decay for all."""
    share = 100.0 * grouping.gain / grouping.single_loss if grouping.single_loss else 0.0
    known = math.isfinite(grouping.paired) and grouping.paired > 0
    errors = f" ({grouping.gain / grouping.paired:.1f} standard errors)" if known and grouping.gain else ""
    change = "nothing" if not grouping.gain else f"{-share:+.0f} %" if share >= 10 else f"{-share:+.2g} %"
    return f"against one decay for all the held-out loss changes by {change}{errors}"


def group_line(grouping: Grouping) -> str:
    """The line of the verdict."""
    if len(grouping.groups) == 1:
        return f"Groups of columns: {grouping.groups[0].name!r} is the only one, so that one decay serves all."
    if grouping.alike:
        return "Groups of columns: one decay for all does as well as strengths of their own."
    parts = [part for part in (apart(grouping), *extremes(grouping), gained(grouping)) if part]
    return f"Groups of columns: {'; '.join(parts)}."
