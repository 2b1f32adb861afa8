"""Every code of the audit: a case in which it is told, and a near miss in which it is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from weightdecay.neural.audit.auditing import audit
from weightdecay.neural.groups import param_groups
from weightdecay.neural.with_decay import with_decay
from weightdecay.records.audit import Audit
from weightdecay.records.audit_explanations import OF_AUDITS

Case = Callable[[bool], Audit]
RATE, DECAY = 0.01, 0.1


def mlp(width: int = 16) -> nn.Sequential:
    """Two matrices with biases, and a normalisation between."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, 4))


def sorted_groups(model: nn.Module, decay: float = DECAY) -> list[dict[str, Any]]:
    """The groups that this library makes."""
    return param_groups(model, decay, verbose=False)


def adamw(model: nn.Module, groups: Any = None, **settings: Any) -> torch.optim.AdamW:
    """AdamW on sorted groups, or on others."""
    return torch.optim.AdamW(sorted_groups(model) if groups is None else groups, lr=RATE, **settings)


class Own(torch.optim.Optimizer):
    """Plain gradient steps and a decay of one's own making."""

    def __init__(self, params: Any, lr: float = RATE, weight_decay: float = DECAY) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.count = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.count += 1
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    one.sub_(self.taken(one, group))
                    one.add_(one.grad, alpha=-group["lr"])

    def taken(self, one: Tensor, group: dict[str, Any]) -> Tensor:
        """What decay takes of a weight."""
        return one * (group["lr"] * group["weight_decay"])


def own(how: Callable[[Own, Tensor, dict[str, Any]], Tensor]) -> Callable[[nn.Module], Own]:
    """An optimiser that decays in a way of its own."""

    class Made(Own):
        def taken(self, one: Tensor, group: dict[str, Any]) -> Tensor:
            return how(self, one, group)

    return lambda model: Made(sorted_groups(model))


def plain(self: Own, one: Tensor, group: dict[str, Any]) -> Tensor:
    """Decoupled decay as it should be."""
    return one * (group["lr"] * group["weight_decay"])


def planted(wrong: Callable[[Own, Tensor, dict[str, Any]], Tensor]) -> Case:
    """A wrong decay, and the right one."""

    def case(fires: bool) -> Audit:
        model = mlp()
        return audit(model, own(wrong if fires else plain)(model))

    return case


def biases(fires: bool) -> Audit:
    """All in one group, or sorted."""
    model = mlp()
    return audit(model, adamw(model, list(model.parameters()) if fires else None))


def embedding(fires: bool) -> Audit:
    """Two axes and more are decayed, with and without an embedding."""
    model = nn.Sequential(nn.Embedding(20, 8) if fires else nn.Linear(20, 8), mlp())
    groups = [
        {"params": [one for one in model.parameters() if (one.dim() > 1) is wide], "weight_decay": DECAY * wide}
        for wide in (True, False)
    ]
    return audit(model, adamw(model, groups))


def left_out(fires: bool) -> Audit:
    """A matrix among the exempt."""
    model = mlp()
    groups = sorted_groups(model)
    if fires:
        groups[1]["params"].append(groups[0]["params"].pop(0))
    return audit(model, adamw(model, groups))


def swapped(fires: bool) -> Audit:
    """λ at the wrong group."""
    model = mlp()
    groups = sorted_groups(model)
    if fires:
        groups[0]["weight_decay"], groups[1]["weight_decay"] = 0.0, DECAY
    return audit(model, adamw(model, groups))


def empty(fires: bool) -> Audit:
    """A third group that matches nothing, or that has one member."""
    model = mlp()
    groups = sorted_groups(model)
    groups.append({"params": [] if fires else [groups[1]["params"].pop()], "weight_decay": 0.0})
    return audit(model, adamw(model, groups))


def in_loss(fires: bool) -> Audit:
    """A penalty beside the optimiser's decay; near it, one that weighs outputs instead of weights."""
    model = mlp()
    x = torch.randn(5, 8)

    def loss(module: nn.Module) -> Tensor:
        output = module(x).square().mean()
        weights = sum(one.square().sum() for one in module.parameters() if one.dim() > 1)
        return output + 0.01 * (weights if fires else output)

    return audit(model, adamw(model), loss=loss)


def inside_adam(fires: bool) -> Audit:
    """Adam, and Adam with the flag of AdamW."""
    model = mlp()
    return audit(model, torch.optim.Adam(sorted_groups(model), lr=RATE, decoupled_weight_decay=not fires))


def missing(fires: bool) -> Audit:
    """A head that was replaced after the optimiser was built."""
    model = mlp()
    optimizer = adamw(model)
    if fires:
        model[3] = nn.Linear(16, 4)
    return audit(model, optimizer)


