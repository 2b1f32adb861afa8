"""Rules: what a law or a habit says about a decay, with its range, its reason and its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

# Rules whose centres are further apart than this factor disagree.
APART = 3.0


@final
@dataclass(frozen=True)
class Rule:
    """What one rule says.

    Attributes
    ----------
    name : str
    decay, low, high : float
        Its centre and its range, λ at the form's place.
    why : str
        How the numbers come about.
    source : str
        Who says so, with its number where it has one.
    habit : bool
        Whether it is a number that people use, and nothing that was derived or measured for a run like this one.

    Examples
    --------
    >>> print(Rule("default", 0.01, 0.001, 0.1, "what one gets without asking", "torch.optim.AdamW", habit=True))
    default (a habit): 0.01, from 0.001 to 0.1: what one gets without asking [torch.optim.AdamW]
    """

    name: str
    decay: float
    low: float
    high: float
    why: str
    source: str
    habit: bool = False

    def __str__(self) -> str:
        habit = " (a habit)" if self.habit else ""
        numbers = f"{self.decay:.3g}, from {self.low:.3g} to {self.high:.3g}"
        return f"{self.name}{habit}: {numbers}: {self.why} [{self.source}]"


def centre_of(rules: Sequence[Rule]) -> float:
    """The geometric mean of the centres; 0 if one of them is.

    Examples
    --------
    >>> round(centre_of([Rule("a", 0.01, 0.01, 0.1, "", ""), Rule("b", 1.0, 0.5, 2.0, "", "")]), 12)
    0.1
    """
    if any(rule.decay == 0.0 for rule in rules):
        return 0.0
    if len(rules) == 1:
        return rules[0].decay
    return math.exp(sum(math.log(rule.decay) for rule in rules) / len(rules))


def apart(rules: Sequence[Rule]) -> tuple[float, Rule, Rule]:
    """How far the centres are apart, as a factor, with the lowest rule and the highest.

    A rule that says 0 is met by whatever is within its own range.

    Examples
    --------
    >>> factor, least, most = apart([Rule("a", 0.01, 0.01, 0.1, "", ""), Rule("b", 1.0, 0.5, 2.0, "", "")])
    >>> factor, least.name, most.name
    (100.0, 'a', 'b')
    """
    ordered = sorted(rules, key=lambda rule: rule.decay)
    least, most = ordered[0], ordered[-1]
    floor = least.decay or least.high
    if most.decay <= floor:
        return 1.0, least, most
    return (most.decay / floor if floor else math.inf), least, most


def disagreement(rules: Sequence[Rule]) -> str:
    """A sentence on whether the rules agree."""
    factor, least, most = apart(rules)
    if len(rules) == 1:
        return "one rule speaks here"
    if factor <= APART:
        near = f" within a factor of {factor:.2g}" if least.decay and factor > 1.005 else ""
        return f"the {len(rules)} rules agree{near}"
    by = "" if math.isinf(factor) else f" by a factor of {factor:.2g}"
    return f"the rules disagree{by}: {least.name!r} says {least.decay:.2g}, {most.name!r} says {most.decay:.2g}"
