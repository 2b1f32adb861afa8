"""New rows and model files that are not what they must be: the right predictions, or one sentence; never a third."""

from __future__ import annotations

import csv as standard
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import weightdecay as wd
from catalogue.cases import KIND, PLAIN, ROWS, A, B, Columns, Y, csv, with_value
from catalogue.oracle import DECAYS, predicted

Run = Callable[..., Any]
GAPPED = with_value(B, 5, None)
CLEAN: Columns = {"a": A, "gapped": GAPPED, "kind": KIND, "y": Y}
NEW: Columns = {"a": [1.5, -2.0, 4.0], "gapped": [0.5, 2.0, -3.0], "kind": ["birch", "ash", "cedar"]}
# What gaps take where the training rows had none.
MEDIAN, MOST = float(np.median(A)), max(sorted(set(KIND)), key=KIND.count)


@dataclass(frozen=True, eq=False)
class Case:
    """A file of new rows, what it means, and the words that are told or refuse it."""

    name: str
    content: bytes
    clean: Columns | None
    told: tuple[str, ...] = ()


def right(name: str, columns: Mapping[str, Sequence[Any]] | bytes, clean: Columns, *told: str) -> Case:
    """Rows that are predicted."""
    return Case(name, columns if isinstance(columns, bytes) else csv(columns), clean, told)


def refused(name: str, columns: Mapping[str, Sequence[Any]] | bytes, *told: str) -> Case:
    """Rows that are refused."""
    return Case(name, columns if isinstance(columns, bytes) else csv(columns), None, told)


def changed(name: str, row: int, value: Any) -> Columns:
    """The new rows with another value."""
    return {**NEW, name: with_value(NEW[name], row, value)}


def parquet(columns: Any) -> bytes:
    """A Parquet file."""
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


