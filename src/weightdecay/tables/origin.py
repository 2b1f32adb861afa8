"""Where a table came from: the words in which a fault is placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weightdecay.tables.preflight import quoted


def row_name(row: int) -> str:
    """A row of a data frame, counted from 0."""
    return f"row {row}"


@dataclass(frozen=True)
class Origin:
    """The source of a table.

    Parameters
    ----------
    source : str
        The file; empty for a data frame.
    place : callable
        Where a row (from 0) stands, ``"line 12"`` or ``"row 11"``.
    comma : bool
        Whether numbers are written with a decimal comma.
    """

    source: str = ""
    place: Callable[[int], str] = row_name
    comma: bool = False

    @property
    def noun(self) -> str:
        """What a row is called: line or row."""
        return self.place(0).partition(" ")[0]

    @property
    def within(self) -> str:
        """``" of 'data.csv'"``, or nothing for a data frame."""
        return f" of {quoted(self.source, 200)}" if self.source else ""
