"""Every target of classes on the command line and in Python: the right answer, or one sentence; never a third."""

from __future__ import annotations

import csv as standard
import io
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from catalogue.cases import Case, Refused, Right
from catalogue.class_oracle import DECAYS, expected, split_off
from catalogue.files_classes import CASES, LABELS, MANY
from weightdecay.cli.sentences import SAME_NAMES, as_options
from weightdecay.tuning.folds import plan

Run = Callable[..., Any]
GRID = ",".join(map(str, DECAYS))
FOLDS = 4


def of(kind: type, *, python: bool = False) -> Any:
    """The cases of an outcome, as parameters; perhaps without those that only the command line has."""
    chosen = [case for case in CASES if isinstance(case.outcome, kind) and not (python and case.words)]
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])


def clean_of(case: Case) -> Any:
    """The clean columns of a case that is computed."""
    assert isinstance(case.outcome, Right)
    return case.outcome.clean


def words_of(case: Case) -> list[str]:
    """How the command line is called: in folds by a number unless the table says how."""
    split_by_table = {"group", "time"} & set(case.read)
    return [*case.options(), f"--decays={GRID}", *([] if "cv" in case.tune or split_by_table else [f"--cv={FOLDS}"])]


@of(Right)
def test_what_can_be_computed_is_right_and_told(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Right)
    file, model = case.file(tmp_path), tmp_path / "model.wd"
    done = run("tune", file, *words_of(case), "--json", "--save", model)
    assert done.code == 0, done.err
    chosen = done.err.splitlines()[:-1]
    assert all(line.startswith("weightdecay: logistic regression, since the target 'y' ") for line in chosen)
    assert len(chosen) == (0 if "classes" in case.read else 1)
    check(wd.Tuning.from_json(done.out), case)
    shown = run("tune", file, *words_of(case))
    assert (shown.code, shown.err) == (0, ""), shown.err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", shown.out) and "Traceback" not in shown.out
    told = shown.out
    if not all(word in told for word in case.outcome.told):
        planned = json.loads(run("tune", file, *words_of(case), "--dry-run", "--json").out)
        told = "\n".join([told, *planned["notes"], *(f"{one['name']!r}: {one['done']}" for one in planned["plan"])])
    for word in case.outcome.told:
        assert word in told, told
    check_predictions(run("predict", model, file), case)


@of(Right, python=True)
def test_python_computes_the_same(case: Case, tmp_path: Path) -> None:
    table = wd.read(case.file(tmp_path), case.target, **case.arguments())
    splits = {} if {"group", "time"} & set(case.read) else {"cv": FOLDS}
    check(wd.tune(wd.LogisticRegression(), table, decays=DECAYS, **{**splits, **case.tune}), case)


def check(tuning: wd.Tuning, case: Case) -> None:
    """The result is that of the clean table."""
    clean = clean_of(case)
    _, y, weight = split_off(clean)
    code = np.unique(y, return_inverse=True)[1]
    table = {"group", "time"} & set(case.read)
    folds = [] if table else list(plan(case.tune.get("cv", FOLDS), len(y), strata=code, positive=weight > 0).splits())
    due = expected(clean, folds)
    assert tuning.columns == due.names and tuning.classes == tuple(map(str, due.classes))
    close(tuning.path.coef.reshape(due.coef.shape), due.coef)
    close(tuning.path.intercept.reshape(due.intercept.shape), due.intercept)
    if folds:
        np.testing.assert_allclose(tuning.losses, due.losses, rtol=1e-6)


def close(found: Any, due: Any) -> None:
    """The same to seven digits of the largest."""
    np.testing.assert_allclose(found, due, rtol=1e-7, atol=1e-7 * max(1e-3, float(np.abs(due).max())))


def check_predictions(done: Any, case: Case) -> None:
    """A line for each row of the file: one of the classes, and probabilities that sum to 1 and are largest for it."""
    assert done.code == 0, done.err
    header, *rows = list(standard.reader(io.StringIO(done.out)))
    _, y, weight = split_off(clean_of(case))
    names = [str(one).lower() if isinstance(one, bool) else str(one) for one in np.unique(y[weight > 0]).tolist()]
    assert header[0] == "prediction" and len(header) == 1 + len(names) == len(set(header))
    assert all(re.fullmatch(r"probability of [\w .-]+( \(\d+\))?", name) for name in header[1:])
    numbers = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_allclose(numbers.sum(axis=1), 1.0, rtol=1e-12)
    assert [row[0] for row in rows] == [names[place] for place in numbers.argmax(axis=1)]
    assert len(rows) >= len(y)


@of(Refused)
def test_what_cannot_be_computed_is_one_sentence(case: Case, run: Run, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Refused)
    file = case.file(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    new = {name: tmp_path / name for name in ("report", "save")}
    done = run("tune", file, *case.options(), *(f"--{name}={place}" for name, place in new.items()))
    assert (done.code, done.out) == (case.outcome.code, ""), done.err
    assert sorted(tmp_path.rglob("*")) == before, "something was written"
    sentence = done.err.rstrip("\n")
    if case.outcome.code == 2:
        sentence = sentence.rpartition("\n")[2]
        assert sentence.startswith("Error: "), done.err
    else:
        assert sentence.startswith("weightdecay: ") and done.err.count("\n") == 1 and "; " in sentence, done.err
    assert "Traceback" not in done.err and "\x1b" not in done.err
    for word in case.outcome.told:
        assert word in sentence, sentence


@of(Refused, python=True)
def test_python_refuses_in_the_same_words(case: Case, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Refused)
    file = case.file(tmp_path)
    with pytest.raises((ValueError, OSError)) as raised, warnings.catch_warnings():
        warnings.simplefilter("error")
        table = wd.read(file, case.target, **case.arguments())
        model = wd.LogisticRegression() if table.classes else wd.LinearRegression()
        wd.tune(model, table, **case.tune)
    for word in case.outcome.told:
        assert word in as_options(str(raised.value), SAME_NAMES), str(raised.value)
    assert not re.search(r"[\x00-\x1f\x7f]", str(raised.value)), "control characters"


def test_very_many_classes(tmp_path: Path) -> None:
    """Computed alike; what else is told of a model takes the longer the more classes there are, which is told too."""
    table = wd.read(MANY.file(tmp_path), "y")
    assert any("has 103 classes: each gets coefficients of its own" in note for note in table.notes)
    check(wd.tune(wd.LogisticRegression(), table, decays=DECAYS, **MANY.tune), MANY)


@pytest.mark.parametrize("name", ["classes three words", "classes 0 and 1", "classes that are hostile"])
def test_decays_and_folds_of_the_data_and_a_page(name: str, run: Run, tmp_path: Path) -> None:
    case = next(one for one in LABELS if one.name == name)
    page = tmp_path / "report.html"
    done = run("tune", case.file(tmp_path), *case.options(), "--report", page)
    assert (done.code, done.err) == (0, ""), done.err
    shown = page.read_text(encoding="utf-8")
    for given in (shown, done.out):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", given)
    assert "<script>alert" not in shown
