"""``weightdecay tune``: what it computes is what the door computes, and what it writes is whole."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd

Run = Callable[..., Any]
PLAIN = ("--target", "y", "--drop", "w,group")


def in_python(data: Path, *, model: dict[str, Any], work: dict[str, Any], **read: Any) -> wd.Tuning:
    """The same work through the door."""
    left = [name for name in ("w", "group") if name not in read.values()]
    table = wd.read(data, "y", drop=left, **read)
    given = {"groups": table.groups, "sample_weight": table.weight}
    return wd.tune(wd.LinearRegression(**model), table.X, table.y, **given, **work)


def bare(tuning: wd.Tuning) -> wd.Tuning:
    """Without what is known of the table alone."""
    return replace(tuning, source="", target_names=(), command="", notes=())


@pytest.mark.parametrize(
    ("words", "model", "work"),
    [
        ("", {}, {}),
        ("--cv 5", {}, {"cv": 5}),
        ("--cv 5 --seed 3", {}, {"cv": 5, "random_state": 3}),
        ("--cv loo", {}, {"cv": "loo"}),
        ("--rule 1se", {}, {"rule": "1se"}),
        ("--cv 4 --scoring r2", {}, {"cv": 4, "scoring": "r2"}),
        pytest.param(
            "--cv 4 --rule 1se --scoring neg_mean_absolute_error",
            {},
            {"cv": 4, "rule": "1se", "scoring": "neg_mean_absolute_error"},
            marks=pytest.mark.long,
        ),
        ("--decays 10,0.1,1,0.1", {}, {"decays": [0.1, 1.0, 10.0]}),
        ("--decays 0,inf,1e-2", {}, {"decays": [0.0, 0.01, np.inf]}),
        ("--decays 1e-3:10:5", {}, {"decays": [1e-3, 1e-2, 1e-1, 1.0, 10.0]}),
        ("--tolerance 0.1", {"tolerance": 0.1}, {}),
        ("--no-standardize", {"standardize": False}, {}),
        ("--no-intercept", {"fit_intercept": False}, {}),
        ("--decay-exempt c,a", {"decay_weights": [0.0, 1.0, 0.0, 1.0]}, {}),
        ("--model linear", {}, {}),
    ],
)
def test_it_is_the_doors_tune(words: str, model: dict[str, Any], work: dict[str, Any], run: Run, data: Path) -> None:
    done = run("tune", data, *PLAIN, "--json", *words.split())
    assert (done.code, done.err) == (0, "")
    tuning = wd.Tuning.from_json(done.out)
    expected = in_python(data, model=model, work=work)
    np.testing.assert_allclose(tuning.decays, expected.decays, rtol=1e-15)
    if "1e-3:10:5" not in words:  # whose decays differ from the list's in their last bits
        assert bare(tuning) == expected


@pytest.mark.parametrize(
    ("words", "read", "work"),
    [
        ("--drop group --weight w", {"weight": "w"}, {}),
        ("--drop w --group group", {"group": "group"}, {}),
        ("--drop w --group group --cv 3", {"group": "group"}, {"cv": 3}),
        ("--group group --weight w --cv 4", {"group": "group", "weight": "w"}, {"cv": 4}),
    ],
)
def test_weights_and_groups_are_the_doors(
    words: str, read: dict[str, str], work: dict[str, Any], run: Run, data: Path
) -> None:
    done = run("tune", data, "--target", "y", "--json", *words.split())
    assert done.code == 0, done.err
    tuning = wd.Tuning.from_json(done.out)
    assert bare(tuning) == in_python(data, model={}, work=work, **read)
    assert tuning.columns == ("a", "b", "c", "d")
    assert (
        tuning.notes
        == wd.read(data, "y", drop=[one for one in ("w", "group") if one not in read.values()], **read).notes
    )


def test_json_is_one_object_that_comes_back_with_the_decay_on_top(run: Run, data: Path) -> None:
    done = run("tune", data, *PLAIN, "--json")
    assert done.out.endswith("}\n") and done.out.count("\n") == 1
    told = json.loads(done.out)
    tuning = wd.Tuning.from_json(done.out)
    assert told["decay"] == tuning.decay > 0
    assert json.loads(tuning.to_json()) == told


def test_json_leaves_all_else_to_stderr(run: Run, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = run("tune", data, *PLAIN, "--json", "--decays", "1e6,1e7", "--report", report)
    assert done.code == 0
    json.loads(done.out)
    assert f"report: {report}" in done.err and "weightdecay convert 1e+06" in done.err


def test_the_command_in_the_record_repeats_the_work(run: Run, data: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "it's; $HOME `x` \u202e\n.csv"
    hostile.write_bytes(data.read_bytes())
    words = ["--target", "y", "--drop", "w", "--drop", "group", "--cv", "4", "--decay-exempt", "b", "--no-intercept"]
    first = run("tune", hostile, *words, "--json", "--report", tmp_path / "report.html")
    command = json.loads(first.out)["command"]
    assert command.isprintable() and "report" not in command
    # bash, because a name that cannot be seen is spelled $'…'
    bash = ["bash", "-c", "printf '%s\\0' " + command]
    spelled = subprocess.run(bash, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    assert spelled[0] == "weightdecay"
    assert run(*spelled[1:], "--json").out == first.out


def test_the_text_tells_data_verdict_and_curve(run: Run, data: Path) -> None:
    done = run("tune", data, *PLAIN, "--cv", "5")
    assert (done.code, done.err) == (0, "")
    tuning = wd.Tuning.from_json(run("tune", data, *PLAIN, "--cv", "5", "--json").out)
    lines = done.out.splitlines()
    assert lines[0] == f"{data}: 60 rows, 4 columns, target y"
    assert lines[1] == "left out: 'w', 'group'"
    assert lines[2] == "linear regression, since the target 'y' is of numbers"
    assert lines[4:8] == tuning.verdict.splitlines()
    for finding in tuning.findings:
        assert f"{finding.severity} {finding.code} {finding.message}; {finding.remedy}" in lines
    (used,) = (line for line in lines if "in use" in line)
    assert used.split()[0] == f"{tuning.decay:.4g}"


def test_a_report_is_one_file_and_its_place_is_told(run: Run, data: Path, tmp_path: Path) -> None:
    done = run("tune", data, *PLAIN, "--report", tmp_path / "report.html")
    assert done.code == 0 and done.out.rstrip().endswith(f"report: {tmp_path / 'report.html'}")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert "weightdecay tune" in page


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any work would be an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("work began before the report's place was looked at")

    for name in ("tune", "read"):
        monkeypatch.setattr(wd, name, refuse, raising=False)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nowhere/report.html", "there is no folder"),
        (".", "it is a folder; name a file in it, such as report.html"),
        ("x" * 300 + ".html", "name too long"),
        ("pipe", "not a regular file"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_a_report_that_cannot_be_written_is_refused_before_any_work(
    place: str, told: str, run: Run, data: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("tune", data, *PLAIN, "--report", f"{tmp_path}/{place}")
    assert (done.code, done.out) == (1, "")
    assert "cannot write to" in done.err and told in done.err.lower()
    assert done.err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.usefixtures("no_work")
def test_a_report_in_a_closed_folder_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "cannot write" in run("tune", data, *PLAIN, "--report", tmp_path / "report.html").err


@pytest.mark.usefixtures("no_work")
def test_a_report_over_the_data_is_a_wrong_call(run: Run, data: Path, tmp_path: Path) -> None:
    before = data.read_bytes()
    (tmp_path / "link.html").symlink_to(data)
    for place in (data, tmp_path / "link.html"):
        done = run("tune", data, *PLAIN, "--report", place)
        assert done.code == 2 and "it would overwrite the data" in done.err
    assert data.read_bytes() == before


def test_bad_data_leave_the_old_report_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,y\n1,2\nx,3\n5,4\n")
    (tmp_path / "report.html").write_text("old")
    assert run("tune", tmp_path / "data.csv", "--target", "y", "--report", tmp_path / "report.html").code == 1
    assert {one.name: one.read_text() for one in tmp_path.glob("*.html")} == {"report.html": "old"}


def test_a_failing_report_says_nothing_on_stdout(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    done = run("tune", data, *PLAIN, "--report", tmp_path / "report.html")
    assert (done.code, done.out) == (1, "")
    assert "No space left on device" in done.err and done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("decays", "warned"), [("1e4", True), ("1e3,inf", True), ("1e-3,1e4", False), ("0,inf", False), ("30", False)]
)
@pytest.mark.parametrize("command", ["tune", "path"])
def test_decays_like_another_tools_numbers_are_told_so(
    decays: str, warned: bool, command: str, run: Run, data: Path
) -> None:
    done = run(command, data, *PLAIN, "--decays", decays)
    assert done.code == 0
    assert ("if it is another tool's alpha or C, convert it first" in done.err) == warned
    assert warned or done.err == ""


def test_decays_on_raw_columns_have_no_usual_size(run: Run, data: Path) -> None:
    assert run("tune", data, *PLAIN, "--decays", "1e6", "--no-standardize").err == ""


def test_the_command_that_a_warning_gives_runs(run: Run, data: Path) -> None:
    err = run("tune", data, *PLAIN, "--decays", "6e4").err
    command = shlex.split(err[err.index("weightdecay convert") :])
    assert run(*command[1:]).out.splitlines()[0] == "1000.0"


def test_the_record_names_its_file_and_target(run: Run, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    tuning = wd.Tuning.from_json(run("tune", data, *PLAIN, "--json", "--report", report).out)
    assert (tuning.source, tuning.target_names) == (str(data), ("y",))
    assert "<title>Weight decay to predict y from data.csv (LinearRegression)</title>" in report.read_text("utf-8")


@pytest.mark.parametrize(("cv", "made"), [("13", 12), ("12", None), ("3", None), ("auto", None)])
def test_fewer_folds_than_asked_for_are_told(cv: str, made: int | None, run: Run, data: Path) -> None:
    done = run("tune", data, "--target", "y", "--drop", "w", "--group", "group", "--cv", cv, "--json")
    assert done.code == 0
    told = f"weightdecay: --cv {cv}: only {made} folds were made, one for each group: groups are held out whole\n"
    assert done.err == (told if made else "")


def test_scores_read_the_same_in_verdict_and_table(run: Run, data: Path) -> None:
    out = run("tune", data, *PLAIN, "--cv", "4", "--scoring", "neg_mean_absolute_error").out
    (told,) = (line for line in out.splitlines() if line.startswith("Use decay"))
    (used,) = (line for line in out.splitlines() if "in use" in line)
    score = used.split()[1]
    assert float(score) > 0 and f"held-out mean absolute error {score} ±" in told
    assert "neg" not in out and "−" not in out
    out = run("tune", data, *PLAIN, "--cv", "4", "--scoring", "r2").out
    (told,) = (line for line in out.splitlines() if line.startswith("Use decay"))
    (used,) = (line for line in out.splitlines() if "in use" in line)
    assert 0 < float(used.split()[1]) < 1 and f"held-out r2 {used.split()[1]} ±" in told


def test_rows_of_weight_0_are_counted(run: Run, data: Path) -> None:
    first = run("tune", data, "--target", "y", "--drop", "group", "--weight", "w").out.splitlines()[0]
    assert first == f"{data}: 60 rows (20 of weight 0), 4 columns, target y"


@pytest.mark.parametrize("words", [["--json"], []])
def test_findings_speak_of_options_and_of_rows_as_the_file_has_them(words: list[str], run: Run, tmp_path: Path) -> None:
    rows = np.column_stack([np.sin(np.arange(40)), np.cos(3 * np.arange(40)) * 1e-5, np.sin(2 * np.arange(40))])
    rows[17, 0] = 1000.0
    file = tmp_path / "data.csv"
    file.write_text("a,b,y\n" + "".join(",".join(map(repr, map(float, row))) + "\n" for row in rows))
    report = tmp_path / "report.html"
    options = ["--decays", "1e-5,2e-5", "--no-standardize", "--cv", "4", "--report", report]
    done = run("tune", file, "--target", "y", *words, *options)
    every = [report.read_text(encoding="utf-8"), *([] if words else [done.out])]
    for told in every:
        assert "line 19 carries" in told
        assert "--no-standardize, but" in told and "use --standardize, or" in told
        assert "counted from 0" not in told and "standardize=" not in told
    table = wd.read(file, "y")
    inside = wd.tune(wd.LinearRegression(standardize=False, cv=4), table.X, table.y, decays=[1e-5, 2e-5])
    assert any("standardize=False" in one.message for one in inside.findings)
    # Programs get the record as it is.
    assert not words or wd.Tuning.from_json(done.out).findings == inside.findings


def test_a_finding_on_given_decays_names_the_option(run: Run, data: Path) -> None:
    out = run("tune", data, *PLAIN, "--decays", "1e-9,2e-9").out
    assert "WD001" in out and "or leave out --decays and the grid" in out and "decays=None" not in out
