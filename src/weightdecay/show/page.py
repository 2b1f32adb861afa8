"""What the report shows, as values: read from a `Tuning`, made harmless, never computed."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.names import setting, short_names, subject, target_names
from weightdecay.show.pictures import svg_address
from weightdecay.show.sanitize import for_html
from weightdecay.show.validation_curve import path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_COEFFICIENTS = 200
MAX_TARGETS = 3
MAX_TRIALS = 20
TEXT_LIMIT = 1000
WIDE, NARROW = 6.4, 3.9  # inches, of a picture
FAMILIES = ("weightdecay", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Number:
    """A number in full, and as it is read."""

    value: str
    text: str


@dataclass(frozen=True)
class Row:
    """A line of a table: its name and its remark, where the table has such columns, and its numbers between them."""

    name: str | None
    numbers: tuple[Number | None, ...]
    remark: str | None = None


@dataclass(frozen=True)
class Sheet:
    """A table with its caption, the names of its columns and a note on what is left out."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """An image, the same for narrow screens, and the sentence that stands for both."""

    address: str
    narrow: str
    words: str


@dataclass(frozen=True)
class Section:
    """All about one target."""

    heading: str
    verdict: tuple[str, ...]
    findings: tuple[Finding, ...]
    pictures: tuple[Picture, ...]
    trials: Sheet | None
    coefficients: Sheet | None
    references: Sheet | None
    curve: Sheet


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    note: str = ""


def page(tuning: Tuning) -> Page:
    """The report on a tuning: one section, or one for each of the first targets after that for all."""
    shown = tuning.targets[:MAX_TARGETS]
    sections = [_section("All targets together" if shown else "", tuning)]
    names = target_names(tuning, "Target")
    sections += [_section(for_html(name), one) for name, one in zip(names, shown, strict=False)]
    left = len(tuning.targets) - len(shown)
    note = f"{left} more targets are not shown here; the JSON has them all." if left else ""
    return Page(for_html(subject(tuning), TEXT_LIMIT), tuple(sections), _facts(tuning), note)


def _section(heading: str, tuning: Tuning) -> Section:
    """All about one target."""
    # The path of many targets at once is large, and each has its own section.
    path = None if tuning.targets else path_of(tuning)
    return Section(
        heading=heading,
        verdict=tuple(for_html(line, TEXT_LIMIT) for line in tuning.verdict.splitlines()),
        findings=tuple(_harmless(short_names(one, tuning.columns)) for one in tuning.findings),
        pictures=tuple(_pictures(tuning, None if heading else path)),
        trials=_trials(tuning),
        coefficients=None if path is None else _coefficients(tuning, path),
        references=_references(tuning),
        curve=_curve(tuning, path),
    )


def _harmless(finding: Finding) -> Finding:
    """The finding with texts for HTML."""
    message, remedy = for_html(finding.message, TEXT_LIMIT), for_html(finding.remedy, TEXT_LIMIT)
    return Finding(for_html(finding.code), finding.severity, message, remedy)


def _pictures(tuning: Tuning, path: DecayPath | None) -> Iterable[Picture]:
    """The flagship picture, and the path where one is given."""
    drawn = for_html(tuning.metric) if tuning.scored else "and training loss"
    words = f"Held-out {drawn} against the decay. " + tuning.verdict.replace("\n", " ")
    yield _picture(lambda ax: plots.validation(tuning, ax=ax), 4.1, words)
    if path is not None and len(path.decays) > 1 and path.coef.size:
        words = "Each coefficient against the decay; the dashed line marks the decay in use."
        yield _picture(lambda ax: plots.path(path, ax=ax, decay=tuning.decay), 3.8, words)


def _picture(draw: Callable[[Axes], object], height: float, words: str) -> Picture:
    """A drawing of that height in inches, laid out for wide and for narrow screens."""
    wide, narrow = (svg_address(draw, width, height) for width in (WIDE, NARROW))
    return Picture(wide, narrow, for_html(words, TEXT_LIMIT))


def _number(value: float) -> Number | None:
    """A number for the page; None where it is undefined."""
    return None if math.isnan(value) else Number(repr(float(value)), brief(float(value)))


def _trials(tuning: Tuning) -> Sheet | None:
    """The settings of other parameters that were tried, best first."""
    if not tuning.trials:
        return None
    rows = tuple(
        Row(
            for_html(setting(one.params), TEXT_LIMIT),
            (_number(one.decay), _number(tuning.as_metric(one.mean)), _number(one.standard_error)),
        )
        for one in tuning.trials[:MAX_TRIALS]
    )
    left = len(tuning.trials) - len(rows)
    note = f"The {MAX_TRIALS} best of {len(tuning.trials)}; the JSON has them all." if left else ""
    header = ("setting", "decay", f"held-out {for_html(tuning.metric)}", "standard error")
    return Sheet("Settings tried, each with a decay of its own", header, rows, note)


def _coefficients(tuning: Tuning, path: DecayPath) -> Sheet | None:
    """Coefficients at the decay in use, beside those at the least decay of the path."""
    if not path.coef.size:
        return None
    chosen = _nearest(path.decays, tuning.decay)
    least = int(np.argmin(path.decays))
    coef, names = plots.flat_coefficients(path)
    order = np.arange(len(names))
    note = ""
    if len(names) > MAX_COEFFICIENTS:
        order = np.sort(np.argsort(-np.abs(coef[chosen]), kind="stable")[:MAX_COEFFICIENTS])
        note = f"The {MAX_COEFFICIENTS} largest of {len(names)}; the JSON has them all."
    rows = tuple(
        Row(
            for_html(names[j]),
            (_number(coef[chosen, j]), _number(coef[least, j])),
            _kept(coef[chosen, j], coef[least, j]),
        )
        for j in order
    )
    intercepts = np.atleast_1d(path.intercept[chosen]), np.atleast_1d(path.intercept[least])
    if len(intercepts[0]) == 1:
        rows = (Row("intercept", (_number(intercepts[0][0]), _number(intercepts[1][0])), ""), *rows)
    df = _number(float(path.df[chosen]))
    caption = f"Coefficients in {for_html(path.units)}, at decay {brief(float(path.decays[chosen]))}" + (
        f" ({df.text} effective degrees of freedom)" if df else ""
    )
    header = ("column", "coefficient", f"at decay {brief(float(path.decays[least]))}", "what decay leaves")
    return Sheet(caption, header, rows, note)


def _nearest(decays: NDArray[np.float64], decay: float) -> int:
    """Index of a decay among others, or of the nearest to it."""
    same = np.flatnonzero(decays == decay)
    return int(same[0] if len(same) else np.argmin(np.abs(decays - decay)))


def _kept(coefficient: float, least: float) -> str:
    """What decay leaves of a coefficient, in percent; a share below 0 would mean nothing."""
    share = coefficient / least if least else math.nan
    if not math.isfinite(share):
        return ""
    # A coefficient of 0 may have either sign.
    return f"{100 * abs(share):.0f} %" if share >= 0 else "other sign"


def _references(tuning: Tuning) -> Sheet | None:
    """What habits would cost."""
    if not tuning.references:
        return None
    rows = tuple(
        Row(for_html(one.name), (_number(one.decay), _number(tuning.as_metric(one.mean)), _number(one.paired)))
        for one in tuning.references
    )
    header = ("habit", "decay", f"held-out {for_html(tuning.metric)}", "paired standard error to the best")
    return Sheet("Without tuning", header, rows)


def _curve(tuning: Tuning, path: DecayPath | None) -> Sheet:
    """The numbers behind the picture, one line per decay."""
    # Only what has a number for every decay belongs into the table.
    same = path is not None and len(path.decays) == len(tuning.decays)
    columns = {"mean": tuning.as_metric(tuning.mean), "standard error": tuning.standard_error, "paired": tuning.paired}
    if path is not None and same:
        columns |= {"degrees of freedom": path.df}
        columns |= {"training": path.train_loss} if path.train_loss.ndim == 1 else {}
    columns |= {for_html(name): values for name, values in tuning.opinions.items() if np.ndim(values) == 1}
    rows = tuple(
        Row(None, (_number(decay), *(_number(values[index]) for values in columns.values())), _remark(tuning, decay))
        for index, decay in enumerate(tuning.decays)
    )
    caption = f"Held-out {for_html(tuning.metric)} of every decay ({for_html(tuning.cv)})"
    return Sheet(caption, ("decay", *columns, ""), rows)


def _remark(tuning: Tuning, decay: float) -> str:
    """What is special about a decay."""
    special = (("in use", tuning.decay), ("best", tuning.decay_min), ("1-SE", tuning.decay_1se))
    return ", ".join(word for word, value in special if value == decay)


def _facts(tuning: Tuning) -> tuple[tuple[str, str], ...]:
    """How the answer was found: what repeats it, and with which versions."""
    facts = {
        "command": for_html(tuning.command, TEXT_LIMIT),
        "file": for_html(tuning.source, TEXT_LIMIT),
        "target" if len(tuning.target_names) == 1 else "targets": for_html(", ".join(tuning.target_names), TEXT_LIMIT),
        "rows with positive weight": str(tuning.n_rows),
        "columns": str(len(tuning.columns)),
        "rule": for_html(tuning.rule),
        "folds": for_html(tuning.cv),
        "columns are standardised": "yes" if tuning.standardize else "no",
        "tolerance of the window": f"{tuning.tolerance:g}",
        "versions": ", ".join(_versions()),
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _versions() -> Iterable[str]:
    """What is installed, as its own records say."""
    yield f"Python {platform.python_version()}"
    for family in FAMILIES:
        try:
            yield f"{family} {metadata.version(family)}"
        except metadata.PackageNotFoundError:
            continue
