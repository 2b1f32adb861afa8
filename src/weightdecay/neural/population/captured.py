"""Captured: a training step that a card has recorded once and then repeats without being told every operation.

On a card small networks wait for Python more than for arithmetic. What a step reads from outside, its rows and the
numbers that change from step to step, is copied to where the recording expects it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, final

import torch
from torch import Tensor

from weightdecay.neural.population.optimisers import Moment

Step: TypeAlias = "Callable[[Tensor, Tensor, Tensor, Moment], Tensor]"
# Takes a step without arguments and returns its losses, which every replay overwrites, and what replays it.
Recorder: TypeAlias = "Callable[[Callable[[], Tensor]], tuple[Tensor, Callable[[], object]]]"

# Steps before a recording: libraries set themselves up, and optimisers make what they keep.
AHEAD = 3


def on_card(step: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
    """Record a step as a CUDA graph; nothing of it is done yet."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses = step()
    return losses, graph.replay


@final
class Captured:
    """A step of batches that all have the shape of the first; others, and a card that refuses, do it as it is.

    Parameters
    ----------
    step : callable of (x, target, share, moment)
    recorder : callable
    """

    def __init__(self, step: Step, recorder: Recorder = on_card) -> None:
        self.step = step
        self.recorder: Recorder | None = recorder
        self.seen = 0
        self.shape = torch.Size()
        self.given: tuple[Tensor, ...] = ()
        self.replay: Callable[[], object] | None = None
        self.losses = torch.empty(0)

    def __call__(self, x: Tensor, target: Tensor, share: Tensor, now: Moment) -> Tensor:
        """The losses (M,) of a batch, whose step is done."""
        self.shape = self.shape if self.seen else x.shape
        self.seen += 1
        if x.shape != self.shape or self.seen <= AHEAD:
            return self.step(x, target, share, now)
        if self.replay is None and self.recorder is not None:
            self._record(x, target, share)
        if self.replay is None:
            return self.step(x, target, share, now)
        clock = torch.tensor([now.factor, now.first, now.second], dtype=self.given[-1].dtype)
        for place, new in zip(self.given, (x, target, share, clock), strict=True):
            place.copy_(new)
        self.replay()
        return self.losses

    def _record(self, x: Tensor, target: Tensor, share: Tensor) -> None:
        """Record the step on memory of its own."""
        recorder, self.recorder = self.recorder, None
        assert recorder is not None
        clock = torch.ones(3, dtype=share.dtype, device=share.device)
        given = (x.clone(), target.clone(), share.clone(), clock)
        try:
            self.losses, self.replay = recorder(
                lambda: self.step(given[0], given[1], given[2], Moment(clock[0], clock[1], clock[2]))
            )
        except RuntimeError:
            return  # a recording that failed has changed no number
        self.given = given
