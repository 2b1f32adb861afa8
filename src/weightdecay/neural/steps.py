"""The passes over the weights: the only functions of this engine that change a weight or a gradient because of decay.

Each works in place on parallel lists of tensors, through torch's fused list operations, and on the CPU block by
block, so that what it computes on the way stays in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import final

import torch

from weightdecay.neural.rates import Number

Tensors = list[torch.Tensor]

# Numbers of one tensor that each thread of a CPU works on at a time: the few tensors of a pass fit its second cache.
BLOCK = 1 << 16

# For positive ``self`` the first is ``grad_output``, elsewhere a multiple of it: a choice and a product in one pass.
_chosen = torch.ops.aten.leaky_relu_backward.grad_input
_softened = torch.ops.aten.softshrink.out


@final
@dataclass(frozen=True, eq=False)
class Columns:
    """Weights of one device and type, with what belongs to each of them, in the same order.

    Parameters
    ----------
    weights : list of tensors
        Changed in place.
    centres : list of tensors, optional
        c, of the weights' shapes. None: 0.
    residuals : list of float32 tensors, optional
        For weights in 16 bits: what rounding has kept back of w so far (the exact weight is w + residual).
    before : list of tensors, optional
        The weights as the optimiser's step found them.
    momenta, gradients : lists of tensors, optional
        What an optimiser of Adam's kind will form its update of.
    """

    weights: Tensors
    centres: Tensors | None = None
    residuals: Tensors | None = None
    before: Tensors | None = None
    momenta: Tensors | None = None
    gradients: Tensors | None = None

    @property
    def on_processor(self) -> bool:
        """Whether the weights are on the CPU, where lists of tensors save nothing, nor does a number in memory."""
        return bool(self.weights) and self.weights[0].device.type == "cpu"

    def number(self, share: Number) -> Number:
        """Return a share in the form that costs a pass least."""
        return float(share) if self.on_processor else share

    def blocks(self) -> Iterator[Columns]:
        """Cut into pieces that fit a CPU's cache; on other devices everything is one piece."""
        if not self.on_processor:
            yield self
            return
        most = _most()
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: column for name, column in columns.items() if column is not None}
        rows: list[Sequence[torch.Tensor]] = []
        held = 0
        for row in zip(*given.values(), strict=True):
            for piece in _pieces(row):
                if held + piece[0].numel() > most and rows:
                    yield Columns(**dict(zip(given, map(list, zip(*rows, strict=True)), strict=True)))
                    rows, held = [], 0
                rows.append(piece)
                held += piece[0].numel()
        yield Columns(**dict(zip(given, map(list, zip(*rows, strict=True)), strict=True)))

    def exact(self) -> Tensors:
        """Return what a pass works on: the weights themselves, or in float32 with their residuals."""
        if self.residuals is None:
            return self.weights
        exact = [weight.float() for weight in self.weights]
        torch._foreach_add_(exact, self.residuals)
        return exact

    def write(self, exact: Tensors) -> None:
        """Round ``exact`` into the weights and keep what was lost (Kahan's compensation)."""
        if self.residuals is None:
            return
        torch._foreach_copy_(self.weights, exact)
        torch._foreach_copy_(self.residuals, exact)
        torch._foreach_sub_(self.residuals, [weight.float() for weight in self.weights])


def shrink(columns: Columns, share: Number) -> None:
    r"""Take a share of w − c away, in place.

    .. math:: w \leftarrow w - a (w - c)

    Parameters
    ----------
    columns : Columns
    share : float or 0-dimensional tensor
        a ≥ 0.

    Examples
    --------
    >>> w = torch.tensor([2.0, -4.0])
    >>> shrink(Columns([w]), 0.25)
    >>> w.tolist()
    [1.5, -3.0]
    """
    share = columns.number(share)
    working = columns.residuals is not None or (columns.centres is not None and isinstance(share, torch.Tensor))
    for block in columns.blocks() if working else (columns,):  # without intermediate results there is nothing to keep
        exact = block.exact()
        if block.centres is None:
            torch._foreach_mul_(exact, 1 - share)
        elif isinstance(share, torch.Tensor):
            way = torch._foreach_sub(block.centres, exact)
            torch._foreach_mul_(way, share)
            torch._foreach_add_(exact, way)
        else:
            torch._foreach_lerp_(exact, block.centres, share)
        block.write(exact)


