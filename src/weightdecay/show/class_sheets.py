"""Tables of a classifier: how well each class is told from the others, and the coefficients of many classes."""

from __future__ import annotations

import math

import numpy as np

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.class_summary import ClassSummary
from weightdecay.records.verdict import brief
from weightdecay.show.class_words import share
from weightdecay.show.coefficient_picture import per_deviation
from weightdecay.show.flat_coefficients import in_one_row
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import Number, Row, Sheet, label, number

MOST_CLASSES = 100  # rows of the table of classes
MOST_COLUMNS = 12  # classes that have a column of coefficients
CELLS = 1500  # of coefficients in all
HEAD = 24  # letters of a class above a column


def class_sheet(found: ClassDiagnostics) -> Sheet:
    """Every class: how frequent it is, how frequent it is taken to be, and how well it is found."""
    seen = found.held_out
    order = np.arange(len(found.classes))
    if len(order) > MOST_CLASSES:
        order = np.sort(np.argsort(-seen.shares, kind="stable")[:MOST_CLASSES])
    recall, precision = seen.recall, seen.precision
    rows = tuple(
        Row(
            label(found.classes[at]),
            (
                percent(seen.shares[at]),
                percent(seen.mean_probability[at]),
                percent(recall[at]),
                percent(precision[at]),
                number(seen.class_auc[at]),
                _taken_for(found, seen, int(at)),
            ),
        )
        for at in order
    )
    header = (
        *("class", "share of rows", "mean probability", "found (recall)", "right where told (precision)"),
        *("ROC-AUC against the rest", "most often taken for"),
    )
    left = len(found.classes) - len(order)
    cut = f"The {len(order)} most frequent of {len(found.classes):,} classes; the JSON has them all. " if left else ""
    note = (
        f"{cut}Where the mean probability of a class is not near its share, it is predicted too often or too seldom. "
        "ROC-AUC is the probability that a row of the class is given more of it than a row of another; 0.5 is chance."
    )
    return Sheet(f"How well each class is told ({for_html(found.folds)})", header, rows, note)


def percent(value: float) -> Number | None:
    """A share in percent; None where it is undefined."""
    return None if math.isnan(value) else Number(repr(float(value)), share(float(value)))


def _taken_for(found: ClassDiagnostics, seen: ClassSummary, at: int) -> str | None:
    """The class that one is most often taken for, and how often."""
    row = np.delete(seen.confusion[at], at)
    if not row.sum() > 0:
        return None
    other = int(np.delete(np.arange(len(found.classes)), at)[row.argmax()])
    return f"{for_html(found.classes[other], HEAD)} ({share(float(row.max() / seen.confusion[at].sum()))})"


def class_columns(found: ClassDiagnostics, most: int) -> Sheet:
    """Coefficients with a row for each column and a column for each class: the most frequent, if they are many."""
    flat = in_one_row(found)
    per, standardised = per_deviation(flat)
    classes = np.arange(len(found.classes))
    if len(classes) > MOST_COLUMNS:
        classes = np.sort(np.argsort(-found.held_out.shares, kind="stable")[:MOST_COLUMNS])
    size = np.abs((per * flat.coef).reshape(found.coef.shape)[classes]).max(axis=0)
    order = np.arange(len(size))
    most = min(most, CELLS // (len(classes) + 1))
    if len(order) > most:
        order = np.sort(np.argsort(-size, kind="stable")[:most])
    names = found.columns or tuple(f"x{j}" for j in range(len(size)))
    intercepts = Row("intercept", (*(number(found.intercept[at]) for at in classes), None))
    last = size if standardised else np.full(len(size), math.nan)
    rows = [Row(label(names[j]), (*(number(found.coef[at, j]) for at in classes), number(last[j]))) for j in order]
    header = ("column", *(for_html(found.classes[at], HEAD) for at in classes), "largest per standard deviation")
    cut = []
    if len(order) < len(size):
        cut.append(f"The {most} columns of {len(size):,} with the largest coefficients; the JSON has more.")
    if len(classes) < len(found.classes):
        cut.append(f"The {len(classes)} most frequent of {len(found.classes):,} classes.")
    note = (
        f"{' '.join(cut)} Each class has a score, to which its coefficients add up and whose softmax the probabilities "
        "are: only differences between classes count. The last column is the largest in size among these classes, "
        "times the standard deviation of the column, which can be compared between columns."
    )
    caption = f"Coefficients of each class in the units of the columns, at decay {brief(found.decay)}"
    return Sheet(caption, header, (intercepts, *rows), note.strip())
