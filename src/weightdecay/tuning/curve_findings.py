"""Findings that the held-out curve itself gives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.finding import Finding
from weightdecay.records.interval_words import interval_words
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import BETTER, beaten, brief, near_best

Array = NDArray[np.float64]

# Shares are of the least loss or, for scorers, of what the best gains on the constant model: see `Tuning.unit`.
PROMINENCE = 0.001  # share by which a second valley must be parted from the first
DISAGREE = 0.05  # share that the choice of another criterion must cost
NOTHING = 1e-6  # share of the constant model's loss below which it does not matter who is right
SQUARED = ("r2", "mean squared error", "root mean squared error")  # scores of the squared error
COMPETES = 0.1  # share by which a second minimum may be worse and still be told
CERTAIN = 2.0  # paired standard errors that it must cost as well
OPTIMISTIC = 2.5  # times that a nested interval must reach farther above the loss than the fold-wise one


def curve_findings(tuning: Tuning, *, given: bool) -> tuple[Finding, ...]:
    """Edge, flatness, several minima, disagreeing criteria, failed solves."""
    return (
        *_edge(tuning, given),
        *_flat(tuning),
        *_several_minima(tuning),
        *_disagreement(tuning, given),
        *_unfinished(tuning),
        *_optimistic(tuning),
    )


def _edge(tuning: Tuning, given: bool) -> Iterator[Finding]:
    """WD001: a decay that was not given is better than the best of those given, or may well be.

    It is better for certain where it is one of the references. It may be where the best is the first or last of the
    decays given, and the curve goes on beyond.
    """
    if not given:
        return
    better = beaten(tuning)
    if better is not None:
        called = better.name
        if better.decay not in (0.0, math.inf):
            called += f" (decay {brief(better.decay)}), which was not among them"
        word = (
            "larger" if better.decay > tuning.decays[-1] else "smaller" if better.decay < tuning.decays[0] else "more"
        )
        yield _at_the_edge(tuning, f"is worse than {called}", word)
        return
    for end, place, name, word in ((0, "first", "no decay", "smaller"), (-1, "last", "infinite decay", "larger")):
        limit = tuning.reference(name)
        if tuning.decay_min != tuning.decays[end] or limit is None or tuning.decay_min in (0.0, math.inf):
            continue
        # Of a single decay nothing is known to its sides.
        if len(tuning.decays) > 1 and not abs(limit.mean - tuning.mean[end]) <= BETTER * tuning.unit:
            yield _at_the_edge(tuning, f"is the {place} of them", word)


def _at_the_edge(tuning: Tuning, what: str, word: str) -> Finding:
    """WD001 in words."""
    which = "best of the decays" if len(tuning.decays) > 1 else "only decay"
    return Finding(
        "WD001",
        "warning",
        f"the {which} given, {brief(tuning.decay_min)}, {what}",
        f"give {word} decays, or leave decays=None and the grid is extended until it brackets the best",
    )


def _flat(tuning: Tuning) -> Iterator[Finding]:
    """WD002: no decay anywhere is worse than the tolerance."""
    if tuning.window == (0.0, math.inf):
        yield Finding(
            "WD002",
            "info",
            f"every decay from none to infinity {near_best(tuning)}",
            "choose any decay; these columns say little about the target, or shrinking them makes no difference",
        )


def valleys(mean: Array, rise: float) -> list[int]:
    """Indices of local minima, the least among them, parted from every deeper one by more than a rise.

    Losses that are not finite are walls.
    """
    mean = np.where(np.isfinite(mean), mean, np.inf)
    found: list[int] = []
    low, high, falling = 0, 0, True
    for index in range(1, len(mean)):
        if falling:
            low = index if mean[index] < mean[low] else low
            if mean[index] > mean[low] + rise:
                found.append(low)
                high, falling = index, False
        else:
            high = index if mean[index] > mean[high] else high
            if mean[index] < mean[high] - rise:
                low, falling = index, True
    return [*found, low] if falling and low not in found else found


def _several_minima(tuning: Tuning) -> Iterator[Finding]:
    """WD003: valleys between which the curve leaves the tolerance."""
    limit = float(tuning.mean[tuning.best]) + COMPETES * tuning.unit
    found = [
        i for i in valleys(tuning.mean, max(PROMINENCE, tuning.tolerance) * tuning.unit) if tuning.mean[i] <= limit
    ]
    if len(found) > 1:
        places = ", ".join(f"{brief(float(tuning.decays[i]))} (loss {brief(float(tuning.mean[i]))})" for i in found)
        yield Finding(
            "WD003",
            "info",
            f"the held-out curve has {len(found)} minima, at decays {places}",
            "the deepest is taken; look at the curve, and try repeated folds to see whether both are real",
        )


def _disagreement(tuning: Tuning, given: bool) -> Iterator[Finding]:
    """WD012: following another criterion would cost much held-out loss."""
    if tuning.scored and tuning.metric not in SQUARED:
        return  # they judge the squared error (or the engine's own loss), and that is not what was asked for
    least, constant = float(tuning.mean[tuning.best]), tuning.reference("infinite decay")
    for name, values in tuning.opinions.items():
        if not np.isfinite(values).any():
            continue
        known = np.flatnonzero(np.isfinite(values))
        other = int(known[values[known].argmin()])
        if given and other in (known[0], known[-1]):
            continue  # what it would choose lies beyond the decays given
        if not tuning.scored and constant is not None and tuning.mean[other] <= NOTHING * constant.mean:
            continue
        excess, error = float(tuning.mean[other]) - least, float(tuning.paired[other])
        if excess > DISAGREE * tuning.unit and not excess <= CERTAIN * error:
            yield Finding(
                "WD012",
                "warning",
                f"{name} would choose decay {brief(float(tuning.decays[other]))}, which is worse than "
                f"{brief(tuning.decay_min)} by {_share(tuning, excess)}",
                "trust the held-out loss unless rows are related: then hold out whole groups of them, or later rows by "
                "earlier ones",
            )


def _share(tuning: Tuning, excess: float) -> str:
    """An excess loss in words."""
    percent = f"{100 * excess / tuning.unit:.0f} %"
    return f"{percent} of what tuning gains" if tuning.scored else f"{percent} of held-out loss"


def _unfinished(tuning: Tuning) -> Iterator[Finding]:
    """WD013: some held-out losses come from solves that stopped early."""
    late = np.char.startswith(tuning.status, "not converged")
    if late.any():
        at = tuning.decays[late.any(axis=0)]
        where = (
            f"decay {brief(float(at[0]))}"
            if len(at) == 1
            else f"decays {brief(float(at[0]))} to {brief(float(at[-1]))}"
        )
        yield Finding(
            "WD013",
            "warning",
            f"{int(late.sum())} of {late.size} fold fits stopped before the tolerance was met, at {where}",
            "raise max_iter, or ignore it if these decays are far from the best",
        )


def _optimistic(tuning: Tuning) -> Iterator[Finding]:
    """WD022: the loss of the tuned model may be much worse than the spread over folds says."""
    found = tuning.intervals
    if found is None or not (found.has_fold_wise and found.has_nested):
        return
    above, nested = found.fold_wise[1] - found.loss, found.nested[1] - found.loss
    if above > 0 and nested > OPTIMISTIC * above:
        low, high = (interval_words(tuning, one) for one in (found.fold_wise, found.nested))
        yield Finding(
            "WD022",
            "info",
            f"the held-out {tuning.metric} {brief(tuning.as_metric(found.loss))} is less sure than its spread says: by "
            f"nested cross-validation the 95 % interval is {high}, by the spread over folds or rows alone {low}",
            "report the nested interval; more rows, or fewer columns, make the loss surer",
        )
