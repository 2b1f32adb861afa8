"""Who may import whom. The folders are rooms, and this is the plan of the house (CONTRIBUTING.md tells why)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import pytest

from source_trees import ROOT, Source, called, imports, package

# Folder -> the folders of ours that it may import, besides itself.
WALLS: dict[str, set[str]] = {
    "decay": set(),
    "records": {"decay"},
    "tuning": {"decay", "records"},
    "linear": {"decay", "records", "tuning"},
    "neural": {"decay", "records", "tuning"},
    "tables": {"records"},
    "show": {"decay", "records"},
    "studies": {"decay", "records", "tuning", "linear", "neural", "tables"},
    "cli": set(),
}
# Who may use the door: the command line, as an ordinary user, and the file that starts it.
DOOR_USERS = {"cli"}
TOP_FILES = {"__init__.py": set(WALLS), "__main__.py": {"cli"}}
# Package of others -> the only folders that may import it.
OWNERS = {
    "torch": {"neural"},
    "matplotlib": {"show"},
    "polars": {"tables"},
    "rich": {"show", "cli"},
    "typer": {"cli"},
}
# Folder -> all that it may import of others, besides the standard library: the formulas stay usable everywhere.
FRUGAL = {"decay": {"numpy"}}
CARRIES_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}

Rule = Callable[[Source], Iterator[str]]


def folder_walls(source: Source) -> Iterator[str]:
    """A folder imports only the folders below it."""
    if source.folder and source.folder not in WALLS:
        yield f"{source.path}: the folder {source.folder} has no place in the plan; give it one in WALLS"
        return
    allowed = WALLS[source.folder] | {source.folder} if source.folder else TOP_FILES.get(source.path.name, set())
    for found in imports(source):
        parts = found.name.split(".")
        if parts[0] == "weightdecay" and len(parts) > 1 and parts[1] in WALLS and parts[1] not in allowed:
            yield f"{source.path}:{found.line} {source.folder or source.path.stem} imports {parts[1]}: a wall"


def door_from_inside(source: Source) -> Iterator[str]:
    """Nothing inside imports the door: ``import weightdecay`` and its public names are for users."""
    if source.folder in DOOR_USERS:
        return
    for found in imports(source):
        parts = found.name.split(".")
        if parts[0] == "weightdecay" and (len(parts) == 1 or parts[1] not in WALLS):
            yield f"{source.path}:{found.line} imports the door from inside the house; import from where it is defined"


def owners(source: Source) -> Iterator[str]:
    """A heavy package has one home, so that all else works, and loads quickly, without it."""
    for found in imports(source):
        top = found.name.split(".")[0]
        if top in OWNERS and source.folder not in OWNERS[top]:
            yield f"{source.path}:{found.line} imports {top}, which is only for {' and '.join(sorted(OWNERS[top]))}"


def frugal_folders(source: Source) -> Iterator[str]:
    """The formulas need NumPy at most."""
    if source.folder not in FRUGAL:
        return
    for found in imports(source):
        top = found.name.split(".")[0]
        if top not in {"weightdecay", *FRUGAL[source.folder], *sys.stdlib_module_names}:
            yield f"{source.path}:{found.line} {source.folder} imports {top}"


def computed_imports(source: Source) -> Iterator[str]:
    """Only the door, and the command that a user's module is named to, import by a computed name."""
    if str(source.path) in ("__init__.py", "cli/audit.py"):
        return
    literal = {found.line for found in imports(source)}
    for call in (node for node in source.calls() if called(node).split(".")[-1] in ("import_module", "__import__")):
        if call.lineno not in literal:
            yield f"{source.path}:{call.lineno} imports by a computed name"


def code_in_data(source: Source) -> Iterator[str]:
    """Nothing loads or stores data in a form that can carry code."""
    for found in imports(source):
        if found.name.split(".")[0] in CARRIES_CODE or found.name in ("joblib.dump", "joblib.load"):
            yield f"{source.path}:{found.line} imports {found.name}: loading such a file can run code"
    for call in source.calls():
        pickled = any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in call.keywords)
        if called(call) in ("eval", "exec", "joblib.dump", "joblib.load", "torch.load") or pickled:
            yield f"{source.path}:{call.lineno} calls {called(call)}: data could run code"


