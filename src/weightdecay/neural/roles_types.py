"""What a parameter is by the type of the module that holds it, parametrisations seen through."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList

from weightdecay.neural.roles_names import Place

# torch's own modules and what each of their tensors is to them.
_PRODUCT = {"weight": "matrix", "bias": "bias"}
_NORM = {"weight": "norm gain", "bias": "bias"}
_ATTENTION = {
    **dict.fromkeys(("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"), "matrix"),
    **dict.fromkeys(("in_proj_bias", "bias_k", "bias_v"), "bias"),
}
_TYPES: tuple[tuple[tuple[type[nn.Module], ...], dict[str, str]], ...] = (
    ((nn.Linear, nn.Bilinear, _ConvNd), _PRODUCT),
    ((_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), _NORM),
    ((nn.Embedding, nn.EmbeddingBag), {"weight": "embedding"}),
    ((nn.MultiheadAttention,), _ATTENTION),
    ((nn.PReLU,), {"weight": "scalar"}),
)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)

_WORDS = {
    "matrix": "multiplies the input",
    "embedding": "one vector for each index",
    "norm gain": "multiplies what was normalised",
    "bias": "is added",
    "scalar": "slope of an activation",
}


class Told(NamedTuple):
    """A role, in what way it is known, and whether that may be wrong."""

    role: str
    why: str
    certain: bool = True


def by_type(place: Place) -> Told | None:
    """The role that the type of a parameter's module gives it; None for modules that are not torch's."""
    module, key = place.module, place.key
    if isinstance(module, ParametrizationList):
        return _parametrised(place, module)
    direct = _slot(module, key)
    return direct if direct is not None else _hooked(module, key)


def is_recurrent(place: Place) -> bool:
    """Whether a parameter belongs to a recurrent layer, perhaps through a parametrisation."""
    return any(isinstance(module, RECURRENT) for module in place.path)


def _slot(module: nn.Module, key: str) -> Told | None:
    """The role of one tensor of a module of torch's."""
    # A class of one's own, or one that a parametrisation made, is named after torch's.
    kind = next((base.__name__ for base in type(module).__mro__ if getattr(nn, base.__name__, None) is base), "")
    if isinstance(module, RECURRENT) and key.startswith(("weight_", "bias_")):
        role = "matrix" if key.startswith("weight_") else "bias"
        return Told(role, f"{_WORDS[role]} ({kind})")
    for types, slots in _TYPES:
        if isinstance(module, types) and key in slots:
            return Told(slots[key], f"{_WORDS[slots[key]]} ({kind})")
    return None


def _parametrised(place: Place, holder: ParametrizationList) -> Told | None:
    """An original tensor of ``torch.nn.utils.parametrize``: the role of the tensor that is computed from it."""
    owner, tensor = place.path[-3], place.keys[-2]
    told = _slot(owner, tensor)
    if any(isinstance(step, _WeightNorm) for step in holder):
        return _weight_normalised(told, gain=place.key == "original0")
    steps = ", ".join(type(step).__name__.strip("_") for step in holder)
    # The shape tells a tensor from the factors that scale it, where a parametrisation keeps several.
    others = [value for value in holder.parameters(recurse=False) if value is not holder._parameters[place.key]]
    mine = holder._parameters[place.key]
    if told is None or (mine is not None and any(value.numel() > mine.numel() for value in others)):
        return None
    return Told(told.role, f"{told.why}, through {steps}")


def _hooked(module: nn.Module, key: str) -> Told | None:
    """The tensors of the older weight_norm, spectral_norm and pruning: a hook computes the slot from them."""
    for ending, normalised in (("_g", True), ("_v", True), ("_orig", False)):
        slot = key.removesuffix(ending)
        if slot == key or slot in module._parameters:
            continue
        told = _slot(module, slot)
        if normalised and f"{slot}_g" in module._parameters and f"{slot}_v" in module._parameters:
            return _weight_normalised(told, gain=ending == "_g")
        if told is not None and not normalised:
            return Told(told.role, f"{told.why}, through a hook")
    return None


def _weight_normalised(told: Told | None, *, gain: bool) -> Told:
    """The two tensors of w = g v/‖v‖: ‖w‖ is g's affair, and v's length has no effect."""
    if gain:
        return Told("norm gain", "the length of a matrix (weight_norm): only a decay of this shrinks that matrix")
    why = told.why if told is not None else _WORDS["matrix"]
    return Told("matrix" if told is None else told.role, f"{why}, of a length set apart (weight_norm)")
