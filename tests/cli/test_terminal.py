"""What a terminal sees: progress, colours unless unwanted, straight columns, and nothing of the data's making."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import weightdecay as wd
from weightdecay.cli import progress

Run = Callable[..., Any]
PLAIN = ("--target", "y", "--drop", "w,group")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal of 100 columns in the place of a stream."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream = io.TextIOWrapper(io.FileIO(slave, "w"), encoding="utf-8", write_through=True)

    def seen(self) -> str:
        """What has been written to it."""
        self.stream.flush()
        os.set_blocking(self._master, False)
        parts = []
        while True:
            try:
                parts.append(os.read(self._master, 1 << 16))
            except (BlockingIOError, OSError):
                return b"".join(parts).decode()

    def close(self) -> None:
        """Hand the terminal back."""
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal that knows colours, for a test to put in the place of a stream."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    opened = Terminal()
    yield opened
    opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress shows at the first step."""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)


def words(text: str) -> str:
    """Text without what moves the cursor or colours it."""
    return ESCAPE.sub("", text)


@pytest.mark.usefixtures("impatient")
def test_long_work_shows_one_line_that_goes_away(
    run: Run, data: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("tune", data, *PLAIN, "--json").out
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    done = run("tune", data, *PLAIN, "--json")
    seen = terminal.seen()
    assert (done.code, done.out) == (0, expected)
    assert "0/3 -:--:-- tuning on 60 rows × 4 columns, leave-one-out over 60 rows" in words(seen)
    assert "3/3" in words(seen) and "best decay" in words(seen)
    assert seen.rstrip().endswith("\x1b[2K"), "the line is wiped at the end"
    # Nothing but the one line: every line end is followed by a way back up.
    assert seen.count("\n") <= seen.count("\x1b[1A") + 1


def test_short_work_shows_no_line(run: Run, data: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 1e6)
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    assert run("tune", data, *PLAIN).code == 0
    assert terminal.seen() == ""


def test_a_step_that_takes_long_shows_the_line_by_itself(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    line = progress.ProgressLine()
    line.start(3, "tuning on [red]much[/]")
    end = time.monotonic() + 60
    seen = ""
    while "tuning on" not in seen and time.monotonic() < end:
        time.sleep(0.05)
        seen += words(terminal.seen())
    assert "0/3 -:--:-- tuning on [red]much[/]" in seen
    line.finish()
    line.finish()
    assert terminal.seen().endswith("\x1b[2K")


@pytest.mark.usefixtures("impatient")
def test_stages_add_up_and_what_is_known_stays(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    line = progress.ProgressLine()
    line.start(2, "fitting 1 decay × 2 folds")
    line.advance("best so far: decay 0.1")
    line.advance()
    line.start(4, "fitting 2 decays × 2 folds")
    line.advance("best so far: decay 0.3")
    line.advance()
    line.finish()
    last = words(terminal.seen()).rstrip().splitlines()[-1]
    assert re.search("4/6 .*best so far: decay 0.3", last)
    line.advance("nothing after the end")
    assert terminal.seen() == ""


@pytest.mark.usefixtures("impatient")
def test_no_line_where_nobody_looks(run: Run, data: Path) -> None:
    assert run("tune", data, *PLAIN).err == ""


@pytest.mark.usefixtures("impatient")
def test_the_line_is_gone_before_a_sentence_on_what_failed(
    run: Run, data: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    assert run("tune", data, *PLAIN, "--scoring", "neg_mean_squared_log_error").code == 1
    before, _, sentence = terminal.seen().partition("weightdecay: the scoring cannot judge")
    assert "searching the decays" in words(before) and before.endswith("\x1b[2K")
    assert "\x1b" not in sentence


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), (None, "")])
def test_colours_are_for_terminals_that_want_them(
    name: str | None, value: str, run: Run, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(f"{row},{row},{row % 5}\n" for row in range(20)))
    if name:
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    assert run("tune", tmp_path / "data.csv", "--target", "y").code == 0
    seen = terminal.seen()
    assert "warning" in words(seen)
    colours = [code for code in re.findall(r"\x1b\[([0-9;]*)m", seen) if re.search(r"\b[349][0-7]\b", code)]
    assert bool(colours) == (name is None)


def test_files_and_pipes_get_no_codes_and_whole_lines(run: Run, data: Path) -> None:
    done = run("tune", data, *PLAIN)
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) > 100, "a long sentence is not broken"


WIDE = ["名前", "ширина", "größe", "عرض", "🙂", "a" * 60]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_columns_stay_straight_under_wide_names(width: int, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rows = "".join(",".join(f"{(row * (j + 2)) ** 2 % 17}.5" for j in range(len(WIDE) + 1)) + "\n" for row in range(30))
    file.write_text(",".join([*WIDE, "y"]) + "\n" + rows, encoding="utf-8")
    table = wd.read(file, "y")
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(wd.terminal.path(wd.path(wd.LinearRegression(), table.X, table.y, [0.1, 1.0, 10.0]), table))
    lines = console.export_text().splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(" decay"))
    grid = [line for line in lines[first:] if line.strip()]
    ends = {cell_len(line.rstrip()) for line in grid if re.search(r"\d$", line.rstrip())}
    assert len(ends) == 1 and ends.pop() <= width
    assert all(any(line.strip().startswith(name[:4]) for line in grid) for name in WIDE)


HOSTILE = [
    "[red]x[/red]",
    "[/]",
    "a\\",
    "\x1b[2Jcleared",
    "\x07bell",
    "abc\u202edef",
    "a\u200bb",
    "e" + "\u0301" * 50,
    ":smile:",
]


@pytest.mark.parametrize("command", ["tune", "path"])
def test_hostile_names_do_nothing_to_a_terminal(
    command: str, run: Run, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "[bold]\x1b[2J[red].csv"
    rows = "".join(
        ",".join(f"{(row * (j + 2)) ** 2 % 19}" for j in range(len(HOSTILE) + 1)) + "\n" for row in range(40)
    )
    file.write_text(",".join([*HOSTILE, "[blink]y"]) + "\n" + rows, encoding="utf-8")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    assert run(command, file, "--target", "[blink]y").code == 0
    seen = terminal.seen()
    assert set(re.findall(r"\x1b\[[0-9;?]*[A-Za-z]", seen)) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}, "bold and dim alone"
    assert not set("\x07\u202e\u200b") & set(seen) and "\u0301" * 6 not in seen
    assert "[bold]" in seen and "[blink]y" in seen
    if command == "path":
        assert "[red]x[/red]" in seen and "a\\" in seen and ":smile:" in seen
