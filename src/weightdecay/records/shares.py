"""Shares: what a percentage of a loss is of."""

from __future__ import annotations

import math

# A score gains nothing on the constant model where it gains less than this share of itself.
NO_GAIN = 1e-9


def gains(least: float, constant: float | None) -> bool:
    """Whether a score (as a loss) is better than the constant model's, None where that is unknown or no score."""
    return constant is not None and math.isfinite(constant) and constant - least > NO_GAIN * abs(least)


def share_unit(least: float, constant: float | None) -> float:
    """The least loss or, for a score that gains on the constant model, the gain: scores have no natural zero."""
    return constant - least if constant is not None and gains(least, constant) else abs(least)
