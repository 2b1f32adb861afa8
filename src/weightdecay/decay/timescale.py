r"""The timescale of a decay: how long a weight remembers, in steps, epochs, tokens and shares of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from weightdecay.decay import equilibrium
from weightdecay.decay.runs import Run
from weightdecay.decay.schedules import Course, Schedule
from weightdecay.decay.shrinkage import IN_THE_GRADIENT, Pull, decay_halving, elapsed, half_life, left_after
from weightdecay.decay.timescale_words import described, verdict_of


@final
@dataclass(frozen=True)
class Timescale:
    """How long weights remember under a decay.

    What is not known, or does not exist, is None.

    Attributes
    ----------
    decay : float
        λ at the form's place.
    form, optimizer : str
    learning_rate : float or None
        η at its peak.
    tau : float or None
        τ in steps at the peak rate; infinite without decay; None where the form has no timescale.
    half_life : float or None
        Steps from the beginning of the run, along its schedule, after which decay alone has halved a weight; infinite
        where the run ends before.
    epochs, tokens, fraction : float or None
        τ in passes over the data, in tokens, and as a share of the run.
    steps : float or None
        Steps of the run.
    elapsed : float or None
        Σ a_t: how many τ the run lasts, its schedule counted.
    remaining : float or None
        What decay alone leaves of a weight at the end: ∏ (1 − a_t).
    equilibrium_rms, angular_update : float or None
        Of a weight, and of one step in radians, in the steady state at the peak rate for independent gradients, where
        the optimiser has one that does not depend on the gradients' size.
    verdict : str
        What this means for the run, in sentences.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.timescale(0.1, learning_rate=1e-3).tau
    10000.0
    """

    decay: float
    form: str
    optimizer: str
    learning_rate: float | None
    tau: float | None
    half_life: float | None
    epochs: float | None
    tokens: float | None
    fraction: float | None
    steps: float | None
    elapsed: float | None
    remaining: float | None
    equilibrium_rms: float | None
    angular_update: float | None
    verdict: str

    def __str__(self) -> str:
        return described(self)


def timescale(
    decay: float | None = None,
    *,
    half_life: float | str | None = None,
    tau: float | str | None = None,
    fraction: float | None = None,
    learning_rate: float | None = None,
    steps: float | None = None,
    epochs: float | None = None,
    batch_size: float | None = None,
    samples: float | None = None,
    tokens: float | None = None,
    tokens_per_batch: float | None = None,
    schedule: Schedule = "constant",
    warmup: float | str | None = None,
    optimizer: str = "adamw",
    form: str | None = None,
    momentum: float | None = None,
    betas: Sequence[float] | None = None,
    shape: tuple[int, int] | None = None,
) -> Timescale:
    r"""Return how long weights remember under a decay, or the decay under which they remember so long.

    Without gradients a weight follows w_{t+1} = (1 − a_t) w_t, and with them it is an average of its last updates over
    about τ steps. At the peak rate η,

    .. math:: τ = \frac{1}{ηλ} \text{ (decoupled, corrected)}, \qquad \frac{1}{λ} \text{ (independent)}, \qquad
              \frac{1-β}{ηλ} \text{ (coupled in SGD with momentum } β)

    and at other rates η_t it is longer: 1/(η_t λ), η/(η_t λ), η/(η_t² λ) on the normalised layers of the corrected
    form. The cautious form decays only the numbers whose update agrees, so that its τ is at least 1/(ηλ). A decay in
    the gradient of an adaptive optimiser (Adam with L2) has no timescale.

    Parameters
    ----------
    decay : float, optional
        λ ≥ 0. Exactly one of decay, half_life, tau and fraction is given; from the others the decay is found.
    half_life : float or str, optional
        Steps from the beginning of the run, along the schedule, until decay alone has halved a weight; or "3 epochs",
        "2000 steps", "1.5e9 tokens", "20 %" of the run.
    tau : float or str, optional
        τ at the peak rate, in steps or as such text.
    fraction : float, optional
        τ at the peak rate as a share of the run: 0.2 is a fifth.
    learning_rate : float, optional
        η at its peak; only ``form="independent"`` does without.
    steps, epochs, batch_size, samples, tokens, tokens_per_batch, schedule, warmup, optimizer, form, momentum, betas
        As in `Run`. ``form=None`` is what torch's optimiser of that name does with ``weight_decay``: coupled for
        "sgd" and "adam", decoupled for "adamw", "lion" and "muon".
    shape : tuple of int, optional
        (d_out, d_in) of a matrix, for the equilibrium under Muon.

    Returns
    -------
    Timescale

    Raises
    ------
    ValueError
        If not exactly one strength is given; a fact is missing, wrong or contradicted; each step takes the whole
        weight (ηλ ≥ 1); or a decay is wanted where the form has no timescale.

    See Also
    --------
    suggest : Which timescale to aim at.
    transfer : Keep it when the run changes.

    Notes
    -----
    Wang & Aitchison (2024), "How to set AdamW's weight decay as you scale model and dataset size", arXiv 2405.13698,
    eq. 6; Defazio (2025), arXiv 2506.02285, for the corrected form.

    Examples
    --------
    >>> import weightdecay as wd
    >>> run = {"learning_rate": 1e-3, "samples": 50_000, "batch_size": 100, "epochs": 10, "schedule": "cosine"}
    >>> found = wd.timescale(0.1, **run)
    >>> found.tau, found.epochs, round(found.elapsed, 3)
    (10000.0, 20.0, 0.25)
    >>> round(wd.timescale(half_life="3 epochs", **run).decay, 4)
    0.4972
    >>> wd.timescale(0.05, learning_rate=1e-5, steps=40_000).verdict
    'the run ends after 0.02 τ: this decay cannot have an effect'
    """
    run = Run(
        decay=decay,
        learning_rate=learning_rate,
        batch_size=batch_size,
        samples=samples,
        tokens=tokens,
        tokens_per_batch=tokens_per_batch,
        epochs=epochs,
        steps=steps,
        schedule=schedule,
        warmup=warmup,
        optimizer=optimizer,
        form=form,
        momentum=momentum,
        betas=betas,
    )
    wanted = {"decay": decay, "half_life": half_life, "tau": tau, "fraction": fraction}
    given = [name for name, value in wanted.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(wanted)}; got {' and '.join(given) or 'none'}")
    pull, course = run.pull, run.course
    if decay is None:
        if pull is None:
            raise ValueError(run.no_timescale())
        decay = _found(run, pull, course, half_life, tau, fraction)
    return _timescale(run, decay, pull, course, shape)


def _found(
    run: Run, pull: Pull, course: Course, half_life: float | str | None, tau: float | str | None, fraction: float | None
) -> float:
    """The decay of a half-life, a τ or a share of the run."""
    if half_life is not None:
        return decay_halving(pull, course, run.in_steps("half_life", half_life))
    if tau is None:
        if fraction is None or not 0.0 < fraction < math.inf:
            raise ValueError(f"fraction must be positive and finite, got {fraction!r}: τ as a share of the run")
        tau = f"{100.0 * fraction!r} %"
    return 1.0 / (pull.per_decay * run.in_steps("tau", tau))


def _timescale(run: Run, decay: float, pull: Pull | None, course: Course, shape: tuple[int, int] | None) -> Timescale:
    """All that follows from a decay."""
    _check_step(run, decay, pull)
    total = run.total_steps
    tau = None if pull is None else 1.0 / (decay * pull.per_decay) if decay else math.inf
    size, angle = (None, None) if pull is None or not decay else _equilibrium(run, decay * pull.rate, shape)
    facts = {
        "decay": float(decay),
        "form": str(run.form),
        "optimizer": run.optimizer,
        "learning_rate": run.learning_rate,
        "tau": tau,
        "half_life": None if pull is None else half_life(pull, decay, course),
        "epochs": _times(tau, 1.0, run.steps_per_epoch),
        "tokens": _times(tau, run.tokens_per_step, 1.0),
        "fraction": _times(tau, 1.0, total),
        "steps": total,
        "elapsed": None if pull is None or total is None else elapsed(pull, decay, course),
        "remaining": None if pull is None or total is None else left_after(pull, decay, course),
        "equilibrium_rms": size,
        "angular_update": angle,
    }
    return Timescale(**facts, verdict=verdict_of(run, decay, pull, course))  # type: ignore[arg-type]


def _check_step(run: Run, decay: float, pull: Pull | None) -> None:
    """Refuse a decay that takes the whole weight in one step, or makes momentum run away."""
    if pull is None:
        return
    taken, limit = decay * pull.rate, 2.0 * (1.0 + pull.momentum) if pull.momentum else 1.0
    if not taken < limit:
        product = "λ" if run.form == "independent" else f"the learning rate {run.learning_rate:g} times λ"
        what = "grows without bound" if pull.momentum else "loses all of itself in each step"
        raise ValueError(
            f"decay={decay:g} is too large: {product} is {taken:g}, and at {limit:g} and above a weight {what}; give a "
            f"smaller decay"
        )


def _equilibrium(run: Run, taken: float, shape: tuple[int, int] | None) -> tuple[float | None, float | None]:
    """Size of a weight and angle of a step where a_t = ``taken`` at the peak rate."""
    momentum, rate = run.momentum or 0.0, run.learning_rate
    if run.form in IN_THE_GRADIENT:
        return None, equilibrium.coupled_sgd_angle(1.0, taken, momentum)
    if run.form == "cautious" or run.optimizer in ("lion", "rmsprop", "adagrad"):
        return None, None
    if run.optimizer == "sgd":
        return None, equilibrium.angular_update(1.0, taken, momentum=momentum)
    if run.optimizer == "muon":
        if shape is None or rate is None:
            return None, None
        return equilibrium.muon_equilibrium_rms(shape, rate, taken / rate, momentum=momentum), None
    turned = equilibrium.angular_update(1.0, taken, momentum=momentum)
    if rate is None:
        return None, turned
    update = equilibrium.adam_update_rms(momentum)
    return equilibrium.equilibrium_rms(update, rate, taken / rate, momentum=momentum), turned


def _times(value: float | None, factor: float | None, divisor: float | None) -> float | None:
    """A product and quotient of what may not be known."""
    return None if value is None or factor is None or divisor is None else value * factor / divisor
