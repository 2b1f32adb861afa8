"""The picture of opinions: what every decay costs against the best, and where each criterion and habit stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning
from weightdecay.show.canvas import axes, check
from weightdecay.show.choices import Choice, choices
from weightdecay.show.decay_axis import DecayAxis, decay_axis, dress
from weightdecay.show.labels import BLUE, CYCLE, GREEN, GREY, INK, letters_beside, points, settle
from weightdecay.show.legend import place_legend
from weightdecay.show.loss_axis import allowance
from weightdecay.show.sanitize import for_plot
from weightdecay.show.strip import Label, extend, lanes, strip_height, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# The picture ends above what the choices cost, and not below so many times what the window allows.
ALLOWANCES = 3.0
NAME = 24  # letters of a criterion
CLOSE = 6.0  # points between two marks, up to which they share a label


def opinions(tuning: Tuning, *, ax: Axes | None = None) -> Axes:
    """Draw how much worse than the best every decay is on held-out rows, and what each criterion would choose.

    The curve is the paired difference to the best decay, with a band of one standard error of it: where the band
    reaches 0 the data cannot tell the two decays apart. Marks on it are the decays that other criteria (generalised
    cross-validation, evidence, …) and habits would choose. Scores are turned round, so that worse is up.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned, or `Tuning.from_json`.
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
        It has several targets, each of which has a curve of its own.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.opinions(wd.tune(wd.LinearRegression(), X, y))
    >>> ax.get_ylabel()
    'mean squared error above the best'
    """
    check("opinions", tuning, Tuning, "pass what wd.tune returned, or model.tuning_")
    if tuning.targets:
        raise ValueError(f"wd.plot.opinions draws one target of {len(tuning.targets)}; pass one of tuning.targets")
    ax = axes(ax)
    every = choices(tuning)
    excess = tuning.mean - tuning.mean[tuning.best]
    top = _top(tuning, excess, every)
    beside = [
        one for one in every if one.decay in (0, math.inf) and one.decay not in tuning.decays and one.excess <= top
    ]
    shown = [*tuning.decays, *(one.decay for one in beside)]
    axis = decay_axis(shown)
    dress(ax, axis, shown)
    ax.set_ylabel("worse")  # as high as any
    settle(ax)
    ax.set_ylabel(_word(ax, tuning))
    placed = lanes(_labels(axis, every, top, points(ax)[0]), points(ax)[0])
    error = np.nan_to_num(tuning.paired)
    low = float(np.min((excess - error)[excess <= top], initial=0.0))
    bottom = max(low, -0.5 * top) - 0.03 * top
    extend(ax, bottom, 1.05 * top, strip_height(placed))
    # Below the curve stand labels, at no height that means anything.
    ax.set_yticks([tick for tick in ax.get_yticks() if bottom <= tick <= 1.05 * top])
    _curve(ax, axis, tuning, excess, error)
    for one, colour in _coloured(every):
        if one.excess <= top and axis.holds(one.decay):
            fill = "full" if one.short == "held-out" else "none"
            ax.plot(axis.place(one.decay), one.excess, "o", color=colour, fillstyle=fill, markersize=5.5, zorder=5)
    write(ax, axis, placed)
    handles, names = ax.get_legend_handles_labels()
    place_legend(ax, dict(zip(names, handles, strict=True)), bottom=strip_height(placed) / points(ax)[1])
    return ax


def _top(tuning: Tuning, excess: Array, every: Sequence[Choice]) -> float:
    """The largest difference in the picture: what the choices cost, and a few times what the window allows."""
    costs = [one.excess for one in every if math.isfinite(one.decay) and math.isfinite(one.excess)]
    wanted = max(1.3 * max(costs), ALLOWANCES * tuning.tolerance * tuning.unit, float(tuning.paired[tuning.best]))
    return min(wanted, max(float(np.nanmax(excess)), max(costs))) or 1.0


def _word(ax: Axes, tuning: Tuning) -> str:
    """The name of the axis of y, in as many letters as fit."""
    where = "below" if tuning.larger_is_better else "above"
    words = (f"{for_plot(tuning.metric)} {where} the best", f"{where} the best")
    return next((text for text in words if len(text) <= letters_beside(ax) + 2), words[-1])


def _coloured(every: Sequence[Choice]) -> list[tuple[Choice, str]]:
    """Held-out choices in ink, other criteria in colours, habits in grey."""
    colours = iter(CYCLE[1:] * (1 + len(every) // len(CYCLE)))

    def colour(one: Choice) -> str:
        if one.name.startswith("untuned: "):
            return GREY
        return INK if one.short in ("held-out", "1-SE", "in use") else next(colours)

    return [(one, colour(one)) for one in every]


def _labels(axis: DecayAxis, every: Sequence[Choice], top: float, width: float) -> list[Label]:
    """The name of each choice below its mark; choices closer than an eye can tell share a label."""
    labels: list[Label] = []
    for one, colour in _coloured(every):
        if not 0 < one.decay < math.inf or not one.excess <= top or not axis.holds(one.decay):
            continue
        name, share = for_plot(one.short, NAME), axis.share(one.decay)
        near = next((at for at, label in enumerate(labels) if abs(label.share - share) * width < CLOSE), None)
        if near is None:
            labels.append(Label(share, name, colour, height=one.excess))
        else:
            labels[near] = replace(labels[near], text=f"{labels[near].text}, {name}")
    return labels


def _curve(ax: Axes, axis: DecayAxis, tuning: Tuning, excess: Array, error: Array) -> None:
    """The difference to the best with its standard error, zero, and what the window allows."""
    decays = tuning.decays
    finite = (decays > 0) & np.isfinite(decays)
    known = bool(np.isfinite(tuning.paired).any())
    ax.fill_between(
        decays[finite], (excess - error)[finite], (excess + error)[finite], color=BLUE, alpha=0.18, linewidth=0
    )
    name = "held-out, ± 1 paired SE" if known else "held-out"
    marker = "o" if finite.sum() == 1 else ""
    ax.plot(decays[finite], excess[finite], marker=marker, color=BLUE, linewidth=1.8, label=name)
    ax.plot(axis.place(decays[~finite]), excess[~finite], "o", color=BLUE, markersize=4, fillstyle="none")
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    allowed = tuning.tolerance * tuning.unit
    label = allowance(tuning)
    ax.axhline(allowed, color=GREEN, linewidth=1, linestyle=(0, (4, 2)), zorder=1, label=label)
