"""Faults of set-up: torch's own optimisers in the wrong form, precision, or company, or without their parameters."""

from __future__ import annotations

import copy
import re
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.optim import Adam, AdamW, NAdam, Optimizer

from neural.audit.planted_models import (
    WIDTH,
    ConvNet,
    Gpt,
    Lora,
    Mlp,
    batch,
    by_name,
    by_shape,
    cross_entropy,
    train,
)
from neural.audit.planted_records import Fault, planted

SETTINGS: list[Fault] = []


@planted(
    SETTINGS,
    "WD047",
    "warning",
    "",
    why="Adam's weight_decay is an L2 gradient that its preconditioner divides away",
    source="pytorch#38767",
)
def adam_with_l2() -> Any:
    model = Mlp()
    return model, Adam(by_shape(model, 0.01), lr=1e-3)


@planted(
    SETTINGS,
    "WD047",
    "warning",
    "",
    why="NAdam without decoupled_weight_decay=True is not NAdamW",
)
def nadam_without_its_flag() -> Any:
    model = Mlp()
    return model, NAdam(by_shape(model, 0.01), lr=2e-3)


@planted(
    SETTINGS,
    "WD047",
    "warning",
    "",
    why="a checkpoint from before decoupled_weight_decay existed is loaded: the flag is gone",
)
def flag_lost_with_checkpoint() -> Any:
    model = Mlp()
    optimizer = Adam(by_shape(model, 0.01), lr=1e-3, decoupled_weight_decay=True)
    old = copy.deepcopy(optimizer.state_dict())
    for group in old["param_groups"]:
        del group["decoupled_weight_decay"]
    optimizer.load_state_dict(old)
    return model, optimizer


@planted(
    SETTINGS,
    "WD040",
    "warning",
    "norm.weight norm.bias",
    why="the optimiser is rebuilt from its flat list of parameters: every group's own weight_decay is lost",
)
def groups_lost_by_rebuilding() -> Any:
    model = Mlp()
    first = AdamW(by_shape(model, 0.05), lr=1e-3, weight_decay=0.05)
    flat = [one for group in first.param_groups for one in group["params"]]
    return model, AdamW(flat, lr=first.defaults["lr"], weight_decay=first.defaults["weight_decay"])


@planted(
    SETTINGS,
    "WD046",
    "error",
    "",
    why="an L2 penalty was left in the loss when SGD was replaced by AdamW with its own decay",
)
def penalty_and_adamw() -> Any:
    model = Mlp()
    x, y = batch(model)

    def loss(model: nn.Module) -> Tensor:
        penalty = sum(one.pow(2).sum() for name, one in model.named_parameters() if name.endswith("weight"))
        return cross_entropy(model, x, y) + 5e-3 * penalty

    return model, AdamW(by_shape(model, 0.05), lr=1e-3), loss


@planted(
    SETTINGS,
    "WD053",
    "error",
    "wte.weight",
    why="the penalty runs over named_parameters(remove_duplicate=False): the tied table is counted twice",
)
def tied_penalised_twice() -> Any:
    model = Gpt()
    x, y = batch(model)

    def loss(model: nn.Module) -> Tensor:
        every = model.named_parameters(remove_duplicate=False)
        return cross_entropy(model, x, y) + 0.5 * 1e-2 * sum(one.pow(2).sum() for _, one in every if one.ndim >= 2)

    return model, torch.optim.SGD(model.parameters(), lr=0.1), loss


