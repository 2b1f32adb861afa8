"""The slider: what the page shows at every decay along the path, precomputed as the very texts that it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.show.data_sheets import MAX_DECAYS
from weightdecay.show.embedded import script_data
from weightdecay.show.loss_axis import allowance
from weightdecay.show.page_pictures import Room
from weightdecay.show.path_words import path_words
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import number
from weightdecay.show.slider_marks import Marks
from weightdecay.show.slider_units import units
from weightdecay.show.slider_weights import weights

Stops = NDArray[np.intp]

TITLE = "What each decay does"
UNKNOWN = "–"
# Bytes for the largest weights at all stops: of the only target, and of one of several.
WIDE_ROOM, SHARED_ROOM = 22_000, 9_000


@dataclass(frozen=True)
class Slider:
    """The decays that a reader can slide along, and all that is shown at each of them.

    Parameters
    ----------
    data : str
        JSON that is safe within a script element. Lists of texts are joined: by a space, or by "|" where texts hold
        spaces; what is not known is a dash.
    """

    data: str


def stops(tuning: Tuning) -> Stops:
    """Places of the decays to stop at: all, or of very many some and those that have a name."""
    L = len(tuning.decays)
    named = np.isin(tuning.decays, (tuning.decay, tuning.decay_min, tuning.decay_1se))
    some = np.linspace(0, L - 1, min(L, MAX_DECAYS)).round().astype(np.intp)
    return np.union1d(some, np.flatnonzero(named))


def slides(tuning: Tuning) -> bool:
    """Whether there is something to slide along: one target with several decays."""
    return not tuning.targets and len(tuning.decays) > 1


def slider(
    tuning: Tuning, path: DecayPath | None, marks: Sequence[Marks], room: Room, *, nested: bool
) -> Slider | None:
    """The slider of a target; None where there is one decay alone, or several targets at once."""
    if not slides(tuning):
        return None
    at = stops(tuning)
    decays = tuning.decays[at]
    known = path if path is not None and len(path.decays) == len(tuning.decays) else None
    first = _nearest(decays, tuning.decay)
    words, remark = _remarks(tuning, at)
    found: dict[str, Any] = {
        "title": TITLE,
        "heading": "h3" if nested else "h2",
        "decay": " ".join(_told_apart(decays)),
        "first": first,
        "figures": [[name, "|".join(texts)] for name, texts in _figures(tuning, known, at)],
        "words": words,
        "remark": " ".join(map(str, remark)),
        "jumps": _jumps(tuning, decays),
        "units": units(tuning, decays.tolist()),
        "weights": weights(tuning, known, at, first, WIDE_ROOM if room.wide else SHARED_ROOM),
        "marks": [one.to_dict() for one in marks],
    }
    return Slider(script_data(found))


def _nearest(decays: NDArray[np.float64], decay: float) -> int:
    """The place of a decay or, where a rule chose one between, of the nearest in size."""
    same = np.flatnonzero(decays == decay)
    if len(same) or not 0 < decay < math.inf:
        return int(same[0]) if len(same) else (0 if decay == 0 else len(decays) - 1)
    with np.errstate(divide="ignore"):
        return int(np.argmin(np.abs(np.log(decays) - math.log(decay))))


def _told_apart(decays: NDArray[np.float64]) -> list[str]:
    """The decays as they are read, in full where several read the same."""
    texts = [text(decay) for decay in decays.tolist()]
    return [one if texts.count(one) == 1 else repr(decay) for one, decay in zip(texts, decays.tolist(), strict=True)]


def text(value: float) -> str:
    """A number as the page shows it, in one word."""
    told = number(value)
    return UNKNOWN if told is None else told.text


def _figures(tuning: Tuning, path: DecayPath | None, at: Stops) -> Iterator[tuple[str, list[str]]]:
    """Names of the numbers at a glance, with a text for every stop; the held-out loss is the first."""
    errors = tuning.standard_error[at].tolist()
    losses = [text(one) for one in tuning.as_metric(tuning.mean[at]).tolist()]
    yield (
        f"held-out {for_html(tuning.metric, 40)}".replace("|", "¦"),
        [
            f"{loss} ± {text(error)}" if math.isfinite(error) else loss
            for loss, error in zip(losses, errors, strict=True)
        ],
    )
    if path is None:
        return
    of_layers = path_words(path).norms
    every = {
        "effective degrees of freedom": path.mean_df,
        "coefficients that are not zero": path.nonzeros.reshape(len(path.decays), -1).sum(axis=1)
        if path.selects and not of_layers
        else None,
        "training loss": path.train_loss if path.train_loss.ndim == 1 else None,
        "intercept": path.intercept if path.intercept.ndim == 1 and not of_layers else None,
    }
    for name, values in every.items():
        if values is not None and np.isfinite(values).any():
            yield name, [text(float(one)) for one in values[at]]


def _remarks(tuning: Tuning, at: Stops) -> tuple[list[str], list[int]]:
    """What there is to say of the stops: the sentences that occur, and for every stop the place of its own."""
    every = [_remark(tuning, decay) for decay in tuning.decays[at].tolist()]
    words = list(dict.fromkeys(every))
    return words, [words.index(one) for one in every]


def _remark(tuning: Tuning, decay: float) -> str:
    """What is special about a decay, and on which side of the best it stands."""
    names = (("in use", tuning.decay), ("best", tuning.decay_min), ("1-SE", tuning.decay_1se))
    said = [word for word, value in names if value == decay]
    inside, plausible = (low <= decay <= high for low, high in (tuning.window, tuning.plausible))
    known = not any(map(math.isnan, (*tuning.window, *tuning.plausible)))
    if decay != tuning.decay_min:
        said += [f"within {allowance(tuning)}"] if inside else []
        said += ["cannot be told from the best"] if plausible else []
        if known and not (inside or plausible):
            said.append(
                "under-fitting: too much decay" if decay > tuning.decay_min else "over-fitting: too little decay"
            )
    if math.isinf(decay):
        said.append("the decayed columns are left out")
    return "; ".join(said)


def _jumps(tuning: Tuning, decays: NDArray[np.float64]) -> list[tuple[str, int]]:
    """Names of stops to go to at once, and their places; of several names of one stop the first."""
    names = (
        *(("in use", tuning.decay), ("best", tuning.decay_min), ("1-SE", tuning.decay_1se)),
        *(("no decay", 0.0), ("infinite decay", math.inf)),
    )
    places: dict[int, str] = {}
    for name, value in names:
        for place in np.flatnonzero(decays == value).tolist():
            places.setdefault(place, name)
    return [(name, place) for place, name in places.items()]
