"""The picture of ROC curves: how many rows of a class are found, and how many others taken for it, at any threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.canvas import BESIDE, axes, classes_of, fitting, legend_above
from weightdecay.show.labels import BLUE, CYCLE, GREY, fitted, letters_beside, points, settle, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = 24  # letters of a class
MARGIN = 0.03


def roc(record: Tuning | ClassDiagnostics, *, ax: Axes | None = None) -> Axes:
    """Draw the share of a class that is found against the share of other rows that are taken for it.

    Held-out rows are called of the class where its predicted probability is above a threshold, which falls from the
    lower left, where no row is, to the upper right, where all are. Of two classes it is the second, and a mark is
    where the predicted class is that of the larger probability, as in the confusion matrix; of more it is each
    against the rest, at most the 10 most frequent. The area under a curve is the probability that a row of the class
    is given more of it than another row; on the diagonal it is 0.5, and the columns tell nothing. Sample weights count.

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
        The tuning has no diagnostics, or those of a regression, or all its held-out rows are of one class.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((90, 3)); y = np.array(["no", "yes"])[(X[:, 0] + rng.standard_normal(90) > 0) * 1]
    >>> ax = wd.plot.roc(wd.tune(wd.LogisticRegression(), X, y))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('false positive rate', 'true positive rate')
    """
    found = classes_of("roc", record)
    curves = found.held_out.curves
    if not curves:
        raise ValueError(
            "wd.plot.roc has nothing to draw: all held-out rows are of one class, so that there is no other to tell it "
            "from; wd.plot.calibration draws their probabilities"
        )
    ax = axes(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlim(-MARGIN, 1 + MARGIN)
    ax.set_ylim(-MARGIN, 1 + MARGIN)
    settle(ax)
    width = points(ax)[0]
    ax.set_xlabel(fitting(width, ["false positive rate", "1 − specificity"]))
    words = ("true positive rate", "sensitivity")
    ax.set_ylabel(next((one for one in words if len(one) <= letters_beside(ax) + 4), words[-1]))
    chance = ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=1)[0]
    entries = _one(ax, found) if len(found.classes) == 2 else _each(ax, found, width)
    legend_above(ax, entries | {"chance": chance}, width)
    return ax


def _one(ax: Axes, found: ClassDiagnostics) -> dict[str, Any]:
    """The curve of the second of two classes, and where the predicted class stands on it."""
    (curve,) = found.held_out.curves.values()
    line = ax.plot(*curve.T, color=BLUE, linewidth=1.6, zorder=3)[0]
    false, true = (row[1] / row.sum() for row in found.held_out.confusion)
    dot = ax.plot([false], [true], "o", color=BLUE, markersize=5.5, zorder=4)[0]
    return {"held out": line, "predicted class": dot}


def _each(ax: Axes, found: ClassDiagnostics, width: float) -> dict[str, Any]:
    """A curve for each class, named with the area under it."""
    entries: dict[str, Any] = {}
    for index, (at, curve) in enumerate(found.held_out.curves.items()):
        area = brief(float(f"{found.held_out.class_auc[at]:.3g}"))
        name = fitted(found.classes[at], width - BESIDE - text_width(f" {area}"), NAME)
        dashes = ("-", "--")[index // len(CYCLE) % 2]
        line = ax.plot(*curve.T, color=CYCLE[index % len(CYCLE)], linewidth=1.3, linestyle=dashes, zorder=3)[0]
        # Names cut short may be alike.
        entries[_unlike(f"{name} {area}", entries)] = line
    return entries


def _unlike(name: str, others: dict[str, Any]) -> str:
    """A name that no other has: with spaces that are not seen."""
    return name if name not in others else _unlike(f"{name} ", others)
