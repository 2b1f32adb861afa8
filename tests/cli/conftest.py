"""The command line, run within the test's process as a shell would run it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from weightdecay.cli.app import main


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``weightdecay`` with some words."""

    def command(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["weightdecay", *map(str, words)])
        capsys.readouterr()
        code = main()
        streams = capsys.readouterr()
        return Done(code, streams.out, streams.err)

    return command


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows: columns a to d, a target, weights (0, 1 and 2) and twelve groups."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 100.0, 0.0, -3.0]
    y = X @ [1.0, -0.2, 3.0, 0.0] + 2.0 * rng.standard_normal(60)
    rows = (
        ",".join([*map(repr, [*map(float, x), float(value)]), str(row % 3), f"g{row % 12}"])
        for row, (x, value) in enumerate(zip(X, y, strict=True))
    )
    file = tmp_path_factory.mktemp("cli") / "data.csv"
    file.write_text("a,b,c,d,y,w,group\n" + "\n".join(rows) + "\n")
    return file
