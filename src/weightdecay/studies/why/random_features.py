"""Random features: more and more columns made of the same data, so that their number can pass that of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import pdist

Array = NDArray[np.float64]

# Rows from which the distance between two rows is taken.
SOME = 300

Maker = Callable[[Array, Array, int, np.random.RandomState], tuple[Array, Array]]


def standardised(train: Array, test: Array) -> tuple[Array, Array]:
    """Columns with mean 0 and variance 1 on the training rows, without those that are constant there."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    varies = deviation > 1e-12 * np.maximum(np.abs(train).max(axis=0), 1e-300)
    return tuple((one[:, varies] - mean[varies]) / deviation[varies] for one in (train, test))


def subset(train: Array, test: Array, most: int, generator: np.random.RandomState) -> tuple[Array, Array]:
    """Columns in random order."""
    order = generator.permutation(train.shape[1])[:most]
    return train[:, order], test[:, order]


def fourier(train: Array, test: Array, most: int, generator: np.random.RandomState) -> tuple[Array, Array]:
    """√2 cos(x·v + u) with v ~ N(0, I/m²), m the median distance of two rows, and u uniform on a circle.

    Their products are those of a Gaussian kernel of width m (Rahimi & Recht 2007, NeurIPS 20).
    """
    median = float(np.median(pdist(train[:SOME]))) or 1.0
    directions = generator.standard_normal((train.shape[1], most)) / median
    phase = generator.uniform(0, 2 * np.pi, most)
    return tuple(np.sqrt(2.0) * np.cos(one @ directions + phase) for one in (train, test))


def relu(train: Array, test: Array, most: int, generator: np.random.RandomState) -> tuple[Array, Array]:
    """max(0, x·v/√p + u) with v and u standard normal: the hidden layer of a network whose weights stay as drawn."""
    directions = generator.standard_normal((train.shape[1], most)) / np.sqrt(train.shape[1])
    offset = generator.standard_normal(most)
    return tuple(np.maximum(one @ directions + offset, 0.0) for one in (train, test))


MAKERS: Mapping[str, Maker] = {"columns": subset, "fourier": fourier, "relu": relu}


def dense(columns: Any) -> Array:
    """A table of numbers as an array."""
    return np.asarray(columns.toarray() if sparse.issparse(columns) else columns, dtype=np.float64)
