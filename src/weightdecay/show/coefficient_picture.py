"""The picture of coefficients: the model in use beside least squares and beside the models of the folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.canvas import axes, diagnostics_of, fitting, legend_above, target_of
from weightdecay.show.flat_coefficients import FlatCoefficients, in_one_row
from weightdecay.show.fold_words import single
from weightdecay.show.labels import (
    BLUE,
    FAINT,
    GREY,
    INK,
    LINE,
    NAME_SIZE,
    VERMILLION,
    fitted,
    points,
    settle,
    text_width,
)
from weightdecay.show.sanitize import for_plot
from weightdecay.show.spreads import REACH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

TOP = 25  # coefficients drawn
MOST_NAME, NAME_SHARE = 32, 0.36  # letters of a name, and share of the width for names
LEGEND = 28.0  # points that the legend takes
FAR = 1.0  # of the models' range: what of least squares lies farther out leaves the picture


def coefficients(
    record: Tuning | AnyDiagnostics, *, ax: Axes | None = None, top: int = TOP, target: str | None = None
) -> Axes:
    """Draw the largest coefficients, with their range over the folds and with the fit without decay as hollow marks.

    Every coefficient is multiplied by the standard deviation of its column, so that columns of different units can be
    compared: it is the change of the prediction per standard deviation of the column (of a classifier: of the log-odds
    of the second class or, of more than two, of the class's score, whose softmax the probabilities are). Where these
    are not known, the coefficients are drawn in the units of their columns. Coefficients whose sign is not the same in
    the models of all folds are grey; of a single fold its model is a cross. Where the fit without decay is far outside
    of the range of the others it is a triangle at the edge with its number.

    Parameters
    ----------
    record : Tuning, Diagnostics or ClassDiagnostics
        What `wd.tune` returned, or its ``diagnostics``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    top : int, default 25
        How many coefficients to draw at most: the largest in size, the largest on top; fewer if they do not fit.
    target : str, optional
        The name of the target; that of the tuning if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is neither a `Tuning` nor diagnostics.
    ValueError
        The tuning has no diagnostics, or several targets.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.coefficients(wd.tune(wd.LinearRegression(), X, y))
    >>> [one.get_text() for one in ax.get_yticklabels()]
    ['x2', 'x0', 'x1']
    """
    found = in_one_row(diagnostics_of("coefficients", record))
    target = target_of(record, target)
    ax = axes(ax)
    per, standardised = per_deviation(found)
    ranked = np.argsort(-np.abs(per * found.coef), kind="stable")
    ax.set_xlabel("per standard deviation")
    ax.set_yticks([])
    settle(ax)
    shown = ranked[: max(1, min(top, int((points(ax)[1] - LEGEND) / LINE)))]
    room = NAME_SHARE * points(ax)[0]
    named = [fitted(found.names[j], room, MOST_NAME) for j in shown]
    ax.set_yticks(np.arange(len(shown)), named, fontsize=NAME_SIZE)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    # The names take their room from what the axes had while they were empty.
    width = points(ax)[0] - max(map(text_width, named), default=0.0)
    _rows(ax, found, per, shown, width)
    ax.set_xlabel(fitting(width, _words(found, target, standardised=standardised)))
    return ax


def per_deviation(found: FlatCoefficients) -> tuple[Array, bool]:
    """What to multiply coefficients with to compare them: standard deviations of columns, or 1 if they are unknown."""
    if np.isfinite(found.scale).any():
        return np.where(np.isfinite(found.scale), found.scale, 0.0), True
    return np.ones(len(found.coef)), False


def sign_changes(found: FlatCoefficients) -> NDArray[np.bool_]:
    """Whether a coefficient is positive in the model of one fold and negative in that of another."""
    return (found.low < 0) & (found.high > 0)


def _words(found: FlatCoefficients, target: str | None, *, standardised: bool) -> list[str]:
    """Names of the axis of x, the most telling first."""
    if not standardised:
        return ["coefficient, in the units of its column", "coefficient"]
    what = for_plot(found.effect if target is None or found.classifies else target, MOST_NAME)
    return [
        *(f"change of {what} per standard deviation of the {word}" for word in ("column", "col.")),
        f"{what} per standard deviation",
        "per standard deviation",
    ]


def _rows(ax: Axes, found: FlatCoefficients, per: Array, shown: NDArray[np.intp], width: float) -> None:
    """The zero line, and for each coefficient its range over the folds, least squares and itself."""
    at = np.arange(len(shown), dtype=np.float64)
    coef, least, low, high = ((per * one)[shown] for one in (found.coef, found.without, found.low, found.high))
    changes, reach = sign_changes(found)[shown], (REACH * per * found.posterior)[shown]
    left, right = _limits(coef, low, high, np.concatenate([least, coef - reach, coef + reach]))
    ax.set_xlim(left, right)
    ax.hlines(at, left, right, color=FAINT, linewidth=0.4, zorder=0)
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    entries: dict[str, Any] = {}
    inside = (least >= left) & (least <= right)
    style: dict[str, Any] = {"linestyle": "none", "fillstyle": "none", "markersize": 5.5, "zorder": 2}
    drawn = ax.plot(least[inside], at[inside], marker="D", color=VERMILLION, **style)[0]
    _beyond(ax, least, at, (left, right))
    for these, colour, name in ((~changes, BLUE, "model in use"), (changes, GREY, "sign differs by fold")):
        if these.any():
            ranges = np.isfinite(low) & np.isfinite(high) & these
            if single(found.folds):
                bars: Any = ax.plot(low[ranges], at[ranges], "x", color=colour, markersize=5, zorder=3)[0]
            else:
                bars = ax.hlines(at[ranges], low[ranges], high[ranges], color=colour, linewidth=3, alpha=0.45, zorder=3)
            entries[name] = ax.plot(coef[these], at[these], "o", color=colour, markersize=4.5, zorder=4)[0]
            entries.setdefault(f"{'' if single(found.folds) else 'range over '}{for_plot(found.folds, 24)}", bars)
    likely = np.isfinite(reach)
    if likely.any():
        ends = (coef - reach)[likely], (coef + reach)[likely]
        entries["95 % posterior interval"] = ax.hlines(at[likely], *ends, color=INK, linewidth=0.8, zorder=2.5)
    if found.rivalled:
        entries[found.rival] = drawn
    legend_above(ax, entries, width)


def _limits(coef: Array, low: Array, high: Array, least: Array) -> tuple[float, float]:
    """Ends of the axis of x: all of the models, and of least squares what is not far outside of them."""
    models = np.concatenate([coef, low, high, [0.0]])
    models = models[np.isfinite(models)]
    bottom, top = float(models.min()), float(models.max())
    span = (top - bottom) or float(np.abs(least[np.isfinite(least)]).max(initial=0.0)) or 1.0
    near = least[(least >= bottom - FAR * span) & (least <= top + FAR * span)]
    bottom, top = min(bottom, near.min(initial=bottom)), max(top, near.max(initial=top))
    margin = 0.06 * ((top - bottom) or span)
    return bottom - margin, top + margin


def _beyond(ax: Axes, least: Array, at: Array, ends: tuple[float, float]) -> None:
    """Least squares outside of the picture: a triangle at the edge, and the number beside it."""
    for outside, end, marker, side, away in (
        (least < ends[0], ends[0], "<", "left", 7.0),
        (least > ends[1], ends[1], ">", "right", -7.0),
    ):
        for height, value in zip(at[outside], least[outside], strict=True):
            ax.plot([end], [height], marker, color=VERMILLION, fillstyle="none", markersize=5, clip_on=False, zorder=2)
            ax.annotate(
                brief(float(value)),
                (end, height),
                xytext=(away, 1),
                textcoords="offset points",
                ha=side,
                va="bottom",
                fontsize=6.5,
                color=VERMILLION,
                zorder=5,
                # The zero line may pass behind it.
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )
