"""Optimisers: one step for all members, with each one's own learning rate and decay, in the form that is asked for.

With u the step that the optimiser takes at learning rate 1, c the centre, ρ the l1_ratio and S_b(z) the soft threshold
sign(z) max(|z| − b, 0), a step at the learning rate η_t is what `with_decay` documents:

    w ← c + S_aρ(w − η_t u − a (1 − ρ)(w − c) − c),    a = amount(rate of the form, λ, η_t, η_peak).

`cautious` does so for the coordinates with u (w − c) ≥ 0 alone; `corrected` has its own rate for the weights of
normalised layers alone; `coupled` adds λ (1 − ρ)(w − c) to the gradient before u is formed, and has the threshold
η_t λ ρ after it; `penalty` adds all of λ ∂R(w), the sign of w − c included. At λ = ∞ a decayed weight is c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import torch
from torch import Tensor
from torch.optim.adam import adam

from weightdecay.neural.forms import Form, Rate, form_named
from weightdecay.neural.population.layout import Layout
from weightdecay.neural.rates import Number, amount


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

    @cached_property
    def place(self) -> Form:
        """The form: place, rate and mask."""
        return form_named(self.form)


@final
@dataclass(frozen=True)
class Moment:
    """What a step has of its own, as numbers or, where steps are replayed on a card, as tensors without dimensions.

    Parameters
    ----------
    factor : float or Tensor
        η_t/η_peak.
    first, second : float or Tensor
        What Adam multiplies by: 1/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ).
    """

    factor: Number = 1.0
    first: Number = 1.0
    second: Number = 1.0

    @staticmethod
    def of(step: int, factor: float, settings: Settings) -> Moment:
        """Of a step, the first of which is 1."""
        if settings.kind != "adam":
            return Moment(factor)
        first, second = settings.betas
        return Moment(factor, 1.0 / (1.0 - first**step), (1.0 - second**step) ** -0.5)


class Direction(Protocol):
    """How steps come from gradients."""

    def step(self, W: Tensor, G: Tensor, now: Moment) -> None:
        """Move all members' weights."""
        ...

    def direction(self, G: Tensor, now: Moment) -> Tensor:
        """u (M, P), by which a weight is to move per unit of learning rate."""
        ...


@final
class Adam:
    """u = m̂/(√v̂ + ε). Kingma & Ba (2015), "Adam", algorithm 1."""

    def __init__(self, W: Tensor, rate: Tensor, settings: Settings) -> None:
        self.m, self.v = torch.zeros_like(W), torch.zeros_like(W)
        self.settings, self.rate = settings, rate[:, None]
        self.alike, self.peak = bool((rate == rate[0]).all()), float(rate[0])
        self.steps = torch.zeros((), dtype=torch.float32, device=W.device)

    def direction(self, G: Tensor, now: Moment) -> Tensor:
        """Of the gradients of this step."""
        first, second = self.settings.betas
        self.m.lerp_(G, 1.0 - first)
        self.v.mul_(second).addcmul_(G, G, value=1.0 - second)
        root = self.v.sqrt()
        root *= now.second
        root += self.settings.eps
        return (self.m * now.first).div_(root)

    def step(self, W: Tensor, G: Tensor, now: Moment) -> None:
        """By torch's fused kernel where all members have one learning rate."""
        if not self.alike:
            W.sub_(self.direction(G, now).mul_(self.rate * now.factor))
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
            lr=self.peak * now.factor,
            weight_decay=0.0,
            eps=self.settings.eps,
            maximize=False,
        )


@final
class Sgd:
    """u = b with b ← μ b + g, the gradient itself without momentum."""

    def __init__(self, W: Tensor, rate: Tensor, settings: Settings) -> None:
        self.momentum, self.rate = settings.betas[0], rate[:, None]
        self.b: Tensor | None = None

    def direction(self, G: Tensor, now: Moment) -> Tensor:
        """Of the gradients of this step."""
        if self.momentum == 0.0:
            return G.clone()
        self.b = G.clone() if self.b is None else self.b.mul_(self.momentum).add_(G)
        return self.b.clone()

    def step(self, W: Tensor, G: Tensor, now: Moment) -> None:
        """Move."""
        W.sub_(self.direction(G, now).mul_(self.rate * now.factor))


DIRECTIONS: dict[str, Callable[[Tensor, Tensor, Settings], Direction]] = {"adam": Adam, "sgd": Sgd}

# Weights that decay at one rate: where they begin and end in a row, and the share of them (M, 1) that a step takes.
Part = tuple[slice, Tensor]


