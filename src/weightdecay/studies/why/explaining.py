"""`wd.why.explain`: all that is told of why decay works, within the time that a report may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weightdecay.records.tuning import Tuning
from weightdecay.records.why import Refused
from weightdecay.studies.why.bias_variance import bias_variance
from weightdecay.studies.why.double_descent import double_descent
from weightdecay.studies.why.learning_curve import learning_curve
from weightdecay.studies.why.noise import noise
from weightdecay.studies.why.sensitivity import sensitivity

# Samples, draws and repeats: each section takes about as long as twenty fits.
SAMPLES, DRAWS, REPEATS = 5, 2, 2
# Of models that are minimised one by one: shares of the rows, columns of noise, and noise on labels and on numbers.
SIZES, COLUMNS = (0.1, 0.3, 1.0), (0, 100)
SHARE, DEVIATIONS = 0.2, 2.0


@dataclass(frozen=True, eq=False)
class Asked:
    """What every section may use: the tuning, the estimator, the data, and the keywords that go with these."""

    tuning: Tuning
    estimator: Any
    X: Any
    y: Any
    cv: Any
    given: Mapping[str, Any]

    @property
    def quick(self) -> bool:
        """Whether one factorisation serves all decays."""
        return self.tuning.model_name == "LinearRegression" and not self.tuning.l1_ratio


def _bias_variance(asked: Asked) -> Any:
    return bias_variance(asked.estimator, asked.X, asked.y, cv=asked.cv, n_bootstrap=SAMPLES, **asked.given)


def _learning_curve(asked: Asked) -> Any:
    sizes = None if asked.quick else SIZES
    return learning_curve(asked.estimator, asked.X, asked.y, sizes=sizes, repeats=REPEATS, **asked.given)


def _noise(asked: Asked) -> Any:
    levels: dict[str, Any] = {}
    if not asked.quick:
        shares = bool(asked.tuning.classes) or "deviance" in asked.tuning.scoring
        levels = {"columns": COLUMNS, "labels": (0.0, SHARE if shares else DEVIATIONS)}
    return noise(asked.estimator, asked.X, asked.y, repeats=1, **levels, **asked.given)


def _sensitivity(asked: Asked) -> Any:
    return sensitivity(asked.tuning)


def _double_descent(asked: Asked) -> Any:
    return double_descent(asked.estimator, asked.X, asked.y, repeats=DRAWS, **asked.given)


# In the order of the report.
SECTIONS: Mapping[str, Callable[[Asked], Any]] = {
    "bias_variance": _bias_variance,
    "learning_curve": _learning_curve,
    "noise": _noise,
    "sensitivity": _sensitivity,
    "double_descent": _double_descent,
}


def explain(
    tuning: Tuning,
    estimator: Any,
    X: Any,
    y: Any = None,
    which: str | Sequence[str] | None = None,
    *,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    text: Sequence[str] = (),
    random_state: Any = None,
) -> list[Any]:
    """Measure why decay works on the data of a tuning, within the time of about twenty fits for each section.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned for the estimator and the data.
    estimator, X, y, cv, groups, sample_weight, text
        As they were given to `wd.tune`.
    which : str or sequence of str, optional
        Sections by the names of the functions of `wd.why`; None is all that make sense for the data.
    random_state : int, optional
        Of all that is drawn; None is 0.

    Returns
    -------
    list
        One record for each section, in the order of the report; a section that was not asked for by name and makes no
        sense for the data is a `Refused` with the reason.

    Raises
    ------
    ValueError
        A section is not known, or one that was asked for by name cannot be had.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 10)); y = X[:, 0] + rng.standard_normal(40)
    >>> tuning = wd.tune(wd.LinearRegression(), X, y)
    >>> [one.name for one in wd.why.explain(tuning, wd.LinearRegression(), X, y, ["bias_variance"])]
    ['bias_variance']
    """
    names = list(SECTIONS) if which is None else [which] if isinstance(which, str) else list(which)
    for one in names:
        if one not in SECTIONS:
            raise ValueError(f"explain={one!r} is not known; give some of {', '.join(map(repr, SECTIONS))}")
    seed = 0 if random_state is None else random_state
    given = {"groups": groups, "sample_weight": sample_weight, "text": text, "random_state": seed}
    asked = Asked(tuning, estimator, X, y, cv, given)
    return [_section(one, asked, strict=which is not None) for one in SECTIONS if one in names]


def _section(name: str, asked: Asked, *, strict: bool) -> Any:
    """One section, or why there is none."""
    try:
        return SECTIONS[name](asked)
    except ValueError as error:
        if strict:
            raise
        return Refused(name, str(error))
