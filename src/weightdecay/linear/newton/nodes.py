"""Nodes: which decays are solved one after another, and what their models say of those between."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Nodes to either side that are interpolated between, and those that are extrapolated from.
AROUND, BEHIND = 4, 4


def nodes(new: Array, known: list[float], near: float, far: float) -> list[float]:
    """Decays that lie between no known ones ``far`` decades apart, thinned to ``near``, from the known ones outward."""
    found: list[float] = []
    places = sorted(math.log10(one) for one in known)
    for one in np.sort(new)[::-1]:
        place = math.log10(one)
        after = np.searchsorted(places, place)
        bracketed = 0 < after < len(places) and places[after] - places[after - 1] <= far
        close = bool(found) and math.log10(found[-1]) - place < near and one != new.min()
        if not bracketed and not close:
            found.append(float(one))
    above = [one for one in found if places and math.log10(one) > places[-1]]
    return above[::-1] + [one for one in found if one not in above]


def interpolated(decay: float, known: dict[float, Array]) -> Array:
    """A model at a decay as the polynomial in log λ through its neighbours; beyond them one of low degree, or none."""
    at = np.log(np.array(sorted(known)))
    models = [known[one] for one in sorted(known)]
    place = math.log(decay)
    after = int(np.searchsorted(at, place))
    if 0 < after < len(at):
        low, high = max(0, after - AROUND), min(len(at), after + AROUND)
    else:
        low, high = (0, min(BEHIND, len(at))) if after == 0 else (max(0, len(at) - BEHIND), len(at))
        gap = abs(place - at[0 if after == 0 else -1])
        ends = at[low:high]
        if len(ends) < 2 or gap > 1.5 * (ends[-1] - ends[0]) / (len(ends) - 1):
            low, high = (0, 1) if after == 0 else (len(at) - 1, len(at))
    nodes = at[low:high]
    found = np.zeros_like(models[0])
    for one, node in enumerate(nodes):
        others = np.delete(nodes, one)
        found += float(np.prod((place - others) / (node - others))) * models[low + one]
    return found
