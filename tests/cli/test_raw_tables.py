"""Tables of text, dates and gaps on the command line: what it computes is what the door computes."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.cli import dry_run

Run = Callable[..., Any]
WORDS = ["good", "bad", "fine", "poor", "new", "old"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty rows: a number with gaps, a category, a day, words, an identifier, weights, and two lost targets."""
    rng = np.random.default_rng(3)
    lines = []
    for row in range(80):
        kind, size = "abc"[row % 3], rng.normal()
        note = " ".join(rng.choice(WORDS, 5))
        y = size + (row % 3) + note.count("good") + 0.3 * rng.normal()
        day = f"2024-{1 + row // 28:02d}-{1 + row % 28:02d}"
        known = "" if row % 7 == 3 else f"{size:.6f}"
        lines.append([known, kind, day, note, f"id-{row * 37 % 80}", row % 2 + 1, "" if row in (5, 50) else f"{y:.6f}"])
    file = tmp_path_factory.mktemp("raw") / "raw.csv"
    with open(file, "w", newline="") as opened:
        csv.writer(opened).writerows([["size", "kind", "day", "note", "id", "w", "y"], *lines])
    return file


def bare(tuning: wd.Tuning) -> wd.Tuning:
    """Without what the command line alone knows."""
    return replace(tuning, command="")


@pytest.mark.parametrize(
    ("words", "read", "model", "work"),
    [
        ("", {}, {}, {}),
        ("--text note --drop id", {"text": ["note"], "drop": ["id"]}, {}, {}),
        ("--weight w --cv 4", {"weight": "w"}, {}, {"cv": 4}),
        ("--time-column day", {"time": "day"}, {}, {}),
        ("--time-column day --cv 3", {"time": "day"}, {}, {"cv": 3}),
        ("--decay-exempt kind,size", {}, {"decay_weights": {"kind": 0.0, "size": 0.0}}, {}),
        ("--decay-exempt 'kind = b'", {}, {"decay_weights": {"kind = b": 0.0}}, {}),
    ],
)
def test_it_is_the_doors_tune(
    words: str, read: dict[str, Any], model: dict[str, Any], work: dict[str, Any], run: Run, raw: Path
) -> None:
    done = run("tune", raw, "--target", "y", "--skip-missing-target", "--json", *shlex.split(words))
    assert (done.code, done.err) == (0, ""), done.err
    tuning = wd.Tuning.from_json(done.out)
    table = wd.read(raw, "y", skip_missing_target=True, **read)
    expected = wd.tune(wd.LinearRegression(**model), table, **work)
    assert tuning.n_rows == 78 and bare(tuning) == expected
    assert tuning.source == str(raw) and tuning.target_names == ("y",)
    spelled = shlex.split(tuning.command)
    assert run(*spelled[1:], "--json").out == done.out


def test_a_path_is_the_doors_path(run: Run, raw: Path) -> None:
    words = ["--target", "y", "--skip-missing-target", "--text", "note", "--drop", "id,w", "--decays", "0.01,1"]
    done = run("path", raw, *words, "--json")
    assert (done.code, done.err) == (0, "")
    table = wd.read(raw, "y", drop=["id", "w"], text=["note"], skip_missing_target=True)
    path = wd.path(wd.LinearRegression(), table, decays=[0.01, 1.0])
    told = json.loads(done.out)
    assert told["columns"] == list(path.columns) and "kind = b" in path.columns
    np.testing.assert_array_equal(told["coef"], path.coef)


def test_time_folds_train_on_earlier_rows_alone(run: Run, raw: Path) -> None:
    done = run("tune", raw, "--target", "y", "--skip-missing-target", "--time-column", "day", "--cv", "4", "--json")
    assert wd.Tuning.from_json(done.out).cv == "4 folds by time"


def test_fewer_times_than_folds_are_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "years.csv"
    file.write_text("year,a,y\n" + "".join(f"{2000 + row % 3},{row * 7 % 11},{row * 5 % 13}\n" for row in range(30)))
    done = run("tune", file, "--target", "y", "--time-column", "year", "--cv", "6", "--json")
    made = len(json.loads(done.out)["weight"])
    assert done.code == 0 and made == 2
    told = "rows of one time are held out together"
    assert done.err == f"weightdecay: --cv 6: only 2 folds were made, one for each time: {told}\n"


def test_targets_that_are_missing_are_refused_or_skipped(run: Run, raw: Path) -> None:
    done = run("tune", raw, "--target", "y")
    assert (done.code, done.out) == (1, "") and "'y'" in done.err and done.err.count("\n") == 1
    assert "--skip-missing-target" in done.err


