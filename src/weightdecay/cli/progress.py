"""One line on stderr that says how far long work is; nothing where nobody looks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE = 0.5  # seconds before the line appears: short work is its own answer


@final
class ProgressLine:
    """Steps done, time left and what is known so far, on one line that goes away at the end."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._began = 0.0

    def start(self, total: int, text: str) -> None:
        """Work of ``total`` steps begins."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from weightdecay import terminal

        columns = (BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=terminal.console(stderr=True), transient=True)
        self._bar.add_task(terminal.sentence(text), total=total)
        self._began = time.monotonic()

    def advance(self, text: str = "") -> None:
        """One step is done."""
        if self._bar is None:
            return
        from weightdecay import terminal

        for task in self._bar.task_ids:
            self._bar.update(task, advance=1, description=terminal.sentence(text) if text else None)
        if time.monotonic() - self._began > PATIENCE:
            self._bar.start()

    def finish(self) -> None:
        """The work is over."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_line() -> ProgressLine | None:
    """A line if stderr is a terminal, else nothing."""
    return ProgressLine() if sys.stderr.isatty() else None
