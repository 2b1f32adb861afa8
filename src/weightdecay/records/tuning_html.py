"""A tuning as HTML for notebooks: its verdict, its numbers, its curve and its findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.notebook import BLUE, as_text, findings_list, fragment, small, table, verdict_lines, visible
from weightdecay.records.small_picture import Frame, area, dot, frame, picture, points, stroke, upright

if TYPE_CHECKING:
    from weightdecay.records.tuning import Tuning

Array = NDArray[np.float64]

# What matters and stands this many times above the best would flatten the rest on a linear axis.
LOGARITHMIC = 10.0
NAME = 60  # letters of a metric


def html(tuning: Tuning) -> str | None:
    """The fragment; None where text is asked for."""
    if as_text():
        return None
    return fragment(verdict_lines(tuning.verdict.splitlines()), curve(tuning), _numbers(tuning), _findings(tuning))


def with_answer(diagram: str, tuning: Tuning | None) -> str:
    """A diagram of an estimator and below it, where its decay was tuned, the verdict and the curve.

    Nothing is computed for it: what is told is what the search has left.
    """
    if tuning is None:
        return diagram
    end = "</body>" if diagram.endswith("</body>") else ""
    told = fragment(verdict_lines(tuning.verdict.splitlines()), curve(tuning))
    return f"{diagram.removesuffix(end)}{told}{end}"


def _findings(tuning: Tuning) -> str:
    """The findings, or why there are none to be had; a cell of a notebook shows what else there is all the same."""
    try:
        return findings_list(tuning.findings)
    except ValueError as error:
        return small(f"The findings cannot be told: {error}")


def _numbers(tuning: Tuning) -> str:
    """The numbers that a reader asks for first, and of several targets each one's decay."""
    several = table(
        ("target", "decay", f"held-out {visible(tuning.metric, NAME)}"),
        (
            (name, brief(one.decay), brief(float(one.as_metric(one.mean[one.best]))))
            for name, one in zip(_target_names(tuning), tuning.targets, strict=False)
        ),
    )
    return table(("", ""), _rows(tuning)) + several


def _target_names(tuning: Tuning) -> tuple[str, ...]:
    """A name for each of several targets."""
    if len(tuning.target_names) == len(tuning.targets):
        return tuning.target_names
    return tuple(f"target {number}" for number in range(1, len(tuning.targets) + 1))


def _rows(tuning: Tuning) -> Iterator[tuple[str, str]]:
    """Names and values, without what is not known."""
    metric = f"held-out {visible(tuning.metric, NAME)}"
    at = np.flatnonzero(tuning.decays == tuning.decay)
    if not tuning.targets:
        yield "decay in use", brief(tuning.decay)
        if len(at):
            yield metric, _with_error(tuning, float(tuning.mean[at[0]]), float(tuning.standard_error[at[0]]))
        yield f"window (tolerance {100 * tuning.tolerance:g} %)", _range(tuning.window)
        yield "plausible range", _range(tuning.plausible)
    for one in tuning.references:
        if not math.isnan(one.mean):
            yield f"{metric}, {visible(one.name, NAME)}", brief(float(tuning.as_metric(one.mean)))
    if tuning.trials:
        yield "settings tried", f"{len(tuning.trials):,}"
    yield "rows, columns", f"{tuning.n_rows:,}, {len(tuning.columns):,}"
    yield "folds", tuning.cv


def _with_error(tuning: Tuning, loss: float, error: float) -> str:
    """A loss as the metric, and its standard error where there is one."""
    value = brief(float(tuning.as_metric(loss)))
    return f"{value} ± {brief(error)}" if math.isfinite(error) else value


def _range(ends: tuple[float, float]) -> str:
    """Two decays; the empty text where they are not known."""
    return "" if math.isnan(ends[0]) else f"{brief(ends[0])} to {brief(ends[1])}"


