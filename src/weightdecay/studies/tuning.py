"""The door's verbs: `tune` and `path`, for our estimators and for foreign ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.studies.fitters import fitter_of
from weightdecay.studies.trials import search_space
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.request import Request, tune_request


def tune(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    decays: Any = None,
    cv: Any = None,
    rule: Any = None,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    space: dict[str, Any] | None = None,
    search: str = "grid",
    n_candidates: int | None = None,
    random_state: Any = None,
    progress: Progress | None = None,
) -> Tuning:
    """How much weight decay: tune an estimator's decay on held-out rows.

    Chooses the λ of least mean held-out loss ΣW_f L_f(λ)/ΣW_f (``rule="min"``) over all folds, from one factorisation
    per fold.

    Parameters
    ----------
    estimator : LinearRegression, or a scikit-learn estimator or Pipeline with a penalty
        Foreign estimators are cloned and refitted for every fold and decay, and ``status`` says so.
    X : array-like, data frame or sparse matrix of shape (n, p)
    y : array-like of shape (n,) or (n, t)
    decays : array-like of float, optional
        λ to try, used as they are, neither refined nor extended; None lets the data span a grid that is.
    cv, rule, scoring, random_state : optional
        As in the estimator; None takes the estimator's own.
    groups : array-like of shape (n,), optional
        Rows of one group are held out together.
    sample_weight : array-like of shape (n,), optional
    space : dict of str to sequence, optional
        Other parameters to try; the decay is tuned for each setting, and the best is returned with all as ``trials``.
    search : "grid" or "random", default "grid"
        Every combination of the space, or ``n_candidates`` of them drawn at random.
    n_candidates : int, optional
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        For data or arguments that cannot be used.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 10)); y = X[:, 0] + rng.standard_normal(40)
    >>> tuning = wd.tune(wd.LinearRegression(), X, y, cv=5)
    >>> tuning.losses.shape[0], tuning.window[0] <= tuning.decay <= tuning.window[1]
    (5, True)
    """
    if space is not None:
        cv = list(cv) if isinstance(cv, Iterator) else cv  # each setting needs them again
        shared = {"decays": decays, "cv": cv, "rule": rule, "scoring": scoring, "groups": groups}
        shared |= {"sample_weight": sample_weight, "random_state": random_state, "progress": progress}
        return search_space(
            lambda candidate: tune(candidate, X, y, **shared), estimator, space, (search, n_candidates, random_state)
        )
    fitter, own = fitter_of(estimator)
    given = {"decays": decays, "cv": cv, "rule": rule, "scoring": scoring, "random_state": random_state}
    request: Request = replace(own, **{name: value for name, value in given.items() if value is not None})
    return tune_request(fitter.open(X, y, sample_weight), request, groups=groups, y=y, progress=progress)


def path(estimator: Any, X: Any, y: Any, decays: Any = None, *, sample_weight: Any = None) -> DecayPath:
    """Models on all rows along a path of decays, from one factorisation.

    Parameters
    ----------
    estimator : LinearRegression, or a scikit-learn estimator or Pipeline with a penalty
    X : array-like of shape (n, p)
    y : array-like of shape (n,) or (n, t)
    decays : array-like of float, optional
        λ in any order, 0 and inf allowed; None takes a lattice from the spectrum of the data.
    sample_weight : array-like of shape (n,), optional

    Returns
    -------
    DecayPath

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> X = np.array([[1.0], [2.0], [3.0]])
    >>> wd.path(wd.LinearRegression(standardize=False), X, [1.0, 2.0, 4.0], [0.0, 1.0, np.inf]).coef.ravel().round(3)
    array([1.5, 0.6, 0. ])
    """
    fitter, own = fitter_of(estimator)
    problem = fitter.open(X, y, sample_weight)
    wanted = own.decays if decays is None else decays
    lattice = problem.candidates() if wanted is None else np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    if not (lattice >= 0).all():
        raise ValueError(
            f"decays={decays!r}: expected numbers of at least 0; wd.convert turns other tools' units into λ"
        )
    return problem.path(lattice)
