"""What a planted fault and a sound recipe are, and how they are registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Loss = Callable[[nn.Module], Tensor]
SetUp = tuple[nn.Module, Optimizer, Loss | None]
Make = Callable[[], SetUp]


@dataclass(frozen=True)
class Fault:
    """A training set-up whose decay is not what its author believes.

    `code` holds every code that would be right, `severity` the least that is expected, `parameters` names that the
    finding must mention, `why` what happens, `source` a thread or "common". `make` gives the same bits at every call.
    """

    name: str
    make: Make
    code: tuple[str, ...]
    severity: str
    parameters: tuple[str, ...]
    why: str
    source: str


@dataclass(frozen=True)
class Recipe:
    """A sound set-up as people copy it, and the policy under which nothing may be said against it."""

    name: str
    make: Make
    policy: str


def planted(
    faults: list[Fault], code: str, severity: str, parameters: str, *, why: str, source: str = "common"
) -> Callable[[Callable[[], Any]], Make]:
    """Register a set-up as a fault; several codes or names are separated by blanks."""

    def register(make: Callable[[], Any]) -> Make:
        seeded = _seeded(make)
        name = make.__name__
        faults.append(Fault(name, seeded, tuple(code.split()), severity, tuple(parameters.split()), why, source))
        return seeded

    return register


def stock(recipes: list[Recipe], policy: str = "auto") -> Callable[[Callable[[], Any]], Make]:
    """Register a set-up as a sound recipe."""

    def register(make: Callable[[], Any]) -> Make:
        seeded = _seeded(make)
        recipes.append(Recipe(make.__name__, seeded, policy))
        return seeded

    return register


def _seeded(make: Callable[[], Any]) -> Make:
    """The same weights at every call, and the caller's random state as it was; a missing loss is None."""

    @wraps(make)
    def seeded() -> SetUp:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made = make()
        return made if len(made) == 3 else (*made, None)

    return seeded
