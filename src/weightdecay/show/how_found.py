"""How an answer was found: what repeats it, and with which versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

from weightdecay.records.brief import brief
from weightdecay.records.training_words import population_words, run_words
from weightdecay.records.tuning import Tuning
from weightdecay.show.fold_words import counted
from weightdecay.show.names import NAME
from weightdecay.show.sanitize import for_html, shortened

FAMILIES = ("weightdecay", "numpy", "scipy", "scikit-learn")
# What trains networks.
OF_NETWORKS = ("torch",)
# What reads files and encodes tables.
OF_TABLES = ("polars",)
NETWORKS = ("NetworkClassifier", "NetworkRegressor")
TEXT_LIMIT = 1000
TARGETS = 20  # that are named


def facts(tuning: Tuning) -> tuple[tuple[str, str], ...]:
    """Names and values, without those that are not known."""
    columns = [one for one in tuning.plan if one.made]
    numbers = counted(len(tuning.columns), "column")
    made = f"{len(columns):,} of the table, made into {numbers} of numbers" if columns else ""
    weights = "" if tuning.weight_sum == tuning.n_rows else f"{tuning.weight_sum!r}"
    families = FAMILIES + (OF_TABLES if tuning.source or tuning.plan else ())
    families += OF_NETWORKS if tuning.model_name in NETWORKS else ()
    found = {
        "command": for_html(tuning.command, TEXT_LIMIT),
        "file": for_html(tuning.source, TEXT_LIMIT),
        "target" if len(tuning.target_names) == 1 else "targets": for_html(_listed(tuning.target_names), TEXT_LIMIT),
        "classes": for_html(_listed(tuning.classes), TEXT_LIMIT),
        "model": for_html(tuning.model_name),
        "rows with positive weight": f"{tuning.n_rows:,}",
        "sum of the weights": weights,
        "columns": made or f"{len(tuning.columns):,}",
        "rule": for_html(tuning.rule),
        **_trained(tuning),
        "folds": for_html(tuning.cv),
        "decays tried": f"{len(tuning.decays):,}, from {tuning.decays[0]:.4g} to {tuning.decays[-1]:.4g}",
        "decay in use, in full": "" if tuning.targets else repr(float(tuning.decay)),
        "columns are standardised": "yes" if tuning.standardize else "no",
        "tolerance of the window": f"{100 * tuning.tolerance:g} %",
        "versions": ", ".join(versions(families)),
    }
    return tuple((name, value) for name, value in found.items() if value)


def _trained(tuning: Tuning) -> dict[str, str]:
    """How networks were trained."""
    found = tuning.training
    if found is None:
        return {}
    dropout = f", dropout {brief(found.dropout)}" if found.dropout > 0 else ""
    stopped = ", the epoch with the least loss of rows kept aside" if found.early_stopping else ""
    return {
        "optimiser": f"{for_html(found.optimizer)}, learning rate {brief(found.learning_rate)}{dropout}",
        "form of decay": for_html(found.form),
        "training": f"{run_words(found)}{stopped}",
        "networks trained": population_words(found) + (", for the setting in use" if tuning.trials else ""),
    }


def _listed(every: tuple[str, ...]) -> str:
    """The first names of targets or classes."""
    names = [shortened(name, NAME) for name in every[:TARGETS]]
    left = len(every) - len(names)
    return ", ".join(names) + (f" and {left} more" if left else "")


def versions(families: Iterable[str]) -> Iterable[str]:
    """What is installed, as its own records say."""
    yield f"Python {platform.python_version()}"
    for family in families:
        try:
            yield f"{family} {metadata.version(family)}"
        except metadata.PackageNotFoundError:
            continue
