"""Limits on weights that hold exactly after every step, in place of a pull towards a centre."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch._compile import _disable_dynamo

AnyOptimizer = TypeVar("AnyOptimizer", bound=torch.optim.Optimizer)


@torch.no_grad()
def limit_rows(weights: Iterable[torch.Tensor], bound: float) -> None:
    r"""Project each row of each weight onto a ball, in place.

    .. math:: w_r \leftarrow w_r \min(1, b / \|w_r\|_2)

    Parameters
    ----------
    weights : tensors of shape (rows, ...)
        A row is what feeds one output: w[r], of whatever shape. Rows within the ball keep every bit.
    bound : float
        b > 0, in the units of the weights.

    Raises
    ------
    ValueError
        If the bound is not above 0.

    Notes
    -----
    Srivastava et al. (2014), "Dropout", JMLR 15, section 5.1 (max-norm regularisation).

    Examples
    --------
    >>> w = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> limit_rows([w], 1.0)
    >>> w
    tensor([[0.6000, 0.8000], [0.3000, 0.4000]])
    """
    if not bound > 0:
        raise ValueError(f"a max-norm must be above 0, got {bound!r}: leave the constraint out for no limit")
    for weight in weights:
        kind = torch.float32 if weight.dtype in (torch.bfloat16, torch.float16) else None
        norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.dim())), keepdim=True, dtype=kind)
        # A row of zeros has bound/0 = inf, which the clamp makes 1.
        weight.mul_((bound / norms).clamp_(max=1.0))


def with_max_norm(
    optimizer: AnyOptimizer, bound: float, *, parameters: Iterable[torch.Tensor] | None = None
) -> AnyOptimizer:
    r"""Keep the norm of every row of the weights within a bound, after each step; return the same optimiser.

    .. math:: \|w_r\|_2 \le b

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    bound : float
        b > 0, in the units of the weights.
    parameters : tensors of shape (rows, ...), optional
        None: all of the optimiser's that have two dimensions or more.

    Returns
    -------
    torch.optim.Optimizer
        The same object. Together with `with_decay`, give the optimiser its decay first: hooks run in their order.

    Raises
    ------
    ValueError
        If the bound is not above 0, or a parameter has no rows.

    Notes
    -----
    Srivastava et al. (2014), "Dropout", JMLR 15, section 5.1.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))
    >>> optimizer = with_max_norm(torch.optim.SGD([w], lr=0.1), 1.0)
    >>> w.grad = torch.zeros(1, 2)
    >>> optimizer.step()
    >>> w.detach()
    tensor([[0.6000, 0.8000]])
    """
    if not bound > 0:
        raise ValueError(f"a max-norm must be above 0, got {bound!r}: leave the constraint out for no limit")
    chosen = None if parameters is None else list(parameters)
    for position, weight in enumerate(chosen or ()):
        if weight.dim() < 2:
            raise ValueError(
                f"parameter {position} has shape {tuple(weight.shape)}, and a max-norm limits rows: give weights with "
                f"two dimensions or more"
            )

    @_disable_dynamo
    def limit(stepped: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        every = (weight for group in stepped.param_groups for weight in group["params"] if weight.dim() >= 2)
        limit_rows(every if chosen is None else chosen, bound)

    optimizer.register_step_post_hook(limit)
    return optimizer
