"""The monitor as a callback of Lightning, under either of its names."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from weightdecay.neural.monitor.monitor import Monitor


def _callbacks() -> tuple[type, ...]:
    """The classes of callbacks that a trainer may look for: of every Lightning that is in use, or else installed."""
    found: list[type] = []
    if "pytorch_lightning" in sys.modules:
        import pytorch_lightning

        found.append(pytorch_lightning.Callback)
    if "lightning.pytorch" in sys.modules:
        import lightning.pytorch

        found.append(lightning.pytorch.Callback)
    if found:
        return tuple(found)
    try:
        import lightning.pytorch

        return (lightning.pytorch.Callback,)
    except ModuleNotFoundError:
        pass
    try:
        import pytorch_lightning
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "wd.LightningMonitor needs Lightning: install it by pip install lightning", name=error.name
        ) from None
    return (pytorch_lightning.Callback,)


@final
class LightningMonitor(*_callbacks()):  # type: ignore[misc]
    """Watch what decay does in a training with Lightning; see :class:`~weightdecay.neural.monitor.monitor.Monitor`.

    Parameters
    ----------
    every, file, sample
        As for the monitor; the steps of the run and of an epoch are asked of the trainer.

    Attributes
    ----------
    monitor : Monitor or None
        From the beginning of the training on; closed at its end, when its records stay.

    Notes
    -----
    Works with the packages ``lightning`` and ``pytorch_lightning``, whichever was imported before this class. A
    checkpoint keeps the records. The loss of a record is that of the batch before.

    Examples
    --------
    >>> import weightdecay as wd  # doctest: +SKIP
    >>> callback = wd.LightningMonitor(file="decay.jsonl")  # doctest: +SKIP
    >>> lightning.Trainer(callbacks=[callback]).fit(module, loader)  # doctest: +SKIP
    >>> print(callback.monitor)  # doctest: +SKIP
    """

    def __init__(self, *, every: int | None = None, file: str | Path | None = None, sample: Any = None) -> None:
        super().__init__()
        self.settings = {"every": every, "file": file, "sample": sample}
        self.monitor: Monitor | None = None
        self._loaded: Mapping[str, Any] | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch the trainer's optimisers."""
        if not trainer.optimizers:
            return
        total = trainer.estimated_stepping_batches
        batches = trainer.num_training_batches / trainer.accumulate_grad_batches
        self.monitor = Monitor(
            pl_module,
            trainer.optimizers,
            total_steps=int(total) if 0 < total < math.inf else None,
            steps_per_epoch=batches if 0 < batches < math.inf else None,
            **self.settings,
        )
        if self._loaded is not None:
            self.monitor.load_state_dict(self._loaded)
            self._loaded = None

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep the loss."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if self.monitor is not None and loss is not None:
            self.monitor.update(loss=loss)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop watching."""
        if self.monitor is not None:
            self.monitor.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Stop watching."""
        self.on_train_end(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {} if self.monitor is None else self.monitor.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a checkpoint has kept, as soon as there is something to watch."""
        self._loaded = state_dict
