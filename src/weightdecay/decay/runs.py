"""A run: what of a training decides how long its weights remember, in one record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from weightdecay.decay.facts import nearest
from weightdecay.decay.lengths import Length, length_of
from weightdecay.decay.schedules import Course, Schedule, course_of
from weightdecay.decay.shrinkage import FORMS, OPTIMISERS, Pull, pull_of

POSITIVE = {
    "learning_rate": "the peak learning rate",
    "batch_size": "rows (or sequences) in one step of the optimiser",
    "samples": "rows of the training set",
    "tokens": "tokens of the training set",
    "tokens_per_batch": "tokens in one step of the optimiser",
    "epochs": "passes over the training set",
    "steps": "steps of the optimiser in the whole run",
    "width": "the width of the network",
    "parameters": "numbers that are trained",
}


@final
@dataclass(frozen=True, kw_only=True)
class Run:
    r"""One training run.

    The number of steps is T = epochs · ⌈samples / batch_size⌉ (with tokens: epochs · ⌈tokens / tokens_per_batch⌉, one
    epoch unless told otherwise), or ``steps``.

    Parameters
    ----------
    decay : float, optional
        λ ≥ 0 at the place where the form has it; what torch calls ``weight_decay``.
    learning_rate : float, optional
        η at its peak. Only the independent form does without.
    batch_size, samples : float, optional
        Rows in one step (over all devices and accumulated gradients), and rows of the training set.
    tokens, tokens_per_batch : float, optional
        The same for text.
    epochs, steps : float, optional
        Passes over the training set; steps of the optimiser in the whole run.
    width, parameters : float, optional
        Width of the hidden layers (or the model), and how many numbers are trained.
    schedule : str, sequence or callable, default "constant"
        "constant", "linear" (to 0), "cosine" (to 0) or "warmup-cosine"; η_t/η_peak for every step; or a function that
        gives it for the elapsed fraction of the run.
    warmup : float or str, optional
        Of a named schedule: steps, or text such as "5 %" or "1 epoch".
    optimizer : str, default "adamw"
        sgd, adam, adamw, nadam, radam, rmsprop, adagrad, lion or muon.
    form : str, optional
        ``decoupled``, ``independent``, ``corrected``, ``cautious``, ``coupled`` or ``penalty``. None: what torch's
        optimiser of that name does with its ``weight_decay``: decoupled for adamw, lion and muon, coupled otherwise.
    momentum : float, optional
        β of SGD or Muon, β₁ of the others. None: torch's default (0 for SGD, 0.95 for Muon, 0.9).
    betas : tuple of float, optional
        (β₁, β₂), in place of momentum.

    Attributes
    ----------
    steps_per_epoch, total_steps, tokens_per_step : float or None
        As far as they follow.

    Raises
    ------
    ValueError
        If a number is not positive, a name not known, or two facts contradict each other.

    Examples
    --------
    >>> import weightdecay as wd
    >>> run = wd.Run(decay=0.05, learning_rate=1e-3, samples=50_000, batch_size=128, epochs=30, schedule="cosine")
    >>> run.steps_per_epoch, run.total_steps
    (391.0, 11730.0)
    """

    decay: float | None = None
    learning_rate: float | None = None
    batch_size: float | None = None
    samples: float | None = None
    tokens: float | None = None
    tokens_per_batch: float | None = None
    epochs: float | None = None
    steps: float | None = None
    width: float | None = None
    parameters: float | None = None
    schedule: Schedule = "constant"
    warmup: float | str | None = None
    optimizer: str = "adamw"
    form: str | None = None
    momentum: float | None = None
    betas: Sequence[float] | None = None

    def __post_init__(self) -> None:
        for name, meaning in POSITIVE.items():
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value!r}: it is {meaning}")
        if self.decay is not None and not 0.0 <= self.decay < math.inf:
            raise ValueError(f"decay must be at least 0 and finite, got {self.decay!r}: it is the λ of the optimiser")
        object.__setattr__(self, "optimizer", str(self.optimizer).lower())
        if self.optimizer not in OPTIMISERS:
            raise ValueError(f"optimizer={self.optimizer!r} is not known{nearest(self.optimizer, OPTIMISERS)}")
        if self.form is None:
            object.__setattr__(self, "form", OPTIMISERS[self.optimizer][0])
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}: 'decoupled' is AdamW's")
        if self.betas is not None and self.momentum not in (None, float(self.betas[0])):
            raise ValueError("momentum and betas were both given: give one, the first of betas is the momentum")
        first = self.betas[0] if self.betas is not None else self.momentum
        first = OPTIMISERS[self.optimizer][1] if first is None else float(first)
        if not 0.0 <= first < 1.0:
            raise ValueError(f"momentum must be from 0 to below 1, got {first!r}")
        object.__setattr__(self, "momentum", first)
        self._check_lengths()

    def _check_lengths(self) -> None:
        """Refuse steps that epochs and rows contradict."""
        each = self._steps_of_data()
        if self.steps is None or self.epochs is None or each is None:
            return
        expected = self.epochs * each
        if abs(self.steps - expected) > max(1.0, self.epochs):
            raise ValueError(
                f"steps={self.steps:g} contradicts epochs={self.epochs:g} of {each:g} steps, which are {expected:g}: "
                f"leave out one of them, or give the batch over all devices and accumulated gradients"
            )

    def _steps_of_data(self) -> float | None:
        """Steps of one pass, from rows or tokens."""
        for size, batch in ((self.samples, self.batch_size), (self.tokens, self.tokens_per_batch)):
            if size is not None and batch is not None:
                return float(math.ceil(size / batch))
        return None

    @property
    def steps_per_epoch(self) -> float | None:
        """Steps of one pass over the training set."""
        found = self._steps_of_data()
        if found is None and self.steps is not None and self.epochs is not None:
            return self.steps / self.epochs
        return found

    @property
    def total_steps(self) -> float | None:
        """Steps T of the whole run."""
        each, passes = self._steps_of_data(), self.epochs
        if self.steps is not None:
            return float(round(self.steps))
        if passes is None and self.tokens is not None:
            passes = 1.0
        if each is not None and passes is not None:
            return float(max(1, round(passes * each)))
        return _listed(self.schedule)

    @property
    def total_epochs(self) -> float | None:
        """Passes over the training set, counted from the steps where they are not given."""
        if self.epochs is not None:
            return self.epochs
        each, steps = self.steps_per_epoch, self.total_steps
        return None if each is None or steps is None else steps / each

    @property
    def tokens_per_step(self) -> float | None:
        """Tokens in one step of the optimiser."""
        each = self.steps_per_epoch
        if self.tokens_per_batch is not None or self.tokens is None or each is None:
            return self.tokens_per_batch
        return self.tokens / each

    def in_steps(self, name: str, given: float | str) -> float:
        """Steps of a length such as "3 epochs".

        Raises
        ------
        ValueError
            If the run lacks what the unit needs: the message names it.

        Examples
        --------
        >>> Run(samples=1000, batch_size=10, epochs=5).in_steps("tau", "20 %")
        100.0
        """
        length = length_of(name, given)
        needs = {
            "steps": (1.0, ""),
            "epochs": (self.steps_per_epoch, "samples= and batch_size= (or tokens= and tokens_per_batch=)"),
            "tokens": (_over(1.0, self.tokens_per_step), "tokens_per_batch="),
            "samples": (_over(1.0, self.batch_size), "batch_size="),
            "%": (_over(self.total_steps, 100.0), "the length of the run: steps=, or epochs= and the steps of one"),
        }
        each, wanted = needs[length.unit]
        if each is None:
            raise ValueError(f"{name}={_shown(given, length)} needs {wanted} to be counted in steps: give it too")
        return length.amount * each

    @property
    def course(self) -> Course:
        """The schedule over the run."""
        lead = None if self.warmup is None else self.in_steps("warmup", self.warmup)
        return course_of(self.schedule, self.total_steps, lead)

    @property
    def pull(self) -> Pull | None:
        """How the form pulls; None where it has no rate, in the gradient of an adaptive optimiser."""
        return pull_of(self.form or "", self.optimizer, self.learning_rate, self.momentum or 0.0)

    def no_timescale(self) -> str:
        """Why such a decay has no timescale, as a sentence."""
        return (
            f"the {self.form} form under {self.optimizer} has no timescale: λw goes into the gradient, which "
            f"{self.optimizer} divides by its own recent size, so that how fast a weight shrinks depends on its "
            f"gradients and hardly on λ; use form='decoupled' (torch.optim.AdamW, or wd.with_decay)"
        )


def _listed(schedule: Any) -> float | None:
    """The steps of a schedule that lists them."""
    return None if isinstance(schedule, str) or callable(schedule) else float(len(schedule))


def _over(above: float | None, below: float | None) -> float | None:
    """A quotient of what may not be known."""
    return None if above is None or below is None else above / below


def _shown(given: float | str, length: Length) -> str:
    """What was given, as it was written."""
    return repr(given) if isinstance(given, str) else str(length)
