"""Selection: standard errors as glmnet defines them, rules, window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from weightdecay.tuning.selection import (
    choose,
    connected,
    from_folds,
    from_rows,
    one_standard_error,
    smallest,
    standard_error,
)

Array = NDArray[np.float64]
DECAYS = np.array([0.01, 0.1, 1.0, 10.0])


def glmnet_error(losses: list[float], weights: list[float]) -> float:
    """cvsd of cv.glmnet: sqrt(weighted.mean((cvraw − cvm)², w) / (F − 1)), written with plain sums."""
    total = sum(weights)
    mean = sum(w * one for w, one in zip(weights, losses, strict=True)) / total
    spread = sum(w * (one - mean) ** 2 for w, one in zip(weights, losses, strict=True)) / total
    return math.sqrt(spread / (len(losses) - 1))


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10)), min_size=2, max_size=12),
)
def test_the_standard_error_is_that_of_glmnet(pairs: list[tuple[float, float]]) -> None:
    losses, weights = [one for one, _ in pairs], [w for _, w in pairs]
    found = standard_error(np.array(losses)[:, None], np.array(weights), np.zeros(len(pairs), dtype=np.intp))
    assert found[0] == pytest.approx(glmnet_error(losses, weights), rel=1e-9, abs=1e-9)


def test_the_standard_error_is_never_a_standard_deviation() -> None:
    # Equal weights: s.d. with divisor F − 1, over the root of F. Here 1/√5·√2.5 = 0.7071, where the s.d. is 1.5811.
    loss = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[:, None]
    assert standard_error(loss, np.ones(5), np.zeros(5, dtype=np.intp))[0] == pytest.approx(math.sqrt(0.5))
    # Weights count: the fold of weight 3 pulls the mean to 1.25, spread (3·0.0625 + 0.5625)/4 = 0.1875.
    weighted = standard_error(np.array([[1.0], [2.0]]), np.array([3.0, 1.0]), np.zeros(2, dtype=np.intp))
    assert weighted[0] == pytest.approx(math.sqrt(0.1875))


def test_errors_of_repetitions_are_averaged_not_pooled() -> None:
    loss = np.array([1.0, 3.0, 10.0, 16.0])[:, None]
    repeat = np.array([0, 0, 1, 1])
    expected = (glmnet_error([1.0, 3.0], [1.0, 2.0]) + glmnet_error([10.0, 16.0], [3.0, 1.0])) / 2
    assert standard_error(loss, np.array([1.0, 2.0, 3.0, 1.0]), repeat)[0] == pytest.approx(expected)


def test_one_fold_has_no_standard_error() -> None:
    assert np.isnan(standard_error(np.ones((1, 3)), np.ones(1), np.zeros(1, dtype=np.intp))).all()


def test_the_paired_error_is_that_of_differences_to_the_best() -> None:
    rng = np.random.default_rng(0)
    loss, weight = rng.random((5, 4)), rng.random(5) + 0.1
    loss[:, 2] -= 1.0
    held = from_folds(DECAYS, loss, weight, np.zeros(5, dtype=np.intp), np.full((5, 4), "exact"))
    for column in range(4):
        difference = (loss[:, column] - loss[:, 2]).tolist()
        assert held.paired[column] == pytest.approx(glmnet_error(difference, weight.tolist()), abs=1e-12)
        assert held.standard_error[column] == pytest.approx(glmnet_error(loss[:, column].tolist(), weight.tolist()))
    assert held.paired[2] == 0.0
    np.testing.assert_allclose(held.mean, weight @ loss / weight.sum())


def test_the_rows_of_a_single_fold_take_the_folds_place() -> None:
    rng = np.random.default_rng(1)
    loss, weight = rng.random((6, 4)), np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0])
    loss[:, 1] -= 1.0
    held = from_rows(DECAYS, loss, weight, np.full((1, 4), "exact"))
    used = weight > 0
    assert held.loss.shape == (1, 4)
    np.testing.assert_allclose(held.loss[0], np.average(loss, axis=0, weights=weight))
    assert held.weight.tolist() == [8.0]
    expected = [glmnet_error(loss[used, column].tolist(), weight[used].tolist()) for column in range(4)]
    np.testing.assert_allclose(held.standard_error, expected)
    difference = (loss[used, 0] - loss[used, 1]).tolist()
    assert held.paired[0] == pytest.approx(glmnet_error(difference, weight[used].tolist()))


def test_ties_go_to_the_larger_decay_whatever_the_order() -> None:
    mean = np.array([1.0, 0.5, 0.5 * (1 + 5e-11), 0.6])
    assert DECAYS[smallest(DECAYS, mean)] == 1.0
    assert DECAYS[::-1][smallest(DECAYS[::-1], mean[::-1])] == 1.0
    assert DECAYS[smallest(DECAYS, np.array([1.0, 0.5, 0.5 * (1 + 5e-10), 0.6]))] == 0.1
    # Relative to the size, also where losses are negative scores.
    assert DECAYS[smallest(DECAYS, -np.array([0.1, 0.5, 0.5 * (1 - 5e-11), 0.4]))] == 1.0
    assert DECAYS[smallest(DECAYS, np.zeros(4))] == 10.0


def test_infinite_decay_wins_a_tie() -> None:
    decays = np.array([0.0, 1.0, math.inf])
    assert decays[smallest(decays, np.ones(3))] == math.inf


def test_losses_that_are_not_finite_are_never_chosen() -> None:
    assert smallest(DECAYS, np.array([math.nan, math.inf, 2.0, 3.0])) == 2
    assert smallest(DECAYS, np.array([math.nan, -math.inf, 2.0, 3.0])) == 2
    with pytest.raises(ValueError, match="no decay gave a finite held-out loss"):
        smallest(DECAYS, np.full(4, math.nan))


MEAN = np.array([1.2, 1.0, 1.05, 1.3])
ERROR = np.array([0.5, 0.1, 0.01, 0.5])


@pytest.mark.parametrize("picked", [None, "much", np.array([0.1, 1.0]), -1.0, math.nan])
def test_a_rule_that_picks_no_decay_is_told(picked: object) -> None:
    with pytest.raises(ValueError, match=r"the rule returned .*; a rule returns one number, a decay of at least 0"):
        choose(lambda *_: picked, DECAYS, MEAN, ERROR)  # type: ignore[arg-type, return-value]


def test_min_takes_the_least() -> None:
    assert choose("min", DECAYS, MEAN, ERROR) == 0.1


def test_1se_takes_the_largest_within_one_standard_error_of_the_least() -> None:
    assert choose("1se", DECAYS, MEAN, ERROR) == 1.0
    # The error is the best decay's own: those of others (here huge) do not count.
    assert choose("1se", DECAYS, MEAN, np.array([9.0, 0.04, 9.0, 9.0])) == 0.1
    # The boundary itself is within.
    assert one_standard_error(DECAYS, np.array([1.0, 1.25, 1.5, 2.0]), np.full(4, 0.5)) == 1.0


def test_1se_never_takes_a_smaller_decay_than_min() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        mean, error = rng.random(4), rng.random(4)
        assert choose("1se", DECAYS, mean, error) >= choose("min", DECAYS, mean, error)


def test_1se_refuses_where_there_is_no_error() -> None:
    with pytest.raises(ValueError, match="rule='1se' needs a standard error"):
        choose("1se", DECAYS, MEAN, np.full(4, math.nan))
    assert math.isnan(one_standard_error(DECAYS, MEAN, np.full(4, math.nan)))


def test_a_callable_gets_the_curve_and_its_answer_is_taken() -> None:
    seen: list[tuple[Array, Array, Array]] = []

    def rule(decays: Array, mean: Array, error: Array) -> float:
        seen.append((decays, mean, error))
        return 3.0

    assert choose(rule, DECAYS, MEAN, ERROR) == 3.0
    assert [one.tolist() for one in seen[0]] == [DECAYS.tolist(), MEAN.tolist(), ERROR.tolist()]
    assert choose(lambda *_: math.inf, DECAYS, MEAN, ERROR) == math.inf


@pytest.mark.parametrize("answer", [-1.0, math.nan])
def test_a_callables_answer_must_be_a_decay(answer: float) -> None:
    with pytest.raises(ValueError, match="a rule returns one number, a decay of at least 0"):
        choose(lambda *_: answer, DECAYS, MEAN, ERROR)


def test_an_unknown_rule_is_told() -> None:
    with pytest.raises(ValueError, match="rule='best' is not known; give 'min', '1se' or a function"):
        choose("best", DECAYS, MEAN, ERROR)


def test_the_ends_of_a_range_are_interpolated_in_the_logarithm() -> None:
    excess = np.array([3.0, -1.0, -2.0, 2.0])
    low, high = connected(DECAYS, excess, 2, (9.0, 9.0))
    # From 0.1 (−1) to 0.01 (3) zero is a quarter of the decade away; from 1 (−2) to 10 (2) half of it.
    assert low == pytest.approx(10**-1.25)
    assert high == pytest.approx(10**0.5)


def test_a_range_is_connected() -> None:
    excess = np.array([-1.0, 1.0, -1.0, 1.0])
    low, high = connected(DECAYS, excess, 2, (-1.0, 1.0))
    assert low == pytest.approx(10**-0.5)
    assert high == pytest.approx(10**0.5)


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        ((-1.0, -1.0), (0.0, math.inf)),
        ((0.0, 0.0), (0.0, math.inf)),
        ((-1.0, 1.0), (0.0, 10.0)),
        ((1.0, -1.0), (0.01, math.inf)),
        ((1.0, 1.0), (0.01, 10.0)),
        ((math.nan, math.nan), (0.01, 10.0)),
    ],
)
def test_beyond_the_grid_no_decay_and_infinite_decay_decide(
    outside: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert connected(DECAYS, np.full(4, -1.0), 1, outside) == expected


def test_no_interpolation_towards_no_decay_infinite_decay_or_what_is_not_finite() -> None:
    decays = np.array([0.0, 1.0, 10.0, math.inf])
    assert connected(decays, np.array([1.0, -1.0, -1.0, 1.0]), 1, (1.0, 1.0)) == (1.0, 10.0)
    assert connected(decays, np.array([-1.0, -1.0, -1.0, -1.0]), 1, (-1.0, -1.0)) == (0.0, math.inf)
    assert connected(decays, np.array([1.0, -1.0, 1.0, 1.0]), 1, (1.0, 1.0)) == (1.0, pytest.approx(10**0.5))
    assert connected(DECAYS, np.array([math.nan, -1.0, math.inf, 1.0]), 1, (1.0, 1.0)) == (0.1, 0.1)


def test_a_single_point_is_a_range() -> None:
    assert connected(DECAYS, np.array([1.0, 0.0, 1.0, 1.0]), 1, (1.0, 1.0)) == (0.1, 0.1)
    assert connected(np.array([2.0]), np.array([0.0]), 0, (1.0, 1.0)) == (2.0, 2.0)
