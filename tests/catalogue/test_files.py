"""Every file of the catalogue on the command line and in Python: the right answer, or one sentence; never a third."""

from __future__ import annotations

import csv as standard
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from catalogue import files_calls, files_encodings, files_fields, files_headers, files_kinds, files_packed, files_roles
from catalogue.cases import Case, Refused, Right, csv, right
from catalogue.oracle import DECAYS, FOLDS, expected
from weightdecay.cli.sentences import SAME_NAMES, as_options

Run = Callable[..., Any]
ROOMS = (files_encodings, files_fields, files_headers, files_kinds, files_roles, files_packed, files_calls)
CASES: tuple[Case, ...] = tuple(case for room in ROOMS for case in room.CASES)
GRID = ",".join(map(str, DECAYS))


def of(kind: type, *, python: bool = False, thinned: bool = False) -> Any:
    """The cases of an outcome, as parameters; perhaps without those that only the command line has.

    Thinned, two of three take their turn among the long tests.
    """
    chosen = [case for case in CASES if isinstance(case.outcome, kind) and not (python and case.words)]
    marked = [
        pytest.param(case, id=case.name, marks=pytest.mark.long if thinned and number % 3 else ())
        for number, case in enumerate(chosen)
    ]
    return pytest.mark.parametrize("case", marked)


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@of(Right)
def test_what_can_be_computed_is_right_and_told(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Right)
    file = case.file(tmp_path)
    words = [file, *case.options(), f"--decays={GRID}"]
    split_by_table = {"group", "time"} & set(case.read)
    done = run("tune", *words, *([] if "cv" in case.tune or split_by_table else [f"--cv={FOLDS}"]), "--json")
    assert (done.code, done.err) == (0, ""), done.err
    check(wd.Tuning.from_json(done.out), case)
    planned = json.loads(run("tune", *words, "--dry-run", "--json").out)
    told = "\n".join([*planned["notes"], *(f"{one['name']!r}: {one['done']}" for one in planned["plan"])])
    # What is not told of the columns is told with the answer.
    missing = [word for word in case.outcome.told if word not in told]
    shown = run("tune", *words).out if missing else ""
    assert all(word in shown for word in missing), (missing, told, shown)


@of(Right, thinned=True)
def test_eyes_see_what_is_computed(case: Case, run: Run, tmp_path: Path) -> None:
    file = case.file(tmp_path)
    words = [file, *case.options(), f"--decays={GRID}"]
    if not ({"group", "time"} & set(case.read) or case.tune):
        path = json.loads(run("path", *words, "--json").out)
        check_coefficients(np.array(path["coef"]), np.array(path["intercept"]), case)
    # As most people call it: with the decays and folds that the data ask for.
    shown = run("tune", file, *case.options())
    assert (shown.code, shown.err) == (0, ""), shown.err
    assert "\x1b" not in shown.out and "Traceback" not in shown.out and "nan" not in shown.out


@of(Right, python=True)
def test_python_computes_the_same(case: Case, tmp_path: Path) -> None:
    table = wd.read(case.file(tmp_path), case.target, **case.arguments())
    splits = {} if {"group", "time"} & set(case.read) else {"cv": FOLDS}
    check(wd.tune(wd.LinearRegression(), table, decays=DECAYS, **{**splits, **case.tune}), case)


def check(tuning: wd.Tuning, case: Case) -> None:
    """The result is that of the clean table."""
    assert isinstance(case.outcome, Right)
    assert tuning.columns == expected(case.outcome.clean).names
    check_coefficients(tuning.path.coef, tuning.path.intercept, case)
    if case.tune.get("cv", FOLDS) == FOLDS and not {"group", "time"} & set(case.read):
        np.testing.assert_allclose(tuning.losses, expected(case.outcome.clean).losses, rtol=1e-8)


def check_coefficients(coef: Any, intercept: Any, case: Case) -> None:
    """Those of the clean table, to eight digits of the largest."""
    assert isinstance(case.outcome, Right)
    oracle = expected(case.outcome.clean)
    factor, unit = case.outcome.factor, case.outcome.target_factor
    scale = np.array([factor.get(name, 1.0) for name in oracle.names])
    for found, due in ((coef / unit * scale, oracle.coef), (intercept / unit, oracle.intercept)):
        np.testing.assert_allclose(found, due, rtol=1e-8, atol=1e-8 * max(1e-300, float(np.abs(due).max())))


