"""`LinearRegression`: ridge regression with a tuned decay, in scikit-learn's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from weightdecay.linear.cells import check_collected, check_columns
from weightdecay.linear.descent import descend
from weightdecay.linear.opening import open_ridge
from weightdecay.linear.ridge import RidgeProblem
from weightdecay.records.history import History
from weightdecay.records.tuning import Tuning
from weightdecay.records.tuning_html import with_answer
from weightdecay.tuning.group_search import tuned_weights
from weightdecay.tuning.request import Request, tune_request

Array = NDArray[np.float64]


class LinearRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares with weight decay (ridge), its strength tuned in ``fit``.

    Minimises, over coefficients w and intercept b,

        J(w, b) = (1/Σs) Σ_i s_i ½ (y_i − b − x_i·w)²  +  λ Σ_j p_j ( ½ (1 − ρ) z_j² + ρ |z_j| ),

    z_j = σ_j (w_j − c_j), with sample weights s, decay weights p, centre c, share ρ of the L1 part, and σ_j the
    weighted standard deviation of column j if ``standardize``, else 1. The intercept is never decayed. λ = ``decay``;
    ``decay=0`` is least squares (the least-penalty solution where it is not unique), ``decay="auto"`` takes the λ of
    least held-out error.

    Parameters
    ----------
    decay : "auto", float ≥ 0, or array-like of shape (t,), default "auto"
        λ, on the scale of a mean loss: scikit-learn's ``Ridge(alpha)`` is λ·Σs, its ``ElasticNet(alpha)`` λ. One value
        per target is allowed.
    l1_ratio : float, default 0.0
        Share ρ of the L1 part, which sets coefficients to zero: 0 is weight decay, 1 the lasso, between them are
        elastic nets. ``wd.tune(…, space={"l1_ratio": [0.0, 0.5, 1.0]})`` says which suits the data.
    decay_weights : array-like of shape (p,), default None
        p_j ≥ 0: relative strength per column, 0 exempts it. None means ones.
    decay_groups : dict of str to columns, "kinds" or None, default None
        Groups of columns, each with a strength of its own, tuned too: name → columns by number, name, mask or slice.
        Columns in no group make one. Of tables a name is that of a column of the table, whose encoded columns follow
        it; ``"kinds"`` groups numbers, categories, dates, …. `decay_weights` are then relative inside the groups.
    centre : array-like of shape (p,) or (t, p), default None
        Where the coefficients are pulled to, in original units. None means 0.
    fit_intercept : bool, default True
    standardize : bool, default True
        Let λ act where each column has weighted variance 1; coefficients stay in original units.
    decays : array-like of float, default None
        The λ to try, used as they are; None lets the data span a grid, which is refined and extended.
    cv : "auto", "loo", int, splitter or list of splits, default "auto"
        How rows are held out. "auto" is exact leave-one-out, or folds where one row rules a column, groups are given,
        the data are too large and sparse for it, or there is an L1 part, for which "loo" is not to be had.
    rule : "min", "1se" or callable, default "min"
        Which λ to take: least loss, the largest within one standard error, or ``rule(decays, mean, standard_error)``.
    tolerance : float, default 0.01
        Relative excess loss that the window allows.
    scoring : str or callable, default None
        A scikit-learn scorer; None is the mean squared error.
    solver : "auto" or "gradient_descent", default "auto"
        "auto" is exact; the other runs the textbook update w ← w − α(∇ + λw), with an L1 part the proximal one, and
        keeps ``history_``.
    learning_rate, epochs : float and int, default 0.01 and 1000
        Of gradient descent.
    tol : float, default 1e-9
        Relative gradient at which iterative solvers stop.
    max_iter : int, default 100
        Tens of steps of a Krylov solve, each two passes over X; used for large sparse data only.
    n_jobs : int or None, default None
        Kept for scikit-learn's conventions; the linear algebra uses the threads of its BLAS.
    verbose : int, default 0
        1 tells on stderr what is being done.
    random_state : int, RandomState or None, default None
        Shuffles the rows of ``cv=int``; None means 0.

    Attributes
    ----------
    coef_ : ndarray of shape (p,) or (t, p)
    intercept_ : float or ndarray of shape (t,)
    decay_ : float or ndarray of shape (t,)
        λ in use.
    decay_weights_ : ndarray of shape (p,)
        p_j in use: those given, or with ``decay_groups`` the tuned ones, of geometric mean 1 over decayed columns.
    tuning_ : Tuning or None
        The search, if there was one.
    history_ : History or None
        Of gradient descent.
    status_ : str
        How the solution was computed.
    n_iter_ : int
        Epochs of gradient descent; 1 for exact solutions.

    Raises
    ------
    ValueError
        From ``fit``, for parameters and data that cannot be used.

    Notes
    -----
    Strengths of groups minimise the mean held-out squared error on the folds of ``cv`` (of several targets together,
    whatever ``scoring`` is), by its exact gradient in their logarithms; then the decay is tuned as usual, with their
    ratios fixed. So it is for a number as ``decay``, which they do not change. Leave-one-out of very many rows takes 10
    folds for the strengths. `Tuning.grouping` tells what came of it.

    Hoerl & Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12(1);
    leave-one-out from one factorisation as in Allen (1974), Technometrics 16(1), and Golub, Heath & Wahba (1979),
    Technometrics 21(2).

    With an L1 part folds are sums of the same moments. From one decay to the next few coefficients become zero or
    cease to be, and with their signs known the others solve linear equations: the feature-sign search of Lee, Battle,
    Raina & Ng (2006), NeurIPS 19, from scikit-learn's coordinate descent where the start is far. Folds share λ·Σs,
    where ElasticNetCV and glmnet share λ. ``decay=0`` is then the least-squares solution of least L1 penalty. Of
    several such models (equal columns with L1 alone) any may be returned.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 4)); y = X @ [3.0, 0.0, 0.0, 1.0] + rng.standard_normal(50)
    >>> model = wd.LinearRegression().fit(X, y)
    >>> bool(0 <= model.decay_ < 1), model.coef_.shape
    (True, (4,))
    >>> groups = {"first": [0], "rest": range(1, 4)}
    >>> wd.LinearRegression(decay_groups=groups).fit(X, y).tuning_.grouping.groups[0].columns
    1
    >>> wd.LinearRegression(decay=0.1, standardize=False).fit([[1.0], [2.0]], [1.0, 3.0]).coef_.round(4)
    array([1.4286])
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> LinearRegression:
        """Tune the decay, if it is to be tuned, and fit.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
        y : array-like of shape (n,) or (n, t)
        sample_weight : array-like of shape (n,), optional
            Relative weights ≥ 0; multiplying all of them by a constant changes nothing.
        groups : array-like of shape (n,), optional
            Rows of one group are held out together.

        Returns
        -------
        LinearRegression
            Itself.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; the sentence names the place and the remedy.

        Examples
        --------
        >>> import numpy as np, weightdecay as wd
        >>> X = np.arange(12.0).reshape(12, 1) % 5
        >>> y = 2.0 * X[:, 0] + np.cos(np.arange(12))
        >>> model = wd.LinearRegression(decays=[0.0, 0.01, 1.0]).fit(X, y, groups=np.arange(12) // 3)
        >>> model.decay_, model.tuning_.cv
        (0.0, '4 folds by group')
        """
        opened = self.open(X, y, sample_weight)
        self.tuning_: Tuning | None = None
        decay = self._fixed_decay(opened.rows.t)
        problem, request = tuned_weights(opened, self.request(), groups=groups, y=y)
        if decay is None:
            self.tuning_ = tune_request(problem, request, groups=groups, y=y)
            targets = self.tuning_.targets
            decay = np.array([one.decay for one in targets]) if targets else np.asarray(self.tuning_.decay)
        return self._solve(problem, decay)

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> RidgeProblem:
        """Validate the data and open them as a `Problem`; sets ``n_features_in_`` and ``feature_names_in_``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
        y : array-like of shape (n,) or (n, t)
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        RidgeProblem

        Raises
        ------
        ValueError
            For data or parameters that cannot be used.
        """
        return open_ridge(self, X, y, sample_weight)

    def request(self) -> Request:
        """What this estimator asks of a search for its decay.

        Returns
        -------
        Request
        """
        return Request(self.decays, self.cv, self.rule, self.tolerance, self.scoring, self.random_state)

    def fitted(self, problem: RidgeProblem, decay: float | Array) -> LinearRegression:
        """A clone at a decay, fitted to a problem that this estimator opened; what a search hands back.

        Parameters
        ----------
        problem : RidgeProblem
        decay : float or ndarray of shape (t,)
            λ.

        Returns
        -------
        LinearRegression
        """
        given = float(decay) if np.ndim(decay) == 0 else np.asarray(decay)
        twin: LinearRegression = clone(self).set_params(decay=given)
        for name in ("n_features_in_", "feature_names_in_"):
            if name in vars(self):
                setattr(twin, name, getattr(self, name))
        twin.tuning_ = None
        return twin._solve(problem, np.asarray(decay, dtype=np.float64))

    def predict(self, X: Any) -> Array:
        """Predictions b + Xw.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
            Columns by the names and in the order of ``fit``.

        Returns
        -------
        ndarray of shape (n,) or (n, t)
            In the units of the target.

        Raises
        ------
        ValueError
            For other columns than those of ``fit``, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before ``fit``.

        Examples
        --------
        >>> import weightdecay as wd
        >>> wd.LinearRegression(decay=0).fit([[1.0], [2.0]], [1.0, 3.0]).predict([[3.0]]).round(6)
        array([5.])
        """
        check_is_fitted(self)
        check_collected(X, "X")
        check_columns(X)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False)
        return np.asarray(X @ self.coef_.T + self.intercept_)

    def _solve(self, problem: RidgeProblem, decay: Array) -> LinearRegression:
        """Solve at a decay, () or (t,), and set the fitted attributes."""
        self.history_: History | None = None
        if self.solver == "gradient_descent":
            self.history_, solution = descend(problem, decay, self)
        else:
            solution = problem.solution(decay)
        single = problem.single
        self.coef_ = solution.coef[0] if single else solution.coef
        self.intercept_ = float(solution.intercept[0]) if single else solution.intercept
        self.decay_ = float(np.max(decay)) if np.ndim(decay) == 0 or single else decay
        self.decay_weights_ = problem.decay_weights.copy()
        self.status_ = solution.status
        self.n_iter_ = max(1, len(self.history_.loss) - 1) if self.history_ is not None else 1
        return self

    def _fixed_decay(self, t: int) -> Any:
        """The decay given, None for "auto"."""
        if isinstance(self.decay, str):
            if self.decay == "auto":
                return None
            raise ValueError(f"decay={self.decay!r} is not known; give 'auto' or a number of at least 0")
        decay = np.asarray(self.decay, dtype=np.float64)
        if decay.shape not in ((), (t,)) or not (decay >= 0).all():
            raise ValueError(
                f"decay={self.decay!r}: expected 'auto', a number of at least 0, or one per target ({t}); "
                "wd.convert turns other tools' units into λ"
            )
        return decay

    def _html_repr(self) -> str:
        """scikit-learn's diagram and below it, where the decay was tuned, the verdict and the curve."""
        return with_answer(super()._html_repr(), vars(self).get("tuning_"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
