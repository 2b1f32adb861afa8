"""`Comparison`: what is known after forms of regularisation were compared on the same folds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.comparison_words import named_form, table, verdict
from weightdecay.records.finding import Finding
from weightdecay.records.frozen import freeze
from weightdecay.records.jsonable import encode, number, numbers, pair

Array = NDArray[np.float64]

NOTHING = "nothing"
UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True)
class Difference:
    """A paired difference of mean held-out losses, of one form less another: below 0 the first is better.

    Parameters
    ----------
    mean : float
        Weighted mean over the folds of the difference within each fold.
    error : float
        Its standard error; nan where folds give none.
    low, high : float
        95 % interval, mean ± t · error with t the quantile of F − 1 degrees of freedom.
    """

    mean: float = math.nan
    error: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, eq=False)
class ComparisonRow:
    """One form of regularisation: how well it predicts, what it keeps, and what it costs.

    Parameters
    ----------
    name : str
        ``"none"``, ``"weight decay"``, ``"L1"``, ``"elastic net"``, ``"dropout"``, ``"dropout + weight decay"``,
        ``"early stopping"`` or ``"infinite decay"``.
    losses : ndarray of shape (m,)
        Held-out loss of each fold, of the model whose settings were chosen without it; nan where it has none.
    mean, standard_error : float
        Weighted mean of these and its standard error.
    interval : (float, float)
        95 % interval of the mean by the spread over folds.
    tuned : float
        The least mean loss over the settings on the same folds, which is optimistic where there are several.
    to_best, to_decay, to_none, to_constant : Difference
        Paired differences to the form of least mean loss, to weight decay, to no regularisation and to infinite decay.
    nonzero : float
        Weights that are not zero in the model of all rows; nan where they are not known.
    stability : float
        Mean cosine between the weights of two folds' models, on standardised columns: 1 where all folds agree.
    support : float
        Mean share of the weights not zero in either of two folds' models that are not zero in both (Jaccard).
    decay, l1_ratio : float
        λ chosen on all folds, and the share of L1 at which it was.
    settings : mapping of str to value
        Other parameters chosen, such as ``dropout``.
    decays : ndarray of shape (m,)
        λ chosen without each fold.
    fit_seconds, tuning_seconds : float
        Time of one fit on all rows at these settings, the opening of the data included; and of the search for them on
        the folds, nan where nothing was to be found.
    overhead : float
        ``fit_seconds`` over that of no regularisation.
    note : str
        What is special about it, empty where nothing is.
    """

    name: str
    losses: Array
    mean: float
    standard_error: float
    interval: tuple[float, float]
    tuned: float = math.nan
    to_best: Difference = field(default_factory=Difference)
    to_decay: Difference = field(default_factory=Difference)
    to_none: Difference = field(default_factory=Difference)
    to_constant: Difference = field(default_factory=Difference)
    nonzero: float = math.nan
    stability: float = math.nan
    support: float = math.nan
    decay: float = math.nan
    l1_ratio: float = math.nan
    settings: Mapping[str, Any] = field(default_factory=dict)
    decays: Array = field(default_factory=lambda: np.zeros(0))
    fit_seconds: float = math.nan
    tuning_seconds: float = math.nan
    overhead: float = math.nan
    note: str = ""

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComparisonRow) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON types.

        Returns
        -------
        dict of str
        """
        plain: dict[str, Any] = encode({name: value for name, value in vars(self).items() if name not in DIFFERENCES})
        return plain | {name: encode(vars(getattr(self, name))) for name in DIFFERENCES}


