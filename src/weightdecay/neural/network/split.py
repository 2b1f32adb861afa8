"""Split: folds × decays of a network as members of one population."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from weightdecay.neural.network.opened import Scales
from weightdecay.neural.population.groups import trained
from weightdecay.neural.population.training import Task, Trained
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.selection import from_folds, from_rows

if TYPE_CHECKING:
    from weightdecay.neural.network.problem import NetworkProblem

Array = NDArray[np.float64]
Index = NDArray[np.intp]

DIVERGED, CONSTANT = "diverged", "constant"


@final
@dataclass(frozen=True, eq=False)
class Fold:
    """Outputs (m, k) on the test rows by decay, in the units of the targets, and how they came about."""

    train: Index
    test: Index
    scales: Scales
    outputs: dict[float, Array] = field(default_factory=dict)
    status: dict[float, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, eq=False)
class NetworkSplit:
    """The folds of a plan; members that were trained once are kept."""

    problem: NetworkProblem
    folds: Folds
    told: Callable[[int, int], None] | None = None
    known: list[Fold] = field(default_factory=list)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out loss (or −score) of every fold and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        if not self.known:
            pairs = list(self.folds.splits())
            self.known.extend(Fold(train, test, self.problem.opened.scales(train)) for train, test in pairs)
        self._train(decays)
        F, L = len(self.known), len(decays)
        loss, weight = np.full((F, L), np.nan), np.ones(F)
        status = np.array([[one.status[float(decay)] for decay in decays] for one in self.known], dtype="<U24")
        opened = self.problem.opened
        for number, fold in enumerate(self.known):
            outputs = np.stack([fold.outputs[float(decay)] for decay in decays], axis=1)
            s = opened.weight[fold.test]
            if scoring is not None:
                loss[number] = self.problem.scored(scoring, fold.test, outputs)
                continue
            rows = opened.losses(fold.test, outputs)
            if F == 1:
                return from_rows(decays, rows, s, status, among)
            loss[number], weight[number] = s @ rows / s.sum(), s.sum()
        if scoring is not None and F == 1:
            nothing = np.full(L, np.nan)
            return HeldOut(decays, loss, np.ones(1), nothing, nothing, status)
        return from_folds(decays, loss, weight, self.folds.repeat, status, among=among)

    def _train(self, decays: Array) -> None:
        """Train what is new, all folds together."""
        new = np.array([one for one in np.unique(decays) if one not in self.known[0].outputs])
        for fold in self.known:
            if np.isinf(new).any():
                constant = self.problem.opened.constant(fold.train)
                fold.outputs[np.inf] = np.repeat(constant[None], len(fold.test), axis=0)
                fold.status[np.inf] = CONSTANT
        finite = new[np.isfinite(new)]
        if not len(finite):
            return
        members = self.problem.members(finite)
        work = [(self._task(fold), members) for fold in self.known]
        total = len(work) * len(finite)
        told = self.told
        found = trained(
            work, self.problem.settings, self.problem.schedule, None if told is None else lambda done: told(done, total)
        )
        for fold, portions in zip(self.known, found, strict=True):
            self._keep(fold, finite, portions)

    def _task(self, fold: Fold) -> Task:
        return self.problem.task(fold.train, fold.scales, fold.test)

    def _curve(self, decay: float, portion: Trained, member: int) -> None:
        """Take down how training went, for the model at this decay."""
        curve = portion.held_out[:, member].cpu().numpy().astype(np.float64)
        self.problem.curves.setdefault(decay, []).append(curve)

    def _keep(self, fold: Fold, decays: Array, portions: list[Trained]) -> None:
        """Outputs of members on a fold's test rows, in float64."""
        place = 0
        x = torch.as_tensor(fold.scales.inputs(self.problem.opened.X[fold.test]))
        for portion in portions:
            for member in range(len(portion.rows)):
                decay = float(decays[place])
                place += 1
                self._curve(decay, portion, member)
                if bool(portion.diverged[member]):
                    fold.outputs[decay] = np.full((len(fold.test), self.problem.opened.n_outputs), np.nan)
                    fold.status[decay] = DIVERGED
                    continue
                fold.outputs[decay] = fold.scales.outputs(evaluated(self.problem.module(portion, member), x))
                fold.status[decay] = portion.way


def evaluated(module: Any, x: torch.Tensor) -> Array:
    """Outputs (n, k) of a module in use, in float64, some rows at a time."""
    size = 4096
    with torch.no_grad():
        parts = [module(x[start : start + size]) for start in range(0, len(x), size)]
    return np.asarray(torch.cat(parts).numpy() if parts else np.zeros((0, 0)), dtype=np.float64)
