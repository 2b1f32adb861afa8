"""Every file of the catalogue on the command line and in Python: the right answer, or one sentence; never a third."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from catalogue import files_calls, files_encodings, files_fields, files_headers, files_kinds, files_packed, files_roles
from catalogue.cases import Case, Refused, Right
from catalogue.oracle import DECAYS, FOLDS, expected
from weightdecay.cli.sentences import SAME_NAMES, as_options

Run = Callable[..., Any]
ROOMS = (files_encodings, files_fields, files_headers, files_kinds, files_roles, files_packed, files_calls)
CASES: tuple[Case, ...] = tuple(case for room in ROOMS for case in room.CASES)
GRID = ",".join(map(str, DECAYS))


def of(kind: type, *, python: bool = False) -> Any:
    """The cases of an outcome, as parameters; perhaps without those that only the command line has."""
    chosen = [case for case in CASES if isinstance(case.outcome, kind) and not (python and case.words)]
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@of(Right)
def test_what_can_be_computed_is_right_and_told(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Right)
    file = case.file(tmp_path)
    words = ["tune", file, *case.options(), f"--decays={GRID}"]
    if "cv" not in case.tune and not {"group", "time"} & set(case.read):
        words.append(f"--cv={FOLDS}")
    done = run(*words, "--json")
    assert (done.code, done.err) == (0, ""), done.err
    check(wd.Tuning.from_json(done.out), case)
    shown = run(*words)
    assert (shown.code, shown.err) == (0, ""), shown.err
    assert "\x1b" not in shown.out and "Traceback" not in shown.out
    planned = json.loads(run(*words, "--dry-run", "--json").out)
    told = "\n".join([shown.out, *planned["notes"], *(f"{one['name']!r}: {one['done']}" for one in planned["plan"])])
    for word in case.outcome.told:
        assert word in told, told


@of(Right, python=True)
def test_python_computes_the_same(case: Case, tmp_path: Path) -> None:
    table = wd.read(case.file(tmp_path), case.target, **case.arguments())
    splits = {} if {"group", "time"} & set(case.read) else {"cv": FOLDS}
    check(wd.tune(wd.LinearRegression(), table, decays=DECAYS, **{**splits, **case.tune}), case)


def check(tuning: wd.Tuning, case: Case) -> None:
    """The result is that of the clean table."""
    assert isinstance(case.outcome, Right)
    oracle, factor = expected(case.outcome.clean), case.outcome.factor
    assert tuning.columns == oracle.names
    scale = np.array([factor.get(name, 1.0) for name in oracle.names])
    coef = tuning.path.coef / case.outcome.target_factor * scale
    assert_close(coef, oracle.coef)
    assert_close(tuning.path.intercept / case.outcome.target_factor, oracle.intercept)
    if case.tune.get("cv", FOLDS) == FOLDS and not {"group", "time"} & set(case.read):
        np.testing.assert_allclose(tuning.losses, oracle.losses, rtol=1e-8)


def assert_close(found: Any, oracle: Any) -> None:
    """Equal to eight digits of the largest."""
    np.testing.assert_allclose(found, oracle, rtol=1e-8, atol=1e-8 * max(1e-300, float(np.abs(oracle).max())))


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
