"""`wd.plot.why`: one picture for every measurement of `wd.why`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weightdecay.show.canvas import axes
from weightdecay.show.why_sections import drawer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def why(record: Any, *, ax: Axes | None = None) -> Axes:
    """Draw what `wd.why` has measured: bias and variance, learning curves, noise, sensitivity, double descent.

    Parameters
    ----------
    record : BiasVariance, LearningCurve, Noise, Sensitivity or DoubleDescent
        What a function of `wd.why` returned.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is no such record.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 10)); y = X[:, 0] + rng.standard_normal(40)
    >>> ax = wd.plot.why(wd.why.bias_variance(wd.LinearRegression(), X, y))
    >>> ax.get_xlabel()
    'decay λ'
    """
    draw = drawer(record)  # before a figure is made for nothing
    ax = axes(ax)
    draw(ax)
    return ax
