"""The picture of held-out residuals: what the model misses, against what it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.canvas import axes, diagnostics_of, fitting, legend_above, target_of
from weightdecay.show.labels import BLUE, GREY, INK, VERMILLION, letters_beside, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

POINTS = 2000
LARGEST = 20  # residuals that are drawn even where others are left out
# Residuals farther beyond the middle 90 % than this many times its range would flatten the rest.
FAR = 1.5
NAME = 32  # letters of the target


def residuals(
    record: Tuning | Diagnostics, *, ax: Axes | None = None, most: int = POINTS, target: str | None = None
) -> Axes:
    """Draw held-out residuals (target minus prediction) against held-out predictions.

    Points are rows, the line is their median and the bands hold the middle 50 % and 90 % in groups of predictions with
    about as many rows each. A band off the zero line says that the model is biased there, one that widens that the
    errors grow. Points far beyond the bands stand as triangles at the edge, and a note says how far they go.

    Parameters
    ----------
    record : Tuning or Diagnostics
        What `wd.tune` returned, or its ``diagnostics``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    most : int, default 2000
        How many points to draw at most, evenly over the predictions; the 20 largest residuals are always there.
    target : str, optional
        The name of the target; that of the tuning if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is neither a `Tuning` nor `Diagnostics`.
    ValueError
        The tuning has no diagnostics, or several targets.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.residuals(wd.tune(wd.LinearRegression(), X, y))
    >>> ax.get_xlabel()
    'held-out prediction'
    """
    found = diagnostics_of("residuals", record)
    target = target_of(record, target)
    ax = axes(ax)
    what = "" if target is None else f" of {for_plot(target, NAME)}"
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    letters = letters_beside(ax)
    ax.set_ylabel(next(one for one in ("residual (target − prediction)", "residual") if len(one) <= letters + 4))
    ax.set_xlabel(fitting(ax, [f"held-out prediction{what}", "held-out prediction"]))
    at = drawn(found, most)
    low, high = _limits(found)
    x, y = found.fitted[at], found.residual[at]
    bands = _bands(ax, found)
    inside = (y >= low) & (y <= high)
    dots = ax.plot(x[inside], y[inside], "o", color=BLUE, markersize=2.6, markeredgewidth=0, alpha=0.55, zorder=3)[0]
    entries = {"one row": dots, **bands}
    for outside, end, marker, way in ((y < low, low, "v", "down"), (y > high, high, "^", "up")):
        if outside.any():
            count = int(outside.sum())
            far = brief(float(y[outside][np.abs(y[outside]).argmax()]))
            name = f"{count} more row{'' if count == 1 else 's'}, {way} to {far}"
            edge: dict[str, Any] = {"color": VERMILLION, "markersize": 4.5, "zorder": 4}
            entries[name] = ax.plot(x[outside], np.full(count, end), marker, **edge)[0]
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=2)
    if len(y):
        margin = 0.04 * ((high - low) or 1.0)
        ax.set_ylim(low - margin, high + margin)
    legend_above(ax, entries)
    return ax


def drawn(found: Diagnostics, most: int) -> NDArray[np.intp]:
    """Which of the residuals are drawn: evenly over the predictions, and the largest."""
    count = len(found.residual)
    if count <= most:
        return np.arange(count)
    largest = np.argsort(-np.abs(found.residual), kind="stable")[: min(LARGEST, most)]
    evenly = np.linspace(0, count - 1, most - len(largest)).round().astype(np.intp)
    return np.union1d(evenly, largest)


def _limits(found: Diagnostics) -> tuple[float, float]:
    """Ends of the residuals that are drawn in their places."""
    every = found.residual
    if not len(every):
        return 0.0, 0.0
    low, high = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
    if len(found.quantiles):
        bottom, top = float(found.quantiles[:, 0].min()), float(found.quantiles[:, 4].max())
        low, high = max(low, bottom - FAR * (top - bottom)), min(high, top + FAR * (top - bottom))
    return low, high


def _bands(ax: Axes, found: Diagnostics) -> dict[str, Any]:
    """Median, middle 50 % and middle 90 % of each group of predictions, as steps."""
    if not len(found.quantiles):
        return {}
    edges, steps = found.edges, np.vstack([found.quantiles, found.quantiles[-1:]])
    shade: dict[str, Any] = {"color": BLUE, "linewidth": 0, "step": "post", "zorder": 1}
    wide = ax.fill_between(edges, steps[:, 0], steps[:, 4], alpha=0.13, **shade)
    middle = ax.fill_between(edges, steps[:, 1], steps[:, 3], alpha=0.25, **shade)
    median = ax.step(edges, steps[:, 2], where="post", color=INK, linewidth=1.6, zorder=5)[0]
    return {"median": median, "middle 50 %": middle, "middle 90 %": wide}
