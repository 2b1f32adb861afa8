"""What an iterative solver did, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze

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
        The objective J: mean training loss plus penalty.
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

    def __post_init__(self) -> None:
        freeze(self)

    def __repr__(self) -> str:
        return f"History(decay {self.decay:.4g}, {len(self.loss) - 1} epochs: {self.message})"
