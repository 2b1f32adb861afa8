"""The picture of confusion: which classes held-out rows of each class are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.canvas import axes, classes_of
from weightdecay.show.class_words import share
from weightdecay.show.labels import (
    BLUE,
    FAINT,
    GREY,
    INK,
    LINE,
    NAME_SIZE,
    VERMILLION,
    fitted,
    points,
    settle,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MOST_CELLS = 30  # classes up to which all pairs are drawn
PAIRS = 20  # pairs drawn where classes are more
MOST_NAME, NAME_SHARE = 24, 0.3  # letters of a class, and share of the width for the names
TALL = 0.36  # of the height, for names that stand upright below
PALEST, STRONGEST = 0.06, 0.9  # of a colour
LEAST_SIZE, LARGEST_SIZE = 4.0, 9.0  # points of a number in a cell


def confusion(record: Tuning | ClassDiagnostics, *, ax: Axes | None = None) -> Axes:
    """Draw how often held-out rows of each class are taken for each.

    Rows are true classes, columns those of the largest predicted probability. A cell holds the number of rows (with
    sample weights their sum) and, where there is room, its share of the true class, which its colour tells too: blue
    where the class is right, red where it is not. Empty cells have no rows. Beyond 30 classes the pairs that are most
    often confused are bars instead.

    Parameters
    ----------
    record : Tuning or ClassDiagnostics
        What `wd.tune` returned for a classifier, or its ``diagnostics``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is neither a `Tuning` nor diagnostics.
    ValueError
        The tuning has no diagnostics, or those of a regression.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((90, 3)); y = np.array(["no", "yes"])[(X[:, 0] + rng.standard_normal(90) > 0) * 1]
    >>> ax = wd.plot.confusion(wd.tune(wd.LogisticRegression(), X, y))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('predicted class', 'true class')
    """
    found = classes_of("confusion", record)
    ax = axes(ax)
    if len(found.classes) > MOST_CELLS:
        _pairs(ax, found)
    else:
        _cells(ax, found)
    return ax


def _cells(ax: Axes, found: ClassDiagnostics) -> None:
    """A cell for each pair of classes."""
    k = len(found.classes)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.set_xlim(-0.5, k - 0.5)
    ax.set_ylim(k - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    settle(ax)
    width, height = points(ax)
    names = [fitted(one, NAME_SHARE * width, MOST_NAME) for one in found.classes]
    width -= max(map(text_width, names)) + 4
    below = [fitted(one, 0.94 * width / k, MOST_NAME) for one in found.classes]
    upright = below != [fitted(one, 10 * width, MOST_NAME) for one in found.classes]
    if upright:
        below = [fitted(one, TALL * height, MOST_NAME) for one in found.classes]
    height -= max(map(text_width, below)) + 4 if upright else LINE
    size = min(NAME_SIZE, 0.9 * width / k) if upright else NAME_SIZE
    ax.set_xticks(range(k), below, fontsize=size, rotation=90 if upright else 0)
    ax.set_yticks(range(k), names, fontsize=min(NAME_SIZE, 0.9 * height / k))
    _fill(ax, found.held_out.confusion, width / k, height / k)


def _fill(ax: Axes, counts: Array, width: float, height: float) -> None:
    """Colours and numbers of cells of that size in points."""
    k = len(counts)
    shares = np.divide(counts, counts.sum(axis=1, keepdims=True), out=np.zeros((k, k)), where=counts > 0)
    texts = {(i, j): brief(float(counts[i, j])) for i, j in zip(*np.nonzero(counts), strict=True)}
    letters = max(map(len, texts.values()), default=1)
    size = min(LARGEST_SIZE, 0.5 * height, width / (0.68 * letters))
    both = height > 2.6 * LARGEST_SIZE and width > 7 * 0.6 * LARGEST_SIZE
    _rectangles(ax, shares)
    for at in range(k + 1):
        ax.axhline(at - 0.5, color=FAINT, linewidth=0.5, zorder=3)
        ax.axvline(at - 0.5, color=FAINT, linewidth=0.5, zorder=3)
    if size < LEAST_SIZE:
        return
    for (i, j), text in texts.items():
        told = f"{text}\n{share(float(shares[i, j]))}" if both else text
        colour = "white" if shares[i, j] > 0.55 else INK
        ax.text(j, i, told, ha="center", va="center", fontsize=size, color=colour, zorder=4, linespacing=1.15)


def _rectangles(ax: Axes, shares: Array) -> None:
    """Cells that hold rows, the stronger coloured the larger their share of the true class."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    i, j = np.nonzero(shares)
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    strength = PALEST + (STRONGEST - PALEST) * np.sqrt(shares[i, j])
    colours = np.array([to_rgba(BLUE if row == column else VERMILLION)[:3] for row, column in zip(i, j, strict=True)])
    mixed = 1 - strength[:, None] * (1 - colours.reshape(-1, 3))
    ax.add_collection(PolyCollection(np.column_stack([j, i])[:, None] + corners, facecolors=mixed, zorder=1))


def _pairs(ax: Axes, found: ClassDiagnostics) -> None:
    """The pairs of classes that are most often confused, as bars of their share of the true class."""
    counts = found.held_out.confusion
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0.0)
    order = np.argsort(-wrong, axis=None, kind="stable")
    ax.set_xlabel("share of the true class")
    ax.set_yticks([])
    settle(ax)
    width, height = points(ax)
    fit = min(PAIRS, max(1, int(height / LINE)))
    pairs = [divmod(int(at), len(counts)) for at in order[:fit] if wrong.flat[at] > 0]
    shares = [counts[i, j] / counts[i].sum() for i, j in pairs]
    room = 0.24 * width
    short = [fitted(one, room, MOST_NAME) for one in found.classes]
    names = [f"{short[i]} → {short[j]}" for i, j in pairs]
    at = np.arange(len(pairs))
    ax.barh(at, shares, color=VERMILLION, alpha=0.75, height=0.72)
    ax.set_yticks(at, names, fontsize=NAME_SIZE)
    ax.set_ylim(max(len(pairs), 1) - 0.4, -0.6)
    ax.set_xlim(0, 1.25 * max(shares, default=1.0))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    for place, (i, j), part in zip(at.tolist(), pairs, shares, strict=True):
        told = f" {brief(float(counts[i, j]))} of {brief(float(counts[i].sum()))}"
        ax.text(part, place, told, va="center", fontsize=NAME_SIZE - 0.5, color=GREY)
