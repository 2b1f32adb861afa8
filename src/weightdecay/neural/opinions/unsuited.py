"""Where a second opinion is known to fail: found by measurement, and said in a sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from weightdecay.neural.invariance import RATIO, scale_invariance
from weightdecay.neural.opinions.objective import SAMPLE, Objective
from weightdecay.neural.roles_running import untouched
from weightdecay.records.param_table import plain

NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)
KINKS = "the model is piecewise linear (ReLU): J has kinks, and its curvature says nothing of those beside a minimum"


def refuse_unsuited(model: nn.Module, objective: Objective) -> None:
    """Refuse a model that draws random numbers, whose rows influence each other, or whose weights have no length.

    Raises
    ------
    ValueError
        Which, how that was seen, and what to do.
    """
    x = objective.x[:SAMPLE]
    twin = copy.deepcopy(model).double()
    with untouched(twin), torch.no_grad():
        one, other = twin(x), twin(x)
        part = twin(x[: max(1, len(x) // 2)])
    if _differ(one, other):
        raise ValueError(
            "the model gives other outputs for the same rows when it is called again, as with active dropout: its loss "
            "has no curvature to measure; call model.eval() first"
        )
    if len(x) > 1 and _differ(one[: len(part)], part):
        raise ValueError(
            "the model's outputs for a row depend on the other rows of the batch, as with BatchNorm in training mode: "
            "rows are then no independent evidence; call model.eval() first, or judge decay by held-out rows"
        )
    if len(x) < 2:
        return
    found = [plain(name) for name, one in scale_invariance(twin, x).items() if one.invariant]
    found = found or _behind_weights(twin, x) or _without_length(objective, x)
    if found:
        some = ", ".join(map(repr, found[:3])) + (" and more" if len(found) > 3 else "")
        raise ValueError(
            f"a normalisation hides the length of weights, as seen at {some}: decay then sets an effective learning "
            "rate, and neither evidence nor hypergradient tells how much is right (Antorán et al. 2022); judge decay "
            "by held-out rows: wd.tune"
        )


def _behind_weights(model: nn.Module, x: Tensor) -> list[str]:
    """Layers of normalisation whose inputs trained weights have made."""
    found: list[str] = []

    def seen(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
            if any(isinstance(one, Tensor) and one.requires_grad for one in given) and name not in found:
                found.append(plain(name))

        return hook

    kept = [
        module.register_forward_pre_hook(seen(name))
        for name, module in model.named_modules()
        if isinstance(module, NORMALISATIONS)
    ]
    with untouched(model):
        model(x)
    for one in kept:
        one.remove()
    return found


def _without_length(objective: Objective, x: Tensor) -> list[str]:
    """Modules whose weights and bias together have no length.

    Both are multiplied by 1.5, and compared with a change as large in a random direction.
    """
    owners: dict[str, list[int]] = {}
    for place, name in enumerate(objective.names):
        owners.setdefault(name.rpartition(".")[0], []).append(place)
    w, sizes = objective.start, [shape.numel() for shape in objective.shapes]
    generator = torch.Generator().manual_seed(4)
    found = []
    with torch.no_grad():
        here = objective.run(w, x)
        for owner, places in owners.items():
            if len(places) < 2:  # a tensor alone is judged by its gradients
                continue
            mask = torch.cat([torch.full((size,), at in places) for at, size in enumerate(sizes)]).to(w)
            other = torch.randn(len(w), generator=generator, dtype=w.dtype).to(w) * mask
            other = other * (w * mask).norm() / other.norm()
            longer, moved = (objective.run(w + 0.5 * one, x) - here for one in (w * mask, other))
            if float(longer.norm()) <= RATIO * float(moved.norm()) and float(moved.norm()) > 1e-6 * float(here.norm()):
                found.append(plain(owner))
    return found


def has_kinks(objective: Objective, w: Tensor) -> bool:
    """Whether outputs are piecewise linear in the inputs: bent over a distance, straight at every point."""
    x = objective.x[:SAMPLE]
    if not x.is_floating_point():
        return False
    generator = torch.Generator().manual_seed(3)
    v = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x) * (x.std() if len(x) > 1 else 1.0)
    with torch.no_grad():
        here, ahead, behind = (objective.run(w, x + t * v) for t in (0.0, 1.0, -1.0))
    bend = float((ahead + behind - 2 * here).abs().max())
    if bend <= 1e-9 * float(here.abs().max() + ahead.abs().max()):
        return False
    at = torch.zeros(len(x), dtype=x.dtype, device=x.device, requires_grad=True)
    shape = (-1, *[1] * (x.ndim - 1))
    f = objective.run(w, x + at.view(shape) * v)
    second = torch.zeros_like(at)
    for column in f.T:
        slope = torch.autograd.grad(column.sum(), at, create_graph=True)[0]
        if slope.requires_grad:
            again = torch.autograd.grad(slope.sum(), at, retain_graph=True, allow_unused=True)[0]
            second = second if again is None else torch.maximum(second, again.abs())
    return float(second.max()) <= 1e-12 * bend


def _differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, rtol=1e-7, atol=1e-9 * float(one.abs().max()))
