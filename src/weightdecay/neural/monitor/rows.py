"""A measured step as a record: sums over the weights turned into sizes, angles, balances and what theory expects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch

from weightdecay.decay.equilibrium import adam_update_rms, angular_update, equilibrium_rms, muon_equilibrium_rms
from weightdecay.neural.monitor.shares import Portion, is_adam, momentum, reach
from weightdecay.neural.monitor.sums import NAMES, Adaptive, Sides, local, sums
from weightdecay.neural.rates import Number, learning_rate
from weightdecay.records.monitor import ARRAYS, PLAIN, SCALED, Measurement
from weightdecay.records.param_table import Role

if TYPE_CHECKING:
    from weightdecay.neural.monitor.watched import Watched


@final
@dataclass(frozen=True)
class Known:
    """What is known of a parameter before anything is measured."""

    name: str
    role: Role
    invariant: bool | None = None


@final
@dataclass(frozen=True, eq=False)
class Step:
    """One step of one optimiser."""

    optimizer: torch.optim.Optimizer
    label: str
    number: int
    portions: tuple[Portion, ...]
    shares: tuple[Number, ...]


def measurement(step: Step, before: dict[torch.Tensor, torch.Tensor], watched: Watched) -> Measurement:
    """Return what one step did to every weight, and what theory expects of it.

    Parameters
    ----------
    step : Step
    before : dict of Tensor to Tensor
        Every parameter's numbers before the step.
    watched : Watched
        For the parameters' names and elapsed timescales.
    """
    every = [
        (position, portion, parameter)
        for position, portion in enumerate(step.portions)
        for parameter in portion.parameters
        if parameter.numel()
    ]
    table = sums([_sides(step.optimizer, portion, one, before[one]) for _, portion, one in every])
    rows = []
    for (position, portion, parameter), numbers in zip(every, table, strict=True):
        taken = float(step.shares[position])
        row = _row(step.optimizer, portion, parameter, taken, dict(zip(NAMES, numbers, strict=True)))
        lengthless = bool(watched.known[id(parameter)].invariant) and isinstance(step.optimizer, torch.optim.SGD)
        row["equilibrium"] = _settled(row, lengthless)
        row["elapsed"] = watched.elapsed(parameter, position)
        rows.append(row)
    arrays: dict[str, Any] = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in ARRAYS}
    known = [watched.known[id(parameter)] for _, _, parameter in every]
    return Measurement(
        step=step.number,
        optimizer=step.label,
        names=tuple(one.name for one in known),
        roles=tuple(one.role for one in known),
        forms=tuple(_form(portion, float(step.shares[at])) for at, portion, _ in every),
        signals=tuple(_signal(step.optimizer) for _ in every),
        elements=np.array([parameter.numel() for _, _, parameter in every], dtype=np.int64),
        **arrays,
    )


def _sides(optimizer: torch.optim.Optimizer, portion: Portion, parameter: torch.Tensor, before: torch.Tensor) -> Sides:
    """A parameter before and after the step."""
    adaptive = _adaptive(optimizer, optimizer.param_groups[portion.position], parameter)
    return Sides(before, local(parameter), portion.centre(parameter), portion.masked, parameter.grad, adaptive)


def _adaptive(optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: torch.Tensor) -> Adaptive | None:
    """What Adam has divided the gradient by; None for other optimisers, and where it has no state."""
    state: dict[str, Any] = optimizer.state.get(parameter, {})
    second = state.get("max_exp_avg_sq", state.get("exp_avg_sq"))
    if not is_adam(optimizer) or second is None or second.shape != parameter.shape or "step" not in state:
        return None
    correction = 1.0 - float(group["betas"][1]) ** float(state["step"])
    return Adaptive(second, correction, float(group["eps"]))


def _row(
    optimizer: torch.optim.Optimizer, portion: Portion, parameter: torch.Tensor, taken: float, total: dict[str, float]
) -> dict[str, float]:
    """One weight's numbers from its sums.

    With v = w − c, v_+ after the step, m the decayed coordinates and η u = v − a m v − v_+,

    ‖v‖² − ‖v − a m v‖² = (2a − a²) ‖m v‖²  is what decay takes, and
    ‖v_+‖² − ‖v − a m v‖² = ‖η u‖² − 2 ⟨η u, v − a m v⟩  what the update puts back.
    """
    group = optimizer.param_groups[portion.position]
    elements = parameter.numel()
    length, moved = math.sqrt(total["weight"]), total["moved"]
    taken_away = (2.0 - taken) * taken * total["kept"]
    update = max(moved - 2.0 * taken * total["kept_along"] + taken * taken * total["kept"], 0.0)
    along = total["along"] / length if length > 0 else 0.0
    gradient = math.sqrt(total["gradient"])
    signal = math.sqrt(total["scaled"]) if is_adam(optimizer) else gradient
    way = reach(optimizer, group) if "lr" in group else math.nan
    row = {
        "learning_rate": float(learning_rate(group)) if "lr" in group else math.nan,
        "share": taken,
        "rms": length / math.sqrt(elements),
        "update": math.sqrt(update / elements),
        "angle": math.atan2(math.sqrt(max(moved - along * along, 0.0)), length - along) if length > 0 else math.nan,
        "decayed": taken_away,
        "pushed": taken_away - 2.0 * total["along"] + moved if taken > 0 else math.nan,
        "gradient": gradient,
        "ratio": signal / length if length > 0 and not math.isnan(way) else math.nan,
        "expected_ratio": math.sqrt(2.0 * taken) / way if way > 0 and taken > 0 else math.nan,
        "effective_rate": way / (length if is_adam(optimizer) else length * length) if length > 0 else math.nan,
    }
    plain = 0.0 < taken < 1.0 and not portion.masked and portion.l1_ratio == 0
    beta = momentum(group)
    row["equilibrium"] = _equilibrium(optimizer, group, parameter, row) if plain else math.nan
    row["equilibrium_angle"] = (
        angular_update(1.0, taken, momentum=beta, nesterov=bool(group.get("nesterov", False))) if plain else math.nan
    )
    return row


def _equilibrium(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: torch.Tensor, row: dict[str, float]
) -> float:
    """The root mean square that a weight tends to: of Adam and Muon from the settings, of others from the update."""
    taken, beta = row["share"], momentum(group)
    if is_adam(optimizer):
        return equilibrium_rms(row["learning_rate"] * adam_update_rms(beta), 1.0, taken, momentum=beta)
    if type(optimizer).__name__ == "Muon" and "nesterov" in group and parameter.ndim == 2:
        kind = group.get("adjust_lr_fn") or "original"
        near = float(f"{taken:.1e}")
        unit = _of_muon(tuple(parameter.shape), near, kind, beta, bool(group["nesterov"]))
        return row["learning_rate"] * unit * math.sqrt(near / taken)
    return equilibrium_rms(row["update"], 1.0, taken, momentum=beta, nesterov=bool(group.get("nesterov", False)))


@lru_cache(maxsize=1024)
def _of_muon(shape: tuple[int, int], taken: float, kind: Any, beta: float, nesterov: bool) -> float:
    """The size at η = 1; it takes a millisecond, and there are as many as shapes and shares."""
    return muon_equilibrium_rms(shape, 1.0, taken, kind=kind, momentum=beta, nesterov=nesterov)


def _settled(row: dict[str, float], lengthless: bool) -> float:
    """The equilibrium of a weight without length under SGD: there the gradient falls as the weight grows.

    With g ∝ 1/‖w‖ the size R₀ that the present gradient asks for is reached at √(R₀ R), R being the present one.
    """
    return math.sqrt(row["equilibrium"] * row["rms"]) if lengthless else row["equilibrium"]


def _signal(optimizer: torch.optim.Optimizer) -> str:
    """What a gradient is held against its weight as."""
    if is_adam(optimizer):
        return SCALED
    return PLAIN if isinstance(optimizer, torch.optim.SGD) else ""


def _form(portion: Portion, taken: float) -> str:
    """How a weight is decayed, in a word."""
    if math.isnan(taken):
        return "coupled, through the preconditioner"
    return portion.form if taken > 0 else "exempt"
