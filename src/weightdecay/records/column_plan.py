"""What became of a column of a table on its way into a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "boolean", "category", "date", "text", "weight", "group", "time", "dropped"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "date", "text", "weight", "group", "time", "dropped")


@dataclass(frozen=True)
class ColumnPlan:
    """One column of a table: what it was taken for, and what was made of it.

    Parameters
    ----------
    name : str
        As the table has it.
    kind : {"number", "boolean", "category", "date", "text", "weight", "group", "time", "dropped"}
        What it was taken for. A model learns from none of the last four: weights say how much rows count, groups which
        rows are held out together, times (of a column that is left out otherwise) which come first.
    made : tuple of str
        Names of the columns of numbers that were made of it, in order.
    missing : int
        Rows without a value.
    done : str
        What was done, in words: ``"gaps take the median 44.45 and are flagged"``, ``"left out: a value of its own in
        every row, like an identifier"``.

    Examples
    --------
    >>> levels = ("island = Biscoe", "island = Dream")
    >>> ColumnPlan("island", "category", levels, 0, "one column for each of 2 values").kind
    'category'
    """

    name: str
    kind: Kind
    made: tuple[str, ...]
    missing: int
    done: str
