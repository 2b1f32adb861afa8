"""Penalties inside a loss: what is left of its gradient when the model's outputs carry none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._pytree import tree_map

from weightdecay.neural.audit.cuts import local, real
from weightdecay.neural.audit.runs import BLOCK
from weightdecay.neural.roles_running import untouched

LossOfModel: TypeAlias = Callable[[nn.Module], Tensor]

ALIKE = 0.99  # cosine of a penalty's gradient with w, or its signs


def penalties(model: nn.Module, loss: LossOfModel, parameters: Sequence[Tensor]) -> list[float]:
    r"""For each parameter the λ of a penalty inside the loss, 0 where there is none.

    The loss is computed once, with the output of every module cut off from its gradient. What still depends on w is
    taken for its penalty, and

    .. math:: λ = \langle \nabla, w \rangle / \langle w, w \rangle

    if ∇ lies along w, or along its signs. The gradients are computed one at a time; the model is left as it was.

    Parameters
    ----------
    model : nn.Module
    loss : callable
        From the model to a single number.
    parameters : sequence of Tensor

    Raises
    ------
    ValueError
        The loss cannot be computed, or is no single number.
    """
    with untouched(model), ExitStack() as stack:
        making = {  # parametrisations make weights, whose penalties are to be seen
            id(part)
            for holder in model.modules()
            if isinstance(holder, ParametrizationList)
            for part in holder.modules()
        }
        for module in model.modules():
            if id(module) not in making and not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_hook(_cut_off).remove)
        try:
            value = loss(model)
        except Exception as error:
            raise ValueError(
                f"loss cannot be computed from the model ({type(error).__name__}: {error}): give a function of the "
                "model alone that returns the training loss of a batch"
            ) from error
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError(f"loss must return one number as a tensor, got {type(value).__name__}: return the mean")
        if not value.requires_grad:
            return [0.0] * len(parameters)
        found = [_strength(value, one) for one in parameters]
    common = [strength for strength, one in zip(found, parameters, strict=True) if strength and one.numel() > 1]
    return [
        0.0 if one.numel() == 1 and not any(abs(strength - other) < 0.01 * abs(other) for other in common) else strength
        for strength, one in zip(found, parameters, strict=True)
    ]  # a single number is parallel to any gradient


def _cut_off(module: nn.Module, arguments: Any, output: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, output)


def _strength(value: Tensor, parameter: Tensor) -> float:
    """λ of the penalty on one parameter."""
    if not parameter.requires_grad:
        return 0.0
    (gradient,) = torch.autograd.grad(value, [parameter], retain_graph=True, allow_unused=True)
    if gradient is None:
        return 0.0
    w, slope = real(local(parameter).detach()), real(local(gradient).detach())
    product = length = steep = signed = count = 0.0
    for start in range(0, w.numel(), BLOCK):
        one, other = w[start : start + BLOCK].double(), slope[start : start + BLOCK].double()
        product += float(one @ other)
        length += float(one @ one)
        steep += float(other @ other)
        signed += float(one.sign() @ other)
        count += float(one.sign().abs().sum())
    if not length or not steep:
        return 0.0
    cosines = product / math.sqrt(length * steep), signed / math.sqrt(count * steep)
    return product / length if max(cosines) > ALIKE else 0.0
