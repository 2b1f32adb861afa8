"""The picture of held-out residuals: what the model misses, against what it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.canvas import axes, fitting, legend_above, residuals_of, target_of
from weightdecay.show.fold_words import counted
from weightdecay.show.labels import BLUE, GREY, INK, VERMILLION, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Ends = tuple[float, float]

POINTS = 2000
LARGEST = 20  # residuals that are drawn even where others are left out
# What is farther beyond the middle 90 % than this many times its range would flatten the rest.
FAR = 1.5
WIDER = 1.0  # of the width of a usual band, by which another may reach beyond it
NAME = 32  # letters of the target


def residuals(
    record: Tuning | Diagnostics, *, ax: Axes | None = None, most: int = POINTS, target: str | None = None
) -> Axes:
    """Draw held-out residuals (target minus prediction) against held-out predictions.

    Points are rows, the line is their median and the bands hold the middle 50 % and 90 % in groups of predictions with
    about as many rows each. A band off the zero line says that the model is biased there, one that widens that the
    errors grow. Points far beyond the bands, and predictions far beyond all others, stand as triangles at the edge, and
    a note says how far they go.

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
        The tuning has no diagnostics, or several targets, or it is that of a classifier.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.residuals(wd.tune(wd.LinearRegression(), X, y))
    >>> ax.get_xlabel()
    'held-out prediction'
    """
    found = residuals_of("residuals", record)
    target = target_of(record, target)
    ax = axes(ax)
    what = "" if target is None else f" of {for_plot(target, NAME)}"
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    letters, width = letters_beside(ax), points(ax)[0]
    ax.set_ylabel(next(one for one in ("residual (target − prediction)", "residual") if len(one) <= letters + 4))
    ax.set_xlabel(fitting(width, [f"held-out prediction{what}", "held-out prediction"]))
    at = drawn(found, most)
    places = found.fitted[at], found.residual[at]
    ends = _middle(found.fitted), _limits(found)
    inside = np.all([(low <= one) & (one <= high) for one, (low, high) in zip(places, ends, strict=True)], axis=0)
    bands = _bands(ax, found)
    dots = ax.plot(*(one[inside] for one in places), "o", color=BLUE, markersize=2.6, markeredgewidth=0, alpha=0.55)[0]
    dots.set_zorder(3)
    legend = {"one row": dots, **bands, **_beyond(ax, places, ends)}
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=2)
    if len(at):
        ax.set_xlim(_with_margin(ends[0]))
        ax.set_ylim(_with_margin(ends[1]))
    legend_above(ax, legend, width)
    return ax


def _with_margin(ends: Ends) -> Ends:
    """Room for marks at the ends."""
    margin = 0.04 * ((ends[1] - ends[0]) or 1.0)
    return ends[0] - margin, ends[1] + margin


def _beyond(ax: Axes, places: tuple[Array, Array], ends: tuple[Ends, Ends]) -> dict[str, Any]:
    """Rows outside of the picture as triangles at its edge, with a name that says how many and how far."""
    found: dict[str, Any] = {}
    shown = [np.clip(one, *end) for one, end in zip(places, ends, strict=True)]
    told = np.zeros(len(shown[0]), dtype=bool)
    for values, (low, high), markers, what in zip(places, ends, ("<>", "v^"), ("predicted ", ""), strict=True):
        left = ~told  # a row stands at one edge
        told = told | (values < low) | (values > high)
        for outside, marker, way in ((values < low, markers[0], "down"), (values > high, markers[1], "up")):
            outside = outside & left
            if outside.any():
                far = brief(float(values[outside][np.abs(values[outside]).argmax()]))
                name = f"{counted(int(outside.sum()), 'more row')}, {what}{way} to {far}"
                edge: dict[str, Any] = {"color": VERMILLION, "markersize": 4.5, "zorder": 4}
                found[name] = ax.plot(*(one[outside] for one in shown), marker, **edge)[0]
    return found


def drawn(found: Diagnostics, most: int) -> NDArray[np.intp]:
    """Which of the residuals are drawn: evenly over the predictions, and the largest."""
    count = len(found.residual)
    if count <= most:
        return np.arange(count)
    largest = np.argsort(-np.abs(found.residual), kind="stable")[: min(LARGEST, most)]
    evenly = np.linspace(0, count - 1, most - len(largest)).round().astype(np.intp)
    return np.union1d(evenly, largest)


def _middle(predictions: Array) -> Ends:
    """Ends of the predictions that are drawn in their places: one far beyond all others would squeeze them."""
    if not len(predictions):
        return 0.0, 0.0
    low, high = np.quantile(predictions, (0.05, 0.95))
    room = FAR * (high - low) or np.inf
    return max(float(predictions.min()), float(low - room)), min(float(predictions.max()), float(high + room))


def _limits(found: Diagnostics) -> Ends:
    """Ends of the residuals that are drawn in their places."""
    every = found.residual
    if not len(every):
        return 0.0, 0.0
    low, high = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
    if len(found.quantiles):
        lower, upper = found.quantiles[:, 0], found.quantiles[:, 4]
        # A group that holds an outlier has a band that would flatten those of all others.
        usual = float(np.median(upper - lower)) or np.inf
        low = max(low, max(float(lower.min()), float(np.median(lower)) - WIDER * usual) - FAR * usual)
        high = min(high, min(float(upper.max()), float(np.median(upper)) + WIDER * usual) + FAR * usual)
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