def threshold(columns: Columns, width: Number) -> None:
    r"""Move every weight towards its centre by at most b, in place.

    .. math:: w \leftarrow c + \operatorname{sign}(w - c) \max(|w - c| - b, 0)

    A weight within the threshold is c exactly. It is ``Penalty(l1_ratio=1, centre=c).proximal(w, b)`` without its
    temporaries.

    Parameters
    ----------
    columns : Columns
    width : float or 0-dimensional tensor
        b ≥ 0.

    Examples
    --------
    >>> w = torch.tensor([2.0, 0.5])
    >>> threshold(Columns([w]), 1.0)
    >>> w.tolist()
    [1.0, 0.0]
    """
    width = columns.number(width)
    if columns.residuals is None and not isinstance(width, torch.Tensor):
        _threshold_in_cache(columns, width)
        return
    for block in columns.blocks():
        exact = block.exact()
        _threshold(exact, block.centres, [width] * len(exact))
        block.write(exact)


def shrink_agreeing(columns: Columns, share: Number, l1_ratio: float = 0.0) -> None:
    r"""Decay the coordinates whose update went towards the centre, or nowhere, in place and after the update.

    With w the weight before the step, v after it, and u = w − v:

    .. math:: v \leftarrow v - a (1-ρ) (w - c) \quad \text{where } u_j (w_j - c_j) \ge 0,

    then, on the same coordinates, the threshold aρ.

    Parameters
    ----------
    columns : Columns
        With ``before``.
    share : float or 0-dimensional tensor
        a ≥ 0.
    l1_ratio : float
        ρ in [0, 1].

    Examples
    --------
    >>> before, after = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.5, 1.0, 1.5])
    >>> shrink_agreeing(Columns([after], before=[before]), 0.25)
    >>> after.tolist()
    [0.25, 0.75, 1.5]
    """
    share = columns.number(share)
    for block in columns.blocks():
        assert block.before is not None
        exact = block.exact()
        before = block.before if block.residuals is None else [weight.float() for weight in block.before]
        way = before if block.centres is None else list(torch._foreach_sub(before, block.centres))
        agreeing = list(torch._foreach_sub(block.before, block.weights))
        if block.residuals is not None:
            agreeing = [update.float() for update in agreeing]
        torch._foreach_mul_(agreeing, way)
        for sign in agreeing:
            sign.ge_(0)
        widths = [mask * (share * l1_ratio) for mask in agreeing] if l1_ratio > 0 else None
        _take(exact, agreeing, way, share * (1.0 - l1_ratio))
        if widths is not None:
            _threshold(exact, block.centres, widths)
        block.write(exact)


def shrink_agreeing_ahead(columns: Columns, share: Number, beta: float) -> None:
    r"""Do what `shrink_agreeing` does for ρ = 0, but before an update of Adam's kind, without a copy of the weights.

    Such an update has the sign of the momentum that it is formed of, coordinate by coordinate:

    .. math:: w \leftarrow w - a (w - c) \quad \text{where } (β m_j + (1 - β) g_j) (w_j - c_j) \ge 0

    It is the measured mask bit for bit, but for two kinds of coordinates: where m and g cancel to rounding either
    answer is right, and where an update is too small to move its weight the measured one sees none.

    Parameters
    ----------
    columns : Columns
        With ``momenta`` and ``gradients``.
    share : float or 0-dimensional tensor
        a ≥ 0.
    beta : float
        β in [0, 1], the decay of the momentum.

    Examples
    --------
    >>> w, m, g = torch.tensor([1.0, 1.0]), torch.tensor([0.0, -1.0]), torch.tensor([1.0, 1.0])
    >>> shrink_agreeing_ahead(Columns([w], momenta=[m], gradients=[g]), 0.25, beta=0.9)
    >>> w.tolist()
    [0.75, 1.0]
    """
    share = columns.number(share)
    if columns.on_processor and not isinstance(share, torch.Tensor):
        _shrink_ahead_in_cache(columns, share, beta)
        return
    assert columns.momenta is not None and columns.gradients is not None
    way = columns.weights if columns.centres is None else list(torch._foreach_sub(columns.weights, columns.centres))
    agreeing = list(torch._foreach_lerp(columns.momenta, columns.gradients, 1.0 - beta))
    torch._foreach_mul_(agreeing, way)
    for sign in agreeing:
        sign.ge_(0)
    _take(columns.weights, agreeing, way, share)


