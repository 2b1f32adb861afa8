"""Saved networks: their part of a model file. PyTorch is imported where there is a network, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor

    Network: TypeAlias = NetworkRegressor | NetworkClassifier

Array = NDArray[np.float64]

NETWORKS = ("NetworkRegressor", "NetworkClassifier")
_HOME = "weightdecay.neural.network.estimators"


def is_network(kind: type[Any]) -> bool:
    """Whether a class is one of ours for networks."""
    return kind.__module__ == _HOME and kind.__name__ in NETWORKS


def network_class(name: str) -> type[Any]:
    """The class of a network by its name.

    Raises
    ------
    ValueError
        PyTorch is not installed; the sentence lacks the file's name.
    """
    if find_spec("torch") is None:
        raise ValueError(f"holds a {name}, which needs PyTorch, and that is not installed; pip install torch")
    from weightdecay.neural.network import estimators

    found: type[Any] = getattr(estimators, name)
    return found


def taken_apart(network: Network) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted network as JSON types and arrays, but for its parameters."""
    from weightdecay.neural.network.stored import stored

    return stored(network)


def put_together(network: Network, plain: Any, arrays: Mapping[str, Array], module: Any) -> None:
    """Give an estimator the network that `taken_apart` took.

    Raises
    ------
    ValueError
        They are not of the form that it gives; the sentence lacks the file's name.
    """
    from weightdecay.neural.network.stored import restore

    if not isinstance(plain, dict):
        raise ValueError("lacks what a network is made of; save the model again")
    restore(network, plain, arrays, module)
    network.decay_ = float(arrays["decay"])
