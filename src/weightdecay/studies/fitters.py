"""Fitters: every estimator that `tune` is given, as one that opens problems."""

from __future__ import annotations

from copy import copy
from typing import Any, Protocol, runtime_checkable

from weightdecay.studies.foreign import ForeignFitter
from weightdecay.tuning.protocol import Fitter, Problem
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
    if isinstance(estimator, Ours):
        # Opening sets names and counts of columns: on a copy, which shares the parameters it never changes.
        mine = copy(estimator)
        return mine, mine.request()
    return ForeignFitter(estimator), Request()
