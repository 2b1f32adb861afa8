"""Interrupts: long work that is stopped keeps what was finished by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.held_out import HeldOut
from weightdecay.records.intervals import Intervals
from weightdecay.records.later import Later
from weightdecay.records.training import Training
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.later import worst_first

Array = NDArray[np.float64]


class Interrupted(KeyboardInterrupt):
    """The interrupt key was pressed while a decay was tuned; what was finished by then is kept.

    Whoever catches `KeyboardInterrupt` catches it too.

    Parameters
    ----------
    tuning : Tuning or None
        Of all decays that were finished, with the finding WD018; None while nothing is known.
    tried, asked : int
        How many decays those are, of how many that were given or, in a search, had been asked for by then.
    what : str
        What was counted: decays, or settings of a space.

    Examples
    --------
    Somebody interrupts the work after ten fits:

    >>> import numpy as np, weightdecay as wd
    >>> from sklearn.linear_model import Ridge
    >>> class Impatient:
    ...     fits = 0
    ...     def start(self, total, text): ...
    ...     def advance(self, text=""):
    ...         self.fits += 1
    ...         if self.fits > 10:
    ...             raise KeyboardInterrupt
    ...     def finish(self): ...
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 3)); y = X[:, 0] + rng.standard_normal(40)
    >>> try:
    ...     wd.tune(Ridge(), X, y, decays=[0.01, 0.1, 1.0], progress=Impatient())
    ... except wd.Interrupted as stopped:
    ...     print(stopped, stopped.tuning.decays)
    interrupted: 1 of 3 decays were tried; the result is of those [0.1]
    """

    def __init__(self, tuning: Tuning | None = None, tried: int = 0, asked: int = 0, what: str = "decays") -> None:
        result = "the result is of those" if tuning is not None else "too few for a result"
        known = f": {tried} of {asked} {what} were tried; {result}" if asked else ""
        super().__init__(f"interrupted{known}")
        self.tuning, self.tried, self.asked, self.what = tuning, tried, asked, what

    def told(self, whole: Callable[[Tuning], Tuning]) -> Interrupted:
        """The same, its `Tuning` told as a whole one is.

        Parameters
        ----------
        whole : callable
            Adds to a `Tuning` what is known of where it came from.

        Returns
        -------
        Interrupted
        """
        return Interrupted(None if self.tuning is None else whole(self.tuning), self.tried, self.asked, self.what)


class Halted(KeyboardInterrupt):
    """A split was interrupted between two decays.

    Parameters
    ----------
    held_out : HeldOut or None
        Of the decays that were finished; None where there are none.
    """

    def __init__(self, held_out: HeldOut | None) -> None:
        super().__init__()
        self.held_out = held_out


@dataclass(frozen=True, eq=False)
class Partial:
    """What a `Tuning` of interrupted work may ask of its problem: all that a whole one may, and it is told apart.

    Parameters
    ----------
    whole : Later
        What a whole one would ask.
    tried, asked : int
        Decays finished, and asked for by then.
    what : str
        What was counted.
    """

    whole: Later
    tried: int
    asked: int
    what: str = "decays"

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria at the decays."""
        return self.whole.opinions(decays)

    def path(self, decays: Array) -> DecayPath:
        """Fitted models at the decays."""
        return self.whole.path(decays)

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """WD018 and what the data and the curve give to say."""
        stopped = Finding(
            "WD018",
            "warning",
            f"the search was interrupted: {self.tried} of {self.asked} {self.what} were tried",
            "take this for a first look, and run the search to its end before relying on the decay",
        )
        return worst_first((stopped, *self.whole.findings(tuning)))

    def diagnostics(self) -> AnyDiagnostics | None:
        """The model in use looked at closely."""
        return self.whole.diagnostics()

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Intervals for the held-out loss."""
        return None  # who stops work does not wait for more of it

    def training(self, tuning: Tuning) -> Training | None:
        """How networks were trained."""
        return self.whole.training(tuning)

    def model(self) -> Any:
        """The estimator, refitted on all rows at the chosen decay."""
        return self.whole.model()
