"""The example tables are what their README says, come from their script, and work."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

NUMERIC = {"diabetes.csv": "progression", "breast_cancer.csv": "malignant", "wine.csv": "cultivar"}


@pytest.fixture(scope="session")
def examples(repository: Path) -> Path:
    return repository / "examples"


@pytest.fixture(scope="session")
def made(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the script has just filled."""
    folder = tmp_path_factory.mktemp("examples")
    runpy.run_path(str(examples / "make.py"))["main"](folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", NUMERIC)
def test_the_script_makes_the_numeric_tables(name: str, examples: Path, made: Path) -> None:
    assert (made / name).read_bytes() == (examples / name).read_bytes()


def test_the_penguins_are_as_published(examples: Path) -> None:
    """The digest is that of ``palmerpenguins/data/penguins.csv`` in the wheel of palmerpenguins 0.1.6."""
    digest = hashlib.sha256((examples / "penguins.csv").read_bytes()).hexdigest()
    assert digest == "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93"


def test_the_penguins_have_text_and_missing_values(examples: Path) -> None:
    penguins = rows(examples / "penguins.csv")
    assert {row["species"] for row in penguins} == {"Adelie", "Chinstrap", "Gentoo"}
    assert sum(row["sex"] == "NA" for row in penguins) == 11
    assert sum(row["body_mass_g"] == "NA" for row in penguins) == 2


def test_every_table_has_its_line_on_origin_and_licence(examples: Path) -> None:
    text = (examples / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\S+\.csv)` \| (\d+) × (\d+) \| `(\w+)` .*(?:CC|BSD)", text, re.MULTILINE)
    told = {name: (int(count), int(columns), target) for name, count, columns, target in lines}
    assert set(told) == {path.name for path in examples.glob("*.csv")}
    for name, (count, columns, target) in told.items():
        table = rows(examples / name)
        assert (len(table), len(table[0]) - 1) == (count, columns)
        assert target in table[0]


@pytest.mark.parametrize(
    ("name", "target"),
    [pytest.param(*one, marks=pytest.mark.long if one[0] == "breast_cancer.csv" else ()) for one in NUMERIC.items()],
)
def test_the_command_line_tunes_a_numeric_table(name: str, target: str, examples: Path) -> None:
    command = [sys.executable, "-m", "weightdecay", "tune", str(examples / name), "--target", target, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["decay"] < math.inf
