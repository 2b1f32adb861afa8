"""Several targets: one held-out curve each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.decay_axis import decay_axis, dress
from weightdecay.show.labels import CYCLE, FAINT, GREY, fitted, points, settle
from weightdecay.show.loss_axis import COMPARABLE
from weightdecay.show.names import target_names
from weightdecay.show.sanitize import for_plot
from weightdecay.show.strip import Label, extend, lanes, strip_height, write
from weightdecay.show.validation_curve import in_two_digits, segments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Curves that rise above this many times their best leave the picture.
HIGHEST = 3.0
# Of the axes' width, for the name of a target.
NAME_SHARE = 0.22
# More grey curves than this only make the picture heavy.
GREY_CURVES = 10


def draw_targets(ax: Axes, tuning: Tuning) -> None:
    """One held-out curve per target, each in units of its own best, for their losses have different units.

    A score may be negative or 0 at its best: then each curve is the difference to it.
    """
    every = [decay for one in tuning.targets for decay in one.decays]
    axis = decay_axis(every)
    dress(ax, axis, every)
    bests = np.array([one.mean[one.best] for one in tuning.targets])
    ratio = tuning.scoring in COMPARABLE and bool((bests > 0).all())
    curves = [
        one.mean / best if ratio else tuning.as_metric(one.mean - best)
        for one, best in zip(tuning.targets, bests, strict=True)
    ]
    foot = 1.0 if ratio else 0.0
    loss = for_plot(tuning.metric) if tuning.scored else "loss"
    ax.set_ylabel("held-out loss / its best" if ratio else f"held-out {loss} − its best")
    labels = []
    settle(ax)
    names = target_names(tuning)
    room = points(ax)[0] * NAME_SHARE
    most = len(CYCLE) + GREY_CURVES
    for number, (one, curve) in enumerate(zip(tuning.targets[:most], curves, strict=False)):
        named = number < len(CYCLE)
        colour, width, layer = (CYCLE[number], 1.4, 3) if named else (FAINT, 0.6, 1)
        segments(ax, axis, one.decays, curve, color=colour, linewidth=width, zorder=layer)
        ax.plot(axis.place(one.decay_min), foot, "o", color=colour, markersize=5 if named else 3, zorder=layer + 1)
        if named:
            text = f"{fitted(names[number], room)}: {in_two_digits(one.decay_min)}"
            labels.append(Label(axis.share(one.decay_min), text, colour, height=foot))
    placed = lanes(labels, points(ax)[0])
    far = max(float(np.nanmax(np.abs(curve - foot))) for curve in curves[:most])
    span = (min(far, HIGHEST - 1) if ratio else far) or 1.0
    notes = [f"the first {most} of {len(curves)} targets"] if len(curves) > most else []
    notes += [f"not shown: up to {brief(foot + far)}"] if far > span else []
    ax.set_title("; ".join(notes), fontsize="small", color=GREY, loc="left")
    below, above = (1.05, 0.05) if tuning.larger_is_better else (0.05, 1.05)
    extend(ax, foot - below * span, foot + above * span, strip_height(placed))
    write(ax, axis, placed)
