"""Measuring: two sides in turn on the same data, medians, and what a process takes beyond what it holds."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Work = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Medians of both sides in seconds (or MiB), their ratio, and what was aimed at.

    ``faster`` turns the ratio round: rival over ours, larger is better.
    """

    name: str
    ours: float
    rival: float
    bar: float
    stretch: float | None
    faster: bool = False
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Ours over the rival's, or the other way round where the bar says "× faster"."""
        return self.rival / self.ours if self.faster else self.ours / self.rival

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.ratio >= self.bar if self.faster else self.ratio <= self.bar

    def _cells(self) -> tuple[str, ...]:
        sign = "≥" if self.faster else "≤"
        stretch = "" if self.stretch is None else f"{sign} {self.stretch:g} ×"
        return (
            self.name,
            f"{self.ours:.4g} {self.unit}",
            f"{self.rival:.4g} {self.unit}",
            f"{self.ratio:.2f} ×",
            f"{sign} {self.bar:g} × {'met' if self.met else 'MISSED'}",
            stretch,
        )

    def line(self) -> str:
        """For a terminal."""
        name, ours, rival, ratio, bar, stretch = self._cells()
        return f"{name}: {ours} against {rival}: {ratio} (bar {bar}{', stretch ' + stretch if stretch else ''})"

    def row(self) -> str:
        """For a table in Markdown."""
        return "| " + " | ".join(self._cells()) + " |"


def seconds(work: Work) -> float:
    """Wall time of one run."""
    gc.collect()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def medians(ours: Work, rival: Work, repeats: int, rival_repeats: int | None = None) -> tuple[float, float]:
    """Median seconds of both sides, run in turn after one run of each that does not count.

    A rival that takes minutes runs ``rival_repeats`` times, and not once more to warm up.
    """
    ours()
    if rival_repeats is None:
        rival()
    mine, theirs = [], []
    for number in range(repeats):
        mine.append(seconds(ours))
        if rival_repeats is None or number < rival_repeats:
            theirs.append(seconds(rival))
    return statistics.median(mine), statistics.median(theirs)


def regression(n: int, p: int, seed: int = 0) -> tuple[Array, Array]:
    """Correlated columns, and a target of which they explain half."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    X += 0.5 * rng.standard_normal((n, 1))
    return X, X @ rng.standard_normal(p) / np.sqrt(p) + rng.standard_normal(n)


def python_seconds(code: str, repeats: int) -> float:
    """Median wall time of a fresh interpreter that runs some code."""
    line = [sys.executable, "-c", code]
    return statistics.median(seconds(lambda: subprocess.run(line, check=True)) for _ in range(repeats))


def python_number(code: str) -> float:
    """The number that a fresh interpreter prints."""
    line = [sys.executable, "-c", code]
    return float(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
