"""Nested search: which decays nested folds are asked about, and that what they choose is what the whole grid gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd
from show.records import GRID, tuning
from weightdecay.linear.fold_split import FoldSplit
from weightdecay.linear.newton.split import NewtonSplit
from weightdecay.tuning import nested
from weightdecay.tuning.nested_search import REACH, first_asked, next_asked, places

Floats = NDArray[np.float64]
LATTICE = np.concatenate([[0.0], 10.0 ** np.arange(-6.0, 2.1, 0.5), [math.inf]])


def asked_of(held_out: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, split: type) -> list[tuple[int, Floats]]:
    """Folds and decays of every question to a kind of split, from now on."""
    found: list[tuple[int, Floats]] = []

    def counting(self: Any, decays: Floats, *more: Any, **options: Any) -> Any:
        found.append((len(self.folds.repeat), np.asarray(decays)))
        return held_out(self, decays, *more, **options)

    monkeypatch.setattr(split, "held_out", counting)
    return found


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Floats]]:
    """What the folds of a Newton engine are asked."""
    return asked_of(NewtonSplit.held_out, monkeypatch, NewtonSplit)


def classes(n: int = 150, k: int = 2, seed: int = 0) -> tuple[Floats, Any]:
    """Columns of which some tell classes apart, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6))
    return X, (X[:, :3] @ rng.standard_normal((3, k)) + 1.5 * rng.gumbel(size=(n, k))).argmax(axis=1)


def test_no_decay_and_infinite_decay_are_half_a_decade_beyond_the_others() -> None:
    np.testing.assert_allclose(places(LATTICE, LATTICE), np.arange(-6.5, 2.6, 0.5), atol=1e-12)
    np.testing.assert_allclose(places(LATTICE[1:-1], np.array([0.0, 1e-9, math.inf])), [-6.5, -9.0, 2.5])
    np.testing.assert_array_equal(places(np.array([0.0, math.inf]), np.array([0.0, math.inf])), [-0.5, 0.5])


def test_the_plausible_range_is_asked_first_and_infinite_decay_always() -> None:
    record = tuning(decays=GRID)
    vars(record)["decay"], vars(record)["decay_min"], vars(record)["plausible"] = GRID[20], GRID[18], (GRID[15], 3.0)
    low, high = np.log10([GRID[15], 3.0])
    grid = np.concatenate([[0.0], GRID, [math.inf]])
    asked = first_asked(grid, record)
    inside = (np.log10(GRID) >= low - REACH) & (np.log10(GRID) <= high + REACH)
    np.testing.assert_array_equal(asked, [*GRID[inside], math.inf])
    vars(record)["decay"] = 100.0  # as a rule may choose
    inside = (np.log10(GRID) >= low - REACH) & (np.log10(GRID) <= 2.0 + REACH)
    np.testing.assert_array_equal(first_asked(grid, record), [*GRID[inside], math.inf])


@pytest.mark.parametrize("plausible", [(math.nan, math.nan), (0.0, math.inf)])
def test_without_a_plausible_range_it_is_the_choice_and_without_an_end_all(plausible: tuple[float, float]) -> None:
    record = tuning(decays=GRID)
    vars(record)["plausible"] = plausible
    grid = np.concatenate([[0.0], GRID, [math.inf]])
    asked = first_asked(grid, record)
    if plausible == (0.0, math.inf):
        np.testing.assert_array_equal(asked, grid)
        return
    at = np.log10([record.decay, record.decay_min])
    assert np.log10(asked[0]) >= at.min() - REACH - 1e-9 and np.log10(asked[-2]) <= at.max() + REACH + 1e-9


def test_what_is_near_to_a_choice_is_asked_next() -> None:
    asked = LATTICE[6:10]
    middle = (LATTICE[7:9],)
    np.testing.assert_array_equal(next_asked(LATTICE, asked, middle), asked)
    np.testing.assert_array_equal(next_asked(LATTICE, asked, (LATTICE[6:8],)), LATTICE[5:10])
    np.testing.assert_array_equal(next_asked(LATTICE, asked, (LATTICE[[9]], LATTICE[7:8])), LATTICE[6:11])
    np.testing.assert_array_equal(next_asked(LATTICE, LATTICE[1:], (LATTICE[1:2],)), LATTICE)
    np.testing.assert_array_equal(next_asked(LATTICE, LATTICE[:-1], (LATTICE[-2:-1],)), LATTICE)