@final
class Optimiser:
    """Steps of M members.

    Parameters
    ----------
    W, G : Tensor of shape (M, P)
    layout : Layout
        Which of them are decayed, and belong to normalised layers.
    decay, rate : Tensor of shape (M,)
        λ and η_peak of each member.
    settings : Settings
    centre : Tensor of shape (P,) or None
        c, 0 where there is none.
    """

    def __init__(
        self,
        rows: tuple[Tensor, Tensor],
        layout: Layout,
        strengths: tuple[Tensor, Tensor],
        settings: Settings,
        centre: Tensor | None = None,
    ) -> None:
        self.W, self.G = rows
        self.D, self.settings, self.form = layout.decayed, settings, settings.place
        decay, self.rate = strengths
        infinite = torch.isinf(decay)
        self.decay = torch.where(infinite, 0.0, decay)
        # Numbers of members in place of a mask: a card that replays steps does not look at one.
        self.fixed = infinite.nonzero().flatten()
        self.centre = None if centre is None else centre[: self.D]
        place = self.W.new_zeros(self.D) if self.centre is None else self.centre
        self.places = place.repeat(len(self.fixed), 1)
        self.direction = DIRECTIONS[settings.kind](self.W, self.rate, settings)
        self.steps = 0
        self.parts: list[tuple[slice, Rate]] = [(slice(0, self.D), self.form.rate)]
        if self.form.normalised_only:
            inside = slice(0, layout.normalised)
            self.parts = [(inside, self.form.rate), (slice(inside.stop, self.D), "step")]
        # The shares of a step, and the factor that they are of, which is one object while the rate is constant.
        self.known: tuple[Number | None, list[Part]] = (None, [])
        self._fix()

    def moment(self, factor: float) -> Moment:
        """That of the next step, at a share of the peak learning rate."""
        self.steps += 1
        return Moment.of(self.steps, factor, self.settings)

    def step(self, now: Moment) -> None:
        """One step of all members with the gradients in G."""
        w, share = self.W[:, : self.D], self.settings.l1_ratio
        if now.factor is not self.known[0]:
            self.known = (now.factor, self._shares(now.factor))
        shares = self.known[1]
        if self.form.mask == "agreeing":
            self._cautious(w, shares, now)
        else:
            if self.form.place == "weights":
                for where, part in shares if share < 1.0 else ():
                    self._shrink(w[:, where], where, part * (1.0 - share))
            else:
                self.G[:, : self.D].addcmul_(self._pull(w), self.decay[:, None].expand_as(w))
            self.direction.step(self.W, self.G, now)
            if share and self.form.place != "loss":
                for where, part in shares:
                    self._threshold(w[:, where], where, part * share)
        self._fix()

    def _shares(self, factor: Number) -> list[Part]:
        """a_t (M, 1) of each part."""
        rate = self.rate * factor
        each = [(where, amount(kind, self.decay, rate, self.rate)) for where, kind in self.parts]
        return [(where, torch.as_tensor(found)[:, None]) for where, found in each]

    def _away(self, w: Tensor, where: slice = slice(None)) -> Tensor:
        """w − c; w itself where c is 0."""
        return w if self.centre is None else w - self.centre[where]

    def _pull(self, w: Tensor) -> Tensor:
        """What λ multiplies in the gradient."""
        away, share = self._away(w), self.settings.l1_ratio
        if share == 0.0:
            return away
        smooth = (1.0 - share) * away
        return smooth if self.form.place == "gradient" else smooth + share * torch.sign(away)

    def _shrink(self, w: Tensor, where: slice, share: Tensor) -> None:
        """w ← w − a (w − c)."""
        if self.centre is None:
            w.mul_(1.0 - share)
        else:
            w.sub_(self._away(w, where).mul_(share))

    def _threshold(self, w: Tensor, where: slice, width: Tensor) -> None:
        """w ← c + S_b(w − c)."""
        away = self._away(w, where)
        small = torch.sign(away) * torch.clamp(away.abs() - width, min=0.0)
        w.copy_(small if self.centre is None else self.centre[where] + small)

    def _cautious(self, w: Tensor, shares: list[Part], now: Moment) -> None:
        """Decay beside the step, where both go the same way."""
        u, share = self.direction.direction(self.G, now), self.settings.l1_ratio
        agreeing = ((u[:, : self.D] * self._away(w)) >= 0).to(w.dtype)
        pulls = [(self._away(w[:, where], where) * agreeing[:, where]).mul_(part) for where, part in shares]
        self.W.sub_(u.mul_((self.rate * now.factor)[:, None]))
        for (where, part), pull in zip(shares, pulls, strict=True):
            w[:, where].sub_(pull, alpha=1.0 - share)
            if share:
                self._threshold(w[:, where], where, agreeing[:, where] * (part * share))

    def _fix(self) -> None:
        """Put decayed weights of members with infinite decay where they belong."""
        if len(self.fixed):
            self.W[:, : self.D].index_copy_(0, self.fixed, self.places)
