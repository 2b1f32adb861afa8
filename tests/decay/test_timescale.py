"""Timescales, against loops that shrink a weight step by step and against torch's optimisers and schedulers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.decay.lengths import length_of
from weightdecay.decay.runs import Run
from weightdecay.decay.schedules import PLACES, course_of
from weightdecay.decay.timescale import Timescale, timescale

STEPS, WARMUP = 200, 20


def shares(name: str, steps: int, warmup: int = 0) -> list[float]:
    """s_t of a schedule, written out one step after another."""
    found = []
    for t in range(steps):
        if t < warmup:
            found.append(t / warmup)
            continue
        x = (t - warmup) / (steps - warmup)
        found.append({"constant": 1.0, "linear": 1.0 - x}.get(name, 0.5 * (1.0 + math.cos(math.pi * x))))
    return found


def scheduler(name: str, optimiser: torch.optim.Optimizer, steps: int, warmup: int) -> Any:
    """torch's own scheduler of that name; with a warm-up, the function that the Transformers library gives LambdaLR."""
    schedulers = torch.optim.lr_scheduler
    if warmup:
        return schedulers.LambdaLR(optimiser, lambda t: shares(name, steps, warmup)[min(t, steps - 1)])
    if name == "cosine":
        return schedulers.CosineAnnealingLR(optimiser, T_max=steps)
    if name == "linear":
        return schedulers.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
    return schedulers.ConstantLR(optimiser, 1.0)


def torch_leaves(
    make: Callable[[list[torch.Tensor]], torch.optim.Optimizer], name: str, steps: int, warmup: int = 0
) -> list[float]:
    """What torch leaves of a weight 1 without gradient, before every step and at the end."""
    weight = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    optimiser = make([weight])
    plan = scheduler(name, optimiser, steps, warmup)
    kept = [1.0]
    for _ in range(steps):
        weight.grad = torch.zeros_like(weight)
        optimiser.step()
        plan.step()
        kept.append(float(weight[0, 0].detach()))
    return kept


TORCH = [
    ("adamw", {}, lambda w: torch.optim.AdamW(w, lr=0.05, weight_decay=0.3), 0.05, 0.3),
    ("muon", {}, lambda w: torch.optim.Muon(w, lr=0.05, weight_decay=0.3), 0.05, 0.3),
    ("sgd", {}, lambda w: torch.optim.SGD(w, lr=0.05, weight_decay=0.3), 0.05, 0.3),
    (
        "sgd",
        {"momentum": 0.9},
        lambda w: torch.optim.SGD(w, lr=0.01, weight_decay=0.1, momentum=0.9),
        0.01,
        0.1,
    ),
]


@pytest.mark.parametrize(("optimizer", "more", "make", "rate", "decay"), TORCH, ids=lambda value: str(value)[:12])
@pytest.mark.parametrize(
    ("name", "warmup"), [("constant", 0), ("linear", 0), ("cosine", 0), ("cosine", WARMUP), ("linear", WARMUP)]
)
def test_remaining_is_what_torch_leaves(
    optimizer: str, more: dict[str, float], make: Any, rate: float, decay: float, name: str, warmup: int
) -> None:
    kept = torch_leaves(make, name, STEPS, warmup)
    facts = {"learning_rate": rate, "steps": STEPS, "schedule": name, "warmup": warmup or None, "optimizer": optimizer}
    found = timescale(decay, **facts, **more)  # type: ignore[arg-type]
    assert found.remaining == pytest.approx(kept[-1], rel=1e-9)
    assert found.half_life is not None
    first = next((t for t, value in enumerate(kept) if value <= 0.5), None)
    if first is None:
        assert math.isinf(found.half_life) or found.half_life > STEPS
    else:
        assert first - 1 < found.half_life <= first
        back = timescale(half_life=found.half_life, **facts, **more)  # type: ignore[arg-type]
        assert back.decay == pytest.approx(decay, rel=1e-6)


@pytest.mark.parametrize("form", ["decoupled", "independent", "corrected", "cautious"])
@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "warmup-cosine"])
def test_every_form_beside_the_weights_is_its_product(form: str, name: str) -> None:
    rate, decay = 0.02, 0.5
    lead = WARMUP if name == "warmup-cosine" else 0
    left = lasts = 1.0
    lasts = 0.0
    for share in shares(name, STEPS, lead):
        step = rate * share
        a = {"independent": step / rate * decay * 0.01, "corrected": step**2 / rate * decay}.get(form, step * decay)
        left, lasts = (1.0 - a) * left, lasts + a
    value = decay * 0.01 if form == "independent" else decay
    found = timescale(value, learning_rate=rate, steps=STEPS, schedule=name, warmup=lead or None, form=form)
    assert found.remaining == pytest.approx(left, rel=1e-12)
    assert found.elapsed == pytest.approx(lasts, rel=1e-12)
    assert found.tau == pytest.approx({"independent": 1.0 / (decay * 0.01)}.get(form, 1.0 / (rate * decay)), rel=1e-12)


