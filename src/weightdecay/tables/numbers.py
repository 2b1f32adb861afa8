"""Numbers written as text, to the nearest float64; with a decimal comma where a file has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.tables.faults import Flaws, fault
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import quoted

if TYPE_CHECKING:
    import polars as pl

WITH_COMMA = r"^[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?$"
# In a file with decimal commas 1.234 may be a thousand and more.
THOUSANDS = r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?$"
WITH_POINT = rf"^[+-]?\d*\.\d+(?:[eE][+-]?\d+)?$|{THOUSANDS}"

# A number with a currency before it, or a percent sign or a unit behind it.
MEASURED = re.compile(
    r"[+-]?(?:[$€£¥] *)?[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?"
    r"(?: *(?:[%‰$€£¥]|[°µ]?[A-Za-z]{1,4}[²³]?(?:/[A-Za-z]{1,4}[²³]?)?))?"
)
# From this share of texts on a column is one of such numbers.
NEARLY_ALL = 0.9


@dataclass(frozen=True, eq=False)
class Numbers:
    """Fields of text as numbers.

    Parameters
    ----------
    values : data frame
        Float64; null where a field is no number, or says nan.
    whole : tuple of str
        Columns with a finite number in every row.
    commas : tuple of str
        Columns in which numbers have a decimal comma.
    """

    values: pl.DataFrame
    whole: tuple[str, ...]
    commas: tuple[str, ...]


def read_numbers(texts: pl.DataFrame, origin: Origin, flaws: Flaws | None = None) -> Numbers:
    """All fields that are numbers.

    Parameters
    ----------
    texts : data frame
        Columns of text.
    origin : Origin
        Where they come from.
    flaws : Flaws, optional
        Takes what is wrong, which is raised else.

    Raises
    ------
    TableError
        Some numbers of a column have a decimal comma, others a decimal point.
    """
    import polars as pl

    if not texts.width:
        return Numbers(texts, (), ())
    values = texts.select(pl.all().cast(pl.Float64, strict=False))
    if origin.comma:
        found = Flaws(origin) if flaws is None else flaws
        for name in _with_points(texts):
            _one_mark(texts.get_column(name), found)
        if flaws is None:
            found.check()
    commas = tuple(_with_commas(texts, values)) if origin.comma else ()
    if commas:
        swapped = pl.when(pl.col(commas).str.contains(WITH_COMMA)).then(
            pl.col(commas).str.replace(",", ".", literal=True)
        )
        values = values.with_columns(texts.select(swapped.otherwise(pl.col(commas)).cast(pl.Float64, strict=False)))
    # One query for all columns: a query for each takes minutes where there are 20 000.
    nans = values.select(pl.all().is_nan().any()).row(0)
    if noted := [name for name, nan in zip(values.columns, nans, strict=True) if nan]:
        values = values.with_columns(pl.col(noted).fill_nan(None))
    sound = values.select((pl.all().is_finite().all()) & (pl.all().null_count() == 0)).row(0)
    return Numbers(values, tuple(name for name, one in zip(values.columns, sound, strict=True) if one), commas)


def with_units(texts: Sequence[str]) -> bool:
    """Whether nearly all texts are numbers with a currency or a unit."""
    return len(texts) > 0 and sum(MEASURED.fullmatch(text) is not None for text in texts) >= NEARLY_ALL * len(texts)


def _with_commas(texts: pl.DataFrame, values: pl.DataFrame) -> list[str]:
    """Columns that have numbers with a decimal comma."""
    import polars as pl

    gaps = values.null_count().row(0)
    unread = [name for name, count in zip(texts.columns, gaps, strict=True) if count]
    if not unread:
        return []
    found = texts.select(pl.col(unread).str.contains(WITH_COMMA).any()).row(0)
    return [name for name, one in zip(unread, found, strict=True) if one]


def _with_points(texts: pl.DataFrame) -> list[str]:
    """Columns that have numbers with a point."""
    import polars as pl

    found = texts.select(pl.all().str.contains(WITH_POINT).any()).row(0)
    return [name for name, one in zip(texts.columns, found, strict=True) if one]


def _one_mark(text: pl.Series, flaws: Flaws) -> None:
    """Tell of a column in which both comma and point are decimal marks, or points could part thousands."""
    points = text.str.contains(WITH_POINT).fill_null(False)
    commas = text.str.contains(WITH_COMMA).fill_null(False)
    if not points.any() or not (commas.any() or text.filter(points).str.contains(THOUSANDS).all()):
        return
    one = fault(text, "text", points.to_numpy(), float(1 - np.mean(points.to_numpy())))
    comma = f"other fields have a decimal comma ({quoted(text.filter(commas)[0])})" if commas.any() else ""
    told = comma or "other columns have a decimal comma"
    remedy = f"{told}, so write all numbers with one decimal mark, and none between thousands"
    flaws.add(one, remedy=remedy)
