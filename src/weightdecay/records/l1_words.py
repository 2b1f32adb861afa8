"""L1 in words: which kind of penalty suits the data, and the same strength in other tools that have both parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weightdecay.decay.units import conversion
from weightdecay.records.brief import brief
from weightdecay.records.trial import l1_ratio_of

if TYPE_CHECKING:
    from weightdecay.records.trial import Trial
    from weightdecay.records.tuning import Tuning

# Paired standard errors from which one kind is said to be better.
CERTAIN = 2.0
# Tools with both parts, by estimator: text, convention. The last number in a text is the L1 part there.
MIXED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "LinearRegression": (
        ("scikit-learn ElasticNet(alpha={}, l1_ratio={})", "sklearn.ElasticNet.alpha"),
        ("glmnet lambda={} at alpha={}", "glmnet.gaussian.lambda"),
    ),
    "LogisticRegression": (
        ("scikit-learn LogisticRegression(C={}, l1_ratio={})", "sklearn.LogisticRegression.C"),
        ("glmnet lambda={} at alpha={}", "glmnet.binomial.lambda"),
    ),
    "PoissonRegression": (("glmnet lambda={} at alpha={}", "glmnet.poisson.lambda"),),
}


def mixed_elsewhere(tuning: Tuning, facts: Mapping[str, float]) -> Iterator[str]:
    """The chosen decay, and the mix, in the units of tools that have an L1 part too."""
    for text, name in MIXED.get(tuning.model_name, ()):
        if name == "glmnet.gaussian.lambda" and "y_std" not in facts:
            continue
        there = conversion(tuning.decay, "decay", name, l1_ratio=tuning.l1_ratio, **facts)
        yield text.format(brief(there.value), brief(there.l1_ratio))


def suits(tuning: Tuning) -> str:
    """Which kind of penalty suits the data better, where the settings tried differ in it; else nothing."""
    pair = _best_of_two_kinds(tuning.trials)
    if pair is None:
        return ""
    (winner, one), (loser, other) = pair
    excess, paired = other.mean - one.mean, other.paired
    ours, theirs = (brief(float(tuning.as_metric(trial.mean))) for trial in (one, other))
    losses = f"{tuning.metric} {ours} against {theirs}"
    errors = excess / paired if paired > 0 else math.nan
    how = f" (difference {brief(float(f'{errors:.2g}'))} paired standard errors)" if math.isfinite(errors) else ""
    if not excess > tuning.tolerance * tuning.unit:
        return f"{_capital(winner)} and {loser} suit these data about equally well: {losses}{how}."
    if errors <= CERTAIN:
        return f"Whether {winner} or {loser} suits these data better cannot be told: {losses}{how}."
    if math.isnan(paired):
        how = " (on a single set of held-out rows, which does not tell how much of it is chance)"
    return f"{_capital(winner)} suits these data better: {losses} for {loser}{how}."


def _best_of_two_kinds(trials: Sequence[Trial]) -> tuple[tuple[str, Trial], tuple[str, Trial]] | None:
    """The best setting with its kind of penalty, and that of another kind it is compared with; None where all are one.

    That is weight decay, or where this is the best the best of the others.
    """
    mixes = [l1_ratio_of(one.params) for one in trials]
    known = [(mix, one) for mix, one in zip(mixes, trials, strict=True) if mix is not None]
    if len({mix for mix, _ in known}) < 2:
        return None
    kinds = {mix: _kind(mix) for mix, _ in known}
    if len(set(kinds.values())) == 1:
        kinds = {mix: f"l1_ratio={brief(mix)}" for mix in kinds}
    first: dict[str, Trial] = {}
    for mix, one in sorted(known, key=lambda pair: pair[1].mean):
        first.setdefault(kinds[mix], one)
    winner, *others = first.items()
    return winner, next((one for one in others if one[0] == kinds.get(0.0)), others[0])


def _kind(mix: float) -> str:
    """A kind of penalty in words."""
    return "weight decay" if mix == 0 else "L1" if mix == 1 else "elastic net"


def _capital(text: str) -> str:
    """At the beginning of a sentence; a parameter's name stays as it is."""
    return text if "=" in text else text[0].upper() + text[1:]
