"""Faults of grouping: torch's own optimisers, with the wrong parameters in the wrong groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from neural.audit.planted_models import (
    ConvNet,
    Gpt,
    Llama,
    Mlp,
    Vit,
    by_name,
    by_shape,
)
from neural.audit.planted_records import Fault, planted

GROUPS: list[Fault] = []


@planted(
    GROUPS,
    "WD040",
    "warning",
    "h.0.ln_1.weight h.0.ln_2.weight",
    why="the rule looks for LayerNorm in the names, and this model calls its norms ln_1, ln_2, ln_f",
    source="transformers#4360",
)
def norms_by_another_name() -> Any:
    model = Gpt()
    no_decay = ["bias", "LayerNorm.weight"]
    groups = by_name(model, 0.1, lambda name: any(one in name for one in no_decay))
    return model, AdamW(groups, lr=3e-4)


@planted(
    GROUPS,
    "WD040",
    "warning",
    "downsample.1.weight downsample.1.bias",
    why="'bn' is looked for in the names, and the norm of the shortcut is called downsample.1",
)
def shortcut_norm_missed() -> Any:
    model = ConvNet()
    groups = by_name(model, 5e-4, lambda name: "bn" in name or name == "fc.bias")
    return model, torch.optim.SGD(groups, lr=0.1, momentum=0.9)


@planted(
    GROUPS,
    "WD040",
    "warning",
    "layers.0.input_layernorm.weight layers.0.post_attention_layernorm.weight",
    why="one group for everything: RMSNorm gains are decayed",
    source="torchtitan#2599",
)
def one_group_for_all() -> Any:
    model = Llama()
    return model, AdamW(model.parameters(), lr=8e-4, betas=(0.9, 0.95), weight_decay=0.1)


@planted(
    GROUPS,
    "WD043",
    "error",
    "",
    why="`in` where `not in` was meant: norms and biases are decayed and everything else is exempt",
    source="CLIP4Clip#11",
)
def groups_swapped() -> Any:
    model = Llama()
    groups = by_name(model, 0.1, lambda name: "norm" not in name and "bias" not in name)
    return model, AdamW(groups, lr=1e-3)


@planted(
    GROUPS,
    "WD043",
    "error",
    "",
    why="a checkpoint whose groups came in the other order, of the same sizes, is loaded by position",
)
def groups_swapped_by_checkpoint() -> Any:
    def built(reverse: bool) -> tuple[nn.Module, Optimizer]:
        model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
        groups = by_shape(model, 0.05)
        return model, AdamW(groups[::-1] if reverse else groups, lr=1e-3)

    _, old = built(reverse=True)
    model, optimizer = built(reverse=False)
    optimizer.load_state_dict(old.state_dict())
    return model, optimizer


@planted(
    GROUPS,
    "WD044",
    "warning",
    "",
    why="no name starts with 'module.backbone' outside DDP: the group with decay is empty, the rest is in the other",
    source="mt-dnn#37",
)
def empty_group() -> Any:
    model = Mlp()
    backbone = [one for name, one in model.named_parameters() if name.startswith("module.backbone")]
    rest = by_shape(model, 0.01)
    return model, AdamW([{"params": backbone, "weight_decay": 0.1}, *rest], lr=1e-3)


@planted(
    GROUPS,
    "WD040",
    "warning",
    "inp.bias norm.weight",
    why="a misspelt key in the exempt group, which the optimiser takes without a word: the default applies",
)
def misspelt_key() -> Any:
    model = Mlp()
    groups = by_shape(model, 0.05)
    groups[1]["weight_dacay"] = groups[1].pop("weight_decay")
    return model, AdamW(groups, lr=1e-3, weight_decay=0.05)


@planted(
    GROUPS,
    "WD042",
    "warning",
    "conv1.weight conv2.weight",
    why="`p.ndim == 2` for matrices: every convolution falls in the exempt group",
)
def convolutions_exempt() -> Any:
    model = ConvNet()
    groups = [
        {"params": [one for one in model.parameters() if one.ndim == 2], "weight_decay": 0.05},
        {"params": [one for one in model.parameters() if one.ndim != 2], "weight_decay": 0.0},
    ]
    return model, AdamW(groups, lr=1e-3)


@planted(
    GROUPS,
    "WD042",
    "warning",
    "head.weight",
    why="a sweep writes param_groups[0]['weight_decay'] only; the head has a group of its own that stays at 0",
)
def sweep_sets_the_first_group() -> Any:
    model = Mlp()
    body = [one for name, one in model.named_parameters() if one.ndim >= 2 and "head" not in name]
    vectors = [one for one in model.parameters() if one.ndim < 2]
    optimizer = AdamW(
        [{"params": body}, {"params": [model.head.weight], "lr": 1e-2}, {"params": vectors}], lr=1e-3, weight_decay=0.0
    )
    optimizer.param_groups[0]["weight_decay"] = 0.1
    return model, optimizer


@planted(
    GROUPS,
    "WD041 WD040",
    "info",
    "pos_embed",
    why="model.no_weight_decay() names pos_embed and cls_token and is never called",
    source="deit#39",
)
def no_weight_decay_not_called() -> Any:
    model = Vit()
    return model, AdamW(by_shape(model, 0.05), lr=5e-4)


@planted(
    GROUPS,
    "WD041",
    "info",
    "embed_tokens.weight",
    why="what has two dimensions is decayed, a table of tokens that is not the head included",
    source="gpt-oss#1",
)
def embedding_decayed() -> Any:
    model = Llama()
    return model, AdamW(by_shape(model, 0.1), lr=1e-3)
