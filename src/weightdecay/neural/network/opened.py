"""Opened: rows of a network estimator, validated, and as each training set has them: standardised by its own rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from weightdecay.neural.population.data import Rows
from weightdecay.neural.population.objectives import CrossEntropy, Objective, SquaredError

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Scales:
    """Means and deviations of inputs (p,) and targets (t,): what a training set is standardised by."""

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array

    def inputs(self, X: Array) -> Array:
        """(X − mean)/deviation."""
        return np.asarray((X - self.x_mean) / self.x_scale)

    def outputs(self, F: Array) -> Array:
        """Outputs (n, t) of a network in the units of the targets."""
        return np.asarray(F * self.y_scale + self.y_mean)


@final
@dataclass(frozen=True, eq=False)
class Opened:
    """Inputs (n, p), targets (n, t) or numbers of classes (n,), and weights (n,).

    Parameters
    ----------
    classes : ndarray
        Labels of the classes, empty where numbers are predicted.
    """

    X: Array
    y: Array
    weight: Array
    classes: NDArray[Any]
    columns: tuple[str, ...]
    single: bool
    device: torch.device

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.classes) if len(self.classes) else self.y.shape[1]

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return CrossEntropy(len(self.classes)) if len(self.classes) else SquaredError()

    def scales(self, train: Index) -> Scales:
        """Of some rows; columns that do not vary there are left as they are."""
        s = self.weight[train]
        x_mean, x_scale = _moments(self.X[train], s)
        if len(self.classes):
            return Scales(x_mean, x_scale, np.zeros(self.n_outputs), np.ones(self.n_outputs))
        y_mean, y_scale = _moments(self.y[train], s)
        return Scales(x_mean, x_scale, y_mean, y_scale)

    def rows(self, index: Index, scales: Scales, kind: torch.dtype = torch.float32) -> Rows:
        """Some rows as tensors."""
        x = torch.as_tensor(scales.inputs(self.X[index]), dtype=kind, device=self.device)
        if len(self.classes):
            target = torch.as_tensor(self.y[index].astype(np.int64), device=self.device)
        else:
            target = torch.as_tensor((self.y[index] - scales.y_mean) / scales.y_scale, dtype=kind, device=self.device)
        weight = torch.as_tensor(self.weight[index], dtype=kind, device=self.device)
        return Rows(x, self.objective.prepared(target, kind), weight)

    def losses(self, index: Index, F: Array) -> Array:
        """Losses (n, L) as people see them, of network outputs F (n, L, k) in the units of the targets."""
        if len(self.classes):
            top = F.max(axis=-1, keepdims=True)
            logs = F - top - np.log(np.exp(F - top).sum(axis=-1, keepdims=True))
            code = self.y[index].astype(np.intp)
            return np.asarray(-np.take_along_axis(logs, code[:, None, None], axis=-1)[..., 0])
        return np.asarray(((self.y[index][:, None] - F) ** 2).mean(axis=-1))

    def constant(self, train: Index) -> Array:
        """What a model without inputs gives (k,), in the units of the targets."""
        s = self.weight[train]
        if not len(self.classes):
            return np.asarray(s @ self.y[train] / s.sum())
        share = np.bincount(self.y[train].astype(np.intp), s, self.n_outputs) / s.sum()
        return np.asarray(np.log(np.maximum(share, np.finfo(np.float64).tiny)))


def _moments(X: Array, s: Array) -> tuple[Array, Array]:
    """Weighted means and deviations (1/Σs) of columns, 1 for those that do not vary."""
    mean = s @ X / s.sum()
    scale = np.sqrt(s @ (X - mean) ** 2 / s.sum())
    return mean, np.where(scale > 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny), scale, 1.0)


def device_of(given: Any) -> torch.device:
    """A device by name; "auto" is a card where there is one.

    Raises
    ------
    ValueError
        No such device.
    """
    if given == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(given)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={given!r} is not known; give 'auto', 'cpu' or 'cuda'") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={given!r}: this machine or this build of torch has none; give 'cpu'")
    return found
