"""Centre: what the weights of a network are pulled to, by the names of its module's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weightdecay.decay.facts import nearest
from weightdecay.neural.population.training import Centre


def centre_of(given: Any, module: nn.Module) -> Centre:
    """The centre that a parameter means for a module.

    Parameters
    ----------
    given : None, "initial" or dict of str to array
        A state dict may hold buffers too, which are left out.

    Raises
    ------
    ValueError
        It is something else, or names a parameter that the module does not have, or one of another shape, or is not
        finite.

    Examples
    --------
    >>> centre_of({"weight": [[1.0, 2.0]]}, nn.Linear(2, 1))
    {'weight': tensor([[1., 2.]], dtype=torch.float64)}
    """
    if given is None:
        return None
    if isinstance(given, str) and given == "initial":
        return "initial"
    if not isinstance(given, Mapping):
        raise ValueError(
            f"centre={given!r:.60}: expected None, 'initial', or the weights to be pulled to as a dict from names of "
            "the module's parameters to arrays"
        )
    known = {name: one for name, one in module.named_parameters(remove_duplicate=False)}
    first = {id(one): name for name, one in module.named_parameters()}
    buffers = {name for name, _ in module.named_buffers()}
    found: dict[str, Tensor] = {}
    for name, value in given.items():
        if name in buffers:
            continue
        if name not in known:
            near = nearest(str(name), known) or f"; its parameters are {', '.join(map(repr, list(known)[:6]))}"
            raise ValueError(f"centre has {name!r}, which is no parameter of the module{near}")
        found[first[id(known[name])]] = _fitted(name, value, known[name])
    return found


def _fitted(name: str, value: Any, parameter: Tensor) -> Tensor:
    """A centre in float64, if it can be one of this parameter."""
    try:
        own = value.detach().cpu() if torch.is_tensor(value) else torch.as_tensor(np.asarray(value, dtype=np.float64))
        own = own.to(torch.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"centre[{name!r}] holds something that is no number: {error}") from error
    if own.shape != parameter.shape:
        raise ValueError(
            f"centre[{name!r}] has shape {tuple(own.shape)}, the module's parameter {tuple(parameter.shape)}: leave "
            "out what belongs to another head, whose centre is then 0"
        )
    if not bool(torch.isfinite(own).all()):
        raise ValueError(f"centre[{name!r}] holds a number that is not finite; give the weights to be pulled to")
    return own
