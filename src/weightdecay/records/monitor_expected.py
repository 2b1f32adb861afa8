"""What theory expects of a role on its way: an equilibrium that moves with the learning rate is followed with a lag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.monitor import SCALED, Series

Array = NDArray[np.float64]

SETTLED = 3.0  # timescales after which the beginning is forgotten


def expected_rms(series: Series) -> Array:
    r"""Return the root mean square that a role should have at each measured step, from where it began.

    For independent updates E w² tends to its equilibrium R_t² at the rate 2 a_t,

    .. math:: E w^2_{t'} = \bar R^2 + (E w^2_t - \bar R^2) \, e^{-2 (A_{t'} - A_t)}, \qquad A_t = \sum_{s \le t} a_s

    Parameters
    ----------
    series : Series

    Returns
    -------
    ndarray of shape (T,)
        nan before the first step of which an equilibrium is known.
    """
    known = np.flatnonzero(np.isfinite(series.rms) & np.isfinite(series.equilibrium))
    return np.sqrt(_followed(series, series.equilibrium**2, known, 2.0, series.rms))


def expected_gradient(series: Series, first: int | None = None) -> Array:
    r"""Return ‖g/√v̂‖/‖w‖ (SGD: ‖g‖/‖w‖) as it should follow √(2a_t)/γ_t, for weights without length.

    Under Adam the ratio is a constant over ‖w‖, and its inverse square follows (√(2a_t)/γ_t)⁻² at the rate 2 a_t; under
    SGD, where the gradient falls as the weight grows, it is a constant over ‖w‖², and the rate is 4 a_t.

    Parameters
    ----------
    series : Series
    first : int, optional
        Measurement at which the ratio is taken to be in equilibrium. None: begin at the first one as measured.

    Returns
    -------
    ndarray of shape (T,)
    """
    rate = 2.0 if series.signal == SCALED else 4.0
    inverse = np.divide(1.0, series.expected_ratio**2, out=np.full(len(series.step), np.nan), where=_above(series))
    known = np.flatnonzero(np.isfinite(inverse) & (series.ratio > 0))
    start = series.ratio
    if first is not None:
        known, start = known[known >= first], series.expected_ratio
    with np.errstate(divide="ignore"):
        return 1.0 / np.sqrt(_followed(series, inverse, known, rate, 1.0 / start))


def growth(series: Series) -> tuple[int, float, float] | None:
    """Since which step ‖g/√v̂‖/‖w‖ has grown, by what factor, and by what factor decay and schedule make it grow.

    Counted from the first measurement after the peak of the learning rate, three timescales at least from the start;
    None where there are none.
    """
    rates = np.where(np.isfinite(series.learning_rate), series.learning_rate, 0.0)
    after = (series.elapsed >= SETTLED) & (series.step >= series.step[int(rates.argmax())])
    places = np.flatnonzero(after & (series.ratio > 0) & _above(series))
    if len(places) < 2:
        return None
    measured = float(np.median(series.ratio[places[-3:]]) / np.median(series.ratio[places[:3]]))
    expected = expected_gradient(series, int(places[0]))
    return int(series.step[places[0]]), measured, float(expected[places[-1]] / expected[places[0]])


def _followed(series: Series, target: Array, known: NDArray[np.intp], rate: float, start: Array) -> Array:
    """A square that follows a moving target, from the first place that is known on."""
    found = np.full(len(target), np.nan)
    if not len(known):
        return found
    begin = int(known[0])
    value, near = float(start[begin]) ** 2, float(target[begin])
    found[begin] = value
    for place in range(begin + 1, len(target)):
        gone = float(series.elapsed[place] - series.elapsed[place - 1])
        here = float(target[place]) if np.isfinite(target[place]) else near
        if gone > 0:
            middle = 0.5 * (here + near)
            value = middle + (value - middle) * float(np.exp(-rate * gone))
        near = here
        found[place] = value
    return found


def _above(series: Series) -> NDArray[np.bool_]:
    """Where an expected ratio is known."""
    return np.isfinite(series.expected_ratio) & (series.expected_ratio > 0)
