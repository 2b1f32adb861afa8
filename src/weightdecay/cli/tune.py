"""``weightdecay tune``: how much weight decay a table needs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weightdecay.cli import options
from weightdecay.cli.options import (
    AsJson,
    Data,
    Decays,
    Drop,
    Exempt,
    Intercept,
    Models,
    Rules,
    Standardize,
    Target,
    Weight,
)
from weightdecay.cli.sentences import sentences, tell

if TYPE_CHECKING:
    from weightdecay import Table, Tuning


def tune(
    context: typer.Context,
    data: Data,
    *,
    target: Target,
    model: Models = "auto",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.HTML", help="Write a report: verdict, picture and numbers in one file.")
    ] = None,
    as_json: AsJson = False,
    drop: Drop = None,
    weight: Weight = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Rows with the same value are held out together.")
    ] = None,
    cv: Annotated[str, typer.Option(metavar="FOLDS", help="auto, loo (leave-one-out) or a number of folds.")] = "auto",
    decays: Decays = None,
    rule: Rules = "min",
    scoring: Annotated[
        str | None, typer.Option(metavar="NAME", help="A scikit-learn scorer. [default: mean squared error]")
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
) -> None:
    """Say how much weight decay DATA.CSV needs to predict a column, and whether it matters."""
    options.one_of("--model", model, options.MODELS)
    options.one_of("--rule", rule, options.RULES)
    grid, splits = options.decays(decays), options.folds(cv)
    metric = options.scorer(scoring)
    with sentences():
        import weightdecay as wd
        from weightdecay.cli.progress import progress_line
        from weightdecay.cli.work import linear, read, warn_of_folds, warn_of_units

        file = _report_file(report, data)
        table = read(data, target, options.names(drop), weight, group)
        if standardize:
            warn_of_units(grid, table)
        exempt = options.names(decay_exempt)
        tuning = wd.tune(
            linear(table, exempt, tolerance=tolerance, standardize=standardize, fit_intercept=intercept),
            table.X,
            table.y,
            decays=grid,
            cv=splits,
            rule=rule,
            scoring=metric,
            groups=table.groups,
            sample_weight=table.weight,
            random_state=seed,
            progress=progress_line(),
        )
        warn_of_folds(splits, len(tuning.losses))
        tuning = replace(tuning, source=table.source, target_names=(table.target,), command=options.repeated(context))
        _show(tuning, table, file, as_json=as_json)


def _report_file(report: Path | None, data: Path) -> Path | None:
    """Where the report goes, once it is known that it can be written and is not the data."""
    import weightdecay as wd

    file = None if report is None else wd.terminal.check_writable(report)
    if file is not None and file.exists() and data.exists() and file.samefile(data):
        raise typer.BadParameter("the report would overwrite the data; name another file", param_hint="'--report'")
    return file


def _show(tuning: Tuning, table: Table, file: Path | None, *, as_json: bool) -> None:
    """Write the report, then the answer: for eyes, or for programs on stdout and the rest on stderr."""
    import weightdecay as wd
    from weightdecay.cli.findings import in_words_of_options

    told = in_words_of_options(tuning)
    if file is not None:
        wd.report(told, file)
    if as_json:
        sys.stdout.write(tuning.to_json() + "\n")
    else:
        tell(wd.terminal.tuning(told, table))
    if file is not None:
        tell(f"report: {wd.terminal.sentence(str(file))}", stderr=as_json)
