"""``weightdecay compare``: what it tells is what `wd.compare` returns."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd

Run = Callable[..., Any]
TIMES = ("fit_seconds", "tuning_seconds", "overhead")


def timeless(told: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two runs: times, and the command and the verdict that tell of them."""
    rows = [{name: value for name, value in one.items() if name not in TIMES} for one in told["rows"]]
    return {name: value for name, value in told.items() if name not in ("command", "verdict")} | {"rows": rows}


def test_the_json_is_that_of_python(run: Run, data: Path) -> None:
    done = run("compare", data, "--target", "y", "--drop", "w", "--group", "group", "--cv", "4", "--json")
    assert done.code == 0, done.err
    table = wd.read(data, "y", drop=["w"], group="group")
    assert timeless(json.loads(done.out)) == timeless(wd.compare(wd.LinearRegression(), table, cv=4).to_dict())
    found = wd.Comparison.from_json(done.out)
    assert shlex.split(found.command)[:2] == ["weightdecay", "compare"] and "--cv 4" in found.command


def test_the_answer_for_eyes(run: Run, data: Path) -> None:
    done = run("compare", data, "--target", "y", "--drop", "w,group", "--cv", "3", "--seed", "1")
    assert done.code == 0, done.err
    for words in ("held-out mean squared error", "weight decay", "elastic net", "infinite decay", "stability"):
        assert words in done.out
    assert str(data) in done.out


def test_classes_text_and_gaps(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["size,kind,said,who"]
    for number in range(60):
        size, kind = rng.standard_normal(), rng.choice(["a", "b"])
        who = "yes" if size + (kind == "a") + 0.7 * rng.standard_normal() > 0.5 else "no"
        said = " ".join(rng.choice(["good", "bad", "old", "new"], 3))
        lines.append(f"{'' if number % 9 == 0 else size},{kind},{said},{who}")
    file = tmp_path / "data.csv"
    file.write_text("\n".join(lines) + "\n")
    done = run("compare", file, "--target", "who", "--text", "said", "--cv", "3", "--scoring", "brier", "--json")
    assert done.code == 0, done.err
    found = wd.Comparison.from_json(done.out)
    assert found.classes == ("no", "yes") and found.metric == "brier score" and found.target == "who"
    assert "logistic regression" in done.err


def test_times(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = (f"{day},{x},{x + 0.5 * rng.standard_normal()}" for day, x in enumerate(rng.standard_normal(60)))
    file = tmp_path / "data.csv"
    file.write_text("day,x,y\n" + "\n".join(rows) + "\n")
    done = run("compare", file, "--target", "y", "--time-column", "day", "--json")
    assert done.code == 0, done.err
    assert "chosen by the other folds" in wd.Comparison.from_json(done.out).how


def test_a_dry_run_stops_before_the_work(run: Run, data: Path) -> None:
    done = run("compare", data, "--target", "y", "--drop", "w,group", "--dry-run")
    assert done.code == 0 and "comparing 5 forms" in done.out and "Nothing was computed" in done.out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--cv", "loo"), 1, "number of folds"),
        (("--scoring", "nothing"), 2, "not a scorer"),
        (("--model", "tree"), 2, "not one of"),
        (("--model", "linear", "--class-weight", "balanced"), 2, "linear regression predicts numbers"),
    ],
)
def test_what_cannot_be(run: Run, data: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = run("compare", data, "--target", "y", "--drop", "w,group", *words)
    assert done.code == code and told in done.err and "Traceback" not in done.err


def test_networks(run: Run, data: Path) -> None:
    pytest.importorskip("torch")
    done = run("compare", data, "--target", "y", "--drop", "w,group", "--model", "network", "--dry-run")
    assert done.code == 0, done.err
    assert "comparing 7 forms" in done.out
