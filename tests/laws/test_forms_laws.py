"""Laws of the forms of weight decay: closed formulas, plain torch loops and torch's own optimisers are the oracles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from weightdecay.neural.with_decay import with_decay  # noqa: E402

ETA, DECAY = 0.05, 0.3
SHAPE = (7, 3)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield


def weight(dtype: Any = torch.float64) -> Any:
    return torch.nn.Parameter(torch.randn(SHAPE, dtype=dtype))


def run(optimizer: Any, steps: int, gradient: Callable[[int, Any], Any] | None = None, scheduler: Any = None) -> None:
    """Step with the gradient of each weight, zero by default."""
    for step in range(steps):
        for group in optimizer.param_groups:
            for w in group["params"]:
                w.grad = torch.zeros_like(w) if gradient is None else gradient(step, w)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def noise(step: int, w: Any) -> Any:
    """A gradient that depends on the step and the weight, and on nothing of ours."""
    return torch.sin(w.detach() * 3 + step) + 0.1 * math.cos(step)


OPTIMIZERS = {
    "sgd": lambda p, **k: torch.optim.SGD(p, lr=ETA, **k),
    "adam": lambda p, **k: torch.optim.Adam(p, lr=ETA, **k),
    "adamw": lambda p, **k: torch.optim.AdamW(p, lr=ETA, **{"weight_decay": 0.0, **k}),
    "rmsprop": lambda p, **k: torch.optim.RMSprop(p, lr=ETA, **k),
}
# a_t at the learning rate η_t, the peak being ETA
SHARES = {
    "decoupled": lambda eta: eta * DECAY,
    "independent": lambda eta: DECAY * eta / ETA,
    "corrected": lambda eta: DECAY * eta * eta / ETA,
    "cautious": lambda eta: eta * DECAY,
}


@pytest.mark.parametrize("form", SHARES)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("centre", [None, "given"])
def test_with_zero_gradient_a_weight_follows_its_closed_formula(form: str, name: str, centre: str | None) -> None:
    w, exempt = weight(), weight()
    c = torch.zeros(SHAPE, dtype=torch.float64) if centre is None else torch.randn(SHAPE, dtype=torch.float64)
    start, still = w.detach().clone(), exempt.detach().clone()
    optimizer = OPTIMIZERS[name]([{"params": [w], "weight_decay": DECAY}, {"params": [exempt], "weight_decay": 0.0}])
    given = None if centre is None else {w: c}
    with_decay(optimizer, form=form, decay=DECAY, schedule=lambda t: 1 / (1 + t), centre=given, normalised=True)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    run(optimizer, 40, scheduler=scheduler)
    kept = math.prod(1 - SHARES[form](ETA * 0.5 ** (t // 5)) / (1 + t) for t in range(40))
    torch.testing.assert_close(w.detach(), c + (start - c) * kept, rtol=1e-12, atol=1e-14)
    assert torch.equal(exempt.detach(), still)
    assert optimizer.param_groups[0]["weight_decay"] == DECAY


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_coupled_sgd_with_zero_gradient_is_a_linear_recurrence(momentum: float) -> None:
    w = weight()
    start = w.detach().clone()
    run(with_decay(torch.optim.SGD([w], lr=ETA, momentum=momentum), form="coupled", decay=DECAY), 30)
    factor, velocity = 1.0, 0.0
    for _ in range(30):
        velocity = momentum * velocity + DECAY * factor
        factor -= ETA * velocity
    torch.testing.assert_close(w.detach(), start * factor, rtol=1e-12, atol=0)


@pytest.mark.parametrize("centre", [None, "initial"])
def test_three_forms_of_sgd_are_one(centre: str | None) -> None:
    ends = []
    start = torch.randn(SHAPE, dtype=torch.float64)
    for form, decay in (("coupled", DECAY), ("decoupled", DECAY), ("independent", ETA * DECAY)):
        w = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.SGD([w], lr=ETA)
        run(with_decay(optimizer, form=form, decay=decay, peak_lr=ETA, centre=centre), 200, noise)
        ends.append(w.detach())
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(ends[2], ends[0], rtol=1e-11, atol=1e-12)


def test_the_same_three_forms_of_adam_differ_and_by_how_much() -> None:
    """Loss ½ s (w − 1)² with slopes s of five sizes; in full batch Adam divides the coupled decay by the same size."""
    slopes = torch.tensor([1e-2, 1e-1, 1.0, 10.0, 100.0], dtype=torch.float64)
    ends = {}
    for form in ("coupled", "decoupled"):
        w = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
        optimizer = with_decay(torch.optim.Adam([w], lr=1e-3), form=form, decay=DECAY)
        run(optimizer, 6000, lambda _, w: slopes * (w.detach() - 1))
        ends[form] = w.detach()
    # coupled stops where the gradient of the loss plus λw is 0; decoupled where Adam's unit steps meet λw < 1: never
    torch.testing.assert_close(ends["coupled"], slopes / (slopes + DECAY), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(ends["decoupled"], torch.ones(5, dtype=torch.float64), rtol=0.02, atol=0)
    gap = ends["decoupled"] - ends["coupled"]
    assert gap[0] > 0.94 and gap[1] > 0.7 and gap[4] < 0.02


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize("path", [{}, {"foreach": True}, {"fused": True}, {"amsgrad": True}, {"maximize": True}])
@pytest.mark.parametrize("native", [True, False])
def test_decoupled_is_adamw_bit_for_bit(kind: str, path: dict[str, bool], native: bool) -> None:
    start = [torch.randn(SHAPE), torch.randn(5)]
    ours, theirs = ([torch.nn.Parameter(w.clone()) for w in start] for _ in range(2))
    if kind == "adam":
        optimizer = torch.optim.Adam(ours, lr=1e-2, **path)
    else:
        optimizer = torch.optim.AdamW(ours, lr=1e-2, weight_decay=0.0, **path)
    decay = 0.1 if native else torch.tensor(0.1, dtype=torch.float64)
    with_decay(optimizer, form="decoupled", decay=decay)
    native = native and (kind == "adamw" or "decoupled_weight_decay" in optimizer.param_groups[0])  # since torch 2.7
    assert optimizer.decay.native == (native,)
    oracle = torch.optim.AdamW(theirs, lr=1e-2, weight_decay=0.1, **path)
    run(optimizer, 1000, noise)
    run(oracle, 1000, noise)
    for mine, other in zip(ours, theirs, strict=True):
        if native or "fused" not in path:
            assert torch.equal(mine, other)
        else:  # the fused kernel keeps the decayed weight in a register, a pass of ours rounds it
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "ASGD"])
@pytest.mark.parametrize("native", [True, False])
def test_coupled_is_torchs_own_weight_decay(name: str, native: bool) -> None:
    start = torch.randn(SHAPE, dtype=torch.float64)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    kind = getattr(torch.optim, name)
    decay = 0.1 if native else torch.tensor(0.1, dtype=torch.float64)
    optimizer = with_decay(kind([ours], lr=1e-2), form="coupled", decay=decay)
    assert optimizer.decay.native == (native,)
    run(optimizer, 100, noise)
    run(kind([theirs], lr=1e-2, weight_decay=0.1), 100, noise)
    if native:
        assert torch.equal(ours, theirs)
    else:  # torch rounds g + λw once, a λ in memory costs a second rounding
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)


def test_full_batch_adamw_stops_at_one_over_decay() -> None:
    """Xie & Li (2024): its free solution lies beyond the box |w| ≤ 1/λ, so that it ends on the box."""
    eta, decay = 1e-2, 1.0
    tau = round(1 / (eta * decay))
    target = torch.randn(50, dtype=torch.float64).sign() * (3 + torch.rand(50, dtype=torch.float64))
    w = torch.nn.Parameter(torch.empty(50, dtype=torch.float64).uniform_(-1 / decay, 1 / decay))
    optimizer = with_decay(torch.optim.Adam([w], lr=eta, betas=(0.9, 0.99)), form="decoupled", decay=decay)
    assert tau >= round(1 / (1 - 0.99))
    run(optimizer, 10 * tau, lambda _, w: w.detach() - target)
    assert w.abs().max().item() == pytest.approx(1 / decay, rel=0.01)


def test_under_noise_the_weights_of_adamw_have_root_mean_square_sqrt_eta_over_two_decay() -> None:
    """Kosson et al. (2023), arXiv 2305.17212: equilibrium of independent zero-mean gradients."""
    eta, decay = 1e-3, 1.0
    w = torch.nn.Parameter(torch.zeros(30000))
    optimizer = with_decay(torch.optim.Adam([w], lr=eta, foreach=True), form="decoupled", decay=decay)
    run(optimizer, 3000, lambda _, w: torch.randn_like(w))
    assert w.square().mean().sqrt().item() == pytest.approx(math.sqrt(eta / (2 * decay)), rel=0.03)


def by_hand(kind: Any, start: Any, centre: Any, l1_ratio: float, cautious: bool, steps: int) -> Any:
    """A plain loop of torch operations around a bare optimiser."""
    w = torch.nn.Parameter(start.clone())
    bare = kind([w], lr=ETA)
    for step in range(steps):
        w.grad = noise(step, w)
        before = w.detach().clone()
        bare.step()
        after = w.detach().clone()
        u = before - after
        chosen = u * (before - centre) >= 0 if cautious else torch.ones_like(u, dtype=torch.bool)
        a = torch.where(chosen, torch.tensor(ETA * DECAY, dtype=w.dtype), torch.tensor(0.0, dtype=w.dtype))
        moved = before - u - a * (1 - l1_ratio) * (before - centre)
        z = moved - centre
        w.data = centre + torch.sign(z) * torch.relu(z.abs() - a * l1_ratio)
    return w.detach()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("cautious", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("moving", [True, False])
def test_cautious_and_l1_are_the_plain_loop(
    kind: Any, cautious: bool, l1_ratio: float, centred: bool, moving: bool
) -> None:
    start = torch.randn(SHAPE, dtype=torch.float64)
    centre = torch.randn(SHAPE, dtype=torch.float64) if centred else torch.zeros(SHAPE, dtype=torch.float64)
    w = torch.nn.Parameter(start.clone())
    decay = torch.tensor(DECAY, dtype=torch.float64) if moving else DECAY
    form = "cautious" if cautious else "decoupled"
    optimizer = with_decay(
        kind([w], lr=ETA), form=form, decay=decay, l1_ratio=l1_ratio, centre={w: centre} if centred else None
    )
    run(optimizer, 60, noise)
    expected = by_hand(kind, start, centre, l1_ratio, cautious, 60)
    torch.testing.assert_close(w.detach(), expected, rtol=1e-9, atol=1e-11)


def test_cautious_decays_less_than_decoupled_and_more_than_nothing() -> None:
    ends = {}
    start = torch.randn(400, dtype=torch.float64)
    for form, decay in (("cautious", DECAY), ("decoupled", DECAY), ("none", 0.0)):
        w = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.Adam([w], lr=ETA)
        if form != "none":
            with_decay(optimizer, form=form, decay=decay)
        run(optimizer, 1, noise)
        ends[form] = w.detach()
    share = (ends["cautious"] != ends["none"]).double().mean()
    assert 0.2 < share < 0.8
    touched = ends["cautious"] != ends["none"]
    assert torch.allclose(ends["cautious"][touched], ends["decoupled"][touched], rtol=1e-12)


def test_proximal_gradient_descent_reaches_the_minimiser() -> None:
    """Coupled SGD with an l1_ratio: its fixed point satisfies J's subdifferential conditions."""
    hessian = torch.randn(30, 6, dtype=torch.float64)
    hessian = hessian.T @ hessian / 30
    slope = torch.tensor([1.0, -0.02, 0.5, 0.01, -1.0, 0.0], dtype=torch.float64)
    w = torch.nn.Parameter(torch.randn(6, dtype=torch.float64))
    optimizer = with_decay(torch.optim.SGD([w], lr=0.1), form="coupled", decay=0.2, l1_ratio=0.5)
    run(optimizer, 3000, lambda _, w: hessian @ w.detach() - slope)
    gradient = hessian @ w.detach() - slope + 0.2 * 0.5 * w.detach()
    zero = w.detach() == 0
    assert 0 < int(zero.sum()) < 6
    assert float(gradient[zero].abs().max()) <= 0.1
    torch.testing.assert_close(gradient[~zero], -0.1 * w.detach()[~zero].sign(), rtol=1e-9, atol=1e-12)


