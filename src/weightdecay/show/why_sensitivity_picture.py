"""The picture of sensitivity: what every factor off the best decay costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.why_fits import in_two
from weightdecay.records.why_sensitivity import Off, Sensitivity
from weightdecay.show.canvas import axes, check
from weightdecay.show.labels import BLUE, FAINT, GREEN, GREY, INK, NAME_SIZE, letters_beside, points, settle
from weightdecay.show.legend import place_legend
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# The picture ends above the dearest of the factors, and not below so many times what the window allows.
ALLOWANCES = 3.0
ROOM = 1.18
BELOW = 0.13  # of the picture, for names under marks at 0
BESIDE = 4.0  # times the last factor, for names beside its mark


def draw(record: Sensitivity, ax: Axes | None = None) -> Axes:
    """Draw what a decay costs against its factor off the best, in per cent of the best's loss, with paired errors.

    Parameters
    ----------
    record : Sensitivity
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    check("why", record, Sensitivity, "pass what wd.why.sensitivity returned")
    ax = axes(ax)
    unit = record.unit / 100.0 if record.unit > 0 else 1.0
    known = [one for one in record.off if math.isfinite(one.excess)]
    top = _top(record, known, unit)
    _dress(ax, record, percent=record.unit > 0)
    settle(ax)
    inside = (record.decays > 0) & np.isfinite(record.decays)
    excess = (record.mean[inside] - record.loss) / unit
    curve = ax.plot(record.decays[inside] / record.decay, excess, color=GREY, linewidth=1.2, zorder=2)[0]
    ax.axhspan(
        0.0, 100.0 * record.tolerance if record.unit > 0 else 0.0, color=GREEN, alpha=0.12, linewidth=0, zorder=0
    )
    ax.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    ax.plot([1.0], [0.0], "D", color=INK, markersize=6, zorder=4)
    marks = None
    for one in known:
        error = one.error / unit if math.isfinite(one.error) else 0.0
        marks = ax.errorbar(
            [one.factor], [one.excess / unit], [error], fmt="o", color=BLUE, markersize=5, linewidth=1.1, zorder=3
        )
        _name(ax, record, one, one.excess / unit, top)
    ax.set_ylim(-BELOW * top, top)
    allowed = f"within {100 * record.tolerance:g} %"
    entries: dict[str, Any] = {"the curve of the tuning": curve}
    if marks is not None:
        entries |= {"a factor off, ± one paired standard error": marks}
    if record.unit > 0 and record.tolerance > 0:
        from matplotlib.patches import Patch

        entries |= {allowed: Patch(color=GREEN, alpha=0.2)}
    place_legend(ax, entries)
    return ax


def _top(record: Sensitivity, known: list[Off], unit: float) -> float:
    """The upper end of the axis."""
    costs = [one.excess / unit for one in known]
    errors = [one.error / unit for one in known if math.isfinite(one.error)]
    highest = max([*costs, ALLOWANCES * 100.0 * record.tolerance if record.unit > 0 else 0.0, 0.0])
    room = highest + min(max(errors, default=0.0), 0.5 * highest)
    return ROOM * room or 1.0


def _dress(ax: Axes, record: Sensitivity, *, percent: bool) -> None:
    """The axes: factors below, and what they are called."""
    factors = [one.factor for one in record.off]
    low, high = min(factors), max(factors)
    ax.set_xscale("log")
    ax.set_xlim(low / BESIDE, high * BESIDE)
    names = [f"÷ {1 / c:g}" if c < 1 else f"× {c:g}" for c in factors]
    ticks = sorted([(1.0, f"\nbest {in_two(record.decay)}"), *zip(factors, names, strict=True)])
    ax.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("decay λ against the best")
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    room = letters_beside(ax)
    unit = "%" if percent else record.metric
    words = (f"cost in held-out {record.metric} ({unit})", f"cost in {record.metric} ({unit})", f"cost ({unit})")
    ax.set_ylabel(for_plot(next((one for one in words if len(one) <= room), words[-1]), max(room, len(words[-1]))))


def _name(ax: Axes, record: Sensitivity, one: Off, height: float, top: float) -> None:
    """What one factor costs, beside its mark, on the side away from the best."""
    shown = record.cost(one.mean) if record.unit > 0 else brief(one.excess)
    left = one.factor < 1
    ax.annotate(
        shown,
        (one.factor, min(height, top)),
        xytext=(-5 if left else 5, -4),  # under the curve, which rises that way
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=NAME_SIZE if points(ax)[0] < 300 else NAME_SIZE + 1,
        color=INK,
    )
