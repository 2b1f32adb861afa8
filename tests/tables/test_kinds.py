"""What a column of a file is, decided over all its fields, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import OneHotEncoder

import weightdecay as wd
from weightdecay.tables.encoder import encode
from weightdecay.tables.faults import MISSING
from weightdecay.tables.new_rows import read_new

Plan = Callable[..., wd.ColumnPlan]
COUNT = 24


@pytest.fixture
def reader(tmp_path: Path) -> Callable[..., wd.Table]:
    """The table of a column's fields beside a column of numbers and a target."""

    def read(fields: Sequence[str], delimiter: str = ",", **columns: object) -> wd.Table:
        file = tmp_path / "data.csv"
        rows = [delimiter.join([f'"{field}"', str(row % 7), str(row**2)]) for row, field in enumerate(fields)]
        file.write_text("\n".join([delimiter.join(["a", "b", "y"]), *rows, ""]), encoding="utf-8")
        return wd.read(file, "y", **columns)  # type: ignore[arg-type]

    return read


@pytest.fixture
def plan(reader: Callable[..., wd.Table]) -> Plan:
    """The plan of a column of some fields, repeated to `COUNT` rows."""

    def of(fields: Sequence[str], delimiter: str = ",", **columns: object) -> wd.ColumnPlan:
        return reader([fields[row % len(fields)] for row in range(COUNT)], delimiter, **columns).plan[0]

    return of


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["1", "2", "3"], "number"),
        (["1", "-2.5e3", "+.5", ""], "number"),
        (["1", "2", "n/a", "?", "-"], "number"),
        (["0", "1"], "number"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "boolean"),
        (["Y", "n", "NA"], "boolean"),
        (["t", "f"], "boolean"),
        (["On", "off"], "boolean"),
        (["yes", "no", "maybe"], "category"),
        (["yes", "n"], "category"),
        (["red", "green", ""], "category"),
        (["red", "1", "green"], "category"),
        (["inf", "red", "green"], "category"),
        (["3-4", "5-9"], "category"),
        (["2024-01-01", "2024-02-03"], "date"),
        (["2024/01/01", "2024/02/03"], "date"),
        (["2024-01-01T10:00", "2024-02-03 10:00:00.5Z"], "date"),
        (["2024-01-01", "2024-01-01"], "dropped"),
        (["31/12/2024", "30/12/2024"], "date"),
        (["1/12/2024", "10/12/2024"], "dropped"),
        (["Jan 5, 2024", "6 January 2024"], "date"),
        (["01234", "501", "9"], "category"),
        (["01234", "1e3", "9"], "number"),
        (["0", "12", "-01"], "number"),
        (["007", "K1A 0B1", "008"], "category"),
        (["red", "red"], "dropped"),
        (["yes", "yes"], "dropped"),
        (["red", ""], "category"),
        (["", "NA"], "dropped"),
    ],
)
def test_the_kind_is_that_of_all_fields(fields: list[str], kind: str, plan: Plan) -> None:
    assert plan(fields).kind == kind


@pytest.mark.parametrize(
    ("fields", "made", "missing", "done"),
    [
        (["1", "2"], ["a"], 0, "as it is"),
        (["1", "2", "5", "NA"], ["a", "a is missing"], 6, "gaps take the median 2 and are flagged"),
        (["yes", "no"], ["a"], 0, "1 where yes, 0 where no"),
        (["u", "v"], ["a = u", "a = v"], 0, "one column for each of 2 values"),
        (
            ["u", "v", "v", ""],
            ["a = u", "a = v", "a is missing"],
            6,
            "one column for each of 2 values; gaps take the most frequent, 'v', and are flagged",
        ),
        (["u", ""], ["a = u", "a is missing"], 12, "one column for its only value, 'u'; gaps take the most frequent"),
        (
            ["2024-01-01", "2024-02-05", "2024-01-01"],
            ["a in days", "a month = January", "a month = February"],
            0,
            "days since 1970-01-01, month (one column for each of 2)",
        ),
        (["", "NA"], [], 24, "left out: no row has a value"),
        (["u"], [], 0, "left out: 'u' in every row"),
        (["2/12/2024", "1/12/2024"], [], 0, "left out: dates such as '2/12/2024' are not of ISO 8601"),
        (
            ["01", "2"],
            ["a = 01", "a = 2"],
            0,
            "digits with leading zeros are codes, not numbers: one column for each of 2",
        ),
        (["2024-01-01"], [], 0, "left out: '2024-01-01' in every row"),
    ],
)
def test_the_plan_says_what_is_made(fields: list[str], made: list[str], missing: int, done: str, plan: Plan) -> None:
    found = plan(fields)
    assert (found.name, list(found.made), found.missing) == ("a", made, missing)
    assert found.done.startswith(done)


