"""Training: how the networks of a tuning were trained, and what their losses did, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightdecay.records.frozen import same
from weightdecay.records.history import History, read_history
from weightdecay.records.jsonable import encode, number

# Rows of a history that are kept, and numbers of its norms beside which fewer are.
ROWS, FEWEST, NUMBERS = 501, 51, 100_000


@dataclass(frozen=True, eq=False)
class Training:
    """How networks were trained at the decays of a tuning, averaged over its folds.

    Parameters
    ----------
    histories : tuple of History
        Of telling decays, ascending: none, the one in use, one too strong, as far as they were trained. Training loss,
        held-out loss and the norms of the layers are means over the folds, weighted as the held-out loss of the tuning
        is; epochs are those that all folds had, and of long runs some are left out.
    errors : tuple of float
        Of each history the standard error, over folds, of the difference between the last held-out loss and the least;
        nan of a single fold.
    loss : str
        What the losses are.
    optimizer, form : str
    learning_rate, dropout : float
    epochs, batch_size : int
    steps : int
        Steps of the optimiser in a run on all rows.
    pace : float
        Share of a weight that one step of decay takes, per unit of λ, at the largest learning rate: η for decay beside
        an optimiser's step; nan where the form has no such share, as where Adam divides the decay by its gradients'
        size.
    timescales : float
        Timescales of the decay in a run on all rows, per unit of λ: ηT for T steps at a constant η, Ση_t where a
        schedule lowers it; nan with ``pace``.
    networks : int
        That were trained in the folds.
    together : bool
        Whether they were trained as members of one population, rather than one by one.
    early_stopping : bool
        Whether weights of the epoch with the least loss of rows kept aside were taken.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> X = np.linspace(-2, 2, 60)[:, None]; y = np.sin(2 * X[:, 0])
    >>> model = wd.NetworkRegressor(hidden=(8,), epochs=20, batch_size=20, learning_rate=0.01, cv=3)
    >>> training = wd.tune(model, X, y, decays=[0.01, 0.1, 1.0]).training
    >>> training.networks, training.steps, training.histories[0].decay, training.histories[0].held_out.shape
    (12, 60, 0.0, (21,))
    """

    histories: tuple[History, ...]
    errors: tuple[float, ...]
    loss: str
    optimizer: str
    form: str
    learning_rate: float
    dropout: float
    epochs: int
    batch_size: int
    steps: int
    pace: float
    timescales: float
    networks: int
    together: bool = True
    early_stopping: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Training) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def at(self, decay: float) -> History | None:
        """The history of a decay, None where it is not kept.

        Parameters
        ----------
        decay : float

        Returns
        -------
        History or None
        """
        return next((one for one in self.histories if one.decay == decay), None)

    def elapsed(self, decay: float) -> float:
        """Timescales 1/(ηλ) of a decay that a run lasts, nan where there are none to speak of.

        Parameters
        ----------
        decay : float

        Returns
        -------
        float
        """
        return 0.0 if decay == 0 and math.isfinite(self.timescales) else decay * self.timescales

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types.

        Returns
        -------
        dict of str
        """
        plain = {name: encode(value) for name, value in vars(self).items() if name != "histories"}
        return plain | {"histories": [one.to_dict() for one in self.histories]}


def kept(history: History) -> History:
    """A history with as many rows as a record has room for."""
    each = max(1, history.weights[0].size)
    return history.thinned(max(FEWEST, min(ROWS, NUMBERS // each)))


def read_training(data: Mapping[str, Any] | None) -> Training | None:
    """The record from its JSON form, None where there is none.

    Raises
    ------
    ValueError
        Its parts do not go together.
    """
    if data is None:
        return None
    histories = tuple(map(read_history, data["histories"]))
    errors = tuple(map(number, data["errors"]))
    if len(errors) != len(histories):
        raise ValueError("training has not one error for each history")
    given: dict[str, Any] = {name: str(data[name]) for name in ("loss", "optimizer", "form")}
    given |= {name: number(data[name]) for name in ("learning_rate", "dropout", "pace", "timescales")}
    given |= {name: int(data[name]) for name in ("epochs", "batch_size", "steps", "networks")}
    given |= {name: bool(data[name]) for name in ("together", "early_stopping")}
    return Training(histories, errors, **given)
