"""The objective of a network as a function of one vector: value, gradient, and products with its curvature."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from weightdecay.neural.groups import Exempt, exempt_names
from weightdecay.neural.opinions.losses import RowLoss

# Rows that are computed at a time, and numbers of a Jacobian.
PART, NUMBERS = 4096, 2**23
# Rows on which it is measured what the parameters of a model are.
SAMPLE = 64

Product = Callable[[Tensor], Tensor]


@final
@dataclass(frozen=True, eq=False)
class Objective:
    """Mean loss of rows as a function of the P trainable numbers of a model, in float64.

    Parameters
    ----------
    module : nn.Module
        A copy of the model.
    names : tuple of str
        Of the trainable parameters.
    x, y, share : Tensor
        Inputs (n, …), prepared targets, and s/Σs (n,).
    loss : RowLoss
    decayed : Tensor of shape (P,) of bool
    k : int
        Outputs per row.
    """

    module: nn.Module
    names: tuple[str, ...]
    x: Tensor
    y: Tensor
    share: Tensor
    loss: RowLoss
    decayed: Tensor
    k: int

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.share)

    @cached_property
    def start(self) -> Tensor:
        """The model's own numbers (P,)."""
        own = dict(self.module.named_parameters())
        return torch.cat([own[name].detach().reshape(-1) for name in self.names])

    @cached_property
    def shapes(self) -> tuple[torch.Size, ...]:
        """Of the trainable parameters."""
        own = dict(self.module.named_parameters())
        return tuple(own[name].shape for name in self.names)

    def run(self, w: Tensor, x: Tensor) -> Tensor:
        """Outputs (n, k)."""
        pieces = torch.split(w, [shape.numel() for shape in self.shapes])
        values = {name: one.view(shape) for name, one, shape in zip(self.names, pieces, self.shapes, strict=True)}
        found: Tensor = functional_call(self.module, values, (x,))
        return found.reshape(len(x), -1)

    def _parts(self) -> Iterator[slice]:
        return (slice(start, start + PART) for start in range(0, self.n, PART))

    def _sum(self, w: Tensor, part: slice) -> Tensor:
        return (self.loss.rows(self.run(w, self.x[part]), self.y[part]) * self.share[part]).sum()

    def value(self, w: Tensor) -> Tensor:
        """Mean loss."""
        with torch.no_grad():
            return torch.stack([self._sum(w, part) for part in self._parts()]).sum()

    def gradient(self, w: Tensor) -> Tensor:
        """Of the mean loss, (P,)."""
        found = torch.zeros_like(w)
        for part in self._parts():
            v = w.detach().requires_grad_()
            with torch.enable_grad():
                found += torch.autograd.grad(self._sum(v, part), v)[0]
        return found

    def hessian(self, w: Tensor) -> Product:
        """v → ∇²(mean loss) v."""
        kept = [self._slope(w, part) for part in self._parts()] if self.n <= PART else None

        def product(v: Tensor) -> Tensor:
            found = torch.zeros_like(v)
            for at, g in kept if kept is not None else (self._slope(w, part) for part in self._parts()):
                if g.requires_grad:
                    again = torch.autograd.grad(g, at, v, retain_graph=kept is not None, allow_unused=True)[0]
                    found += 0.0 if again is None else again
            return found

        return product

    def _slope(self, w: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """A place, and the gradient of some rows there as a function of it."""
        at = w.detach().requires_grad_()
        with torch.enable_grad():
            return at, torch.autograd.grad(self._sum(at, part), at, create_graph=True)[0]

    def gauss_newton(self, w: Tensor) -> Product:
        """v → Σ share Jᵀ ∂²loss J v, without forming J."""
        kept = [self._bent(w, part) for part in self._parts()] if self.n <= PART else None

        def product(v: Tensor) -> Tensor:
            found = torch.zeros_like(v)
            for at, f, u, back, B in kept if kept is not None else (self._bent(w, part) for part in self._parts()):
                # J v by reverse mode alone, which more layers have: the derivative of Jᵀu by u in the direction v.
                ahead = torch.autograd.grad(back, u, v, retain_graph=True)[0]
                bent = torch.einsum("nir,njr,nj->ni", B, B, ahead)
                found += torch.autograd.grad(f, at, bent, retain_graph=kept is not None)[0]
            return found

        return product

    def _bent(self, w: Tensor, part: slice) -> tuple[Tensor, ...]:
        """A place, outputs there, u, Jᵀu, and the root of the curvature by the outputs of some rows."""
        at = w.detach().requires_grad_()
        with torch.enable_grad():
            f = self.run(at, self.x[part])
            u = torch.zeros_like(f, requires_grad=True)
            back = torch.autograd.grad(f, at, u, create_graph=True)[0]
        B = self.loss.factor(f.detach(), self.y[part]) * self.share[part].sqrt()[:, None, None]
        return at, f, u, back, B

    def roots(self, w: Tensor) -> Iterator[Tensor]:
        """Blocks A (·, P) of rows whose sum of AᵀA is the Gauss-Newton matrix of the mean loss."""
        size = max(1, NUMBERS // (self.k * len(w)))
        for start in range(0, self.n, size):
            part = slice(start, start + size)
            with torch.no_grad():
                B = self.loss.factor(self.run(w, self.x[part]), self.y[part])
            B = B * self.share[part].sqrt()[:, None, None]
            yield torch.einsum("nir,nip->nrp", B, self._jacobian(w, self.x[part])).flatten(0, 1)

    def _jacobian(self, w: Tensor, x: Tensor) -> Tensor:
        """(n, k, P)."""

        def single(w: Tensor, row: Tensor) -> Tensor:
            return self.run(w, row[None])[0]

        try:
            found: Tensor = torch.func.vmap(torch.func.jacrev(single), in_dims=(None, 0))(w, x)
        except RuntimeError:  # a module that cannot be vectorised: row by row
            found = torch.stack([_row_by_row(self.run, w, row[None]) for row in x])
        return found.detach()


def _row_by_row(run: Callable[[Tensor, Tensor], Tensor], w: Tensor, row: Tensor) -> Tensor:
    """The Jacobian (k, P) of one row, a backward pass for each output."""
    at = w.detach().requires_grad_()
    with torch.enable_grad():
        outputs = run(at, row)[0]
    return torch.stack([torch.autograd.grad(one, at, retain_graph=True)[0] for one in outputs])


@final
@dataclass(frozen=True, eq=False)
class Penalised:
    """J(w) = mean loss + ½ Σ strength_j w_j², of the numbers that are free; others stay.

    Parameters
    ----------
    objective : Objective
    strength : Tensor of shape (P,)
    free : Tensor of shape (P,)
        1 or 0.
    """

    objective: Objective
    strength: Tensor
    free: Tensor

    def value(self, w: Tensor) -> float:
        """J."""
        return float(self.objective.value(w) + 0.5 * (self.strength * w * w).sum())

    def gradient(self, w: Tensor) -> Tensor:
        """∇J."""
        return self.free * (self.objective.gradient(w) + self.strength * w)

    def hessian(self, w: Tensor) -> Product:
        """v → ∇²J v."""
        product = self.objective.hessian(w)
        return lambda v: self.free * (product(self.free * v) + self.strength * v)


def at_decay(objective: Objective, decay: float) -> Penalised:
    """J at one λ; at ∞ decayed numbers are held, at 0 by whoever calls."""
    decayed = objective.decayed.double()
    if np.isinf(decay):
        return Penalised(objective, torch.zeros_like(decayed), 1.0 - decayed)
    return Penalised(objective, decay * decayed, torch.ones_like(decayed))


def opened(model: nn.Module, X: Any, y: Any, sample_weight: Any, *, loss: RowLoss, exempt: Exempt) -> Objective:
    """A model's objective on rows of positive weight; the model is copied and left as it is.

    Raises
    ------
    TypeError
        The model is no module.
    ValueError
        It has nothing to train, or does not take the rows to numbers.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}: give the trained network itself")
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    x, target = _tensor(X, device), y.detach().to(device) if isinstance(y, Tensor) else torch.as_tensor(np.asarray(y))
    x, target = x.double() if x.is_floating_point() else x, target.to(device)
    if x.ndim < 1 or target.ndim < 1 or len(x) != len(target):
        raise ValueError(f"X has {len(x)} rows and y {tuple(target.shape)}: give as many rows of both")
    weight = _weights(sample_weight, len(x), device)
    x, target, weight = x[weight > 0], target[weight > 0], weight[weight > 0]
    names = tuple(name for name, one in model.named_parameters() if one.requires_grad)
    if not names:
        raise ValueError("the model has no trainable parameter: set requires_grad=True on those that were trained")
    kind = next(one.dtype for one in model.parameters() if one.requires_grad)
    some = x[:SAMPLE].to(kind) if x.is_floating_point() else x[:SAMPLE]
    left = exempt_names(model, exempt, some)
    module = copy.deepcopy(model).double()
    with torch.no_grad():
        found = module(x[:2])
    if not isinstance(found, Tensor) or found.shape[:1] != x[:2].shape[:1]:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"the model gives {shape} for two rows: expected one tensor, with numbers for each row")
    k = int(found.reshape(len(found), -1).shape[1])
    own = dict(module.named_parameters())
    decayed = torch.cat([torch.full((own[name].numel(),), name not in left, device=device) for name in names])
    return Objective(module, names, x, loss.prepared(target, k), weight / weight.sum(), loss, decayed, k)


def _tensor(X: Any, device: torch.device) -> Tensor:
    """Inputs as they are; numbers of arrays are real, those of tensors may be indices."""
    if isinstance(X, Tensor):
        return X.detach().to(device)
    return torch.as_tensor(np.asarray(X, dtype=np.float64), device=device)


def _weights(sample_weight: Any, n: int, device: torch.device) -> Tensor:
    """Weights (n,) of 0 or more."""
    if sample_weight is None:
        return torch.ones(n, dtype=torch.float64, device=device)
    weight = torch.as_tensor(np.asarray(sample_weight, dtype=np.float64), device=device)
    if weight.shape != (n,) or not bool(torch.isfinite(weight).all()) or bool((weight < 0).any()) or not weight.any():
        raise ValueError(f"sample_weight must be {n} finite numbers from 0 up, not all 0; leave it out for equal ones")
    return weight
