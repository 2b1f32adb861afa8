"""What a monitor has measured of the decayed weights, against what theory expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.monitor import Monitored, Series
from weightdecay.records.monitor_expected import expected_gradient, expected_rms
from weightdecay.show.labels import CYCLE, FAINT, GREY, NAME_SIZE, letters_beside, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
DASHES, DOTS = (0, (4, 1.5)), (0, (1, 1.2))
MOST_LINES = 6
NAME = 40  # letters in a legend
BEYOND = 3.0  # times what was measured: an equilibrium that runs away at the end of a schedule leaves the picture
SPREAD = 20.0  # values that spread more are drawn on a logarithmic axis
SMOOTH = 9  # measurements that a line of balances averages


@final
@dataclass(frozen=True)
class Panel:
    """One quantity: the measured array of a series, the expected one, and what the axis is called."""

    measured: str
    expected: str
    label: str
    short: str


PANELS = {
    "rms": Panel("rms", "equilibrium", "root mean square of the weights", "weight RMS"),
    "angle": Panel("angle", "equilibrium_angle", "turn in one step (radians)", "turn (rad)"),
    "gradient": Panel("ratio", "expected_ratio", "gradient over weight, ‖g‖/‖w‖", "‖g‖/‖w‖"),
    "balance": Panel("pushed", "decayed", "put back by updates over taken by decay", "put back/taken"),
}


ON_THE_WAY: Mapping[str, Callable[[Series], Array]] = {"rms": expected_rms, "ratio": expected_gradient}


def draw_monitor(ax: Axes, monitored: Monitored, what: str) -> None:
    """All four quantities, each in a quarter of the axes, or one of them in all of it."""
    every = _decayed(monitored)
    if what != "all":
        _panel(ax, every, PANELS[what])
        _legend(ax, every)
        return
    ax.set_axis_off()
    settle(ax)
    places = {"rms": (0.09, 0.55), "angle": (0.6, 0.55), "gradient": (0.09, 0.0), "balance": (0.6, 0.0)}
    for name, (left, low) in places.items():
        part = ax.inset_axes((left, low, 0.4, 0.4))
        _panel(part, every, PANELS[name])
        if name in ("rms", "angle"):
            part.set_xlabel("")
    _legend(ax, every, above=True)


def _decayed(monitored: Monitored) -> list[Series]:
    """The roles that are decayed, the largest first; where none is, all of them."""
    every = [monitored.series(label) for label in monitored.labels()]
    decayed = [one for one in every if one.form != "exempt"]
    return sorted(decayed or every, key=lambda one: -one.elements)[:MOST_LINES]


def _panel(ax: Axes, every: Sequence[Series], panel: Panel) -> None:
    """One quantity over the steps: measured, in equilibrium (dashed), and expected on the way to it (dotted)."""
    ax.set_xlabel("step")
    ax.spines[["top", "right"]].set_visible(False)
    ax.locator_params(axis="x", integer=True, nbins=5)
    shown: list[Array] = []
    for one, colour in zip(every, CYCLE, strict=False):
        measured, expected = one.arrays[panel.measured], one.arrays[panel.expected]
        if panel.measured == "pushed":
            measured, expected = _ratio(measured, expected), np.ones(len(one.step))
        marker = "o" if len(one.step) == 1 else ""
        ax.plot(one.step, measured, color=colour, linewidth=1.3, marker=marker, markersize=3, zorder=3)
        shown.append(measured)
        if panel.measured == "pushed":
            continue
        ax.plot(
            one.step, expected, color=colour, linewidth=1.0, linestyle=DASHES, marker=marker, markersize=2, zorder=2
        )
        if panel.measured in ON_THE_WAY:
            way = ON_THE_WAY[panel.measured](one)
            ax.plot(one.step, way, color=colour, linewidth=1.2, linestyle=DOTS, zorder=2)
            shown.append(way)
    if panel.measured == "pushed":
        ax.axhline(1.0, color=FAINT, linewidth=0.9, zorder=0)
        shown.append(np.ones(1))
    _scale(ax, shown)
    settle(ax)
    ax.set_ylabel(panel.label if letters_beside(ax) >= len(panel.label) else panel.short)


def _ratio(pushed: Array, decayed: Array) -> Array:
    """Sums over neighbouring measurements, one over the other: of a single step the balance is mostly noise."""
    inside = np.isfinite(pushed) & (decayed > 0)
    window = np.ones(min(SMOOTH, max(len(pushed), 1)))
    above = np.convolve(np.where(inside, pushed, 0.0), window, mode="same")
    below = np.convolve(np.where(inside, decayed, 0.0), window, mode="same")
    found: Array = np.divide(above, below, out=np.full(len(pushed), np.nan), where=below > 0)
    return found


def _scale(ax: Axes, shown: Sequence[Array]) -> None:
    """Limits by what must be seen, and a logarithmic axis where it asks for one."""
    values = np.concatenate([one[np.isfinite(one)] for one in shown])
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > SPREAD * low:
        ax.set_yscale("log")
        ax.set_ylim(low / BEYOND, high * BEYOND)
        return
    margin = 0.08 * ((high - low) or abs(high) or 1.0)
    bottom, top = ax.get_ylim()
    lowest = low / BEYOND if low > 0 else low - margin
    ax.set_ylim(max(bottom, lowest), min(top, high + (BEYOND - 1) * abs(high) + margin))


def _legend(ax: Axes, every: Sequence[Series], *, above: bool = False) -> None:
    """Roles by their colours, and what is dashed."""
    from matplotlib.lines import Line2D

    entries: dict[str, Any] = {
        for_plot(one.label, NAME): Line2D([], [], color=colour, linewidth=1.3)
        for one, colour in zip(every, CYCLE, strict=False)
    }
    entries["in equilibrium"] = Line2D([], [], color=GREY, linewidth=1.0, linestyle=DASHES)
    entries["expected on the way"] = Line2D([], [], color=GREY, linewidth=1.2, linestyle=DOTS)
    style: dict[str, Any] = {"loc": "best"}
    if above:
        style = {"loc": "upper center", "bbox_to_anchor": (0.5, 1.06), "ncols": min(len(entries), 4)}
    ax.legend(list(entries.values()), list(entries), fontsize=NAME_SIZE, frameon=False, **style)
