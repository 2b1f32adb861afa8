"""The `Problem` of a network: all models at all decays as members of populations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from torch import nn

from weightdecay.neural.network.architecture import Factory
from weightdecay.neural.network.curves import Curves, training_of
from weightdecay.neural.network.measured import Fixed, Free, Limit, limit_at_zero, normalised_names
from weightdecay.neural.network.memory import afforded
from weightdecay.neural.network.opened import Opened, Scales
from weightdecay.neural.network.split import CONSTANT, DIVERGED, NetworkSplit, evaluated
from weightdecay.neural.network.told import Log
from weightdecay.neural.population.optimisers import Settings
from weightdecay.neural.population.schedules import mean_factor
from weightdecay.neural.population.training import Centre, Members, Schedule, Task, Trained, made
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.history import History
from weightdecay.records.training import Training
from weightdecay.tuning.folds import Folds, for_every_class, natural_count
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.protocol import Facts, Scorer

if TYPE_CHECKING:
    from weightdecay.neural.network.together import Seat

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Rows above which this share is held out once in place of five folds.
MANY_ROWS, HELD_OUT = 10_000, 0.2
# Share of the training rows kept aside for early stopping, and epochs without a gain that stop a member.
ASIDE, PATIENCE = 0.1, 10
# Rows on which it is measured what the parameters of a module are.
SAMPLE = 64
# Decades of ηλT, T steps at the learning rate η, of whose weights decay takes the share 1 − e^(−ηλT): nothing to all.
SPAN = (-3.0, 1.5)


class Shell(Protocol):
    """What a problem asks of the estimator that opened it."""

    @property
    def learning_rate(self) -> float:
        """η."""
        ...

    @property
    def dropout(self) -> float:
        """Probability."""
        ...

    def fitted(self, problem: NetworkProblem, decay: float) -> Any:
        """A clone at a decay, fitted to the problem."""
        ...


@dataclass(frozen=True, eq=False)
class Result:
    """A trained network: the module in float64, its scales, and what was recorded of its training."""

    module: nn.Module
    scales: Scales
    portion: Trained | None


@dataclass(frozen=True, eq=False)
class NetworkProblem:
    """Rows opened for a network that is trained by mini-batches.

    Parameters
    ----------
    shell : Shell
    opened : Opened
    factory : callable
    settings : Settings
    schedule : Schedule
    exempt : frozenset of str
        Parameters that are not decayed.
    judge : callable of (scorer, rows, means)
        −score (L,) of predictions (m, L, k).
    early : bool
        Whether members stop early.
    seat : Seat or None
        Where other settings are tuned beside this one.
    log : Log
        What training had to say.
    centre : "initial", dict of str to Tensor, or None
        What decayed parameters are pulled to; None is 0.
    """

    shell: Shell
    opened: Opened
    factory: Factory
    settings: Settings
    schedule: Schedule
    exempt: frozenset[str]
    judge: Callable[[Scorer, Index, Array], Array]
    facts_: Facts
    early: bool = False
    progress: Progress | None = field(default=None, repr=False)
    curves: Curves = field(default_factory=Curves, repr=False)
    seat: Seat | None = field(default=None, repr=False)
    log: Log = field(default_factory=Log, repr=False)
    centre: Centre = field(default=None, repr=False)

    def facts(self) -> Facts:
        """What is known of the data."""
        return self.facts_

    def natural_cv(self) -> Any:
        """Five folds, fewer where the smallest class has fewer members; of many rows a fifth held out once."""
        n = int((self.opened.weight > 0).sum())
        if n > MANY_ROWS:
            kind = ShuffleSplit if self.facts_.strata is None else StratifiedShuffleSplit
            return kind(n_splits=1, test_size=HELD_OUT, random_state=self.schedule.seed)
        if self.facts_.strata is None:
            return min(5, n)
        return min(natural_count(self.facts_.strata[self.opened.weight > 0], 5), n)

    @property
    def steps(self) -> int:
        """Steps of a run on all rows."""
        return self.schedule.epochs * -(-len(self.opened.weight) // self.schedule.batch_size)

    def candidates(self) -> Array:
        """A half-decade lattice of λ over which decay takes from next to nothing of the weights to all in a run."""
        rate = 1.0 if self.settings.form == "independent" else float(self.shell.learning_rate)
        elapsed = rate * self.steps * mean_factor(self.schedule.course)
        low, high = (np.log10(1.0 / elapsed) + one for one in SPAN)
        # A step that took more than all of a weight would turn its sign.
        high = min(high, np.log10(0.5 / rate))
        return np.asarray(10.0 ** (np.arange(np.floor(2 * low), np.floor(2 * high) + 1) / 2))

    def split(self, folds: Folds) -> NetworkSplit:
        """All folds as members of one population."""
        if folds.leave_one_out:
            raise ValueError(
                "cv='loo' would train a network for every row; give a number of folds, such as cv=5, or cv='auto'"
            )
        opened = self.opened
        for number, (train, _) in enumerate(folds.splits()):
            if len(opened.classes):
                seen = np.bincount(opened.y[train].astype(np.intp), opened.weight[train], len(opened.classes))
                if not seen.all():
                    raise ValueError(
                        f"fold {number} trains on no row of class {opened.classes[int(np.argmin(seen))]!r}; "
                        f"{for_every_class(folds.text)}"
                    )
        split = NetworkSplit(self, folds)
        return split if self.seat is None else self.seat.taken(split)

    @property
    def dropout(self) -> float:
        """Probability after every hidden layer."""
        return float(self.shell.dropout)

    @cached_property
    def normalised(self) -> frozenset[str]:
        """Parameters that feed a normalisation, measured where the form asks for them."""
        if not self.settings.place.normalised_only:
            return frozenset()
        return normalised_names(made(self.factory, self.schedule.seed).to(self.opened.device), self._sample)

    @cached_property
    def limit(self) -> Limit:
        """What infinite decay leaves of the network without training; None where what is exempt is to be trained."""
        if self.centre is not None:
            return None
        return limit_at_zero(lambda: made(self.factory, self.schedule.seed), self.exempt, self._sample)

    @property
    def _sample(self) -> torch.Tensor:
        """Inputs of some rows."""
        every = np.flatnonzero(self.opened.weight > 0)
        return self.opened.rows(every[:SAMPLE], self.opened.scales(every)).x

    def constant(self, train: Index, scales: Scales) -> Array | None:
        """Outputs (k,) at infinite decay, in the units of the targets, where they are the same for all rows."""
        match self.limit:
            case Free():
                return self.opened.constant(train)
            case Fixed(outputs):
                return scales.outputs(outputs)
        return None

    def members(self, decays: Array) -> Members:
        """One for every decay."""
        kind, device = torch.float32, self.opened.device
        rate = torch.full((len(decays),), float(self.shell.learning_rate), dtype=kind, device=device)
        return Members(torch.as_tensor(decays, dtype=kind, device=device), rate, seed=self.schedule.seed)

    def joined(self, asked: Sequence[tuple[NetworkProblem, Array]]) -> Members:
        """One for every decay of several settings of one seed, each at its own learning rate and dropout."""
        each = [problem.members(decays) for problem, decays in asked]
        rates = np.repeat([problem.dropout for problem, _ in asked], [len(decays) for _, decays in asked])
        decay, rate = torch.cat([one.decay for one in each]), torch.cat([one.rate for one in each])
        alike = len(np.unique(rates)) == 1
        dropout = None if alike else torch.as_tensor(rates, dtype=decay.dtype, device=decay.device)
        return Members(decay, rate, dropout, self.schedule.seed)

    def task(self, train: Index, scales: Scales, test: Index | None = None, like: Task | None = None) -> Task:
        """Training on some rows, of which a tenth is kept aside where members stop early, looked at on others.

        Rows are those of a task like this one, of another setting, where none depend on the seed.
        """
        aside = None
        if self.early:
            order = np.random.default_rng(self.schedule.seed).permutation(len(train))
            cut = max(1, round(ASIDE * len(train)))
            aside, train = train[np.sort(order[:cut])], train[np.sort(order[cut:])]
        if like is not None and not self.early:
            return replace(
                like,
                factory=self.factory,
                exempt=lambda module: self.exempt,
                normalised=self.normalised,
                centre=self.centre,
            )
        rows = self.opened.rows(train, scales)
        kept = None if aside is None else self.opened.rows(aside, scales)
        held_out = None if test is None else self.opened.rows(test, scales)
        return Task(
            self.factory,
            rows,
            held_out,
            kept,
            self.opened.objective,
            lambda module: self.exempt,
            self.normalised,
            self.centre,
        )

    def history(self, decay: float, portion: Trained | None) -> History | None:
        """How the only member of a portion was trained, beside held-out losses where folds were trained before."""
        if portion is None:
            return None
        training = portion.training[:, 0].cpu().numpy().astype(np.float64)
        held_out = self.curves.beside(decay, len(training))
        norms = portion.norms[:, 0].cpu().numpy().astype(np.float64)
        lost = bool(portion.diverged[0])
        message = f"{len(training) - 1} epochs of {self.settings.kind}" + (", which diverged" if lost else "")
        return History(decay, norms, training, not lost, message, portion.names, held_out, "norm of the layer")

    def training(self, decays: Array) -> Training | None:
        """How the networks of the folds were trained, with the histories of some decays."""
        return training_of(self, decays)

    def module(self, portion: Trained, member: int) -> nn.Module:
        """A member in float64, on the processor."""
        found = portion.module(member, lambda: made(self.factory, self.schedule.seed))
        return found.to("cpu", torch.float64).eval()

    def results(self, decays: Array) -> list[Result]:
        """Networks trained on all rows, one for every decay."""
        every = np.flatnonzero(self.opened.weight > 0)
        scales = self.opened.scales(every)
        constant = self.constant(every, scales) if np.isinf(decays).any() else None
        trained = np.array([one for one in decays if np.isfinite(one) or constant is None])
        portions: list[Trained] = []
        if len(trained):
            work = [(self.task(every, scales), self.members(trained))]
            (portions,), held = afforded(work, self.settings, self.schedule)
            self.log.note(len(trained), held)
            self.log.ways.update(one.way for one in portions)
        modules = iter([(self.module(one, m), one) for one in portions for m in range(len(one.rows))])
        found = []
        for decay in decays:
            if np.isinf(decay) and constant is not None:
                found.append(Result(Constant(constant, scales), scales, None))
            else:
                module, portion = next(modules)
                found.append(Result(module, scales, portion))
        return found

    def path(self, decays: Array) -> DecayPath:
        """Networks on all rows: norms of the layers in place of coefficients."""
        decays = np.asarray(decays, dtype=np.float64)
        results = self.results(decays)
        every = np.flatnonzero(self.opened.weight > 0)
        s = self.opened.weight[every]
        named = [(name, one) for name, one in made(self.factory, self.schedule.seed).named_parameters() if one.ndim > 1]
        names = tuple(name for name, _ in named)
        norms, losses, status = np.zeros((len(decays), len(names))), np.full(len(decays), np.nan), []
        for place, one in enumerate(results):
            found = dict(one.module.named_parameters())
            norms[place] = [float(found[name].detach().norm()) if name in found else 0.0 for name in names]
            x = torch.as_tensor(one.scales.inputs(self.opened.X[every]))
            rows = self.opened.losses(every, one.scales.outputs(evaluated(one.module, x))[:, None])[:, 0]
            losses[place] = s @ rows / s.sum()
            lost = not np.isfinite(losses[place])
            status.append(DIVERGED if lost else CONSTANT if one.portion is None else one.portion.way)
        nothing = np.full(len(decays), np.nan)
        return DecayPath(
            decays, norms, np.zeros(len(decays)), nothing, losses, tuple(status), names, (), "norms of the layers"
        )

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """The evidence of small networks without normalisation whose λ is that of a penalty; else none."""
        from weightdecay.neural.opinions.of_networks import opinions_of

        return opinions_of(self, decays)

    def diagnostics(self, decay: float | Array, folds: Folds) -> tuple[Any, ...]:
        """None."""
        return ()

    def estimator(self, decay: float | Array) -> Any:
        """A fitted clone of the estimator that opened the problem."""
        return self.shell.fitted(self, float(np.asarray(decay)))

    def findings(self) -> tuple[Finding, ...]:
        """What training had to say."""
        return self.log.findings()

    def scored(self, scorer: Scorer, rows: Index, outputs: Array) -> Array:
        """−score (L,) of network outputs (m, L, k) of some rows, nan where they are no numbers."""
        found = np.full(outputs.shape[1], np.nan)
        known = np.isfinite(outputs).all(axis=(0, 2))
        means = outputs[:, known]
        if len(self.opened.classes):
            means = np.exp(means - means.max(axis=-1, keepdims=True))
            means /= means.sum(axis=-1, keepdims=True)
        if known.any():
            found[known] = self.judge(scorer, rows, means)
        return found

    def listening(self, progress: Progress) -> NetworkProblem:
        """The same, which tells a listener how far training is."""
        return replace(self, progress=progress)

    def warn(self, decay: float, portion: Trained | None) -> None:
        """Say that a network diverged."""
        if portion is not None and bool(portion.diverged.any()):
            warnings.warn(
                f"the network diverged at decay={decay:g}; give a smaller learning_rate, or another form of decay",
                ConvergenceWarning,
                stacklevel=4,
            )


class Constant(nn.Module):
    """What is left of a network at infinite decay: the same outputs for every row."""

    def __init__(self, value: Array, scales: Scales) -> None:
        super().__init__()
        inner = (value - scales.y_mean) / scales.y_scale
        self.value = nn.Parameter(torch.as_tensor(inner, dtype=torch.float64), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, …) → (n, k)."""
        return self.value.expand(len(x), -1)
