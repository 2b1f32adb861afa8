"""The monitor as a callback of Hugging Face's Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

try:
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "wd.TransformersMonitor needs Transformers: install it by pip install transformers accelerate", name=error.name
    ) from None

from weightdecay.neural.monitor.monitor import Monitor


@final
class TransformersMonitor(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Watch what decay does in a Trainer's run; see :class:`~weightdecay.neural.monitor.monitor.Monitor`.

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
    A checkpoint keeps the records; they come back with ``restore_callback_states_from_checkpoint=True``. The loss of a
    record is the last that the trainer has logged.

    Examples
    --------
    >>> import weightdecay as wd  # doctest: +SKIP
    >>> callback = wd.TransformersMonitor(file="decay.jsonl")  # doctest: +SKIP
    >>> Trainer(model, arguments, train_dataset=rows, callbacks=[callback]).train()  # doctest: +SKIP
    >>> print(callback.monitor)  # doctest: +SKIP
    """

    def __init__(self, *, every: int | None = None, file: str | Path | None = None, sample: Any = None) -> None:
        self.settings = {"every": every, "file": file, "sample": sample}
        self.monitor: Monitor | None = None
        self.loaded: dict[str, Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to watch the optimiser that the trainer has made."""
        if kwargs.get("optimizer") is None:
            return
        epochs = float(state.num_train_epochs)
        self.monitor = Monitor(
            kwargs["model"],
            kwargs["optimizer"],
            total_steps=state.max_steps if state.max_steps > 0 else None,
            steps_per_epoch=state.max_steps / epochs if epochs > 0 and state.max_steps > 0 else None,
            **self.settings,
        )
        if self.loaded is not None:
            self.monitor.load_state_dict(self.loaded)
            self.loaded = None

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the loss."""
        loss = (kwargs.get("logs") or {}).get("loss")
        if self.monitor is not None and loss is not None:
            self.monitor.update(loss=loss)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop watching."""
        if self.monitor is not None:
            self.monitor.close()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        file = self.settings["file"]
        kept = {"every": self.settings["every"], "file": None if file is None else str(file)}
        return {
            "args": kept,
            "attributes": {"loaded": None if self.monitor is None else self.monitor.state_dict()},
        }
