"""Suggestions: every rule by its own arithmetic, their ranges, whether they agree, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from weightdecay.decay.rules import Rule, apart, centre_of, disagreement
from weightdecay.decay.suggest import suggest
from weightdecay.decay.timescale import timescale

# 391 steps an epoch.
IMAGES: dict[str, Any] = {"samples": 50_000, "batch_size": 128, "epochs": 100, "learning_rate": 1e-3}
TEXT: dict[str, Any] = {"tokens": 2e9, "parameters": 1e8, "tokens_per_batch": 5e5, "learning_rate": 1e-3}
TUNED: dict[str, Any] = {"samples": 5000, "batch_size": 32, "epochs": 3, "learning_rate": 2e-5}


def named(found: Any) -> dict[str, Rule]:
    return {rule.name: rule for rule in found.rules}


def test_epochs_by_hand() -> None:
    """τ from 1 to 100 epochs, centre 10, under a rate whose mean is half its peak: twice the constant one's λ."""
    rule = named(suggest(**IMAGES, schedule="linear"))["timescale in epochs"]
    by_hand = [1.0 / (1e-3 * 391 * epochs) for epochs in (10, 100, 1)]
    assert [rule.decay, rule.low, rule.high] == pytest.approx(by_hand, rel=1e-4)
    constant = named(suggest(**IMAGES))["timescale in epochs"]
    assert constant.decay == pytest.approx(rule.decay / 2, rel=1e-4)
    assert "2405.13698" in rule.source


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("form", ["decoupled", "independent", "corrected"])
def test_the_run_lasts_as_long_whatever_form_and_schedule(form: str, schedule: str) -> None:
    """The centre is at 10 epochs of 100 with half the peak: 5 τ, counted along the schedule."""
    rule = named(suggest(**IMAGES, form=form, schedule=schedule))["timescale in epochs"]
    assert timescale(rule.decay, **IMAGES, form=form, schedule=schedule).elapsed == pytest.approx(5.0, rel=1e-9)


def test_sgd_with_momentum() -> None:
    found = suggest(**{**IMAGES, "learning_rate": 0.1}, optimizer="sgd", momentum=0.9, schedule="linear")
    rule = named(found)["timescale in epochs"]
    assert rule.decay == pytest.approx((1 - 0.9) / (0.1 * 391 * 10), rel=1e-4)
    habit = named(found)["convolutional networks under SGD"]
    assert habit.habit and (habit.low, habit.decay, habit.high) == (1e-4, 5e-4, 1e-3)
    assert found.agree


def test_tokens_per_parameter_by_hand() -> None:
    rule = named(suggest(**TEXT, schedule="linear"))["tokens per parameter"]
    tau = 1.084 * 20**-0.527 * 4000
    assert rule.decay == pytest.approx(1.0 / (1e-3 * tau), rel=1e-3)
    assert (rule.decay / rule.low, rule.high / rule.decay) == pytest.approx((3.0, 3.0))
    # Ten times the tokens: the run is ten times as long, τ as a share of it smaller by 10^−0.527.
    more = named(suggest(**{**TEXT, "tokens": 2e10}, schedule="linear"))["tokens per parameter"]
    assert rule.decay / more.decay == pytest.approx(10 ** (1 - 0.527), rel=1e-3)


def test_one_pass_without_parameters_is_a_wide_range() -> None:
    rule = named(suggest(samples=1e6, batch_size=100, learning_rate=1e-3, schedule="linear"))["share of one pass"]
    assert (rule.low, rule.high) == pytest.approx((1.0 / (1e-3 * 1e4), 20.0 / (1e-3 * 1e4)), rel=1e-3)


def test_repeated_text_disagrees_with_the_habit() -> None:
    found = suggest(**{**TEXT, "tokens": 2e8}, epochs=16, schedule="cosine")
    rules = named(found)
    assert set(rules) == {"timescale in epochs", "repeated text", "language models"}
    assert (rules["repeated text"].low, rules["repeated text"].high) == (0.1, 3.0)
    assert not found.agree and "disagree" in found.verdict


def test_habits_of_fields() -> None:
    assert "vision transformers" in named(suggest(**IMAGES, domain="images"))
    assert "default of torch's AdamW" in named(suggest(**IMAGES))
    assert "language models" in named(suggest(**TEXT))
    assert "default of torch's Muon" in named(suggest(**IMAGES, optimizer="muon"))
    # A number that people give one form means something else in another.
    assert not [rule for rule in suggest(**IMAGES, form="independent").rules if rule.habit]


