"""``tune --model network``: a network for the target of a table, saved and used, and what it cannot take."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import weightdecay as wd

Run = Callable[..., Any]
N = 60
RNG = np.random.default_rng(0)
SIZE, AGE = RNG.normal(size=N).round(3), RNG.normal(size=N).round(3)
CODE = (SIZE + RNG.logistic(size=N) > 0).astype(int)
FAST = ("--decays=0.01,0.1", "--cv=2")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A file with a target, and other columns where they are given."""

    def made(target: Any, **more: Any) -> Path:
        pl.DataFrame({"size": SIZE, "age": AGE, **more, "ripe": target}).write_csv(tmp_path / "data.csv")
        return tmp_path / "data.csv"

    return made


@pytest.fixture
def installed() -> None:
    """Skip where there is no torch."""
    pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("target", "model", "said"),
    [
        (np.array(["no", "yes"])[CODE], "NetworkClassifier", "a network for classes, since the target 'ripe' is text"),
        (CODE, "NetworkClassifier", "has two values, 0 and 1 (--numbers takes them for amounts)\n"),
        (CODE + 2 * (AGE > 0), "NetworkRegressor", "all whole: if they are classes, give --classes\n"),
        (AGE + SIZE, "NetworkRegressor", ""),
    ],
    ids=["text", "two", "few", "numbers"],
)
def test_a_network_goes_by_the_target(
    target: Any, model: str, said: str, run: Run, write: Any, tmp_path: Path, installed: None
) -> None:
    page = tmp_path / "report.html"
    words = ("tune", write(target), "--target=ripe", "--model=network", *FAST)
    done = run(*words, "--json", "--report", page)
    tuning = wd.Tuning.from_json(done.out)
    assert (done.code, tuning.model_name, tuning.decays.tolist()) == (0, model, [0.01, 0.1])
    assert said in done.err and "logistic" not in done.err and "linear" not in done.err
    assert "--model network" in tuning.command and tuning.path.columns == ("0.weight", "2.weight", "4.weight")
    text = page.read_text()
    assert "Norms of the layers" in text and "oefficient" not in text and "torch 2" in text
    if model == "NetworkRegressor":
        shown = run(*words)
        assert (shown.code, shown.err) == (0, "") and "a network for numbers, since the target 'ripe'" in shown.out


def test_options_reach_the_network(run: Run, write: Any, installed: None) -> None:
    file = write(AGE + SIZE)
    words = ("tune", file, "--target=ripe", "--model=network", "--decays=0.1", "--cv=2", "--json")
    found = {
        one: wd.Tuning.from_json(run(*words, *one).out)
        for one in ((), ("--seed=0",), ("--seed=7",), ("--l1-ratio=0.5",), ("--rule=1se", "--tolerance=0.1"))
    }
    plain = found[()]
    np.testing.assert_array_equal(found["--seed=0",].losses, plain.losses)
    assert not np.array_equal(found["--seed=7",].losses, plain.losses)
    assert not np.array_equal(found["--l1-ratio=0.5",].losses, plain.losses)
    last = found["--rule=1se", "--tolerance=0.1"]
    assert (last.rule, last.tolerance) == ("1se", 0.1)
    own = wd.tune(wd.NetworkRegressor(random_state=7), wd.read(file, "ripe"), decays=[0.1], cv=2)
    np.testing.assert_array_equal(found["--seed=7",].losses, own.losses)


def test_a_dry_run_trains_nothing(run: Run, write: Any, installed: None) -> None:
    done = run("tune", write(AGE), "--target=ripe", "--model=network", "--cv=3", "--dry-run")
    assert done.code == 0 and "Nothing was computed" in done.out and "networks, 3 folds" in done.out


@pytest.mark.parametrize(
    ("target", "word", "model"),
    [
        (CODE + 2 * (AGE > 0), "--classes", "NetworkClassifier"),
        (CODE + 2 * (AGE > 0), "--numbers", "NetworkRegressor"),
        (CODE, "--classes", "NetworkClassifier"),
        (CODE, "--numbers", "NetworkRegressor"),
        (CODE > 0, "--numbers", "NetworkRegressor"),
    ],
)
def test_what_the_target_is_may_be_said(
    target: Any, word: str, model: str, run: Run, write: Any, installed: None
) -> None:
    file = write(target)
    done = run("tune", file, "--target=ripe", "--model=network", word, *FAST, "--json")
    tuning = wd.Tuning.from_json(done.out)
    assert (done.code, done.err, tuning.model_name) == (0, "", model) and word in tuning.command
    table = wd.read(file, "ripe", classes=word == "--classes")
    due = wd.tune(getattr(wd, model)(), table, decays=[0.01, 0.1], cv=2)
    np.testing.assert_array_equal(tuning.losses, due.losses)


@pytest.mark.parametrize(("model", "word"), [("linear", "--classes"), ("logistic", "--numbers")])
def test_what_the_model_does_not_predict_is_a_sentence(model: str, word: str, run: Run, write: Any) -> None:
    done = run("tune", write(CODE), "--target=ripe", f"--model={model}", word)
    other = {"linear": "logistic", "logistic": "linear"}[model]
    told = " ".join(done.err.replace("│", " ").split())
    assert (done.code, done.out) == (2, "") and f"'{word}': {model} regression predicts" in told
    assert f"give --model {other}, or network" in told


