"""Network estimators: scikit-learn's conventions around a torch module whose decay is tuned as one population."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from weightdecay.neural.network.opening import open_network, predicted
from weightdecay.neural.network.problem import NetworkProblem
from weightdecay.neural.network.together import Seat, Together
from weightdecay.records.history import History
from weightdecay.records.tuning import Tuning
from weightdecay.records.tuning_html import with_answer
from weightdecay.tuning.request import Request, tune_request

Array = NDArray[np.float64]


class _Network(BaseEstimator):  # type: ignore[misc]
    """What both have in common."""

    def __init__(
        self,
        hidden: Any = (64, 64),
        *,
        module: Any = None,
        decay: Any = "auto",
        form: str = "decoupled",
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        schedule: Any = "constant",
        epochs: int = 100,
        batch_size: int = 128,
        dropout: float = 0.0,
        l1_ratio: float = 0.0,
        centre: Any = None,
        early_stopping: bool = False,
        exempt: Any = "auto",
        decays: Any = None,
        cv: Any = "auto",
        rule: Any = "min",
        tolerance: float = 0.01,
        scoring: Any = None,
        device: Any = "auto",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.module = module
        self.decay = decay
        self.form = form
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.l1_ratio = l1_ratio
        self.centre = centre
        self.early_stopping = early_stopping
        self.exempt = exempt
        self.decays = decays
        self.cv = cv
        self.rule = rule
        self.tolerance = tolerance
        self.scoring = scoring
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkProblem:
        """Validate the data and open them."""
        seat: Seat | None = vars(self).get("_seat")
        if seat is None:
            return self._open(X, y, sample_weight)
        return seat.opened((X, y, sample_weight), lambda: self._open(X, y, sample_weight))

    def _open(self, X: Any, y: Any, sample_weight: Any) -> NetworkProblem:
        """The same, without others beside it."""
        raise NotImplementedError

    def jointly(self, settings: Sequence[tuple[Mapping[str, Any], Any]]) -> Together:
        """Tie clones of this estimator together, so that their decays are tuned as one population.

        Parameters
        ----------
        settings : sequence of (dict, estimator)
            What differs, and the clone that has it.

        Returns
        -------
        Together
        """
        return Together(settings)

    def seat_at(self, seat: Seat) -> None:
        """Open data at a place among other settings."""
        self._seat = seat

    def _html_repr(self) -> str:
        """scikit-learn's diagram and below it, where the decay was tuned, the verdict and the curve."""
        return with_answer(super()._html_repr(), vars(self).get("tuning_"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def request(self) -> Request:
        """What this estimator asks of a search for its decay.

        Returns
        -------
        Request
        """
        return Request(self.decays, self.cv, self.rule, self.tolerance, self.scoring, self.random_state)

    def fitted(self, problem: NetworkProblem, decay: float) -> Any:
        """A clone at a decay, fitted to a problem that this estimator opened; what a search hands back.

        Parameters
        ----------
        problem : NetworkProblem
        decay : float
            λ.

        Returns
        -------
        estimator
        """
        twin = clone(self).set_params(decay=float(decay))
        for name in ("n_features_in_", "feature_names_in_", "classes_"):
            if name in vars(self):
                setattr(twin, name, getattr(self, name))
        twin.tuning_ = None
        return twin._solve(problem, float(decay))

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> Any:
        """Tune the decay, if it is to be tuned, and train."""
        decay = self._fixed_decay()
        problem = self.open(X, y, sample_weight)
        self.tuning_: Tuning | None = None
        if decay is None:
            self.tuning_ = tune_request(problem, self.request(), groups=groups, y=y)
            decay = self.tuning_.decay
        return self._solve(problem, decay)

    def _solve(self, problem: NetworkProblem, decay: float) -> Any:
        """Set what is fitted."""
        (result,) = problem.results(np.array([decay]))
        problem.warn(decay, result.portion)
        self.history_: History | None = problem.history(decay, result.portion)
        self.module_ = result.module
        self.scales_ = result.scales
        self.decay_ = float(decay)
        self.n_iter_ = 1 if result.portion is None else len(result.portion.training) - 1
        self.n_outputs_ = problem.opened.n_outputs
        self._single = problem.opened.single
        return self

    def _fixed_decay(self) -> float | None:
        """The decay given, None for "auto"."""
        if isinstance(self.decay, str):
            if self.decay == "auto":
                return None
            raise ValueError(f"decay={self.decay!r} is not known; give 'auto' or a number of at least 0")
        if not isinstance(self.decay, Real) or not 0.0 <= float(self.decay) <= math.inf:
            raise ValueError(f"decay={self.decay!r}: expected 'auto' or a number of at least 0")
        return float(self.decay)


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    r"""A network for numbers whose weight decay is tuned with all other decays as members of one population.

    Minimises the mean of ½ (y − f(x))² over mini-batches, inputs and target standardised by the training rows, with
    decay in the form asked for: with u_t the optimiser's step, η_t the learning rate, c the centre and ρ the
    ``l1_ratio`` a decayed weight moves by

    .. math:: w \leftarrow c + S_{a_t ρ}\left( w - η_t u_t - a_t (1-ρ) (w - c) - c \right)

    where S is the soft threshold, and a_t the form's: η_t λ for ``"decoupled"`` and ``"cautious"``, λ η_t/η_peak for
    ``"independent"``, and λ η_t²/η_peak for ``"corrected"`` in layers that feed a normalisation, which are found by
    measurement, elsewhere η_t λ. ``"cautious"`` does so for the coordinates with u_t (w − c) ≥ 0 alone. ``"coupled"``
    adds λ (1 − ρ)(w − c) to the gradient and has the threshold η_t λ ρ after the step, ``"penalty"`` adds the whole
    gradient of the penalty, ρ λ sign(w − c) included: with ρ = 0 both are the same.

    Parameters
    ----------
    hidden : list of int, default (64, 64)
        Widths of the hidden layers, with rectifiers between.
    module : callable, default None
        ``module(n_inputs, n_outputs)`` makes any torch module in place of these layers.
    decay : float or "auto", default "auto"
        λ at the form's place.
    form : str, default "decoupled"
        ``penalty``, ``coupled``, ``decoupled``, ``independent``, ``corrected`` or ``cautious``.
    optimizer : "adam", "adamw" or "sgd", default "adam"
        "adamw" is "adam" with the form "decoupled"; "sgd" has momentum 0.9.
    learning_rate : float, default 1e-3
        η_peak, the largest of the run.
    schedule : "constant", "cosine", "linear" or callable, default "constant"
        η_t/η_peak as a function of the elapsed share x of all epochs, which is 0 at the first step and just below 1 at
        the last: 1, (1 + cos πx)/2, 1 − x, or a function of your own from [0, 1] to [0, 1], whose peak is 1.
    epochs, batch_size : int, default 100 and 128
    dropout : float, default 0
        Probability, after every hidden layer; a ``module`` has layers of its own for that.
    l1_ratio : float, default 0
        Share ρ of the 1-norm in the decay.
    centre : None, "initial" or dict of str to array, default None
        c, what decayed weights are pulled to: 0, the weights that training starts from, or pretrained ones by the names
        of the module's parameters (such as a ``state_dict()``). A parameter that is not named, such as a new head, has
        centre 0. They are compared as they are, for inputs standardised by the training rows.
    early_stopping : bool, default False
        Keep a tenth of the training rows aside and take the epoch at which their loss was least.
    exempt : "auto", list, callable or None, default "auto"
        Parameters that are not decayed, as in `param_groups`: "auto" is biases, norm gains, scalars and embeddings that
        are no head, told by what they do with some rows; else roles, patterns of names, or a callable.
    decays, cv, rule, tolerance, scoring
        As in `LinearRegression`; ``cv="auto"`` is 5 folds.
    device : str, default "auto"
    verbose : int, default 0
        Kept for scikit-learn's conventions.
    random_state : int, RandomState or None, default None
        Of the initial weights, batches and folds; None means 0. In a ``space`` of `tune`, whose settings share their
        folds, of initial weights and batches alone; they are the same for all other members.

    Attributes
    ----------
    module_ : torch.nn.Module
        In float64, for standardised inputs.
    decay_ : float
    tuning_ : Tuning or None
    history_ : History or None
        Training loss, held-out loss (averaged over the folds, where the decay was tuned) and the norm of every layer
        after each epoch; None at infinite decay.
    n_iter_ : int
        Epochs.

    Notes
    -----
    At infinite decay decayed weights stay at their centre and what is exempt is trained. Where that leaves a constant,
    as in a network whose weights are 0 and whose biases are exempt, it is the best constant, without training.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> X = np.linspace(-2, 2, 60)[:, None]; y = np.sin(2 * X[:, 0])
    >>> model = wd.NetworkRegressor(hidden=(16,), decay=0.001, epochs=150, batch_size=20, learning_rate=0.01).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> NetworkRegressor:
        """Tune the decay, if it is to be tuned, and train.

        Parameters
        ----------
        X : array-like of shape (n, p)
        y : array-like of shape (n,) or (n, t)
        sample_weight : array-like of shape (n,), optional
        groups : array-like of shape (n,), optional

        Returns
        -------
        NetworkRegressor
        """
        fitted: NetworkRegressor = self._fit(X, y, sample_weight, groups)
        return fitted

    def _open(self, X: Any, y: Any, sample_weight: Any) -> NetworkProblem:
        return open_network(self, X, y, sample_weight, classes=False)

    def predict(self, X: Any) -> Array:
        """Predictions in float64, (n,) or (n, t)."""
        check_is_fitted(self, "module_")
        found = predicted(self, X)
        return found[:, 0] if self._single else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True  # few epochs of few batches say little
        tags.non_deterministic = False
        return tags


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network for classes whose weight decay is tuned with all other decays as members of one population.

    Minimises the mean log-loss over mini-batches; parameters and attributes are those of `NetworkRegressor`, with
    ``classes_`` besides.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((90, 2)); y = np.where((X**2).sum(axis=1) > 1.4, "out", "in")
    >>> model = wd.NetworkClassifier(hidden=(16,), decay=0.01, epochs=150, batch_size=30, learning_rate=0.01).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> NetworkClassifier:
        """Tune the decay, if it is to be tuned, and train.

        Parameters
        ----------
        X : array-like of shape (n, p)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional
        groups : array-like of shape (n,), optional

        Returns
        -------
        NetworkClassifier
        """
        fitted: NetworkClassifier = self._fit(X, y, sample_weight, groups)
        return fitted

    def _open(self, X: Any, y: Any, sample_weight: Any) -> NetworkProblem:
        problem = open_network(self, X, y, sample_weight, classes=True)
        self.classes_ = problem.opened.classes
        return problem

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, k) of the classes, in the order of ``classes_``."""
        check_is_fitted(self, "module_")
        found = predicted(self, X)
        found = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of every row."""
        chance = self.predict_proba(X)
        return np.asarray(self.classes_[chance.argmax(axis=1)])
