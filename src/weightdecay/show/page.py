"""What the report shows, as values: read from a `Tuning`, made harmless, never computed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.codes import CODES
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.interval_words import interval_line
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.class_part import LOG_LOSS, ClassPart, class_glance, class_part
from weightdecay.show.class_words import against_guessing
from weightdecay.show.coefficient_sheet import coefficient_sheet
from weightdecay.show.data_sheets import choice_sheet, curve_sheet, plan_sheet, trial_sheet
from weightdecay.show.fold_words import counted, learned
from weightdecay.show.group_tables import group_sheet
from weightdecay.show.how_found import facts
from weightdecay.show.names import short_names, subject, target_names
from weightdecay.show.page_pictures import (
    Picture,
    Room,
    coefficient_picture,
    map_picture,
    opinion_picture,
    path_picture,
    residual_picture,
)
from weightdecay.show.path_words import path_words
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import Figure, Number, Sheet, number
from weightdecay.show.slider import Slider, slider, slides, stops
from weightdecay.show.slider_marks import marked_curve
from weightdecay.show.training_part import TrainingPart, training_part
from weightdecay.show.validation_curve import path_of
from weightdecay.show.why_part import WhyPart, why_parts
from weightdecay.show.why_sections import Measured

MAX_TARGETS = 3
LONG = 25  # rows of a table that is folded away
# Several targets share the room of a page.
SHARED = Room(points=150, top=12, rows=40, wide=False)
TEXT_LIMIT = 1000
MAX_NOTES = 30
MANY = 200  # columns of a page that is large, whose further pictures have one layout
SQUARED = "mean squared error"  # whose root has the unit of the target


@dataclass(frozen=True)
class Told:
    """A finding with the name of its place in the page, and a command that tells more where there is one."""

    finding: Finding
    anchor: str
    command: str


@dataclass(frozen=True)
class Section:
    """All about one target."""

    heading: str
    verdict: tuple[str, ...]
    glance: tuple[Figure, ...]
    findings: tuple[Told, ...]
    curve: Picture
    slider: Slider | None
    training: TrainingPart | None
    model: str
    coefficients: Picture | None
    coefficient_sheet: Sheet | None
    path: Picture | None
    residuals: Picture | None
    classes: ClassPart | None
    opinions: Picture | None
    choices: Sheet | None
    groups: Sheet | None
    map: Picture | None
    trials: Sheet | None
    numbers: Sheet


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    sections: tuple[Section, ...]
    why: tuple[WhyPart, ...]
    plan: Sheet | None
    notes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    note: str = ""
    long: int = LONG


def page(tuning: Tuning, explain: Iterable[Measured] = ()) -> Page:
    """The report on a tuning: one section, or one for all and for each of the first targets; and why it works."""
    shown = tuning.targets[:MAX_TARGETS]
    anchors: Counter[str] = Counter()
    only = tuning.target_names[0] if len(tuning.target_names) == 1 else None
    whole, each = (replace(room, learned=learned(tuning.plan)) for room in (Room(), SHARED))
    sections = [_section("All targets together" if shown else "", tuning, only, whole, anchors)]
    names = target_names(tuning, "Target")
    sections += [_section(for_html(name), one, name, each, anchors) for name, one in zip(names, shown, strict=False)]
    left = len(tuning.targets) - len(shown)
    note = f"{counted(left, 'more target')} not shown here; the JSON has all." if left else ""
    title = for_html(subject(tuning), TEXT_LIMIT)
    why = why_parts(explain, Room(wide=len(tuning.columns) <= MANY))
    return Page(title, tuple(sections), why, plan_sheet(tuning.plan), _notes(tuning), facts(tuning), note)


def _notes(tuning: Tuning) -> tuple[str, ...]:
    """What was done when the rows were read."""
    notes = [for_html(one, TEXT_LIMIT) for one in tuning.notes[:MAX_NOTES]]
    left = len(tuning.notes) - len(notes)
    return (*notes, *([f"{counted(left, 'more note')}; the JSON has all."] if left else []))


def _section(heading: str, tuning: Tuning, target: str | None, room: Room, anchors: Counter[str]) -> Section:
    """All about one target."""
    # The path of many targets at once is large, and each has its own section.
    path = None if tuning.targets else path_of(tuning)
    found = tuning.diagnostics
    curve, marks = marked_curve(tuning, room, stops(tuning) if slides(tuning) else np.zeros(0, dtype=np.intp))
    said = [*tuning.verdict.splitlines(), *against_guessing(tuning), *filter(None, [interval_line(tuning)])]
    return Section(
        heading=heading,
        verdict=tuple(for_html(line, TEXT_LIMIT) for line in said),
        glance=tuple(_glance(tuning, target)),
        findings=tuple(_told(short_names(one, tuning.columns), anchors) for one in tuning.findings),
        curve=curve,
        slider=slider(tuning, path, marks, room, nested=bool(heading)),
        training=training_part(tuning, room),
        model=path_words(path).heading,
        coefficients=coefficient_picture(found, target, room),
        coefficient_sheet=coefficient_sheet(tuning, path, room.rows, learned=room.learned),
        path=path_picture(tuning, path, room),
        residuals=residual_picture(tuning, target, room),
        classes=class_part(tuning, room),
        opinions=opinion_picture(tuning, room),
        choices=choice_sheet(tuning),
        groups=group_sheet(tuning),
        map=map_picture(tuning, room),
        trials=trial_sheet(tuning),
        numbers=curve_sheet(tuning, path),
    )


def _glance(tuning: Tuning, target: str | None) -> Iterator[Figure]:
    """The numbers that a reader asks for first."""

    def shown(name: str, value: float, words: str = "") -> Iterator[Figure]:
        told = number(value)
        if told is not None:
            yield Figure(name, told, words)

    found = tuning.diagnostics
    if not tuning.targets:
        yield from shown("decay in use", tuning.decay)
        at = np.flatnonzero(tuning.decays == tuning.decay)
        if len(at):
            loss, error = float(tuning.as_metric(tuning.mean[at[0]])), float(tuning.standard_error[at[0]])
            words = f"± {brief(error)}" if math.isfinite(error) else ""
            if isinstance(found, ClassDiagnostics) and tuning.metric == LOG_LOSS:
                words = f"{words}{'; ' if words else ''}class shares: {brief(found.held_out.base_log_loss)}"
            yield from shown(f"held-out {for_html(tuning.metric, 40)}", loss, words)
            if tuning.metric == SQUARED:
                of = "" if target is None else f" of {for_html(target, 40)}"
                yield from shown(f"typical error{of}", math.sqrt(loss), "the root of it")
    if isinstance(found, ClassDiagnostics):
        yield from class_glance(tuning, found)
    elif found is not None:
        # Leave-one-out has models of other folds beside it.
        other = "" if found.folds == tuning.cv else f" ({for_html(found.folds, 40)})"
        yield from shown(f"held-out R²{other}", found.r2)
        yield from shown("effective degrees of freedom", found.df, _most(found))
    yield Figure("rows", Number(str(tuning.n_rows), f"{tuning.n_rows:,}"))


def _most(found: Diagnostics) -> str:
    """How many degrees of freedom there can be: fewer than columns where some of them determine others."""
    columns = counted(len(found.coef), "column")
    rank = round(found.rank) if math.isfinite(found.rank) else len(found.coef)
    return f"of {columns}" if rank == len(found.coef) else f"of at most {rank:,} in {columns}"


def _told(finding: Finding, anchors: Counter[str]) -> Told:
    """The finding with texts for HTML."""
    message, remedy = for_html(finding.message, TEXT_LIMIT), for_html(finding.remedy, TEXT_LIMIT)
    known = finding.code in CODES
    anchors[finding.code] += known
    times = anchors[finding.code]
    anchor = (finding.code if times == 1 else f"{finding.code}-{times}") if known else ""
    command = f"weightdecay explain {finding.code}" if known else ""
    return Told(Finding(for_html(finding.code), finding.severity, message, remedy), anchor, command)
