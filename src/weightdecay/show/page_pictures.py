"""The pictures of the report, each with the words that stand below it and in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.coefficient_picture import TOP, per_deviation
from weightdecay.show.flat_coefficients import FlatCoefficients, in_one_row
from weightdecay.show.fold_words import counted, fold_models, single, stability
from weightdecay.show.heatmap_picture import RATE, draw_page, of_page
from weightdecay.show.path_words import path_words
from weightdecay.show.pictures import svg_address
from weightdecay.show.residual_picture import drawn
from weightdecay.show.sanitize import for_html
from weightdecay.show.spreads import POSTERIOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STANDARDISED = "per standard deviation of the column"
WIDE, NARROW = 6.4, 3.9  # inches, of a picture
TEXT_LIMIT = 1000
ROW = 0.2  # inches, of a coefficient
GROWN = 5.0  # times the size in use, beyond which coefficients that grow without bound leave the picture


@dataclass(frozen=True)
class Room:
    """What a page can carry of one target: residuals, coefficients in the picture and in the table, wide pictures.

    Whether columns were made of categories or words goes with it.
    """

    points: int = 300
    top: int = TOP
    rows: int = 200
    wide: bool = True
    learned: bool = False


@dataclass(frozen=True)
class Picture:
    """An image, the same for narrow screens if it differs, the sentence that stands for both and the one below."""

    address: str
    narrow: str
    words: str
    caption: str = ""


def picture(room: Room, draw: Callable[[Axes], object], height: float, words: str, caption: str = "") -> Picture:
    """A drawing of that height in inches, laid out for wide and for narrow screens or, to save room, for both alike."""
    narrow = svg_address(draw, NARROW, height)
    wide, other = (svg_address(draw, WIDE, height), narrow) if room.wide else (narrow, "")
    return Picture(wide, other, for_html(words, TEXT_LIMIT), for_html(caption, TEXT_LIMIT))


def path_picture(tuning: Tuning, path: DecayPath | None, room: Room) -> Picture | None:
    """Every coefficient against the decay, or of a network the norms of its layers."""
    if path is None or not room.wide or len(path.decays) < 2 or not path.coef.size:
        return None
    if path_words(path).norms:
        words = "The norm of every layer's weights against the decay; the dashed line marks the decay in use."
        return picture(room, lambda ax: plots.path(path, ax=ax, decay=tuning.decay), 3.8, words, words)
    words = "Coefficients against the decay; the dashed line marks the decay in use."
    drawn_all = path.coef[0].size <= plots.MOST_LINES
    which = "Every coefficient" if drawn_all else "The largest coefficients at the decay in use"
    per, scale = f"in {path.units}", None
    found = tuning.diagnostics
    if found is not None and found.scale.shape == path.coef.shape[-1:]:
        standardised = per_deviation(in_one_row(found))[1]
        scale, per = (found.scale, STANDARDISED) if standardised else (None, per)
    caption = f"{which}, {per}, against the decay; the dashed line marks the decay in use."
    shown = _calm(path, tuning.decay, scale) if tuning.classes else path
    if len(shown.decays) < len(path.decays):
        caption += f" Below decay {brief(float(shown.decays.min()))} they grow without bound, as they do where classes "
        caption += "can be separated; that part is left out."
    return picture(room, lambda ax: plots.path(shown, ax=ax, decay=tuning.decay, scale=scale), 3.8, words, caption)


def _calm(path: DecayPath, decay: float, scale: NDArray[np.float64] | None) -> DecayPath:
    """The path without the small decays at which coefficients would flatten those in use."""
    size = np.abs(path.coef if scale is None else path.coef * scale).max(axis=tuple(range(1, path.coef.ndim)))
    at = min(int(np.searchsorted(path.decays, decay)), len(path.decays) - 1)  # the decay in use, or the next above
    wild = path.decays[(path.decays < path.decays[at]) & ~(size <= GROWN * size[at])]
    kept = path.decays > wild.max(initial=-1.0)
    if not size[at] > 0 or kept.all():
        return path
    fields = {name: getattr(path, name)[kept] for name in ("decays", "coef", "intercept", "df", "train_loss")}
    return replace(path, status=tuple(np.asarray(path.status)[kept].tolist()), **fields)


def coefficient_picture(given: AnyDiagnostics | None, target: str | None, room: Room) -> Picture | None:
    """The largest coefficients with their range over the folds."""
    if given is None or not given.coef.size:
        return None
    found = in_one_row(given)
    every, top = len(found.coef), room.top
    which = f"the {top} largest of {every} coefficients" if every > top else "the coefficients"
    unit = STANDARDISED if per_deviation(found)[1] else "in the units of the columns"
    rival = f" and {found.rival}" if found.rivalled else ""
    words = f"At decay {brief(found.decay)}: {which} {unit}, with their range over {found.folds}{rival}."
    bars = "Crosses are" if single(found.folds) else "Bars are the range over"
    caption = (
        f"{which[0].upper()}{which[1:]}, {unit}. {bars} {fold_models(found.folds)}. "
        f"{stability(found.folds, learned=room.learned)}{_thin(found)}{_hollow(found)}"
    )
    height = 1.1 + ROW * max(min(top, every), 3)
    return picture(room, lambda ax: plots.coefficients(given, ax=ax, top=top, target=target), height, words, caption)


def _thin(found: FlatCoefficients) -> str:
    """What the thin lines are, as a sentence."""
    return f" Thin lines are the {POSTERIOR}." if np.isfinite(found.posterior).any() else ""


def _hollow(found: FlatCoefficients) -> str:
    """What the hollow marks are, and what the coefficients of a classifier add up to, as sentences."""
    fit = "the fit without decay" if found.classifies else "least squares, the fit without decay"
    hollow = f" Hollow marks are {fit}." if found.rivalled else ""
    several = len(found.intercept) > 1
    return hollow + (
        " A class's score is what its coefficients add up to; the softmax of the scores are the probabilities."
        if several
        else ""
    )


def residual_picture(tuning: Tuning, target: str | None, room: Room) -> Picture | None:
    """Held-out residuals against held-out predictions."""
    found, rows = tuning.diagnostics, tuning.n_rows
    if not isinstance(found, Diagnostics) or not len(found.residual):
        return None
    r2 = f" Held-out R² {brief(found.r2)} ({found.folds})." if np.isfinite(found.r2) else ""
    words = f"Held-out residuals (target minus prediction) against held-out predictions.{r2}"
    count = len(drawn(found, room.points))
    points = "Every row is a point" if count == rows else f"{count:,} of {rows:,} rows are points"
    if count < len(found.residual) == rows:
        points += ", the largest residuals among them"
    caption = (
        f"{words} {points}; the line and the bands are the median and the middle 50 and 90 % of the rows in "
        f"{counted(len(found.quantiles), 'group')} by prediction. Medians off 0 tell of a bias, bands that widen of "
        "errors that grow."
    )
    return picture(room, lambda ax: plots.residuals(found, ax=ax, most=room.points, target=target), 3.6, words, caption)


def map_picture(tuning: Tuning, room: Room) -> Picture | None:
    """Held-out loss over the decay and another parameter of a search, such as the learning rate."""
    shown = of_page(tuning) if room.wide and not tuning.targets else None
    if shown is None:
        return None
    name, rows = shown
    words = f"Held-out {tuning.metric} over the decay and {name}, the lighter the better; white was not tried."
    if name.rpartition("__")[2] == RATE:
        words += (
            " Along a diagonal the product ηλ is the same, the share of a weight that a step of decoupled decay takes."
        )
    height = 2.4 + 0.16 * min(max(len(rows), 4), 12)
    return picture(room, lambda ax: draw_page(ax, tuning, shown), height, words, words)


def opinion_picture(tuning: Tuning, room: Room) -> Picture | None:
    """What each decay costs, and what each criterion would choose."""
    if tuning.targets or not room.wide or len(tuning.decays) < 2:
        return None
    way = "below" if tuning.larger_is_better else "above"
    words = f"Held-out {tuning.metric} {way} the best, against the decay, with the choices of criteria and habits."
    caption = (
        "How much worse than the best every decay is on the same held-out rows, with a band of one paired standard "
        "error: where it reaches 0 the data cannot tell a decay from the best. Marks are what criteria and habits "
        "would choose."
    )
    return picture(room, lambda ax: plots.opinions(tuning, ax=ax), 3.5, words, caption)
