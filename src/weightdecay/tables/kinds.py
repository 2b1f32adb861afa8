"""What a column of text is: numbers, truth values, dates or text, decided over all its fields."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.tables import dates
from weightdecay.tables.faults import COMMA_NUMBER, MISSING, MOSTLY, Fault, fault, first, sentence
from weightdecay.tables.numbers import read_numbers
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    import polars as pl

# Pairs of words for 1 and 0, in lower case.
TRUTHS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"))
# A number's reader takes these for numbers, of which there is none.
MARKERS = (*MISSING, "+nan", "-nan")
COMMA_FIELD = rf"^(?:{COMMA_NUMBER.pattern})$"
TRUE, FALSE = (tuple(words) for words in zip(*TRUTHS, strict=True))


@dataclass(frozen=True, eq=False)
class Typed:
    """Columns in the types that their fields are of.

    Parameters
    ----------
    frame : data frame
        Float64, Boolean, Date, Datetime or String columns; a missing value is null.
    truths : tuple of (str, (str, str))
        Columns of truth values, with the words for 1 and 0.
    commas : tuple of str
        Columns with numbers that are written with a decimal comma.
    """

    frame: pl.DataFrame
    truths: tuple[tuple[str, tuple[str, str]], ...] = ()
    commas: tuple[str, ...] = ()

    def told(self, given: pl.DataFrame | None = None) -> dict[str, str]:
        """How columns were read, for the plan; ``given`` is the frame that they came in, if it had types."""
        import polars as pl

        told = {name: f"1 where {yes}, 0 where {no}" for name, (yes, no) in self.truths}
        if given is not None:
            kinds = given.schema
            texts = [
                name for name, kind in self.frame.schema.items() if kind == pl.Float64 and kinds[name] == pl.String
            ]
            told |= dict.fromkeys(texts, "numbers written as text, read as numbers")
        return told


def typed(frame: pl.DataFrame, origin: Origin, *, prose: Collection[str] = (), markers: bool = False) -> Typed:
    """Columns of text in the types that their fields are of; columns of other types are kept.

    Parameters
    ----------
    frame : data frame
    origin : Origin
        Where it comes from.
    prose : collection of str
        Columns to keep as text whatever they hold.
    markers : bool
        Whether an empty text and the words of `MISSING` are gaps in columns of text as well; in other columns they
        always are.

    Raises
    ------
    TableError
        A column of numbers or dates holds something else in some rows.
    """
    import polars as pl

    names = [name for name, kind in frame.schema.items() if kind == pl.String and name not in prose]
    read = read_numbers(frame.select(names), origin)
    settled = {*read.whole, *_only_empty(frame, read.values)}
    open_names = [name for name in names if name not in settled]
    changed = [read.values.get_column(name) for name in names if name in settled]
    fields = _fields(frame.select(open_names), read.values.select(open_names))
    truths, faults = [], []
    for one in fields:
        found = _decided(one)
        if isinstance(found, Fault):
            faults.append(found)
        elif found.dtype == pl.Boolean:
            truths.append((one.text.name, _pair(one.text)))
            changed.append(found)
        elif found.dtype != pl.String:
            changed.append(found)
        elif markers and one.gaps:
            changed.append(gaps_out(found))
    if faults:
        raise TableError(sentence(origin, first(faults)))
    if markers:
        changed += [gaps_out(frame.get_column(name)) for name in prose if frame.schema[name] == pl.String]
    return Typed(frame.with_columns(changed), tuple(truths), read.commas)


def _only_empty(frame: pl.DataFrame, values: pl.DataFrame) -> list[str]:
    """Columns in which all that is no number is empty, and no number infinite."""
    import polars as pl

    if not values.width:
        return []
    empty = frame.select((pl.col(values.columns).is_null() | (pl.col(values.columns) == "")).sum()).row(0)
    finite = values.select(pl.all().is_finite().all()).row(0)
    numbers = zip(values.columns, values.null_count().row(0), empty, finite, strict=True)
    return [name for name, unread, gaps, sound in numbers if unread == gaps and sound]


@dataclass(frozen=True, eq=False)
class _Fields:
    """A column of text, its numbers (null where a field is none), and how many fields are what."""

    text: pl.Series
    value: pl.Series
    gaps: int
    numbers: int
    truths: int
    commas: int
    moments: int

    @property
    def there(self) -> int:
        """Fields with a value."""
        return len(self.text) - self.gaps


def _fields(texts: pl.DataFrame, values: pl.DataFrame) -> list[_Fields]:
    """The fields of every column, counted in one query: a query for each takes minutes where there are 20 000."""
    import polars as pl

    lower = pl.all().str.to_lowercase()
    counted = (
        lower.is_null() | lower.is_in(MARKERS),
        lower.is_in(TRUE + FALSE),
        pl.all().str.contains(COMMA_FIELD),
        pl.all().str.contains(dates.MOMENT),
    )
    if not texts.width:
        return []
    gaps, truths, commas, moments = (texts.select(one.sum()).row(0) for one in counted)
    numbers = [texts.height - count for count in values.null_count().row(0)]
    counts = zip(gaps, numbers, truths, commas, moments, strict=True)
    return [_Fields(text, value, *count) for text, value, count in zip(texts, values, counts, strict=True)]


def _decided(one: _Fields) -> pl.Series | Fault:
    """The column in its type, or what is wrong with it."""
    share = one.numbers / max(one.there, 1)
    if one.numbers == one.there:
        infinite = one.value.is_infinite().fill_null(False)
        return fault(one.text, "infinite", infinite.to_numpy(), 1.0) if infinite.any() else one.value
    if one.numbers + one.commas >= MOSTLY * one.there:
        bad = (one.value.is_null() & ~missing_fields(one.text)).to_numpy(writable=True)
        if one.numbers < MOSTLY * one.there:
            bad &= one.text.str.contains(COMMA_FIELD).fill_null(False).to_numpy()
        return fault(one.text, "text", bad, share)
    if one.truths == one.there and (truth := _truth_values(one.text)) is not None:
        return truth
    return _dates(one.text) if one.moments >= MOSTLY * one.there else one.text


def _truth_values(text: pl.Series) -> pl.Series | None:
    """The column as truth values, if all its words are of one pair."""
    import polars as pl

    lower = text.str.to_lowercase()
    words = set(lower.unique().to_list()) & {*TRUE, *FALSE}
    for pair in TRUTHS:
        # One word alone is a truth value only where it says so itself.
        if words == set(pair) or (pair == TRUTHS[0] and words <= set(pair)):
            frame = pl.DataFrame({"": lower})
            told = pl.when(pl.col("") == pair[0]).then(True).when(pl.col("") == pair[1]).then(False)
            return frame.select(told.alias(text.name)).to_series()
    return None


def _pair(text: pl.Series) -> tuple[str, str]:
    """The words for 1 and 0 of a column of truth values."""
    lower = text.str.to_lowercase()
    return next(pair for pair in TRUTHS if lower.is_in(pair).any())


def _dates(text: pl.Series) -> pl.Series | Fault:
    """The column as dates, or its first field that is none."""
    missing = missing_fields(text)
    found = dates.parsed(text.set(missing, None))
    bad = found.is_null() & ~missing
    if bad.any():
        return fault(text, "date", bad.to_numpy(), 1 - float(bad.mean()))  # type: ignore[arg-type]
    return found


def missing_fields(text: pl.Series) -> pl.Series:
    """Which fields have no value: null, empty, or a word that says so."""
    import polars as pl

    # Few fields are as short as the longest of the words.
    short = (text.str.len_bytes() <= max(map(len, MARKERS))).fill_null(True)
    missing = short.to_numpy(writable=True)
    lower = text.filter(short).str.to_lowercase()
    missing[missing] = (lower.is_null() | lower.is_in(MARKERS)).to_numpy()
    return pl.Series(missing)


def numbers_settled(frame: pl.DataFrame, names: Sequence[str], origin: Origin) -> pl.DataFrame:
    """A frame of which those columns named are numbers that hold nothing but finite numbers and empty fields.

    The others wait for `as_numbers`, which takes a query for each.
    """
    import polars as pl

    kinds = frame.schema
    texts = [name for name in names if kinds[name] == pl.String]
    read = read_numbers(frame.select(texts), origin)
    return frame.with_columns(read.values.select(list({*read.whole, *_only_empty(frame, read.values)})))


def gaps_out(text: pl.Series) -> pl.Series:
    """A column of text with null where it has no value."""
    return text.set(missing_fields(text), None)


def as_numbers(column: pl.Series, origin: Origin) -> pl.Series:
    """A column of other rows as numbers, gaps null.

    Raises
    ------
    TableError
        A value is none.
    """
    import polars as pl

    text = column
    if column.dtype == pl.String:
        column = read_numbers(text.to_frame(), origin).values.to_series()
        missing = missing_fields(text)
        truth = text.str.to_lowercase()
        column = pl.select(
            pl.when(truth.is_in(TRUE)).then(1.0).when(truth.is_in(FALSE)).then(0.0).otherwise(column).alias(text.name)
        ).to_series()
        bad = column.is_null() & ~missing
        _refuse(text, "text", bad, origin)
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        column = column if column.dtype == pl.Float64 else column.cast(pl.Float64)
    else:
        raise TableError(_other_type(column, "numbers", origin))
    infinite = np.isinf(column.to_numpy())
    if infinite.any():
        _refuse(text, "infinite", pl.Series(infinite), origin)
    return column


def as_dates(column: pl.Series, origin: Origin) -> pl.Series:
    """A column of other rows as dates, gaps null.

    Raises
    ------
    TableError
        A value is none.
    """
    import polars as pl

    if column.dtype == pl.String:
        missing = missing_fields(column)
        found = dates.parsed(column.set(missing, None))
        _refuse(column, "date", found.is_null() & ~missing, origin)
        return found
    if column.dtype == pl.Null:
        return column.cast(pl.Date)
    if column.dtype == pl.Date or column.dtype == pl.Datetime:
        return column
    raise TableError(_other_type(column, "dates", origin))


def as_texts(column: pl.Series, origin: Origin) -> pl.Series:
    """A column of other rows as text, gaps null."""
    import polars as pl

    if column.dtype == pl.String:
        return column
    if column.dtype == pl.Boolean:
        return pl.select(
            pl.when(column).then(pl.lit("true")).when(~column).then(pl.lit("false")).alias(column.name)
        ).to_series()
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise TableError(_other_type(column, "texts", origin)) from None


def _refuse(text: pl.Series, kind: str, bad: pl.Series, origin: Origin) -> None:
    """Raise the sentence on the first bad row of a column of other rows, if there is one."""
    if bad.any():
        one = fault(text, kind, bad.to_numpy(), float(1 - np.mean(bad.to_numpy())))  # type: ignore[arg-type]
        needed = "a date" if kind == "date" else "a number"
        raise TableError(sentence(origin, one, remedy=f"the model takes {needed} there: correct that {origin.noun}"))


def _other_type(column: pl.Series, needed: str, origin: Origin) -> str:
    where = f"column {quoted(column.name)}{origin.within}"
    return f"{where} holds {quoted(str(column.dtype))} where the model was trained on {needed}; give {needed}"
