"""Raw tables: a `Table`, or a frame with text, dates or gaps, made ready for an estimator, and the result for eyes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.encoding import Encoded
from weightdecay.records.finding import Finding
from weightdecay.records.later import Later
from weightdecay.records.table import Table
from weightdecay.records.tuning import Tuning
from weightdecay.studies.fitters import Ours
from weightdecay.studies.plain_data import check_given, check_rectangle
from weightdecay.studies.table_model import TableModel
from weightdecay.tables.encoder import Encoder, encode, needs_encoding
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.later import worst_first
from weightdecay.tuning.time_folds import FOLDS, folds_by_time

Array = NDArray[np.float64]

# Share of missing values in a column that is told.
MANY_MISSING = 0.2
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Given:
    """What `tune` and `path` are given, whatever form it came in.

    Parameters
    ----------
    X, y, sample_weight, groups
        As they go to an estimator that needs no encoding.
    table : Table or None
        Where X was one.
    encoder, encoded : Encoder and Encoded, or None
        Where X needs it.
    text : tuple of str
        Columns of prose.
    """

    X: Any
    y: Any
    sample_weight: Any
    groups: Any
    table: Table | None = None
    encoder: Encoder | None = None
    encoded: Encoded | None = None
    text: tuple[str, ...] = ()

    def of(self, estimator: Any) -> tuple[Any, Any]:
        """An estimator and the data for it: ours take the wide design, others get an encoder before them."""
        if isinstance(estimator, Ours):
            check_rectangle(self.X if self.encoded is None else self.encoded.matrix, self.y)
        if self.encoder is None or isinstance(estimator, Pipeline):
            return estimator, self.X
        if isinstance(estimator, Ours):
            return estimator, self.encoded
        return Pipeline([("table", TableEncoder(self.text)), ("model", estimator)]), self.X

    def folds(self, cv: Any) -> Folds | Any:
        """What holds rows out: later ones by earlier ones where the table has times, unless splits are given."""
        times = None if self.table is None else self.table.times
        if times is None:
            return cv
        if isinstance(cv, str) and cv != "auto":
            raise ValueError(f"cv={cv!r} would hold earlier rows out by later ones; give a number of folds by time")
        automatic = cv is None or isinstance(cv, str)
        return folds_by_time(times, FOLDS if automatic else int(cv)) if automatic or isinstance(cv, int) else cv

    def told(self, tuning: Tuning, estimator: Any) -> Tuning:
        """The record with what is known of the table it came from."""
        if self.table is not None:
            names = tuning.target_names or ((self.table.target,) if not tuning.targets else ())
            tuning = replace(tuning, source=self.table.source, target_names=names, notes=self.table.notes)
        if self.encoder is None or not isinstance(estimator, Ours):
            return tuning
        target = self.table.target if self.table is not None else ", ".join(tuning.target_names)
        later = OfTable(tuning.later, self.encoder, target, self.plan)
        return replace(tuning, plan=self.plan, later=later)

    @property
    def plan(self) -> tuple[ColumnPlan, ...]:
        """Of all columns of the file, or of the frame."""
        if self.table is not None and self.table.plan:
            return self.table.plan
        return () if self.encoder is None else self.encoder.plan


def given(X: Any, y: Any, sample_weight: Any, groups: Any, text: Sequence[str] = ()) -> Given:
    """Take a table apart, and encode what is no table of numbers."""
    table = X if isinstance(X, Table) else None
    if table is not None:
        _check_alone(y, sample_weight, groups)
        X, y, sample_weight, groups = table.X, table.y, table.weight, table.groups
        text = (*table.text, *text)
    elif y is None:
        raise ValueError("y is None; expected one value per row, unless X is a Table from wd.read, which has its own")
    check_given(X, y, sample_weight)
    if isinstance(text, str):
        raise ValueError(f"text={text!r}: expected a list of column names, such as text=[{text!r}]")
    found = Given(X, y, sample_weight, groups, table, text=tuple(text))
    if not (text or needs_encoding(X)):
        return found
    encoder, encoded = encode(X, text=tuple(text), used=_counted(sample_weight, len(X)))
    return replace(found, encoder=encoder, encoded=encoded)


def _counted(sample_weight: Any, n: int) -> NDArray[np.bool_] | None:
    """Which of n rows count, None where all do; weights that are none are told of when they are used."""
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    sound = weight.shape == (n,) and np.isfinite(weight).all() and (weight >= 0).all()
    return weight > 0 if sound and np.count_nonzero(weight) > 1 else None


def _check_alone(y: Any, sample_weight: Any, groups: Any) -> None:
    """A table brings its own."""
    for name, value in (("y", y), ("sample_weight", sample_weight), ("groups", groups)):
        if value is not None:
            raise ValueError(f"{name} is given beside a Table, which has its own; give table.X and {name}, or neither")


@final
@dataclass(frozen=True, eq=False)
class OfTable:
    """What may be asked of a tuning of an encoded table."""

    inner: Later
    encoder: Encoder
    target: str
    plan: tuple[ColumnPlan, ...]

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria at the decays."""
        return self.inner.opinions(decays)

    def path(self, decays: Array) -> DecayPath:
        """Fitted models at the decays."""
        return self.inner.path(decays)

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Those of the numbers, and those of the table."""
        return worst_first((*self.inner.findings(tuning), *plan_findings(self.plan, tuning)))

    def diagnostics(self) -> Diagnostics | None:
        """The model in use looked at closely."""
        return self.inner.diagnostics()

    def model(self) -> TableModel:
        """The estimator with the encoder before it."""
        return TableModel(self.inner.model(), self.encoder, self.target)


def plan_findings(plan: Sequence[ColumnPlan], tuning: Tuning) -> Iterator[Finding]:
    """WD015, WD017, WD019: columns left out though nobody said so, columns with many gaps, dates held out at random."""
    left = [one for one in plan if one.kind == "dropped" and not one.done.startswith("left out as asked")]
    if left:
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        reasons = "; ".join(f"{one.name!r}: {one.done}" for one in left[:SHOWN])
        yield Finding(
            "WD015",
            "info",
            f"{len(left)} column{'s' if len(left) > 1 else ''} of the table cannot be learned from ({reasons}{more})",
            "name prose as text, rewrite numbers and dates that are not read as such, or drop what is of no use",
        )
    rows = tuning.n_rows
    gaps = sorted((one for one in plan if one.made and one.missing > MANY_MISSING * rows), key=lambda one: -one.missing)
    if gaps:
        shares = ", ".join(f"{one.name!r} {100 * min(1.0, one.missing / rows):.0f} %" for one in gaps[:SHOWN])
        more = f" and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
        yield Finding(
            "WD017",
            "info",
            f"many values are missing: {shares}{more}",
            "ask why they are missing; if it is by chance, leave out those rows, and if hardly a value is there, the "
            "column",
        )
    dates = [one.name for one in plan if one.kind == "date"]
    if dates and re.match(r"leave-one-out|\d+ folds$", tuning.cv):
        yield Finding(
            "WD019",
            "info",
            f"rows have dates ({', '.join(map(repr, dates[:SHOWN]))}), but were held out at random ({tuning.cv})",
            "if later rows are to be predicted from earlier ones, hold them out so: by --time-column on the command "
            "line, by wd.time_folds in Python",
        )


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The encoding of a table as a step of a scikit-learn Pipeline, learned anew by every fit.

    Parameters
    ----------
    text : sequence of str
        Columns of prose.
    """

    def __init__(self, text: Sequence[str] = ()) -> None:
        self.text = text

    def fit(self, X: Any, y: Any = None) -> TableEncoder:
        """Learn the encoding of a table.

        Parameters
        ----------
        X : data frame of shape (n, …)
        y : ignored

        Returns
        -------
        TableEncoder
            Itself.
        """
        self.encoder_, _ = encode(X, text=tuple(self.text))
        return self

    def transform(self, X: Any) -> Any:
        """The rows of a table in the columns that were learned, (n, p)."""
        return self.encoder_.apply(X)[0]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, (p,)."""
        return np.asarray(self.encoder_.names, dtype=object)