def test_habits_do_not_move_the_centre() -> None:
    found = suggest(**IMAGES)
    rule = named(found)["timescale in epochs"]
    assert (found.decay, found.low, found.high) == (rule.decay, rule.low, rule.high)
    assert found.decay / named(found)["default of torch's AdamW"].decay == pytest.approx(12.8, rel=0.01)
    assert not found.agree and "by a factor of 13" in found.verdict


def test_width_brings_a_second_opinion() -> None:
    narrow, wide = suggest(**IMAGES), suggest(**IMAGES, width=1024, reference_width=256)
    rules = named(wide)
    assert rules["square root of width"].decay == pytest.approx(narrow.decay / 2)
    assert wide.low == pytest.approx(narrow.low / 2) and wide.high == narrow.high
    assert wide.decay == pytest.approx(narrow.decay / math.sqrt(2))
    with pytest.raises(ValueError, match="give reference_width= too"):
        suggest(**IMAGES, width=1024)


def test_without_normalisation_the_range_is_wider() -> None:
    yes, no, unknown = (suggest(**IMAGES, normalised=value) for value in (True, False, None))
    assert (no.low, no.high) == pytest.approx((yes.low / 3, yes.high * 3))
    assert "normalised=False" in unknown.verdict and "normalis" not in yes.verdict


@pytest.mark.parametrize("which", ["fine_tuning", "lora"])
def test_fine_tuning_says_that_nothing_happens(which: str) -> None:
    found = suggest(**TUNED, **{which: True})
    assert found.decay == found.low == 0.0
    # 471 steps at 2e-5: λ = 0.1/(2e-5 · 471), below which the run lasts less than a tenth of τ.
    assert found.high == pytest.approx(0.1 / (2e-5 * 471))
    assert timescale(found.high, **TUNED).remaining == pytest.approx(math.exp(-0.1), rel=1e-3)
    assert found.agree and "at 0.01 the run lasts 9.4e-05 τ" in found.verdict
    assert ("pulls towards" if which == "lora" else "centre='initial'") in found.verdict


def test_fine_tuning_for_long_disagrees() -> None:
    found = suggest(samples=1e6, batch_size=8, epochs=10, learning_rate=1e-3, fine_tuning=True)
    assert found.high < 0.01 / 3
    assert not found.agree


def test_no_number_is_without_range_and_source() -> None:
    calls: list[dict[str, Any]] = [IMAGES, TEXT, TUNED, {**IMAGES, "optimizer": "muon", "domain": "images"}]
    for facts in calls:
        for more in (
            {},
            {"fine_tuning": True},
            {"lora": True},
            {"form": "corrected"},
            {"width": 4, "reference_width": 2},
        ):
            for rule in suggest(**facts, **more).rules:
                assert rule.low <= rule.decay <= rule.high and rule.low < rule.high
                assert rule.source and rule.why and rule.name in str(rule)


def test_few_steps_do_not_take_whole_weights() -> None:
    found = suggest(samples=100, batch_size=100, epochs=50, learning_rate=0.1)
    assert 0.1 * found.high <= 0.1


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, r"needs the peak learning rate \(learning_rate=\) and the steps of the run"),
        ({"learning_rate": 1e-3, "samples": 10}, "needs the steps of the run"),
        ({"samples": 100, "batch_size": 10}, "needs the peak learning rate"),
        ({**IMAGES, "optimizer": "adam"}, "has no timescale"),
        ({**IMAGES, "domain": "sound"}, "domain must be one of text, images, tables"),
        ({**IMAGES, "steps": 5}, "contradicts"),
    ],
)
def test_missing_facts_are_named(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        suggest(**facts)


def test_the_independent_form_needs_no_learning_rate() -> None:
    found = suggest(samples=50_000, batch_size=128, epochs=100, form="independent", schedule="linear")
    assert found.decay == pytest.approx(1.0 / 3910, rel=1e-3)


def test_text() -> None:
    found = suggest(**IMAGES)
    assert str(found).splitlines()[0] == "decay 0.128, from 0.0128 to 1.28"
    assert found.verdict in str(found) and all(rule.name in str(found) for rule in found.rules)


def test_agreement() -> None:
    one, three, ten = (Rule(str(value), value, value / 2, value * 2, "why", "source") for value in (1.0, 3.0, 10.0))
    assert apart([three, one])[0] == pytest.approx(3.0)
    assert disagreement([one, three]) == "the 2 rules agree within a factor of 3"
    assert disagreement([ten, one, three]) == "the rules disagree by a factor of 10: '1.0' says 1, '10.0' says 10"
    nothing = Rule("nothing", 0.0, 0.0, 2.0, "why", "source")
    assert disagreement([nothing, one]) == "the 2 rules agree"
    assert apart([nothing, ten])[0] == pytest.approx(5.0)
    assert centre_of([nothing, ten]) == 0.0