def test_corrected_is_decoupled_outside_normalised_layers() -> None:
    starts = [torch.randn(SHAPE, dtype=torch.float64) for _ in range(2)]
    ends = {}
    for form in ("corrected", "decoupled"):
        inside, outside = (torch.nn.Parameter(start.clone()) for start in starts)
        optimizer = torch.optim.AdamW([inside, outside], lr=ETA, weight_decay=0.0)
        with_decay(optimizer, form=form, decay=DECAY, normalised=[inside])
        run(optimizer, 50, noise, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50))
        ends[form] = (inside.detach(), outside.detach())
    torch.testing.assert_close(ends["corrected"][1], ends["decoupled"][1], rtol=1e-12, atol=1e-13)
    assert float((ends["corrected"][0] - ends["decoupled"][0]).abs().max()) > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", ["decoupled", "cautious"])
@pytest.mark.parametrize("centred", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_decay_below_half_an_ulp_is_not_lost(dtype: Any, form: str, centred: bool) -> None:
    """Every weight follows (1 − a)^t within the type's own rounding, where plain rounding does not move it at all."""
    eta, decay, steps = 5e-3, 0.01, 10000
    start = (1 + torch.rand(64)).to(dtype)
    centre = torch.full((64,), 0.5) if centred else torch.zeros(64)
    w = torch.nn.Parameter(start.clone())
    optimizer = with_decay(
        torch.optim.SGD([w], lr=eta), form=form, decay=decay, centre={w: centre} if centred else None
    )
    w.grad = torch.zeros_like(w)
    for _ in range(steps):
        optimizer.step()
    expected = centre + (start.float() - centre) * (1 - eta * decay) ** steps
    torch.testing.assert_close(w.detach().float(), expected, rtol=0.0041, atol=0)
    assert float((w.detach().float() / expected).mean()) == pytest.approx(1.0, abs=0.002)
    lost = torch.nn.Parameter(start.clone())
    run(with_decay(torch.optim.SGD([lost], lr=eta), form="decoupled", decay=decay, rounding="nearest"), 10)
    assert torch.equal(lost.detach(), start)


# The largest share of a step that plain rounding swallows whole is half a unit in the last place of numbers near 2.
BELOW = {torch.bfloat16: 5e-4, torch.float16: 6e-5}


@pytest.mark.parametrize("dtype", BELOW)
@pytest.mark.parametrize("form", ["decoupled", "independent", "corrected", "cautious"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["sgd", "fused"])
def test_a_thousand_small_decays_of_16_bit_weights_add_up(dtype: Any, form: str, l1_ratio: float, kind: str) -> None:
    """Their effect is within 1 % of the closed formula in float64, also where torch's own fused step loses all of it,
    and through a state that is saved and loaded in the middle."""
    eta, share, steps = 0.5, BELOW[dtype], 1000
    decay = share / (1.0 if form == "independent" else eta)
    start = (1.5 + 0.5 * torch.rand(512)).to(dtype)

    def made(value: Any) -> Any:
        w = torch.nn.Parameter(value.clone())
        bare = torch.optim.AdamW([w], lr=eta, weight_decay=0.0, eps=1e-4, fused=True)  # 1e-8 is 0 in float16
        optimizer = torch.optim.SGD([w], lr=eta) if kind == "sgd" else bare
        return w, with_decay(optimizer, form=form, decay=decay, peak_lr=eta, normalised=True, l1_ratio=l1_ratio)

    w, optimizer = made(start)
    assert optimizer.decay.native == (False,)
    run(optimizer, steps // 2)
    resumed, other = made(w.detach())
    other.load_state_dict(optimizer.state_dict())
    run(other, steps // 2)
    expected = start.double()
    for _ in range(steps):
        expected = expected - share * (1 - l1_ratio) * expected
        expected = (expected - share * l1_ratio).clamp(min=0.0)
    kept = resumed.detach().double() + other.decay.residuals[resumed].double()
    torch.testing.assert_close(start.double() - kept, start.double() - expected, rtol=0.01, atol=0)
    mean = float((start.double() - resumed.detach().double()).mean() / (start.double() - expected).mean())
    assert mean == pytest.approx(1.0, abs=0.01)
    if kind == "fused" and l1_ratio == 0:
        lost = torch.nn.Parameter(start.clone())
        run(torch.optim.AdamW([lost], lr=eta, weight_decay=share / eta, eps=1e-4, fused=True), 10)
        assert torch.equal(lost.detach(), start)
