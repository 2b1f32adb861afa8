"""The audit: measure what decay every parameter receives, and compare it with its role and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from weightdecay.neural.audit.guard import Guard, Optimizers, held, left_alone, one_thread
from weightdecay.neural.audit.losses import LossOfModel, penalties
from weightdecay.neural.audit.members import Member, Policy, members, optimizers_of, policy_word
from weightdecay.neural.audit.problems import problems
from weightdecay.neural.audit.promises import probed_rate
from weightdecay.neural.audit.received import Received, received
from weightdecay.neural.audit.rows import cases, row
from weightdecay.neural.audit.runs import Workshop
from weightdecay.records.audit import Audit


def audit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
    *,
    policy: Policy = "auto",
    loss: LossOfModel | None = None,
    sample: Any = None,
) -> Audit:
    r"""Measure what weight decay each parameter really receives, and say where that is not what was asked for.

    Copies of the optimiser step stand-ins of the parameters, tensor by tensor and with artificial weights and
    gradients, through its public ``step`` with all its hooks. With Δ(w, g) the way of a step,

    .. math:: Δ(w, g) = w - w' = η u(g) + a (w - c) + b \operatorname{sign}(w - c),

    differences between steps from w, −w and 2w give the share a, the threshold b and the centre c whatever the update u
    is. How they depend on the gradient, on earlier steps, on η and on λ tells the form: decoupled, independent,
    corrected, cautious, through momentum, or inside an adaptive optimiser. Groups are read for what they promise
    alone.

    Parameters
    ----------
    model : nn.Module
        Wrapped or not.
    optimizer : torch.optim.Optimizer or sequence of them
        Of torch, of others, your own; with or without `with_decay`.
    policy : "auto", "all", dict or callable, default "auto"
        Who should be decayed. "auto": as `param_groups` does it, matrices and heads and nobody else. "all": whoever
        is decayed, it is no problem. A dict from roles ("matrix", "head", "embedding", "norm gain", "bias", "scalar",
        "tied", "unused", "lora") to "decayed", "exempt" or "any", what is not named being "any". A function (name,
        parameter, role) → one of these words, or a bool.
    loss : callable, optional
        From the model to the training loss of a batch: whatever of its gradient does not come through the outputs of
        modules is taken for penalties on weights.
    sample : Tensor, tuple or dict, optional
        A batch of inputs, from which roles are measured rather than guessed.

    Returns
    -------
    Audit
        ``rows``, ``problems``, ``ok``, ``assert_ok()``.

    Raises
    ------
    TypeError
        The model is no module, or the optimiser none of torch's.
    ValueError
        The policy is none, the loss cannot be computed, or the model has no roles, as
        :func:`~weightdecay.neural.roles.parameter_roles` tells.

    Notes
    -----
    Nothing of the caller's changes: steps of copies run under a guard that refuses every operation that would write
    into the memory of the caller's tensors, and random numbers, gradients and attributes are put back. Large tensors
    are represented by about a thousand of their numbers from all over them, where the optimiser does the same
    operations on the whole. What cannot be measured is told (WD056). The form of a decay beside the update is that of
    Loshchilov & Hutter (2019), arXiv:1711.05101.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    >>> found = audit(model, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1))
    >>> [problem.code for problem in found.problems]
    ['WD040']
    >>> found.rows[0].form, found.rows[0].shrink
    ('decoupled', 0.0001)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}: give the network itself")
    optimizers = optimizers_of(optimizer)
    with left_alone(model, optimizers):
        listed = members(model, optimizers, policy, sample)
        strengths = [0.0] * len(listed)
        if loss is not None:
            strengths = penalties(model, loss, [one.parameter for one in listed])
        with one_thread():
            found = _received(model, optimizers, listed)
        every = cases(optimizers, listed, found, strengths)
    names = " + ".join(dict.fromkeys(type(one).__name__ for one in optimizers))
    return Audit(names, policy_word(policy), tuple(row(case) for case in every), problems(optimizers, every, policy))


def _received(model: nn.Module, optimizers: Optimizers, listed: Sequence[Member]) -> list[dict[int, Received]]:
    """For each optimiser what its parameters receive, by their id."""
    every: tuple[Tensor, ...] = tuple({id(one.parameter): one.parameter for one in listed}.values())
    cards = tuple(sorted({one.device.index for one in every if one.device.type == "cuda"}))
    guard = Guard(held(model, optimizers))
    found = []
    for number, optimizer in enumerate(optimizers):
        rates = tuple(probed_rate(group, optimizer.defaults) for group in optimizer.param_groups)
        mine = [
            (one.parameter, next(group for which, group in one.places if which == number))
            for one in listed
            if any(which == number for which, _ in one.places)
        ]
        found.append(received(Workshop(optimizer, every, guard, cards, rates), mine))
    return found
