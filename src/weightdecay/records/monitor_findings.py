"""Findings about a training run that a monitor has watched."""

from __future__ import annotations

import math

import numpy as np

from weightdecay.records.brief import brief
from weightdecay.records.finding import Finding
from weightdecay.records.monitor import Monitored, Series
from weightdecay.records.monitor_expected import growth
from weightdecay.records.param_table import plain

GROWN = 1.5  # ‖g‖/‖w‖ over what it was: worth a word
BEYOND = 1.5  # over what decay and schedule explain


def findings(monitored: Monitored) -> tuple[Finding, ...]:
    """What is worth knowing, each thing once: about the decayed weights of the shortest timescale first."""
    labels = [label for label in monitored.labels() if "exempt" not in label]
    decayed = [monitored.series(label) for label in labels]
    found: list[Finding] = []
    found += _ends_early(monitored, decayed)
    found += _forgets_within_an_epoch(monitored, decayed)
    found += _grows(decayed)
    found += _form(decayed)
    return tuple(found)


def _ends_early(monitored: Monitored, decayed: list[Series]) -> list[Finding]:
    """The run is over before one τ: with a known end, even if every step to come took as much as the largest so far."""
    total = monitored.total_steps
    most = []
    for one in decayed:
        if total is not None and math.isfinite(one.elapsed[-1]) and one.share.max() > 0:
            left = max(total - int(one.step[-1]), 0)
            most.append(float(one.elapsed[-1] + left * np.nanmax(one.share)))
    if not most or max(most) >= 1.0:
        return []
    message = f"the run ends after at most {brief(max(most))} τ: this decay takes away less than it needs to matter"
    remedy = "raise λ, or the steps, until the run is several τ long (wd.timescale tells), or leave decay out"
    return [Finding("WD060", "info", message, remedy)]


def _forgets_within_an_epoch(monitored: Monitored, decayed: list[Series]) -> list[Finding]:
    epoch = monitored.steps_per_epoch
    shares = [float(np.nanmax(one.share)) for one in decayed if np.isfinite(one.share).any()]
    largest = max(shares, default=0.0)
    if epoch is None or largest <= 0 or largest * epoch <= 1.0:
        return []
    message = (
        f"τ is {brief(1.0 / largest)} steps at its shortest and an epoch {brief(epoch)}: the weights forget rows that "
        "they have not seen for less than an epoch"
    )
    return [Finding("WD061", "info", message, "lower λ or the learning rate until τ is an epoch or more")]


def _grows(decayed: list[Series]) -> list[Finding]:
    """The gradient norm grows, and whether decay and schedule explain it."""
    found = []
    for one in decayed:
        grown = growth(one)
        if grown is None or grown[1] < GROWN:
            continue
        step, measured, explained = grown
        head = f"‖g‖/‖w‖ of the {plain(one.label)} weights has grown {measured:.2f} times since step {step:,}"
        if measured > BEYOND * max(explained, 1.0):
            message = f"{head}, and decay with the learning-rate schedule explains {explained:.2f} times only"
            remedy = "look for a loss that diverges, or data that have changed; wd.plot.monitor shows when it began"
            found.append(Finding("WD063", "warning", message, remedy))
        else:
            message = (
                f"{head}: decay with the learning-rate schedule explains {explained:.2f} times, no sign of trouble"
            )
            remedy = "nothing, or wd.with_decay(optimizer, form='corrected'), under which it stays level"
            found.append(Finding("WD062", "info", message, remedy))
    return found


def _form(decayed: list[Series]) -> list[Finding]:
    """Decay that has no timescale, or whose form is not known."""
    found = []
    if any("preconditioner" in one.form for one in decayed):
        message = "λ is added to the gradient of an adaptive optimiser, which divides it again: it has no timescale"
        remedy = "use AdamW, or wd.with_decay(optimizer, form='decoupled'), if a decay with a timescale was meant"
        found.append(Finding("WD064", "info", message, remedy))
    if any("assumed" in one.form for one in decayed):
        message = "how this optimiser applies its weight_decay is not known: it was taken for w ← w − η λ w"
        remedy = "wd.audit(model, optimizer) measures it"
        found.append(Finding("WD065", "info", message, remedy))
    return found
