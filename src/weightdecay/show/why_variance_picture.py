"""The picture of bias and variance: what they add to the noise at every decay, beside the cross-validated curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.why_variance import BiasVariance
from weightdecay.show.canvas import axes as given_or_new
from weightdecay.show.canvas import legend_above
from weightdecay.show.decay_axis import DecayAxis, decay_axis, dress
from weightdecay.show.labels import BLUE, GREEN, GREY, INK, VERMILLION, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Times the least excess that the picture shows, and room above what it shows.
HIGH, ROOM = 5.0, 1.06
DASHES = (0, (5, 1.5))


def draw(record: BiasVariance, ax: Axes | None = None) -> Axes:
    """Squared bias, variance and their sum above the noise; on the right the error itself, noise included."""
    axes = given_or_new(ax)
    axis = decay_axis([*record.decays, record.decay])
    dress(axes, axis, record.decays)
    excess = record.bias + record.variance
    seen = record.cross_validated - record.noise
    top = _top(record, excess, seen)
    low = min(0.0, float(np.nanmin(np.where(seen < top, seen, 0.0))))
    axes.set_ylim(low * ROOM, top * ROOM)
    settle(axes)
    curves = (
        ("bias² + variance", excess, {"color": INK, "linewidth": 2.0}),
        ("cross-validation", seen, {"color": GREEN, "linewidth": 1.4, "linestyle": DASHES}),
        ("bias²", record.bias, {"color": VERMILLION, "linewidth": 1.5}),
        ("variance", record.variance, {"color": BLUE, "linewidth": 1.5}),
    )
    entries = {name: _curve(axes, axis, (record.decays, values), style) for name, values, style in curves}
    axes.axvline(float(axis.place(record.decay)), color=INK, linewidth=0.9, linestyle=":", zorder=0)
    letters = letters_beside(axes)
    axes.set_ylabel(for_plot("above the noise" if letters < 34 else f"{record.loss} above the noise", letters))
    _whole(axes, record)
    legend_above(axes, entries, points(axes)[0])
    return axes


def _curve(axes: Axes, axis: DecayAxis, points_of: tuple[Array, Array], style: dict[str, Any]) -> Any:
    """A line over the finite decays, and marks for 0 and ∞ beside it."""
    decays, values = points_of
    inside = (decays > 0) & np.isfinite(decays)
    marker = "o" if np.count_nonzero(inside) == 1 else ""
    (line,) = axes.plot(decays[inside], values[inside], marker=marker, markersize=4, **style)
    axes.plot(
        axis.place(decays[~inside]),
        values[~inside],
        "o",
        color=style["color"],
        markersize=4,
        fillstyle="none",
        zorder=3,
    )
    return line


def _top(record: BiasVariance, excess: Array, seen: Array) -> float:
    """The upper end: all of it, or some times the least excess, the tuned decay's and what no decay has included."""
    known = excess[np.isfinite(excess)]
    least, most = float(known.min()), float(known.max())
    wanted = HIGH * max(least, float(excess[record.at]), 1e-300)
    near = np.isfinite(seen) & (excess <= wanted)
    measured = float(seen[near].max()) if near.any() else 0.0
    top = max(min(most, wanted), min(measured, wanted))
    return top if top > 0 else (record.noise or 1.0)


def _whole(axes: Axes, record: BiasVariance) -> None:
    """The error with the noise, along the right side."""

    def more(excess: Any) -> Any:
        return excess + record.noise

    def less(error: Any) -> Any:
        return error - record.noise

    right = axes.secondary_yaxis("right", functions=(more, less))
    right.set_ylabel(f"with the noise, {brief(record.noise)}", color=GREY, fontsize="small")
    right.tick_params(colors=GREY, labelsize="small")
    right.spines["right"].set_color(GREY)
