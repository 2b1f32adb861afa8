"""The marginal likelihood of a network as a function of λ, by Laplace's approximation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from weightdecay.neural.groups import Exempt
from weightdecay.neural.opinions.curvature import (
    Curvature,
    Structure,
    affordable,
    exact,
    factorised,
    generic_rank,
    unchanged,
)
from weightdecay.neural.opinions.losses import RowLosses, loss_named
from weightdecay.neural.opinions.modes import Mode, descended
from weightdecay.neural.opinions.objective import Objective, Product, at_decay, opened
from weightdecay.neural.opinions.unsuited import KINKS, has_kinks, refuse_unsuited
from weightdecay.records.second_opinion import Evidence

Array = NDArray[np.float64]
Models: TypeAlias = nn.Module | Callable[[float], nn.Module]


def marginal_likelihood(
    model: Models,
    X: Any,
    y: Any,
    decays: Any,
    *,
    loss: str | RowLosses = "mse",
    sample_weight: Any = None,
    exempt: Exempt = "auto",
    structure: Structure = "auto",
    tol: float = 0.01,
    max_iter: int = 300,
) -> Evidence:
    r"""Say how well each λ explains the training rows, without held-out ones: −log evidence per row.

    With the n rows of positive weight, weights scaled to mean 1, prior precision Λ = nλ, and J, w at its minimum,

    .. math:: J(w) = \frac1n \sum_i s_i \, loss_i + \frac{λ}{2} \|w\|^2, \qquad
              G = \sum_i s_i \, J_i^T \, ∂^2 loss_i \, J_i,

    exempt numbers profiled out of the Gauss-Newton matrix G, which leaves S, it is for a loss that is a negative log
    likelihood, and for squared error, whose noise variance is profiled out,

    .. math:: \frac1n \Bigl( nJ + \tfrac12 \log\det(I + S/Λ) \Bigr) \quad\text{and}\quad
              \frac1n \Bigl( \tfrac{nk - r}{2} \log 2J + \tfrac12 \log\det(I + S/Λ) \Bigr),

    k outputs, r directions of exempt numbers (as many as at random weights), up to a constant. Of a model that is
    linear in its weights the second is exact: the restricted likelihood that
    ``wd.tune(wd.LinearRegression(...)).opinions["evidence"]`` holds.

    Parameters
    ----------
    model : nn.Module, or callable from λ to nn.Module
        One network is taken, as a copy, to the mode of every λ, its own numbers being the start. A callable gives the
        networks trained at each λ, which must be at modes.
    X : array or Tensor of shape (n, …)
        Inputs, taken as real numbers; only a tensor of whole numbers stays one.
    y : array or Tensor of shape (n,) or (n, k)
        Numbers, or numbers of the classes from 0 up; of a model with one logit 0 and 1.
    decays : array-like of shape (L,)
        λ from 0 to ∞, on the scale of a penalty ½λ‖w‖² beside a mean loss.
    loss : "mse", "log-loss" or callable
        Squared error with unknown variance, or log-loss of logits. A callable takes outputs (n, k) and y and returns
        the negative log likelihood (n,) of rows, convex in the outputs.
    sample_weight : array-like of shape (n,), optional
        Relative: a common factor changes nothing.
    exempt : "auto", list, callable or None
        Parameters without prior, as in `param_groups`.
    structure : "auto", "exact" or "lanczos"
        "exact" finds all eigenvalues of G, or of its twin with a row per row of data, whichever is smaller. "lanczos"
        estimates the determinant from random vectors; its standard error is told. "auto" is "exact" up to 3000.
    tol : float
        Largest share of J that networks of a callable may still gain on the way to the mode.
    max_iter : int
        Newton steps for one λ.

    Returns
    -------
    Evidence

    Raises
    ------
    TypeError
        No module.
    ValueError
        Where the evidence is known to fail: weights whose length a normalisation hides, active dropout, rows that
        influence each other, weights that are at no mode; or data and parameters that do not fit.

    Notes
    -----
    MacKay (1992), "A practical Bayesian framework for backpropagation networks"; Immer et al. (2021), arXiv:2104.04975;
    Antorán et al. (2022), arXiv:2206.08900 on normalisation. Exempt numbers have Jeffreys' prior, the root of the
    determinant of their block of G, which is flat where outputs are linear in them. A flat prior everywhere would give
    infinite evidence to a decay under which hidden biases lose their effect. The evidence speaks of the mode that the
    start leads to; J of a network has several.

    Examples
    --------
    >>> import torch, weightdecay as wd
    >>> from torch import nn
    >>> from weightdecay.neural.opinions.marginal import marginal_likelihood
    >>> X = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
    >>> y = 2 * X[:, 0] + torch.cos(99 * X[:, 0])
    >>> found = marginal_likelihood(nn.Linear(1, 1), X, y, [0.001, 0.01, 0.1, 1.0])
    >>> same = wd.tune(wd.LinearRegression(standardize=False), X.numpy(), y.numpy(), decays=found.decays)
    >>> float(abs(found.values - same.opinions["evidence"]).max()) < 1e-12
    True
    """
    strengths = checked_decays(decays)
    if structure not in ("auto", "exact", "lanczos"):
        raise ValueError(f"structure={structure!r} is not known: give 'auto', 'exact' or 'lanczos'")
    row_loss = loss_named(loss)
    walk = Walk(structure, max_iter, _finest(strengths))
    points = []
    start: Objective | None = None
    for decay in strengths.tolist():
        given = model if isinstance(model, nn.Module) else model(decay)
        if start is None or given is not model:
            start = opened(given, X, y, sample_weight, loss=row_loss, exempt=exempt)
            refuse_unsuited(given, start)
        point = walk.to(start, decay)
        if decay > 0:  # without a prior there is no evidence, wherever the weights are
            _refuse_unsolved(point.mode, decay, None if given is model else tol)
        points.append(point)
    assert start is not None
    notes = [KINKS] if has_kinks(start, start.start) else []
    if any(one.mode.found and one.mode.left > 1e-8 for one in points):
        notes.append("the weights are where J stopped to fall: on kinks, no gradient is 0")
    return evidence_of(start, strengths, points, tuple(notes))


@final
@dataclass(frozen=True, eq=False)
class Point:
    """A mode at a λ, and the Gauss-Newton matrix there."""

    decay: float
    mode: Mode
    loss: float
    curvature: Curvature


@final
@dataclass(eq=False)
class Walk:
    """Modes for one λ after another; a factorisation serves as long as the matrix does not change.

    Parameters
    ----------
    structure : "auto", "exact" or "lanczos"
    most : int
        Newton steps for one λ.
    finest : float
        The least λ above 0 that will be asked about.
    limit : float
        Share of J that the way to a mode may gain; a start from where it is more is given up.
    """

    structure: Structure
    most: int
    finest: float
    limit: float = math.inf
    start: Known | None = None
    latest: Known | None = None

    def to(self, objective: Objective, decay: float) -> Point:
        """The mode next to the objective's own numbers, whatever was asked before."""
        w = objective.start if not math.isinf(decay) else objective.start * ~objective.decayed

        def preconditioner(curvature: Curvature) -> Product:
            return lambda b: curvature.solve(b, decay)

        solve: Product = lambda b: b  # noqa: E731
        small, kinks = affordable(objective), has_kinks(objective, objective.start)
        if small:
            known = self.start
            if known is None or known.objective is not objective or not torch.equal(known.w, w):
                known = Known(objective, w, exact(objective, w, self.finest))
            if self.start is None or not math.isinf(decay):
                self.start = known
            solve = preconditioner(known.curvature)
        renewed = (lambda at: preconditioner(exact(objective, at, math.inf))) if small else None
        mode = descended(at_decay(objective, decay), w, solve, renewed, self.most, self.limit, kinks=kinks)
        loss = float(objective.loss.shown(objective.value(mode.w), objective.k))
        return Point(decay, mode, loss, self._curvature(objective, mode.w))

    def _curvature(self, objective: Objective, w: Tensor) -> Curvature:
        """At a mode: one that is known if the matrix is the same."""
        for one in (self.start, self.latest):
            if one is not None and one.objective is objective:
                fits = self.structure in ("auto", one.curvature.structure)
                if fits and unchanged(objective, one.w, w):
                    return one.curvature
        self.latest = Known(objective, w, factorised(objective, w, self.structure, self.finest))
        return self.latest.curvature


