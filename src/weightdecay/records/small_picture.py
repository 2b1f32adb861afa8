"""Small pictures for notebooks: lines against the decay as an SVG element of few bytes, without a name or style."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.notebook import safe

Array = NDArray[np.float64]

WIDTH, HEIGHT = 460.0, 180.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 8.0, 22.0, 38.0
STEP = 1.5  # between points of a line
OUTSIDE = 2.0  # heights above the picture, at which what is farther out is drawn
MOST_TICKS = 5
ROOM = 0.12  # of the axis, between the last decay and 0 or infinity
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Frame:
    """Where decays and values stand.

    Parameters
    ----------
    first, last : float
        log10 of the least and the largest decay that is neither 0 nor infinite.
    zero, infinity : bool
        Whether there is a place for 0 on the left, and for infinity on the right.
    low, high : float
        Values at the foot and at the head.
    logarithmic : bool
        Whether the axis of values is.
    """

    first: float
    last: float
    zero: bool
    infinity: bool
    low: float
    high: float
    logarithmic: bool = False

    def x(self, decay: float) -> float:
        """Place of a decay; what lies outside is at the edge."""
        start, end = LEFT, WIDTH - RIGHT
        gap = ROOM * (end - start)
        left, right = start + (gap if self.zero else 6.0), end - (gap if self.infinity else 6.0)
        if decay == 0:
            return start + 6.0 if self.zero else start
        if math.isinf(decay):
            return end - 6.0 if self.infinity else end
        if self.last <= self.first:
            return (left + right) / 2
        share = (math.log10(decay) - self.first) / (self.last - self.first)
        return left + min(max(share, 0.0), 1.0) * (right - left)

    def y(self, value: float) -> float:
        """Place of a value."""
        foot, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
        low, high, at = (
            math.log(max(one, 1e-300)) if self.logarithmic else one for one in (self.low, self.high, value)
        )
        share = (at - low) / (high - low) if high > low else 0.5
        return foot - min(max(share, -OUTSIDE), 1 + OUTSIDE) * room


def frame(decays: Array, low: float, high: float, *, logarithmic: bool = False) -> Frame:
    """The frame for decays and the range of what is drawn."""
    finite = decays[(decays > 0) & np.isfinite(decays)]
    first, last = (math.log10(finite.min()), math.log10(finite.max())) if len(finite) else (0.0, 0.0)
    return Frame(first, last, bool((decays == 0).any()), bool(np.isinf(decays).any()), low, high, logarithmic)


def points(at: Frame, decays: Array, values: Array) -> list[list[tuple[float, float]]]:
    """Lines through values, broken where one is unknown, with the lowest point of those that are too close to see."""
    lines: list[list[tuple[float, float]]] = [[]]
    for decay, value in zip(decays.tolist(), values.tolist(), strict=True):
        if math.isnan(value):
            lines.append([])
            continue
        x, y = at.x(decay), at.y(value)
        if lines[-1] and x - lines[-1][-1][0] < STEP:
            lines[-1][-1] = (lines[-1][-1][0], max(y, lines[-1][-1][1]))
        else:
            lines[-1].append((x, y))
    return [line for line in lines if line]


def stroke(line: Sequence[tuple[float, float]], colour: str, more: str = "") -> str:
    """A line, or a dot of one point."""
    if len(line) == 1:
        return dot(*line[0], colour)
    return f'<polyline fill="none" stroke="{colour}"{more} points="{_places(line)}"/>'


def area(outline: Sequence[tuple[float, float]], opacity: float, colour: str = "currentColor") -> str:
    """What lies within an outline, shaded."""
    return f'<polygon fill="{colour}" fill-opacity="{opacity:g}" points="{_places(outline)}"/>'


def dot(x: float, y: float, colour: str) -> str:
    """A mark."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def upright(x: float, dashes: str = "4 3") -> str:
    """A line from the foot to the head."""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}" stroke="currentColor" '
        f'stroke-opacity=".7" stroke-dasharray="{dashes}"/>'
    )


def _places(line: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in line)


def picture(at: Frame, drawn: Iterable[str], title: str, words: str, axis: str) -> str:
    """The element: what is drawn, cut at its frame, the axes, and the words that stand for it.

    Parameters
    ----------
    at : Frame
    drawn : iterable of str
        Elements.
    title, words : str
        Its name, and what is to be seen.
    axis : str
        What the values are.
    """
    foot = HEIGHT - BOTTOM
    edges = f"M{LEFT:g} {TOP:g}V{foot:g}H{WIDTH - RIGHT:g}"
    lines = f'<path fill="none" stroke="currentColor" stroke-opacity=".5" d="{edges}"/>'
    # An inner picture cuts what leaves it, without the name that a clipping path would need.
    inner = (
        f'<svg x="{LEFT:g}" y="{TOP:g}" width="{WIDTH - LEFT - RIGHT:g}" height="{foot - TOP:g}" viewBox="{LEFT:g} '
        f'{TOP:g} {WIDTH - LEFT - RIGHT:g} {foot - TOP:g}">{"".join(drawn)}</svg>'
    )
    told = f"<title>{safe(title)}</title><desc>{safe(words)}</desc>"
    texts = "".join((*_value_ticks(at), *_decay_ticks(at)))
    names = f'<text x="4" y="12">{safe(axis, 60)}</text>{_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, "decay λ")}'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{safe(title)}" width="{WIDTH:g}" '
        f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}">{told}{inner}{lines}'
        f'<g fill="currentColor" font-size="11">{texts}{names}</g></svg>'
    )


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{safe(words, 30)}</text>'


def _value_ticks(at: Frame) -> Iterable[str]:
    """The ends of the axis of values, and its middle."""
    middle = math.sqrt(at.low * at.high) if at.logarithmic else (at.low + at.high) / 2
    for value in (at.low, middle, at.high):
        yield _text(LEFT - 5, at.y(value) + 4, _short(value), "end")


def _short(value: float) -> str:
    """A number in three digits."""
    return brief(float(f"{value:.3g}"))


def _decay_ticks(at: Frame) -> Iterable[str]:
    """Powers of ten, some of them, and 0 and infinity where they have a place."""
    row = HEIGHT - BOTTOM + 15
    if at.zero:
        yield _text(at.x(0.0), row, "0")
    if at.infinity:
        yield _text(at.x(math.inf), row, "∞")
    low, high = math.ceil(at.first - 1e-9), math.floor(at.last + 1e-9)
    step = max(1, math.ceil((high - low + 1) / MOST_TICKS))
    powers = [power for power in range(low, high + 1) if power % step == 0]
    if len(powers) < 2 and (at.last > at.first or not (at.zero or at.infinity)):  # fewer than two say nothing of scale
        for exponent in dict.fromkeys((at.first, at.last)):
            yield _text(at.x(10**exponent), row, _short(10**exponent))
        return
    for power in powers:
        yield _text(
            at.x(10.0**power), row, f"{10.0**power:g}" if -3 <= power <= 3 else f"10{str(power).translate(RAISED)}"
        )
