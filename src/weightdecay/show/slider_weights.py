"""The largest weights at every stop of the slider, in few bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.show import plots
from weightdecay.show.coefficient_picture import per_deviation
from weightdecay.show.embedded import script_data
from weightdecay.show.flat_coefficients import in_one_row
from weightdecay.show.path_words import path_words
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import label, number

Array = NDArray[np.float64]

MOST, LEAST = 12, 3
UNKNOWN = "–"


def weights(
    tuning: Tuning, path: DecayPath | None, stops: NDArray[np.intp], first: int, room: int
) -> dict[str, Any] | None:
    """The largest weights at every stop, as many as fit into so many bytes; None where they are not known."""
    if path is None or not path.coef.size:
        return None
    coef, names = plots.flat_coefficients(path)
    coef, per, compared = coef[stops], *_scale(tuning, coef.shape[1])
    effect = np.abs(np.nan_to_num(coef * per, nan=0.0, posinf=0.0, neginf=0.0))
    most = min(MOST, coef.shape[1])
    while True:
        chosen = _chosen(effect, first, most)
        found = _told(coef, names, chosen) | _bars(effect, per, first, chosen)
        if most <= LEAST or len(script_data(found).encode()) <= room:
            break
        most -= 1
    return found | {"most": most} | _words(path, most, coef.shape[1], compared=compared)


def _scale(tuning: Tuning, count: int) -> tuple[Array, bool]:
    """What to multiply weights with to compare them: standard deviations of their columns where they are known."""
    found = tuning.diagnostics
    if found is not None and found.coef.size == count:
        return per_deviation(in_one_row(found))
    return np.ones(count), False


def _chosen(effect: Array, first: int, most: int) -> list[list[int]]:
    """The largest at every stop, the largest first; one list for all stops where they hold all there are."""
    if effect.shape[1] <= most:
        return [np.argsort(-effect[first], kind="stable").tolist()]
    return [np.argsort(-one, kind="stable")[:most].tolist() for one in effect]


def _told(coef: Array, names: list[str], chosen: list[list[int]]) -> dict[str, Any]:
    """Names of all that are among the largest somewhere, and at every stop which they are and what they weigh."""
    used = sorted({column for one in chosen for column in one})
    place = {column: number for number, column in enumerate(used)}
    texts = [
        " ".join(_text(coef[stop, column]) for column in chosen[stop if len(chosen) > 1 else 0])
        for stop in range(len(coef))
    ]
    order = [" ".join(str(place[column]) for column in one) for one in chosen]
    return {"names": [label(names[column]) for column in used], "order": order, "text": texts}


def _text(value: float) -> str:
    """A weight as the page shows it."""
    told = number(float(value))
    return UNKNOWN if told is None else told.text


def _bars(effect: Array, per: Array, first: int, chosen: list[list[int]]) -> dict[str, Any]:
    """How long the bar of a weight of 1 is, by name; 100 is the largest at the decay in use, or of all."""
    largest = float(effect[first].max()) or float(effect.max()) or 1.0
    used = sorted({column for one in chosen for column in one})
    return {"bars": [float(f"{100 * per[column] / largest:.3g}") for column in used]}


def _words(path: DecayPath, most: int, count: int, *, compared: bool) -> dict[str, str]:
    """What the weights are."""
    words = path_words(path)
    unit = "" if words.norms else f", in {for_html(path.units)}"
    which = f"The {most} largest of {count:,} " if count > most else ""
    what = words.heading.lower() if which else words.heading
    by = " per standard deviation of the column" if compared else ""
    note = f"Bars compare sizes{by}; a full one is the largest at the decay in use."
    return {"caption": f"{which}{what}{unit}", "of": words.of, "one": words.one, "note": note}
