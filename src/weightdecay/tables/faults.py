"""Sentences on columns that are not what their role needs: which column, which line, which value, what to do."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["text", "date", "missing", "infinite"]
# The order in which they are told.
KINDS: tuple[Kind, ...] = ("text", "date", "missing", "infinite")

# What a field without a value is written as, in lower case.
MISSING = ("", "na", "n/a", "n.a.", "#n/a", "#na", "nan", "nil", "null", "none", "?", "-", ".", "missing")
COMMA_NUMBER = re.compile(r"[+-]?(?:\d[\d.]*,\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?)")
# A column with at least this share of numbers is a column of numbers with slips in it, not one of text.
MOSTLY = 0.5
# Up to so many different words that recur are all named.
FEW_WORDS = 4
# A longer list of names is no help on a command line.
LONGEST_ARGUMENT = 1000
# Further columns at fault that are named.
OTHERS = 5

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a column: the first row (from 0) at fault, its field, and how many rows are.

    Parameters
    ----------
    share : float
        Share of the fields with a value that are what the column is taken for.
    words : tuple of (str, int)
        All fields at fault and how often each occurs, where they are a few that recur.
    """

    name: str
    kind: Kind
    row: int
    field: str
    count: int
    share: float
    words: tuple[tuple[str, int], ...] = ()


def fault(text: pl.Series, kind: Kind, bad: NDArray[np.bool_], share: float) -> Fault:
    """The fault of a column of which some rows are bad."""
    import polars as pl

    row = int(bad.argmax())
    field, count = text[row], int(bad.sum())
    words: tuple[tuple[str, int], ...] = ()
    if kind == "text" and count > 1 and share >= MOSTLY:
        counts = text.filter(pl.Series(bad)).value_counts(sort=True)
        if 2 * counts.height <= count and counts.height <= FEW_WORDS:
            words = tuple((str(word), int(times)) for word, times in counts.rows())
    return Fault(text.name, kind, row, "" if field is None else str(field), count, share, words)


@dataclass(frozen=True)
class Flaw:
    """A column at fault: the whole sentence, the column in short, how soon it is told, whether it can be dropped."""

    name: str
    sentence: str
    short: str
    rank: int
    droppable: bool


@final
class Flaws:
    """What is wrong with columns, gathered over all of them: one sentence, so that one edit of the file mends it.

    Parameters
    ----------
    origin : Origin
        Where the columns come from.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._found: dict[str, Flaw] = {}

    def add(self, one: Fault, *, remedy: str = "", told: str = "", droppable: bool = True) -> None:
        """A fault of a column to learn from; of a column's faults the first counts."""
        place = self.origin.place(one.row)
        field = f"{quoted(one.field)} in {place}"
        whole = told or sentence(self.origin, one, remedy=remedy)
        flaw = Flaw(one.name, whole, f"{quoted(one.name)} ({field})", 1 + KINDS.index(one.kind), droppable)
        self._found.setdefault(one.name, flaw)

    def tried(self, role: str, name: str, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T | None:
        """What some work on a column with a role (``"weight column"``) gives; None where the column is at fault."""
        try:
            return work(*args, **named)
        except TableError as error:
            flaw = Flaw(name, str(error), f"{role} {quoted(name)}".strip(), 0, False)
            self._found.setdefault(name, flaw)
            return None

    def check(self) -> None:
        """Raise on the columns at fault, if there are any: words among numbers before all else.

        Raises
        ------
        TableError
            There are.
        """
        if not self._found:
            return
        flaws = sorted(self._found.values(), key=lambda one: one.rank)
        one, *others = flaws
        if not others:
            raise TableError(one.sentence)
        listed = ", ".join(other.short for other in others[:OTHERS])
        more = f" and {len(others) - OTHERS:,} more" if len(others) > OTHERS else ""
        have = (
            "1 other column has a fault too" if len(others) == 1 else f"{len(others):,} other columns have faults too"
        )
        out = ""
        if self.origin.source and all(flaw.droppable for flaw in flaws):
            out = f"; {drop([flaw.name for flaw in flaws])} leaves all of them out"
        raise TableError(f"{one.sentence}; {have}: {listed}{more}{out}")


def sentence(origin: Origin, one: Fault, role: str = "", remedy: str = "") -> str:
    """The sentence on a fault of a column with a role (``"target "``), or of one to learn from."""
    return (
        f"{role}{_what(origin, one)}; {remedy or (_role_remedy(origin, one, role) if role else _remedy(origin, one))}"
    )


def lines(origin: Origin, count: int) -> str:
    """A number of lines, or of rows."""
    return f"{count:,} {origin.noun}{'' if count == 1 else 's'}"


def _what(origin: Origin, one: Fault) -> str:
    """The column, the line and the value at fault."""
    where = f"column {quoted(one.name)}{origin.within}"
    place = origin.place(one.row)
    more = f", one of {one.count:,} such {origin.noun}s" if one.count > 1 else ""
    if len(one.words) > 1:
        listed = [f"{quoted(word)} ({lines(origin, times)})" for word, times in one.words]
        return (
            f"{where} holds the texts {', '.join(listed[:-1])} and {listed[-1]}, first {quoted(one.field)} in {place}"
        )
    return {
        "text": f"{where} holds the text {quoted(one.field)} ({place}{more})",
        "date": f"{where} holds {quoted(one.field)}, which is no date that can be read, among dates ({place}{more})",
        "missing": f"{where} has no value in {place} ({quoted(one.field)}{more})",
        "infinite": f"{where} is infinite, or too large for a float64, in {place} ({quoted(one.field)}{more})",
    }[one.kind]


def _role_remedy(origin: Origin, one: Fault, role: str) -> str:
    """What to do about a column that cannot be dropped."""
    if COMMA_NUMBER.fullmatch(one.field):
        return "write its numbers with a decimal point, without commas"
    if one.kind == "text" and one.share < MOSTLY:
        other = (
            ", or take its texts for classes (--model logistic, in Python classes=True)" if role == "target " else ""
        )
        needed = "a number or a date (YYYY-MM-DD)" if role == "time " else "a number"
        return f"a {role}must be {needed} in every {origin.noun}: name another column{other}"
    if one.kind == "missing" and role == "target ":
        return f"fill it in, or leave such {origin.noun}s out with --skip-missing-target"
    return f"correct that {origin.noun} or remove it"


def _remedy(origin: Origin, one: Fault) -> str:
    """What to do about a column to learn from."""
    out = f"leave the column out{f' with {drop([one.name])}' if origin.source else ''}"
    if COMMA_NUMBER.fullmatch(one.field):
        return f"write its numbers with a decimal point, without commas, or {out}"
    if one.kind == "date":
        return f"write it as YYYY-MM-DD, leave it empty, or {out}"
    if one.words:
        which = "them" if len(one.words) > 1 else "it"
        words = option("--missing", [word for word, _ in one.words])
        named = f" or name such a word with {words}" if origin.source else ""
        return f"leave the field empty where there is no value{named}, correct {which} by a number, or {out}"
    return f"correct that {origin.noun}, or {out}"


def drop(names: list[str]) -> str:
    """The option that leaves columns out, as it is typed: names parted by commas, in quotes where they are needed."""
    return option("--drop", names)


def option(name: str, columns: list[str]) -> str:
    """An option that names columns, as it is typed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    argument = text.getvalue()
    if not argument.isprintable() or len(argument) > LONGEST_ARGUMENT:
        return f"{name} and their names" if len(columns) > 1 else f"{name} and its name"
    return f"{name} {shlex.quote(argument)}"
