"""What a measured step says, against the same quantities computed in the open, in 64 bits, from copies of weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from weightdecay.neural.monitor.monitor import Monitor  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402
from weightdecay.records.monitor_expected import expected_rms  # noqa: E402

ETA, LAMBDA = 0.05, 0.4


def net() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).double()


def groups(model: Any, decay: float = LAMBDA) -> list[dict[str, Any]]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]


def train(model: Any, optimizer: Any, monitor: Any, steps: int = 5) -> tuple[Any, Any, Any]:
    """Weights before and after the last step, and the gradient that it was made with, all of the first matrix."""
    generator = torch.Generator().manual_seed(1)
    before = after = gradient = None
    for _ in range(steps):
        x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        model(x).square().sum().backward()
        before = model[0].weight.detach().clone().numpy()
        optimizer.step()
        gradient = model[0].weight.grad.clone().numpy()
        after = model[0].weight.detach().clone().numpy()
    return before, after, gradient


def adamw(model: Any) -> Any:
    return torch.optim.AdamW(groups(model), lr=ETA)


def sgd(model: Any) -> Any:
    return torch.optim.SGD(groups(model), lr=ETA, momentum=0.9, nesterov=True)


def independent(model: Any) -> Any:
    return with_decay(torch.optim.AdamW(groups(model, 0.02), lr=ETA), form="independent", peak_lr=2 * ETA)


def corrected(model: Any) -> Any:
    return with_decay(torch.optim.AdamW(groups(model), lr=ETA), form="corrected", peak_lr=2 * ETA, normalised=True)


def decoupled_sgd(model: Any) -> Any:
    return with_decay(torch.optim.SGD(groups(model), lr=ETA, momentum=0.9), form="decoupled")


def scheduled(model: Any) -> Any:
    return with_decay(
        torch.optim.AdamW(groups(model), lr=ETA), form="decoupled", schedule=lambda step: 1.0 / (1 + step)
    )


SHARES: dict[Callable[[Any], Any], float] = {
    adamw: ETA * LAMBDA,
    sgd: ETA * LAMBDA / 0.1,
    independent: 0.02 / 2,
    corrected: ETA * LAMBDA / 2,
    decoupled_sgd: ETA * LAMBDA,
    scheduled: ETA * LAMBDA / 5,  # in its fifth step
}


@pytest.mark.parametrize("make", SHARES, ids=lambda make: make.__name__)
def test_sizes_angles_and_the_balance_are_those_of_the_weights(make: Callable[[Any], Any]) -> None:
    model = net()
    optimizer = make(model)
    monitor = Monitor(model, optimizer, every=1)
    before, after, gradient = train(model, optimizer, monitor)
    last, a, n = monitor.records[-1], SHARES[make], before.size
    assert last.names[0] == "0.weight" and last.roles[0] == "matrix"
    assert last.share[0] == pytest.approx(a, rel=1e-12)
    assert last.rms[0] == pytest.approx(np.sqrt((before**2).mean()), rel=1e-12)
    cosine = (before * after).sum() / np.linalg.norm(before) / np.linalg.norm(after)
    assert last.angle[0] == pytest.approx(math.acos(cosine), rel=1e-7)
    pushed = (1 - a) * before - after
    assert last.update[0] == pytest.approx(np.sqrt((pushed**2).mean()), rel=1e-9)
    assert last.decayed[0] == pytest.approx((before**2).sum() * (1 - (1 - a) ** 2), rel=1e-12)
    assert last.pushed[0] == pytest.approx((pushed**2).sum() - 2 * (1 - a) * (pushed * before).sum(), rel=1e-9)
    assert last.pushed[0] - last.decayed[0] == pytest.approx((after**2).sum() - (before**2).sum(), rel=1e-9)
    assert last.gradient[0] == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
    assert last.elements[0] == n


def test_the_update_is_adams() -> None:
    """The update is taken from the weights, and is what Adam's own formula gives."""
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)
    _, _, gradient = train(model, optimizer, monitor)
    state = optimizer.state[model[0].weight]
    first, second = state["exp_avg"].numpy() / (1 - 0.9**5), state["exp_avg_sq"].numpy() / (1 - 0.999**5)
    update = ETA * first / (np.sqrt(second) + 1e-8)
    last = monitor.records[-1]
    assert last.update[0] == pytest.approx(np.sqrt((update**2).mean()), rel=1e-9)
    scaled = np.linalg.norm(gradient / (np.sqrt(second) + 1e-8))
    assert last.ratio[0] == pytest.approx(scaled / (last.rms[0] * math.sqrt(35)), rel=1e-6)
    assert last.expected_ratio[0] == pytest.approx(math.sqrt(2 * LAMBDA / ETA), rel=1e-12)
    assert last.signals[0] == "g/√v̂"
    assert last.effective_rate[0] == pytest.approx(ETA / (last.rms[0] * math.sqrt(35)), rel=1e-12)


def test_sgds_gradient_is_held_against_the_weight_as_it_is() -> None:
    model = net()
    optimizer = sgd(model)
    monitor = Monitor(model, optimizer, every=1)
    before, _, gradient = train(model, optimizer, monitor)
    last = monitor.records[-1]
    assert last.ratio[0] == pytest.approx(np.linalg.norm(gradient) / np.linalg.norm(before), rel=1e-12)
    # √(2λ/γ) with γ = η/(1 − β), what all steps together make of a gradient
    assert last.expected_ratio[0] == pytest.approx(math.sqrt(2 * LAMBDA / (ETA / 0.1)), rel=1e-12)
    assert last.effective_rate[0] == pytest.approx(ETA / 0.1 / (before**2).sum(), rel=1e-12)


