"""Training: members that see the same batches, epoch by epoch, as one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn

from weightdecay.neural.population.captured import Captured, Step
from weightdecay.neural.population.data import Rows, batches
from weightdecay.neural.population.layout import Layout, layout_of
from weightdecay.neural.population.networks import Chain, Looped, Mapped, Network, chain
from weightdecay.neural.population.objectives import Objective
from weightdecay.neural.population.optimisers import Moment, Optimiser, Settings
from weightdecay.neural.population.schedules import Course, factor_at

# What decayed weights are pulled to: 0, where they start, or tensors by name, 0 for those that are not named.
Centre: TypeAlias = "Literal['initial'] | Mapping[str, Tensor] | None"

# Outputs of held-out rows that are formed at a time.
OUTPUTS = 2**22
# Training loss, beside that of the start and 1, from which a member counts as diverged.
FAR = 1e6
# What torch says where a processor's memory is at its end, for which it has no error of its own.
MEMORY = ("can't allocate memory", "not enough memory", "std::bad_alloc")
# Modules are made one at a time: they draw from random numbers that all threads share.
_MAKING = threading.Lock()


@final
@dataclass(frozen=True, eq=False)
class Members:
    """What differs between M members that start from the same weights and see the same batches.

    Parameters
    ----------
    decay, rate : Tensor of shape (M,)
        λ, infinite where decayed weights are to stay at their centre, and peak learning rate.
    dropout : Tensor of shape (M,) or None
        Probabilities in place of the module's own.
    seed : int or None
        Of the initial weights and batches of all of them, in place of the schedule's.
    """

    decay: Tensor
    rate: Tensor
    dropout: Tensor | None = None
    seed: int | None = None

    def __len__(self) -> int:
        return len(self.decay)

    def part(self, where: slice) -> Members:
        """Some of them."""
        dropout = None if self.dropout is None else self.dropout[where]
        return Members(self.decay[where], self.rate[where], dropout, self.seed)


@final
@dataclass(frozen=True)
class Schedule:
    """How long, in what portions, and from which seed.

    Parameters
    ----------
    epochs, batch_size, seed : int
    patience : int
        Epochs without a lower loss of the rows kept aside after which a member stops; 0 for none.
    course : callable or None
        From the elapsed share of all epochs to η_t/η_peak; None is 1.
    """

    epochs: int
    batch_size: int
    seed: int
    patience: int = 0
    course: Course | None = None


@final
@dataclass(frozen=True, eq=False)
class Task:
    """A module to be trained: how a fresh one is made, on what, and towards what.

    Parameters
    ----------
    factory : callable
        Makes a module; called once, with torch's random numbers seeded.
    train : Rows
    test : Rows or None
        Rows held out, whose loss is recorded after every epoch.
    aside : Rows or None
        Rows kept aside of training, which stop members early.
    objective : Objective
    exempt : callable
        Names of the parameters of a module that are not decayed.
    normalised : frozenset of str
        Names of those that feed a normalisation, which one form treats in its own way.
    centre : "initial", dict of str to Tensor, or None
        What decayed parameters are pulled to, by name; 0 where it has no name.
    """

    factory: Callable[[], nn.Module]
    train: Rows
    test: Rows | None
    aside: Rows | None
    objective: Objective
    exempt: Callable[[nn.Module], frozenset[str]]
    normalised: frozenset[str] = frozenset()
    centre: Centre = None

    def layout(self, module: nn.Module) -> Layout:
        """Where the parameters of a module stand in a row."""
        return layout_of(module, self.exempt(module), self.normalised)


@final
@dataclass(eq=False)
class Trained:
    """What became of M members, on the processor.

    Parameters
    ----------
    rows : Tensor of shape (M, P)
        Weights.
    states : list of dict
        Buffers.
    layout : Layout
    way : str
        How the network was computed.
    training, held_out : Tensor of shape (epochs + 1, M)
        Mean losses: row 0 those of the start, then those of an epoch's batches, and of held-out rows after it; nan
        where there was nothing to look at.
    norms : Tensor of shape (epochs + 1, M, layers)
        ‖W‖ of every parameter of two dimensions and more.
    names : tuple of str
        Of these parameters.
    diverged : Tensor of shape (M,) of bool
        Members whose numbers ended.
    """

    rows: Tensor
    states: list[dict[str, Tensor]]
    layout: Layout
    way: str
    training: Tensor
    held_out: Tensor
    norms: Tensor
    names: tuple[str, ...]
    diverged: Tensor

    def module(self, member: int, factory: Callable[[], nn.Module]) -> nn.Module:
        """A member as a module of its own, in use."""
        made = factory()
        self.layout.put(made, self.rows[member])
        with torch.no_grad():
            for name, one in made.named_buffers():
                one.copy_(self.states[member][name])
        return made.eval()


def train(
    task: Task,
    members: Members,
    settings: Settings,
    schedule: Schedule,
    told: Callable[[int], None] | None = None,
) -> Trained:
    """Train members that differ by λ, learning rate and dropout.

    Parameters
    ----------
    told : callable of int, optional
        Told after every epoch of how many more epochs of single members are done; what it raises ends the training.
    """
    run = _Run.begun(task, members, settings, schedule)
    for epoch in range(schedule.epochs):
        run.epoch(epoch)
        over = bool(run.stopped.all())
        if told is not None:
            told(len(members) * (schedule.epochs - epoch if over else 1))
        if over:
            break
    return run.ended()


def made(factory: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A fresh module whose initial weights depend on the seed alone; random numbers of others are left as they are."""
    with _MAKING, torch.random.fork_rng(devices=[]):
        # That of the processor: `torch.manual_seed` would change the cards' too.
        torch.default_generator.manual_seed(seed)
        return factory()


