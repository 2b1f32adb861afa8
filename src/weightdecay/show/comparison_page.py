"""The report of a comparison: one HTML file that loads nothing, runs nothing and can be sent to anybody."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from weightdecay.records.brief import brief
from weightdecay.records.codes import CODES
from weightdecay.records.comparison import Comparison, ComparisonRow
from weightdecay.records.comparison_words import CONSTANT, DECAY, HEADINGS, NONE, cells, footnote
from weightdecay.records.finding import Finding
from weightdecay.show.comparison_picture import draw_comparison
from weightdecay.show.embedded import fingerprint
from weightdecay.show.files import check_writable, write_text
from weightdecay.show.fold_words import counted
from weightdecay.show.how_found import FAMILIES, OF_NETWORKS, OF_TABLES, versions
from weightdecay.show.names import NAME
from weightdecay.show.page_pictures import Picture, Room, picture
from weightdecay.show.page_templates import part, template
from weightdecay.show.sanitize import for_html, shortened
from weightdecay.show.sheet import Figure, Number, Row, Sheet, number, weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXT_LIMIT = 700
MOST_NOTES, MOST_FINDINGS, MOST_FOLDS, MOST_CLASSES = 12, 10, 40, 20
ROW, NAMES = 0.34, 1.0  # inches, of a form in the picture, and of the names beside it
LETTERS = 12  # in an inch
# Where the page may take anything from: nowhere, but for its one style sheet, known by its hash, and its pictures.
POLICY = "default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Told:
    """A finding, and a command that tells more where there is one."""

    finding: Finding
    command: str


@dataclass(frozen=True)
class ComparisonPage:
    """The whole report, harmless texts and numbers as they are read."""

    title: str
    verdict: tuple[str, ...]
    glance: tuple[Figure, ...]
    findings: tuple[Told, ...]
    picture: Picture
    forms: Sheet
    remarks: tuple[str, ...]
    losses: Sheet
    decays: Sheet | None
    notes: tuple[str, ...]
    measured: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def write_comparison(comparison: Comparison, path: str | Path) -> Path:
    """Write the report of a comparison as one self-contained HTML file.

    It holds the verdict, the findings, the picture of the paired differences, every number of every form, the loss of
    every fold with the decay that was chosen without it, what was done when the rows were read, how all was measured,
    and the command and the versions that repeat the work. It has no script and loads nothing, and stays below 200 kB;
    the file is there wholly or not at all.

    Parameters
    ----------
    comparison : Comparison
        What `wd.compare` returned.
    path : str or Path
        The file to write.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    TypeError
        It is no `Comparison`.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> found = wd.compare(wd.LinearRegression(), X, y)
    >>> file = write_comparison(found, pathlib.Path(tempfile.mkdtemp()) / "forms.html")
    >>> file.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(
            f"a report of forms needs a Comparison, not {type(comparison).__name__}; pass what wd.compare returned"
        )
    # Before the work, not after it.
    check_writable(path)
    return write_text(path, html(comparison))


def html(comparison: Comparison) -> str:
    """The report as text."""
    from markupsafe import Markup

    style = part("report.css")
    shown = {"page": page(comparison), "style": Markup(style), "policy": Markup(POLICY.format(fingerprint(style)))}
    return template("comparison.html.jinja").render(shown)


def page(comparison: Comparison) -> ComparisonPage:
    """What the report shows: read from the record, made harmless, never computed."""
    remarks = [_text(f"{one.name}: {one.note}") for one in comparison.rows if one.note]
    return ComparisonPage(
        title=_text(_subject(comparison)),
        verdict=tuple(map(_text, comparison.verdict.splitlines())),
        glance=tuple(_glance(comparison)),
        findings=tuple(map(_told, comparison.findings[:MOST_FINDINGS])),
        picture=_picture(comparison),
        forms=_forms(comparison),
        remarks=tuple(remarks[:MOST_NOTES]),
        losses=_losses(comparison),
        decays=_decays(comparison),
        notes=_notes(comparison.notes),
        measured=tuple(map(_text, _measured(comparison))),
        facts=_facts(comparison),
    )


