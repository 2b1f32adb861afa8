"""Findings that the held-out curve itself gives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.finding import Finding
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief

Array = NDArray[np.float64]

PROMINENCE = 0.001  # share of the least loss by which a second valley must be parted from the first
DISAGREE = 0.05  # share of the least loss that the choice of another criterion must cost


def curve_findings(tuning: Tuning, *, given: bool) -> tuple[Finding, ...]:
    """Edge, flatness, several minima, disagreeing criteria, failed solves."""
    return (
        *_edge(tuning, given),
        *_flat(tuning),
        *_several_minima(tuning),
        *_disagreement(tuning),
        *_unfinished(tuning),
    )


def _edge(tuning: Tuning, given: bool) -> Iterator[Finding]:
    """WD001: the best of the decays given is the first or last of them, and the curve still falls beyond."""
    if not given or not 0 < tuning.decay_min < math.inf or len(tuning.decays) < 2:
        return
    for end, name, word in ((0, "no decay", "smaller"), (-1, "infinite decay", "larger")):
        limit = tuning.reference(name)
        if tuning.decay_min != tuning.decays[end] or limit is None:
            continue
        if abs(limit.mean - tuning.mean[end]) > 1e-4 * abs(tuning.mean[end]):
            yield Finding(
                "WD001",
                "warning",
                f"the best of the decays given, {brief(tuning.decay_min)}, is the {'first' if end == 0 else 'last'} of them",
                f"give {word} decays too, or leave decays=None and the grid is extended until it brackets the best",
            )


def _flat(tuning: Tuning) -> Iterator[Finding]:
    """WD002: no decay anywhere is worse than the tolerance."""
    if tuning.window == (0.0, math.inf):
        yield Finding(
            "WD002",
            "info",
            f"every decay from none to infinity is within {100 * tuning.tolerance:g} % of the best held-out loss",
            "choose any decay; these columns say little about the target, or shrinking them makes no difference",
        )


def valleys(mean: Array) -> list[int]:
    """Indices of local minima parted from every deeper one by a rise of more than a thousandth of the least loss."""
    rise = PROMINENCE * abs(float(mean.min()))
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
    """WD003: more than one valley."""
    found = valleys(tuning.mean)
    if len(found) > 1:
        places = ", ".join(f"{brief(float(tuning.decays[i]))} (loss {brief(float(tuning.mean[i]))})" for i in found)
        yield Finding(
            "WD003",
            "info",
            f"the held-out curve has {len(found)} minima: {places}",
            "the deepest is taken; look at the curve, and try repeated folds to see whether both are real",
        )


def _disagreement(tuning: Tuning) -> Iterator[Finding]:
    """WD012: following another criterion would cost much held-out loss."""
    least = float(tuning.mean[tuning.best])
    for name, values in tuning.opinions.items():
        if not np.isfinite(values).any():
            continue
        other = int(np.nanargmin(np.where(np.isfinite(values), values, np.nan)))
        excess, error = float(tuning.mean[other]) - least, float(tuning.paired[other])
        if excess > DISAGREE * abs(least) and not excess <= 2 * error:
            yield Finding(
                "WD012",
                "warning",
                f"{name} would choose decay {brief(float(tuning.decays[other]))}, which costs "
                f"{100 * excess / abs(least):.0f} % more held-out loss than {brief(tuning.decay_min)}",
                "trust the held-out loss if the folds keep related rows together; otherwise name the groups or the time order",
            )


def _unfinished(tuning: Tuning) -> Iterator[Finding]:
    """WD013: some held-out losses come from solves that stopped early."""
    late = np.char.startswith(tuning.status, "not converged")
    if late.any():
        yield Finding(
            "WD013",
            "warning",
            f"{int(late.sum())} of {late.size} fold fits stopped before the tolerance was met, at decays up to "
            f"{brief(float(tuning.decays[late.any(axis=0)].max()))}",
            "raise max_iter, or ignore it if these decays are far from the best",
        )
