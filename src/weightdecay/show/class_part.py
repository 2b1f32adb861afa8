"""The part of the report that only a classifier has: numbers at a glance, pictures of held-out rows, its classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.class_sheets import class_sheet, percent
from weightdecay.show.class_words import CLASS, areas, calibrated, most_confused, share
from weightdecay.show.confusion_picture import MOST_CELLS
from weightdecay.show.fold_words import counted
from weightdecay.show.page_pictures import Picture, Room, picture
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import Figure, Sheet, number

CELL = 0.21  # inches, of a row of the confusion
FEWEST_CELLS, BESIDE = 4, 1.15
CURVE = 0.08  # inches, of a ROC curve in the legend
LOG_LOSS = "log-loss"  # which is told at a glance anyway


@dataclass(frozen=True)
class ClassPart:
    """What the held-out rows say of a classifier."""

    confusion: Picture
    calibration: Picture
    roc: Picture | None
    classes: Sheet


def class_part(tuning: Tuning, room: Room) -> ClassPart | None:
    """The part, where there are diagnostics of a classifier."""
    found = tuning.diagnostics
    if not isinstance(found, ClassDiagnostics):
        return None
    pictures = _confusion(tuning, found, room), _calibration(found, room), _roc(found, room)
    return ClassPart(*pictures, class_sheet(found))


def class_glance(tuning: Tuning, found: ClassDiagnostics) -> Iterator[Figure]:
    """What it achieves beside what guesses that know no column achieve."""
    seen = found.held_out
    # Leave-one-out has models of other folds beside it.
    other = "" if found.folds == tuning.cv else f" ({for_html(found.folds, 40)})"
    common = for_html(found.classes[int(seen.shares.argmax())], CLASS)
    loss = f"log-loss{other}", number(seen.log_loss), f"class shares: {brief(seen.base_log_loss)}"
    told = (
        (f"held-out accuracy{other}", percent(seen.accuracy), f"always {common}: {share(seen.base_accuracy)}"),
        *((loss,) if tuning.metric != LOG_LOSS else ()),
        (f"ROC-AUC{other}", number(seen.roc_auc), ""),
        (f"Brier score{other}", number(seen.brier), ""),
        ("effective degrees of freedom", number(found.df), _most(found)),
    )
    yield from (Figure(name, value, words) for name, value, words in told if value is not None)


def _most(found: ClassDiagnostics) -> str:
    """How many degrees of freedom there can be: the score of one class is given by those of the others."""
    k, p = len(found.classes), found.coef.shape[-1]
    if k == 2:
        return f"of {counted(p, 'column')}"
    return f"of at most {(k - 1) * p:,} in {k:,} classes and {counted(p, 'column')}"


def _confusion(tuning: Tuning, found: ClassDiagnostics, room: Room) -> Picture:
    """Which classes are taken for which."""
    k, seen = len(found.classes), found.held_out
    rows = "rows" if tuning.weight_sum == tuning.n_rows else "sample weights"
    right = f"{share(seen.accuracy)} of the {rows} are classified rightly"
    words = f"Held-out {rows} by true and predicted class ({found.folds}). {right}. {most_confused(found)}"
    if k > MOST_CELLS:
        caption = f"{words} Bars are the pairs most often confused, true class → predicted class."
        return picture(room, lambda ax: plots.confusion(found, ax=ax), 3.9, words, caption)
    caption = (
        f"{words} Each cell holds the {'number' if rows == 'rows' else 'sum'} of {rows}; its colour tells the share "
        "of the true class, blue where the class is right and red where it is not."
    )
    height = BESIDE + CELL * max(k, FEWEST_CELLS) * (1.6 if k <= 6 else 1.0)
    return picture(room, lambda ax: plots.confusion(found, ax=ax), height, words, caption)


def _calibration(found: ClassDiagnostics, room: Room) -> Picture:
    """Whether probabilities can be taken at their word."""
    seen = found.held_out
    groups = counted(len(seen.calibration.weight), "group")
    if len(found.classes) == 2:
        name = for_html(found.classes[1], CLASS)
        words = f"Share of held-out rows that are {name!r}, against the probability that was predicted for it."
    else:
        words = "Share of held-out rows whose predicted class is right, against the probability that it was given."
    caption = (
        f"{words} Points are {groups} of rows by that probability, with 95 % intervals of the share; bars are all "
        f"predictions. {calibrated(seen)}"
    )
    return picture(room, lambda ax: plots.calibration(found, ax=ax), 3.6, words, caption.strip())


def _roc(found: ClassDiagnostics, room: Room) -> Picture | None:
    """How many rows of a class are found, and how many others are taken for it; None where there is one class alone."""
    k, curves = len(found.classes), found.held_out.curves
    if not curves:
        return None
    if k == 2:
        of, which = "ROC curve", f"held-out rows of {for_html(found.classes[1], CLASS)!r}"
    else:
        each = "each class" if len(curves) == k else f"{len(curves)} of {k:,} classes"
        of, which = f"ROC curves of {each} against the rest", "held-out rows of a class"
    words = (
        f"{of}: share of the {which} that are found against the share of the others that are taken for them, as the "
        f"threshold on the probability falls. {areas(found)}"
    )
    mark = " The mark is where the class of the larger probability is predicted." if k == 2 else ""
    height = 3.6 + (CURVE * len(curves) if k > 2 else 0.0)
    return picture(room, lambda ax: plots.roc(found, ax=ax), height, words, words + mark)
