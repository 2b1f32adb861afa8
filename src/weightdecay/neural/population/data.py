"""Data: rows that members train on and are judged by, and the batches that they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs (n, …), targets (n, …) as an objective takes them, and weights (n,)."""

    x: Tensor
    target: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.weight)

    def taken(self, index: Tensor) -> Rows:
        """Some of them."""
        return Rows(self.x[index], self.target[index], self.weight[index])

    def part(self, where: slice) -> Rows:
        """Those that stand together."""
        return Rows(self.x[where], self.target[where], self.weight[where])


def batches(rows: Rows, size: int, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Batches of an epoch in random order: inputs, targets, and each row's share of the batch's mean loss.

    The order depends on the seed, the epoch and the number of rows alone: everybody who asks sees the same.
    """
    generator = torch.Generator().manual_seed(hash((seed, epoch)) % 2**63)
    order = torch.randperm(len(rows), generator=generator).to(rows.weight.device)
    mixed = rows.taken(order)
    sums = torch.stack([one.sum() for one in torch.split(mixed.weight, size)]).tolist()
    for number, total in enumerate(sums):
        part = slice(number * size, (number + 1) * size)
        if total > 0:
            yield mixed.x[part], mixed.target[part], mixed.weight[part] / total
