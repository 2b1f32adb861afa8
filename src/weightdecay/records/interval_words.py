"""Intervals of the held-out loss in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.brief import brief

if TYPE_CHECKING:
    from weightdecay.records.tuning import Tuning


def interval_words(tuning: Tuning, interval: tuple[float, float]) -> str:
    """An interval of losses as one of the metric, the smaller end first: ``"0.41 to 0.66"``."""
    low, high = sorted(tuning.as_metric(end) for end in interval)
    return f"{brief(low)} to {brief(high)}"


def interval_line(tuning: Tuning) -> str:
    """The held-out loss with its intervals as a sentence, empty where there are none.

    The nested interval comes first; without one it is said that the other is optimistic, and why there is none.
    """
    found = tuning.intervals
    if found is None or not (found.has_nested or found.has_fold_wise):
        return ""
    known = f" {brief(tuning.as_metric(found.loss))}" if found.loss == found.loss else ""
    start = f"Held-out {tuning.metric}{known}, 95 % interval "
    spread = f"by the spread over {_over(tuning, found.n_folds)} alone"
    fold_wise = interval_words(tuning, found.fold_wise) if found.has_fold_wise else ""
    if not found.has_nested:
        return f"{start}{fold_wise} {spread}, which is optimistic ({found.note})."
    nested = f"{interval_words(tuning, found.nested)} (nested cross-validation, {found.nested_folds})"
    beside = f"; {fold_wise} {spread}" if fold_wise else ""
    return f"{start}{nested}{beside}.{_unpaid(tuning)}"


def _unpaid(tuning: Tuning) -> str:
    """What else was chosen on the same rows, as a sentence of its own; empty where that was the decay alone."""
    groups = ["the strengths of groups"] if tuning.grouping is not None and not tuning.grouping.alike else []
    chosen = [*groups, *(["the other settings"] if tuning.trials else [])]
    return f" Nested folds choose the decay anew, but not {' and '.join(chosen)}." if chosen else ""


def _over(tuning: Tuning, count: int) -> str:
    """Folds, or rows in their place, as under leave-one-out and in a single hold-out."""
    return "folds" if len(tuning.losses) > 1 else f"{count:,} rows"
