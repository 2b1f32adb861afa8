"""`PoissonRegression`: regression of counts with a tuned decay, in scikit-learn's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from weightdecay.linear.cells import check_collected, check_columns
from weightdecay.linear.newton.opening import open_counts
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.linear.shells import NewtonShell

Array = NDArray[np.float64]


class PoissonRegression(RegressorMixin, NewtonShell):  # type: ignore[misc]
    """Poisson regression with weight decay: counts or rates whose logarithm is linear, the strength tuned in ``fit``.

    Minimises, over coefficients w and intercept b, with means μ_i = exp(b + x_i·w),

        J(w, b) = (1/Σs) Σ_i s_i (μ_i − y_i log μ_i + y_i log y_i − y_i)  +  λ Σ_j p_j ½ v_j (w_j − c_j)²,

    half the mean Poisson deviance and the penalty, with sample weights s, decay weights p, centre c, and v_j the
    weighted variance of column j if ``standardize``, else 1. The intercept is never decayed. For rates of different
    exposure give y/exposure as target and the exposure as sample weight. Held-out losses are mean deviances.

    Parameters
    ----------
    decay : "auto" or float ≥ 0, default "auto"
        λ, on the scale of a mean loss: it is scikit-learn's ``PoissonRegressor(alpha)`` on standardised columns.
    l1_ratio : float, default 0.0
        Share ρ of the L1 part; 0 is weight decay.
    decay_weights : array-like of shape (p,) or dict of column name to weight, default None
        p_j ≥ 0: relative strength per column, 0 exempts it. None means ones.
    decay_groups : dict of group name to columns, "kinds" or None, default None
        Groups of columns, each with a strength of its own, tuned too: name → columns by number, name, mask or slice.
        Columns in no group make one. Of tables a name is that of a column of the table, whose encoded columns follow
        it; ``"kinds"`` groups numbers, categories, dates, …. `decay_weights` are then relative inside the groups.
    centre : array-like of shape (p,), default None
        Where the coefficients are pulled to, in original units. None means 0.
    fit_intercept : bool, default True
    standardize : bool, default True
        Let λ act where each column has weighted variance 1; coefficients stay in original units.
    decays, cv, rule, tolerance, scoring
        Of the search, as in `LogisticRegression`; ``cv="auto"`` is 5 folds, ``scoring=None`` the Poisson deviance.
    solver : "auto" or "gradient_descent", default "auto"
        "auto" is Newton's method; the other runs the textbook update w ← w − α(∇ + λw) and keeps ``history_``.
    learning_rate, epochs : float and int, default 0.01 and 1000
        Of gradient descent.
    tol : float, default 1e-9
        Relative gradient at which models are done.
    max_iter : int, default 100
        Renewals of the Hessian for one model.
    n_jobs : int or None, default None
        Kept for scikit-learn's conventions.
    verbose : int, default 0
        Kept for scikit-learn's conventions.
    random_state : int, RandomState or None, default None
        Shuffles the rows of ``cv=int``; None means 0.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
    intercept_ : float
    decay_ : float
        λ in use.
    decay_weights_ : ndarray of shape (p,)
        p in use: those given, or with ``decay_groups`` the tuned ones, of geometric mean 1 over decayed columns.
    tuning_ : Tuning or None
    history_ : History or None
    status_ : str
        How the solution was computed.
    n_iter_ : int
        Passes over the rows, or epochs of gradient descent.

    Raises
    ------
    ValueError
        From ``fit``, for parameters and data that cannot be used.

    Notes
    -----
    McCullagh & Nelder (1989), "Generalized Linear Models", chapter 6.

    Strengths of groups minimise the mean held-out deviance on the folds of ``cv`` (whatever ``scoring`` is), by its
    exact gradient in their logarithms; then the decay is tuned as usual, with their ratios fixed. So it is for a number
    as ``decay``, which they do not change. With ``cv="loo"`` they are tuned on 10 folds. `Tuning.grouping` tells what
    came of it.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 3)); y = rng.poisson(np.exp(0.5 + X[:, 0]))
    >>> model = wd.PoissonRegression().fit(X, y)
    >>> model.coef_.shape, bool(model.predict(X).min() > 0), model.tuning_.scoring
    ((3,), True, 'Poisson deviance')
    """

    def __init__(
        self,
        decay: Any = "auto",
        *,
        l1_ratio: float = 0.0,
        decay_weights: Any = None,
        decay_groups: Any = None,
        centre: Any = None,
        fit_intercept: bool = True,
        standardize: bool = True,
        decays: Any = None,
        cv: Any = "auto",
        rule: Any = "min",
        tolerance: float = 0.01,
        scoring: Any = None,
        solver: str = "auto",
        learning_rate: float = 0.01,
        epochs: int = 1000,
        tol: float = 1e-9,
        max_iter: int = 100,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.decay = decay
        self.l1_ratio = l1_ratio
        self.decay_weights = decay_weights
        self.decay_groups = decay_groups
        self.centre = centre
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.decays = decays
        self.cv = cv
        self.rule = rule
        self.tolerance = tolerance
        self.scoring = scoring
        self.solver = solver
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> PoissonRegression:
        """Tune the decay, if it is to be tuned, and fit.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
        y : array-like of shape (n,)
            Counts or rates, at least 0.
        sample_weight : array-like of shape (n,), optional
            Relative weights ≥ 0; multiplying all of them by a constant changes nothing.
        groups : array-like of shape (n,), optional
            Rows of one group are held out together.

        Returns
        -------
        PoissonRegression
            Itself.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; the sentence names the place and the remedy.

        Examples
        --------
        >>> import weightdecay as wd
        >>> wd.PoissonRegression(decay=0.0).fit([[0.0], [0.0], [1.0], [1.0]], [1, 3, 4, 12]).predict([[1.0]]).round(6)
        array([8.])
        """
        fitted: PoissonRegression = self._fit(X, y, sample_weight, groups)
        return fitted

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> NewtonProblem:
        """Validate the data and open them as a `Problem`; sets ``n_features_in_`` and ``feature_names_in_``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        NewtonProblem

        Raises
        ------
        ValueError
            For data or parameters that cannot be used.
        """
        return open_counts(self, X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """Means exp(b + Xw).

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
            Columns by the names and in the order of ``fit``.

        Returns
        -------
        ndarray of shape (n,)
            In the units of the target; inf beyond float64.

        Raises
        ------
        ValueError
            For other columns than those of ``fit``, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self)
        check_collected(X, "X")
        check_columns(X)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False)
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(X @ self.coef_ + self.intercept_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        tags.regressor_tags.poor_score = True
        return tags
