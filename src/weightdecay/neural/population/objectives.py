"""Objectives: the mean loss of every member on a batch, and its gradient by the outputs."""

from __future__ import annotations

from typing import Protocol, final

import torch
from torch import Tensor


class Objective(Protocol):
    """A loss of outputs (M, B, k)."""

    @property
    def name(self) -> str:
        """The loss in words."""
        ...

    def prepared(self, target: Tensor, kind: torch.dtype) -> Tensor:
        """Targets (B, …) in the form and of the type that the other methods take."""
        ...

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss (M, B) of every row."""
        ...

    def both(self, output: Tensor, target: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Σ share · loss (M,) and its gradient (M, B, k) by the outputs, which it may overwrite, for shares (B,)."""
        ...


@final
class CrossEntropy:
    """loss = log Σ_k e^η_k − η_y, for targets that are one-hot rows (B, k)."""

    name = "log-loss"

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def prepared(self, target: Tensor, kind: torch.dtype) -> Tensor:
        """Numbers of classes (B,) as one-hot rows."""
        return torch.nn.functional.one_hot(target.long(), self.n_classes).to(kind)

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """−log π_y."""
        return torch.logsumexp(output, -1) - (output * target).sum(-1)

    def both(self, output: Tensor, target: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """−log π_y, and share (π − one-hot)."""
        logs = torch.log_softmax(output, -1)
        weighed = target * share[:, None]
        losses = -(logs * weighed).sum((-2, -1))
        return losses, logs.exp_().mul_(share[:, None]).sub_(weighed)


@final
class SquaredError:
    """loss = ½ (y − η)², summed over outputs, for targets (B, k)."""

    name = "mean squared error"

    def prepared(self, target: Tensor, kind: torch.dtype) -> Tensor:
        """As they are, with a column of their own where there is one output."""
        return (target[:, None] if target.ndim == 1 else target).to(kind)

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """½ ‖y − η‖²."""
        return 0.5 * ((output - target) ** 2).sum(-1)

    def both(self, output: Tensor, target: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """½ (y − η)², and share (η − y)."""
        off = output - target
        slope = off * share[:, None]
        return 0.5 * (off * slope).sum((-2, -1)), slope
