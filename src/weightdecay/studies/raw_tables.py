"""Raw tables: a `Table`, or a frame with text, dates or gaps, made ready for an estimator, and the result for eyes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as take

from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.encoding import Encoded
from weightdecay.records.finding import Finding
from weightdecay.records.intervals import Intervals
from weightdecay.records.later import Later
from weightdecay.records.table import Table
from weightdecay.records.training import Training
from weightdecay.records.tuning import Tuning
from weightdecay.studies.fitters import Ours
from weightdecay.studies.penalties import penalised
from weightdecay.studies.plain_data import check_given, check_rectangle
from weightdecay.studies.table_model import TableModel
from weightdecay.studies.targets import target_for
from weightdecay.tables.encoder import Encoder, encode, needs_encoding
from weightdecay.tables.relearned import relearned
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.later import worst_first
from weightdecay.tuning.time_folds import FOLDS, folds_by_time

Array = NDArray[np.float64]

# Share of missing values in a column that is told.
MANY_MISSING = 0.2
SHOWN = 5
# Folds, in words, that know neither groups nor times.
AT_RANDOM = re.compile(r"leave-one-out|[\d,]+ folds( of (Repeated|Stratified)*(KFold|ShuffleSplit))?$")


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
        if self.encoder is None:
            return estimator, self.X
        if isinstance(estimator, Pipeline):
            penalised(estimator)
            counted = _counted(self.sample_weight, len(self.X))
            rows = np.arange(len(self.X)) if counted is None else np.flatnonzero(counted)
            check_steps(estimator, take(self.X, rows), take(self.y, rows))
            return estimator, self.X
        if isinstance(estimator, Ours):
            return estimator, self.encoded
        return Pipeline([("table", TableEncoder(self.text, self.encoder)), ("model", estimator)]), self.X

    def folds(self, cv: Any) -> Folds | Any:
        """What holds rows out: later ones by earlier ones where the table has times, unless splits are given."""
        times = None if self.table is None else self.table.times
        if times is None:
            return cv
        if self.groups is not None:
            raise ValueError("the table has groups and times, and rows are held out by one of them; read it with one")
        if isinstance(cv, str) and cv != "auto":
            raise ValueError(f"cv={cv!r} would hold earlier rows out by later ones; give a number of folds by time")
        used = None if self.sample_weight is None else np.asarray(self.sample_weight) > 0
        if cv is None or isinstance(cv, str):
            return folds_by_time(times, FOLDS, used)
        return folds_by_time(times, cv, used) if isinstance(cv, int | np.integer) else cv

    def told(self, tuning: Tuning, estimator: Any) -> Tuning:
        """The record with what is known of the table it came from."""
        if self.table is not None:
            names = tuning.target_names or ((self.table.target,) if not tuning.targets else ())
            tuning = replace(tuning, source=self.table.source, target_names=names, notes=self.table.notes)
        if self.encoder is None or not isinstance(estimator, Ours):
            return tuning
        target = self.table.target if self.table is not None else ", ".join(tuning.target_names)
        later = OfTable(tuning.later, self.encoder, target, self.plan, len(self.X))
        return replace(tuning, plan=self.plan, later=later)

    @property
    def plan(self) -> tuple[ColumnPlan, ...]:
        """Of all columns of the file, or of the frame."""
        if self.table is not None and self.table.plan:
            return self.table.plan
        return () if self.encoder is None else self.encoder.plan


def given(X: Any, y: Any, sample_weight: Any, groups: Any, text: Sequence[str] = (), estimator: Any = None) -> Given:
    """Take a table apart, and encode what is no table of numbers; an estimator says what kind of target it needs."""
    table = X if isinstance(X, Table) else None
    if table is not None:
        _check_alone(y, sample_weight, groups)
        X, y, sample_weight, groups = table.X, target_for(table, estimator), table.weight, table.groups
        text = (*table.text, *text)
    elif y is None:
        raise ValueError("y is None; expected one value per row, unless X is a Table from wd.read, which has its own")
    check_given(X, y, sample_weight)
    if isinstance(text, str):
        raise ValueError(f"text={text!r}: expected a list of column names, such as text=[{text!r}]")
    found = Given(X, y, sample_weight, groups, table, text=tuple(text))
    # New rows may have gaps where a table has none, and only an encoder remembers the words for them.
    reading = None if table is None else table.reading
    if not (text or needs_encoding(X) or (reading is not None and reading.missing)):
        return found
    encoder, encoded = encode(X, text=tuple(text), used=_counted(sample_weight, len(X)), reading=reading)
    return replace(found, encoder=encoder, encoded=encoded)


def _counted(sample_weight: Any, n: int) -> NDArray[np.bool_] | None:
    """Which of n rows count, None where all do; weights that are none are told of when they are used."""
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    sound = weight.shape == (n,) and np.isfinite(weight).all() and (weight >= 0).all()
    return weight > 0 if sound and np.count_nonzero(weight) > 1 else None


def check_steps(pipeline: Pipeline, X: Any, y: Any) -> None:
    """Refuse a Pipeline whose steps make no numbers of a table with text, dates or gaps.

    Raises
    ------
    ValueError
        They do not; the sentence has their own reason.
    """
    reason = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = clone(pipeline[:-1]).fit(X, y).transform(X) if len(pipeline.steps) > 1 else X
            values = np.asarray(made.data if issparse(made) else made, dtype=np.float64)
        if np.isnan(values).any():
            reason = "missing values are left"
    except (ValueError, TypeError) as error:
        reason = shorten(str(error).partition("\n")[0].rstrip(".:") or type(error).__name__, 200, placeholder=" …")
    if reason:
        last = type(pipeline.steps[-1][1]).__name__
        raise ValueError(
            f"the Pipeline gets the table as it is, and its steps make no numbers of it ({reason}); encode text, dates "
            f"and gaps in its first step (ColumnTransformer), or give {last} alone, for which wd.tune does it"
        )


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
    n: int

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria at the decays."""
        return self.inner.opinions(decays)

    def path(self, decays: Array) -> DecayPath:
        """Fitted models at the decays."""
        return self.inner.path(decays)

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Those of the numbers, and those of the table."""
        return worst_first((*self.inner.findings(tuning), *plan_findings(self.plan, self.n, tuning)))

    def diagnostics(self) -> AnyDiagnostics | None:
        """The model in use looked at closely."""
        return self.inner.diagnostics()

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Intervals for the held-out loss."""
        return self.inner.intervals(tuning)

    def training(self, tuning: Tuning) -> Training | None:
        """How networks were trained."""
        return self.inner.training(tuning)

    def model(self) -> TableModel:
        """The estimator with the encoder before it."""
        return TableModel(self.inner.model(), self.encoder, self.target)