def test_the_plan_is_what_encoding_the_table_gives(reader: Callable[..., wd.Table]) -> None:
    """Truth values apart, whose words a table of values has no longer."""
    for fields in (["u", "v", "v", ""], ["1", "NA", "2", "9"], ["2024-01-01", "", "2024-05-05", "2024-05-05"]):
        table = reader(fields * 5)
        encoder, encoded = encode(table.X, text=table.text)
        assert table.plan == encoder.plan == encoded.plan
        assert encoded.names == sum((one.made for one in table.plan), ())


@pytest.mark.parametrize("marker", MISSING)
def test_words_for_gaps_in_columns_of_every_kind(marker: str, plan: Plan) -> None:
    dates = ["2024-01-01", "2025-01-03", "2024-01-01"]
    for fields in (["1", "2", "3"], ["yes", "no", "no"], ["red", "green", "red"], dates):
        found = plan([*fields, marker.upper()])
        assert found.missing == COUNT // 4 and "a is missing" in found.made


def test_a_column_with_a_value_of_its_own_in_every_row(reader: Callable[..., wd.Table]) -> None:
    table = reader([f"id{row}" for row in range(COUNT)])
    assert table.plan[0].done == "left out: a value of its own in every row, like an identifier"
    assert table.columns == tuple(table.X.columns) == ("b",)


def test_a_column_with_a_value_of_its_own_in_nearly_every_row(reader: Callable[..., wd.Table]) -> None:
    done = reader([f"id{max(row, 1)}" for row in range(40)]).plan[0].done
    assert done == "left out: a value of its own in nearly every row, like an identifier"


def test_rows_that_are_too_few_for_each_level(reader: Callable[..., wd.Table]) -> None:
    """Two rows for each level are enough on average, fewer are not."""
    assert reader([f"id{row // 2}" for row in range(COUNT)]).plan[0].kind == "category"
    done = reader([f"id{row // 2}" for row in range(COUNT)] + ["new", "newer"]).plan[0].done
    assert done.startswith("left out: 14 different texts in 26 rows, too few rows for each") and "--text a" in done


def test_very_many_levels(reader: Callable[..., wd.Table]) -> None:
    assert reader([f"id{row // 3}" for row in range(3000)]).plan[0].kind == "category"
    done = reader([f"id{row // 3}" for row in range(3003)]).plan[0].done
    assert done.startswith("left out: 1,001 different texts in 3,003 rows, too many")


def test_prose_is_told_how_to_be_learned_from(reader: Callable[..., wd.Table]) -> None:
    texts = [f"this is the review number {row} of all" for row in range(COUNT)]
    assert reader(texts).plan[0].done == "left out: long texts; learn from their words with --text a"
    table = reader(texts, text=["a"])
    assert (table.plan[0].kind, table.text) == ("text", ("a",))
    assert table.plan[0].made == tuple(f"a: {word}" for word in ("all", "is", "number", "of", "review", "the", "this"))


def test_a_text_column_of_numbers_is_text_if_it_is_named(reader: Callable[..., wd.Table]) -> None:
    table = reader(["12 12", "12", "7", "oops"] * 6, text=["a"])
    assert table.plan[0].made == ("a: 12", "a: oops") and table.X.get_column("a")[0] == "12 12"


