"""``weightdecay path``: the coefficients along a path of decays."""

from __future__ import annotations

import sys

from weightdecay.cli import options
from weightdecay.cli.options import AsJson, Data, Decays, Drop, Exempt, Intercept, Standardize, Target, Weight
from weightdecay.cli.sentences import sentences, tell


def path(
    data: Data,
    *,
    target: Target,
    as_json: AsJson = False,
    drop: Drop = None,
    weight: Weight = None,
    decays: Decays = None,
    standardize: Standardize = True,
    intercept: Intercept = True,
    decay_exempt: Exempt = None,
) -> None:
    """Fit DATA.CSV at every decay and show the coefficients in the units of the columns."""
    grid = options.decays(decays)
    with sentences():
        import weightdecay as wd
        from weightdecay.cli.work import linear, read, warn_of_units

        table = read(data, target, options.names(drop), weight)
        if standardize:
            warn_of_units(grid, table)
        estimator = linear(table, options.names(decay_exempt), standardize=standardize, fit_intercept=intercept)
        fitted = wd.path(estimator, table.X, table.y, decays=grid, sample_weight=table.weight)
        if as_json:
            sys.stdout.write(wd.terminal.json_line(fitted) + "\n")
        else:
            tell(wd.terminal.path(fitted, table))
