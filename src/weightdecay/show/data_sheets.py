"""Tables of the report on the way to the answer: columns, settings tried, opinions, and the numbers of the curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import relative
from weightdecay.show.choices import CRITERIA, choices
from weightdecay.show.names import NAME, setting
from weightdecay.show.path_words import path_words
from weightdecay.show.plan_words import in_a_line
from weightdecay.show.sanitize import for_html, shortened
from weightdecay.show.sheet import Number, Row, Sheet, label, number, weight

MAX_TRIALS = 20
MAX_DECAYS = 250
MAX_PLAN = 200
# Bytes of a page for all of the plan, and what a row of it takes beside its texts.
PLAN_BYTES, ROW_BYTES = 45_000, 130
MADE = 3  # names of columns that were made of one
SENTENCE = 160  # letters of what was done to a column
TEXT_LIMIT = 1000


def plan_sheet(plan: Sequence[ColumnPlan]) -> Sheet | None:
    """What became of every column."""
    if not plan:
        return None
    rows: list[Row] = []
    room = PLAN_BYTES
    for one in plan[:MAX_PLAN]:
        row = Row(label(one.name), (one.kind, number(one.missing), for_html(one.done, SENTENCE), _made(one)))
        room -= ROW_BYTES + sum(weight(text) for text in (row.name, *row.cells) if isinstance(text, str))
        if room < 0:
            break
        rows.append(row)
    note = f"The first {len(rows)} of {len(plan):,}; the JSON has them all." if len(plan) > len(rows) else ""
    header = ("column", "taken for", "missing", "what was done", "columns made of it")
    return Sheet(f"What became of the columns: {in_a_line(plan, for_html)}", header, tuple(rows), note)


def _made(one: ColumnPlan) -> str | None:
    """The columns of numbers that were made of one, where they are others than itself."""
    if one.made in ((), (one.name,)):
        return None
    left = len(one.made) - MADE
    names = ", ".join(shortened(name, NAME // 2) for name in one.made[:MADE])
    return for_html(names + (f" and {left} more" if left > 0 else ""))


def trial_sheet(tuning: Tuning) -> Sheet | None:
    """The settings of other parameters that were tried, best first."""
    if not tuning.trials:
        return None
    rows = tuple(
        Row(
            for_html(setting(one.params), TEXT_LIMIT),
            (number(one.decay), number(tuning.as_metric(one.mean)), number(one.standard_error)),
        )
        for one in tuning.trials[:MAX_TRIALS]
    )
    left = len(tuning.trials) - len(rows)
    note = f"The {MAX_TRIALS} best of {len(tuning.trials):,}; the JSON has them all." if left else ""
    header = ("setting", "decay", f"held-out {for_html(tuning.metric)}", "standard error")
    return Sheet("Settings tried, each with a decay of its own", header, rows, note)


def choice_sheet(tuning: Tuning) -> Sheet | None:
    """What each criterion and each habit would choose, and what it costs."""
    every = choices(tuning)
    if not every:
        return None
    best = every[0].loss - every[0].excess
    relatives = best > 0 and not tuning.larger_is_better
    rows = tuple(
        Row(
            for_html(one.name),
            (
                number(one.decay),
                number(tuning.as_metric(one.loss)),
                number(one.excess),
                *((_relative(one.excess, best),) if relatives else ()),
                *(() if tuning.targets else (number(one.paired), one.remark or None)),
            ),
        )
        for one in every
    )
    header: tuple[str, ...] = (
        "criterion or habit",
        "decay",
        f"held-out {for_html(tuning.metric)}",
        "worse than the best by",
    )
    header += ("relative",) if relatives else ()
    # Each target has a best of its own: no differences pair up.
    header += () if tuning.targets else ("paired standard error", "remark")
    note = (
        "The standard error is that of the difference to the best, paired over the same held-out rows or folds: a "
        "difference that is not well beyond it may be chance."
    )
    several = "; the mean over the targets, against the best of each" if tuning.targets else ""
    caption = f"What each criterion and habit would choose, and what it costs{several}"
    return Sheet(caption, header, rows, "" if tuning.targets else note)


def _relative(excess: float, best: float) -> Number | None:
    """How much worse than the best in the words of the verdict."""
    return Number(repr(excess / best), relative(excess, best)) if math.isfinite(excess) else None


def curve_sheet(tuning: Tuning, path: DecayPath | None) -> Sheet:
    """The numbers behind the picture, one line per decay."""
    # Only what has a number for every decay belongs into the table.
    L, shown = len(tuning.decays), _some(tuning)
    same = path is not None and len(path.decays) == L
    columns = {
        "mean": tuning.as_metric(tuning.mean),
        "standard error": tuning.standard_error,
        "paired standard error": tuning.paired,
    }
    if path is not None and same:
        columns |= {"degrees of freedom": path.mean_df} if np.isfinite(path.mean_df).any() else {}
        selects = path.selects and not path_words(path).norms
        columns |= {"not zero": path.nonzeros.reshape(len(path.decays), -1).sum(axis=1)} if selects else {}
        columns |= {"training loss": path.train_loss} if path.train_loss.ndim == 1 else {}
    columns |= {for_html(name): values for name, values in tuning.opinions.items() if np.ndim(values) == 1}
    rows = tuple(
        Row(
            None,
            (number(decay), *(number(values[index]) for values in columns.values()), _remark(tuning, decay) or None),
        )
        for index, decay in enumerate(tuning.decays)
        if index in shown
    )
    left = f"{len(rows)} of {L:,} decays; the JSON has them all. " if len(rows) < L else ""
    caption = f"Held-out {for_html(tuning.metric)} of every decay ({for_html(tuning.cv)})"
    return Sheet(caption, ("decay", *columns, "remark"), rows, left + " ".join(_explained(columns)))


def _some(tuning: Tuning) -> set[int]:
    """Places of the decays in the table: all, or some of very many and whatever there is a remark on."""
    L = len(tuning.decays)
    places = np.linspace(0, L - 1, min(L, MAX_DECAYS)).round().astype(int).tolist()
    return {*places, *(index for index, decay in enumerate(tuning.decays) if _remark(tuning, decay))}


def _explained(columns: Iterable[str]) -> Iterator[str]:
    """What the headers of the numbers of a curve mean, a sentence each."""
    sentences = {
        "paired standard error": "The paired standard error is that of the difference to the best decay.",
        "degrees of freedom": "Degrees of freedom are effective ones, without the intercept.",
        "not zero": "Not zero is the number of coefficients that are not.",
        "training loss": "The training loss is that of the model of all rows on those rows.",
    } | {
        short: f"{short[0].upper()}{short[1:]} is {name.removesuffix(f' ({short})')}, in a unit of its own; the "
        "smaller the better."
        for short, name in CRITERIA.items()
    }
    return (sentences[name] for name in columns if name in sentences)


def _remark(tuning: Tuning, decay: float) -> str:
    """What is special about a decay."""
    special = (("in use", tuning.decay), ("best", tuning.decay_min), ("1-SE", tuning.decay_1se))
    return ", ".join(word for word, value in special if value == decay)
