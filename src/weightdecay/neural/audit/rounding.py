"""Whether the decay of a tensor is lost to the rounding of its type, or kept somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from weightdecay.neural.audit.cuts import Cut, cut_of, local
from weightdecay.neural.audit.forms import Reading
from weightdecay.neural.audit.measure import LARGE, SMALL
from weightdecay.neural.audit.runs import Manner, Setup, Workshop

CELLS = 1 << 16
STEPS = 8
SEEN = 10.0  # coordinates that should have moved for their number to tell
KEPT = 0.3  # share of the decay that is enough to call it kept


def is_lost(workshop: Workshop, tensor: Tensor, manner: Manner, reading: Reading) -> bool:
    r"""Whether decay that a step is too small to show is lost for good.

    It is not if an update that is rounded together with it carries it, on average over the coordinates; updates that
    follow the size of the gradient, as SGD's do, are of unknown size and do not count. Nor is it if what rounding takes
    is kept elsewhere and comes back within so many steps that it must have come: from w = 2 − ε down a change of ε/4
    in relation to w is seen.

    Parameters
    ----------
    workshop, tensor, manner
        As in `measure`.
    reading : Reading
        What the tensor would receive without rounding.
    """
    if not abs(reading.first) > 0:
        return False
    return not (_is_carried(workshop, tensor, manner) or _is_kept(workshop, tensor, manner, reading))


def _is_carried(workshop: Workshop, tensor: Tensor, manner: Manner) -> bool:
    """Whether steps with decay end elsewhere than the same steps without, on average as far as in float64."""
    cuts = {tensor: cut_of(local(tensor).shape, CELLS)}
    sizes = [
        float(workshop.run(cuts, Setup(gradient=gradient), manner)[0].way.double().norm())
        for gradient in (SMALL, LARGE)
    ]
    gradient = SMALL if abs(sizes[0] - sizes[1]) < 0.1 * sizes[0] else 0.0
    setup = Setup(weights=None, gradient=gradient, steps=STEPS)
    expected, _ = _difference(workshop, cuts, manner, setup)
    found, unit = _difference(workshop, cuts, manner, replace(setup, precise=False))
    return abs(expected) / unit >= SEEN and found / expected > KEPT


def _difference(workshop: Workshop, cuts: Mapping[Tensor, Cut], manner: Manner, setup: Setup) -> tuple[float, float]:
    """How far decay takes the weights towards 0 in all, and about a unit in the last place of one of them."""
    (moved,) = workshop.run(cuts, setup, manner)
    (without,) = workshop.run(cuts, replace(setup, decay=0.0), manner)
    begun = moved.before.double()
    way = float(((without.after.double() - moved.after.double()) * begun.sign()).sum())
    return way, torch.finfo(moved.before.dtype).eps * float(begun.abs().mean())


def _is_kept(workshop: Workshop, tensor: Tensor, manner: Manner, reading: Reading) -> bool:
    """Whether what many steps take adds up although each is too small to be seen."""
    if reading.form.startswith("coupled"):
        return False
    wanted = torch.finfo(local(tensor).dtype).eps / 48
    setup = Setup(steps=20, precise=False, edge=True, decay=wanted / abs(reading.first))
    (moved,) = workshop.run({tensor: cut_of(local(tensor).shape)}, setup, manner)
    return sum(moved.shares) > KEPT * setup.steps * wanted
