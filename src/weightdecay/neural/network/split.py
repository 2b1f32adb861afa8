"""Split: folds × decays of a network as members of one population."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from weightdecay.neural.network.memory import afforded
from weightdecay.neural.network.opened import Scales
from weightdecay.neural.population.training import Members, Task, Trained
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.selection import from_folds, from_rows

if TYPE_CHECKING:
    from weightdecay.neural.network.problem import NetworkProblem

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Steps of training that a listener is told of at most.
STEPS = 1000
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
    """The folds of a plan; members that were trained once are kept.

    Parameters
    ----------
    wait : callable of decays, optional
        Called before new members are trained, to raise `Waiting` where others train them.
    """

    problem: NetworkProblem
    folds: Folds
    known: list[Fold] = field(default_factory=list)
    wait: Callable[[Array], None] | None = None

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out loss (or −score) of every fold and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        new = self._new(decays)
        if len(new):
            if self.wait is not None:
                self.wait(new)
            train_together([(self, new)], self.problem.progress or Silent())
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

    def _new(self, decays: Array) -> Array:
        """Decays that are yet to be trained: those that leave no constant."""
        if not self.known:
            opened, learned = self.problem.opened, self.problem.opened.learned(self.folds)
            pairs = zip(self.folds.splits(), learned, strict=True)
            self.known.extend(Fold(train, test, opened.scales(train, one)) for (train, test), one in pairs)
        new = np.array([one for one in np.unique(decays) if one not in self.known[0].outputs])
        if not np.isinf(new).any():
            return np.asarray(new, dtype=np.float64)
        for fold in self.known:
            constant = self.problem.constant(fold.train, fold.scales)
            if constant is not None:
                fold.outputs[np.inf] = np.repeat(constant[None], len(fold.test), axis=0)
                fold.status[np.inf] = CONSTANT
        return np.asarray([one for one in new if one not in self.known[0].outputs], dtype=np.float64)

    def keep(self, fold: Fold, decays: Array, trained: Sequence[tuple[Trained, int]]) -> None:
        """Take down outputs of members on a fold's test rows, in float64, and how training went."""
        x = torch.as_tensor(fold.scales.inputs(self.problem.opened.X[fold.test]))
        weight = float(self.problem.opened.weight[fold.test].sum())
        for decay, (portion, member) in zip(decays.tolist(), trained, strict=True):
            self.problem.curves.keep(self.folds, weight, decay, (portion, member))
            if bool(portion.diverged[member]):
                fold.outputs[decay] = np.full((len(fold.test), self.problem.opened.n_outputs), np.nan)
                fold.status[decay] = DIVERGED
                continue
            fold.outputs[decay] = fold.scales.outputs(evaluated(self.problem.module(portion, member), x))
            fold.status[decay] = portion.way


def train_together(asked: Sequence[tuple[NetworkSplit, Array]], progress: Progress) -> None:
    """Train new members of splits of the same folds, all as one population.

    Parameters
    ----------
    asked : sequence of (NetworkSplit, ndarray of shape (L,))
        Settings that differ by learning rate, dropout and seed alone, and the decays that each is to know.
    progress : Progress
        Told of every epoch of a network as one step, of very many as a thousandth of them.
    """
    problems, folds = [split.problem for split, _ in asked], asked[0][0].known
    blocks = _blocks(asked)
    work: list[tuple[Task, Members]] = []
    for block in blocks:
        # Its module has every layer that some other has; where nothing is dropped, such a layer does nothing.
        lead = max((split.problem for split, _ in block), key=lambda one: one.dropout)
        own, first = lead.joined([(split.problem, decays) for split, decays in block]), [one for one, _ in work]
        for number, fold in enumerate(folds):
            like = first[number] if first else None
            work.append((lead.task(fold.train, fold.scales, fold.test, like), own))
    total, schedule = sum(len(own) for _, own in work), problems[0].schedule
    told = _heard(progress, total * schedule.epochs, f"training {total:,} networks, {asked[0][0].folds.text}")
    found, held = afforded(work, problems[0].settings, schedule, told)
    for (block, number), portions in zip(product(blocks, range(len(folds))), found, strict=True):
        each, start = [(one, member) for one in portions for member in range(len(one.rows))], 0
        for split, decays in block:
            split.keep(split.known[number], decays, each[start : start + len(decays)])
            start += len(decays)
    for problem in problems:
        problem.log.note(total, held)
        problem.log.ways.update(one.way for portions in found for one in portions)


def _heard(progress: Progress, total: int, text: str) -> Callable[[int], None]:
    """What is to be told how much of a total is done, and tells a listener in steps of which there are not too many."""
    steps, seen = min(total, STEPS), 0
    progress.start(steps, text)

    def told(done: int) -> None:
        nonlocal seen
        while seen < done * steps // total:
            seen += 1
            progress.advance()

    return told


def _blocks(asked: Sequence[tuple[NetworkSplit, Array]]) -> list[list[tuple[NetworkSplit, Array]]]:
    """Settings whose members may be in one portion, those with most members first.

    Members of one portion see the same batches: those of one seed. A card takes all of them. On a processor, where
    portions are small anyway, those of one learning rate have the optimiser's fused kernel, as each setting has on its
    own: its numbers are then the same to the last digit.
    """
    card = asked[0][0].problem.opened.device.type != "cpu"
    found: dict[tuple[int, float], list[tuple[NetworkSplit, Array]]] = {}
    for split, decays in asked:
        rate = 0.0 if card else float(split.problem.shell.learning_rate)
        found.setdefault((split.problem.schedule.seed, rate), []).append((split, decays))
    return sorted(found.values(), key=lambda block: -sum(len(decays) for _, decays in block))


def evaluated(module: Any, x: torch.Tensor) -> Array:
    """Outputs (n, k) of a module in use, in float64, some rows at a time."""
    size = 4096
    with torch.no_grad():
        parts = [module(x[start : start + size]) for start in range(0, len(x), size)]
    return np.asarray(torch.cat(parts).numpy() if parts else np.zeros((0, 0)), dtype=np.float64)
