"""Against scikit-learn: a whole search by shared work beside one fit of Ridge, or beside RidgeCV's search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge, RidgeCV

import weightdecay as wd
from benchmarks.measure import Array, Result, medians, python_number, python_seconds, regression

DECAYS = np.geomspace(1e-4, 1e2, 100)


def search(X: Array, y: Array, cv: int | str) -> object:
    """A search over 100 decays."""
    return wd.tune(wd.LinearRegression(), X, y, decays=DECAYS, cv=cv)


def folds_beside_one_fit(n: int, p: int, bar: float, stretch: float, name: str, repeats: int) -> Result:
    """5 folds × 100 decays beside one ``Ridge(1.0).fit``."""
    X, y = regression(n, p)
    ours, rival = medians(lambda: search(X, y, 5), lambda: Ridge(1.0).fit(X, y), repeats)
    return Result(name, ours, rival, bar, stretch)


def leave_one_out_beside_ridgecv(name: str, repeats: int) -> Result:
    """Exact leave-one-out × 100 decays beside RidgeCV's, which takes over a minute and runs once."""
    X, y = regression(50_000, 500)
    ours, rival = medians(
        lambda: search(X, y, "loo"), lambda: RidgeCV(alphas=DECAYS * len(y)).fit(X, y), repeats, rival_repeats=1
    )
    return Result(name, ours, rival, 40.0, 100.0, faster=True)


def wide_leave_one_out_beside_one_fit(name: str, repeats: int) -> Result:
    """More columns than rows: exact leave-one-out × 100 decays beside one fit."""
    X, y = regression(500, 20_000)
    ours, rival = medians(lambda: search(X, y, "loo"), lambda: Ridge(1.0).fit(X, y), repeats)
    return Result(name, ours, rival, 4.0, 2.0)


def small_beside_ridgecv(name: str, repeats: int) -> Result:
    """A table of the usual size: overhead counts."""
    X, y = load_diabetes(return_X_y=True)
    ours, rival = medians(
        lambda: search(X, y, "loo"), lambda: RidgeCV(alphas=DECAYS * len(y)).fit(X, y), 10 * repeats + 1
    )
    return Result(name, ours, rival, 1.0, 0.3)


MEMORY = """
import resource, threading, time
import numpy as np, weightdecay as wd
rng = np.random.default_rng(0)
X = rng.standard_normal((200_000, 100)); y = X[:, 0] + rng.standard_normal(200_000)
small = rng.standard_normal((500, 5))
decays = np.geomspace(1e-4, 1e2, 100)
wd.tune(wd.LinearRegression(), small, small[:, 0] + rng.standard_normal(500), decays=decays, cv=5)
page = resource.getpagesize()
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * page
before, peak, running = resident(), 0, True
def watch():
    global peak
    while running:
        peak = max(peak, resident())
        time.sleep(0.0005)
watcher = threading.Thread(target=watch); watcher.start()
wd.tune(wd.LinearRegression(), X, y, decays=decays, cv=5)
running = False; watcher.join()
print((peak - before) / 2**20)
"""


def memory_beyond_the_data(name: str, repeats: int) -> Result:
    """MiB that a search takes beyond X, in a process whose libraries are warm; the bar is 64 MiB."""
    taken = max(python_number(MEMORY) for _ in range(2))
    return Result(name, taken, 64.0, 1.0, None, unit="MiB")


def import_beside_numpy(name: str, repeats: int) -> Result:
    """A fresh interpreter that imports weightdecay, beside one that imports numpy."""
    ours, rival = (python_seconds(f"import {one}", 2 * repeats + 1) for one in ("weightdecay", "numpy"))
    return Result(name, ours, rival, 2.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "n=200,000 p=100: 5 folds × 100 decays / one Ridge fit": partial(folds_beside_one_fit, 200_000, 100, 1.5, 1.0),
    "n=50,000 p=500: 5 folds × 100 decays / one Ridge fit": partial(folds_beside_one_fit, 50_000, 500, 2.5, 1.2),
    "n=5,000 p=1,000: 5 folds × 100 decays / one Ridge fit": partial(folds_beside_one_fit, 5_000, 1_000, 8.0, 3.0),
    "n=50,000 p=500: leave-one-out × 100 decays, RidgeCV / ours": leave_one_out_beside_ridgecv,
    "n=500 p=20,000: leave-one-out × 100 decays / one Ridge fit": wide_leave_one_out_beside_one_fit,
    "n=200,000 p=100: memory beyond X / 64 MiB": memory_beyond_the_data,
    "n=442 p=10: leave-one-out × 100 decays / RidgeCV": small_beside_ridgecv,
    "import weightdecay / import numpy": import_beside_numpy,
}
