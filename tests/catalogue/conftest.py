"""The command line, run within the test's process as a shell would run it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from weightdecay.cli.app import main


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run ``weightdecay`` with some words."""

    def command(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["weightdecay", *map(str, words)])
        capsys.readouterr()
        code = main()
        streams = capsys.readouterr()
        return Done(code, streams.out, streams.err)

    return command