@pytest.mark.parametrize(
    ("k", "rule", "scoring"),
    [(2, "min", None), (2, "1se", None), (3, "min", None), (2, "min", "neg_brier_score"), (2, "1se", "accuracy")],
)
def test_folds_choose_what_they_choose_among_the_whole_grid(
    k: int, rule: str, scoring: str | None, questions: list[tuple[int, Floats]], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = classes(k=k)
    decays = np.logspace(-6, 1, 15)
    one, other = (wd.tune(wd.LogisticRegression(decays=decays), X, y, rule=rule, scoring=scoring) for _ in range(2))
    questions.clear()
    found = one.intervals
    assert found is not None and found.has_nested
    each = [asked for folds, asked in questions if folds == 25]
    asked = np.unique(np.concatenate(each))
    assert len(asked) < len(decays) and set(asked) <= set(decays)
    # Beyond what is new a question has at most the one decay whose losses are known to be finite.
    assert sum(map(len, each)) <= len(asked) + len(each) - 1
    near = np.abs(np.log10(asked)[:, None] - np.log10(found.nested_decays)).min(axis=0)
    assert (near <= 1e-12).all()
    monkeypatch.setattr(nested, "one_by_one", lambda facts: False)
    whole = other.intervals
    assert whole is not None
    np.testing.assert_array_equal(found.nested_decays, whole.nested_decays)
    np.testing.assert_allclose([found.nested_loss, *found.nested], [whole.nested_loss, *whole.nested], rtol=1e-7)
    np.testing.assert_array_equal(questions[-1][1], decays)


def test_it_goes_on_until_every_choice_is_between_others(questions: list[tuple[int, Floats]]) -> None:
    """A tuning that looks elsewhere is followed by folds that find their way back to where their losses are least."""
    X, y = classes()
    decays = np.logspace(-6, 1, 15)
    record, misled = (wd.tune(wd.LogisticRegression(decays=decays), X, y) for _ in range(2))
    expected = record.intervals
    assert expected is not None
    vars(misled)["decay"] = vars(misled)["decay_min"] = float(decays[-1])
    vars(misled)["plausible"] = (float(decays[-2]), float(decays[-1]))
    questions.clear()
    found = misled.intervals
    assert found is not None
    np.testing.assert_array_equal(found.nested_decays, expected.nested_decays)
    np.testing.assert_allclose(found.nested, expected.nested, rtol=1e-6)
    assert len(questions) > 2 and questions[0][1].min() > expected.nested_decays.max()


def test_counts_are_asked_likewise(questions: list[tuple[int, Floats]]) -> None:
    X, _ = classes()
    y = np.random.default_rng(1).poisson(np.exp(0.3 + 0.4 * X[:, 0]))
    record = wd.tune(wd.PoissonRegression(), X, y, cv=5)
    questions.clear()
    assert record.intervals is not None and record.intervals.has_nested
    assert 3 <= sum(len(asked) for _, asked in questions) < len(record.decays)


def test_a_rule_of_ones_own_sees_the_whole_grid(questions: list[tuple[int, Floats]]) -> None:
    seen = []

    def rule(decays: Floats, mean: Floats, error: Floats) -> float:
        seen.append(decays)
        return float(decays[np.argmin(mean)]) / 2

    X, y = classes()
    decays = np.logspace(-6, 1, 8)
    record = wd.tune(wd.LogisticRegression(decays=decays), X, y, rule=rule)
    questions.clear()
    found = record.intervals
    assert found is not None and set(found.nested_decays) <= set(decays / 2)
    assert all(len(one) == len(decays) for one in seen)
    (folds, first), (_, second) = questions
    assert folds == 25
    np.testing.assert_array_equal(first, decays)
    # Then those between the grid that the rule chose, beside one whose losses are finite.
    assert set(second) - {decays[0]} <= set(decays / 2)


def test_of_a_squared_error_everything_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = classes()
    y = X[:, 0] + np.random.default_rng(1).standard_normal(len(X))
    record = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=np.logspace(-6, 1, 15))
    asked = asked_of(FoldSplit.held_out, monkeypatch, FoldSplit)
    assert record.intervals is not None and record.intervals.has_nested
    ((folds, decays),) = asked
    assert folds == 75
    np.testing.assert_array_equal(decays, record.decays)
