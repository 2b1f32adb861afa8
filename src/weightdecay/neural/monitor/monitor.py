"""The monitor: hooks around the steps of optimisers that measure what decay does, and change nothing."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import torch
from torch import nn
from torch._compile import _disable_dynamo
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from weightdecay.neural.monitor.rows import Known
from weightdecay.neural.monitor.watched import Watched
from weightdecay.neural.roles import ROLES, parameter_roles
from weightdecay.neural.roles_shape import by_shape
from weightdecay.records.finding import Finding
from weightdecay.records.monitor import Measurement, Monitored, read_lines
from weightdecay.records.param_table import Role
from weightdecay.records.whole_files import check_writable

ANCHOR = "monitors"  # attribute of an optimiser: who watches it


@final
class Monitor:
    r"""Watch what decay does to the weights while they are trained, without a change to the training loop.

    Every step of the optimiser is counted, and every so many steps the weights before and after it are compared: sizes
    against their predicted equilibrium, turns per step, Σ a_t, gradients over weights, and the balance

    .. math:: \|w\|^2 (1 - (1 - a_t)^2) = \|η_t u_t\|^2 - 2 (1 - a_t) ⟨η_t u_t, w⟩, \qquad
              η_t u_t := (1 - a_t) w_{before} - w_{after}

    with a_t = η_t λ for the decoupled form; see :class:`~weightdecay.records.monitor.Measurement` for all of it.

    Parameters
    ----------
    model : nn.Module
        Compiled or wrapped or not: for names and roles. It is not changed.
    optimizer : torch.optim.Optimizer or sequence of them
        With or without `with_decay`; a wrapper such as Accelerate's or Lightning's is seen through.
    every : int, optional
        Steps from one measurement to the next. None: ⌊τ/20⌋ at the peak of the learning rate, a hundredth of the run
        and 1000 at most, but 80 at least for a model of a million numbers or more, which keeps the measurements within
        1 % of the steps' time: see :func:`~weightdecay.neural.monitor.watched.interval`. It depends on the settings
        alone, never on a clock.
    total_steps : int, optional
        Of the run.
    steps_per_epoch : float, optional
        Steps in an epoch.
    file : str or Path, optional
        One line of JSON is appended and flushed for each measured step; :meth:`read` reads it.
    sample : Tensor, tuple or dict, optional
        A batch of inputs, from which roles, and which weights have no length, are measured rather than guessed.

    Attributes
    ----------
    records : tuple of Measurement
    steps : int
        Steps made; those that a GradScaler has skipped are not counted.

    Raises
    ------
    TypeError, ValueError
        What was given is no module or optimiser, or a number is out of range.
    OSError
        The file cannot be written.

    Notes
    -----
    A measured step holds one more copy of the weights; on a CPU it is kept where more than every 200th step is
    measured. Where the optimiser's form of decay is not known it is taken for decoupled, and the records say so.
    Optimisers can be copied and pickled as before; the copies are not watched.
    A monitor is alive as long as its optimiser, or until :meth:`close`.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(4, 1)
    >>> optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    >>> with Monitor(model, optimizer, every=1) as monitor:
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         model(torch.ones(2, 4)).square().mean().backward()
    ...         optimizer.step()
    >>> monitor.steps, len(monitor.records), [round(float(one.elapsed[0]), 2) for one in monitor.records]
    (3, 3, [0.01, 0.02, 0.03])
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
        *,
        every: int | None = None,
        total_steps: int | None = None,
        steps_per_epoch: float | None = None,
        file: str | Path | None = None,
        sample: Any = None,
    ) -> None:
        for name, number in (("every", every), ("total_steps", total_steps), ("steps_per_epoch", steps_per_epoch)):
            if number is not None and not 0 < number < math.inf:
                raise ValueError(f"{name} must be above 0, got {number!r}: leave it out if it is not known")
        optimizers = [_inner(one) for one in ([optimizer] if not isinstance(optimizer, Sequence) else optimizer)]
        if not optimizers:
            raise ValueError("optimizer is an empty sequence: give the optimiser whose steps are to be watched")
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch
        self.file = None if file is None else check_writable(file)
        self._records: list[Measurement] = []
        self._values: dict[str, Any] = {}
        self._model: nn.Module | None = model
        self._known: dict[int, Known] = {}
        self._sample = sample
        self._survey(optimizers)
        labels = _labels(optimizers)
        self._watched = [
            Watched(one, label, self._known, every, total_steps) for one, label in zip(optimizers, labels, strict=True)
        ]
        self._closed: list[dict[str, Any]] = []
        self._detach: Callable[[], object] = lambda: None
        self._hook(optimizers)

    @staticmethod
    def read(path: str | Path) -> Monitored:
        """Read what a monitor with ``file=`` has written: see :func:`weightdecay.records.monitor.read_lines`."""
        return read_lines(path)

    @property
    def records(self) -> tuple[Measurement, ...]:
        """All measured steps so far."""
        return tuple(self._records)

    @property
    def record(self) -> Monitored:
        """All of it so far as one record, which the text and the pictures are made of."""
        return Monitored(self.records, self.total_steps, self.steps_per_epoch)

    @property
    def steps(self) -> int:
        """Steps of the optimiser; of several, of the one that has made most."""
        return max(int(one["steps"]) for one in self._counts())

    @property
    def every(self) -> int:
        """Steps from one measurement to the next; of several optimisers the least."""
        return min((one.every for one in self._watched), default=1)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing: a run shorter than τ, τ shorter than an epoch, gradients that grow."""
        return self.record.findings

    def text(self) -> str:
        """What was seen, in words."""
        return self.record.text()

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str | None:
        return self.record._repr_html_()

    def update(self, loss: Any = None, **values: Any) -> None:
        """Keep a loss or other numbers with the next measured step; what was given last counts.

        Parameters
        ----------
        loss : float or tensor of one number, optional
            Nothing waits for a device before the step is measured.
        **values : float or tensor of one number
        """
        given = {"loss": loss, **values} if loss is not None else values
        self._values |= {name: one.detach() if isinstance(one, torch.Tensor) else one for name, one in given.items()}

    def close(self) -> None:
        """Take the hooks off and let go of model and optimisers; the records stay."""
        self._closed = self._counts()
        for one in self._watched:
            others = vars(one.optimizer).get(ANCHOR, [])
            vars(one.optimizer)[ANCHOR] = [other for other in others if other is not self]
            if not vars(one.optimizer)[ANCHOR]:
                del vars(one.optimizer)[ANCHOR]
        self._detach()
        self._watched, self._model, self._sample = [], None, None

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def state_dict(self) -> dict[str, Any]:
        """Steps, elapsed timescales and records, as numbers, text, lists and dicts alone."""
        return {"optimizers": self._counts(), "records": [one.to_json() for one in self._records]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has given.

        Raises
        ------
        ValueError
            It is of another number of optimisers.
        """
        saved = state["optimizers"]
        if len(saved) != len(self._watched):
            raise ValueError(
                f"the state is of a monitor of {len(saved)} optimisers, this one has {len(self._watched)}: build it "
                "with the same optimisers before loading"
            )
        self._records = [Measurement.from_json(one) for one in state["records"]]
        for one, kept in zip(self._watched, saved, strict=True):
            one.restore(int(kept["steps"]), dict(kept["elapsed"]))

    def __getstate__(self) -> dict[str, Any]:
        """A copy is a closed monitor: it has the records and watches nothing."""
        kept = {name: getattr(self, name) for name in ("total_steps", "steps_per_epoch", "file")}
        return {**kept, "_records": list(self._records), "_closed": self._counts(), "_values": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _watched=[], _known={}, _model=None, _sample=None, _detach=lambda: None)

    def _counts(self) -> list[dict[str, Any]]:
        """Steps and elapsed timescales of each optimiser, by the parameters' names."""
        if not self._watched:
            return list(self._closed)
        return [
            {
                "steps": one.steps,
                "elapsed": {self._known[id(weight)].name: count for weight, count in one.timescales().items()},
            }
            for one in self._watched
        ]

    def _survey(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Learn the names and roles of the model's parameters, and of those that the model does not have."""
        assert self._model is not None
        for role in parameter_roles(self._model, sample=self._sample):
            invariant = None if role.invariance is None else role.invariance.invariant
            self._known[id(role.parameter)] = Known(role.name, role.role, invariant)
        for optimizer in optimizers:
            for position, group in enumerate(optimizer.param_groups):
                for place, parameter in enumerate(group["params"]):
                    if id(parameter) not in self._known:
                        kind: Role = next(one for one in ROLES if one == by_shape(parameter).role)
                        name = f"(not in the model) group {position}, tensor {place}"
                        self._known[id(parameter)] = Known(name, kind)

    def _hook(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Be called around every step, outside all other hooks: only torch's global ones are, whatever comes later."""
        mine = weakref.ref(self)

        @_disable_dynamo
        def before(optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            monitor = mine()
            if monitor is not None:
                monitor._begin(optimizer)

        @_disable_dynamo
        def after(optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            monitor = mine()
            if monitor is not None:
                monitor._finish(optimizer)

        handles = (register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after))
        # The optimiser keeps the monitor alive; torch's table of global hooks must not.
        for one in optimizers:
            vars(one).setdefault(ANCHOR, []).append(self)
        self._detach = weakref.finalize(self, _remove, handles)

    def _of(self, optimizer: torch.optim.Optimizer) -> Watched | None:
        """The watch over an optimiser; None for others, and while a CUDA graph is captured."""
        found = next((one for one in self._watched if one.optimizer is optimizer), None)
        if found is None or (torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()):
            return None
        return found

    @torch.no_grad()
    def _begin(self, optimizer: torch.optim.Optimizer) -> None:
        """Before a step."""
        watched = self._of(optimizer)
        if watched is None:
            return
        if watched.stale:
            self._survey([one.optimizer for one in self._watched])
            watched.survey()
        watched.begin()

    @torch.no_grad()
    def _finish(self, optimizer: torch.optim.Optimizer) -> None:
        """After a step."""
        watched = self._of(optimizer)
        found = None if watched is None else watched.finish()
        if found is None:
            return
        values = {name: float(one) for name, one in self._values.items()}
        self._values = {}
        one = replace(found, values=values)
        self._records.append(one)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(self.record.line(one))


def _inner(optimizer: Any) -> torch.optim.Optimizer:
    """The optimiser whose step is called, inside wrappers that hand theirs on."""
    found = optimizer
    while not isinstance(found, torch.optim.Optimizer) or "_optimizer_step_pre_hooks" not in vars(found):
        own = getattr(found, "__dict__", {})
        inside = own.get("optimizer", own.get("_optimizer"))
        if inside is None:
            raise TypeError(
                f"optimizer must be a torch.optim.Optimizer or a sequence of them, got {type(optimizer).__name__}: "
                "pass the optimiser whose step() is called"
            )
        found = inside
    return found


def _labels(optimizers: Sequence[torch.optim.Optimizer]) -> list[str]:
    """A name for each optimiser: its class, numbered where there are several of one."""
    names = [type(one).__name__ for one in optimizers]
    return [
        name if names.count(name) == 1 else f"{name} {names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]


def _remove(handles: Sequence[Any]) -> None:
    for handle in handles:
        handle.remove()
