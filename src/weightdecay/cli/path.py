"""``weightdecay path``: the coefficients along a path of decays."""

from __future__ import annotations

import sys
from typing import Any

from weightdecay.cli import options
from weightdecay.cli.options import (
    AsJson,
    ClassWeight,
    Data,
    Decays,
    Drop,
    DryRun,
    Exempt,
    Intercept,
    L1Ratio,
    Missing,
    Models,
    SkipMissing,
    Standardize,
    Target,
    Text,
    Weight,
)
from weightdecay.cli.sentences import say, sentences, tell


def path(
    data: Data,
    *,
    target: Target,
    model: Models = "auto",
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
    l1_ratio: L1Ratio = 0.0,
    class_weight: ClassWeight = None,
    dry_run: DryRun = False,
) -> None:
    """Fit DATA.CSV at every decay and show the coefficients in the units of the columns."""
    options.one_of("--model", model, options.MODELS)
    if class_weight is not None:
        options.one_of("--class-weight", class_weight, options.CLASS_WEIGHTS)
    grid = options.decays(decays)
    with sentences():
        import weightdecay as wd
        from weightdecay.cli import dry_run as dry
        from weightdecay.cli.models import chosen
        from weightdecay.cli.work import warn_of_units

        how: dict[str, Any] = {"drop": options.names(drop), "text": options.names(text)}
        how |= {"missing": options.names(missing), "weight": weight, "skip_missing_target": skip_missing_target}
        picked = chosen(model, data, target, **how)
        table = picked.table
        if standardize:
            warn_of_units(grid, table, picked.unit)
        settings = {"standardize": standardize, "fit_intercept": intercept, "l1_ratio": l1_ratio}
        estimator = picked.estimator(options.names(decay_exempt), class_weight, **settings)
        if as_json and not picked.plain:
            say(picked.said)
        if dry_run:
            dry.show(table if as_json else picked.shown, "fitting all rows at every decay", as_json=as_json)
            return
        fitted = wd.path(estimator, table, decays=grid)
        if as_json:
            sys.stdout.write(wd.terminal.json_line(fitted) + "\n")
        else:
            tell(wd.terminal.path(fitted, picked.shown))
