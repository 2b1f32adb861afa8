"""Sums over the coordinates of a weight before and after a step: all that the monitor needs of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import torch

from weightdecay.neural.steps import real

BLOCK = 1 << 17  # numbers in a piece on the CPU: what is worked on stays in a core's second cache

LEAST = 1e-37  # what a gradient of 0 is divided by where its usual size is 0 too
Scratch: TypeAlias = "dict[torch.dtype, torch.Tensor]"

NAMES = ("weight", "moved", "along", "kept", "kept_along", "gradient", "scaled")


@final
@dataclass(frozen=True, eq=False)
class Adaptive:
    """What Adam divides a gradient by: √(v/correction) + eps, here √(v/correction + eps²)."""

    second: torch.Tensor
    correction: float
    eps: float


@final
@dataclass(frozen=True, eq=False)
class Sides:
    """A weight before and after a step.

    Parameters
    ----------
    before, after : tensors of one shape
    centre : tensor, optional
        c, of that shape. None: 0.
    masked : bool
        Whether only coordinates with u_j (w_j − c_j) ≥ 0 are decayed.
    gradient : tensor, optional
    adaptive : Adaptive, optional
        None where the update is not Adam's.
    """

    before: torch.Tensor
    after: torch.Tensor
    centre: torch.Tensor | None = None
    masked: bool = False
    gradient: torch.Tensor | None = None
    adaptive: Adaptive | None = None


def sums(every: Sequence[Sides]) -> list[list[float]]:
    r"""Return for each weight Σv², Σd², Σdv, Σmv², Σmdv, Σg², Σ(g/√v̂)², with v = w − c and d = w_before − w_after.

    m is 1 where a coordinate is decayed: with a mask where d v ≥ 0, for decay itself never turns the sign of d v there.
    nan where there is no gradient, or no v̂. The difference is taken before anything is squared: of two lengths that
    agree in five digits none would be left.

    Parameters
    ----------
    every : sequence of Sides

    Returns
    -------
    list of lists of 7 floats

    Examples
    --------
    >>> w, v = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0])
    >>> sums([Sides(w, v, masked=True)])[0][:5]
    [5.0, 2.0, 1.0, 4.0, 2.0]
    """
    scratch: Scratch = {}
    found = [one for sides in every for one in _of(sides, scratch)]
    if not found:
        return []
    # One wait for the device, however many weights there are.
    numbers = torch.stack([one.to(found[0].device) for one in found]).view(len(every), len(NAMES))
    table: list[list[float]] = numbers.tolist()
    return table


def _of(sides: Sides, scratch: Scratch) -> list[torch.Tensor]:
    """The seven sums of one weight, as numbers of 64 bits on its device."""
    products: list[torch.Tensor] = []
    given = [sides.before, sides.after, *([] if sides.centre is None else [sides.centre])]
    for piece in _pieces([local(one) for one in given]):
        before, after = _wide(piece[0]), _wide(piece[1])
        away = before if sides.centre is None else before - _wide(piece[2])
        moved = torch.sub(before, after, out=_room(before, scratch))
        products += [torch.dot(away, away), torch.dot(moved, moved), torch.dot(moved, away)]
        if sides.masked:
            kept = away * (moved * away >= 0)
            products += [torch.dot(kept, kept), torch.dot(moved, kept)]
    totals = _totals(products, 5 if sides.masked else 3)
    totals += [] if sides.masked else [totals[0], totals[2]]
    return [*totals, *_of_gradient(sides, scratch)]


def _of_gradient(sides: Sides, scratch: Scratch) -> list[torch.Tensor]:
    """Σg² and Σ(g/√v̂)², the latter as c Σ g · g/(v + c eps²), c the correction: one division and no root."""
    gradient, adaptive = sides.gradient, sides.adaptive
    absent = torch.full((), torch.nan, dtype=torch.float64, device=sides.before.device)
    if gradient is None:
        return [absent, absent]
    if gradient.is_sparse:
        values = _wide(gradient.coalesce().values().reshape(-1))
        return [torch.dot(values, values).double(), absent]
    products: list[torch.Tensor] = []
    given = [gradient, *([] if adaptive is None else [adaptive.second])]
    for piece in _pieces([local(one) for one in given]):
        value = _wide(piece[0])
        products.append(torch.dot(value, value))
        if adaptive is not None:
            least = max(adaptive.correction * adaptive.eps**2, LEAST)
            below = torch.add(_wide(piece[1]), least, out=_room(value, scratch))
            products.append(torch.dot(torch.div(value, below, out=below), value))
    if adaptive is None:
        return [*_totals(products, 1), absent]
    size, scaled = _totals(products, 2)
    return [size, scaled * adaptive.correction]


def _totals(products: list[torch.Tensor], kinds: int) -> list[torch.Tensor]:
    """Sums over the pieces of products of so many kinds in turn."""
    return list(torch.stack(products).double().view(-1, kinds).sum(dim=0).unbind())


def _room(like: torch.Tensor, scratch: Scratch) -> torch.Tensor:
    """Memory for a flat result, the same for all pieces: on the CPU new memory costs as much as the work."""
    if like.device.type != "cpu" or like.numel() > BLOCK:
        return torch.empty_like(like)
    if like.dtype not in scratch:
        scratch[like.dtype] = torch.empty(BLOCK, dtype=like.dtype)
    return scratch[like.dtype][: like.numel()]


def local(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor's numbers on this process, complex ones as pairs."""
    whole = tensor.detach()
    shard = getattr(whole, "to_local", None)
    return real(whole if shard is None else shard())


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """Numbers in 32 bits or more: sums in 16 are worth nothing."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def _pieces(tensors: Sequence[torch.Tensor]) -> Iterator[Sequence[torch.Tensor]]:
    """Tensors of one shape as flat ones; on the CPU in pieces that stay in the cache."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    if flat[0].device.type != "cpu" or flat[0].numel() <= BLOCK:
        yield flat
        return
    yield from zip(*(torch.split(one, BLOCK) for one in flat), strict=True)
