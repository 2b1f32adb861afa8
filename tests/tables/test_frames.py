"""Data frames of pandas and polars: the same table in either is the same design."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from weightdecay.tables.encoder import encode, needs_encoding
from weightdecay.tables.frames import as_polars
from weightdecay.tables.preflight import TableError

NA = pd.NA
DAYS = [datetime.date(2024, 1, 1), None, datetime.date(2024, 3, 5)]
TIMES = [datetime.datetime(2024, 1, 1, 10), None, datetime.datetime(2024, 3, 5, 22, 30)]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2, 3], dtype="int8"), [1.0, 2.0, 3.0]),
        (pd.Series([1, 2, 2**64 - 1], dtype="uint64"), [1.0, 2.0, 2.0**64]),
        (pd.Series([1.5, np.nan, 3], dtype="float32"), [1.5, None, 3.0]),
        (pd.Series([1.5, np.nan, 3], dtype="float16"), [1.5, None, 3.0]),
        (pd.Series([True, False, True]), [True, False, True]),
        (pd.array([1, NA, 3], dtype="Int64"), [1.0, None, 3.0]),
        (pd.array([1.5, NA, 3], dtype="Float64"), [1.5, None, 3.0]),
        (pd.array([True, NA, False], dtype="boolean"), [True, None, False]),
        (pd.array(["u", NA, "v"], dtype="string"), ["u", None, "v"]),
        (pd.Series(["u", None, np.nan], dtype=object), ["u", None, None]),
        (pd.Series(["u", "v", NA], dtype=object), ["u", "v", None]),
        (pd.Categorical(["u", None, "v"]), ["u", None, "v"]),
        (pd.Categorical([3, 1, None]), ["3", "1", None]),
        (pd.Series([1, 2.5, None], dtype=object), [1.0, 2.5, None]),
        (pd.Series([1, np.float32(2.5), decimal.Decimal("0.5")], dtype=object), [1.0, 2.5, 0.5]),
        (pd.Series([True, np.bool_(False), None], dtype=object), [True, False, None]),
        (pd.Series([None, np.nan, NA], dtype=object), [None, None, None]),
        (pd.Series(pd.to_datetime(TIMES)), TIMES),
        (pd.Series(pd.to_datetime(TIMES)).dt.tz_localize("UTC").dt.tz_convert("America/New_York"), TIMES),
        (pd.Series(DAYS, dtype=object), DAYS),
        (pd.Series(TIMES, dtype=object), TIMES),
        (pd.Series(pd.to_timedelta([12, None, 48], unit="h")), [0.5, None, 2.0]),
        (pd.arrays.SparseArray([0.0, 1.0, np.nan]), [0.0, 1.0, None]),
    ],
    ids=lambda one: str(getattr(one, "dtype", "")) or None,
)
def test_columns_of_pandas(column: Any, expected: list[Any]) -> None:
    frame = as_polars(pd.DataFrame({"a": column}, index=[7, 7, 3] if not isinstance(column, pd.Series) else None))
    assert frame.get_column("a").to_list() == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series([1, None, 3], dtype=pl.Int32), [1.0, None, 3.0]),
        (pl.Series([1.5, float("nan"), None], dtype=pl.Float32), [1.5, None, None]),
        (pl.Series(["1.50", None, "3"]).cast(pl.Decimal(10, 2)), [1.5, None, 3.0]),
        (pl.Series(["u", None, "v"], dtype=pl.Categorical), ["u", None, "v"]),
        (pl.Series(["u", None, "v"], dtype=pl.Enum(["v", "u"])), ["u", None, "v"]),
        (pl.Series([True, None, False]), [True, None, False]),
        (pl.Series([None, None, None]), [None, None, None]),
        (pl.Series(DAYS), DAYS),
        (pl.Series(TIMES), TIMES),
        (pl.Series([datetime.timedelta(hours=12), None, datetime.timedelta(days=2)]), [0.5, None, 2.0]),
    ],
    ids=lambda one: str(getattr(one, "dtype", "")) or None,
)
def test_columns_of_polars(column: pl.Series, expected: list[Any]) -> None:
    assert as_polars(pl.DataFrame({"a": column})).get_column("a").to_list() == expected


def test_names_of_columns_become_texts() -> None:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]] * 2, columns=[1, "b", ("c", 2)])
    assert as_polars(frame).columns == ["1", "b", "c 2"]


def test_two_columns_of_one_name() -> None:
    for names, told in ((["a", "b", "a"], "columns 0 and 2"), (["a", 1, "1"], "columns 1 and 2")):
        with pytest.raises(TableError, match=rf"{told} \(counted from 0\) have the same name"):
            as_polars(pd.DataFrame([[1.0, 2.0, 3.0]], columns=names))


@pytest.mark.parametrize("odd", [1, 2.5, True, datetime.date(2024, 1, 1), [1], b"x"])
def test_mixed_objects_are_told_by_column_and_row(odd: Any) -> None:
    frame = pd.DataFrame({"b": [1, 2, 3], "a": pd.Series([None, "u", odd], dtype=object)})
    with pytest.raises(TableError) as caught:
        as_polars(frame)
    kind = type(odd).__name__
    assert f"column 'a' holds 'u' (str) in row 1, but {str(odd)!r} ({kind}) in row 2" in str(caught.value)


def test_moments_of_several_zones_are_told() -> None:
    aware = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    frame = pd.DataFrame({"a": pd.Series([datetime.datetime(2024, 1, 1), aware], dtype=object)})
    with pytest.raises(TableError, match=r"column 'a' holds moments in the zones 'None' and 'UTC'; give them"):
        as_polars(frame)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_of_every_unit(unit: str) -> None:
    moments = pd.Series(pd.to_datetime(TIMES)).astype(f"datetime64[{unit}]")
    frame = pd.DataFrame(
        {"a": moments, "b": moments.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"), "c": moments - moments[0]}
    )
    assert as_polars(frame).get_column("a").to_list() == TIMES
    assert as_polars(frame).get_column("b").to_list() == TIMES
    assert as_polars(frame).get_column("c").to_list() == [0, None, 64 + 12.5 / 24]


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_numbers_are_told_by_column_and_row(infinite: float) -> None:
    for frame in (pl.DataFrame({"b": [1.0, 2.0], "a": [None, infinite]}), pd.DataFrame({"a": [np.nan, infinite]})):
        with pytest.raises(TableError, match=r"column 'a' is infinite.* in row 1"):
            as_polars(frame)


def test_words_among_numbers_in_a_frame() -> None:
    frame = pd.DataFrame({"a": ["1", "2", "oops", "4"]})
    told = r"column 'a' holds the text 'oops' \(row 2\); correct that row, or leave the column out$"
    with pytest.raises(TableError, match=told):
        encode(frame)
    encoder = encode(frame.replace("oops", "NA"))[0]
    assert encoder.names == ("a", "a is missing")
    assert encoder.plan[0].done.startswith("numbers written as text, read as numbers; gaps take")
    assert encode(pd.DataFrame({"a": [1.0, 2.0]}))[0].plan[0].done == "as it is"


def test_what_a_frame_calls_a_category_is_one_though_it_looks_like_numbers() -> None:
    levels = ["01", "2", "01", "2"]
    in_polars = pl.DataFrame({"a": levels}, schema={"a": pl.Categorical})
    for frame in (pd.DataFrame({"a": pd.Categorical(levels)}), in_polars, in_polars.cast(pl.Enum(["2", "01"]))):
        encoder, encoded = encode(frame)
        assert encoder.names == ("a = 01", "a = 2") and encoded.matrix.tolist() == [[1, 0], [0, 1]] * 2
        assert encoder.apply(frame)[0].tolist() == encoded.matrix.tolist()
        assert encoder.apply(pl.DataFrame({"a": ["2", "x"]}))[0].tolist() == [[0, 1], [0, 0]]
    assert encode(pd.DataFrame({"a": pd.Categorical([1, 2, 1, 2])}))[0].names == ("a = 1", "a = 2")


def test_columns_that_are_of_no_use_are_left_out_and_told() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "l": [[1], [2]], "s": [{"u": 1}, {"u": 2}], "b": [b"x", b"y"]})
    encoder = encode(frame)[0]
    assert encoder.names == ("x",)
    assert [one.kind for one in encoder.plan] == ["number", "dropped", "dropped", "dropped"]
    assert "'List(Int64)' is neither number, truth value, date nor text" in encoder.plan[1].done
    assert encode(pd.DataFrame({"x": [1.0, 2.0], "o": [[1], [2]]}))[0].plan[1].kind == "dropped"


@pytest.mark.parametrize(
    "given", [np.zeros((3, 2)), [[1.0]], {"a": [1.0]}, pl.LazyFrame({"a": [1.0]}), pl.Series([1.0])]
)
def test_what_is_no_data_frame(given: Any) -> None:
    with pytest.raises(TableError, match=r"the table is an? \w+(, which holds no rows yet)?; give"):
        encode(given)
    assert not needs_encoding(given)


@pytest.mark.parametrize(
    ("frame", "needed"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2], "c": [True, False]}), False),
        (pd.DataFrame({"a": [1.0, np.inf]}), False),
        (pd.DataFrame({"a": pd.array([1, 2], dtype="Int64")}), False),
        (pd.DataFrame({"a": [1.0, np.nan]}), True),
        (pd.DataFrame({"a": pd.array([1, NA], dtype="Int64")}), True),
        (pd.DataFrame({"a": pd.array([True, NA], dtype="boolean")}), True),
        (pd.DataFrame({"a": ["u", "v"]}), True),
        (pd.DataFrame({"a": pd.Categorical([1, 2])}), True),
        (pd.DataFrame({"a": pd.to_datetime(["2024-01-01", "2024-01-02"])}), True),
        (pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2], "c": [True, False]}), False),
        (pl.DataFrame({"a": [1.0, np.inf]}), False),
        (pl.DataFrame({"a": [1.0, None]}), True),
        (pl.DataFrame({"a": [1.0, np.nan]}), True),
        (pl.DataFrame({"a": [True, None]}), True),
        (pl.DataFrame({"a": ["u", "v"]}), True),
        (pl.DataFrame({"a": ["u", "v"]}, schema={"a": pl.Categorical}), True),
        (pl.DataFrame({"a": DAYS}), True),
        (np.array([[1.0, np.nan]]), False),
        ([["u"]], False),
        (None, False),
        (pd.Series([1.0, np.nan]), False),
    ],
)
def test_what_needs_to_be_encoded(frame: Any, needed: bool) -> None:
    assert needs_encoding(frame) is needed


def test_nothing_is_imported_to_see_whether_an_array_needs_to_be_encoded() -> None:
    code = (
        "import sys; from weightdecay.tables.encoder import needs_encoding; needs_encoding([[1.0]]);"
        "sys.exit(bool({'pandas', 'polars', 'sklearn'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_table_is_the_same_design_in_pandas_and_polars() -> None:
    columns = {
        "x": [1.0, None, 2.5, 4.0],
        "k": ["u", "v", None, "u"],
        "b": [True, False, None, True],
        "i": [3, 1, 2, 0],
    }
    ours = encode(pl.DataFrame(columns))[1]
    theirs = encode(pd.DataFrame(columns).astype({"b": "boolean"}))[1]
    assert ours.names == theirs.names and ours.plan == theirs.plan and ours.encoding == theirs.encoding
    np.testing.assert_array_equal(ours.matrix, theirs.matrix)
    shuffled = pd.DataFrame(columns).astype({"b": "boolean"}).set_axis([3, 3, 0, 9])
    np.testing.assert_array_equal(encode(shuffled)[1].matrix, theirs.matrix)
