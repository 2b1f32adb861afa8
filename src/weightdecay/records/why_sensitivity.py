"""`Sensitivity`: what a decay some factor off the best costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.jsonable import encode, number, numbers
from weightdecay.records.why import Why
from weightdecay.records.why_fits import as_metric, in_two, is_score, larger_is_better, metric_of, percent, shown

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Off:
    """A decay off the best.

    Parameters
    ----------
    factor, decay : float
        c and c·λ*.
    mean, excess : float
        Mean held-out loss, and by how much that is above the best's; nan where it is not known.
    error : float
        Paired standard error of the latter; nan where there is none.
    """

    factor: float
    decay: float
    mean: float
    excess: float
    error: float

    @property
    def told_apart(self) -> bool | None:
        """Whether the difference is more than one paired standard error; None where there is no error."""
        return self.excess > self.error if math.isfinite(self.error) else None


@final
@dataclass(frozen=True, eq=False)
class Sensitivity(Why):
    """What a factor off the best decay costs in held-out loss.

    Parameters
    ----------
    decay, loss : float
        The best decay λ* and its mean held-out loss.
    off : tuple of Off
        By factor, ascending: below the best, then above.
    unit : float
        What shares are of: the least loss or, for scorers, the best's gain on infinite decay.
    exact : bool
        Whether losses were computed at these decays, or read off the curve.
    none, constant : float
        Mean loss without decay and at infinite decay.
    decays, mean : ndarray of shape (L,)
        The curve of the tuning.
    tolerance : float
        Of the window.
    cv, model_name, scoring : str
    """

    name: ClassVar[str] = "sensitivity"

    decay: float
    loss: float
    off: tuple[Off, ...]
    unit: float
    exact: bool
    none: float
    constant: float
    decays: Array
    mean: Array
    tolerance: float
    cv: str
    model_name: str
    scoring: str

    @property
    def metric(self) -> str:
        """The metric in words."""
        return metric_of(self.scoring)

    @property
    def larger_is_better(self) -> bool:
        """Whether the metric is a score to be made large."""
        return larger_is_better(self.scoring)

    def share(self, loss: float) -> float:
        """How far a loss is above the best's, as a share of `unit`; nan where unknown."""
        return (loss - self.loss) / self.unit if self.unit > 0 and math.isfinite(loss) else math.nan

    def cost(self, loss: float) -> str:
        """The same in words: ``"3.2 %"``; a few significant digits of the difference where shares mean nothing."""
        share = self.share(loss)
        if math.isnan(share):
            return brief(loss - self.loss) if math.isfinite(loss) else "unknown"
        if share >= 10:
            return (
                f"{brief(float(f'{1 + share:.2g}'))} times the loss" if not is_score(self.scoring) else _percent(share)
            )
        return _percent(share)

    def pairs(self) -> list[tuple[float, Off, Off]]:
        """Every factor above 1 with what is below the best and what is above."""
        half = len(self.off) // 2
        return [(self.off[half + k].factor, self.off[half - 1 - k], self.off[half + k]) for k in range(half)]

    def sentences(self) -> tuple[str, ...]:
        """What it says, the answer first."""
        return tuple(filter(None, [self._answer(), *map(self._factor, self.pairs()), self._ends(), self._how()]))

    def _answer(self) -> str:
        """How well the decay need be known."""
        free = [
            c
            for c, below, above in self.pairs()
            if max(_known(self.share(below.mean)), _known(self.share(above.mean))) <= self.tolerance
        ]
        best = f"the best decay, {in_two(self.decay)} (held-out {self.metric} {shown(self.scoring, self.loss)})"
        allowed = f"{100 * self.tolerance:g} %"
        if not free:
            least, below, above = self.pairs()[0]
            unsure = below.told_apart is False and above.told_apart is False
            apart = ", though the folds cannot tell it from the best" if unsure else ""
            return f"The decay matters to a factor of {least:g}: that far off {best}, costs more than {allowed}{apart}."
        rough = "a rough guess is enough" if free[-1] >= 10 else "it need not be known better"
        return f"A factor of {free[-1]:g} off {best}, costs at most {allowed} either way: {rough}."

    def _factor(self, one: tuple[float, Off, Off]) -> str:
        """What one factor costs in both directions."""
        factor, below, above = one
        return f"A factor of {factor:g} too small costs {self._told(below)}, too large {self._told(above)}."

    def _told(self, one: Off) -> str:
        """The cost of one decay, and whether the folds can tell it from the best."""
        apart = (
            ""
            if one.told_apart in (True, None) or not math.isfinite(one.mean)
            else " (within one paired standard error)"
        )
        return f"{self.cost(one.mean)}{apart}"

    def _ends(self) -> str:
        """What no decay and infinite decay cost."""
        parts = [
            f"{name} costs {self.cost(loss)}"
            for name, loss in (("no decay", self.none), ("infinite decay", self.constant))
            if math.isfinite(loss)
        ]
        text = ", ".join(parts)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    def _how(self) -> str:
        """Where the numbers come from."""
        what = "the best's gain on infinite decay" if is_score(self.scoring) else f"the best's {self.metric}"
        way = (
            "computed at these very decays"
            if self.exact
            else "read off the curve, in straight lines between its decays"
        )
        return f"Shares of {what}, {self.cv}, {way}."

    def table(self) -> str:
        """Factor, decay, metric, cost and paired standard error, in lines of plain text."""
        rows = [("factor", "decay", self.metric, "cost", "paired error")]
        half = len(self.off) // 2
        for k, one in enumerate(self.off):
            if k == half:
                rows.append(("1", in_two(self.decay), shown(self.scoring, self.loss), "", ""))
            name = f"÷ {1 / one.factor:g}" if one.factor < 1 else f"× {one.factor:g}"
            error = _percent(one.error / self.unit) if math.isfinite(one.error) and self.unit > 0 else ""
            rows.append((name, in_two(one.decay), shown(self.scoring, one.mean), self.cost(one.mean), error))
        widths = [max(len(row[j]) for row in rows) for j in range(5)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)

    def as_metric(self, losses: Any) -> Any:
        """Losses as the metric itself."""
        return as_metric(self.scoring, losses)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text."""
        plain: dict[str, Any] = encode({name: value for name, value in vars(self).items() if name != "off"})
        return (
            {"why": self.name}
            | plain
            | {"off": [encode(vars(one)) for one in self.off], "sentences": list(self.sentences())}
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record from its JSON types."""
        plain: dict[str, Any] = {name: str(data[name]) for name in ("cv", "model_name", "scoring")}
        plain |= {name: number(data[name]) for name in ("decay", "loss", "unit", "none", "constant", "tolerance")}
        return cls(
            off=tuple(Off(**{name: number(value) for name, value in one.items()}) for one in data["off"]),
            exact=bool(data["exact"]),
            decays=numbers(data["decays"]),
            mean=numbers(data["mean"]),
            **plain,
        )

    def __str__(self) -> str:
        return "\n".join([*self.sentences(), "", self.table()])

    def __repr__(self) -> str:
        return f"Sensitivity({self.model_name}: {self.sentences()[0]})"


def _percent(share: float) -> str:
    """A share in words; a gain where rounding, or a curve between its decays, makes it one."""
    return f"{'−' if share < 0 and abs(share) >= 5e-4 else ''}{percent(abs(100 * share))} %"


def _known(share: float) -> float:
    """A share, infinite where it is unknown."""
    return math.inf if math.isnan(share) else share
