"""Parquet: what was written is what is read, in the few types that a table has; the rest is told or refused."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.tables import archives
from weightdecay.tables.parquet import is_parquet
from weightdecay.tables.preflight import TableError
from weightdecay.tables.sheets import Sheet, open_sheet

Stored = Callable[..., Path]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """A Parquet file of some columns."""

    def write(columns: dict[str, Any] | pl.DataFrame, name: str = "data.parquet", **options: Any) -> Path:
        pl.DataFrame(columns).write_parquet(tmp_path / name, **options)
        return tmp_path / name

    return write


def refusal(file: Path, columns: list[str] | None = None, **options: int) -> str:
    with pytest.raises(TableError) as caught:
        open_sheet(file).frame(columns, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


MIXED = {
    "id": [1, 2, None],
    "price": [0.1, None, math.inf],
    "sold": [True, None, False],
    "town": [" Łódź ", None, ""],
    "day": [dt.date(2024, 2, 29), None, dt.date(1970, 1, 1)],
    "time": [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), None, dt.datetime(1900, 1, 1)],
}


@pytest.mark.parametrize("name", ["data.parquet", "data.csv", "data.gz", "data"])
@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4", "uncompressed"])
def test_columns_keep_their_types(compression: str, name: str, stored: Stored) -> None:
    sheet = open_sheet(stored(MIXED, name, compression=compression))
    assert sheet.names == tuple(MIXED) and sheet.typed and sheet.notes == ()
    assert (sheet.delimiter, sheet.decimal_comma) == ("", False)
    frame = sheet.frame()
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.Boolean, pl.String, pl.Date, pl.Datetime("us")]
    expected = {**MIXED, "town": ["Łódź", None, None]}
    assert frame.to_dict(as_series=False) == expected


def test_places_are_rows(stored: Stored) -> None:
    sheet = open_sheet(stored(MIXED))
    assert (sheet.line_of(10), sheet.place(10)) == (11, "row 11")


def test_columns_come_in_the_order_in_which_they_are_asked_for(stored: Stored) -> None:
    frame = open_sheet(stored(MIXED)).frame(["town", "id"])
    assert frame.columns == ["town", "id"] and frame.get_column("id").to_list() == [1, 2, None]


@pytest.mark.parametrize(
    "dtype",
    [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64],
)
def test_numbers_of_any_width(dtype: Any, stored: Stored) -> None:
    values = pl.Series([0, 1, None, 127], dtype=dtype)
    column = open_sheet(stored({"a": values})).frame().get_column("a")
    assert column.to_list() == [0, 1, None, 127] and column.dtype.is_numeric()


def test_the_largest_integers_are_kept(stored: Stored) -> None:
    values = [2**64 - 1, 2**53 + 1, 0]
    assert open_sheet(stored({"a": pl.Series(values, dtype=pl.UInt64)})).frame().get_column("a").to_list() == values


def test_nan_is_missing(stored: Stored) -> None:
    for dtype in (pl.Float32, pl.Float64):
        frame = open_sheet(stored({"a": pl.Series([1.0, math.nan, None, -math.inf], dtype=dtype)})).frame()
        assert frame.get_column("a").to_list() == [1.0, None, None, -math.inf]


@given(st.lists(st.decimals(-(10**17), 10**17, places=7, allow_nan=False), min_size=2, max_size=30))
def test_decimals_become_the_nearest_floats(tmp_path_factory: pytest.TempPathFactory, values: list[Decimal]) -> None:
    file = tmp_path_factory.getbasetemp() / "decimals.parquet"
    pl.DataFrame({"a": pl.Series(values, dtype=pl.Decimal(30, 7))}).write_parquet(file)
    column = open_sheet(file).frame().get_column("a")
    assert column.dtype == pl.Float64
    np.testing.assert_array_max_ulp(column.to_numpy(), np.array([float(value) for value in values]), 1)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["b", "a", "  "])])
def test_categories_become_text(dtype: Any, stored: Stored) -> None:
    column = open_sheet(stored({"c": pl.Series(["b", None, "a", "b", "  "], dtype=dtype)})).frame().get_column("c")
    assert column.dtype == pl.String and column.to_list() == ["b", None, "a", "b", None]


@pytest.mark.parametrize(("unit", "per_second"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_durations_become_seconds_and_that_is_told(unit: Any, per_second: int, stored: Stored) -> None:
    lengths = pl.Series([3 * per_second // 2, None, -per_second], dtype=pl.Int64).cast(pl.Duration(unit))
    sheet = open_sheet(stored({"wait": lengths, "a": [1, 2, 3]}))
    assert sheet.frame().get_column("wait").to_list() == [1.5, None, -1.0]
    assert sheet.notes == ("read as seconds: 'wait'",)
    sheet.frame(["a"])
    assert sheet.notes == ()


def test_times_of_day_become_seconds_and_that_is_told(stored: Stored) -> None:
    sheet = open_sheet(stored({"at": [dt.time(0, 1, 0, 500_000), None, dt.time(23, 59, 59)]}))
    assert sheet.frame().get_column("at").to_list() == [60.5, None, 86_399.0]
    assert sheet.notes == ("read as seconds since midnight: 'at'",)


def test_a_column_of_nothing_is_one_of_missing_numbers(stored: Stored) -> None:
    column = open_sheet(stored({"a": [None, None], "b": [1, 2]})).frame().get_column("a")
    assert column.dtype == pl.Float64 and column.to_list() == [None, None]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[1], [2]], "(lists)"),
        (pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)), "(lists)"),
        ([{"x": 1}, {"x": 2}], "(several fields in one)"),
        ([b"a", b"b"], "(raw bytes)"),
    ],
)
def test_nested_columns_are_named_with_the_option_that_leaves_them_out(values: Any, told: str, stored: Stored) -> None:
    file = stored({"a": [1, 2], "my list": values})
    sentence = refusal(file)
    assert f"column 'my list' {told} of " in sentence and sentence.endswith("leave it out with --drop 'my list'")
    assert open_sheet(file).frame(["a"]).rows() == [(1,), (2,)]


def test_all_nested_columns_are_named_at_once(stored: Stored) -> None:
    sentence = refusal(stored({f"c{index}": [[1], [2]] for index in range(6)}))
    assert "columns 'c0' (lists), 'c1' (lists), 'c2' (lists), 'c3' (lists) and 2 more of " in sentence
    assert sentence.endswith("leave them out with --drop c0,c1,c2,c3,c4,c5")


def test_names_lose_the_space_around_them_as_in_text(stored: Stored) -> None:
    sheet = open_sheet(stored({" a ": [1, 2], "b\u00a0": [3, 4]}))
    assert sheet.names == ("a", "b") and sheet.frame(["b", "a"]).rows() == [(3, 1), (4, 2)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", ""], "column 2 has no name"),
        (["a", " "], "column 2 has no name"),
        (["a", "b", " a"], "columns 1 and 3 have the same name 'a'"),
    ],
)
def test_names_are_there_and_unique(names: list[str], told: str, stored: Stored) -> None:
    sentence = refusal(stored({name: [1, 2] for name in names}))
    assert told in sentence and "data.parquet" in sentence


@pytest.mark.skipif(
    int(pl.__version__.split(".")[0]) < 2, reason="older readers keep one of the columns, and tell nobody"
)
def test_a_name_that_stands_there_twice(stored: Stored) -> None:
    file = stored({"first": [1, 2], "secnd": [3, 4]}, compression="uncompressed")
    content = file.read_bytes().replace(b"secnd", b"first")
    file.write_bytes(content)
    assert "cannot be read" in refusal(file) or "same name" in refusal(file)


def test_the_row_labels_of_pandas_are_left_out_and_that_is_told(stored: Stored) -> None:
    sheet = open_sheet(stored({"a": [1, 2], "__index_level_0__": ["x", "y"]}))
    assert sheet.names == ("a",) and sheet.frame().rows() == [(1,), (2,)]
    assert sheet.notes == ("the row labels that pandas wrote are left out",)


@pytest.mark.parametrize(("height", "told"), [(0, "a header but no row"), (1, "one row of data")])
def test_too_few_rows(height: int, told: str, stored: Stored) -> None:
    file = stored({"a": pl.Series([1.0] * height, dtype=pl.Float64)})
    assert told in refusal(file)
    assert open_sheet(file).frame(least=0).height == height


def test_a_file_that_breaks_off_anywhere(stored: Stored) -> None:
    whole = stored(MIXED).read_bytes()
    for length in [*range(6, 40), *range(40, len(whole), len(whole) // 40), *range(len(whole) - 12, len(whole))]:
        file = stored(MIXED)
        file.write_bytes(whole[:length])
        assert "is a Parquet file that breaks off; get it again, whole" in refusal(file)


def test_contents_that_are_longer_than_the_file(stored: Stored) -> None:
    file = stored(MIXED)
    content = file.read_bytes()
    file.write_bytes(content[:-8] + (2**31).to_bytes(4, "little") + b"PAR1")
    assert "breaks off" in refusal(file)


def test_spoilt_contents_are_one_sentence(stored: Stored) -> None:
    file = stored(MIXED)
    whole = file.read_bytes()
    length = int.from_bytes(whole[-8:-4], "little")
    file.write_bytes(whole[: -8 - length] + b"\xff" * length + whole[-8:])
    assert "is a Parquet file that cannot be read" in refusal(file)


def test_spoilt_pages_are_one_sentence(stored: Stored) -> None:
    file = stored({"a": np.random.default_rng(0).standard_normal(5000), "b": np.arange(5000)}, compression="zstd")
    whole = bytearray(file.read_bytes())
    whole[20:200] = b"\xff" * 180
    file.write_bytes(whole)
    sheet = open_sheet(file)
    assert sheet.names == ("a", "b")
    with pytest.raises(TableError, match="is a Parquet file that cannot be read"):
        sheet.frame()
    assert sheet.frame(["b"]).get_column("b").to_list() == list(range(5000))


def test_very_many_equal_values_in_a_small_file(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored(pl.select(a=pl.repeat(1.0, 10_000_000), b=pl.repeat(2, 10_000_000, dtype=pl.Int64)))
    assert file.stat().st_size < 200_000
    monkeypatch.setattr(archives, "memory", lambda: 3 * 100_000_000)
    assert "has 10,000,000 rows, and 2 columns of them take 160 MB, more than the 100 MB of" in refusal(file)
    assert open_sheet(file).frame(["a"]).height == 10_000_000


@pytest.mark.parametrize("name", ["a*.parquet", "a[1].parquet", "a?.parquet", "year=2020", "é ü.parquet", "~", "$HOME"])
def test_a_file_name_is_no_pattern(name: str, stored: Stored) -> None:
    stored({"other": [1, 2]}, "a1.parquet")
    assert open_sheet(stored({"a": [1, 2]}, name)).names == ("a",)


def test_folders_named_as_partitions_add_no_column(tmp_path: Path, stored: Stored) -> None:
    (tmp_path / "year=2020").mkdir()
    assert open_sheet(stored({"a": [1, 2]}, "year=2020/data.parquet")).names == ("a",)


def test_a_relative_name(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored({"a": [1, 2]})
    monkeypatch.chdir(file.parent)
    sheet = open_sheet("data.parquet")
    assert sheet.source == "data.parquet" and sheet.frame().rows() == [(1,), (2,)]


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_a_file_name_that_is_no_text(stored: Stored) -> None:
    file = stored({"a": [1, 2]})
    odd = file.rename(file.with_name("data\udcff"))
    assert "cannot be read" in refusal(odd)


def test_several_row_groups(stored: Stored) -> None:
    values = np.random.default_rng(0).standard_normal((10_000, 3))
    file = stored(pl.DataFrame(values, schema=["a", "b", "c"]), row_group_size=777)
    np.testing.assert_array_equal(open_sheet(file).frame().to_numpy(), values)


def test_twenty_thousand_columns(stored: Stored) -> None:
    values = np.random.default_rng(0).standard_normal((20, 20_000))
    file = stored(pl.DataFrame(values, schema=[f"gene {index}" for index in range(20_000)], orient="row"))
    np.testing.assert_array_equal(open_sheet(file).frame().to_numpy(), values)


def test_a_text_that_begins_like_parquet_is_text() -> None:
    assert not is_parquet(b"PAR1,PAR2,y\n1,2,3\n") and not is_parquet(b"PAR1\n1\n")
    assert is_parquet(b"PAR1\x15\x00\x15\x00PAR1")


def _as_text(sheet: Sheet) -> list[list[float | str | None]]:
    return [list(row) for row in sheet.frame().rows()]


def test_the_same_table_as_text_and_as_parquet(stored: Stored, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.5, None, 1e300], "c": ["x ", None, "z"], "y": [3.0, 4.0, 5.0]})
    frame.write_csv(tmp_path / "data.csv")
    text = open_sheet(tmp_path / "data.csv")
    typed = open_sheet(stored(frame))
    assert text.names == typed.names
    told = [["" if value is None else str(value) for value in row] for row in _as_text(typed)]
    assert [[str(float(one)) if one[:1].isdigit() else one for one in row] for row in _as_text(text)] == told
