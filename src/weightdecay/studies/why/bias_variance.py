"""Bias and variance of held-out predictions against the decay, which with the noise are the expected error."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.ridge import RidgeProblem
from weightdecay.records.tuning import Tuning
from weightdecay.records.why_variance import BiasVariance
from weightdecay.studies.penalties import last_step
from weightdecay.studies.why.opened import Opened, evenly, opened
from weightdecay.studies.why.variance_bootstrap import by_bootstrap, most_decays
from weightdecay.studies.why.variance_closed import PLUG_INS, Parts, in_closed_form
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.request import strengths

Array = NDArray[np.float64]

# Decays of a curve in closed form.
MOST = 25
# By bootstrap a curve reaches so far from the tuned decay.
REACH = 1e3
# Below this share of var(y) a held-out error is made of rounding.
EXACT = 1e-20


def bias_variance(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    decays: Any = None,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    text: Sequence[str] = (),
    plug_in: str = "posterior",
    n_bootstrap: int | None = None,
    random_state: Any = None,
    progress: Progress | None = None,
) -> BiasVariance:
    r"""Why decay works: squared bias and variance of held-out predictions at every decay, and the noise beside them.

    Under a model of where the data come from, y_i = μ_i + ε_i with ε_i ~ N(0, σ²/s_i), a held-out row i is expected to
    be missed by

    .. math:: E\,(y_i - \hat f_λ^{-i}(x_i))^2 = \underbrace{(μ_i - E\hat f_λ^{-i}(x_i))^2}_{bias^2}
              + \underbrace{\operatorname{Var} \hat f_λ^{-i}(x_i)}_{variance} + \underbrace{σ^2/s_i}_{noise},

    where f̂ is fitted on the rows that are not held out with i. Averaged over the rows (weights s, with mean 1) this is
    the expectation of the very curve that `tune` minimises, which stands beside it.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, PoissonRegression, a network, or foreign
        An instance; it is not changed, and is judged by its own loss, whatever its ``scoring``.
    X : array-like, data frame, sparse matrix of shape (n, p), or Table
        As in `tune`.
    y : array-like of shape (n,)
        Left out where X is a Table.
    decays : array-like of float, shape (L,), optional
        λ; None takes some of those that `tune` tries, and for ridge 0 and inf.
    cv, groups, sample_weight, text
        As in `tune`. Where leave-one-out has no short-cut, 5 folds take its place.
    plug_in : {"posterior", "coefficients"}, default "posterior"
        Of ridge: what stands for the unknown coefficients w*. See Notes.
    n_bootstrap : int, optional
        Samples, where there is no closed form; None is 20, and 10 for networks and
        models that are refitted one by one.
    random_state : int, RandomState or None, optional
        Draws the samples, or the random vectors; None is 0.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    BiasVariance
        ``bias``, ``variance`` (L,) and ``noise``, the cross-validated curve, and what they say in words.

    Raises
    ------
    ValueError
        For data or arguments that cannot be used; the sentence names the place and the remedy.

    Notes
    -----
    **Ridge** (LinearRegression with ``l1_ratio=0``) is linear in y: with R(λ) the matrix that turns y into held-out
    residuals, and r_ij its elements,

    .. math:: bias^2 = \tfrac1n \|Rμ\|^2, \qquad noise + variance = \tfrac{σ^2}{n} \sum_{ij} r_{ij}^2.

    Both come from the engine itself: the held-out loss of the target μ, and of the n targets e_j, on the same
    factorisations. Over 500 rows random signs z take the place of e_j, as E zzᵀ = I.

    The plug-in: with ŵ the tuned ridge, w* ~ N(ŵ, σ²(G + Λ̂P)⁻¹), the posterior under the Gaussian prior that λ̂ is, so
    that bias² = (‖Rμ̂‖² + σ² tr R C Rᵀ)/n with C the matrix that turns y into fits at λ̂. ``"coefficients"`` plugs in
    ŵ alone; being shrunk, it is too easy for a shrunken model, and bias² comes out too small (in simulations with p/n
    from 0.1 to 2 by 27 to 59 % at λ̂; that of the posterior is within 27 %, too large where p > n). Neither knows what
    columns do not tell. σ² is such that the sum is the cross-validated loss at λ̂; it is therefore optimistic by what
    the choice of λ̂ is. Where λ̂ leaves next to no degrees of freedom, as where p > n and least squares is best, the fit
    tells nothing of σ², and the λ of greatest evidence takes the place of λ̂ in the plug-in.

    **All others** by parametric bootstrap: targets are drawn from the tuned model (numbers with the variance σ² =
    √(held-out loss · training loss), which is the residual sum over n − df wherever generalised cross-validation holds;
    classes and counts from its probabilities and means), and all folds and decays are fitted to each of them, so that
    decays are compared on the same samples. For log-loss and Poisson deviance, with θ̂ the natural parameter (logits,
    log mean), bias is the divergence of the truth from the model at E θ̂, and variance the mean divergence of that
    model from f̂; these add up as squares do (Heskes 1998, Neural Computation 10(6)). A noise is then the loss of the
    truth. The sample's own share in the mean is taken out, by 1/(B − 1). A network's initial weights and batches are
    those of its ``random_state`` in every sample. The tuned model is shrunk here too, so that bias² is a lower bound.

    Hastie, Tibshirani & Friedman (2009), "The Elements of Statistical Learning", section 7.3.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 20)); y = X[:, 0] + rng.standard_normal(40)
    >>> found = wd.why.bias_variance(wd.LinearRegression(), X, y, decays=[0.0, 0.1, 1.0])
    >>> bool((np.diff(found.bias) > 0).all() and (np.diff(found.variance) < 0).all())
    True
    """
    if plug_in not in PLUG_INS:
        raise ValueError(f"plug_in={plug_in!r} is not known; give one of {', '.join(map(repr, PLUG_INS))}")
    if n_bootstrap is not None and n_bootstrap < 2:
        raise ValueError(f"n_bootstrap={n_bootstrap!r}: a variance needs at least 2 samples; give 50, or leave it out")
    if getattr(last_step(estimator)[0], "class_weight", None) is not None:
        raise ValueError(
            "class_weight reweighs the rows by their class, which a sample from the tuned model changes; leave it out, "
            "or give sample_weight"
        )
    work = opened(estimator, X, y, "bias_variance", cv=cv, groups=groups, sample_weight=sample_weight, text=text)
    folds = work.folds(exact=is_linear)
    tuning = work.tuned(folds)
    spread = work.problem.facts().y_std[0] if not work.problem.facts().classes else 0.0
    if float(np.nanmin(tuning.mean)) < EXACT * spread**2:
        raise ValueError(
            "the columns foretell y but for errors of rounding, so that there is no noise, and nothing for decay to "
            "trade; look for a column that y was computed from"
        )
    closed = is_linear(work.problem)
    own = decays if decays is not None else work.request.decays
    asked = _asked(tuning, most_decays(work.problem), closed=closed) if own is None else np.unique(strengths(own))
    curve = work.problem.split(folds).held_out(asked)
    if closed:
        parts = in_closed_form(work, folds, tuning, asked, (plug_in, random_state))
    else:
        parts = by_bootstrap(work, folds, tuning, asked, (n_bootstrap, random_state, progress or Silent()))
    return _record(work, folds, tuning, parts, (asked, curve.mean, curve.standard_error))


@singledispatch
def is_linear(problem: Any) -> bool:
    """Whether held-out predictions are linear in the target, and leave-one-out is had from one factorisation."""
    return False


@is_linear.register
def _of_ridge(problem: RidgeProblem) -> bool:
    return not problem.design.l1_ratio and problem.side.name != "krylov"


def _asked(tuning: Tuning, most: int, *, closed: bool) -> Array:
    """Decays of the curve: some of those tried with the tuned one, and for ridge both ends."""
    if closed:
        return evenly(tuning.decays, MOST, tuning.decay, 0.0, np.inf)
    middle = tuning.decay if 0 < tuning.decay < np.inf else float(np.median(tuning.decays))
    near = (tuning.decays >= middle / REACH) & (tuning.decays <= middle * REACH) & np.isfinite(tuning.mean)
    return evenly(tuning.decays[near], most, tuning.decay)


def _record(
    work: Opened, folds: Folds, tuning: Tuning, parts: Parts, curve: tuple[Array, Array, Array]
) -> BiasVariance:
    """The record."""
    facts = work.problem.facts()
    decays, mean, error = curve
    return BiasVariance(
        decays=decays,
        bias=parts.bias,
        variance=parts.variance,
        noise=parts.noise,
        error=parts.error,
        cross_validated=mean,
        standard_error=error,
        decay=float(tuning.decay),
        loss=facts.loss_name,
        way=parts.way,
        samples=parts.samples,
        plug_in=parts.plug_in,
        folds=folds.text,
        model_name=facts.model_name,
        n_rows=facts.n_rows,
    )
