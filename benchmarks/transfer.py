"""Decays carried over by ``wd.transfer``, beside decays tuned on the spot: two data sets, nested subsets, two batches.

Digits (1,797 images, nearly all of which a network gets right) and Fair's survey of affairs (6,366 women, whether they
had one: noisy classes, where a network soon knows its training rows by heart and decay matters).

Networks with layer normalisation are trained by AdamW under a cosine, in plain torch: all decays and seeds at once, as
one stack of networks that share their batches. The smallest run, ¼ of the rows in batches of 32, is tuned to the least
mean held-out loss of a grid, and its decay is carried over to all other runs, each of which is tuned as well. A row
holds if the loss at the decay carried over is within 1 %, or one standard error over the seeds, of the tuned one's.
Every seed has its own split, nested subsets and initial weights; with few seeds (``--repeats``) the least of the means
is a matter of luck on digits, 20 settle it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from statsmodels.datasets import fair
from torch import Tensor

from benchmarks.measure import Result
from weightdecay.decay.runs import Run
from weightdecay.decay.transfer import transfer

Array = NDArray[np.float64]

WIDTH = 64
# η at batches of 32; at others by the square-root rule of adaptive optimisers. At this rate the smallest run lasts over
# half a τ at its best decay; at 2e-3 it lasts a tenth, decay hardly matters there, and there is little to carry over.
RATE, BATCH = 5e-3, 32
BETAS, EPS = (0.9, 0.999), 1e-8
NEAR = 0.01


@dataclass(frozen=True)
class Data:
    """A data set: its name, rows to train on at most (the others are held out), columns, classes, and its recipe."""

    name: str
    pool: int
    columns: int
    classes: int
    epochs: int
    grid: tuple[float, ...]
    table: Callable[[], tuple[Array, NDArray[np.int64]]]


@dataclass(frozen=True)
class Setting:
    """A subset and a batch size."""

    data: Data
    rows: int
    batch: int

    def run(self, decay: float | None = None) -> Run:
        """As `transfer` takes it."""
        return Run(
            decay=decay,
            learning_rate=RATE * math.sqrt(self.batch / BATCH),
            samples=self.rows,
            batch_size=self.batch,
            epochs=self.data.epochs,
            schedule="cosine",
        )


def digits() -> tuple[Array, NDArray[np.int64]]:
    """Pixels from 0 to 1, and which digit it is."""
    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


def affairs() -> tuple[Array, NDArray[np.int64]]:
    """Eight standardised answers, and whether there was an affair."""
    table = fair.load_pandas()
    X = table.exog.to_numpy(dtype=np.float64)
    return (X - X.mean(axis=0)) / X.std(axis=0), (table.endog.to_numpy() > 0).astype(np.int64)


SETS = (
    Data("digits", 1344, 64, 10, 100, tuple(np.geomspace(0.01, 30.0, 15).tolist()), digits),
    Data("affairs", 4096, 8, 2, 20, tuple(np.geomspace(0.1, 100.0, 13).tolist()), affairs),
)


def rows_of(data: Data, seeds: int) -> tuple[Tensor, Tensor]:
    """The table in an order of its own for every seed: columns (S, n, d), classes (S, n)."""
    X, y = data.table()
    orders = [np.random.default_rng(seed).permutation(len(X)) for seed in range(seeds)]
    x = torch.as_tensor(np.stack([X[order] for order in orders]), dtype=torch.float32)
    return x, torch.as_tensor(np.stack([y[order] for order in orders]))


def initial(data: Data, seeds: int, decays: int) -> list[Tensor]:
    """Two hidden layers of 64 with layer normalisation, and a head: (S, L, …), the same for all decays of a seed."""
    sizes = [(data.columns, WIDTH), (WIDTH, WIDTH), (WIDTH, data.classes)]
    found = []
    for place, (into, out) in enumerate(sizes):
        each = []
        for seed in range(seeds):
            generator = torch.Generator().manual_seed(1000 * place + seed)
            each.append(torch.randn(into, out, generator=generator) / math.sqrt(into))
        found.append(torch.stack(each)[:, None].repeat(1, decays, 1, 1))
        found.append(torch.zeros(seeds, decays, 1, out))
    return [one.requires_grad_() for one in found]


def outputs(parameters: list[Tensor], x: Tensor) -> Tensor:
    """Rows (S, 1, m, d) → outputs (S, L, m, k)."""
    first, bias1, second, bias2, head, bias3 = parameters
    h = torch.relu(torch.nn.functional.layer_norm(x @ first, (WIDTH,)) + bias1)
    h = torch.relu(torch.nn.functional.layer_norm(h @ second, (WIDTH,)) + bias2)
    return h @ head + bias3


def losses(found: Tensor, classes: Tensor) -> Tensor:
    """Mean log-loss (S, L) of outputs (S, L, m, k)."""
    target = classes[:, None, :, None].expand(*found.shape[:3], 1)
    return -torch.log_softmax(found, -1).gather(-1, target).squeeze(-1).mean(-1)


@cache
def held_out(setting: Setting, decays: tuple[float, ...], seeds: int) -> Array:
    """Held-out log-loss (S, L) after AdamW under a cosine; biases are exempt."""
    x, y = rows_of(setting.data, seeds)
    parameters = initial(setting.data, seeds, len(decays))
    strength = torch.tensor(decays, dtype=torch.float32)[None, :, None, None]
    run = setting.run()
    assert run.learning_rate is not None and run.total_steps is not None
    averages = [(torch.zeros_like(one), torch.zeros_like(one)) for one in parameters]
    generator = torch.Generator().manual_seed(0)
    step, total = 0, run.total_steps
    for _ in range(setting.data.epochs):
        order = torch.randperm(setting.rows, generator=generator)
        for rows in torch.split(order, setting.batch):
            rate = run.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / total))
            step += 1
            loss = losses(outputs(parameters, x[:, None, rows]), y[:, rows]).sum()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for one, gradient, (first, second) in zip(parameters, gradients, averages, strict=True):
                    first.lerp_(gradient, 1.0 - BETAS[0])
                    second.lerp_(gradient * gradient, 1.0 - BETAS[1])
                    if one.shape[2] > 1:
                        one.mul_(1.0 - rate * strength)
                    scale = (second / (1.0 - BETAS[1] ** step)).sqrt_().add_(EPS)
                    one.addcdiv_(first, scale, value=-rate / (1.0 - BETAS[0] ** step))
    pool = setting.data.pool
    with torch.no_grad():
        return losses(outputs(parameters, x[:, None, pool:]), y[:, pool:]).double().numpy()


def tuned(setting: Setting, seeds: int) -> tuple[float, Array]:
    """The decay of least mean loss on the grid; and losses (S,), each at the decay that the other seeds tune.

    The least of so many means is too good by its luck, and other seeds' choice has none of it.
    """
    found = held_out(setting, setting.data.grid, seeds)
    best = int(found.mean(axis=0).argmin())
    if seeds == 1:
        return setting.data.grid[best], found[:, best]
    others = (found.sum(axis=0) - found).argmin(axis=1)
    return setting.data.grid[best], found[np.arange(seeds), others]


def carried_over(setting: Setting, name: str, repeats: int) -> Result:
    """The loss at the decay that is carried over, beside the tuned one's; as many seeds as repeats."""
    first = Setting(setting.data, setting.data.pool // 4, BATCH)
    decay, _ = tuned(first, repeats)
    carried = transfer(first.run(decay), setting.run())
    best, least = tuned(setting, repeats)
    ours = held_out(setting, (carried.decay,), repeats)[:, 0]
    error = float(least.std(ddof=1)) / math.sqrt(repeats) if repeats > 1 else 0.0
    paired = float((ours - least).std(ddof=1)) / math.sqrt(repeats) if repeats > 1 else 0.0
    print(
        f"  {name}: {decay:.3g} becomes {carried.decay:.3g} (tuned {best:.3g}); loss {ours.mean():.4f} and "
        f"{least.mean():.4f}, one standard error {error:.4f}, of the difference {paired:.4f}",
        file=sys.stderr,
        flush=True,
    )
    bar = 1.0 + max(NEAR, error / float(least.mean()))
    return Result(name, float(ours.mean()), float(least.mean()), bar, 1.0 + NEAR, unit="nats")


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    f"{data.name}, {part} of the rows, batches of {batch}: loss at the decay from ¼ and 32 / at the tuned one": partial(
        carried_over, Setting(data, rows, batch)
    )
    for data in SETS
    for part, rows in (("¼", data.pool // 4), ("½", data.pool // 2), ("all", data.pool))
    for batch in (32, 128)
    if (rows, batch) != (data.pool // 4, BATCH)
}
