"""What watching costs: training with a monitor at its default interval beside training without, ten million numbers.

A step is a forward pass, a backward pass and AdamW on a batch of 128. Two models of the same numbers are trained in
turn, step by step, one of them watched; what a measured step costs beyond the others is spread over the interval.
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


def amortised(decay: float, rate: float, bar: float, name: str, repeats: int) -> Result:
    """Median steps with a monitor, measured ones counted once per default interval, and median steps without.

    Of both kinds of watched steps the median of what each takes beyond the bare step right after it: a machine that
    does other work besides changes its pace from minute to minute.
    """
    watched, net, optimiser = training(decay, rate)
    plain, _, _ = training(decay, rate)
    with Monitor(net, optimiser) as default:
        every = default.every
    beyond: dict[bool, list[float]] = {True: [], False: []}
    bare = []
    with Monitor(net, optimiser, every=AMONG) as monitor:
        for _ in range(AMONG * (2 * repeats + 1)):
            before = len(monitor.records)
            spent = seconds(watched)
            bare.append(seconds(plain))
            beyond[len(monitor.records) > before].append(spent - bare[-1])
    measured, counted = (statistics.median(found[1:]) for found in beyond.values())
    rival = statistics.median(bare)
    return Result(name, rival + counted + (measured - counted) / every, rival, bar, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "10 M parameters, batch 128, watched (λ 0.1, η 1e-3) / not": partial(amortised, 0.1, 1e-3, 1.01),
    "the same, τ of 200 steps (λ 0.5, η 1e-2): measured every 80 steps": partial(amortised, 0.5, 1e-2, 1.01),
}
