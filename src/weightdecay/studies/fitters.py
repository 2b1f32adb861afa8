"""Fitters: every estimator that `tune` is given, as one that opens problems."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

from weightdecay.studies.foreign import ForeignFitter
from weightdecay.studies.penalties import last_step, penalised
from weightdecay.tuning.protocol import Fitter, Jointly, Problem
from weightdecay.tuning.request import Request


@runtime_checkable
class Ours(Protocol):
    """An estimator that opens problems itself."""

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> Problem:
        """Validate the data and open them."""
        ...

    def request(self) -> Request:
        """What it asks of a search."""
        ...


def fitter_of(estimator: Any) -> tuple[Fitter, Request]:
    """A fitter and the estimator's own request; ours open themselves, foreign ones are refitted."""
    _check_instance(estimator)
    if isinstance(estimator, Ours):
        # Opening sets names and counts of columns: on a copy, which shares the parameters it never changes.
        mine = copy(estimator)
        return mine, mine.request()
    final, _ = last_step(estimator)
    return ForeignFitter(estimator), final.request() if isinstance(final, Ours) else Request()


def searched_parameters(estimator: Any) -> Mapping[str, str]:
    """Parameters that no space may hold, since a search for the decay sets or reads them, each with the reason."""
    _check_instance(estimator)
    tuned = "is tuned for every setting; give decays= for the values to try"
    final, prefix = last_step(estimator)
    if isinstance(final, Ours):
        how = "says how every setting is tuned; set it once, for all of them"
        names = {one.name for one in fields(Request)}
        if isinstance(final, Jointly):
            names.discard(
                "random_state"
            )  # of initial weights and batches too; the folds are those of the first setting
        return {**{prefix + name: how for name in sorted(names)}, "decay": tuned, f"{prefix}decay": tuned}
    return {"decay": tuned, penalised(estimator).parameter: tuned}


def _check_instance(estimator: Any) -> None:
    """Refuse a class where an estimator is expected."""
    if isinstance(estimator, type):
        raise ValueError(f"estimator is the class {estimator.__name__}; give an instance: {estimator.__name__}()")
