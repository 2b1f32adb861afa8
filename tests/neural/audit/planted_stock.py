"""Sound recipes as people copy them: nothing may be said against any of them."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adafactor, Adagrad, Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop

from neural.audit.planted_amounts import Written, orthogonal
from neural.audit.planted_models import (
    Bert,
    ConvNet,
    Gpt,
    Llama,
    Lora,
    Mlp,
    Vit,
    by_name,
    by_shape,
)
from neural.audit.planted_records import Recipe, stock

RECIPES: list[Recipe] = []


@stock(RECIPES)
def nanogpt() -> Any:
    model = Gpt()
    return model, AdamW(by_shape(model, 0.1), lr=6e-4, betas=(0.9, 0.95))


@stock(RECIPES)
def timm_groups() -> Any:
    model = Vit()
    skip = model.no_weight_decay()
    named = dict(model.named_parameters())
    exempt = {name for name, one in named.items() if one.ndim <= 1 or name.endswith(".bias") or name in skip}
    return model, AdamW(by_name(model, 0.05, lambda name: name in exempt), lr=5e-4)


@stock(RECIPES)
def layer_wise_rates() -> Any:
    model = Vit()
    skip = model.no_weight_decay()
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, one in model.named_parameters():
        block = re.match(r"blocks\.(\d+)", name)
        depth = int(block.group(1)) + 1 if block else 3 if name.startswith(("norm", "head")) else 0
        exempt = one.ndim <= 1 or name in skip
        fresh = {"params": [], "lr": 5e-4 * 0.75 ** (3 - depth), "weight_decay": 0.0 if exempt else 0.05}
        groups.setdefault((depth, exempt), fresh)["params"].append(one)
    return model, AdamW(list(groups.values()), lr=5e-4)


TRANSFORMERS = re.compile(r"bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)|ln_", re.IGNORECASE)


@stock(RECIPES)
def transformers_bert() -> Any:
    model = Bert()
    no_decay = ["bias", "LayerNorm.weight"]
    groups = by_name(model, 0.01, lambda name: any(one in name for one in no_decay))
    return model, AdamW(groups, lr=2e-5, eps=1e-8)


@stock(RECIPES)
def transformers_gpt() -> Any:
    model = Gpt()
    return model, AdamW(by_name(model, 0.01, lambda name: bool(TRANSFORMERS.search(name))), lr=5e-5)


@stock(RECIPES)
def transformers_llama() -> Any:
    model = Llama()
    return model, AdamW(by_name(model, 0.1, lambda name: bool(TRANSFORMERS.search(name))), lr=3e-4)


@stock(RECIPES)
def lora() -> Any:
    model = Lora()
    for name, one in model.named_parameters():
        if "lora_B" in name:
            nn.init.zeros_(one)
    return model, AdamW([one for one in model.parameters() if one.requires_grad], lr=2e-4, weight_decay=0.01)


@stock(RECIPES, "all")
def adamw_on_mlp() -> Any:
    model = Mlp()
    return model, AdamW(model.parameters(), lr=1e-3)


@stock(RECIPES, "all")
def sgd_on_resnet() -> Any:
    model = ConvNet()
    return model, SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


@stock(RECIPES)
def nesterov() -> Any:
    model = ConvNet()
    return model, SGD(by_shape(model, 5e-4), lr=0.1, momentum=0.9, nesterov=True)


@stock(RECIPES)
def adam_without_decay() -> Any:
    model = Mlp()
    return model, Adam(model.parameters(), lr=1e-3)


@stock(RECIPES)
def rmsprop() -> Any:
    model = ConvNet()
    return model, RMSprop(model.parameters(), lr=1e-3, momentum=0.9)


@stock(RECIPES)
def adagrad() -> Any:
    model = Mlp()
    return model, Adagrad(model.parameters(), lr=1e-2)


@stock(RECIPES)
def nadamw() -> Any:
    model = Mlp()
    return model, NAdam(by_shape(model, 0.01), lr=2e-3, decoupled_weight_decay=True)


@stock(RECIPES)
def radamw() -> Any:
    model = Llama()
    return model, RAdam(by_shape(model, 0.1), lr=1e-3, decoupled_weight_decay=True)


@stock(RECIPES)
def adafactor() -> Any:
    model = Llama()
    return model, Adafactor(by_shape(model, 0.1), lr=1e-2)


@stock(RECIPES)
def adamw_with_tensor_rate() -> Any:
    model = Mlp()
    return model, AdamW(by_shape(model, 0.05), lr=torch.tensor(1e-3), foreach=False)


@stock(RECIPES)
def adamw_fused() -> Any:
    model = Mlp()
    return model, AdamW(by_shape(model, 0.05), lr=1e-3, fused=True)


@stock(RECIPES)
def adamw_foreach_amsgrad() -> Any:
    model = Mlp()
    return model, AdamW(by_shape(model, 0.05), lr=1e-3, foreach=True, amsgrad=True)


class MuonWithAdamW(Optimizer):
    """Hidden matrices to Muon, the rest to AdamW; one list of groups, the inner optimisers' own dictionaries."""

    def __init__(self, matrices: list[Tensor], rest: list[dict[str, Any]]) -> None:
        muon = torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1)
        adamw = AdamW(rest, lr=3e-4, betas=(0.9, 0.95))
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        muon.param_groups, adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        self.inner = [muon, adamw]

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for one in self.inner:
            one.step()
        return loss


@stock(RECIPES)
def muon_with_adamw() -> Any:
    model = Gpt(tied=False)
    hidden = [one for name, one in model.named_parameters() if one.ndim == 2 and name.startswith("h.")]
    table = [one for name, one in model.named_parameters() if one.ndim == 2 and not name.startswith("h.")]
    vectors = [one for one in model.parameters() if one.ndim < 2]
    rest = [{"params": table, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return model, MuonWithAdamW(hidden, rest)


class Muon(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.buffer(p).mul_(group["momentum"]).add_(p.grad)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                if p.ndim < 2:
                    p.sub_(m.sign(), alpha=0.1 * group["lr"])
                else:
                    update = orthogonal(p.grad.add(m, alpha=group["momentum"]))
                    p.sub_(update, alpha=group["lr"] * max(1, p.shape[0] / p[0].numel()) ** 0.5)


@stock(RECIPES)
def muon_written_out() -> Any:
    model = ConvNet()
    return model, Muon(by_shape(model, 0.1), lr=0.02, momentum=0.95)


class Lion(Optimizer):
    def __init__(self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.mul_(1 - group["lr"] * group["weight_decay"])
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.add_(torch.sign(m * beta1 + p.grad * (1 - beta1)), alpha=-group["lr"])
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)
        return loss


@stock(RECIPES)
def lion() -> Any:
    model = Gpt()
    return model, Lion(by_shape(model, 1.0), lr=1e-4)


class Sam(Optimizer):
    """Sharpness-aware, around an inner optimiser that decays once; a step needs a closure."""

    def __init__(self, inner: Optimizer) -> None:
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.param_groups = inner, inner.param_groups

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        assert closure is not None, "Sam needs a closure"
        closure = torch.enable_grad()(closure)
        loss = closure()
        moved = [(p, p.grad * (0.05 / (p.grad.norm() + 1e-12))) for p in self.trained()]
        for p, climb in moved:
            p.add_(climb)
        closure()
        for p, climb in moved:
            p.sub_(climb)
        self.inner.step()
        return loss

    def trained(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]


@stock(RECIPES)
def sam_around_sgd() -> Any:
    model = Mlp()
    return model, Sam(SGD(by_shape(model, 5e-3), lr=0.1, momentum=0.9))