DIFFERENCES = ("to_best", "to_decay", "to_none", "to_constant")
NUMBERS: tuple[str, ...] = (
    *("mean", "standard_error", "tuned", "nonzero", "stability", "support", "decay", "l1_ratio"),
    *("fit_seconds", "tuning_seconds", "overhead"),
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """In what form: forms of regularisation, each tuned on the same folds, and which of them suits the data.

    Parameters
    ----------
    rows : tuple of ComparisonRow
        No regularisation, weight decay and the others that the estimator can have; infinite decay comes last.
    weight, repeat : ndarray of shape (m,)
        Weight of each fold in a mean, and the repetition that it belongs to.
    model_name, scoring, cv : str
        The estimator's class; the metric (``"mean squared error"``, …, or − and a scorer's name); the folds in words.
    how : str
        How settings were chosen without the fold that they are judged on, a sentence.
    n_rows, n_weights : int
        Rows with positive weight; weights that a model has.
    tolerance : float
        Relative tolerance of the estimator.
    columns, classes : tuple of str
    target, source, command : str
        Of a table: its target and file; a line that repeats the work.
    notes : tuple of str
        What was done when the rows were read, and what was left out.
    findings : tuple of Finding
        What the user should know of the data, worst first.

    Examples
    --------
    >>> import numpy as np
    >>> import weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 40)); y = 3 * X[:, 0] + rng.standard_normal(80)
    >>> found = wd.compare(wd.LinearRegression(), X, y)
    >>> found.suits, found == Comparison.from_json(found.to_json())
    ('L1', True)
    """

    rows: tuple[ComparisonRow, ...]
    weight: Array
    repeat: NDArray[np.int64]
    model_name: str
    scoring: str
    cv: str
    how: str
    n_rows: int
    n_weights: int
    tolerance: float = 0.01
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    target: str = ""
    source: str = ""
    command: str = ""
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    @cached_property
    def suits(self) -> str:
        """The name of the form that suits the data, ``"none"`` if it is none, ``"nothing"`` if a constant is as good.

        Of the forms whose paired difference to the best is within one paired standard error, in this order: none, if
        its loss is within the tolerance of the best as well (else decay has fewer degrees of freedom); whichever keeps
        at most a quarter of the weights of the others; weight decay; L1; the elastic net; dropout; early stopping;
        dropout with decay. ``"nothing"`` where the best is not better than infinite decay, by two paired standard
        errors or in nearly all folds (9 of 10; by a sign test at 1 %).
        """
        return named_form(self)

    @cached_property
    def verdict(self) -> str:
        """The answer in a few lines: the form, how the others compare, what its weights are like, what decay costs."""
        return verdict(self)

    def row(self, name: str) -> ComparisonRow | None:
        """The row of a name; None if the form was not compared.

        Parameters
        ----------
        name : str

        Returns
        -------
        ComparisonRow or None
        """
        return next((one for one in self.rows if one.name == name), None)

    @property
    def larger_is_better(self) -> bool:
        """Whether the metric is a score to be made large; a scorer named ``neg_…`` is a loss turned round."""
        return self.scoring.startswith("−") and not self.scoring.removeprefix("−").startswith("neg_")

    @property
    def metric(self) -> str:
        """The metric in words."""
        name = self.scoring.removeprefix("−")
        return name.removeprefix("neg_").replace("_", " ") if self.scoring.startswith("−") else name

    def as_metric(self, loss: float) -> float:
        """A loss as the metric itself: scores that are to be large are turned round."""
        return 0.0 - loss if self.larger_is_better else loss

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text.

        Returns
        -------
        dict of str
        """
        plain = {name: encode(value) for name, value in vars(self).items() if name in PLAIN}
        return plain | {
            "suits": self.suits,
            "verdict": self.verdict,
            "metric": self.metric,
            "rows": [one.to_dict() for one in self.rows],
            "findings": [vars(one) for one in self.findings],
        }

    def to_json(self) -> str:
        """The record as one JSON object.

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """The record from its JSON text; the inverse of `to_json`.

        Parameters
        ----------
        text : str

        Returns
        -------
        Comparison

        Raises
        ------
        ValueError
            When the text is not JSON, or not that of a `Comparison`.
        """
        try:
            return _read(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"this is not the JSON of a Comparison ({type(error).__name__}: {error}); give what "
                "Comparison.to_json or weightdecay compare --json wrote"
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Comparison) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.verdict}\n\n{table(self)}"

    def __repr__(self) -> str:
        return f"Comparison({self.model_name}, {len(self.rows)} forms, {self.cv}: {self.verdict.splitlines()[0]})"

    def _repr_html_(self) -> str | None:
        from weightdecay.records.comparison_html import html

        return html(self)

    def __reduce__(self) -> tuple[Callable[[str], Comparison], tuple[str]]:
        return Comparison.from_json, (self.to_json(),)


PLAIN: tuple[str, ...] = (
    *("weight", "repeat", "model_name", "scoring", "cv", "how", "n_rows", "n_weights", "tolerance", "columns"),
    *("classes", "target", "source", "command", "notes"),
)


def _read(data: dict[str, Any]) -> Comparison:
    """A record from its JSON form."""
    texts = {name: str(data[name]) for name in ("model_name", "scoring", "cv", "how", "target", "source", "command")}
    lists = {name: tuple(map(str, data[name])) for name in ("columns", "classes", "notes")}
    plain: dict[str, Any] = {**texts, **lists}
    return Comparison(
        rows=tuple(_read_row(one) for one in data["rows"]),
        weight=numbers(data["weight"]),
        repeat=np.asarray(data["repeat"], dtype=np.int64),
        n_rows=int(data["n_rows"]),
        n_weights=int(data["n_weights"]),
        tolerance=number(data["tolerance"]),
        findings=tuple(Finding(**one) for one in data["findings"]),
        **plain,
    )


def _read_row(data: dict[str, Any]) -> ComparisonRow:
    """A row from its JSON form."""
    plain: dict[str, Any] = {name: number(data[name]) for name in NUMBERS}
    plain |= {name: Difference(**{key: number(one) for key, one in data[name].items()}) for name in DIFFERENCES}
    return ComparisonRow(
        name=str(data["name"]),
        losses=numbers(data["losses"]),
        interval=pair(data["interval"]),
        settings=dict(data["settings"]),
        decays=numbers(data["decays"]),
        note=str(data["note"]),
        **plain,
    )
