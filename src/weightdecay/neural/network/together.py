"""Together: settings that differ by learning rate, dropout and seed alone, trained as members of one population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.neural.network.split import NetworkSplit, train_together
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.protocol import Waiting

if TYPE_CHECKING:
    from weightdecay.neural.network.problem import NetworkProblem

Array = NDArray[np.float64]

# What members of one population may differ in, besides their decay.
OWN = ("learning_rate", "dropout", "random_state")


@final
@dataclass(eq=False)
class Seat:
    """One setting among those that are tuned together: its problem, which is opened once, and what it waits for."""

    over: bool = False
    given: tuple[Any, ...] = ()
    problem: NetworkProblem | None = None
    split: NetworkSplit | None = None
    wanted: Array = field(default_factory=lambda: np.zeros(0))

    def opened(self, given: tuple[Any, ...], make: Callable[[], NetworkProblem]) -> NetworkProblem:
        """The problem of these data, tied to this seat; opened where it is not yet."""
        if self.over:
            return make()
        same = self.problem is not None and all(one is own for one, own in zip(given, self.given, strict=True))
        if self.problem is None or not same:
            self.given, self.problem, self.split = given, replace(make(), seat=self), None
        return self.problem

    def taken(self, split: NetworkSplit) -> NetworkSplit:
        """The split that remembers what was trained on these folds; of other folds one that trains on its own."""
        if self.over:
            return split
        if self.split is None:
            self.split = replace(split, wait=self.wait)
        return self.split if self.split.folds is split.folds else split

    def wait(self, decays: Array) -> None:
        """Ask for decays to be trained beside those of others.

        Raises
        ------
        Waiting
            Always, until all is over.
        """
        if self.over:
            return
        self.wanted = decays
        raise Waiting


@final
class Together:
    """Seats by population.

    Parameters
    ----------
    settings : sequence of (dict, estimator)
        What differs, and the clones that have it, which are seated.
    """

    def __init__(self, settings: Sequence[tuple[Mapping[str, Any], Any]]) -> None:
        groups: dict[tuple[tuple[str, int], ...], list[Seat]] = {}
        for params, candidate in settings:
            seat = Seat()
            candidate.seat_at(seat)
            # The values of a space are the same objects in all of its settings.
            shared = tuple((name, id(value)) for name, value in params.items() if name not in OWN)
            groups.setdefault(shared, []).append(seat)
        self.groups = list(groups.values())

    def work(self, progress: Progress) -> None:
        """Train what seats wait for: a population for each group."""
        for seats in self.groups:
            asked = [(one.split, one.wanted) for one in seats if one.split is not None and len(one.wanted)]
            if asked:
                train_together(asked, progress)
            for one in seats:
                one.wanted = np.zeros(0)

    def finish(self) -> None:
        """Nothing waits from now on, and what was trained is let go."""
        for one in (seat for seats in self.groups for seat in seats):
            one.over, one.given, one.problem, one.split = True, (), None, None
