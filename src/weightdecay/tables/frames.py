"""Data frames of pandas and polars as one typed polars frame: numbers, truth values, dates and texts, gaps null."""

from __future__ import annotations

import datetime
import decimal
import numbers
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightdecay.tables.faults import Fault, Flaws
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted
from weightdecay.tables.retyped import WHOLE

if TYPE_CHECKING:
    import polars as pl


FRAME = Origin()


def needs_encoding(X: Any) -> bool:
    """Whether X is a pandas or polars data frame with anything but finite numbers: text, categories, dates or gaps.

    Neither package is imported for it.
    """
    if _is_frame(X, "polars"):
        kinds = X.schema.dtypes()
        if not all(kind.is_numeric() or kind.base_type().__name__ == "Boolean" for kind in kinds):
            return True
        if any(X.null_count().row(0)):
            return True
        return any(column.is_nan().any() for column in X if column.dtype.is_float())
    if _is_frame(X, "pandas"):
        if not all(isinstance(kind, np.dtype) and kind.kind in "iufb" for kind in X.dtypes):
            return not _plain_extensions(X)
        # The sum is nan where a number is, or where infinities cancel.
        floats = X.select_dtypes("floating") if any(kind.kind == "f" for kind in X.dtypes) else X.iloc[:, :0]
        return bool(floats.shape[1]) and bool(np.isnan(floats.to_numpy()).any())
    return False


def as_polars(
    X: Any,
    *,
    prose: Collection[str] = (),
    apart: Collection[str] = (),
    origin: Origin = FRAME,
    flaws: Flaws | None = None,
) -> pl.DataFrame:
    """A data frame as a typed polars frame.

    Parameters
    ----------
    X : polars or pandas DataFrame of shape (n, p)
        Names of columns become texts.
    prose : collection of str
        Columns to give as text whatever they hold.
    apart : collection of str
        Columns whose infinite numbers are told of elsewhere.
    origin : Origin
        Where the frame comes from.
    flaws : Flaws, optional
        Takes infinite numbers, which are raised else.

    Returns
    -------
    polars DataFrame of shape (n, p)
        Columns of Float64, Boolean, Date, Datetime, String and, where the frame says that a text is a category,
        Categorical or Enum; of another type where there is no use for it. NaN, NaT, None and NA are null.

    Raises
    ------
    TableError
        X is no data frame, has two columns of one name, a column of mixed objects, or an infinite number.
    """
    if _is_frame(X, "polars"):
        return _finite(_plain(X, prose), apart, origin, flaws)
    if _is_frame(X, "pandas"):
        return _finite(_plain(_from_pandas(X), prose), apart, origin, flaws)
    kind = type(X).__name__
    if kind == "LazyFrame":
        raise TableError("the table is a LazyFrame, which holds no rows yet; give table.collect()")
    raise TableError(
        f"the table is {'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}; give a pandas or polars DataFrame"
    )


def _is_frame(X: Any, package: str) -> bool:
    """Whether X is a DataFrame of the package, which is imported if it is."""
    module = sys.modules.get(package)
    return module is not None and isinstance(X, getattr(module, "DataFrame", ()))


def _plain_extensions(X: Any) -> bool:
    """Whether a pandas frame holds numbers without gaps, some of them in types of pandas' own."""
    numeric = sys.modules["pandas"].api.types.is_numeric_dtype
    return all(numeric(kind) for kind in X.dtypes) and not bool(X.isna().to_numpy().any())


def _plain(frame: pl.DataFrame, prose: Collection[str]) -> pl.DataFrame:
    """A polars frame in the few types that columns are read as."""
    import polars as pl
    from polars import selectors

    texts = [name for name in prose if name in frame.columns]
    numeric = selectors.numeric() - selectors.by_name(texts)
    casts = [
        numeric.cast(pl.Float64),
        *(pl.col(name).cast(pl.String) for name in texts if _castable(frame.schema[name])),
        (selectors.duration() - selectors.by_name(texts)).dt.total_microseconds().cast(pl.Float64) / 86_400_000_000,
        (selectors.by_dtype(pl.Null) - selectors.by_name(texts)).cast(pl.Float64),
    ]
    return frame.with_columns(casts)


def _finite(frame: pl.DataFrame, apart: Collection[str], origin: Origin, flaws: Flaws | None) -> pl.DataFrame:
    """The frame with null for nan; what is infinite is told, but for some columns."""
    import polars as pl

    found = Flaws(origin) if flaws is None else flaws
    floats = frame.select(pl.col(pl.Float64))
    if floats.width:
        nans = floats.select(pl.all().is_nan().any()).row(0)
        noted = [name for name, nan in zip(floats.columns, nans, strict=True) if nan]
        frame = frame.with_columns(pl.col(noted).fill_nan(None)) if noted else frame
        for name, infinite in zip(floats.columns, floats.select(pl.all().is_infinite().any()).row(0), strict=True):
            if infinite and name not in apart:
                found.add(_infinite(frame.get_column(name)))
    if flaws is None:
        found.check()
    return frame


def _castable(kind: pl.DataType) -> bool:
    """Whether a column of prose can be given as text."""
    return not kind.is_nested() and kind.base_type().__name__ not in ("Binary", "Object", "String")


def _infinite(column: pl.Series) -> Fault:
    """The fault of a column with an infinite number."""
    infinite = column.is_infinite().fill_null(False)
    row = int(infinite.arg_max() or 0)
    return Fault(column.name, "infinite", row, str(column[row]), int(infinite.sum()), 1.0)


