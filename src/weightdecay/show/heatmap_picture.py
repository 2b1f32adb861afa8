"""The map of held-out loss over the decay and another parameter of a search in a space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.jsonable import encode
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Tuning
from weightdecay.show.canvas import axes, check, legend_above
from weightdecay.show.decay_axis import RAISED, DecayAxis, decay_axis, dress
from weightdecay.show.labels import INK, LINE, NAME_SIZE, fitted, letters_beside, points, settle
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

Array = NDArray[np.float64]

RATE = "learning_rate"
# Values of a parameter that spread more than this are drawn on a logarithmic axis.
SPREAD = 8.0
MOST_DIAGONALS = 6
# Rows, and cells of a row, that a page shows.
PAGE_ROWS, PAGE_CELLS = 12, 16
BAR = 40  # colours of the scale
NAME_ROOM = 70.0  # points, for a value of a parameter in words
# Colours end this share of the unit above the best at least: smaller differences are chance as a rule.
SHARE = 0.1
BESIDE, QUARTER = 0.35, 0.25  # of the gap beside the axis, and decades: widths of cells that stand alone


@dataclass(frozen=True, eq=False)
class Row:
    """What is known at one value of the parameter: decays, and the mean held-out loss of each."""

    value: Any
    decays: Array
    losses: Array


@dataclass(frozen=True, eq=False)
class Heights:
    """Where the rows of the map stand: their values, the edges between them, and the scale of the axis."""

    at: Array
    edges: Array
    scale: str


def heatmap(tuning: Tuning, *, parameter: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the held-out loss against the decay and another parameter that a search has tried.

    Each setting is a row at its value of the parameter, logarithmic where the values spread, and each decay that is
    known of it a cell, the lighter the better; what is white was not tried, or diverged. Where several settings share
    the value, the better one is shown. A filled mark is the best of all, a hollow one the decay in use where that is
    another, and small ones the best of each row. Over learning rates η the faint diagonals are lines of equal ηλ, the
    share of a weight that a step of decoupled decay takes: a valley that follows them tells that this product matters.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned for a ``space=``.
    parameter : str, optional
        The parameter to draw; the learning rate if it was varied, else the one with the most values.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is no `Tuning`.
    ValueError
        The search has not varied the parameter, or none.

    Notes
    -----
    Of settings without a curve, as records of older versions have them, the decay in use and the least loss are known.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.heatmap(wd.tune(wd.LinearRegression(), X, y, space={"l1_ratio": [0.0, 0.5, 1.0]}, cv=5))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('decay λ', 'l1_ratio')
    """
    check("heatmap", tuning, Tuning, "pass what wd.tune returned for a space=, or Tuning.from_json")
    name = _parameter(tuning.trials, parameter)
    return _drawn(axes(ax), tuning, name, _rows(tuning, name))


def of_page(tuning: Tuning) -> tuple[str, Sequence[Row]] | None:
    """What a page shows of a search: the parameter that `heatmap` draws and some of its rows and cells.

    None where no parameter was varied, where its values are no numbers, or where nothing is known of them but a best
    decay each.
    """
    try:
        name = _parameter(tuning.trials, None)
    except ValueError:
        return None
    values = [encode(one.params[name]) for one in tuning.trials if name in one.params]
    if not all(map(_is_number, values)) or not any(len(one.decays) > 1 for one in tuning.trials):
        return None
    rows = _rows(tuning, name)
    best = repr(encode(tuning.trials[0].params.get(name)))
    kept = _some(len(rows), PAGE_ROWS, [k for k, row in enumerate(rows) if repr(row.value) == best])
    return name, [_thinned(rows[k], tuning.decay) for k in kept]


def draw_page(ax: Axes, tuning: Tuning, shown: tuple[str, Sequence[Row]]) -> Axes:
    """Draw what a page shows."""
    return _drawn(ax, tuning, *shown)


def _some(count: int, most: int, also: Sequence[int]) -> list[int]:
    """About so many places among others, evenly, and some that are to be there."""
    if count <= most:
        return list(range(count))
    return sorted({*np.linspace(0, count - 1, most).round().astype(int).tolist(), *also})


def _thinned(row: Row, decay: float) -> Row:
    """A row with so many cells as a page has room for, its best among them and the one of a decay."""
    also = [int(np.argmin(row.losses)), *np.flatnonzero(row.decays == decay).tolist()]
    kept = _some(len(row.decays), PAGE_CELLS, also)
    return Row(row.value, row.decays[kept], row.losses[kept])


