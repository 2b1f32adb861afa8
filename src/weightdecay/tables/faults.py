"""Sentences on columns that are not what their role needs: which column, which line, which value, what to do."""

from __future__ import annotations

import csv
import io
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from weightdecay.tables.preflight import Sheet, line_of, quoted

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["text", "missing", "infinite"]
KINDS: tuple[Kind, ...] = ("text", "missing", "infinite")

# What a field without a value is written as, in lower case.
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-", ".", "missing")
COMMA_NUMBER = re.compile(r"[+-]?\d[\d.]*,\d+")
# A column with at least this share of numbers is a column of numbers with slips in it, not one of text.
MOSTLY = 0.5
# A longer list of names is no help on a command line.
LONGEST_ARGUMENT = 1000


@dataclass(frozen=True)
class Fault:
    """What is wrong with a column: the first row (from 0) with the worst kind of fault, and how many rows have it."""

    name: str
    kind: Kind
    row: int
    field: str
    count: int
    share_of_numbers: float


def faults(texts: pl.DataFrame, values: pl.DataFrame) -> list[Fault]:
    """The fault of every column, text before missing before infinite; every column has one."""
    import polars as pl

    # One query for all columns: a query for each takes minutes where there are 20 000.
    marked = texts.select(pl.all().str.to_lowercase().is_in(MISSING))
    found = []
    for text, number, mark in zip(texts, values, marked, strict=True):
        numbers = number.to_numpy()  # what could not be read is nan
        missing = mark.to_numpy() | (np.isnan(numbers) & number.is_not_null().to_numpy())
        masks = (np.isnan(numbers) & ~missing, missing, np.isinf(numbers))
        kind, where = next((kind, mask) for kind, mask in zip(KINDS, masks, strict=True) if mask.any())
        row = int(where.argmax())
        share = float((~np.isnan(numbers) & ~missing).mean())
        found.append(Fault(text.name, kind, row, str(text[row]), int(where.sum()), share))
    return found


def sentence(sheet: Sheet, faults: list[Fault], target: str, weight: str | None) -> str:
    """The sentence on the faults: a column with a role first, then all text columns, then the first of the others."""
    for role, name in (("target ", target), ("weight ", weight)):
        for one in faults:
            if one.name == name:
                return f"{role}{_what(sheet, one)}; {_role_remedy(one, role)}"
    texts = [one for one in faults if one.kind == "text"]
    words = [one for one in texts if one.share_of_numbers < MOSTLY and not COMMA_NUMBER.fullmatch(one.field)]
    if words:
        return _words(sheet, words)
    worst = min(faults, key=lambda one: KINDS.index(one.kind))
    return f"{_what(sheet, worst)}; {_remedy(worst)}"


def _what(sheet: Sheet, one: Fault) -> str:
    """The column, the line and the value at fault."""
    where = f"column {quoted(one.name)} of {quoted(sheet.source, 200)}"
    place = f"line {line_of(sheet, one.row)}"
    more = f", one of {one.count} such lines" if one.count > 1 else ""
    return {
        "text": f"{where} holds the text {quoted(one.field)} ({place}{more})",
        "missing": f"{where} has no value in {place} ({quoted(one.field)}{more})",
        "infinite": f"{where} is infinite, or too large for a float64, in {place} ({quoted(one.field)}{more})",
    }[one.kind]


def _role_remedy(one: Fault, role: str) -> str:
    """What to do about a column that cannot be dropped."""
    if COMMA_NUMBER.fullmatch(one.field):
        return "write its numbers with a decimal point, without commas"
    if one.kind == "text" and one.share_of_numbers < MOSTLY:
        other = ", or write its classes as numbers" if role == "target " else ""
        return f"a {role}must be a number in every line: name another column{other}"
    return "correct that line or remove it"


def _remedy(one: Fault) -> str:
    """What to do about a column to learn from."""
    drop = f"leave the column out with {_drop([one.name])}"
    if COMMA_NUMBER.fullmatch(one.field):
        return f"write its numbers with a decimal point, without commas, or {drop}"
    if one.kind == "missing":
        return f"fill it in, remove the line, or {drop}"
    return f"correct that line, or {drop}"


def _words(sheet: Sheet, words: list[Fault]) -> str:
    """One sentence on all columns of text."""
    shown = [f"{quoted(one.name)} ({quoted(one.field)} in line {line_of(sheet, one.row)})" for one in words[:4]]
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    subject = "column {} holds" if len(words) == 1 else "columns {} hold"
    return (
        f"{subject.format(', '.join(shown) + more)} text in {quoted(sheet.source, 200)}, and only columns of numbers "
        f"can be read; write them as numbers, or leave them out with {_drop([one.name for one in words])}"
    )


def _drop(names: list[str]) -> str:
    """The option that leaves columns out, as it is typed: names parted by commas, in quotes where they are needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    argument = text.getvalue()
    if not argument.isprintable() or len(argument) > LONGEST_ARGUMENT:
        return "--drop and their names" if len(names) > 1 else "--drop and its name"
    return f"--drop {shlex.quote(argument)}"
