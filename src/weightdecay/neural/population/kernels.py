"""Kernels: the common layers for all members at once, each with its own way back.

A kernel takes inputs (M, B, …), or (1, B, …) where all members see the same, and keeps what its gradient needs. The
layers that small networks are made of have both directions written out; others are differentiated on the spot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional

aten = torch.ops.aten


@final
@dataclass(frozen=True)
class Pass:
    """What holds during one pass: whether it trains, and where random numbers come from."""

    training: bool
    generator: torch.Generator | None = None


class Kernel(Protocol):
    """One layer of all members."""

    @property
    def repeats(self) -> bool:
        """Whether it does the same operations in every step, and looks at no number in between."""
        ...

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """Outputs (M, B, …) of inputs (M or 1, B, …)."""
        ...

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """Add to nothing: write the parameters' gradients, and return that by the inputs if it is wanted."""
        ...


@final
class Linear:
    """x Wᵀ + b, two or three products for all members."""

    repeats = True

    def __init__(self, weight: Tensor, bias: Tensor | None, into: tuple[Tensor, Tensor | None]) -> None:
        self.weight, self.bias, self.into = weight, bias, into
        self.x = weight.new_empty(0)

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """(M, B, …, in) → (M, B, …, out)."""
        M, out, size = self.weight.shape
        self.x = x.expand(M, *x.shape[1:]).reshape(M, -1, size) if x.ndim > 3 else x.expand(M, *x.shape[1:])
        turned = self.weight.transpose(1, 2)
        if self.bias is None:
            found = torch.bmm(self.x, turned)
        else:
            found = torch.baddbmm(self.bias[:, None, :], self.x, turned)
        return found if x.ndim == 3 else found.view(M, *x.shape[1:-1], out)

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """gᵀx, Σg and gW."""
        flat = g.reshape(len(g), -1, g.shape[-1])
        torch.bmm(flat.transpose(1, 2), self.x, out=self.into[0])
        if self.into[1] is not None:
            torch.sum(flat, 1, out=self.into[1])
        return torch.bmm(flat, self.weight).view(*g.shape[:-1], -1) if wanted else None


