"""The axis of the held-out loss: which part of it the picture shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.shares import gains
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Losses in which the training loss of a path is given too, and which are never negative.
COMPARABLE = ("mean squared error", "log-loss")
# What matters and stands this many times above the best would flatten the rest on a linear axis.
LOGARITHMIC = 10.0


@dataclass(frozen=True)
class LossRange:
    """The losses that the picture shows.

    Parameters
    ----------
    logarithmic : bool
        Whether the axis is.
    bottom, top : float
        Its ends, in losses.
    beyond : float or None
        The largest loss above the picture; None where there is none.
    """

    logarithmic: bool
    bottom: float
    top: float
    beyond: float | None


def loss_range(tuning: Tuning, train: Array | None) -> LossRange:
    """The range of losses around the best, up to what somebody might choose, and to twice the best at least.

    What lies far above runs out of the picture: towards infinite decay the loss may be a hundred times the best, and
    on an axis that shows it all the valley is a flat line.
    """
    mean, error = tuning.mean, np.nan_to_num(tuning.standard_error)
    best, worst = float(np.nanmin(mean)), float(np.nanmax(mean))
    lower = min(float(np.nanmin(mean - error)), best if train is None else float(np.nanmin(train)))
    important = _important(tuning)
    if 0 < LOGARITHMIC * best < important and not tuning.larger_is_better:
        bottom = max(lower, best / 10)
        # Half of the curve at least stays in the picture: a fit to noise-free data may be best by thirty decades.
        top = min(worst, max(min(3 * important, 1e4 * best), float(np.nanmedian(mean)))) * 1.5
        return LossRange(True, bottom / 1.1, top, _beyond(tuning, top))
    unit = tuning.unit or worst - best
    limit = min(worst, max(best + unit, min(important, best + LOGARITHMIC * unit)))
    upper = float(np.nanmax((mean + error)[mean <= limit]))
    if limit < worst:
        # A band may leave the picture: it must not make it twice as high.
        upper = min(upper, limit + max(limit - best, float(error[tuning.best])))
    span = (upper - lower) or abs(upper) or 1.0
    bottom, top = lower - 0.03 * span, upper + 0.06 * span
    return LossRange(False, max(bottom, 0.0) if tuning.scoring in COMPARABLE else bottom, top, _beyond(tuning, top))


def _important(tuning: Tuning) -> float:
    """The largest loss of what somebody might choose: the decays named in the picture, habits, half of the curve."""
    named = np.isin(tuning.decays, (tuning.decay, tuning.decay_1se))
    habits = [one.mean for one in tuning.references if math.isfinite(one.decay) and math.isfinite(one.mean)]
    return max(float(np.nanmax(tuning.mean[named], initial=-math.inf)), *habits, float(np.nanmedian(tuning.mean)))


def _beyond(tuning: Tuning, top: float) -> float | None:
    """The largest known loss above the top."""
    every = np.array([*tuning.mean, *(one.mean for one in tuning.references)])
    above = every[np.isfinite(every) & (every > top)]
    return float(above.max()) if len(above) else None


def what_is_cut(tuning: Tuning, shown: LossRange) -> str | None:
    """A note on the losses above the picture."""
    if shown.beyond is None:
        return None
    return f"not shown: {'down' if tuning.larger_is_better else 'up'} to {brief(tuning.as_metric(shown.beyond))}"


def allowance(tuning: Tuning) -> str:
    """What the window allows, in words: of a score it is a share of its gain on a constant prediction."""
    constant = tuning.reference("infinite decay")
    gain = tuning.scored and constant is not None and gains(float(tuning.mean[tuning.best]), constant.mean)
    return f"{100 * tuning.tolerance:g} % of the {'gain' if gain else 'best'}"


def dress_losses(ax: Axes, shown: LossRange, *, turned: bool) -> tuple[float, float]:
    """Scale the axis, without ticks below the curves; its ends, turned round for scores."""
    from matplotlib.ticker import AutoLocator

    low, high = (0.0 - shown.top, 0.0 - shown.bottom) if turned else (shown.bottom, shown.top)

    class Above(AutoLocator):
        """Below the curves stand labels, at no height that means anything."""

        def tick_values(self, vmin: float, vmax: float) -> list[float]:
            """Places of ticks within the curves' range."""
            return [tick for tick in super().tick_values(max(vmin, low), vmax) if tick >= low]

    ax.set_yscale("log" if shown.logarithmic else "linear")
    if not shown.logarithmic:
        ax.yaxis.set_major_locator(Above())
    ax.set_ylim(low, high)
    return low, high
