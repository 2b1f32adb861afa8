"""Findings in words for the command line: options instead of arguments, rows as a file has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from weightdecay.cli.sentences import SAME_NAMES, as_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightdecay import ClassDiagnostics, DecayPath, Diagnostics, Finding, Intervals, Table, Training, Tuning

_ROW = re.compile(r"row (\d+) \(counted from 0\)")


def in_words_of_options(tuning: Tuning, table: Table | None = None) -> Tuning:
    """The same record for eyes: its findings told as to somebody who typed a command.

    Rows are told by their place in the file where the table is at hand, else by their number.
    """
    return replace(tuning, later=_Told(tuning, table))


def in_words(findings: Iterable[Finding], table: Table | None) -> tuple[Finding, ...]:
    """Findings as to somebody who typed a command: options instead of arguments, rows by their place in the file."""

    def place(row: int) -> str:
        return f"row {row + 1} of those used" if table is None else table.place(row)

    def words(sentence: str) -> str:
        return _ROW.sub(lambda found: place(int(found[1])), as_options(sentence, SAME_NAMES))

    return tuple(replace(one, message=words(one.message), remedy=words(one.remedy)) for one in findings)


@final
class _Told:
    """What is asked of a `Tuning`, asked of the one it came from, which computes each but once."""

    def __init__(self, tuning: Tuning, table: Table | None) -> None:
        self._tuning, self._table = tuning, table

    def opinions(self, decays: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Other criteria at the decays."""
        return self._tuning.opinions

    def path(self, decays: NDArray[np.float64]) -> DecayPath:
        """Fitted models at the decays."""
        return self._tuning.path

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """What the user should know, in words for the command line."""
        return in_words(self._tuning.findings, self._table)

    def diagnostics(self) -> Diagnostics | ClassDiagnostics | None:
        """The model in use looked at closely."""
        return self._tuning.diagnostics

    def intervals(self, tuning: Tuning) -> Intervals | None:
        """Intervals for the held-out loss."""
        return self._tuning.intervals

    def training(self, tuning: Tuning) -> Training | None:
        """How networks were trained."""
        return self._tuning.training

    def model(self) -> Any:
        """The estimator, refitted."""
        return self._tuning.model
