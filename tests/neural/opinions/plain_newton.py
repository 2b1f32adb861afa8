"""Oracles: minima of J and their evidence, in plain NumPy and plain torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float64]


def softmax_fit(X: Floats, Y: Floats, s: Floats, decay: float, decayed: Floats) -> tuple[Floats, Floats, float]:
    """Newton's method for Σ s_i logloss_i/Σs + λ/2 Σ p w²: W (k, q), the Hessian of the mean loss, and J.

    X (n, q) has a column of ones where there is an intercept; Y (n, k) one-hot; decayed (q,) is p.
    """
    q = X.shape[1]
    k = Y.shape[1]
    W, share, p = np.zeros((k, q)), s / s.sum(), np.tile(decayed, k)
    for _ in range(60):
        F = X @ W.T
        P = np.exp(F - F.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        g = ((P - Y) * share[:, None]).T @ X
        H = np.zeros((k * q, k * q))
        for a in range(k):
            for b in range(k):
                bend = share * P[:, a] * ((a == b) - P[:, b])
                H[a * q : (a + 1) * q, b * q : (b + 1) * q] = X.T @ (bend[:, None] * X)
        full = g.ravel() + decay * p * W.ravel()
        step = np.linalg.lstsq(H + decay * np.diag(p), full, rcond=1e-13)[0]
        W = W - step.reshape(k, q)
        if np.abs(step).max() < 1e-14:
            break
    value = -(share @ np.log((P * Y).sum(axis=1))) + 0.5 * decay * (p * W.ravel() ** 2).sum()
    return W, H, float(value)


def laplace(J: float, G: Floats, decay: float, decayed: NDArray[np.bool_], n: int) -> float:
    """J + ½ [log det(G + λP) − log det⁺ G_ee − D log λ]/n, by dense determinants; G of a mean loss."""
    inner = G[np.ix_(~decayed, ~decayed)]
    values, Q = np.linalg.eigh(inner)
    good = values > 1e-10 * max(values.max(initial=0.0), 1e-300)
    # Directions that neither the loss nor the prior knows take no part.
    basis = np.zeros((len(G), decayed.sum() + good.sum()))
    basis[np.flatnonzero(decayed), np.arange(decayed.sum())] = 1.0
    basis[np.flatnonzero(~decayed)[:, None], decayed.sum() + np.arange(good.sum())] = Q[:, good]
    A = basis.T @ (G + decay * np.diag(decayed.astype(float))) @ basis
    log_det = np.linalg.slogdet(A)[1] - np.log(values[good]).sum() - decayed.sum() * np.log(decay)
    return float(J + 0.5 * log_det / n)


def trained(model: nn.Module, mean_loss: Callable[[nn.Module], Any], decay: Any, steps: int = 30) -> nn.Module:
    """A float64 module at a minimum of mean loss + ½ Σ λ_name ‖w_name‖², by L-BFGS and then Newton's method."""
    own = list(model.named_parameters())

    def penalised() -> Any:
        return mean_loss(model) + sum(0.5 * decay(name) * one.square().sum() for name, one in own)

    search = torch.optim.LBFGS(
        model.parameters(), max_iter=4000, tolerance_grad=1e-11, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Any:
        search.zero_grad()
        value = penalised()
        value.backward()
        return value

    search.step(closure)
    sizes = [one.numel() for _, one in own]
    for _ in range(steps):
        slopes = torch.autograd.grad(penalised(), [one for _, one in own], create_graph=True)
        g = torch.cat([one.reshape(-1) for one in slopes])
        H = torch.stack([flat(one, [p for _, p in own]) for one in g])
        step = torch.linalg.solve(H, g.detach())
        assert bool((torch.linalg.eigvalsh(H) > 0).all())
        with torch.no_grad():
            for one, part in zip([p for _, p in own], torch.split(step, sizes), strict=True):
                one.sub_(part.view_as(one))
        if float(step.abs().max()) < 1e-13:
            break
    return model


def flat(value: Any, own: Any) -> Any:
    """The gradient of one number as one vector."""
    found = torch.autograd.grad(value, own, retain_graph=True, allow_unused=True)
    parts = [torch.zeros_like(one) if g is None else g for g, one in zip(found, own, strict=True)]
    return torch.cat([one.reshape(-1) for one in parts])


def dense_gauss_newton(model: nn.Module, x: torch.Tensor) -> Floats:
    """Σ JᵀJ/n of squared error, J by one backward pass per output."""
    own = list(model.parameters())
    J = torch.stack([flat(one, own) for one in model(x).reshape(-1)]).numpy()
    return np.asarray(J.T @ J / len(x))
