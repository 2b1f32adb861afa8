"""A few steps of a copy of an optimiser, under weights, gradients and settings of our choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from weightdecay.neural.attached import AttachedDecay
from weightdecay.neural.audit.cuts import Cut, local, real
from weightdecay.neural.audit.guard import Call, Guard, seed
from weightdecay.neural.audit.twins import Copier, StandIns, twin

STRENGTHS = ("weight_decay", "wd", "weight_decay_rate", "lambd", "l2")  # what optimisers call λ
PEAKS = ("initial_lr", "max_lr", "peak_lr")
UNSET = 0.1  # λ that a group without decay is given to see whether it is heard
BLOCK = 1 << 17
_META = torch.device("meta")


@dataclass(frozen=True)
class Setup:
    """What is stepped.

    Parameters
    ----------
    weights : float or None
        The artificial weights times this; None: the parameter's own.
    gradient : float or None
        Size of the artificial gradient in units of the weights', 0 for zeros, None for no gradient.
    steps : int
        How many.
    rate, decay, peak : float
        What the learning rate, λ and the peak learning rate are multiplied by.
    fresh : bool
        Without the state that training has left.
    precise : bool
        In float64.
    edge : bool
        All weights at ±(2 − ε), where rounding swallows least of a relative change.
    """

    weights: float | None = 1.0
    gradient: float | None = 0.0
    steps: int = 1
    rate: float = 1.0
    decay: float = 1.0
    peak: float = 1.0
    fresh: bool = True
    precise: bool = True
    edge: bool = False


@dataclass(frozen=True)
class Manner:
    """How an optimiser wants to be stepped.

    Parameters
    ----------
    closure : bool
        Only with a function that computes the gradient.
    sparse : bool
        Only with sparse gradients.
    peopled : bool
        Only if every parameter has a gradient.
    emptied : bool
        Only with the state that it has made at its birth.
    rough : bool
        Not in float64.
    """

    closure: bool = False
    sparse: bool = False
    peopled: bool = False
    emptied: bool = False
    rough: bool = False


MANNERS = tuple(
    Manner(**dict.fromkeys(names, True))
    for count in range(4)
    for names in combinations(("closure", "sparse", "peopled", "emptied", "rough"), count)
)


@dataclass(frozen=True, eq=False)
class Moved:
    """What some steps did to one tensor.

    Attributes
    ----------
    before, after : Tensor
        In one row.
    shares : tuple of float
        For each step, the share of itself by which the tensor went towards 0: ⟨w − w', w⟩/⟨w, w⟩.
    """

    before: Tensor
    after: Tensor
    shares: tuple[float, ...]

    @property
    def way(self) -> Tensor:
        """w − w' after all steps."""
        return self.before - self.after


