"""The README is true: its Python runs as it stands, and so do its commands, away from the checkout."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def elsewhere(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for the examples, as the working directory."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(text: str, languages: str) -> list[str]:
    """What stands in the fenced blocks of some languages (alternatives of a regular expression)."""
    return re.findall(rf"^```(?:{languages})\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_its_python_runs(readme: str, elsewhere: Path) -> None:
    python = blocks(readme, "python|pycon")
    assert python
    names: dict[str, object] = {}
    for number, block in enumerate(python, start=1):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, names, f"README, Python block {number}", "README.md", 0)
            told: list[str] = []
            result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=told.append, clear_globs=False)
            assert not result.failed, "".join(told)
            names.update(test.globs)
        else:
            exec(compile(block, f"README, Python block {number}", "exec"), names)


# Each line as a shell would run it, but in one interpreter: most of a command's time goes into importing.
ONE_BY_ONE = """
import json, shlex, sys
from weightdecay.cli.app import main
for words in json.load(sys.stdin):
    sys.argv = words
    code = main()
    if code:
        sys.exit(f"{shlex.join(words)} ended with {code}")
"""


def test_its_commands_run(readme: str, elsewhere: Path) -> None:
    lines = "\n".join(blocks(readme, "sh|bash|console")).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    # scripts/tune is the command after an installation, which the tests already stand on.
    commands = [["weightdecay", "tune", *words[1:]] if words[:1] == ["scripts/tune"] else words for words in commands]
    ours = [words for words in commands if words[:1] == ["weightdecay"]]
    assert len(ours) > 10
    called: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 300, "check": False}
    first = subprocess.run([sys.executable, "-m", *ours[0]], **called)
    assert first.returncode == 0, first.stderr
    others = subprocess.run([sys.executable, "-c", ONE_BY_ONE], input=json.dumps(ours[1:]), **called)
    assert others.returncode == 0, others.stderr


def test_the_scripts_that_it_names_are_there(readme: str, repository: Path) -> None:
    named = set(re.findall(r"\bscripts/[\w-]+", readme))
    assert {"scripts/tune", "scripts/test"} <= named
    for name in named:
        assert (repository / name).stat().st_mode & 0o100, f"{name} cannot be run"
