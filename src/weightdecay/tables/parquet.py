"""Parquet files: columns that come with types, checked and brought down to the few types that a table may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.tables import archives
from weightdecay.tables.faults import drop
from weightdecay.tables.preflight import SPACES, TableError, check_height, check_names, quoted

if TYPE_CHECKING:
    import polars as pl

MAGIC = b"PAR1"
# The name under which pandas writes row labels that have none.
ROW_LABELS = "__index_level_0__"
UNITS_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
# What a table of typed columns may fill: to learn from it takes about as much again, twice.
SHARE_OF_MEMORY = 3
READABLE = "numbers, true and false, text, dates and times"


def is_parquet(first: bytes) -> bool:
    """Whether these are the first bytes of a Parquet file, and not of a text that begins like one."""
    return first.startswith(MAGIC) and any(byte < 9 for byte in first[4:12])


def open_parquet(path: Path) -> ParquetSheet:
    """The names and types of a Parquet file; nothing else is read yet.

    Raises
    ------
    TableError
        The file is broken, or its columns have no names of their own.
    """
    import polars as pl

    source = str(path)
    where = quoted(source, 200)
    _check_whole(path, where)
    if not source.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in source):
        raise TableError(f"file {where} cannot be read (its name is not UTF-8); rename it")
    with _sentences(where):
        scan = pl.scan_parquet(str(path.absolute()), glob=False, hive_partitioning=False)
        schema = scan.collect_schema()
        height = scan.select(pl.len()).collect().item()
    stored = {name: name.strip(SPACES) for name in schema if name != ROW_LABELS}
    check_names(tuple(stored.values()), f"file {where}")
    types = dict(zip(stored.values(), (schema[name] for name in stored), strict=True))
    notes = ("the row labels that pandas wrote are left out",) if ROW_LABELS in schema.names() else ()
    return ParquetSheet(scan, stored, types, height, source, notes)


@dataclass(frozen=True, eq=False)
class ParquetSheet:
    """A `Sheet` of columns with types.

    Parameters
    ----------
    scan : LazyFrame
        The file.
    stored : dict
        Name of a column in the file -> its name without white space around it.
    types : dict
        Name of a column -> its type in the file.
    height : int
        Number of rows.
    source : str
        The file.
    opening : tuple of str
        What was done to open it.
    """

    scan: pl.LazyFrame
    stored: dict[str, str]
    types: dict[str, pl.DataType]
    height: int
    source: str
    opening: tuple[str, ...]
    typed: bool = True
    delimiter: str = ""
    decimal_comma: bool = False
    first_line: int = 1
    # What `frame` did, once it was called.
    _done: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.stored.values())

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.opening, *self._done)

    @property
    def categories(self) -> frozenset[str]:
        import polars as pl

        return frozenset(name for name, kind in self.types.items() if isinstance(kind, pl.Categorical | pl.Enum))

    def frame(self, columns: Sequence[str] | None = None, *, least: int = 2) -> pl.DataFrame:
        """The columns named: integers and floats of any width, Boolean, String, Date and Datetime; missing is null."""
        columns = list(self.names if columns is None else columns)
        where = quoted(self.source, 200)
        _check_types({name: self.types[name] for name in columns}, where)
        check_height(self.source, self.height, least)
        _check_size(self.height, len(columns), where)
        wanted = set(columns)
        with _sentences(where):
            frame = self.scan.select([name for name, ours in self.stored.items() if ours in wanted]).collect()
            frame = frame.rename(self.stored, strict=False).select(columns)
            frame = frame.select([_plain(name, self.types[name]) for name in columns])
        self._done[:] = _notes({name: self.types[name] for name in columns})
        return frame

    def line_of(self, row: int) -> int:
        return row + 1

    def place(self, row: int) -> str:
        return f"row {row + 1}"


@contextmanager
def _sentences(where: str) -> Iterator[None]:
    """What the reader has against a file, as a sentence."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        reason = quoted(str(error).strip().partition("\n")[0], 120)
        raise TableError(
            f"file {where} is a Parquet file that cannot be read ({reason}); get it again, or write it anew"
        ) from None


def _check_whole(path: Path, where: str) -> None:
    """The file ends as a Parquet file must: with the length of its list of contents, and the mark."""
    with archives.opened(path) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read(8)
    if size < 12 or end[4:] != MAGIC or int.from_bytes(end[:4], "little") > size - 12:
        raise TableError(f"file {where} is a Parquet file that breaks off; get it again, whole")


def _check_size(height: int, width: int, where: str) -> None:
    """The columns fit into memory: a small file may hold very many equal values."""
    size, limit = 8 * height * width, archives.memory() // SHARE_OF_MEMORY
    if size > limit:
        raise TableError(
            f"file {where} has {height:,} rows, and {width:,} columns of them take {archives.in_words(size)}, "
            + archives.too_much(limit)
        )


def _check_types(types: dict[str, pl.DataType], where: str) -> None:
    """Every column is of a type that can be read."""
    if bad := {name: kind for name, dtype in types.items() if (kind := _unreadable(dtype))}:
        shown = [f"{quoted(name)} ({kind})" for name, kind in list(bad.items())[:4]]
        more = f" and {len(bad) - 4:,} more" if len(bad) > 4 else ""
        subject = "column {} of {} holds" if len(bad) == 1 else "columns {} of {} hold"
        them = "it" if len(bad) == 1 else "them"
        raise TableError(
            f"{subject.format(', '.join(shown) + more, where)} what cannot be read, which is all but {READABLE}; "
            f"write parts of {them} as columns of their own, or leave {them} out with {drop(list(bad))}"
        )


def _unreadable(dtype: pl.DataType) -> str:
    """What a column of a type that cannot be read holds, else the empty text."""
    import polars as pl

    if isinstance(dtype, pl.List | pl.Array):
        return "lists"
    if isinstance(dtype, pl.Struct):
        return "several fields in one"
    if isinstance(dtype, pl.Binary):
        return "raw bytes"
    good = (pl.Boolean, pl.String, pl.Categorical, pl.Enum, pl.Null, pl.Date, pl.Datetime, pl.Time, pl.Duration)
    return "" if dtype.is_numeric() or isinstance(dtype, good) else str(dtype)


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column brought down to a type that a table may have."""
    import polars as pl

    column = pl.col(name)
    if dtype.is_decimal() or isinstance(dtype, pl.Null):
        return column.cast(pl.Float64)
    if dtype.is_float():
        return column.fill_nan(None)
    if isinstance(dtype, pl.Time):
        return _seconds(column, "ns")
    if isinstance(dtype, pl.Duration):
        return _seconds(column, dtype.time_unit)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        text = column.cast(pl.String).str.strip_chars(SPACES)
        return pl.when(text != "").then(text).alias(name)
    return column


def _seconds(column: pl.Expr, unit: str) -> pl.Expr:
    """A length of time in seconds; whole ones exactly, which a division of it all would not give."""
    import polars as pl

    count, per_second = column.cast(pl.Int64), UNITS_PER_SECOND[unit]
    return count // per_second + (count % per_second) / per_second


def _notes(types: dict[str, pl.DataType]) -> list[str]:
    """What was converted so that its meaning changed."""
    import polars as pl

    notes = []
    for kind, unit in ((pl.Duration, "seconds"), (pl.Time, "seconds since midnight")):
        if names := [quoted(name) for name, dtype in types.items() if isinstance(dtype, kind)]:
            notes.append(f"read as {unit}: {', '.join(names)}")
    return notes
