"""Optimisers written out whose decay has the wrong amount: another factor, power, sign, place or shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from neural.audit.planted_models import ConvNet, Llama, Lora, Mlp, Vit, by_name, by_shape
from neural.audit.planted_records import Fault, planted

AMOUNTS: list[Fault] = []


class Written(Optimizer):
    """Momentum and settings as people pass them; the step is each one's own."""

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def buffer(self, p: Tensor) -> Tensor:
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(p)
        return state["momentum_buffer"]


def orthogonal(g: Tensor) -> Tensor:
    """Newton-Schulz iteration as Muon has it, on the matrix that a tensor flattens to."""
    x = g.flatten(1)
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.view_as(g)


class ContraMuon(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.buffer(p).lerp_(p.grad, 1 - group["momentum"])
                p.add_(orthogonal(m) if p.ndim >= 2 else m.sign(), alpha=-group["lr"])
        return loss


@planted(
    AMOUNTS,
    "WD045",
    "error",
    "embed_tokens.weight",
    why="the constructor takes weight_decay, the logs print it, step() never uses it",
    source="modded-nanogpt results/20260501_contra_muon",
)
def decay_never_used() -> Any:
    model = Llama()
    return model, ContraMuon(by_shape(model, 0.025), lr=0.02)


class AdamWPlus(AdamW):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
        return super().step(closure)


@planted(
    AMOUNTS,
    "WD049 WD055",
    "error",
    "inp.weight",
    why="a subclass decays and calls the step of AdamW, which decays again",
)
def subclass_decays_again() -> Any:
    model = Mlp()
    return model, AdamWPlus(by_shape(model, 0.1), lr=1e-2)


class DistAdam(Optimizer):
    def __init__(self, params: Any, lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in (one for one in group["params"] if one.grad is not None):
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                m, v = state["m"].lerp_(p.grad, 1 - beta1), state["v"].lerp_(p.grad.square(), 1 - beta2)
                m, v = m / (1 - beta1 ** state["step"]), v / (1 - beta2 ** state["step"])
                update = m / (v.sqrt() + group["eps"])
                update.add_(p, alpha=group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * update)


@planted(
    AMOUNTS,
    "WD054",
    "error",
    "hidden.weight",
    why="the decay is multiplied by lr when it joins the update and once more with it: lr² λ",
    source="modded-nanogpt records/track_1_short/2025-12-29_VeSkipGates",
)
def squared_rate() -> Any:
    model = Mlp()
    return model, DistAdam(by_shape(model, 0.5), lr=0.05, weight_decay=0.0)


class PaperLion(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.buffer(p)
                p.mul_(1 - group["weight_decay"])
                p.sub_(m.lerp(p.grad, 0.1).sign(), alpha=group["lr"])
                m.lerp_(p.grad, 0.01)


@planted(
    AMOUNTS,
    "WD054",
    "error",
    "head.weight",
    why="decay without the rate: when lr anneals, decay takes the trained weights apart",
    source="addons#844",
)
def decay_without_rate() -> Any:
    model = Mlp()
    return model, PaperLion(by_shape(model, 0.01), lr=1e-3)


class OldAdamW(Optimizer):
    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = torch.zeros(())
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
                g = p.grad.add(p, alpha=group["weight_decay"])
                state["step"] += 1
                state["exp_avg"].mul_(0.9).add_(g, alpha=0.1)
                state["exp_avg_sq"].mul_(0.999).addcmul_(g, g, value=0.001)
                denominator = (state["exp_avg_sq"] / (1 - 0.999 ** state["step"])).sqrt_().add_(1e-8)
                p.sub_(group["lr"] / (1 - 0.9 ** state["step"]) * state["exp_avg"] / denominator)


@planted(
    AMOUNTS,
    "WD047",
    "warning",
    "inp.weight",
    why="it is called AdamW and adds λw to the gradient before the moments are formed",
)
def adamw_in_name_only() -> Any:
    model = Mlp()
    return model, OldAdamW(by_shape(model, 0.05), lr=1e-3)


class GrowingSgd(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.add_(p, alpha=group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(AMOUNTS, "WD045 WD055", "error", "hidden.weight", why="the sign is wrong: weights grow")
def wrong_sign() -> Any:
    model = Mlp()
    return model, GrowingSgd(by_shape(model, 0.01), lr=0.1)


class MeanPenaltySgd(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                g = p.grad + group["weight_decay"] / p.numel() * p
                p.sub_(g, alpha=group["lr"])


@planted(
    AMOUNTS,
    "WD055",
    "error",
    "conv2.weight",
    why="λ is divided by the size of the tensor",
    source="Mask_RCNN#1727",
)
def divided_by_size() -> Any:
    model = ConvNet()
    return model, MeanPenaltySgd(by_shape(model, 0.1), lr=0.1)


class ReplicaSgd(Written):
    replicas = 8

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                g = p.grad.clone()
                for _ in range(self.replicas):
                    g.add_(p, alpha=group["weight_decay"])
                p.sub_(g, alpha=group["lr"])


@planted(
    AMOUNTS,
    "WD049 WD055",
    "error",
    "conv1.weight fc.weight",
    why="every replica adds the regularisation gradient and the sum is taken",
    source="keras#7178",
)
def times_replicas() -> Any:
    model = ConvNet()
    return model, ReplicaSgd(by_shape(model, 0.01), lr=0.1)


class SummedLossSgd(Written):
    batch_size = 32

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                g = (p.grad + group["weight_decay"] * p) / self.batch_size
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(g), alpha=group["lr"])


@planted(
    AMOUNTS, "WD055", "error", "hidden.weight", why="gradients of a summed loss are divided by the batch size, λw too"
)
def divided_by_batch() -> Any:
    model = Mlp()
    return model, SummedLossSgd(by_shape(model, 0.05), lr=0.1)


class ScaledGradientSgd(Written):
    scale = 2.0**8

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                g = p.grad.add(p, alpha=group["weight_decay"]).div_(self.scale)
                p.sub_(g, alpha=group["lr"])


@planted(
    AMOUNTS,
    "WD045 WD050 WD055",
    "error",
    "hidden.weight",
    why="λw joins the gradient that is still multiplied by the loss scale, and is unscaled with it",
)
def divided_by_loss_scale() -> Any:
    model = Mlp()
    return model, ScaledGradientSgd(by_shape(model, 0.05), lr=0.1)


class MatricesOnly(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.buffer(p).lerp_(p.grad, 0.05)
                if p.ndim == 2:
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(orthogonal(m), alpha=group["lr"])
                else:
                    p.sub_(m.sign(), alpha=0.1 * group["lr"])


@planted(
    AMOUNTS,
    "WD045",
    "error",
    "conv1.weight conv2.weight",
    why="a Muon for matrices: convolutions take the other branch, which has no decay",
)
def skipped_above_two_dimensions() -> Any:
    model = ConvNet()
    return model, MatricesOnly(by_shape(model, 0.1), lr=0.02)


class Sgdw(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - group["lr"] * group["weight_decay"] / (1 - group["momentum"]))
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    AMOUNTS,
    "WD055",
    "error",
    "inp.weight",
    why="decoupled from the momentum and still divided by 1 - momentum: ten times the decay",
)
def divided_by_momentum() -> Any:
    model = Mlp()
    return model, Sgdw(by_shape(model, 0.01), lr=0.1)


class AdjustedMuon(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.buffer(p).lerp_(p.grad, 1 - group["momentum"])
                lr = group["lr"] * (0.2 * max(p.shape) ** 0.5 if p.ndim == 2 else 0.1)
                p.mul_(1 - lr * group["weight_decay"])
                p.sub_(orthogonal(m) if p.ndim == 2 else m.sign(), alpha=lr)


@planted(
    AMOUNTS,
    "WD055",
    "error",
    "query.lora_A.weight",
    why="decay is multiplied by the rate adjusted to the shape, not by lr",
)
def times_adjusted_rate() -> Any:
    model = Lora()
    trained = [one for one in model.parameters() if one.requires_grad]
    return model, AdjustedMuon(trained, lr=0.02, weight_decay=0.5)


class LayerScaled(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            lr = group["lr"] * group.get("lr_scale", 1.0)
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - lr * group.get("lr_scale", 1.0) * group["weight_decay"])
                p.sub_(self.buffer(p).lerp_(p.grad, 0.1).sign_(), alpha=lr)


@planted(
    AMOUNTS,
    "WD055 WD054",
    "error",
    "blocks.0.c_fc.weight",
    why="layer-wise lr_scale multiplies the decay twice",
)
def layer_scale_twice() -> Any:
    model = Vit()
    named = dict(model.named_parameters())
    vectors = [name for name, one in named.items() if one.ndim < 2 or name in model.no_weight_decay()]
    groups = by_name(model, 0.5, lambda name: name in vectors)
    groups[0]["lr_scale"] = 0.25
    return model, LayerScaled(groups, lr=1e-2)
