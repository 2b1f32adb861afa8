"""The callbacks in short real trainings with the real libraries."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from weightdecay.neural.monitor.monitor import Monitor  # noqa: E402

ROWS, BATCH, EPOCHS = 64, 8, 3


def rows() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, 4, generator=generator)
    return x, x.sum(dim=1, keepdim=True)


def net() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def checked(monitor: Monitor, steps: int, prefix: str, form: str = "decoupled") -> None:
    """What every library's training must have left."""
    assert monitor.steps == steps
    first, last = monitor.records[0], monitor.records[-1]
    assert first.step == 1 and first.names == tuple(
        f"{prefix}{n}" for n in ("0.weight", "0.bias", "2.weight", "2.bias")
    )
    assert last.forms[0] == form and last.roles == ("matrix", "bias", "head", "bias")
    np.testing.assert_allclose(last.elapsed, last.step * 0.01 * 0.1, rtol=1e-6)
    assert np.isfinite(last.values["loss"]) and np.isfinite(last.rms).all() and (last.angle[:3] > 0).all()


# --- Lightning --------------------------------------------------------------------------------------------------------


def trained_by(library: Any, folder: Path, callback: Any, **settings: Any) -> Any:
    """A training with one of the two Lightnings."""

    class Module(library.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            return torch.nn.functional.mse_loss(self.net(x), y)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.01, weight_decay=0.1)
            return optimizer

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*rows()), batch_size=BATCH)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    checkpoint = settings.pop("ckpt_path", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library: workers, cards, and what it calls
        trainer = library.Trainer(default_root_dir=folder, callbacks=callback, **quiet, **settings)
        trainer.fit(Module(), loader, ckpt_path=checkpoint)
    return trainer


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def lightning(request: pytest.FixtureRequest) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(request.param)


def test_lightning(lightning: Any, tmp_path: Path) -> None:
    from weightdecay.neural.adapters.lightning import LightningMonitor

    callback = LightningMonitor(every=5, file=tmp_path / "decay.jsonl")
    trainer = trained_by(lightning, tmp_path, [callback], max_epochs=EPOCHS, enable_checkpointing=True)
    monitor = callback.monitor
    checked(monitor, EPOCHS * ROWS // BATCH, "net.")
    assert (monitor.total_steps, monitor.steps_per_epoch) == (EPOCHS * ROWS // BATCH, ROWS / BATCH)
    assert Monitor.read(tmp_path / "decay.jsonl") == monitor.record
    assert [one.step for one in monitor.records] == [1, 6, 11, 16, 21]
    # Taken up again from the checkpoint, with one epoch more.
    path = trainer.checkpoint_callback.best_model_path
    again = LightningMonitor(every=5)
    trained_by(lightning, tmp_path, [again], max_epochs=EPOCHS + 1, enable_checkpointing=False, ckpt_path=path)
    checked(again.monitor, (EPOCHS + 1) * ROWS // BATCH, "net.")
    assert again.monitor.records[: len(monitor.records)] == monitor.records


def test_lightning_gathers_gradients(lightning: Any, tmp_path: Path) -> None:
    from weightdecay.neural.adapters.lightning import LightningMonitor

    callback = LightningMonitor(every=1)
    trained_by(lightning, tmp_path, [callback], max_epochs=1, accumulate_grad_batches=4, enable_checkpointing=False)
    checked(callback.monitor, ROWS // BATCH // 4, "net.")
    assert callback.monitor.steps_per_epoch == ROWS / BATCH / 4


# --- Transformers -----------------------------------------------------------------------------------------------------


def transformers_trainer(transformers: Any, folder: Path, callback: Any, **settings: Any) -> Any:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            return {"loss": torch.nn.functional.mse_loss(self.net(x), labels)}

    x, y = rows()
    data = [{"x": one, "labels": two} for one, two in zip(x, y, strict=True)]
    model = Model()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        lr_scheduler_type="constant",
        learning_rate=0.01,
        **settings,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    return transformers.Trainer(
        model, arguments, train_dataset=data, optimizers=(optimizer, None), callbacks=[callback]
    )


def test_transformers(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        pytest.importorskip("accelerate")
        from weightdecay.neural.adapters.transformers import TransformersMonitor

        callback = TransformersMonitor(every=5, file=tmp_path / "decay.jsonl")
        settings: dict[str, Any] = {"num_train_epochs": EPOCHS, "save_strategy": "epoch"}
        transformers_trainer(transformers, tmp_path, callback, **settings).train()
        steps = EPOCHS * ROWS // BATCH
        checked(callback.monitor, steps, "net.")
        assert (callback.monitor.total_steps, callback.monitor.steps_per_epoch) == (steps, ROWS / BATCH)
        assert Monitor.read(tmp_path / "decay.jsonl") == callback.monitor.record
        # Taken up again after two epochs: the records of those are there.
        settings["restore_callback_states_from_checkpoint"] = True
        trainer = transformers_trainer(transformers, tmp_path, TransformersMonitor(every=5), **settings)
        trainer.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{2 * ROWS // BATCH}"))
        (again,) = (one for one in trainer.callback_handler.callbacks if isinstance(one, TransformersMonitor))
        checked(again.monitor, steps, "net.")
        assert [one.step for one in again.monitor.records][:4] == [1, 6, 11, 16]


# --- skorch -----------------------------------------------------------------------------------------------------------


def test_skorch(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skorch = pytest.importorskip("skorch")
        from sklearn.base import clone

        from weightdecay.neural.adapters.skorch import SkorchMonitor

        own = skorch.NeuralNetRegressor(
            net(),
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=0.1,
            lr=0.01,
            max_epochs=EPOCHS,
            batch_size=BATCH,
            train_split=None,
            verbose=0,
            callbacks=[("decay", SkorchMonitor(every=5, file=tmp_path / "decay.jsonl"))],
        )
        x, y = rows()
        fitted = clone(own).fit(x.numpy(), y.numpy())
        monitor = dict(fitted.callbacks_)["decay"].monitor_
        checked(monitor, EPOCHS * ROWS // BATCH, "")
        assert Monitor.read(tmp_path / "decay.jsonl") == monitor.record
        again = pickle.loads(pickle.dumps(fitted))
        assert dict(again.callbacks_)["decay"].monitor_.records == monitor.records
        assert SkorchMonitor(every=5).get_params()["every"] == 5
