"""Findings in words for the command line: options instead of arguments, rows as a file has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
        return tuple(
            replace(one, message=self._words(one.message), remedy=self._words(one.remedy))
            for one in self._tuning.findings
        )

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

    def _words(self, sentence: str) -> str:
        """A sentence of a finding for the command line."""
        return _ROW.sub(lambda found: self._place(int(found[1])), as_options(sentence, SAME_NAMES))

    def _place(self, row: int) -> str:
        """Where a row, counted from 0, is."""
        return f"row {row + 1} of those used" if self._table is None else self._table.place(row)
