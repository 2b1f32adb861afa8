"""Which weights have no length: a model's output is the same for W and c W.

By Euler's theorem f(c W) = f(W) for all c > 0 near 1 holds exactly where ⟨W, ∂L/∂W⟩ = 0 for every loss L of the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import ParametrizationList

from weightdecay.neural.roles_names import Place, Site, sites, unwrapped
from weightdecay.neural.roles_running import copied, floats, run, untouched

PROBES = 4
FACTOR = 1.5
# In units of what a random direction of W's length gives. Normalised layers reach this only through the small number
# that is added to the variance, others lie near 1 or above.
RATIO = 0.05
CHANGE = 0.02  # of the output, when W is multiplied

Loss = Callable[[Any], Tensor]
Products: TypeAlias = Sequence[tuple[float, float]]  # of one tensor under each loss: ⟨W, G⟩ and ‖G‖


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
    beside : tuple of str
        Names of the vectors of its layer, a bias, beside which alone W has a length: W and they, multiplied together,
        change nothing, but W on its own would. Empty where there are none, or where they do not matter.
    """

    cosine: float
    ratio: float
    change: float
    invariant: bool | None
    beside: tuple[str, ...] = ()

    @property
    def normalised(self) -> bool:
        """Whether what W gives is normalised, alone or with its bias: the weights that ``corrected`` is meant for."""
        return bool(self.invariant) or bool(self.beside)


