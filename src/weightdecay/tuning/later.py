"""Later: what a finished `Tuning` may still ask of its problem, computed only then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.intervals import Intervals
from weightdecay.records.training import Training
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.class_findings import class_findings
from weightdecay.tuning.curve_findings import curve_findings
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.group_findings import group_findings
from weightdecay.tuning.l1_findings import l1_findings
from weightdecay.tuning.nested import Nested
from weightdecay.tuning.protocol import ByEpoch, Problem
from weightdecay.tuning.training_findings import telling, training_findings

Array = NDArray[np.float64]


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings by severity, then by code."""
    rank = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda one: (rank[one.severity], one.code)))


def _of_targets(targets: tuple[Tuning, ...]) -> Iterator[Finding]:
    """The targets' findings, each code once: for the first target that has it, and how many more have."""
    found: dict[str, list[tuple[int, Finding]]] = {}
    for number, target in enumerate(targets):
        for one in target.findings:
            found.setdefault(one.code, []).append((number, one))
    for (number, first), *more in found.values():
        others = f" (likewise {len(more)} more target{'s' if len(more) > 1 else ''})" if more else ""
        yield replace(first, message=f"target {number}: {first.message}{others}")


@dataclass(frozen=True, eq=False)
class OfProblem:
    """What the whole problem knows.

    Parameters
    ----------
    problem : Problem
    decay : float or ndarray of shape (t,)
        The choice, one per target when there are several.
    given : bool
        Whether the decays were given, rather than searched.
    folds : Folds
    nested : Nested
    """

    problem: Problem
    decay: float | Array
    given: bool
    folds: Folds
    nested: Nested

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria, averaged over targets."""
        found = self.problem.opinions(decays)
        return {name: values.mean(axis=1) if values.ndim > 1 else values for name, values in found.items()}

    def path(self, decays: Array) -> DecayPath:
        """Models at the decays."""
        return self.problem.path(decays)

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Findings of the data, and of the curve or, since each target has a decay of its own, of every target's."""
        grouped = group_findings(tuning)
        if not tuning.targets:
            # The diagnostics of the record are computed once, whoever asks for them first.
            classes = class_findings(tuning.diagnostics) if tuning.classes else ()
            of_curve = *curve_findings(tuning, given=self.given), *l1_findings(tuning), *training_findings(tuning)
            return worst_first((*self.problem.findings(), *of_curve, *classes, *grouped))
        return worst_first((*self.problem.findings(), *_of_targets(tuning.targets), *grouped))

    def diagnostics(self) -> AnyDiagnostics | None:
        """Of the only target; several have their own."""
        found = self.problem.diagnostics(self.decay, self.folds)
        return found[0] if len(found) == 1 else None

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Of the only target; several have their own."""
        return None if tuning.targets else self.nested.intervals(tuning)

    def training(self, tuning: Tuning) -> Training | None:
        """How networks were trained at the decays that are worth a look."""
        return self.problem.training(telling(tuning)) if isinstance(self.problem, ByEpoch) else None

    def model(self) -> Any:
        """The estimator at the chosen decay."""
        return self.problem.estimator(self.decay)


@dataclass(frozen=True, eq=False)
class OfTarget:
    """The same for one of several targets.

    Parameters
    ----------
    problem : Problem
    number : int
    decay : ndarray of shape (t,)
        The choices of all targets.
    given : bool
    folds : Folds
    nested : Nested
        Of all targets.
    """

    problem: Problem
    number: int
    decay: Array
    given: bool
    folds: Folds
    nested: Nested

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria of this target."""
        return {name: values[:, self.number] for name, values in self.problem.opinions(decays).items()}

    def path(self, decays: Array) -> DecayPath:
        """Models of this target."""
        whole = self.problem.path(decays)
        return replace(
            whole,
            coef=whole.coef[:, self.number],
            intercept=whole.intercept[:, self.number],
            df=whole.df if whole.df.ndim == 1 else whole.df[:, self.number],
            train_loss=whole.train_loss[:, self.number],
            target_names=whole.target_names[self.number : self.number + 1],
        )

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Findings of this target's curve; those of the data are in the outer record."""
        return worst_first((*curve_findings(tuning, given=self.given), *l1_findings(tuning)))

    def diagnostics(self) -> AnyDiagnostics | None:
        """Of this target."""
        found = self.problem.diagnostics(self.decay, self.folds)
        return found[self.number] if found else None

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Of this target."""
        return self.nested.intervals(tuning, self.number)

    def training(self, tuning: Tuning) -> Training | None:
        """There is one training for all targets."""
        return None

    def model(self) -> Any:
        """There is one model for all targets."""
        raise ValueError("the model of several targets is in the outer Tuning: use tuning.model")
