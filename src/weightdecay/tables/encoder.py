"""A table of numbers, categories, dates and texts as a wide design of numbers, and new rows in the same columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import KINDS, ColumnPlan
from weightdecay.records.encoding import Encoded, Encoding
from weightdecay.records.reading import Reading
from weightdecay.tables.faults import Flaws
from weightdecay.tables.frames import FRAME, as_polars, needs_encoding
from weightdecay.tables.gaps import without
from weightdecay.tables.kinds import told_of_dates, typed
from weightdecay.tables.learned import learn
from weightdecay.tables.origin import Origin
from weightdecay.tables.pieces import Piece, assembled
from weightdecay.tables.preflight import TableError, nearest, quoted
from weightdecay.tables.recipes import RECIPES, Category, Dates, Number, Prose, Recipe
from weightdecay.tables.retyped import numbers_settled

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Encoder", "encode", "needs_encoding"]

Used = NDArray[np.bool_]
Array = NDArray[np.float64]

FORMAT = 3
# The first had no words for gaps and no forms of dates, the second no words for truth values.
READ = (1, 2, FORMAT)
SHOWN = 6


@dataclass(frozen=True)
class Encoder:
    """How a table becomes a wide design, as learned from one table.

    Parameters
    ----------
    recipes : tuple of Recipe
        One for each column that is learned from.
    names : tuple of p str
        Names of the columns of the design, unique.
    plan : tuple of ColumnPlan
        What became of every column of the table, those left out too.
    missing : tuple of str
        Words for gaps that the user named.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame({"age": [1.0, None, 4.0], "sex": ["f", "m", "f"]})
    >>> encoder, encoded = encode(table)
    >>> encoder.names
    ('age', 'age is missing', 'sex = f', 'sex = m')
    >>> encoded.matrix.tolist()
    [[1.0, 0.0, 1.0, 0.0], [2.5, 1.0, 0.0, 1.0], [4.0, 0.0, 1.0, 0.0]]
    >>> encoder.apply(pl.DataFrame({"sex": ["x", None], "age": [2, 3]}))[0].tolist()
    [[2.0, 0.0, 0.0, 0.0], [3.0, 0.0, 1.0, 0.0]]
    """

    recipes: tuple[Recipe, ...]
    names: tuple[str, ...]
    plan: tuple[ColumnPlan, ...]
    missing: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that a table must have."""
        return tuple(one.name for one in self.recipes)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of those columns that hold numbers or truth values."""
        return tuple(one.name for one in self.recipes if isinstance(one, Number))

    @property
    def reading(self) -> Reading:
        """How its columns are read."""
        forms = tuple((one.name, one.form) for one in self.recipes if isinstance(one, Dates) and one.form)
        numbers = [one for one in self.recipes if isinstance(one, Number)]
        truths = tuple((one.name, (one.words[0], one.words[1])) for one in numbers if one.words)
        return Reading(self.missing, forms, truths)

    def apply(self, frame: Any) -> tuple[Any, tuple[str, ...]]:
        """New rows in the columns of the design.

        Columns are taken by their names, in any order. Gaps take what was learned from the training rows; a category
        that they had not is none of the known ones, all zeros.

        Parameters
        ----------
        frame : polars or pandas DataFrame of shape (n, …)

        Returns
        -------
        matrix : ndarray or sparse CSR array of shape (n, p)
        notes : tuple of str
            What was done on the way, a sentence each.

        Raises
        ------
        TableError
            A `ValueError`: a column is missing, or holds what it cannot.
        """
        given = as_polars(frame)
        self.check(given.columns, FRAME)
        notes = self.extra(given.columns)
        if self.missing:
            given = without(given.select(self.columns), self.missing)[0]
        pieces: list[Piece] = []
        for recipe, column in zip(self.recipes, self.read(given, FRAME), strict=True):
            notes += recipe.notes(column)
            pieces += recipe.pieces(column)
        return assembled(pieces, given.height, sparse=self._sparse), tuple(notes)

    def read(self, frame: pl.DataFrame, origin: Origin) -> Iterator[pl.Series]:
        """The columns of other rows in the types that the recipes need; all that are at fault are told at once."""
        frame = numbers_settled(frame, self.numbers, origin)
        flaws = Flaws(origin)
        columns = [flaws.tried("", one.name, one.read, frame.get_column(one.name), origin) for one in self.recipes]
        flaws.check()
        return (column for column in columns if column is not None)

    def check(self, columns: Sequence[str], origin: Origin) -> None:
        """Every column that is needed is there."""
        there = set(columns)
        missing = [name for name in self.columns if name not in there]
        if missing:
            many = f"columns {', '.join(map(quoted, missing[:SHOWN]))}"
            more = f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else ""
            which = f"column {quoted(missing[0])} is" if len(missing) == 1 else f"{many}{more} are"
            where = origin.source and quoted(origin.source, 200)
            raise TableError(
                f"{which} not in {where or 'the table'}, and the model needs {'it' if len(missing) == 1 else 'them'}; "
                + nearest(missing[0], columns)
            )

    def extra(self, columns: Sequence[str]) -> list[str]:
        """The note on columns that are of no use."""
        known = {one.name for one in self.plan}
        extra = [name for name in columns if name not in known]
        more = f" and {len(extra) - SHOWN:,} more" if len(extra) > SHOWN else ""
        return [
            f"columns that the model does not use are ignored: {', '.join(map(quoted, extra[:SHOWN]))}{more}"
        ] * bool(extra)

    @property
    def _sparse(self) -> bool:
        return any(isinstance(one, Prose) for one in self.recipes)

    def design(self, frame: pl.DataFrame) -> Encoded:
        """The design of the typed table that was learned from."""
        pieces: list[Piece] = []
        parts, start = [], 0
        for recipe in self.recipes:
            parts.append(recipe.encoding(start))
            column = frame.get_column(recipe.name)
            # A word for a gap that no row that counts has is a gap, as in other rows.
            made = recipe.pieces(recipe.read(column, FRAME) if isinstance(recipe, Category) else column)
            start += sum(piece.width for piece in made)
            pieces += made
        encoding = Encoding(
            *(tuple(one for part in parts for one in getattr(part, field.name)) for field in fields(Encoding))
        )
        matrix = assembled(pieces, frame.height, sparse=self._sparse)
        return Encoded(matrix, self.names, encoding, self.plan)

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON types."""
        return {
            "format": FORMAT,
            "recipes": [{"kind": one.kind, **_plain(vars(one))} for one in self.recipes],
            "names": list(self.names),
            "plan": [_plain(vars(one)) for one in self.plan],
            "missing": list(self.missing),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Encoder:
        """From `to_dict`.

        Raises
        ------
        ValueError
            It is not of that form.
        """
        try:
            if given["format"] not in READ:
                raise ValueError(f"format {given['format']}")
            recipes = tuple(_recipe(one) for one in given["recipes"])
            plan = tuple(_plan(one) for one in given["plan"])
            names = tuple(str(name) for name in given["names"])
            missing = tuple(str(word) for word in given.get("missing", ()))
            if len(names) != sum(len(one.made()) for one in recipes):
                raise ValueError("names")
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ValueError(
                f"the model's columns are not of format {FORMAT} ({quoted(str(error), 80)}); save the model again"
            ) from None
        return cls(recipes, names, plan, missing)


def encode(
    frame: Any, *, text: Sequence[str] = (), used: Used | None = None, reading: Reading | None = None
) -> tuple[Encoder, Encoded]:
    """A table as a wide design of numbers.

    Numbers keep their values; gaps take the median of the rows that count, beside a column that is 1 where there was
    one. Texts with few different values become a 0/1 column for each, gaps the most frequent one and a column of
    flags; dates the days since 1970-01-01 and 0/1 columns for month, weekday and hour where they vary. Columns of text
    that are named become the frequencies of their words. What cannot be learned from is left out, and the plan says so.

    Parameters
    ----------
    frame : polars or pandas DataFrame of shape (n, …)
    text : sequence of str
        Columns of prose.
    used : ndarray of shape (n,), optional
        Which rows count for medians, levels and terms (default: all).
    reading : Reading, optional
        How the fields of a file became this frame.

    Returns
    -------
    encoder : Encoder
    encoded : Encoded
        The design, shape (n, p).

    Raises
    ------
    TableError
        A `ValueError`: a column holds words among numbers, or nothing is left to learn from.
    """
    text = [text] if isinstance(text, str) else list(dict.fromkeys(text))
    given = as_polars(frame, prose=text)
    found = typed(given, FRAME, prose=text)
    reading = reading or Reading()
    dates, truths = (*reading.dates, *found.dates), (*reading.truths, *found.truths)
    told = told_of_dates(dates) | found.told(given)
    encoder = learned(found.frame, text, used, told, reading=Reading(reading.missing, dates, truths))
    return encoder, encoder.design(found.frame)


def learned(
    table: pl.DataFrame,
    text: Sequence[str] = (),
    used: Used | None = None,
    told: Mapping[str, str] | None = None,
    *,
    reading: Reading | None = None,
    origin: Origin = FRAME,
    fillings: bool = True,
) -> Encoder:
    """The encoder of a typed table.

    Parameters
    ----------
    table : data frame
        Float64, Boolean, Date, Datetime, String, Categorical and Enum columns, gaps null.
    text, used
        As in `encode`.
    told : mapping of str to str, optional
        How columns were read, where that is part of what was done.
    reading : Reading, optional
        What new rows need to be read alike.
    origin : Origin
        Where it comes from.
    fillings : bool
        False leaves out what only new rows need, where the plan alone is asked for.
    """
    for name in text:
        if name not in table.columns:
            raise TableError(f"text column {quoted(name)} is not in the table; {nearest(name, table.columns)}")
    recipes, plan = [], []
    taken = {name for name in table.columns}
    names: list[str] = []
    reading = reading or Reading()
    used = None if used is None or used.all() else used
    for found in learn(table, frozenset(text), used, told or {}, reading, fillings=fillings):
        made: list[str] = []
        if found.recipe is not None:
            recipes.append(found.recipe)
            made = [name if name == found.recipe.name else _free(name, taken) for name in found.recipe.made()]
            taken.update(made)
            names += made
        plan.append(ColumnPlan(found.name, found.kind, tuple(made), found.missing, found.done))
    if not recipes:
        reasons = "; ".join(f"{quoted(one.name)} is {one.done}" for one in plan[:SHOWN])
        more = f"; and {len(plan) - SHOWN:,} more" if len(plan) > SHOWN else ""
        raise TableError(
            f"no column{origin.within} is left to learn from: {reasons}{more}; at least one of numbers, dates or "
            "categories that recur is needed"
        )
    return Encoder(tuple(recipes), tuple(names), tuple(plan), reading.missing)


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of "name (2)", "name (3)" … that no other column has."""
    tried, count = name, 1
    while tried in taken:
        count += 1
        tried = f"{name} ({count})"
    return tried


def _plain(value: Any) -> Any:
    """Tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _recipe(given: Mapping[str, Any]) -> Recipe:
    """A recipe from its JSON form."""
    given_fields = {key: _tuples(value) for key, value in given.items() if key != "kind"}
    made: Recipe = RECIPES[given["kind"]](**given_fields)
    made.check()
    return made


def _plan(given: Mapping[str, Any]) -> ColumnPlan:
    """A plan from its JSON form."""
    if given["kind"] not in KINDS:
        raise ValueError(f"kind {given['kind']}")
    return ColumnPlan(
        str(given["name"]), given["kind"], tuple(given["made"]), int(given["missing"]), str(given["done"])
    )


def _tuples(value: Any) -> Any:
    """Lists as tuples."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