def _from_pandas(X: Any) -> pl.DataFrame:
    """A pandas frame column by column, numbers of NumPy's types in one go each."""
    import polars as pl

    names = [_name(label) for label in X.columns]
    _check_names(names)
    made: dict[str, pl.Series] = {}
    places: dict[Any, list[int]] = {}
    for place, kind in enumerate(X.dtypes):
        plain = isinstance(kind, np.dtype) and kind.kind in "iufb"
        places.setdefault(kind if plain else None, []).append(place)
    for kind, group in places.items():
        if kind is None:
            made |= {names[place]: _column(names[place], X.iloc[:, place]) for place in group}
        else:
            block = X.iloc[:, group].to_numpy()
            block = block.astype(np.float64) if block.dtype == np.float16 else block
            made |= {names[place]: pl.Series(names[place], block[:, at]) for at, place in enumerate(group)}
    return pl.DataFrame([made[name] for name in names])


def _name(label: Any) -> str:
    """The name of a column; levels of names are joined."""
    return " ".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _check_names(names: Sequence[str]) -> None:
    """Every column has a name of its own."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in places:
            raise TableError(
                f"columns {places[name]} and {place} (counted from 0) have the same name {quoted(name)}; rename one"
            )
        places[name] = place


def _column(name: str, column: Any) -> pl.Series:
    """A pandas column of no plain type of numbers."""
    import polars as pl

    kind, package = column.dtype, sys.modules["pandas"]
    if isinstance(kind, package.CategoricalDtype):
        levels = pl.Series([None if level is None else _level(level) for level in kind.categories], dtype=pl.String)
        codes = pl.Series(np.asarray(column.cat.codes, dtype=np.int64))
        return levels.gather(codes.set(codes < 0, None)).cast(pl.Categorical).alias(name)
    if isinstance(kind, np.dtype) and kind.kind in "mM":
        return pl.Series(name, _to_microseconds(column.to_numpy()))
    types = package.api.types
    if isinstance(kind, package.DatetimeTZDtype):
        # In UTC, as texts with an offset are.
        return pl.Series(name, _to_microseconds(column.dt.tz_convert(None).to_numpy()))
    if types.is_bool_dtype(kind) or (types.is_numeric_dtype(kind) and not isinstance(kind, np.dtype)):
        missing = np.asarray(column.isna())
        dtype = np.bool_ if types.is_bool_dtype(kind) else np.float64
        values = pl.Series(name, column.to_numpy(dtype=dtype, na_value=dtype(0)))
        return values.set(pl.Series(missing), None) if missing.any() else values
    if isinstance(kind, np.dtype) and kind.kind == "c":
        return pl.Series(name, column.to_list(), dtype=pl.Object)
    return _objects(name, column)


def _level(level: Any) -> str:
    """A level as text; a whole number without a point, as new rows of such numbers have it."""
    number = float(level) if isinstance(level, float | np.floating) else 0.5
    return str(int(number)) if number.is_integer() and abs(number) <= WHOLE else str(level)


def _objects(name: str, column: Any) -> pl.Series:
    """A column of objects that are all of one kind."""
    import polars as pl

    missing = np.asarray(column.isna())
    values = [None if gap else value for gap, value in zip(missing.tolist(), column.tolist(), strict=True)]
    first = next((row for row, value in enumerate(values) if value is not None), None)
    if first is None:
        return pl.Series(name, values, dtype=pl.Float64)
    kinds = {type(value) for value in values if value is not None}
    what = {one: _what(one) for one in kinds}
    if len(set(what.values())) > 1:
        kind = what[type(values[first])]
        odd = next(row for row, value in enumerate(values) if value is not None and what[type(value)] != kind)
        shown = [f"{quoted(str(values[row]))} ({type(values[row]).__name__}) in row {row}" for row in (first, odd)]
        raise TableError(f"column {quoted(name)} holds {shown[0]}, but {shown[1]}; give values of one kind")
    kind = what[type(values[first])]
    if kind == "number":
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if kind == "other":
        return pl.Series(name, values, dtype=pl.Object)
    if kind == "moment":
        return _moments(name, values)
    dtype = {"text": pl.String, "truth value": pl.Boolean, "date": pl.Date}[kind]
    return pl.Series(name, [str(v) if kind == "text" and v is not None else v for v in values], dtype=dtype)


def _moments(name: str, values: list[Any]) -> pl.Series:
    """Moments, all of them with a zone or none."""
    import polars as pl

    zones = {str(value.tzinfo) for value in values if value is not None}
    if len(zones) > 1:
        named = " and ".join(sorted(map(quoted, zones))[:2])
        raise TableError(f"column {quoted(name)} holds moments in the zones {named}; give them in one zone")
    return pl.Series(name, [value and _in_utc(value) for value in values])


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    """A moment as texts of it are read: in UTC where it has a zone."""
    return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC).replace(tzinfo=None)


def _to_microseconds(values: Any) -> Any:
    """Moments or spans of NumPy in a unit that polars knows."""
    kind, unit = values.dtype.kind, np.datetime_data(values.dtype)[0]
    return values if unit in ("ms", "us", "ns") else values.astype(f"{kind}8[us]")


def _what(kind: type) -> str:
    """What objects of a type are."""
    for what, types in (
        ("text", str),
        ("truth value", (bool, np.bool_)),
        ("number", (numbers.Real, decimal.Decimal)),
        ("moment", datetime.datetime),
        ("date", datetime.date),
    ):
        if issubclass(kind, types):
            return what
    return "other"
