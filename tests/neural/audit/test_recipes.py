"""Recipes that people copy: no warning and no error, and the share that the optimiser's own documentation promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from weightdecay.neural.audit.auditing import audit
from weightdecay.neural.groups import param_groups
from weightdecay.neural.with_decay import with_decay

RATE, DECAY = 0.01, 0.1


class Attention(nn.Module):
    """A block as GPT and ViT have it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.first(x)).chunk(3, dim=-1)
        x = x + self.scale * self.out(nn.functional.scaled_dot_product_attention(q, k, v))
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Gpt(nn.Module):
    """Embeddings, blocks and a tied head."""

    def __init__(self, words: int = 40, width: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(8, width)
        self.blocks = nn.ModuleList(Attention(width) for _ in range(2))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[-1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.last(x))


class Lora(nn.Module):
    """A frozen matrix and two trained factors of low rank."""

    def __init__(self, base: nn.Linear, rank: int = 2) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Linear(base.in_features, rank, bias=False)
        self.b = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.b(self.a(x))


def mlp() -> nn.Module:
    """Two matrices with biases."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def conv() -> nn.Module:
    """Convolutions with BatchNorm."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    )


def by_axes(model: nn.Module) -> list[dict[str, Any]]:
    """nanoGPT: two axes or more are decayed."""
    every = [one for one in model.parameters() if one.requires_grad]
    return [
        {"params": [one for one in every if one.dim() >= 2], "weight_decay": DECAY},
        {"params": [one for one in every if one.dim() < 2], "weight_decay": 0.0},
    ]


def as_timm(model: nn.Module) -> list[dict[str, Any]]:
    """timm: at most one axis, or named bias: exempt."""
    exempt, decayed = [], []
    for name, one in model.named_parameters():
        if one.requires_grad:
            (exempt if one.ndim <= 1 or name.endswith(".bias") else decayed).append(one)
    return [{"params": exempt, "weight_decay": 0.0}, {"params": decayed, "weight_decay": DECAY}]


def as_transformers(model: nn.Module) -> list[dict[str, Any]]:
    """Transformers: not in a LayerNorm, no bias; embeddings are decayed."""
    norms = {id(one) for module in model.modules() if isinstance(module, nn.LayerNorm) for one in module.parameters()}
    names = {
        name
        for name, one in model.named_parameters()
        if id(one) not in norms and "bias" not in name and "scale" not in name
    }
    return [
        {
            "params": [
                one for name, one in model.named_parameters() if (name in names) is inside and one.requires_grad
            ],
            "weight_decay": DECAY * inside,
        }
        for inside in (True, False)
    ]


def ours(model: nn.Module, decay: float = DECAY) -> list[dict[str, Any]]:
    """This library's."""
    return param_groups(model, decay, verbose=False)


def lora(model: nn.Module | None = None) -> nn.Module:
    """A model all of whose trained matrices are of low rank."""
    return nn.Sequential(Lora(nn.Linear(16, 16)), nn.ReLU(), Lora(nn.Linear(16, 4)))


Recipe = tuple[Callable[[], nn.Module], Callable[[nn.Module], torch.optim.Optimizer], str, float]

RECIPES: dict[str, Recipe] = {
    "nanoGPT": (Gpt, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE, betas=(0.9, 0.95)), "auto", RATE * DECAY),
    "timm": (Gpt, lambda m: torch.optim.AdamW(as_timm(m), lr=RATE), "auto", RATE * DECAY),
    "Transformers": (Gpt, lambda m: torch.optim.AdamW(as_transformers(m), lr=RATE), "auto", RATE * DECAY),
    "LoRA": (lora, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE), "auto", RATE * DECAY),
    "ours": (Gpt, lambda m: torch.optim.AdamW(ours(m), lr=RATE), "auto", RATE * DECAY),
    "AdamW on all": (
        mlp,
        lambda m: torch.optim.AdamW(m.parameters(), lr=RATE, weight_decay=DECAY),
        "all",
        RATE * DECAY,
    ),
    "SGD on all": (
        *(conv, lambda m: torch.optim.SGD(m.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-3), "all"),
        RATE * 1e-3 / (1 - 0.9),
    ),
    "Nesterov": (
        *(conv, lambda m: torch.optim.SGD(by_axes(m), lr=RATE, momentum=0.9, nesterov=True), "auto"),
        RATE * DECAY / (1 - 0.9),
    ),
    "SGD": (conv, lambda m: torch.optim.SGD(by_axes(m), lr=RATE), "auto", RATE * DECAY),
    "dampened": (
        *(conv, lambda m: torch.optim.SGD(by_axes(m), lr=RATE, momentum=0.9, dampening=0.9), "auto"),
        RATE * DECAY,
    ),
    "decoupled Adam": (
        *(mlp, lambda m: torch.optim.Adam(by_axes(m), lr=RATE, decoupled_weight_decay=True), "auto"),
        RATE * DECAY,
    ),
    "decoupled NAdam": (
        *(mlp, lambda m: torch.optim.NAdam(by_axes(m), lr=RATE, decoupled_weight_decay=True), "auto"),
        RATE * DECAY,
    ),
    "decoupled RAdam": (
        *(mlp, lambda m: torch.optim.RAdam(by_axes(m), lr=RATE, decoupled_weight_decay=True), "auto"),
        RATE * DECAY,
    ),
    "Adafactor": (Gpt, lambda m: torch.optim.Adafactor(by_axes(m), lr=RATE), "auto", RATE * DECAY),
    "fused": (mlp, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE, fused=True), "auto", RATE * DECAY),
    "foreach": (mlp, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE, foreach=True), "auto", RATE * DECAY),
    "amsgrad": (mlp, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE, amsgrad=True), "auto", RATE * DECAY),
    "maximise": (mlp, lambda m: torch.optim.AdamW(by_axes(m), lr=RATE, maximize=True), "auto", RATE * DECAY),
    "a tensor": (mlp, lambda m: torch.optim.AdamW(by_axes(m), lr=torch.tensor(RATE)), "auto", RATE * DECAY),
    "no decay": (mlp, lambda m: torch.optim.AdamW(m.parameters(), lr=RATE, weight_decay=0.0), "auto", math.nan),
    "Muon": (
        *(lambda: nn.Sequential(nn.Linear(16, 24, bias=False), nn.Linear(24, 16, bias=False)),),
        *(lambda m: torch.optim.Muon(m.parameters(), lr=RATE, weight_decay=DECAY), "auto", RATE * DECAY),
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_no_false_alarm_and_the_right_share(name: str) -> None:
    make, optimise, policy, share = RECIPES[name]
    model = make()
    found = audit(model, optimise(model), policy=policy)
    found.assert_ok()
    assert not [one for one in found.problems if one.code == "WD056"]
    decayed = [row for row in found.rows if row.treatment == "decayed"]
    assert bool(decayed) is not math.isnan(share)
    for row in decayed:
        assert row.shrink == pytest.approx(share, rel=1e-3)
        assert row.half_life == pytest.approx(math.log(2) / share, rel=1e-3)


@pytest.mark.parametrize("form", ["coupled", "decoupled", "independent", "corrected", "cautious"])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize(
    "settings",
    [{}, {"centre": "initial"}, {"l1_ratio": 0.5}, {"schedule": lambda step: 0.5}, {"decay": torch.tensor(0.05)}],
    ids=["plain", "centre", "l1", "schedule", "tensor"],
)
def test_forms_of_with_decay(form: str, kind: Any, settings: dict[str, Any]) -> None:
    model = mlp()
    optimizer = kind(ours(model, 0.0), lr=RATE)
    settings = {"decay": 0.05, "peak_lr": 2 * RATE, "normalised": [model[0].weight]} | settings
    with_decay(optimizer, form=form, **settings)
    found = audit(model, optimizer)
    assert found.problems == ()
    row = found.rows[0]
    half = 0.5 if "schedule" in settings or "l1_ratio" in settings else 1.0
    due = {"independent": 0.05 / 2, "corrected": 0.05 * RATE / 2}.get(form, 0.05 * RATE) * half
    if form == "coupled" and kind is torch.optim.AdamW:
        assert (row.form, row.shrink) == ("coupled inside Adam", None)
    else:
        assert row.shrink == pytest.approx(due, rel=1e-4)
    if settings.keys() == {"decay", "peak_lr", "normalised"} and form != "coupled":
        assert row.form == {"corrected": "corrected (η²)"}.get(form, form)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad])
