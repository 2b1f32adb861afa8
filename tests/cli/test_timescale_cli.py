"""``weightdecay timescale``: the numbers of `wd.timescale`, and its sentences in words of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import weightdecay as wd

Run = Callable[..., Any]
FACTS = ("--learning-rate", "1e-3", "--samples", "50000", "--batch-size", "128", "--epochs", "30")


def test_the_text_is_that_of_python(run: Run) -> None:
    done = run("timescale", "0.1", *FACTS, "--schedule", "cosine")
    found = wd.timescale(0.1, learning_rate=1e-3, samples=50_000, batch_size=128, epochs=30, schedule="cosine")
    assert done.code == 0 and done.err == ""
    assert " ".join(done.out.split()) == " ".join(str(found).split())


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("--half-life", "3 epochs"), {"half_life": "3 epochs"}),
        (("--tau", "20 %"), {"tau": "20 %"}),
        (("--fraction", "0.2"), {"fraction": 0.2}),
        (("0.1", "--optimizer", "adam"), {"decay": 0.1, "optimizer": "adam"}),
        (("0.1", "--form", "independent"), {"decay": 0.1, "form": "independent"}),
    ],
)
def test_json(run: Run, words: tuple[str, ...], facts: dict[str, Any]) -> None:
    done = run("timescale", *words, *FACTS, "--json")
    found = wd.timescale(**facts, learning_rate=1e-3, samples=50_000, batch_size=128, epochs=30)
    assert done.code == 0
    assert json.loads(done.out) == json.loads(wd.terminal.json_line(found))
    assert json.loads(done.out)["decay"] == found.decay


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0.1",), "give --learning-rate VALUE"),
        (("--half-life", "3 epochs", "--learning-rate", "0.1"), "needs --samples VALUE and --batch-size VALUE"),
        (("--half-life", "3 weeks", "--learning-rate", "0.1"), "is no length"),
        (("0.1", "--tau", "3"), "give exactly one of"),
    ],
)
def test_wrong_calls_are_one_sentence(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("timescale", *words)
    assert done.code == 2 and done.out == ""
    assert said in " ".join(done.err.split()) and done.err.startswith("weightdecay: ")
