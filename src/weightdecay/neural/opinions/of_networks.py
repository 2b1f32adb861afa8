"""The evidence of the networks that a tuning trains anyway: a curve beside the held-out one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from weightdecay.neural.opinions.curvature import affordable
from weightdecay.neural.opinions.losses import LogLoss, SquaredError
from weightdecay.neural.opinions.marginal import evidence_of, outcomes
from weightdecay.neural.opinions.objective import Objective, opened
from weightdecay.neural.opinions.unsuited import refuse_unsuited
from weightdecay.neural.population.training import made

if TYPE_CHECKING:
    from weightdecay.neural.network.problem import NetworkProblem, Result

Array = NDArray[np.float64]

# Share of J by which a trained network may lie above the mode that stands for it, and Newton steps to that mode.
NEAR, STEPS = 0.01, 100
# Folds that a tuning usually trains.
FOLDS = 5
# Operations that are no matter, whatever the tuning cost.
SMALL = 2e9
# Passes over all rows that a network takes for its steps, and factorisations of its matrix: two, and one to spare.
PASSES, FACTORISED = 300, 3
# Operations per number and row of a pass, and per number of a cubed side of an eigenvalue problem.
PASS, CUBE = 6.0, 10.0


def opinions_of(problem: NetworkProblem, decays: Array, results: Sequence[Result] | None = None) -> Mapping[str, Array]:
    """−log evidence per row at each λ, from networks trained on all rows; nothing where it is known to say nothing.

    It is asked only of networks whose λ is that of a penalty: the forms ``penalty`` and ``coupled``, and under SGD
    ``decoupled`` and ``independent``; without L1 part, early stopping, dropout, centre and normalisation; and only
    where it costs no more than the tuning did. At λ = 0 and ∞, and for networks that are not within 1 % of J of a
    mode, it is nan.

    Parameters
    ----------
    problem : NetworkProblem
    decays : ndarray of shape (L,)
    results : sequence of L Result, optional
        Networks trained on all rows at these decays, where they are known.

    Returns
    -------
    dict of str to ndarray of shape (L,)
        ``{"evidence": …}``, or empty.
    """
    decays = np.asarray(decays, dtype=np.float64)
    share, usable = penalty_share(problem), np.isfinite(decays) & (decays > 0)
    if share is None or not usable.any() or not _suited(problem):
        return {}
    trained = problem.results(decays) if results is None else list(results)
    objectives = [
        _objective(problem, one.module) if good and _finite(one.module) else None
        for one, good in zip(trained, usable.tolist(), strict=True)
    ]
    points = outcomes(objectives, np.where(usable, decays, 1.0) * share, NEAR, STEPS)
    known = [place for place, one in enumerate(points) if one is not None]
    if not known:
        return {}
    scale = problem.opened.scales(np.flatnonzero(problem.opened.weight > 0)).y_scale
    first = objectives[known[0]]
    assert first is not None
    values = np.full(len(decays), np.nan)
    found = [one for one in points if one is not None]
    values[known] = evidence_of(first, decays[known], found, unit=float(scale[0]) if len(scale) == 1 else 1.0).values
    return {"evidence": values}


def _suited(problem: NetworkProblem) -> bool:
    """Whether a fresh network of this kind can be judged, and at a price that its tuning pays anyway."""
    if problem.early or problem.dropout > 0 or vars(problem).get("centre") is not None:
        return False
    module = made(problem.factory, problem.schedule.seed).double().eval()
    try:
        objective = _objective(problem, module)
        refuse_unsuited(module.train(), objective)
    except ValueError:
        return False
    P, m = len(objective.start), objective.n * objective.k
    side = min(P, m)
    own = PASSES * PASS * P * objective.n + FACTORISED * (2.0 * P * m * side + CUBE * side**3)
    return affordable(objective) and own <= max(SMALL, FOLDS * problem.schedule.epochs * PASS * P * objective.n)


def _objective(problem: NetworkProblem, module: nn.Module) -> Objective:
    """Of a network on all rows, standardised as it was trained, on the processor."""
    every = np.flatnonzero(problem.opened.weight > 0)
    rows = problem.opened.rows(every, problem.opened.scales(every), torch.float64)
    x, y, s = (one.cpu() for one in (rows.x, rows.target, rows.weight))
    loss = LogLoss() if len(problem.opened.classes) else SquaredError()
    return opened(module.cpu(), x, y, s, loss=loss, exempt=lambda name, parameter, role: name in problem.exempt)


def _finite(module: nn.Module) -> bool:
    return all(bool(torch.isfinite(one).all()) for one in module.parameters())


def penalty_share(problem: NetworkProblem) -> float | None:
    """What λ is to be multiplied by to be that of a penalty ½λ‖w‖² in the loss; None where it is none.

    A step of SGD with momentum μ comes to rest where g/(1 − μ) is what decay takes: λw, or λw/η.
    """
    settings = problem.settings
    if settings.l1_ratio > 0:
        return None
    if settings.form in ("penalty", "coupled"):
        return 1.0
    if settings.kind != "sgd" or settings.form not in ("decoupled", "independent"):
        return None
    rest = 1.0 - settings.betas[0]
    return rest if settings.form == "decoupled" else rest / float(problem.shell.learning_rate)