def test_after_training(kind: Any) -> None:
    """Under a scheduler, which puts a function of its own in the place of ``step``, and with a state."""
    model = mlp()
    optimizer = kind(ours(model), lr=RATE) if kind is not torch.optim.SGD else kind(ours(model), lr=RATE, momentum=0.5)
    schedule = OneCycleLR(optimizer, 2 * RATE, total_steps=20, cycle_momentum=False)
    for _ in range(8):
        optimizer.zero_grad()
        model(torch.randn(5, 8)).square().mean().backward()
        optimizer.step()
        schedule.step()
    found = audit(model, optimizer)
    adaptive = kind in (torch.optim.RMSprop, torch.optim.Adagrad)
    assert [one.code for one in found.problems] == (["WD047"] if adaptive else [])
    rate = optimizer.param_groups[0]["lr"] / (0.5 if kind is torch.optim.SGD else 1)
    if not adaptive:
        assert found.rows[0].shrink == pytest.approx(rate * DECAY, rel=0.01)


def test_the_start_of_a_warm_up() -> None:
    model = mlp()
    optimizer = torch.optim.AdamW(ours(model), lr=RATE)
    LambdaLR(optimizer, lambda step: step / 10)
    assert optimizer.param_groups[0]["lr"] == 0
    found = audit(model, optimizer)
    found.assert_ok()
    assert found.rows[0].shrink == pytest.approx(RATE * DECAY)
    assert "learning rate of 0.01" in found.rows[0].note


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.Adamax])
def test_adaptive_optimisers_with_l2(kind: Any) -> None:
    model = mlp()
    found = audit(model, kind(ours(model), lr=RATE))
    assert [one.code for one in found.problems] == ["WD047"]
    assert found.rows[0].form == "coupled inside Adam"
    assert found.rows[0].half_life is None


