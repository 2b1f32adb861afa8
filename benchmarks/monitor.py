"""What watching costs: training with a monitor at its default interval beside training without, ten million numbers.

A step is a forward pass, a backward pass and AdamW on a batch of 128. One model is trained, watched and not in turn;
what a measured step costs beyond the others is spread over the interval.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from benchmarks.measure import Result, seconds
from weightdecay.neural.monitor.monitor import Monitor

BATCH, WIDTH, LAYERS = 128, 1280, 6
AMONG = 8  # steps of which one is measured here: of rarer ones there would be too few for a median


def model() -> Any:
    """Layers with normalisations between them: about ten million numbers."""
    torch.manual_seed(0)
    parts: list[torch.nn.Module] = []
    for _ in range(LAYERS):
        parts += [torch.nn.Linear(WIDTH, WIDTH, bias=False), torch.nn.LayerNorm(WIDTH), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts, torch.nn.Linear(WIDTH, 10))


def training(decay: float, rate: float) -> tuple[Callable[[], None], Any, Any]:
    """One step of a training, its model and its optimiser."""
    net = model()
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay, fused=True)
    x, y = torch.randn(BATCH, WIDTH), torch.randint(0, 10, (BATCH,))

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()

    return step, net, optimiser


def block(step: Callable[[], None], monitor: Any = None) -> tuple[list[float], list[float]]:
    """Seconds of a few steps: those that were not measured, and those that were."""
    counted: list[float] = []
    measured: list[float] = []
    for _ in range(AMONG):
        before = 0 if monitor is None else len(monitor.records)
        spent = seconds(step)
        (measured if monitor is not None and len(monitor.records) > before else counted).append(spent)
    return counted, measured


def amortised(decay: float, rate: float, bar: float, watch: bool, name: str, repeats: int) -> Result:
    """Median steps with a monitor, measured ones counted once per default interval, and median steps without.

    One model and one optimiser, watched and not in turn, a few steps each; what a watched step costs beyond is taken
    against the bare steps right before it, as a machine that does other work besides changes its pace from minute to
    minute. Without `watch` nothing is watched in either turn: what the machine's noise alone would give.
    """
    step, net, optimiser = training(decay, rate)
    with Monitor(net, optimiser) as default:
        every = default.every
    bare: list[float] = []
    beyond: tuple[list[float], list[float]] = ([], [])
    block(step)
    for _ in range(4 * repeats):
        plain = block(step)[0]
        base = statistics.median(plain)
        bare.append(base)
        if watch:
            with Monitor(net, optimiser, every=AMONG) as monitor:
                found = block(step, monitor)
        else:
            found = block(step)
        for kind, some in zip(beyond, found, strict=True):
            kind.extend(one - base for one in some)
    rival = statistics.median(bare)
    counted = statistics.median(beyond[0])
    measured = statistics.median(beyond[1]) if beyond[1] else counted
    return Result(name, rival + counted + (measured - counted) / every, rival, bar, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "10 M parameters, batch 128, watched (λ 0.1, η 1e-3) / not": partial(amortised, 0.1, 1e-3, 1.01, True),
    "the same, τ of 200 steps (λ 0.5, η 1e-2): measured every 80 steps": partial(amortised, 0.5, 1e-2, 1.01, True),
    "control: the same without a monitor in either turn": partial(amortised, 0.1, 1e-3, 1.01, False),
}
