"""The steady state, against torch's optimisers fed with independent gradients of mean zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from weightdecay.decay import equilibrium as eq
from weightdecay.decay.timescale import timescale

NEAR = 0.03
Make = Callable[[list[torch.Tensor]], torch.optim.Optimizer]


def walk(make: Make, shape: tuple[int, ...], steps: int, begin: float, keep: int, seed: int = 0) -> tuple[float, float]:
    """RMS of the weights, and the angle of a step, averaged over the last ``keep`` steps of a random walk."""
    generator = torch.Generator().manual_seed(seed)
    weight = (begin * torch.randn(shape, generator=generator)).requires_grad_()
    optimiser = make([weight])
    squares, angles = [], []
    for step in range(steps):
        weight.grad = torch.randn(shape, generator=generator)
        before = weight.detach().clone() if step >= steps - keep else weight
        optimiser.step()
        if step >= steps - keep:
            now = weight.detach()
            cosine = (before * now).sum().double() / (before.norm().double() * now.norm().double())
            angles.append(math.acos(min(1.0, float(cosine))))
            squares.append(float(now.square().mean()))
    return math.sqrt(sum(squares) / keep), sum(angles) / keep


def adamw(rate: float, decay: float, beta1: float) -> Make:
    return lambda w: torch.optim.AdamW(w, lr=rate, weight_decay=decay, betas=(beta1, 0.999))


class DecoupledSGD(torch.optim.SGD):
    """SGD whose decay shrinks the weights beside the step."""

    def __init__(self, params: Any, lr: float, decay: float, **more: Any) -> None:
        super().__init__(params, lr=lr, **more)
        self.decay = decay

    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for one in group["params"]:
                    one.mul_(1.0 - group["lr"] * self.decay)
        return super().step(closure)


class Orthogonal(torch.optim.Optimizer):
    """Muon with exact orthogonalisation in place of Newton and Schulz, and plain momentum."""

    def __init__(self, params: Any, lr: float, decay: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for one in group["params"]:
                average = self.state[one].setdefault("average", torch.zeros_like(one))
                average.lerp_(one.grad, 1.0 - group["momentum"])
                left, _, right = torch.linalg.svd(average, full_matrices=False)
                one.mul_(1.0 - group["lr"] * group["decay"]).sub_(left @ right, alpha=group["lr"])


# rate, decay, β₁
ADAMW = [(0.01, 1.0, 0.9), (0.01, 0.5, 0.9), (0.005, 1.0, 0.0), (0.02, 0.5, 0.95)]


def check_adamw(rate: float, decay: float, beta1: float, width: int) -> None:
    size = eq.equilibrium_rms(eq.adam_update_rms(beta1), rate, decay, momentum=beta1)
    angle = eq.angular_update(rate, decay, momentum=beta1)
    # Adam's second moment is known after 1/(1 − β₂) = 1000 steps.
    steps = 2000 + round(2 / (rate * decay))
    assert walk(adamw(rate, decay, beta1), (width,), steps, size, 100) == pytest.approx((size, angle), rel=NEAR)


def test_adamw() -> None:
    check_adamw(*ADAMW[0], width=10_000)


@pytest.mark.long
@pytest.mark.parametrize(("rate", "decay", "beta1"), [*ADAMW, (1e-3, 0.5, 0.9)])
def test_adamw_in_many_settings(rate: float, decay: float, beta1: float) -> None:
    check_adamw(rate, decay, beta1, width=40_000)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_decoupled_sgd(momentum: float, nesterov: bool) -> None:
    nesterov = nesterov and momentum > 0.0
    rate, decay = 0.05, 0.1
    size = eq.equilibrium_rms(
        eq.sgd_update_rms(1.0, momentum, nesterov=nesterov), rate, decay, momentum=momentum, nesterov=nesterov
    )
    angle = eq.angular_update(rate, decay, momentum=momentum, nesterov=nesterov)
    found = walk(
        lambda w: DecoupledSGD(w, rate, decay, momentum=momentum, nesterov=nesterov), (20_000,), 800, size, 100
    )
    assert found == pytest.approx((size, angle), rel=NEAR)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_coupled_sgd(momentum: float) -> None:
    rate, decay = 0.05, 0.1
    size, angle = eq.coupled_sgd_rms(1.0, rate, decay, momentum), eq.coupled_sgd_angle(rate, decay, momentum)
    found = walk(
        lambda w: torch.optim.SGD(w, lr=rate, weight_decay=decay, momentum=momentum), (20_000,), 800, size, 100
    )
    assert found == pytest.approx((size, angle), rel=NEAR)


def check_muon(shape: tuple[int, int], momentum: float, nesterov: bool, kind: Any) -> None:
    rate, decay = 0.01, 1.0
    size = eq.muon_equilibrium_rms(shape, rate, decay, momentum=momentum, nesterov=nesterov, kind=kind)
    found, _ = walk(
        lambda w: torch.optim.Muon(
            w, lr=rate, weight_decay=decay, momentum=momentum, nesterov=nesterov, adjust_lr_fn=kind
        ),
        shape, 500, size, 250,
    )  # fmt: skip
    assert found == pytest.approx(size, rel=NEAR)


def test_muon() -> None:
    check_muon((128, 64), 0.95, True, "original")


@pytest.mark.long
@pytest.mark.parametrize("shape", [(128, 128), (256, 256), (256, 64), (64, 128)])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.95, True)])
@pytest.mark.parametrize("kind", ["original", "match_rms_adamw"])
def test_muon_in_many_settings(shape: tuple[int, int], momentum: float, nesterov: bool, kind: str) -> None:
    check_muon(shape, momentum, nesterov, kind)


def check_orthogonal(shape: tuple[int, int], momentum: float) -> None:
    rate, decay = 0.02, 1.0
    size = eq.muon_equilibrium_rms(
        shape, rate, decay, momentum=momentum, nesterov=False, newton_schulz=False, kind="orthogonal"
    )
    found, _ = walk(lambda w: Orthogonal(w, rate, decay, momentum), shape, 300, size, 150)
    assert found == pytest.approx(size, rel=NEAR)


def test_exactly_orthogonal_updates() -> None:
    check_orthogonal((64, 64), 0.9)


@pytest.mark.long
@pytest.mark.parametrize("shape", [(128, 128), (128, 64), (64, 256)])
@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.95])
def test_exactly_orthogonal_updates_in_many_shapes(shape: tuple[int, int], momentum: float) -> None:
    check_orthogonal(shape, momentum)


@pytest.mark.parametrize(("shape", "kind"), [((96, 32), "original"), ((32, 96), "original"), ((64, 32), "moonlight")])
def test_the_norm_of_muons_update_is_torchs(shape: tuple[int, int], kind: Any) -> None:
    weight = torch.zeros(shape, requires_grad=True)
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    name = "match_rms_adamw" if kind == "moonlight" else kind
    torch.optim.Muon([weight], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False, adjust_lr_fn=name).step()
    assert float(weight.detach().norm()) == pytest.approx(
        eq.muon_update_norm(shape, kind, newton_schulz=True), rel=NEAR
    )
    # An orthogonal matrix in its place: √d_out, or 0.2 √(d_out d_in).
    left, _, right = np.linalg.svd(weight.grad.numpy(), full_matrices=False)
    factor = 0.2 * math.sqrt(max(shape)) if kind == "moonlight" else math.sqrt(max(1.0, shape[0] / shape[1]))
    assert eq.muon_update_norm(shape, kind) == pytest.approx(factor * np.linalg.norm(left @ right), rel=1e-6)


def by_covariances(left: float, momentum: float, nesterov: bool) -> tuple[float, float]:
    """E w² and the angle's cosine under w ← α w − u, by summing over every past gradient: exact to rounding."""
    lags = 4000
    average = (1.0 - momentum) * momentum ** np.arange(lags)
    update = (1.0 - momentum) * np.eye(1, lags)[0] + momentum * average if nesterov else average
    weight = np.zeros(lags)  # coefficient of the gradient k steps back
    for k in range(lags):
        weight[k] = (left * weight[k - 1] if k else 0.0) - update[k]
    return float(weight @ weight) / float(update @ update), float(weight[1:] @ weight[:-1]) / float(weight @ weight)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("taken", [0.3, 0.01])