@planted(
    SETTINGS,
    "WD053 WD049",
    "error",
    "wte.weight",
    why="groups built by name with remove_duplicate=False: torch only warns, and steps the tied table twice",
    source="pytorch#40967",
)
def tied_twice_in_a_group() -> Any:
    model = Gpt()
    every = list(model.named_parameters(remove_duplicate=False))
    groups = [
        {"params": [one for _, one in every if one.ndim >= 2], "weight_decay": 0.1},
        {"params": [one for _, one in every if one.ndim < 2], "weight_decay": 0.0},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model, AdamW(groups, lr=1e-3)


@planted(
    SETTINGS,
    "WD049",
    "error",
    "head.weight",
    why="a group is appended to param_groups behind add_param_group's back: the head is in two groups",
)
def head_in_two_groups() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    optimizer.param_groups.append({**optimizer.param_groups[0], "params": [model.head.weight], "lr": 1e-2})
    return model, optimizer


@planted(
    SETTINGS,
    "WD050",
    "error",
    "wte.weight",
    why="bfloat16 weights: lr * weight_decay = 1e-4 is below half a unit in the last place, 2e-3 to 4e-3",
    source="OneTrainer#996",
)
def lost_in_bfloat16() -> Any:
    model = Gpt().to(torch.bfloat16)
    return model, AdamW(by_shape(model, 0.1), lr=1e-3)


@planted(
    SETTINGS,
    "WD050",
    "error",
    "hidden.weight",
    why="float16 weights: lr * weight_decay = 1e-5 is below half a unit in the last place, 2.4e-4 to 4.9e-4",
)
def lost_in_float16() -> Any:
    model = Mlp().to(torch.float16)
    return model, torch.optim.SGD(by_shape(model, 1e-2), lr=1e-3, momentum=0.9)


@planted(
    SETTINGS,
    "WD050",
    "error",
    "query.lora_A.weight",
    why="even in float32: 1 - 2e-5 * 1e-3 rounds to 1, so nothing ever shrinks",
    source="unsloth PR #5747",
)
def lost_in_float32() -> Any:
    model = Lora()
    trained = [one for one in model.parameters() if one.requires_grad]
    return model, AdamW(trained, lr=2e-5, weight_decay=1e-3)


@planted(
    SETTINGS,
    "WD048",
    "error",
    "head.1.weight",
    why="a larger head is put on after the optimiser was made",
)
def head_added_later() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    model.head = nn.Sequential(model.head, nn.Linear(3, 5))
    return model, optimizer


@planted(
    SETTINGS,
    "WD048",
    "error",
    "conv1.weight",
    why="the optimiser was given filter(requires_grad) while the backbone was frozen; now it is not",
)
def unfrozen_later() -> Any:
    model = ConvNet()
    backbone = [one for name, one in model.named_parameters() if not re.match("fc", name)]
    for one in backbone:
        one.requires_grad_(False)
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    for one in backbone:
        one.requires_grad_(True)
    return model, optimizer


@planted(
    SETTINGS,
    "WD048",
    "error",
    "head.weight head.bias",
    why="the head is made anew after the optimiser, which still holds the old one",
)
def head_made_anew() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    model.head = nn.Linear(WIDTH, 3)
    return model, optimizer


@planted(
    SETTINGS,
    "WD048",
    "error",
    "inp.weight head.weight",
    why="the optimiser was made for the model before it was copied: it trains nothing of the copy",
)
def optimizer_of_another_copy() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    return copy.deepcopy(model), optimizer


@planted(
    SETTINGS,
    "WD049 WD055",
    "error",
    "hidden.weight",
    why="a hook of somebody's 'decoupled decay' is still registered on an optimiser that decays by itself",
)
def hook_decays_again() -> Any:
    model = Mlp()
    optimizer = torch.optim.SGD(by_shape(model, 0.01), lr=0.1)
    optimizer.register_step_pre_hook(_decay)
    return model, optimizer


def _decay(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
    with torch.no_grad():
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.mul_(1 - group["lr"] * group["weight_decay"])


@planted(
    SETTINGS,
    "WD042 WD045",
    "warning",
    "1.parametrizations.weight.original",
    why="weight_norm with the lengths exempt: decay shortens the directions, which leaves the weight as it is",
)
def length_exempt_under_weight_norm() -> Any:
    model = nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(12, 16)), nn.ReLU(), weight_norm(nn.Linear(16, 3)))
    groups = by_name(model, 0.05, lambda name: name.endswith(("bias", "original0")))
    return model, AdamW(groups, lr=1e-3)


@planted(
    SETTINGS,
    "WD050",
    "error",
    "head.weight",
    why="the run went on in bfloat16 after a float32 start: model.to() keeps the parameters, and the decay is lost",
)
def turned_to_bfloat16_in_the_middle() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.01), lr=1e-3)
    train(model, optimizer, 2)
    model.to(torch.bfloat16)
    for state in optimizer.state.values():
        state.update({key: one.to(torch.bfloat16) for key, one in state.items() if key.startswith("exp_avg")})
    return model, optimizer
