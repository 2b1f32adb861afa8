"""Findings that tuned strengths of groups of columns give."""

from __future__ import annotations

from collections.abc import Iterator

from weightdecay.records.finding import Finding
from weightdecay.records.group_words import apart, extremes, furthest, gained
from weightdecay.records.grouping import Grouping
from weightdecay.records.tuning import Tuning

APART = 100.0  # times as strong, from which on it is told
ROWS_PER_GROUP = 20


def group_findings(tuning: Tuning) -> tuple[Finding, ...]:
    """Strengths that differ much, and strengths that are not sure."""
    if tuning.grouping is None or len(tuning.grouping.groups) < 2:
        return ()
    return (*_apart(tuning.grouping), *_unsure(tuning.grouping, tuning.n_rows))


def _apart(grouping: Grouping) -> Iterator[Finding]:
    """WD023: groups of very different strength, or of no use."""
    ends = furthest(grouping)
    useless = any(one.extreme == "infinite" for one in grouping.groups)
    if ends is not None and (useless or ends[1].strength > APART * ends[0].strength):
        yield Finding(
            "WD023",
            "info",
            "; ".join((apart(grouping), *extremes(grouping))),
            "if the weak group may know the target (a leak), drop it; what is of no use may be left out of the data, "
            "which changes next to nothing",
        )


def _unsure(grouping: Grouping, n_rows: int) -> Iterator[Finding]:
    """WD024: many strengths for the rows, or a gain that chance explains."""
    count = len(grouping.groups)
    few, little = n_rows < ROWS_PER_GROUP * count, grouping.gain <= grouping.paired or grouping.gain == 0
    if not (few or little):
        return
    reasons = [f"{count} strengths were tuned on {n_rows:,} rows"] if few else []
    if little:
        within = ", within one paired standard error" if grouping.gain else ""
        reasons.append(f"one decay does as well: {gained(grouping)}{within}")
    yield Finding(
        "WD024",
        "warning" if few else "info",
        "; ".join(reasons),
        "join groups, or leave decay_groups out, unless repeated folds or other rows tell the same",
    )
