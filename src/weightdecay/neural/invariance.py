"""Which weights have no length: a model's output is the same for W and c W.

By Euler's theorem f(c W) = f(W) for all c > 0 near 1 holds exactly where ⟨W, ∂L/∂W⟩ = 0 for every loss L of the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from weightdecay.neural.roles_names import Site, sites, unwrapped
from weightdecay.neural.roles_running import copied, floats, run, untouched

PROBES = 4
FACTOR = 1.5
# In units of what a random direction of W's length gives. Normalised layers reach this only through the small number
# that is added to the variance, others lie near 1 or above.
RATIO = 0.05
CHANGE = 0.02  # of the output, when W is multiplied

Loss = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Invariance:
    r"""How much the length of a tensor W of N numbers matters.

    Parameters
    ----------
    cosine : float
        Root mean square of ⟨W, G⟩/(‖W‖ ‖G‖) over the losses tried; nan where W or its gradient is 0.
    ratio : float
        √N times the cosine: what a change of W's length does to the losses over what a random change as long does.
    change : float
        ‖f(cW) − f(W)‖/‖f(W)‖ at c = 1.5; nan where the ratio alone has told.
    invariant : bool or None
        True if neither matters; None where W or its gradient is 0, which tells nothing.
    """

    cosine: float
    ratio: float
    change: float
    invariant: bool | None


def scale_invariance(model: nn.Module, sample: Any, *, loss: Loss | None = None) -> dict[str, Invariance]:
    r"""Measure which matrices have no length, by gradients and by multiplying them.

    W is taken for locally scale-invariant if, with G_k = ∂L_k/∂W and N numbers in W,

    .. math:: \sqrt{N \cdot \operatorname{mean}_k \frac{\langle W, G_k \rangle^2}{\|W\|^2 \|G_k\|^2}} \le 0.05
              \quad \text{and} \quad \|f(1.5\, W) - f(W)\| \le 0.02\, \|f(W)\|

    for four losses L_k = ⟨r_k, f⟩ with normal r_k and, if there is one, the loss given. A random direction in the place
    of W gives 1 on the left. The model runs as it trains, dropout apart, and is left as it was.

    Parameters
    ----------
    model : nn.Module
        Wrapped or not. One in evaluation mode is measured in training mode: only there does BatchNorm normalise.
    sample : Tensor, tuple or dict
        Inputs: one argument, several, or keywords; two rows or more.
    loss : callable, optional
        From the model's output to a single number.

    Returns
    -------
    dict of str to Invariance
        By name, for every trainable tensor with two axes or more.

    Raises
    ------
    ValueError
        The model cannot be called with the sample, or its output depends on no trainable parameter.

    Notes
    -----
    Van Laarhoven (2017), arXiv:1706.05350, section 2: for such weights decay sets the effective learning rate. Euler's
    theorem on homogeneous functions of degree 0 gives the criterion.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, 2))
    >>> x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    >>> {name: found.invariant for name, found in scale_invariance(model, x).items()}
    {'0.weight': True, '2.weight': False}
    """
    inner = unwrapped(model)
    own = [site for site in sites(inner) if site.parameter.requires_grad and has_directions(site.parameter)]
    with untouched(inner):
        output = run(inner, copied(sample))
        products = gradient_products([site.parameter for site in own], output, loss)
    return dict(zip((site.name for site in own), judged(inner, own, products, sample), strict=True))


def has_directions(tensor: Tensor) -> bool:
    """Whether a tensor has two axes or more, as matrices do, and more than one number."""
    return tensor.ndim > 1 and tensor.numel() > 1


def losses(output: Any, loss: Loss | None) -> list[Tensor]:
    """Single numbers that depend on all of the output in different ways, the given one among them.

    Raises
    ------
    ValueError
        Nothing in the output depends on a trainable parameter, or the loss is not one number.
    """
    found: list[Tensor] = []
    if loss is not None:
        value = loss(output)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
            raise ValueError("loss must take the model's output and give a tensor of one number that has a gradient")
        found.append(value.reshape(()))
    tensors = [tensor for tensor in floats(output) if tensor.requires_grad]
    if not tensors and not found:
        raise ValueError(
            "no output of the model depends on a trainable parameter: give a sample from which it computes what is "
            "trained, and parameters that require a gradient"
        )
    generator = torch.Generator().manual_seed(0)  # of its own: the global one is the caller's
    for _ in range(PROBES if tensors else 0):
        parts = (_random(tensor, generator) * tensor for tensor in tensors)
        found.append(sum((part.sum() for part in parts), start=torch.zeros((), device=tensors[0].device)))
    return found


def gradient_products(weights: Sequence[Tensor], output: Any, loss: Loss | None) -> list[list[tuple[float, float]]]:
    """For each tensor ⟨W, G⟩ and ‖G‖ under each loss; nothing for a tensor that no loss depends on."""
    found: list[list[tuple[float, float]]] = [[] for _ in weights]
    if not weights:
        return found
    for value in losses(output, loss):
        gradients = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
        for products, weight, gradient in zip(found, weights, gradients, strict=True):
            if gradient is not None:
                dense = gradient.to_dense() if gradient.is_sparse else gradient
                inner = (weight.detach().double() * dense.double()).sum()
                products.append((float(inner), float(dense.double().norm())))
    return found


def judged(
    model: nn.Module, own: Sequence[Site], products: Sequence[Sequence[tuple[float, float]]], sample: Any
) -> list[Invariance]:
    """What the gradients tell of each tensor, confirmed by multiplying those that seem to have no length."""
    aligned = [_aligned(site.parameter, found) for site, found in zip(own, products, strict=True)]
    likely = [site for site, (_, ratio) in zip(own, aligned, strict=True) if ratio <= RATIO]
    changes = _changes(model, likely, sample)
    return [
        _verdict(cosine, ratio, changes.get(site.name, math.nan))
        for site, (cosine, ratio) in zip(own, aligned, strict=True)
    ]


def _verdict(cosine: float, ratio: float, change: float) -> Invariance:
    told = None if math.isnan(ratio) else ratio <= RATIO and change <= CHANGE
    return Invariance(cosine, ratio, change, told)


def _aligned(weight: Tensor, products: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The cosine of W and its gradients, and what it is in units of chance."""
    length = float(weight.detach().double().norm())
    cosines = [inner / (length * norm) for inner, norm in products if length * norm > 0]
    if not cosines or not all(math.isfinite(one) for one in cosines):
        return math.nan, math.nan
    cosine = math.sqrt(sum(one * one for one in cosines) / len(cosines))
    return cosine, cosine * math.sqrt(weight.numel())


