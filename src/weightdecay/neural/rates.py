"""How much of a weight one step removes: a_t from λ, the learning rate and its peak, and λ's own schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch.optim.lr_scheduler import LRScheduler

from weightdecay.neural.forms import Rate

Number: TypeAlias = "float | torch.Tensor"
Schedule: TypeAlias = "Callable[[int], float] | LRScheduler"


def amount(rate: Rate, decay: Number, learning_rate: Number, peak: Number | None) -> Number:
    r"""Return a_t, the share of w − c that one step removes.

    .. math:: a_t = η_t λ \;(\text{step}), \qquad λ η_t / η_{peak} \;(\text{share}),
              \qquad λ η_t^2 / η_{peak} \;(\text{square})

    Parameters
    ----------
    rate : {"step", "share", "square"}
    decay : float or tensor
        λ ≥ 0.
    learning_rate : float or tensor
        η_t ≥ 0.
    peak : float, tensor or None
        η_peak > 0; not looked at for "step".

    Returns
    -------
    float or tensor
        Of the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If the rate needs the peak and there is none.

    Examples
    --------
    >>> amount("step", 0.1, 0.5, None), amount("share", 0.1, 0.5, 2.0), amount("square", 0.1, 0.5, 2.0)
    (0.05, 0.025, 0.0125)
    """
    return learning_rate * native_decay(rate, decay, learning_rate, peak)


def native_decay(rate: Rate, decay: Number, learning_rate: Number, peak: Number | None) -> Number:
    """Return a_t/η_t: the ``weight_decay`` with which an optimiser that decouples natively removes a_t.

    Parameters and errors are those of `amount`.

    Examples
    --------
    >>> native_decay("share", 0.1, 0.5, 2.0)
    0.05
    """
    if rate == "step":
        return decay
    if peak is None:
        raise ValueError(f"the rate {rate!r} divides by the peak learning rate, got none: pass peak=")
    return decay / peak if rate == "share" else decay * learning_rate / peak


def learning_rate(group: Mapping[str, Any]) -> Number:
    """Return η_t of a parameter group: its ``lr``, times ``d`` where the optimiser estimates its own step size.

    D-Adaptation and Prodigy keep ``lr`` at 1 and move by lr · d; of them d is the estimate that the step begins with.

    Examples
    --------
    >>> learning_rate({"lr": 0.1}), learning_rate({"lr": 1.0, "d": 1e-3})
    (0.1, 0.001)
    """
    rate: Number = group["lr"]
    return rate * group["d"] if "d" in group else rate


def peak_rate(group: Mapping[str, Any], position: int, form: str, peak_lr: float | None = None) -> Number:
    """Return η_peak: the group's ``max_lr`` (OneCycleLR), else its ``initial_lr`` (LRScheduler), else ``peak_lr``.

    Parameters
    ----------
    group : mapping
        A parameter group of the optimiser.
    position, form : int, str
        Which group and which form, for the error.
    peak_lr : float, optional
        In the units of the learning rate.

    Raises
    ------
    ValueError
        If none is known, if it is not above 0, or if the group and ``peak_lr`` contradict each other.

    Examples
    --------
    >>> peak_rate({"lr": 0.01, "initial_lr": 0.1}, 0, "independent")
    0.1
    """
    for key in ("max_lr", "initial_lr"):
        known = group.get(key)
        if known is None:
            continue
        if isinstance(known, torch.Tensor):
            return known  # looking at its value would wait for the device, and fail while a graph is captured
        if peak_lr is not None and not math.isclose(known, peak_lr, rel_tol=1e-6):
            raise ValueError(
                f"param group {position} says {key}={known!r}, but peak_lr={peak_lr!r} was given: leave "
                f"peak_lr out, or write the right number into the group's 'max_lr'"
            )
        return _positive(known, f"param group {position} says {key}")
    if peak_lr is None:
        raise ValueError(
            f"form={form!r} divides by the peak learning rate, and param group {position} has neither 'max_lr' nor "
            f"'initial_lr': attach a learning-rate scheduler before the first step, or pass peak_lr="
        )
    return _positive(peak_lr, "peak_lr")


def factor_at(schedule: Schedule | None, step: int) -> float:
    """Return what multiplies λ in a step.

    Parameters
    ----------
    schedule : callable, LRScheduler or None
        step → factor ≥ 0; or a torch scheduler, read as its present rate over its first one. None: 1.
    step : int
        Steps already done.

    Raises
    ------
    ValueError
        If the factor is negative or not finite.

    Examples
    --------
    >>> factor_at(lambda step: 1 - step / 10, 5)
    0.5
    """
    if schedule is None:
        return 1.0
    if isinstance(schedule, LRScheduler):
        factor = float(schedule.get_last_lr()[0]) / float(schedule.base_lrs[0])
    else:
        factor = float(schedule(step))
    if not 0.0 <= factor < math.inf:
        raise ValueError(f"schedule must give a factor of λ that is finite and at least 0, got {factor!r} at {step}")
    return factor


def _positive(peak: float, who: str) -> float:
    if not peak > 0:
        raise ValueError(f"the peak learning rate must be above 0, {who}={peak!r}: pass the largest one of the run")
    return peak