@final
class Pointwise:
    """A function of every number, and its derivative from what it was given and what it gave."""

    repeats = True

    def __init__(self, function: Callable[[Tensor], Tensor], back: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        self.function, self.back = function, back
        self.kept: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """Of the shape of x."""
        y = self.function(x)
        self.kept = (x, y)
        return y

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """g times the derivative."""
        return self.back(g, *self.kept) if wanted else None


@final
class Dropout:
    """Numbers set to 0 with a probability p_m of each member and the others multiplied by 1/(1 − p_m).

    All members draw the same uniform numbers, so that a member with p drops what every member with more drops too.
    """

    def __init__(self, rate: Tensor) -> None:
        self.rate, self.drops = rate, bool(rate.any())
        # What it draws comes from the processor.
        self.repeats = not self.drops
        self.mask: Tensor | None = None

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """Of the shape of x."""
        self.mask = None
        if not how.training or not self.drops:
            return x
        # On the processor, wherever x is: a card draws other numbers.
        drawn = torch.rand(x.shape[1:], generator=how.generator, dtype=x.dtype).to(x.device)
        rate = self.rate.view(-1, *[1] * (x.ndim - 1))
        self.mask = (drawn >= rate) / (1.0 - rate)
        return x * self.mask

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """g where nothing was dropped."""
        return g if self.mask is None or not wanted else g * self.mask


@final
class Reshaped:
    """The same numbers in another shape."""

    repeats = True

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.shape = torch.Size()

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """Reshape."""
        self.shape = x.shape
        return self.function(x)

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """Reshape back."""
        return g.reshape(self.shape) if wanted else None


@final
class Differentiated:
    """A function of inputs (M, B, …) and parameters (M, …) whose gradients are found by automatic differentiation."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        parameters: Mapping[str, Tensor],
        into: Mapping[str, Tensor],
        *,
        repeats: bool = True,
    ) -> None:
        self.function, self.parameters, self.into, self.repeats = function, parameters, into, repeats
        self.leaves: list[Tensor] = []
        self.y = torch.empty(0)

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        """Apply the function, remembered where it is to be differentiated."""
        if not how.training:
            with torch.no_grad():
                return self.function(x, how, **self.parameters)
        self.leaves = [x.detach(), *(one.detach() for one in self.parameters.values())]
        for leaf in self.leaves:
            if leaf.is_floating_point():
                leaf.requires_grad_()
        with torch.enable_grad():
            self.y = self.function(self.leaves[0], how, **dict(zip(self.parameters, self.leaves[1:], strict=True)))
        return self.y.detach()

    def backward(self, g: Tensor, *, wanted: bool) -> Tensor | None:
        """Gradients by inputs and parameters."""
        first = wanted and self.leaves[0].is_floating_point()
        asked = self.leaves[0 if first else 1 :]
        found = list(torch.autograd.grad(self.y, asked, g)) if asked else []
        back = found.pop(0) if first else None
        for name, gradient in zip(self.parameters, found, strict=True):
            self.into[name].copy_(gradient)
        self.y, self.leaves = torch.empty(0), []
        return back


def pointwise(module: nn.Module) -> Pointwise | None:
    """The kernel of an activation, None for other modules."""
    match module:
        case nn.ReLU():
            return Pointwise(torch.relu, lambda g, x, y: aten.threshold_backward(g, y, 0))
        case nn.Tanh():
            return Pointwise(torch.tanh, lambda g, x, y: aten.tanh_backward(g, y))
        case nn.Sigmoid():
            return Pointwise(torch.sigmoid, lambda g, x, y: aten.sigmoid_backward(g, y))
        case nn.SiLU():
            return Pointwise(functional.silu, lambda g, x, y: aten.silu_backward(g, x))
        case nn.GELU():
            kind = module.approximate
            return Pointwise(
                lambda x: functional.gelu(x, approximate=kind),
                lambda g, x, y: aten.gelu_backward(g, x, approximate=kind),
            )
        case nn.LeakyReLU():
            slope = module.negative_slope
            return Pointwise(
                lambda x: functional.leaky_relu(x, slope), lambda g, x, y: aten.leaky_relu_backward(g, x, slope, False)
            )
    return None


def layer_norm(module: nn.LayerNorm) -> Callable[..., Tensor]:
    """(x − mean)/√(variance + ε) over the last dimensions, times a gain and plus a shift of each member."""
    shape, eps = module.normalized_shape, module.eps

    def apply(x: Tensor, how: Pass, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        y = functional.layer_norm(x, shape, eps=eps)
        ones = [1] * (x.ndim - 1 - len(shape))
        if weight is not None:
            y = y * weight.view(len(weight), *ones, *shape)
        return y if bias is None else y + bias.view(len(bias), *ones, *shape)

    return apply


def batch_norm(module: Any, state: Mapping[str, Tensor]) -> Callable[..., Tensor]:
    """Channels of all members side by side, each with statistics of its own (M, C), which a training pass moves."""
    eps = module.eps

    def apply(x: Tensor, how: Pass, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        members = len(state["running_mean"]) if state else len(weight if weight is not None else x)
        x = x.expand(members, *x.shape[1:])
        M, B, C = x.shape[:3]
        side = x.transpose(0, 1).reshape(B, M * C, *x.shape[3:])
        mean, variance = (state[key].view(-1) for key in ("running_mean", "running_var")) if state else (None, None)
        rate = module.momentum
        if how.training and state:
            state["num_batches_tracked"] += 1
            rate = 1.0 / float(state["num_batches_tracked"][0]) if rate is None else rate
        gain, shift = (None if one is None else one.reshape(-1) for one in (weight, bias))
        y = functional.batch_norm(side, mean, variance, gain, shift, how.training or not state, rate or 0.0, eps)
        return y.view(B, M, C, *x.shape[3:]).transpose(0, 1)

    return apply


def convolution(module: nn.Conv2d) -> Callable[..., Tensor]:
    """One grouped convolution: the members' channels side by side, each member a group, or as many as it has."""
    settings: dict[str, Any] = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
    groups, mode = module.groups, module.padding_mode

    def apply(x: Tensor, how: Pass, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        M, out = weight.shape[:2]
        kernels = weight.reshape(M * out, *weight.shape[2:])
        shift = None if bias is None else bias.reshape(-1)
        kept = dict(settings)
        if mode != "zeros":
            flat = functional.pad(x.flatten(0, 1), module._reversed_padding_repeated_twice, mode)
            x = flat.view(*x.shape[:2], *flat.shape[1:])
            kept["padding"] = 0
        if len(x) == 1 and groups == 1:
            # All members see the same: one convolution with all their kernels.
            y = functional.conv2d(x[0], kernels, shift, **kept)
        else:
            x = x.expand(M, *x.shape[1:])
            side = x.transpose(0, 1).reshape(x.shape[1], M * x.shape[2], *x.shape[3:])
            y = functional.conv2d(side, kernels, shift, groups=M * groups, **kept)
        return y.view(len(y), M, out, *y.shape[2:]).transpose(0, 1)

    return apply


def embedding(module: nn.Embedding) -> Callable[..., Tensor]:
    """Rows of each member's own table."""

    def apply(x: Tensor, how: Pass, weight: Tensor) -> Tensor:
        M, words, size = weight.shape
        offset = torch.arange(M, device=weight.device).view(-1, *[1] * (x.ndim - 1)) * words
        found = functional.embedding(x.long() + offset, weight.reshape(M * words, size))
        if module.padding_idx is not None:
            # What stands for nothing learns nothing.
            still = (x == module.padding_idx)[..., None]
            found = torch.where(still, found.detach(), found)
        return found

    return apply


def folded(module: nn.Module) -> Callable[..., Tensor]:
    """A layer without parameters that knows one dimension of rows: the members' rows below each other."""

    def apply(x: Tensor, how: Pass) -> Tensor:
        y: Tensor = module(x.flatten(0, 1))
        return y.view(*x.shape[:2], *y.shape[1:])

    return apply