def curve(tuning: Tuning) -> str:
    """The held-out metric against the decay as an SVG element; the empty text where no loss is known.

    Shaded upright is the window, shaded along the line one standard error; the dashed line is the decay in use.
    """
    known = np.isfinite(tuning.mean)
    if not known.any():
        return ""
    mean = np.where(known, tuning.mean, math.nan)
    at, value = _frame(tuning, mean), tuning.as_metric(mean)
    least = _best(tuning, mean)
    drawn = [*_window(tuning, at), *_band(tuning, at, value)]
    drawn += [stroke(line, BLUE, ' stroke-width="2"') for line in points(at, tuning.decays, value)]
    used = f"{'' if tuning.targets else f'; in use is {brief(tuning.decay)}'}"
    if not tuning.targets:
        drawn.append(upright(at.x(tuning.decay)))
    drawn.append(dot(at.x(float(tuning.decays[least])), at.y(float(value[least])), BLUE))
    metric = f"held-out {visible(tuning.metric, NAME)}"
    which = "largest" if tuning.larger_is_better else "least"
    words = f"It is {which}, {brief(float(value[least]))}, at decay {brief(float(tuning.decays[least]))}{used}."
    if not tuning.targets and not math.isnan(tuning.window[0]):
        words += f" The window is {_range(tuning.window)}."
    return picture(at, drawn, f"{metric} against the decay", words, metric)


def _best(tuning: Tuning, mean: Array) -> int:
    """Place of the best decay, which a record made by hand may not have among its decays."""
    found = np.flatnonzero((tuning.decays == tuning.decay_min) & np.isfinite(mean))
    return int(found[0]) if len(found) else int(np.nanargmin(mean))


def _frame(tuning: Tuning, mean: Array) -> Frame:
    """The picture's range: from the best up to what somebody might choose, and to twice the best at least."""
    best, worst = float(np.nanmin(mean)), float(np.nanmax(mean))
    habits = [one.mean for one in tuning.references if math.isfinite(one.decay) and math.isfinite(one.mean)]
    important = max(float(np.nanmedian(mean)), *habits, best)
    error = np.nan_to_num(tuning.standard_error)
    if 0 < LOGARITHMIC * best < important and not tuning.larger_is_better:
        top = min(worst, max(min(3 * important, 1e4 * best), float(np.nanmedian(mean)))) * 1.3
        return frame(tuning.decays, best / 1.2, top, logarithmic=True)
    constant = tuning.reference("infinite decay")
    gain = abs(best) if constant is None or not tuning.scored else constant.mean - best
    unit = gain if math.isfinite(gain) and gain > 0 else abs(best) or worst - best
    top = min(worst, max(best + unit, min(important, best + LOGARITHMIC * unit)))
    # Room below for the standard error at the best, which may be far wider than the curve is high.
    under = min(float(error[_best(tuning, mean)]), max(top - best, 0.0)) or 0.05 * ((top - best) or abs(best) or 1.0)
    low, high = best - 1.1 * under, top + 0.05 * ((top - best) or under)
    return frame(tuning.decays, *((-high, -low) if tuning.larger_is_better else (low, high)))


def _window(tuning: Tuning, at: Frame) -> Iterator[str]:
    """The window as an upright strip."""
    low, high = tuning.window
    if math.isnan(low) or tuning.targets:
        return
    left, right = at.x(low), at.x(high)
    yield area(((left, -1e3), (right, -1e3), (right, 1e3), (left, 1e3)), 0.25, BLUE)


def _band(tuning: Tuning, at: Frame, value: Array) -> Iterator[str]:
    """One standard error on both sides."""
    error = np.where(np.isfinite(tuning.standard_error), tuning.standard_error, math.nan)
    below, above = (points(at, tuning.decays, value + sign * error) for sign in (-1.0, 1.0))
    for one, other in zip(below, above, strict=True):
        if len(one) > 1:
            yield area((*one, *reversed(other)), 0.13)
