"""Which matrices have no length, against what calculus says of each architecture; and the model is left as it was."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from weightdecay.neural.invariance import RATIO, normalised_parameters, scale_invariance  # noqa: E402
from weightdecay.neural.roles import parameter_roles  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def told(model: nn.Module, sample: Any, **known: Any) -> dict[str, bool | None]:
    return {name: found.invariant for name, found in scale_invariance(model, sample, **known).items()}


def convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # a bias, which BatchNorm subtracts again
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(8, 8, 3, padding=1, bias=False),
        nn.GroupNorm(2, 8),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, 3),
    )


@pytest.mark.parametrize("training", [True, False])
def test_weights_before_a_normalisation_have_no_length(training: bool) -> None:
    model = convolutions().train(training)
    assert told(model, torch.randn(6, 3, 8, 8)) == {
        "0.weight": True,
        "4.weight": True,
        "7.weight": False,
        "10.weight": False,
    }


def test_frozen_statistics_do_not_normalise() -> None:
    model = convolutions().train()
    model[1].eval()  # the caller's choice, as in fine-tuning
    assert told(model, torch.randn(6, 3, 8, 8))["0.weight"] is False


@pytest.mark.parametrize(("bias", "expected"), [(False, True), (True, False)])
def test_a_bias_before_layer_normalisation_gives_the_weights_a_length(bias: bool, expected: bool) -> None:
    model = nn.Sequential(nn.Linear(6, 16, bias=bias), nn.LayerNorm(16), nn.Linear(16, 2))
    assert told(model, torch.randn(8, 6)) == {"0.weight": expected, "2.weight": False}


def test_queries_and_keys_that_are_normalised() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(8, 8, bias=False) for _ in range(3))
            self.end = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k = F.normalize(self.q(x), dim=-1), F.normalize(self.k(x), dim=-1)
            return self.end((4 * q @ k.transpose(1, 2)).softmax(-1) @ self.v(x))

    assert told(Attention(), torch.randn(4, 5, 8)) == {
        "q.weight": True,
        "k.weight": True,
        "v.weight": False,
        "end.weight": False,
    }


def test_the_direction_of_a_weight_normalised_matrix() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 8)), nn.Tanh(), nn.Linear(8, 2))
    assert told(model, torch.randn(5, 6)) == {
        "0.parametrizations.weight.original0": False,
        "0.parametrizations.weight.original1": True,
        "2.weight": False,
    }


def test_a_measure_by_hand() -> None:
    """f = x w / ‖w‖ has no length; f = x w has all of it: with one output the cosine is that of w and Xᵀr."""

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(5, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.w

    model, x = Plain().double(), torch.randn(7, 5, dtype=torch.float64)
    generator, cosines = torch.Generator().manual_seed(0), []
    for _ in range(4):
        gradient = x.T @ torch.randn((7, 2), generator=generator).double()
        cosines.append(((model.w * gradient).sum() / model.w.norm() / gradient.norm()).item())
    found = scale_invariance(model, x)["w"]
    assert found.cosine == pytest.approx(math.sqrt(sum(one**2 for one in cosines) / 4), rel=1e-6)
    assert found.ratio == pytest.approx(found.cosine * math.sqrt(10), rel=1e-12) and found.invariant is False


def test_a_small_cosine_alone_is_not_believed() -> None:
    """A large matrix is nearly orthogonal to its gradient whatever it does, and dead outputs hide its length."""
    model = nn.Sequential(nn.Linear(400, 400, bias=False), nn.Tanh(), nn.Linear(400, 1))
    found = scale_invariance(model, torch.randn(4, 400))["0.weight"]
    assert found.cosine < 0.05 and found.ratio > 4 * RATIO and found.invariant is False


def test_a_gradient_alone_is_not_believed() -> None:
    """No length near W, but all of it beyond 1.2 W: no decay is harmless there."""

    class Bounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 3))
            self.register_buffer("limit", 1.2 * self.w.detach().norm())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.w / torch.where(self.w.norm() < self.limit, self.w.norm(), self.limit)

    found = scale_invariance(Bounded(), torch.randn(5, 4))["w"]
    assert found.ratio < RATIO and found.change == pytest.approx(0.25, rel=1e-4) and found.invariant is False


def test_dropout_hides_nothing() -> None:
    model = nn.Sequential(nn.Linear(6, 16, bias=False), nn.LayerNorm(16), nn.Dropout(1.0), nn.Linear(16, 2))
    assert told(model, torch.randn(8, 6)) == {"0.weight": True, "3.weight": False}
    assert not any(one.marks for one in parameter_roles(model, sample=torch.randn(8, 6)))


def test_what_the_loss_sees_counts_too() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(6, 8, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = self.a(x)
            return F.normalize(self.seen, dim=-1)

    model, x = Both(), torch.randn(5, 6)
    assert told(model, x) == {"a.weight": True}
    assert told(model, x, loss=lambda out: out.sum() + model.seen.square().mean()) == {"a.weight": False}


def test_a_gradient_of_zero_tells_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.zeros_(model[2].weight)
    assert told(model, torch.randn(3, 4)) == {"0.weight": None, "2.weight": None}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(6, 32, bias=False), nn.LayerNorm(32), nn.Linear(32, 2)).to(dtype)
    assert told(model, torch.randn(8, 6, dtype=dtype)) == {"0.weight": True, "2.weight": False}


class Busy(nn.Module):
    """Changes what can be changed in a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.first = parametrizations.spectral_norm(nn.Linear(6, 6))
        self.norm, self.drop, self.end = nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 2)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(1))
        self.count, self.seen, self.note = 0, [torch.zeros(1)], {"mean": 0.0}
        self.plain = torch.zeros(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = x.detach().mean(0)
        self.count += 1
        self.seen.append(x)
        self.note["mean"] = float(x.mean())
        self.plain.add_(torch.rand(3))
        self.new = random.random() + np.random.rand()
        x += 0.0 * torch.randn_like(x) + 1.0  # in place, in the caller's batch
        return self.end(self.drop(self.norm(self.first(x))))


def state(model: Busy) -> list[Any]:
    tensors = [*model.state_dict().items(), ("plain", model.plain)]
    return [
        [(name, value.clone().numpy().tobytes()) for name, value in tensors],
        [id(value) for value in (*model.parameters(), *model.buffers())],
        [value.grad.clone().numpy().tobytes() if value.grad is not None else None for value in model.parameters()],
        [value.requires_grad for value in model.parameters()],
        [module.training for module in model.modules()],
        [len(module._forward_pre_hooks) for module in model.modules()],
        [sorted(vars(module)) for module in model.modules()],
        [model.count, len(model.seen), dict(model.note)],
        [torch.get_rng_state().numpy().tobytes(), random.getstate(), np.random.get_state()[1].tobytes()],
        torch.is_grad_enabled(),
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_the_model_is_left_bit_for_bit(training: bool, grad: bool) -> None:
    model, x = Busy().train(training), torch.randn(5, 6)
    model.end(torch.randn(3, 6)).sum().backward()
    model.norm.eval()
    before, batch = state(model), x.clone()
    with torch.set_grad_enabled(grad):
        scale_invariance(model, x)
        parameter_roles(model, sample=x, loss=lambda out: out.square().mean())
        parameter_roles(model)
    assert state(model) == before and torch.equal(x, batch)


def test_it_is_left_so_when_the_forward_pass_fails() -> None:
    class Fails(Busy):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            super().forward(x)
            raise RuntimeError("no\x1b[31m more")

    model, x = Fails(), torch.randn(5, 6)
    before = state(model)
    with pytest.raises(ValueError, match="no\ufffd") as caught:
        parameter_roles(model, sample=x)
    assert state(model) == before and "\x1b" not in str(caught.value)


def test_under_inference_mode() -> None:
    model, x = nn.Sequential(nn.Linear(4, 4, bias=False), nn.LayerNorm(4), nn.Linear(4, 1)), torch.randn(5, 4)
    with torch.inference_mode():
        assert told(model, x) == {"0.weight": True, "2.weight": False}


def test_the_same_measure_twice() -> None:
    model, x = convolutions(), torch.randn(6, 3, 8, 8)
    first = scale_invariance(model, x)
    torch.rand(7)
    assert str(scale_invariance(model, x)) == str(first)


# --- with a bias ----------------------------------------------------------------------------------------------------


class RootMeanSquare(nn.Module):
    """RMSNorm written by hand: torch's own is of later versions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-8).sqrt()


def beside(model: nn.Module, sample: Any) -> dict[str, tuple[str, ...]]:
    return {name: found.beside for name, found in scale_invariance(model, sample).items() if found.normalised}


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("norm", ["layer", "root mean square", "group"])
def test_a_bias_that_is_normalised_with_its_matrix_takes_its_length_along(size: float, norm: str) -> None:
    """f(cW, cb) = f(W, b) for every b, though f(cW, b) = f(W, b) for b = 0 alone."""
    layer = {"layer": nn.LayerNorm(16), "root mean square": RootMeanSquare(), "group": nn.GroupNorm(1, 16)}[norm]
    model = nn.Sequential(nn.Linear(6, 16), layer, nn.Tanh(), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].bias.copy_(size * torch.randn(16))
    x = torch.randn(12, 6)
    found = scale_invariance(model, x)
    assert found["0.weight"].beside == ("0.bias",) and found["0.weight"].normalised
    assert found["0.weight"].invariant is (size < 0.1)
    assert not found["3.weight"].normalised and found["3.weight"].beside == ()
    chosen = normalised_parameters(model, x)
    assert [id(one) for one in chosen] == [id(model[0].weight), id(model[0].bias)]


def test_a_bias_that_is_subtracted_again_does_not_matter() -> None:
    model = convolutions()
    with torch.no_grad():
        model[0].bias.mul_(20.0)
    assert beside(model, torch.randn(6, 3, 8, 8)) == {"0.weight": (), "4.weight": ()}


def test_a_bias_outside_a_weight_normalisation_does_not_matter_to_the_direction() -> None:
    for start in (0.0, 1.0):
        model = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 8)), nn.Tanh(), nn.Linear(8, 2))
        nn.init.constant_(model[0].bias, start)
        assert beside(model, torch.randn(5, 6)) == {"0.parametrizations.weight.original1": ()}
        assert [tuple(one.shape) for one in normalised_parameters(model, torch.randn(5, 6))] == [(8, 6)]


def test_no_bias_makes_a_plain_layer_normalised() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 2))
    nn.init.zeros_(model[2].bias)
    assert beside(model, torch.randn(9, 6)) == {} and normalised_parameters(model, torch.randn(9, 6)) == []


def test_a_residual_around_the_layer_keeps_the_length() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x + self.inner(x))

    assert beside(Residual(), torch.randn(9, 8)) == {}


def test_one_of_several_layers_with_a_bias() -> None:
    """Where all of them multiplied at once show a change, each is tried alone."""
    model = nn.Sequential(
        nn.Linear(6, 16), nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 16), nn.LayerNorm(16),
        nn.Linear(16, 2),
    )  # fmt: skip
    nn.init.zeros_(model[2].bias)
    x = torch.randn(12, 6)
    assert beside(model, x) == {"0.weight": ("0.bias",), "4.weight": ("4.bias",)}
    why = {one.name: one.why for one in parameter_roles(model, sample=x)}
    assert "length beside its bias alone" in why["0.weight"] and "length" not in why["2.weight"]


def test_corrected_decays_a_biased_layer_as_one_that_is_normalised() -> None:
    """a_t = λ η_t²/η_peak for W and b before the normalisation, η_t λ elsewhere: the product of factors by hand."""
    model = nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.Linear(16, 2)).double()
    x = torch.randn(12, 6, dtype=torch.float64)
    chosen = normalised_parameters(model, x)
    start = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0)
    with_decay(optimizer, form="corrected", decay=0.5, normalised=chosen)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    kept = {True: 1.0, False: 1.0}
    for step in range(9):
        eta = 0.1 * 0.5 ** (step // 3)
        kept = {True: kept[True] * (1 - 0.5 * eta * eta / 0.1), False: kept[False] * (1 - 0.5 * eta)}
        for one in model.parameters():
            one.grad = torch.zeros_like(one)
        optimizer.step()
        scheduler.step()
    for name, one in model.named_parameters():
        torch.testing.assert_close(one.detach(), start[name] * kept[name.startswith("0.")], rtol=1e-12, atol=0)


@pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated:DeprecationWarning")  # torch's own
@pytest.mark.filterwarnings("ignore:.torch.jit.* is not supported:DeprecationWarning")
def test_scripted_modules_are_measured_too_and_left_bit_for_bit() -> None:
    for bias, expected in ((False, ()), (True, ("0.bias",))):
        model = torch.jit.script(nn.Sequential(nn.Linear(6, 16, bias=bias), nn.LayerNorm(16), nn.Linear(16, 2)))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert beside(model, torch.randn(12, 6)) == {"0.weight": expected}
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