@dataclass(frozen=True, eq=False)
class Workshop:
    """An optimiser, what is around it, and how its copies are made.

    Attributes
    ----------
    optimizer : the caller's.
    every : all parameters of the model and of all optimisers.
    guard : active.
    cards : CUDA devices whose random numbers are used.
    rates : by group, the learning rate to take where the present one is 0; None where it is not.
    """

    optimizer: torch.optim.Optimizer
    every: tuple[Tensor, ...]
    guard: Guard
    cards: tuple[int, ...]
    rates: tuple[float | None, ...]

    def run(self, cuts: Mapping[Tensor, Cut], setup: Setup, manner: Manner) -> list[Moved]:
        """Step a copy and say how far the tensors went, in the order of the cuts."""
        setup = replace(setup, precise=setup.precise and not manner.rough)
        stand_ins, made, copier = self._made(cuts, setup, manner, None)
        members = [stand_ins.of(one) for one in cuts]
        with torch.no_grad():
            for (original, cut), member in zip(cuts.items(), members, strict=True):
                member.copy_(_edge(member) if setup.edge else _start(original, cut, setup.weights, member))
        begun = [real(member.detach()).clone() for member in members]
        shares: list[list[float]] = [[] for _ in members]
        sizes = [_size(one, cut) for one, cut in cuts.items()]
        generator = torch.Generator()
        generator.manual_seed(1)
        seed(self.cards)
        for _ in range(setup.steps):
            earlier = [real(member.detach()).clone() for member in members] if setup.steps > 1 else begun
            gradients = [
                _gradient(member, setup.gradient, size, generator) for member, size in zip(members, sizes, strict=True)
            ]
            self._step(made, stand_ins, members, gradients, manner)
            for found, was, member in zip(shares, earlier, members, strict=True):
                found.append(_share(was, real(member.detach())))
        del copier
        ends = [real(member.detach()) for member in members]
        return [Moved(a, b, tuple(c)) for a, b, c in zip(begun, ends, shares, strict=True)]

    def whole_share(self, original: Tensor, manner: Manner) -> float:
        """What a step without gradient takes of a tensor, all of it in its own type; with little memory besides.

        A tensor of zeros is replaced by one of ones.
        """
        here = local(original).detach()
        cut = Cut((1,) * here.dim())
        stand_ins, made, copier = self._made({original: cut}, Setup(precise=False), manner, None)
        member = stand_ins.of(original)
        empty = here.device.type == "meta" or not bool(here.any())
        with torch.no_grad():
            member.fill_(1.0) if empty else member.copy_(here)
        seed(self.cards)
        self._step(made, stand_ins, [member], [torch.zeros_like(member, requires_grad=False)], manner)
        del copier, made
        way = length = 0.0
        begin, end = real(here), real(member.detach())
        for start in range(0, end.numel(), BLOCK):
            after = end[start : start + BLOCK].to(torch.float64)
            before = torch.ones_like(after) if empty else begin[start : start + BLOCK].to(torch.float64)
            way += float(((before - after) * before).sum())
            length += float((before * before).sum())
        return way / length

    def traced(self, cuts: Mapping[Tensor, Cut], manner: Manner) -> list[Call]:
        """The operations of a step on tensors without numbers, which take no memory."""
        setup = Setup(precise=False)
        stand_ins, made, copier = self._made(cuts, setup, manner, _META)
        members = [stand_ins.of(one) for one in cuts]
        gradients = [torch.empty_like(member, requires_grad=False) for member in members]
        with self.guard.recording() as calls:
            self._step(made, stand_ins, members, gradients, manner)
        del copier
        return calls

    def _made(
        self, cuts: Mapping[Tensor, Cut], setup: Setup, manner: Manner, device: torch.device | None
    ) -> tuple[StandIns, torch.optim.Optimizer, Copier]:
        stand_ins = StandIns(cuts, self.every, precise=setup.precise, device=device)
        copier = Copier(stand_ins, lambda tensor: self.guard.watch([tensor]))
        made = twin(self.optimizer, copier, fresh=setup.fresh, emptied=manner.emptied)
        self._set(made, setup)
        return stand_ins, made, copier

    def _set(self, made: torch.optim.Optimizer, setup: Setup) -> None:
        """Give the groups of a copy their settings."""
        for group, rate in zip(made.param_groups, self.rates, strict=True):
            if rate is not None:
                group["lr"] = _times(group["lr"], 0.0) + rate
            if setup.rate != 1 and group.get("lr") is not None:
                group["lr"] = _times(group["lr"], setup.rate)
            if setup.decay != 1:
                for name in STRENGTHS:
                    if name in group and group[name] is not None:
                        held = _times(group[name], setup.decay)
                        group[name] = held if float(held) or setup.decay == 0 else _times(group[name], 0.0) + UNSET
            if setup.peak != 1:
                for name in PEAKS:
                    if name in group:
                        group[name] = _times(group[name], setup.peak)
            if group.get("fused") and any(one.device.type == "meta" for one in group["params"]):
                group["fused"] = False  # such kernels need numbers, and treat each of them alike
            if group.get("capturable") and all(one.device.type in ("cpu", "meta") for one in group["params"]):
                group["capturable"] = False  # which the caller's device allows and this one does not
            if "train_mode" in group:
                group["train_mode"] = True
        decay = vars(made).get("decay")
        if setup.peak != 1 and isinstance(decay, AttachedDecay) and decay.setting.peak_lr is not None:
            decay.setting = replace(decay.setting, peak_lr=decay.setting.peak_lr * setup.peak)

    def _step(
        self,
        made: torch.optim.Optimizer,
        stand_ins: StandIns,
        members: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        manner: Manner,
    ) -> None:
        """One step of a copy, as a training loop would do it."""

        def give() -> Tensor:
            if manner.peopled:
                for one in stand_ins.by_id.values():
                    one.grad = torch.zeros_like(one, requires_grad=False)
            for member, gradient in zip(members, gradients, strict=True):
                if gradient is None:
                    member.grad = None
                else:
                    given = gradient.clone() if manner.closure else gradient
                    member.grad = given.to_sparse(1) if manner.sparse else given
            return torch.zeros((), requires_grad=True)

        give()
        with self.guard:
            made.step(give) if manner.closure else made.step()  # type: ignore[arg-type]


