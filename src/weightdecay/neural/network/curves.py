"""Curves: what training looked like at every decay, epoch by epoch, averaged over the folds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.neural.network.told import ONE_BY_ONE
from weightdecay.neural.population.schedules import mean_factor
from weightdecay.neural.population.training import Trained
from weightdecay.records.history import History
from weightdecay.records.training import Training, kept
from weightdecay.tuning.folds import Folds

if TYPE_CHECKING:
    from weightdecay.neural.network.problem import NetworkProblem

Array = NDArray[np.float64]

LAYER = "norm of the layer"
# What the losses of an objective are, where its name says something else.
HALVED = "half the squared error of the standardised target"


@final
@dataclass(eq=False)
class Curve:
    """One decay: weighted sums over folds of training losses and norms, and every fold's held-out losses."""

    training: Array
    norms: NDArray[np.float32]
    held_out: list[Array]
    weights: list[float]
    names: tuple[str, ...]
    lost: bool = False

    @property
    def average(self) -> Array:
        """Held-out losses (epochs + 1,), averaged over folds."""
        n = len(self.training)
        return np.asarray(np.average([one[:n] for one in self.held_out], axis=0, weights=self.weights))

    def take(self, other: Curve) -> None:
        """One more fold; of epochs that not all folds had, which stop early, nothing is kept."""
        n = min(len(self.training), len(other.training))
        self.training = self.training[:n] + other.training[:n]
        self.norms = self.norms[:n] + other.norms[:n]
        self.held_out += other.held_out
        self.weights += other.weights
        self.lost |= other.lost

    def history(self, decay: float, kind: str) -> History:
        """Means over the folds."""
        total, epochs = sum(self.weights), len(self.training) - 1
        message = f"{epochs} epochs of {kind}" + (", which diverged" if self.lost else "")
        norms = self.norms.astype(np.float64) / total
        return History(decay, norms, self.training / total, not self.lost, message, self.names, self.average, LAYER)

    def error(self) -> float:
        """Standard error over folds of the last held-out loss minus the least of the average; nan of one fold."""
        known = np.isfinite(self.average)
        if len(self.held_out) < 2 or not known.any():
            return math.nan
        last = len(self.training) - 1
        least = int(np.argmin(np.where(known, self.average, np.inf)))
        rise = np.array([one[last] - one[least] for one in self.held_out])
        off = rise - np.average(rise, weights=self.weights)
        return float(np.sqrt(np.average(off**2, weights=self.weights) / (len(rise) - 1)))


@final
@dataclass(eq=False)
class Curves:
    """Those of the folds that a tuning is about, which are the first that are trained."""

    folds: Folds | None = None
    known: dict[float, Curve] = field(default_factory=dict)
    networks: int = 0

    def keep(self, folds: Folds, weight: float, decay: float, trained: tuple[Trained, int]) -> None:
        """Take down a member of a portion, trained on a fold whose test rows have that weight."""
        self.folds = folds if self.folds is None else self.folds
        known = self.known.get(decay)
        if folds is not self.folds or (known is not None and len(known.weights) == len(folds.repeat)):
            return
        portion, member = trained
        training = portion.training[:, member].cpu().numpy().astype(np.float64) * weight
        norms = portion.norms[:, member].cpu().numpy().astype(np.float32) * np.float32(weight)
        held_out = portion.held_out[:, member].cpu().numpy().astype(np.float64)
        new = Curve(training, norms, [held_out], [weight], portion.names, bool(portion.diverged[member]))
        self.networks += 1
        if known is None:
            self.known[decay] = new
        else:
            known.take(new)

    def beside(self, decay: float, n: int) -> Array:
        """Held-out losses for a fit of so many epochs and its start, nan where they are not known; else none."""
        known = self.known.get(decay)
        if known is None:
            return np.zeros(0)
        found, average = np.full(n, np.nan), known.average[:n]
        found[: len(average)] = average
        return found


def training_of(problem: NetworkProblem, decays: Array) -> Training | None:
    """How the networks of the folds were trained, with the histories of some decays as far as these were trained."""
    curves, settings, schedule = problem.curves, problem.settings, problem.schedule
    each = [(float(decay), curves.known[decay]) for decay in np.unique(decays).tolist() if decay in curves.known]
    if not each:
        return None
    pace = _pace(problem)
    return Training(
        histories=tuple(kept(one.history(decay, settings.kind)) for decay, one in each),
        errors=tuple(one.error() for _, one in each),
        loss=problem.opened.objective.name if len(problem.opened.classes) else HALVED,
        optimizer=settings.kind,
        form=settings.form,
        learning_rate=float(problem.shell.learning_rate),
        dropout=problem.dropout,
        epochs=schedule.epochs,
        batch_size=schedule.batch_size,
        steps=problem.steps,
        pace=pace,
        timescales=pace * problem.steps * mean_factor(schedule.course),
        networks=curves.networks,
        together=ONE_BY_ONE not in problem.log.ways,
        early_stopping=problem.early,
    )


def _pace(problem: NetworkProblem) -> float:
    """Share of a weight that a step of decay takes per unit of λ, nan where there is none.

    Momentum μ makes of a decay in the gradient η/(1 − μ) in the long run; Adam divides it by the gradients' size.
    """
    settings, rate = problem.settings, float(problem.shell.learning_rate)
    share = 1.0 - settings.l1_ratio
    if share == 0.0:
        return math.nan
    if settings.form in ("coupled", "penalty"):
        return share * rate / (1.0 - settings.betas[0]) if settings.kind == "sgd" else math.nan
    return share * (1.0 if settings.form == "independent" else rate)
