"""Records of networks made by hand: histories of no decay, of the one in use and of one too strong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from show.records import tuning
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.history import History
from weightdecay.records.later import Known
from weightdecay.records.training import Training
from weightdecay.records.tuning import Tuning

LAYERS = ("0.weight", "2.weight")
EPOCHS = 20
LOSS = "half the squared error of the standardised target"


def history(
    decay: float, *, epochs: int = EPOCHS, least: int = 5, end: float = 2.0, columns: tuple[str, ...] = LAYERS
) -> History:
    """A fit whose training loss falls to nearly nothing, and whose held-out loss is 1 at an epoch and so much last."""
    epoch = np.arange(epochs + 1.0)
    loss = 2.0 * np.exp(-10 * epoch / epochs / (1 + decay))
    rise = (end - 1.0) / max(1, epochs - least)
    held_out = np.where(epoch < least, 1.0 + 0.5 * (least - epoch) / max(least, 1), 1.0 + rise * (epoch - least))
    norms = np.outer(1 + epoch / epochs / (1 + decay), np.arange(1.0, 1 + len(columns)))
    return History(decay, norms, loss, True, f"{epochs} epochs of adam", columns, held_out, "norm of the layer")


def training(histories: tuple[History, ...] | None = None) -> Training:
    """400 steps of Adam at a learning rate of 0.01."""
    if histories is None:
        histories = (history(0.0), history(0.1, end=1.2), history(10.0, end=1.5))
    return Training(
        histories=histories,
        errors=(0.01,) * len(histories),
        loss=LOSS,
        optimizer="adam",
        form="decoupled",
        learning_rate=0.01,
        dropout=0.0,
        epochs=len(histories[0].loss) - 1,
        batch_size=64,
        steps=400,
        pace=0.01,
        timescales=4.0,
        networks=205,
    )


def of_network(given: Training | None = None, decays: np.ndarray | None = None) -> Tuning:
    """A tuning of a network as a record, with the first decay that is trained beyond 0 in use."""
    known = training() if given is None else given
    used = next((one.decay for one in known.histories if one.decay > 0), 0.0)
    grid = np.geomspace(1e-3, 10, 9) if decays is None else decays
    one = tuning(decays=np.unique([*grid, used]))
    L, names = len(one.decays), known.histories[0].columns
    norms = np.outer(1 / (1 + one.decays), np.arange(1.0, 1 + len(names)))
    path = DecayPath(
        *(one.decays, norms, np.zeros(L), np.full(L, math.nan), one.mean, ("trained",) * L, names),
        *((), "norms of the layers"),
    )
    return replace(
        one,
        decay=used,
        decay_min=used,
        model_name="NetworkRegressor",
        cv="5 folds",
        later=Known({}, path, (), None, None, known),
    )
