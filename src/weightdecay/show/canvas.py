"""What every picture begins with: axes to draw into, and something to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weightdecay.records.class_diagnostics import AnyDiagnostics, ClassDiagnostics
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.show.labels import NAME_SIZE, text_width

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


def residuals_of(name: str, given: Tuning | Diagnostics) -> Diagnostics:
    """The diagnostics of a regression, given or of a tuning."""
    found = diagnostics_of(name, given)
    if isinstance(found, ClassDiagnostics):
        raise ValueError(
            f"wd.plot.{name} draws the residuals of numbers, and this predicts {len(found.classes)} classes; "
            "wd.plot.confusion and wd.plot.calibration draw what they have instead"
        )
    return found


def classes_of(name: str, given: Tuning | ClassDiagnostics) -> ClassDiagnostics:
    """The diagnostics of a classifier, given or of a tuning."""
    found = diagnostics_of(name, given)
    if not isinstance(found, ClassDiagnostics):
        raise ValueError(f"wd.plot.{name} draws classes, and this predicts numbers; wd.plot.residuals draws those")
    return found


def diagnostics_of(name: str, given: Tuning | AnyDiagnostics) -> AnyDiagnostics:
    """The diagnostics given, or those of a tuning that has some."""
    if isinstance(given, Diagnostics | ClassDiagnostics):
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


def target_of(given: Tuning | AnyDiagnostics, target: str | None) -> str | None:
    """The name of the target: the one given, or the only one that a tuning names."""
    if target is None and isinstance(given, Tuning) and len(given.target_names) == 1:
        return given.target_names[0]
    return target


def fitting(width: float, words: Sequence[str]) -> str:
    """The first of some names of an axis of x that fits along its width in points, or the last."""
    room = 1.1 * width * NAME_SIZE / LABEL_SIZE
    return next((text for text in words if text_width(text) <= room), words[-1])


def columns_that_fit(widths: Sequence[float], room: float) -> int:
    """How many columns of a legend fit into the room; it is filled column by column."""
    for count in range(len(widths), 1, -1):
        if sum(max(column) for column in np.array_split(widths, count)) <= room:
            return count
    return 1


def legend_above(ax: Axes, entries: Mapping[str, Any], width: float) -> None:
    """A legend of the entries (name → artist) above axes of a width, where it hides nothing, in columns that fit."""
    widths = [text_width(name) + BESIDE for name in entries]
    ax.legend(
        list(entries.values()),
        list(entries),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns_that_fit(widths, width),
        fontsize=NAME_SIZE,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.5,
        columnspacing=1.2,
    )
