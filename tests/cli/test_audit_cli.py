"""``weightdecay audit``: factories that are sound and such that are not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import weightdecay as wd

Run = Callable[..., Any]

RECIPES = """
import torch
import weightdecay as wd

def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

def sound():
    one = model()
    return one, torch.optim.AdamW(wd.param_groups(one, 0.1, verbose=False), lr=1e-3)

def all_in_one():
    one = model()
    return {"model": one, "optimizer": torch.optim.AdamW(one.parameters(), lr=1e-3)}

def with_penalty():
    one, optimizer = sound()
    return one, optimizer, lambda module: 0.1 * module[0].weight.square().sum()

def own_policy():
    return {**all_in_one(), "policy": "all"}

def fails():
    raise RuntimeError("no [red]weights[/red] here")

def unknown_key():
    return {**all_in_one(), "polcy": "all"}

def alone():
    return model()

def no_model():
    return "model", sound()[1]

def needs(argument):
    return sound()

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module of factories, one that fails on import and one in a package."""
    (tmp_path / "factories_for_audit.py").write_text(RECIPES)
    (tmp_path / "broken_for_audit.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "raising_for_audit.py").write_text("1 / 0\n")
    (tmp_path / "package_for_audit").mkdir()
    (tmp_path / "package_for_audit" / "__init__.py").write_text("")
    (tmp_path / "package_for_audit" / "inner.py").write_text("from factories_for_audit import sound\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    monkeypatch.setattr(sys, "path", path)
    yield tmp_path
    for name in [name for name in sys.modules if "_for_audit" in name]:
        del sys.modules[name]


@pytest.mark.parametrize("factory", ["factories_for_audit:sound", "package_for_audit.inner:sound"])
def test_a_sound_recipe(run: Run, folder: Path, factory: str) -> None:
    done = run("audit", factory)
    assert done.code == 0 and done.err == ""
    assert "2 tensors are decayed, no problem found" in done.out
    assert "0.0001" in done.out


def test_problems_leave_with_1(run: Run, folder: Path) -> None:
    done = run("audit", "factories_for_audit:all_in_one")
    assert done.code == 1
    assert "WD040" in done.out
    assert run("audit", "factories_for_audit:all_in_one", "--policy", "all").code == 0
    assert run("audit", "factories_for_audit:own_policy").code == 0
    assert run("audit", "factories_for_audit:own_policy", "--policy", "auto").code == 1
    assert "WD046" in run("audit", "factories_for_audit:with_penalty").out


def test_json_is_the_record(run: Run, folder: Path) -> None:
    done = run("audit", "factories_for_audit:all_in_one", "--json")
    assert done.code == 1 and done.err == ""
    assert json.loads(done.out)["ok"] is False
    assert len(wd.Audit.from_json(done.out).rows) == 4


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("factories_for_audit", "not MODULE:FACTORY"),
        (":sound", "not MODULE:FACTORY"),
        ("./recipes.py:sound", "no name of a module"),
        ("nowhere_for_audit:sound", "there is no module 'nowhere_for_audit'"),
        ("factories_for_audit.inner:sound", "factories_for_audit"),
        ("broken_for_audit:sound", "there is no module 'a_module_that_is_not_there'"),
        ("raising_for_audit:sound", "ZeroDivisionError: division by zero"),
        ("factories_for_audit:missing", "has no 'missing'"),
        ("factories_for_audit:number", "is int, not a function"),
        ("factories_for_audit:fails", "raises RuntimeError: no [red]weights[/red] here"),
        ("factories_for_audit:needs", "TypeError"),
        ("factories_for_audit:alone", "returns Sequential"),
        ("factories_for_audit:unknown_key", "unknown key 'polcy'"),
        ("factories_for_audit:no_model", "model must be a torch.nn.Module, got str"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Run, folder: Path, factory: str, said: str) -> None:
    done = run("audit", factory)
    assert done.code in (1, 2)
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err and done.out == ""
