"""Folds in words: what their models have learned from, as far as their names say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit, TimeSeriesSplit

from show.records import PLAN
from weightdecay.show.canvas import columns_that_fit
from weightdecay.show.fold_words import counted, fold_models, learned, single, stability
from weightdecay.show.sanitize import shortened
from weightdecay.tuning.folds import leave_one_out, plan
from weightdecay.tuning.time_folds import folds_by_time

N = 30


def test_the_words_follow_what_the_folds_are():
    groups = np.arange(N) % 6
    halves = [(np.arange(15), np.arange(15, N))]
    for folds, words in (
        (plan(5, N), "models that each leave out one of 5 folds"),
        (plan(3, N, strata=groups > 2), "models that each leave out one of 3 stratified folds"),
        (plan(3, N, groups=groups), "models that each leave out one of 3 folds by group"),
        (folds_by_time(np.arange(N), 4), "models that each learned from the rows before one of 4 folds by time"),
        (
            plan(TimeSeriesSplit(3), N),
            "models that each learned from the rows before one of 3 folds of TimeSeriesSplit",
        ),
        (
            plan(ShuffleSplit(4, random_state=0), N),
            "models that each learned from the training rows of one of 4 folds of ShuffleSplit",
        ),
        (plan(halves * 2, N), "models that each learned from the training rows of one of 2 given folds"),
        (plan(halves, N), "the only model of 1 given fold"),
        (plan(ShuffleSplit(1, random_state=0), N), "the only model of 1 fold of ShuffleSplit"),
    ):
        assert fold_models(folds.text) == words
        assert single(folds.text) == (len(folds.repeat) == 1)
        assert ("how stable" in stability(folds.text, learned=False)) == (len(folds.repeat) > 1)


def test_large_counts_have_separators_and_one_is_singular():
    assert [counted(count, "row") for count in (0, 1, 2, 327_346)] == ["0 rows", "1 row", "2 rows", "327,346 rows"]
    assert leave_one_out(327_346).text == "leave-one-out over 327,346 rows"


def test_columns_that_were_made_of_categories_are_said_to_be_so():
    assert learned(PLAN) and not learned(PLAN[:2]) and not learned(())
    assert "lack a category or a word" in stability("5 folds", learned=True)


@pytest.mark.parametrize(
    ("name", "limit", "short"),
    [
        ("Beschreibung: moderne", 16, "Beschr…: moderne"),
        ("date weekday = Wednesday", 16, "dat… = Wednesday"),
        ("age of the person is missing", 16, "age … is missing"),
        ("weight of the seed · yield", 14, "weigh… · yield"),
        ("a: very long word that does not fit", 12, "a: very… fit"),
        ("the value is missing here", 12, "the val…here"),
        ("short = b", 9, "short = b"),
    ],
)
def test_a_short_name_keeps_what_tells_it_from_its_like(name: str, limit: int, short: str):
    assert shortened(name, limit) == short
    assert len(shortened(name, limit)) <= limit


def test_a_legend_has_as_many_columns_as_fit():
    # Filled column by column, the first ones with one more: 60 + 20, or 60 + 30 + 20, or all.
    widths = [60.0, 10.0, 30.0, 20.0]
    assert [columns_that_fit(widths, room) for room in (50, 89, 90, 109, 110, 119, 120)] == [1, 1, 2, 2, 3, 3, 4]
    assert columns_that_fit([500.0], 10) == 1