def _subject(comparison: Comparison) -> str:
    """What was predicted, from which file and with which model."""
    target, file = shortened(comparison.target, NAME), shortened(PurePath(comparison.source).name, NAME)
    about = " ".join(([f"to predict {target}"] if target else []) + ([f"from {file}"] if file else []))
    model = shortened(comparison.model_name, NAME)
    return f"Forms of regularisation {about} ({model})" if about else f"Forms of regularisation for {model}"


def _glance(comparison: Comparison) -> Iterator[Figure]:
    """The numbers that a reader asks for first."""
    metric, suits = for_html(comparison.metric, 40), comparison.suits
    yield Figure("form that suits", Number(suits, suits))
    seen = []
    for name in (suits, DECAY, NONE, CONSTANT):
        row = comparison.row(name)
        if row is None or name in seen or not math.isfinite(row.mean):
            continue
        seen.append(name)
        error = f"± {brief(row.standard_error)}" if math.isfinite(row.standard_error) else ""
        told = number(comparison.as_metric(row.mean))
        if told is not None:
            called = "no regularisation" if name == NONE else name
            yield Figure(f"held-out {metric}, {called}", told, error)
    row = comparison.row(suits)
    if row is not None and math.isfinite(row.nonzero):
        kept = Number(repr(row.nonzero), f"{row.nonzero:,.0f}")
        yield Figure("weights that are not zero", kept, f"of {comparison.n_weights:,}")
    yield Figure("rows", Number(str(comparison.n_rows), f"{comparison.n_rows:,}"))


def _told(finding: Finding) -> Told:
    """A finding with texts for HTML."""
    command = f"weightdecay explain {finding.code}" if finding.code in CODES else ""
    message, remedy = _text(finding.message), _text(finding.remedy)
    return Told(Finding(for_html(finding.code, NAME), finding.severity, message, remedy), command)


