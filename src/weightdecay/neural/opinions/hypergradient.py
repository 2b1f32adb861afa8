"""The slope of a held-out loss by log λ, from one trained network, by the implicit function theorem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from weightdecay.neural.groups import Exempt
from weightdecay.neural.opinions.curvature import affordable, exact
from weightdecay.neural.opinions.losses import RowLosses, loss_named
from weightdecay.neural.opinions.modes import Solved, bent_direction, conjugate
from weightdecay.neural.opinions.objective import Objective, Penalised, Product, opened
from weightdecay.neural.opinions.unsuited import refuse_unsuited
from weightdecay.records.param_table import plain
from weightdecay.records.second_opinion import Hypergradient

Groups: TypeAlias = Mapping[str, str | Sequence[str]]

# ‖residual‖/‖b‖ to which the system is solved, and products at most.
SOLVED, MOST = 1e-9, 2000
# Residual with which slopes are still told.
ENOUGH = 1e-4
OTHERS = "others"


def hypergradient(
    model: nn.Module,
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    decay: float | Mapping[str, float],
    *,
    groups: Groups | None = None,
    loss: str | RowLosses = "mse",
    sample_weight: Any = None,
    weight_val: Any = None,
    exempt: Exempt = "auto",
    tol: float = 1e-3,
) -> Hypergradient:
    r"""Tell how a held-out loss L would change with λ, without training again.

    At a minimum of J, with λ_g on the decayed weights w_g of a group g,

    .. math:: J(w) = \frac1{\sum s} \sum_i s_i \, loss_i + \sum_g \frac{λ_g}{2} \|w_g\|^2, \qquad
              \frac{dL}{d \log λ_g} = -λ_g \, ⟨v_g, w_g⟩, \quad (∇^2 J) \, v = ∇L.

    One system with the Hessian itself, solved by conjugate gradients, serves all groups.

    Parameters
    ----------
    model : nn.Module
        Trained to a minimum of J; copied, and left as it is.
    X, y : array or Tensor of shape (n, …) and (n,) or (n, k)
        Rows that it was trained on, as for `marginal_likelihood`.
    X_val, y_val : array or Tensor
        Rows held out.
    decay : float or dict of str to float
        λ > 0, on the scale of a penalty ½λ‖w‖² beside a mean loss; one for each group of ``groups``.
    groups : dict of str to str or list of str, optional
        Patterns of parameter names, as in :mod:`fnmatch`, by name of group. Decayed parameters that no pattern matches
        are the group "others".
    loss : "mse", "log-loss" or callable
        As for `marginal_likelihood`; L is the mean squared error, the mean log-loss, or the mean of a callable's rows.
    sample_weight, weight_val : array-like of shape (n,), optional
        Weights of both kinds of rows.
    exempt : "auto", list, callable or None
        Parameters that are not decayed, as in `param_groups`.
    tol : float
        Largest share of ‖w‖ by which a Newton step may still move the weights.

    Returns
    -------
    Hypergradient

    Raises
    ------
    TypeError
        No module.
    ValueError
        The weights are at no stationary point, the Hessian is indefinite or singular, a normalisation hides the length
        of weights, dropout is active, rows influence each other; or data and parameters do not fit.

    Notes
    -----
    Lorraine, Vicol & Duvenaud (2020), arXiv:1911.02590, equation 3. J is smooth nowhere on the kinks of a ReLU
    network; its slopes hold between them.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Linear(1, 1, bias=False).double()
    >>> _ = nn.init.constant_(model.weight, 2 / (1 + 0.5))  # y = 2x, mean x² = 1, λ = 0.5: w = 2/(1 + λ)
    >>> x = torch.tensor([[-1.0], [1.0]])
    >>> found = hypergradient(model, x, 2 * x, x, 2 * x, 0.5)
    >>> round(found.slope, 12) == round(2 * (2 - 2 / 1.5) * 2 * 0.5 / 1.5**2, 12)  # 2 (2 − w) 2λ/(1 + λ)²
    True
    """
    row_loss = loss_named(loss)
    train = opened(model, X, y, sample_weight, loss=row_loss, exempt=exempt)
    refuse_unsuited(model, train)
    held_out = opened(model, X_val, y_val, weight_val, loss=row_loss, exempt=exempt)
    masks = _masks(train, groups)
    strengths = _strengths(decay, masks)
    w = train.start
    strength = sum((strengths[name] * mask for name, mask in masks.items()), start=torch.zeros_like(w))
    problem = Penalised(train, strength, torch.ones_like(w))
    solve = _preconditioner(train, w, float(np.mean(list(strengths.values()))))
    g, H = problem.gradient(w), problem.hessian(w)
    left, ahead = conjugate(H, g, solve, 1e-4, MOST), conjugate(H, held_out.gradient(w), solve, SOLVED, MOST)
    bent = bent_direction(problem, w, H, solve)
    move = float(left.x.norm()) / max(float(w.norm()), 1e-300)
    norm = float(g.norm())
    _refuse_moving(norm, move, tol, indefinite=bent is not None or left.bent is not None)
    _refuse_indefinite(ahead, bent)
    scale = float(row_loss.shown(torch.ones(()), train.k))
    slopes = [-strengths[name] * scale * float(ahead.x @ (mask * w)) for name, mask in masks.items()]
    return Hypergradient(
        tuple(masks),
        np.array([strengths[name] for name in masks]),
        np.array(slopes),
        scale * float(held_out.value(w)),
        norm,
        move,
        left.steps + ahead.steps,
    )


def _preconditioner(objective: Objective, w: Tensor, decay: float) -> Product:
    """The Gauss-Newton matrix where it is small, else none."""
    if not affordable(objective):
        return lambda b: b
    curvature = exact(objective, w)
    return lambda b: curvature.solve(b, decay)


def _masks(objective: Objective, groups: Groups | None) -> dict[str, Tensor]:
    """The decayed numbers of every group as 0 and 1, (P,)."""
    every = objective.decayed.double()
    if not every.any():
        raise ValueError("every parameter is exempt, and λ acts on none: exempt fewer, such as exempt=None")
    if groups is None:
        return {"all": every}
    sizes = [shape.numel() for shape in objective.shapes]
    left, found = set(objective.names), {}
    for group, given in groups.items():
        patterns = [given] if isinstance(given, str) else list(given)
        own = {name for name in left if any(fnmatchcase(name, pattern) for pattern in patterns)}
        mask = torch.cat([torch.full((size,), name in own) for name, size in zip(objective.names, sizes, strict=True)])
        found[group] = mask.to(every) * every
        left -= own
        if not found[group].any():
            raise ValueError(
                f"groups: {plain(str(group))!r} holds no decayed parameter that an earlier group does not hold; the "
                f"names begin with {', '.join(repr(plain(name)) for name in objective.names[:3])}"
            )
    rest = every - sum(found.values(), start=torch.zeros_like(every))
    return {**found, OTHERS: rest} if rest.any() else found


def _strengths(decay: float | Mapping[str, float], masks: Mapping[str, Tensor]) -> dict[str, float]:
    """λ of every group."""
    given = dict(decay) if isinstance(decay, Mapping) else dict.fromkeys(masks, decay)
    if set(given) != set(masks):
        raise ValueError(
            f"decay names the groups {sorted(map(str, given))} and the decayed parameters are in {sorted(masks)}: give "
            "one λ for each, or one number"
        )
    for name, one in given.items():
        if not isinstance(one, Real) or not 0.0 < float(one) < math.inf:
            raise ValueError(f"decay of {name!r} is {one!r}: expected a positive number, as log λ is what it is about")
    return {name: float(one) for name, one in given.items()}


def _refuse_moving(norm: float, move: float, tol: float, *, indefinite: bool) -> None:
    """Refuse weights that are not at a stationary point."""
    if indefinite or move <= tol:
        return
    raise ValueError(
        f"the weights are not at a stationary point of J: ‖∇J‖ is {norm:.2g}, and a Newton step would still move them "
        f"by {100 * move:.2g} % of their length (tol={tol:g}); train longer with the penalty ½λ‖w‖² in the loss, in "
        "full batch at the end"
    )


def _refuse_indefinite(ahead: Solved, bent: Tensor | None) -> None:
    """Refuse a Hessian that is not positive, and a system that was not solved."""
    if bent is not None or ahead.bent is not None:
        raise ValueError(
            "the Hessian of J is indefinite at these weights, which are at no minimum: the held-out loss has no slope "
            "by λ there; train on, or judge decay by held-out rows: wd.tune"
        )
    if ahead.left > ENOUGH:
        raise ValueError(
            f"the system with the Hessian of J was solved to {ahead.left:.1g} only, as it is singular or nearly so: a "
            "larger decay, or fewer exempt parameters, such as exempt=None, make it regular"
        )
