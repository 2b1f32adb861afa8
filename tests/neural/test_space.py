"""A space of a network: settings × decays × folds as one population, with the results of each setting tuned alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes, load_wine  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from weightdecay.neural.network import memory  # noqa: E402
from weightdecay.neural.population import groups  # noqa: E402

X, Y = load_wine(return_X_y=True)
SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 3, "batch_size": 32, "learning_rate": 0.01}
DECAYS = [0.0, 0.01, 1.0]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def populations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the populations that are trained."""
    sizes: list[int] = []
    whole = groups.trained

    def counted(work: Any, *more: Any) -> Any:
        sizes.append(sum(len(members) for _, members in work))
        return whole(work, *more)

    monkeypatch.setattr(groups, "trained", counted)
    return sizes


def network(**settings: Any) -> Any:
    """A small classifier."""
    return wd.NetworkClassifier(**{**SMALL, **settings})


def agrees(tuning: Any, alone: Callable[..., Any], rtol: float = 1e-6) -> None:
    """Every trial, and the curve of the best, are those of the setting alone."""
    for trial in tuning.trials:
        own = alone(**trial.params)
        assert trial.decay == own.decay
        assert trial.mean == pytest.approx(own.mean[own.best], rel=rtol)
        assert trial.standard_error == pytest.approx(own.standard_error[own.best], rel=1e-4)
    best = alone(**tuning.trials[0].params)
    np.testing.assert_array_equal(tuning.decays, best.decays)
    np.testing.assert_allclose(tuning.losses, best.losses, rtol=rtol, atol=0)
    np.testing.assert_array_equal(tuning.status, best.status)


SPACES: dict[str, dict[str, list[Any]]] = {
    "rates": {"learning_rate": [0.003, 0.01]},
    "dropout": {"dropout": [0.0, 0.3, 0.5]},
    "both": {"learning_rate": [0.003, 0.02], "dropout": [0.0, 0.4]},
}


@pytest.mark.parametrize("name", SPACES)
def test_settings_decays_and_folds_are_one_population(name: str, populations: list[int]) -> None:
    """Decays that are given: everything is trained at once, and gives what each setting gives alone."""
    space, settings = SPACES[name], int(np.prod([len(values) for values in SPACES[name].values()]))
    tuning = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    assert populations == [settings * 3 * 3]  # no decay and 0.01, which people use untuned, are among them
    agrees(tuning, lambda **params: wd.tune(network(**params), X, Y, decays=DECAYS, cv=3))


@pytest.mark.parametrize("more", [{}, {"early_stopping": True, "epochs": 15}], ids=["to the end", "early stopping"])
def test_seeds_are_of_weights_and_batches_on_the_same_rows(more: dict[str, Any], populations: list[int]) -> None:
    """Folds of a list: each seed, with its rates and dropout, is what it is alone."""
    order = np.random.default_rng(0).permutation(len(Y))
    splits = [(np.sort(order[60:]), np.sort(order[:60])), (np.sort(order[:120]), np.sort(order[120:]))]
    space = {"random_state": [0, 1, 2], "dropout": [0.0, 0.3], "learning_rate": [0.01, 0.003]}
    tuning = wd.tune(network(**more), X, Y, space=space, decays=DECAYS, cv=splits)
    assert populations == [12 * 2 * 3] and len({trial.mean for trial in tuning.trials}) == 12
    agrees(tuning, lambda **params: wd.tune(network(**more, **params), X, Y, decays=DECAYS, cv=splits))
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_seeds_of_a_space_share_the_folds_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from weightdecay.neural.network.split import NetworkSplit

    seen: list[Any] = []
    whole = NetworkSplit.keep
    monkeypatch.setattr(
        NetworkSplit, "keep", lambda self, fold, *more: seen.append(tuple(fold.test)) or whole(self, fold, *more)
    )
    wd.tune(network(), X, Y, space={"random_state": [0, 1]}, decays=DECAYS, cv=3)
    assert len(seen) == 6 and len(set(seen)) == 3


