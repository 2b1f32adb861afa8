"""Workers: shares of the rows on threads of their own, each of which leaves its products to one thread of the BLAS.

The threads of a BLAS divide each product among them and wait for each other after it. For products of a block of rows,
which take a millisecond, that waiting costs more than it saves, and much more where other programs keep a core busy.
Threads that read different rows meet only once, at the end.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from weightdecay.linear.rows import WHOLE, Share

S = TypeVar("S")
T = TypeVar("T")

# What the workers' own results may take together; beyond it products are large, and a BLAS divides them well.
LARGEST = 256 << 20
# Products of a whole factorisation that are worth threads.
FEWEST_PRODUCTS = 3e7
# Rows that are worth a thread.
FEWEST_ROWS = 1000


@cache
def _controller() -> ThreadpoolController:
    """Of the libraries that are loaded; finding them takes longer than setting them."""
    return ThreadpoolController().select(user_api="blas")


def allowed_threads() -> int:
    """Threads that the BLAS may use now; 1 where nothing is known of it."""
    return max((int(one["num_threads"]) for one in _controller().info()), default=1)


def shared_out(work: Callable[[Share], T], n_rows: int, result_bytes: int) -> list[T]:
    """What each worker makes of its share, in the order of the shares: the same threads give the same bits.

    Parameters
    ----------
    work : callable of (number, workers)
        Reads the share of that number; its products release the interpreter's lock.
    n_rows : int
    result_bytes : int
        Of one worker's result.
    """
    workers = min(allowed_threads(), n_rows // FEWEST_ROWS, LARGEST // max(result_bytes, 1))
    if workers < 2:
        return [work(WHOLE)]
    with _one_thread.each(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, [(number, workers) for number in range(workers)]))


def in_order(work: Callable[[S], T], items: Iterable[S], n_rows: int) -> Iterator[T]:
    """What workers make of the items, in the order of the items, with no more of it waiting than there are workers.

    Parameters
    ----------
    work : callable of one item
        Its products release the interpreter's lock.
    items : iterable
        Read by the caller's thread.
    n_rows : int
        Of all items together.
    """
    workers = min(allowed_threads(), n_rows // FEWEST_ROWS)
    if workers < 2:
        yield from map(work, items)
        return
    with _one_thread.each(), ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def threads_for(products: float) -> Iterator[None]:
    """One thread of the BLAS, for the time of a `with` block, where so few products are to be formed that more wait."""
    if products < FEWEST_PRODUCTS:
        with _one_thread.each():
            yield
    else:
        yield


class _OneThread:
    """The BLAS kept to one thread while anybody needs it so: the first sets it, and the last takes it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limiter: Any = None

    @contextmanager
    def each(self) -> Iterator[None]:
        """For the time of a `with` block."""
        with self.lock:
            if self.users == 0:
                self.limiter = _controller().limit(limits=1)
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if self.users == 0:
                    self.limiter.restore_original_limits()


_one_thread = _OneThread()
