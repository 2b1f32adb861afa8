"""``weightdecay path``: the coefficients along a path of decays."""

from __future__ import annotations

import sys

from weightdecay.cli import options
from weightdecay.cli.options import (
    AsJson,
    Data,
    Decays,
    Drop,
    DryRun,
    Exempt,
    Intercept,
    Missing,
    SkipMissing,
    Standardize,
    Target,
    Text,
    Weight,
)
from weightdecay.cli.sentences import sentences, tell


def path(
    data: Data,
    *,
    target: Target,
    as_json: AsJson = False,
    drop: Drop = None,
    text: Text = None,
    weight: Weight = None,
    missing: Missing = None,
    skip_missing_target: SkipMissing = False,
    decays: Decays = None,
    standardize: Standardize = True,
    intercept: Intercept = True,
    decay_exempt: Exempt = None,
    dry_run: DryRun = False,
) -> None:
    """Fit DATA.CSV at every decay and show the coefficients in the units of the columns."""
    grid = options.decays(decays)
    with sentences():
        import weightdecay as wd
        from weightdecay.cli import dry_run as dry
        from weightdecay.cli.work import linear, warn_of_units

        table = wd.read(
            data,
            target,
            drop=options.names(drop),
            weight=weight,
            text=options.names(text),
            missing=options.names(missing),
            skip_missing_target=skip_missing_target,
        )
        if standardize:
            warn_of_units(grid, table)
        estimator = linear(table, options.names(decay_exempt), standardize=standardize, fit_intercept=intercept)
        if dry_run:
            dry.show(table, "fitting all rows at every decay", as_json=as_json)
            return
        fitted = wd.path(estimator, table, decays=grid)
        if as_json:
            sys.stdout.write(wd.terminal.json_line(fitted) + "\n")
        else:
            tell(wd.terminal.path(fitted, table))
