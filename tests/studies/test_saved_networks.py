"""Saved networks: what comes back predicts as what was saved, and a file that holds none is a sentence."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from studies.file_parts import craft, parts, same_bits  # noqa: E402

N, P = 60, 5
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, P)) * 10.0 ** RNG.integers(-3, 4, P)
Y = (X / X.std(axis=0)) @ RNG.standard_normal((P, 3)) + RNG.standard_normal((N, 3))
LABELS = np.array(["ash", "birch", "cedar"])[Y.argmax(axis=1)]
NEW = RNG.standard_normal((501, P))
FAST: dict[str, Any] = {"epochs": 3, "batch_size": 16}


class Odd(nn.Module):
    """Convolutions, normalised batches, shared weights, and buffers of all kinds."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.spread = nn.Linear(n_inputs, 16)
        self.convolve = nn.Conv2d(1, 3, 2)
        self.norm = nn.BatchNorm2d(3)
        self.twin = nn.Linear(27, 27)
        self.same = self.twin
        self.head = nn.Linear(27, n_outputs)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("drawn", torch.rand(27), persistent=False)
        self.register_buffer("which", torch.arange(27).flip(0))
        self.register_buffer("on", torch.ones(27, dtype=torch.bool))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.convolve(self.spread(x).reshape(-1, 1, 4, 4))).flatten(1)
        x = self.same(torch.relu(self.twin(x)))[:, self.which] + self.drawn
        return self.head(torch.where(self.on, x, self.mask[1])) + torch.exp(self.mask[1])


def odd(n_inputs: int, n_outputs: int) -> nn.Module:
    return Odd(n_inputs, n_outputs)


def same_networks(one: Any, other: Any) -> bool:
    """Whether two fitted networks are the same in all that they show."""
    alike = type(one) is type(other) and one.decay_ == other.decay_ and one.n_iter_ == other.n_iter_
    states = [model.module_.state_dict() for model in (one, other)]
    alike = alike and list(states[0]) == list(states[1])
    alike = alike and all(same_bits(states[0][name].numpy(), states[1][name].numpy()) for name in states[0])
    classes = [getattr(model, "classes_", np.zeros(0)).tolist() for model in (one, other)]
    names = [getattr(model, "feature_names_in_", np.zeros(0)).tolist() for model in (one, other)]
    method = "predict_proba" if classes[0] else "predict"
    bits = all(same_bits(getattr(one, method)(new), getattr(other, method)(new)) for new in (NEW, NEW[:1], NEW[::-3]))
    return bool(alike and bits and classes[0] == classes[1] and names[0] == names[1] and one.tuning_ == other.tuning_)


CASES: list[tuple[Callable[..., Any], Any, dict[str, Any]]] = [
    (wd.NetworkRegressor, Y[:, 0], {"hidden": (8, 4), "decay": 0.1}),
    (wd.NetworkRegressor, Y, {"hidden": np.array([4]), "decay": 0.1, "dropout": 0.3}),
    (wd.NetworkRegressor, Y[:, :1], {"hidden": 3, "decay": 0.0, "form": "coupled", "optimizer": "sgd"}),
    (wd.NetworkRegressor, Y, {"hidden": (), "decay": 0.1}),
    (wd.NetworkRegressor, Y[:, 0], {"hidden": range(2, 5), "decay": np.inf}),
    (wd.NetworkClassifier, LABELS, {"hidden": [8], "decay": 0.1, "early_stopping": True, "random_state": 3}),
    (wd.NetworkClassifier, LABELS == "ash", {"hidden": (4,), "decay": np.inf}),
    (wd.NetworkClassifier, LABELS, {"hidden": (4,), "decays": [0.1, 1.0], "cv": 3}),
]


