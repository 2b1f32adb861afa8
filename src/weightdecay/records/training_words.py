"""How networks were trained, and whether they over-fit and under-fit, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weightdecay.records.brief import brief
from weightdecay.records.history import History
from weightdecay.records.training import Training

if TYPE_CHECKING:
    from weightdecay.records.tuning import Tuning

# Shares of the held-out loss that a gap to the training loss must have to be told, and of that gap that decay closes.
NOTICE = 0.05


def gap(history: History) -> float:
    """Held-out loss minus training loss at the last epoch, nan where either is not known."""
    return float(history.held_out[-1] - history.loss[-1]) if len(history.held_out) else math.nan


def run_words(training: Training) -> str:
    """``"100 epochs of batches of 64 rows (700 steps)"``."""
    epochs, steps = (_counted(training.epochs, "epoch"), _counted(training.steps, "step"))
    return f"{epochs} of batches of {_counted(training.batch_size, 'row')} ({steps})"


def population_words(training: Training) -> str:
    """``"35, trained together"``."""
    return f"{training.networks:,}, {'trained together' if training.together else 'one by one'}"


def training_line(tuning: Tuning) -> str:
    """Epochs and over-fitting as a sentence; empty where nothing was trained epoch by epoch."""
    training = tuning.training
    if training is None:
        return ""
    networks = f"{_counted(training.networks, 'network')} {'together' if training.together else 'one by one'}"
    told = fit_words(tuning, training)
    scale = "" if training.loss == tuning.metric or not told else f"; losses are {training.loss}"
    return f"Training, {_counted(training.epochs, 'epoch')} of {networks}: {told or 'no loss is known'}{scale}."


def fit_words(tuning: Tuning, training: Training) -> str:
    """Whether networks over-fit without decay, and how much of that the decay in use mends; empty if it is not known.

    Over-fitting is measured as the gap between held-out and training loss after the last epoch.
    """
    free, used = training.at(0.0), training.at(tuning.decay)
    at = f"decay {brief(tuning.decay)}"
    if free is None or not math.isfinite(gap(free)):
        lost = "without decay training diverged" if free is not None and not free.converged else ""
        known = "" if used is None or used is free or not math.isfinite(gap(used)) else f"at {at} {losses_words(used)}"
        return "; ".join(filter(None, (lost, known)))
    without = losses_words(free)
    over = gap(free) > NOTICE * abs(float(free.held_out[-1]))
    if used is free:
        return f"no decay is in use; the networks {'over-fit' if over else 'hardly over-fit'}, {without}"
    if not over:
        beside = "" if used is None or not math.isfinite(gap(used)) else f"; at {at} {losses_words(used)}"
        return f"without decay the networks hardly over-fit, {without}{beside}"
    start = f"without decay the networks over-fit, {without}"
    if used is None or not math.isfinite(gap(used)):
        return start
    closed = 1.0 - gap(used) / gap(free)
    what = (
        "leaves that gap as it is"
        if abs(closed) < NOTICE
        else "widens that gap"
        if closed < 0
        else f"closes {100 * min(closed, 1.0):.0f} % of that gap"
    )
    return f"{start}; {at} {what}, {losses_words(used)}"


def losses_words(history: History) -> str:
    """``"loss 0.01 in training, 0.5 held out"``."""
    return f"loss {brief(float(history.loss[-1]))} in training, {brief(float(history.held_out[-1]))} held out"


def _counted(count: int, what: str) -> str:
    """A number and its noun."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
