"""Measured: what a module does, seen by trying it before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from weightdecay.neural.invariance import scale_invariance
from weightdecay.neural.roles_names import sites, unwrapped

# Rows that a module is tried on, and how far outputs that count as the same may be from each other.
ROWS, SAME = 64, 1e-9


@final
@dataclass(frozen=True, eq=False)
class Free:
    """At infinite decay the outputs are the same for all rows, and what is exempt can make them anything."""


@final
@dataclass(frozen=True, eq=False)
class Fixed:
    """At infinite decay the outputs (k,) are the same for all rows, and nothing that is exempt changes them."""

    outputs: NDArray[np.float64]


# None: what is exempt sees the inputs, so that it is to be trained.
Limit: TypeAlias = "Free | Fixed | None"


def normalised_names(module: nn.Module, x: Tensor) -> frozenset[str]:
    """Names of the parameters whose length does not matter, since what they give is normalised."""
    module.train()
    found = scale_invariance(module, x)
    own = {
        id(site.parameter) for site in sites(unwrapped(module)) if found.get(site.name) and found[site.name].normalised
    }
    return frozenset(name for name, one in module.named_parameters() if id(one) in own)


def limit_at_zero(make: Callable[[], nn.Module], exempt: frozenset[str], x: Tensor) -> Limit:
    """What becomes of a network whose decayed weights are all 0.

    Its outputs are looked at for several values of what is exempt. Where they never depend on the row they are
    constants: the best ones, if those values moved every output on its own, or always the same.
    """
    module = make().to("cpu", torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    x = x[:ROWS].to("cpu", torch.float64)
    tries: list[NDArray[np.float64]] = []
    with torch.no_grad():
        named = [(name, one, one.clone()) for name, one in module.named_parameters() if one.requires_grad]
        for name, one, _ in named:
            if name not in exempt:
                one.zero_()
        while not tries or len(tries) < len(tries[0]) + 2:
            outputs = module(x).numpy()
            if not np.ptp(outputs, axis=0).max() <= SAME * max(1.0, float(np.abs(outputs).max())):
                return None
            tries.append(outputs[0])
            for name, one, start in named:
                if name in exempt:
                    one.copy_(start + torch.randn(one.shape, generator=generator, dtype=one.dtype))
    moved = np.stack(tries[1:]) - tries[0]
    size = max(1.0, float(np.abs(np.stack(tries)).max()))
    rank = int(np.linalg.matrix_rank(moved, tol=SAME * size))
    if rank == 0:
        return Fixed(tries[0])
    return Free() if rank == len(tries[0]) else None
