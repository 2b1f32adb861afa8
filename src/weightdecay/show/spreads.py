"""Spreads of coefficients: the posterior interval and the sandwich error, in tables and in words."""

from __future__ import annotations

from weightdecay.show.flat_coefficients import FlatCoefficients
from weightdecay.show.sheet import Number, number

REACH = 1.96  # standard deviations to either side that hold 95 % of a normal distribution
POSTERIOR = "95 % posterior interval under the prior that this decay is"
Cells = tuple[Number | None, ...]


def spread_header(found: FlatCoefficients) -> tuple[str, ...]:
    """Names of the columns, none where nothing is known."""
    return ("posterior low", "posterior high", "sandwich error") if found.uncertain else ()


def spreads(found: FlatCoefficients, j: int) -> Cells:
    """Of one coefficient."""
    return _cells(found.coef[j], found.posterior[j], found.sandwich[j]) if found.uncertain else ()


def intercept_spreads(found: FlatCoefficients) -> tuple[Cells, ...]:
    """Of every vector's intercept."""
    if not found.uncertain:
        return ((),) * len(found.intercept)
    every = zip(found.intercept, found.posterior_intercept, found.sandwich_intercept, strict=True)
    return tuple(_cells(*one) for one in every)


def _cells(value: float, posterior: float, sandwich: float) -> Cells:
    """The ends of the posterior interval, and the sandwich error."""
    reach = REACH * posterior
    return number(value - reach), number(value + reach), number(sandwich)


def spread_note(found: FlatCoefficients) -> str:
    """What they are, as sentences followed by a space; empty where nothing is known."""
    if not found.uncertain:
        return ""
    return (
        f"Posterior low and high are the {POSTERIOR}: where coefficients of such sizes are likely once these rows are "
        "seen. The sandwich error is how far the decayed coefficient scatters about its own mean over samples of rows, "
        "whatever the noise is like; decay moves that mean, so that it is no error about the true value. Both take the "
        "decay as given. "
    )
