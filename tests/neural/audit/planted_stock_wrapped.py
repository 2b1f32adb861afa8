"""Sound recipes with something around them: our forms, wrappers, schedules, scalers, penalties."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

import weightdecay as wd
from neural.audit.planted_models import (
    Bert,
    ConvNet,
    Gpt,
    Llama,
    Mlp,
    batch,
    by_name,
    by_shape,
    cross_entropy,
    train,
)
from neural.audit.planted_records import Recipe, stock

WRAPPED: list[Recipe] = []


@stock(WRAPPED)
def coupled_by_ours() -> Any:
    model = Mlp()
    return model, _ours(SGD(_groups(model), lr=0.1, momentum=0.9), "coupled")


@stock(WRAPPED)
def decoupled_by_ours() -> Any:
    model = Bert()
    return model, _ours(Adam(_groups(model), lr=1e-3), "decoupled")


@stock(WRAPPED)
def independent_by_ours() -> Any:
    model = Gpt()
    return model, _ours(AdamW(_groups(model), lr=1e-3), "independent", peak_lr=2e-3)


@stock(WRAPPED)
def corrected_by_ours() -> Any:
    model = Llama()
    return model, _ours(AdamW(_groups(model), lr=1e-3), "corrected", peak_lr=2e-3, normalised=True)


@stock(WRAPPED)
def cautious_by_ours() -> Any:
    model = Mlp()
    return model, _ours(AdamW(_groups(model), lr=1e-3), "cautious")


@stock(WRAPPED)
def bfloat16_compensated() -> Any:
    model = Gpt().to(torch.bfloat16)
    return model, _ours(AdamW(_groups(model), lr=1e-3), "decoupled")


def _groups(model: nn.Module) -> list[dict[str, Any]]:
    return wd.param_groups(model, 0.05, verbose=False)


def _ours(optimizer: Optimizer, form: str, **more: Any) -> Optimizer:
    return wd.with_decay(optimizer, form=form, **more)


@stock(WRAPPED)
def compiled() -> Any:
    model = torch.compile(Mlp(), backend="eager")
    return model, AdamW(by_shape(model, 0.05), lr=1e-3)


class Parallel(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any) -> Any:
        return self.module(*args)


@stock(WRAPPED)
def data_parallel() -> Any:
    model = Parallel(ConvNet())
    return model, SGD(by_shape(model, 1e-4), lr=0.1, momentum=0.9)


@stock(WRAPPED)
def one_cycle_at_its_start() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.01), lr=1e-3)
    OneCycleLR(optimizer, max_lr=1e-3, total_steps=1000)
    return model, optimizer


@stock(WRAPPED)
def warm_up_from_zero() -> Any:
    model = Bert()
    groups = by_name(model, 0.01, lambda name: bool(re.search("bias|LayerNorm", name)))
    optimizer = AdamW(groups, lr=5e-5)
    LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    return model, optimizer


@stock(WRAPPED)
def grad_scaler_in_use() -> Any:
    model = Mlp()
    optimizer = AdamW(by_shape(model, 0.05), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    x, y = batch(model)
    for _ in range(3):
        optimizer.zero_grad()
        scaler.scale(cross_entropy(model, x, y)).backward()
        scaler.step(optimizer)
        scaler.update()
    return model, optimizer


@stock(WRAPPED)
def in_the_middle_of_training() -> Any:
    model = ConvNet()
    optimizer = SGD(by_shape(model, 5e-4), lr=0.1, momentum=0.9, nesterov=True)
    train(model, optimizer, 3)
    return model, optimizer


@stock(WRAPPED)
def penalty_in_the_loss() -> Any:
    model = Mlp()
    x, y = batch(model)

    def loss(model: nn.Module) -> Tensor:
        penalty = sum(one.pow(2).sum() for one in model.parameters() if one.ndim >= 2)
        return cross_entropy(model, x, y) + 0.5 * 1e-3 * penalty

    return model, SGD(model.parameters(), lr=0.1, momentum=0.9), loss


@stock(WRAPPED)
def lazy_layers_since_initialised() -> Any:
    model = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(3))
    optimizer = AdamW(
        [
            {"params": [one for name, one in model.named_parameters() if name.endswith("weight")]},
            {"params": [one for name, one in model.named_parameters() if name.endswith("bias")], "weight_decay": 0.0},
        ],
        lr=1e-3,
        weight_decay=0.05,
    )
    model(torch.randn(4, 12))
    return model, optimizer


@stock(WRAPPED)
def lstm() -> Any:
    model = nn.LSTM(12, 16, num_layers=2)
    return model, AdamW(by_name(model, 0.05, lambda name: name.startswith("bias")), lr=1e-3)
