"""The picture of a learning curve: held-out loss over rows, with and without decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weightdecay.records.why_growth import LearningCurve
from weightdecay.show.canvas import axes, check
from weightdecay.show.labels import FAINT, GREY, NAME_SIZE
from weightdecay.show.legend import place_legend
from weightdecay.show.why_fits_lines import draw_fits, dress_levels, metric_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(record: LearningCurve, ax: Axes | None = None) -> Axes:
    """Draw the mean held-out loss over the rows to train on, of three fits, with bands of one standard error.

    Parameters
    ----------
    record : LearningCurve
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    check("why", record, LearningCurve, "pass what wd.why.learning_curve returned")
    ax = axes(ax)
    x = record.sizes.astype(np.float64)
    ax.set_xscale("log")
    entries = draw_fits(ax, x, record.fits, record.scoring)
    ax.set_xlim(x[0] / 1.1, x[-1] * 1.1)
    metric_label(ax, record.scoring)
    dress_levels(ax, x, [f"{one:,}" for one in record.sizes.tolist()], "rows to train on")
    if x[0] < record.n_columns < x[-1]:
        ax.axvline(record.n_columns, color=FAINT, linewidth=0.9, linestyle=":", zorder=0)
        ax.annotate(
            "as many rows as columns",
            (record.n_columns, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=NAME_SIZE,
            color=GREY,
        )
    place_legend(ax, entries)
    return ax
