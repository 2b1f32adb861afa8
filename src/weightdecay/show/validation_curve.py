"""The flagship picture, part by part: the held-out and the training curve against λ, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.later import Known
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.show.decay_axis import DecayAxis, decay_axis, df_axis, dress
from weightdecay.show.labels import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PURPLE,
    VERMILLION,
    letters_beside,
    points,
    settle,
    text_width,
)
from weightdecay.show.legend import place_legend
from weightdecay.show.loss_axis import COMPARABLE, allowance, dress_losses, loss_range, what_is_cut
from weightdecay.show.sanitize import for_plot
from weightdecay.show.strip import Label, extend, lanes, strip_height, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


def path_of(tuning: Tuning) -> DecayPath | None:
    """The path of a tuning; None if it was read from JSON that was too small for it."""
    lost = isinstance(tuning.later, Known) and tuning.later.known_path is None
    return None if lost else tuning.path


def draw(ax: Axes, tuning: Tuning, path: DecayPath | None) -> None:
    """The whole picture of one target."""
    train = _train_loss(tuning, path)
    losses = loss_range(tuning, train)
    beside = [one for one in tuning.references if _stands_beside(one, tuning, losses.top)]
    shown = [*tuning.decays, *(one.decay for one in beside)]
    axis = decay_axis(shown)
    dress(ax, axis, shown)
    bottom, top = dress_losses(ax, losses, turned=tuning.larger_is_better)
    if path is not None:
        df_axis(ax, axis, path.decays, path.mean_df)
    ax.set_ylabel(for_plot(tuning.metric, letters_beside(ax)))
    settle(ax)
    placed = lanes(_labels(axis, tuning, shown, points(ax)[0]), points(ax)[0])
    extend(ax, bottom, top, strip_height(placed))
    _window(ax, axis, tuning)
    _curves(ax, axis, tuning, train)
    for one in beside:
        ax.plot(axis.place(one.decay), tuning.as_metric(one.mean), "s", color=BLUE, fillstyle="none", markersize=4)
    _marks(ax, axis, tuning)
    _plausible(ax, axis, tuning)
    write(ax, axis, placed)
    _legend(ax, what_is_cut(tuning, losses), strip_height(placed) / points(ax)[1])


def _stands_beside(reference: Reference, tuning: Tuning, top: float) -> bool:
    """Whether a reference at 0 or ∞ is drawn beside the curve: it is not on it, and not above the picture."""
    ends = reference.decay in (0, math.inf) and reference.decay not in tuning.decays
    return ends and reference.mean <= top


def in_two_digits(decay: float) -> str:
    """A decay in two digits, without an exponent where that is as short."""
    if math.isinf(decay):
        return "∞"
    return f"{float(f'{decay:.2g}'):g}"


def _labels(axis: DecayAxis, tuning: Tuning, shown: Sequence[float], width: float) -> list[Label]:
    """What stands in the strip: first what keeps the lowest lane, then the most important first."""
    at = _heights(tuning)
    best = tuning.decay_min
    share = axis.share(best)
    labels = []
    if min(shown) < best:
        labels += _side(0.0, share * width, ("← over-fitting", "← over-fit", "over"))
    if max(shown) > best:
        labels += _side(1.0, (1 - share) * width, ("under-fitting →", "under-fit →", "under"))
    labels.append(Label(share, f"best {in_two_digits(best)}", INK, height=at[best]))
    if tuning.decay_1se in at and tuning.decay_1se != best:
        text = f"1-SE {in_two_digits(tuning.decay_1se)}" + (", in use" if tuning.decay == tuning.decay_1se else "")
        labels.append(Label(axis.share(tuning.decay_1se), text, INK, height=at[tuning.decay_1se]))
    for one in tuning.references:
        if 0 < one.decay < math.inf and axis.holds(one.decay) and math.isfinite(one.mean):
            labels.append(Label(axis.share(one.decay), for_plot(one.name), GREY, height=tuning.as_metric(one.mean)))
    return labels


def _heights(tuning: Tuning) -> dict[float, float]:
    """The held-out metric at every decay."""
    return dict(zip(tuning.decays.tolist(), tuning.as_metric(tuning.mean).tolist(), strict=True))


def _side(end: float, room: float, words: Sequence[str]) -> list[Label]:
    """The name of a side at its end of the axis, in the longest words that its room in points takes."""
    return [Label(end, text, GREY, italic=True) for text in words if text_width(text) < room][:1]


def _legend(ax: Axes, note: str | None, strip: float) -> None:
    """A legend of the two curves, and of the ranges where there is room for it, above the strip (its share given)."""
    handles, names = ax.get_legend_handles_labels()
    pairs = sorted(zip(names, handles, strict=True), key=lambda pair: not pair[0].startswith(("held-out", "training")))
    width, height = points(ax)
    place_legend(ax, dict(pairs if width > 210 and height > 170 else pairs[:2]), title=note, bottom=strip)


def _train_loss(tuning: Tuning, path: DecayPath | None) -> Array | None:
    """Training loss at the decays of the tuning, where it has the unit of the held-out loss."""
    if path is None or tuning.scoring not in COMPARABLE:
        return None
    loss = path.train_loss if path.train_loss.ndim == 1 else path.train_loss.mean(axis=1)
    return loss if len(loss) == len(tuning.decays) else None


def segments(ax: Axes, axis: DecayAxis, decays: Array, values: Array, **style: object) -> None:
    """A curve over the finite decays; 0 and ∞ are points of their own beside it."""
    finite = (decays > 0) & np.isfinite(decays)
    alone = finite.sum() == 1
    ax.plot(decays[finite], values[finite], marker="o" if alone else "", markersize=4, **style)  # type: ignore[arg-type]
    style = {key: value for key, value in style.items() if key not in ("label", "linewidth", "linestyle")}
    ax.plot(axis.place(decays[~finite]), values[~finite], "o", markersize=4, fillstyle="none", **style)  # type: ignore[arg-type]


def _curves(ax: Axes, axis: DecayAxis, tuning: Tuning, train: Array | None) -> None:
    """Held-out loss (or score) with its standard error, and training loss."""
    decays, mean, error = tuning.decays, tuning.as_metric(tuning.mean), np.nan_to_num(tuning.standard_error)
    finite = (decays > 0) & np.isfinite(decays)
    known = bool(np.isfinite(tuning.standard_error).any())
    low, high = mean - error, mean + error
    ax.fill_between(decays[finite], low[finite], high[finite], color=BLUE, alpha=0.18, linewidth=0)
    ends = ~finite | (finite.sum() == 1)
    ax.errorbar(axis.place(decays[ends]), mean[ends], error[ends], fmt="none", ecolor=BLUE, elinewidth=1, alpha=0.5)
    segments(ax, axis, decays, mean, color=BLUE, linewidth=1.8, label="held-out ± 1 SE" if known else "held-out")
    if train is not None:
        segments(ax, axis, decays, train, color=VERMILLION, linewidth=1.5, linestyle=(0, (5, 1.5)), label="training")


def _ends(axis: DecayAxis, interval: tuple[float, float]) -> tuple[float, float] | None:
    """Places of the ends of a range of decays, within the limits; None where the range is undefined."""
    low, high = interval
    if math.isnan(low) or math.isnan(high):
        return None
    left = axis.left if low == 0 else max(float(axis.place(low)), axis.left)
    right = axis.right if math.isinf(high) else min(float(axis.place(high)), axis.right)
    return left, right


def _window(ax: Axes, axis: DecayAxis, tuning: Tuning) -> None:
    """The range within the tolerance of the best, shaded over the full height."""
    if ends := _ends(axis, tuning.window):
        ax.axvspan(*ends, color=GREEN, alpha=0.13, linewidth=0, label=f"within {allowance(tuning)}", zorder=0)


def _marks(ax: Axes, axis: DecayAxis, tuning: Tuning) -> None:
    """The best decay, the one-standard-error decay and, where it is neither, the chosen one."""
    at = _heights(tuning)
    ax.plot(axis.place(tuning.decay_min), at[tuning.decay_min], "o", color=INK, markersize=6, zorder=5)
    if tuning.decay_1se in at and tuning.decay_1se != tuning.decay_min:
        place, height = axis.place(tuning.decay_1se), at[tuning.decay_1se]
        ax.plot(place, height, "D", color="white", markeredgecolor=INK, markersize=5.5, zorder=5)
    if tuning.decay not in (tuning.decay_min, tuning.decay_1se) and axis.holds(tuning.decay):
        ax.axvline(float(axis.place(tuning.decay)), color=INK, linewidth=1, linestyle="--", label="chosen")


def _plausible(ax: Axes, axis: DecayAxis, tuning: Tuning) -> None:
    """The range that the data cannot tell from the best, as a thin bar at the foot."""
    if ends := _ends(axis, tuning.plausible):
        ax.plot(
            ends,
            [3 / points(ax)[1]] * 2,
            transform=ax.get_xaxis_transform(),
            color=PURPLE,
            linewidth=3,
            solid_capstyle="projecting",
            label="plausible range",
        )