def test_size_and_angle_are_exact(taken: float, momentum: float, nesterov: bool) -> None:
    square, cosine = by_covariances(1.0 - taken, momentum, nesterov)
    assert eq.equilibrium_rms(1.0, 1.0, taken, momentum=momentum, nesterov=nesterov) ** 2 == pytest.approx(square)
    assert math.cos(eq.angular_update(1.0, taken, momentum=momentum, nesterov=nesterov)) == pytest.approx(cosine)


def test_the_known_approximations() -> None:
    rate, decay, beta = 1e-4, 0.1, 0.9
    assert eq.equilibrium_rms(eq.adam_update_rms(beta), rate, decay, momentum=beta) == pytest.approx(
        math.sqrt(rate / (2 * decay)), rel=1e-3
    )
    assert eq.angular_update(rate, decay, momentum=beta) == pytest.approx(
        math.sqrt(2 * rate * decay * (1 - beta) / (1 + beta)), rel=1e-3
    )
    assert eq.coupled_sgd_angle(rate, decay, beta) == pytest.approx(math.sqrt(2 * rate * decay / (1 + beta)), rel=1e-3)
    # Without momentum, coupled and decoupled SGD are the same.
    assert eq.coupled_sgd_rms(2.0, 0.1, 0.5) == pytest.approx(eq.equilibrium_rms(2.0, 0.1, 0.5))
    assert eq.coupled_sgd_angle(0.1, 0.5) == pytest.approx(eq.angular_update(0.1, 0.5))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 3.0])
