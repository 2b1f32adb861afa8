"""What a classifier achieves, in words: against guessing, and whether its probabilities can be taken at their word."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.class_summary import ClassSummary
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.sanitize import shortened

CLASS = 32  # letters of a class within a sentence
CLEAR = 2.0  # standard errors from which on a slope is told to be off


def share(value: float) -> str:
    """A share in percent: ``"62.7 %"``, and never 0 or 100 % of what is not."""
    percent = 100 * value
    text = f"{percent:.1f}"
    if text == "100.0" and value < 1:
        return "> 99.9 %"
    if text == "0.0" and value > 0:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{text} %"


def against_guessing(tuning: Tuning) -> Iterator[str]:
    """Accuracy and log-loss beside those of guesses that know no column, a sentence each; none without diagnostics."""
    found = tuning.diagnostics if tuning.classes else None
    if not isinstance(found, ClassDiagnostics):
        return
    seen = found.held_out
    rows = "rows" if tuning.weight_sum == tuning.n_rows else "weight"
    folds = "" if found.folds == tuning.cv else f" ({found.folds})"
    common = shortened(found.classes[int(seen.shares.argmax())], CLASS)
    area = f" ROC-AUC {brief(seen.roc_auc)}; chance gives 0.5." if math.isfinite(seen.roc_auc) else ""
    yield (
        f"Held out{folds}, it is right for {share(seen.accuracy)} of the {rows}; always guessing {common!r} is right "
        f"for {share(seen.base_accuracy)}. Log-loss {brief(seen.log_loss)}; always predicting the class shares gives "
        f"{brief(seen.base_log_loss)}.{area}"
    )


def most_confused(found: ClassDiagnostics) -> str:
    """The two classes most often confused, as a sentence; empty where none are."""
    wrong = found.held_out.confusion.copy()
    np.fill_diagonal(wrong, 0.0)
    if not wrong.any():
        return "No row is in a wrong class."
    true, said = (int(one) for one in np.unravel_index(int(wrong.argmax()), wrong.shape))
    times = wrong[true, said] / found.held_out.confusion[true].sum()
    names = (shortened(found.classes[at], CLASS) for at in (true, said))
    first, second = names
    return f"Most often {first!r} is taken for {second!r}: {share(float(times))} of its rows."


def areas(found: ClassDiagnostics) -> str:
    """What the areas under ROC curves say, as a sentence; empty where there are none."""
    seen = found.held_out
    if not math.isfinite(seen.roc_auc):
        return ""
    two = len(found.classes) == 2
    name = repr(shortened(found.classes[1], CLASS)) if two else "the class"
    pairs = (
        f"The area under {'it' if two else 'a curve'} is the share of all pairs in which a row of {name} is given more "
        f"of it than another row, ties counting half: {share(seen.roc_auc)}"
    )
    if not two:
        ends = int(np.nanargmin(seen.class_auc)), int(np.nanargmax(seen.class_auc))
        least, most = (f"{share(float(seen.class_auc[at]))} ({shortened(found.classes[at], CLASS)!r})" for at in ends)
        pairs += f" on average over the classes, from {least} to {most}"
    return f"{pairs}; chance gives 50 %."


def calibrated(seen: ClassSummary) -> str:
    """Whether probabilities can be taken at their word, as sentences."""
    bins = seen.calibration
    error, chance = (brief(float(f"{100 * one:.2g}")) for one in (bins.error, bins.error_by_chance))
    words = f"On average over the groups the two differ by {error} percentage points ({chance} would be chance)."
    return f"{words} {slope_words(seen)}"


def slope_words(seen: ClassSummary) -> str:
    """What the slope of the recalibration says, as a sentence; empty where it is not known."""
    slope, spread = seen.slope, seen.slope_error
    if math.isnan(slope):
        return ""
    if math.isinf(slope):
        return "The held-out rows are separated without error, so that surer probabilities would fit them still better."
    known = f" ± {brief(float(f'{spread:.2g}'))}" if math.isfinite(spread) else ""
    told = f"The slope of a logistic recalibration is {brief(float(f'{slope:.3g}'))}{known}"
    if not abs(slope - 1) > CLEAR * spread:
        return f"{told}: neither too sure nor too unsure, as far as these rows can tell."
    if slope > 1:
        return f"{told}: the probabilities are less sure than they could be, as too strong a decay makes them."
    return f"{told}: the probabilities are surer than they should be, as too weak a decay makes them."
