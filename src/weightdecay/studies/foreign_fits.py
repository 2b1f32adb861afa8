"""How fits of foreign estimators went: whether they converged, and whether rounding rules them.

Where some columns say exactly what others say — every level of a category, for one — a direction of the design has no
variance but rounding. A decay below that rounding does not settle the coefficient along it: direct solvers then divide
rounding by rounding, and what such a fit predicts of held-out rows is noise.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning, svdvals
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from weightdecay.records.finding import Finding
from weightdecay.records.verdict import brief

Array = NDArray[np.float64]

REFITTED, LATE, REFUSED = "refitted", "not converged: refitted", "refused by the estimator"
ILL_CONDITIONED = "ill-conditioned: refitted"
STATUS = "<U32"  # of arrays that hold these

# How the sentence begins with which Ridge, of more columns than rows, says the same without a category of its own.
SINGULAR = "Singular matrix"
# How far a decay must be above the squares of singular values that are rounding, for these to weigh nothing.
CLEAR = 1e6


def how_it_went(
    caught: Sequence[warnings.WarningMessage], model: Any, X: Any, weight: Array | None, *, decayed: bool
) -> str:
    """The status of a fit, by what its solver said and by what it is known not to say.

    Parameters
    ----------
    caught : sequence of WarningMessage
        What was said; what the status does not tell is passed on.
    model : estimator
        The fitted one.
    X : array-like
        The rows that it was fitted on.
    weight : ndarray of shape (n,) or None
        Their weights.
    decayed : bool
        Whether there was any decay: solvers also say that they dislike none, which is asked for to compare with.
    """
    late = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    ill = [one for one in caught if issubclass(one.category, LinAlgWarning) or str(one.message).startswith(SINGULAR)]
    for one in caught:
        if decayed and one not in late and one not in ill:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if ill or _silently_ill(model, X, weight):
        return ILL_CONDITIONED
    return LATE if late else REFITTED


def _silently_ill(model: Any, X: Any, weight: Array | None) -> bool:
    """Whether Ridge has ended in a singular value decomposition that takes rounding for variance.

    It does so without a word: when it is told to, and when its Cholesky factorisation has failed.
    """
    while isinstance(model, Pipeline):
        X = model[:-1].transform(X) if len(model.steps) > 1 else X
        model = model.steps[-1][1]
    if getattr(model, "solver_", "") != "svd":
        return False
    rows = np.asarray(X)
    rows = rows if rows.dtype.kind == "f" else rows.astype(np.float64)
    s = np.ones(len(rows)) if weight is None else weight
    centre = np.average(rows, axis=0, weights=s) if model.fit_intercept else 0.0
    values = svdvals(np.sqrt(s)[:, None] * (rows - centre))
    rounding = np.finfo(rows.dtype).eps * max(rows.shape) * values[0]
    return bool(values[-1] <= rounding and np.max(model.alpha) < CLEAR * rounding**2)


def ill_conditioned(decays: Collection[float]) -> Iterator[Finding]:
    """WD014: at some decays fits were ruled by rounding, and were not taken for an answer."""
    if not decays:
        return
    none, largest = min(decays) == 0, max(decays)
    at = [*(["without decay"] if none else []), *([f"at decays up to {brief(largest)}"] if largest else [])]
    yield Finding(
        "WD014",
        "info",
        f"{' and '.join(at)} the estimator's equations are ill-conditioned: its coefficients there are made of "
        "rounding, so that these fits are not looked at",
        "nothing needs to be done for the decay in use; leave out columns that others add up to, such as one level of "
        "every category, or give wd.LinearRegression(), which solves such equations, if no decay is to be compared",
    )


def together(status: NDArray[np.str_]) -> NDArray[np.str_]:
    """One status for all folds (F, L), shape (1, L): that of the first which is not simply refitted."""
    columns = [[one for one in column if one != REFITTED] or [REFITTED] for column in status.T.tolist()]
    return np.array([[column[0] for column in columns]], dtype=STATUS)


def refuse_nothing_sound(status: Sequence[Sequence[str]]) -> None:
    """Refuse decays every one of which has ill-conditioned fits.

    Raises
    ------
    ValueError
        They have.
    """
    if all(ILL_CONDITIONED in folds for folds in status):
        raise ValueError(
            "decays: at every one of them the estimator's equations are ill-conditioned, and its coefficients made of "
            "rounding; give larger decays, or leave out columns that others add up to"
        )
