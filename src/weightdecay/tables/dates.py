"""Dates: written as ISO 8601 has them, and what a model can learn from: days, month, weekday and hour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

# Year, month, day, then perhaps hour, minute, second and its fraction, and the offset from UTC.
DAY = r"^\d{4}([-/])\d{1,2}[-/]\d{1,2}$"
MOMENT = (
    r"^(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?:(?:T|t| +)(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)? *(?P<offset>[zZ]|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?$"
)
# Dates in other orders: read in one way they can be another day than was meant.
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
OTHER = re.compile(
    r"(?i)^(?:\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})"
    rf"|(?:[a-z]{{3,9}},? +)?\d{{1,2}}(?:st|nd|rd|th)?[-. ]*(?:{_MONTHS})[a-z]{{0,6}}[-., ]*\d{{2,4}}"
    rf"|(?:[a-z]{{3,9}},? +)?(?:{_MONTHS})[a-z]{{0,6}}[-. ]*\d{{1,2}}(?:st|nd|rd|th)?[-., ]+\d{{2,4}}"
    r"|\d{4}\.\d{1,2}\.\d{1,2})(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]\.?m\.?)?)?$"
)
# From this share of texts on a column is one of dates.
NEARLY_ALL = 0.9
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Parts of a date, with their least and greatest values.
PARTS = {"month": (1, 12), "weekday": (1, 7), "hour": (0, 23)}
DAY_MICROSECONDS = 86_400_000_000


def parsed(texts: pl.Series) -> pl.Series:
    """Texts as dates, or as moments in UTC where any has a time of day; null where one is no date of ISO 8601."""
    import polars as pl

    plain = texts.str.contains(DAY)
    if plain.drop_nulls().all():
        return texts.str.replace_all("/", "-", literal=True).str.to_date("%Y-%m-%d", strict=False)
    fields = texts.str.extract_groups(MOMENT).struct.unnest()
    number = {name: pl.col(name).cast(pl.Int64).fill_null(0) for name in ("hour", "minute", "second")}
    sign = pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1)
    digits = pl.col("offset").str.replace_all(r"[^\d]", "")
    ahead = sign * (
        digits.str.slice(0, 2).cast(pl.Int64, strict=False).fill_null(0) * 60
        + digits.str.slice(2).cast(pl.Int64, strict=False).fill_null(0)
    )
    fraction = pl.col("fraction").fill_null("").str.pad_end(9, "0").str.slice(0, 6).cast(pl.Int64)
    seconds = (number["hour"] * 60 + number["minute"] - ahead) * 60 + number["second"]
    valid = (number["hour"] < 24) & (number["minute"] < 60) & (number["second"] < 60)
    day = pl.concat_str("year", "month", "day", separator="-").str.to_date("%Y-%m-%d", strict=False)
    moment = day.cast(pl.Datetime("us")) + pl.duration(microseconds=seconds * 1_000_000 + fraction)
    return fields.select(pl.when(valid).then(moment).alias(texts.name)).to_series()


def in_other_form(texts: Sequence[str]) -> bool:
    """Whether nearly all texts are dates in another form than ISO 8601."""
    return len(texts) > 0 and sum(OTHER.match(text) is not None for text in texts) >= NEARLY_ALL * len(texts)


def days(dates: pl.Series) -> pl.Series:
    """Days since 1970-01-01, with the time of day as a fraction; null where a date is missing."""
    import polars as pl

    if dates.dtype == pl.Date:
        return dates.to_physical().cast(pl.Float64)
    return in_days(_clock(dates))


def in_days(moments: pl.Series) -> pl.Series:
    """Days from 1970-01-01 to each moment; a moment with a zone counts in UTC."""
    import polars as pl

    return moments.dt.epoch("us").cast(pl.Float64) / DAY_MICROSECONDS


def part(dates: pl.Series, which: str) -> pl.Series:
    """Month from 1, weekday from 1 for Monday, or hour from 0, of each date; null where it is missing."""
    import polars as pl

    if which == "hour" and dates.dtype == pl.Date:
        return pl.repeat(0, len(dates), dtype=pl.Int32, eager=True).set(dates.is_null(), None)
    clock = _clock(dates)
    return {"month": clock.dt.month, "weekday": clock.dt.weekday, "hour": clock.dt.hour}[which]().cast(pl.Int32)


def part_name(which: str, value: int) -> str:
    """``"March"``, ``"Monday"``, ``"14"``."""
    if which == "hour":
        return str(value)
    return (MONTH_NAMES if which == "month" else WEEKDAY_NAMES)[value - 1]


def _clock(dates: pl.Series) -> pl.Series:
    """What the clocks show: a moment without its zone."""
    import polars as pl

    zoned = isinstance(dates.dtype, pl.Datetime) and dates.dtype.time_zone is not None
    return dates.dt.replace_time_zone(None) if zoned else dates
