"""Optimisers written out whose decay is frozen, falls on the wrong tensors, or happens at the wrong times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from neural.audit.planted_amounts import Written, orthogonal
from neural.audit.planted_models import ConvNet, Gpt, Llama, Lora, Mlp, Moe, by_shape, train
from neural.audit.planted_records import Fault, planted

STATES: list[Fault] = []


class FrozenLion(Optimizer):
    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.wd = [group["weight_decay"] for group in self.param_groups]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group, wd in zip(self.param_groups, self.wd, strict=True):
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * wd).sub_(m.lerp(p.grad, 0.1).sign_(), alpha=group["lr"])
                m.lerp_(p.grad, 0.01)


@planted(
    STATES,
    "WD051",
    "error",
    "",
    why="weight_decay is copied in the constructor: a schedule of the group's value does nothing",
)
def decay_frozen_at_construction() -> Any:
    model = Mlp()
    return model, FrozenLion(by_shape(model, 0.5), lr=1e-2)


class FrozenRate(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - self.defaults["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    STATES,
    "WD051 WD054",
    "error",
    "",
    why="decay uses defaults['lr'], which no scheduler changes; it agrees with the group's lr only at the start",
)
def rate_frozen_for_the_decay() -> Any:
    model = Mlp()
    return model, FrozenRate(by_shape(model, 0.05), lr=0.1)


class ForeachCaptured(Written):
    """Constants of the first step stay, as Python floats do in a compiled or captured step."""

    shrinks: list[list[float]] | None = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if self.shrinks is None:
            self.shrinks = [[1 - g["lr"] * g["weight_decay"]] * len(g["params"]) for g in self.param_groups]
        for group, shrinks in zip(self.param_groups, self.shrinks, strict=True):
            params = [one for one in group["params"] if one.grad is not None]
            if params:
                torch._foreach_mul_(params, shrinks[: len(params)])
                torch._foreach_add_(params, [one.grad for one in params], alpha=-group["lr"])


@planted(
    STATES,
    "WD051",
    "error",
    "",
    why="the first step turned lr * weight_decay into constants of a captured step",
    source="dion PR #108",
)
def constants_of_a_captured_step() -> Any:
    model = Mlp()
    optimizer = ForeachCaptured(by_shape(model, 0.05), lr=0.1)
    train(model, optimizer)
    return model, optimizer


class Replayed(Written):
    """Like a CUDA graph: what was captured reads and writes the very tensors that it saw."""

    replay: Callable[[], None] | None = None

    def capture(self) -> Callable[[], None]:
        static = [
            (p, p.grad, group["lr"], 1 - group["lr"] * group["weight_decay"])
            for group in self.param_groups
            for p in group["params"]
        ]

        def replay() -> None:
            for p, grad, lr, shrink in static:
                p.mul_(shrink).sub_(grad, alpha=lr)

        return replay

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if self.replay is None:
            self.replay = self.capture()
        self.replay()


@planted(
    STATES,
    "WD051 WD056",
    "info",
    "",
    why="a replay that holds the tensors themselves; whoever probes it must put the weights back",
    source="dion PR #108",
)
def replay_on_captured_tensors() -> Any:
    model = Mlp()
    optimizer = Replayed(by_shape(model, 0.05), lr=0.1)
    train(model, optimizer)
    return model, optimizer


class Hybrid(Optimizer):
    """Matrices to one optimiser, the rest to another; the outer groups are copies for the scheduler."""

    def __init__(self, groups: list[dict[str, Any]], lr: float) -> None:
        matrices, rest = groups
        self.inner = [torch.optim.SGD([matrices], lr=lr, momentum=0.9), AdamW([rest], lr=lr)]
        super().__init__([dict(group) for one in self.inner for group in one.param_groups], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for one in self.inner:
            one.step()


@planted(
    STATES,
    "WD051",
    "error",
    "",
    why="the groups that schedulers see are copies of the inner optimisers' groups: changes stay outside",
)
def inner_optimisers_with_own_groups() -> Any:
    model = Mlp()
    return model, Hybrid(by_shape(model, 0.05), lr=0.1)


class DecaysEverything(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
                if p.grad is not None:
                    p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    STATES,
    "WD052",
    "warning",
    "experts.1.weight",
    why="decay comes before the look at the gradient: an expert that gets no tokens fades",
    source="Muon#54",
)
def idle_expert_decays() -> Any:
    model = Moe()
    optimizer = DecaysEverything(by_shape(model, 0.05), lr=0.1)
    train(model, optimizer)
    optimizer.zero_grad()
    return model, optimizer


class ZeroFillingMuon(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
                m = self.buffer(p).lerp_(p.grad, 1 - group["momentum"])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(orthogonal(m) if p.ndim >= 2 else m.sign(), alpha=group["lr"])


@planted(
    STATES,
    "WD052",
    "warning",
    "experts.1.weight",
    why="missing gradients are filled with zeros to keep ranks in step, so unused weights decay",
    source="Muon#54",
)
def zeros_for_missing_gradients() -> Any:
    model = Moe()
    return model, ZeroFillingMuon(by_shape(model, 0.1), lr=0.02)


@planted(
    STATES,
    "WD052",
    "warning",
    "query.base.weight",
    why="model.parameters() includes the frozen base, and the optimiser decays without a gradient: the base drifts",
)
def frozen_base_drifts() -> Any:
    model = Lora()
    groups = [
        {"params": [one for one in model.parameters() if one.ndim >= 2], "weight_decay": 0.05},
        {"params": [one for one in model.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    return model, DecaysEverything(groups, lr=0.1)


class NamedDecay(Written):
    """Decay by name, from a dictionary of its own."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        super().__init__(by_shape(model, weight_decay), lr=lr, weight_decay=weight_decay)
        self.named = {name: one for name, one in model.named_parameters(remove_duplicate=False) if one.ndim >= 2}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        group = self.param_groups[0]
        for p in self.named.values():
            if p.grad is not None:
                p.mul_(1 - group["lr"] * group["weight_decay"])
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    STATES,
    "WD053 WD049 WD055",
    "error",
    "wte.weight",
    why="a dictionary by name has the tied table twice",
)
def tied_decayed_twice() -> Any:
    model = Gpt()
    return model, NamedDecay(model, lr=0.1, weight_decay=0.05)


