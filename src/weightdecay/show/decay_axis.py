"""The axis of λ: logarithmic, with a place for 0 on its left and for infinity on its right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.show.labels import FAINT, GREY, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
# Decades between two fitted decays up to which degrees of freedom are read off between them: a column's share is
# a logistic curve of log λ, and a straight line over half a decade misses it by less than 0.02.
CLOSE = 0.5
# Exponents in letters of their own cost a hundredth of what a formula costs to lay out.
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class DecayAxis:
    """Where each λ stands.

    Parameters
    ----------
    low, high : float
        The least and the largest positive finite decay.
    zero, infinity : float
        The places, on the logarithmic scale, of λ = 0 and λ = ∞.
    left, right : float
        Limits of the axis.
    """

    low: float
    high: float
    zero: float
    infinity: float
    left: float
    right: float

    def place(self, decays: Array | float) -> Array:
        """Places of decays of any kind, 0 and ∞ included."""
        values = np.asarray(decays, dtype=np.float64)
        return np.where(values == 0, self.zero, np.where(np.isinf(values), self.infinity, values))

    def share(self, decay: float) -> float:
        """How far to the right a decay stands, from 0 to 1."""
        span = math.log(self.right / self.left)
        return math.log(float(self.place(decay)) / self.left) / span

    def holds(self, decay: float) -> bool:
        """Whether a decay has a place within the limits."""
        return self.left <= float(self.place(decay)) <= self.right


def decay_axis(decays: Iterable[float]) -> DecayAxis:
    """An axis for all these decays."""
    every = np.asarray(list(decays), dtype=np.float64)
    finite = every[(every > 0) & np.isfinite(every)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (1.0, 1.0)
    # Room, in decades, between the last finite decay and 0 or ∞.
    gap = max(0.08 * math.log10(high / low), 0.3)
    pad = 10 ** (0.35 * gap) if high > low else 10.0
    zero, infinity = low / 10**gap, high * 10**gap
    left = zero / 10 ** (0.35 * gap) if (every == 0).any() else low / pad
    right = infinity * 10 ** (0.35 * gap) if np.isinf(every).any() else high * pad
    return DecayAxis(low, high, zero, infinity, left, right)


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round values on a logarithmic scale: powers of ten if there are two, else 1-2-5 steps, else the ends."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 1:
        step = -(-(last - first + 1) // most)
        # Multiples of the step, so that 10⁰ is among them whenever it can be.
        return [10.0**k for k in range(first, last + 1) if k % step == 0]
    fine = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [value for value in fine if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return inside if len(inside) > 1 else sorted({low, high})


def tick_label(value: float) -> str:
    """A tick in few characters."""
    exponent = round(math.log10(value))
    if math.isclose(value, 10.0**exponent) and not -3 <= exponent <= 3:
        return f"10{str(exponent).translate(RAISED)}"
    return f"{value:.4g}"


def marks(ax: Axes, axis: DecayAxis, decays: Iterable[float]) -> list[tuple[float, str]]:
    """Places and labels of the ticks: 0 and ∞ where they are among the decays, and round values away from them."""
    every = list(decays)
    width = points(ax)[0]
    ends = [(axis.zero, "0")] if 0 in every else []
    ends += [(axis.infinity, "∞")] if math.inf in every else []
    # A round value needs about thirty points to the next label.
    apart = math.log(axis.right / axis.left) * 30 / width
    between = ticks(axis.low, axis.high, most=max(2, int(width / 50)))
    inner = [
        (value, tick_label(value))
        for value in between
        if len(ends) < len(set(every)) and all(abs(math.log(value / place)) > apart for place, _ in ends)
    ]
    return sorted([*ends, *inner])


def dress(ax: Axes, axis: DecayAxis, decays: Iterable[float]) -> None:
    """Scale, limits, ticks and label of the axis of λ."""
    every = list(decays)
    ax.set_xscale("log")
    ax.set_xlim(axis.left, axis.right)
    for at, present in ((math.sqrt(axis.zero * axis.low), 0), (math.sqrt(axis.infinity * axis.high), math.inf)):
        if present in every:
            ax.axvline(at, color=FAINT, linewidth=0.7, linestyle=":", zorder=0)
    places = marks(ax, axis, every)
    ax.set_xticks([place for place, _ in places], [text for _, text in places])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("decay λ")
    ax.spines[["top", "right"]].set_visible(False)


def df_axis(ax: Axes, axis: DecayAxis, decays: Array, df: Array) -> None:
    """Effective degrees of freedom along the top, at the ticks of λ and at decays that stand far from others."""
    usable = np.isfinite(df)
    decays, df = decays[usable], df[usable]
    order = np.argsort(axis.place(decays), kind="stable")
    if not len(order):
        return
    decays, df = decays[order], df[order]
    places = np.log(axis.place(decays))
    ticked = _df_places(ax, axis, decays)
    every = [df_label(float(np.interp(math.log(place), places, df))) for place in ticked]
    # What reads the same as the one before it tells nothing.
    new = [number for number, text in enumerate(every) if not number or text != every[number - 1]]
    top = ax.secondary_xaxis("top")
    top.set_xticks([ticked[k] for k in new], [every[k] for k in new], color=GREY, fontsize="small")
    top.set_xticks([], minor=True)
    top.tick_params(color=FAINT)
    top.set_xlabel("effective degrees of freedom", color=GREY, fontsize="small")
    top.spines["top"].set_color(FAINT)


def _df_places(ax: Axes, axis: DecayAxis, decays: Array) -> list[float]:
    """Where degrees of freedom are known: at ticks between decays close to each other, and beside wider gaps."""
    places = axis.place(decays)
    inside = (decays > 0) & np.isfinite(decays)
    # From a finite decay to 0 or ∞ it is infinitely far, however near their places are.
    finite = inside[1:] & inside[:-1]
    wide = finite & (np.diff(np.log10(places)) > CLOSE + 1e-9)
    known = [float(tick) for tick in ax.get_xticks() if _is_known(float(tick), places, finite & ~wide)]
    room = math.log(axis.right / axis.left) * 24 / points(ax)[0]
    for place in places[np.append(wide, False) | np.insert(wide, 0, False)].tolist():
        if all(abs(math.log(place / other)) > room for other in known):
            known.append(place)
    return sorted(known)


def _is_known(tick: float, places: Array, close: NDArray[np.bool_]) -> bool:
    """Whether a tick is at one of the places, or between two that are close."""
    after = int(np.searchsorted(places, tick * (1 - 1e-9)))
    if after == len(places):
        return False
    return bool(places[after] <= tick * (1 + 1e-9)) or (after > 0 and bool(close[after - 1]))


def df_label(df: float) -> str:
    """Degrees of freedom in a few characters: whole from 10, else with one decimal."""
    return f"{df:.0f}" if df >= 9.95 or df < 0.05 else f"{df:.1f}"