def test_tau_of_sgd_with_momentum_is_the_rate_of_the_recurrence() -> None:
    """In the long run a step leaves 1 − ηλ/(1 − β) of a weight, to first order."""
    weight, velocity = 1.0, 0.0
    kept = []
    for _ in range(40_000):
        velocity = 0.9 * velocity + 1e-3 * weight
        weight -= 0.01 * velocity
        kept.append(weight)
    found = timescale(1e-3, learning_rate=0.01, momentum=0.9, optimizer="sgd")
    assert found.tau == pytest.approx(10_000.0)
    assert -10_000 / math.log(kept[-1] / kept[-10_001]) == pytest.approx(found.tau, rel=1e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_long_runs_are_counted_without_walking_them(momentum: float) -> None:
    facts: dict[str, Any] = {"learning_rate": 0.1, "optimizer": "sgd", "momentum": momentum, "schedule": "cosine"}
    short, long = (timescale(1e-3 / n, steps=n * PLACES, **facts) for n in (1, 16))
    assert long.remaining == pytest.approx(short.remaining, rel=2e-2)
    assert long.elapsed == pytest.approx(short.elapsed, rel=1e-5)


@given(
    half=st.floats(1.0, 150.0),
    name=st.sampled_from(["constant", "linear", "cosine"]),
    form=st.sampled_from(["decoupled", "independent", "corrected"]),
)
def test_a_half_life_is_found_again(half: float, name: str, form: str) -> None:
    facts: dict[str, Any] = {"learning_rate": 0.01, "steps": STEPS, "schedule": name, "form": form}
    found = timescale(half_life=half, **facts)
    assert found.half_life == pytest.approx(half, rel=1e-8)
    assert timescale(found.decay, **facts) == found


def test_a_half_life_halves_a_weight() -> None:
    """Whole steps, under a cosine: a loop is the judge."""
    found = timescale(half_life=60, learning_rate=0.01, steps=STEPS, schedule="cosine")
    left = 1.0
    for share in shares("cosine", STEPS)[:60]:
        left *= 1.0 - 0.01 * share * found.decay
    assert left == pytest.approx(0.5, rel=1e-10)


RUN: dict[str, Any] = {"learning_rate": 1e-3, "samples": 1000, "batch_size": 30, "epochs": 10}


@pytest.mark.parametrize(
    ("given_length", "steps"),
    [(68, 68.0), ("2 epochs", 68.0), ("1 epoch", 34.0), ("20 %", 68.0), ("0.5 %", 1.7), ("60 samples", 2.0)],
)
def test_tau_in_every_unit(given_length: Any, steps: float) -> None:
    found = timescale(tau=given_length, **RUN)
    assert found.tau == pytest.approx(steps)
    assert found.decay == pytest.approx(1.0 / (1e-3 * steps))
    assert found.epochs == pytest.approx(steps / 34)
    assert found.fraction == pytest.approx(steps / 340)


def test_tokens_and_fraction() -> None:
    found = timescale(tau="1.5B tokens", learning_rate=1e-3, tokens=1e10, tokens_per_batch=5e5)
    assert (found.tau, found.steps, found.tokens) == pytest.approx((3000.0, 20_000.0, 1.5e9))
    assert timescale(fraction=0.15, learning_rate=1e-3, tokens=1e10, tokens_per_batch=5e5).decay == found.decay


def test_a_list_a_function_and_a_name_are_the_same_schedule() -> None:
    named = timescale(0.5, learning_rate=0.01, steps=STEPS, schedule="cosine")
    listed = timescale(0.5, learning_rate=0.01, schedule=shares("cosine", STEPS))
    called = timescale(0.5, learning_rate=0.01, steps=STEPS, schedule=lambda x: 0.5 * (1.0 + math.cos(math.pi * x)))
    for other in (listed, called, timescale(0.5, learning_rate=0.01, schedule=np.array(shares("cosine", STEPS)))):
        assert dataclasses.asdict(other) == pytest.approx(dataclasses.asdict(named))


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "radam", "rmsprop", "adagrad"])
def test_a_decay_in_the_gradient_of_an_adaptive_optimiser_has_no_timescale(optimizer: str) -> None:
    found = timescale(0.1, learning_rate=1e-3, steps=100, optimizer=optimizer)
    assert found.tau is None and found.half_life is None and found.elapsed is None and found.equilibrium_rms is None
    assert "has no timescale" in found.verdict and optimizer in str(found)
    with pytest.raises(ValueError, match=r"has no timescale.*form='decoupled'"):
        timescale(half_life=10, learning_rate=1e-3, optimizer=optimizer)
    assert timescale(0.1, learning_rate=1e-3, optimizer=optimizer, form="decoupled").tau == pytest.approx(1e4)


