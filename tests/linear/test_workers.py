"""Shares of the rows on threads of their own: the same moments, each row read once, the BLAS left as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info, threadpool_limits

import weightdecay as wd
from laws.problems import regression
from weightdecay.linear import leave_one_out, workers
from weightdecay.linear.rows import WHOLE, row_blocks
from weightdecay.linear.workers import FEWEST_ROWS, LARGEST, allowed_threads, in_order, shared_out

N, P = 7000, 80  # more work than `fold_split.SMALL`: the moments are used
DECAYS = np.geomspace(1e-4, 1e2, 9)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 999, 50_001])
@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_shares_are_all_rows_once(n: int, of: int) -> None:
    X = np.arange(n, dtype=np.float64).reshape(n, 1)
    read = [part[:, 0] for number in range(of) for _, part in row_blocks(X, minimum=400, share=(number, of))]
    assert np.array_equal(np.sort(np.concatenate(read)), X[:, 0])


def test_every_worker_has_rows_where_one_block_would_hold_all() -> None:
    X = np.zeros((3000, 2))
    assert [sum(len(part) for _, part in row_blocks(X, share=(k, 3))) for k in range(3)] == [1000, 1000, 1000]


@pytest.mark.parametrize("kind", ["dense", "float32", "sparse", "weights", "several targets"])
def test_moments_of_workers_are_those_of_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = regression(N, P, seed=3)
    more = {"sample_weight": np.linspace(0, 2, N)} if kind == "weights" else {}
    y = np.column_stack([y, y[::-1]]) if kind == "several targets" else y
    X = csr_array(np.where(np.abs(X) > 1, X, 0.0)) if kind == "sparse" else X
    X = X.astype(np.float32) if kind == "float32" else X

    def losses(threads: int) -> np.ndarray:
        monkeypatch.setattr(workers, "allowed_threads", lambda: threads)
        return wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS, **more).losses

    alone, together, again = losses(1), losses(3), losses(3)
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert np.array_equal(together, again)


def test_few_rows_or_large_results_are_left_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "allowed_threads", lambda: 8)
    assert shared_out(lambda share: share, FEWEST_ROWS, 1) == [WHOLE]
    assert shared_out(lambda share: share, 10**6, LARGEST) == [WHOLE]
    assert shared_out(lambda share: share, 10**6, LARGEST // 3) == [(0, 3), (1, 3), (2, 3)]
    assert len(shared_out(lambda share: share, 10**6, 1)) == 8


def threads_now() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_the_blas_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpool_limits(2, user_api="blas"):
        before = threads_now()
        assert allowed_threads() == max(before)
        monkeypatch.setattr(workers, "allowed_threads", lambda: 2)
        assert shared_out(lambda share: threads_now(), 10**6, 1) == [[1] * len(before)] * 2
        assert threads_now() == before

        def fails(share: tuple[int, int]) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            shared_out(fails, 10**6, 1)
        assert threads_now() == before


def test_searches_side_by_side_leave_the_blas_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpool_limits(2, user_api="blas"):
        before = threads_now()
        monkeypatch.setattr(workers, "allowed_threads", lambda: 2)
        first_in, second_in = threading.Event(), threading.Event()

        def first(share: tuple[int, int]) -> None:
            first_in.set()
            second_in.wait(10)

        def second(share: tuple[int, int]) -> None:
            second_in.set()
            one.join(10)

        one = threading.Thread(target=shared_out, args=(first, 10**6, 1))
        one.start()
        assert first_in.wait(10)
        shared_out(second, 10**6, 1)  # begins while the first works, ends after it
        assert not one.is_alive() and threads_now() == before


def test_small_problems_are_left_to_one_thread_and_large_ones_are_not() -> None:
    found: list[list[int]] = []

    def scorer(estimator: object, X: np.ndarray, y: np.ndarray) -> float:
        found.append(threads_now())
        return 0.0

    with threadpool_limits(2, user_api="blas"):
        for n, p in ((200, 5), (4000, 90)):
            X, y = regression(n, p)
            wd.tune(wd.LinearRegression(), X, y, cv=3, decays=[0.1], scoring=scorer)
        count = len(threads_now())
        assert found[0] == [1] * count and found[-1] == threads_now() == [2] * count


@pytest.mark.parametrize("threads", [1, 3])
def test_items_are_worked_on_in_order_and_only_a_few_ahead(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "allowed_threads", lambda: threads)
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(40):
            read.append(number)
            yield number

    for count, result in enumerate(in_order(lambda item: item**2, items(), 10**6)):
        assert result == count**2
        assert len(read) <= count + threads + 1


@pytest.mark.parametrize("settings", [{}, {"sample_weight": np.linspace(0, 2, N)}, {"scoring": "r2"}])
def test_leave_one_out_by_workers_is_that_of_one(settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = regression(N, P, seed=4)
    found = {}
    for threads in (1, 3):
        monkeypatch.setattr(workers, "allowed_threads", lambda threads=threads: threads)
        found[threads] = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=DECAYS, **settings)
    np.testing.assert_allclose(found[3].losses, found[1].losses, rtol=1e-12)
    np.testing.assert_allclose(found[3].standard_error, found[1].standard_error, rtol=1e-12)


def test_leave_one_out_of_many_targets_keeps_few_residuals_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = regression(3000, 4)
    Y = y[:, None] + np.arange(50.0)
    sizes = []
    original = leave_one_out.row_blocks

    def reader(X: np.ndarray, **options: int) -> Iterator[tuple[slice, np.ndarray]]:
        for block, part in original(X, **options):
            sizes.append(len(part))
            yield block, part

    monkeypatch.setattr(leave_one_out, "row_blocks", reader)
    wd.tune(wd.LinearRegression(), X, Y, cv="loo", decays=DECAYS)
    assert sum(sizes) == 3000 and max(sizes) * 50 * 12 <= leave_one_out.RESULTS
