"""Recipes: how a column becomes columns of numbers, learned from the rows of one table and redone for others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.encoding import Encoding, Filled, Levels, Terms
from weightdecay.tables import dates
from weightdecay.tables.gaps import missing_fields
from weightdecay.tables.kinds import TRUTHS
from weightdecay.tables.origin import Origin
from weightdecay.tables.pieces import Codes, Piece, Values, Weighed
from weightdecay.tables.preflight import quoted
from weightdecay.tables.retyped import as_dates, as_numbers, as_texts
from weightdecay.tables.terms import frequencies

if TYPE_CHECKING:
    import polars as pl

# Names of values that are new are told, not listed.
SHOWN = 3
# So few rows are looked up one by one in less time than a query takes, of which a wide table needs many.
SHORT = 1000


class Recipe(Protocol):
    """How one column becomes columns of numbers."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """The column."""

    def made(self) -> list[str]:
        """Names of the columns that are made, in order."""

    def encoding(self, start: int) -> Encoding:
        """Which of them depend on the rows that a model learns from; the first is column ``start`` of the design."""

    def pieces(self, column: pl.Series) -> list[Piece]:
        """The columns themselves, of a column that was read."""

    def read(self, column: pl.Series, origin: Origin) -> pl.Series:
        """A column of other rows in the type that `pieces` needs; an error where a value is none."""

    def notes(self, column: pl.Series) -> list[str]:
        """What is to be told of a column of other rows that was read."""

    def known(self) -> tuple[str, ...]:
        """Texts that are values of the column, even if they are words for gaps elsewhere."""

    def check(self) -> None:
        """Raise a ValueError where a field is not what it must be, as one from a file may."""


@dataclass(frozen=True)
class Number:
    """A column of numbers: its values, gaps filled with the median, and a flag for gaps where there were any.

    Parameters
    ----------
    words : tuple of str
        In a column of truth values the words for 1 and 0, in lower case.
    """

    kind: ClassVar[str] = "number"
    name: str
    filling: float
    flagged: bool
    words: tuple[str, ...] = ()

    def made(self) -> list[str]:
        return [self.name, *([f"{self.name} is missing"] if self.flagged else [])]

    def encoding(self, start: int) -> Encoding:
        return _of_numbers(start, self.flagged)

    def pieces(self, column: pl.Series) -> list[Piece]:
        return filled(column, self.filling, self.flagged)

    def read(self, column: pl.Series, origin: Origin) -> pl.Series:
        return as_numbers(column, origin, self.words)

    def notes(self, column: pl.Series) -> list[str]:
        return _gaps(column, self.flagged, f"the median {self.filling:.6g}")

    def known(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        _check(self.name, not self.words or self.words in TRUTHS)
        _check(self.name, isinstance(self.name, str), math.isfinite(self.filling), isinstance(self.flagged, bool))


@dataclass(frozen=True)
class Category:
    """A category: one 0/1 column for each level; gaps take the most frequent one, with a flag where there were any."""

    kind: ClassVar[str] = "category"
    name: str
    levels: tuple[str, ...]
    filling: str
    flagged: bool

    def made(self) -> list[str]:
        flag = [f"{self.name} is missing"] if self.flagged else []
        return [*(f"{self.name} = {level}" for level in self.levels), *flag]

    def encoding(self, start: int) -> Encoding:
        stop = start + len(self.levels)
        gaps = (Levels(start, stop, stop),) if self.flagged else ()
        return Encoding(levels=gaps, sums=(tuple(range(start, stop)),), flags=(stop,) * self.flagged)

    def pieces(self, column: pl.Series) -> list[Piece]:
        codes = level_codes(column, self.levels)
        if not column.null_count() and not self.flagged:
            return [Codes(codes, len(self.levels))]
        missing = column.is_null().to_numpy()
        codes[missing] = self.levels.index(self.filling)
        return [Codes(codes, len(self.levels)), *([Values(missing)] if self.flagged else [])]

    def read(self, column: pl.Series, origin: Origin) -> pl.Series:
        text = as_texts(column, origin)
        # A word for a gap may be a level all the same, if the model was trained on a data frame.
        return text.set(missing_fields(text) & ~text.is_in(self.levels), None)

    def notes(self, column: pl.Series) -> list[str]:
        import polars as pl

        unknown = level_codes(column, self.levels) < 0
        told = []
        if int(unknown.sum()) > column.null_count():
            new = column.filter(pl.Series(unknown)).drop_nulls()
            told = _new_values(self.name, [quoted(one) for one in new.unique(maintain_order=True).to_list()], len(new))
        return told + _gaps(column, self.flagged, f"the most frequent, {quoted(self.filling)}")

    def known(self) -> tuple[str, ...]:
        return self.levels

    def check(self) -> None:
        texts = all(isinstance(level, str) for level in self.levels)
        _check(self.name, texts and len(set(self.levels)) == len(self.levels), self.filling in self.levels)
        _check(self.name, isinstance(self.name, str), isinstance(self.flagged, bool))


@dataclass(frozen=True)
class Dates:
    """Dates: days since 1970, gaps as those of numbers, and 0/1 columns for each month, weekday and hour that occurred.

    Parameters
    ----------
    parts : tuple of (str, tuple of int)
        Name of the part and its values, ascending; a missing date has none of them.
    form : str
        How texts of new rows write a date if not with the year first, one of `dates.FORMS`.
    """

    kind: ClassVar[str] = "date"
    name: str
    filling: float
    flagged: bool
    parts: tuple[tuple[str, tuple[int, ...]], ...]
    form: dates.Form = ""

    def made(self) -> list[str]:
        flag = [f"{self.name} is missing"] if self.flagged else []
        names = [
            f"{self.name} {part} = {dates.part_name(part, value)}" for part, values in self.parts for value in values
        ]
        return [f"{self.name} in days", *flag, *names]

    def encoding(self, start: int) -> Encoding:
        ends = np.cumsum([start + 1 + self.flagged, *(len(values) for _, values in self.parts)]).tolist()
        # A missing date has no month, but a flag.
        flag = (start + 1,) * self.flagged
        sums = tuple((*flag, *range(first, last)) for first, last in pairwise(ends))
        return replace(_of_numbers(start, self.flagged), sums=sums)

    def pieces(self, column: pl.Series) -> list[Piece]:
        codes: list[Piece] = [
            Codes(_part_codes(dates.part(column, part), values), len(values)) for part, values in self.parts
        ]
        return [*filled(dates.days(column), self.filling, self.flagged), *codes]

    def read(self, column: pl.Series, origin: Origin) -> pl.Series:
        return as_dates(column, origin, self.form)

    def notes(self, column: pl.Series) -> list[str]:
        told = []
        for part, values in self.parts:
            new = dates.part(column, part).drop_nulls()
            new = new.filter(~new.is_in(values))
            names = [dates.part_name(part, one) for one in new.unique().sort().to_list()]
            told += _new_values(f"{self.name} {part}", names, len(new))
        return told + _gaps(column, self.flagged, "the median day")

    def known(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        _check(self.name, isinstance(self.name, str), math.isfinite(self.filling), isinstance(self.flagged, bool))
        _check(self.name, self.form in dates.FORMS)
        for part, values in self.parts:
            low, high = dates.PARTS[part]
            _check(self.name, all(isinstance(one, int) and low <= one <= high for one in values))


@dataclass(frozen=True)
class Prose:
    """A text: how often each of some terms occurs, scaled to length 1; a missing text has none."""

    kind: ClassVar[str] = "text"
    name: str
    terms: tuple[str, ...]

    def made(self) -> list[str]:
        return [f"{self.name}: {term}" for term in self.terms]

    def encoding(self, start: int) -> Encoding:
        return Encoding(terms=(Terms(start, start + len(self.terms)),))

    def pieces(self, column: pl.Series) -> list[Piece]:
        return [Weighed(frequencies(column, self.terms))]

    def read(self, column: pl.Series, origin: Origin) -> pl.Series:
        return as_texts(column, origin)

    def notes(self, column: pl.Series) -> list[str]:
        return []

    def known(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        _check(self.name, isinstance(self.name, str), all(isinstance(term, str) for term in self.terms))
        _check(self.name, len(set(self.terms)) == len(self.terms) > 0)


def _of_numbers(start: int, flagged: bool) -> Encoding:
    """Values, then perhaps their flag."""
    return Encoding(filled=(Filled(start, start + 1),), flags=(start + 1,)) if flagged else Encoding()


def filled(column: pl.Series, filling: float, flagged: bool) -> list[Piece]:
    """A column of numbers with its gaps filled, then perhaps its flag."""
    import polars as pl

    values = (column if column.dtype == pl.Float64 else column.cast(pl.Float64)).to_numpy()
    # What is null becomes nan, and there is no other.
    gaps = np.isnan(values) if flagged or column.null_count() else None
    made: list[Piece] = [Values(values if gaps is None else np.where(gaps, filling, values))]
    return [*made, Values(gaps)] if flagged and gaps is not None else made


def level_codes(column: pl.Series, levels: tuple[str, ...]) -> NDArray[np.int32]:
    """The place of each row's level among the levels; −1 for a level that is none of them and for no level."""
    import polars as pl

    column = column if column.dtype == pl.String else column.cast(pl.String)
    if len(column) <= SHORT:
        places = {level: place for place, level in enumerate(levels)}
        return np.array([places.get(value, -1) for value in column.to_list()], dtype=np.int32)
    codes = column.cast(pl.Enum(levels), strict=False).to_physical().cast(pl.Int32)
    return codes.fill_null(-1).to_numpy(writable=True)