@pytest.mark.parametrize(
    ("decay", "said"),
    [
        (0.0, "there is no decay"),
        (0.02, "the run ends after 0.02 τ: this decay cannot have an effect"),
        (0.2, "the run ends after 0.2 τ: decay alone takes 18 % of a weight"),
        (1.0, "do not reach a steady state"),
        (5.0, "reach their steady state"),
        (50.0, "τ is shorter than one epoch (0.2 of it)"),
    ],
)
def test_the_verdict(decay: float, said: str) -> None:
    found = timescale(decay, learning_rate=1e-3, samples=10_000, batch_size=100, epochs=10)
    assert said in found.verdict
    assert found.verdict in str(found)


def test_no_decay_is_an_infinite_timescale() -> None:
    found = timescale(0.0, **RUN)
    assert (found.tau, found.half_life, found.elapsed, found.remaining) == (math.inf, math.inf, 0.0, 1.0)
    assert found.equilibrium_rms is None


def test_what_is_not_known_is_none() -> None:
    found = timescale(0.1, learning_rate=1e-3)
    assert found == Timescale(
        0.1, "decoupled", "adamw", 1e-3, 1e4, found.half_life, None, None, None, None, None, None,
        found.equilibrium_rms, found.angular_update, found.verdict,
    )  # fmt: skip
    assert "is not known" in found.verdict
    assert found.half_life == pytest.approx(math.log(2) * 1e4, rel=1e-3)
    assert timescale(1e-4, form="independent").tau == pytest.approx(1e4)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "give exactly one of decay, half_life, tau, fraction; got none"),
    ({"decay": 0.1, "tau": 10}, "got decay and tau"),
    ({"decay": 0.1}, "give learning_rate="),
    ({"decay": -0.1, "learning_rate": 0.1}, "decay must be at least 0"),
    ({"decay": 1.0, "learning_rate": 1.0}, "decay=1 is too large"),
    ({"decay": 100.0, "learning_rate": 0.1, "optimizer": "sgd", "momentum": 0.9}, "grows without bound"),
    ({"decay": 0.1, "learning_rate": 0.0}, "learning_rate must be positive"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": "cosine"}, "needs the length of the run"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": "cosin", "steps": 5}, "is not known: give one of constant"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": "warmup-cosine", "steps": 5}, "needs the length of its warm-up"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": "linear", "steps": 5, "warmup": 5}, "as long as the run"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": [1.0, 0.5], "steps": 5}, "lists 2 steps, but the run has 5"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": [3e-4, 1e-4]}, "the largest factor of the schedule is 0.0003"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": [1.0, 2.0]}, "gives 2 at its step 1"),
    ({"decay": 0.1, "learning_rate": 0.1, "schedule": [1.0], "warmup": 1}, "put it into the schedule"),
    ({"decay": 0.1, "learning_rate": 0.1, "optimizer": "adamv"}, "did you mean adam"),
    ({"decay": 0.1, "learning_rate": 0.1, "form": "l2"}, "form must be one of"),
    ({"decay": 0.1, "learning_rate": 0.1, "momentum": 1.0}, "momentum must be from 0"),
    ({"decay": 0.1, "learning_rate": 0.1, "momentum": 0.9, "betas": (0.8, 0.99)}, "both given"),
    ({"tau": "3 weeks", "learning_rate": 0.1}, "tau='3 weeks' is no length"),
    ({"tau": "-3 steps", "learning_rate": 0.1}, "is no length"),
    ({"half_life": "3 epochs", "learning_rate": 0.1}, r"half_life='3 epochs' needs samples= and batch_size="),
    ({"fraction": 0.2, "learning_rate": 0.1}, "the length of the run"),
    ({"fraction": -0.2, "learning_rate": 0.1, "steps": 9}, "fraction must be positive"),
    ({"half_life": 300, "learning_rate": 0.1, "steps": 200, "schedule": "linear"}, "longer than the run"),
    ({"half_life": 2, "learning_rate": 0.1, "optimizer": "sgd", "momentum": 0.99}, "without overshooting zero"),
    (
        {"decay": 0.1, "learning_rate": 0.1, "steps": 99, "epochs": 3, "samples": 10, "batch_size": 5},
        "steps=99 contradicts epochs=3 of 2 steps",
    ),
]


@pytest.mark.parametrize(("facts", "said"), WRONG, ids=[said[:30] for _, said in WRONG])
def test_wrong_facts_are_refused_with_a_sentence(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        timescale(**facts)


def test_lengths_of_text() -> None:
    assert length_of("tau", "1_000 steps").amount == length_of("tau", "1,000").amount == length_of("tau", "1k").amount
    assert length_of("tau", "5%").unit == "%"
    for wrong in ("", "epochs", "inf steps", "1e400", True, float("nan")):
        with pytest.raises(ValueError, match="is no length"):
            length_of("tau", wrong)


def test_a_course_up_to_a_fraction_of_a_step() -> None:
    factors, each = course_of("linear", 4).up_to(2.5)
    assert factors.tolist() == [1.0, 0.75, 0.5]
    assert each.tolist() == [1.0, 1.0, 0.5]


def test_torch_counts_an_epoch_in_whole_batches() -> None:
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(1000)), batch_size=30)
    assert Run(samples=1000, batch_size=30, epochs=2).steps_per_epoch == len(loader)
