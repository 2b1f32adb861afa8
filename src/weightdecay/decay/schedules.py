"""Learning-rate schedules: the share s_t = η_t/η_peak of every step of a run, from a name, a list or a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Schedule: TypeAlias = "str | Sequence[float] | NDArray[Any] | Callable[[float], float]"

NAMES = ("constant", "linear", "cosine", "warmup-cosine")
# A longer run is looked at in this many places, each of which stands for several steps.
PLACES = 2**17
ROUNDING = 1e-9


@final
@dataclass(frozen=True, eq=False)
class Course:
    """The schedule of one run.

    Attributes
    ----------
    factors : array of shape (K,)
        s_t = η_t/η_peak in [0, 1], in the order of the steps.
    each : float
        Steps that one of them stands for: 1 up to 131,072 steps.
    constant : bool
        Whether all of them are 1, so that the schedule says what would come after the run, too.
    """

    factors: Array
    each: float
    constant: bool

    @property
    def steps(self) -> float:
        """Steps of the run."""
        return len(self.factors) * self.each

    def total(self, power: int = 1) -> float:
        """Σ_t s_t^power: the run's length in steps at the peak rate."""
        return float((self.factors**power).sum()) * self.each

    def up_to(self, steps: float) -> tuple[Array, Array]:
        """Factors of the first ``steps`` steps, and the steps that each stands for; the last one may be a fraction."""
        count = min(math.ceil(steps / self.each - ROUNDING), len(self.factors))
        shares = np.full(count, self.each)
        if count:
            shares[-1] = min(steps, self.steps) - (count - 1) * self.each
        return self.factors[:count], shares


def unending() -> Course:
    """The course of a run at a constant rate whose end is not known."""
    return Course(np.ones(1), math.inf, True)


def course_of(schedule: Schedule, steps: float | None, warmup: float | None = None) -> Course:
    r"""Return the course of a schedule over a run.

    With t = 0, …, T − 1 and W steps of warm-up, as `torch.optim.lr_scheduler` and the Transformers library have it,

    .. math:: s_t = t/W \;(t < W), \qquad \text{then, with } x = (t - W)/(T - W): \quad
              1, \quad 1 - x, \quad \tfrac12 (1 + \cos π x)

    for "constant", "linear" and "cosine" ("warmup-cosine" is the last, and needs W).

    Parameters
    ----------
    schedule : str, sequence of T numbers, or callable
        A name; or s_t for every step; or the function that gives s_t for the elapsed fraction t/T of the run.
    steps : float or None
        T. None: not known, which only a constant rate allows.
    warmup : float, optional
        W in steps, for a name.

    Returns
    -------
    Course

    Raises
    ------
    ValueError
        If the name is not known, the length is missing or another than the list's, or a factor is outside [0, 1].

    Examples
    --------
    >>> course_of("linear", 4).factors.tolist()
    [1.0, 0.75, 0.5, 0.25]
    >>> course_of("warmup-cosine", 6, warmup=2).factors.round(3).tolist()
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146]
    """
    if isinstance(schedule, str):
        return _named(schedule, steps, warmup)
    if warmup:
        raise ValueError(
            f"warmup={warmup:g} was given beside a schedule of your own: put it into the schedule, or give "
            f"schedule='constant', 'linear' or 'cosine'"
        )
    if callable(schedule):
        return _from_function(schedule, steps)
    return _from_list(schedule, steps)


def _named(schedule: str, steps: float | None, warmup: float | None) -> Course:
    """The course of a name."""
    if schedule not in NAMES:
        raise ValueError(
            f"schedule={schedule!r} is not known: give one of {', '.join(NAMES)}, a list of η_t/η_peak, or a function "
            f"of the elapsed fraction"
        )
    if schedule == "warmup-cosine" and not warmup:
        raise ValueError("schedule='warmup-cosine' needs the length of its warm-up: give warmup=, such as '5 %'")
    if schedule == "constant" and not warmup:
        return unending() if steps is None else Course(np.ones(1), steps, True)
    total, lead = _known(f"schedule={schedule!r}" + (" with a warm-up" if warmup else ""), steps), warmup or 0.0
    if not lead < total:
        raise ValueError(f"the warm-up of {lead:g} steps is as long as the run of {total:g}: give a shorter one")
    places, each = _places(total)
    x = np.clip((places - lead) / (total - lead), 0.0, 1.0)
    after = {"constant": np.ones_like(x), "linear": 1.0 - x}.get(schedule, 0.5 * (1.0 + np.cos(np.pi * x)))
    factors = np.where(places < lead, places / max(lead, 1e-300), after)
    return Course(np.clip(factors, 0.0, 1.0), each, False)


def _from_function(schedule: Callable[[float], float], steps: float | None) -> Course:
    """The course of a function of the elapsed fraction."""
    total = _known("a schedule that is a function of the elapsed fraction", steps)
    places, each = _places(total)
    return Course(_checked(np.array([float(schedule(float(place / total))) for place in places])), each, False)


def _from_list(schedule: Any, steps: float | None) -> Course:
    """The course of one number for every step."""
    try:
        given = np.asarray(schedule, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"schedule must be a name, a list of η_t/η_peak, or a function; got {schedule!r}") from None
    if given.ndim != 1 or not len(given):
        raise ValueError(f"schedule must be one list of η_t/η_peak, got an array of shape {given.shape}")
    if steps is not None and abs(steps - len(given)) > 0.5:
        raise ValueError(
            f"the schedule lists {len(given)} steps, but the run has {steps:g}: give one factor for every step, or a "
            f"function of the elapsed fraction"
        )
    factors = _checked(given)
    if not factors.max() >= 0.99:
        raise ValueError(
            f"the largest factor of the schedule is {factors.max():g}, expected 1, because it is η_t/η_peak: divide "
            f"learning rates by the largest of them, and give that one as learning_rate"
        )
    if bool((factors == 1.0).all()):
        return Course(np.ones(1), float(len(factors)), True)
    if len(factors) <= PLACES:
        return Course(factors, 1.0, False)
    chunks = np.array_split(factors, PLACES)
    return Course(np.array([chunk.mean() for chunk in chunks]), len(factors) / PLACES, False)


def _checked(factors: Array) -> Array:
    """Factors, each of them from 0 to 1."""
    bad = ~((factors >= -ROUNDING) & (factors <= 1.0 + ROUNDING))
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"the schedule gives {factors[place]:g} at its step {place}, expected η_t/η_peak from 0 to 1: divide by "
            f"the largest learning rate, and give that one as learning_rate"
        )
    return np.clip(factors, 0.0, 1.0)


def _known(what: str, steps: float | None) -> float:
    """The length of the run, which the schedule needs."""
    if steps is None:
        raise ValueError(
            f"{what} needs the length of the run: give steps=, or epochs= with samples= and batch_size= (or tokens= "
            f"with tokens_per_batch=)"
        )
    return steps


def _places(steps: float) -> tuple[Array, float]:
    """The steps at which the schedule is looked at, and how many each stands for."""
    count = round(steps) if steps <= PLACES else PLACES
    each = steps / count
    places: Array = np.arange(count, dtype=np.float64) + 0.5
    return places * each - 0.5, each
