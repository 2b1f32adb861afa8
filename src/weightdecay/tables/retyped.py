"""Columns of other rows in the types of the columns that a model learned from, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.tables import dates
from weightdecay.tables.faults import Fault, Kind, fault, sentence
from weightdecay.tables.gaps import missing_fields
from weightdecay.tables.kinds import only_empty, read_dates
from weightdecay.tables.numbers import read_numbers
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    import polars as pl

# Up to here every whole number is a float64.
WHOLE = 2.0**53


def numbers_settled(frame: pl.DataFrame, names: Sequence[str], origin: Origin) -> pl.DataFrame:
    """A frame of which those columns named are numbers that hold nothing but finite numbers and empty fields.

    The others wait for `as_numbers`, which takes a query for each.
    """
    import polars as pl

    kinds = frame.schema
    texts = [name for name in names if kinds[name] == pl.String]
    read = read_numbers(frame.select(texts), origin)
    return frame.with_columns(read.values.select(list({*read.whole, *only_empty(frame, read.values)})))


def as_numbers(column: pl.Series, origin: Origin, words: tuple[str, ...] = ()) -> pl.Series:
    """A column of other rows as numbers, gaps null; those for 1 and 0 of two words, if there are any.

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
        if words:
            truth = text.str.to_lowercase()
            told = pl.when(truth == words[0]).then(1.0).when(truth == words[1]).then(0.0)
            column = pl.select(told.otherwise(column).alias(text.name)).to_series()
        bad = column.is_null() & ~missing
        _refuse(text, "text", bad, origin, words)
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        column = column if column.dtype == pl.Float64 else column.cast(pl.Float64)
    else:
        raise TableError(_other_type(column, "numbers", origin))
    infinite = np.isinf(column.to_numpy())
    if infinite.any():
        _refuse(text, "infinite", pl.Series(infinite), origin)
    return column


def as_dates(column: pl.Series, origin: Origin, form: dates.Form = "") -> pl.Series:
    """A column of other rows as dates, gaps null; texts with the year first, or in the form that was learned.

    Raises
    ------
    TableError
        A value is none.
    """
    import polars as pl

    if column.dtype == pl.String:
        found = read_dates(column, form)
        if isinstance(found, Fault):
            raise _refusal(found, origin)
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
    if column.dtype == pl.Float64:
        return _digits(column)
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise TableError(_other_type(column, "texts", origin)) from None


def _digits(column: pl.Series) -> pl.Series:
    """Numbers as texts, whole ones without a point: 1 is no other level as a float."""
    import polars as pl

    whole = (column == column.floor()) & (column.abs() <= WHOLE)
    texts = pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
    return pl.select(texts.alias(column.name)).to_series()


def _refuse(text: pl.Series, kind: Kind, bad: pl.Series, origin: Origin, words: tuple[str, ...] = ()) -> None:
    """Raise the sentence on the first bad row of a column of other rows, if there is one."""
    if bad.any():
        raise _refusal(fault(text, kind, bad.to_numpy(), float(1 - np.mean(bad.to_numpy()))), origin, words)


def _refusal(one: Fault, origin: Origin, words: tuple[str, ...] = ()) -> TableError:
    """The sentence on what is wrong with a column of other rows."""
    needed = " or ".join(map(quoted, words)) or ("a date" if one.kind == "date" else "a number")
    remedy = f"the model takes {needed} there: correct that {origin.noun}"
    return TableError(sentence(origin, one, remedy=remedy))


def _other_type(column: pl.Series, needed: str, origin: Origin) -> str:
    where = f"column {quoted(column.name)}{origin.within}"
    return f"{where} holds {quoted(str(column.dtype))} where the model was trained on {needed}; give {needed}"
