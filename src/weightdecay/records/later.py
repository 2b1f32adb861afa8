"""Later: what a `Tuning` may ask for after the search, from the work it came from or from what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.intervals import Intervals
from weightdecay.records.training import Training

if TYPE_CHECKING:
    from weightdecay.records.tuning import Tuning

Array = NDArray[np.float64]


class Later(Protocol):
    """What a `Tuning` may still ask of the work it came from; each is computed once, when asked for."""

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria at the decays."""
        ...

    def path(self, decays: Array) -> DecayPath:
        """Fitted models at the decays."""
        ...

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """What the user should know."""
        ...

    def diagnostics(self) -> AnyDiagnostics | None:
        """The model in use looked at closely; None where that is not to be had."""
        ...

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Intervals for the held-out loss; None for several targets together."""
        ...

    def training(self, tuning: Tuning) -> Training | None:
        """How networks were trained; None of other models, and of one of several targets."""
        ...

    def model(self) -> Any:
        """The estimator, refitted on all rows at the chosen decay."""
        ...


@dataclass(frozen=True)
class Known:
    """Results that are already there (read from JSON, or asked for before)."""

    known_opinions: Mapping[str, Array] = field(default_factory=dict)
    known_path: DecayPath | None = None
    known_findings: tuple[Finding, ...] = ()
    known_diagnostics: AnyDiagnostics | None = None
    known_intervals: Intervals | None = None
    known_training: Training | None = None

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """The opinions that were stored."""
        return self.known_opinions

    def path(self, decays: Array) -> DecayPath:
        """The path that was stored."""
        if self.known_path is None:
            raise ValueError(
                "this Tuning was read without its path (it was too large for JSON); use wd.path on the data"
            )
        return self.known_path

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """The findings that were stored."""
        return self.known_findings

    def diagnostics(self) -> AnyDiagnostics | None:
        """The diagnostics that were stored."""
        return self.known_diagnostics

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """The intervals that were stored."""
        return self.known_intervals

    def training(self, tuning: Tuning) -> Training | None:
        """The training that was stored."""
        return self.known_training

    def model(self) -> Any:
        """No model without the data."""
        raise ValueError("this Tuning was read from JSON and holds no model; fit the estimator at decay=tuning.decay")
