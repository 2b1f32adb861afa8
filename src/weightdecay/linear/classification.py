"""`LogisticRegression`: logistic regression with a tuned decay, in scikit-learn's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from weightdecay.linear.cells import check_collected, check_columns
from weightdecay.linear.losses import Logistic, Softmax
from weightdecay.linear.newton.opening import open_classes
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.linear.shells import NewtonShell

Array = NDArray[np.float64]


class LogisticRegression(ClassifierMixin, NewtonShell):  # type: ignore[misc]
    """Logistic regression with weight decay, of two or more classes, its strength tuned in ``fit``.

    Minimises, over coefficients W (one vector w for two classes, one w_k per class for more) and intercepts b,

        J(W, b) = −(1/Σs) Σ_i s_i log π_{y_i}(x_i)  +  λ Σ_j p_j ½ v_j ‖W_j − c_j‖²,

    with sample weights s, decay weights p, centre c, and v_j the weighted variance of column j if ``standardize``, else
    1. For two classes π = 1/(1 + exp(−b − x·w)) of the second; for more π_k ∝ exp(b_k + x·w_k), the intercepts summing
    to 0. Intercepts are never decayed. λ = ``decay``; ``decay="auto"`` takes the λ of least held-out log-loss.

    Parameters
    ----------
    decay : "auto" or float ≥ 0, default "auto"
        λ, on the scale of a mean loss: scikit-learn's ``LogisticRegression(C)`` is λ = 1/(C·Σs).
    l1_ratio : float, default 0.0
        Share ρ of the L1 part; 0 is weight decay.
    decay_weights : array-like of shape (p,) or dict of column name to weight, default None
        p_j ≥ 0: relative strength per column, 0 exempts it. None means ones.
    decay_groups : dict of group name to columns, "kinds" or None, default None
        Groups of columns, each with a strength of its own, tuned too: name → columns by number, name, mask or slice.
        Columns in no group make one. Of tables a name is that of a column of the table, whose encoded columns follow
        it; ``"kinds"`` groups numbers, categories, dates, …. `decay_weights` are then relative inside the groups.
    centre : array-like of shape (p,) or (k, p), default None
        Where the coefficients are pulled to, in original units. None means 0.
    fit_intercept : bool, default True
    standardize : bool, default True
        Let λ act where each column has weighted variance 1; coefficients stay in original units.
    decays : array-like of float, default None
        The λ to try, used as they are; None lets the data span a grid, which is refined and extended.
    cv : "auto", "loo", int, splitter or list of splits, default "auto"
        How rows are held out. "auto" is 5 folds, evenly by class, or by group where groups are given; fewer where the
        smallest class has fewer members. "loo" is leave-one-out with the full data's scales.
    rule : "min", "1se" or callable, default "min"
        Which λ to take: least loss, the largest within one standard error, or ``rule(decays, mean, standard_error)``.
    tolerance : float, default 0.01
        Relative excess loss that the window allows.
    scoring : str or callable, default None
        A scikit-learn scorer; None is the log-loss.
    solver : "auto" or "gradient_descent", default "auto"
        "auto" is Newton's method; the other runs the textbook update w ← w − α(∇ + λw) and keeps ``history_``.
    learning_rate, epochs : float and int, default 0.01 and 1000
        Of gradient descent.
    tol : float, default 1e-9
        Relative gradient at which models are done.
    max_iter : int, default 100
        Renewals of the Hessian for one model.
    n_jobs : int or None, default None
        Kept for scikit-learn's conventions; passes over the rows use the threads that the BLAS may use.
    verbose : int, default 0
        Kept for scikit-learn's conventions.
    random_state : int, RandomState or None, default None
        Shuffles the rows of ``cv=int``; None means 0.
    class_weight : None, "balanced" or dict of class to weight, default None
        Multiplies sample weights by class; "balanced" gives all classes the same sum, that of all rows given. Folds
        keep the weights of all rows, and held-out log-losses are weighed likewise; scorers and accuracies are not.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    coef_ : ndarray of shape (1, p) for two classes, else (k, p)
    intercept_ : ndarray of shape (1,) or (k,)
    decay_ : float
        λ in use.
    decay_weights_ : ndarray of shape (p,)
        p in use: those given, or with ``decay_groups`` the tuned ones, of geometric mean 1 over decayed columns.
    tuning_ : Tuning or None
        The search, if there was one.
    history_ : History or None
        Of gradient descent.
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
    Le Cessie & van Houwelingen (1992), "Ridge estimators in logistic regression", JRSS C 41(1). Without decay, classes
    that can be separated have no best model: ``status_`` says so.

    Strengths of groups, which all classes share, minimise the mean held-out log-loss on the folds of ``cv`` (whatever
    ``scoring`` is), by its exact gradient in their logarithms; then the decay is tuned as usual, with their ratios
    fixed. So it is for a number as ``decay``, which they do not change. With ``cv="loo"`` they are tuned on 10 folds.
    `Tuning.grouping` tells what came of it.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 4)); y = np.where(X[:, 0] + rng.logistic(size=80) > 0, "yes", "no")
    >>> model = wd.LogisticRegression().fit(X, y)
    >>> model.classes_.tolist(), model.coef_.shape, model.tuning_.cv
    (['no', 'yes'], (1, 4), '5 stratified folds')
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
        class_weight: Any = None,
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
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> LogisticRegression:
        """Tune the decay, if it is to be tuned, and fit.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
        y : array-like of shape (n,)
            Classes: text, whole numbers or truth values.
        sample_weight : array-like of shape (n,), optional
            Relative weights ≥ 0; multiplying all of them by a constant changes nothing.
        groups : array-like of shape (n,), optional
            Rows of one group are held out together.

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        ValueError
            For data or parameters that cannot be used; the sentence names the place and the remedy.

        Examples
        --------
        >>> import weightdecay as wd
        >>> wd.LogisticRegression(decay=0.1).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).predict([[0.5], [2.5]])
        array([0, 1])
        """
        fitted: LogisticRegression = self._fit(X, y, sample_weight, groups)
        return fitted

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> NewtonProblem:
        """Validate the data and open them as a `Problem`; sets ``classes_`` and ``n_features_in_``.

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
        return open_classes(self, X, y, sample_weight)

    def decision_function(self, X: Any) -> Array:
        """Linear predictors b + XWᵀ: of the second of two classes, or of every class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        eta = self._predictors(X)
        return eta[:, 0] if eta.shape[1] == 1 else eta

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)
            Columns by the names and in the order of ``fit``.

        Returns
        -------
        ndarray of shape (n, k)
            In the order of ``classes_``; rows sum to 1.

        Raises
        ------
        ValueError
            For other columns than those of ``fit``, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before ``fit``.

        Examples
        --------
        >>> import weightdecay as wd
        >>> model = wd.LogisticRegression(decay=float("inf")).fit([[0.0], [1.0], [5.0]], ["a", "b", "b"])
        >>> model.predict_proba([[2.0]]).round(3)
        array([[0.333, 0.667]])
        """
        eta = self._predictors(X)
        loss = Logistic() if eta.shape[1] == 1 else Softmax(eta.shape[1])
        return loss.mean(eta[:, None, :])[:, 0]

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, with every digit where these are small.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)

        Returns
        -------
        ndarray of shape (n, k)
        """
        eta = self._predictors(X)
        if eta.shape[1] == 1:
            eta = np.concatenate([np.zeros_like(eta), eta], axis=1)
        top = eta.max(axis=1, keepdims=True)
        return np.asarray(eta - top - np.log(np.exp(eta - top).sum(axis=1, keepdims=True)))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of every row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n, p)

        Returns
        -------
        ndarray of shape (n,)
        """
        eta = self._predictors(X)
        code = (eta[:, 0] > 0).astype(np.intp) if eta.shape[1] == 1 else eta.argmax(axis=1)
        return np.asarray(self.classes_[code])

    def _predictors(self, X: Any) -> Array:
        """b + XWᵀ, (n, 1) or (n, k)."""
        check_is_fitted(self)
        check_collected(X, "X")
        check_columns(X)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False)
        return np.asarray(X @ self.coef_.T + self.intercept_)
