"""Transfer: the decay of another run, by the arithmetic of its timescale, by loops, and by what torch leaves."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.decay.runs import Run
from weightdecay.decay.shrinkage import elapsed
from weightdecay.decay.transfer import transfer

# It lasts 2 τ.
SMALL: dict[str, Any] = {"decay": 1.0, "learning_rate": 1e-3, "samples": 10_000, "batch_size": 100, "epochs": 20}


def rules(found: Any) -> dict[str, float]:
    return {rule.name: rule.decay for rule in found.rules}


@pytest.mark.parametrize(
    ("change", "ratio"),
    [
        ({}, 1.0),
        ({"samples": 40_000}, 0.25),
        ({"batch_size": 400}, 4.0),
        ({"learning_rate": 4e-3}, 0.25),
        ({"learning_rate": 4e-3, "batch_size": 400}, 1.0),
        ({"epochs": 40}, 0.5),
        ({"samples": 40_000, "epochs": 5}, 1.0),
        ({"schedule": "linear"}, 2.0),
        ({"schedule": "cosine"}, 2.0),
        ({"form": "independent"}, 1e-3),
        ({"form": "corrected", "schedule": "linear"}, 3.0),
        ({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}, 1e-3),
        ({"optimizer": "muon"}, 1.0),
    ],
)
def test_ratios_by_hand(change: dict[str, Any], ratio: float) -> None:
    found = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, **change}))
    assert rules(found)["share of the run"] / 1.0 == pytest.approx(ratio, rel=2e-3)
    assert found.low <= found.decay / 2 and found.high >= found.decay * 2


def left(run: Run, decay: float, optimiser: Any, rates: list[float]) -> float:
    """What torch leaves of a weight 1 at these learning rates."""
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    stepper = optimiser([weight], decay)
    for rate in rates:
        stepper.param_groups[0]["lr"] = rate
        weight.grad = torch.zeros_like(weight)
        stepper.step()
    return float(weight.detach())


def test_torch_leaves_the_same_of_a_weight() -> None:
    """From AdamW at a constant rate to SGD with momentum under a cosine, in other batches."""
    small = Run(decay=2.0, learning_rate=1e-3, samples=1000, batch_size=10, epochs=10)
    large = Run(
        learning_rate=0.01, samples=4000, batch_size=20, epochs=10, optimizer="sgd", momentum=0.9, schedule="cosine"
    )
    found = transfer(small, large)
    before = left(small, 2.0, lambda w, decay: torch.optim.AdamW(w, weight_decay=decay), [1e-3] * 1000)
    rates = [0.01 * 0.5 * (1 + math.cos(math.pi * t / 2000)) for t in range(2000)]
    after = left(
        large,
        rules(found)["share of the run"],
        lambda w, decay: torch.optim.SGD(w, lr=0.0, weight_decay=decay, momentum=0.9),
        rates,
    )
    assert after == pytest.approx(before, rel=0.02)


@given(
    rate=st.floats(1e-4, 1e-2),
    batch=st.integers(10, 1000),
    rows=st.integers(1000, 100_000),
    schedule=st.sampled_from(["constant", "linear", "cosine"]),
    form=st.sampled_from(["decoupled", "independent", "corrected", "cautious"]),
)
def test_the_number_of_timescales_is_kept(rate: float, batch: int, rows: int, schedule: str, form: str) -> None:
    other = Run(learning_rate=rate, samples=rows, batch_size=batch, epochs=20, schedule=schedule, form=form)
    found = transfer(Run(**SMALL), other)
    assert other.pull is not None
    assert elapsed(other.pull, found.decay, other.course) == pytest.approx(2.0, rel=1e-9)


def test_there_and_back() -> None:
    other = Run(learning_rate=3e-4, samples=50_000, batch_size=256, epochs=20, schedule="cosine")
    there = transfer(Run(**SMALL), other)
    again = Run(**{**vars(other), "decay": there.decay, "momentum": None})
    assert transfer(again, Run(**{**SMALL, "decay": None})).decay == pytest.approx(1.0)


def test_a_run_is_copied_with_changes() -> None:
    run = Run(**SMALL, betas=(0.8, 0.99), schedule="cosine", warmup="5 %")
    assert dataclasses.replace(run, decay=None).momentum == 0.8
    assert transfer(run, dataclasses.replace(run, decay=None)).ratio == 1.0


def test_other_epochs_bring_a_second_rule() -> None:
    found = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, "epochs": 80}))
    assert rules(found) == pytest.approx({"share of the run": 0.25, "timescale in epochs": 1.0})
    assert not found.agree and "disagree by a factor of 4" in found.verdict
    same = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, "samples": 80_000}))
    assert "keeps τ in epochs too" in same.verdict and len(same.rules) == 1


def test_tokens_per_parameter() -> None:
    small = Run(decay=0.1, learning_rate=1e-3, tokens=2e9, tokens_per_batch=1e6, parameters=1e8)
    large = Run(learning_rate=1e-3, tokens=2e10, tokens_per_batch=1e6, parameters=1e8)
    found = transfer(small, large)
    assert rules(found) == pytest.approx({"share of the run": 0.01, "tokens per parameter": 0.01 * 10**0.527})
    assert found.decay == pytest.approx(0.01 * 10**0.527)


def test_width_has_two_opinions() -> None:
    small = Run(**SMALL, width=128)
    found = transfer(small, Run(**{**SMALL, "decay": None, "learning_rate": 2.5e-4}, width=512))
    assert rules(found) == pytest.approx({"share of the run": 4.0, "square root of width": 2.0})
    assert found.low <= 2.0 <= 4.0 <= found.high
    same_rate = transfer(small, Run(**{**SMALL, "decay": None}, width=512))
    assert "falling as 1/width, which it does not here" in same_rate.verdict
    assert "falling as 1/width" not in found.verdict


def test_a_penalty_of_the_loss_has_its_own_rule() -> None:
    """Trained to convergence, λ · rows stays, whatever batch and learning rate."""
    sgd = {**SMALL, "optimizer": "sgd", "momentum": 0.9, "decay": 1e-3}
    found = transfer(Run(**sgd), Run(**{**sgd, "decay": None, "batch_size": 400, "samples": 20_000}))
    assert rules(found) == pytest.approx({"share of the run": 2e-3, "penalty of the loss": 5e-4})


def test_a_far_transfer_is_less_certain() -> None:
    near = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, "samples": 20_000}))
    far = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, "samples": 1e6}))
    assert (near.high / near.decay, far.high / far.decay) == pytest.approx((2.0, 4.0))


def test_what_had_no_effect_is_not_carried_over() -> None:
    found = transfer(Run(**{**SMALL, "decay": 0.01}), Run(**{**SMALL, "decay": None}))
    assert "decay had no effect in run_a" in found.verdict
    weak = transfer(Run(**{**SMALL, "decay": 0.1}), Run(**{**SMALL, "decay": None}))
    assert "a weak effect in run_a" in weak.verdict and weak.high == pytest.approx(4 * weak.decay)
    assert "weak" not in transfer(Run(**SMALL), Run(**{**SMALL, "decay": None})).verdict
    none = transfer(Run(**{**SMALL, "decay": 0.0}), Run(**{**SMALL, "decay": None}))
    assert (none.decay, none.low, none.high) == (0.0, 0.0, 0.0)


def test_the_other_runs_own_decay_is_compared() -> None:
    assert "run_b's own 1.5 is inside" in transfer(Run(**SMALL), Run(**{**SMALL, "decay": 1.5})).verdict
    assert "run_b's own 10 is outside" in transfer(Run(**SMALL), Run(**{**SMALL, "decay": 10.0})).verdict


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"decay": None}, {}, "run_a has no decay"),
        ({"learning_rate": None}, {}, "run_a lacks learning_rate="),
        ({}, {"epochs": None}, "run_b lacks its length"),
        ({}, {"optimizer": "adam"}, "run_b: the coupled form under adam has no timescale"),
    ],
)
def test_missing_facts_are_named(first: dict[str, Any], second: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        transfer(Run(**{**SMALL, **first}), Run(**{**SMALL, **second}))


def test_text() -> None:
    found = transfer(Run(**SMALL), Run(**{**SMALL, "decay": None, "samples": 40_000}))
    assert str(found).startswith("decay 0.25 (0.25 times the first), from 0.125 to 0.5")
    assert found.verdict in str(found)
