"""Memory: populations trained some members at a time where memory does not hold all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from weightdecay.neural.population import groups
from weightdecay.neural.population.optimisers import Settings
from weightdecay.neural.population.training import Members, Schedule, Task, Trained, out_of_memory

Work = Sequence[tuple[Task, Members]]


def afforded(
    work: Work, settings: Settings, schedule: Schedule, told: Callable[[int], None] | None = None
) -> tuple[list[list[Trained]], int]:
    """Portions of every task's members, and how many networks were trained at once.

    Members do not know each other: where memory does not hold them, half as many are tried, which gives the same.

    Parameters
    ----------
    work : sequence of (Task, Members)
    told : callable of int, optional
        Told how many epochs of single networks are done whenever some are.

    Raises
    ------
    MemoryError
        There is not even memory for one.
    """
    members = max(len(own) for _, own in work)
    size, start, most, done = members, 0, 0, 0
    found: list[list[Trained]] = [[] for _ in work]
    while start < members:
        places = [place for place, (_, own) in enumerate(work) if len(own) > start]
        part = [(work[place][0], work[place][1].part(slice(start, start + size))) for place in places]
        count = sum(len(own) for _, own in part)
        new = _tried(part, settings, schedule, _further(told, done))
        if new is None and size > 1:
            size //= 2
            continue
        if new is None:
            new, count = _in_turn(part, settings, schedule, _further(told, done)), 1
        for place, portions in zip(places, new, strict=True):
            found[place].extend(portions)
        done += schedule.epochs * sum(len(own) for _, own in part)
        most, start = max(most, count), start + size
    return found, most


def _in_turn(
    work: Work, settings: Settings, schedule: Schedule, told: Callable[[int], None] | None
) -> list[list[Trained]]:
    """One network after another."""
    found = []
    for number, one in enumerate(work):
        new = _tried([one], settings, schedule, _further(told, number * schedule.epochs)) if len(work) > 1 else None
        if new is None:
            raise MemoryError(
                f"memory does not hold one network and a batch of {schedule.batch_size} rows: give a smaller "
                "batch_size, narrower layers, or another device"
            )
        found.extend(new)
    return found


def _tried(
    work: Work, settings: Settings, schedule: Schedule, told: Callable[[int], None] | None
) -> list[list[Trained]] | None:
    """What became of members, None where memory did not hold them."""
    try:
        return groups.trained(work, settings, schedule, told)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
    # By now nothing holds the tensors of the attempt.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _further(told: Callable[[int], None] | None, before: int) -> Callable[[int], None] | None:
    """A listener that is told of what was done before too."""
    return None if told is None else lambda done: told(before + done)
