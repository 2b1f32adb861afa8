"""Dates: Python's own reader and pandas are the judges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.tables import dates
from weightdecay.tables.encoder import encode


def in_days(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)) / timedelta(days=1)


MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30))


@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(["auto", "minutes", "seconds", "milliseconds"]))
def test_moments_as_python_writes_them(moments: list[datetime], detail: str) -> None:
    texts = [moment.isoformat(sep="T" if row % 2 else " ", timespec=detail) for row, moment in enumerate(moments)]
    found = dates.days(dates.parsed(pl.Series(texts))).to_list()
    assert found == pytest.approx([in_days(datetime.fromisoformat(text)) for text in texts], rel=0, abs=1e-9)


@given(st.lists(st.dates(date(1000, 1, 1)), min_size=1, max_size=20), st.sampled_from(["-", "/"]))
def test_days_as_python_writes_them(days: list[date], mark: str) -> None:
    found = dates.parsed(pl.Series([day.isoformat().replace("-", mark) for day in days]))
    assert found.to_list() == days
    assert dates.days(found).to_list() == [(day - date(1970, 1, 1)).days for day in days]


@pytest.mark.parametrize("offset", ["Z", "z", "+00:00", "+02:00", "-0530", "+09"])
def test_offsets_are_counted_back_to_utc(offset: str) -> None:
    text = f"2024-03-01T01:30:00{offset}"
    sound = text.replace("z", "Z").replace("-0530", "-05:30").replace("+09", "+09:00")
    expected = datetime.fromisoformat(sound).astimezone(UTC).replace(tzinfo=None)
    assert dates.parsed(pl.Series([text])).to_list() == [expected]


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-01T24:00", "2024-01-01T10:60", "2024-01"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.parsed(pl.Series([text, "2024-01-01T00:00"]))[0] is None


DAYS = pd.Series(pd.to_datetime("2023-01-27") + pd.to_timedelta(np.arange(40) * 31, unit="D"))
# What pandas reads by the form beside it.
WRITTEN = {
    "%d/%m/%Y": "day first",
    "%d-%m-%Y": "day first",
    "%d.%m.%Y": "day first",
    "%d.%m.%Y %H:%M": "day first",
    "%m/%d/%Y": "month first",
    "%m-%d-%Y": "month first",
    "%m/%d/%Y %I:%M %p": "month first",
    "%m/%d/%Y %I:%M:%S %p": "month first",
    "%b %d %Y": "month named",
    "%B %d, %Y": "month named",
    "%d %b %Y": "month named",
    "%d-%b-%Y": "month named",
    "%d%b%Y": "month named",
    "%A, %d %B %Y": "month named",
    "%a %b %d, %Y %H:%M": "month named",
    "%Y.%m.%d": "",
    "%Y-%m-%d %I:%M %p": "",
}


@pytest.mark.parametrize("written", WRITTEN)
def test_dates_of_every_form_as_pandas_reads_them(written: str) -> None:
    moments = DAYS + pd.to_timedelta(np.arange(40) * 37 * ("%M" in written), unit="min")
    texts = moments.dt.strftime(written)
    expected = (pd.to_datetime(texts, format=written) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    encoder, encoded = encode(pl.DataFrame({"d": texts.to_list()}))
    days = encoded.matrix[:, encoder.names.index("d in days")]
    np.testing.assert_allclose(days, expected, rtol=0, atol=1e-9)
    assert encoder.recipes[0].form == WRITTEN[written]  # type: ignore[attr-defined]
    # New rows are read in the form that was learned, whichever they are.
    for row in range(40):
        matrix, notes = encoder.apply(pl.DataFrame({"d": [texts[row]]}))
        assert matrix[0].tolist() == encoded.matrix[row].tolist() and notes == ()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1/2/2024", "13/2/2024"], [date(2024, 2, 1), date(2024, 2, 13)]),
        (["1/2/2024", "2/13/2024"], [date(2024, 1, 2), date(2024, 2, 13)]),
        (["1.2.2024", "3.4.2024"], [date(2024, 2, 1), date(2024, 4, 3)]),
        (["3.15.2024", "3.14.2024"], [date(2024, 3, 15), date(2024, 3, 14)]),
        (["1st March 2024", "Mar 2nd, 2024"], [date(2024, 3, 1), date(2024, 3, 2)]),
        (["Sept. 5, 2024", "sat 7 SEPTEMBER 2024"], [date(2024, 9, 5), date(2024, 9, 7)]),
        # A year first can be nothing else.
        (["2024-03-01", "21/3/2024", "22/3/2024"], [date(2024, 3, 1), date(2024, 3, 21), date(2024, 3, 22)]),
    ],
)
def test_the_order_is_that_of_the_whole_column(texts: list[str], expected: list[date]) -> None:
    form = dates.form_of(pl.Series(texts))
    assert form is not None
    assert dates.parsed(pl.Series(texts), form).to_list() == expected


def test_a_slip_does_not_decide_the_order_of_many() -> None:
    column = [f"{1 + row % 12}/{1 + row % 7}/2024" for row in range(30)]
    assert dates.form_of(pl.Series([*column, "13/1/2024"])) is None
    assert dates.form_of(pl.Series([*column, "13/1/2024", "14/1/2024"])) == "day first"
    assert dates.form_of(pl.Series([*column, "12/31/9999", "12/31/9999"])) is None
    points = [one.replace("/", ".") for one in column]
    assert dates.form_of(pl.Series([*points, "12.31.9999"])) == "day first"
    assert dates.form_of(pl.Series([*points, "12.31.2024"])) is None
    assert dates.unclear([*points, "12.31.2024"]).endswith("cannot be told apart (by '12.31.2024' alone)")


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["0000-01-01"], ""),
        (["1/13/0000"], "month first"),
        (["0001-01-01T00:00:00+05:00"], ""),
        (["9999-12-31T23:00:00-05:00"], ""),
        (["2024-01-01T00:00:00+16:00"], ""),
        (["2024-01-01T00:00:00-05:60"], ""),
    ],
)
def test_years_and_offsets_that_there_are_not_are_no_dates(texts: list[str], form: dates.Form) -> None:
    assert dates.parsed(pl.Series(texts), form).to_list() == [None]


def test_year_0_is_told_by_its_row_and_a_frame_of_it_is_no_crash() -> None:
    with pytest.raises(ValueError, match=r"column 'd' holds '0000-01-01', which is no date that can be read.*row 1"):
        encode(pl.DataFrame({"d": ["2024-01-01", "0000-01-01", "2024-01-03"]}))
    early = pl.Series("d", [-719_528] * 3, dtype=pl.Int32).cast(pl.Date)
    assert encode(pl.DataFrame({"d": early, "x": [1.0, 2, 3]}))[0].plan[0].done == "left out: '0000-01-01' in every row"


@given(st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=1, max_size=12), st.sampled_from("/-."))
def test_the_order_is_never_guessed(days: list[date], mark: str) -> None:
    """What is read is what was meant, whichever it was; where that is open, only dates with points are read."""
    texts = {
        order: [mark.join(order.format(d=one.day, m=one.month, y=one.year).split()) for one in days]
        for order in ("{d} {m} {y}", "{m} {d} {y}")
    }
    for order, written in texts.items():
        form = dates.form_of(pl.Series(written))
        clear = any(one.day > 12 for one in days)
        alone = sum(one.day > 12 for one in days) == 1
        if clear and alone and mark == "." and order == "{m} {d} {y}":
            assert form is None
        elif clear:
            assert form is not None and dates.parsed(pl.Series(written), form).to_list() == days
        else:
            assert form == ("day first" if mark == "." else None), order


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["1/2/2024", "2/1/2024", "3/4/2024"], "day and month cannot be told apart"),
        (["13/2/2024", "2/13/2024"], "day and month cannot be told apart"),
        (["12-31-24", "1-5-24"], "years of two digits have no century"),
        (["31.12.24", "1.12.24"], "years of two digits have no century"),
        (["05-Jan-24", "6-Feb-24"], "years of two digits have no century"),
        (["Jan 5 '24", "Feb 5 '24"], "years of two digits have no century"),
    ],
)
def test_dates_that_are_unclear_are_left_out_with_the_reason(texts: list[str], told: str) -> None:
    plan = encode(pl.DataFrame({"d": texts * 6, "x": range(6 * len(texts))}))[0].plan[0]
    assert (plan.kind, plan.made) == ("dropped", ())
    assert plan.done == (
        f"left out: dates such as {texts[0]!r} are not of ISO 8601, and {told}; write them as YYYY-MM-DD"
    )


def test_the_order_is_told() -> None:
    frame = pl.DataFrame(
        {"d": ["13/2/2024", "1/2/2024"], "m": ["2/13/2024", "2/1/2024"], "n": ["1 Feb 2024", "3 Feb 2024"]}
    )
    done = [one.done for one in encode(frame)[0].plan]
    assert done[0].startswith("read with the day first; days since 1970-01-01")
    assert done[1].startswith("read with the month first; days since 1970-01-01")
    assert done[2].startswith("days since 1970-01-01")


@pytest.mark.parametrize("slip", ["30/2/2024", "soon", "13/13/2024", "1/2/24"])
def test_a_slip_among_dates_of_a_form(slip: str) -> None:
    with pytest.raises(ValueError, match=rf"column 'd' holds '{slip}', which is no date that can be read.*\(row 2\)"):
        encode(pl.DataFrame({"d": ["13/2/2024", "1/2/2024", slip, "2/2/2024"]}))


@pytest.mark.parametrize(
    "text",
    ["May", "1/2", "10-20", "Mark 5", "1.2.3", "March", "12 Jan", "B 5 2024", "2024-01", "Jan 2024", "Market 5 2024"],
)
def test_what_is_in_no_form_of_a_date(text: str) -> None:
    assert not dates.unclear([text] * 10)
    assert not pl.Series([text]).str.contains(dates.OTHER).any()


def test_parts_are_those_of_pandas() -> None:
    moments = pd.Series(pd.to_datetime("2023-11-05") + pd.to_timedelta(np.arange(60) * 37.3, unit="h"))
    names, matrix = (encoded := encode(pd.DataFrame({"d": moments}))[1]).names, encoded.matrix
    of = {name: matrix[:, place] for place, name in enumerate(names)}
    np.testing.assert_allclose(of["d in days"], (moments - pd.Timestamp(0)) / pd.Timedelta(days=1), rtol=0, atol=1e-9)
    for month in moments.dt.month_name().unique():
        np.testing.assert_array_equal(of[f"d month = {month}"], moments.dt.month_name() == month)
    for day in moments.dt.day_name().unique():
        np.testing.assert_array_equal(of[f"d weekday = {day}"], moments.dt.day_name() == day)
    for hour in moments.dt.hour.unique():
        np.testing.assert_array_equal(of[f"d hour = {hour}"], moments.dt.hour == hour)
    assert len(names) == 1 + moments.dt.month.nunique() + moments.dt.day_of_week.nunique() + moments.dt.hour.nunique()


def test_the_hours_of_a_zone_are_those_of_utc_as_in_texts_with_an_offset() -> None:
    moments = pd.Series(pd.to_datetime(["2024-01-01 23:30", "2024-07-01 23:30"] * 5)).dt.tz_localize("Europe/Berlin")
    in_utc = pl.DataFrame({"d": moments.dt.tz_convert("UTC").to_list()})
    zoned = in_utc.with_columns(pl.col("d").dt.convert_time_zone("Europe/Berlin"))
    texts = pl.DataFrame({"d": [moment.isoformat() for moment in moments]})
    for frame in (pd.DataFrame({"d": moments}), pd.DataFrame({"d": moments.astype(object)}), zoned, texts):
        encoder, encoded = encode(frame)
        assert encoder.names[-2:] == ("d hour = 21", "d hour = 22")
        assert encoded.matrix[0, 0] == pytest.approx(in_days(datetime(2024, 1, 1, 22, 30)), rel=0, abs=1e-9)


def test_a_missing_date_takes_the_median_day_and_no_month() -> None:
    frame = pl.DataFrame({"d": [date(2024, 1, 1), None, date(2024, 1, 31), date(2024, 3, 3)]})
    encoder, encoded = encode(frame)
    names = ("d in days", "d is missing", "d month = January", "d month = March")
    weekdays = ("d weekday = Monday", "d weekday = Wednesday", "d weekday = Sunday")
    assert encoder.names == (*names, *weekdays)
    assert encoded.matrix[1].tolist() == [(date(2024, 1, 31) - date(1970, 1, 1)).days, 1, 0, 0, 0, 0, 0]
    assert [(one.value, one.flag) for one in encoded.encoding.filled] == [(0, 1)]
    assert encoded.encoding.sums == ((1, 2, 3), (1, 4, 5, 6)) and encoded.encoding.flags == (1,)
    assert all((encoded.matrix[:, columns].sum(axis=1) == 1).all() for columns in encoded.encoding.sums)


def test_parts_without_gaps_are_categories() -> None:
    frame = pl.DataFrame({"d": [date(2024, 1, 1), date(2024, 1, 31), date(2024, 3, 3)]})
    assert encode(frame)[1].encoding.sums == ((1, 2), (3, 4, 5))


def test_new_months_and_dates_of_text() -> None:
    frame = pl.DataFrame({"d": [date(2024, 1, 1), date(2024, 2, 5), date(2024, 2, 5)]})
    encoder = encode(frame)[0]
    matrix, notes = encoder.apply(pl.DataFrame({"d": ["2024-03-04", "2024-01-01T12:00", "NA"]}))
    assert matrix.tolist() == [[19786, 0, 0], [19723.5, 1, 0], [19758, 0, 0]]
    assert "column 'd month' has values that the training rows had not (March; 1 row)" in notes[0]
    assert "column 'd' has no value in 1 row" in notes[-1] and "it takes the median day" in notes[-1]
    with pytest.raises(ValueError, match=r"column 'd' holds '1/2/2024', which is no date.*row 0"):
        encoder.apply(pl.DataFrame({"d": ["1/2/2024"]}))
