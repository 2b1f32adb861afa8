"""Sensitivity: what a factor of 2, 10 or 100 off the best decay costs."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.records.tuning import Tuning
from weightdecay.records.why_sensitivity import Off, Sensitivity
from weightdecay.studies.raw_tables import OfTable
from weightdecay.tuning.interrupts import Partial
from weightdecay.tuning.later import OfProblem, OfTarget
from weightdecay.tuning.protocol import ByEpoch

Array = NDArray[np.float64]

FACTORS = (2.0, 10.0, 100.0)


def sensitivity(tuning: Tuning, *, factors: Any = FACTORS, exact: bool | None = None) -> Sensitivity:
    r"""What a decay some factor c off the best costs in held-out loss, in both directions.

    With λ* the decay of least mean held-out loss L̄ on the folds of the tuning,

    .. math:: \bar L(c λ^*) - \bar L(λ^*), \qquad c = 1/100, 1/10, 1/2, 2, 10, 100,

    and the standard error of this paired difference; shares are of L̄(λ*) or, for a scorer, of its gain on infinite
    decay, as in the verdict.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned, or `Tuning.from_json`.
    factors : sequence of float, default (2, 10, 100)
        c > 1, each of which is taken in both directions.
    exact : bool, optional
        Whether losses are computed anew at these very decays (True), or read off the curve of the tuning, on a straight
        line in log λ between its decays (False). None computes them where the tuning has its data and trains no
        networks.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError
        The best decay is 0 or infinite, of which there are no multiples; there are several targets; a factor is not
        above 1; ``exact=True`` and the tuning holds no data.
    TypeError
        It is no `Tuning`.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30)); y = X @ rng.standard_normal(30) / 4 + rng.standard_normal(60)
    >>> found = wd.why.sensitivity(wd.tune(wd.LinearRegression(), X, y))
    >>> [one.factor for one in found.off], all(one.excess >= 0 for one in found.off)
    ([0.01, 0.1, 0.5, 2.0, 10.0, 100.0], True)
    """
    if not isinstance(tuning, Tuning):
        raise TypeError(f"sensitivity looks at a Tuning, got {type(tuning).__name__}; pass what wd.tune returned")
    if tuning.targets:
        raise ValueError(
            f"every one of {len(tuning.targets)} targets has a best decay of its own; pass one of tuning.targets"
        )
    best = tuning.decay_min
    if not 0 < best < math.inf:
        which = "no decay (0)" if best == 0 else "infinite"
        raise ValueError(f"the best decay is {which}, of which there are no multiples; look at the curve instead")
    every = _factors(factors)
    decays = best * every
    held_out = _computed(tuning, decays, exact)
    off, loss = _anew(held_out, every, best) if held_out is not None else _read(tuning, every, best)
    where = np.isfinite(tuning.mean)
    ends = {one.name: one.mean for one in tuning.references}
    return Sensitivity(
        decay=best,
        loss=loss,
        off=off,
        unit=tuning.unit,
        exact=held_out is not None,
        none=ends.get("no decay", math.nan),
        constant=ends.get("infinite decay", math.nan),
        decays=tuning.decays[where],
        mean=tuning.mean[where],
        tolerance=tuning.tolerance,
        cv=tuning.cv,
        model_name=tuning.model_name,
        scoring=tuning.scoring,
    )


def _factors(factors: Any) -> Array:
    """Factors c and 1/c, ascending."""
    try:
        given = np.unique(np.asarray(factors, dtype=np.float64).ravel())
    except (TypeError, ValueError):
        given = np.zeros(0)
    if not given.size or not ((given > 1) & np.isfinite(given)).all():
        raise ValueError(f"factors={factors!r}: expected numbers above 1, such as (2, 10, 100)")
    return np.concatenate([1.0 / given[::-1], given])


def _computed(tuning: Tuning, decays: Array, exact: bool | None) -> HeldOut | None:
    """Held-out losses at the best decay and at others; None where they are to be read off the curve."""
    work = None if exact is False else work_of(tuning.later)
    if work is None:
        if exact:
            raise ValueError(
                "exact=True needs the data, and this Tuning was read from JSON or settled; tune again, or read the "
                "losses off its curve with exact=False"
            )
        return None
    source, target = work
    if exact is None and isinstance(source.problem, ByEpoch):
        return None
    best = np.array([tuning.decay_min])
    split = source.problem.split(source.folds)
    # What is not finite alone would be refused: infinite decay always has a model.
    asked = np.union1d(np.concatenate([decays, best]), [np.inf])
    found = split.held_out(asked, source.nested._choosing.scorer, best)
    return found if target is None or not found.targets else found.targets[target]


@singledispatch
def work_of(later: Any) -> tuple[OfProblem | OfTarget, int | None] | None:
    """The problem and the folds that a tuning came from, and which of its targets; None where they are gone."""
    return None


@work_of.register
def _(later: OfProblem) -> tuple[OfProblem | OfTarget, int | None]:
    return later, None


@work_of.register
def _(later: OfTarget) -> tuple[OfProblem | OfTarget, int | None]:
    return later, later.number


@work_of.register
def _(later: OfTable) -> tuple[OfProblem | OfTarget, int | None] | None:
    return work_of(later.inner)


@work_of.register
def _(later: Partial) -> tuple[OfProblem | OfTarget, int | None] | None:
    return work_of(later.whole)


def _anew(held_out: HeldOut, factors: Array, best: float) -> tuple[tuple[Off, ...], float]:
    """Of losses that were computed at these decays."""
    mean, paired = held_out.mean, held_out.paired
    loss = float(mean[np.flatnonzero(held_out.decays == best)[0]])
    at = np.searchsorted(held_out.decays, best * factors)
    off = tuple(
        Off(float(c), float(best * c), float(mean[k]), float(mean[k] - loss), float(paired[k]))
        for c, k in zip(factors, at, strict=True)
    )
    return off, loss


def _read(tuning: Tuning, factors: Array, best: float) -> tuple[tuple[Off, ...], float]:
    """Of losses read off the curve; nan beyond its decays."""
    inside = (tuning.decays > 0) & np.isfinite(tuning.decays) & np.isfinite(tuning.mean)
    x = np.log(tuning.decays[inside])
    loss = float(tuning.mean[tuning.best])

    def at(values: Array, decay: float) -> float:
        return float(np.interp(math.log(decay), x, values[inside], left=math.nan, right=math.nan))

    off = []
    for c in factors.tolist():
        mean = at(tuning.mean, best * c)
        off.append(Off(c, best * c, mean, mean - loss, at(tuning.paired, best * c)))
    return tuple(off), loss
