"""Progress: how long work tells that it goes on, without knowing to whom."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to long work; the command line shows it as a line, a notebook as a bar, a log file as nothing.

    Whatever has these three methods may listen; `tune` calls ``start`` once, ``advance`` for every step that it
    promised, and ``finish`` always.

    Examples
    --------
    >>> import weightdecay as wd
    >>> class Printed:
    ...     def start(self, total, text):
    ...         print(f"{total} steps: {text}")
    ...     def advance(self, text=""):
    ...         print("done:", text)
    ...     def finish(self):
    ...         print("over")
    >>> X, y = [[1.0], [2.0], [3.0], [5.0]], [1.0, 3.0, 2.0, 6.0]
    >>> tuning = wd.tune(wd.LinearRegression(), X, y, decays=[0.1, 1.0], progress=Printed())
    3 steps: factorising the folds
    done: searching the decays
    done: 2 decays, 4 folds
    done: best decay 0.1
    over
    """

    def start(self, total: int, text: str) -> None:
        """Work begins.

        Parameters
        ----------
        total : int
            Steps that it will take.
        text : str
            What it is.
        """
        ...

    def advance(self, text: str = "") -> None:
        """One step is done.

        Parameters
        ----------
        text : str
            What is known so far.
        """
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
