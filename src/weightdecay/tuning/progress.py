"""Progress: how long work tells that it goes on, without knowing to whom."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


class Progress(Protocol):
    """A listener to long work; the command line shows it as a line, a notebook as a bar, a log file as nothing.

    Whatever has these three methods may listen. `tune` calls ``start`` when a stage of the work begins, ``advance`` for
    every step that it promised, and ``finish`` once, always. Of an estimator that is refitted every fit is a step, and
    every round of a search a stage; our own are done in one stage of three steps.

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
    3 steps: tuning on 4 rows × 1 column, 4 folds
    done: searching the decays
    done: 2 decays, 4 folds
    done: best decay 0.1
    over
    """

    def start(self, total: int, text: str) -> None:
        """A stage of the work begins.

        Parameters
        ----------
        total : int
            Steps that this stage will take.
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


@runtime_checkable
class Stepwise(Protocol):
    """A problem whose every held-out loss is a fit of its own, so that it tells of single fits itself."""

    def listening(self, progress: Progress) -> Any:
        """The same problem, whose splits tell a listener of every fit."""
        ...
