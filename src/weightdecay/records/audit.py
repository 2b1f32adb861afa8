"""Audit: what decay each parameter of a network really receives, and what is wrong with it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from weightdecay.records.audit_words import as_text
from weightdecay.records.finding import Finding, Severity
from weightdecay.records.jsonable import encode, number
from weightdecay.records.param_table import Mark, Role

AuditForm = Literal[
    "none",
    "decoupled",
    "independent",
    "corrected (η²)",
    "coupled (through momentum)",
    "coupled inside Adam",
    "cautious",
    "to a centre",
    "l1",
    "unknown",
]
AuditTreatment = Literal["decayed", "exempt", "frozen", "missing", "not measured"]
_ORDER: tuple[Severity, ...] = ("info", "warning", "error")


@dataclass(frozen=True)
class AuditRow:
    r"""One parameter.

    Parameters
    ----------
    name : str
        As the model has it, without what wrappers add.
    shape : tuple of int
        Of the tensor.
    role : {"matrix", "head", "embedding", "norm gain", "bias", "scalar"}
        What it is.
    marks : tuple of {"tied", "unused", "lora"}
        What else is known of it.
    certain : bool
        Whether the role is known; False for a guess.
    configured : float or None
        λ in its group of the optimiser; None where it is in no group, or in one that has none.
    promised : float or None
        Share of itself that the group's settings promise to take in a step, η λ for most; None where they promise no
        share.
    shrink : float or None
        Share of itself (of w − c with a centre c) that a step really takes, median over its numbers, at the present
        learning rate; None where no share describes it, as for L2 inside Adam, or where it was not measured.
    form : str
        What was found: "none", "decoupled", "independent" (of the peak learning rate, or of any), "corrected (η²)",
        "coupled (through momentum)", "coupled inside Adam" (or another adaptive optimiser), "cautious", "to a
        centre", "l1", "unknown".
    treatment : {"decayed", "exempt", "frozen", "missing", "not measured"}
        Frozen ones are not trained, missing ones in no optimiser.
    note : str
        What else was seen.

    Examples
    --------
    >>> row = AuditRow("weight", (1, 4), "head", (), True, 0.1, 1e-4, 1e-4, "decoupled", "decayed", "")
    >>> round(row.half_life)
    6931
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    marks: tuple[Mark, ...]
    certain: bool
    configured: float | None
    promised: float | None
    shrink: float | None
    form: AuditForm
    treatment: AuditTreatment
    note: str

    @property
    def half_life(self) -> float | None:
        """Steps in which decay alone would halve the weight, ln 2/a; infinite without decay."""
        if self.shrink is None:
            return None
        return math.log(2) / self.shrink if self.shrink > 0 else math.inf

    @property
    def elements(self) -> int:
        """Numbers in the tensor."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Audit:
    """What decay each parameter really receives in a step, measured, and where that is not what was asked for.

    Parameters
    ----------
    optimizer : str
        Name of the optimiser's class, of several joined by " + ".
    policy : str
        Who is to be decayed, in a word.
    rows : tuple of AuditRow
        The model's parameters in the order of registration, then others that the optimiser has.
    problems : tuple of Finding
        Errors first.

    Examples
    --------
    >>> row = AuditRow("weight", (1, 4), "head", (), True, 0.1, 1e-4, 1e-4, "decoupled", "decayed", "")
    >>> print(Audit("AdamW", "auto", (row,), ()))
    AdamW, policy 'auto': 1 tensor is decayed, no problem found
      head  weight  4  decoupled  0.0001 per step, half-life 6,931 steps
    >>> Audit("AdamW", "auto", (row,), ()).ok
    True
    """

    optimizer: str
    policy: str
    rows: tuple[AuditRow, ...]
    problems: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error and no warning."""
        return not self._from("warning")

    def assert_ok(self, severity: Severity = "warning") -> None:
        """Raise if there is a problem of this severity or a worse one: for a test suite.

        Parameters
        ----------
        severity : {"error", "warning", "info"}
            The least that counts.

        Raises
        ------
        AssertionError
            With the problems and what to do.
        ValueError
            If the severity is none.
        """
        if severity not in _ORDER:
            raise ValueError(f"severity must be 'error', 'warning' or 'info', got {severity!r}: give one of them")
        found = self._from(severity)
        if found:
            told = "\n".join(f"{one.severity} {one.code}: {one.message}; {one.remedy}" for one in found)
            raise AssertionError(f"weight decay is not what it should be:\n{told}")

    def _from(self, severity: Severity) -> list[Finding]:
        return [one for one in self.problems if _ORDER.index(one.severity) >= _ORDER.index(severity)]

    def to_json(self) -> str:
        """The record as strict JSON."""
        plain = {
            "optimizer": self.optimizer,
            "policy": self.policy,
            "ok": self.ok,
            "rows": [
                {one.name: encode(getattr(row, one.name)) for one in fields(row)} | {"half_life": encode(row.half_life)}
                for row in self.rows
            ],
            "problems": [{one.name: getattr(found, one.name) for one in fields(found)} for found in self.problems],
        }
        return json.dumps(plain, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Audit:
        """The record that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is not JSON, or not that of an `Audit`.
        """
        try:
            data = json.loads(text)
            rows = tuple(_row(one) for one in data["rows"])
            problems = tuple(
                Finding(one["code"], one["severity"], one["message"], one["remedy"]) for one in data["problems"]
            )
            return cls(str(data["optimizer"]), str(data["policy"]), rows, problems)
        except (KeyError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"this is not the JSON of an Audit ({what}); give what Audit.to_json() wrote") from None

    def __str__(self) -> str:
        """The problems, then the table, names made harmless, layers of one build in one line."""
        return as_text(self)

    def _repr_html_(self) -> str | None:
        """A table for notebooks."""
        from weightdecay.records.audit_html import html

        return html(self)


def _row(data: dict[str, Any]) -> AuditRow:
    values = {one.name: data[one.name] for one in fields(AuditRow)}
    for name in ("configured", "promised", "shrink"):
        values[name] = None if values[name] is None else number(values[name])
    return AuditRow(**{**values, "shape": tuple(values["shape"]), "marks": tuple(values["marks"])})