@final
@dataclass(frozen=True, eq=False)
class Known:
    """A factorisation at a place."""

    objective: Objective
    w: Tensor
    curvature: Curvature


def evidence_of(
    objective: Objective, decays: Array, points: Sequence[Point], notes: tuple[str, ...] = (), unit: float = 1.0
) -> Evidence:
    """The record of modes at all decays, of targets in some unit; nan where none was found."""
    n, k = objective.n, objective.k
    rest = n * k - (generic_rank(objective) if objective.loss.profiled else 0)
    values, noise = np.full(len(points), np.nan), np.full(len(points), np.nan)
    log_det, error, df = (np.zeros(len(points)) for _ in range(3))
    for at, one in enumerate(points):
        log_det[at], error[at] = one.curvature.log_det(one.decay)
        df[at] = 0.0 if math.isinf(one.decay) else one.curvature.df(one.decay)
        if math.isinf(log_det[at]):
            values[at] = math.inf
        if math.isinf(log_det[at]) or not one.mode.found:
            continue
        fit = one.mode.value
        if objective.loss.profiled:
            noise[at] = 2.0 * fit * unit**2 * n / rest if rest > 0 else math.nan
            fit = 0.5 * rest / n * math.log(2.0 * fit * unit**2) if fit > 0 else -math.inf
        values[at] = fit + 0.5 * log_det[at] / n
    losses = np.array([one.loss for one in points])
    kind = points[0].curvature.structure if points else "exact"
    return Evidence(decays, values, losses, log_det, df, noise, 0.5 * error / n, kind, notes)


