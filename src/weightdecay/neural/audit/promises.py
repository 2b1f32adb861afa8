"""What the settings of a parameter's group promise: nothing else is read from groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from weightdecay.neural.attached import AttachedDecay
from weightdecay.neural.audit.runs import STRENGTHS
from weightdecay.neural.forms import Rate
from weightdecay.neural.rates import amount, factor_at, learning_rate

START = 1e-3  # learning rate taken where nothing tells one


@dataclass(frozen=True)
class Promise:
    """What one group says of one parameter.

    Attributes
    ----------
    decay : λ; None where the group has none.
    rate : η at which it is measured; nan where the group does not tell.
    direct : share of w that a step takes beside the update; nan where it cannot be told.
    steady : the same of L2 through momentum, in the long run.
    powers : of the learning rate that are as promised.
    coupled : whether L2 in the gradient is what was asked for.
    sparse : whether L1 is.
    centred : whether a centre is.
    """

    decay: float | None
    rate: float
    direct: float
    steady: float
    powers: tuple[int, ...]
    coupled: bool = False
    sparse: bool = False
    centred: bool = False

    @property
    def decays(self) -> bool:
        """Whether there is any decay to be expected."""
        return bool(self.decay) and not self.direct == 0


def probed_rate(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> float | None:
    """The learning rate to measure at where the present one is 0, as at the start of a warm-up; None where it is not.

    Examples
    --------
    >>> probed_rate({"lr": 0.0, "initial_lr": 0.01}, {})
    0.01
    >>> probed_rate({"lr": 0.1}, {}) is None
    True
    """
    if group.get("lr") is None or float(group["lr"]) != 0:
        return None
    candidates = [source.get(name) for source in (group, defaults) for name in ("max_lr", "initial_lr", "lr")]
    return next((float(one) for one in candidates if one is not None and float(one) > 0), START)


def promise(optimizer: torch.optim.Optimizer, position: int, parameter: Tensor, rate: float | None) -> Promise:
    """What a group promises to a parameter.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    position : int
        Of the group.
    parameter : Tensor
        A member of it.
    rate : float, optional
        The learning rate in the place of the present one.
    """
    group = optimizer.param_groups[position]
    if rate is not None:
        group = {**group, "lr": rate}
    held = [float(group[name]) for name in STRENGTHS if group.get(name) is not None and name in group]
    decay = sum(held) if held else None
    eta = float(learning_rate(group)) if group.get("lr") is not None else math.nan
    attached = vars(optimizer).get("decay")
    if decay is not None and isinstance(attached, AttachedDecay):
        return _attached(attached, group, parameter, decay, eta)
    if decay is None:
        return Promise(None, eta, 0.0, 0.0, (1,))
    powers: tuple[int, ...] = (1,)
    direct = eta * decay
    if group.get("fixed_decay"):
        powers, direct = (0,), decay
    if "train_mode" in group:  # schedule-free: what is stepped is a mixture of two other sequences
        return Promise(decay, eta, math.nan, math.nan, (0, 1))
    if group.get("corrected_weight_decay"):
        powers, direct = (1, 2), math.nan
    return Promise(decay, eta, direct, _steady(group, eta * decay), powers)


def _steady(group: Mapping[str, Any], share: float) -> float:
    """A share that goes through momentum, in the long run."""
    momentum = group.get("momentum")
    if not isinstance(momentum, float) or not 0 < momentum < 1:
        return share
    dampening = group.get("dampening", 0.0)
    return share * (1 - float(dampening)) / (1 - momentum)


def _attached(
    attached: AttachedDecay, group: Mapping[str, Any], parameter: Tensor, decay: float, eta: float
) -> Promise:
    """What `with_decay` was asked for."""
    setting = attached.setting
    form = setting.form
    schedule = setting.schedule
    factor = factor_at(schedule, attached.steps_done)
    strength = decay * factor * (1.0 - setting.l1_ratio)
    kind: Rate = "step" if form.normalised_only and not setting.normalises(dict(group), parameter) else form.rate
    peak = next((float(group[name]) for name in ("max_lr", "initial_lr") if name in group), setting.peak_lr)
    if peak is not None and "d" in group:
        peak *= float(group["d"])
    known = kind == "step" or peak
    direct = float(amount(kind, strength, eta, peak)) if known else math.nan
    powers = {"step": (1,), "share": (0, 1), "square": (2,)}[kind]
    steady = _steady(group, direct)
    penalty = attached.penalties.get(parameter)
    centred = penalty is not None and penalty.centre is not None
    return Promise(decay, eta, direct, steady, powers, form.place == "gradient", setting.l1_ratio > 0, centred)