def _part_codes(values: pl.Series, known: tuple[int, ...]) -> NDArray[np.int32]:
    """The place of each value among those known; −1 for others and for none."""
    places = np.full(64, -1, dtype=np.int32)
    places[list(known)] = np.arange(len(known), dtype=np.int32)
    places[63] = -1
    found: NDArray[np.int32] = places[values.fill_null(63).to_numpy()]
    return found


def _new_values(name: str, new: list[str], rows: int) -> list[str]:
    """The sentence on values that the model has never met."""
    if not new:
        return []
    more = f" and {len(new) - SHOWN:,} more" if len(new) > SHOWN else ""
    return [
        f"column {quoted(name)} has values that the training rows had not ({', '.join(new[:SHOWN])}{more}; "
        f"{_rows(rows)}): they count as none of the known ones"
    ]


def _gaps(column: pl.Series, flagged: bool, filling: str) -> list[str]:
    """The sentence on gaps in a column that had none in training."""
    gaps = column.null_count()
    if flagged or not gaps:
        return []
    name = quoted(column.name)
    return [f"column {name} has no value in {_rows(gaps)}, though the training rows all had one: it takes {filling}"]


def _check(name: object, *sound: bool) -> None:
    if not all(sound):
        raise ValueError(f"column {name!r:.60}")


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


RECIPES: dict[str, Any] = {one.kind: one for one in (Number, Category, Dates, Prose)}