def scale_invariance(model: nn.Module, sample: Any, *, loss: Loss | None = None) -> dict[str, Invariance]:
    r"""Measure which matrices have no length, by gradients and by multiplying them.

    W is taken for locally scale-invariant if, with G_k = ∂L_k/∂W and N numbers in W,

    .. math:: \sqrt{N \cdot \operatorname{mean}_k \frac{\langle W, G_k \rangle^2}{\|W\|^2 \|G_k\|^2}} \le 0.05
              \quad \text{and} \quad \|f(1.5\, W) - f(W)\| \le 0.02\, \|f(W)\|

    for four losses L_k = ⟨r_k, f⟩ with normal r_k and, if there is one, the loss given. A random direction in the place
    of W gives 1 on the left. The model runs as it trains, dropout apart, and is left as it was.

    Where a layer with a bias b is normalised, f(cW, cb) = f(W, b), and W has a length beside b alone: nearly none while
    b is small. It is told by ``beside``, which is measured with a b that is not small, so that one that starts at 0
    hides nothing. BatchNorm subtracts b, and W has no length at all.

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
    own = [site for site in sites(inner) if site.parameter.requires_grad]
    with untouched(inner):
        output = run(inner, copied(sample))
        products = gradient_products([site.parameter for site in own], output, loss)
    return {own[number].name: found for number, found in judged(inner, own, products, sample).items()}


def normalised_parameters(model: nn.Module, sample: Any, *, loss: Loss | None = None) -> list[nn.Parameter]:
    """Measure which parameters feed a normalisation: ``normalised=`` of `with_decay`, for the form ``corrected``.

    Parameters
    ----------
    model, sample, loss
        As for `scale_invariance`.

    Returns
    -------
    list of nn.Parameter
        The matrices that have no length, alone or with their bias, and such biases.

    Raises
    ------
    ValueError
        As `scale_invariance` does.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    >>> x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    >>> [tuple(one.shape) for one in normalised_parameters(model, x)]
    [(8, 4), (8,)]
    """
    found = scale_invariance(model, sample, loss=loss)
    names = {name for name, one in found.items() if one.normalised}
    names |= {name for one in found.values() for name in one.beside}
    return [site.parameter for site in sites(unwrapped(model)) if site.name in names]


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


def judged(model: nn.Module, own: Sequence[Site], products: Sequence[Products], sample: Any) -> dict[int, Invariance]:
    """What gradients tell of each matrix, by its number; and multiplying, of those that seem to have no length.

    ``own`` holds all trainable parameters, in the order of the products.
    """
    wide = [number for number, site in enumerate(own) if has_directions(site.parameter)]
    aligned = {number: _aligned([own[number].parameter], [products[number]]) for number in wide}
    likely = [(own[number],) for number in wide if aligned[number][1] <= RATIO]
    changes = _changes(model, likely, {}, sample)
    near = _beside(model, own, products, [number for number in wide if products[number]], sample)
    found = {}
    for number, (cosine, ratio) in aligned.items():
        change = changes.get(own[number].name, math.nan)
        told = None if math.isnan(ratio) else ratio <= RATIO and change <= CHANGE
        found[number] = Invariance(cosine, ratio, change, told, near.get(number, ()))
    return found


def _aligned(tensors: Sequence[Tensor], products: Sequence[Products]) -> tuple[float, float]:
    """The cosine of some tensors, taken as one, and their gradients; and what it is in units of chance."""
    length = math.sqrt(sum(float(one.detach().double().square().sum()) for one in tensors))
    cosines = []
    for parts in zip(*products, strict=True):
        norm = math.hypot(*(norm for _, norm in parts))
        if length * norm > 0:
            cosines.append(sum(inner for inner, _ in parts) / (length * norm))
    if not cosines or not all(math.isfinite(one) for one in cosines):
        return math.nan, math.nan
    cosine = math.sqrt(sum(one * one for one in cosines) / len(cosines))
    return cosine, cosine * math.sqrt(sum(one.numel() for one in tensors))


def _beside(
    model: nn.Module, own: Sequence[Site], products: Sequence[Products], wide: Sequence[int], sample: Any
) -> dict[int, tuple[str, ...]]:
    """For each matrix of a normalised layer with a bias that matters the names of what is its bias."""
    pairs: dict[int, tuple[Site, ...]] = {}
    for number in wide:
        vectors = [other for other in _vectors(own, number) if products[other]]
        together = [number, *vectors]
        ratio = _aligned([own[one].parameter for one in together], [products[one] for one in together])[1]
        alone = _aligned([own[number].parameter], [products[number]])[1]
        if vectors and min(ratio, alone) <= RATIO:
            pairs[number] = tuple(own[one] for one in together)
    # Elsewhere in the space of weights, with biases as long as rows of their matrices.
    generator = torch.Generator().manual_seed(0)
    there: dict[Site, Tensor] = {}
    for matrix, *vectors_of in pairs.values():
        size = float(matrix.parameter.detach().double().norm()) / math.sqrt(len(matrix.parameter))
        there |= {one: size * _random(one.parameter.detach(), generator) for one in vectors_of}
    jointly = _changes(model, list(pairs.values()), there, sample)
    near = [pair for pair in pairs.values() if jointly[pair[0].name] <= CHANGE]
    alone_changes = _changes(model, [pair[:1] for pair in near], there, sample)
    return {
        number: tuple(one.name for one in pair[1:])
        for number, pair in pairs.items()
        if alone_changes.get(pair[0].name, 0.0) > CHANGE
    }


def _vectors(own: Sequence[Site], number: int) -> list[int]:
    """The vectors of the module that a matrix belongs to, parametrisations seen through."""
    layers = [_layer(place) for place in own[number].places]
    return [
        other
        for other, site in enumerate(own)
        if site.parameter.ndim == 1 and any(_layer(place) is layer for place in site.places for layer in layers)
    ]


def _layer(place: Place) -> nn.Module:
    return place.path[-3] if isinstance(place.module, ParametrizationList) else place.module


def _changes(
    model: nn.Module, likely: Sequence[Sequence[Site]], there: Mapping[Site, Tensor], sample: Any
) -> dict[str, float]:
    """How much the output changes when tensors are multiplied, by the name of the first of them.

    All of them at once, one set after the other only if that shows. ``there``: numbers in the place of the model's own.
    """
    if not likely:
        return {}
    before = _output(model, _multiplied([], there), sample)
    together = _relative(before, _output(model, _multiplied([site for sets in likely for site in sets], there), sample))
    if together <= CHANGE:
        return {sets[0].name: together for sets in likely}
    return {sets[0].name: _relative(before, _output(model, _multiplied(sets, there), sample)) for sets in likely}


def _multiplied(own: Sequence[Site], there: Mapping[Site, Tensor]) -> dict[str, Tensor]:
    """Other numbers for some parameters, under every name that each has."""
    values = {**there, **{site: FACTOR * there.get(site, site.parameter.detach()) for site in own}}
    return {place.raw: value for site, value in values.items() for place in site.places}


def _output(model: nn.Module, values: Mapping[str, Tensor], sample: Any) -> list[Tensor]:
    """The model's output with other numbers in the place of some parameters, as 64-bit numbers."""
    with untouched(model):
        if not values:
            output = run(model, copied(sample))
        elif any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            with _put(model, values):  # functional_call does not take them
                output = run(model, copied(sample))
        else:
            output = run(_Replaced(model, dict(values)), copied(sample))
        return [tensor.detach().double() for tensor in floats(output)]


@contextmanager
def _put(model: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it some parameters have other numbers."""
    own = {name: one.detach() for name, one in model.named_parameters(remove_duplicate=False) if name in values}
    kept = {name: one.clone() for name, one in own.items()}
    try:
        for name, one in own.items():
            one.copy_(values[name])
        yield
    finally:
        for name, one in own.items():
            one.copy_(kept[name])


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
