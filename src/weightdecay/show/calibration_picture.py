"""The picture of calibration: whether what is predicted with a probability comes true so often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.class_summary import Calibration
from weightdecay.records.tuning import Tuning
from weightdecay.show.canvas import axes, classes_of, fitting, legend_above
from weightdecay.show.labels import BLUE, FAINT, GREY, INK, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

NAME = 24  # letters of a class
HIGHEST = 0.16  # of the height, for the largest bar of the histogram
MARGIN = 0.03


def calibration(record: Tuning | ClassDiagnostics, *, ax: Axes | None = None) -> Axes:
    """Draw what came true of held-out predictions against the probability that they were given.

    Points are groups of rows with about as many each: mean predicted probability against the share that came true,
    with Wilson's 95 % interval. Of two classes it is the probability of the second; of more that of the predicted
    class, which came true where it was right. On the diagonal probabilities can be taken at their word; flatter than
    it they are too sure (decay too weak), steeper not sure enough (too strong). Bars at the foot are the histogram of
    the predictions.

    Parameters
    ----------
    record : Tuning or ClassDiagnostics
        What `wd.tune` returned for a classifier, or its ``diagnostics``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is neither a `Tuning` nor diagnostics.
    ValueError
        The tuning has no diagnostics, or those of a regression.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((90, 3)); y = np.array(["no", "yes"])[(X[:, 0] + rng.standard_normal(90) > 0) * 1]
    >>> ax = wd.plot.calibration(wd.tune(wd.LogisticRegression(), X, y))
    >>> ax.get_xlabel()
    'predicted probability of yes'
    """
    found = classes_of("calibration", record)
    ax = axes(ax)
    ax.spines[["top", "right"]].set_visible(False)
    bins = found.held_out.calibration
    foot = _foot(bins) if len(found.classes) > 2 else 0.0
    ax.set_xlim(foot - MARGIN * (1 - foot), 1 + MARGIN * (1 - foot))
    ax.set_ylim(foot - MARGIN * (1 - foot), 1 + MARGIN * (1 - foot))
    settle(ax)
    letters, width = letters_beside(ax), points(ax)[0]
    two = len(found.classes) == 2
    what = for_plot(found.classes[1], NAME) if two else "the predicted class"
    ax.set_xlabel(fitting(width, [f"predicted probability of {what}", "predicted probability", "predicted"]))
    words = (f"share that is {what}" if two else "share that is right", "observed share")
    ax.set_ylabel(next((one for one in words if len(one) <= letters + 4), words[-1]))
    bars = _histogram(ax, bins, foot)
    line = ax.plot([foot, 1], [foot, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=1)[0]
    spans = ax.vlines(bins.predicted, bins.low, bins.high, color=BLUE, linewidth=1.6, alpha=0.5, zorder=3)
    dots = ax.plot(bins.predicted, bins.observed, "o-", color=BLUE, markersize=4.5, linewidth=0.8, zorder=4)[0]
    entries: dict[str, Any] = {"held out": dots, "95 % interval": spans, "as predicted": line, "predictions": bars}
    legend_above(ax, entries, width)
    return ax


def _foot(bins: Calibration) -> float:
    """Where both axes begin: the largest of several probabilities is never near 0."""
    least = min(float(bins.edges[0]), float(bins.low.min()))
    return min(0.1 * int(10 * least), 0.8)


def _histogram(ax: Axes, bins: Calibration, foot: float) -> Any:
    """The predictions as bars at the foot."""
    count = len(bins.histogram)
    heights = HIGHEST * (1 - foot) * bins.histogram / (bins.histogram.max() or 1.0)
    left = np.arange(count) / count
    ax.axhline(foot, color=INK, linewidth=0.5, zorder=0)
    style: dict[str, Any] = {"align": "edge", "color": FAINT, "edgecolor": "white", "linewidth": 0.5, "zorder": 0.5}
    return ax.bar(left, heights, 1 / count, bottom=foot, **style)
