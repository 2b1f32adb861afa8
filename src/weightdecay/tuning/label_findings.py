"""Findings that the labels of a target of classes give, whatever the columns and the decay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.finding import Finding
from weightdecay.records.labels import alike, class_names

FEW_ROWS = 10  # of a class
RARE = 0.01  # share of the rows that a class has
SHOWN = 5  # classes that are named
LETTERS = 40  # of a class


def label_findings(names: Sequence[str], counts: NDArray[np.intp]) -> tuple[Finding, ...]:
    """Classes of few rows, and labels that are likely the same.

    Parameters
    ----------
    names : sequence of str
        The classes in words.
    counts : ndarray of shape (k,)
        Rows of positive weight that each has.
    """
    return (*_rare(names, counts), *_alike(names))


def findings_of_labels(y: NDArray[Any]) -> tuple[Finding, ...]:
    """The same of the labels (n,) of rows that count."""
    classes, counts = np.unique(y, return_counts=True)
    return label_findings(class_names(classes), counts)


def _rare(names: Sequence[str], counts: NDArray[np.intp]) -> Iterator[Finding]:
    """WD025: a class of few rows."""
    total = int(counts.sum())
    rare = [int(one) for one in np.argsort(counts, kind="stable") if counts[one] < max(FEW_ROWS, RARE * total)]
    if not rare:
        return
    shown = ", ".join(f"{_shown(names[one])} {counts[one]:,} of {total:,}" for one in rare[:SHOWN])
    more = f" and {len(rare) - SHOWN:,} more" if len(rare) > SHOWN else ""
    least = int(counts[rare[0]])
    single = "; a class of a single row is never held out" if least == 1 else ""
    which = "one class has" if len(rare) == 1 else f"{len(rare):,} classes have"
    yield Finding(
        "WD025",
        "warning" if least < FEW_ROWS else "info",
        f"{which} few rows: {shown}{more}{single}",
        "read the held-out loss as that of the frequent classes, and look at the rare ones in the confusion table; get "
        "more rows of them, merge classes, or weigh them by class_weight='balanced'",
    )


def _alike(names: Sequence[str]) -> Iterator[Finding]:
    """WD026: labels that differ by nothing that can be heard."""
    groups = alike(names)
    if not groups:
        return
    shown = "; ".join(" and ".join(map(_shown, one)) for one in groups[:SHOWN])
    more = f"; and {len(groups) - SHOWN:,} more" if len(groups) > SHOWN else ""
    yield Finding(
        "WD026",
        "warning",
        f"classes differ only by capitals or white space: {shown}{more}",
        "write them alike if they are the same: as classes of their own they are told apart by chance alone",
    )


def _shown(name: str) -> str:
    """A class in a sentence."""
    return repr(name if len(name) <= LETTERS else name[: LETTERS - 1] + "…")
