"""One object for every kind of file: names, what was done to read it, and a frame of the columns that are asked for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.tables import archives, parquet
from weightdecay.tables.preflight import (
    DELIMITERS,
    SPACES,
    TableError,
    Text,
    check_height,
    check_lengths,
    check_quotes,
    line_of,
    look,
    quoted,
    uses_decimal_comma,
)

if TYPE_CHECKING:
    import polars as pl

# Bytes that are counted in one go.
BLOCK = 1 << 24


class Sheet(Protocol):
    """A file that passed the preflight; its columns are read when they are asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, unique, not empty and without white space around them."""

    @property
    def source(self) -> str:
        """The file."""

    @property
    def typed(self) -> bool:
        """Whether columns come with types (Parquet), missing values as null; or all as text, missing ones as ""."""

    @property
    def categories(self) -> frozenset[str]:
        """Columns that the file itself says are categories."""

    @property
    def delimiter(self) -> str:
        """What parts the fields of a line; the empty text where nothing does."""

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers are written with a decimal comma (and points, if any, between thousands)."""

    @property
    def first_line(self) -> int:
        """Number, from 1, of the line in which the header begins."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to read the file, a sentence each; complete once `frame` was called."""

    def frame(self, columns: Sequence[str] | None = None, *, least: int = 2) -> pl.DataFrame:
        """The columns named (default: all), in that order.

        Raises
        ------
        TableError
            Lines are broken, a column is of a kind that cannot be read, or there are fewer than ``least`` rows.
        """

    def line_of(self, row: int) -> int:
        """Number, from 1, of the line in which a row (from 0) of the frame begins; in Parquet, of the row."""

    def place(self, row: int) -> str:
        """Where a row (from 0) of the frame stands in the file: "line 12", or "row 11"."""


def open_sheet(path: str | Path) -> Sheet:
    """A file as a `Sheet`, whatever kind it is of.

    CSV in UTF-8 (delimiter comma, semicolon, tab or bar), plain or in a gzip or zstd archive, and Parquet are told
    apart by their first bytes; the name's ending does not matter.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Sheet

    Raises
    ------
    TableError
        The file cannot be a table: what is wrong, where, and what to do, in one sentence.

    Examples
    --------
    >>> import gzip, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "small.csv.gz"
    >>> _ = file.write_bytes(gzip.compress(b"age;height\\n1;75.5\\n2;86\\n"))
    >>> sheet = open_sheet(file)
    >>> sheet.names, sheet.frame(["height"]).rows(), sheet.notes
    (('age', 'height'), [('75.5',), ('86',)], ('the file is a gzip archive, unpacked', 'the delimiter is a semicolon'))
    """
    file = Path(path)
    with archives.opened(file) as stream:
        first = archives.head(stream)
    if parquet.is_parquet(first):
        return parquet.open_parquet(file)
    content = archives.content(file)
    text = look(content.data, str(path))
    notes = (
        content.notes if text.delimiter == "," else (*content.notes, f"the delimiter is a {DELIMITERS[text.delimiter]}")
    )
    return TextSheet(text, notes, uses_decimal_comma(text))


