"""What each criterion and each habit would choose, and what that choice costs in held-out loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning

# Names of criteria in full.
CRITERIA: Mapping[str, str] = {
    "gcv": "generalised cross-validation (gcv)",
    "evidence": "restricted marginal likelihood (evidence)",
    "alo": "approximate leave-one-out (alo)",
}


@dataclass(frozen=True)
class Choice:
    """A decay that somebody would choose.

    Parameters
    ----------
    name, short : str
        Who: in full, and in a word or two for a picture.
    decay, loss : float
        λ and its mean held-out loss; nan where they are not known.
    excess, paired : float
        How much more that is than the least loss, and the standard error of this paired difference.
    remark : str
        ``"in use"``, ``"at the edge of the decays"`` or nothing.
    """

    name: str
    short: str
    decay: float
    loss: float
    excess: float
    paired: float
    remark: str = ""


def choices(tuning: Tuning) -> tuple[Choice, ...]:
    """The choices of one target: held-out loss, its rules, other criteria, habits; of several targets only habits.

    A criterion chooses the decay of its least value among those tried, as finding WD012 has it.
    """
    if tuning.targets:
        return tuple(_habits(tuning, float(np.mean([one.mean[one.best] for one in tuning.targets])), paired=False))
    own = [_at(tuning, tuning.best, "least held-out loss", "held-out")]
    at = np.flatnonzero(tuning.decays == tuning.decay_1se)
    if len(at):
        own.append(_at(tuning, int(at[0]), "one-standard-error rule", "1-SE"))
    if tuning.decay not in (tuning.decay_min, tuning.decay_1se):
        own.append(_in_use(tuning))
    return (*own, *_opinions(tuning), *_habits(tuning, float(tuning.mean[tuning.best]), paired=True))


def _at(tuning: Tuning, index: int, name: str, short: str, remark: str = "") -> Choice:
    """The choice of a decay that was tried."""
    decay, loss = float(tuning.decays[index]), float(tuning.mean[index])
    remarks = (*(["in use"] if decay == tuning.decay else []), *([remark] if remark else []))
    excess = loss - float(tuning.mean[tuning.best])
    return Choice(name, short, decay, loss, excess, float(tuning.paired[index]), ", ".join(remarks))


def _in_use(tuning: Tuning) -> Choice:
    """The decay in use where it is neither the best nor that of the one-standard-error rule."""
    at = np.flatnonzero(tuning.decays == tuning.decay)
    if len(at):
        return _at(tuning, int(at[0]), f"rule {tuning.rule}", "in use")
    return Choice(f"rule {tuning.rule}", "in use", tuning.decay, math.nan, math.nan, math.nan, "in use")


def _opinions(tuning: Tuning) -> Iterator[Choice]:
    """The choices of other criteria that have a value for every decay."""
    for name, values in tuning.opinions.items():
        known = _known(values, len(tuning.decays))
        if len(known):
            index = int(known[values[known].argmin()])
            edge = "at the edge of the decays" if len(known) > 1 and index in (known[0], known[-1]) else ""
            yield _at(tuning, index, CRITERIA.get(name, name), name, edge)


def _known(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Where a criterion has a number, if it has a value for every decay."""
    return np.flatnonzero(np.isfinite(values)) if np.shape(values) == (count,) else np.zeros(0, dtype=np.intp)


def _habits(tuning: Tuning, least: float, *, paired: bool) -> Iterator[Choice]:
    """Decays that people use without tuning."""
    for one in tuning.references:
        error = one.paired if paired else math.nan
        name = f"untuned: {one.name}"
        yield Choice(name, one.name, one.decay, one.mean, one.mean - least, error)
