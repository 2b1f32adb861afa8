"""The protocol that lets one `tune` serve every engine: Fitter → Problem → Split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.grouping import Grouping
from weightdecay.records.held_out import HeldOut
from weightdecay.records.training import Training
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress

Array = NDArray[np.float64]
Scorer = Callable[..., float]


@dataclass(frozen=True)
class Facts:
    """What a `Tuning` reports of the problem it came from.

    Parameters
    ----------
    n_given : int
        Rows given.
    n_rows : int
        Rows with positive weight.
    weight_sum : float
        Σ of the sample weights.
    y_std : tuple of float
        Standard deviation (1/n) of each target.
    n_targets : int
    columns : tuple of str
    model_name : str
        Class of the estimator.
    standardize : bool
    loss_name : str
        The loss in words, ``"mean squared error"``.
    references : tuple of (str, float)
        Decays that people use without tuning, by name; 0 among them.
    target_names : tuple of str
        Names of the targets, where they have some.
    strata : ndarray of shape (n_given,) or None
        Classes that a number of folds deals out evenly.
    positive : ndarray of shape (n_given,) of bool, or None
        Rows with positive weight, None where all have.
    classes : tuple of str
        The classes of a classifier in words, in the order of its ``classes_``; empty where a number is predicted.
    fold_work : float
        Operations, roughly, that one more training set costs; inf where every decay is a fit of its own.
    grouping : Grouping or None
        Strengths of groups of columns, where these were tuned.
    l1_ratio : float
        Share of the L1 part in the penalty.
    """

    n_given: int
    n_rows: int
    weight_sum: float
    y_std: tuple[float, ...]
    n_targets: int
    columns: tuple[str, ...]
    model_name: str
    standardize: bool
    loss_name: str
    references: tuple[tuple[str, float], ...]
    target_names: tuple[str, ...] = ()
    strata: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    positive: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    classes: tuple[str, ...] = ()
    fold_work: float = 0.0
    grouping: Grouping | None = field(default=None, compare=False)
    l1_ratio: float = 0.0

    def of_target(self, number: int) -> Facts:
        """The same of one of several targets."""
        return replace(self, y_std=(self.y_std[number],), target_names=self.target_names[number : number + 1])


class Split(Protocol):
    """A problem with all its folds factorised together; asked for held-out losses again and again."""

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out losses of every fold at the decays (0 and inf allowed, any order).

        Paired errors refer to the best of the decays ``among``, by default of all.
        """
        ...


class Problem(Protocol):
    """A fitter opened on data: validated, immutable, in the engine's own form."""

    def facts(self) -> Facts:
        """What is known of the data."""
        ...

    def natural_cv(self) -> Any:
        """What ``cv="auto"`` means for these data: ``"loo"``, a number of folds or a splitter."""
        ...

    def candidates(self) -> Array:
        """A coarse regular lattice in log λ that spans the natural scale of these data, ascending."""
        ...

    def split(self, folds: Folds) -> Split:
        """Factorise every fold together."""
        ...

    def path(self, decays: Array) -> DecayPath:
        """Models fitted on all rows, one per decay."""
        ...

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria for the choice of λ, each (L,) or (L, t); smaller is better."""
        ...

    def diagnostics(self, decay: float | Array, folds: Folds) -> tuple[AnyDiagnostics, ...]:
        """The models at a decay, or at one per target, looked at closely: one per target, none where not to be had."""
        ...

    def estimator(self, decay: float | Array) -> Any:
        """The estimator fitted on all rows at a decay, or at one decay per target."""
        ...

    def findings(self) -> tuple[Finding, ...]:
        """What the data themselves give to say."""
        ...


@runtime_checkable
class ByEpoch(Protocol):
    """A problem whose models are trained epoch by epoch."""

    def training(self, decays: Array) -> Training | None:
        """How the models of the folds were trained, with the histories of those decays that were; trains nothing."""
        ...


class Fitter(Protocol):
    """Opens problems."""

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> Problem:
        """Validate the data and take them into the engine's own form."""
        ...


class Waiting(Exception):  # noqa: N818 - nothing is wrong
    """A split was asked for losses that are yet to be worked out beside those of others; ask again when they are."""


class Joint(Protocol):
    """Searches whose work is done together: a split asked for what is not known yet raises `Waiting`."""

    def work(self, progress: Progress) -> None:
        """Do at once all that splits were asked for; a listener is told of it as one stage or several."""
        ...

    def finish(self) -> None:
        """No search goes on: splits work on their own from now on."""
        ...


@runtime_checkable
class Jointly(Protocol):
    """A fitter whose settings can be tuned together."""

    def jointly(self, settings: Sequence[tuple[Mapping[str, Any], Any]]) -> Joint:
        """Tie the problems that these settings, (what differs, clone that has it), will open for the same data."""
        ...
