"""What an iterative solver did, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze, same
from weightdecay.records.jsonable import encode, number, numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """Weights and loss after every epoch of an iterative fit at one decay.

    Parameters
    ----------
    decay : float
        λ of the fit.
    weights : ndarray of shape (epochs + 1, p), or (epochs + 1, t, p) for t targets
        Coefficients in the units of the columns; row 0 is the start.
    loss : ndarray of shape (epochs + 1,)
        The objective J: mean training loss plus penalty; of networks the mean loss of an epoch's batches, without it.
    converged : bool
        Whether the gradient met the tolerance.
    message : str
        The outcome in one sentence.
    columns : tuple of str
        Names of the p columns.
    held_out : ndarray of shape (epochs + 1,), or empty
        Loss of held-out rows after every epoch, on the scale of ``loss``; of a network whose decay was tuned, averaged
        over the folds. nan where it is not known.
    shown : str
        What the weights are, in a word: norms of a network's layers are no weights.
    epochs : ndarray of shape (rows,), or empty
        The epoch of each row where some were left out; empty where they are 0, 1, 2, …

    Examples
    --------
    >>> import weightdecay as wd
    >>> model = wd.LinearRegression(decay=0.5, solver="gradient_descent", learning_rate=0.1, standardize=False)
    >>> history = model.fit([[1.0], [2.0], [6.0]], [1.0, 2.0, 6.0]).history_
    >>> history.converged, history.weights[:3].round(3).ravel(), history.weights[-1].round(3)
    (True, array([0.   , 0.467, 0.692]), array([0.903]))
    """

    decay: float
    weights: Array
    loss: Array
    converged: bool
    message: str
    columns: tuple[str, ...] = ()
    held_out: Array = field(default_factory=lambda: np.zeros(0))
    shown: str = "weight"
    epochs: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def at(self) -> Array:
        """The epoch of every row."""
        return self.epochs if len(self.epochs) else np.arange(len(self.loss), dtype=np.float64)

    @property
    def least(self) -> int | None:
        """The row of the least held-out loss, the first of them; None where none is known."""
        known = np.isfinite(self.held_out)
        return int(np.argmin(np.where(known, self.held_out, np.inf))) if known.any() else None

    def thinned(self, most: int) -> History:
        """The same with about so many rows: the first, the last, that of the least held-out loss, and some between.

        Parameters
        ----------
        most : int

        Returns
        -------
        History
        """
        n = len(self.loss)
        if n <= most:
            return self
        kept = np.linspace(0, n - 1, max(most, 2)).round().astype(np.intp)
        kept = np.union1d(kept, [] if self.least is None else [self.least]).astype(np.intp)
        held_out = self.held_out[kept] if len(self.held_out) else self.held_out
        return replace(self, weights=self.weights[kept], loss=self.loss[kept], held_out=held_out, epochs=self.at[kept])

    def to_dict(self) -> dict[str, Any]:
        """The history as JSON types.

        Returns
        -------
        dict of str
        """
        return {name: encode(value) for name, value in vars(self).items()}

    def __repr__(self) -> str:
        return f"History(decay {self.decay:.4g}, {int(self.at[-1]) if len(self.loss) else 0} epochs: {self.message})"


def read_history(data: Mapping[str, Any]) -> History:
    """A history from its JSON form.

    Raises
    ------
    ValueError
        Its parts do not go together.
    """
    parts: dict[str, Any] = {name: numbers(data[name]) for name in ("weights", "loss", "held_out", "epochs")}
    n, columns = len(parts["loss"]), tuple(map(str, data["columns"]))
    # An array without columns has lost its second axis on the way only if it has no rows.
    weights = parts["weights"].reshape(n, -1) if parts["weights"].size == 0 else parts["weights"]
    fits = len(weights) == n and all(parts[name].shape in ((n,), (0,)) for name in ("held_out", "epochs"))
    if parts["loss"].ndim != 1 or not n or not fits or weights.shape[-1] != len(columns):
        raise ValueError("the rows of a history are of different lengths")
    parts |= {"weights": weights, "columns": columns, "converged": bool(data["converged"])}
    parts |= {name: str(data[name]) for name in ("message", "shown")}
    return History(number(data["decay"]), **parts)