def _finest(decays: Array) -> float:
    return float(min(decays[decays > 0], default=math.inf))


def checked_decays(decays: Any) -> Array:
    """λ (L,), each from 0 to ∞.

    Raises
    ------
    ValueError
        Something else.
    """
    found = np.atleast_1d(np.asarray(decays, dtype=np.float64))
    if found.ndim != 1 or not len(found) or not (found >= 0).all():
        raise ValueError("decays must be numbers from 0 up, one or more: give a list such as [0.001, 0.01, 0.1]")
    return found


def _refuse_unsolved(mode: Mode, decay: float, tol: float | None) -> None:
    """Refuse weights that are not at a mode."""
    if not mode.found:
        raise ValueError(
            f"at decay={decay:g} the weights are at no mode, but at {mode.reason}: train longer, with the penalty in "
            "the loss, give smooth activations such as Tanh, or a larger max_iter"
        )
    if tol is not None and not mode.first <= tol:
        raise ValueError(
            f"at decay={decay:g} the weights given are not at a mode: the next one has a {100 * mode.first:.2g} % "
            f"lower objective (tol={tol:g}); train longer with the penalty ½λ‖w‖² in the loss, or give one network in "
            "place of a callable, which is then taken to the mode of every decay"
        )


def outcomes(objectives: Iterable[Objective | None], decays: Array, tol: float, most: int) -> list[Point | None]:
    """The modes next to networks trained at each decay; None where a network is too far from one."""
    walk, found = Walk("exact", most, _finest(decays), tol), []
    for objective, decay in zip(objectives, decays.tolist(), strict=True):
        point = None if objective is None else walk.to(objective, decay)
        kept = point is not None and point.mode.found and point.mode.first <= tol
        found.append(point if kept else None)
    return found
