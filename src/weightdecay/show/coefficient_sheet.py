"""The table of coefficients: in the units of the columns, beside least squares and the models of the folds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.class_sheets import class_columns
from weightdecay.show.coefficient_picture import per_deviation, sign_changes
from weightdecay.show.flat_coefficients import FlatCoefficients, in_one_row
from weightdecay.show.fold_words import fold_models, stability
from weightdecay.show.names import NAME
from weightdecay.show.path_words import path_words
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import Number, Row, Sheet, label, number
from weightdecay.show.spreads import intercept_spreads, spread_header, spread_note, spreads

FOLDS = 40  # letters of the folds in words


def coefficient_sheet(tuning: Tuning, path: DecayPath | None, most: int, *, learned: bool) -> Sheet | None:
    """At most so many coefficients of the model in use, from its diagnostics or, without any, from the path."""
    found = tuning.diagnostics
    if isinstance(found, ClassDiagnostics) and len(found.coef) > 1 and found.coef.size > most:
        return class_columns(found, most)
    if found is not None and found.coef.size:
        return _of_diagnostics(in_one_row(found), most, learned)
    return None if path is None or not path.coef.size else _of_path(path, tuning.decay, most)


def _of_diagnostics(found: FlatCoefficients, most: int, learned: bool) -> Sheet:
    """Beside the fit without decay and beside the least and the greatest among the models of the folds."""
    per, standardised = per_deviation(found)
    effect = per * found.coef
    changes = sign_changes(found)
    order, cut = _largest(effect, most)
    # A column of its own only where there is something to mark.
    marked = bool(changes.any())
    rivalled = found.rivalled
    gap, rest = [None] * (2 + rivalled), [None] * (1 + marked)
    kinds: list[tuple[str, ...]] = [(label(one),) for one in found.of]
    kinds = kinds or [()] * len(found.coef)
    first = len(found.coef) // len(found.intercept)
    intercepts = [
        Row(
            "intercept",
            (*kinds[at * first], number(value), *((number(other),) if rivalled else ()), *gap, *spread, *rest),
        )
        for at, (value, other, spread) in enumerate(
            zip(found.intercept, found.without_intercept, intercept_spreads(found), strict=True)
        )
    ]
    rows = [
        Row(
            label(found.columns[j]),
            (
                *kinds[j],
                number(found.coef[j]),
                *((number(found.without[j]), kept(found.coef[j], found.without[j])) if rivalled else ()),
                number(found.low[j]),
                number(found.high[j]),
                *spreads(found, j),
                number(effect[j] if standardised else math.nan),
                *(("differs" if changes[j] else None,) if marked else ()),
            ),
        )
        for j in order
    ]
    folds = for_html(found.folds, FOLDS)
    header = _header(found, folds, marked=marked)
    note = (
        f"{cut}{_said(found)}Lowest and highest are of {fold_models(folds)}. "
        f"{stability(folds, learned=learned)} {spread_note(found)}Per standard deviation is the "
        "coefficient times the standard deviation of its column, which can be compared between columns."
    )
    caption = f"Coefficients in the units of the columns, at decay {brief(found.decay)}"
    return Sheet(caption, header, (*intercepts, *rows), note)


def _header(found: FlatCoefficients, folds: str, *, marked: bool) -> tuple[str, ...]:
    """Names of the columns, of what there is to show."""
    return (
        *("column", *(("class",) if found.of else ()), "coefficient"),
        *((found.rival, "decay leaves") if found.rivalled else ()),
        *(f"lowest of {folds}", f"highest of {folds}", *spread_header(found), "per standard deviation"),
        *(("sign between folds",) if marked else ()),
    )


def _said(found: FlatCoefficients) -> str:
    """What the coefficients are of, and what the fit without decay is, as sentences."""
    if not found.classifies:
        return "Least squares is the fit without decay; where several fit equally well, the smallest of them. "
    several = len(found.intercept) > 1
    what = "each class's score, whose softmax the probabilities are" if several else for_html(found.effect, NAME)
    return f"Coefficients add up to {what}. "


def _of_path(path: DecayPath, decay: float, most: int) -> Sheet:
    """Coefficients at the decay in use, beside those at the least decay of the path."""
    chosen, least = nearest(path.decays, decay), int(np.argmin(path.decays))
    coef, names = plots.flat_coefficients(path)
    words = path_words(path)
    order, note = _largest(coef[chosen], most)
    rows = tuple(
        Row(
            label(names[j]),
            (number(coef[chosen, j]), number(coef[least, j]), kept(coef[chosen, j], coef[least, j])),
        )
        for j in order
    )
    intercepts = np.atleast_1d(path.intercept[chosen]), np.atleast_1d(path.intercept[least])
    if len(intercepts[0]) == 1 and not words.norms:
        rows = (Row("intercept", (number(intercepts[0][0]), number(intercepts[1][0]), None)), *rows)
    what = words.heading if words.norms else f"Coefficients in {for_html(path.units)}"
    caption = f"{what}, at decay {brief(float(path.decays[chosen]))}"
    header = (words.of, words.one, f"at decay {brief(float(path.decays[least]))}", "what decay leaves")
    return Sheet(caption, header, rows, note.strip())


def _largest(sizes: NDArray[np.float64], most: int) -> tuple[NDArray[np.intp], str]:
    """The columns in their order or, of very many, the largest, and a sentence on what is left out."""
    if len(sizes) <= most:
        return np.arange(len(sizes)), ""
    order = np.sort(np.argsort(-np.abs(sizes), kind="stable")[:most])
    return order, f"The {most} largest of {len(sizes):,}; the JSON has them all. "


def nearest(decays: NDArray[np.float64], decay: float) -> int:
    """Index of a decay among others, or of the nearest to it."""
    same = np.flatnonzero(decays == decay)
    return int(same[0] if len(same) else np.argmin(np.abs(decays - decay)))


def kept(coefficient: float, least: float) -> Number | str | None:
    """What decay leaves of a coefficient, in percent; a share below 0 would mean nothing."""
    share = float(coefficient / least) if least else math.nan
    if not math.isfinite(share):
        return None
    # A coefficient of 0 may have either sign.
    return Number(repr(abs(share)), f"{100 * abs(share):.0f} %") if share >= 0 else "other sign"
