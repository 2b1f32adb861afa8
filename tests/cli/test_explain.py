"""``weightdecay explain``: one text for the terminal, Python and the documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import weightdecay as wd

Run = Callable[..., Any]


@pytest.mark.parametrize("word", ["WD007", "wd007", "7", "07", "wd7"])
def test_a_code_is_explained_however_it_is_written(word: str, run: Run) -> None:
    done = run("explain", word)
    known = wd.explain("WD007")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"WD007: {known.title}" and lines[-1] == known.source
    assert "findings.md" not in done.out, "who installed the package has no such file"
    assert {known.cause, known.evidence, known.remedy, known.source} <= set(lines)


@pytest.mark.parametrize("code", wd.codes())
def test_every_code_as_json(code: str, run: Run) -> None:
    done = run("explain", code, "--json")
    known = wd.explain(code)
    assert done.code == 0 and done.out.count("\n") == 1
    assert json.loads(done.out) == {
        **vars(known),
        "anchor": f"docs/findings.md#{code.lower()}",
    }


def test_without_a_code_all_are_listed(run: Run) -> None:
    done = run("explain")
    assert done.code == 0
    assert done.out.splitlines() == [f"{code} {title}" for code, title in wd.codes().items()]
    assert json.loads(run("explain", "--json").out) == {"codes": wd.codes()}


@pytest.mark.parametrize("word", ["WD999", "", "seven", "-1", "WD07x", "１", "[red]WD007"])
def test_an_unknown_code_is_a_wrong_call_in_a_sentence(word: str, run: Run) -> None:
    done = run("explain", "--", word)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"weightdecay: no finding has the code '{word}'; ") and done.err.count("\n") == 1
    assert "the codes are WD001 to" in done.err or "did you mean WD0" in done.err


def test_a_table_of_codes_cannot_be_changed_from_outside() -> None:
    wd.codes().clear()
    assert wd.codes()
