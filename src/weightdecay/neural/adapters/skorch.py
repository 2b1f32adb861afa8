"""The monitor as a callback of skorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

try:
    from skorch.callbacks import Callback
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "wd.SkorchMonitor needs skorch: install it by pip install skorch", name=error.name
    ) from None

import torch

from weightdecay.neural.monitor.monitor import Monitor


@final
class SkorchMonitor(Callback):  # type: ignore[misc]
    """Watch what decay does in a fit of skorch; see :class:`~weightdecay.neural.monitor.monitor.Monitor`.

    Parameters
    ----------
    every, total_steps, steps_per_epoch, file, sample
        As for the monitor.

    Attributes
    ----------
    monitor_ : Monitor
        From the beginning of the fit on; closed at its end, when its records stay.

    Notes
    -----
    A net can be cloned and pickled with it; the copy has the records. The loss of a record is that of the batch before.

    Examples
    --------
    >>> import weightdecay as wd  # doctest: +SKIP
    >>> net = NeuralNetClassifier(Module, callbacks=[("decay", wd.SkorchMonitor())]).fit(X, y)  # doctest: +SKIP
    >>> print(dict(net.callbacks_)["decay"].monitor_)  # doctest: +SKIP
    """

    def __init__(
        self,
        every: int | None = None,
        total_steps: int | None = None,
        steps_per_epoch: float | None = None,
        file: str | Path | None = None,
        sample: Any = None,
    ) -> None:
        self.every = every
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch
        self.file = file
        self.sample = sample

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Begin to watch the net's optimisers."""
        names = [f"{name}_" for name in net._optimizers]
        modules = torch.nn.ModuleDict({name: getattr(net, f"{name}_") for name in net._modules})
        only = next(iter(modules.values())) if len(modules) == 1 else modules
        self.monitor_ = Monitor(
            only,
            [getattr(net, name) for name in names],
            every=self.every,
            total_steps=self.total_steps,
            steps_per_epoch=self.steps_per_epoch,
            file=self.file,
            sample=self.sample,
        )

    def on_batch_end(self, net: Any, batch: Any = None, training: Any = None, **kwargs: Any) -> None:
        """Keep the loss of a batch of the training."""
        if training and "loss" in kwargs:
            self.monitor_.update(loss=kwargs["loss"])

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Stop watching."""
        self.monitor_.close()
