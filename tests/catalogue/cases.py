"""What a case of the catalogue is: a file (or a frame), how it is called, and the one outcome that is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 24
_draw = np.random.default_rng(11)
A = [round(float(value), 3) for value in _draw.normal(3.0, 2.0, ROWS)]
B = [round(float(value), 3) for value in _draw.normal(-1.0, 5.0, ROWS)]
Y = [round(2.0 * a - 0.4 * b + float(e), 3) for a, b, e in zip(A, B, _draw.normal(0.0, 0.5, ROWS), strict=True)]
KIND = [("ash", "birch", "cedar")[row * row % 7 % 3] for row in range(ROWS)]

Columns = Mapping[str, Sequence[Any]]
Content = bytes | Callable[[Path], Path]


@dataclass(frozen=True)
class Right:
    """It is computed, and the result is that of a clean table.

    Parameters
    ----------
    clean : mapping
        The columns to learn from as they are meant, gaps None; the target as ``"y"``, weights as ``"weight"``.
    told : tuple of str
        What has to be said of what was done.
    factor : mapping
        Columns whose numbers in the file are these times the clean ones.
    target_factor : float
        The same of the target; the losses are told in the units of the clean one.
    """

    clean: Columns
    told: tuple[str, ...] = ()
    factor: Mapping[str, float] = field(default_factory=dict)
    target_factor: float = 1.0


@dataclass(frozen=True)
class Refused:
    """It is refused in one sentence that has these words, with this exit code."""

    told: tuple[str, ...]
    code: int = 1


@dataclass(frozen=True, eq=False)
class Case:
    """One input.

    Parameters
    ----------
    name : str
    content : bytes or callable
        The file, or what makes one in an empty folder and gives its place.
    outcome : Right or Refused
    read : mapping
        Arguments of `wd.read`, which the command line has as options.
    tune : mapping
        Arguments of `wd.tune`, likewise.
    words : tuple of str
        Further words of the command line, which Python has not.
    """

    name: str
    content: Content
    outcome: Right | Refused
    read: Mapping[str, Any] = field(default_factory=dict)
    tune: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def file(self, folder: Path) -> Path:
        """The file, in an empty folder."""
        if callable(self.content):
            return self.content(folder)
        place = folder / "data.csv"
        place.write_bytes(self.content)
        return place

    @property
    def target(self) -> str:
        """The column to predict."""
        return str(self.read.get("target", "y"))

    def options(self) -> list[str]:
        """The words of the command line after the file."""
        made = [f"--target={self.target}"]
        names = {"time": "time-column", "skip_missing_target": "skip-missing-target"}
        for name, value in {**self.read, **self.tune}.items():
            option = f"--{names.get(name, name)}"
            if name == "target":
                continue
            if name == "classes":
                made.append(f"--model={'logistic' if value else 'linear'}")
            elif value is True:
                made.append(option)
            elif isinstance(value, str) or not isinstance(value, Sequence):
                made.append(f"{option}={value}")
            else:
                made.append(f"{option}={','.join(map(str, value))}")
        return [*made, *self.words]

    def arguments(self) -> dict[str, Any]:
        """The arguments of `wd.read` beside the file and the target."""
        return {name: value for name, value in self.read.items() if name != "target"}


def right(name: str, content: Content, clean: Columns, *told: str, **given: Any) -> Case:
    """A case that is computed."""
    units = {unit: given.pop(unit) for unit in ("factor", "target_factor") if unit in given}
    return Case(name, content, Right(clean, told, **units), **given)


def refused(name: str, content: Content, *told: str, code: int = 1, **given: Any) -> Case:
    """A case that is refused."""
    return Case(name, content, Refused(told, code), **given)


def text(columns: Columns, delimiter: str = ",", end: str = "\n") -> str:
    """A file of fields as they are, without quotation marks of its own."""
    rows = zip(*(map(_field, column) for column in columns.values()), strict=True)
    return "".join(delimiter.join(row) + end for row in [tuple(columns), *rows])


def csv(columns: Columns, delimiter: str = ",", end: str = "\n") -> bytes:
    """`text` in UTF-8."""
    return text(columns, delimiter, end).encode()


def _field(value: Any) -> str:
    """A field."""
    return value if isinstance(value, str) else "" if value is None else repr(value)


def with_value(column: Sequence[Any], row: int, value: Any) -> list[Any]:
    """A column with another value in a row."""
    return [value if place == row else one for place, one in enumerate(column)]


CLEAN: Columns = {"a": A, "b": B, "y": Y}
PLAIN = csv(CLEAN)
