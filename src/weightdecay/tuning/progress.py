"""Progress: how long work tells that it goes on, without knowing to whom."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to long work; the command line shows it as a line, a notebook as a bar, a log file as nothing."""

    def start(self, total: int, text: str) -> None:
        """Work of ``total`` steps begins."""
        ...

    def advance(self, text: str = "") -> None:
        """One step is done; the text says what is known so far."""
        ...

    def finish(self) -> None:
        """The work is over, whether it succeeded or not."""
        ...


class Silent:
    """The listener that shows nothing."""

    def start(self, total: int, text: str) -> None:
        """Show nothing."""

    def advance(self, text: str = "") -> None:
        """Show nothing."""

    def finish(self) -> None:
        """Show nothing."""