CASES = (
    right("as in training", NEW, NEW),
    right("the training rows themselves", CLEAN, {name: CLEAN[name] for name in NEW}),
    right("columns in another order", {name: NEW[name] for name in ("kind", "a", "gapped")}, NEW),
    right("with the target", {**NEW, "y": [1, "?", "oops"]}, NEW),
    right("with other columns", {"id": [7, 8, 9], **NEW}, NEW, "the model does not use are ignored: 'id'"),
    right(
        "one row",
        {name: column[:1] for name, column in NEW.items()},
        {name: column[:1] for name, column in NEW.items()},
    ),
    right("a gap where training rows had some", changed("gapped", 1, "NA"), changed("gapped", 1, None)),
    right(
        "a gap where training rows had none",
        changed("a", 1, ""),
        changed("a", 1, MEDIAN),
        "column 'a' has no value in 1 row",
        "the median",
    ),
    right(
        "a gap in a category that had none",
        changed("kind", 0, "?"),
        changed("kind", 0, MOST),
        "column 'kind' has no value in 1 row",
        "the most frequent",
    ),
    right(
        "an unknown category",
        changed("kind", 0, "elm"),
        changed("kind", 0, "elm"),
        "column 'kind'",
        "'elm'",
        "none of the known ones",
    ),
    right(
        "an unknown category with markup",
        changed("kind", 0, "[red]x[/]"),
        changed("kind", 0, "[red]x[/]"),
        "'[red]x[/]'",
    ),
    right("a category in capitals is unknown", changed("kind", 0, "BIRCH"), changed("kind", 0, "BIRCH"), "'BIRCH'"),
    right(
        "semicolons and decimal commas",
        csv({**NEW, "a": ["1,5", "-2,0", "4,0"], "gapped": ["0,5", "2,0", "-3,0"]}, ";"),
        NEW,
        "semicolon",
    ),
    right("Parquet", parquet(NEW), NEW),
    right("Parquet of integers", parquet({**NEW, "a": [1, 2, 3]}), {**NEW, "a": [1.0, 2.0, 3.0]}),
    right("a byte-order mark and CRLF", b"\xef\xbb\xbf" + csv(NEW, end="\r\n"), NEW),
    right("a constant column", {**NEW, "a": [2.0] * 3}, {**NEW, "a": [2.0] * 3}),
    refused(
        "a column is missing", {"a": NEW["a"], "kind": NEW["kind"]}, "column 'gapped' is not in", "the model needs it"
    ),
    refused("two columns are missing", {"kind": NEW["kind"]}, "columns 'a', 'gapped' are not in"),
    refused(
        "a column nearly has its name",
        {"A": NEW["a"], "gapped": NEW["gapped"], "kind": NEW["kind"]},
        "column 'a' is not in",
        "did you mean 'A'?",
    ),
    refused("a column comes twice", csv({**NEW, "b": NEW["a"]}).replace(b",b\n", b",a\n"), "same name 'a'"),
    refused("text in a column of numbers", changed("a", 1, "oops"), "column 'a'", "'oops'", "line 3", "a number"),
    refused("text of which a model knows a category", {**NEW, "a": NEW["kind"]}, "column 'a'", "'birch'", "line 2"),
    refused(
        "faults in two columns",
        {**changed("a", 1, "oops"), "gapped": ["x", 2.0, -3.0]},
        "column 'a'",
        "'oops'",
        "1 other column has a fault too: 'gapped'",
    ),
    refused("an infinite number", changed("a", 1, "inf"), "column 'a'", "infinite", "line 3"),
    refused(
        "a date in a column of numbers", changed("gapped", 2, "2024-01-05"), "column 'gapped'", "'2024-01-05'", "line 4"
    ),
    refused(
        "dates of Parquet in a column of numbers",
        parquet({**NEW, "a": pl.Series([1, 2, 3], dtype=pl.Date)}),
        "column 'a'",
        "numbers",
    ),
    refused("an empty file", b"", "is empty"),
    refused("a header alone", b"a,gapped,kind\n", "a header but no row"),
    refused("a short row", csv(NEW) + b"1,2\n", "line 5", "2 fields"),
    refused("UTF-16", csv(NEW).decode().encode("utf-16"), "UTF-16"),
    refused("a zip archive", b"PK\x03\x04" + bytes(50), "zip archive"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the clean rows at the first decay."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "train.csv").write_bytes(csv(CLEAN))
    table = wd.read(folder / "train.csv", "y")
    wd.save(wd.tune(wd.LinearRegression(), table, decays=[DECAYS[0]], cv=4), folder / "model.wd")
    return folder / "model.wd"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_new_rows_of_a_file(case: Case, model: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(case.content)
    done = run("predict", model, file)
    assert "Traceback" not in done.err and "\x1b" not in done.out + done.err
    if case.clean is None:
        assert (done.code, done.out) == (1, "") and done.err.startswith("weightdecay: "), done.err
        assert done.err.count("\n") == 1 and "; " in done.err
        out = tmp_path / "out.csv"
        assert run("predict", model, file, "--out", out).code == 1 and not out.exists()
        with pytest.raises(ValueError) as raised:
            wd.read_rows(file, wd.load(model))
        assert done.err == f"weightdecay: {raised.value}\n"
    else:
        assert done.code == 0, done.err
        header, *lines = done.out.splitlines()
        assert header == "prediction"
        oracle = predicted(CLEAN, case.clean)
        np.testing.assert_allclose([float(line) for line in lines], oracle, rtol=1e-9)
        told = json.loads(run("predict", model, file, "--json").out)
        np.testing.assert_array_equal(told["predictions"], [float(line) for line in lines])
        assert all(note in done.err for note in told["notes"])
    for word in case.told:
        assert word in done.err, done.err


def frame(**other: Any) -> pd.DataFrame:
    """The new rows as a frame of pandas."""
    return pd.DataFrame({**NEW, **other})


@pytest.mark.parametrize(
    ("given", "clean", "told"),
    [
        (frame(), NEW, ()),
        (frame()[["kind", "gapped", "a"]], NEW, ()),
        (frame().astype({"kind": "category"}), NEW, ()),
        (frame(a=["1.5", "-2", "4"]), NEW, ()),
        (frame(kind=["birch", None, "cedar"]), {**NEW, "kind": ["birch", MOST, "cedar"]}, ("'kind' has no value",)),
        (frame(a=[1.5, float("nan"), 4.0]), {**NEW, "a": [1.5, MEDIAN, 4.0]}, ("'a' has no value",)),
        (frame(kind=["elm"] * 3), {**NEW, "kind": ["elm"] * 3}, ("'elm'",)),
        (pl.DataFrame(NEW), NEW, ()),
        (frame().drop(columns="a"), None, ("column 'a' is not in the table",)),
        (frame(a=["1.5", "x", "4"]), None, ("'a'", "'x'", "row 1")),
        (frame(a=[1.5, float("inf"), 4.0]), None, ("'a'", "infinite", "row 1")),
        (frame(a=[[1], [2], [3]]), None, ("'a'", "numbers")),
        (pl.DataFrame(NEW).lazy(), None, ("LazyFrame", "collect()")),
        (np.ones((3, 3)), None, ("ndarray", "DataFrame")),
        (frame().iloc[:0], None, ("0 sample", "minimum of 1")),
    ],
)
def test_new_rows_of_a_frame(given: Any, clean: Columns | None, told: tuple[str, ...], model: Path) -> None:
    fitted = wd.load(model)
    if clean is None:
        with pytest.raises(ValueError) as raised:
            fitted.predict(given)
        assert all(word in str(raised.value) for word in told), str(raised.value)
        return
    predictions, notes = fitted.predict_with_notes(given)
    np.testing.assert_allclose(predictions, predicted(CLEAN, clean), rtol=1e-9)
    assert all(word in "\n".join(notes) for word in told), notes


def newer(model: bytes) -> bytes:
    """The model as a later version might write it."""
    (length,) = struct.unpack("<Q", model[:8])
    header = json.loads(model[8 : 8 + length])
    document = json.loads(header["__metadata__"]["weightdecay"])
    header["__metadata__"]["weightdecay"] = json.dumps({**document, "format": 99, "library": "9.0"})
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + model[8 + length :]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda good: PLAIN, ("no model of weightdecay", "wd.save")),
        (lambda good: b"", ("no model of weightdecay",)),
        (lambda good: good[:4], ("no model of weightdecay",)),
        (lambda good: good[:300], ("cut off",)),
        (lambda good: good[:-8], ("bytes", "save the model again")),
        (lambda good: good + b"\0", ("bytes", "save the model again")),
        (lambda good: good[:-1] + bytes([good[-1] ^ 1]), ("damaged", "save the model again")),
        (newer, ("'9.0'", "format 99", "upgrade")),
        (lambda good: b"\x80\x04\x95" + bytes(100), ("no model of weightdecay",)),
        (lambda good: b"PK\x03\x04" + bytes(100), ("no model of weightdecay",)),
    ],
    ids=[
        "a table",
        "empty",
        "cut at once",
        "cut in its header",
        "cut at its end",
        "longer",
        "a bit",
        "newer",
        "pickle",
        "zip",
    ],
)
def test_model_files(
    spoil: Callable[[bytes], bytes], told: tuple[str, ...], model: Path, run: Run, tmp_path: Path
) -> None:
    file, new = tmp_path / "spoilt.wd", tmp_path / "new.csv"
    file.write_bytes(spoil(model.read_bytes()))
    new.write_bytes(csv(NEW))
    with pytest.raises(ValueError) as raised:
        wd.load(file)
    done = run("predict", file, new)
    assert (done.code, done.out, done.err) == (1, "", f"weightdecay: {raised.value}\n")
    assert all(word in done.err for word in told) and "; " in done.err, done.err


