"""Brief: a number in words."""

from __future__ import annotations

import math


def brief(value: float) -> str:
    """A number in at most four significant digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "undefined" if math.isnan(value) else "infinity" if value > 0 else "−infinity"
    rounded = float(f"{value:.4g}")
    if not 1e-4 <= abs(rounded) < 1e6:
        return f"{value:.3e}"
    places = max(0, 3 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