def manner_of(attempt: Callable[[Manner], Any], likely: Iterable[Manner] = ()) -> Manner:
    """The first way of stepping that works.

    Raises
    ------
    Exception
        What the plain way raised, if none works.
    """
    first: Exception | None = None
    for manner in (*likely, *MANNERS):
        try:
            attempt(manner)
        except Exception as error:
            first = first or error
            continue
        return manner
    assert first is not None
    raise first


def _times(value: Any, factor: float) -> Any:
    """A number times a factor; tensors give tensors of their own."""
    return value * factor


def _start(original: Tensor, cut: Cut, weights: float | None, member: Tensor) -> Tensor:
    """Where a tensor starts: from its own numbers, or from ones at least as large, none of them near 0."""
    here = local(original).detach()
    if weights is None and here.device.type != "meta":
        own = cut.of(here)
        if bool(own.any()) and bool(own.isfinite().all()):
            return own.to(device=member.device, dtype=member.dtype)
    size = _size(original, cut)
    generator = torch.Generator()
    generator.manual_seed(2)
    count = real(member.detach()).numel()
    row = 1 + torch.rand(count, generator=generator, dtype=torch.float64)
    row *= size * (torch.randint(0, 2, (count,), generator=generator, dtype=torch.float64) * 2 - 1)
    shaped = torch.view_as_complex(row.reshape(*member.shape, 2)) if member.is_complex() else row.reshape(member.shape)
    return (shaped * (1.0 if weights is None else weights)).to(device=member.device, dtype=member.dtype)


def _edge(member: Tensor) -> Tensor:
    """The largest numbers below 2, of either sign."""
    row = torch.full((real(member.detach()).numel(),), 2 - torch.finfo(member.dtype).eps, dtype=torch.float64)
    row[::2] *= -1
    return torch.view_as_complex(row.reshape(*member.shape, 2)) if member.is_complex() else row.reshape(member.shape)


def _size(original: Tensor, cut: Cut) -> float:
    """The largest number of a tensor's cut; 1 where there is none."""
    here = local(original).detach()
    if here.device.type == "meta" or not here.numel():
        return 1.0
    largest = float(real(cut.of(here)).abs().max())
    return largest if 0 < largest < math.inf else 1.0


def _gradient(member: Tensor, scale: float | None, size: float, generator: torch.Generator) -> Tensor | None:
    """Numbers of either sign and about one size, the same in every run."""
    if scale is None:
        return None
    if scale == 0:
        return torch.zeros_like(member, requires_grad=False)
    count = real(member.detach()).numel()
    row = 0.5 + torch.rand(count, generator=generator, dtype=torch.float64)
    row *= scale * size * (torch.randint(0, 2, (count,), generator=generator, dtype=torch.float64) * 2 - 1)
    shaped = torch.view_as_complex(row.reshape(*member.shape, 2)) if member.is_complex() else row.reshape(member.shape)
    return shaped.to(device=member.device, dtype=member.dtype)


def _share(before: Tensor, after: Tensor) -> float:
    """⟨w − w', w⟩/⟨w, w⟩."""
    wide = torch.float64
    length = float((before.to(wide) ** 2).sum())
    return float(((before.to(wide) - after.to(wide)) * before.to(wide)).sum()) / length if length else 0.0
