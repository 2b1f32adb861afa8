"""The picture of noise: both fits over noise columns and over noise on the targets, and the decays chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.why_noise import GAUSSIAN, Noise, NoiseSteps
from weightdecay.show.canvas import axes, check, legend_above
from weightdecay.show.labels import settle
from weightdecay.show.why_fits_lines import draw_decays, draw_fits, dress_levels, metric_label, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Shares of the axes: left end and width of the panels, where there are two beside each other and where there is one.
TWO: tuple[tuple[float, float], ...] = ((0.09, 0.38), (0.6, 0.4))
TIGHT: tuple[tuple[float, float], ...] = ((0.16, 0.33), (0.67, 0.33))
NARROW = 330.0  # points, up to which panels stand tight
ONE: tuple[tuple[float, float], ...] = ((0.09, 0.91),)
LOSSES, DECAYS = (0.36, 0.6), (0.0, 0.26)
LONG, SHORT = "columns of noise", "noise columns"


def draw(record: Noise, ax: Axes | None = None) -> Axes:
    """Draw the held-out loss of three fits over the amounts of noise, and below it the decays chosen.

    Parameters
    ----------
    record : Noise
    ax : matplotlib Axes, optional
        Where to draw, in ``ax.child_axes``; a new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    check("why", record, Noise, "pass what wd.why.noise returned")
    ax = axes(ax)
    ax.set_axis_off()
    settle(ax)
    parts = [(one, name) for one, name in ((record.columns, "columns"), (record.labels, "labels")) if one is not None]
    entries: dict[str, Any] = {}
    narrow = width_of(ax) < NARROW
    for (steps, name), (left, width) in zip(parts, (TIGHT if narrow else TWO) if len(parts) > 1 else ONE, strict=True):
        losses = ax.inset_axes((left, LOSSES[0], width, LOSSES[1]))
        decays = ax.inset_axes((left, DECAYS[0], width, DECAYS[1]))
        x, names = _places(steps, name)
        entries |= draw_fits(losses, x, steps.fits, record.scoring)
        draw_decays(decays, x, steps.fits)
        for part in (losses, decays):
            part.set_xlim(-0.3, len(x) - 0.7)
        settle(ax)
        dress_levels(losses, x, names, "")
        dress_levels(decays, x, names, _label(record, name, len(parts), narrow=narrow))
        if name == parts[0][1]:
            metric_label(losses, record.scoring)
            decays.set_ylabel("λ chosen")
    legend_above(ax, entries, width_of(ax))
    return ax


def _places(steps: NoiseSteps, name: str) -> tuple[Array, Sequence[str]]:
    """Amounts one beside the other, since they grow in ratios from 0, and their names."""
    levels = steps.levels.tolist()
    texts = [f"{one:,.0f}" if name == "columns" else f"{one:g}" for one in levels]
    return np.arange(len(levels), dtype=np.float64), texts


def _label(record: Noise, name: str, panels: int, *, narrow: bool) -> str:
    """The name of the axis of x."""
    if name == "columns":
        return LONG if panels == 1 else SHORT
    if panels == 1:
        return record.label_unit
    if record.kind == GAUSSIAN:
        return "target noise" if narrow else "target noise (residual s.d.)"
    return record.short_unit if narrow else record.label_unit
