"""Bias and variance of ridge in closed form: held-out losses of targets that stand for the mean and for the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from weightdecay.records.brief import brief
from weightdecay.records.tuning import Tuning
from weightdecay.studies.why.opened import Opened
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Problem

Array = NDArray[np.float64]

PLUG_INS = ("posterior", "coefficients")
# Rows up to which every row has a target of its own, and random vectors beyond: enough of them that their error is
# small, the fewer the more rows average it.
EXACT = 500
MOST_VECTORS, LEAST_VECTORS, ROWS_OF_ALL = 100, 16, 1_000_000
# Targets times decays that are worked on at once.
AT_ONCE = 20_000
# Share of the degrees of freedom that a plug-in must leave, for the noise to be told.
LEAST_FREE = 0.1


@dataclass(frozen=True, eq=False)
class Parts:
    """Squared bias, variance and the error of their sum, each (L,), the noise, and how they were found."""

    bias: Array
    variance: Array
    error: Array
    noise: float
    way: str
    samples: int
    plug_in: str


def in_closed_form(work: Opened, folds: Folds, tuning: Tuning, decays: Array, how: tuple[str, Any]) -> Parts:
    """The parts of a problem whose held-out residuals are R y: with μ̂ the fit at λ̂ and C the matrix of fits at λ̂,
    bias² = ‖Rμ̂‖²/n + σ² tr(R C Rᵀ)/n and noise + variance = σ² tr(R Rᵀ)/n.

    For a random z with E zzᵀ = I the two traces are E ‖Rz‖² and E (Rz)·(RCz) = E (‖R(z + Cz)‖² − ‖R(z − Cz)‖²)/4.
    """
    plug_in, random_state = how
    plugged = _plugged(work, tuning)
    every = np.union1d(decays, plugged)
    at, place = np.searchsorted(every, decays), int(np.searchsorted(every, plugged))
    mean = _fits(work.problem, work.columns, plugged)[:, 0]
    missed = work.again(mean).split(folds).held_out(every).mean
    share = 1.0 if plug_in == "posterior" else 0.0
    vectors = _vectors(work, random_state)
    exact = vectors.shape[1] == np.count_nonzero(work.used)
    spread, unknown = _traces(work, folds, (every, plugged), vectors, share)
    times = vectors.shape[1] if exact else 1  # sums over rows, or means over vectors
    v, b = times * spread.mean(axis=0) - 1.0, times * unknown.mean(axis=0)
    seen = float(work.problem.split(folds).held_out(np.array([plugged])).mean[0])
    noise = max(seen - float(missed[place]), 0.0) / (1.0 + float(v[place] + b[place]))
    scatter = (spread + unknown).std(axis=0, ddof=1) / np.sqrt(len(spread)) if not exact else np.zeros(len(every))
    of = "the tuned coefficients" if plugged == tuning.decay else f"the coefficients at decay {brief(plugged)}"
    what = f"N(Xw, {brief(noise)}) with w {of}{', as uncertain as their posterior leaves them' if share else ''}"
    return Parts(
        bias=(missed + noise * b)[at],
        variance=noise * v[at],
        error=noise * scatter[at],
        noise=noise,
        way="closed form" if exact else "random vectors",
        samples=0 if exact else vectors.shape[1],
        plug_in=what,
    )


def _plugged(work: Opened, tuning: Tuning) -> float:
    """λ of the model that is plugged in: the tuned one, or where it follows the rows too closely that of most evidence.

    Raises
    ------
    ValueError
        There is none that leaves degrees of freedom.
    """
    rows = work.problem.facts().n_rows - 1
    inside = tuning.decays[(tuning.decays > 0) & np.isfinite(tuning.decays)]
    free = 1.0 - work.problem.path(np.array([tuning.decay])).mean_df[0] / rows
    if free > LEAST_FREE or not len(inside):
        return float(tuning.decay)
    evidence = np.asarray(work.problem.opinions(inside)["evidence"])
    best = float(inside[int(np.nanargmin(evidence))])
    if 1.0 - work.problem.path(np.array([best])).mean_df[0] / rows <= LEAST_FREE:
        raise ValueError(
            "the best models follow their training rows almost without error, so that nothing tells the noise from the "
            "rest; give more rows, or fewer columns"
        )
    return best


def _vectors(work: Opened, random_state: Any) -> Array:
    """Vectors (n, T) that stand for noise of variance 1/s: one for every row with weight, or random signs."""
    used = work.used
    scale = np.zeros(len(used))
    scale[used] = 1.0 / np.sqrt(work.weight[used])
    count = int(np.count_nonzero(used))
    if count <= EXACT:
        return np.asarray(np.diag(scale)[:, used])
    vectors = min(MOST_VECTORS, max(LEAST_VECTORS, ROWS_OF_ALL // count))
    generator = check_random_state(0 if random_state is None else random_state)
    return np.asarray(scale[:, None] * (2.0 * generator.randint(0, 2, (len(used), vectors)) - 1.0))


def _traces(
    work: Opened, folds: Folds, where: tuple[Array, float], vectors: Array, share: float
) -> tuple[Array, Array]:
    """‖Rz‖²/n and (Rz)·(RCz)/n times a share, (T, L), for vectors (n, T)."""
    decays, tuned = where
    size = max(1, AT_ONCE // (3 * len(decays)))
    spread, unknown = np.empty((2, vectors.shape[1], len(decays)))
    for start in range(0, vectors.shape[1], size):
        part = slice(start, min(start + size, vectors.shape[1]))
        z = vectors[:, part]
        t = z.shape[1]
        if not share:
            spread[part], unknown[part] = _losses(work, folds, decays, z), 0.0
            continue
        fits = _fits(work.again(z, centre=None), work.columns, tuned)
        losses = _losses(work, folds, decays, np.hstack([z, z + fits, z - fits]))
        spread[part], unknown[part] = losses[:t], share * (losses[t : 2 * t] - losses[2 * t :]) / 4.0
    return spread, unknown


def _losses(work: Opened, folds: Folds, decays: Array, targets: Array) -> Array:
    """Held-out losses (T, L) of targets (n, T), without a centre."""
    held_out = work.again(targets, centre=None).split(folds).held_out(decays)
    return np.stack([one.mean for one in held_out.targets or (held_out,)])


def _fits(problem: Problem, columns: Any, decay: float) -> Array:
    """What the models of a problem at a decay make of the columns (n, p) of its own rows, (n, T)."""
    path = problem.path(np.array([decay]))
    intercept = path.intercept.reshape(-1)
    return np.asarray(columns @ path.coef.reshape(len(intercept), -1).T + intercept, dtype=np.float64)
