"""What every picture begins with: axes to draw into, and something to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.show.labels import NAME_SIZE, points, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

LABEL_SIZE = 10.0  # points, of the name of an axis
BESIDE = 28.0  # points beside a name in a legend: its mark, and space
WAYS = "pass what wd.tune returned, model.tuning_ or tuning.diagnostics"


def check(name: str, given: object, kind: type, remedy: str) -> None:
    """What is to be drawn is of the kind that the picture shows."""
    if not isinstance(given, kind):
        raise TypeError(f"wd.plot.{name} draws a {kind.__name__}, got {type(given).__name__}; {remedy}")


def axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.2, 4.5), layout="constrained")[1]


def diagnostics_of(name: str, given: Tuning | Diagnostics) -> Diagnostics:
    """The diagnostics given, or those of a tuning that has some."""
    if isinstance(given, Diagnostics):
        return given
    check(name, given, Tuning, WAYS)
    if given.targets:
        raise ValueError(f"wd.plot.{name} draws one target of {len(given.targets)}; pass one of tuning.targets")
    found = given.diagnostics
    if found is None:
        raise ValueError(
            f"wd.plot.{name} has nothing to draw: this tuning of a {given.model_name} has no diagnostics; "
            "wd.plot.path(tuning.path) draws its coefficients"
        )
    return found


def target_of(given: Tuning | Diagnostics, target: str | None) -> str | None:
    """The name of the target: the one given, or the only one that a tuning names."""
    if target is None and isinstance(given, Tuning) and len(given.target_names) == 1:
        return given.target_names[0]
    return target


def fitting(ax: Axes, words: Sequence[str]) -> str:
    """The first of some names of an axis of x that fits along it, or the last."""
    room = 1.1 * points(ax)[0] * NAME_SIZE / LABEL_SIZE
    return next((text for text in words if text_width(text) <= room), words[-1])


def legend_above(ax: Axes, entries: Mapping[str, Any]) -> None:
    """A legend of the entries (name → artist) above the axes, where it hides nothing, in as many columns as fit."""
    widest = max(text_width(name) for name in entries) + BESIDE
    ax.legend(
        list(entries.values()),
        list(entries),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=max(1, min(len(entries), int(points(ax)[0] / widest))),
        fontsize=NAME_SIZE,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.5,
        columnspacing=1.2,
    )
