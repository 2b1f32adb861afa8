"""The picture of a comparison: how much every form differs from weight decay, with paired intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weightdecay.records.brief import brief
from weightdecay.records.comparison import Comparison, ComparisonRow, Difference
from weightdecay.records.comparison_words import DECAY
from weightdecay.show.canvas import axes, check
from weightdecay.show.labels import BLUE, GREY, INK, NAME_SIZE
from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What lies farther out than so many times the middle form is drawn at the edge.
FAR = 4.0
MARGIN = 0.12


def comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw how much the held-out metric of every form differs from that of weight decay, with 95 % paired intervals.

    Parameters
    ----------
    comparison : Comparison
        What `wd.compare` returned.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is no `Comparison`.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.comparison(wd.compare(wd.LinearRegression(), X, y))
    >>> [one.get_text().split(chr(10))[0] for one in ax.get_yticklabels()]
    ['none', 'weight decay', 'L1', 'elastic net', 'infinite decay']
    """
    check("comparison", comparison, Comparison, "pass what wd.compare returned")
    ax = axes(ax)
    draw_comparison(ax, comparison)
    return ax


def draw_comparison(ax: Axes, comparison: Comparison) -> None:
    """A mark and a bar for every form, on the side where its loss is; the form that suits the data in colour."""
    reference = _reference(comparison)
    apart = [(row, _to(row, reference)) for row in comparison.rows]
    known = [(row, one) for row, one in apart if math.isfinite(one.mean)]
    low, high = _limits(comparison, [one for _, one in known])
    sign = -1.0 if comparison.larger_is_better else 1.0
    for place, (row, one) in enumerate(apart):
        colour = BLUE if row.name == comparison.suits else INK
        if not math.isfinite(one.mean):
            ax.text(0.0, place, " no loss is known", va="center", fontsize=NAME_SIZE, color=GREY)
            continue
        middle, ends = sign * one.mean, sorted((sign * one.low, sign * one.high))
        if not low <= middle <= high:
            at, mark, side = (high, ">", "right") if middle > high else (low, "<", "left")
            ax.plot([at], [place], mark, color=colour, markersize=5.5, clip_on=False)
            text = f"{brief(middle)}  " if side == "right" else f"  {brief(middle)}"
            ax.text(at, place, text, va="center", ha=side, fontsize=NAME_SIZE, color=colour)
            continue
        if math.isfinite(ends[0]):
            ax.plot([max(ends[0], low), min(ends[1], high)], [place, place], color=colour, linewidth=1.5)
        ax.plot([middle], [place], "o", color=colour, markersize=5.5)
    ax.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    ax.set_xlim(low, high)
    ax.set_ylim(len(apart) - 0.5, -0.5)
    ax.set_yticks(range(len(apart)), [_name(row, comparison) for row, _ in apart])
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    better = "right is better" if comparison.larger_is_better else "left is better"
    other = "weight decay" if reference == DECAY else reference
    ax.set_xlabel(for_plot(f"held-out {comparison.metric} less that of {other} ({better})"))


def _reference(comparison: Comparison) -> str:
    """What forms are compared with: weight decay, or the first form where it was not compared."""
    decay = comparison.row(DECAY)
    return DECAY if decay is not None and math.isfinite(decay.mean) else "no regularisation"


def _to(row: ComparisonRow, reference: str) -> Difference:
    return row.to_decay if reference == DECAY else row.to_none


def _limits(comparison: Comparison, known: list[Difference]) -> tuple[float, float]:
    """Ends of the axis of x: all intervals, but for forms that are far out."""
    sign = -1.0 if comparison.larger_is_better else 1.0
    ends = [
        sorted(
            (
                sign * (one.low if math.isfinite(one.low) else one.mean),
                sign * (one.high if math.isfinite(one.high) else one.mean),
            )
        )
        for one in known
    ]
    sizes = sorted(abs(end) for pair in ends for end in pair if end)
    reach = FAR * sizes[len(sizes) // 2] if sizes else 1.0
    near = [min(max(end, -reach), reach) for pair in ends for end in pair]
    low, high = min([0.0, *near]), max([0.0, *near])
    margin = MARGIN * ((high - low) or 1.0)
    return low - margin, high + margin


def _name(row: ComparisonRow, comparison: Comparison) -> str:
    """A form, and how many weights it keeps where that is not all."""
    kept = math.isfinite(row.nonzero) and 0 < row.nonzero < comparison.n_weights
    name = for_plot(row.name)
    return f"{name}\n{row.nonzero:,.0f} of {comparison.n_weights:,} weights" if kept else name