@pytest.mark.parametrize(
    ("place", "told"), [("nowhere.wd", "does not exist"), (".", "folder"), ("no/model.wd", "does not exist")]
)
def test_places_without_a_model(place: str, told: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes(csv(NEW))
    done = run("predict", tmp_path / place, tmp_path / "new.csv")
    assert (done.code, done.out) == (1, "") and done.err.startswith("weightdecay: ") and done.err.count("\n") == 1
    assert told in done.err and "; " in done.err, done.err
    with pytest.raises((ValueError, OSError)):
        wd.load(tmp_path / place)


def test_a_place_that_cannot_be_written(model: Path, run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_bytes(csv(NEW))
    for place, code, told in (
        (tmp_path / "no" / "out.csv", 1, "there is no folder"),
        (new, 2, "overwrite the rows"),
        (model, 2, "overwrite the model"),
        (tmp_path, 1, "folder"),
    ):
        done = run("predict", model, new, "--out", place)
        assert (done.code, done.out) == (code, "") and told in done.err, done.err
    assert new.read_bytes() == csv(NEW)


def test_predictions_are_safe_for_spreadsheets(model: Path, run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_bytes(csv(CLEAN))
    rows = list(standard.reader(io.StringIO(run("predict", model, new).out)))
    assert len(rows) == ROWS + 1 and not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