def test_a_saved_model_predicts_what_pythons_does(run: Run, raw: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.wd"
    done = run("tune", raw, "--target", "y", "--skip-missing-target", "--save", file, "--decay-exempt", "size")
    assert done.code == 0 and done.out.rstrip().endswith(f"model: {file}")
    model = wd.load(file)
    table = wd.read(raw, "y", skip_missing_target=True)
    expected = wd.tune(wd.LinearRegression(decay_weights={"size": 0.0}), table).model
    np.testing.assert_array_equal(model.predict(table.X), expected.predict(table.X))
    assert model.tuning_ is not None and model.tuning_.command.startswith("weightdecay tune ")
    assert "save" not in model.tuning_.command
    predicted = run("predict", file, raw)
    assert predicted.code == 0 and predicted.out.count("\n") == 81


def test_json_leaves_the_place_of_the_model_to_stderr(run: Run, raw: Path, tmp_path: Path) -> None:
    words = ["--target", "y", "--skip-missing-target", "--json", "--save", tmp_path / "model.wd"]
    done = run("tune", raw, *words, "--report", tmp_path / "r.html")
    assert json.loads(done.out)["n_rows"] == 78
    assert done.err == f"report: {tmp_path / 'r.html'}\nmodel: {tmp_path / 'model.wd'}\n"


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any work would be an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("work began before the file's place was looked at")

    for name in ("tune", "read"):
        monkeypatch.setattr(wd, name, refuse, raising=False)


@pytest.mark.usefixtures("no_work")
def test_a_model_that_cannot_be_written_is_refused_before_any_work(run: Run, raw: Path, tmp_path: Path) -> None:
    before = raw.read_bytes()
    for place, code, told in (
        (tmp_path / "no" / "model.wd", 1, "there is no folder"),
        (tmp_path, 1, "it is a folder"),
        (raw, 2, "it would overwrite the data"),
    ):
        done = run("tune", raw, "--target", "y", "--save", place)
        assert (done.code, done.out) == (code, "") and told in done.err
    both = tmp_path / "both"
    done = run("tune", raw, "--target", "y", "--save", both, "--report", both)
    assert done.code == 2 and "'--save': it would overwrite the report" in done.err
    assert raw.read_bytes() == before and list(tmp_path.iterdir()) == []


def test_a_dry_run_shows_the_plan_and_does_nothing(
    run: Run, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightdecay.linear import ridge

    def refuse(*_: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(ridge.RidgeProblem, "split", refuse)
    words = ["--target", "y", "--skip-missing-target", "--weight", "w", "--text", "note", "--dry-run"]
    done = run("tune", raw, *words, "--save", tmp_path / "model.wd", "--report", tmp_path / "r.html")
    assert (done.code, done.err) == (0, ""), done.err
    lines = done.out.splitlines()
    assert lines[0] == f"{raw}: 78 rows, 4 columns, target y"
    for name in ("size", "kind", "day", "note", "id"):
        assert any(line.strip().startswith(name) for line in lines), name
    assert "gaps take the median" in done.out and "left out" in done.out
    assert lines[-1].startswith("Nothing was computed. The next step would be tuning on 78 rows × ")
    assert lines[-1].endswith(" columns, 10 folds.")
    assert list(tmp_path.iterdir()) == []
    told = json.loads(run("tune", raw, *words, "--json").out)
    table = wd.read(raw, "y", skip_missing_target=True, weight="w", text=["note"])
    assert (told["rows"], told["target"], told["columns"]) == (78, "y", list(table.columns))
    assert [one["name"] for one in told["plan"]] == [one.name for one in table.plan]
    assert [one["done"] for one in told["plan"]] == [one.done for one in table.plan]
    assert told["next"].endswith(" columns, 10 folds") and told["notes"] == list(table.notes)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "60 rows × 5 columns, leave-one-out over 60 rows"),
        ("--cv 4", "columns, 4 folds."),
        ("--group group", "12 groups of rows are held out whole"),
        ("--group group", "60 rows × 5 columns, 5 folds by group."),
        ("--time-column a --cv 3", "columns, 3 folds by time."),
        ("--time-column a", "60 times: later rows are held out by models of earlier ones"),
        ("--weight w", "60 rows (20 of weight 0), 4 columns, target y"),
    ],
)
def test_a_dry_run_tells_the_folds_that_would_be_used(words: str, told: str, run: Run, data: Path) -> None:
    drop = [] if "--group" in words else ["--drop", "group"]
    done = run("tune", data, "--target", "y", "--dry-run", *drop, *words.split())
    assert (done.code, done.err) == (0, "") and told in done.out


