"""ParamTable: which parameters of a network are decayed, which are exempt, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weightdecay.records.brief import brief

Role = Literal["matrix", "head", "embedding", "norm gain", "bias", "scalar"]
Mark = Literal["tied", "unused", "lora"]
Treatment = Literal["decayed", "exempt", "frozen"]
TREATMENTS: tuple[Treatment, ...] = ("decayed", "exempt", "frozen")

_LONGEST = 60  # characters of a name
_LONGEST_REASON = 240
NUMBER = re.compile(r"(?<![^\s.])\d+(?=\.)|(?<=\.)\d+(?![^\s.,])")  # of a layer, in dotted names


@dataclass(frozen=True)
class ParamRow:
    """One parameter.

    Parameters
    ----------
    name : str
        As the model has it, without what wrappers add.
    role : {"matrix", "head", "embedding", "norm gain", "bias", "scalar"}
        What it is.
    marks : tuple of {"tied", "unused", "lora"}
        What else is known of it, in this order.
    shape : tuple of int
        Of the tensor.
    treatment : {"decayed", "exempt", "frozen"}
        Frozen ones are not trained and in no group.
    why : str
        What it does, and, where the user has named it, that.
    certain : bool
        Whether the role is known; False for a guess.
    """

    name: str
    role: Role
    marks: tuple[Mark, ...]
    shape: tuple[int, ...]
    treatment: Treatment
    why: str
    certain: bool = True

    @property
    def elements(self) -> int:
        """Numbers in the tensor."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True)
class ParamTable:
    """All parameters of a model, in the order of registration, under one decay.

    Parameters
    ----------
    decay : float
        λ of those that are decayed.
    rows : tuple of ParamRow
        Every parameter once.

    Examples
    --------
    >>> rows = (
    ...     ParamRow("0.weight", "head", (), (1, 4), "decayed", "multiplies the input"),
    ...     ParamRow("0.bias", "bias", (), (1,), "exempt", "is added"),
    ... )
    >>> print(ParamTable(0.1, rows))
    weight decay 0.1
    decayed: 1 tensor, 4 elements
      head  0.weight  4  multiplies the input
    exempt: 1 tensor, 1 element
      bias  0.bias    1  is added
    """

    decay: float
    rows: tuple[ParamRow, ...]

    def of(self, treatment: Treatment) -> tuple[ParamRow, ...]:
        """The parameters that are treated in one way."""
        return tuple(row for row in self.rows if row.treatment == treatment)

    def __str__(self) -> str:
        """The table as plain text, names made harmless, layers of one build in one line."""
        told = [f"weight decay {brief(self.decay)}"]
        parts = [(treatment, lines(self.of(treatment))) for treatment in TREATMENTS]
        widths = [max((len(line[place]) for _, part in parts for line in part), default=0) for place in range(3)]
        for treatment, part in parts:
            rows = self.of(treatment)
            if rows or treatment != "frozen":
                left = " (not trained, in no group)" if treatment == "frozen" else ""
                told.append(f"{treatment}{left}: {counted(rows)}")
            for role, name, elements, why in part:
                told.append(f"  {role:<{widths[0]}}  {name:<{widths[1]}}  {elements:>{widths[2]}}  {why}".rstrip())
        if not all(row.certain for row in self.rows):
            told.append("? a guess: give sample=, a batch of inputs, and it is measured instead")
        return "\n".join(told)

    def _repr_html_(self) -> str | None:
        """The table for notebooks."""
        from weightdecay.records.param_table_html import html

        return html(self)


def counted(rows: Sequence[ParamRow]) -> str:
    """How many tensors, and how many numbers in them."""
    elements = sum(row.elements for row in rows)
    tensors = f"{len(rows):,} tensor{'' if len(rows) == 1 else 's'}"
    return f"{tensors}, {elements:,} element{'' if elements == 1 else 's'}"


def plain(text: str, limit: int = _LONGEST) -> str:
    """Text from a model made harmless: what cannot be printed, escape sequences above all, is replaced."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}…{text[len(text) - (limit - 1) // 2 :]}"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def lines(rows: Sequence[ParamRow]) -> list[tuple[str, str, str, str]]:
    """Role, name, elements and reason; parameters that differ in the numbers of their layers alone share a line."""
    alike: dict[tuple[str, str, str], list[ParamRow]] = {}
    for row in rows:
        role = ", ".join((row.role, *row.marks)) + ("" if row.certain else "?")
        alike.setdefault((role, NUMBER.sub("*", row.name), NUMBER.sub("*", row.why)), []).append(row)
    found = []
    for (role, _, _), group in alike.items():
        name = plain(pattern([row.name for row in group])) + (f" × {len(group)}" if len(group) > 1 else "")
        why = plain(pattern([row.why for row in group]), _LONGEST_REASON)
        found.append((role, name, f"{sum(row.elements for row in group):,}", why))
    return found


def pattern(texts: Sequence[str]) -> str:
    """Texts of one build, a star where their numbers differ."""
    numbers = [NUMBER.findall(text) for text in texts]
    same = iter([found[0] if len(set(found)) == 1 else "*" for found in zip(*numbers, strict=True)])
    return NUMBER.sub(lambda _: next(same), texts[0])
