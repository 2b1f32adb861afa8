"""Problems whose held-out losses are closed formulas of the decay, and which count what they are asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.held_out import HeldOut
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.folds import plan
from weightdecay.tuning.progress import Silent
from weightdecay.tuning.protocol import Facts
from weightdecay.tuning.search import Choice, tune_problem
from weightdecay.tuning.selection import from_folds

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]
FOLDS = 4


def valley(at: float, depth: float = 1.0, floor: float = 1.0) -> Curve:
    """A valley of half-width one decade, from floor + depth at both ends down to the floor."""

    def curve(decays: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            distance = np.log10(decays) - math.log10(at)
            return floor + depth * (1.0 - 1.0 / (1.0 + distance**2))

    return curve


def falling(half: float, low: float = 1.0, high: float = 2.0) -> Curve:
    """From high at no decay down to low at infinite decay, halfway at `half`."""

    def curve(decays: Array) -> Array:
        return low + (high - low) / (1.0 + decays / half)

    return curve


def rising(half: float) -> Curve:
    """From 1 at no decay up to 2 at infinite decay."""

    def curve(decays: Array) -> Array:
        return 2.0 - 1.0 / (1.0 + decays / half)

    return curve


@dataclass
class FakeSplit:
    """Losses of folds, each the curve plus what a fold adds: a share of the logistic of log λ."""

    curves: tuple[Curve, ...]
    noise: float
    asked: list[Array] = field(default_factory=list)

    def held_out(self, decays: Array, scoring: Any = None, among: Array | None = None) -> HeldOut:
        decays = np.asarray(decays, dtype=np.float64)
        self.asked.append(decays)
        tilt = self.noise * np.array([-3.0, -1.0, 1.0, 3.0])[:, None] / (1.0 + decays)
        repeat, weight = np.zeros(FOLDS, dtype=np.intp), np.ones(FOLDS)
        status = np.full((FOLDS, len(decays)), "exact")
        losses = [np.tile(curve(decays), (FOLDS, 1)) + tilt for curve in self.curves]
        several = [from_folds(decays, one, weight, repeat, status, among=among) for one in losses]
        if len(several) == 1:
            return several[0]
        mean = np.mean(losses, axis=0)
        return from_folds(decays, mean, weight, repeat, status, among=among, targets=tuple(several))


@dataclass
class FakeProblem:
    """A problem of closed formulas; `asked` counts what was asked of it."""

    curves: tuple[Curve, ...]
    noise: float = 0.0
    low: float = -3.0
    high: float = 1.0
    default: float = 0.01
    opinion: Mapping[str, Curve] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    found: tuple[Finding, ...] = ()

    def facts(self) -> Facts:
        return Facts(
            n_given=40,
            n_rows=40,
            weight_sum=40.0,
            y_std=(1.0,) * len(self.curves),
            n_targets=len(self.curves),
            columns=("a", "b"),
            model_name="Fake",
            standardize=True,
            loss_name="loss",
            references=(("no decay", 0.0), ("sklearn alpha=1", self.default)),
            fold_work=math.inf,  # its four folds are all that it has
        )

    def natural_cv(self) -> int:
        return FOLDS

    def candidates(self) -> Array:
        return 10.0 ** (np.arange(2 * self.low, 2 * self.high + 1) / 2)

    def split(self, folds: Any) -> FakeSplit:
        self.asked["split"] += 1
        self.made = FakeSplit(self.curves, self.noise)
        return self.made

    def path(self, decays: Array) -> DecayPath:
        self.asked["path"] += 1
        L = len(decays)
        shape = (L,) if len(self.curves) == 1 else (L, len(self.curves))
        coef, zero = np.ones((*shape, 2)), np.zeros(shape)
        return DecayPath(np.asarray(decays), coef, zero, np.zeros(L), zero, ("exact",) * L, ("a", "b"))

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        self.asked["opinions"] += 1
        return {name: curve(np.asarray(decays)) for name, curve in self.opinion.items()}

    def diagnostics(self, decay: Any, folds: Any) -> tuple[Any, ...]:
        """None."""
        return ()

    def estimator(self, decay: Any) -> Any:
        self.asked["estimator"] += 1
        return ("fitted at", decay)

    def findings(self) -> tuple[Finding, ...]:
        self.asked["findings"] += 1
        return self.found


def tuned(problem: FakeProblem, decays: Any = None, rule: Any = "min", **more: Any) -> Tuning:
    """The tuning of a fake problem."""
    given = None if decays is None else np.asarray(decays, dtype=np.float64)
    options = {"tolerance": 0.01, "scorer": None, "scoring": "loss", "progress": Silent()} | more
    return tune_problem(problem, plan(FOLDS, 40), Choice(given, rule, **options))
