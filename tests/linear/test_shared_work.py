"""Law 11: how often the rows are read and how many factorisations are made, for every kind of search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import weightdecay as wd
from laws.problems import regression
from weightdecay.linear import (
    data_findings,
    dominance,
    dual,
    fold_split,
    leave_one_out,
    moments,
    polish,
    triangles,
    whole,
)

READERS = (moments, triangles, leave_one_out, polish, dominance, data_findings, dual)
FACTORISERS = {
    "tridiagonal": (fold_split, whole),
    "diagonal": (whole,),
    "singular": (triangles,),
    "of_kernel": (dual,),
}
N, P = 4000, 90  # more work than `fold_split.SMALL`: the moments are used


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts rows (or columns) read and factorisations made, by wrapping the only functions that do either."""
    found: Counter[str] = Counter()
    lock = Lock()

    def counting_reader(original: Any, name: str) -> Any:
        def reader(X: Any, **options: Any) -> Iterator[Any]:
            for block, part in original(X, **options):
                with lock:  # workers read side by side
                    found[name] += block.stop - block.start
                yield block, part

        return reader

    def counting(original: Any, name: str) -> Any:
        def factorise(*arguments: Any) -> Any:
            found[name] += 1
            return original(*arguments)

        return factorise

    for name in ("row_blocks", "column_blocks"):
        for module in READERS:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counting_reader(getattr(module, name), name))
    for name, modules in FACTORISERS.items():
        for module in modules:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counting(getattr(module, name), name))
    return found


def search(X: Any, y: Any, cv: Any, **settings: Any) -> wd.Tuning:
    """A search that finds its own grid."""
    return wd.tune(wd.LinearRegression(), X, y, cv=cv, **settings)


SEARCHES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "folds": (KFold(5), {}, 5),
    "shuffled folds": (7, {}, 7),
    "groups": (6, {"groups": np.arange(N) // 30}, 6),
    "weights": (5, {"sample_weight": np.linspace(0.1, 2, N)}, 5),
    "time series": (TimeSeriesSplit(6), {}, 6),
    "repeats": (RepeatedKFold(n_splits=3, n_repeats=4, random_state=0), {}, 12),
    "overlapping": (ShuffleSplit(4, test_size=0.2, random_state=0), {}, 4),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("kind", ["dense", "sparse", "several targets"])
def test_folds_cost_one_pass_and_one_factorisation_each(name: str, kind: str, count: Counter[str]) -> None:
    """Whatever the folds, the targets and the number of decays: the rows are read once, each fold factorised once."""
    X, y = regression(N, P, t=3 if kind == "several targets" else 0)
    cv, settings, folds = SEARCHES[name]
    tuning = search(csr_array(X) if kind == "sparse" else X, y, cv, **settings)
    assert len(tuning.decays) > 20 and tuning.losses.shape[0] == folds
    assert count == {"row_blocks": N, "tridiagonal": folds}


def test_the_model_costs_one_more_factorisation(count: Counter[str]) -> None:
    """The refit on all rows takes the sum of the folds' moments: no pass; its accuracy costs one more at most."""
    X, y = regression(N, P)
    tuning = search(X, y, 5)
    count.clear()
    assert tuning.model.coef_.shape == (P,)
    assert count["tridiagonal"] == 1 and count["row_blocks"] <= N
    count.clear()
    assert tuning.path.coef.shape == (len(tuning.decays), P) and tuning.opinions
    assert not count


def test_leave_one_out_costs_two_passes_and_one_factorisation(count: Counter[str]) -> None:
    """One pass for the moments, one to rotate the rows; refinement of the grid rotates again."""
    X, y = regression(N, P)
    search(X, y, "loo", decays=np.geomspace(1e-4, 10, 100))
    assert count == {"row_blocks": 2 * N, "diagonal": 1}


@pytest.mark.parametrize("cv", ["loo", 5])
def test_wide_data_cost_one_pass_over_the_columns(cv: Any, count: Counter[str]) -> None:
    """One kernel per training set, all from one pass over the columns."""
    X, y = regression(60, 3000)
    tuning = search(X, y, cv)
    assert count == {"column_blocks": 3000, "of_kernel": 1 if cv == "loo" else cv}
    before = count["column_blocks"]
    assert tuning.path.coef.shape[1] == 3000
    # A path needs the coefficients: the kernel of all rows if folds did not give it, and one pass for the products.
    assert count["column_blocks"] <= before + (3000 if cv == "loo" else 6000)


def test_a_fit_pays_only_for_what_is_asked(count: Counter[str]) -> None:
    """Findings and opinions are looked for when somebody looks."""
    X, y = regression(N, P)
    model = wd.LinearRegression(cv=5).fit(X, y)
    spent = count["row_blocks"]
    assert spent <= 2 * N
    assert model.tuning_ is not None and isinstance(model.tuning_.findings, tuple)
    assert count["row_blocks"] > spent


def test_a_fixed_decay_costs_one_pass(count: Counter[str]) -> None:
    """One pass for the moments, one at most to polish the digits."""
    X, y = regression(N, P)
    wd.LinearRegression(1.0).fit(X, y)
    assert count["row_blocks"] <= 2 * N and count["tridiagonal"] == 1


def test_memory_stays_in_blocks() -> None:
    """Beyond X, a search over folds allocates a few blocks and moments, not another X."""
    import tracemalloc

    X, y = regression(60_000, 60)
    tracemalloc.start()
    search(X, y, 5, decays=np.geomspace(1e-3, 10, 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * X.nbytes