def test_a_mask_counts_the_coordinates_that_were_decayed() -> None:
    model = net()
    optimizer = with_decay(torch.optim.SGD(groups(model), lr=ETA), form="cautious")
    monitor = Monitor(model, optimizer, every=1)
    before, after, gradient = train(model, optimizer, monitor)
    kept = np.where(gradient * before >= 0, before, 0.0)
    a = ETA * LAMBDA
    last = monitor.records[-1]
    assert last.decayed[0] == pytest.approx((before**2).sum() - ((before - a * kept) ** 2).sum(), rel=1e-9)
    assert last.update[0] == pytest.approx(np.sqrt(((ETA * gradient) ** 2).mean()), rel=1e-9)
    assert last.pushed[0] - last.decayed[0] == pytest.approx((after**2).sum() - (before**2).sum(), rel=1e-9)
    assert math.isnan(last.equilibrium[0])


def test_with_a_centre_the_way_from_it_is_measured() -> None:
    model = net()
    centre = model[0].weight.detach().clone().numpy()
    optimizer = with_decay(torch.optim.AdamW(groups(model), lr=ETA), form="decoupled", centre="initial")
    monitor = Monitor(model, optimizer, every=1)
    before, after, _ = train(model, optimizer, monitor)
    last, a = monitor.records[-1], ETA * LAMBDA
    assert last.rms[0] == pytest.approx(np.sqrt(((before - centre) ** 2).mean()), rel=1e-9)
    pushed = (before - centre) * (1 - a) - (after - centre)
    assert last.update[0] == pytest.approx(np.sqrt((pushed**2).mean()), rel=1e-9)


def test_exempt_weights_have_no_equilibrium_and_decay_in_adam_no_timescale() -> None:
    model = net()
    monitor = Monitor(model, optimizer := adamw(model), every=1)
    train(model, optimizer, monitor)
    last = monitor.records[-1]
    place = last.names.index("0.bias")
    assert last.forms[place] == "exempt" and last.labels[place] == "bias, exempt"
    assert last.share[place] == last.elapsed[place] == 0.0
    assert math.isnan(last.equilibrium[place]) and math.isnan(last.expected_ratio[place])
    model = net()
    monitor = Monitor(model, optimizer := torch.optim.Adam(groups(model), lr=ETA), every=1)
    train(model, optimizer, monitor)
    last = monitor.records[-1]
    assert last.forms[0] == "coupled, through the preconditioner"
    assert math.isnan(last.share[0]) and math.isnan(last.elapsed[0]) and math.isnan(last.equilibrium[0])
    assert "no timescale" in monitor.text()
    assert [one.code for one in monitor.findings] == ["WD064"]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_weights_in_fewer_bits_are_measured_in_32(kind: Any) -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(300, 1000).to(kind))  # three blocks and a rest
    model = torch.nn.Module()
    model.weight = weight
    optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=0.1)
    monitor = Monitor(model, optimizer, every=1)
    weight.grad = torch.randn(300, 1000).to(kind)
    before = weight.detach().double().numpy()
    optimizer.step()
    moved = before - weight.detach().double().numpy()
    last = monitor.records[-1]
    assert last.rms[0] == pytest.approx(np.sqrt((before**2).mean()), rel=1e-5)
    a = 0.01
    pushed = 2 * a * (before**2).sum() - a * a * (before**2).sum()
    pushed += (moved**2).sum() - 2 * (moved * before).sum() - pushed + last.decayed[0]
    assert last.pushed[0] == pytest.approx(pushed, rel=1e-3)


def test_a_muon_has_its_own_equilibrium() -> None:
    """The size under independent gradients is the one predicted, within 5 %."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(24, 24))
    model = torch.nn.Module()
    model.weight = weight
    optimizer = torch.optim.Muon([weight], lr=0.02, weight_decay=1.0)
    monitor = Monitor(model, optimizer, every=10)
    for _ in range(400):
        weight.grad = torch.randn(24, 24)
        optimizer.step()
    series = monitor.record.series("weight")
    late = series.elapsed > 4
    assert np.mean(series.rms[late] / series.equilibrium[late]) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("make", "taus"),
    [
        (lambda w: torch.optim.AdamW([w], lr=0.005, weight_decay=0.5), 8),
        (lambda w: torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01), 8),
        (lambda w: torch.optim.SGD([w], lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.05), 8),
    ],
    ids=["adamw", "sgd", "nesterov"],
)
def test_under_independent_gradients_all_that_is_expected_comes_true(make: Callable[[Any], Any], taus: float) -> None:
    """Size, its way there from a start that is too large or small, turn and gradient within 3 %; balance within 5 %."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5_000) * 0.3)
    model = torch.nn.Module()
    model.weight = weight
    optimizer = make(weight)
    monitor = Monitor(model, optimizer)
    while not monitor.records or monitor.record.series("weight").elapsed[-1] < taus:
        for _ in range(monitor.every):
            weight.grad = torch.randn(5_000)
            optimizer.step()
    series = monitor.record.series("weight")
    late = series.elapsed > 4
    assert np.mean(series.rms[late] / series.equilibrium[late]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(series.angle[late] / series.equilibrium_angle[late]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(series.ratio[late] / series.expected_ratio[late]) == pytest.approx(1.0, abs=0.03)
    assert series.balance(int(late.sum())) == pytest.approx(1.0, abs=0.05)
    on_the_way = series.elapsed > 0.7  # when momentum has built up
    np.testing.assert_allclose(series.rms[on_the_way], expected_rms(series)[on_the_way], rtol=0.05)
