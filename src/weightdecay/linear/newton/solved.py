"""Solved: models of several problems, and what is known of how they came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@final
@dataclass(eq=False)
class Solved:
    """Models of M problems, or of all members at one decay.

    Parameters
    ----------
    V : ndarray of shape (M, c, q)
    test_loss : ndarray of shape (M,)
        Σ s loss over the test rows.
    ratio : ndarray of shape (M,)
        How well the Hessians in use led there.
    size : ndarray of shape (M,)
        Gradient in units of what counts as zero.
    converged : ndarray of shape (M,) of bool
    """

    V: Array
    test_loss: Array
    ratio: Array
    size: Array
    converged: NDArray[np.bool_]

    @property
    def complete(self) -> bool:
        """Whether all models are there."""
        return bool(self.ratio[-1] > 0.0)

    @staticmethod
    def nothing(M: int, shape: tuple[int, int]) -> Solved:
        """Zeros, to be filled."""
        return Solved(np.zeros((M, *shape)), np.zeros(M), np.zeros(M), np.zeros(M), np.zeros(M, dtype=bool))

    def put(self, where: Index | int, other: Solved, taken: Index | int | slice = slice(None)) -> None:
        """Take some of another's models."""
        for name in ("V", "test_loss", "ratio", "size", "converged"):
            getattr(self, name)[where] = getattr(other, name)[taken]
