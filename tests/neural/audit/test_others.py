"""Optimisers of other makes and wrappers around them: written here from their papers, or run in one process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn

from weightdecay.neural.audit.auditing import audit
from weightdecay.neural.groups import param_groups
from weightdecay.records.audit import Audit

RATE, DECAY = 0.01, 0.1


def mlp() -> nn.Module:
    """Two matrices with biases, and a normalisation between."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4))


class Each(torch.optim.Optimizer):
    """Some step for each parameter that has a gradient."""

    def __init__(self, params: Any, lr: float = RATE, weight_decay: float = 0.0, **more: Any) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **more})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    self.move(one, self.state[one], group)

    def move(self, one: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError


class Lion(Each):
    """Chen et al. (2023), arXiv:2302.06675."""

    def move(self, one: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = state.setdefault("momentum", torch.zeros_like(one))
        one.mul_(1 - group["lr"] * group["weight_decay"])
        one.add_((0.9 * momentum + 0.1 * one.grad).sign_(), alpha=-group["lr"])
        momentum.lerp_(one.grad, 0.01)


class Lamb(Each):
    """You et al. (2020), arXiv:1904.00962: decay and update times the length of w over theirs."""

    def move(self, one: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        first, second = state.setdefault("first", torch.zeros_like(one)), state.setdefault("second", one * 0)
        first.lerp_(one.grad, 0.1)
        second.lerp_(one.grad**2, 0.001)
        update = first / (second.sqrt() + 1e-6) + group["weight_decay"] * one
        length, other = one.norm(), update.norm()
        trust = float(length / other) if length > 0 and other > 0 else 1.0
        one.add_(update, alpha=-group["lr"] * trust)


class ScheduleFree(Each):
    """Defazio et al. (2024), arXiv:2405.15682."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, train_mode=False, count=0)

    def train(self) -> None:
        for group in self.param_groups:
            group["train_mode"] = True

    def move(self, one: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not group["train_mode"]:
            raise RuntimeError("call train() first")
        state["count"] = count = state.get("count", 0) + 1
        base, second = state.setdefault("base", one.clone()), state.setdefault("second", torch.zeros_like(one))
        second.lerp_(one.grad**2, 0.001)
        update = one.grad / ((second / (1 - 0.999**count)).sqrt() + 1e-8) + group["weight_decay"] * one
        one.lerp_(base, 1 / count).add_(update, alpha=group["lr"] * (0.9 * (1 - 1 / count) - 1))
        base.sub_(update, alpha=group["lr"])


class Prodigious(Each):
    """A step size that the optimiser estimates itself, as D-Adaptation keeps it in its groups."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=1.0, d=1e-3)

    def move(self, one: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        rate = group["lr"] * group["d"]
        one.mul_(1 - rate * group["weight_decay"]).add_(one.grad.sign(), alpha=-rate)


class Sam(torch.optim.Optimizer):
    """Foret et al. (2021), arXiv:2010.01412, around SGD: asks for a function, and for a gradient somewhere."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": RATE, "weight_decay": 0.0})
        self.base = torch.optim.SGD(self.param_groups, lr=RATE)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        if closure is None:
            raise RuntimeError("a closure is needed")
        every = [one for group in self.param_groups for one in group["params"] if one.grad is not None]
        length = torch.stack([one.grad.norm() for one in every]).norm()
        away = [one.grad * (0.05 / (length + 1e-12)) for one in every]
        torch._foreach_add_(every, away)
        with torch.enable_grad():
            closure()
        torch._foreach_sub_(every, away)
        self.base.step()


def audited(make: Callable[[Any], torch.optim.Optimizer], train: int = 0) -> Audit:
    """The audit of a model on sorted groups, after some steps."""
    model = mlp()
    optimizer = make(param_groups(model, DECAY, verbose=False))
    if train:
        optimizer.train()  # type: ignore[attr-defined]
    for _ in range(train):
        optimizer.zero_grad()
        model(torch.randn(5, 8)).square().mean().backward()
        optimizer.step()
    return audit(model, optimizer)


@pytest.mark.parametrize(("make", "share"), [(Lion, RATE * DECAY), (Prodigious, 1e-3 * DECAY), (Sam, RATE * DECAY)])
def test_decay_of_other_makes(make: Any, share: float) -> None:
    found = audited(make)
    assert found.problems == ()
    assert found.rows[0].shrink == pytest.approx(share, rel=1e-4)


def test_a_trust_ratio_is_told_and_no_alarm() -> None:
    found = audited(Lamb)
    assert [(one.code, one.severity) for one in found.problems] == [("WD056", "info")]
    assert (found.rows[0].form, found.rows[0].shrink, found.rows[0].treatment) == ("unknown", None, "decayed")


@pytest.mark.parametrize("train", [0, 20])
def test_schedule_free_optimisers(train: int) -> None:
    found = audited(ScheduleFree, train)
    found.assert_ok()
    assert found.rows[0].treatment == "decayed" and found.rows[1].treatment == "exempt"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A group of one process."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def test_data_parallel_models_and_sharded_states(alone: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about what it imports
        from torch.distributed.optim import ZeroRedundancyOptimizer

    model = nn.parallel.DistributedDataParallel(mlp())
    found = audit(model, torch.optim.AdamW(param_groups(model, DECAY, verbose=False), lr=RATE))
    assert found.problems == ()
    assert [row.name for row in found.rows][:2] == ["0.weight", "0.bias"]
    sharded = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=RATE, weight_decay=DECAY)
    found = audit(model, sharded, policy="all")
    assert found.problems == ()
    assert [row.shrink for row in found.rows] == pytest.approx([RATE * DECAY] * 6)
