"""New rows of a file for a model: columns by name, each as the model takes it, faults by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import weightdecay as wd
from weightdecay.tables.encoder import Encoder, encode
from weightdecay.tables.new_rows import read_new
from weightdecay.tables.preflight import TableError

HEADER = "x,kind,day,truth,id,y\n"
ROWS = [
    ("1.5", "ash", "2024-01-01", "yes", "i1", "1"),
    ("2.5", "oak", "2024-02-01", "no", "i2", "2"),
    ("NA", "ash", "2024-02-05", "yes", "i3", "3"),
    ("4", "", "2024-01-09", "no", "i4", "5"),
    ("5", "oak", "2024-02-01", "yes", "i5", "8"),
]
New = Callable[..., tuple[np.ndarray[Any, Any], tuple[str, ...]]]


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    file = tmp_path / "train.csv"
    file.write_text(HEADER + "\n".join(map(",".join, ROWS)))
    table = wd.read(file, "y")
    return encode(table.X, reading=table.reading)[0]


@pytest.fixture
def new(tmp_path: Path, encoder: Encoder) -> New:
    """The design of new rows, and all that is told of them."""

    def read(content: str, **columns: str) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
        file = tmp_path / "new.csv"
        file.write_text(content)
        frame, notes = read_new(file, encoder, **columns)
        matrix, more = encoder.apply(frame)
        return matrix, (*notes, *more)

    return read


def test_the_training_rows_give_the_training_design(new: New, encoder: Encoder, tmp_path: Path) -> None:
    matrix, notes = new(HEADER + "\n".join(map(",".join, ROWS)), target="y")
    np.testing.assert_array_equal(matrix, encode(wd.read(tmp_path / "train.csv", "y").X)[1].matrix)
    assert encoder.columns == ("x", "kind", "day", "truth")
    assert notes == ("columns that the model does not use are ignored: 'id'",)


def test_one_row_in_another_order_with_a_semicolon_and_decimal_commas(new: New, encoder: Encoder) -> None:
    matrix, notes = new("kind;more;truth;x;day\nfir;1;NO;7,5;2024-03-01T12:00\n")
    values = dict(zip(encoder.names, matrix[0].tolist(), strict=True))
    assert values["x"] == 7.5 and values["truth"] == 0 and values["day in days"] == 19783.5
    assert sum(values[f"kind = {level}"] for level in ("ash", "oak")) == 0
    assert notes[0] == "the delimiter is a semicolon" and "ignored: 'more'" in notes[1]
    assert "column 'kind' has values that the training rows had not ('fir'; 1 row)" in notes[2]


def test_words_for_gaps_are_gaps(new: New, encoder: Encoder) -> None:
    matrix, notes = new("x,kind,day,truth\n-,NA,?,none\n1,ash,2024-01-01,yes\n")
    values = dict(zip(encoder.names, matrix[0].tolist(), strict=True))
    assert (values["x"], values["x is missing"], values["kind = ash"], values["kind is missing"]) == (3.25, 1, 1, 1)
    assert len(notes) == 2 and all("though the training rows all had one" in note for note in notes)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("oops,ash,2024-01-01,yes", "column 'x' of {} holds the text 'oops' (line 3); the model takes a number there"),
        ("1e999,ash,2024-01-01,yes", "column 'x' of {} is infinite, or too large for a float64, in line 3 ('1e999')"),
        (
            "1,ash,1/2/2024,yes",
            "column 'day' of {} holds '1/2/2024', which is no date that can be read, among dates (line 3)",
        ),
        (
            "1,ash,2024-01-01,maybe",
            "column 'truth' of {} holds the text 'maybe' (line 3); the model takes 'yes' or 'no' there",
        ),
    ],
)
def test_what_a_column_cannot_hold_is_told_by_its_line(row: str, told: str, new: New, tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        new(f"x,kind,day,truth\n1,ash,2024-01-01,yes\n{row}\n")
    assert str(caught.value).startswith(told.format(repr(str(tmp_path / "new.csv"))))
    assert str(caught.value).endswith("correct that line")


def test_a_missing_column_is_named(new: New) -> None:
    with pytest.raises(
        TableError, match=r"column 'kind' is not in '.*new.csv', and the model needs it; did you mean 'kid'"
    ):
        new("x,kid,day,truth\n1,ash,2024-01-01,yes\n")


def test_a_word_for_gaps_that_is_a_level_of_the_model_stays_one(tmp_path: Path) -> None:
    encoder = encode(pl.DataFrame({"parking": ["none", "street", "street"] * 3}))[0]
    (tmp_path / "new.csv").write_text("parking,z\nnone,1\nNA,1\nstreet,1\n")
    matrix, _ = encoder.apply(read_new(tmp_path / "new.csv", encoder)[0])
    assert matrix.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_rows_of_parquet(tmp_path: Path, encoder: Encoder) -> None:
    frame = pl.DataFrame({"x": [1, None], "kind": ["ash", None], "truth": [True, None], "day": ["2024-01-01", None]})
    frame.with_columns(pl.col("day").str.to_date()).write_parquet(tmp_path / "new.parquet")
    of_file = encoder.apply(read_new(tmp_path / "new.parquet", encoder)[0])[0]
    np.testing.assert_array_equal(of_file, encoder.apply(frame)[0])


def test_texts(tmp_path: Path) -> None:
    encoder = encode(pl.DataFrame({"t": ["a good one", "one good", None]}), text=["t"])[0]
    (tmp_path / "new.csv").write_text("t\nONE\nNA\n")
    matrix, notes = encoder.apply(read_new(tmp_path / "new.csv", encoder)[0])
    assert encoder.names == ("t: good", "t: one")
    assert matrix.toarray().tolist() == [[0, 1], [0, 0]] and notes == ()


def test_all_columns_at_fault_are_told_at_once(new: New) -> None:
    with pytest.raises(TableError) as caught:
        new("x,kind,day,truth\noops,ash,soon,yes\n1,ash,2024-01-01,maybe\n")
    assert "column 'x' of" in str(caught.value) and "holds the text 'oops' (line 2)" in str(caught.value)
    assert str(caught.value).endswith("correct that line; 2 other columns have faults too: 'day', 'truth'")


def test_words_for_truth_are_none_among_numbers_nor_of_another_pair(new: New, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"column 'x' .* holds the text 'no' \(line 2\); the model takes a number"):
        new("x,kind,day,truth\nno,ash,2024-01-01,yes\n")
    with pytest.raises(TableError, match=r"column 'truth' .* holds the text 't' \(line 2\); the model takes 'yes' or"):
        new("x,kind,day,truth\n1,ash,2024-01-01,t\n")
    model = wd.LinearRegression(decay=0).fit(pl.DataFrame({"age": [1.0, 2.0, 4.0]}), [1, 2, 4])
    (tmp_path / "new.csv").write_text("age\nno\noff\nt\n5\n")
    with pytest.raises(TableError, match=r"column 'age' .* holds the text 'no'"):
        wd.read_rows(tmp_path / "new.csv", model)
    # A bare model does not know which of its numbers were truth values.
    (tmp_path / "new.csv").write_text("age\nNo\nyes\n")
    frame, notes = wd.read_rows(tmp_path / "new.csv", model)
    assert frame.rows() == [(0.0,), (1.0,)] and notes == ("yes and no are read as 1 and 0 in 'age'",)


def test_a_word_for_a_gap_is_one_in_a_frame_as_in_a_file(tmp_path: Path) -> None:
    encoder = encode(pl.DataFrame({"k": ["u", "v", "v", None] * 3}))[0]
    frame = pl.DataFrame({"k": ["NA", "u", ""], "z": [1, 2, 3]})
    frame.write_csv(tmp_path / "new.csv")
    of_file = encoder.apply(read_new(tmp_path / "new.csv", encoder)[0])
    assert of_file[0].tolist() == encoder.apply(frame)[0].tolist() == [[0, 1, 1], [1, 0, 0], [0, 1, 1]]
    assert not any("had not" in note for note in (*of_file[1], *encoder.apply(frame)[1]))


def test_whole_numbers_are_levels_without_a_point() -> None:
    encoder = encode(pl.DataFrame({"k": ["1", "x", "y", "z"] * 3}))[0]
    for values in ([1.0, 2.5, 3.0], [1, 2.5, 3]):
        matrix, notes = encoder.apply(pl.DataFrame({"k": values}, strict=False))
        assert matrix.tolist() == [[1, 0, 0, 0], [0] * 4, [0] * 4] and "('2.5', '3'; 2 rows)" in notes[0]
    of_pandas = encode(pd.DataFrame({"k": pd.Categorical([1.0, 2.0] * 4)}))[0]
    assert of_pandas.apply(pd.DataFrame({"k": [2, 1]}))[0].tolist() == [[0, 1], [1, 0]]
