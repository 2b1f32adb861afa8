"""Every kind of record of `wd.why`: what it is called, what draws it, and what is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from weightdecay.show import (
    why_descent_picture,
    why_growth_picture,
    why_noise_picture,
    why_sensitivity_picture,
    why_variance_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Measured(Protocol):
    """A record of `wd.why`."""

    def sentences(self) -> Iterable[str]:
        """The answer first."""
        ...


@dataclass(frozen=True)
class Section:
    """How a kind of record is shown: the title, what draws it, the height in inches, and what is to be seen."""

    title: str
    draw: Callable[[Any, Axes], object] | None
    height: float
    caption: str


# Class of the record -> its section, in the order of the report.
SECTIONS: Mapping[str, Section] = {
    "BiasVariance": Section(
        "Bias and variance",
        why_variance_picture.draw,
        3.8,
        "Squared bias and variance of held-out predictions against the decay, above the noise that no model foretells. "
        "Their sum and the noise are the expected held-out error; the dashed curve is cross-validation of the data "
        "themselves, the dotted line marks the tuned decay.",
    ),
    "LearningCurve": Section(
        "What decay gains as rows are added",
        why_growth_picture.draw,
        3.6,
        "Held-out loss over the number of training rows, with tuned decay, without and at infinite decay.",
    ),
    "Noise": Section(
        "Under more noise",
        why_noise_picture.draw,
        3.6,
        "Held-out loss as columns of noise are added and targets are disturbed, with tuned decay and without.",
    ),
    "Sensitivity": Section(
        "What a wrong decay costs",
        why_sensitivity_picture.draw,
        3.4,
        "Held-out loss at factors of 2, 10 and 100 off the best decay, on the same folds.",
    ),
    "DoubleDescent": Section(
        "With more and more columns",
        why_descent_picture.draw,
        3.6,
        "Held-out error over the number of columns, without decay and with tuned decay; bold lines are means of the "
        "thin ones.",
    ),
    "Refused": Section("Not measured", None, 0.0, ""),
}


def drawer(record: Measured) -> Callable[[Axes], object]:
    """What draws a record into axes.

    Raises
    ------
    TypeError
        It is no record of `wd.why` that has a picture.
    """
    draw = SECTIONS[kind_of(record)].draw
    if draw is None:
        raise TypeError(f"wd.plot.why has nothing to draw: {' '.join(record.sentences())}")
    return lambda axes: draw(record, axes)


def kind_of(record: Measured) -> str:
    """The name of the record's class, which the table has."""
    kind = type(record).__name__
    if kind not in SECTIONS:
        raise TypeError(
            f"wd.plot.why draws what wd.why returns, got {kind}; pass the result of wd.why.bias_variance, …"
        )
    return kind