def network(
    module: nn.Module, rows: tuple[Tensor, Tensor], layout: Layout, objective: Objective, members: Members, seed: int
) -> Network:
    """The module for all members, in the fastest way that it allows."""
    generator = torch.Generator().manual_seed(seed)
    kernels = chain(module, rows, layout, members.dropout)
    if kernels is not None:
        return Chain(kernels[0], objective, kernels[1], generator)
    return Mapped(module, rows, layout, objective, generator)


def centre_row(centre: Centre, layout: Layout, module: nn.Module) -> Tensor | None:
    """The centre (P,) of a module in its initial state, on its device and of its type; None where it is 0."""
    if centre is None:
        return None
    row = layout.row(module)
    if centre == "initial":
        return row
    parts = [
        centre[slot.name].to(row).reshape(-1) if slot.name in centre else row.new_zeros(slot.size)
        for slot in layout.slots
    ]
    return torch.cat(parts)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is at its end."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in said for words in MEMORY)


def on_its_own(task: Task, seed: int) -> bool:
    """Whether training draws no random numbers that threads share, and may go on beside others."""
    module = made(task.factory, seed)
    layout = task.layout(module)
    row = layout.row(module)[None]
    return chain(module, (row, torch.zeros_like(row)), layout, None) is not None


@dataclass(eq=False)
class _Run:
    """Members in training. What is recorded of them is on the processor."""

    task: Task
    members: Members
    schedule: Schedule
    seed: int
    layout: Layout
    network: Network
    optimiser: Optimiser
    W: Tensor
    step: Step
    training: list[Tensor] = field(default_factory=list)
    held_out: list[Tensor] = field(default_factory=list)
    norms: list[Tensor] = field(default_factory=list)
    best: Tensor | None = None
    least: Tensor = field(default_factory=lambda: torch.empty(0))
    since: Tensor = field(default_factory=lambda: torch.empty(0))
    stopped: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.bool))

    @staticmethod
    def begun(task: Task, members: Members, settings: Settings, schedule: Schedule) -> _Run:
        """All at the same weights."""
        seed, M = schedule.seed if members.seed is None else members.seed, len(members)
        module = made(task.factory, seed).to(task.train.x.device, members.decay.dtype)
        layout = task.layout(module)
        W = layout.row(module).repeat(M, 1)
        rows = W, torch.zeros_like(W)
        centre = centre_row(task.centre, layout, module)
        net = _vectorised(module, rows, layout, task, (members, schedule, seed))
        optimiser = Optimiser(rows, layout, (members.decay, members.rate), settings, centre)

        def step(x: Tensor, target: Tensor, share: Tensor, now: Moment) -> Tensor:
            losses = net.step(x, target, share)
            optimiser.step(now)
            return losses

        whole = Captured(step) if W.device.type == "cuda" and net.repeats else step
        run = _Run(task, members, schedule, seed, layout, net, optimiser, W, whole)
        run.norms.append(run._norms())
        run.training.append(run._loss(task.train))
        run.held_out.append(run._loss(task.test))
        run.least, run.since = torch.full((M,), torch.inf, dtype=torch.float64), torch.zeros(M)
        run.stopped = torch.zeros(M, dtype=torch.bool)
        return run

    def epoch(self, number: int) -> None:
        """One pass over the training rows."""
        total, count = torch.zeros(len(self.members), dtype=torch.float64, device=self.W.device), 0
        schedule = self.schedule
        steps = -(-len(self.task.train) // schedule.batch_size)
        with torch.no_grad():
            for x, target, share in batches(self.task.train, schedule.batch_size, self.seed, number):
                elapsed = (number * steps + count) / (schedule.epochs * steps)
                now = self.optimiser.moment(factor_at(schedule.course, elapsed))
                total += self.step(x, target, share, now).double()
                count += 1
        self.training.append((total / max(count, 1)).cpu())
        self.held_out.append(self._loss(self.task.test))
        self.norms.append(self._norms())
        if schedule.patience:
            self._watch(self._loss(self.task.aside))

    def _watch(self, loss: Tensor) -> None:
        """Keep the weights of members that have improved, and tell who has not for long."""
        keep = (loss < self.least) & ~self.stopped
        self.best = self.W.clone() if self.best is None else self.best
        places = keep.nonzero().flatten().to(self.W.device)
        self.best[places] = self.W[places]
        self.least = torch.where(keep, loss, self.least)
        self.since = torch.where(keep, 0.0, self.since + 1)
        self.stopped |= self.since >= self.schedule.patience

    def _loss(self, rows: Rows | None) -> Tensor:
        """Mean losses (M,) of some rows."""
        M = len(self.members)
        if rows is None or not len(rows):
            return torch.full((M,), torch.nan, dtype=torch.float64)
        total = torch.zeros(M, dtype=torch.float64, device=self.W.device)
        size = max(1, OUTPUTS // max(1, M * rows.target[0].numel()))
        with torch.no_grad():
            for start in range(0, len(rows), size):
                part = rows.part(slice(start, start + size))
                losses = self.task.objective.rows(self.network.outputs(part.x), part.target)
                total += (losses.double() * part.weight.double()).sum(-1)
        return (total / rows.weight.sum()).cpu()

    def _norms(self) -> Tensor:
        """‖W‖ (M, layers)."""
        views = self.layout.views(self.W)
        each = [views[slot.name].flatten(1).norm(dim=1) for slot in self.layout.slots if len(slot.shape) > 1]
        return torch.stack(each, dim=1).cpu() if each else torch.zeros(len(self.W), 0)

    def ended(self) -> Trained:
        """The record."""
        if self.best is not None:
            self.W.copy_(self.best)
        names = tuple(slot.name for slot in self.layout.slots if len(slot.shape) > 1)
        states = [
            {name: one.to("cpu", copy=True) for name, one in self.network.state(m).items()} for m in range(len(self.W))
        ]
        return Trained(
            self.W.detach().to("cpu", copy=True),
            states,
            self.layout,
            self.network.way,
            torch.stack(self.training),
            torch.stack(self.held_out),
            torch.stack(self.norms),
            names,
            self._diverged(),
        )

    def _diverged(self) -> Tensor:
        """Members whose weights are no numbers any more, or whose loss has left all others behind."""
        lost = ~torch.isfinite(self.W).all(dim=1).cpu()
        return lost | ~(self.training[-1] <= FAR * (1.0 + self.training[0].min()))


def _vectorised(
    module: nn.Module, rows: tuple[Tensor, Tensor], layout: Layout, task: Task, who: tuple[Members, Schedule, int]
) -> Network:
    """The network of all members, one by one where nothing else can do with the module."""
    members, schedule, seed = who
    net = network(module, rows, layout, task.objective, members, seed)
    if not net.tried:
        return net
    kept = rows[0].clone()
    try:
        # What vmap cannot do shows at the first step.
        net.step(*next(batches(task.train, schedule.batch_size, seed, 0)))
        net = network(module, rows, layout, task.objective, members, seed)
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        net = Looped(module, rows, layout, task.objective, torch.Generator().manual_seed(seed))
    rows[0].copy_(kept)
    return net
