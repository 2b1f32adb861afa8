"""Any form of weight decay on any torch optimiser."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch.optim.lr_scheduler import LRScheduler

from weightdecay.neural.attached import SHORT, AttachedDecay, Normalised, Rounding, Setting
from weightdecay.neural.centres import Centre
from weightdecay.neural.forms import Form, form_named
from weightdecay.neural.kept_decay import KeptDecay
from weightdecay.neural.rates import Number, Schedule

AnyOptimizer = TypeVar("AnyOptimizer", bound=torch.optim.Optimizer)


def with_decay(
    optimizer: AnyOptimizer,
    *,
    form: str | Form,
    decay: Number | None = None,
    schedule: Schedule | None = None,
    peak_lr: float | None = None,
    centre: Centre | None = None,
    l1_ratio: float = 0.0,
    normalised: Normalised = None,
    rounding: Rounding = "auto",
) -> AnyOptimizer:
    r"""Give an optimiser one form of weight decay and return the same object.

    With u_t the optimiser's update, λ the decay, c the centre and ρ the l1_ratio, a step becomes

    .. math:: w \leftarrow c + S_{a_t ρ}\left( w - η_t u_t - a_t (1-ρ) (w - c) - c \right)

    with S the soft threshold and a_t = η_t λ (``decoupled``, ``cautious``), λ η_t/η_peak (``independent``), or
    λ η_t²/η_peak (``corrected``, for layers that feed a normalisation; elsewhere η_t λ). ``cautious`` decays the
    coordinates with u_j (w_j − c_j) ≥ 0 only. ``coupled`` adds λ (1−ρ) (w − c) to the gradient that u_t is formed of
    and applies the threshold η_t λ ρ after the step.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of torch or others. Every parameter of its groups whose gradient is not None is decayed, those with zero
        gradient too, and every row of those with a sparse one. Which parameters are exempt is told by the groups:
        where some have weight_decay 0 and others have not, the zeros stay, and so do groups of zero named "exempt"
        (`param_groups` makes both).
    form : str or Form
        ``coupled``, ``decoupled``, ``independent``, ``corrected`` or ``cautious``.
    decay : float or 0-dimensional tensor, optional
        λ ≥ 0. None: each group's own ``weight_decay``. A tensor may be changed in place, under a captured CUDA graph
        or a compiled step without compiling again.
    schedule : callable or torch.optim.lr_scheduler.LRScheduler, optional
        Steps done (0, 1, 2, …) → what multiplies λ in this step; or a scheduler, of another optimiser too, read as
        its present rate over its first one. For a schedule of λ itself give decay=1.0.
    peak_lr : float, optional
        η_peak where the group has neither ``max_lr`` nor ``initial_lr``.
    centre : 0, "initial", dict or list of tensors, optional
        c: 0; the present values; tensors by parameter or, for an optimiser built from named parameters, by name;
        or one for each parameter. A parameter that is not named, such as a new head, has centre 0.
    l1_ratio : float
        ρ in [0, 1].
    normalised : collection of parameters or bool, optional
        For ``corrected``: those that feed a normalisation, with a bias or without, which
        `wd.normalised_parameters` measures. None: the groups whose entry
        ``normalised`` is true.
    rounding : {"auto", "compensated", "nearest"}
        In bfloat16 and float16 a step's decay is often below half a unit in the last place. "auto" keeps what
        rounding takes in float32, 4 bytes a weight (Kahan's compensation); "nearest" lets it be lost. Weights in 32
        and 64 bits are never compensated.

    Returns
    -------
    torch.optim.Optimizer
        The same object, with an attribute ``decay``: an `AttachedDecay`, with ``set`` for another λ, ``native`` for
        the groups that the optimiser's own fused step decays, and ``setting``.

    Raises
    ------
    ValueError
        If the form is unknown, or ``penalty``; if the optimiser has a decay already, or is LBFGS, schedule-free or
        differentiable; if λ is negative, or a step would take more than the whole weight; if the form lacks what it
        needs.

    Notes
    -----
    Where the optimiser has the form itself (AdamW, Adam from torch 2.7 on, NAdam, RAdam, Muon, Adafactor; ``coupled``
    also SGD and others) it decays natively, and its fused, foreach and capturable steps are as fast as before. A tensor
    λ, a centre, an l1_ratio, a mask and 16-bit weights ask for passes of ours before or after the step; there an
    optimiser whose update looks at w itself (Prodigy, LAMB) sees it decayed. ``cautious`` keeps a copy of the weights
    to measure u, but under Adam and AdamW in 32 bits and more, where the momentum tells the sign of u before the step,
    also of a u too small to move its weight. Complex weights count as pairs of real ones. A step that a GradScaler
    skips does not decay. state_dict keeps everything but the schedule's own function; copying or pickling an optimiser
    loses its hooks, as always in torch. Loshchilov & Hutter (2019), arXiv 1711.05101, and `Form`.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = with_decay(torch.optim.SGD([w], lr=0.1), form="decoupled", decay=0.5)
    >>> w.grad = torch.zeros(2)
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.9500, -1.9000])
    """
    chosen = form_named(form)
    _check_optimizer(optimizer, chosen)
    _check_setting(optimizer, chosen, schedule, normalised, rounding)
    setting = Setting(chosen, schedule, peak_lr, 0.0 if centre is None else centre, l1_ratio, normalised, rounding)
    decays, exempt = _decays(optimizer, decay)
    for position, (group, number) in enumerate(zip(optimizer.param_groups, decays, strict=True)):
        _check_decay(group, position, number, chosen)
    _warn_of_losses(optimizer, decays, setting)
    entries = [group.get("weight_decay") for group in optimizer.param_groups]
    for group, number in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = number
    try:
        attached = AttachedDecay(optimizer, setting, exempt)
    except ValueError:
        for group, entry in zip(optimizer.param_groups, entries, strict=True):
            group["weight_decay"] = entry
        raise
    if decay is not None:
        optimizer.defaults["weight_decay"] = decay  # for groups that are added later
    _attach(optimizer, attached)
    return optimizer


def without_decay(optimizer: AnyOptimizer) -> AnyOptimizer:
    """Take the decay that `with_decay` gave an optimiser off again, and return the same object.

    Every group's ``weight_decay`` is 0 afterwards.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = with_decay(torch.optim.SGD([w], lr=0.1), form="coupled", decay=0.1)
    >>> without_decay(optimizer).param_groups[0]["weight_decay"]
    0.0
    """
    if not isinstance(vars(optimizer).get("decay"), AttachedDecay):
        raise ValueError("this optimiser has no decay from with_decay to take off")
    attached = cast(Any, optimizer)
    for handle in attached.decay_hooks:
        handle.remove()
    del attached.decay, attached.decay_hooks
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    if "weight_decay" in optimizer.defaults:
        optimizer.defaults["weight_decay"] = 0.0
    return optimizer


def _attach(optimizer: torch.optim.Optimizer, attached: AttachedDecay) -> None:
    """Register the hooks of the step and of the state."""
    kept = KeptDecay(attached)
    handles = [
        optimizer.register_step_pre_hook(cast(Callable[..., Any], attached.before_step)),
        optimizer.register_step_post_hook(attached.after_step),
        optimizer.register_state_dict_post_hook(kept.save),
        optimizer.register_load_state_dict_pre_hook(kept.begin_load),
        optimizer.register_load_state_dict_post_hook(kept.finish_load),
    ]
    vars(optimizer).update(decay=attached, decay_hooks=handles)


def _check_optimizer(optimizer: torch.optim.Optimizer, form: Form) -> None:
    """Refuse optimisers whose steps a decay beside them would break."""
    name = type(optimizer).__name__
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer must be a torch.optim.Optimizer, got {name}: pass the optimiser that it wraps")
    if form.place == "loss":
        raise ValueError(
            f"form={form.name!r} belongs to the loss, which an optimiser does not see: add "
            f"decay * sum(Penalty().value(w.flatten()) for w in decayed_weights) to the loss, with Penalty.value from "
            f"weightdecay.decay.penalty, or use form='coupled', which is the same update"
        )
    if isinstance(vars(optimizer).get("decay"), AttachedDecay):
        raise ValueError(
            f"this {name} decays already, with form={vars(optimizer)['decay'].setting.form.name!r}: change λ by "
            f"optimizer.decay.set, or take the decay off by without_decay first"
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            f"{name} takes many steps in one and measures curvature between them, which form={form.name!r} would "
            f"disturb: add decay * Penalty().value(w.flatten()) to the loss that its closure returns"
        )
    for position, group in enumerate(optimizer.param_groups):
        if "train_mode" in group:
            raise ValueError(f"{name} steps on a copy of the weights that only it knows: use its own weight_decay")
        if group.get("differentiable", False):
            raise ValueError(
                f"param group {position} has differentiable=True, and decay beside the step has no gradient: use the "
                f"optimiser's own weight_decay"
            )


def _check_setting(
    optimizer: torch.optim.Optimizer, form: Form, schedule: Any, normalised: Normalised, rounding: str
) -> None:
    """Refuse settings that are not among the known ones, or that the form needs and lacks."""
    if rounding not in ("auto", "compensated", "nearest"):
        raise ValueError(f"rounding must be 'auto', 'compensated' or 'nearest', got {rounding!r}")
    if schedule is not None and not callable(schedule) and not isinstance(schedule, LRScheduler):
        raise ValueError(
            f"schedule must be a function from the number of steps done to a factor of λ, or a torch scheduler, got "
            f"{type(schedule).__name__}: for a constant λ leave it out"
        )
    if isinstance(schedule, LRScheduler) and not getattr(schedule, "base_lrs", None):
        raise ValueError(
            f"schedule is a {type(schedule).__name__}, which does not say where it began: give a function from the "
            f"number of steps done to a factor of λ"
        )
    if form.normalised_only and normalised is None and all("normalised" not in g for g in optimizer.param_groups):
        raise ValueError(
            f"form={form.name!r} treats layers that feed a normalisation in its own way: pass normalised= with their "
            f"weights, or True for all, or put normalised=True into their param groups"
        )


def _decays(optimizer: torch.optim.Optimizer, decay: Number | None) -> tuple[list[Number], frozenset[int]]:
    """Return λ of each group, and which groups are exempt."""
    own: list[Number] = [group.get("weight_decay", 0.0) for group in optimizer.param_groups]
    marked = frozenset(position for position, number in enumerate(own) if float(number) == 0.0)
    if decay is None:
        if len(marked) == len(own):
            raise ValueError("no group of this optimiser has a weight_decay of its own: pass decay=")
        return own, marked
    if len(marked) == len(own):  # none says who is exempt by its number; param_groups(model, 0.0) says it by name
        marked = frozenset(p for p, group in enumerate(optimizer.param_groups) if group.get("name") == "exempt")
    for position, number in enumerate(own):
        if float(number) != 0.0 and not math.isclose(float(number), float(decay), rel_tol=1e-6):  # a λ in float32
            raise ValueError(
                f"param group {position} has weight_decay={float(number)!r} already, but decay={float(decay)!r} was "
                f"given: build the optimiser with weight_decay=0, or leave decay out to keep each group's own"
            )
    return [0.0 if position in marked else decay for position in range(len(own))], marked


def _check_decay(group: dict[str, Any], position: int, decay: Number, form: Form) -> None:
    """Refuse a λ that is no decay."""
    number = float(decay)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"decay must be finite and at least 0, got {number!r} in param group {position}")
    if isinstance(decay, torch.Tensor) and decay.dim() > 0:
        raise ValueError(f"a decay that is a tensor must have no dimensions, got shape {tuple(decay.shape)}")
    if form.place != "weights" or isinstance(group.get("lr"), torch.Tensor) or "d" in group:
        return
    share = number if form.rate == "share" else number * float(group.get("lr", 0.0))
    if share > 1.0:
        raise ValueError(
            f"decay={number!r} with form={form.name!r} takes {share:g} times w away in a step of param group "
            f"{position}: a share above 1 turns the weight round; "
            + ("here λ itself is the share" if form.rate == "share" else "the share is lr times λ")
        )


def _warn_of_losses(optimizer: torch.optim.Optimizer, decays: list[Number], setting: Setting) -> None:
    """Say where rounding will swallow the decay: inside the gradient it cannot be compensated."""
    if setting.form.place != "gradient" or setting.rounding == "nearest":
        return
    for position, (group, decay) in enumerate(zip(optimizer.param_groups, decays, strict=True)):
        for kind in {parameter.dtype for parameter in group["params"]} & set(SHORT):
            share = float(decay) * float(group.get("lr", 0.0))
            if 0.0 < share < torch.finfo(kind).eps / 2:
                warnings.warn(
                    f"param group {position} has weights in {str(kind).removeprefix('torch.')} and form='coupled' "
                    f"moves them by {share:g} of their size in a step, less than half a unit in the last place: use "
                    f"form='decoupled', which is compensated, or weights in float32",
                    stacklevel=3,
                )