RULES: tuple[Rule, ...] = (folder_walls, door_from_inside, owners, frugal_folders, computed_imports, code_in_data)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    findings = [finding for source in package() for finding in rule(source)]
    assert not findings, "\n".join(findings)


def test_the_package_was_found() -> None:
    assert {"decay", "records", "tuning", "linear"} <= {source.folder for source in package()}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= set(WALLS)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (folder_walls, "decay/a.py", "from weightdecay.records.finding import Finding"),
        (folder_walls, "decay/a.py", "from weightdecay import records"),
        (folder_walls, "decay/deep/a.py", "from ...records import finding"),
        (folder_walls, "records/a.py", "def late():\n    import weightdecay.tuning.folds"),
        (folder_walls, "linear/a.py", "from ..neural.network import Network"),
        (folder_walls, "show/a.py", "if TYPE_CHECKING:\n    from weightdecay.studies.tuning import tune"),
        (folder_walls, "studies/a.py", "from weightdecay.show import terminal"),
        (folder_walls, "cli/a.py", "from weightdecay.show.terminal import console"),
        (folder_walls, "cli/a.py", "import_module('weightdecay.show.terminal')"),
        (folder_walls, "__main__.py", "from weightdecay.linear import estimators"),
        (folder_walls, "attic/a.py", ""),
        (door_from_inside, "linear/a.py", "import weightdecay as wd"),
        (door_from_inside, "linear/a.py", "from weightdecay import Penalty"),
        (door_from_inside, "show/a.py", "from .. import convert"),
        (owners, "linear/a.py", "import torch.nn as nn"),
        (owners, "tuning/a.py", "def late():\n    from rich.progress import Progress"),
        (owners, "studies/a.py", "import matplotlib.pyplot as plt"),
        (owners, "show/a.py", "import polars"),
        (owners, "show/a.py", "import typer"),
        (frugal_folders, "decay/a.py", "from scipy.special import expit"),
        (computed_imports, "studies/a.py", "importlib.import_module(name)"),
        (code_in_data, "studies/a.py", "import pickle"),
        (code_in_data, "studies/a.py", "from joblib import dump"),
        (code_in_data, "studies/a.py", "import joblib\njoblib.load(path)"),
        (code_in_data, "tables/a.py", "numpy.load(path, allow_pickle=True)"),
        (code_in_data, "tables/a.py", "eval(cell)"),
    ],
)
def test_a_violation_is_found(rule: Rule, path: str, text: str) -> None:
    assert len(list(rule(Source(PurePosixPath(path), text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "decay/a.py",
            "import math\nimport numpy as np\nfrom weightdecay.decay.units import convert\nfrom . import units",
        ),
        ("records/a.py", "from weightdecay.decay.penalty import Penalty"),
        (
            "linear/a.py",
            "import joblib\njoblib.Parallel()\nfrom ..tuning import folds\nnumpy.load(path, allow_pickle=False)",
        ),
        ("neural/a.py", "import torch\nfrom weightdecay.tuning import folds"),
        ("show/a.py", "import matplotlib\nimport rich\nimport weightdecay.records.tuning"),
        ("studies/a.py", "from weightdecay import linear, tables\nimport_module('weightdecay.neural.network')"),
        (
            "cli/a.py",
            "import rich\nimport typer\nimport weightdecay as wd\nfrom weightdecay import tune\nfrom . import convert",
        ),
        ("__main__.py", "from weightdecay.cli.app import main"),
        ("__init__.py", "import_module(_OBJECTS[name])"),
    ],
)
def test_what_is_allowed_passes(path: str, text: str) -> None:
    source = Source(PurePosixPath(path), text)
    assert [finding for rule in RULES for finding in rule(source)] == []