@pytest.mark.parametrize(("kind", "y", "settings"), CASES, ids=lambda one: str(one)[:40])
def test_a_network_comes_back_as_it_was(kind: Any, y: Any, settings: dict[str, Any], tmp_path: Path) -> None:
    model = kind(**{**FAST, **settings}).fit(X, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert same_networks(model, back) and back.history_ is None and not back.module_.training
    for name, value in model.get_params().items():
        if name != "hidden" or not isinstance(value, range):
            assert np.array_equal(back.get_params()[name], value) and type(back.get_params()[name]) is type(value)
    again = wd.load(wd.save(back, tmp_path / "again.wd"))
    assert same_networks(model, again)
    if not isinstance(model.hidden, range):
        assert same_networks(model, back.fit(X, y))


@pytest.mark.parametrize("kind", [wd.NetworkRegressor, wd.NetworkClassifier])
def test_a_module_of_its_own_needs_what_makes_it(kind: Any, tmp_path: Path) -> None:
    model = kind(module=odd, decay=0.1, random_state=5, **FAST).fit(X, LABELS if kind is wd.NetworkClassifier else Y)
    assert not torch.equal(model.module_.drawn, odd(P, 1).drawn.double())
    file = wd.save(model, tmp_path / "model.wd")
    back = wd.load(file, module=odd)
    assert torch.equal(back.module_.drawn, model.module_.drawn)  # which no state of a module holds
    assert same_networks(model, back) and back.module is odd
    assert back.module_.same is back.module_.twin and int(back.module_.norm.num_batches_tracked) > 0
    assert same_networks(model, wd.load(wd.save(back, tmp_path / "again.wd"), odd))
    with pytest.raises(wd.ModelFileError, match=r"its own \('.*odd \(not stored in the file\)'\); load it in Python w"):
        wd.load(file)
    for other, said in (
        (lambda p, k: nn.Linear(p, k), "lacks 'bias' where the module has it; give the module= that it was"),
        (lambda p, k: nn.Sequential(Odd(p, k)), "lacks '0.convolve.bias' where the module has it; give the module="),
        (lambda p, k: 3, "returned int, expected a torch module"),
        (nn.Linear(2, 2), "give what makes it"),
    ):
        with pytest.raises(wd.ModelFileError, match=said):
            wd.load(file, module=other)


def test_modules_that_differ_are_told_apart(tmp_path: Path) -> None:
    narrow = wd.NetworkRegressor(module=lambda p, k: nn.Sequential(nn.Linear(p, 4), nn.Linear(4, k)), decay=0.1, **FAST)
    file = wd.save(narrow.fit(X, Y), tmp_path / "model.wd")
    with pytest.raises(
        wd.ModelFileError, match=r"'0.weight' as float64 of shape \(4, 5\) where the module has float64 of"
    ):
        wd.load(file, module=lambda p, k: nn.Sequential(nn.Linear(p, 6), nn.Linear(6, k)))


def test_a_module_given_to_what_has_none_is_a_sentence(tmp_path: Path) -> None:
    for model in (
        wd.NetworkRegressor((4,), decay=0.1, **FAST),
        wd.NetworkRegressor(module=odd, decay=np.inf, exempt=None, **FAST),
        wd.LinearRegression(decay=0.1),
    ):
        file = wd.save(model.fit(X, Y), tmp_path / "model.wd")
        with pytest.raises(wd.ModelFileError, match="leave module= out"):
            wd.load(file, module=odd)
    constant = wd.NetworkRegressor(module=odd, decay=np.inf, exempt=None, **FAST).fit(X, Y)
    assert same_networks(constant, wd.load(wd.save(constant, tmp_path / "model.wd")))


def test_names_of_columns_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["größe", "=cmd()|'x'!A1", "a\nb", "d", "e"])
    model = wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(frame, Y[:, 0])
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert back.feature_names_in_.tolist() == list(frame)
    assert same_bits(back.predict(frame), model.predict(frame))


@pytest.mark.parametrize("classes", [False, True])
def test_a_tuning_of_a_table_is_saved_with_its_model(classes: bool, tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcde")).assign(kind=np.where(Y[:, 2] > 0, "u", None), flat=1.0)
    frame.loc[3:9, "a"] = np.nan
    kind: Any = wd.NetworkClassifier if classes else wd.NetworkRegressor
    tuning = wd.tune(kind((4,), **FAST), frame, LABELS if classes else Y[:, 0], decays=[0.1, 1.0], cv=3)
    back = wd.load(wd.save(tuning, tmp_path / "model.wd"))
    assert type(back) is wd.TableModel and type(back.estimator) is kind
    assert back.tuning_ == tuning and back.tuning_.to_json() == tuning.to_json()
    new = frame.iloc[::-1][list(reversed(frame.columns))]
    assert same_bits(back.predict(new), tuning.model.predict(new))
    if classes:
        assert same_bits(back.predict_proba(new), tuning.model.predict_proba(new))


def test_the_format_is_plain_safetensors_with_one_json_text(tmp_path: Path) -> None:
    model = wd.NetworkRegressor(module=odd, decay=0.1, **FAST).fit(X, Y)
    document, arrays = parts(wd.save(model, tmp_path / "model.wd"))
    assert (document["class"], document["estimator"]["class"]) == ("NetworkRegressor", "NetworkRegressor")
    assert all(one.dtype == "<f8" and one.ndim <= 2 for one in arrays.values())
    state = dict(model.module_.state_dict()) | {"drawn": model.module_.drawn}
    state = {name: one for name, one in state.items() if not name.startswith("same.")}
    assert set(arrays) == {"decay", "x_mean", "x_scale", "y_mean", "y_scale", *(f"state.{name}" for name in state)}
    for one in document["network"]["state"]:
        due = state[one["name"]].numpy()
        assert tuple(one["shape"]) == due.shape and one["type"] == due.dtype.name
        np.testing.assert_array_equal(arrays[f"state.{one['name']}"].reshape(due.shape), due)


class Stateful(nn.Linear):
    """A module with a state of its own kind."""

    def get_extra_state(self) -> Any:
        return {"seen": 3}

    def set_extra_state(self, state: Any) -> None:
        del state


class Halved(nn.Linear):
    """A module with complex numbers."""

    def __init__(self, p: int, k: int) -> None:
        super().__init__(p, k)
        self.register_buffer("phase", torch.ones(2, dtype=torch.complex128))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.module_[0].weight.data.fill_(torch.nan), r"weights that are not finite \('0.weight'\)"),
        (lambda model: setattr(model, "module_", Stateful(5, 1)), "has a module with a state of its own kind"),
        (
            lambda model: setattr(model, "module_", Halved(5, 1).double()),
            "has 'phase' of type complex128 in its module",
        ),
        (lambda model: delattr(model, "module_"), "this NetworkRegressor is not fitted"),
    ],
)
def test_what_cannot_be_saved_is_a_sentence_and_no_file(change: Any, said: str, tmp_path: Path) -> None:
    model = wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(X, Y[:, 0])
    change(model)
    with pytest.raises(ValueError, match=said) as caught:
        wd.save(model, tmp_path / "model.wd")
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == []


def test_a_class_derived_from_a_network_is_none_of_ours(tmp_path: Path) -> None:
    model = type("Mine", (wd.NetworkRegressor,), {})((4,), decay=0.1, **FAST).fit(X, Y)
    with pytest.raises(ValueError, match=r"given Mine; it saves a fitted LinearRegression, .*, NetworkClassifier, a T"):
        wd.save(model, tmp_path / "model.wd")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file of a classifier holds."""
    model = wd.NetworkClassifier((4, 3), decay=0.1, **FAST).fit(X, LABELS)
    return parts(wd.save(model, tmp_path_factory.mktemp("sound") / "model.wd"))


def entry(document: Any, place: int, **changes: Any) -> None:
    """Change an entry of the state."""
    document["network"]["state"][place] |= changes


HOSTILE: list[tuple[str, Callable[[Any, Any], Any], str]] = [
    ("no network", lambda d, a: d.pop("network"), "lacks what a network is made of"),
    ("a list", lambda d, a: d.update(network=[1]), "lacks what a network is made of"),
    ("an unknown key", lambda d, a: d["network"].update(code="import os"), "other entries than a network has"),
    ("an unknown way", lambda d, a: d["network"].update(made="eval"), "made in the way 'eval'"),
    ("a way that is no text", lambda d, a: d["network"].update(made=3), "has made of type int where str is due"),
    ("layers of nothing", lambda d, a: d["network"].update(hidden=[4, 0]), "hidden layers that are no whole numbers"),
    ("endless layers", lambda d, a: d["network"].update(hidden=[10**12, 3]), "weights that do not go with 5 columns"),
    ("many layers", lambda d, a: d["network"].update(hidden=[1] * 10**5), "6 arrays of weights for 100000 hidden"),
    ("layers in words", lambda d, a: d["network"].update(hidden=["4", "3"]), "hidden layers that are no whole"),
    ("no state", lambda d, a: d["network"].update(state=[]), "lacks or adds an array 'state.0.bias'"),
    ("an entry of nothing", lambda d, a: entry(d, 0, code=1), "weights in no known form"),
    ("a name that is none", lambda d, a: entry(d, 0, name=7), "'7' of no sound type or shape"),
    ("a name twice", lambda d, a: entry(d, 0, name="0.bias"), "weights of one name twice"),
    ("another name", lambda d, a: entry(d, 0, name="../../x"), "lacks or adds an array 'state.../../x'"),
    ("a type of code", lambda d, a: entry(d, 0, type="object"), "no sound type or shape"),
    ("a type as a list", lambda d, a: entry(d, 0, type=["float64"]), "no sound type or shape"),
    ("whole numbers", lambda d, a: entry(d, 0, type="int64"), "numbers in '0.weight' that are none of int64"),
    ("a negative size", lambda d, a: entry(d, 0, shape=[-4, -5]), "no sound type or shape"),
    ("a huge size", lambda d, a: entry(d, 0, shape=[10**15, 10**15]), r"not of their shape \(10+, 10+\)"),
    ("huge dimensions", lambda d, a: entry(d, 0, shape=[10**30] * 16), "not of their shape"),
    ("many dimensions", lambda d, a: entry(d, 0, shape=[1] * 40), "no sound type or shape"),
    ("true as a size", lambda d, a: entry(d, 0, shape=[True, 5]), "no sound type or shape"),
    ("another shape", lambda d, a: a.update({"state.0.weight": a["state.0.weight"].T.copy()}), "not of their shape"),
    (
        "an array more",
        lambda d, a: a.update({"state.9.weight": np.zeros(3)}),
        "lacks or adds an array 'state.9.weight'",
    ),
    ("an array less", lambda d, a: a.pop("x_scale"), "lacks or adds an array 'x_scale'"),
    ("nan", lambda d, a: a["state.2.bias"].fill(np.nan), "weights that are not finite"),
    ("inf", lambda d, a: a["state.2.bias"].fill(np.inf), "weights that are not finite"),
    ("means of other columns", lambda d, a: a.update(x_mean=np.zeros(4)), "columns that are not 5 numbers"),
    ("means that are none", lambda d, a: a["x_mean"].fill(np.nan), "means that are not finite"),
    ("deviations of nothing", lambda d, a: a["x_scale"].fill(0.0), "deviations that are not above 0"),
    ("other outputs", lambda d, a: a.update(y_mean=np.zeros(9), y_scale=np.ones(9)), "targets that are not 3 numbers"),
    ("a decay below 0", lambda d, a: a.update(decay=np.array(-1.0)), "decay that is no number of at least 0"),
    ("decays", lambda d, a: a.update(decay=np.ones(3)), "decay that is no number of at least 0"),
    ("other columns", lambda d, a: d["fitted"].update(n_features_in=10**9), "columns that are not 1000000000 numbers"),
    ("other classes", lambda d, a: d["estimator"]["classes"]["labels"].pop(), "targets that are not 2 numbers"),
    ("no classes", lambda d, a: d["estimator"].update(classes=None), "NetworkClassifier without classes"),
    ("another class", lambda d, a: d["estimator"].update({"class": "NetworkRegressor"}), "does not know"),
    ("an unknown parameter", lambda d, a: d["parameters"].update(hook="os.system"), "has a parameter 'hook'"),
    ("a module in words", lambda d, a: d["network"].update(made="module"), "weights of a module of its own"),
    ("a constant", lambda d, a: d["network"].update(made="constant"), "'0.bias' where the module has none"),
    ("single in words", lambda d, a: d["network"].update(single="yes"), "single of type str where bool is due"),
    ("tiny drop-out", lambda d, a: d["parameters"].update(dropout="half"), ""),
]


@pytest.mark.parametrize(("change", "said"), [one[1:] for one in HOSTILE], ids=[one[0] for one in HOSTILE])
def test_a_hostile_file_is_a_sentence(change: Any, said: str, sound: Any, tmp_path: Path) -> None:
    document, arrays = copy.deepcopy(sound)
    change(document, arrays)
    file = craft(tmp_path / "model.wd", document, arrays)
    if not said:  # it says nothing of a network in use
        assert wd.load(file).predict(X).shape == (N,)
        return
    with pytest.raises(wd.ModelFileError, match=said) as caught:
        wd.load(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_one_target_with_several_outputs_is_a_sentence(tmp_path: Path) -> None:
    model = wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(X, Y)
    document, arrays = parts(wd.save(model, tmp_path / "model.wd"))
    document["network"]["single"] = True
    with pytest.raises(wd.ModelFileError, match="has one target, but 3 outputs"):
        wd.load(craft(tmp_path / "model.wd", document, arrays))


def test_a_changed_bit_is_a_sentence(tmp_path: Path) -> None:
    file = wd.save(wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(X, Y), tmp_path / "model.wd")
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(wd.ModelFileError, match="is damaged: its content does not give its checksum"):
        wd.load(file)


def test_without_torch_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = wd.save(wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(X, Y), tmp_path / "model.wd")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(wd.ModelFileError, match="holds a NetworkRegressor, which needs PyTorch, and that is not insta"):
        wd.load(file)


def test_torch_is_imported_for_networks_alone(tmp_path: Path) -> None:
    linear = wd.save(wd.LinearRegression(decay=0.1).fit(X, Y), tmp_path / "linear.wd")
    network = wd.save(wd.NetworkRegressor((4,), decay=0.1, **FAST).fit(X, Y), tmp_path / "network.wd")
    code = (
        "import sys, weightdecay as wd\n"
        f"wd.save(wd.load({str(linear)!r}), {str(tmp_path / 'again.wd')!r})\n"
        "assert 'torch' not in sys.modules\n"
        f"print(wd.load({str(network)!r}).predict([[1.0] * {P}]).tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{wd.load(network).predict([[1.0] * P]).tolist()}\n"