def _drawn(ax: Axes, tuning: Tuning, name: str, rows: Sequence[Row]) -> Axes:
    """The map of some rows."""
    every = sorted({decay for row in rows for decay in row.decays.tolist()} | {tuning.decay})
    axis, heights = decay_axis(every), _heights([row.value for row in rows])
    dress(ax, axis, every)
    ax.set_yscale(heights.scale)
    ax.set_ylim(heights.edges[0], heights.edges[-1])
    settle(ax)
    ax.set_ylabel(for_plot(name, letters_beside(ax)))
    _dress_values(ax, rows, heights)
    colours = _colours(tuning, rows)
    _colour_bar(ax, colours, tuning)
    settle(ax)
    for row, low, high in zip(rows, heights.edges, heights.edges[1:], strict=False):
        _cells(ax, axis, row, (float(low), float(high)), colours, tuning)
    if name.rpartition("__")[2] == RATE and heights.scale == "log":
        _diagonals(ax, axis, heights)
    legend_above(ax, _marks(ax, axis, rows, heights, tuning, name), points(ax)[0])
    return ax


def _parameter(trials: Sequence[Trial], asked: str | None) -> str:
    """The parameter to draw against the decay."""
    values: dict[str, set[str]] = {}
    for one in trials:
        for name, value in one.params.items():
            values.setdefault(name, set()).add(repr(encode(value)))
    varied = {name: len(found) for name, found in values.items() if len(found) > 1}
    if not varied:
        raise ValueError(
            "wd.plot.heatmap has nothing to draw: this Tuning has no parameter beside the decay that a search has "
            "varied; give wd.tune a space, such as space={'learning_rate': [0.001, 0.01, 0.1]}"
        )
    if asked is None:
        rates = [name for name in varied if name.rpartition("__")[2] == RATE]
        return rates[0] if rates else max(varied, key=lambda name: varied[name])
    if asked not in varied:
        raise ValueError(f"parameter={asked!r} was not varied in this search; it varied {', '.join(sorted(varied))}")
    return asked


def _known(tuning: Tuning, number: int) -> tuple[Array, Array]:
    """Decays and losses of a trial; of one without a curve the decay in use and its least loss."""
    one = tuning.trials[number]
    if one.decays:
        return np.array(one.decays), np.array(one.losses)
    if number == 0:
        return tuning.decays, tuning.mean
    return np.array([one.decay]), np.array([one.mean])


def _rows(tuning: Tuning, name: str) -> list[Row]:
    """A row for every value in order, with the better loss where several settings have a decay in common."""
    values: dict[str, Any] = {}
    found: dict[str, dict[float, float]] = {}
    for number, one in enumerate(tuning.trials):
        if name not in one.params:
            continue
        value = encode(one.params[name])
        values.setdefault(repr(value), value)
        losses = found.setdefault(repr(value), {})
        for decay, loss in zip(*(part.tolist() for part in _known(tuning, number)), strict=True):
            if math.isfinite(loss):
                losses[decay] = min(loss, losses.get(decay, math.inf))
    keys = [key for key in values if found[key]]
    if all(_is_number(value) for value in values.values()):
        keys.sort(key=lambda key: float(values[key]))
    rows = []
    for key in keys:
        decays = np.array(sorted(found[key]))
        rows.append(Row(values[key], decays, np.array([found[key][decay] for decay in decays.tolist()])))
    return rows


def _is_number(value: Any) -> bool:
    """Whether a value has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _heights(values: Sequence[Any]) -> Heights:
    """Places of values: on a logarithmic or linear axis, or one above the other if they are no numbers."""
    if not all(_is_number(value) for value in values):
        at = np.arange(len(values), dtype=np.float64)
        return Heights(at, _edges(at), "linear")
    at = np.array([float(value) for value in values])
    if at[0] > 0 and at[-1] >= SPREAD * at[0]:
        return Heights(at, np.exp(_edges(np.log(at))), "log")
    return Heights(at, _edges(at), "linear")


def _edges(at: Array, alone: float = 0.5) -> Array:
    """Edges of cells around ascending places, halfway between them."""
    if len(at) == 1:
        return np.array([at[0] - alone, at[0] + alone])
    between = (at[:-1] + at[1:]) / 2
    return np.concatenate([[2 * at[0] - between[0]], between, [2 * at[-1] - between[-1]]])


def _dress_values(ax: Axes, rows: Sequence[Row], heights: Heights) -> None:
    """Ticks at the values that were tried, as many as there is room for."""
    most = max(2, int(points(ax)[1] / (1.6 * LINE)))
    shown = range(0, len(rows), -(-len(rows) // most))
    named = [_value(rows[k].value) for k in shown]
    ax.set_yticks([heights.at[k] for k in shown], named)
    ax.set_yticks([], minor=True)


def _value(value: Any) -> str:
    """A value of a parameter in few letters."""
    return f"{value:.4g}" if _is_number(value) else fitted(str(value), NAME_ROOM)


def _colours(tuning: Tuning, rows: Sequence[Row]) -> ScalarMappable:
    """Colours of the metric, the best the lightest; what is far worse has the darkest."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    every = np.concatenate([row.losses for row in rows])
    best, worst = float(every.min()), float(every.max())
    # Losses near infinite decay must not make one colour of all others.
    cap = min(worst, max(2 * float(np.median(every)) - best, best + SHARE * abs(tuning.unit)))
    ends = sorted(tuning.as_metric(np.array([best, cap if cap > best else best + 1.0])).tolist())
    return ScalarMappable(Normalize(*ends), "viridis" if tuning.larger_is_better else "viridis_r")


