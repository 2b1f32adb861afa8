"""From cases to findings: one for each code and cause, with the parameters that it concerns."""

from __future__ import annotations

from collections.abc import Sequence

from weightdecay.neural.audit.guard import Optimizers
from weightdecay.neural.audit.members import Policy, policy_word
from weightdecay.neural.audit.rows import Case
from weightdecay.neural.audit.wrong_places import wrong_places
from weightdecay.neural.audit.wrong_shares import wrong_shares
from weightdecay.records.finding import Finding

_ORDER = ("error", "warning", "info")


def problems(optimizers: Optimizers, cases: Sequence[Case], policy: Policy) -> tuple[Finding, ...]:
    """All that is wrong or worth knowing, errors first."""
    found = [*wrong_places(optimizers, cases, policy_word(policy)), *wrong_shares(cases)]
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.severity), one.code)))
