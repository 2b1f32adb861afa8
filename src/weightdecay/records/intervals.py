"""Intervals: between what bounds the loss of the tuned model on new rows is likely to be."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze
from weightdecay.records.jsonable import encode, number, numbers, pair

Array = NDArray[np.float64]

UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Intervals:
    """Two 95 % intervals for the held-out loss of the tuned model: by the spread over folds alone, and nested.

    The fold-wise interval is mean ± t SE over the F folds at the decay in use, with t the quantile of F − 1 degrees of
    freedom (under leave-one-out rows are the folds). It is optimistic: folds share training rows, so that their losses
    vary together, and the decay was chosen by the very losses that it describes.

    The nested interval (Bates, Hastie & Tibshirani 2024) leaves every fold f out of all the work, chooses a decay by
    cross-validation within the others, and compares the loss that this foretells with the one on fold f. Their mean
    squared difference, less what the scatter of fold f alone makes of it, is how far a cross-validated loss is from
    that of the model at hand. With E the mean loss of the folds left out, each at the decay chosen without it, and E₂
    that of models trained without two folds,

        loss = E − (1 − 2/F) max(0, E₂ − E),   its error² = (1 − 1/F) mean_f[(inner_f − outer_f)² − F SE²],

    where the first removes what models of fewer rows are worse by, and the second is kept between SE² and F SE²; under
    leave-one-out SE is that of the rows if it is larger. Nested folds choose the decay anew among those of the tuning,
    a quarter of a decade apart; strengths of groups of columns and settings of a space stay as they were chosen. Where
    the loss is not a squared error they look for it from the plausible range outward, until all decays within three
    quarters of a decade of every choice were tried.

    Parameters
    ----------
    decay : float
        λ in use.
    loss : float
        Mean held-out loss at λ, the middle of the fold-wise interval.
    fold_wise : (float, float)
        nan where folds give no standard error.
    n_folds : int
        F, in each repetition; of leave-one-out and of a single hold-out the number of rows.
    nested_loss : float
        Middle of the nested interval before it is cut at 0, below which no loss is; nan without one.
    nested : (float, float)
        nan without one.
    nested_decays : ndarray of shape (m,)
        The decays chosen without each of the m folds, all repetitions one after another; empty without a nested
        interval.
    nested_folds : str
        Those folds in words, ``"10 folds, 3 times"``; empty without one.
    note : str
        Why there is no nested interval, empty where there is one.

    Notes
    -----
    Losses are as in `Tuning.losses`: of a scorer −score. S. Bates, T. Hastie, R. Tibshirani (2024), *Cross-validation:
    what does it estimate and how well does it do it?*, J. Am. Stat. Assoc. 119, arXiv 2104.00673, algorithm 1 and
    section 4.3, with three changes. The decay of an inner model is the one that the other inner folds choose, so that
    no loss is counted that was minimised. F SE² from the spread between folds takes the place of var(e)/|I_f| from the
    rows of fold f: of folds dealt at random both have the same mean, but this one shares its noise with what it is
    subtracted from, and holds for groups as well. And models of fewer rows are never taken to be better.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 20)); y = X[:, 0] + rng.standard_normal(60)
    >>> found = wd.tune(wd.LinearRegression(), X, y).intervals
    >>> found.fold_wise[0] < found.loss < found.fold_wise[1], found.nested_folds
    (True, '10 folds, 3 times')
    """

    decay: float
    loss: float
    fold_wise: tuple[float, float]
    n_folds: int
    nested_loss: float = math.nan
    nested: tuple[float, float] = UNKNOWN
    nested_decays: Array = field(default_factory=lambda: np.zeros(0))
    nested_folds: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fold_wise, nested = (f"{low:.4g} to {high:.4g}" for low, high in (self.fold_wise, self.nested))
        return f"Intervals({self.loss:.4g}; fold-wise {fold_wise}; nested {nested if self.has_nested else self.note})"

    @property
    def has_fold_wise(self) -> bool:
        """Whether folds give a standard error."""
        return math.isfinite(self.fold_wise[1])

    @property
    def has_nested(self) -> bool:
        """Whether there is a nested interval."""
        return math.isfinite(self.nested[1])

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types.

        Returns
        -------
        dict of str
        """
        plain: dict[str, Any] = encode(vars(self))
        return plain


def read_intervals(data: dict[str, Any] | None) -> Intervals | None:
    """Intervals from their JSON form."""
    if data is None:
        return None
    return Intervals(
        decay=number(data["decay"]),
        loss=number(data["loss"]),
        fold_wise=pair(data["fold_wise"]),
        n_folds=int(data["n_folds"]),
        nested_loss=number(data["nested_loss"]),
        nested=pair(data["nested"]),
        nested_decays=numbers(data["nested_decays"]),
        nested_folds=str(data["nested_folds"]),
        note=str(data["note"]),
    )