def decayed_gradients(columns: Columns, gradients: Sequence[torch.Tensor], decay: Number) -> Tensors:
    r"""Return the gradients with the decay's own added; the given ones stay as they are.

    .. math:: g + λ (w - c)

    Parameters
    ----------
    columns : Columns
    gradients : tensors of the weights' shapes
    decay : float or 0-dimensional tensor
        λ; negative where the optimiser maximises.

    Examples
    --------
    >>> w, g = torch.tensor([2.0]), torch.tensor([1.0])
    >>> decayed_gradients(Columns([w]), [g], 0.5)
    [tensor([2.])]
    """
    given = list(gradients)
    if columns.centres is None and not isinstance(decay, torch.Tensor):
        return list(torch._foreach_add(given, columns.weights, alpha=decay))
    away = columns.weights
    if columns.centres is not None:
        away = list(torch._foreach_sub(away, columns.centres))
    pull = list(torch._foreach_mul(away, decay))
    torch._foreach_add_(pull, given)
    return [total.to(gradient.dtype) for total, gradient in zip(pull, given, strict=True)]


def real(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose coordinates are real: a complex one as pairs, as torch's optimisers see it."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _take(exact: Tensors, masks: Tensors, way: Tensors, share: Number) -> None:
    """Take share · mask · way from ``exact``, in place; the masks are used up."""
    if isinstance(share, torch.Tensor):
        torch._foreach_mul_(masks, share)
        torch._foreach_addcmul_(exact, masks, way, value=-1.0)
    else:
        torch._foreach_addcmul_(exact, masks, way, value=-share)


def _threshold(exact: Tensors, centres: Tensors | None, widths: Sequence[Number]) -> None:
    """Move ``exact`` towards the centres by at most the widths, in place."""
    away = exact if centres is None else list(torch._foreach_sub(exact, centres))
    # w − clamp(w, −b, b) is 0 exactly within the threshold, and w − b·sign(w) outside.
    moved = [torch.clamp(z, -b, b) for z, b in zip(away, widths, strict=True)]  # type: ignore[arg-type]
    torch._foreach_sub_(away, moved)
    if centres is not None:
        torch._foreach_copy_(exact, centres)
        torch._foreach_add_(exact, away)


def _shrink_ahead_in_cache(columns: Columns, share: float, beta: float) -> None:
    """Shrink where the foreseen update agrees, with as few operations for each block as torch allows."""
    assert columns.momenta is not None and columns.gradients is not None
    centres: Sequence[torch.Tensor | None] = columns.centres or [None] * len(columns.weights)
    zero = columns.weights[0].new_zeros(())
    signs, ways = _memory(columns.weights), _memory(columns.weights)
    for weight, momentum, gradient, centre in zip(
        columns.weights, columns.momenta, columns.gradients, centres, strict=True
    ):
        row = (weight, momentum, gradient) if centre is None else (weight, momentum, gradient, centre)
        for w, m, g, *c in _pieces(row):
            sign = _cut(signs, w)
            torch.add(g, m, alpha=beta / (1.0 - beta), out=sign)
            if not c:
                torch.addcmul(zero, sign, w, value=-1.0, out=sign)
                _chosen(w, sign, 1.0 - share, False, grad_input=w)
            else:
                way = torch.sub(w, c[0], out=_cut(ways, w))
                w.addcmul_(sign.mul_(way).ge_(0), way, value=-share)


def _threshold_in_cache(columns: Columns, width: float) -> None:
    """Move the weights towards their centres by at most the width."""
    if columns.centres is None:
        for weight in columns.weights:
            _softened(weight, width, out=weight)
        return
    memory = _memory(columns.weights)
    for row in zip(columns.weights, columns.centres, strict=True):
        for w, c in _pieces(row):
            away = torch.sub(w, c, out=_cut(memory, w))
            torch.add(c, _softened(away, width, out=away), out=w)


def _most() -> int:
    """Return how many numbers of one tensor a block holds."""
    return BLOCK * torch.get_num_threads()


def _memory(weights: Tensors) -> torch.Tensor:
    """Return memory for what a pass computes on the way, block after block in the same place."""
    return weights[0].new_empty(min(_most(), max(weight.numel() for weight in weights)))


def _cut(memory: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a part of the memory in the shape of a piece; for one that could not be cut, memory of its own."""
    if like.numel() > memory.numel():
        return torch.empty_like(like)
    return memory if like.shape == memory.shape else memory[: like.numel()].view(like.shape)


def _pieces(row: Sequence[torch.Tensor]) -> Iterator[Sequence[torch.Tensor]]:
    """Cut tensors of one shape into views that a block holds, where their memory allows."""
    most = _most()
    if row[0].numel() <= most or not all(tensor.is_contiguous() for tensor in row):
        yield row
        return
    yield from zip(*(torch.split(tensor.view(-1), most) for tensor in row), strict=True)
