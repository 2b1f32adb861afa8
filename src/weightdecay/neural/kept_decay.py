"""What an optimiser's state_dict keeps of its decay, and how it comes back."""

from __future__ import annotations

from typing import Any, final

import torch

from weightdecay.decay.penalty import Penalty
from weightdecay.neural.attached import AttachedDecay

KEY = "weightdecay"


@final
class KeptDecay:
    """The hooks by which a state_dict carries form, step, centres and residuals beside torch's own entries.

    λ needs none of them: it is each group's ``weight_decay``.
    """

    def __init__(self, decay: AttachedDecay) -> None:
        self.decay = decay
        self._loading: dict[str, Any] | None = None
        self._entries: list[Any] = []

    def save(self, optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> None:
        """Add our entry: numbers, text and tensors alone, so that ``torch.load(weights_only=True)`` reads it."""
        decay = self.decay
        positions = list(enumerate(_parameters(optimizer)))
        state_dict[KEY] = {
            "form": decay.setting.form.name,
            "l1_ratio": decay.setting.l1_ratio,
            "steps_done": decay.steps_done,
            "centres": {
                position: decay.penalties[parameter].centre
                for position, parameter in positions
                if parameter in decay.penalties and decay.penalties[parameter].centre is not None
            },
            "residuals": {
                position: decay.residuals[parameter]
                for position, parameter in positions
                if parameter in decay.residuals
            },
        }

    def begin_load(self, optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
        """Check what is about to be loaded; a state without our entry keeps the present λ, step and centres."""
        groups = optimizer.param_groups
        self._entries = [group["weight_decay"] for group in groups]
        self._loading = state_dict.get(KEY)
        if self._loading is None:
            present = [{"weight_decay": group["weight_decay"]} for group in groups]
            saved = state_dict["param_groups"]
            if len(saved) == len(present):  # else torch says so
                merged = [{**old, **ours} for old, ours in zip(saved, present, strict=True)]
                state_dict = {**state_dict, "param_groups": merged}
            return state_dict
        form = self.decay.setting.form.name
        if self._loading["form"] != form:
            raise ValueError(
                f"the state was saved with form={self._loading['form']!r}, this optimiser has form={form!r}: call "
                f"with_decay with the saved form before loading"
            )
        if self._loading["l1_ratio"] != self.decay.setting.l1_ratio:
            raise ValueError(
                f"the state was saved with l1_ratio={self._loading['l1_ratio']!r}, this optimiser has "
                f"{self.decay.setting.l1_ratio!r}: call with_decay with the saved one before loading"
            )
        return state_dict

    def finish_load(self, optimizer: torch.optim.Optimizer) -> None:
        """Take over what was loaded; a λ that is a tensor keeps its place in memory."""
        decay = self.decay
        for group, entry in zip(optimizer.param_groups, self._entries, strict=True):
            if isinstance(entry, torch.Tensor):
                with torch.no_grad():
                    entry.copy_(torch.as_tensor(group["weight_decay"]))
                group["weight_decay"] = entry
        if self._loading is not None:
            decay.steps_done = self._loading["steps_done"]
            centres, residuals = self._loading["centres"], self._loading["residuals"]
            decay.residuals = {}
            for position, parameter in enumerate(_parameters(optimizer)):
                centre = centres.get(position)
                decay.penalties[parameter] = Penalty(
                    decay.setting.l1_ratio, centre=None if centre is None else centre.to(parameter.device, copy=True)
                )
                if position in residuals:
                    decay.residuals[parameter] = residuals[position].to(parameter.device, copy=True)
        self._loading = None
        decay.replan()


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
