"""Which model a table is for: the one that was asked for, or the one that its target calls for, and why."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from weightdecay.cli.sentences import counted

if TYPE_CHECKING:
    from weightdecay import (
        LinearRegression,
        LogisticRegression,
        NetworkClassifier,
        NetworkRegressor,
        PoissonRegression,
        Table,
    )

# What a target has to be read as for a model; None goes by its fields.
CLASSES = {"auto": None, "linear": False, "logistic": True, "poisson": False, "network": None}
CALLED = {"linear": "linear regression", "logistic": "logistic regression", "poisson": "Poisson regression"}
LONG_TAIL = 1.0  # skewness from which whole numbers look like counts
UNITS = {"linear": "Ridge.alpha", "logistic": "LogisticRegression.C", "poisson": "PoissonRegressor.alpha"}
# Scorers that judge one of two classes against the other.
OF_ONE_CLASS = ("f1", "precision", "recall", "jaccard", "average_precision")


@dataclass(frozen=True, eq=False)
class Model:
    """A table and the kind of model for it.

    Parameters
    ----------
    table : Table
    kind : {"linear", "logistic", "poisson"}
    said : str
        Which model was chosen and why, where that was left open.
    plain : bool
        Whether nothing else was to be expected.
    network : bool
        Whether it is a network for a target of that kind.
    """

    table: Table
    kind: str
    said: str = ""
    plain: bool = True
    network: bool = False

    @property
    def shown(self) -> Table:
        """The table for eyes, with what was chosen among its notes."""
        noted = self.plain and self.said
        return replace(self.table, notes=(*self.table.notes, self.said)) if noted else self.table

    def estimator(
        self, exempt: Sequence[str], class_weight: str | None, **settings: Any
    ) -> LinearRegression | LogisticRegression | PoissonRegression:
        """The estimator for the table's columns, some of them exempt from decay with all that is made of them.

        Raises
        ------
        typer.BadParameter
            Class weights were given, and numbers are predicted.
        ValueError
            A column to exempt is not there.
        """
        import weightdecay as wd

        known = dict.fromkeys([*self.table.columns, *(name for one in self.table.plan for name in one.made)])
        for name in exempt:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "name columns of the table"
                raise ValueError(f"column {name!r} to exempt from decay is none of the columns to learn from; {hint}")
        weights = dict.fromkeys(exempt, 0.0) if exempt else None
        if self.kind == "logistic":
            return wd.LogisticRegression(decay_weights=weights, class_weight=class_weight, **settings)
        if class_weight is not None:
            why = f"it weighs classes, and {CALLED[self.kind]} predicts numbers; leave it out, or give --model logistic"
            raise typer.BadParameter(why, param_hint="'--class-weight'")
        if self.kind == "poisson":
            return wd.PoissonRegression(decay_weights=weights, **settings)
        return wd.LinearRegression(decay_weights=weights, **settings)

    def trained(self, seed: int | None, **settings: Any) -> NetworkRegressor | NetworkClassifier:
        """The network for the table's target, whose initial weights and batches come of the seed."""
        import weightdecay as wd

        kind = wd.NetworkClassifier if self.kind == "logistic" else wd.NetworkRegressor
        return kind(random_state=seed, **settings)

    @property
    def unit(self) -> str:
        """The parameter of scikit-learn whose numbers are taken for decays most often; of a network there is none."""
        if self.network:
            return ""
        return f"sklearn.{UNITS[self.kind]}"


@dataclass(frozen=True)
class _Called:
    """What models are called, and what to do where the target was taken for the wrong kind."""

    numbers: str
    classes: str
    two: str
    few: str


REGRESSIONS = _Called(
    "linear regression",
    "logistic regression",
    " (--model linear takes them for amounts)",
    "if they are classes, give --model logistic",
)
NETWORKS = _Called(
    "a network for numbers",
    "a network for classes",
    " (--numbers takes them for amounts)",
    "if they are classes, give --classes",
)