def twice(fires: bool) -> Audit:
    """A matrix in two groups that were put together by hand."""
    model = mlp()
    optimizer = adamw(model)
    if fires:
        optimizer.param_groups[1]["params"].append(model[0].weight)
    return audit(model, optimizer)


def rounding(fires: bool) -> Audit:
    """bfloat16, bare and with compensation."""
    model = mlp().bfloat16()
    if fires:
        return audit(model, torch.optim.AdamW(sorted_groups(model), lr=1e-4))
    bare = torch.optim.AdamW(sorted_groups(model, 0.0), lr=1e-4)
    return audit(model, with_decay(bare, form="decoupled", decay=DECAY))


def without_gradient(fires: bool) -> Audit:
    """Decay in a loop before gradients are looked at, or after."""

    class Eager(Own):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for one in group["params"]:
                    if one.grad is not None or fires:
                        one.mul_(1 - group["lr"] * group["weight_decay"])
                    if one.grad is not None:
                        one.add_(one.grad, alpha=-group["lr"])

    model = mlp()
    return audit(model, Eager(sorted_groups(model)))


class Tied(nn.Module):
    """A head tied to an embedding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(12, 8)
        self.between = nn.Linear(8, 8)
        self.head = nn.Linear(8, 12, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.between(self.words(x)))


def tied(fires: bool) -> Audit:
    """Groups made from names, tied ones once or for each name."""
    model = Tied()
    named = dict(model.named_parameters(remove_duplicate=not fires))
    groups = [
        {"params": [one for name, one in named.items() if name.endswith("weight")], "weight_decay": DECAY},
        {"params": [one for name, one in named.items() if name.endswith("bias")], "weight_decay": 0.0},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about duplicates
        return audit(model, adamw(model, groups))


def unmeasured(fires: bool) -> Audit:
    """A step that reads its weights from a place where no copy finds them."""
    model = mlp()
    optimizer = Own(sorted_groups(model))
    if fires:
        HIDDEN[:] = [model[0].weight]
        optimizer.register_step_post_hook(writes_to_hidden)
    return audit(model, optimizer)


HIDDEN: list[Tensor] = []


def writes_to_hidden(*_: Any) -> None:
    """A hook that writes to weights of the module that it is in."""
    with torch.no_grad():
        HIDDEN[0].mul_(0.5)


CASES: dict[str, Case] = {
    "WD040": biases,
    "WD041": embedding,
    "WD042": left_out,
    "WD043": swapped,
    "WD044": empty,
    "WD045": planted(lambda self, one, group: torch.zeros_like(one)),
    "WD046": in_loss,
    "WD047": inside_adam,
    "WD048": missing,
    "WD049": twice,
    "WD050": rounding,
    "WD051": planted(lambda self, one, group: one * (group["lr"] * DECAY)),
    "WD052": without_gradient,
    "WD053": tied,
    "WD054": planted(lambda self, one, group: one * (group["lr"] ** 2 * group["weight_decay"])),
    "WD055": planted(lambda self, one, group: one * (0.5 * group["lr"] * group["weight_decay"])),
    "WD056": unmeasured,
}
SEVERITIES = dict.fromkeys(CASES, "error") | dict.fromkeys(("WD040", "WD042", "WD044", "WD047", "WD052"), "warning")
SEVERITIES |= dict.fromkeys(("WD041", "WD056"), "info")


@pytest.mark.parametrize("code", CASES)
def test_a_code_fires(code: str) -> None:
    found = {problem.code: problem for problem in CASES[code](True).problems}
    assert code in found
    assert found[code].severity == SEVERITIES[code]
    assert found[code].message and found[code].remedy


@pytest.mark.parametrize("code", CASES)
def test_a_near_miss_does_not(code: str) -> None:
    found = CASES[code](False)
    assert code not in {problem.code for problem in found.problems}


def test_every_code_is_explained_and_tested() -> None:
    assert [one.code for one in OF_AUDITS] == [one.code for one in OF_AUDITS if one.code in CASES]
    assert {one.code for one in OF_AUDITS} == set(CASES)


@pytest.mark.parametrize(
    ("how", "codes"),
    [
        (lambda self, one, group: one * group["weight_decay"], {"WD054", "WD055"}),
        (lambda self, one, group: -one * (group["lr"] * group["weight_decay"]), {"WD055"}),
        (lambda self, one, group: one * (2 * group["lr"] * group["weight_decay"]), {"WD049", "WD055"}),
        (lambda self, one, group: one.sign() * (group["lr"] * group["weight_decay"]), {"WD055"}),
        (lambda self, one, group: one**3 * (group["lr"] * group["weight_decay"]), {"WD055"}),
        (lambda self, one, group: one * (RATE * group["weight_decay"]), {"WD051"}),
        (lambda self, one, group: one * (group["lr"] * group["weight_decay"] * (self.count % 5 == 0)), {"WD055"}),
    ],
    ids=["no rate", "grows", "twice", "signs", "cubes", "old rate", "every fifth step"],
)
def test_wrong_shares(how: Any, codes: set[str]) -> None:
    assert codes <= {problem.code for problem in planted(how)(True).problems}


def test_a_part_of_a_tensor() -> None:
    def half(self: Own, one: Tensor, group: dict[str, Any]) -> Tensor:
        taken = one * (group["lr"] * group["weight_decay"])
        taken.flatten()[: one.numel() // 2] = 0
        return taken

    model = mlp(256)
    found = audit(model, own(half)(model))
    assert "WD055" in {problem.code for problem in found.problems}
    assert "50%" in found.rows[0].note


def test_a_condition_on_the_shape_of_a_large_tensor() -> None:
    def large(self: Own, one: Tensor, group: dict[str, Any]) -> Tensor:
        return one * (group["lr"] * group["weight_decay"] * (one.numel() < 10_000))

    model = nn.Sequential(nn.Linear(128, 128), nn.Linear(128, 4))
    found = audit(model, own(large)(model))
    assert [row.shrink for row in found.rows if row.shrink] == [RATE * DECAY]
    assert found.rows[0].shrink == 0
    assert "WD045" in {problem.code for problem in found.problems}


def test_l2_and_decay_in_one_adaptive_step() -> None:
    class Both(torch.optim.AdamW):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for one in group["params"]:
                    if one.grad is not None:
                        one.grad = one.grad + group["weight_decay"] * one
            super().step(closure)

    model = mlp()
    found = audit(model, Both(sorted_groups(model), lr=RATE))
    assert {"WD047", "WD049"} <= {problem.code for problem in found.problems}


def test_views_of_one_memory_are_tied() -> None:
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8, bias=False))
    model[2].weight = nn.Parameter(model[0].weight.data)
    found = audit(model, adamw(model, list(model.parameters())))
    assert "WD053" in {problem.code for problem in found.problems}


def test_a_penalty_over_names_counts_tied_weights_twice() -> None:
    model = Tied()
    x = torch.randint(0, 12, (5,))

    def loss(module: nn.Module, once: bool) -> Tensor:
        named = module.named_parameters(remove_duplicate=once)
        return module(x).mean() + 0.01 * sum(one.square().sum() for _, one in named)

    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for once in (True, False):
        found = audit(model, optimizer, policy="all", loss=lambda module, once=once: loss(module, once))
        assert ("WD053" in {problem.code for problem in found.problems}) is not once
        assert found.rows[0].treatment == "decayed"


def test_frozen_weights_with_an_old_gradient() -> None:
    model = mlp()
    model(torch.randn(3, 8)).sum().backward()
    model[0].requires_grad_(False)
    optimizer = adamw(model)
    optimizer.add_param_group({"params": list(model[0].parameters()), "weight_decay": DECAY})
    assert "WD052" in {problem.code for problem in audit(model, optimizer, policy="all").problems}
    model.zero_grad()
    found = audit(model, optimizer, policy="all")
    assert found.ok
    assert [row.treatment for row in found.rows[:2]] == ["frozen", "frozen"]


def test_frozen_ones_may_be_left_out() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    found = audit(model, adamw(model))
    assert found.ok
    assert [(one.code, one.severity) for one in found.problems] == [("WD048", "info")]


def test_two_optimisers_that_share_a_matrix() -> None:
    model = mlp()
    found = audit(model, [adamw(model), torch.optim.SGD([model[0].weight], lr=RATE, weight_decay=DECAY)])
    assert "WD049" in {problem.code for problem in found.problems}
    assert found.rows[0].shrink == pytest.approx(2 * RATE * DECAY)


def test_policies() -> None:
    model = nn.Sequential(nn.Embedding(20, 8), mlp())
    optimizer = adamw(model, list(model.parameters()))
    assert audit(model, optimizer, policy="all").ok
    by_role = audit(model, optimizer, policy={"embedding": "exempt", "bias": "any"})
    assert [(one.code, one.severity) for one in by_role.problems] == [("WD041", "warning")]
    chosen = audit(model, optimizer, policy=lambda name, parameter, role: role != "bias")
    assert [one.code for one in chosen.problems] == ["WD040"]
    for wrong in ("everything", {"gain": "exempt"}, {"bias": "no"}, lambda name, parameter, role: "maybe"):
        with pytest.raises(ValueError, match="policy"):
            audit(model, optimizer, policy=wrong)  # type: ignore[arg-type]


def test_what_is_no_model_no_optimiser_and_no_loss() -> None:
    model = mlp()
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        audit([model], adamw(model))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"torch\.optim\.Optimizer"):
        audit(model, model)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one number"):
        audit(model, adamw(model), loss=lambda module: module(torch.randn(3, 8)))
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        audit(model, adamw(model), loss=lambda module: 1 / 0)