def test_truth_values_are_told_with_their_words(reader: Callable[..., wd.Table]) -> None:
    table = reader(["Yes", "no", "YES", "no"] * 5)
    assert table.X.get_column("a").to_list() == [1.0, 0.0] * 10
    assert table.notes == ("yes and no are read as 1 and 0 in 'a'",)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_are_read_and_told(delimiter: str, reader: Callable[..., wd.Table]) -> None:
    table = reader(["1,5", "-,25", "3", "1,5e-3", "7,"] * 4, delimiter)
    assert table.X.get_column("a").to_list() == [1.5, -0.25, 3.0, 0.0015, 7.0] * 4
    assert "numbers with a decimal comma are read in 'a'" in table.notes


def test_a_german_date_among_decimal_commas_is_a_date(reader: Callable[..., wd.Table]) -> None:
    assert reader(["31.12.2024", "1.12.2024"] * 5, ";").plan[0].kind == "date"


def test_long_integers_are_the_nearest_numbers(reader: Callable[..., wd.Table]) -> None:
    table = reader(["123456789012345678901234567890", "9007199254740993", "", "1"] * 5)
    assert table.X.get_column("a").to_list()[:4] == [float(123456789012345678901234567890), 2.0**53, None, 1.0]


def test_levels_are_those_of_rows_that_count(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rows = [f"{'rare' if row == 3 else 'uv'[row % 2]},{row},{0 if row == 3 else 1},{row**2}" for row in range(20)]
    file.write_text("\n".join(["a,b,w,y", *rows]))
    assert wd.read(file, "y", drop=["w"]).plan[0].made == ("a = rare", "a = u", "a = v")
    assert wd.read(file, "y", weight="w").plan[0].made == ("a = u", "a = v")


def test_a_file_and_the_frame_that_another_reader_makes_of_it_are_encoded_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": rng.standard_normal(50),
            "gaps": pl.Series(rng.standard_normal(50)).set(pl.Series(rng.random(50) < 0.2), None),
            "kind": pl.Series(list("abcde") * 10).set(pl.Series(rng.random(50) < 0.2), None),
            "day": pl.date_range(pl.date(2024, 1, 28), pl.date(2024, 3, 17), eager=True),
            "truth": rng.random(50) < 0.5,
            "y": rng.standard_normal(50),
        }
    )
    file = tmp_path / "data.csv"
    frame.write_csv(file)
    table = wd.read(file, "y")
    of_file, of_frame = encode(table.X)[1], encode(frame.drop("y"))[1]
    assert of_file.names == of_frame.names and of_file.encoding == of_frame.encoding
    np.testing.assert_array_equal(of_file.matrix, of_frame.matrix)


def test_codes_with_a_value_of_their_own_in_every_row(reader: Callable[..., wd.Table]) -> None:
    done = reader([f"{row:03}" for row in range(COUNT)]).plan[0].done
    assert done == (
        "left out: digits with leading zeros are codes, not numbers; "
        "a value of its own in every row, like an identifier"
    )
    done = reader([f"{row // 2:03}" for row in range(COUNT + 1)]).plan[0].done
    assert done.endswith("too few rows for each; if they are numbers, write them without zeros before them")


def test_codes_of_a_frame_and_of_new_rows(reader: Callable[..., wd.Table], tmp_path: Path) -> None:
    """The judge is scikit-learn's one-hot encoder of the texts as they stand."""
    texts = ["01234", "00501", "94110", "00501", "01234", "94110"] * 4
    judge = OneHotEncoder(sparse_output=False).fit(np.array(texts)[:, None])
    for frame in (reader(texts).X.select("a"), pl.DataFrame({"a": texts}), pd.DataFrame({"a": texts})):
        encoder, encoded = encode(frame)
        assert encoder.names == tuple(f"a = {one}" for one in judge.categories_[0])
        np.testing.assert_array_equal(encoded.matrix, judge.transform(np.array(texts)[:, None]))
    (tmp_path / "new.csv").write_text("a\n00501\n501\n")
    matrix, notes = encoder.apply(read_new(tmp_path / "new.csv", encoder)[0])
    assert matrix.tolist() == [[1, 0, 0], [0, 0, 0]] and "'501'" in notes[0]
