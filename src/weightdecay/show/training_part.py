"""The part of the report on training: losses and norms of layers by epoch, and what they say in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from weightdecay.records.history import History
from weightdecay.records.training import Training
from weightdecay.records.training_words import fit_words, gap, losses_words
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.page_pictures import Picture, Room, picture
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import Number, Row, Sheet, number

# Rows of a history that a picture has room for, points of all its curves, and layers of which it has curves.
DRAWN, POINTS, LAYERS = 120, 1_500, 6
TEXT_LIMIT = 1000


@dataclass(frozen=True)
class TrainingPart:
    """Sentences, pictures and the numbers at the last epoch."""

    lines: tuple[str, ...]
    losses: Picture
    norms: Picture | None
    numbers: Sheet


def training_part(tuning: Tuning, room: Room) -> TrainingPart | None:
    """The part on training, None where nothing was trained epoch by epoch or no loss is known."""
    training = tuning.training
    if training is None or not any(np.isfinite(one.loss).any() for one in training.histories):
        return None
    shown = _drawn(training.histories)
    lines = tuple(for_html(f"{one[0].upper()}{one[1:]}.", TEXT_LIMIT) for one in _lines(tuning, training))
    what = f"Mean training loss of an epoch's batches (dashed) and held-out loss after it (solid): {training.loss}"
    used = f" Decay {brief(tuning.decay)} is in use." if training.at(tuning.decay) is not None else ""
    caption = f"{what}, averaged over {tuning.cv[:100]}{_dropped(training)}. Marks are the least held-out loss.{used}"
    losses = picture(room, lambda ax: plots.training(shown, what="loss", ax=ax), 3.7, caption, caption)
    return TrainingPart(lines, losses, _norms(shown, room), _sheet(tuning, training))


def _drawn(histories: Sequence[History]) -> list[History]:
    """As much of histories as a picture shows: some epochs, and the layers whose norms end largest."""
    thin = [one.thinned(DRAWN) for one in histories]
    ends = np.nan_to_num([one.weights[-1] for one in thin], posinf=0.0).max(axis=0)
    largest = np.sort(np.argsort(-ends, kind="stable")[:LAYERS])
    columns = tuple(thin[0].columns[j] for j in largest.tolist())
    return [replace(one, weights=one.weights[:, largest], columns=columns) for one in thin]


def _lines(tuning: Tuning, training: Training) -> Iterator[str]:
    """What is to be read from the pictures."""
    told = fit_words(tuning, training)
    if told:
        yield told
    last = training.histories[-1]
    if last.decay > max(tuning.decay, tuning.decay_min) and math.isfinite(gap(last)):
        yield f"decay {brief(last.decay)} is too strong: the networks under-fit, {losses_words(last)}"
    used = training.at(tuning.decay)
    lasts = math.nan if used is None else training.elapsed(used.decay)
    if lasts > 0:
        yield f"the run lasts {brief(lasts)} timescales of the decay in use, in one of which it takes 63 % of a weight"


def _dropped(training: Training) -> str:
    """What dropout does to training losses."""
    return "; training losses are those with dropout, which raises them" if training.dropout > 0 else ""


def _norms(shown: list[History], room: Room) -> Picture | None:
    """Norms of the layers by epoch."""
    if not room.wide or not shown[0].columns:
        return None
    which = "every layer's weights" if len(shown[0].columns) < LAYERS else "the largest layers' weights"
    most = min(DRAWN, POINTS // (len(shown) * len(shown[0].columns)))
    shown = [one.thinned(most) for one in shown]
    caption = f"The norm of {which} by epoch, averaged over the folds; the stronger the decay the darker."
    return picture(room, lambda ax: plots.training(shown, ax=ax), 3.5, caption, caption)


def _sheet(tuning: Tuning, training: Training) -> Sheet:
    """The numbers behind the picture of losses, one line per decay."""
    header: tuple[str, ...] = ("decay", "training loss", "held-out loss", "gap", "least held-out loss", "at epoch")
    header += ("timescales", "remark")
    rows = tuple(Row(None, (*_cells(one, training), _remark(tuning, one.decay))) for one in training.histories)
    note = (
        "The gap is the held-out loss minus the training loss after the last epoch: much of it is over-fitting, high "
        "losses without it are under-fitting."
    )
    if math.isfinite(training.timescales):
        note += " Timescales of its decay are how long a run lasts: in one of them decay takes 63 % of a weight."
    at = f"Training at {len(rows)} decay{'s' if len(rows) > 1 else ''}"
    caption = f"{at}: {for_html(training.loss, 100)} after the last epoch"
    return Sheet(caption, header, rows, note)


def _cells(history: History, training: Training) -> tuple[Number | None, ...]:
    """The numbers of a decay."""
    held_out = float(history.held_out[-1]) if len(history.held_out) else math.nan
    least = history.least
    low = (math.nan, math.nan) if least is None else (float(history.held_out[least]), float(history.at[least]))
    values = (history.decay, float(history.loss[-1]), held_out, gap(history), *low, training.elapsed(history.decay))
    return tuple(number(one) for one in values)


def _remark(tuning: Tuning, decay: float) -> str | None:
    """What is special about a decay."""
    strong = decay > max(tuning.decay, tuning.decay_min)
    said = (("no decay", decay == 0), ("in use", decay == tuning.decay), ("too strong", strong))
    return ", ".join(word for word, true in said if true) or None
