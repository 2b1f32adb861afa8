"""A form at work on an optimiser: what happens before and after each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import torch
from torch._compile import _disable_dynamo

from weightdecay.decay.penalty import Penalty
from weightdecay.neural import steps
from weightdecay.neural.centres import Centre, penalties
from weightdecay.neural.forms import Form, Rate
from weightdecay.neural.native import choose_form, has_form, has_sign_of_momentum
from weightdecay.neural.rates import Number, Schedule, amount, factor_at, learning_rate, native_decay, peak_rate
from weightdecay.neural.steps import Columns, real

Rounding: TypeAlias = Literal["auto", "compensated", "nearest"]
Normalised: TypeAlias = "Collection[torch.Tensor] | bool | None"

SHORT = (
    torch.bfloat16,
    torch.float16,
)  # types in which a step's decay is often less than half a unit in the last place


@final
@dataclass(frozen=True, eq=False)
class Setting:
    """What `with_decay` was asked for, λ apart, which the parameter groups hold."""

    form: Form
    schedule: Schedule | None = None
    peak_lr: float | None = None
    centre: Centre = 0.0
    l1_ratio: float = 0.0
    normalised: Normalised = None
    rounding: Rounding = "auto"

    def normalises(self, group: dict[str, Any], parameter: torch.Tensor) -> bool:
        """Return whether a parameter counts as feeding a normalisation."""
        if isinstance(self.normalised, bool):
            return self.normalised
        if self.normalised is None:
            return bool(group.get("normalised", False))
        return any(parameter is member for member in self.normalised)


@final
@dataclass(frozen=True, eq=False)
class Plan:
    """How one parameter group is decayed: by the optimiser itself, or portion by portion, each at its rate."""

    native: bool
    portions: tuple[tuple[Rate, tuple[torch.Tensor, ...]], ...]


@final
class AttachedDecay:
    """The decay of one optimiser, found as ``optimizer.decay``.

    λ itself is each group's ``weight_decay``, where every tool looks for it and state_dict keeps it: write there, or
    call `set`, to change it in mid-run. During the optimiser's own step that entry holds what the optimiser is to
    do by itself, which is nothing where a pass of ours decays.

    Attributes
    ----------
    setting : Setting
        Form, schedule, centre and the rest.
    steps_done : int
        Steps since `with_decay`, those left out that a GradScaler skipped: the argument of the schedule. (Without a
        schedule, fused steps skipped on a GPU are counted: to know of them would cost a wait.)
    exempt : frozenset of int
        Positions of the groups that had weight_decay 0 beside others that had not.
    penalties, residuals : dict of Tensor to Penalty, and of Tensor to Tensor
        Centre and l1_ratio; and what rounding to 16 bits has kept back so far.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, setting: Setting, exempt: frozenset[int]) -> None:
        self.optimizer = optimizer
        self.setting = setting
        self.exempt = exempt
        self.steps_done = 0
        self.penalties: dict[torch.Tensor, Penalty] = penalties(optimizer, setting.centre, setting.l1_ratio)
        self.residuals: dict[torch.Tensor, torch.Tensor] = {}
        self._before: dict[torch.Tensor, torch.Tensor] = {}
        self._plans: list[Plan] = []
        self._begun = False
        self._held: list[tuple[dict[str, Any], Number]] = []
        self._gradients: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._later: list[tuple[Columns, Number]] = []
        self.replan()

    @property
    def native(self) -> tuple[bool, ...]:
        """For each group, whether the optimiser's own (fused) step decays it, without a pass of ours."""
        return tuple(
            plan.native and not isinstance(group["weight_decay"], torch.Tensor)
            for plan, group in zip(self._plans, self.optimizer.param_groups, strict=False)
        )

    def set(self, decay: float) -> None:
        """Change λ in every group that is not exempt; a λ that is a tensor keeps its place in memory.

        Parameters
        ----------
        decay : float
            λ ≥ 0.

        Raises
        ------
        ValueError
            If it is negative.

        Examples
        --------
        >>> from weightdecay.neural.with_decay import with_decay
        >>> w = torch.nn.Parameter(torch.zeros(1))
        >>> optimizer = with_decay(torch.optim.SGD([w], lr=0.1), form="decoupled", decay=0.1)
        >>> optimizer.decay.set(0.01)
        >>> optimizer.param_groups[0]["weight_decay"]
        0.01
        """
        if not decay >= 0:
            raise ValueError(f"decay must be at least 0, got {decay!r}")
        for position, group in enumerate(self.optimizer.param_groups):
            if position in self.exempt:
                continue
            if isinstance(group["weight_decay"], torch.Tensor):
                group["weight_decay"].fill_(decay)
            else:
                group["weight_decay"] = decay

    def replan(self) -> None:
        """Decide anew who decays each group: after a load, or when a group has come."""
        groups = self.optimizer.param_groups
        self._plans = [self._plan(group) for group in groups]
        for group, plan in zip(groups, self._plans, strict=True):
            if plan.native:
                choose_form(self.optimizer, group, self.setting.form)

    @_disable_dynamo  # a compiled step calls the passes as they are: λ is no constant of its graph
    def before_step(
        self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Decay, or prepare to; where a closure makes the gradients, right after it has made them."""
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        self._recover()
        if closure is None:
            self._begin()
            return None
        if "closure" in kwargs:
            return args, {**kwargs, "closure": self._then_begin(closure)}
        return (args[0], self._then_begin(closure), *args[2:]), kwargs

    @_disable_dynamo
    @torch.no_grad()
    def after_step(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Do what must follow the optimiser's update, and put λ and the gradients back."""
        agreeing = self.setting.form.mask == "agreeing"
        for columns, share in self._later:
            if agreeing:
                steps.shrink_agreeing(columns, share, self.setting.l1_ratio)
            else:
                steps.threshold(columns, share * self.setting.l1_ratio)
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        self.steps_done += self._begun and not self._skips()
        self._recover()

    def _then_begin(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return a closure that begins our part as soon as the first gradients are there."""

        def evaluate() -> Any:
            loss = closure()
            if not self._begun:
                self._begin()
            return loss

        return evaluate

    def _recover(self) -> None:
        """Put each group's λ back, also after a step that failed."""
        for group, decay in self._held:
            group["weight_decay"] = decay
        self._held, self._gradients, self._later = [], [], []
        self._begun = False

    @torch.no_grad()
    def _begin(self) -> None:
        """Give each group what its optimiser is to decay by itself, and do our own part before the update."""
        self._begun = True
        groups = self.optimizer.param_groups
        if len(groups) != len(self._plans):
            self.replan()
        factor = self._factor()
        for position, (group, plan) in enumerate(zip(groups, self._plans, strict=True)):
            held = group["weight_decay"]
            moving = isinstance(held, torch.Tensor)
            if not moving and held == 0:
                continue
            decay, rate = held * factor, learning_rate(group)
            if self.setting.form.place == "gradient":
                _refuse_sparse(group, position)
            if plan.native and not moving:
                entry = self._native_entry(group, plan, position, decay, rate)
                if not isinstance(entry, torch.Tensor):
                    if entry != held:
                        self._held.append((group, held))
                        group["weight_decay"] = entry
                    continue
            self._held.append((group, held))
            group["weight_decay"] = 0.0
            for portion_rate, members in plan.portions:
                self._own(group, position, (portion_rate, members), decay, rate)

    def _skips(self) -> bool:
        """Return whether a fused step skips itself under a GradScaler, where it matters or is known for free."""
        found_inf = getattr(self.optimizer, "found_inf", None)
        if found_inf is None or (self.setting.schedule is None and found_inf.device.type != "cpu"):
            return False  # asking a GPU would wait for it
        return bool(found_inf)

    def _factor(self) -> float:
        """Return what multiplies every λ in this step."""
        if self.setting.schedule is not None and torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            raise RuntimeError(
                "schedule is Python, which a replayed CUDA graph does not run: leave it out, give decay as a tensor "
                "on the GPU, and fill it with the next λ before each replay"
            )
        return factor_at(self.setting.schedule, self.steps_done)

    def _native_entry(self, group: dict[str, Any], plan: Plan, position: int, decay: Number, rate: Number) -> Number:
        """Return the ``weight_decay`` with which the optimiser itself removes a_t."""
        kind = plan.portions[0][0]
        return native_decay(kind, decay, rate, self._peak(group, position, kind))

    def _peak(self, group: dict[str, Any], position: int, rate: Rate) -> Number | None:
        """Return η_peak where the rate asks for it."""
        if rate == "step":
            return None
        peak = peak_rate(group, position, self.setting.form.name, self.setting.peak_lr)
        return peak * group["d"] if "d" in group else peak  # in the unit of `learning_rate`

    def _own(
        self,
        group: dict[str, Any],
        position: int,
        portion: tuple[Rate, tuple[torch.Tensor, ...]],
        decay: Number,
        rate: Number,
    ) -> None:
        """Do our part of one portion before the update, and note what must follow it."""
        setting = self.setting
        weights = [parameter for parameter in portion[1] if parameter.grad is not None]
        share = amount(portion[0], decay, rate, self._peak(group, position, portion[0]))
        found_inf = getattr(self.optimizer, "found_inf", None)  # of a GradScaler, when the step skips itself
        if found_inf is not None:
            share = share * (found_inf == 0).squeeze()
        for kin in _kinds(weights, self):
            device = kin[0].device
            here = share.to(device) if isinstance(share, torch.Tensor) else share
            if self._is_foreseen(group, kin[0]):
                steps.shrink_agreeing_ahead(self._columns(kin, foreseen=True), here, group["betas"][0])
                continue
            columns = self._columns(kin)
            if setting.form.place == "gradient":
                self._add_to_gradients(group, kin, columns, decay)
            elif setting.form.mask == "all":
                steps.shrink(columns, here * (1.0 - setting.l1_ratio))
            if setting.form.mask == "agreeing" or setting.l1_ratio > 0:
                self._later.append((columns, here))

    def _is_foreseen(self, group: dict[str, Any], weight: torch.Tensor) -> bool:
        """Return whether the sign of each coordinate's update is known before the step."""
        return (
            self.setting.form.mask == "agreeing"
            and self.setting.l1_ratio == 0
            and has_sign_of_momentum(self.optimizer, group)
            and not self._is_compensated(weight)
        )

    def _columns(self, weights: list[torch.Tensor], foreseen: bool = False) -> Columns:
        """Return weights of one kind with their centres, residuals and, where the update must be known, copies."""
        centres = [self.penalties[weight].centre for weight in weights]
        plain = [real(weight.detach()) for weight in weights]
        if foreseen:
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            state = self.optimizer.state
            momenta = [state[w].get("exp_avg", g) for w, g in zip(weights, gradients, strict=True)]
            return Columns(
                plain,
                None if centres[0] is None else centres,
                momenta=[real(momentum) for momentum in momenta],
                gradients=[real(gradient) for gradient in gradients],
            )
        short = self._is_compensated(weights[0])
        if short:
            for weight in weights:
                if weight not in self.residuals:
                    self.residuals[weight] = torch.zeros_like(weight, dtype=torch.float32, requires_grad=False)
        columns = Columns(
            plain,
            None if centres[0] is None else centres,
            [self.residuals[weight] for weight in weights] if short else None,
            [self._copy_of(weight) for weight in weights] if self.setting.form.mask == "agreeing" else None,
        )
        if columns.before is not None:
            torch._foreach_copy_(columns.before, columns.weights)
        return columns

    def _copy_of(self, weight: torch.Tensor) -> torch.Tensor:
        """Return memory of a weight's shape, the same in every step."""
        if weight not in self._before:
            self._before[weight] = torch.empty_like(weight, requires_grad=False)
        return real(self._before[weight])

    def _is_compensated(self, weight: torch.Tensor) -> bool:
        """Return whether what rounding takes from the decay of a weight is kept."""
        return weight.dtype in SHORT and self.setting.rounding != "nearest"

    def _add_to_gradients(
        self, group: dict[str, Any], weights: list[torch.Tensor], columns: Columns, decay: Number
    ) -> None:
        """Let the optimiser see g + λ(1−ρ)(w − c); the user's gradients come back after the step."""
        strength = decay * (1.0 - self.setting.l1_ratio)
        if group.get("maximize", False):
            strength = -strength  # the optimiser turns the gradient round, and λ must still pull
        scale = getattr(self.optimizer, "grad_scale", None)
        if scale is not None:
            strength = strength * scale.to(weights[0].device)
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        totals = steps.decayed_gradients(columns, [real(gradient) for gradient in gradients], strength)
        for weight, gradient, total in zip(weights, gradients, totals, strict=True):
            self._gradients.append((weight, gradient))
            weight.grad = torch.view_as_complex(total) if weight.is_complex() else total

    def _plan(self, group: dict[str, Any]) -> Plan:
        """Decide who decays a group."""
        setting = self.setting
        members = tuple(group["params"])
        for parameter in members:
            if parameter not in self.penalties:  # it came later
                value = real(parameter.detach().clone()) if setting.centre == "initial" else None
                self.penalties[parameter] = Penalty(setting.l1_ratio, centre=value)
        portions: tuple[tuple[Rate, tuple[torch.Tensor, ...]], ...] = ((setting.form.rate, members),)
        if setting.form.normalised_only:
            inside = tuple(parameter for parameter in members if setting.normalises(group, parameter))
            outside = tuple(parameter for parameter in members if not setting.normalises(group, parameter))
            portions = ((setting.form.rate, inside), ("step", outside))
            portions = tuple(portion for portion in portions if portion[1])
        plain = setting.l1_ratio == 0 and all(self.penalties[parameter].centre is None for parameter in members)
        exact = setting.form.place == "gradient" or not any(self._is_compensated(weight) for weight in members)
        return Plan(plain and exact and len(portions) == 1 and has_form(self.optimizer, group, setting.form), portions)


def _kinds(weights: list[torch.Tensor], decay: AttachedDecay) -> list[list[torch.Tensor]]:
    """Return the weights by device, type and whether their centre is 0."""
    kinds: dict[tuple[torch.device, torch.dtype, bool], list[torch.Tensor]] = {}
    for weight in weights:
        kind = (weight.device, weight.dtype, decay.penalties[weight].centre is None)
        kinds.setdefault(kind, []).append(weight)
    return list(kinds.values())


def _refuse_sparse(group: dict[str, Any], position: int) -> None:
    """Refuse to make a sparse gradient dense."""
    if any(parameter.grad is not None and parameter.grad.is_sparse for parameter in group["params"]):
        raise ValueError(
            f"form='coupled' would make the sparse gradient in param group {position} dense: use form='decoupled', "
            f"which decays every row beside the update, or give that group weight_decay=0"
        )
