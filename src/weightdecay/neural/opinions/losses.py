"""Losses of rows, with the curvature that a Gauss-Newton matrix is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, final

import torch
from torch import Tensor

RowLosses: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class RowLoss(Protocol):
    """A loss of outputs (n, k) and targets."""

    @property
    def profiled(self) -> bool:
        """Whether it is a negative log likelihood only up to a variance that the rows themselves tell."""
        ...

    def prepared(self, y: Tensor, k: int) -> Tensor:
        """Targets in the form that the other methods take."""
        ...

    def rows(self, f: Tensor, y: Tensor) -> Tensor:
        """Loss (n,) of every row."""
        ...

    def factor(self, f: Tensor, y: Tensor) -> Tensor:
        """B (n, k, k) with B Bᵀ = ∂²loss/∂f²."""
        ...

    def shown(self, mean: Tensor, k: int) -> Tensor:
        """The mean loss as people see it."""
        ...


@final
class SquaredError:
    """½ ‖y − f‖²; people see the mean of (y − f)² over rows and outputs."""

    profiled = True

    def prepared(self, y: Tensor, k: int) -> Tensor:
        """(n, k)."""
        y = y.double()
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1:] != (k,):
            raise ValueError(f"y has shape {tuple(y.shape)} and the model gives {k} numbers a row: give y of (n, {k})")
        return y

    def rows(self, f: Tensor, y: Tensor) -> Tensor:
        """½ ‖y − f‖²."""
        return 0.5 * (y - f).square().sum(-1)

    def factor(self, f: Tensor, y: Tensor) -> Tensor:
        """1."""
        return torch.eye(f.shape[-1], dtype=f.dtype, device=f.device).expand(len(f), -1, -1)

    def shown(self, mean: Tensor, k: int) -> Tensor:
        """Mean squared error."""
        return 2.0 * mean / k


@final
class LogLoss:
    """−log π_y, of k logits, or of one for the second of two classes."""

    profiled = False

    def prepared(self, y: Tensor, k: int) -> Tensor:
        """Shares of the classes (n, k), or of the second class (n, 1)."""
        if k > 1 and y.shape[1:] == (k,):
            return y.double()
        if y.ndim > 1 and y.shape[1:] != (1,):
            raise ValueError(f"y has shape {tuple(y.shape)} and the model gives {k} logits per row: give y of (n,)")
        number, highest = y.reshape(-1), max(k, 2) - 1
        code = number.long()
        if bool((code != number).any()) or (len(code) and (int(code.min()) < 0 or int(code.max()) > highest)):
            raise ValueError(
                f"y holds {float(number.min()):g} to {float(number.max()):g} and the model gives {k} logits per row: "
                f"give the numbers of the classes, 0 to {highest}"
            )
        return code.double()[:, None] if k == 1 else torch.nn.functional.one_hot(code, k).double()

    def rows(self, f: Tensor, y: Tensor) -> Tensor:
        """log Σ e^f − f_y."""
        if f.shape[-1] == 1:
            return (torch.nn.functional.softplus(f) - y * f)[..., 0]
        return torch.logsumexp(f, -1) * y.sum(-1) - (f * y).sum(-1)

    def factor(self, f: Tensor, y: Tensor) -> Tensor:
        """diag(√π) − π √πᵀ, whose square is diag(π) − π πᵀ."""
        if f.shape[-1] == 1:
            return (torch.sigmoid(f) * torch.sigmoid(-f)).sqrt()[:, :, None]
        chance = torch.softmax(f, -1)
        root = chance.sqrt()
        found = torch.diag_embed(root) - chance[:, :, None] * root[:, None, :]
        return found * y.sum(-1).sqrt()[:, None, None]

    def shown(self, mean: Tensor, k: int) -> Tensor:
        """The same."""
        return mean


@final
class Given:
    """A function of the caller: outputs (n, k) and y to a negative log likelihood (n,) of rows."""

    profiled = False

    def __init__(self, function: RowLosses) -> None:
        self.function = function

    def prepared(self, y: Tensor, k: int) -> Tensor:
        """As they are, real numbers in 64 bits."""
        return y.double() if y.is_floating_point() else y

    def rows(self, f: Tensor, y: Tensor) -> Tensor:
        """What the function gives."""
        found: Any = self.function(f, y)
        if not isinstance(found, Tensor) or found.shape != f.shape[:1]:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"loss(outputs, y) gave {shape} for {len(f)} rows: give a function that returns the loss of every row, "
                f"a tensor of shape ({len(f)},)"
            )
        return found

    def factor(self, f: Tensor, y: Tensor) -> Tensor:
        """Of its second derivatives by the outputs."""

        def one(f: Tensor, y: Tensor) -> Tensor:
            return self.rows(f[None], y[None])[0]

        with torch.enable_grad():
            second = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(one)))(f.detach(), y)
        values, vectors = torch.linalg.eigh(second)
        if bool((values < -1e-9 * values.abs().max().clamp(min=1.0)).any()):
            raise ValueError(
                f"loss is not convex in the model's outputs: it has the second derivative {float(values.min()):.3g}, "
                "and a Gauss-Newton matrix needs 0 or more; give a convex loss, such as 'mse' or 'log-loss'"
            )
        root: Tensor = vectors * values.clamp(min=0.0).sqrt()[:, None, :]
        return root

    def shown(self, mean: Tensor, k: int) -> Tensor:
        """The same."""
        return mean


def loss_named(loss: str | RowLosses) -> RowLoss:
    """The loss of that name, or of a function."""
    if callable(loss):
        return Given(loss)
    known: dict[str, RowLoss] = {"mse": SquaredError(), "log-loss": LogLoss()}
    if loss not in known:
        raise ValueError(
            f"loss={loss!r} is not known: give 'mse', 'log-loss', or a function of outputs (n, k) and y that returns "
            "the negative log likelihood (n,) of the rows"
        )
    return known[loss]
