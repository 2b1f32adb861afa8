"""Targets of tables: what of a `Table` an estimator is to predict, numbers or classes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from weightdecay.records.table import Table
from weightdecay.studies.penalties import last_step
from weightdecay.tables.preflight import TableError, quoted

SHOWN = 3


def classifies(estimator: Any) -> bool:
    """Whether what was given is an estimator that predicts classes."""
    return isinstance(estimator, BaseEstimator) and bool(is_classifier(estimator))


def target_for(table: Table, estimator: Any) -> NDArray[Any]:
    """The target (n,) of a table for an estimator: of a classifier labels, whole numbers as such.

    Raises
    ------
    ValueError
        The estimator predicts numbers and the target is of classes, or the other way about.
    """
    if classifies(estimator):
        return table.as_classes().y
    if table.target_kind != "classes" or isinstance(estimator, type):
        return table.y
    names = [quoted(name) for name in table.classes]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    kind = type(last_step(estimator)[0]).__name__
    source = f" of {quoted(table.source, 200)}" if table.source else ""
    better = "NetworkClassifier" if kind == "NetworkRegressor" else "LogisticRegression"
    numbers = ", or read it with classes=False" if table.y.dtype.kind != "O" else ""
    raise TableError(
        f"target column {quoted(table.target)}{source} is of classes ({', '.join(names[:SHOWN])}{more}), and {kind} "
        f"predicts numbers; tune wd.{better}(){numbers}"
    )