def test_a_search_goes_on_in_rounds_of_one_population_each(populations: list[int]) -> None:
    """Each round trains what the searches of all settings ask for next; no more rounds than the longest search has."""
    space = {"learning_rate": [0.003, 0.03]}
    tuning = wd.tune(network(), X, Y, space=space, cv=3)
    rounds, size = len(populations), sum(populations)
    populations.clear()
    lengths = []
    for rate in space["learning_rate"]:
        own = wd.tune(network(learning_rate=rate), X, Y, cv=3)
        lengths.append(len(populations) - sum(lengths))
        (trial,) = [one for one in tuning.trials if one.params["learning_rate"] == rate]
        assert trial.decay == own.decay and trial.mean == own.mean[own.best]
    assert rounds == max(lengths) and size == sum(populations)


def test_settings_that_change_the_module_or_the_optimiser_train_apart(populations: list[int]) -> None:
    space: dict[str, list[Any]] = {"hidden": [(8,), (4, 4)], "form": ["decoupled", "coupled"], "dropout": [0.0, 0.2]}
    tuning = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    assert populations == [2 * 3 * 3] * 4 and len(tuning.trials) == 8
    agrees(tuning, lambda **params: wd.tune(network(**params), X, Y, decays=DECAYS, cv=3))


def test_some_settings_at_random_of_a_regression(populations: list[int]) -> None:
    """Targets in their units, and a module of one's own."""
    rows, target = load_diabetes(return_X_y=True)

    def regression(learning_rate: float = 0.01) -> Any:
        return wd.NetworkRegressor(
            module=lambda p, k: nn.Sequential(nn.Linear(p, 6), nn.Tanh(), nn.Linear(6, k)),
            epochs=2,
            learning_rate=learning_rate,
        )

    space = {"learning_rate": np.geomspace(1e-3, 1e-1, 9)}
    more: dict[str, Any] = {"search": "random", "n_candidates": 4, "random_state": 1}
    tuning = wd.tune(regression(), rows, target, space=space, decays=[0.0, 0.01, 0.1], cv=2, **more)
    assert populations == [4 * 3 * 2] and len(tuning.trials) == 4
    agrees(tuning, lambda **p: wd.tune(regression(**p), rows, target, decays=[0.0, 0.01, 0.1], cv=2, random_state=1))


def test_what_is_asked_afterwards_is_that_of_the_best_alone() -> None:
    """The search is over: path, model and intervals train on their own, and nobody's setting is another's."""
    space = {"learning_rate": [0.003, 0.02], "dropout": [0.0, 0.4]}
    tuning = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    best = network(**tuning.trials[0].params, decay=tuning.decay).fit(X, Y)
    np.testing.assert_allclose(tuning.model.predict_proba(X), best.predict_proba(X), rtol=0, atol=1e-12)
    assert {name: tuning.model.get_params()[name] for name in space} == dict(tuning.trials[0].params)
    assert tuning.path.columns == ("0.weight", "2.weight")
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


class Counting:
    """A listener, who loses patience after some networks."""

    def __init__(self, most: float = np.inf) -> None:
        self.promised: list[int] = []
        self.steps, self.over, self.most = 0, 0, most

    def start(self, total: int, text: str) -> None:
        """Takes the number down."""
        self.promised.append(total)
        assert "networks" in text

    def advance(self, text: str = "") -> None:
        """Counts."""
        self.steps += 1
        if self.steps > self.most:
            raise KeyboardInterrupt

    def finish(self) -> None:
        """Counts."""
        self.over += 1


def test_a_listener_is_told_of_every_epoch_of_a_network() -> None:
    for space in (None, {"learning_rate": [0.003, 0.02]}):
        listener, settings = Counting(), 1 if space is None else 2
        wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3, progress=listener)
        steps = settings * 3 * 3 * SMALL["epochs"]
        assert listener.promised == [steps] and listener.steps == steps and listener.over >= 1


def test_a_listener_is_told_of_a_thousand_steps_at_most_and_of_those_that_stop_early() -> None:
    """3 × 3 networks of 150 epochs, few of which are trained to their end."""
    listener, model = Counting(), network(epochs=150, early_stopping=True, learning_rate=0.1)
    wd.tune(model, X, Y, decays=DECAYS, cv=3, progress=listener)
    assert listener.promised == [1000] and listener.steps == 1000