def test_what_steps_in_a_way_of_its_own() -> None:
    """Closures, sparse gradients, signs, factored states: none must crash."""
    sparse = nn.Embedding(10, 4, sparse=True)
    assert audit(sparse, torch.optim.SparseAdam(sparse.parameters())).ok
    model = mlp()
    for optimizer in (torch.optim.LBFGS(model.parameters()), torch.optim.Rprop(model.parameters())):
        found = audit(model, optimizer)
        assert {row.treatment for row in found.rows} == {"exempt"}
        assert not found.problems


@pytest.mark.parametrize(("rate", "fused", "lost"), [(1e-3, False, True), (1e-3, True, False), (0.1, False, False)])
def test_bfloat16(rate: float, fused: bool, lost: bool) -> None:
    """A fused kernel rounds once, after decay and update together: the update then carries the decay on average."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 256, bias=False)).bfloat16()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=DECAY, fused=fused)
    assert ("WD050" in {one.code for one in audit(model, optimizer).problems}) is lost


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.float16])
def test_other_types(dtype: torch.dtype) -> None:
    weight = nn.Parameter(torch.randn(6, 4, dtype=torch.complex64 if dtype.is_complex else torch.float64).to(dtype))
    model = nn.Module()
    model.weight = weight
    found = audit(model, torch.optim.AdamW([weight], lr=0.1, weight_decay=DECAY), policy="all")
    assert found.ok
    assert found.rows[0].shrink == pytest.approx(0.1 * DECAY, rel=1e-3)


def test_wrapped_models_have_the_names_of_bare_ones() -> None:
    model = Gpt()
    bare = audit(model, torch.optim.AdamW(ours(model), lr=RATE))
    wrapped = torch.compile(nn.DataParallel(model), backend="eager")
    assert audit(wrapped, torch.optim.AdamW(ours(model), lr=RATE)).rows == bare.rows
