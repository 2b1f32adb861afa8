"""Every parameter of a model and of its optimisers: what it is, and where an optimiser has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList

from weightdecay.neural.audit.guard import Optimizers
from weightdecay.neural.groups import AUTO, asked_for
from weightdecay.neural.invariance import Loss
from weightdecay.neural.roles import MARKS, ROLES, ParameterRole, parameter_roles
from weightdecay.neural.roles_names import sites, unwrapped
from weightdecay.neural.roles_types import by_type
from weightdecay.records.param_table import Mark, Role

Wanted = Literal["decayed", "exempt", "any"]
Chooser: TypeAlias = "Callable[[str, Tensor, str], bool | Wanted | None]"
Policy: TypeAlias = "str | Mapping[str, Wanted] | Chooser"

WANTED: tuple[Wanted, ...] = ("decayed", "exempt", "any")


@dataclass(frozen=True, eq=False)
class Member:
    """One parameter.

    Attributes
    ----------
    name, role, marks, certain : as its row shows them.
    parameter : the tensor.
    places : numbers of optimiser and group, once for each time that it is there.
    known : whether it is the model's.
    wanted : what the policy wants.
    firm : whether what the policy wants hangs on no guess: which matrix is the head does not matter to it.
    idle : whether its length has no effect, as that of the directions of weight_norm.
    """

    name: str
    role: Role
    marks: tuple[Mark, ...]
    certain: bool
    parameter: Tensor
    places: tuple[tuple[int, int], ...]
    known: bool
    wanted: Wanted
    firm: bool = False
    idle: bool = False


def members(
    model: nn.Module, optimizers: Optimizers, policy: Policy, sample: Any, loss: Loss | None = None
) -> tuple[Member, ...]:
    """List the model's parameters in the order of registration, then those that only an optimiser has."""
    places: dict[int, list[tuple[int, int]]] = {}
    tensors: dict[int, Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for position, group in enumerate(optimizer.param_groups):
            for one in group["params"]:
                tensors[id(one)] = one
                places.setdefault(id(one), []).append((number, position))
    roles = parameter_roles(model, sample=sample, loss=loss)
    wanted = _wishes(model, policy, roles)
    typed = {
        id(site.parameter)
        for site in sites(unwrapped(model))
        if any(by_type(place) is not None for place in site.places)
    }
    idle = _directions(model)
    found = [
        Member(
            one.name,
            one.role,
            tuple(mark for mark in MARKS if mark in one.marks),
            one.certain,
            one.parameter,
            tuple(places.pop(id(one.parameter), ())),
            True,
            wanted(one),
            one.certain or (one.role == "head" and id(one.parameter) in typed),
            id(one.parameter) in idle,
        )
        for one in roles
    ]
    for key, where in places.items():
        tensor = tensors[key]
        group = optimizers[where[0][0]].param_groups[where[0][1]]
        index = next(i for i, one in enumerate(group["params"]) if one is tensor)
        role: Role = "matrix" if tensor.dim() > 1 else "bias"
        name = f"(not of the model) group {where[0][1]}, number {index}"
        found.append(Member(name, role, (), False, tensor, tuple(where), False, "any"))
    return tuple(found)


def policy_word(policy: Policy) -> str:
    """A policy in a word."""
    if isinstance(policy, str):
        return policy
    return "by role" if isinstance(policy, Mapping) else "by function"


def _wishes(model: nn.Module, policy: Policy, roles: tuple[ParameterRole, ...]) -> Callable[[ParameterRole], Wanted]:
    """What a policy wants of each parameter."""
    if policy == "all":
        return lambda one: "any"
    if policy == "auto":
        asked = asked_for(model)
        return lambda one: "exempt" if one.role in AUTO or id(one.parameter) in asked else "decayed"
    if isinstance(policy, Mapping):
        for word, wish in policy.items():
            if word not in (*ROLES, *MARKS) or wish not in WANTED:
                raise ValueError(
                    f"policy has {word!r}: {wish!r}; give roles ({', '.join((*ROLES, *MARKS))}), each with 'decayed', "
                    "'exempt' or 'any'"
                )
        wishes = dict(policy)
        return lambda one: next(
            (wishes[word] for word in (*MARKS, one.role) if word in wishes and word in one.words), "any"
        )
    if callable(policy):
        return lambda one: _answer(policy, one)
    raise ValueError(
        f"policy must be 'auto', 'all', a dict by role or a function (name, parameter, role), got {policy!r}"
    )


def _answer(policy: Chooser, one: ParameterRole) -> Wanted:
    answer = policy(one.name, one.parameter, one.role)
    if isinstance(answer, str):
        for wish in WANTED:
            if wish == answer:
                return wish
        raise ValueError(f"policy said {answer!r} of {one.name!r}; it must say 'decayed', 'exempt' or 'any'")
    return "any" if answer is None else "decayed" if answer else "exempt"


def _directions(model: nn.Module) -> frozenset[int]:
    """Parameters of weight_norm that are divided by their length."""
    return frozenset(
        id(holder.original1)
        for holder in model.modules()
        if isinstance(holder, ParametrizationList) and any(isinstance(one, _WeightNorm) for one in holder)
    )


def optimizers_of(optimizer: Any) -> Optimizers:
    """One optimiser or several, as a tuple.

    Raises
    ------
    TypeError
        Where something is no torch optimiser.
    """
    given = optimizer
    if isinstance(given, Mapping):
        given = tuple(given.values())
    found = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for one in found:
        if not isinstance(one, torch.optim.Optimizer):
            raise TypeError(
                f"optimizer must be a torch.optim.Optimizer or a list of them, got {type(one).__name__}: give the "
                "optimiser that a wrapper holds"
            )
    if not found:
        raise TypeError("optimizer is an empty list: give a torch.optim.Optimizer or a list of them")
    return found
