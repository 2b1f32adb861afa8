"""Layout: where the parameters of a module stand in one row of numbers, those that are decayed first.

A population of M members is one tensor (M, P). Decay is then one product with the columns that it acts on, and an
optimiser's step a handful of operations for all parameters of all members.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn


@final
@dataclass(frozen=True)
class Slot:
    """One parameter: its name, its shape, and where it begins in a row."""

    name: str
    shape: torch.Size
    start: int

    @property
    def size(self) -> int:
        """Numbers in it."""
        return self.shape.numel()


@final
@dataclass(frozen=True)
class Layout:
    """The slots of a module's parameters.

    Parameters
    ----------
    slots : tuple of Slot
        In the order of the row.
    size : int
        P.
    decayed : int
        Numbers that are decayed: the first ones.
    normalised : int
        Those of them that belong to normalised layers: the first ones of all.
    """

    slots: tuple[Slot, ...]
    size: int
    decayed: int
    normalised: int = 0

    def view(self, rows: Tensor, name: str) -> Tensor:
        """A parameter of all members, (M, …), as a view of rows (M, P)."""
        slot = next(one for one in self.slots if one.name == name)
        return rows[:, slot.start : slot.start + slot.size].view(len(rows), *slot.shape)

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """All of them, by name."""
        return {
            slot.name: rows[:, slot.start : slot.start + slot.size].view(len(rows), *slot.shape) for slot in self.slots
        }

    def row(self, module: nn.Module) -> Tensor:
        """The parameters of a module as a row (P,), detached."""
        parameters = dict(module.named_parameters())
        return torch.cat([parameters[slot.name].detach().reshape(-1) for slot in self.slots])

    def put(self, module: nn.Module, row: Tensor) -> None:
        """A row (P,) as the parameters of a module."""
        parameters = dict(module.named_parameters())
        with torch.no_grad():
            for slot in self.slots:
                parameters[slot.name].copy_(row[slot.start : slot.start + slot.size].view(slot.shape))


def layout_of(module: nn.Module, exempt: Collection[str], normalised: Collection[str] = ()) -> Layout:
    """The layout of a module's trainable parameters; those named in ``exempt`` come last, ``normalised`` ones first.

    A parameter that two modules share has one slot, under its first name.
    """
    named = [(name, one) for name, one in module.named_parameters() if one.requires_grad]
    slots: list[Slot] = []
    ends = []
    for portion in (
        [pair for pair in named if pair[0] not in exempt and pair[0] in normalised],
        [pair for pair in named if pair[0] not in exempt and pair[0] not in normalised],
        [pair for pair in named if pair[0] in exempt],
    ):
        for name, parameter in portion:
            slots.append(Slot(name, parameter.shape, slots[-1].start + slots[-1].size if slots else 0))
        ends.append(slots[-1].start + slots[-1].size if slots else 0)
    return Layout(tuple(slots), ends[2], ends[1], ends[0])


def stacked(layout: Layout, modules: Sequence[nn.Module]) -> Tensor:
    """Rows (M, P) of as many modules."""
    return torch.stack([layout.row(one) for one in modules])