@dataclass(frozen=True, eq=False)
class TextSheet:
    """A `Sheet` of text.

    Parameters
    ----------
    text : Text
        The file's content.
    opening : tuple of str
        What was done to open it.
    decimal_comma : bool
        Whether numbers are written with a decimal comma.
    """

    text: Text
    opening: tuple[str, ...]
    decimal_comma: bool
    typed: bool = False
    categories: frozenset[str] = frozenset()
    # The empty rows that `frame` found, from 0, once it was called.
    _empty: list[NDArray[np.intp]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return self.text.names

    @property
    def source(self) -> str:
        return self.text.source

    @property
    def delimiter(self) -> str:
        return self.text.delimiter

    @property
    def first_line(self) -> int:
        return self.text.first_line

    @property
    def notes(self) -> tuple[str, ...]:
        count = sum(map(len, self._empty))
        return (*self.opening, f"empty lines are left out: {count:,}") if count else self.opening

    def frame(self, columns: Sequence[str] | None = None, *, least: int = 2) -> pl.DataFrame:
        """The fields of the columns named, as text without white space around it; empty lines are left out."""
        raw = _raw(self.text)
        empty = _empty_rows(raw)
        self._empty[:] = [empty]
        if len(empty):
            kept = np.ones(raw.height, dtype=bool)
            kept[empty] = False
            raw = raw.filter(kept)
        if _may_be_short(self.text, raw, empty):
            check_lengths(self.text)
        check_height(self.source, raw.height, least)
        return _stripped(raw.select(self.names if columns is None else columns), self.text)

    def line_of(self, row: int) -> int:
        if self._empty and b'"' not in self.text.data:
            # Every line is a record. The k-th empty row (from 0) stands above the rows from its number minus k on.
            (empty,) = self._empty
            above = np.searchsorted(empty - np.arange(len(empty)), row, side="right")
            return self.first_line + 1 + row + int(above)
        return line_of(self.text, row)

    def place(self, row: int) -> str:
        return f"line {self.line_of(row)}"


def _raw(text: Text) -> pl.DataFrame:
    """Every field as text, as it stands there; a field that is empty or not there is null."""
    import polars as pl

    try:
        raw = pl.read_csv(text.data, separator=text.delimiter, infer_schema=False)
        raw.columns = list(text.names)
    except pl.exceptions.PolarsError as error:
        check_lengths(text)
        check_quotes(text)
        reason = quoted(str(error).partition("\n")[0], 120)
        raise TableError(f"file {quoted(text.source, 200)} cannot be read as CSV ({reason}); rewrite it") from None
    return raw


def _empty_rows(raw: pl.DataFrame) -> NDArray[np.intp]:
    """The rows (from 0) in which nothing stands, found column by column among those that are left."""
    left = np.arange(raw.height)
    for column in raw:
        part = column if len(left) == raw.height else column.gather(left)
        left = left[(part.str.strip_chars(SPACES).fill_null("") == "").to_numpy()]
        if not len(left):
            break
    return left


def _may_be_short(text: Text, raw: pl.DataFrame, empty: NDArray[np.intp]) -> bool:
    """Whether a row may have too few fields; the reader takes what is not there for empty fields."""
    if not raw.get_column(text.names[-1]).null_count():
        return False
    if b'"' in text.data:
        return True
    delimiter = text.delimiter.encode()
    needed = (raw.height + 1) * (len(text.names) - 1)
    if len(empty):
        lines = text.data.split(b"\n")
        needed += sum(lines[row + 1].count(delimiter) for row in empty)
    return _count_byte(text.data, delimiter) < needed


def _count_byte(data: bytes, byte: bytes) -> int:
    """How often a byte occurs; faster than `bytes.count` where it is frequent."""
    values, (code,) = np.frombuffer(data, dtype=np.uint8), byte
    return sum(int(np.count_nonzero(values[at : at + BLOCK] == code)) for at in range(0, len(values), BLOCK))


def _stripped(frame: pl.DataFrame, text: Text) -> pl.DataFrame:
    """The fields without white space at their ends; the empty text where nothing stands."""
    import polars as pl

    spaces = _spaces(text)
    padded = list(frame.columns) if spaces else []
    if 0 < len(spaces) <= 3:
        # Most columns have none at their ends, and to see that is far quicker than to take it off.
        ends = [end(one) for one in spaces for end in (pl.all().str.starts_with, pl.all().str.ends_with)]
        found = frame.select(reduce(operator.or_, ends).any())
        padded = [column.name for column in found if column[0]]
    # Columns that are as they should be are not touched: where there are 20 000, every query for each takes a second.
    others = set(frame.columns).difference(padded)
    gaps = [column.name for column in frame if column.name in others and column.null_count()]
    return frame.with_columns(
        pl.col(padded).str.strip_chars(SPACES).fill_null(""),
        pl.col(gaps).fill_null(""),
    )


def _spaces(text: Text) -> str:
    """The white space that may stand at the ends of fields."""
    data = text.data
    if not data.isascii() and any(one.encode()[:1] in data for one in SPACES if not one.isascii()):
        return SPACES
    within = SPACES if b'"' in data else SPACES.replace("\n", "")
    return "".join(one for one in within if one.isascii() and one != text.delimiter and one.encode() in data)
