"""A finding: something about the data or the answer that the user should know, with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One coded finding.

    Parameters
    ----------
    code : str
        Stable code, ``"WD001"`` and up; the table is in :mod:`weightdecay.records.codes`.
    severity : {"error", "warning", "info"}
        ``error``: the answer cannot be trusted; ``warning``: it may mislead; ``info``: good to know.
    message : str
        What was found, with the numbers that show it.
    remedy : str
        What to do next.

    Examples
    --------
    >>> Finding("WD006", "info", "'year' is constant and gets no weight", "drop it").code
    'WD006'
    """

    code: str
    severity: Severity
    message: str
    remedy: str
