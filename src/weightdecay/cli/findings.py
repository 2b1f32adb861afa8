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

    from weightdecay import DecayPath, Diagnostics, Finding, Tuning

_ROW = re.compile(r"row (\d+) \(counted from 0\)")


def in_words_of_options(tuning: Tuning) -> Tuning:
    """The same record for eyes: its findings told as to somebody who typed a command."""
    return replace(tuning, later=_Told(tuning))


@final
class _Told:
    """What is asked of a `Tuning`, asked of the one it came from, which computes each but once."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning

    def opinions(self, decays: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Other criteria at the decays."""
        return self._tuning.opinions

    def path(self, decays: NDArray[np.float64]) -> DecayPath:
        """Fitted models at the decays."""
        return self._tuning.path

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """What the user should know, in words for the command line."""
        return tuple(
            replace(one, message=_words(one.message), remedy=_words(one.remedy)) for one in self._tuning.findings
        )

    def diagnostics(self) -> Diagnostics | None:
        """The model in use looked at closely."""
        return self._tuning.diagnostics

    def model(self) -> Any:
        """The estimator, refitted."""
        return self._tuning.model


def _words(sentence: str) -> str:
    """A sentence of a finding for the command line."""
    return _ROW.sub(lambda found: f"row {int(found[1]) + 1} below the header", as_options(sentence, SAME_NAMES))
