"""What a user says of a file: which columns have a role, and which words are gaps; a model remembers what it needs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import weightdecay as wd

Reader = Callable[..., wd.Table]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """The table in a file of some content."""

    def read(content: str | bytes, target: str = "y", **columns: object) -> wd.Table:
        file = tmp_path / "data.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return wd.read(file, target, **columns)  # type: ignore[arg-type]

    return read


def test_columns_with_a_role_are_in_the_plan(reader: Reader) -> None:
    text = "w,a,g,when,y\n" + "".join(f"1,{row},u{row % 2},{1 + row}.1.2024,{row**2}\n" for row in range(20))
    table = reader(text, weight="w", group="g", time="when")
    assert table.columns == ("a", "when")
    assert [(one.name, one.kind, one.missing) for one in table.plan] == [
        ("w", "weight", 0),
        ("a", "number", 0),
        ("g", "group", 0),
        ("when", "date", 0),
    ]
    done = [one.done for one in table.plan]
    assert done[0] == "used as sample weight: how much each row counts"
    assert done[2] == "groups rows: those of one value are held out together"
    assert done[3].startswith("orders rows; read with the day first; days since 1970-01-01, weekday")
    assert [bool(one.made) for one in table.plan] == [False, True, False, True]


def test_a_time_column_is_learned_from_unless_it_is_dropped(reader: Reader) -> None:
    text = "a,when,y\n" + "".join(f"{row % 5},{row},{row**2}\n" for row in range(20))
    both, ordered = reader(text, time="when"), reader(text, time="when", drop=["when"])
    assert (both.columns, ordered.columns) == (("a", "when"), ("a",))
    assert both.times is not None and ordered.times is not None
    assert both.times.tolist() == ordered.times.tolist() == both.X.get_column("when").to_list()
    assert both.plan[1] == wd.ColumnPlan("when", "number", ("when",), 0, "orders rows; as it is")
    assert ordered.plan[1] == wd.ColumnPlan("when", "time", (), 0, "orders rows; left out as asked")
    for one in (both, ordered):
        tuning = wd.tune(wd.LinearRegression(), one, decays=[0.1])
        assert "by time" in tuning.cv and not any(found.code == "WD015" for found in tuning.findings)
    for role in ("weight", "group"):
        with pytest.raises(ValueError, match=f"cannot be the {role} column and the column to drop"):
            reader(text, drop=["when"], **{role: "when"})


WORDS = (
    "a,b,k,d,y\n1,x,u,2024-01-05,1\n-999,2,K.A.,2024-02-05,-999.0\n-999.0,4,v,k.a.,3\n4,5,u,2024-02-05,4\n"
    "5,6,v,2024-02-06,6\n"
)


def test_words_for_gaps_are_named(reader: Reader) -> None:
    text = WORDS.replace("x", "-999")
    table = reader(text, missing=("-999", "k.A.", "zz"), skip_missing_target=True)
    assert table.X.rows() == [
        (1.0, None, "u", date(2024, 1, 5)),
        (None, 4.0, "v", None),
        (4.0, 5.0, "u", date(2024, 2, 5)),
        (5.0, 6.0, "v", date(2024, 2, 6)),
    ]
    assert table.y.tolist() == [1, 3, 4, 6]
    told, columns = table.notes[0].split(" in ")
    assert told == "read as gaps: '-999', 'k.A.'" and set(columns.split(", ")) == {"'a'", "'b'", "'y'", "'k'", "'d'"}
    assert table.notes[1] == "named as words for gaps, but no field is one: 'zz'"
    assert reader(text, missing=-999, drop=["k", "d"], skip_missing_target=True).X.rows()[0] == (1.0, None)
    with pytest.raises(ValueError, match=r"target column 'y' .* has no value in line 3"):
        reader(text, missing=-999, drop=["k", "d"])


def test_a_word_of_digits_is_no_code(reader: Reader) -> None:
    table = reader("zip,y\n" + "".join(f"{('0999', '999', '0123')[row % 3]},{row}\n" for row in range(12)), missing=999)
    assert table.X.get_column("zip").to_list() == ["0999", None, "0123"] * 4


@pytest.mark.parametrize("kind", ["csv", "semicolon", "parquet", "frame"])
def test_a_model_knows_the_words_for_gaps(kind: str, reader: Reader, tmp_path: Path) -> None:
    """The judge is a file in which these fields are empty."""
    words = "a,k,y\n" + "".join(f"{row % 7 - 9},{'uv'[row % 2]},{row}\n" for row in range(30))
    given, empty = words.replace("-9,", "-999,"), words.replace("-9,", ",")
    model = wd.tune(wd.LinearRegression(), reader(given, missing=["-999", "none of it"]), decays=[0.1], cv=3).model
    judge = wd.tune(wd.LinearRegression(), reader(empty), decays=[0.1], cv=3).model
    wd.save(model, tmp_path / "model.wd")
    rows = pl.DataFrame({"a": [-999.0, 2.5, None], "k": ["u", "v", "None of it"]})
    clean = pl.DataFrame({"a": [None, 2.5, None], "k": ["u", "v", None]})
    if kind == "parquet":
        rows.write_parquet(tmp_path / "new")
    elif kind == "semicolon":
        (tmp_path / "new").write_text("a;k\n-999,0;u\n2,5;v\n;None of it\n")
    else:
        (tmp_path / "new").write_text("a,k\n-999,u\n2.5,v\n,None of it\n")
    fitted = wd.load(tmp_path / "model.wd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wd.NewRowsWarning)
        new = rows if kind == "frame" else wd.read_rows(tmp_path / "new", fitted)[0]
        np.testing.assert_allclose(fitted.predict(new), judge.predict(clean), rtol=1e-12)


def test_a_model_of_rows_without_gaps_knows_the_words_as_well(reader: Reader, tmp_path: Path) -> None:
    table = reader("a,y\n" + "".join(f"{row % 7},{row}\n" for row in range(30)), missing=-999)
    assert table.notes == ("named as words for gaps, but no field is one: '-999'",)
    model = wd.tune(wd.LinearRegression(), table, decays=[0.1], cv=3).model
    wd.save(model, tmp_path / "model.wd")
    (tmp_path / "new.csv").write_text("a\n-999\n3\n")
    fitted = wd.load(tmp_path / "model.wd")
    predicted, notes = fitted.predict_with_notes(wd.read_rows(tmp_path / "new.csv", fitted)[0])
    assert predicted[0] == predicted[1] and "takes the median 3" in notes[0]


def test_a_model_knows_how_dates_are_written(reader: Reader, tmp_path: Path) -> None:
    text = "d,y\n" + "".join(f"{1 + row}/{1 + row % 3}/2024,{row}\n" for row in range(28))
    model = wd.tune(wd.LinearRegression(), reader(text), decays=[0.1], cv=3).model
    wd.save(model, tmp_path / "model.wd")
    (tmp_path / "new.csv").write_text("d\n3/2/2024\n2024-02-03\n")
    fitted = wd.load(tmp_path / "model.wd")
    frame, notes = wd.read_rows(tmp_path / "new.csv", fitted)
    assert frame.rows() == [(date(2024, 2, 3),)] * 2 and notes == ()


@pytest.mark.parametrize("missing", [None, pd.NA, True, b"x", [None], ["a", pd.NA]])
def test_what_is_no_word_for_gaps_is_refused(missing: object, reader: Reader) -> None:
    with pytest.raises(ValueError, match=r"missing=.*: expected words or numbers, or a list of them"):
        reader("a,y\n1,2\n2,3\n3,5\n", missing=missing)


def test_numbers_of_numpy_are_words_for_gaps(reader: Reader) -> None:
    for missing in (np.int64(-999), np.float32(-999), np.array([-999, 7])):
        assert reader("a,y\n1,2\n-999,3\n3,5\n", missing=missing).X["a"].to_list() == [1, None, 3]
    assert reader("a,y\n1,2\n10,3\n3,5\n", missing="1_0").X["a"].to_list() == [1, 10, 3]
    with pytest.raises(ValueError, match=r"no value in line 3 .*'-999', which was named as a word for gaps"):
        reader("a,y\n1,2\n2,-999\n3,5\n", missing=[5000, -999])


def test_words_in_categories_that_are_gaps_are_told(reader: Reader) -> None:
    table = reader("k,y\n" + "".join(f"{('NA', 'u', 'v', 'none', 'u', '')[row % 6]},{row}\n" for row in range(30)))
    assert table.plan[0].missing == 15
    assert table.plan[0].done.endswith("are flagged; read as gaps: 'NA' (5 rows), 'none' (5 rows)")


def test_a_table_is_shown_in_a_line(reader: Reader) -> None:
    table = reader("a,w,y\n" + "".join(f"{row},1,{row}\n" for row in range(1200)), weight="w")
    assert repr(table) == str(table) == f"Table({table.source!r}: 1,200 rows; with weights; target 'y'; 1 column: 'a')"
    wide = reader(
        ",".join([*(f"c{place}" for place in range(1005)), "\x1b[31m" + "y" * 99])
        + "\n"
        + "\n".join(",".join([str(row)] * 1006) for row in range(3)),
        "\x1b[31m" + "y" * 99,
    )
    assert repr(wide).endswith(": 'c0', 'c1', 'c2', 'c3', 'c4' and 1,000 more)")
    assert repr(wide).isprintable() and len(repr(wide)) < 400
