"""Schedules: the learning rate from step to step, as a share of its peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Course: TypeAlias = "Callable[[float], float]"

# By name, of the elapsed share x of a run, which is 0 at the first step and 1 after the last.
COURSES: Mapping[str, Course | None] = {
    "constant": None,
    "cosine": lambda x: 0.5 * (1.0 + math.cos(math.pi * x)),
    "linear": lambda x: 1.0 - x,
}
# Places at which a schedule is looked at beforehand.
LOOKS = 100


def course_of(given: Any) -> Course | None:
    """The schedule that a parameter means; None for a constant learning rate.

    Parameters
    ----------
    given : str or callable
        "constant", "cosine", "linear", or elapsed share of the run in [0, 1] → η_t/η_peak in [0, 1].

    Raises
    ------
    ValueError
        It is none, or gives something else than such shares.

    Examples
    --------
    >>> [round(course_of("cosine")(x), 3) for x in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    if isinstance(given, str) and given in COURSES:
        return COURSES[given]
    if not callable(given):
        raise ValueError(
            f"schedule={given!r} is not known; give one of {', '.join(map(repr, COURSES))}, or a function from the "
            "elapsed share of the run to a share of the learning rate, both from 0 to 1"
        )
    most = max(factor_at(given, place / LOOKS) for place in range(LOOKS + 1))
    if most == 0.0:
        raise ValueError("schedule gives 0 from the first step to the last; give a function whose peak is 1")
    course: Course = given
    return course


def factor_at(course: Course | None, elapsed: float) -> float:
    """η_t/η_peak when a share of the run has elapsed.

    Raises
    ------
    ValueError
        It is no share.

    Examples
    --------
    >>> factor_at(None, 0.3), factor_at(COURSES["linear"], 0.25)
    (1.0, 0.75)
    """
    if course is None:
        return 1.0
    try:
        found = float(course(elapsed))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"schedule({elapsed:g}) failed ({error}): it is called with the elapsed share of the run, and returns a "
            "share of the learning rate from 0 to 1"
        ) from error
    if not 0.0 <= found <= 1.0 + 1e-12:
        raise ValueError(
            f"schedule({elapsed:g}) = {found:g}: expected a share of the learning rate from 0 to 1; its peak is 1, and "
            "learning_rate sets what that is"
        )
    return found


def mean_factor(course: Course | None) -> float:
    """The mean of η_t/η_peak over a run.

    Examples
    --------
    >>> mean_factor(COURSES["linear"])
    0.5
    """
    places = [(place + 0.5) / LOOKS for place in range(LOOKS)]
    return sum(factor_at(course, place) for place in places) / LOOKS
