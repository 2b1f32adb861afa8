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

    def prepared(self, target: Tensor) -> Tensor:
        """Targets (B, …) in the form that the other methods take."""
        ...

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss (M, B) of every row."""
        ...

    def slope(self, output: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """Gradient (M, B, k) of Σ share · loss by the outputs, for shares (B,) or (M, B); may overwrite the outputs."""
        ...


@final
class CrossEntropy:
    """loss = log Σ_k e^η_k − η_y, for targets that are one-hot rows (B, k)."""

    name = "log-loss"

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def prepared(self, target: Tensor) -> Tensor:
        """Numbers of classes (B,) as one-hot rows."""
        return torch.nn.functional.one_hot(target.long(), self.n_classes)

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """−log π_y."""
        return torch.logsumexp(output, -1) - (output * target).sum(-1)

    def slope(self, output: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """share (π − one-hot)."""
        found = torch.softmax(output, -1)
        found -= target
        found *= share[..., None]
        return found


@final
class SquaredError:
    """loss = ½ (y − η)², summed over outputs, for targets (B, k)."""

    name = "mean squared error"

    def prepared(self, target: Tensor) -> Tensor:
        """As they are, with a column of their own where there is one output."""
        return target[:, None] if target.ndim == 1 else target

    def rows(self, output: Tensor, target: Tensor) -> Tensor:
        """½ ‖y − η‖²."""
        return 0.5 * ((output - target) ** 2).sum(-1)

    def slope(self, output: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """share (η − y)."""
        output -= target
        output *= share[..., None]
        return output
