"""A `Tuning` as JSON types and from its JSON text, whatever is wrong with that said in a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from weightdecay.records.class_diagnostics import AnyDiagnostics, plain_diagnostics, read_class_diagnostics
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.grouping import read_grouping
from weightdecay.records.intervals import read_intervals
from weightdecay.records.jsonable import encode, number, numbers, pair
from weightdecay.records.later import Known
from weightdecay.records.training import read_training
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Reference, Tuning

# Fields that are JSON as they are, arrays as lists; the others need the words below.
_PLAIN = (
    *("decays", "losses", "weight", "mean", "standard_error", "paired", "status"),
    *("decay", "decay_min", "decay_1se", "window", "plausible", "rule", "cv", "scoring", "model_name", "tolerance"),
    *("standardize", "n_rows", "weight_sum", "y_std", "columns", "target_names", "source", "command", "notes"),
    *("classes", "l1_ratio"),
)
_NESTED = (
    *("findings", "opinions", "path", "diagnostics", "intervals", "grouping", "plan", "references", "trials"),
    "targets",
)


def plain(tuning: Tuning, path: DecayPath | None) -> dict[str, Any]:
    """A record as JSON types, with its path where it is to be there."""
    return {name: encode(getattr(tuning, name)) for name in _PLAIN} | {
        "verdict": tuning.verdict,
        "findings": [vars(one) for one in tuning.findings],
        "opinions": encode(tuning.opinions),
        "path": None if path is None else encode(vars(path)),
        "diagnostics": plain_diagnostics(tuning.diagnostics),
        "intervals": None if tuning.intervals is None else tuning.intervals.to_dict(),
        "training": None if tuning.training is None else tuning.training.to_dict(),
        "groups": encode(tuning.groups),
        "grouping": None if tuning.grouping is None else tuning.grouping.to_dict(),
        "plan": [encode(vars(one)) for one in tuning.plan],
        "references": [encode(vars(one)) for one in tuning.references],
        "trials": [encode(vars(one)) for one in tuning.trials],
        "targets": [one.to_dict() for one in tuning.targets],
    }


def read_tuning(text: str) -> Tuning:
    """The record that a text says.

    Raises
    ------
    ValueError
        When the text is not JSON, or not that of a `Tuning`.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"this is not JSON ({error}); give what Tuning.to_json() wrote, not the name of a file"
        ) from None
    missing = [name for name in (*_PLAIN, *_NESTED) if not isinstance(data, dict) or name not in data]
    if missing:
        raise ValueError(f"this JSON is not a Tuning: it lacks {missing[0]!r}; give what Tuning.to_json() wrote")
    try:
        tuning = _from_dict(data)
        wrong = _misfit(tuning)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        raise ValueError(f"this JSON is not a Tuning ({wrong}); give what Tuning.to_json() wrote")
    return tuning


def _misfit(tuning: Tuning) -> str:
    """The first field whose shape or value does not go with the others, empty when all do."""
    L, F = len(tuning.decays), len(tuning.weight)
    shapes = {"decays": (L,), "losses": (F, L), "weight": (F,), "status": (F, L)}
    shapes |= dict.fromkeys(("mean", "standard_error", "paired"), (L,))
    for name, shape in shapes.items():
        if getattr(tuning, name).shape != shape:
            return f"{name} has shape {getattr(tuning, name).shape} where {shape} is due"
    if tuning.decay_min not in tuning.decays:
        return f"decay_min {tuning.decay_min} is not among the decays"
    for name in ("rule", "cv", "scoring", "model_name", "source", "command"):
        if not isinstance(getattr(tuning, name), str):
            return f"{name} is {getattr(tuning, name)!r}, not text"
    if not isinstance(tuning.n_rows, int) or not isinstance(tuning.standardize, bool):
        return "n_rows is a whole number, and standardize true or false"
    return ""


def _path(data: dict[str, Any] | None) -> DecayPath | None:
    """A path from its JSON form."""
    if data is None:
        return None
    return DecayPath(
        decays=numbers(data["decays"]),
        coef=numbers(data["coef"]),
        intercept=numbers(data["intercept"]),
        df=numbers(data["df"]),
        train_loss=numbers(data["train_loss"]),
        status=tuple(data["status"]),
        columns=tuple(data["columns"]),
        target_names=tuple(data["target_names"]),
        units=data["units"],
    )


def _diagnostics(data: dict[str, Any] | None) -> AnyDiagnostics | None:
    """Diagnostics from their JSON form."""
    if data is None:
        return None
    if "classes" in data:
        return read_class_diagnostics(data)
    single = ("decay", "intercept", "least_squares_intercept", "df", "rank", "r2")
    names = ("coef", "least_squares", "fold_low", "fold_high", "fold_std", "scale", "fitted", "residual", "edges")
    spread = "posterior_std", "sandwich_std"
    given: dict[str, Any] = {name: number(data[name]) for name in single}
    given |= {name: number(data[name]) for name in ("posterior_intercept_std", "sandwich_intercept_std")}
    given |= {name: numbers(data[name]) for name in (*names, "quantiles", *spread)}
    return Diagnostics(folds=data["folds"], columns=tuple(data["columns"]), **given)


def _trial(data: Mapping[str, Any]) -> Trial:
    """One setting of a search in a space."""
    return Trial(
        data["params"],
        number(data["decay"]),
        number(data["mean"]),
        number(data["standard_error"]),
        number(data["paired"]),
        tuple(map(number, data.get("decays", ()))),
        tuple(map(number, data.get("losses", ()))),
    )


def _from_dict(data: dict[str, Any]) -> Tuning:
    """A `Tuning` from JSON types."""
    known = Known(
        {name: numbers(values) for name, values in data["opinions"].items()},
        _path(data["path"]),
        tuple(Finding(**one) for one in data["findings"]),
        _diagnostics(data["diagnostics"]),
        read_intervals(data["intervals"]),
        read_training(data.get("training")),  # records of older versions have none
    )
    return Tuning(
        decays=numbers(data["decays"]),
        losses=numbers(data["losses"]),
        weight=numbers(data["weight"]),
        mean=numbers(data["mean"]),
        standard_error=numbers(data["standard_error"]),
        paired=numbers(data["paired"]),
        decay=number(data["decay"]),
        decay_min=number(data["decay_min"]),
        decay_1se=number(data["decay_1se"]),
        window=pair(data["window"]),
        plausible=pair(data["plausible"]),
        status=np.asarray(data["status"], dtype=np.str_),
        rule=data["rule"],
        cv=data["cv"],
        scoring=data["scoring"],
        model_name=data["model_name"],
        tolerance=number(data["tolerance"]),
        standardize=data["standardize"],
        n_rows=data["n_rows"],
        weight_sum=number(data["weight_sum"]),
        y_std=number(data["y_std"]),
        columns=tuple(data["columns"]),
        target_names=tuple(data["target_names"]),
        source=data["source"],
        command=data["command"],
        notes=tuple(data["notes"]),
        classes=tuple(data["classes"]),
        l1_ratio=number(data["l1_ratio"]),
        grouping=read_grouping(data["grouping"]),
        plan=tuple(ColumnPlan(**{**one, "made": tuple(one["made"])}) for one in data["plan"]),
        references=tuple(
            Reference(one["name"], number(one["decay"]), number(one["mean"]), number(one["paired"]))
            for one in data["references"]
        ),
        trials=tuple(map(_trial, data["trials"])),
        targets=tuple(_from_dict(one) for one in data["targets"]),
        later=known,
    )
