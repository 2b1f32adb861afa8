"""Where each weight is pulled to: 0, its initial value, or given ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch

from weightdecay.decay.penalty import Penalty
from weightdecay.neural.steps import real

Centre: TypeAlias = (
    "float | str | Mapping[str, torch.Tensor] | Mapping[torch.Tensor, torch.Tensor] | list[torch.Tensor | None]"
)


def penalties(optimizer: torch.optim.Optimizer, centre: Centre, l1_ratio: float) -> dict[torch.Tensor, Penalty]:
    """Return each parameter's penalty: its centre and l1_ratio.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    centre : 0, "initial", dict or list of tensors
        0; the parameters' present values; a dict by parameter, or by name (a state_dict) where the optimiser knows
        the names; or one tensor or None for each parameter, in the optimiser's order. A parameter that is not
        named, such as a new head, has centre 0.
    l1_ratio : float
        ρ in [0, 1].

    Returns
    -------
    dict of Tensor to Penalty

    Raises
    ------
    ValueError
        If a centre has another shape than its parameter, is not finite, or cannot be assigned.

    Examples
    --------
    >>> w = torch.tensor([1.0])
    >>> penalties(torch.optim.SGD([w]), "initial", 0.0)[w].centre
    tensor([1.])
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    found = _values(optimizer, parameters, centre)
    return {
        parameter: Penalty(l1_ratio, centre=None if value is None else _fitted(parameter, value, position))
        for position, (parameter, value) in enumerate(zip(parameters, found, strict=True))
    }


def _values(
    optimizer: torch.optim.Optimizer, parameters: list[torch.Tensor], centre: Centre
) -> list[torch.Tensor | None]:
    """Return the centre of each parameter as it was given, None for 0."""
    if isinstance(centre, str):
        if centre != "initial":
            raise ValueError(f"centre must be 0, 'initial', or tensors, got {centre!r}")
        return list(parameters)
    if isinstance(centre, Mapping):
        given = dict[Any, torch.Tensor](centre)
        if not all(isinstance(key, str) for key in given):
            strangers = [key for key in given if not any(key is parameter for parameter in parameters)]
            if strangers:
                raise ValueError(
                    f"centre names {len(strangers)} tensors that are no parameters of this optimiser: "
                    f"give {{parameter: its centre}}, or a state_dict with names"
                )
            return [given.get(parameter) for parameter in parameters]
        return [given.get(name) for name in _names(optimizer, given)]
    if isinstance(centre, list):
        if len(centre) != len(parameters):
            raise ValueError(
                f"centre has {len(centre)} entries, but the optimiser has {len(parameters)} parameters: give one "
                f"tensor for each, in its order, and None for centre 0"
            )
        return list(centre)
    if centre != 0:
        raise ValueError(f"a centre that is a number must be 0, got {centre!r}: give a tensor for each parameter")
    return [None] * len(parameters)


def _names(optimizer: torch.optim.Optimizer, centre: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the parameters' names, in the optimiser's order."""
    if not all("param_names" in group for group in optimizer.param_groups):
        raise ValueError(
            "centre has names, but this optimiser was built without them: build it from model.named_parameters(), "
            "or give {parameter: its centre}"
        )
    names = [name for group in optimizer.param_groups for name in group["param_names"]]
    if centre and not set(names) & set(centre):
        raise ValueError(
            f"none of the centre's names is a parameter's: it has {next(iter(centre))!r}, the optimiser has "
            f"{names[0]!r}; rename its keys"
        )
    return names


def _fitted(parameter: torch.Tensor, value: torch.Tensor, position: int) -> torch.Tensor:
    """Return a copy of a centre on the parameter's device, in its type or, where that has 16 bits, float32."""
    if value.shape != parameter.shape:
        raise ValueError(
            f"the centre of parameter {position} has shape {tuple(value.shape)}, the parameter "
            f"{tuple(parameter.shape)}: leave out what belongs to another head, and it decays to 0"
        )
    kind = torch.float32 if parameter.dtype in (torch.bfloat16, torch.float16) else parameter.dtype
    return real(torch.empty_like(parameter, dtype=kind, requires_grad=False).copy_(value.detach()))