def _colour_bar(ax: Axes, colours: ScalarMappable, tuning: Tuning) -> None:
    """The scale of the colours, to the right."""
    beyond = "min" if tuning.larger_is_better else "max"
    # A bar of 50 colours and more would be an image, which a page may not load.
    few = type(colours)(colours.norm, colours.get_cmap().resampled(BAR))
    bar = ax.figure.colorbar(few, cax=ax.inset_axes((1.03, 0.0, 0.035, 1.0)), extend=beyond)
    bar.set_label(for_plot(f"held-out {tuning.metric}", letters_beside(ax)))
    bar.outline.set_visible(False)


def _cells(
    ax: Axes, axis: DecayAxis, row: Row, heights: tuple[float, float], colours: ScalarMappable, tuning: Tuning
) -> None:
    """The cells of a row: side by side over finite decays, alone at 0, at infinity and where one decay is known."""
    low, high = heights
    metric = tuning.as_metric(row.losses)
    finite = (row.decays > 0) & np.isfinite(row.decays)
    style: dict[str, Any] = {"cmap": colours.get_cmap(), "norm": colours.norm, "zorder": 1}
    if finite.sum() > 1:
        edges = np.exp(_edges(np.log(row.decays[finite])))
        ax.pcolormesh(edges, [low, high], metric[finite][None, :], **style)
    alone = row.decays[~finite if finite.sum() > 1 else np.ones(len(finite), dtype=bool)]
    for decay, value in zip(alone.tolist(), metric[np.isin(row.decays, alone)].tolist(), strict=True):
        place = float(axis.place(decay))
        # Beside the axis as wide as its gap allows, on it a quarter of a decade.
        half = 10 ** (BESIDE * math.log10(axis.low / axis.zero) if decay in (0, math.inf) else QUARTER / 2)
        ax.pcolormesh([place / half, place * half], [low, high], [[value]], **style)


def _diagonals(ax: Axes, axis: DecayAxis, heights: Heights) -> None:
    """Lines of equal ηλ at powers of ten, named where they leave the map."""
    from matplotlib.patheffects import Normal, withStroke

    low, high = float(heights.edges[0]), float(heights.edges[-1])
    first, last = math.ceil(math.log10(axis.low * low)), math.floor(math.log10(axis.high * high))
    step = max(1, -(-(last - first + 1) // MOST_DIAGONALS))
    for power in range(first, last + 1, step):
        # Not across the gaps to 0 and ∞, where distances mean nothing.
        ends = np.clip([low, high], 10.0**power / axis.high, 10.0**power / axis.low)
        ax.plot(
            10.0**power / ends,
            ends,
            color="white",
            linewidth=0.8,
            alpha=0.8,
            zorder=2,
            path_effects=[withStroke(linewidth=1.6, foreground="#00000066"), Normal()],
        )
        # On the line, a little above the foot of the map, if it is within there, else at its left or right end.
        share = 0.06
        height = low ** (1 - share) * high**share
        at = 10.0**power / height
        if axis.low <= at <= axis.high:
            ax.annotate(
                f"ηλ = 10{str(power).translate(RAISED)}",
                (at, height),
                fontsize=NAME_SIZE - 1,
                color=INK,
                ha="center",
                va="center",
                zorder=6,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.75},
            )


def _marks(
    ax: Axes, axis: DecayAxis, rows: Sequence[Row], heights: Heights, tuning: Tuning, name: str
) -> Mapping[str, Any]:
    """The best of each row, the best of all and the decay in use, and what each is called."""
    tops = [axis.place(float(row.decays[int(np.argmin(row.losses))])) for row in rows]
    style: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK}
    entries: dict[str, Any] = {}
    small = ax.plot(tops, heights.at, "o", markersize=3.5, color="white", zorder=4, **style)[0]
    value = encode(tuning.trials[0].params[name])
    at = float(heights.at[[repr(row.value) for row in rows].index(repr(value))])
    same = tuning.decay == tuning.decay_min
    best = ax.plot(axis.place(tuning.decay_min), at, "o", markersize=8, color=INK, zorder=5, **style)[0]
    best.set_markeredgecolor("white")
    entries["best, in use" if same else "best"] = best
    if not same:
        diamond: dict[str, Any] = {"markersize": 7, "fillstyle": "none", "markeredgewidth": 1.6, "zorder": 5}
        entries["in use"] = ax.plot(axis.place(tuning.decay), at, "D", **diamond, **style)[0]
    entries["best of each value"] = small
    return entries
