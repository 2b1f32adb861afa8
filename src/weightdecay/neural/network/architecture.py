"""Architecture: how a module is made for data of a given width, and what may be given in its place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import nn

Factory = Callable[[], nn.Module]


def perceptron(n_inputs: int, n_outputs: int, hidden: Sequence[int], dropout: float) -> nn.Module:
    """Linear layers with rectifiers, and dropout where asked for, between inputs and outputs."""
    layers: dict[str, nn.Module] = {}
    width = n_inputs
    for number, size in enumerate(hidden):
        layers[str(2 * number)] = nn.Linear(width, int(size))
        layers[str(2 * number + 1)] = nn.ReLU()
        # Of another kind of name: weights are called the same whether something is dropped or not.
        layers.update({f"dropout{number}": nn.Dropout(dropout)} if dropout > 0 else {})
        width = int(size)
    return nn.Sequential(OrderedDict({**layers, str(2 * len(hidden)): nn.Linear(width, n_outputs)}))


def factory_of(estimator: Any, n_inputs: int, n_outputs: int) -> Factory:
    """What makes the estimator's module.

    Raises
    ------
    ValueError
        ``hidden`` is no list of widths, or ``module`` no factory, or what it makes cannot be used.
    """
    given = estimator.module
    if given is None:
        hidden, dropout = widths(estimator.hidden), float(estimator.dropout)
        return lambda: perceptron(n_inputs, n_outputs, hidden, dropout)
    if isinstance(given, nn.Module):
        raise ValueError(
            f"module={type(given).__name__}(…) is a module, and every member of a population needs one of its own: "
            "give what makes it, module=lambda n_inputs, n_outputs: …"
        )
    if not callable(given):
        raise ValueError(f"module={given!r}: expected a function of (n_inputs, n_outputs) that returns a torch module")

    def make() -> nn.Module:
        try:
            found = given(n_inputs, n_outputs)
        except TypeError as error:
            raise ValueError(
                f"module({n_inputs}, {n_outputs}) failed ({error}): it is called with the numbers of inputs and "
                "outputs, and returns a torch module"
            ) from error
        if not isinstance(found, nn.Module):
            raise ValueError(
                f"module({n_inputs}, {n_outputs}) returned {type(found).__name__}, expected a torch module"
            )
        return found

    return make


def widths(hidden: Any) -> tuple[int, ...]:
    """Widths of hidden layers; one number is one layer.

    Raises
    ------
    ValueError
        Something else than positive whole numbers.
    """
    given = (hidden,) if isinstance(hidden, Integral) else hidden
    try:
        found = tuple(given)
    except TypeError:
        found = (None,)
    if not all(isinstance(one, Integral) and int(one) > 0 for one in found):
        raise ValueError(f"hidden={hidden!r}: expected widths of hidden layers, such as (64, 64)")
    return tuple(int(one) for one in found)


def checked_output(module: nn.Module, x: torch.Tensor, n_outputs: int) -> None:
    """Refuse a module that does not take two rows of the inputs to ``n_outputs`` numbers each.

    Raises
    ------
    ValueError
        It fails, or gives another shape.
    """
    some = x[:2] if len(x) > 1 else x.repeat(2, *[1] * (x.ndim - 1))
    module.eval()
    try:
        with torch.no_grad():
            found = module(some)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"the module cannot take rows of shape {tuple(some.shape[1:])}: {str(error).splitlines()[0]}"
        ) from error
    shape = tuple(getattr(found, "shape", ()))
    if shape != (2, n_outputs):
        raise ValueError(
            f"the module gives {shape or type(found).__name__} for two rows, expected (2, {n_outputs}): one number per "
            "output"
        )
    if not any(one.requires_grad for one in module.parameters()):
        raise ValueError("the module has no parameters that can be trained; decay has nothing to act on")