def chosen(model: str, data: Path, target: str, *, classes: bool | None = None, **how: Any) -> Model:
    """The model that was asked for, or that the target calls for, and the table read for it.

    Texts, truth values and two different numbers are classes; other numbers are not, though they be few.

    Parameters
    ----------
    model : {"auto", "linear", "logistic", "poisson", "network"}
    classes : bool or None
        Whether the target is of classes, where that was said.
    data, target, how
        What `wd.read` is given.

    Raises
    ------
    typer.BadParameter
        What was said of the target is not what the model predicts.
    ValueError
        A network was asked for, and PyTorch is not installed.
    """
    import weightdecay as wd

    wanted = CLASSES[model] if classes is None else classes
    if wanted is not None and CLASSES[model] not in (None, wanted):
        other = "logistic" if wanted else "linear"
        why = f"{CALLED[model]} predicts {'numbers' if wanted else 'classes'}; give --model {other}, or network"
        raise typer.BadParameter(why, param_hint="'--classes'" if wanted else "'--numbers'")
    if model == "network" and find_spec("torch") is None:
        raise ValueError("a network needs PyTorch, which is not installed; pip install weightdecay[torch]")
    table = wd.read(data, target, classes=wanted, **how)
    called = NETWORKS if model == "network" else REGRESSIONS
    kind = "logistic" if wanted else "poisson" if model == "poisson" else "linear"
    found = _by_target(table, called) if wanted is None else Model(table, kind)
    return replace(found, network=model == "network")


def _by_target(table: Table, called: _Called) -> Model:
    """The model that the target calls for."""
    target = repr(table.target if len(table.target) <= 60 else table.target[:59] + "…")
    if table.target_kind == "classes":
        what = "true and false" if table.y.dtype.kind == "b" else f"text with {len(table.classes):,} values"
        if table.y.dtype.kind in "if":
            what = f"a category with {len(table.classes):,} values"
        return _noted(Model(table, "logistic", f"{called.classes}, since the target {target} is {what}"))
    values = table.like_classes
    if len(values) == 2:
        two = f"has two values, {values[0]:g} and {values[1]:g}{called.two}"
        return _noted(Model(table.as_classes(), "logistic", f"{called.classes}, since the target {target} {two}"))
    said = f"{called.numbers}, since the target {target} is of numbers"
    if values:
        few = f"only {counted(len(values), 'different one')}, all whole: {called.few}"
        return _noted(Model(table, "linear", f"{said}; it has {few}"))
    if called is REGRESSIONS and _counts(table):
        return _noted(Model(table, "linear", f"{said}; all are whole and skewed: if it counts, try --model poisson"))
    return Model(table, "linear", said)


def _counts(table: Table) -> bool:
    """Whether a target may be of counts, whose spread grows with their mean: whole, from 0 up, with a long tail."""
    import numpy as np

    values = np.asarray(table.y, dtype=float)
    values = values[np.isfinite(values)]
    if not values.size or values.min() < 0 or (values != np.rint(values)).any():
        return False
    centre, spread = values.mean(), values.std()
    return bool(spread > 0 and ((values - centre) ** 3).mean() > LONG_TAIL * spread**3 and 2 * spread > centre)


def _noted(model: Model) -> Model:
    """The model whose choice is told with what else was done to the table, in all that comes of it."""
    table = replace(model.table, notes=(*model.table.notes, model.said))
    return replace(model, table=table, plain=False)


def scoring_said(asked: str | None, used: str, table: Table) -> str:
    """What a scorer of classes was taken for, where its name leaves that open; the empty text where it does not.

    Parameters
    ----------
    asked : str or None
        What was given on the command line.
    used : str
        `Tuning.scoring`.
    table : Table
    """
    import numpy as np

    name, classes = used.removeprefix("−"), table.classes
    if asked is None or not classes:
        return ""
    if name in OF_ONE_CLASS and len(classes) == 2:
        ones = [one == 1 for one in np.unique(table.y).tolist()]
        return f"--scoring {asked}: the positive class is {classes[ones.index(True) if any(ones) else 1]!r}"
    if name == asked:
        return ""
    mean = f", the mean over the {len(classes)} classes" if name.endswith(("_macro", "_ovr")) else ""
    return f"--scoring {asked}: {name}{mean}"
