"""Populations of networks, beside one fit after another with plain torch, and beside scikit-learn's grid search.

Both sides start from the same weights and see the same batches, and in the same run the members' losses are compared
with those of the rival: a row whose members end elsewhere is no result.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import weightdecay as wd
from benchmarks.measure import Result, medians
from weightdecay.neural.population.data import Rows, batches
from weightdecay.neural.population.groups import trained
from weightdecay.neural.population.objectives import CrossEntropy
from weightdecay.neural.population.optimisers import Settings
from weightdecay.neural.population.training import Members, Schedule, Task, made

RATE, BATCH, EPOCHS = 1e-3, 128, 20
# How far members' losses may be from the rival's in single precision, after 300 steps: where a maximum or a rectifier
# turns on the last bit, runs part ways. In double precision the tests hold them to 1e-9.
CLOSE = 5e-3


def digits(device: str = "cpu") -> Rows:
    """scikit-learn's digits, standardised."""
    X, y = load_digits(return_X_y=True)
    x = torch.as_tensor(StandardScaler().fit_transform(X), dtype=torch.float32, device=device)
    target = CrossEntropy(10).prepared(torch.as_tensor(y, device=device), torch.float32)
    return Rows(x, target, torch.ones(len(y), device=device))


def perceptron() -> nn.Module:
    """64-64-64-10."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def convolutional() -> nn.Module:
    """Two convolutions of the 8 × 8 images, with batch normalisation."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


class Residual(nn.Module):
    """Layers that do not stand one after another: the way of torch.func."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 64) → (n, 10)."""
        h = torch.relu(self.first(x))
        found: torch.Tensor = self.head(h + torch.relu(self.second(h)))
        return found


def matrices(module: nn.Module) -> frozenset[str]:
    """Exempt: whatever has one dimension."""
    return frozenset(name for name, one in module.named_parameters() if one.ndim < 2)


def decays(count: int) -> torch.Tensor:
    """λ from 1e-3 to 10."""
    return torch.logspace(-3, 1, count)


def ours(rows: Rows, factory: Callable[[], nn.Module], count: int) -> list[Any]:
    """All members as one population."""
    device = rows.x.device
    members = Members(decays(count).to(device), torch.full((count,), RATE, device=device))
    task = Task(factory, rows, None, None, CrossEntropy(10), matrices)
    return trained([(task, members)], Settings(), Schedule(EPOCHS, BATCH, 0))[0]


def one_by_one(rows: Rows, factory: Callable[[], nn.Module], values: torch.Tensor) -> list[nn.Module]:
    """The same with torch.optim.AdamW, fused, one after another."""
    found, labels = [], rows.target.argmax(1)
    for decay in values.tolist():
        module = made(factory, 0).to(rows.x.device)
        groups = [
            {"params": [one for one in module.parameters() if one.ndim > 1], "weight_decay": decay},
            {"params": [one for one in module.parameters() if one.ndim < 2], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=RATE, fused=True)
        data = Rows(rows.x, labels, rows.weight)
        for epoch in range(EPOCHS):
            for x, target, _ in batches(data, BATCH, 0, epoch):
                optimiser.zero_grad()
                nn.functional.cross_entropy(module(x), target).backward()
                optimiser.step()
        found.append(module)
    return found


def checked(rows: Rows, factory: Callable[[], nn.Module], count: int) -> None:
    """Refuse a row whose members do not end where the rival's do."""
    some = [0, count // 2, count - 1]
    portions = ours(rows, factory, count)
    members = [(one, m) for one in portions for m in range(len(one.rows))]
    labels, off = rows.target.argmax(1), 0.0
    for place, other in zip(some, one_by_one(rows, factory, decays(count)[some]), strict=True):
        portion, member = members[place]
        mine = portion.module(member, lambda: made(factory, 0).to(rows.x.device))
        with torch.no_grad():
            both = [float(nn.functional.cross_entropy(one.eval()(rows.x), labels)) for one in (mine, other)]
        off = max(off, abs(both[0] - both[1]))
    print(f"  {portions[0].way}: losses within {off:.1e} of the rival's", file=sys.stderr, flush=True)
    if not off <= CLOSE:
        raise RuntimeError(f"members' losses are {off:.1e} from plain torch's, expected at most {CLOSE:g}")


def beside_the_loop(
    factory: Callable[[], nn.Module], count: int, bars: tuple[float, float | None], name: str, repeats: int
) -> Result:
    """A population beside its members one after another, on the processor."""
    rows = digits()
    checked(rows, factory, count)
    mine, rival = medians(
        lambda: ours(rows, factory, count), lambda: one_by_one(rows, factory, decays(count)), repeats, rival_repeats=1
    )
    return Result(name, mine, rival, *bars, faster=True)


def beside_a_grid_search(name: str, repeats: int) -> Result:
    """12 decays × 5 folds beside GridSearchCV of MLPClassifier on two processes that are warm, of equal epochs."""
    X, y = load_digits(return_X_y=True)
    values = np.logspace(-3, 1, 12)
    network = wd.NetworkClassifier((64, 64), epochs=EPOCHS, batch_size=BATCH, decays=values, cv=5)
    mlp = MLPClassifier((64, 64), batch_size=BATCH, max_iter=EPOCHS, n_iter_no_change=EPOCHS + 1, random_state=0)
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), mlp), {"mlpclassifier__alpha": values}, n_jobs=2, cv=5, refit=False
    )

    def rival() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            grid.fit(X, y)

    mine, theirs = medians(lambda: wd.tune(network, X, y), rival, repeats)
    return Result(name, mine, theirs, 2.0, 4.0, faster=True)


def on_a_card(name: str, repeats: int) -> Result:
    """1,024 members beside a loop on the same card, of which 8 are timed."""
    if not torch.cuda.is_available():
        raise RuntimeError("there is no card on this machine")
    rows, some = digits("cuda"), 8

    def mine() -> None:
        ours(rows, perceptron, 1024)
        torch.cuda.synchronize()

    def rival() -> None:
        one_by_one(rows, perceptron, decays(some))
        torch.cuda.synchronize()

    checked(rows, perceptron, 1024)
    fast, slow = medians(mine, rival, repeats)
    print(f"  {torch.cuda.get_device_name()}: {1024 / fast:.0f} members/s", file=sys.stderr, flush=True)
    return Result(name, fast, slow * 1024 / some, 100.0, 500.0, faster=True)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "digits, MLP 64-64-64-10, 20 epochs: 64 decays, fused AdamW in a loop / a population": partial(
        beside_the_loop, perceptron, 64, (4.0, 8.0)
    ),
    "the same of a convolutional net": partial(beside_the_loop, convolutional, 64, (1.5, None)),
    "the same of a module by torch.func": partial(beside_the_loop, Residual, 64, (1.0, None)),
    "digits: 12 decays × 5 folds, GridSearchCV(MLPClassifier, n_jobs=2) / wd.tune": beside_a_grid_search,
}
if torch.cuda.is_available():
    ROWS = {**ROWS, "digits: 1,024 members, a loop on the card / a population": on_a_card}
