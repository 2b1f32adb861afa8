"""Groups: a population in portions that stay in a processor's cache, or fill a card, each trained to its end.

Members do not know each other, so that any division of them gives the same. On a processor each portion's weights,
gradients and moments fit into the cache of a core, and portions are dealt out to threads of which each has one core; a
card takes as many members at once as its memory holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeAlias

import torch

from weightdecay.neural.population.optimisers import Settings
from weightdecay.neural.population.training import Members, Schedule, Task, Trained, made, on_its_own, train

# Bytes of a portion's weights, gradients, moments and activations: what a core's share of the last cache holds.
CACHE = 24 << 20
# Numbers for each weight: itself, its gradient and two moments.
COPIES = 4
# Share of a card's free memory that may be taken.
TAKEN = 0.5


Job: TypeAlias = "tuple[int, Task, Members]"


class _Halted(Exception):  # noqa: N818 - nothing is wrong
    """Others have failed, or been interrupted: what a portion would give is not wanted any more."""


def trained(
    work: Sequence[tuple[Task, Members]],
    settings: Settings,
    schedule: Schedule,
    told: Callable[[int], None] | None = None,
) -> list[list[Trained]]:
    """Portions of every task's members, in order.

    Parameters
    ----------
    work : sequence of (Task, Members)
        Tasks that differ by their rows, such as folds; of members with several seeds one for each.
    told : callable of int, optional
        Told after every epoch of a portion how many epochs of single members are done, in the thread of the caller;
        whatever it raises, and an interrupt, ends all portions after the epoch that they are in.
    """
    device = work[0][0].train.x.device
    beside = device.type == "cpu" and on_its_own(work[0][0], schedule.seed)
    workers = torch.get_num_threads() if beside else 1
    size = portion(work[0][0], work[0][1], schedule, device)
    # Every thread is to have some.
    every = sum(len(members) for _, members in work)
    size = max(1, min(size, -(-every // workers)))
    jobs = [
        (place, task, members.part(slice(start, start + size)))
        for place, (task, members) in enumerate(work)
        for start in range(0, len(members), size)
    ]
    done = 0

    def heard(epochs: int) -> None:
        nonlocal done
        done += epochs
        if told is not None:
            told(done)

    def one(job: Job, heard: Callable[[int], None]) -> Trained:
        return train(job[1], job[2], settings, schedule, heard)

    workers = min(workers, len(jobs))
    results = [one(job, heard) for job in jobs] if workers < 2 else _dealt_out(jobs, one, heard, workers)
    found: list[list[Trained]] = [[] for _ in work]
    for job, result in zip(jobs, results, strict=True):
        found[job[0]].append(result)
    return found


def _dealt_out(
    jobs: Sequence[Job],
    one: Callable[[Job, Callable[[int], None]], Trained],
    heard: Callable[[int], None],
    workers: int,
) -> list[Trained]:
    """What becomes of jobs on threads that send news to this one."""
    news: SimpleQueue[tuple[int, int | None]] = SimpleQueue()
    stop = threading.Event()

    def worked(place: int) -> Trained:
        def sent(epochs: int) -> None:
            if stop.is_set():
                raise _Halted
            news.put((place, epochs))

        try:
            return one(jobs[place], sent)
        finally:
            news.put((place, None))

    with _one_core_each(), ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(1)) as pool:
        futures = [pool.submit(worked, place) for place in range(len(jobs))]
        left = len(jobs)
        try:
            while left:
                place, epochs = news.get()
                if epochs is None:
                    left -= 1
                    futures[place].result()  # raises what ended it
                else:
                    heard(epochs)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def portion(task: Task, members: Members, schedule: Schedule, device: Any) -> int:
    """Members that are trained at a time."""
    module = made(task.factory, schedule.seed)
    numbers = sum(one.numel() for one in module.parameters())
    width = max((one.shape[0] for one in module.parameters() if one.ndim > 1), default=1)
    activations = 4 * schedule.batch_size * width * max(1, sum(1 for one in module.parameters() if one.ndim > 1))
    each = members.decay.element_size() * (COPIES * numbers + activations)
    if device.type == "cpu":
        return max(4, min(len(members), CACHE // max(1, each)))
    if device.type != "cuda":
        return len(members)
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(len(members), int(TAKEN * free) // max(1, each)))


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Torch's own threads put aside, since those that wait for each other cost small products more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
