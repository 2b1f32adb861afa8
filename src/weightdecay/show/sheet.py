"""Tables of the report, as values: numbers in full and as they are read, and texts that are harmless already."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from weightdecay.records.verdict import brief
from weightdecay.show.names import NAME
from weightdecay.show.sanitize import for_html

# Bytes of a name in the page, from which it is cut to fewer letters.
HEAVY, FEW = 180, 24


@dataclass(frozen=True)
class Number:
    """A number in full, and as it is read."""

    value: str
    text: str


@dataclass(frozen=True)
class Row:
    """A line of a table: its name, where the table has such a column, and its cells; None is an empty one."""

    name: str | None
    cells: tuple[Number | str | None, ...]


@dataclass(frozen=True)
class Sheet:
    """A table with its caption, the names of its columns and a note on how to read it or what is left out."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def worded(self) -> tuple[bool, ...]:
        """Whether each column holds words alone, which stand to the left, rather than numbers."""
        rows = [((row.name,) if row.name is not None else ()) + row.cells for row in self.rows]
        columns = [[row[at] for row in rows] for at in range(len(self.header))]
        return tuple(
            any(isinstance(one, str) for one in cells) and not any(isinstance(one, Number) for one in cells)
            for cells in columns
        )


@dataclass(frozen=True)
class Figure:
    """A number at a glance: its name, itself and what follows it."""

    name: str
    number: Number
    words: str = ""


def number(value: float) -> Number | None:
    """A number for the page; None where it is undefined."""
    return None if math.isnan(value) else Number(repr(float(value)), brief(float(value)))


def label(name: str) -> str:
    """A name from data for a cell, harmless and of few bytes: some signs take five in a page, a letter one."""
    text = for_html(name, NAME)
    return text if weight(text) <= HEAVY else for_html(name, FEW)


def weight(text: str) -> int:
    """Bytes that a text takes in a page."""
    return len(escape(text).encode("utf-8", "replace"))