class ExtraList(Written):
    """A list beside the groups for 'more decay on the head', long after it had joined a group too."""

    def __init__(self, params: Any, extra: list[Tensor], lr: float) -> None:
        super().__init__(params, lr=lr)
        self.extra = extra

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        listed = [(p, group) for group in self.param_groups for p in group["params"]]
        for p, group in listed + [(p, self.param_groups[0]) for p in self.extra]:
            if p.grad is not None:
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(p.grad, alpha=group["lr"])


@planted(
    STATES, "WD049 WD055", "error", "head.weight", why="the head is in a group and in a list of the optimiser's own"
)
def head_in_an_extra_list() -> Any:
    model = Mlp()
    return model, ExtraList(by_shape(model, 0.05), [model.head.weight], lr=0.1)


class EveryTenth(Written):
    steps = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                if self.steps % 10 == 0:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(p.grad, alpha=group["lr"])
        self.steps += 1


@planted(STATES, "WD055 WD045", "error", "hidden.weight", why="decay at every tenth step, without ten times the amount")
def every_tenth_step() -> Any:
    model = Mlp()
    optimizer = EveryTenth(by_shape(model, 0.05), lr=0.1)
    train(model, optimizer, 3)
    return model, optimizer


class FirstGroupOnly(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for number, group in enumerate(self.param_groups):
            for p in (one for one in group["params"] if one.grad is not None):
                if number == 0:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(STATES, "WD045", "error", "head.weight", why="only the first group is decayed; the head has one of its own")
def first_group_only() -> Any:
    model = Mlp()
    body = [one for name, one in model.named_parameters() if one.ndim >= 2 and name != "head.weight"]
    vectors = [one for one in model.parameters() if one.ndim < 2]
    groups = [{"params": body}, {"params": [model.head.weight], "lr": 0.2}, {"params": vectors, "weight_decay": 0.0}]
    return model, FirstGroupOnly(groups, lr=0.1, weight_decay=0.05)


class DefaultForAll(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - group["lr"] * self.defaults["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    STATES,
    "WD040 WD055",
    "warning",
    "bn1.weight",
    why="defaults['weight_decay'] for every group: what the groups say is not read, norms and biases decay",
)
def default_for_all_groups() -> Any:
    model = ConvNet()
    return model, DefaultForAll(by_shape(model, 0.1), lr=0.1, weight_decay=0.05)


class LastGroupForeach(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        params: list[Tensor] = []
        for group in self.param_groups:
            params += [one for one in group["params"] if one.grad is not None]
        if params:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, [one.grad for one in params], alpha=-group["lr"])


@planted(
    STATES,
    "WD045",
    "error",
    "hidden.weight",
    why="one foreach call for all groups, indented one level too little: the last group's 0 serves everybody",
)
def last_group_for_all() -> Any:
    model = Mlp()
    return model, LastGroupForeach(by_shape(model, 0.05), lr=0.1)


class InvertedMask(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                exclude = p.ndim > 1
                if not exclude:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    STATES,
    "WD043 WD045",
    "error",
    "",
    why="the optimiser's own exclusion of vectors has its comparison the wrong way round",
)
def inverted_mask() -> Any:
    model = Llama()
    return model, InvertedMask(model.parameters(), lr=0.1, weight_decay=0.05)
