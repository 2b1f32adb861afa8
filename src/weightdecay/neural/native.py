"""Which of torch's optimisers have a form themselves, so that their own fused step may do the work."""

from __future__ import annotations

from typing import Any

import torch

from weightdecay.neural.forms import Form

FLAG = "decoupled_weight_decay"

# By the exact class: a subclass may have written its own step.
_DECOUPLED = {
    getattr(torch.optim, name) for name in ("AdamW", "Muon", "Adafactor") if name in vars(torch.optim)
}  # w ← w (1 − η λ) before the update, with the group's lr as η
_COUPLED = {
    torch.optim.SGD,
    torch.optim.Adamax,
    torch.optim.Adagrad,
    torch.optim.Adadelta,
    torch.optim.RMSprop,
    torch.optim.ASGD,
}  # g ← g + λ w
_EITHER = {torch.optim.Adam, torch.optim.NAdam, torch.optim.RAdam}  # by a flag of the group


def has_form(optimizer: torch.optim.Optimizer, group: dict[str, Any], form: Form) -> bool:
    """Return whether the optimiser's own ``weight_decay`` in this group can be the form, its rate apart.

    Every form beside the update that decays all coordinates is the native decoupled one with a ``weight_decay`` of
    a_t/η_t, which may change from step to step.

    Examples
    --------
    >>> from weightdecay.neural.forms import FORMS
    >>> adam = torch.optim.Adam([torch.zeros(1)])
    >>> has_form(adam, adam.param_groups[0], FORMS["independent"])
    True
    >>> has_form(adam, adam.param_groups[0], FORMS["cautious"])
    False
    """
    kind = type(optimizer)
    if form.mask != "all":
        return False
    if kind in _EITHER:
        return FLAG in group or form.place == "gradient"
    return kind in (_COUPLED if form.place == "gradient" else _DECOUPLED)


def choose_form(optimizer: torch.optim.Optimizer, group: dict[str, Any], form: Form) -> None:
    """Set the flag by which an optimiser that has both forms natively takes this one."""
    if type(optimizer) in _EITHER and FLAG in group:
        group[FLAG] = form.place == "weights"


def has_sign_of_momentum(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> bool:
    """Return whether every coordinate's update will have the sign of β₁ m + (1 − β₁) g, m being its ``exp_avg``.

    Adam divides that momentum by something positive. Left out: a gradient that the step itself turns round or
    unscales, and a β₁ in memory.

    Examples
    --------
    >>> adam = torch.optim.AdamW([torch.zeros(1)])
    >>> has_sign_of_momentum(adam, adam.param_groups[0])
    True
    """
    return (
        type(optimizer) in (torch.optim.Adam, torch.optim.AdamW)
        and not group["maximize"]
        and getattr(optimizer, "grad_scale", None) is None
        and isinstance(group["betas"][0], float)
    )
