"""Findings of the curve: for each a curve on which it must fire, and a near miss on which it must not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tuning.fakes import FakeProblem, falling, rising, tuned, valley
from weightdecay.records.finding import Finding
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.curve_findings import curve_findings, valleys

Array = NDArray[np.float64]


def codes(tuning: Tuning) -> list[str]:
    """Codes of the findings."""
    return [one.code for one in tuning.findings]


@pytest.mark.parametrize(
    ("decays", "word"), [([0.2, 1.0, 10.0], "smaller"), ([0.001, 0.01, 0.08], "larger"), ([0.2, 0.3], "smaller")]
)
def test_an_edge_of_the_given_decays_is_told(decays: list[float], word: str) -> None:
    tuning = tuned(FakeProblem((valley(0.125),)), decays)
    assert codes(tuning) == ["WD001"]
    assert tuning.findings[0].severity == "warning"
    assert f"give {word} decays" in tuning.findings[0].remedy


def test_a_best_inside_the_given_decays_is_no_edge() -> None:
    assert codes(tuned(FakeProblem((valley(0.125),)), [0.05, 0.125, 1.0])) == []


def test_an_edge_where_the_curve_has_reached_its_limit_is_no_edge() -> None:
    # At 1e-6 the rising curve is within 1e-6 of no decay: smaller decays would change nothing.
    assert "WD001" not in codes(tuned(FakeProblem((rising(1.0),)), [1e-6, 1e-3, 1.0]))
    assert "WD001" in codes(tuned(FakeProblem((rising(1.0),)), [1e-3, 1e-1, 1.0]))
    assert "WD001" not in codes(tuned(FakeProblem((rising(1.0),)), [0.0, 1e-1, 1.0]))
    assert "WD001" not in codes(tuned(FakeProblem((falling(1.0),)), [0.1, 1.0, math.inf]))


def test_a_searched_grid_has_no_edge() -> None:
    for curve in (rising(1.0), falling(1.0), valley(1e-7), valley(1e7)):
        assert "WD001" not in codes(tuned(FakeProblem((curve,))))


def test_a_flat_curve_is_told() -> None:
    flat = tuned(FakeProblem((valley(1.0, depth=0.0099),)))
    assert codes(flat) == ["WD002"]
    assert "every decay from none to infinity is within 1 % of the best" in flat.findings[0].message


def test_a_curve_just_outside_the_tolerance_is_not_flat() -> None:
    assert codes(tuned(FakeProblem((valley(1.0, depth=0.0101),)))) == []
    assert codes(tuned(FakeProblem((valley(1.0, depth=0.0101),)), tolerance=0.02)) == ["WD002"]


def two_valleys(barrier: float) -> FakeProblem:
    """Valleys at 1e-2 (the deeper) and 10, parted by a barrier, in a bowl."""

    def curve(decays: Array) -> Array:
        with np.errstate(divide="ignore"):
            x = np.clip(np.log10(decays), -30, 30) + 0.5
        bowl = 0.5 * np.maximum(np.abs(x) - 1.5, 0.0) / 10
        return 1.0 + bowl + barrier * np.exp(-((x / 0.5) ** 2)) + 0.001 * (x > 0)

    return FakeProblem((curve,), low=-4, high=3)


def test_two_valleys_are_told_with_their_places() -> None:
    tuning = tuned(two_valleys(0.03))
    assert codes(tuning) == ["WD003"]
    assert tuning.findings[0].message.startswith("the held-out curve has 2 minima, at decays 0.0")


def test_a_barrier_within_the_tolerance_parts_no_valleys() -> None:
    assert "WD003" not in codes(tuned(two_valleys(0.008)))


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([3, 2, 1, 2, 3], [2]),
        ([1, 2, 3], [0]),
        ([3, 2, 1], [2]),
        ([1, 1, 1], [0]),
        ([2, 1, 2, 0, 2], [1, 3]),
        ([0, 2, 1, 2], [0, 2]),
        ([1, 1.05, 1, 2], [0]),
        ([1, 1.05, 0.5, 2], [2]),
        ([math.nan, 2, 1, math.inf, 1, 3], [2, 4]),
        ([5], [0]),
    ],
)
def test_valleys(curve: list[float], expected: list[int]) -> None:
    assert valleys(np.array(curve, dtype=float), 0.1) == expected


def test_another_criterion_that_would_cost_much_is_told() -> None:
    problem = FakeProblem((valley(0.1),), opinion={"gcv": valley(10.0), "evidence": valley(0.12)})
    tuning = tuned(problem)
    assert codes(tuning) == ["WD012"]
    # The curve at 10 is 1 + 1 − 1/(1 + 4) = 1.8.
    assert tuning.findings[0].message == "gcv would choose decay 10, which is worse than 0.1 by 80 % of held-out loss"


def test_a_criterion_that_disagrees_at_little_cost_is_not_told() -> None:
    # Two decades away, yet only 4 % worse; and 80 % worse, yet within two paired standard errors.
    assert codes(tuned(FakeProblem((valley(0.1, depth=0.05),), opinion={"gcv": valley(10.0)}))) == []
    assert codes(tuned(FakeProblem((valley(0.1),), noise=0.6, opinion={"gcv": valley(10.0)}))) == []
    assert codes(tuned(FakeProblem((valley(0.1),), noise=0.1, opinion={"gcv": valley(10.0)}))) == ["WD012"]


@pytest.mark.parametrize(("scoring", "told"), [("−neg_mean_absolute_error", False), ("−r2", True)])
def test_criteria_of_squared_errors_are_not_held_against_other_scores(scoring: str, told: bool) -> None:
    problem = FakeProblem((valley(0.1),), opinion={"gcv": valley(10.0)})
    assert codes(tuned(problem, scoring=scoring, scorer=lambda *_: 0.0)) == (["WD012"] if told else [])


def test_a_second_minimum_that_is_far_worse_is_no_news() -> None:
    def curve(decays: Array) -> Array:
        with np.errstate(divide="ignore"):
            x = np.clip(np.log10(decays), -30, 30)
        return 1.0 + np.minimum((x + 2) ** 2, 0.6 + 0.4 * np.minimum(np.abs(x - 2), 1.0))

    assert codes(tuned(FakeProblem((curve,), low=-4, high=4))) == []


def test_a_criterion_whose_best_lies_beyond_the_decays_given_is_not_told() -> None:
    problem = FakeProblem((valley(0.1),), opinion={"evidence": valley(1.0)})
    assert codes(tuned(problem, [0.05, 0.1, 0.3])) == []
    assert codes(tuned(problem, [0.05, 0.1, 1.0, 3.0])) == ["WD012"]


def test_criteria_without_numbers_say_nothing() -> None:
    nothing = {"gcv": lambda decays: np.full(len(decays), math.nan)}
    assert codes(tuned(FakeProblem((valley(0.1),), opinion=nothing))) == []


def test_criteria_that_disagree_about_exact_fits_are_not_told() -> None:
    def curve(decays: Array) -> Array:
        return 1e-20 + 1.0 / (1.0 + 1.0 / np.maximum(decays, 1e-150) ** 2)

    problem = FakeProblem((curve,), opinion={"evidence": valley(1e-4)}, low=-5)
    assert codes(tuned(problem)) == []


def test_solves_that_stopped_early_are_told() -> None:
    tuning = tuned(FakeProblem((valley(0.1),)), [0.01, 0.1, 1.0])
    status = tuning.status.astype("<U32")
    status[1, :2] = "not converged: refitted"
    (found,) = curve_findings(replace(tuning, status=status), given=False)
    assert found.code == "WD013"
    assert "2 of 12 fold fits" in found.message and "decays 0.01 to 0.1" in found.message
    assert curve_findings(replace(tuning, status=np.char.replace(status, "not ", "")), given=False) == ()


def test_findings_of_the_data_come_along_worst_first() -> None:
    data = (Finding("WD006", "info", "m", "r"), Finding("WD009", "error", "m", "r"))
    tuning = tuned(FakeProblem((valley(0.1),), found=data), [0.5, 1.0])
    assert [(one.severity, one.code) for one in tuning.findings] == [
        ("error", "WD009"),
        ("warning", "WD001"),
        ("info", "WD006"),
    ]


def test_of_several_targets_each_curve_is_looked_at_and_each_code_told_once() -> None:
    problem = FakeProblem((valley(0.3), valley(5.0), valley(0.01), valley(3.0)))
    tuning = tuned(problem, [0.1, 0.3, 1.0])
    assert codes(tuning) == ["WD001"]
    assert tuning.findings[0].message.startswith("target 1: the best of the decays given, 1, is the last")
    assert tuning.findings[0].message.endswith("(likewise 2 more targets)")
    assert [codes(one) for one in tuning.targets] == [[], ["WD001"], ["WD001"], ["WD001"]]
