"""The model in use in a sentence or two: how much it explains, and which columns matter most."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from weightdecay.records.brief import brief
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.show.coefficient_picture import per_deviation
from weightdecay.show.flat_coefficients import in_one_row
from weightdecay.show.sanitize import shortened

MOST = 5  # columns that are named
NAME = 40  # letters of one


def model_lines(tuning: Tuning) -> Iterator[str]:
    """What a reader asks next, once the decay is known; nothing of several targets, or where the model is not known."""
    found = None if tuning.targets else tuning.diagnostics
    if found is None:
        return
    if isinstance(found, Diagnostics) and math.isfinite(found.r2):
        folds = "" if found.folds == tuning.cv else f" ({found.folds})"
        yield (
            f"Held out{folds}, the model explains {100 * found.r2:.2g} % of the variance (R² {brief(found.r2)})."
            if found.r2 > 0
            else f"Held out{folds}, the model predicts no better than the mean (R² {brief(found.r2)})."
        )
    flat = in_one_row(found)
    scale, comparable = per_deviation(flat)
    sizes = np.where(np.isfinite(flat.coef), flat.coef * scale, 0.0)
    order = [int(at) for at in np.argsort(-np.abs(sizes), kind="stable")[:MOST] if sizes[at] != 0.0]
    if order and comparable:
        named = ", ".join(f"{shortened(flat.names[at], NAME)} {sizes[at]:+.3g}" for at in order)
        effect = "target" if flat.effect == "prediction" else flat.effect
        more = np.count_nonzero(sizes) - len(order)
        others = f"; {more:,} more are in the report" if more else ""
        yield f"Largest effects on the {effect.removeprefix('the ')}, per standard deviation: {named}{others}."
