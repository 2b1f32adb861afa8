"""The search against curves of closed form: the grid brackets every minimum, and never ends at a silent edge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tuning.fakes import FakeProblem, falling, rising, tuned, valley
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.selection import standard_error

Array = NDArray[np.float64]
FINE = 10 ** (1 / 16)


def bracketed(tuning: Tuning) -> bool:
    """Whether the best has a neighbour on each side that is no better, 0 and inf being ends."""
    best = tuning.best
    low = tuning.decays[best] == 0 or (best > 0 and tuning.mean[best - 1] >= tuning.mean[best])
    high = math.isinf(tuning.decays[best]) or (
        best < len(tuning.decays) - 1 and tuning.mean[best + 1] >= tuning.mean[best]
    )
    return low and high


def test_the_grid_is_a_lattice_in_the_logarithm_refined_around_the_minimum() -> None:
    tuning = tuned(FakeProblem((valley(0.2),)))
    steps = np.log10(tuning.decays) * 16
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    near = np.abs(np.log10(tuning.decays / tuning.decay)) < 0.45
    np.testing.assert_allclose(np.diff(np.log10(tuning.decays[near])), 1 / 16, atol=1e-9)
    far = np.abs(np.log10(tuning.decays / tuning.decay)) > 1.1
    assert set(np.round(np.diff(np.log10(tuning.decays[far])), 9)) <= {0.5, np.round(2.5, 9), 3.0, 2.0}
    assert np.isin(FakeProblem((valley(1.0),)).candidates(), tuning.decays).all()


@given(st.floats(-12, 12))
def test_the_minimum_is_found_wherever_it_lies(exponent: float) -> None:
    at = 10.0**exponent
    tuning = tuned(FakeProblem((valley(at),)))
    assert 1 / FINE <= tuning.decay / at <= FINE
    assert bracketed(tuning)
    assert len(tuning.decays) <= 9 + 16 + 2 * (abs(exponent) + 5)


def test_the_grid_is_extended_beyond_both_edges() -> None:
    problem = FakeProblem((valley(1e-6), valley(1e5)))
    tuning = tuned(problem)
    for target, at in zip(tuning.targets, (1e-6, 1e5), strict=True):
        assert 1 / FINE <= target.decay / at <= FINE
        assert bracketed(target)
    assert tuning.decays[0] < 1e-6 and tuning.decays[-1] > 1e5


@pytest.mark.parametrize("half", [1e-8, 1e-3, 1.0, 1e4])
def test_a_curve_that_only_rises_ends_with_no_decay(half: float) -> None:
    tuning = tuned(FakeProblem((rising(half),)))
    assert tuning.decay == 0.0
    assert tuning.decays[0] == 0.0
    assert tuning.verdict.startswith("Use no decay")
    assert bracketed(tuning)
    assert len(tuning.decays) < 50


@pytest.mark.parametrize("half", [1e-4, 1.0, 1e3, 1e8])
def test_a_curve_that_only_falls_ends_with_infinite_decay(half: float) -> None:
    tuning = tuned(FakeProblem((falling(half),)))
    assert tuning.decay == math.inf
    assert tuning.decays[-1] == math.inf
    assert tuning.verdict.startswith("Use infinite decay")
    assert bracketed(tuning)
    assert len(tuning.decays) < 50


def test_no_refinement_is_spent_where_a_limit_is_best() -> None:
    tuning = tuned(FakeProblem((rising(1.0),)))
    inner = tuning.decays[tuning.decays > 0]
    near = np.abs(np.log10(inner / tuning.window[1])) <= 0.5  # the end of the window is found closely
    steps = 2 * np.log10(inner[~near])
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    assert near.sum() <= 5


def test_a_flat_curve_costs_no_search_and_takes_the_largest_decay() -> None:
    tuning = tuned(FakeProblem((lambda decays: np.ones(len(decays)),)))
    assert tuning.decay == math.inf
    assert len(tuning.decays) <= 11
    assert tuning.window == (0.0, math.inf)
    assert "It does not matter: all decays give the same predictions." in tuning.verdict


def test_a_dip_beside_no_decay_is_not_missed() -> None:
    # No decay is better than every lattice point at first; the dip at 1e-6 is better still.
    def curve(decays: Array) -> Array:
        return np.where(decays < 1e-4, 1.5, 2.0) - np.where(decays < 1e-4, valley(1e-6, 0.5, -0.5)(decays) * -1, 0.0)

    tuning = tuned(FakeProblem((curve,)))
    assert 1 / FINE <= tuning.decay / 1e-6 <= FINE


def test_a_valley_beyond_an_edge_towards_which_the_curve_falls_is_not_missed() -> None:
    # The best of the lattice at first is infinite decay; the deep valley at 1e-6 only shows as a slope at 1e-3.
    def curve(decays: Array) -> Array:
        with np.errstate(divide="ignore"):
            x = np.clip(np.log10(decays), -30, 30)
        return 1.5 - np.exp(-(((x + 6) / 1.5) ** 2)) - 0.4 / (1 + np.exp(-3 * x))

    tuning = tuned(FakeProblem((curve,)))
    assert abs(math.log10(tuning.decay) + 6) < 0.1


def test_both_valleys_are_refined_and_the_deeper_one_wins() -> None:
    # On the coarse lattice (half decades) the shallow valley at 10^-2 looks deeper than the deep one between points.
    def curve(decays: Array) -> Array:
        with np.errstate(divide="ignore"):
            x = np.log10(decays)
        return 2.0 - 0.98 * np.exp(-((x + 2) ** 2)) - 1.0 * np.exp(-(((x - 0.25) / 0.6) ** 2))

    coarse = FakeProblem((curve,), low=-4, high=2)
    lattice = coarse.candidates()
    assert abs(math.log10(lattice[curve(lattice).argmin()]) + 2) < 1e-9
    tuning = tuned(coarse)
    assert abs(math.log10(tuning.decay) - 0.25) <= 1 / 16
    assert [one.code for one in tuning.findings] == ["WD003"]


def test_several_targets_each_get_their_own() -> None:
    problem = FakeProblem((valley(0.01), rising(1.0), falling(1.0), valley(30.0)))
    tuning = tuned(problem)
    found = [one.decay for one in tuning.targets]
    assert found[1:3] == [0.0, math.inf]
    assert abs(math.log10(found[0] / 0.01)) <= 1 / 16 and abs(math.log10(found[3] / 30)) <= 1 / 16
    assert all(bracketed(one) for one in (tuning, *tuning.targets))
    np.testing.assert_allclose(tuning.mean, np.mean([one.mean for one in tuning.targets], axis=0))
    assert tuning.model[1].tolist() == found
    with pytest.raises(ValueError, match=r"use tuning\.model"):
        _ = tuning.targets[0].model


def test_decays_given_are_used_as_they_are() -> None:
    problem = FakeProblem((valley(1e-5),))
    tuning = tuned(problem, [1.0, 0.1, 1.0, 3.0])
    assert tuning.decays.tolist() == [0.1, 1.0, 3.0]
    assert tuning.decay == 0.1
    assert [one.code for one in tuning.findings] == ["WD001"]
    assert tuned(problem, [0.5]).decays.tolist() == [0.5]


def test_infinite_decay_and_none_may_be_given() -> None:
    tuning = tuned(FakeProblem((falling(1.0),)), [0.0, 1.0, math.inf])
    assert tuning.decays.tolist() == [0.0, 1.0, math.inf]
    assert tuning.decay == math.inf


def test_folds_are_factorised_once_and_asked_seldom() -> None:
    problem = FakeProblem((valley(0.1),))
    tuned(problem)
    assert problem.asked == {"split": 1}
    assert len(problem.made.asked) == 2  # the lattice, then the union
    beyond = FakeProblem((valley(1e-6),))
    tuned(beyond)
    assert len(beyond.made.asked) <= 5
    given_decays = FakeProblem((valley(0.1),))
    tuned(given_decays, [0.05, 0.1, 0.2])
    assert [one.tolist() for one in given_decays.made.asked] == [[0.0, 0.01, 0.05, 0.1, 0.2, math.inf]]


def test_nothing_is_computed_that_nobody_asked_for() -> None:
    problem = FakeProblem((valley(0.1),))
    tuning = tuned(problem)
    assert tuning.decay > 0 and tuning.window[0] > 0 and tuning.verdict
    assert problem.asked == {"split": 1}
    _ = tuning.findings, tuning.findings, tuning.opinions, tuning.path, tuning.path, tuning.model, tuning.model
    assert problem.asked == {"split": 1, "findings": 1, "opinions": 1, "path": 1, "estimator": 1}


def paired_to(problem: FakeProblem, curve: int, decays: Array, best: float) -> Array:
    """Paired standard errors against one decay, from the fold losses themselves."""
    split = problem.split(None)
    held = split.held_out(np.append(decays, best))
    loss = (held.targets[curve] if held.targets else held).loss
    return standard_error(loss[:, :-1] - loss[:, [-1]], np.ones(len(loss)), np.zeros(len(loss), dtype=np.intp))


def test_the_last_question_covers_all_decays_and_pairs_with_the_final_best() -> None:
    problem = FakeProblem((valley(0.1),), noise=0.1)
    tuning = tuned(problem)
    last = problem.made.asked[-1]
    assert np.isin(tuning.decays, last).all() and np.isin([0.0, 0.01, math.inf], last).all()
    assert tuning.paired[tuning.best] == 0.0
    np.testing.assert_allclose(tuning.paired, paired_to(problem, 0, tuning.decays, tuning.decay_min), atol=1e-12)
    for one in tuning.references:
        assert one.paired == pytest.approx(paired_to(problem, 0, np.array([one.decay]), tuning.decay_min)[0])


def test_a_default_that_beats_the_lattice_joins_it() -> None:
    at = 0.1 * 10 ** (1 / 32)  # half-way between two points of the fine lattice
    tuning = tuned(FakeProblem((valley(at),), noise=0.1, default=at))
    assert tuning.decay == at
    assert tuning.paired[tuning.best] == 0.0
    assert tuning.reference("sklearn alpha=1").paired == 0.0  # type: ignore[union-attr]


@pytest.mark.parametrize("curves", [(rising(0.1),), (valley(0.01), falling(1.0), valley(3.0), rising(1.0))])
def test_paired_errors_refer_to_the_best_decay_given_even_where_a_reference_is_better(curves: tuple[Any, ...]) -> None:
    problem = FakeProblem(curves, noise=0.1)
    tuning = tuned(problem, [0.5, 1.0, 20.0])
    for number, one in enumerate(tuning.targets or (tuning,)):
        assert one.paired[one.best] == 0.0
        np.testing.assert_allclose(one.paired, paired_to(problem, number, one.decays, one.decay_min), atol=1e-12)
        for reference in one.references:
            expected = paired_to(problem, number, np.array([reference.decay]), one.decay_min)[0]
            assert reference.paired == pytest.approx(expected, abs=1e-12)
            assert expected > 0


def test_window_and_plausible_range_are_where_the_formula_says() -> None:
    tuning = tuned(FakeProblem((valley(1.0),)), np.geomspace(1e-2, 1e2, 2001))
    # 1 + 1 − 1/(1 + x²) ≤ 1.01 for x² ≤ 1/99.
    half = math.sqrt(1 / 99)
    assert math.log10(tuning.window[1]) == pytest.approx(half, abs=1e-4)
    assert math.log10(tuning.window[0]) == pytest.approx(-half, abs=1e-4)
    assert tuning.plausible == pytest.approx((1.0, 1.0))  # without noise nothing else is plausible
    noisy = tuned(FakeProblem((valley(1.0),), noise=0.1), np.geomspace(1e-2, 1e2, 2001))
    assert noisy.plausible[0] < 0.9 and noisy.plausible[1] > 1.1
    for end in noisy.plausible:
        problem = FakeProblem((valley(1.0),), noise=0.1)
        excess = valley(1.0)(np.array([end]))[0] - noisy.mean[noisy.best]
        assert excess == pytest.approx(paired_to(problem, 0, np.array([end]), noisy.decay_min)[0], rel=1e-2)


DENSE = np.concatenate([[0.0], 10.0 ** np.arange(-9, 9, 0.001), [math.inf]])


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.05])
@pytest.mark.parametrize(
    "curve",
    [
        *(valley(0.2), valley(3e-5, 0.02), valley(70.0, 5.0), falling(0.3), rising(40.0)),
        # Nearly as good at infinite decay as at the best: what the rules allow ends far from it, or nowhere.
        lambda decays: valley(0.1, 0.03)(np.minimum(decays, 30.0)),
        lambda decays: valley(0.1, 0.03)(np.maximum(decays, 1e-5)),
    ],
)
def test_all_that_is_read_off_a_search_is_what_a_dense_grid_tells(curve: Any, noise: float) -> None:
    found, truth = (tuned(FakeProblem((curve,), noise=noise), decays) for decays in (None, DENSE))
    least = 1e-8  # below it the rising curve is level to the last digits
    for ours, theirs in zip((*found.window, *found.plausible), (*truth.window, *truth.plausible), strict=True):
        ours, theirs = max(ours, least), max(theirs, least)
        assert ours == theirs or (theirs < math.inf and abs(math.log10(ours / theirs)) < 0.06)
    # The rule takes the largest point of the grid that it allows; the next point is an eighth of a decade away, and the
    # best itself is found to a thirty-second.
    ours, theirs = (max(one.decay_1se, least) for one in (found, truth))
    assert ours == theirs or -0.126 < math.log10(ours / theirs) < 1 / 31
    assert len(found.decays) < 90


def test_the_plausible_range_of_a_coarse_grid_is_interpolated_in_standard_errors() -> None:
    problem = FakeProblem((valley(0.3, 0.2),), noise=0.05)
    coarse, truth = tuned(problem, 10.0 ** np.arange(-3.5, 3, 1.0)), tuned(problem, DENSE)
    for ours, theirs in zip(coarse.plausible, truth.plausible, strict=True):
        assert 0 < theirs < math.inf and abs(math.log10(ours / theirs)) < 0.25
    assert coarse.plausible[0] < coarse.decay < coarse.plausible[1]


def test_infinite_decay_within_one_standard_error_is_what_1se_takes() -> None:
    problem = FakeProblem((lambda decays: valley(0.1, 0.03)(np.minimum(decays, 30.0)),), noise=0.05)
    assert tuned(problem, rule="1se").decay == math.inf
    assert tuned(problem).decay < 1.0


def test_for_a_scorer_the_window_is_a_share_of_the_gain_on_the_constant_model() -> None:
    # Scores around 1000: 1 % of the loss would be everything.
    def curve(decays: Array) -> Array:
        return valley(1.0)(decays) - 1e3

    tuning = tuned(FakeProblem((curve,)), np.geomspace(1e-2, 1e2, 2001), scorer=lambda *_: 0.0, scoring="−score")
    half = math.sqrt(1 / 99)
    assert math.log10(tuning.window[1]) == pytest.approx(half, abs=1e-4)
    assert tuning.unit == pytest.approx(1.0)


def test_losses_that_are_not_finite_do_not_confuse_the_search() -> None:
    def curve(decays: Array) -> Array:
        values = valley(3.0)(decays)
        values[decays < 0.02] = math.nan
        values[np.isinf(decays)] = math.inf
        return values

    tuning = tuned(FakeProblem((curve,)))
    assert 1 / FINE <= tuning.decay / 3.0 <= FINE
    assert tuning.window[0] > 1
    with pytest.raises(ValueError, match="no decay gave a finite held-out loss"):
        tuned(FakeProblem((lambda decays: np.full(len(decays), math.nan),)))


def test_a_plateau_before_a_limit_that_fails_ends_the_search() -> None:
    def curve(decays: Array) -> Array:
        values = rising(1.0)(decays)
        values[decays == 0] = math.nan
        return values

    tuning = tuned(FakeProblem((curve,)))
    assert 0 < tuning.decay < 1e-5
    assert len(tuning.decays) < 60


def test_an_exact_fit_ends_with_no_decay_and_no_hunt_below_rounding() -> None:
    tuning = tuned(FakeProblem((lambda decays: 1e-31 + 1.0 / (1.0 + 1.0 / np.maximum(decays, 1e-150) ** 2),)))
    assert tuning.decay == 0.0
    assert len(tuning.decays) < 15


def test_rules_are_applied_to_the_final_grid() -> None:
    problem = FakeProblem((valley(0.1),), noise=0.1)
    one_se = tuned(problem, rule="1se")
    assert one_se.decay == one_se.decay_1se > one_se.decay_min
    assert one_se.rule == "1se"

    def middle(decays: Array, mean: Array, error: Array) -> float:
        return float(decays[len(decays) // 2])

    chosen = tuned(problem, rule=middle)
    assert chosen.rule == "middle"
    assert chosen.decay == chosen.decays[len(chosen.decays) // 2]
    assert chosen.model == ("fitted at", chosen.decay)


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def start(self, total: int, text: str) -> None:
        self.heard.append(("start", total))

    def advance(self, text: str = "") -> None:
        self.heard.append(("advance", text))

    def finish(self) -> None:
        self.heard.append(("finish",))


def test_a_listener_hears_every_step_it_was_promised() -> None:
    listener = Listener()
    tuning = tuned(FakeProblem((valley(0.1),)), progress=listener)
    kinds = [one[0] for one in listener.heard]
    assert listener.heard[0] == ("start", 3)
    assert kinds == ["start", "advance", "advance", "advance", "finish"]
    assert f"{len(tuning.decays)} decays" in listener.heard[2][1]


def test_a_listener_hears_the_end_of_work_that_fails() -> None:
    listener = Listener()
    with pytest.raises(ValueError, match="no decay gave"):
        tuned(FakeProblem((lambda decays: np.full(len(decays), math.nan),)), progress=listener)
    assert listener.heard[-1] == ("finish",)
