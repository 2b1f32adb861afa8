"""`Tuning`: everything that is known after a decay was tuned."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records import tuning_html
from weightdecay.records.class_diagnostics import AnyDiagnostics
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.frozen import freeze
from weightdecay.records.grouping import Grouping
from weightdecay.records.history import History
from weightdecay.records.intervals import Intervals
from weightdecay.records.later import Known, Later
from weightdecay.records.shares import share_unit
from weightdecay.records.training import Training
from weightdecay.records.trial import Trial
from weightdecay.records.verdict import verdict

Array = NDArray[np.float64]

# A path of more numbers than this stays out of the JSON; it can be had again from the data.
MAX_PATH_NUMBERS = 1_000_000


@dataclass(frozen=True)
class Reference:
    """A decay that people use without tuning, and what it costs on the same folds.

    Parameters
    ----------
    name : str
        ``"no decay"``, ``"sklearn alpha=1"`` or ``"infinite decay"``.
    decay : float
        λ.
    mean : float
        Mean held-out loss.
    paired : float
        Standard error of the paired difference to the best decay.
    """

    name: str
    decay: float
    mean: float
    paired: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """How much weight decay: the held-out loss of every decay, the choice, and how sure it is.

    The choice minimises the mean held-out loss ΣW_f L_f(λ)/ΣW_f over the decays tried (``rule="min"``), or takes the
    largest λ within one standard error of it (``"1se"``).

    Parameters
    ----------
    decays : ndarray of shape (L,)
        λ, ascending.
    losses : ndarray of shape (F, L)
        Held-out loss per fold: mean squared error, log-loss or −score; leave-one-out: (1, L).
    weight : ndarray of shape (F,)
        Weight of each fold in the mean.
    mean, standard_error, paired : ndarray of shape (L,)
        Mean held-out loss, its standard error, and the standard error of its paired difference to the best.
    decay, decay_min, decay_1se : float
        The chosen λ; the one of least loss; the largest within one standard error (nan where undefined).
    window : (float, float)
        Connected range of λ around the best within ``tolerance`` of its loss; 0 and inf allowed.
    plausible : (float, float)
        Connected range whose paired difference to the best is within one paired standard error.
    status : ndarray of shape (F, L) of str
    rule, cv, scoring, model_name : str
        How it was chosen, the folds in words, the metric (``"mean squared error"``, …), the estimator's class.
    tolerance : float
        Relative tolerance of the window.
    standardize : bool
        Whether λ acts on standardised columns.
    n_rows : int
        Rows with positive weight.
    weight_sum : float
        Σ of the sample weights, n without weights.
    y_std : float
        Standard deviation (1/n) of the target, for other tools' units; nan where it has none.
    references : tuple of Reference
        No decay, a common default, infinite decay.
    columns : tuple of str
    targets : tuple of Tuning
        One per target when there are several, else empty; the outer record is then the mean over the targets.
    trials : tuple of Trial
        The table of a search in a space, else empty.
    target_names : tuple of str
        Names of the targets; empty where they have none.
    source : str
        The file that the rows came from; empty where they came from none.
    command : str
        A line that repeats the work.
    plan : tuple of ColumnPlan
        What became of every column of a table of text, dates or gaps; empty where columns were numbers.
    notes : tuple of str
        What was done when the rows were read, a sentence each.
    classes : tuple of str
        The classes of a classifier in words, in the order of its ``classes_``; empty where a number is predicted.
    grouping : Grouping or None
        Strengths of groups of columns, where the estimator had ``decay_groups``.
    l1_ratio : float
        Share of the L1 part in the penalty, where the estimator is one of ours.
    later : Later
        Source of what is computed only when asked for; outside equality and JSON.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> tuning = wd.tune(wd.LinearRegression(), X, y)
    >>> tuning == wd.Tuning.from_json(tuning.to_json())
    True
    """

    decays: Array
    losses: Array
    weight: Array
    mean: Array
    standard_error: Array
    paired: Array
    decay: float
    decay_min: float
    decay_1se: float
    window: tuple[float, float]
    plausible: tuple[float, float]
    status: NDArray[np.str_]
    rule: str
    cv: str
    scoring: str
    model_name: str
    tolerance: float
    standardize: bool
    n_rows: int
    weight_sum: float
    y_std: float = float("nan")
    references: tuple[Reference, ...] = ()
    columns: tuple[str, ...] = ()
    targets: tuple[Tuning, ...] = ()
    trials: tuple[Trial, ...] = ()
    target_names: tuple[str, ...] = ()
    source: str = ""
    command: str = ""
    plan: tuple[ColumnPlan, ...] = ()
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    grouping: Grouping | None = None
    l1_ratio: float = 0.0
    later: Later = field(default_factory=Known, repr=False)

    def __post_init__(self) -> None:
        freeze(self)

    @cached_property
    def verdict(self) -> str:
        """The answer in four lines: how much; whether it matters; what habits cost; the same strength elsewhere."""
        return verdict(self)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the user should know, worst first; computed from the data when first asked for."""
        return self.later.findings(self)

    @cached_property
    def opinions(self) -> Mapping[str, Array]:
        """Other criteria at the same decays, each (L,): ``"gcv"``, ``"evidence"``, …; smaller is better.

        Computed from the data when first asked for; averaged over targets where there are several.
        """
        return self.later.opinions(self.decays)

    @cached_property
    def path(self) -> DecayPath:
        """The models fitted on all rows at every decay; computed from the data when first asked for.

        Raises
        ------
        ValueError
            When the record was read from JSON without its path, or the data were changed.
        """
        return self.later.path(self.decays)

    @cached_property
    def diagnostics(self) -> AnyDiagnostics | None:
        """The model in use beside least squares and the models of folds; None where that is not to be had.

        Computed from the data when first asked for; of several targets each has its own.

        Raises
        ------
        ValueError
            When the data were changed since the decay was tuned.
        """
        return self.later.diagnostics()

    @cached_property
    def intervals(self) -> Intervals | None:
        """Intervals for the held-out loss of the tuned model: fold-wise and nested; None for several targets together.

        Computed from the data when first asked for: nested folds are left out of tuning as a whole.
        """
        return self.later.intervals(self)

    @cached_property
    def training(self) -> Training | None:
        """How the networks of the folds were trained, epoch by epoch, at telling decays; None of other models.

        Collected when first asked for; nothing is trained for it.
        """
        return self.later.training(self)

    @property
    def history(self) -> History | None:
        """Losses and norms of layers by epoch at the decay in use, means over the folds; None where there are none."""
        return None if self.training is None else self.training.at(self.decay)

    @cached_property
    def model(self) -> Any:
        """The estimator, refitted on all rows at the chosen decay (each target's own) when first asked for.

        Raises
        ------
        ValueError
            When the record was read from JSON and holds no data, or the data were changed.
        """
        return self.later.model()

    def reference(self, name: str) -> Reference | None:
        """The reference of a name, such as ``"no decay"``; None if it was not evaluated.

        Parameters
        ----------
        name : str

        Returns
        -------
        Reference or None
        """
        return next((one for one in self.references if one.name == name), None)

    @property
    def groups(self) -> Mapping[str, float]:
        """The decay λ_g of every group of columns at the chosen decay, by name; empty without ``decay_groups``."""
        known = () if self.grouping is None else self.grouping.groups
        return {one.name: self.decay * one.strength for one in known}

    @property
    def best(self) -> int:
        """Index of `decay_min` in `decays`."""
        return int(np.flatnonzero(self.decays == self.decay_min)[0])

    @property
    def scored(self) -> bool:
        """Whether the losses are negative scores of a scorer."""
        return self.scoring.startswith("−")

    @property
    def larger_is_better(self) -> bool:
        """Whether the metric is a score to be made large; a scorer named ``neg_…`` is a loss turned round."""
        return self.scored and not self.scoring.removeprefix("−").startswith("neg_")

    @property
    def metric(self) -> str:
        """The metric in words: of the scorer ``neg_mean_absolute_error`` it is ``mean absolute error``."""
        name = self.scoring.removeprefix("−")
        return name.removeprefix("neg_").replace("_", " ") if self.scored else name

    def as_metric(self, losses: Any) -> Any:
        """Losses, a float or an array, as the metric itself: scores that are to be large are turned round."""
        return 0.0 - losses if self.larger_is_better else losses  # 0 − x rather than −x: a zero keeps its sign

    @property
    def unit(self) -> float:
        """What shares of a loss are of: the least mean loss or, for scorers, the best's gain on infinite decay."""
        constant = self.reference("infinite decay")
        return share_unit(float(self.mean[self.best]), constant.mean if self.scored and constant is not None else None)

    def settled(self) -> Tuning:
        """The same record with everything lazy computed, holding neither data nor model.

        Returns
        -------
        Tuning

        Raises
        ------
        ValueError
            When the data were changed since the decay was tuned.
        """
        path = self.path if self._path_fits() else None
        known = Known(self.opinions, path, self.findings, self.diagnostics, self.intervals, self.training)
        return replace(self, targets=tuple(one.settled() for one in self.targets), later=known)

    def _path_fits(self) -> bool:
        """Whether the path is small enough for JSON."""
        numbers_in_path = len(self.decays) * max(len(self.columns), 1) * max(len(self.targets), self._vectors)
        return numbers_in_path <= MAX_PATH_NUMBERS and not (
            isinstance(self.later, Known) and self.later.known_path is None
        )

    @property
    def _vectors(self) -> int:
        """Coefficient vectors of one model."""
        return len(self.classes) if len(self.classes) > 2 else 1

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text.

        Returns
        -------
        dict of str
        """
        from weightdecay.records.tuning_json import plain

        return plain(self, self.path if self._path_fits() else None)

    def to_json(self) -> str:
        """The record as one JSON object; everything lazy is computed.

        A path of over a million numbers stays out.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            When the data were changed since the decay was tuned.

        Examples
        --------
        >>> import json, weightdecay as wd
        >>> X, y = [[1.0], [2.0], [3.0], [5.0]], [1.0, 3.0, 2.0, 6.0]
        >>> tuning = wd.tune(wd.LinearRegression(), X, y, decays=[0.1, 1.0])
        >>> json.loads(tuning.to_json())["decay"]
        0.1
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Tuning:
        """The record from its JSON text; the inverse of `to_json`.

        Parameters
        ----------
        text : str

        Returns
        -------
        Tuning
            Equal to the one that wrote the text; it holds no data and no model.

        Raises
        ------
        ValueError
            When the text is not JSON, or not that of a `Tuning`.
        """
        from weightdecay.records.tuning_json import read_tuning

        return read_tuning(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tuning) and self.to_dict() == other.to_dict()

    def __str__(self) -> str:
        return self.verdict

    def __repr__(self) -> str:
        return f"Tuning({self.model_name}, {len(self.decays)} decays, {self.cv}: {verdict(self).splitlines()[0]})"

    def _repr_html_(self) -> str | None:
        """Verdict, numbers, curve and findings, for notebooks."""
        return tuning_html.html(self)

    def __copy__(self) -> Tuning:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tuning:
        return self  # nothing of it changes, and what it holds for later need not be there twice

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[[str], Tuning], tuple[str]]:
        return Tuning.from_json, (self.to_json(),)
