"""Fitters: every estimator that `tune` is given, as one that opens problems."""

from __future__ import annotations

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
    from sklearn.base import clone

    if isinstance(estimator, Ours):
        copy = clone(estimator)
        return copy, copy.request()
    return ForeignFitter(estimator), Request()
