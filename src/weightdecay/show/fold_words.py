"""Folds in words: which rows their models have learned from, and counts of anything."""

from __future__ import annotations

from collections.abc import Sequence

from weightdecay.records.column_plan import ColumnPlan

# What the words of folds say of their training rows.
BY_TIME = ("by time", "TimeSeriesSplit")
OF_YOUR_OWN = (" given ", " of ")


def counted(count: int, word: str) -> str:
    """A number of things: ``"1 row"``, ``"1,461 rows"``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def single(folds: str) -> bool:
    """Whether there is only one fold, whose model has no others to be compared with."""
    return folds.startswith("1 ")


def fold_models(folds: str) -> str:
    """The models of folds, after their words in the record: ``"models that each leave out one of 10 folds"``."""
    if single(folds):
        return f"the only model of {folds}"
    if any(word in folds for word in BY_TIME):
        return f"models that each learned from the rows before one of {folds}"
    if any(word in folds for word in OF_YOUR_OWN):
        return f"models that each learned from the training rows of one of {folds}"
    return f"models that each leave out one of {folds}"


def stability(folds: str, *, learned: bool) -> str:
    """What the coefficients of these models are good for, as sentences that follow their name.

    `learned` is whether columns are categories or words, which the rows of a fold may lack.
    """
    lacking = " A model whose rows lack a category or a word has 0 for it." if learned else ""
    if single(folds):
        return f"One model tells nothing of stability.{lacking}"
    return f"They show how stable a coefficient is and are no confidence interval.{lacking}"


def learned(plan: Sequence[ColumnPlan]) -> bool:
    """Whether columns of numbers were made of categories or words."""
    return any(one.kind in ("category", "text") for one in plan)
