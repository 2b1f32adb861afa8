"""The door: what ``import weightdecay`` promises, each time from a fresh interpreter."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module

import pytest

import weightdecay as wd
from source_trees import ROOT

HEAVY = [
    "numpy",
    "scipy",
    "sklearn",
    "torch",
    "matplotlib",
    "polars",
    "pandas",
    "rich",
    "typer",
    "jinja2",
    "safetensors",
]
PLACES = {**wd._OBJECTS, **wd._MODULES}

# Imports every submodule first (those of absent optional packages apart), which is when a public name could come to
# mean a folder; then tells what each public name is.
SURVEY = """
import importlib, json, pkgutil, types
import weightdecay as wd
absent = []
for found in pkgutil.walk_packages(wd.__path__, "weightdecay."):
    if not found.name.endswith("__main__"):
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            absent.append(error.name)
meanings = {}
for name in wd.__all__:
    value = getattr(wd, name)
    if isinstance(value, types.ModuleType):
        meanings[name] = value.__name__
    else:
        assert value is getattr(importlib.import_module(wd._OBJECTS[name]), name), name
        meanings[name] = wd._OBJECTS[name]
before = set(dir())
from weightdecay import *
print(json.dumps({"absent": absent, "meanings": meanings, "brought": sorted(set(dir()) - before)}))
"""


# From here on two packages are as if they were not installed.
HIDE = """
import json
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *given: None if name in ("torch", "skorch") else found(name, *given)
"""


def fresh(code: str) -> str:
    """What a fresh interpreter prints when it runs the code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(code: str, packages: list[str]) -> list[str]:
    """Which of some packages a fresh interpreter has loaded after it ran the code."""
    tell = f"import json, sys; print(json.dumps([name for name in {packages!r} if name in sys.modules]))"
    loaded: list[str] = json.loads(fresh(f"{code}\n{tell}").splitlines()[-1])
    return loaded


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import weightdecay", HEAVY) == []


def test_the_measure_of_loading_works() -> None:
    assert loaded_after("import numpy", HEAVY) == ["numpy"]


@pytest.mark.parametrize(
    "use",
    [
        "wd.convert(1.0, 'sklearn.Ridge.alpha', 'decay', n_samples=10)",
        "wd.conversion(1.0, 'sklearn.Ridge.alpha', 'decay', n_samples=10)",
        "wd.conventions",
    ],
)
def test_converting_loads_no_engine(use: str) -> None:
    assert loaded_after(f"import weightdecay as wd\n{use}", [name for name in HEAVY if name != "numpy"]) == []


def test_every_public_name_means_its_object_and_no_folder_and_a_star_import_brings_it() -> None:
    survey = json.loads(fresh(SURVEY))
    assert set(survey["absent"]) <= {"torch"}
    assert survey["meanings"] == PLACES
    assert set(survey["brought"]) - {"before"} == set(wd.__all__)


def test_no_public_name_equals_a_file_or_folder() -> None:
    assert not set(wd.__all__) & {path.stem for path in ROOT.iterdir()}


def test_the_tables_the_list_and_the_type_checkers_imports_agree() -> None:
    assert not set(wd._OBJECTS) & set(wd._MODULES)
    assert wd.__all__ == sorted(PLACES)
    assert seen_by_type_checkers() == PLACES


def seen_by_type_checkers() -> dict[str, str]:
    """Public name -> module, as imported under TYPE_CHECKING."""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            place = f"{node.module}.{alias.name}"
            at = ROOT.parent.joinpath(*place.split("."))
            is_module = at.is_dir() or at.with_suffix(".py").is_file()
            seen[alias.asname or alias.name] = place if is_module else str(node.module)
    return seen


def test_dir_lists_what_is_there_loaded_or_not() -> None:
    assert dir(wd) == sorted([*wd.__all__, "__version__"])


def test_a_misspelt_name_is_an_attribute_error_with_the_right_one() -> None:
    with pytest.raises(AttributeError, match="no attribute 'convrt'"):
        wd.convrt  # noqa: B018
    crash = "import weightdecay as wd\nwd.convrt"
    done = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True, timeout=120, check=False)
    assert "Did you mean: 'convert'?" in done.stderr


def test_without_an_optional_package_its_names_are_left_out_and_told_of() -> None:
    brought = json.loads(fresh(f"{HIDE}from weightdecay import *\nprint(json.dumps(dir()))"))
    assert "LinearRegression" in brought and not {"NetworkRegressor", "audit", "SkorchMonitor"} & set(brought)
    told = fresh(f"{HIDE}import weightdecay as wd\ntry: wd.audit\nexcept ModuleNotFoundError as error: print(error)")
    assert told == "weightdecay.audit needs torch: pip install weightdecay[torch]\n"


@pytest.mark.parametrize("name", sorted(wd._OBJECTS))
def test_every_public_object_is_documented(name: str) -> None:
    value = getattr(wd, name)
    if not callable(value):  # a table of data has no docstring of its own: its module's speaks for it
        value = import_module(wd._OBJECTS[name])
    text = inspect.getdoc(value) or ""
    assert text.split("\n\n")[0].endswith("."), f"{name}: the docstring begins with a sentence"
    assert "Examples\n--------" in text and ">>>" in text, f"{name}: the docstring has an example that runs"


@pytest.mark.parametrize("name", sorted(wd._MODULES))
def test_every_public_module_lists_what_it_offers(name: str) -> None:
    module = import_module(wd._MODULES[name])
    assert module.__doc__
    assert all(inspect.getdoc(getattr(module, function)) for function in module.__all__)


def test_the_package_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()


def test_the_command_line_starts_by_module_name_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weightdecay", "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tune" in done.stdout
