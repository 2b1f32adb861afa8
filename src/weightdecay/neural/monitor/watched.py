"""One optimiser that is watched: what its decay has done so far, and the weights before a step that is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch

from weightdecay.neural.monitor.rows import Known, Step, measurement
from weightdecay.neural.monitor.shares import Portion, at_peak, portions, share
from weightdecay.neural.monitor.sums import local
from weightdecay.neural.rates import Number
from weightdecay.records.monitor import Measurement

PER_TIMESCALE = 20  # measurements in one τ, at least
LARGE, LEAST = 1_000_000, 80  # a model of so many numbers is measured every 80th step at most: 1 % of the steps' time
OFTEN = 200  # where measurements are closer than this, the memory for the copies is kept: new memory costs time
MOST = 1_000
PER_RUN = 100  # measurements in a run of known length, at least
UNDECIDED = 256  # steps of which only the device knows whether they were skipped


@final
@dataclass(frozen=True, eq=False)
class Taken:
    """What a step is about to take, by portion, and the parameters that it will not touch."""

    shares: tuple[Number, ...]
    idle: tuple[tuple[int, torch.Tensor], ...]
    skipped: torch.Tensor | None


@final
class Watched:
    """The steps of one optimiser.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    label : str
        What it is called in records.
    known : dict of int to Known
        Name, role and the like by the parameter's id.
    every, total_steps : int, optional
        Steps from one measurement to the next, None for the default; steps of the whole run.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        label: str,
        known: dict[int, Known],
        every: int | None,
        total_steps: int | None,
    ) -> None:
        self.optimizer = optimizer
        self.label = label
        self.known = known
        self.total_steps = total_steps
        self.done = 0
        self.next = 0
        self.portions: tuple[Portion, ...] = ()
        self._given = every
        self._elapsed: list[Number] = []
        self._missed: dict[torch.Tensor, float] = {}
        self._undecided: list[Taken] = []
        self._before: dict[torch.Tensor, torch.Tensor] | None = None
        self._copies: dict[torch.Tensor, torch.Tensor] = {}
        self._shares: tuple[Number, ...] = ()
        self._largest = 0.0
        self._seen: list[torch.Tensor] = []
        self._decay: object = None
        self.survey()

    @property
    def steps(self) -> int:
        """Steps that were made, those left out that a GradScaler skipped."""
        self._decide()
        return self.done

    @property
    def largest(self) -> float:
        """The largest a_t of any portion so far, or known to come: 1/τ at its shortest."""
        return self._largest

    @property
    def every(self) -> int:
        """Steps from one measurement to the next."""
        if self._given is not None:
            return self._given
        elements = sum(parameter.numel() for portion in self.portions for parameter in portion.parameters)
        return interval(self._largest, elements, self.total_steps)

    @property
    def stale(self) -> bool:
        """Whether the groups hold other parameters than at the last survey, or are decayed by something else."""
        present = [one for group in self.optimizer.param_groups for one in group["params"]]
        return (
            len(present) != len(self._seen)
            or any(one is not old for one, old in zip(present, self._seen, strict=True))
            or vars(self.optimizer).get("decay") is not self._decay
        )

    def survey(self) -> None:
        """Look at the groups anew: at the beginning, and when one has come."""
        self._decide()
        saved = self.timescales()
        self._seen = [one for group in self.optimizer.param_groups for one in group["params"]]
        self._decay = vars(self.optimizer).get("decay")
        self.portions = portions(self.optimizer)
        self._resume(saved)
        for portion in self.portions:
            self._note(at_peak(self.optimizer, portion))

    def timescales(self) -> dict[torch.Tensor, float]:
        """Σ a_t so far by parameter."""
        return {
            parameter: self.elapsed(parameter, position)
            for position, portion in enumerate(self.portions)
            for parameter in portion.parameters
        }

    def elapsed(self, parameter: torch.Tensor, position: int) -> float:
        """Σ a_t of a parameter so far, in timescales."""
        return float(self._elapsed[position]) - self._missed.get(parameter, 0.0)

    def restore(self, done: int, elapsed: dict[str, float]) -> None:
        """Go on from a saved state: steps, and Σ a_t by the parameters' names."""
        self.done, self.next, self._undecided = done, done, []
        every = [parameter for portion in self.portions for parameter in portion.parameters]
        self._resume({one: elapsed.get(self.known[id(one)].name, 0.0) for one in every})

    def _resume(self, saved: dict[torch.Tensor, float]) -> None:
        """Count on from Σ a_t by parameter: of a portion the most, and what each of the others has missed of it."""
        self._elapsed, self._missed = [], {}
        for portion in self.portions:
            mine = [saved.get(one, 0.0) for one in portion.parameters]
            most = max(mine, default=0.0)
            self._elapsed.append(most)
            pairs = zip(portion.parameters, mine, strict=True)
            self._missed |= {one: most - counted for one, counted in pairs if counted != most}

    def begin(self) -> None:
        """Before a step: note what it is about to take, and keep the weights if it is measured."""
        self._shares = tuple(share(self.optimizer, portion) for portion in self.portions)
        for one in self._shares:
            if not isinstance(one, torch.Tensor):
                self._note(one)
        self._before = None
        if self.done + len(self._undecided) >= self.next:
            keep = self.every <= OFTEN
            self._before = {one: self._copy(one, keep) for portion in self.portions for one in portion.parameters}

    def finish(self) -> Measurement | None:
        """After a step: count it, and return what was measured of it."""
        before, self._before = self._before, None
        idle = tuple(
            (position, parameter)
            for position, portion in enumerate(self.portions)
            for parameter in portion.parameters
            if parameter.grad is None
        )
        skipped = getattr(self.optimizer, "found_inf", None)
        self._undecided.append(Taken(self._shares, idle, skipped))
        waits = skipped is not None and skipped.device.type != "cpu"  # asking a device means waiting for it
        if before is None and waits and len(self._undecided) < UNDECIDED:
            return None
        made = self._decide()
        if before is None or not made:
            return None
        self.next = self.done - 1 + self.every  # counted from the step that was measured
        for one in self._shares:
            self._note(float(one))
        return measurement(Step(self.optimizer, self.label, self.done, self.portions, self._shares), before, self)

    def _copy(self, parameter: torch.Tensor, keep: bool) -> torch.Tensor:
        """A parameter's numbers as they are now, in memory that is kept for the next time or not."""
        own = local(parameter)
        if not keep or own.device.type != "cpu":
            return own.clone()
        kept = self._copies.get(parameter)
        if kept is None or kept.shape != own.shape or kept.dtype != own.dtype:
            kept = self._copies[parameter] = torch.empty_like(own)
        return kept.copy_(own)

    def _decide(self) -> bool:
        """Count the steps of which it was not known yet whether they were skipped; whether the last one was made."""
        made = False
        for taken in self._undecided:
            made = taken.skipped is None or not bool(taken.skipped)
            if not made:
                continue
            self.done += 1
            for position, one in enumerate(taken.shares):
                self._elapsed[position] = self._elapsed[position] + one
            for position, parameter in taken.idle:
                self._missed[parameter] = self._missed.get(parameter, 0.0) + float(taken.shares[position])
        self._undecided = []
        return made

    def _note(self, one: float) -> None:
        """Remember the largest share; a shorter timescale asks for measurements closer to each other."""
        if math.isfinite(one) and one > self._largest:
            last = self.next - self.every
            self._largest = one
            self.next = min(self.next, max(last, 0) + self.every) if self.done else self.next


def interval(largest: float, elements: int, total_steps: int | None) -> int:
    r"""Return the default number of steps from one measurement to the next.

    .. math:: \max(m, \min(⌊τ/20⌋, ⌊T/100⌋, 1000)), \qquad τ = 1/\max_t a_t

    with T the steps of the run, if known, and m = 80 for models of a million numbers or more, else 1. One measurement
    costs up to half a step of such a model on a CPU, so that 80 steps keep it within 1 %; m matters only where τ
    is under 1600 steps, and all of it depends on the settings alone: the same run is measured at the same steps.

    Examples
    --------
    >>> interval(1e-4, 10_000_000, None), interval(0.01, 10_000_000, None), interval(0.01, 1000, None)
    (500, 80, 5)
    """
    least = LEAST if elements >= LARGE else 1
    bounds = [MOST]
    if largest > 0:
        bounds.append(int(1.0 / (PER_TIMESCALE * largest) + 1e-9))
    if total_steps is not None:
        bounds.append(total_steps // PER_RUN)
    return max(least, min(bounds))