def _changes(model: nn.Module, likely: Sequence[Site], sample: Any) -> dict[str, float]:
    """How much the output changes when a tensor is multiplied: all of them at once, one by one only if that shows."""
    if not likely:
        return {}
    before = _output(model, {}, sample)
    together = _relative(before, _output(model, _multiplied(likely), sample))
    if together <= CHANGE:
        return {site.name: together for site in likely}
    return {site.name: _relative(before, _output(model, _multiplied([site]), sample)) for site in likely}


def _multiplied(own: Sequence[Site]) -> dict[str, Tensor]:
    """Other numbers for some parameters, under every name that each has."""
    longer = {site.name: FACTOR * site.parameter.detach() for site in own}
    return {place.raw: longer[site.name] for site in own for place in site.places}


def _output(model: nn.Module, values: Mapping[str, Tensor], sample: Any) -> list[Tensor]:
    """The model's output with other numbers in the place of some parameters, as 64-bit numbers."""
    with untouched(model):
        output = run(model, copied(sample)) if not values else run(_Replaced(model, dict(values)), copied(sample))
        return [tensor.detach().double() for tensor in floats(output)]


class _Replaced(nn.Module):
    """A model with other numbers in the place of some of its parameters."""

    def __init__(self, model: nn.Module, values: dict[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        self.values = values
        self.training = model.training

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """The model's output."""
        return functional_call(self.model, self.values, arguments, keywords)


def _relative(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """‖after − before‖/‖before‖ over all outputs."""
    size = math.sqrt(sum(float(one.square().sum()) for one in before))
    moved = math.sqrt(sum(float((two - one).square().sum()) for one, two in zip(before, after, strict=True)))
    return moved / size if size > 0 else math.nan if moved == 0 else math.inf


def _random(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=generator).to(device=tensor.device, dtype=tensor.dtype)
