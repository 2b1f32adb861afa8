"""What a step does to the weights, found with plain torch, for the truth of what is planted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neural.audit.planted_records import Make

NEEDS_CLOSURE = {"both_halves_decay", "sam_around_sgd"}


def names(model: nn.Module) -> dict[int, str]:
    """Id of each parameter → its first name, wrappers' prefixes left out."""
    return {id(one): name.removeprefix("_orig_mod.") for name, one in model.named_parameters()}


def promised(make: Make) -> dict[str, float]:
    """lr · weight_decay of the group that each parameter is in; the last one counts."""
    model, optimizer, _ = make()
    known = names(model)
    return {
        known[id(p)]: float(group["lr"]) * float(group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
        if id(p) in known
    }


def stepped(
    make: Make, *, lr: float = 1.0, decay: float = 1.0, gradient: Any = 0.0, steps: int = 1, double: bool = False
) -> tuple[nn.Module, dict[str, Tensor]]:
    """A fresh set-up after steps with lr and weight_decay of all groups multiplied; also the weights from before.

    gradient: 0.0 for zeros, None for none at all, "random" for normal numbers that are the same at every call.
    """
    model, optimizer, _ = make()
    optimizer.state.clear()
    _settle(model, double)
    before = {name: model.get_parameter(raw).detach().double().clone() for raw, name in _raw(model)}
    for group in optimizer.param_groups:
        group["lr"], group["weight_decay"] = group["lr"] * lr, group["weight_decay"] * decay
    closure = (lambda: torch.zeros(()),) if make.__name__ in NEEDS_CLOSURE else ()
    numbers = torch.Generator().manual_seed(1)
    for _ in range(steps):
        _give(model, optimizer, gradient, numbers)
        optimizer.step(*closure)
    return model, before


def shrink(make: Make, **more: Any) -> dict[str, float]:
    """1 − ⟨w′, w⟩/⟨w, w⟩ of every parameter over the steps of `stepped`."""
    model, before = stepped(make, **more)
    after = {name: model.get_parameter(raw).detach().double() for raw, name in _raw(model)}
    return {name: float(1 - (after[name] * w).sum() / w.square().sum()) for name, w in before.items()}


def _raw(model: nn.Module) -> list[tuple[str, str]]:
    return [(name, name.removeprefix("_orig_mod.")) for name, _ in model.named_parameters()]


def _settle(model: nn.Module, double: bool) -> None:
    """A vector of zeros cannot be seen to shrink: it becomes ones."""
    with torch.no_grad():
        for p in model.parameters():
            if double:
                p.data = p.data.double()
            if not p.any():
                p.fill_(1.0)


def _give(model: nn.Module, optimizer: Optimizer, gradient: Any, numbers: torch.Generator) -> None:
    """Gradients in place where there are any: a captured step reads those very tensors."""
    for p in (*model.parameters(), *(one for group in optimizer.param_groups for one in group["params"])):
        if gradient is None:
            p.grad = None
        elif p.grad is None or p.grad.dtype != p.dtype:
            p.grad = torch.zeros_like(p)
        else:
            p.grad.zero_()
        if gradient == "random" and p.grad is not None:
            p.grad.copy_(torch.randn(p.shape, generator=numbers))
