"""Dates: how they are written, and what a model can learn from: days, month, weekday and hour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from weightdecay.tables.preflight import quoted

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]
# With the year first (ISO 8601), the day or the month first, or a month by its name.
Form = Literal["", "day first", "month first", "month named"]
FORMS: tuple[Form, ...] = ("", "day first", "month first", "month named")

_CLOCK = (
    r"(?:(?:[Tt]|,? +)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" *(?P<half>[aApP]\.?[mM]\.?)?(?P<offset>[zZ]|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?$"
)
# Year, month, day, then perhaps hour, minute, second and its fraction, and the offset from UTC.
DAY = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}$"
MOMENT = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _CLOCK
_ORDERED = r"^(?P<{}>\d{{1,2}})[-/.](?P<{}>\d{{1,2}})[-/.](?P<year>\d{{4}})"
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? +)?"
_NTH = r"(?P<{}>\d{{1,2}})(?:st|nd|rd|th)?"
# Of the two days one is there.
_NAMED = (
    rf"(?i)^{_WEEKDAY}(?:{_NTH.format('day')}[-. ]*)?(?P<month>{_MONTH})\.?[-., ]*(?:{_NTH.format('after')}[-., ]+)?"
    r"(?P<year>\d{4})"
)
PATTERNS: dict[Form, str] = {
    "": MOMENT,
    "day first": _ORDERED.format("day", "month") + _CLOCK,
    "month first": _ORDERED.format("month", "day") + _CLOCK,
    "month named": _NAMED + _CLOCK,
}
_DAYS = r"\d{1,2}(?:st|nd|rd|th)?"
# Dates that are read, in other forms than with the year first.
OTHER = (
    rf"(?i)^(?:\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}|{_WEEKDAY}(?:{_DAYS}[-. ]*(?:{_MONTH})\.?[-., ]*"
    rf"|(?:{_MONTH})\.?[-. ]*{_DAYS}[-., ]+)\d{{4}})" + re.sub(r"\?P<\w+>", "?:", _CLOCK)
)
# Dates that are not read: the order of their numbers, or their century, is not told.
UNCLEAR = re.compile(
    r"(?i)^(?:\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})"
    rf"|{_WEEKDAY}(?:{_DAYS}[-. ]*(?:{_MONTH})\.?[-., ]*|(?:{_MONTH})\.?[-. ]*{_DAYS}[-., ]+)'?\d{{2}})"
    + re.sub(r"\?P<\w+>", "?:", _CLOCK)
)
PAIRS = (("first", "second"), ("second", "first"))
# From this share of texts on a column is one of dates.
NEARLY_ALL = 0.9
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Parts of a date, with their least and greatest values.
PARTS = {"month": (1, 12), "weekday": (1, 7), "hour": (0, 23)}
# From so many rows on one alone does not tell the order of days and months.
MANY = 20
# Stands for no date, as in 31.12.9999 and 12/31/9999.
NO_YEAR = "9999"
# Hours that an offset from UTC stays below.
MOST_AHEAD = 16
DAY_MICROSECONDS = 86_400_000_000


def named(form: str) -> Form:
    """A form by its name."""
    return next(one for one in FORMS if one == form)


def form_of(texts: pl.Series) -> Form | None:
    """How the dates of a column are written, None where day and month cannot be told apart.

    A number from 13 to 31 is a day. Where first or second numbers hold such, and never both, that tells the order for
    all; where neither do, dates with points have the day first. One row alone, which may be a slip, tells nothing where
    there are many, nor that dates with points have the month first; and no row does of a year that stands for none.

    Parameters
    ----------
    texts : Series of str
        Most of them of the form `OTHER`; others have no say.
    """
    import polars as pl

    groups = texts.str.extract_groups(r"^(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4})").struct.unnest()
    first, mark, second, year = (groups.to_series(place) for place in range(4))
    there = mark.drop_nulls()
    if 2 * len(there) < int(texts.str.contains(OTHER).sum()):
        return "month named"
    numbers = pl.DataFrame({"first": first.cast(pl.Int64), "second": second.cast(pl.Int64)})
    # Of two numbers beyond 12 neither is a month, whichever comes first.
    days = [pl.col(one).is_between(13, 31) & pl.col(other).is_between(1, 12) for one, other in PAIRS]
    by_day, by_month = numbers.filter(year != NO_YEAR).select(first=days[0].sum(), second=days[1].sum()).row(0)
    points = bool((there == ".").all())
    if by_month and not by_day:
        return "month first" if by_month >= (2 if points or len(there) >= MANY else 1) else None
    if by_day and not by_month:
        return "day first" if points or by_day >= (2 if len(there) >= MANY else 1) else None
    return "day first" if not by_day and points else None


def parsed(texts: pl.Series, form: Form = "") -> pl.Series:
    """Texts as dates, or as moments in UTC where any has a time of day; null where one is no date.

    Dates with the year first are read in every column, since they can be nothing else.
    """
    import polars as pl

    if texts.str.contains(DAY).drop_nulls().all():
        return _of_python(texts.str.replace_all("[/.]", "-").str.to_date("%Y-%m-%d", strict=False))
    found = _of_python(_moments(texts, form))
    if form:
        # What is not of the form is null in it.
        found = pl.select(pl.coalesce(found, _of_python(_moments(texts, "")))).to_series().alias(texts.name)
        return found if texts.str.contains(":").any() else found.dt.date()
    return found


def _of_python(found: pl.Series) -> pl.Series:
    """Dates with null for those of a year that Python has not."""
    import polars as pl

    mine = pl.col(found.name)
    return found.to_frame().select(pl.when(mine.dt.year().is_between(1, 9999)).then(mine)).to_series()


def _moments(texts: pl.Series, form: Form) -> pl.Series:
    """Texts of a form as moments in UTC."""
    import polars as pl

    fields = texts.str.extract_groups(PATTERNS[form]).struct.unnest()
    if form == "month named":
        number = {name[:3].lower(): str(place) for place, name in enumerate(MONTH_NAMES, start=1)}
        month = pl.col("month").str.slice(0, 3).str.to_lowercase().replace(number)
        one = pl.col("day").is_null() != pl.col("after").is_null()
        day = pl.when(one).then(pl.coalesce("day", "after"))
        fields = fields.with_columns(month.alias("month"), day.alias("day"))
    clock = {name: pl.col(name).cast(pl.Int64).fill_null(0) for name in ("hour", "minute", "second")}
    late = pl.col("half").str.to_lowercase().str.starts_with("p")
    hour = pl.when(pl.col("half").is_null()).then(clock["hour"]).otherwise(clock["hour"] % 12 + 12 * late)
    sign = pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1)
    digits = pl.col("offset").str.replace_all(r"[^\d]", "")
    hours, minutes = (
        part.cast(pl.Int64, strict=False).fill_null(0) for part in (digits.str.slice(0, 2), digits.str.slice(2))
    )
    ahead = sign * (hours * 60 + minutes)
    fraction = pl.col("fraction").fill_null("").str.pad_end(9, "0").str.slice(0, 6).cast(pl.Int64)
    seconds = (hour * 60 + clock["minute"] - ahead) * 60 + clock["second"]
    of_half = pl.col("half").is_null() | clock["hour"].is_between(1, 12)
    valid = (clock["hour"] < 24) & of_half & (clock["minute"] < 60) & (clock["second"] < 60)
    valid &= (hours < MOST_AHEAD) & (minutes < 60)
    date = pl.concat_str("year", "month", "day", separator="-").str.to_date("%Y-%m-%d", strict=False)
    moment = date.cast(pl.Datetime("us")) + pl.duration(microseconds=seconds * 1_000_000 + fraction)
    return fields.select(pl.when(valid).then(moment).alias(texts.name)).to_series()


def unclear(texts: Sequence[str]) -> str:
    """Why nearly all texts are dates that are not read; the empty text where they are none."""
    found = [text for text in texts if UNCLEAR.match(text)]
    if not found or len(found) < NEARLY_ALL * len(texts):
        return ""
    if all(re.match(r".*?\d\d?[-/.]\d\d?[-/.]\d{4}", text) for text in found):
        beyond = [text for text in found if max(map(int, re.findall(r"\d\d?", text)[:2])) > 12]
        proof = f" (by {quoted(beyond[0])} alone)" if len(beyond) == 1 else ""
        return f"are not of ISO 8601, and day and month cannot be told apart{proof}"
    return "are not of ISO 8601, and years of two digits have no century"


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
    """A moment without its zone, in UTC as texts with an offset are."""
    import polars as pl

    zoned = isinstance(dates.dtype, pl.Datetime) and dates.dtype.time_zone is not None
    return dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else dates
