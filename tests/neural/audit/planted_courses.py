"""Optimisers written out where something else undoes, repeats or redirects the decay."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

from neural.audit.planted_amounts import Written
from neural.audit.planted_models import Llama, Mlp, by_shape
from neural.audit.planted_records import Fault, planted

COURSES: list[Fault] = []


class TowardsInitial(Written):
    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.initial = {p: p.detach().clone() for group in self.param_groups for p in group["params"]}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.sub_(p - self.initial[p], alpha=group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])


@planted(
    COURSES,
    "WD045 WD055",
    "error",
    "hidden.weight",
    why="weights are drawn to where they started, not to 0",
)
def towards_initial() -> Any:
    model = Mlp()
    return model, TowardsInitial(by_shape(model, 0.05), lr=0.1)


class BufferDecay(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                buffer = self.buffer(p).mul_(group["momentum"]).add_(p.grad)
                buffer.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(buffer, alpha=group["lr"])


@planted(COURSES, "WD045", "error", "inp.weight", why="the momentum is decayed, not the weights")
def momentum_decayed() -> Any:
    model = Mlp()
    return model, BufferDecay(by_shape(model, 0.05), lr=0.1)


class MasterWeights(Optimizer):
    """bfloat16 weights with float32 copies; the decay acts on the weights that the copies overwrite."""

    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.master = {p: p.detach().float() for group in self.param_groups for p in group["params"]}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                master = self.master[p]
                master.sub_(p.grad.float(), alpha=group["lr"])
                p.copy_(master)


@planted(
    COURSES,
    "WD045",
    "error",
    "embed_tokens.weight",
    why="decay is applied to the half-precision weights, which the master copies then overwrite",
)
def master_weights_overwrite() -> Any:
    model = Llama().to(torch.bfloat16)
    return model, MasterWeights(by_shape(model, 0.5), lr=0.1)


class SharpnessAware(Optimizer):
    """Up along the gradient, back, and down with the gradient from up there; decay on both ways."""

    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0, rho: float = 0.05) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "rho": rho})

    def _move(self, up: bool) -> None:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                if up:
                    self.state[p]["climb"] = p.grad * (group["rho"] / (p.grad.norm() + 1e-12))
                    p.add_(self.state[p]["climb"])
                else:
                    p.sub_(self.state[p]["climb"]).sub_(p.grad, alpha=group["lr"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if closure is None:
            raise RuntimeError("SharpnessAware requires a closure that computes the loss and its gradients")
        closure = torch.enable_grad()(closure)
        loss = closure()
        self._move(up=True)
        closure()
        self._move(up=False)
        return loss


@planted(
    COURSES,
    "WD049 WD055",
    "error",
    "hidden.weight",
    why="both halves of a sharpness-aware step decay; the step needs a closure",
)
def both_halves_decay() -> Any:
    model = Mlp()
    return model, SharpnessAware(by_shape(model, 0.05), lr=0.1)


class Hyperball(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                norm = p.norm()
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).lerp_(p.grad, 0.1), alpha=group["lr"])
                if p.ndim >= 2:
                    p.mul_(norm / p.norm())


@planted(
    COURSES, "WD045", "error", "hidden.weight", why="matrices are put back to their old norm after every decayed step"
)
def norm_restored() -> Any:
    model = Mlp()
    return model, Hyperball(by_shape(model, 0.05), lr=0.1)


class Lookahead(Optimizer):
    """Slow weights, told only the gradient steps, are copied back at every step."""

    def __init__(self, inner: Optimizer) -> None:
        self.inner = inner
        super().__init__(inner.param_groups, inner.defaults)
        self.param_groups = inner.param_groups
        self.slow = {p: p.detach().clone() for group in self.param_groups for p in group["params"]}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        before = {p: p.clone() for p in self.slow}
        self.inner.step()
        for group in self.param_groups:
            keep = 1 - group["lr"] * group["weight_decay"]
            for p in group["params"]:
                self.slow[p].add_(p - keep * before[p] if p.grad is not None else 0)
                p.copy_(self.slow[p])


@planted(
    COURSES,
    "WD045",
    "error",
    "inp.weight",
    why="a wrapper adds the gradient's part of each step to slow weights and copies them back",
)
def slow_weights_without_decay() -> Any:
    model = Mlp()
    return model, Lookahead(torch.optim.AdamW(by_shape(model, 0.5), lr=1e-2))


class WarmDecay(Written):
    """Decay after a warm-up that is counted in an attribute, which no checkpoint has."""

    done = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        ramp = min(1.0, self.done / 1000)
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.mul_(1 - ramp * group["lr"] * group["weight_decay"])
                p.sub_(self.buffer(p).lerp_(p.grad, 0.1).sign_(), alpha=group["lr"])
        self.done += 1


@planted(
    COURSES,
    "WD045 WD055",
    "error",
    "head.weight",
    why="a hidden warm-up of the decay starts again with every process",
)
def hidden_warm_up() -> Any:
    model = Mlp()
    return model, WarmDecay(by_shape(model, 0.5), lr=1e-2)


class ClippedDecay(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                change = (group["lr"] * group["weight_decay"] * p).clamp_(-1e-4, 1e-4)
                p.sub_(change).sub_(self.buffer(p).lerp_(p.grad, 0.1).sign_(), alpha=group["lr"])


@planted(
    COURSES, "WD055", "error", "hidden.weight", why="the decay of each weight is clipped at 1e-4: large weights stay"
)
def clipped_decay() -> Any:
    model = Mlp()
    return model, ClippedDecay(by_shape(model, 0.5), lr=0.01)


class ClippedLion(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                m = self.buffer(p)
                update = m.lerp(p.grad, 0.1).sign_().add_(p, alpha=group["weight_decay"]).clamp_(-1, 1)
                p.sub_(update, alpha=group["lr"])
                m.lerp_(p.grad, 0.01)


@planted(
    COURSES,
    "WD055",
    "error",
    "hidden.weight",
    why="update and decay are clipped to ±1 together: of one sign, the decay is lost; zero gradients hide it",
)
def clipped_with_the_update() -> Any:
    model = Mlp()
    return model, ClippedLion(by_shape(model, 0.5), lr=1e-2)


class SignDecay(Written):
    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                g = p.grad.add(p.sign(), alpha=group["weight_decay"])
                p.sub_(g, alpha=group["lr"])


@planted(COURSES, "WD055", "error", "hidden.weight", why="λ sign(w), the gradient of L1, under the name weight_decay")
def sign_of_the_weights() -> Any:
    model = Mlp()
    return model, SignDecay(by_shape(model, 0.01), lr=0.1)


class DefaultClosure(Written):
    """Decays where its closure is called, so a caller without one gets none."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
            for group in self.param_groups:
                for p in (one for one in group["params"] if one.grad is not None):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
        for group in self.param_groups:
            for p in (one for one in group["params"] if one.grad is not None):
                p.sub_(self.buffer(p).mul_(group["momentum"]).add_(p.grad), alpha=group["lr"])
        return loss


@planted(
    COURSES,
    "WD045",
    "error",
    "hidden.weight",
    why="decay sits in the branch for closures; everybody calls step() without one",
)
def only_with_a_closure() -> Any:
    model = Mlp()
    return model, DefaultClosure(by_shape(model, 0.05), lr=0.1)
