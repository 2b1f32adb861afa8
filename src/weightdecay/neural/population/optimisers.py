"""Optimisers: one step for all members, with each one's own learning rate and decay, in the form that is asked for.

With u the step that the optimiser takes at learning rate 1, a member's weights move by

    w ← w − η u − a (w − c),    a = ηλ (decoupled, and corrected at a constant rate), λ (independent),

of which the mask of `cautious` takes the coordinates with u (w − c) ≥ 0; `coupled` and `penalty` add λ(w − c) to the
gradient before u is formed. An L1 share ρ leaves (1 − ρ) a in that place and is a soft threshold of aρ after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor
from torch.optim.adam import adam


@final
@dataclass(frozen=True)
class Settings:
    """What an optimiser does besides.

    Parameters
    ----------
    kind : str
        ``"adam"`` or ``"sgd"``.
    form : str
    l1_ratio : float
        ρ.
    betas : (float, float)
        Of Adam; the first is the momentum of SGD.
    eps : float
    """

    kind: str = "adam"
    form: str = "decoupled"
    l1_ratio: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


class Direction(Protocol):
    """How steps come from gradients."""

    def step(self, W: Tensor, G: Tensor, rate: Tensor) -> None:
        """Move all members' weights."""
        ...

    def direction(self, G: Tensor) -> Tensor:
        """u (M, P), by which a weight is to move per unit of learning rate."""
        ...


@final
class Adam:
    """u = m̂/(√v̂ + ε). Kingma & Ba (2015), "Adam", algorithm 1."""

    def __init__(self, W: Tensor, rate: Tensor, settings: Settings) -> None:
        self.m, self.v = torch.zeros_like(W), torch.zeros_like(W)
        self.count, self.settings = 0, settings
        self.alike, self.rate = bool((rate == rate[0]).all()), float(rate[0])
        self.steps = torch.zeros((), dtype=torch.float32, device=W.device)

    def direction(self, G: Tensor) -> Tensor:
        """Of the gradients of this step."""
        first, second = self.settings.betas
        self.count += 1
        self.m.lerp_(G, 1.0 - first)
        self.v.mul_(second).addcmul_(G, G, value=1.0 - second)
        root = self.v.sqrt()
        root /= (1.0 - second**self.count) ** 0.5
        root += self.settings.eps
        return (self.m / (1.0 - first**self.count)).div_(root)

    def step(self, W: Tensor, G: Tensor, rate: Tensor) -> None:
        """By torch's fused kernel where all members have one learning rate."""
        if not self.alike:
            W.sub_(self.direction(G).mul_(rate[:, None]))
            return
        first, second = self.settings.betas
        adam(
            [W],
            [G],
            [self.m],
            [self.v],
            [],
            [self.steps],
            fused=True,
            amsgrad=False,
            beta1=first,
            beta2=second,
            lr=self.rate,
            weight_decay=0.0,
            eps=self.settings.eps,
            maximize=False,
        )


@final
class Sgd:
    """u = b with b ← μ b + g, the gradient itself without momentum."""

    def __init__(self, W: Tensor, settings: Settings) -> None:
        self.momentum = settings.betas[0]
        self.b: Tensor | None = None

    def direction(self, G: Tensor) -> Tensor:
        """Of the gradients of this step."""
        if self.momentum == 0.0:
            return G.clone()
        self.b = G.clone() if self.b is None else self.b.mul_(self.momentum).add_(G)
        return self.b.clone()

    def step(self, W: Tensor, G: Tensor, rate: Tensor) -> None:
        """Move."""
        W.sub_(self.direction(G).mul_(rate[:, None]))


@final
class Optimiser:
    """Steps of M members.

    Parameters
    ----------
    W, G : Tensor of shape (M, P)
    decayed : int
        The first numbers of a row, which λ acts on.
    decay, rate : Tensor of shape (M,)
        λ and η of each member.
    settings : Settings
    centre : Tensor of shape (P,), or (M, P), or None
        c, 0 where there is none.
    """

    def __init__(
        self,
        rows: tuple[Tensor, Tensor],
        decayed: int,
        strengths: tuple[Tensor, Tensor],
        settings: Settings,
        centre: Tensor | None = None,
    ) -> None:
        self.W, self.G = rows
        self.D, self.settings = decayed, settings
        self.decay, self.rate = strengths
        self.centre = None if centre is None else centre[..., :decayed]
        self.direction: Direction = (
            Adam(self.W, self.rate, settings) if settings.kind == "adam" else Sgd(self.W, settings)
        )
        own = self.decay if settings.form == "independent" else self.decay * self.rate
        self.pull = (own * (1.0 - settings.l1_ratio))[:, None]
        self.threshold = (own * settings.l1_ratio)[:, None]

    def step(self) -> None:
        """One step of all members with the gradients in G."""
        form, w = self.settings.form, self.W[:, : self.D]
        away = w if self.centre is None else w - self.centre
        if form in ("coupled", "penalty"):
            share = self.settings.l1_ratio
            extra = away if share == 0.0 else (1.0 - share) * away + share * torch.sign(away)
            self.G[:, : self.D].addcmul_(extra, self.decay[:, None].expand_as(extra))
            self.direction.step(self.W, self.G, self.rate)
            return
        if form == "cautious":
            u = self.direction.direction(self.G)
            away = away * ((u[:, : self.D] * away) >= 0)
            shrink = away.mul_(self.pull)
            self.W.sub_(u.mul_(self.rate[:, None]))
            w.sub_(shrink)
        elif self.centre is None:
            w.mul_(1.0 - self.pull)
            self.direction.step(self.W, self.G, self.rate)
        else:
            w.sub_(away.mul_(self.pull))
            self.direction.step(self.W, self.G, self.rate)
        if self.settings.l1_ratio:
            away = w if self.centre is None else w - self.centre
            small = torch.sign(away) * torch.clamp(away.abs() - self.threshold, min=0.0)
            w.copy_(small if self.centre is None else self.centre + small)
