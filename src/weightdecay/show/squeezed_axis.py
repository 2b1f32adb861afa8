"""An axis of weights of very different sizes: linear around 0, logarithmic beyond."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.show.labels import letters_beside, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Weights whose sizes spread more than this cannot be told from 0 on a linear axis.
SPREAD = 100.0
TICK = 18.0  # points from one tick to the next


def squeeze(ax: Axes, sizes: Array) -> None:
    """Make the axis of y symmetrically logarithmic where the sizes differ too much for a linear one, and say so.

    So it is with columns of very different units, and with weights that grow without bound.
    """
    positive = sizes[(sizes > 0) & np.isfinite(sizes)]
    if not len(positive) or positive.max() <= SPREAD * np.median(positive):
        return
    # A power of ten, so that the first tick beyond 0 is where the logarithm begins.
    threshold = 10.0 ** math.floor(math.log10(max(np.median(positive), positive.max() / 1e8)))
    ax.set_yscale("symlog", linthresh=threshold)
    ax.set_yticks(ticks(threshold, *ax.get_ylim(), most=max(3, int(points(ax)[1] / TICK))))
    ax.set_yticks([], minor=True)
    word = ax.get_ylabel()
    for text in (f"{word}, logarithmic beyond ±{threshold:g}", f"{word}, log beyond ±{threshold:g}"):
        if len(text) <= letters_beside(ax):
            break
    ax.set_ylabel(text)


def ticks(threshold: float, low: float, high: float, most: int) -> list[float]:
    """0 and signed powers of ten beyond the threshold, in equal steps of decades, within [low, high]."""
    decades = [math.floor(math.log10(max(end, threshold) / threshold) + 1e-9) for end in (-low, high)]
    # On either side the threshold counts as one decade from 0.
    step = max(1, math.ceil((sum(decades) + 2) / max(most - 1, 1)))
    powers = [threshold * 10.0**k for k in range(step - 1, max(decades) + 1, step)]
    return [tick for tick in (*(-one for one in reversed(powers)), 0.0, *powers) if low <= tick <= high]
