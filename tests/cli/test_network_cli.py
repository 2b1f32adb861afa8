"""``tune --model network``: a network for the target of a table of numbers, and what it cannot take."""

from __future__ import annotations

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
        (CODE, "NetworkClassifier", "a network for classes, since the target 'ripe' has two values, 0 and 1\n"),
        (CODE + 2 * (AGE > 0), "NetworkRegressor", "if they are classes, write them as texts"),
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
    ("more", "words", "said"),
    [
        ({"island": ["a", "b"] * (N // 2)}, (), "and 'island' (category) is not; leave it out with --drop"),
        ({"gaps": [None, 1.5] * (N // 2)}, (), "'gaps' (with gaps) is not"),
        ({}, ("--missing=-999",), "--missing prepares for gaps"),
        (
            {name: ["a", "b"] * (N // 2) for name in "vwxyz"},
            (),
            "'v' (category), 'w' (category), 'x' (category) and 2 more are not; leave them out",
        ),
        ({}, ("--cv=loo",), "give a number of folds, such as --cv 5"),
    ],
    ids=["text", "gaps", "missing", "many", "loo"],
)
def test_what_a_network_cannot_take_is_a_sentence(
    more: Any, words: Any, said: str, run: Run, write: Any, installed: None
) -> None:
    done = run("tune", write(AGE + SIZE, **more), "--target=ripe", "--model=network", *words)
    assert (done.code, done.out) == (1, "") and said in done.err and done.err.count("\n") == 1


def test_columns_that_are_left_out_are_no_hindrance(run: Run, write: Any, installed: None) -> None:
    file = write(AGE + SIZE, island=["a", "b"] * (N // 2), flag=[True, False] * (N // 2))
    done = run("tune", file, "--target=ripe", "--model=network", "--drop=island", *FAST, "--json")
    assert done.code == 0 and wd.Tuning.from_json(done.out).columns == ("size", "age", "flag")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--save=model.wd", "'--save': a network is not saved yet"),
        ("--no-standardize", "'--no-standardize': a network's columns are always standardised"),
        ("--no-intercept", "'--no-intercept': it is for linear and logistic regression"),
        ("--decay-exempt=age", "'--decay-exempt': it is for"),
        ("--class-weight=balanced", "'--class-weight': it is for"),
    ],
)
def test_options_of_other_models_are_refused(word: str, said: str, run: Run, write: Any, tmp_path: Path) -> None:
    word = word.replace("model.wd", str(tmp_path / "model.wd"))
    done = run("tune", write(AGE), "--target=ripe", "--model=network", word)
    assert (done.code, done.out) == (2, "") and said in " ".join(done.err.split())
    assert not (tmp_path / "model.wd").exists()


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
