"""What the audit leaves behind: nothing. Bits, objects, hooks and random numbers as before, and little memory."""

from __future__ import annotations

import functools
import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils._python_dispatch import TorchDispatchMode

from weightdecay.neural.audit.auditing import audit
from weightdecay.neural.groups import param_groups
from weightdecay.neural.with_decay import with_decay


def model() -> nn.Module:
    """With buffers, dropout and gradients."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, 4))


def trained(kind: Any, module: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    """An optimiser with a state, a scheduler on it, and gradients left."""
    groups = param_groups(module, 0.0 if settings.get("form") else 0.1, verbose=False)
    form = settings.pop("form", None)
    optimizer = kind(groups, lr=0.01, **settings)
    if form is not None:
        with_decay(optimizer, form=form, decay=0.1, peak_lr=0.02, normalised=False, centre="initial")
    schedule = OneCycleLR(optimizer, 0.02, total_steps=9, cycle_momentum=False)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.randn(6, 8)).square().mean().backward()
        optimizer.step()
        schedule.step()
    return optimizer


def bits(value: Any) -> Any:
    """A value with every tensor's bits, however deep."""
    if isinstance(value, Tensor):
        plain = value.detach().cpu().contiguous()
        return value.dtype, tuple(value.shape), plain.view(-1).view(torch.uint8).numpy().tobytes(), id(value)
    if isinstance(value, dict):
        return [(id(key) if isinstance(key, Tensor) else key, bits(one)) for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [bits(one) for one in value]
    return value if isinstance(value, (int, float, str, bool, type(None))) else id(value)


def everything(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All that must be the same afterwards."""
    decay = vars(optimizer).get("decay")
    return {
        "weights": bits(dict(module.named_parameters())),
        "gradients": bits([one.grad for one in module.parameters()]),
        "buffers": bits(dict(module.named_buffers())),
        "state": bits(dict(optimizer.state)),
        "groups": bits(optimizer.param_groups),
        "attributes": bits(vars(optimizer)),
        "decay": None if decay is None else bits(vars(decay)),
        "hooks": [list(part._forward_hooks) for part in module.modules()],
        "mode": [part.training for part in module.modules()],
        "versions": [one._version for one in module.parameters()],
        "random": (torch.get_rng_state().numpy().tobytes(), random.getstate(), np.random.get_state()[1].tobytes()),
        "threads": torch.get_num_threads(),
        "leaves": [one.requires_grad for one in module.parameters()],
    }


SETTINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD": (torch.optim.SGD, {"momentum": 0.9}),
    "AdamW": (torch.optim.AdamW, {}),
    "fused": (torch.optim.AdamW, {"fused": True}),
    "foreach": (torch.optim.AdamW, {"foreach": True}),
    "Adagrad": (torch.optim.Adagrad, {}),
    "Adafactor": (torch.optim.Adafactor, {}),
    "cautious": (torch.optim.AdamW, {"form": "cautious"}),
    "coupled": (torch.optim.SGD, {"form": "coupled", "momentum": 0.9}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_all_bits_are_as_before(name: str) -> None:
    module = model()
    kind, settings = SETTINGS[name]
    optimizer = trained(kind, module, **settings)
    x = torch.randn(6, 8)
    before = everything(module, optimizer)
    found = audit(module, optimizer, sample=x, loss=lambda one: one(x).mean() + 0.1 * one[0].weight.square().sum())
    assert everything(module, optimizer) == before
    assert "WD056" not in {problem.code for problem in found.problems}
    optimizer.step()  # and it still works


class Breaks(torch.optim.AdamW):
    """Steps a few times, then fails in the middle of its work."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step(closure)
        random.random(), np.random.rand(), torch.rand(1)
        raise RuntimeError("no more")


def test_also_where_a_step_fails() -> None:
    module = model()
    optimizer = Breaks(module.parameters(), lr=0.01)
    before = everything(module, optimizer)
    found = audit(module, optimizer, policy="all")
    assert everything(module, optimizer) == before
    assert {problem.code for problem in found.problems} == {"WD056"}
    assert "no more" in found.problems[0].message
    assert {row.treatment for row in found.rows} == {"not measured"}


def test_also_where_a_loss_fails() -> None:
    module = model()
    optimizer = trained(torch.optim.AdamW, module)
    before = everything(module, optimizer)

    def loss(one: nn.Module) -> Tensor:
        one(torch.randn(6, 8))
        raise RuntimeError("no batch")

    with pytest.raises(ValueError, match="no batch"):
        audit(module, optimizer, loss=loss)
    assert everything(module, optimizer) == before


def in_closure(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> None:
    """A step in the place of the class's own, with the weights in its closure."""
    plain = optimizer.step

    @functools.wraps(plain)
    @torch.no_grad()
    def step(closure: Any = None) -> Any:
        result = plain(closure)
        for one in parameters:
            if one.grad is not None:
                one.mul_(1 - 0.01 * 0.3)
        return result

    optimizer.step = step  # type: ignore[method-assign]


def in_default(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> None:
    """A hook with the weights among its defaults."""

    def hook(*_: Any, held: Any = tuple(parameters)) -> None:
        with torch.no_grad():
            for one in held:
                if one.grad is not None:
                    one.mul_(1 - 0.01 * 0.3)

    optimizer.register_step_post_hook(hook)


def in_weak_reference(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> None:
    """A hook that finds its optimiser by a weak reference."""
    reference = weakref.ref(optimizer)

    def hook(*_: Any) -> None:
        found = reference()
        assert found is not None
        with torch.no_grad():
            for group in found.param_groups:
                for one in group["params"]:
                    if one.grad is not None:
                        one.mul_(1 - 0.01 * 0.3)

    optimizer.register_step_post_hook(hook)


def in_object(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> None:
    """A hook that is a method of an object with slots, weights kept by their id."""

    class Keeper:
        __slots__ = ("weights",)

        def __init__(self) -> None:
            self.weights = {id(one): one for one in parameters}

        @torch.no_grad()
        def after(self, *_: Any) -> None:
            for one in self.weights.values():
                if one.grad is not None:
                    one.mul_(1 - 0.01 * 0.3)

    optimizer.register_step_post_hook(Keeper().after)


@pytest.mark.parametrize("hide", [in_closure, in_default, in_weak_reference, in_object])
def test_decay_is_found_wherever_it_hides(hide: Callable[..., None]) -> None:
    module = model()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    hide(optimizer, list(module.parameters()))
    before = everything(module, optimizer)
    found = audit(module, optimizer, policy="all")
    assert everything(module, optimizer) == before
    assert [row.shrink for row in found.rows] == pytest.approx([0.003] * len(found.rows))
    assert {problem.code for problem in found.problems} >= {"WD055"}


GLOBAL: list[Tensor] = []


@torch.no_grad()
def reaches_out(*_: Any) -> None:
    """A hook that writes, through .data, to weights that no copy can replace."""
    for one in GLOBAL:
        one.data.mul_(0.5)


def test_writes_to_the_callers_weights_are_refused() -> None:
    module = model()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    GLOBAL[:] = list(module.parameters())
    optimizer.register_step_pre_hook(reaches_out)
    before = everything(module, optimizer)
    found = audit(module, optimizer, policy="all")
    GLOBAL.clear()
    assert everything(module, optimizer) == before
    assert {problem.code for problem in found.problems} == {"WD056"}


class Lists(torch.optim.Optimizer):
    """Momentum in lists of its own beside the weights, as older code has it."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.weights = [one for group in self.param_groups for one in group["params"]]
        self.momenta = [torch.zeros_like(one) for one in self.weights]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for one, momentum in zip(self.weights, self.momenta, strict=True):
                if one.grad is not None and any(one is other for other in group["params"]):
                    momentum.mul_(0.9).add_(one.grad)
                    one.mul_(1 - group["lr"] * group["weight_decay"]).add_(momentum, alpha=-group["lr"])


def test_states_in_lists_beside_the_weights() -> None:
    module = nn.Sequential(nn.Linear(80, 90), nn.Linear(90, 4))
    optimizer = Lists(module.parameters())
    before = bits(optimizer.momenta)
    found = audit(module, optimizer, policy="all")
    assert bits(optimizer.momenta) == before
    assert found.problems == ()
    assert [row.shrink for row in found.rows] == pytest.approx([0.001] * 4)


class Allocated(TorchDispatchMode):
    """Bytes of new memory that is alive, and their peak."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self.known = {one.untyped_storage()._cdata: 0 for one in module.parameters()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(one, Tensor) and one.device.type == "cpu" and one.layout == torch.strided:
                storage = one.untyped_storage()
                if storage._cdata not in self.known:
                    self.known[storage._cdata] = storage.nbytes()
                    self.alive += storage.nbytes()
                    self.peak = max(self.peak, self.alive)
                    weakref.finalize(storage, self._drop, storage._cdata)
        return result

    def _drop(self, key: int) -> None:
        self.alive -= self.known.pop(key, 0)


def large() -> nn.Module:
    """One tensor of 8 MB beside small ones."""
    return nn.Sequential(nn.Linear(1024, 2048), nn.ReLU(), nn.Linear(2048, 256), nn.Linear(256, 10))


LARGEST = 4 * 1024 * 2048


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_memory(kind: Any) -> None:
    """Of optimisers that treat all numbers alike a few are enough."""
    module = large()
    optimizer = kind(module.parameters(), lr=0.01, weight_decay=0.1)
    with Allocated(module) as allocated:
        audit(module, optimizer, policy="all")
    assert allocated.peak < LARGEST
    assert allocated.alive < LARGEST / 10


def test_memory_of_an_optimiser_that_looks_at_whole_tensors() -> None:
    """Twice the largest tensor beside what a step of its own takes."""
    module = large()
    optimizer = torch.optim.Adafactor(module.parameters(), lr=0.01, weight_decay=0.1)
    with Allocated(module) as allocated:
        audit(module, optimizer, policy="all")
    module(torch.randn(2, 1024)).sum().backward()
    with Allocated(module) as alone:
        optimizer.step()
    assert allocated.peak <= alone.peak + 2 * LARGEST
