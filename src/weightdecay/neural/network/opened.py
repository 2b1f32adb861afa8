"""Opened: rows of a network estimator, validated, and as each training set has them.

A training set fills in gaps and standardises by its own rows. Where a column does not vary in them nothing can be
learned from it: it is 0 in all rows, as are levels of a category, or gaps, that only held-out rows have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from weightdecay.neural.population.data import Rows
from weightdecay.neural.population.objectives import CrossEntropy, Objective, SquaredError
from weightdecay.records.encoding import Encoding
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.learned_columns import Learned, learned_of_folds, spread_of

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Fillings:
    """What a training set fills gaps in with that is not what X holds there: columns (k,), their flags, and numbers."""

    columns: Index
    flags: Index
    values: Array

    def put(self, X: Array) -> Array:
        """Rows (m, p) as the training set has them."""
        X = X.copy()
        # No flag is filled in, so that each tells of the gaps as long as it is needed.
        for column, flag, value in zip(self.columns, self.flags, self.values, strict=True):
            X[X[:, flag] != 0, column] = value
        return X


@final
@dataclass(frozen=True, eq=False)
class Scales:
    """Means and deviations of inputs (p,) and targets (t,): what a training set is standardised by.

    Parameters
    ----------
    x_scale : ndarray of shape (p,)
        inf for columns that do not vary in the training set, which makes them 0 in all rows.
    fillings : Fillings or None
        Of gaps, None where X holds them.
    """

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array
    fillings: Fillings | None = None

    def inputs(self, X: Array) -> Array:
        """(X − mean)/deviation, of X with its gaps filled in."""
        X = X if self.fillings is None else self.fillings.put(X)
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
    encoding : Encoding or None
        Which columns depend on the rows that a network learns from.
    """

    X: Array
    y: Array
    weight: Array
    classes: NDArray[Any]
    columns: tuple[str, ...]
    single: bool
    device: torch.device
    encoding: Encoding | None = None

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.classes) if len(self.classes) else self.y.shape[1]

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return CrossEntropy(len(self.classes)) if len(self.classes) else SquaredError()

    def scales(self, train: Index, learned: Learned | None = None) -> Scales:
        """Of some rows, and of what they teach of an encoded table: of all rows nothing that X does not hold."""
        s, X, fillings = self.weight[train], self.X[train], None
        if learned is not None and learned.delta.any():
            moved = np.flatnonzero(learned.delta)
            fillings = Fillings(learned.columns[moved], learned.flags[moved], learned.filling[moved])
            X = fillings.put(X)
        x_mean, x_scale = _moments(X, s)
        own = self._spread(train) if learned is None else learned.spread
        if own is not None:
            x_scale = np.where(np.isnan(own) | np.isinf(x_scale), x_scale, own)
        if len(self.classes):
            return Scales(x_mean, x_scale, np.zeros(self.n_outputs), np.ones(self.n_outputs), fillings)
        y_mean, y_scale = _moments(self.y[train], s)
        return Scales(x_mean, x_scale, y_mean, np.where(np.isinf(y_scale), 1.0, y_scale), fillings)

    def learned(self, folds: Folds) -> Sequence[Learned | None]:
        """What every fold learns of an encoded table from its own training rows, None where there is nothing."""
        if self.encoding is None or not self.encoding.of_rows:
            return [None] * len(folds.repeat)
        return learned_of_folds(self.X, self.weight, self.encoding, folds)

    def _spread(self, train: Index) -> Array | None:
        """Scales (p,) of terms by some rows."""
        if self.encoding is None or not self.encoding.terms:
            return None
        return spread_of(self.X[train], self.weight[train], self.encoding.terms)

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
    """Weighted means and deviations (1/Σs) of columns, inf for those that do not vary."""
    mean = s @ X / s.sum()
    scale = np.sqrt(s @ (X - mean) ** 2 / s.sum())
    return mean, np.where(scale > 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny), scale, np.inf)


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
