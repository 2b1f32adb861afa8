"""The picture of double descent: held-out errors over the number of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weightdecay.records.why_descent import DoubleDescent
from weightdecay.show.canvas import axes as given_or_new
from weightdecay.show.canvas import legend_above
from weightdecay.show.decay_axis import tick_label, ticks
from weightdecay.show.labels import BLUE, FAINT, GREY, NAME_SIZE, VERMILLION, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Repeats beyond which single draws only make the picture heavy, and the ratio that asks for a logarithmic axis.
SINGLE, SPREAD = 8, 6.0


def draw(record: DoubleDescent, ax: Axes | None = None) -> Axes:
    """Errors without decay and with tuned decay, means in bold over single draws, and where columns equal rows."""
    axes = given_or_new(ax)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xscale("log")
    sizes = record.sizes
    alone = len(sizes) == 1
    low, high = (sizes[0] / 2, sizes[0] * 2) if alone else (sizes[0], sizes[-1])
    axes.set_xlim(low / 1.05, high * 1.05)
    axes.set_xlabel(f"number of {record.what}")
    settle(axes)
    every = np.concatenate([record.none.mean(axis=0), record.tuned.mean(axis=0), [record.constant.mean()]])
    if every.min() > 0 and every.max() > SPREAD * every.min():
        axes.set_yscale("log")
    entries: dict[str, Any] = {}
    for name, values, colour in (("no decay", record.none, VERMILLION), ("tuned decay", record.tuned, BLUE)):
        for one in values[:SINGLE] if len(values) > 1 else ():
            axes.plot(sizes, one, color=colour, linewidth=0.6, alpha=0.35)
        (entries[name],) = axes.plot(
            sizes, values.mean(axis=0), color=colour, linewidth=2.0, marker="o", markersize=3.5, zorder=3
        )
    entries["mean of the training rows"] = axes.axhline(
        float(record.constant.mean()), color=GREY, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1
    )
    if low <= record.n_train <= high:
        axes.axvline(record.n_train, color=FAINT, linewidth=1.0, zorder=0)
        axes.annotate(
            f"{record.n_train:,} training rows",
            (record.n_train, 0.985),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=NAME_SIZE,
            color=GREY,
            va="top",
        )
    places = ticks(float(low), float(high), most=max(3, int(points(axes)[0] / 60)))
    axes.set_xticks(places, [tick_label(one) for one in places])
    axes.set_xticks([], minor=True)
    axes.set_ylabel(for_plot(f"held-out {record.loss}", letters_beside(axes)))
    legend_above(axes, entries, points(axes)[0])
    return axes