@of(Refused)
def test_what_cannot_be_computed_is_one_sentence(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Refused)
    file = case.file(tmp_path)
    before = listing(tmp_path)
    new = {name: tmp_path / name for name in ("report", "save") if f"--{name}" not in str(case.words)}
    done = run("tune", file, *case.options(), *(f"--{name}={place}" for name, place in new.items()))
    assert (done.code, done.out) == (case.outcome.code, ""), done.err
    assert listing(tmp_path) == before, "something was written"
    sentence = done.err.rstrip("\n")
    if case.outcome.code == 2:
        sentence = sentence.rpartition("\n")[2]
        assert sentence.startswith("Error: "), done.err
    else:
        assert sentence.startswith("weightdecay: ") and done.err.count("\n") == 1, done.err
        assert "; " in sentence, "no next step"
    assert "Traceback" not in done.err and "\x1b" not in done.err
    for word in case.outcome.told:
        assert word in sentence, sentence
    if "scoring" in case.tune:  # a scorer is tried on predictions, of which a dry run makes none
        return
    shown = run("tune", file, *case.options(), "--dry-run")
    assert (shown.code, shown.out, shown.err.rstrip("\n").rpartition("\n")[2]) == (done.code, "", sentence)


@of(Refused, python=True)
def test_python_refuses_in_the_same_words(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Refused)
    file = case.file(tmp_path)
    with pytest.raises((ValueError, OSError)) as raised, warnings.catch_warnings():
        warnings.simplefilter("error")
        wd.tune(wd.LinearRegression(), wd.read(file, case.target, **case.arguments()), **case.tune)
    for word in case.outcome.told:
        assert word in as_options(str(raised.value), SAME_NAMES), str(raised.value)
    assert not re.search(r"[\x00-\x1f\x7f]", str(raised.value)), "control characters"


def listing(folder: Path) -> list[tuple[str, int]]:
    """All that is in a folder."""
    return sorted((str(one), one.lstat().st_size) for one in folder.rglob("*"))


def test_hostile_names_are_harmless_on_the_page(run: Run, tmp_path: Path) -> None:
    """All names of the catalogue in one table, and one of them as the target and as a level."""
    hostile = [one.outcome.clean for one in files_headers.NAMES if isinstance(one.outcome, Right)]
    names = list(dict.fromkeys(name for clean in hostile for name in clean if name != "y"))
    draw = np.random.default_rng(1)
    fields = [[name, *map(repr, draw.normal(size=60).tolist())] for name in [*names, "<b>y</b>\x1b[31m"]]
    fields.append(["kind", *["<script>alert(1)</script>", "\x1b[31m", "${7*7}"] * 20])
    file, page = tmp_path / "data.csv", tmp_path / "report.html"
    with open(file, "w", newline="", encoding="utf-8") as opened:
        standard.writer(opened).writerows(zip(*fields, strict=True))
    done = run("tune", file, "--target=<b>y</b>\x1b[31m", f"--report={page}")
    assert (done.code, done.err) == (0, ""), done.err
    shown = page.read_text(encoding="utf-8")
    for given in (shown, done.out):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", given)
    assert "<script>" not in shown and "<b>y" not in shown and "&lt;script&gt;" in shown


@pytest.mark.long
def test_twenty_thousand_columns(run: Run, tmp_path: Path) -> None:
    clean = files_headers.broad(20_000, 20)
    file = tmp_path / "data.csv"
    file.write_bytes(csv(clean))
    done = run("tune", file, "--target=y", f"--decays={GRID}", f"--cv={FOLDS}", "--json")
    assert (done.code, done.err) == (0, "")
    check(wd.Tuning.from_json(done.out), right("broad", file.read_bytes(), clean))


@pytest.mark.parametrize(
    "name", ["plain", "UTF-16 LE without mark", "an inexistent option", "an archive that fills the memory", "a FIFO"]
)
def test_a_process_of_its_own_does_the_same(name: str, run: Run, tmp_path: Path) -> None:
    case = next((case for case in CASES if case.name == name), CASES[0])
    words = ["tune", str(case.file(tmp_path)), *case.options(), "--cv=4"]
    words += ["--inexistent"] if case.name != name else []
    alone = subprocess.run([sys.executable, "-m", "weightdecay", *words], capture_output=True, text=True, timeout=60)
    done = run(*words)
    assert (alone.returncode, alone.stdout, alone.stderr) == (done.code, done.out, done.err)
    assert alone.returncode == (0 if case.name == "plain" == name else 2 if case.name != name else 1)


def test_files_of_the_call_are_not_overwritten(run: Run, tmp_path: Path) -> None:
    file, both = files_encodings.ENCODINGS[0].file(tmp_path), tmp_path / "both"
    before = listing(tmp_path)
    for words, told in (
        (["--report", file], "'--report': it would overwrite the data"),
        (["--save", file], "'--save': it would overwrite the data"),
        (["--report", both, "--save", both], "'--save': it would overwrite the report"),
    ):
        done = run("tune", file, "--target=y", *words)
        assert (done.code, done.out) == (2, "") and told in done.err
        assert listing(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_files_without_permission(run: Run, tmp_path: Path) -> None:
    file = files_encodings.ENCODINGS[0].file(tmp_path)
    file.chmod(0)
    done = run("tune", file, "--target=y")
    assert (done.code, done.out) == (1, "") and "cannot be read (Permission denied); check" in done.err
