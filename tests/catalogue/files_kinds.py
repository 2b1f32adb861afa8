"""Categories, truth values, dates, and columns that say nothing."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from catalogue.cases import CLEAN, KIND, ROWS, A, B, Case, Y, csv, refused, right, with_value

ROW = 10
LINE = f"line {ROW + 2}"
MONTHS = ("", "January", "February", "March", "April", "May", "June", "July")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
START = datetime.datetime(2024, 1, 30, 6, 0)
DAYS = [START + datetime.timedelta(days=3 * row) for row in range(ROWS)]
HOURS = [START + datetime.timedelta(days=row, hours=5 * row) for row in range(ROWS)]


def kinds(name: str, column: Sequence[str | None], *told: str) -> Case:
    """A column of text that is a category."""
    return right(name, csv({"kind": column, "a": A, "y": Y}), {"kind": column, "a": A, "y": Y}, *told)


def left_out(name: str, column: Sequence[str | float | None], *told: str) -> Case:
    """A column that nothing can be learned from, which is said."""
    return right(name, csv({**CLEAN, "odd": column}), CLEAN, "'odd': left out", *told)


CATEGORIES = (
    kinds("a category", KIND, "'kind': one column for each of 3 values"),
    kinds(
        "a category with gaps",
        with_value(with_value(KIND, 3, None), 20, None),
        "gaps take the most frequent",
        "are flagged",
    ),
    kinds(
        "two levels, one of a single member",
        ["rare" if row == ROW else "often" for row in range(ROWS)],
        "each of 2 values",
    ),
    kinds("a level that a single fold has", ["only here" if row in (2, 3) else KIND[row] for row in range(ROWS)]),
    kinds("levels that differ in case", [("Ash", "ash", "ASH")[row % 3] for row in range(ROWS)], "3 values"),
    kinds("levels with markup and formulas", [("[red]", "=1+1", "<b>")[row % 3] for row in range(ROWS)]),
    kinds("levels in other writing", [("数", "é", "🌲")[row % 3] for row in range(ROWS)]),
    kinds("levels of blanks and letters", [("a b", "ab", "a  b")[row % 3] for row in range(ROWS)]),
    kinds("one level and gaps", [None if row % 4 == 0 else "there" for row in range(ROWS)], "its only value"),
    right(
        "gaps of words in a category",
        csv({"kind": with_value(with_value(KIND, 3, "NA"), 20, "?"), "a": A, "y": Y}),
        {"kind": with_value(with_value(KIND, 3, None), 20, None), "a": A, "y": Y},
        "gaps take the most frequent",
    ),
    right(
        "blanks around levels",
        csv({"kind": [f" {one}  " for one in KIND], "a": A, "y": Y}),
        {"kind": KIND, "a": A, "y": Y},
    ),
    right("a category alone", csv({"kind": KIND, "y": Y}), {"kind": KIND, "y": Y}),
    left_out("one category per row", [f"name {row}" for row in range(ROWS)], "a value of its own in every row"),
    left_out(
        "nearly one category per row",
        [f"name {max(row, 1)}" for row in range(ROWS)],
        "a value of its own in nearly every row",
    ),
    left_out("sentences", [f"the tree of row {row} was felled in spring" for row in range(ROWS)], "--text odd"),
    left_out("too few rows for each level", [f"n{row % 15}" for row in range(ROWS)], "15 different texts in 24 rows"),
    left_out("one level in every row", ["same"] * ROWS, "'same' in every row"),
    left_out("a column without any value", [None] * ROWS, "no row has a value"),
    left_out("a column of words for gaps", ["NA", "?", ""] * (ROWS // 3), "no row has a value"),
)

TRUTHS = tuple(
    right(
        f"truth values {yes} and {no}",
        csv({"kept": [yes if a > 3 else no for a in A], "b": B, "y": Y}),
        {"kept": [float(a > 3) for a in A], "b": B, "y": Y},
        f"{yes.lower()} and {no.lower()} are read as 1 and 0 in 'kept'",
    )
    for yes, no in (("true", "false"), ("True", "False"), ("YES", "NO"), ("y", "n"), ("T", "F"), ("on", "off"))
)
MIXED_TRUTHS = (
    right(
        "truth values with gaps",
        csv({"kept": with_value([str(a > 3) for a in A], 5, None), "b": B, "y": Y}),
        {"kept": with_value([float(a > 3) for a in A], 5, None), "b": B, "y": Y},
        "true and false are read as 1 and 0",
        "gaps take the median",
    ),
    kinds(
        "mixed truth words are categories", [("true", "yes", "no")[row % 3] for row in range(ROWS)], "each of 3 values"
    ),
    right(
        "0 and 1",
        csv({"kept": [int(a > 3) for a in A], "b": B, "y": Y}),
        {"kept": [float(a > 3) for a in A], "b": B, "y": Y},
    ),
    refused(
        "0, 1 and true",
        csv({"kept": ["true" if row == ROW else row % 2 for row in range(ROWS)], "b": B, "y": Y}),
        "'kept'",
        "'true'",
        LINE,
    ),
)


def dated(moments: Sequence[datetime.datetime | None], *, hours: bool = False) -> dict[str, list[float | None]]:
    """What dates become: days since 1970, and a column for each month, weekday and hour."""
    zero = datetime.datetime(1970, 1, 1)
    made = {"day in days": [None if one is None else (one - zero).total_seconds() / 86400 for one in moments]}
    if not hours:
        made = {"day in days": [None if value is None else float(value // 1) for value in made["day in days"]]}
    there = [one for one in moments if one is not None]
    parts = [("month", lambda one: one.month, MONTHS), ("weekday", lambda one: one.weekday(), WEEKDAYS)]
    parts += [("hour", lambda one: one.hour, [str(hour) for hour in range(24)])] if hours else []
    flags: dict[str, list[float | None]] = {}
    for part, of, names in parts:
        for value in sorted({of(one) for one in there}):
            flags[f"day {part} = {names[value]}"] = [float(one is not None and of(one) == value) for one in moments]
    return made | flags


def dates(name: str, form: str, moments: Sequence[datetime.datetime], *told: str, hours: bool = False) -> Case:
    """Dates in a form that is read."""
    column = [one.strftime(form) for one in moments]
    clean = {**dated(moments, hours=hours), "a": A, "y": Y}
    return right(name, csv({"day": column, "a": A, "y": Y}), clean, "'day': ", "days since 1970-01-01", *told)


ISO = [one.strftime("%Y-%m-%d") for one in DAYS]
# The first to the twelfth of January and February.
EARLY = [f"{1 + row % 12}.{1 + row // 12}.2024" for row in range(ROWS)]
GAPPED = with_value(DAYS, ROW, None)
DATES = (
    dates(
        "dates of ISO 8601", "%Y-%m-%d", DAYS, "month (one column for each of 4)", "weekday (one column for each of 7)"
    ),
    dates("dates with slashes, year first", "%Y/%m/%d", DAYS),
    dates("moments with Z", "%Y-%m-%dT%H:%M:%SZ", HOURS, "hour", hours=True),
    dates("moments without zone", "%Y-%m-%d %H:%M", HOURS, "hour", hours=True),
    dates("moments with a zone", "%Y-%m-%dT%H:%M:%S+00:00", HOURS, "hour", hours=True),
    dates("dates before 1970", "%Y-%m-%d", [one.replace(year=1804) for one in DAYS]),
    right(
        "dates with gaps",
        csv({"day": with_value(ISO, ROW, ""), "a": A, "y": Y}),
        {**dated(GAPPED), "a": A, "y": Y},
        "gaps take the median day and are flagged",
    ),
    dates("dates by day, month and year", "%d/%m/%Y", DAYS, "day first"),
    dates("dates by month, day and year", "%m-%d-%Y", DAYS, "month first"),
    dates("dates with points", "%d.%m.%Y", DAYS, "day first"),
    dates("moments with points", "%d.%m.%Y %H:%M", HOURS, "day first", hours=True),
    dates("moments of twelve hours", "%m/%d/%Y %I:%M %p", HOURS, "month first", hours=True),
    dates("dates in words", "%b %d %Y", DAYS),
    dates("dates in many words", '"%A, %B %d, %Y"', DAYS),
    dates("dates of databases", "%d-%b-%Y", DAYS),
    right(
        "dates of two readings with points have the day first",
        csv({"day": EARLY, "a": A, "y": Y}),
        {**dated([START.replace(day=1 + row % 12, month=1 + row // 12) for row in range(ROWS)]), "a": A, "y": Y},
        "read with the day first",
    ),
    left_out(
        "dates of two readings",
        [one.replace(".", "/") for one in EARLY],
        "not of ISO 8601, and day and month cannot be told apart",
        "YYYY-MM-DD",
    ),
    left_out("dates with the year in two digits", [one.strftime("%m/%d/%y") for one in DAYS], "have no century"),
    refused(
        "a slip among dates of a form",
        csv({"day": with_value([one.strftime("%d.%m.%Y") for one in DAYS], ROW, "31.2.2024"), "a": A, "y": Y}),
        "'day'",
        "'31.2.2024'",
        "no date",
        LINE,
    ),
    left_out("one date in every row", ["2024-01-05"] * ROWS, "2024-01-05", "in every row"),
    refused(
        "a day that there is not",
        csv({"day": with_value(ISO, ROW, "2024-02-30"), "a": A, "y": Y}),
        "'day'",
        "'2024-02-30'",
        "no date",
        LINE,
        "YYYY-MM-DD",
        "--drop day",
    ),
    refused(
        "an hour that there is not",
        csv({"day": with_value(ISO, ROW, "2024-02-03T25:00"), "a": A, "y": Y}),
        "'day'",
        "no date",
        LINE,
    ),
    refused(
        "a leap second",
        csv({"day": with_value(ISO, ROW, "2024-02-03T23:59:60"), "a": A, "y": Y}),
        "'day'",
        "'2024-02-03T23:59:60'",
        LINE,
    ),
    kinds("months are categories", [f"2024-{1 + row % 3:02d}" for row in range(ROWS)], "each of 3 values"),
    left_out("weeks", [f"2024-W{1 + row:02d}" for row in range(ROWS)], "like an identifier"),
    refused(
        "a word among dates",
        csv({"day": with_value(ISO, ROW, "unknown"), "a": A, "y": Y}),
        "'day'",
        "'unknown'",
        "among dates",
        LINE,
    ),
    refused(
        "two forms of dates",
        csv({"day": with_value(ISO, ROW, "30/01/2024"), "a": A, "y": Y}),
        "'day'",
        "'30/01/2024'",
        LINE,
    ),
)

_SAME = [3.5] * ROWS
SILENT = (
    right(
        "a constant column",
        csv({"a": A, "same": _SAME, "b": B, "y": Y}),
        {"a": A, "same": _SAME, "b": B, "y": Y},
        "'same'",
    ),
    right(
        "the same column twice",
        csv({"a": A, "again": A, "b": B, "y": Y}),
        {"a": A, "again": A, "b": B, "y": Y},
        "'a'",
        "'again'",
    ),
    right("the target among the columns", csv({"a": A, "copy": Y, "y": Y}), {"a": A, "copy": Y, "y": Y}, "'copy'"),
    right(
        "numbers of the rows",
        csv({"id": range(ROWS), "a": A, "y": Y}),
        {"id": range(ROWS), "a": A, "y": Y},
        "'id' numbers the rows",
    ),
    refused("nothing but a column without values", csv({"odd": [None] * ROWS, "y": Y}), "'odd'", "no row has a value"),
    refused(
        "nothing but names", csv({"odd": [f"n{row}" for row in range(ROWS)], "y": Y}), "'odd'", "like an identifier"
    ),
    refused(
        "nothing but sentences",
        csv({"odd": [f"the tree of row {row} stands" for row in range(ROWS)], "y": Y}),
        "'odd'",
        "--text odd",
    ),
    refused(
        "nothing but dates of two readings",
        csv({"odd": [one.replace(".", "/") for one in EARLY], "y": Y}),
        "'odd'",
        "YYYY-MM-DD",
    ),
)

CASES = (*CATEGORIES, *TRUTHS, *MIXED_TRUTHS, *DATES, *SILENT)
