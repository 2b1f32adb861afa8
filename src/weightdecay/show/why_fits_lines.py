"""Lines of three fits, without decay, with tuned decay and at infinite decay, over whatever grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.why_fits import Fits, as_metric, is_score, larger_is_better, metric_of
from weightdecay.show.labels import BLUE, GREY, INK, VERMILLION, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

DASHES = (0, (4, 2))
# A loss without decay that is so many times the largest of the others is drawn on a logarithmic axis.
FAR = 4.0
REACH = 1.5  # times the others' range that is shown beyond them where scores run out of the picture
TICK = 34.0  # points that a label of the axis of x takes


@dataclass(frozen=True)
class Line:
    """One fit: the name of its arrays in `Fits`, what a legend calls it, and its style."""

    name: str
    label: str
    colour: str
    style: Any
    marker: str


LINES = (
    Line("none", "no decay", VERMILLION, "-", "s"),
    Line("tuned", "tuned decay", BLUE, "-", "o"),
    Line("constant", "infinite decay", GREY, DASHES, ""),
)


def draw_fits(ax: Axes, x: Array, fits: Fits, scoring: str) -> dict[str, Any]:
    """The three mean losses with bands of one standard error, on a logarithmic axis where that is needed; a legend."""
    entries: dict[str, Any] = {}
    ends: list[float] = []
    for line in LINES:
        mean = as_metric(scoring, getattr(fits, f"{line.name}_mean"))
        error = np.nan_to_num(getattr(fits, f"{line.name}_error"))
        some = np.isfinite(mean)
        if not some.any():
            continue
        style: dict[str, Any] = {"color": line.colour, "linestyle": line.style, "marker": line.marker, "markersize": 4}
        label = line.label
        if line.name == "none" and (fits.least > 0).any():
            label = "no decay, or hardly any"
        if line.name == "none":
            label += _far(fits, scoring, mean[some])
        entries[label] = ax.plot(x, mean, linewidth=1.4, zorder=3 if line.name != "constant" else 2, **style)[0]
        if line.name != "constant":
            ax.fill_between(x, mean - error, mean + error, color=line.colour, alpha=0.15, linewidth=0, zorder=1)
        ends += [*mean[some].tolist(), *((mean + error)[some].tolist() if line.name == "tuned" else [])]
    _limits(ax, fits, scoring, ends)
    return entries


def _limits(ax: Axes, fits: Fits, scoring: str, ends: Sequence[float]) -> None:
    """Limits of the axis of y by the means; logarithmic where the fit without decay is far above the others."""
    low, high = min(ends), max(ends)
    others = np.concatenate([fits.tuned_mean, fits.constant_mean])
    others = others[np.isfinite(others)]
    if not is_score(scoring) and low > 0 and others.size and high > FAR * float(others.max()):
        ax.set_yscale("log")
        ax.set_ylim(low / 1.3, high * 1.3)
        return
    if is_score(scoring) and others.size:
        near = as_metric(scoring, others)
        if _gone(fits, scoring):
            low, high = float(near.min()), float(near.max())
            reach = REACH * ((high - low) or abs(high) or 1.0)
            low, high = max(min(ends), low - reach), min(max(ends), high + reach)
    margin = 0.08 * ((high - low) or abs(high) or 1.0)
    bottom = low - margin
    ax.set_ylim(max(bottom, 0.0) if low >= 0 and not is_score(scoring) else bottom, high + margin)


def _gone(fits: Fits, scoring: str) -> bool:
    """Whether a score without decay is so bad that the others would be one line."""
    near = np.concatenate([fits.tuned_mean, fits.constant_mean])
    near = near[np.isfinite(near)]
    far = fits.none_mean[np.isfinite(fits.none_mean)]
    if not (is_score(scoring) and near.size and far.size):
        return False
    return bool(far.max() - near.max() > FAR * float(np.ptp(near)))


def _far(fits: Fits, scoring: str, mean: Array) -> str:
    """How far a score runs out of the picture."""
    if not _gone(fits, scoring):
        return ""
    worst = float(mean.min()) if larger_is_better(scoring) else float(mean.max())
    return f" ({'down' if larger_is_better(scoring) else 'up'} to {brief(worst)})"


def draw_decays(ax: Axes, x: Array, fits: Fits) -> None:
    """The decay chosen: a point for every training set, and a line through the medians; 0 and ∞ at the edges."""
    decays = fits.decays
    finite = decays[(decays > 0) & np.isfinite(decays)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (1.0, 1.0)
    low, high = low / 3.0, high * 3.0
    zero, infinity = low / 2.0, high * 2.0

    def place(values: Array) -> Array:
        return np.where(values == 0, zero, np.where(np.isinf(values), infinity, values))

    ax.set_yscale("log")
    ax.plot(np.repeat(x, decays.shape[1]), place(decays).ravel(), "o", color=BLUE, alpha=0.35, markersize=3, zorder=2)
    ax.plot(x, place(fits.decay), color=BLUE, linewidth=1.4, zorder=3)
    bottom = zero / 1.5 if (decays == 0).any() else low
    top = infinity * 1.5 if np.isinf(decays).any() else high
    ax.set_ylim(bottom, top)
    for value, at, text in ((0.0, zero, "0"), (np.inf, infinity, "∞")):
        if (decays == value).any():
            ax.annotate(
                text, (0, at), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize="small", color=INK,
            )  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)


def dress_levels(ax: Axes, x: Array, names: Sequence[str], label: str) -> None:
    """Ticks at the levels, as many as have room."""
    scale = ax.transData
    shown: list[int] = []
    at = [float(scale.transform((value, 1.0))[0]) * 72 / ax.figure.dpi for value in x.tolist()]
    order = [0, len(x) - 1, *range(1, len(x) - 1)]
    for k in order:
        if all(abs(at[k] - at[other]) >= TICK for other in shown):
            shown.append(k)
    shown.sort()
    ax.set_xticks([float(x[k]) for k in shown], [names[k] for k in shown])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(label)
    ax.spines[["top", "right"]].set_visible(False)


def metric_label(ax: Axes, scoring: str, before: str = "held-out ") -> None:
    """The name of the axis of y, as long as fits."""
    settle(ax)
    room = letters_beside(ax)
    metric = metric_of(scoring)
    full = f"{before}{metric}"
    ax.set_ylabel(for_plot(full if len(full) <= room else metric, room))


def width_of(ax: Axes) -> float:
    """Width of the axes in points."""
    return points(ax)[0]
