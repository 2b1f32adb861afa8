"""Findings that the training of networks gives, epoch by epoch, and the decays that are worth a look there."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.finding import Finding
from weightdecay.records.training import Training
from weightdecay.records.tuning import Tuning

Array = NDArray[np.float64]

HALF = 0.5  # of the way from the least loss to that of infinite decay, which a decay that is too strong has gone
SHORT = 0.1  # timescales below which a run is too short for a decay to act
STEEP = 0.1  # share of a weight that decay may take in a step
RISE = 0.05  # share of the least held-out loss by which the last may be above it
CERTAIN = 2.0  # standard errors that it must be above it as well
EARLY = 0.5  # share of the epochs up to which the least is early


def telling(tuning: Tuning) -> Array:
    """No decay, the decay in use and one that is too strong, as far as there are such.

    Too strong is the first beyond both the one in use and the best that has gone half of the way to the loss of
    infinite decay, or else the last if it is worse than the tolerance.
    """
    finite = np.isfinite(tuning.decays) & np.isfinite(tuning.mean)
    decays, excess = tuning.decays[finite], (tuning.mean - tuning.mean[tuning.best])[finite]
    used = tuning.decay if math.isfinite(tuning.decay) else (decays[np.argmin(excess)] if len(decays) else 0.0)
    beyond = decays > max(used, tuning.decay_min)
    worse = beyond & (excess > tuning.tolerance * tuning.unit)
    constant = tuning.reference("infinite decay")
    far = math.nan if constant is None else HALF * (constant.mean - float(tuning.mean[tuning.best]))
    strong = decays[worse & (excess >= far)][:1] if far > 0 else decays[:0]
    return np.unique([0.0, used, *(strong if len(strong) else decays[worse][-1:])])


def training_findings(tuning: Tuning) -> tuple[Finding, ...]:
    """Of runs that are too short for their decay, and of networks that over-fit by the epoch."""
    if tuning.training is None:
        return ()
    return (*_short(tuning, tuning.training), *_long(tuning, tuning.training))


def _short(tuning: Tuning, training: Training) -> Iterator[Finding]:
    """WD035: a run lasts a fraction of a timescale of the decay in use, or decay is as strong as steps allow."""
    decays = tuning.decays[(tuning.decays > 0) & np.isfinite(tuning.decays)]
    used = tuning.decay
    if not len(decays) or not math.isfinite(training.timescales):
        return
    steps = f"{training.steps:,} step{'s' if training.steps > 1 else ''}"
    acts = f"decays around {brief(1.0 / training.timescales)} act within it"
    top = training.elapsed(float(decays[-1]))
    if top < SHORT:
        yield Finding(
            "WD035",
            "warning",
            f"the run of {steps} is too short for every decay tried: it lasts {brief(top)} timescales of the largest, "
            f"{brief(float(decays[-1]))}, which takes {_taken(top)} of a weight by its end",
            f"{acts}: give larger decays, or leave decays=None; or train for more epochs",
        )
    elif 0 < used < math.inf and training.elapsed(used) < SHORT:
        lasts = training.elapsed(used)
        yield Finding(
            "WD035",
            "info",
            f"decay hardly acts in this run: it lasts {brief(lasts)} timescales of the decay in use, {brief(used)}, "
            f"which takes {_taken(lasts)} of a weight by its end ({steps})",
            f"{acts}; stronger ones did worse, as so short a run is a regularisation of its own: with more epochs more "
            "decay may pay",
        )
    elif math.isfinite(used) and training.pace * used >= STEEP:
        yield Finding(
            "WD035",
            "info",
            f"the decay in use, {brief(used)}, is about as strong as steps allow: every step takes "
            f"{100 * training.pace * used:.2g} % of a weight ({steps})",
            "train for more epochs or in smaller batches, so that a milder decay has the time to act; if that changes "
            "nothing, the columns say little about the target",
        )


def _taken(timescales: float) -> str:
    """The share of a weight that decay takes in so many timescales, in words."""
    return f"{100 * -math.expm1(-timescales):.2g} %"


def _long(tuning: Tuning, training: Training) -> Iterator[Finding]:
    """WD036: at the decay in use the held-out loss was least long before the last epoch."""
    found = training.at(tuning.decay)
    if found is None or found.least is None or training.early_stopping or not math.isfinite(found.held_out[-1]):
        return
    epoch, last = int(found.at[found.least]), int(found.at[-1])
    least, end = float(found.held_out[found.least]), float(found.held_out[-1])
    error = training.errors[training.histories.index(found)]
    if epoch > EARLY * last or not end - least > RISE * abs(least) or end - least <= CERTAIN * error:
        return
    said = f"the held-out loss at decay {brief(tuning.decay)} was least"
    if epoch == 0:
        yield Finding(
            "WD036",
            "warning",
            f"{said} before training, {brief(least)}, and is {brief(end)} after {last:,} epochs",
            "the columns say little about the target, or steps are too large: give a smaller learning_rate, or fewer "
            "epochs",
        )
        return
    share = 100 * (end - least) / end if end > 0 else math.nan
    epochs = f"epochs={epoch}" + (f", {share:.2g} % less loss on these held-out rows," if share == share else "")
    yield Finding(
        "WD036",
        "warning",
        f"the networks over-fit by training on: {said} after epoch {epoch:,}, {brief(least)}, and is {brief(end)} "
        f"after {last:,}",
        f"give {epochs} or early_stopping=True, and tune the decay anew",
    )