def test_a_round_that_is_interrupted_leaves_what_was_known_before_it() -> None:
    """In the middle of the second stage, between two epochs."""

    class Impatient(Counting):
        def advance(self, text: str = "") -> None:
            super().advance(text)
            if len(self.promised) == 2 and self.steps > self.promised[0] + 7:
                raise KeyboardInterrupt

    listener = Impatient()
    with pytest.raises(wd.Interrupted, match="decays were tried; the result is of those") as stopped:
        wd.tune(network(), X, Y, cv=3, progress=listener)
    tuning = stopped.value.tuning
    assert tuning is not None and np.isfinite(tuning.losses).all() and listener.over == 1
    assert "WD018" in {one.code for one in tuning.findings} and tuning.model.predict(X).shape == Y.shape


def test_whoever_interrupts_is_told_that_nothing_is_known_yet() -> None:
    with pytest.raises(wd.Interrupted, match="0 of 2 settings") as stopped:
        wd.tune(network(), X, Y, space={"learning_rate": [0.003, 0.02]}, decays=DECAYS, progress=Counting(5))
    assert stopped.value.tuning is None


def test_settings_that_were_finished_by_then_are_kept() -> None:
    """The search of the smaller rate takes fewer rounds; the last round is interrupted as it begins."""
    space, whole = {"learning_rate": [0.003, 0.03]}, Counting()
    wd.tune(network(), X, Y, space=space, cv=3, progress=whole)

    class Impatient(Counting):
        def start(self, total: int, text: str) -> None:
            super().start(total, text)
            if len(self.promised) == len(whole.promised):
                raise KeyboardInterrupt

    with pytest.raises(wd.Interrupted, match="1 of 2 settings") as stopped:
        wd.tune(network(), X, Y, space=space, cv=3, progress=Impatient())
    tuning = stopped.value.tuning
    assert tuning is not None and [one.params for one in tuning.trials] == [{"learning_rate": 0.003}]
    assert "WD018" in {one.code for one in tuning.findings}


def test_a_bad_setting_gets_its_sentence() -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        wd.tune(network(), X, Y, space={"learning_rate": [0.01, -1.0]}, decays=DECAYS)
    with pytest.raises(ValueError, match=r"put torch\.nn\.Dropout into the module"):
        wd.tune(network(module=nn.Linear), X, Y, space={"dropout": [0.0, 0.5]}, decays=DECAYS)


def test_a_space_that_memory_does_not_hold_is_trained_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not more than 7 networks fit: of 2 rates × 3 folds one at a time, with the same result, and it is said."""
    sizes, space = [], {"learning_rate": [0.003, 0.02], "dropout": [0.0, 0.4]}
    whole = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    trained = groups.trained

    def little(work: Any, *more: Any) -> Any:
        if sum(len(members) for _, members in work) > 7:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 TB")
        sizes.append(sum(len(members) for _, members in work))
        return trained(work, *more)

    monkeypatch.setattr(memory.groups, "trained", little)
    listener = Counting()
    tuning = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3, progress=listener)
    assert max(sizes) <= 7 and sum(sizes) == 4 * 3 * 3 and listener.steps == 36 * SMALL["epochs"]
    np.testing.assert_allclose(tuning.losses, whole.losses, rtol=1e-6)
    (found,) = [one for one in tuning.findings if one.code == "WD030"]
    assert "memory did not hold 36 networks at once: they were trained 6 at a time" in found.message
    assert "WD030" not in {one.code for one in whole.findings}


def test_members_keep_their_own_rates_in_parts_and_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of next to nothing: portions of four, of one setting and the next."""
    space = {"learning_rate": [0.003, 0.02], "dropout": [0.0, 0.4]}
    whole = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    monkeypatch.setattr(groups, "CACHE", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = wd.tune(network(), X, Y, space=space, decays=DECAYS, cv=3)
    for one, other in zip(parts.trials, whole.trials, strict=True):
        assert one.params == other.params and one.mean == pytest.approx(other.mean, rel=1e-6)
