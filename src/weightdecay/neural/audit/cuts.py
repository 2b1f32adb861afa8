"""Which numbers of a tensor stand for it in a copy: all of a small one, rows and columns from everywhere of a large."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

CELLS = 1024  # numbers of a cut, about


@dataclass(frozen=True)
class Cut:
    """Every k-th index along each axis, so that a cut keeps axes and proportions of its tensor.

    Parameters
    ----------
    strides : tuple of int
        k for each axis; all 1 for a tensor that stands for itself.
    """

    strides: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return all(stride == 1 for stride in self.strides)

    def of(self, tensor: Tensor) -> Tensor:
        """The numbers of a tensor of that shape, as a view."""
        return tensor[tuple(slice(None, None, stride) for stride in self.strides)] if self.strides else tensor

    def shape(self, full: Sequence[int]) -> tuple[int, ...]:
        """The cut's own shape."""
        return tuple(-(-size // stride) for size, stride in zip(full, self.strides, strict=True))


def cut_of(shape: Sequence[int], cells: int = CELLS) -> Cut:
    """A cut of about so many numbers.

    Examples
    --------
    >>> cut_of((4096, 1024)).shape((4096, 1024))
    (64, 16)
    >>> cut_of((3, 5)).whole
    True
    """
    total = math.prod(shape)
    if total <= cells:
        return Cut((1,) * len(shape))
    stride = max(1, round((total / cells) ** (1 / len(shape))))
    strides = [min(stride, size) for size in shape]
    while math.prod(-(-size // k) for size, k in zip(shape, strides, strict=True)) > 2 * cells:
        longest = max(range(len(shape)), key=lambda axis: shape[axis] / strides[axis])
        strides[longest] = min(shape[longest], math.ceil(strides[longest] * 1.5))
    return Cut(tuple(strides))


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that is here: of one that is spread over processes this process's own."""
    spread = sys.modules.get("torch.distributed.tensor")
    if spread is not None and isinstance(tensor, spread.DTensor):
        part: Tensor = tensor.to_local()
        return part
    return tensor


def exact(dtype: torch.dtype) -> torch.dtype:
    """The type in which rounding does not matter."""
    return torch.complex128 if dtype.is_complex else torch.float64


def real(tensor: Tensor) -> Tensor:
    """A tensor's numbers in one row, complex ones as pairs."""
    plain = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return plain.reshape(-1)