def test_steps_to_equilibrium(ratio: float) -> None:
    """E w² from step to step, without momentum."""
    rate, decay, end = 0.01, 0.5, eq.equilibrium_rms(1.0, 0.01, 0.5)
    square, steps = (ratio * end) ** 2, 0
    while abs(math.sqrt(square) / end - 1.0) > 0.05:
        square, steps = (1.0 - rate * decay) ** 2 * square + rate**2, steps + 1
    assert eq.steps_to_equilibrium(rate, decay, ratio=ratio) == pytest.approx(steps, abs=1.0)
    assert eq.steps_to_equilibrium(rate, decay, ratio=1.02) == 0.0


def test_timescale_tells_the_equilibrium() -> None:
    found = timescale(1.0, learning_rate=0.01)
    assert found.equilibrium_rms == pytest.approx(0.0677, abs=1e-4)
    assert found.angular_update == pytest.approx(0.0325, abs=1e-4)
    independent = timescale(0.01, learning_rate=0.01, form="independent")
    assert independent.equilibrium_rms == pytest.approx(found.equilibrium_rms)
    assert timescale(1.0, learning_rate=0.01, form="cautious").equilibrium_rms is None
    sgd = timescale(0.1, learning_rate=0.05, optimizer="sgd", momentum=0.9)
    assert sgd.equilibrium_rms is None
    assert sgd.angular_update == pytest.approx(eq.coupled_sgd_angle(0.05, 0.1, 0.9))
    muon = timescale(0.1, learning_rate=0.02, optimizer="muon", shape=(64, 32))
    assert muon.equilibrium_rms == pytest.approx(eq.muon_equilibrium_rms((64, 32), 0.02, 0.1))
    assert timescale(0.1, learning_rate=0.02, optimizer="muon").equilibrium_rms is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: eq.equilibrium_rms(1.0, 0.1, 0.0), "without decay a weight has no size"),
        (lambda: eq.equilibrium_rms(1.0, 1.0, 1.0), "product below 1"),
        (lambda: eq.equilibrium_rms(-1.0, 0.1, 0.1), "update_rms must be at least 0"),
        (lambda: eq.equilibrium_rms(1.0, 0.1, 0.1, momentum=1.0), "momentum must be from 0"),
        (lambda: eq.adam_update_rms(1.0), "beta1 must be from 0"),
        (lambda: eq.coupled_sgd_rms(1.0, 10.0, 1.0, 0.9), "below 2"),
        (lambda: eq.steps_to_equilibrium(0.1, 0.1, tolerance=0.0), "0 < tolerance < 1"),
        (lambda: eq.muon_update_norm((3,), "original"), "Muon updates matrices"),  # type: ignore[arg-type]
        (lambda: eq.muon_update_norm((3, 3), "other"), "kind='other' is not known"),  # type: ignore[arg-type]
    ],
)
def test_wrong_numbers_are_refused_with_a_sentence(call: Callable[[], float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
