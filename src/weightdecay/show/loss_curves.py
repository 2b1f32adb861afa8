"""Training against held-out loss, epoch by epoch, for one fit or for several decays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.history import History
from weightdecay.records.verdict import brief
from weightdecay.show.labels import BLUE, GREY, INK, LINE, points, settle
from weightdecay.show.legend import place_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# More decays than this are too many for a legend.
LEGEND_LINES = 7
# Losses that spread more than this are drawn on a logarithmic axis.
SPREAD = 10.0
# Below this spread there are ticks at 2 and 5 too.
FEW_DECADES = 1000.0
# A loss that is so many times that of the start is of a fit that diverges: its curve leaves the picture.
DIVERGING = 3.0
DASHES = (0, (4, 1.5))


def draw_losses(ax: Axes, histories: Sequence[History]) -> None:
    """Training (dashed) and held-out (solid) losses with one colour per decay, the weakest decay first."""
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.locator_params(axis="x", integer=True)
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    ax.set_xlim(0, max(1.0, *(float(one.at[-1]) for one in histories if len(one.loss))))
    top = _dress(ax, histories)
    colours = [BLUE] if len(histories) == 1 else shades(len(histories))
    lines, held_out = [], False
    for one, colour in zip(histories, colours, strict=True):
        lines.append(_curve(ax, one.at, one.loss, top, color=colour, linewidth=1.2, linestyle=DASHES, zorder=2))
        if one.least is not None:
            held_out = True
            lines[-1] = _curve(ax, one.at, one.held_out, top, color=colour, linewidth=1.6, zorder=3)
            # The mark at the first or last epoch is whole too.
            least = float(one.at[one.least]), float(one.held_out[one.least])
            ax.plot(*least, "o", color=colour, markersize=4.5, zorder=4, clip_on=False)
    entries = decay_entries(ax, histories, lines) if len(histories) > 1 else {}
    title = "decay λ" if len(histories) > 1 else f"decay λ = {brief(histories[0].decay)}"
    place_legend(ax, entries | _meanings(held_out), title=title)


def shades(count: int) -> list[Any]:
    """Colours of several decays, the stronger the decay the darker."""
    import matplotlib as mpl

    return [mpl.colormaps["viridis_r"](0.15 + 0.85 * number / max(count - 1, 1)) for number in range(count)]


def decay_entries(ax: Axes, histories: Sequence[History], lines: Sequence[Any]) -> dict[str, Any]:
    """Names for a legend of as many decays as there is room for, from the weakest to the strongest."""
    last = len(histories) - 1
    most = min(LEGEND_LINES, max(2, int(0.45 * points(ax)[1] / LINE)))
    return {
        brief(histories[k].decay) + ("" if histories[k].converged else " (not converged)"): lines[k]
        for k in np.unique(np.linspace(0, last, min(last + 1, most)).round().astype(int))
    }


def _meanings(held_out: bool) -> dict[str, Any]:
    """What dashes and marks mean."""
    from matplotlib.lines import Line2D

    training = {"training": Line2D([], [], color=GREY, linewidth=1.2, linestyle=DASHES)}
    if not held_out:
        return training
    least = Line2D([], [], color=GREY, marker="o", markersize=4.5, linestyle="none")
    return {"held-out": Line2D([], [], color=INK, linewidth=1.6), **training, "least held-out": least}


def _dress_decades(ax: Axes, spread: float) -> None:
    """Ticks of a logarithmic axis as plain numbers, some within a decade where there are few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if spread < FEW_DECADES else (1.0,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _curve(ax: Axes, at: Array, loss: Array, top: float, **style: Any) -> Any:
    """A curve that ends where it leaves the picture."""
    outside = np.flatnonzero(~(loss <= top) & ~np.isnan(loss))
    end = outside[0] + 1 if len(outside) else len(loss)
    return ax.plot(at[:end], loss[:end], **style)[0]


def _dress(ax: Axes, histories: Sequence[History]) -> float:
    """Scale and limits of the axis of losses; the largest loss that is shown."""
    every = np.concatenate([*(one.loss for one in histories), *(one.held_out for one in histories)])
    every = every[np.isfinite(every)]
    if not len(every):
        return np.inf
    starts = np.array([one[0] for h in histories for one in (h.loss, h.held_out) if len(one)])
    bound = DIVERGING * np.abs(starts[np.isfinite(starts)]).max(initial=0.0)
    low = float(every.min())
    high = float(every[every <= bound].max(initial=low)) if bound > 0 else float(every.max())
    if low > 0 and high > SPREAD * low:
        ax.set_yscale("log")
        ax.set_ylim(low / 1.25, high * 1.25)
        _dress_decades(ax, high / low)
    else:
        margin = 0.05 * ((high - low) or abs(high) or 1.0)
        ax.set_ylim(low - margin, high + margin)
    return high