def test_without_a_network_it_says_the_model(run: Run, write: Any) -> None:
    """``--model auto``: as if ``--model logistic`` or ``linear`` had been given."""
    file = write(CODE + 2 * (AGE > 0))
    for word, model in (("--classes", "LogisticRegression"), ("--numbers", "LinearRegression")):
        done = run("tune", file, "--target=ripe", word, "--decays=0.1", "--cv=2", "--json")
        assert (done.code, done.err, wd.Tuning.from_json(done.out).model_name) == (0, "", model)


def test_leave_one_out_is_a_sentence(run: Run, write: Any, installed: None) -> None:
    done = run("tune", write(AGE + SIZE), "--target=ripe", "--model=network", "--cv=loo")
    assert (done.code, done.out) == (1, "") and "give a number of folds, such as --cv 5" in done.err
    assert done.err.count("\n") == 1


RAW: dict[str, Any] = {
    "island": [None, *["a", "b", "c"] * 20][:N],
    "gaps": [None, 1.5, -999] * (N // 3),
    "day": [f"2024-{1 + place % 12:02}-{1 + place % 28:02}" for place in range(N)],
    "said": [("small and red", "large and red", "small and green")[place % 3] for place in range(N)],
}


@pytest.mark.parametrize("classes", [False, True])
def test_any_table_is_tuned_saved_and_predicted(
    classes: bool, run: Run, write: Any, tmp_path: Path, installed: None
) -> None:
    """Text, dates, prose and gaps; the file predicts what `wd.load` predicts."""
    target: Any = np.array(["no", "yes"])[CODE] if classes else AGE + SIZE
    file, model = write(target, **RAW), tmp_path / "model.wd"
    words = ("--model=network", "--text=said", "--missing=-999", *FAST)
    done = run("tune", file, "--target=ripe", *words, "--json", "--save", model)
    assert done.code == 0, done.err
    tuning = wd.Tuning.from_json(done.out)
    table = wd.read(file, "ripe", text=["said"], missing=["-999"])
    due = wd.tune(wd.NetworkClassifier() if classes else wd.NetworkRegressor(), table, decays=[0.01, 0.1], cv=2)
    np.testing.assert_array_equal(tuning.losses, due.losses)
    assert tuning.columns == due.columns and {"island = a", "gaps is missing", "said: red"} <= set(tuning.columns)
    fitted = wd.load(model)
    assert type(fitted) is wd.TableModel and fitted.tuning_.losses.tolist() == tuning.losses.tolist()
    told = run("predict", model, file)
    lines = told.out.splitlines()
    assert told.code == 0 and len(lines) == N + 1
    frame, _ = wd.read_rows(file, fitted)
    if classes:
        chance = fitted.predict_proba(frame)
        assert lines[1:] == [f"{fitted.classes_[row.argmax()]},{','.join(map(repr, row.tolist()))}" for row in chance]
    else:
        assert lines == ["prediction", *map(repr, fitted.predict(frame).tolist())]


def test_a_table_of_numbers_is_saved_too(run: Run, write: Any, tmp_path: Path, installed: None) -> None:
    file, model = write(AGE + SIZE), tmp_path / "model.wd"
    done = run("tune", file, "--target=ripe", "--model=network", "--save", model, *FAST)
    assert done.code == 0 and "model: " in done.out
    told = run("predict", model, file, "--json")
    due = wd.load(model).predict(wd.read(file, "ripe").X)
    assert json.loads(told.out)["predictions"] == due.tolist()


def test_a_module_of_its_own_cannot_be_predicted_with_here(
    run: Run, write: Any, tmp_path: Path, installed: None
) -> None:
    from torch import nn

    file = write(AGE + SIZE)
    model = wd.NetworkRegressor(module=nn.Linear, decay=0.1, epochs=1).fit(wd.read(file, "ripe").X, AGE + SIZE)
    done = run("predict", wd.save(model, tmp_path / "model.wd"), file)
    assert (done.code, done.out) == (1, "") and "load it in Python with what makes the module" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--no-standardize", "'--no-standardize': a network's columns are always standardised"),
        ("--no-intercept", "'--no-intercept': it is for linear and logistic regression"),
        ("--decay-exempt=age", "'--decay-exempt': it is for"),
        ("--class-weight=balanced", "'--class-weight': it is for"),
    ],
)
def test_options_of_other_models_are_refused(word: str, said: str, run: Run, write: Any) -> None:
    done = run("tune", write(AGE), "--target=ripe", "--model=network", word)
    assert (done.code, done.out) == (2, "") and said in " ".join(done.err.split())


def test_without_torch_there_is_a_sentence(run: Run, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("tune", write(AGE), "--target=ripe", "--model=network")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "weightdecay: a network needs PyTorch, which is not installed; pip install weightdecay[torch]\n"
    )


def test_path_knows_no_network(run: Run, write: Any) -> None:
    done = run("path", write(AGE), "--target=ripe", "--model=network")
    assert done.code == 2 and "'network' is not one of auto, linear, logistic" in " ".join(done.err.split())
