"""Groups of columns and their decays, as a table of the report and of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from weightdecay.records.grouping import Extreme, Group
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.grids import BETWEEN, EDGES, LEAST_NAME, NAME, Column, Fitting, grid, numbers, taken
from weightdecay.show.sanitize import for_terminal
from weightdecay.show.sheet import Number, Row, Sheet, label, number

if TYPE_CHECKING:
    from rich.console import RenderableType

REMARKS: Mapping[Extreme, str] = {"": "", "none": "needs none", "infinite": "of no use", "any": "any will do"}
MAX_GROUPS = 30


def _shown(tuning: Tuning) -> tuple[Group, ...]:
    """The groups, weakest first, where several differ."""
    grouping = tuning.grouping
    if grouping is None or grouping.alike:
        return ()
    return tuple(sorted(grouping.groups, key=lambda one: one.strength))


def group_sheet(tuning: Tuning) -> Sheet | None:
    """The decay of every group, at the decay in use."""
    groups = _shown(tuning)
    if not groups or tuning.grouping is None:
        return None
    rows = tuple(
        Row(
            label(one.name),
            (
                Number(str(one.columns), f"{one.columns:,}"),
                None if tuning.targets else number(tuning.groups[one.name]),
                number(one.strength),
                REMARKS[one.extreme],
            ),
        )
        for one in groups[:MAX_GROUPS]
    )
    left = len(groups) - len(rows)
    more = f"The {len(rows)} weakest of {len(groups):,}; the JSON has them all. " if left else ""
    how = f"Tuned on {tuning.grouping.cv} by {tuning.grouping.evaluations:,} evaluations of the held-out loss."
    header = ("group", "columns decayed", "decay", "strength", "remark")
    return Sheet("Groups of columns, each with a decay of its own", header, rows, more + how)


def group_grid(tuning: Tuning) -> Fitting | None:
    """The same for a terminal."""
    groups = _shown(tuning)[:MAX_GROUPS]
    if not groups:
        return None

    def build(width: int) -> RenderableType:
        decays = () if tuning.targets else (numbers("decay", [brief(tuning.groups[one.name]) for one in groups], 5),)
        strengths = numbers("strength", [brief(one.strength) for one in groups], 8)
        remarks = tuple(REMARKS[one.extreme] for one in groups)
        said = Column("", remarks, max(map(len, remarks)), numbers=False)
        columns = [*decays, strengths, *((said,) if said.width else ())]
        # Where even short names do not fit, the last columns are left out.
        while len(columns) > 1 and width - EDGES + BETWEEN - taken(columns) < LEAST_NAME + BETWEEN:
            columns.pop()
        size = max(min(max(len(one.name) for one in groups), NAME, width - EDGES - taken(columns)), LEAST_NAME)
        names = tuple(for_terminal(one.name, size) for one in groups)
        return grid((Column("group", names, size, numbers=False), *columns))

    return Fitting(build)
