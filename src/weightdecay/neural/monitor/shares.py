"""What share of a weight one step takes away, and how far a gradient moves it, read from an optimiser's settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch

from weightdecay.neural.attached import AttachedDecay
from weightdecay.neural.forms import FORMS, Rate
from weightdecay.neural.native import FLAG, has_form
from weightdecay.neural.rates import Number, amount, factor_at, learning_rate, peak_rate

ASSUMED = "decoupled (assumed)"
_ADAM = (torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam)


@final
@dataclass(frozen=True, eq=False)
class Portion:
    """Parameters of one group that are decayed alike.

    Parameters
    ----------
    position : int
        Of the group.
    parameters : tuple of tensors
    form : str
        In a word or two; "decoupled (assumed)" where the optimiser's own form is not known.
    rate : {"step", "share", "square"}
    in_gradient, masked : bool
        Whether λ w is added to the gradient; whether only agreeing coordinates are decayed.
    attached : AttachedDecay or None
        What `with_decay` gave the optimiser.
    """

    position: int
    parameters: tuple[torch.Tensor, ...]
    form: str
    rate: Rate = "step"
    in_gradient: bool = False
    masked: bool = False
    attached: AttachedDecay | None = None

    def centre(self, parameter: torch.Tensor) -> torch.Tensor | None:
        """What a parameter is decayed to; None for 0."""
        if self.attached is None or parameter not in self.attached.penalties:
            return None
        found: torch.Tensor | None = self.attached.penalties[parameter].centre
        return found

    @property
    def l1_ratio(self) -> float:
        """ρ: the part of λ that is no shrinking."""
        return 0.0 if self.attached is None else self.attached.setting.l1_ratio


def portions(optimizer: torch.optim.Optimizer) -> tuple[Portion, ...]:
    """Every parameter of an optimiser, by how its settings say that it is decayed.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.ones(2))
    >>> [one.form for one in portions(torch.optim.Adam([w], weight_decay=0.1))]
    ['coupled']
    """
    attached = vars(optimizer).get("decay")
    if not isinstance(attached, AttachedDecay):
        return tuple(_native(optimizer, group, position) for position, group in enumerate(optimizer.param_groups))
    form, found = attached.setting.form, []
    for position, group in enumerate(optimizer.param_groups):
        every = tuple(group["params"])
        inside = tuple(one for one in every if not form.normalised_only or attached.setting.normalises(group, one))
        outside = tuple(one for one in every if not any(one is other for other in inside))
        for members, name, rate in ((inside, form.name, form.rate), (outside, "decoupled", "step")):
            if members:
                kind: Rate = form.rate if rate == form.rate else "step"
                place, mask = form.place == "gradient", form.mask == "agreeing"
                found.append(Portion(position, members, name, kind, place, mask, attached))
    return tuple(found)


def share(optimizer: torch.optim.Optimizer, portion: Portion, group: Mapping[str, Any] | None = None) -> Number:
    r"""Return a_t, the share of w − c that the next step takes away; nan where decay has no such share.

    .. math:: a_t = η_t λ, \quad λ η_t/η_{peak}, \quad λ η_t^2/η_{peak}, \quad
              η_t λ (1-δ)/(1-β) \text{ for coupled SGD with momentum β and dampening δ}

    Coupled decay in any other optimiser goes through its preconditioner, and there is no such share.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    portion : Portion
    group : mapping, optional
        Settings in the place of the group's own.

    Raises
    ------
    ValueError
        The form divides by a peak learning rate that nobody knows.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01)
    >>> round(share(optimizer, portions(optimizer)[0]), 6)
    0.01
    """
    group = optimizer.param_groups[portion.position] if group is None else group
    decay: Number = group.get("weight_decay", 0.0)
    if "lr" not in group or (not isinstance(decay, torch.Tensor) and decay == 0):
        return 0.0
    rate, attached = learning_rate(group), portion.attached
    if attached is not None:
        decay = decay * factor_at(attached.setting.schedule, attached.steps_done) * (1.0 - portion.l1_ratio)
    if portion.in_gradient:
        return rate * decay * _gain(group) if isinstance(optimizer, torch.optim.SGD) else math.nan
    peak: Number | None = None
    if portion.rate != "step" and attached is not None:
        peak = peak_rate(group, portion.position, attached.setting.form.name, attached.setting.peak_lr)
        peak = peak * group["d"] if "d" in group else peak
    return amount(portion.rate, decay, rate, peak)


def at_peak(optimizer: torch.optim.Optimizer, portion: Portion) -> float:
    """The largest share that is known of: at the peak of the learning rate; nan where it is not known yet."""
    group = optimizer.param_groups[portion.position]
    rates = [float(group[key]) for key in ("lr", "initial_lr", "max_lr") if group.get(key) is not None]
    try:
        return float(share(optimizer, portion, {**group, "lr": max(rates, default=0.0)}))
    except ValueError:  # no scheduler yet; the optimiser's own step will say so
        return math.nan


def reach(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> float:
    r"""Return γ_t, how far all steps together move a weight for a gradient of 1 in this step; nan if not known.

    For Adam's kind the gradient counts as divided by √v̂:

    .. math:: γ_t = η_t \;(\text{Adam}), \qquad η_t (1-δ)/(1-β) \;(\text{SGD})

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.5)
    >>> reach(optimizer, optimizer.param_groups[0])
    0.2
    """
    if isinstance(optimizer, torch.optim.SGD):
        return float(learning_rate(group)) * _gain(group)
    return float(learning_rate(group)) if is_adam(optimizer) else math.nan


def is_adam(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an update is a momentum divided by √v̂."""
    return isinstance(optimizer, _ADAM)


def momentum(group: Mapping[str, Any]) -> float:
    """β of the average that an update is, 0 where there is none.

    Examples
    --------
    >>> momentum({"betas": (0.9, 0.99)}), momentum({"momentum": 0.5}), momentum({})
    (0.9, 0.5, 0.0)
    """
    betas = group.get("betas")
    first = betas[0] if betas else group.get("momentum", 0.0)
    return float(first or 0.0)


def _native(optimizer: torch.optim.Optimizer, group: dict[str, Any], position: int) -> Portion:
    """What an optimiser's own ``weight_decay`` does."""
    members = tuple(group["params"])
    coupled = has_form(optimizer, group, FORMS["coupled"]) or isinstance(optimizer, torch.optim.SGD)
    if FLAG in group:
        coupled = not group[FLAG]
    if coupled:
        return Portion(position, members, "coupled", in_gradient=True)
    known = FLAG in group or has_form(optimizer, group, FORMS["decoupled"])
    return Portion(position, members, "decoupled" if known else ASSUMED)


def _gain(group: Mapping[str, Any]) -> float:
    """What a gradient of SGD does in all steps over what it does in the first without momentum."""
    beta = float(group.get("momentum", 0.0))
    return (1.0 - float(group.get("dampening", 0.0))) / (1.0 - beta) if 0 < beta < 1 else 1.0
