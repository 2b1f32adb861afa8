"""What a monitor has seen, in words."""

from __future__ import annotations

import math

from weightdecay.records.brief import brief
from weightdecay.records.monitor import Measurement, Monitored, Series
from weightdecay.records.monitor_expected import expected_rms, growth
from weightdecay.records.param_table import plain

WINDOW = 10  # measurements that a balance is summed over
USUAL = (0.6, 1.0)  # of sizes over the equilibrium for independent gradients
NEAR = 0.1  # of the equilibrium: no longer on the way
GROWN = 1.2

_MANY = {"matrix": "matrices", "norm gain": "norm gains", "bias": "biases"}


def words(monitored: Monitored) -> str:
    """All of it: a head, a paragraph for each role, and what is worth knowing."""
    records = monitored.records
    if not records:
        return "nothing measured yet"
    lines = [_head(monitored)]
    lines += [_role(monitored, label) for label in monitored.labels()]
    lines += [f"{one.severity} {one.code}: {one.message}; {one.remedy}" for one in monitored.findings]
    return "\n".join(lines)


def _head(monitored: Monitored) -> str:
    records = monitored.records
    last: dict[str, Measurement] = {one.optimizer: one for one in records}
    steps = ", ".join(f"{one.step:,} steps of {plain(name)}" for name, one in last.items())
    of = "" if monitored.total_steps is None else f" of {monitored.total_steps:,}"
    return f"{steps}{of}, measured {len(records)} time{'' if len(records) == 1 else 's'}"


def _role(monitored: Monitored, label: str) -> str:
    """A role in a paragraph of one line."""
    series = monitored.series(label)
    name = _called(label, series.weights)
    head = f"{name} ({series.weights} tensor{'' if series.weights == 1 else 's'}, {series.elements:,} numbers)"
    parts = [_size(series)]
    if series.form != "exempt":
        parts += [f"decay {plain(series.form)}", _angle(series), *_time(series), *_balance(series), *_gradient(series)]
    return f"{head}: {'; '.join(part for part in parts if part)}"


def _called(label: str, weights: int) -> str:
    """A role in the plural where there are several weights of it."""
    role, mark, rest = label.partition(" · ")
    role, comma, exempt = role.partition(", ")
    many = _MANY.get(role, f"{role}s") if weights > 1 else role
    return plain(f"{many}{comma}{exempt}{mark}{rest}")


def _size(series: Series) -> str:
    size, settled, now = series.rms[-1], series.equilibrium[-1], expected_rms(series)[-1]
    text = f"RMS {brief(size)}"
    if not (math.isfinite(settled) and settled > 0 and now > 0):
        return text
    low, high = USUAL
    normal = f"real gradients are not independent: {low:g} to {high:.1f} is normal"
    if abs(now / settled - 1.0) <= NEAR:
        return f"{text}, equilibrium {brief(settled)} (ratio {size / settled:.2f}; {normal})"
    return f"{text}, {brief(now)} expected by now (ratio {size / now:.2f}; {normal}) on the way to {brief(settled)}"


def _angle(series: Series) -> str:
    turned, settled = series.angle[-1], series.equilibrium_angle[-1]
    if not math.isfinite(turned):
        return ""
    expected = f", in equilibrium {brief(settled)}" if math.isfinite(settled) else ""
    rate = series.effective_rate[-1]
    effective = f"; effective learning rate {brief(rate)}" if math.isfinite(rate) else ""
    return f"turns {brief(turned)} rad a step{expected}{effective}"


def _time(series: Series) -> list[str]:
    elapsed, taken = series.elapsed[-1], series.share[-1]
    if not math.isfinite(elapsed):
        return ["no timescale: λ goes through the preconditioner"]
    now = f", τ = {brief(1.0 / taken)} steps now" if taken > 0 else ""
    return [f"{brief(elapsed)} τ elapsed{now}"]


def _balance(series: Series) -> list[str]:
    found = series.balance(WINDOW)
    if not math.isfinite(found):
        return []
    count = min(WINDOW, len(series.step))
    return [f"updates put back {brief(found)} times what decay takes (last {count} measured; 1 in equilibrium)"]


def _gradient(series: Series) -> list[str]:
    ratio, expected = series.ratio[-1], series.expected_ratio[-1]
    if not (math.isfinite(ratio) and math.isfinite(expected)):
        return []
    parts = [f"‖{series.signal}‖/‖w‖ {brief(ratio)}, √(2λ/γ) {brief(expected)}"]
    grown = growth(series)
    if grown is not None and (grown[1] >= GROWN or grown[2] >= GROWN):
        step, measured, explained = grown
        parts.append(
            f"it has grown {measured:.2f} times since step {step:,}, decay × schedule explain {explained:.2f} times"
        )
    return parts
