"""``weightdecay tune``: how much weight decay a table needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weightdecay.cli import options
from weightdecay.cli.options import (
    AsJson,
    Classes,
    ClassWeight,
    Data,
    Decays,
    Drop,
    DryRun,
    Exempt,
    Intercept,
    L1Ratio,
    Missing,
    Rules,
    SkipMissing,
    Standardize,
    Target,
    Text,
    TunedModels,
    Weight,
)
from weightdecay.cli.sentences import INTERRUPTED, say, sentences, tell

if TYPE_CHECKING:
    from weightdecay import Progress, Table, Tuning


def tune(
    context: typer.Context,
    data: Data,
    *,
    target: Target,
    model: TunedModels = "auto",
    classes: Classes = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.HTML", help="Write a report: verdict, pictures and numbers in one file."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Measure on these rows why decay works (bias and variance, more rows, more noise, a wrong decay, more "
            "columns): a part of the report, and sentences on the terminal.",
        ),
    ] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="MODEL.WD", help="Save the model, for weightdecay predict and wd.load.")
    ] = None,
    as_json: AsJson = False,
    drop: Drop = None,
    text: Text = None,
    weight: Weight = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Rows with the same value are held out together.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Dates or numbers: later rows are held out by earlier ones.")
    ] = None,
    missing: Missing = None,
    skip_missing_target: SkipMissing = False,
    cv: Annotated[str, typer.Option(metavar="FOLDS", help="auto, loo (leave-one-out) or a number of folds.")] = "auto",
    decays: Decays = None,
    rule: Rules = "min",
    scoring: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A scikit-learn scorer, such as r2; of classes accuracy, f1, auc, brier. [default: mean squared "
            "error; of classes log-loss]",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**32 - 1, metavar="NUMBER", help="Shuffles the rows for --cv NUMBER. [default: 0]"),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="SHARE", help="How much more loss than the least the window allows: 0.01 is 1 %."
        ),
    ] = 0.01,
    standardize: Standardize = True,
    intercept: Intercept = True,
    decay_exempt: Exempt = None,
    l1_ratio: L1Ratio = 0.0,
    class_weight: ClassWeight = None,
    dry_run: DryRun = False,
) -> None:
    """Say how much weight decay DATA.CSV needs to predict a column, and whether it matters."""
    options.one_of("--model", model, options.TUNED_MODELS)
    options.one_of("--rule", rule, options.RULES)
    if class_weight is not None:
        options.one_of("--class-weight", class_weight, options.CLASS_WEIGHTS)
    grid, splits = options.decays(decays), options.folds(cv)
    if time_column is not None:
        options.by_time(splits, group=group, seed=seed)
    if model == "network":
        options.of_network(standardize=standardize, intercept=intercept, exempt=decay_exempt, class_weight=class_weight)
    metric = options.scorer(scoring)
    with sentences():
        import weightdecay as wd
        from weightdecay.cli.models import chosen
        from weightdecay.cli.work import warn_of_folds, warn_of_units

        files = _files(data, report, save)
        how: dict[str, Any] = {"drop": options.names(drop), "text": options.names(text)}
        how |= {"missing": options.names(missing), "skip_missing_target": skip_missing_target}
        how |= {"weight": weight, "group": group, "time": time_column}
        picked = chosen(model, data, target, classes=classes, **how)
        table = picked.table
        if standardize and picked.unit:
            warn_of_units(grid, table, picked.unit)
        if picked.network:
            estimator: Any = picked.trained(seed, tolerance=tolerance, l1_ratio=l1_ratio)
        else:
            settings = {"tolerance": tolerance, "standardize": standardize, "fit_intercept": intercept}
            estimator = picked.estimator(options.names(decay_exempt), class_weight, l1_ratio=l1_ratio, **settings)

        def tuned(progress: Progress | None) -> Tuning:
            choice: dict[str, Any] = {"decays": grid, "cv": splits, "rule": rule, "scoring": metric}
            return wd.tune(estimator, table, **choice, random_state=seed, progress=progress)

        if as_json and not picked.plain:
            say(picked.said)
        if dry_run:
            _dry_run(tuned, table if as_json else picked.shown, as_json=as_json)
            return
        tuning, stopped = _finished(tuned)
        _tell_scoring(scoring, tuning, table)
        warn_of_folds(splits, len(tuning.losses), table)
        tuning = replace(tuning, source=table.source, target_names=(table.target,), command=options.repeated(context))
        why: list[Any] = []
        if explain and not stopped:
            why, stopped = _measured(lambda: wd.why.explain(tuning, estimator, table, cv=splits, random_state=seed))
        _show(tuning, picked.shown, files, why, as_json=as_json)
        if stopped:
            say(stopped)
            raise typer.Exit(INTERRUPTED)


def _tell_scoring(asked: str | None, tuning: Tuning, table: Table) -> None:
    """Say on stderr what a scorer of classes was taken for, where that is not plain."""
    from weightdecay.cli.models import scoring_said

    if told := scoring_said(asked, tuning.scoring, table):
        say(told)


@dataclass(frozen=True)
class _Files:
    """Where things go, besides stdout."""

    report: Path | None
    save: Path | None


def _files(data: Path, report: Path | None, save: Path | None) -> _Files:
    """Where things go, once it is known that each can be written and is no other file of the call."""
    from weightdecay.cli.work import file_to_write

    page = file_to_write("--report", report, {"data": data})
    return _Files(page, file_to_write("--save", save, {"data": data, "report": page}))


def _dry_run(tuned: Callable[[Progress | None], Tuning], table: Table, *, as_json: bool) -> None:
    """Show the table and what would be done with it."""
    from weightdecay.cli import dry_run

    dry_run.show(table, dry_run.planned(tuned), as_json=as_json)


def _finished(tuned: Callable[[Progress | None], Tuning]) -> tuple[Tuning, str]:
    """What the work gives, and if it was interrupted, of how much that is, in words."""
    import weightdecay as wd
    from weightdecay.cli.progress import progress_line

    try:
        return tuned(progress_line()), ""
    except wd.Interrupted as stopped:
        if stopped.tuning is None:
            raise
        return stopped.tuning, str(stopped)


def _measured(work: Callable[[], list[Any]]) -> tuple[list[Any], str]:
    """What was measured of why decay works; nothing if the interrupt key was pressed, which is then said."""
    if sys.stderr.isatty():
        say("measuring why decay works on these rows; the interrupt key leaves that out")
    try:
        return work(), ""
    except KeyboardInterrupt:
        return [], "interrupted while measuring why: the answer and the report are without it"


def _show(tuning: Tuning, table: Table, files: _Files, why: list[Any], *, as_json: bool) -> None:
    """Write the files, then the answer: for eyes, or for programs on stdout and the rest on stderr."""
    import weightdecay as wd
    from weightdecay.cli.findings import in_words_of_options

    told = in_words_of_options(tuning, table)
    if files.save is not None:
        wd.save(tuning, files.save)
    if files.report is not None:
        wd.report(told, files.report, explain=why)
    if as_json:
        sys.stdout.write(tuning.to_json() + "\n")
    else:
        tell(wd.terminal.tuning(told, table))
        for one in why:
            tell(wd.terminal.sentence(f"{one.name.replace('_', ' ')}: {one.sentences()[0]}"))
    for what, file in (("report", files.report), ("model", files.save)):
        if file is not None:
            tell(f"{what}: {wd.terminal.sentence(str(file))}", stderr=as_json)
