"""Labels of classes: which numbers may be such, what they are in words, and which of them are likely the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 10  # numbers, all whole, that may be classes
ROWS = 5  # that hold each of them on average
MANY = 100  # classes, beyond which numbers are taken for amounts
# Up to here every whole number is a float64.
WHOLE = 2.0**53


def like_classes(y: NDArray[np.float64]) -> tuple[float, ...]:
    """The values of a target of numbers, ascending, where they are two or a few whole ones that recur; else none."""
    # Most targets show within their first rows that they have many values.
    if not len(y) or len(np.unique(y[: FEW**2])) > FEW:
        return ()
    values = np.unique(y)
    whole = bool((values == np.floor(values)).all())
    if len(values) == 2 and len(y) >= 2 * (2 if whole else ROWS):
        return tuple(values.tolist())
    few = whole and 2 <= len(values) <= FEW and len(y) >= ROWS * len(values)
    return tuple(values.tolist()) if few else ()


def own_classes(values: int, rows: int) -> bool:
    """Whether so many different values in so many rows are identifiers, or amounts, rather than classes."""
    return values == rows or (values > FEW and 2 * values > rows)


def labels_of_numbers(y: NDArray[np.float64]) -> NDArray[Any]:
    """Numbers (n,) as labels of classes: whole ones as int64, others as texts, since fractions are no classes to most.

    Raises
    ------
    ValueError
        They are amounts rather than classes: the reason, in words that follow the target's name.
    """
    values = np.unique(y)
    if own_classes(len(values), len(y)):
        raise ValueError(
            f"has {len(values):,} different numbers in {len(y):,} rows, so that {'nearly ' * (len(values) < len(y))}"
            "every row would be a class of its own"
        )
    if len(values) > MANY:
        raise ValueError(f"has {len(values):,} different numbers, and more than {MANY} are taken for amounts")
    between = values[values != np.floor(values)]
    if len(between) and len(values) > FEW:
        raise ValueError(f"is continuous ({len(values):,} different numbers, {between[0]:g} among them)")
    if not len(between) and (np.abs(values) <= WHOLE).all():
        return y.astype(np.int64)
    return np.array(class_names(y), dtype=object)


def class_names(labels: Iterable[Any]) -> tuple[str, ...]:
    """Labels in words: texts as they are, a whole number without a point."""
    return tuple(_name(one.item() if isinstance(one, np.generic) else one) for one in labels)


def _name(label: Any) -> str:
    """A label in words."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() and abs(label) <= WHOLE else str(label)


def alike(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Sets of names that differ by nothing but capitals, white space or the way in which letters are coded."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    return tuple(tuple(group) for group in found.values() if len(group) > 1)