def _text(text: str) -> str:
    """A sentence, harmless and of few bytes: some signs take five in a page, a letter one."""
    shown = for_html(text, TEXT_LIMIT)
    return shown if weight(shown) <= 2 * TEXT_LIMIT else for_html(text, TEXT_LIMIT // 3)


def _notes(notes: tuple[str, ...]) -> tuple[str, ...]:
    """What was done when the rows were read."""
    shown = [_text(one) for one in notes[:MOST_NOTES]]
    left = len(notes) - len(shown)
    return (*shown, *([f"{counted(left, 'more note')}; the JSON has all."] if left else []))


def _picture(comparison: Comparison) -> Picture:
    """How much every form differs from weight decay."""
    better = "right" if comparison.larger_is_better else "left"
    caption = (
        f"How much the held-out {for_html(comparison.metric, NAME)} of every form differs on the same folds from that "
        f"of the form at the dashed line, with 95 % paired intervals; the farther to the {better}, the better. Where a "
        "bar crosses the line the folds cannot tell the two apart. An arrow marks a form that is farther out. In "
        "colour: the form that suits."
    )
    words = f"{caption.partition('.')[0]}. {comparison.verdict.replace(chr(10), ' ')}"
    height = 1.05 + ROW * max(len(comparison.rows), 3)
    return picture(Room(), lambda ax: _draw(ax, comparison), height, words, caption)


def _draw(ax: Axes, comparison: Comparison) -> None:
    """The picture, with the name of its axis in lines that fit."""
    draw_comparison(ax, comparison)
    fitting = int(LETTERS * (ax.figure.canvas.figure.get_figwidth() - NAMES))
    # Within words no line ends: a backslash stays with the sign that it goes before.
    ax.set_xlabel(textwrap.fill(ax.get_xlabel(), fitting, break_long_words=False, break_on_hyphens=False))


def _forms(comparison: Comparison) -> Sheet:
    """Every number of every form; columns of which nothing is known are left out."""
    rows = [_cells(row, texts, comparison) for row, texts in zip(comparison.rows, cells(comparison), strict=True)]
    kept = [at for at in range(len(HEADINGS) - 1) if any(row[at] is not None for row in rows)]
    header = (HEADINGS[0], *(HEADINGS[at + 1] for at in kept))
    lines = tuple(
        Row(for_html(form.name, NAME), tuple(row[at] for at in kept))
        for form, row in zip(comparison.rows, rows, strict=True)
    )
    note = "To weight decay, to none: paired differences on the same folds, with half a 95 % interval."
    return Sheet("Every form on the same folds", header, lines, note)


def _cells(row: ComparisonRow, texts: tuple[str, ...], comparison: Comparison) -> list[Number | str | None]:
    """The cells beside the name: as they are read everywhere, with the number in full where it is one."""
    metric = comparison.as_metric
    full: tuple[float, ...] = (metric(row.mean), math.nan, metric(row.to_decay.mean), metric(row.to_none.mean))
    full += (row.nonzero, row.stability, row.decay, row.fit_seconds, row.tuning_seconds, row.overhead)
    told = (for_html(text, NAME) for text in texts[1:])
    return [
        None if not text else text if math.isnan(value) else Number(repr(float(value)), text)
        for text, value in zip(told, full, strict=True)
    ]


def _by_fold(comparison: Comparison, caption: str, values: list[tuple[str, list[float]]]) -> Sheet:
    """A number of each form for every fold."""
    count = len(comparison.weight)
    lines = tuple(
        Row(f"fold {fold + 1:,}", (number(float(comparison.weight[fold])), *(number(each[fold]) for _, each in values)))
        for fold in range(min(count, MOST_FOLDS))
    )
    left = count - len(lines)
    note = f"{counted(left, 'more fold')}; the JSON has all." if left else ""
    return Sheet(caption, ("fold", "weight", *(for_html(name, NAME) for name, _ in values)), lines, note)


def _losses(comparison: Comparison) -> Sheet:
    """The metric of every fold."""
    known = [row for row in comparison.rows if len(row.losses) == len(comparison.weight)]
    values = [(row.name, [comparison.as_metric(one) for one in row.losses.tolist()]) for row in known]
    return _by_fold(comparison, f"Held-out {for_html(comparison.metric, NAME)} of every fold", values)


def _decays(comparison: Comparison) -> Sheet | None:
    """The decays that were chosen without each fold, of forms that have a choice."""
    chosen = [(row.name, row.decays.tolist()) for row in comparison.rows if row.name not in (NONE, CONSTANT)]
    values = [(name, each) for name, each in chosen if len(each) == len(comparison.weight)]
    return _by_fold(comparison, "Decay chosen without each fold", values) if values else None


def _measured(comparison: Comparison) -> Iterator[str]:
    """How the numbers came about, as sentences."""
    yield footnote(comparison)
    yield (
        "Of the forms that are as good as the best within one paired standard error one that keeps at most a quarter "
        "of the weights of the others suits, else the one that is simplest to have; no regularisation only where its "
        "loss is within the tolerance of the best; nothing where the best is not better than infinite decay, by two "
        "paired standard errors or in nearly all folds."
    )


def _facts(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Names and values, without those that are not known."""
    networks = comparison.model_name.startswith("Network")
    families = FAMILIES + (OF_TABLES if comparison.source else ()) + (OF_NETWORKS if networks else ())
    classes = [shortened(name, NAME) for name in comparison.classes[:MOST_CLASSES]]
    left = len(comparison.classes) - len(classes)
    found = {
        "command": comparison.command,
        "file": comparison.source,
        "target": comparison.target,
        "classes": ", ".join(classes) + (f" and {left:,} more" if left else ""),
        "model": comparison.model_name,
        "metric": comparison.metric,
        "rows with positive weight": f"{comparison.n_rows:,}",
        "columns": f"{len(comparison.columns):,}" if comparison.columns else "",
        "weights of a model": f"{comparison.n_weights:,}",
        "folds": comparison.cv,
        "tolerance": f"{100 * comparison.tolerance:g} %",
        "versions": ", ".join(versions(families)),
    }
    return tuple((name, _text(value)) for name, value in found.items() if value)