def plan_findings(plan: Sequence[ColumnPlan], rows: int, tuning: Tuning) -> Iterator[Finding]:
    """WD015, WD017, WD019: columns left out though nobody said so, columns with many gaps, dates held out at random."""
    left = [one for one in plan if one.kind == "dropped" and not one.done.startswith("left out as asked")]
    if left:
        more = f" and {len(left) - SHOWN:,} more" if len(left) > SHOWN else ""
        reasons = "; ".join(f"{one.name!r}: {one.done}" for one in left[:SHOWN])
        yield Finding(
            "WD015",
            "info",
            f"{len(left):,} column{'s' if len(left) > 1 else ''} of the table cannot be learned from ({reasons}{more})",
            "name prose as text, rewrite numbers and dates that are not read as such, or drop what is of no use",
        )
    gaps = sorted((one for one in plan if one.made and one.missing > MANY_MISSING * rows), key=lambda one: -one.missing)
    if gaps:
        shares = ", ".join(f"{one.name!r} {100 * one.missing / rows:.0f} %" for one in gaps[:SHOWN])
        more = f" and {len(gaps) - SHOWN:,} more" if len(gaps) > SHOWN else ""
        yield Finding(
            "WD017",
            "info",
            f"many values are missing: {shares}{more}",
            "ask why they are missing; if it is by chance, leave out those rows, and if hardly a value is there, the "
            "column",
        )
    dates = [one.name for one in plan if one.kind == "date"]
    if dates and AT_RANDOM.match(tuning.cv):
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
    encoder : Encoder, optional
        Of the whole table: what its columns are taken for, whatever a part of the rows would suggest.
    """

    def __init__(self, text: Sequence[str] = (), encoder: Encoder | None = None) -> None:
        self.text = text
        self.encoder = encoder

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
        whole = encode(X, text=tuple(self.text))[0] if self.encoder is None else self.encoder
        self.encoder_ = whole if self.encoder is None else relearned(whole, X)
        return self

    def transform(self, X: Any) -> Any:
        """The rows of a table in the columns that were learned, (n, p)."""
        return self.encoder_.apply(X)[0]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, (p,)."""
        return np.asarray(self.encoder_.names, dtype=object)
