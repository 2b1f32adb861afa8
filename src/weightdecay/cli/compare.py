"""``weightdecay compare``: which form of regularisation suits a table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
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
    Missing,
    Rules,
    SkipMissing,
    Standardize,
    Target,
    Text,
    TunedModels,
    Weight,
)
from weightdecay.cli.sentences import say, sentences, tell

if TYPE_CHECKING:
    from weightdecay import Comparison, Progress, Table
    from weightdecay.cli.models import Model


def compare(
    context: typer.Context,
    data: Data,
    *,
    target: Target,
    model: TunedModels = "auto",
    classes: Classes = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.HTML", help="Write a report: verdict, picture and numbers in one file."),
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
    cv: Annotated[str, typer.Option(metavar="FOLDS", help="auto or a number of folds.")] = "auto",
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
        typer.Option(min=0.0, metavar="SHARE", help="How much more loss than the least counts as none: 0.01 is 1 %."),
    ] = 0.01,
    standardize: Standardize = True,
    intercept: Intercept = True,
    decay_exempt: Exempt = None,
    class_weight: ClassWeight = None,
    dry_run: DryRun = False,
) -> None:
    """Say which form of regularisation DATA.CSV needs to predict a column: none, weight decay, L1 or an elastic net.

    Of a network also dropout and early stopping.
    """
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
        from weightdecay.cli.progress import progress_line
        from weightdecay.cli.work import file_to_write, warn_of_units

        page = file_to_write("--report", report, {"data": data})
        how: dict[str, Any] = {"drop": options.names(drop), "text": options.names(text)}
        how |= {"missing": options.names(missing), "skip_missing_target": skip_missing_target}
        how |= {"weight": weight, "group": group, "time": time_column}
        picked = chosen(model, data, target, classes=classes, **how)
        if standardize and picked.unit:
            warn_of_units(grid, picked.table, picked.unit)
        settings: dict[str, Any] = {"rule": rule, "tolerance": tolerance, "decays": grid}
        if picked.network:
            estimator: Any = picked.trained(seed, **settings)
        else:
            settings |= {"standardize": standardize, "fit_intercept": intercept}
            estimator = picked.estimator(options.names(decay_exempt), class_weight, **settings)

        def compared(progress: Progress | None) -> Comparison:
            work: dict[str, Any] = {"cv": splits, "scoring": metric, "random_state": seed, "progress": progress}
            return wd.compare(estimator, picked.table, **work)

        if as_json and not picked.plain:
            say(picked.said)
        if dry_run:
            _dry_run(compared, picked, as_json=as_json)
            return
        found = replace(compared(progress_line()), command=options.repeated(context))
        _tell_scoring(scoring, found, picked.table)
        _show(found, picked, page, as_json=as_json)


def _dry_run(compared: Callable[[Progress | None], Comparison], picked: Model, *, as_json: bool) -> None:
    """Show the table and what would be done with it."""
    from weightdecay.cli import dry_run

    dry_run.show(picked.table if as_json else picked.shown, dry_run.planned(compared), as_json=as_json)


def _tell_scoring(asked: str | None, found: Comparison, table: Table) -> None:
    """Say on stderr what a scorer of classes was taken for, where that is not plain."""
    from weightdecay.cli.models import scoring_said

    if told := scoring_said(asked, found.scoring, table):
        say(told)


def _show(found: Comparison, picked: Model, page: Path | None, *, as_json: bool) -> None:
    """Write the file, then the answer: for eyes, or for programs on stdout and the rest on stderr."""
    import weightdecay as wd
    from weightdecay.cli.findings import in_words

    told = replace(found, findings=in_words(found.findings, picked.table))
    if page is not None:
        wd.report(told, page)
    if as_json:
        sys.stdout.write(found.to_json() + "\n")
    else:
        tell(wd.terminal.comparison(told, picked.shown))
    if page is not None:
        tell(f"report: {wd.terminal.sentence(str(page))}", stderr=as_json)