def test_one_of_a_thing_and_thousands_are_told_as_such(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("x,g,y\n" + "".join(f"{row * 7 % 1201},1,{row * 5 % 13}\n" for row in range(1200)))
    done = run("tune", file, "--target", "y", "--drop", "g", "--dry-run")
    assert done.out.splitlines()[0] == f"{file}: 1,200 rows, 1 column, target y"
    assert "tuning on 1,200 rows × 1 column, leave-one-out over 1,200 rows." in done.out
    frame = wd.read(file, "y", group="g")
    told = list(dry_run._lines(replace(frame, times=np.zeros(1200))))
    assert "1 group of rows is held out whole" in told and any(one.startswith("1 time: later") for one in told)


def test_a_dry_run_finds_the_faults_of_the_work(run: Run, data: Path) -> None:
    done = run("tune", data, "--target", "y", "--drop", "group", "--dry-run", "--cv", "61")
    assert (done.code, done.out) == (1, "") and "--cv 61 folds need at least 61 rows" in done.err
    done = run("path", data, "--target", "y", "--drop", "group,w", "--dry-run")
    assert (done.code, done.err) == (0, "") and "The next step would be fitting all rows at every decay." in done.out
    assert run("path", data, "--target", "nope", "--dry-run").code == 1


def test_columns_named_like_options(run: Run, tmp_path: Path) -> None:
    names = ["--drop", "--json", "-h", "--target", "=", "--"]
    file = tmp_path / "data.csv"
    rng = np.random.default_rng(0)
    rows = [names, *([f"{value:.5f}" for value in row] for row in rng.normal(size=(40, len(names)))), []]
    file.write_text("\n".join(map(",".join, rows)))
    for words in (
        ["--target=--target", "--drop=--json,-h", "--decay-exempt=--drop"],
        ["--target", "--target", "--drop", "--json", "--drop", "-h", "--decay-exempt", "--drop"],
    ):
        done = run("tune", file, *words, "--json")
        assert (done.code, done.err) == (0, ""), done.err
        tuning = wd.Tuning.from_json(done.out)
        assert tuning.columns == ("--drop", "=", "--") and tuning.target_names == ("--target",)
        assert "--target=--target" in shlex.split(tuning.command)
        assert run(*shlex.split(tuning.command)[1:], "--json").out == done.out
    assert run("tune", file, "--target", "--target", "--target", "=").code == 2, "given twice"


def test_a_file_named_like_an_option(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "--json").write_bytes(data.read_bytes())
    monkeypatch.chdir(tmp_path)
    done = run("tune", "--target", "y", "--drop", "w,group", "--json", "--", "--json")
    command = shlex.split(wd.Tuning.from_json(done.out).command)
    assert "./--json" in command
    assert wd.Tuning.from_json(run(*command[1:], "--json").out).decay == wd.Tuning.from_json(done.out).decay


def test_a_report_of_json_needs_no_table(run: Run, raw: Path, tmp_path: Path) -> None:
    """Plan, notes and all numbers of the page are in the JSON: the table may be gone."""
    copy = tmp_path / "copy.csv"
    copy.write_bytes(raw.read_bytes())
    words = ["--target", "y", "--skip-missing-target", "--text", "note", "--weight", "w"]
    done = run("tune", copy, *words, "--json", "--report", tmp_path / "page.html")
    (tmp_path / "tuning.json").write_text(done.out)
    copy.unlink()
    again = run("report", tmp_path / "tuning.json", tmp_path / "again.html")
    assert (again.code, again.err) == (0, "")
    first, second = (
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", (tmp_path / name).read_text("utf-8"))
        for name in ("page.html", "again.html")
    )
    assert first == second and "rows are left out" in wd.Tuning.from_json(done.out).notes[-1]


def test_findings_name_the_line_of_the_file(run: Run, tmp_path: Path) -> None:
    """Quoted line ends and skipped rows shift lines against rows; the place is the file's."""
    rows = [f'"note\n{row}",{row * 7 % 11},{row * 5 % 13}' for row in range(40)]
    rows[20] = '"note\n20",9000,3'
    rows[3] = '"note\n3",4,'
    file = tmp_path / "data.csv"
    file.write_text("note,a,y\n" + "\n".join(rows) + "\n")
    words = ["--target", "y", "--drop", "note", "--skip-missing-target"]
    told = [line for line in run("tune", file, *words).out.splitlines() if "WD009" in line]
    assert len(told) == 1 and f"line {2 + 2 * 20} carries" in told[0]
    # Without the table it is a row of those used, of which there are fewer than in the file.
    (tmp_path / "tuning.json").write_text(run("tune", file, *words, "--json").out)
    assert run("report", tmp_path / "tuning.json", tmp_path / "page.html").code == 0
    assert "row 20 of those used carries" in (tmp_path / "page.html").read_text("utf-8")
