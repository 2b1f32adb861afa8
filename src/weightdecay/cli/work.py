"""What commands on a table share: the table, the estimator, the answer on stdout."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightdecay import LinearRegression, Table


def linear(table: Table, exempt: list[str], **settings: Any) -> LinearRegression:
    """A linear regression for the table's columns, some of them exempt from decay."""
    import weightdecay as wd

    for name in exempt:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "name columns of the table"
            raise ValueError(f"column {name!r} to exempt from decay is none of the columns to learn from; {hint}")
    weights = [0.0 if name in exempt else 1.0 for name in table.columns] if exempt else None
    return wd.LinearRegression(decay_weights=weights, **settings)


def read(data: Path, target: str, drop: list[str], weight: str | None = None, group: str | None = None) -> Table:
    """The table in a file, through the door."""
    import weightdecay as wd

    return wd.read(data, target, drop=drop, weight=weight, group=group)
