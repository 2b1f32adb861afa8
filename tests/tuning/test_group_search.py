"""The search over log decays: bowls, plateaus, several minima, walls; and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from tuning.fakes import FakeProblem, valley
from weightdecay.records.grouping import Grouping
from weightdecay.tuning.folds import plan
from weightdecay.tuning.group_search import (
    AS_GOOD,
    ColumnGroups,
    Found,
    box,
    search_groups,
    tuned_weights,
    wants_strengths,
)
from weightdecay.tuning.interrupts import Interrupted
from weightdecay.tuning.request import Request

Array = NDArray[np.float64]
Surface = Callable[[Array], tuple[float, Array]]


@dataclass
class Fake:
    """A loss that is a closed formula, and counts how often it is asked."""

    surface: Surface
    groups: int
    reach: float = 20.0
    asked: list[Array] = field(default_factory=list)

    @property
    def bounds(self) -> tuple[Array, Array]:
        return np.full(self.groups, -self.reach), np.full(self.groups, self.reach)

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        self.asked.append(log_decays.copy())
        return self.surface(log_decays)

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        value, _ = self.surface(log_decays)
        return value + np.array([-0.2, 0.0, 0.1]), np.array([1.0, 2.0, 2.0])


def found(surface: Surface, groups: int = 2) -> tuple[Found, Fake]:
    fake = Fake(surface, groups)
    return search_groups(fake), fake


def bowl(at: Array, floor: float = 1.0) -> Surface:
    """A quadratic whose axes are turned against the groups."""
    A = np.eye(len(at)) + 0.5

    def surface(x: Array) -> tuple[float, Array]:
        return floor + 0.01 * float((x - at) @ A @ (x - at)), 0.02 * A @ (x - at)

    return surface


def slide(centre: float, sign: float, depth: float) -> Callable[[float], tuple[float, float]]:
    """A step of one group: level on both sides of its centre."""

    def curve(x: float) -> tuple[float, float]:
        half = 1.0 / (1.0 + np.exp(-sign * (x - centre)))
        return depth * (1.0 - half), -depth * sign * half * (1.0 - half)

    return curve


def steps(*curves: Callable[[float], tuple[float, float]], floor: float = 1.0) -> Surface:
    """Groups that do not meet."""

    def surface(x: Array) -> tuple[float, Array]:
        values, slopes = zip(*(curve(float(one)) for curve, one in zip(curves, x, strict=True)), strict=True)
        return floor + float(sum(values)), np.array(slopes)

    return surface


@pytest.mark.parametrize("at", [[1.0, -2.0], [-7.0, 9.0, 0.0], [3.0], [3.0, 3.0]])
def test_a_bowl_is_minimised(at: list[float]) -> None:
    result, fake = found(bowl(np.array(at)), len(at))
    np.testing.assert_allclose(result.log_decays, at, atol=0.05)
    assert 1.0 <= result.loss <= 1.0 + 1e-4 and result.converged
    assert result.loss <= result.single_loss
    assert result.evaluations == len(fake.asked)
    assert set(result.extremes) == {""}


def test_groups_that_gain_nothing_keep_one_strength() -> None:
    result, _ = found(bowl(np.array([2.0, 2.0, 2.0])), 3)
    assert len(set(result.log_decays)) == 1 and result.loss == result.single_loss
    constant, _ = found(lambda x: (3.0, np.zeros_like(x)))
    assert constant.log_decays.tolist() == [constant.single] * 2 and constant.extremes == ("", "")


def test_a_single_group_is_the_single_decay() -> None:
    result, _ = found(bowl(np.array([4.0])), 1)
    assert result.loss == result.single_loss and result.log_decays[0] == result.single == pytest.approx(4.0, abs=0.05)


def test_plateaus_are_named_and_left_where_they_begin() -> None:
    surface = steps(slide(-2.0, -1.0, 1.0), slide(4.0, 1.0, 0.5), lambda x: (0.05 * x**2, 0.1 * x))
    result, _ = found(surface, 3)
    assert result.extremes == ("none", "infinite", "")
    assert result.loss <= 1.0 + 1.1 * AS_GOOD * result.single_loss
    assert -16.0 < result.log_decays[0] < -12.0 and 13.0 < result.log_decays[1] < 20.0


def test_a_group_at_the_single_decay_may_need_none_too() -> None:
    result, _ = found(steps(slide(-2.0, -1.0, 1.0), slide(4.0, 1.0, 0.5)))
    assert result.extremes == ("none", "infinite")
    assert result.single == result.log_decays[0] == -20.0


def test_a_group_without_effect_takes_the_single_decay() -> None:
    def surface(x: Array) -> tuple[float, Array]:
        value, slope = bowl(np.array([-3.0, 3.0]))(x[:2])
        return value, np.array([*slope, 0.0])

    result, _ = found(surface, 3)
    assert result.extremes == ("", "", "any") and result.log_decays[2] == result.single


def test_a_minimum_behind_a_ridge_is_found() -> None:
    """The single decay lies in a valley of its own; in the deeper one the groups are far apart."""

    def well(x: Array, at: Array, depth: float) -> tuple[float, Array]:
        value = depth * np.exp(-0.05 * float((x - at) @ (x - at)))
        return -value, 0.1 * value * (x - at)

    def surface(x: Array) -> tuple[float, Array]:
        near, far = well(x, np.zeros(2), 0.5), well(x, np.array([-2.0, 9.0]), 0.9)
        return 2.0 + near[0] + far[0], near[1] + far[1]

    result, _ = found(surface)
    np.testing.assert_allclose(result.log_decays, [-2.0, 9.0], atol=0.1)
    assert result.single == pytest.approx(0.0, abs=0.1)
    downhill = minimize(surface, np.full(2, result.single), jac=True, method="L-BFGS-B")
    np.testing.assert_allclose(downhill.x, 0.0, atol=1.0)


def test_no_number_is_a_wall() -> None:
    inner = bowl(np.array([-4.0, 5.0]))

    def surface(x: Array) -> tuple[float, Array]:
        return (np.nan, np.full(2, np.nan)) if (x > 10.0).any() else inner(x)

    np.testing.assert_allclose(found(surface)[0].log_decays, [-4.0, 5.0], atol=0.05)


def test_a_perfect_fit_needs_no_search() -> None:
    result, fake = found(lambda x: (0.0, np.zeros_like(x)))
    assert result.loss == 0.0 and result.evaluations == len(fake.asked) < 80


def test_the_search_is_the_same_every_time() -> None:
    one, other = (found(bowl(np.array([-3.0, 5.0, 1.0])), 3)[0] for _ in range(2))
    assert one.log_decays.tobytes() == other.log_decays.tobytes() and one.evaluations == other.evaluations


def test_evaluations_grow_about_as_the_groups_do() -> None:
    counts = [found(bowl(np.linspace(-4.0, 4.0, groups)), groups)[0].evaluations for groups in (2, 8)]
    assert counts[0] < 250 and counts[1] < 600


def test_bounds_follow_the_eigenvalues_of_each_group() -> None:
    low, high = box(np.array([1e-6, 1.0, 0.0]), np.array([1.0, 100.0, 3.0]))
    assert low[1] - low[0] == pytest.approx(np.log(1e6)) and high[1] - high[0] == pytest.approx(np.log(1e8))
    assert np.isfinite([*low, *high]).all() and (low < high).all()


GROUPS = ColumnGroups(("a", "b"), np.array([0, 1, 1, -1]), np.array([1.0, 2.0, 0.5, 0.0]))


def test_decay_weights_have_the_geometric_mean_one() -> None:
    strengths = GROUPS.strengths(np.log([3.0, 300.0]))
    weights = GROUPS.decay_weights(strengths)
    assert strengths[1] / strengths[0] == pytest.approx(100.0)
    assert np.exp(np.log(weights[:3]).mean()) == pytest.approx(1.0) and weights[3] == 0.0
    assert weights[1] / weights[2] == pytest.approx(4.0)


@dataclass
class FakeGroups(FakeProblem):
    """A problem with groups, which says what it was told."""

    column_groups: ColumnGroups | None = GROUPS
    told: dict[str, Any] = field(default_factory=dict)
    stops: bool = False

    def group_folds(self, folds: Any) -> Any:
        return plan(2, 40)

    def group_loss(self, groups: ColumnGroups, folds: Any) -> Fake:
        if self.stops:
            raise KeyboardInterrupt
        self.told["folds"] = folds.text
        return Fake(bowl(np.array([-2.0, 2.0])), 2)

    def weighted(self, decay_weights: Array, grouping: Grouping) -> FakeGroups:
        return FakeGroups(self.curves, column_groups=None, told={"weights": decay_weights, "grouping": grouping})


def test_a_problem_is_given_its_weights_and_told_where_they_come_from() -> None:
    problem = FakeGroups((valley(1e-2),))
    assert wants_strengths(problem)
    tuned, request = tuned_weights(problem, Request(cv=4))
    assert not wants_strengths(tuned) and request.cv.text == "4 folds"
    grouping = tuned.told["grouping"]
    assert grouping.cv == "2 folds" == problem.told["folds"]
    assert grouping.groups[1].strength / grouping.groups[0].strength == pytest.approx(np.exp(4.0), rel=0.1)
    assert [one.columns for one in grouping.groups] == [1, 2]
    assert grouping.loss < grouping.single_loss and grouping.gain > 0 and not grouping.alike
    assert grouping.paired == pytest.approx(0.0, abs=1e-12)  # all parts gain alike
    strengths = np.array([one.strength for one in grouping.groups])
    np.testing.assert_allclose(tuned.told["weights"], GROUPS.decay_weights(strengths))
    again, same = tuned_weights(tuned, request)
    assert again is tuned and same is request


def test_a_problem_without_groups_stays_what_it_is() -> None:
    problem, request = FakeProblem((valley(1e-2),)), Request()
    assert tuned_weights(problem, request) == (problem, request) and not wants_strengths(problem)


@pytest.mark.parametrize("stops", [False, True])
def test_a_listener_hears_of_the_stage_and_of_its_end(stops: bool) -> None:
    heard: list[str] = []

    class Listener:
        def start(self, total: int, text: str) -> None:
            heard.append(f"{total} {text}")

        def advance(self, text: str = "") -> None:
            heard.append(text)

        def finish(self) -> None:
            heard.append("over")

    problem = FakeGroups((valley(1e-2),), stops=stops)
    if stops:
        with pytest.raises(Interrupted):
            tuned_weights(problem, Request(cv=4), progress=Listener())
    else:
        tuned_weights(problem, Request(cv=4), progress=Listener())
    assert heard[0] == "1 tuning the strengths of 2 groups of columns, 2 folds"
    assert heard[-1] == "over" if stops else heard[-1].endswith(" evaluations")
