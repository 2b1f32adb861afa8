"""``weightdecay compare --report``, and options that it shares with ``tune``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import weightdecay as wd
from weightdecay.show.comparison_page import html

Run = Callable[..., Any]
COMMAND = ("--target", "y", "--drop", "w,group", "--cv", "5", "--decays", "0.01,0.1,1,10")


def test_the_report_is_that_of_the_json(run: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    done = run("compare", data, *COMMAND, "--report", out, "--json", "--tolerance", "0.02")
    assert done.code == 0, done.err
    found = wd.Comparison.from_json(done.out)
    assert json.loads(done.out)["tolerance"] == found.tolerance == 0.02
    assert "--report" not in found.command and "--tolerance 0.02" in found.command
    assert out.read_text(encoding="utf-8") == html(found)
    assert f"report: {out}" in done.err.replace("\n", "")
    tried = {one for row in found.rows for one in row.decays.tolist()}
    assert tried <= {0.0, 0.01, 0.1, 1.0, 10.0, float("inf")}


def test_the_answer_for_eyes_names_the_file(run: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    done = run("compare", data, *COMMAND, "--report", out)
    assert done.code == 0, done.err
    assert f"report: {out}" in done.out.replace("\n", "") and out.exists()


def test_what_cannot_be_written_is_said_before_the_work(run: Run, data: Path, tmp_path: Path) -> None:
    before = data.read_bytes()
    done = run("compare", data, *COMMAND, "--report", data)
    assert done.code == 2 and "it would overwrite the data" in done.err and data.read_bytes() == before
    done = run("compare", data, *COMMAND, "--report", tmp_path / "missing" / "out.html")
    assert done.code == 1 and "there is no folder" in done.err and not done.out


def test_classes_and_units_as_in_tune(run: Run, data: Path) -> None:
    done = run("compare", data, "--target", "w", "--drop", "y,group", "--classes", "--dry-run")
    assert done.code == 0 and "comparing 5 forms" in done.out
    done = run("compare", data, *COMMAND[:6], "--decays", "1e4", "--dry-run")
    assert "convert" in done.err
    done = run("compare", data, *COMMAND[:4], "--decays", "nothing")
    assert done.code == 2 and "'--decays'" in done.err


def test_the_page_of_what_was_stored(run: Run, data: Path, tmp_path: Path) -> None:
    stored, first, again = tmp_path / "forms.json", tmp_path / "first.html", tmp_path / "again.html"
    stored.write_text(run("compare", data, *COMMAND, "--report", first, "--json").out)
    done = run("report", stored, again)
    assert (done.code, done.err, done.out) == (0, "", f"report: {again}\n")
    assert again.read_bytes() == first.read_bytes()
    stored.write_text('{"suits": "L1", "rows": 3}')
    done = run("report", stored, tmp_path / "out.html")
    assert done.code == 1 and "not the JSON of a Comparison" in done.err and not (tmp_path / "out.html").exists()


def test_a_broken_comparison_is_told_with_its_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"suits": 1, "rows": 2}', encoding="utf-8")
    done = run("report", tmp_path / "bad.json", tmp_path / "out.html")
    assert done.code == 1 and "bad.json" in done.err and "give what compare --json printed" in done.err
    assert not (tmp_path / "out.html").exists()
