"""The same strength in other tools' units, at every stop of the slider."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from weightdecay.decay.units import conversion
from weightdecay.records.brief import brief
from weightdecay.records.l1_words import MIXED
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import ELSEWHERE, NETWORKS, PURE_L1

UNKNOWN = "–"
PRIOR: tuple[str, str, Mapping[str, str]] = ("prior precision Λ = {}", "prior_precision", {})
# Both parts of the penalty have names there; the decay of a network is a number of its optimiser.
OF_OPTIMISER = (
    "weight_decay={} of a torch optimiser of the same form and learning rate, inputs and targets standardised"
)


def units(tuning: Tuning, decays: Sequence[float]) -> dict[str, Any]:
    """A title, and for every tool what stands before its number, what after it, and the numbers."""
    if tuning.model_name in NETWORKS:
        before, after = OF_OPTIMISER.split("{}")
        lines = [(before, after, " ".join(brief(one) if math.isfinite(one) else UNKNOWN for one in decays))]
    else:
        lines = [line for tool in _tools(tuning) if (line := _line(tuning, decays, *tool)) is not None]
    on = " on standardised columns (StandardScaler first)" if tuning.standardize and lines else ""
    if tuning.grouping is not None and not tuning.grouping.alike:
        on = f"{on or ' on columns'} divided by the root of decay_weights_"
    return {"title": f"The same strength elsewhere{on}", "lines": lines}


def _tools(tuning: Tuning) -> list[tuple[str, str, Mapping[str, str]]]:
    """Texts with a gap for the number, conventions and facts of the tools that a user is likely to need."""
    ours = tuning.model_name in ("LinearRegression", "LogisticRegression")
    if tuning.l1_ratio:
        return [(words, name, {}) for words, name in MIXED.get(tuning.model_name, ())]
    return [*ELSEWHERE.get(tuning.model_name, ()), *((PRIOR,) if ours else ())]


def _line(
    tuning: Tuning, decays: Sequence[float], words: str, name: str, more: Mapping[str, str]
) -> tuple[str, str, str] | None:
    """What a tool calls the decays; None where it cannot be told."""
    facts: dict[str, float | str] = {"n_samples": tuning.n_rows, "weight_sum": tuning.weight_sum, **more}
    if math.isfinite(tuning.y_std) and tuning.y_std > 0:
        facts["y_std"] = tuning.y_std
    elif name == "glmnet.gaussian.lambda":
        return None
    mix = 1.0 if tuning.model_name in PURE_L1 else tuning.l1_ratio
    numbers: list[str] = []
    ratio = mix
    for decay in decays:
        try:
            there = conversion(decay, "decay", name, l1_ratio=mix, **facts)
        except ValueError:  # beyond the range of a float
            numbers.append(UNKNOWN)
            continue
        ratio = there.l1_ratio
        numbers.append(brief(there.value) if math.isfinite(decay) else UNKNOWN)
    before, after, *second = words.split("{}")
    # The mix is the same at every decay.
    return before, after + (f"{brief(ratio)}{second[0]}" if second else ""), " ".join(numbers)
