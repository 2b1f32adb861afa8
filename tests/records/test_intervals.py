"""Intervals as a record and in words."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.records import GRID, tuning
from weightdecay.records.interval_words import interval_line, interval_words
from weightdecay.records.later import Known
from weightdecay.records.trial import Trial

FULL = wd.Intervals(
    decay=0.1,
    loss=0.52,
    fold_wise=(0.45, 0.6),
    n_folds=10,
    nested_loss=0.53,
    nested=(0.41, 0.66),
    nested_decays=np.array([0.1, math.inf]),
    nested_folds="10 folds, 3 times",
)
BARE = wd.Intervals(0.1, 0.52, (0.45, 0.6), 10, note="no nested cross-validation: two folds are too few")


def with_intervals(intervals: wd.Intervals | None, scoring: str = "mean squared error", folds: int = 10) -> wd.Tuning:
    """A tuning that knows these."""
    made = tuning(decays=GRID[::8])
    losses = np.tile(made.mean, (folds, 1))
    later = Known({}, None, (), None, intervals)
    status = np.full(losses.shape, "exact")
    return replace(made, losses=losses, weight=np.ones(folds), status=status, later=later, scoring=scoring)


@pytest.mark.parametrize("found", [FULL, BARE, None])
def test_json_there_and_back_is_the_identity(found: wd.Intervals | None) -> None:
    record = with_intervals(found)
    again = wd.Tuning.from_json(record.to_json())
    assert again == record and again.intervals == found and record.settled().intervals == found
    told = json.loads(record.to_json())["intervals"]
    assert (told is None) == (found is None)
    if found is not None:
        assert told["nested"] == (["nan", "nan"] if found is BARE else [0.41, 0.66])
    assert with_intervals(FULL) != with_intervals(BARE)


def test_equality_frozenness_and_words() -> None:
    assert replace(FULL) == FULL and replace(FULL, loss=0.5) != FULL and FULL != 1
    with pytest.raises(ValueError, match="read-only"):
        FULL.nested_decays[0] = 1.0
    assert FULL.has_nested and FULL.has_fold_wise and not BARE.has_nested
    assert repr(FULL) == "Intervals(0.52; fold-wise 0.45 to 0.6; nested 0.41 to 0.66)"
    assert "two folds are too few" in repr(BARE)


def test_the_line() -> None:
    assert interval_line(with_intervals(FULL)) == (
        "Held-out mean squared error 0.52, 95 % interval 0.41 to 0.66 (nested cross-validation, 10 folds, 3 times); "
        "0.45 to 0.6 by the spread over folds alone."
    )
    assert interval_line(with_intervals(BARE)) == (
        "Held-out mean squared error 0.52, 95 % interval 0.45 to 0.6 by the spread over folds alone, which is "
        "optimistic (no nested cross-validation: two folds are too few)."
    )
    assert "over 10 rows alone" in interval_line(with_intervals(FULL, folds=1))
    assert interval_line(with_intervals(None)) == ""
    nothing = replace(BARE, fold_wise=(math.nan, math.nan))
    assert interval_line(with_intervals(nothing)) == ""
    unknown = replace(FULL, fold_wise=(math.nan, math.nan), loss=math.nan)
    assert interval_line(with_intervals(unknown)) == (
        "Held-out mean squared error, 95 % interval 0.41 to 0.66 (nested cross-validation, 10 folds, 3 times)."
    )


def test_scores_are_told_as_scores() -> None:
    scored = replace(FULL, loss=-0.52, fold_wise=(-0.6, -0.45), nested=(-0.66, -0.41))
    line = interval_line(with_intervals(scored, "−r2"))
    assert line.startswith("Held-out r2 0.52, 95 % interval 0.41 to 0.66 (") and "; 0.45 to 0.6 by" in line
    assert interval_words(with_intervals(FULL, "−neg_mean_absolute_error"), (0.1, 0.2)) == "0.1 to 0.2"


def test_what_is_not_chosen_anew_is_told() -> None:
    trials = (Trial({"fit_intercept": True}, 0.1, 0.52, 0.03),)
    line = interval_line(replace(with_intervals(FULL), trials=trials))
    assert line.endswith("alone. Nested folds choose the decay anew, but not the other settings.")
