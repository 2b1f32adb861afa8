"""``weightdecay predict``: new rows of a file, one prediction for each, and nothing else on stdout."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import weightdecay as wd

Run = Callable[..., Any]


def rows(n: int = 60, seed: int = 0) -> pl.DataFrame:
    """A table of a category, a number with gaps and one without, and a target."""
    rng = np.random.default_rng(seed)
    island, bill = rng.choice(["Biscoe", "Dream", "Torgersen"], n), rng.normal(40, 5, n).round(2)
    mass = rng.integers(2700, 6300, n)
    y = 0.3 * bill + mass / 500 + 2.0 * (island == "Dream") + rng.normal(0, 1, n)
    frame = pl.DataFrame({"island": island, "bill": bill, "mass": mass, "flipper": y})
    return frame.with_columns(bill=pl.when(pl.int_range(n) % 9 == 4).then(None).otherwise("bill"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A saved model of a table read from a file."""
    rows().write_csv(tmp_path / "train.csv")
    table = wd.read(tmp_path / "train.csv", "flipper")
    return wd.save(wd.tune(wd.LinearRegression(), table), tmp_path / "model.wd")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A saved model of a frame of numbers."""
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"a": rng.normal(size=20), "b": rng.normal(size=20), "ok": rng.random(20) < 0.5})
    estimator = wd.LinearRegression(decay=0.1).fit(frame, frame["a"] - frame["b"] + frame["ok"])
    return wd.save(estimator, tmp_path / "plain.wd")


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_every_row_gets_its_prediction_with_all_digits(model: Path, run: Run, tmp_path: Path) -> None:
    new = rows(25, seed=3)
    new.write_csv(tmp_path / "new.csv")
    done = run("predict", model, tmp_path / "new.csv")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "prediction" and len(lines) == 26 and done.out.endswith("\n")
    assert [float(line) for line in lines[1:]] == wd.load(model).predict(new).tolist()


def test_one_row_in_another_order_is_enough(model: Path, run: Run, tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "mass;bill;island\n4000;39,5;Dream\n")
    done = run("predict", model, new)
    frame = pl.DataFrame({"island": ["Dream"], "bill": [39.5], "mass": [4000.0]})
    assert (done.code, done.out) == (0, f"prediction\n{float(wd.load(model).predict(frame)[0])!r}\n")


def test_what_the_model_has_not_met_is_told_on_stderr(model: Path, run: Run, tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "island,bill,mass,note\nMars,40,4000,x\nMars,40,,y\nDream,,3000,z\n")
    done = run("predict", model, new)
    assert done.code == 0 and len(done.out.splitlines()) == 4
    told = done.err.splitlines()
    assert len(told) == 3 and all(line.startswith("weightdecay: ") for line in told)
    assert "'note'" in done.err and "ignored" in done.err
    assert "'island' has values that the training rows had not ('Mars'; 2 rows)" in done.err
    assert "'mass' has no value in 1 row" in done.err  # the gap of 'bill' was met in training
    as_json = run("predict", model, new, "--json")
    assert as_json.err == done.err
    told_there = json.loads(as_json.out)["notes"]
    assert [line.removeprefix("weightdecay: ") for line in told] == told_there


def test_one_json_object(model: Path, run: Run, tmp_path: Path) -> None:
    new = rows(3, seed=5)
    new.write_csv(tmp_path / "new.csv")
    done = run("predict", model, tmp_path / "new.csv", "--json")
    assert done.out.count("\n") == 1
    assert json.loads(done.out) == {
        "model": str(model),
        "data": str(tmp_path / "new.csv"),
        "targets": ["flipper"],
        "predictions": wd.load(model).predict(new).tolist(),
        "notes": [],
    }


def test_predictions_go_to_a_file(model: Path, run: Run, tmp_path: Path) -> None:
    rows(5, seed=5).write_csv(tmp_path / "new.csv")
    plainly = run("predict", model, tmp_path / "new.csv")
    done = run("predict", model, tmp_path / "new.csv", "--out", tmp_path / "out.csv")
    assert (done.code, done.err) == (0, "") and done.out == f"predictions: {tmp_path / 'out.csv'}\n"
    assert (tmp_path / "out.csv").read_text() == plainly.out
    both = run("predict", model, tmp_path / "new.csv", "--out", tmp_path / "out.csv", "--json")
    assert len(json.loads(both.out)["predictions"]) == 5 and both.err == f"predictions: {tmp_path / 'out.csv'}\n"


@pytest.mark.parametrize("name", ["model.wd", "new.csv", "link.csv", "hard.csv"])
def test_no_input_is_overwritten(name: str, model: Path, run: Run, tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "island,bill,mass\nDream,40,4000\n")
    (tmp_path / "link.csv").symlink_to(new)
    os.link(model, tmp_path / "hard.csv")
    before = model.read_bytes(), new.read_bytes()
    done = run("predict", model, new, "--out", tmp_path / name)
    what = "model" if name in ("model.wd", "hard.csv") else "rows"
    assert done.code == 2 and f"it would overwrite the {what}; name another file" in done.err and done.out == ""
    assert (model.read_bytes(), new.read_bytes()) == before


def test_a_file_that_cannot_be_written_is_told_before_the_work(model: Path, run: Run, tmp_path: Path) -> None:
    done = run("predict", model, tmp_path / "none.csv", "--out", tmp_path / "no" / "out.csv")
    assert (done.code, done.out) == (1, "") and "there is no folder" in done.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        ("island,bill,mass\n", "no row"),
        ("island,bill\nDream,40\n", "column 'mass' is not in"),
        ("Island,Bill,Mass\nDream,40,1\n", "columns 'island', 'bill', 'mass' are not in"),
        ("island,bill,mass\nDream,40,heavy\n", "'heavy'"),
        ("island,bill,mass\nDream,40,1e999\n", "mass"),
        ("island,bill,mass\nDream,40\n", "line 2"),
    ],
)
def test_rows_that_do_not_fit_are_a_sentence(
    content: str | None, told: str, model: Path, run: Run, tmp_path: Path
) -> None:
    new = tmp_path / "new.csv" if content is None else write(tmp_path / "new.csv", content)
    done = run("predict", model, new, "--out", tmp_path / "out.csv")
    assert (done.code, done.out) == (1, "") and told in done.err
    assert done.err.startswith("weightdecay: ") and done.err.count("\n") == 1 and "Traceback" not in done.err
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_no_model_is_a_sentence(run: Run, tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "a,b\n1,2\n")
    for given, told in (
        (new, "is no model of weightdecay; give a file that"),
        (tmp_path / "none.wd", "does not exist; check the name"),
        (tmp_path, "is a folder"),
        (write(tmp_path / "\x1b[31m.wd", "x" * 100), r"\x1b[31m.wd' is no model"),
    ):
        done = run("predict", given, new)
        assert (done.code, done.out) == (1, "") and done.err.count("\n") == 1 and "\x1b" not in done.err
        assert told in done.err


def test_a_model_of_numbers_takes_its_columns_by_name(plain: Path, run: Run, tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "id,ok,b,a\nu1,true,2.5,1\nu2,false,0.1,-1e3\n")
    done = run("predict", plain, new)
    assert done.code == 0 and "'id'" in done.err and "ignored" in done.err
    expected = wd.load(plain).predict(pl.DataFrame({"a": [1.0, -1e3], "b": [2.5, 0.1], "ok": [1.0, 0.0]}))
    assert [float(one) for one in done.out.splitlines()[1:]] == expected.tolist()


def test_gaps_for_a_model_of_numbers_are_told_by_row(plain: Path, run: Run, tmp_path: Path) -> None:
    done = run("predict", plain, write(tmp_path / "new.csv", "a,b,ok\n1,2,true\n1,,true\n1,NA,false\n"))
    assert (done.code, done.out) == (1, "")
    assert "column 'b' of" in done.err and "has no value in row 2 below the header and 1 more" in done.err


def test_a_model_without_names_is_told(run: Run, tmp_path: Path) -> None:
    file = wd.save(wd.LinearRegression(decay=1.0).fit([[1.0], [2.0]], [1.0, 2.0]), tmp_path / "model.wd")
    done = run("predict", file, write(tmp_path / "new.csv", "a\n1\n2\n"))
    assert (done.code, done.out) == (1, "") and "was fitted on an array, so its columns have no names" in done.err


def test_headers_of_several_targets_hold_nothing_that_a_spreadsheet_runs(run: Run, tmp_path: Path) -> None:
    names = ['=cmd|"/c calc"!A1', "+1\n2", "größe, in cm", "größe; in cm", "\u202ex", "@" * 100, ""]
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(20, 2)), columns=["a", "b"])
    Y = pd.DataFrame(rng.normal(size=(20, len(names))), columns=names)
    tuning = wd.tune(wd.LinearRegression(decays=[0.1, 1.0]), X, Y)
    file = wd.save(tuning, tmp_path / "model.wd")
    new = write(tmp_path / "new.csv", "b,a\n1,2\n3,4\n")
    done = run("predict", file, new)
    assert done.code == 0
    header, *lines = done.out.splitlines()
    assert header.split(",") == [
        *("prediction of _cmd___c calc__A1", "prediction of _1_2", "prediction of größe_ in cm"),
        *("prediction of größe_ in cm (3)", "prediction of _x", f"prediction of {'_' * 60}", "prediction of target 6"),
    ]
    expected = wd.load(file).predict(X[:2].assign(a=[2.0, 4.0], b=[1.0, 3.0]))
    assert np.array_equal([[float(one) for one in row] for row in csv.reader(lines)], expected)
    told = json.loads(run("predict", file, new, "--json").out)
    assert told["targets"] == names and told["predictions"] == expected.tolist()


def test_what_overflows_is_no_fault(run: Run, tmp_path: Path) -> None:
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    file = wd.save(wd.LinearRegression(decay=0).fit(X, [10.0, 20.0, 30.0]), tmp_path / "model.wd")
    new = write(tmp_path / "new.csv", "a\n1e308\n1\n")
    done = run("predict", file, new)
    assert done.out.splitlines()[:2] == ["prediction", "inf"]
    assert done.err == "weightdecay: 1 prediction is beyond the largest number there is\n"
    assert json.loads(run("predict", file, new, "--json").out)["predictions"][0] is None


def test_read_rows_wants_a_fitted_model(tmp_path: Path) -> None:
    new = write(tmp_path / "new.csv", "a\n1\n")
    for given, told in ((wd.LinearRegression(), "no fitted model"), (3, "int is no fitted model")):
        with pytest.raises(ValueError, match=told):
            wd.read_rows(new, given)
