"""What decay costs a step: forms on an optimiser beside bare fused AdamW, ten million parameters.

The rival steps with the same gradients and without decay; every row alternates with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

import weightdecay as wd
from benchmarks.measure import Result, medians

# Parameters of a transformer of some size: matrices of 1,024 × 1,024 and gains.
MATRICES, WIDTH = 9, 1024
STEPS = 5
# Short runs in turn, many of them: the machine's own ups and downs are longer than a run and fall on both sides.
TURNS = 8


def parameters() -> list[torch.Tensor]:
    """About ten million numbers with gradients."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(MATRICES):
        for shape in ((WIDTH, WIDTH), (WIDTH,)):
            one = torch.randn(shape, generator=generator).requires_grad_()
            one.grad = torch.randn(shape, generator=generator)
            found.append(one)
    return found


def steps(optimiser: Any) -> Callable[[], None]:
    """Some steps of an optimiser."""

    def run() -> None:
        for _ in range(STEPS):
            optimiser.step()

    return run


def beside_bare(settings: Mapping[str, Any], bar: float, name: str, repeats: int) -> Result:
    """A form beside no decay at all."""
    shared = parameters()
    bare, own = (torch.optim.AdamW(shared, lr=1e-4, weight_decay=0.0, fused=True) for _ in range(2))
    own.state = bare.state  # the same memory on both sides: where it lies alone changes a step by a tenth
    decay = torch.tensor(0.1) if settings.get("own_pass") else 0.1
    kept = {key: value for key, value in settings.items() if key != "own_pass"}
    wd.with_decay(own, decay=decay, **kept)
    return Result(name, *medians(steps(own), steps(bare), TURNS * repeats), bar, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "10 M parameters, decoupled (native) / bare fused AdamW": partial(beside_bare, {"form": "decoupled"}, 1.02),
    "the same, independent (native)": partial(beside_bare, {"form": "independent", "peak_lr": 1e-4}, 1.02),
    "the same, decoupled in a pass of its own": partial(beside_bare, {"form": "decoupled", "own_pass": True}, 1.4),
    "the same, towards the initial weights": partial(beside_bare, {"form": "decoupled", "centre": "initial"}, 1.4),
    "the same, soft threshold after a pass of its own": partial(
        beside_bare, {"form": "decoupled", "l1_ratio": 0.5}, 1.8
    ),
    "the same, cautious": partial(beside_bare, {"form": "cautious"}, 2.0),
}
