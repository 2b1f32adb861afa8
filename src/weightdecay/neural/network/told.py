"""Told: what training has to say of itself, as findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from weightdecay.records.finding import Finding

ONE_BY_ONE = "one by one"


@final
@dataclass(eq=False)
class Log:
    """How networks were trained.

    Attributes
    ----------
    ways : set of str
        How their modules were computed.
    asked, held : int
        Networks of the largest population that memory did not hold as a whole, and how many of them at once it held; 0
        where there was none.
    """

    ways: set[str] = field(default_factory=set)
    asked: int = 0
    held: int = 0

    def note(self, asked: int, held: int) -> None:
        """A population of which memory held so many networks."""
        if held < asked and asked > self.asked:
            self.asked, self.held = asked, held

    def findings(self) -> tuple[Finding, ...]:
        """Of a module that cannot be vectorised, and of memory that was too small."""
        found = []
        if ONE_BY_ONE in self.ways:
            found.append(
                Finding(
                    "WD029",
                    "info",
                    "the module cannot be vectorised, so that its networks were trained one by one",
                    "the result is the same, only later: a forward pass without .item() and branches on values "
                    "(torch.where in their place), or layers in a torch.nn.Sequential, train as one population",
                )
            )
        if self.asked:
            found.append(
                Finding(
                    "WD030",
                    "info",
                    f"memory did not hold {self.asked} networks at once: they were trained {self.held} at a time",
                    "the result is the same, only later: a smaller batch_size, narrower layers or fewer folds leave "
                    "room for more",
                )
            )
        return tuple(found)
