"""One line on stderr that says how far long work is; nothing where nobody looks."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE = 0.5  # seconds before the line appears: short work is its own answer


@final
class ProgressLine:
    """Steps done, time left and what is known so far, on one line that goes away at the end.

    Stages add up: the line shows the steps of all that were begun. It appears by itself where a step takes long.
    """

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._timer: threading.Timer | None = None
        self._steps = 0

    def start(self, total: int, text: str) -> None:
        """A stage of ``total`` steps begins."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from weightdecay import terminal

        self._steps += total
        if self._bar is not None:
            self._tell(text, advance=0)
            return
        columns = (BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=terminal.console(stderr=True), transient=True)
        self._bar.add_task(terminal.sentence(text), total=total)
        self._timer = threading.Timer(max(PATIENCE, 0.0), self._bar.start)
        self._timer.daemon = True
        if PATIENCE > 0:
            self._timer.start()
        else:
            self._bar.start()

    def advance(self, text: str = "") -> None:
        """One step is done."""
        self._tell(text, advance=1)

    def _tell(self, text: str, *, advance: int) -> None:
        """Show what is known; the words before stay where there are none."""
        from weightdecay import terminal

        if self._bar is None:
            return
        for task in self._bar.task_ids:
            words = terminal.sentence(text) if text else None
            self._bar.update(task, advance=advance, total=self._steps, description=words)

    def finish(self) -> None:
        """The work is over."""
        if self._timer is not None:
            self._timer.cancel()
            if self._timer.is_alive():
                self._timer.join()  # it may be about to show the line
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_line() -> ProgressLine | None:
    """A line if stderr is a terminal, else nothing."""
    return ProgressLine() if sys.stderr.isatty() else None
