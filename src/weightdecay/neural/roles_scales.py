"""Whether a tensor has been normalised: its length, along the axes of what multiplies it, is the same for all rows."""

from __future__ import annotations

import torch
from torch import Tensor

CLOSE = 0.02  # relative; the small number that normalisations add to a variance costs them this much at most
MOST = 0.9  # of the rows: some may be so small that they are not normalised


def varying(tensor: Tensor) -> tuple[int, ...]:
    """The axes of a tensor, from the end, along which it has more than one value."""
    return tuple(axis for axis in range(-tensor.ndim, 0) if tensor.shape[axis] > 1)


def of_one_length(data: Tensor, parameter: Tensor) -> bool:
    r"""Whether data have one root mean square whatever was put in.

    With a the axes along which the parameter varies (the last one for a single number), over those of ``data``:

    .. math:: \langle x^2 \rangle_a = c \text{ in each row}, \quad \text{or} \quad
              \langle x^2 \rangle_{\text{all but } a} = 1 \text{ in each channel}, \quad \text{or} \quad
              \langle x^2 \rangle_{\text{all but the first}} = 1 \text{ in each row}

    which layer, batch, and group normalisation have in common. One row alone must have c = 1.
    """
    if not data.is_floating_point() or data.ndim == 0 or data.numel() < 2 or data.device.type == "meta":
        return False
    axes = [axis for axis in (varying(parameter) or (-1,)) if -axis <= data.ndim and data.shape[axis] > 1]
    if not axes:
        return False
    squares = data.detach().double().square()
    others = [axis for axis in range(-data.ndim, 0) if axis not in axes and data.shape[axis] > 1]
    if _constant(squares.mean(axes), unit=not others) and _rows_differ(data, axes):
        return True
    if others and _constant(squares.mean(others), unit=True):
        return True
    return data.ndim > 2 and _constant(squares.flatten(1).mean(1), unit=True)


def _constant(squares: Tensor, *, unit: bool) -> bool:
    """Whether most mean squares are the same number, 1 if that is asked."""
    flat = squares.flatten()
    middle = torch.ones((), dtype=flat.dtype, device=flat.device) if unit or len(flat) < 2 else flat.median()
    return bool(middle > 1e-12) and bool(((flat / middle - 1).abs() <= CLOSE).double().mean() >= MOST)


def _rows_differ(data: Tensor, axes: list[int]) -> bool:
    """Whether there is more than one row and the rows are not copies of one another."""
    rows = [axis for axis in range(-data.ndim, 0) if axis not in axes and data.shape[axis] > 1]
    if not rows:
        return True
    spread = data.detach().double()
    return bool(((spread - spread.mean(rows, keepdim=True)).square().mean() > 1e-8 * spread.square().mean()).item())
