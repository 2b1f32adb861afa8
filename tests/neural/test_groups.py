"""Groups that any optimiser takes: every trainable parameter once, exempt exactly whoever was named, and told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from weightdecay.neural.groups import param_groups, param_table  # noqa: E402


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


class Tied(nn.Module):
    """Words in, words out, by one tensor, or by two."""

    def __init__(self, tie: bool = True) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(9, 6), nn.Embedding(5, 6)
        self.net = nn.LSTM(6, 6, batch_first=True)
        self.norm, self.temperature = nn.LayerNorm(6), nn.Parameter(torch.zeros(()))
        self.out = nn.Linear(6, 9, bias=False)
        if tie:
            self.out.weight = self.words.weight

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        x = self.words(index) + self.places.weight[: index.shape[1]]
        return self.out(self.norm(self.net(x)[0])) * self.temperature.exp()


def names(model: nn.Module, groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    told = {id(parameter): name for name, parameter in model.named_parameters()}
    return {group["name"]: [told[id(parameter)] for parameter in group["params"]] for group in groups}


def quiet(model: nn.Module, decay: float = 0.1, **known: Any) -> dict[str, list[str]]:
    return names(model, param_groups(model, decay, verbose=False, **known))


MATRICES = ["net.weight_ih_l0", "net.weight_hh_l0"]
VECTORS = ["temperature", "places.weight", "net.bias_ih_l0", "net.bias_hh_l0", "norm.weight", "norm.bias"]
SAMPLE = torch.tensor([[1, 2, 3], [3, 8, 0]])


@pytest.mark.parametrize("sampled", [False, True])
def test_auto(sampled: bool) -> None:
    known = {"sample": SAMPLE} if sampled else {}
    assert quiet(Tied(), **known) == {"decayed": ["words.weight", *MATRICES], "exempt": VECTORS}
    assert quiet(Tied(tie=False), **known) == {
        "decayed": [*MATRICES, "out.weight"],
        "exempt": ["temperature", "words.weight", *VECTORS[1:]],
    }


def test_embeddings_tied_to_each_other_but_to_no_head_are_exempt() -> None:
    model = nn.ModuleDict({"source": nn.Embedding(5, 4), "target": nn.Embedding(5, 4), "out": nn.Linear(4, 5)})
    model["target"].weight = model["source"].weight
    assert quiet(model)["exempt"] == ["source.weight", "out.bias"]


@pytest.mark.parametrize(
    "exempt", ["auto", None, ["matrix"], ["net.*", "words.weight"], lambda name, value, role: True]
)
def test_every_trainable_parameter_is_in_one_group(exempt: Any) -> None:
    model = Tied()
    model.norm.weight.requires_grad_(False)
    groups = param_groups(model, 0.3, exempt=exempt, verbose=False)
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    trained = [id(parameter) for parameter in model.parameters() if parameter.requires_grad]
    assert sorted(listed) == sorted(trained) and len(set(listed)) == len(listed)
    assert {group["name"]: group["weight_decay"] for group in groups}.items() <= {"decayed": 0.3, "exempt": 0.0}.items()
    assert all(group["params"] for group in groups)


def test_the_groups_are_not_swapped() -> None:
    """With gradients of zero AdamW multiplies the decayed by 1 − ηλ and leaves the exempt: by plain arithmetic."""
    model = Tied()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for value in model.parameters():
        value.grad = torch.zeros_like(value)
    torch.optim.AdamW(param_groups(model, 0.2, verbose=False), lr=0.1).step()
    shrunk = {
        name
        for name, value in model.named_parameters()
        if torch.allclose(value, 0.98 * before[name], rtol=1e-6, atol=0)
    }
    kept = {name for name, value in model.named_parameters() if torch.equal(value, before[name])}
    assert shrunk - kept == {"words.weight", *MATRICES} and kept == set(VECTORS)


def test_one_entry_does_not_replace_another() -> None:
    """Three patterns in a row exempt what each of them names."""
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))
    assert quiet(model, exempt=["*bias", "1.weight", "2.*"]) == {
        "decayed": ["0.weight"],
        "exempt": ["0.bias", "1.weight", "1.bias", "2.weight", "2.bias"],
    }
    assert quiet(model, exempt=["auto", "0.*"])["decayed"] == ["2.weight"]


def test_roles_modules_parameters_and_a_callable() -> None:
    model = Tied()
    assert quiet(model, exempt="bias")["exempt"] == ["net.bias_ih_l0", "net.bias_hh_l0", "norm.bias"]
    assert quiet(model, exempt=["tied", "scalar"])["exempt"] == ["temperature", "words.weight"]
    assert quiet(model, exempt=["embedding"])["exempt"] == ["words.weight", "places.weight"]
    assert quiet(model, exempt=[model.norm, model.temperature])["exempt"] == ["temperature", "norm.weight", "norm.bias"]
    assert quiet(model, exempt=model.net)["exempt"] == [*MATRICES, *VECTORS[2:4]]
    assert quiet(model, exempt=torch.compile(model.net, backend="eager"))["exempt"] == [*MATRICES, *VECTORS[2:4]]
    asked = []
    found = quiet(model, exempt=lambda name, value, role: asked.append((name, role)) or value.ndim < 2)
    assert found["decayed"] == ["words.weight", "places.weight", *MATRICES]
    assert ("words.weight", "head") in asked and ("norm.weight", "norm gain") in asked
    assert quiet(model, exempt=[])["decayed"] == quiet(model, exempt=None)["decayed"] != []
    assert quiet(model, exempt=["lora", "unused"]).keys() == {"decayed"}


def test_a_pattern_may_use_any_name_of_a_parameter() -> None:
    model = Tied()
    wrapped = torch.compile(nn.DataParallel(model), backend="eager")
    for pattern in ("out.weight", "words.*", "_orig_mod.module.out.weight"):
        groups = param_groups(wrapped, 0.1, exempt=[pattern], verbose=False)
        assert names(model, groups)["exempt"] == ["words.weight"]


@pytest.mark.parametrize(
    ("exempt", "expected"),
    [
        (["biases"], "'biases' matches no parameter.*'bias'"),
        (["*.bais"], r"matches no parameter.*near it are"),
        (["norm_gain"], "near it are 'norm gain'"),
        (["net"], r"'net' is a module.*'net\.\*' names its 4 parameters"),
        ([nn.Linear(2, 2)], "module Linear without a parameter of this model"),
        ([nn.ReLU()], "module ReLU without a parameter"),
        ([torch.zeros(3)], r"tensor of shape \(3,\) without a parameter"),
        (["\x1b[31mred"], "'�\\[31mred' matches no parameter"),
    ],
)
def test_an_entry_that_names_nothing_is_refused(exempt: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        param_groups(Tied(), 0.1, exempt=exempt)


@pytest.mark.parametrize("exempt", [3, [3], [None], [["bias"]]])
def test_an_entry_that_can_name_nothing_is_refused(exempt: Any) -> None:
    with pytest.raises(TypeError, match="roles, patterns of names, modules or parameters"):
        param_groups(Tied(), 0.1, exempt=exempt)


@pytest.mark.parametrize("decay", [-0.1, float("nan"), float("inf"), "0.1", None, True, 1j, [0.1]])
def test_a_decay_that_is_none(decay: Any) -> None:
    with pytest.raises(ValueError, match="finite number from 0 up"):
        param_groups(Tied(), decay)


@pytest.mark.parametrize("decay", [0, 0.0, np.float64(0.5), np.float32(0.25), 2])
def test_decays_that_are_numbers(decay: Any) -> None:
    groups = param_groups(Tied(), decay, verbose=False)
    assert [group["weight_decay"] for group in groups] == [float(decay), 0.0]
    assert type(groups[0]["weight_decay"]) is float


def test_nothing_to_train() -> None:
    with pytest.raises(ValueError, match=r"no trainable parameter \(2 frozen\)"):
        param_groups(nn.Linear(2, 2).requires_grad_(False), 0.1)


def test_what_the_model_asks_for_itself() -> None:
    class Asks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.out = nn.Parameter(torch.randn(4, 4)), nn.Linear(4, 2)

        def no_weight_decay(self) -> set[str]:
            return {"mix"}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(x @ self.mix)

    model = nn.ModuleDict({"inner": Asks()})
    assert quiet(model) == {"decayed": ["inner.out.weight"], "exempt": ["inner.mix", "inner.out.bias"]}
    assert quiet(model, exempt=["bias"])["decayed"] == ["inner.mix", "inner.out.weight"]


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(
        nn.Linear(4, 6), nn.LayerNorm(6), nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6)), nn.Linear(6, 2)
    )
    model[1].bias.requires_grad_(False)
    param_groups(model, 0.1, exempt=["auto", "3.weight"])
    assert capsys.readouterr().out.splitlines() == [
        "weight decay 0.1",
        "decayed: 3 tensors, 96 elements",
        "  matrix     0.weight        24  multiplies the input (Linear)",
        "  matrix     2.*.weight × 2  72  multiplies the input (Linear)",
        "exempt: 6 tensors, 38 elements",
        "  bias       *.bias × 2       8  is added (Linear)",
        "  norm gain  1.weight         6  multiplies what was normalised (LayerNorm)",
        "  bias       2.*.bias × 2    12  is added (Linear)",
        "  head?      3.weight        12  multiplies the input (Linear), as its last matrix by order, a guess without "
        "sample=; matches '3.weight'",
        "frozen (not trained, in no group): 1 tensor, 6 elements",
        "  bias       1.bias           6  is added (LayerNorm)",
        "? a guess: give sample=, a batch of inputs, and it is measured instead",
    ]


def test_the_table_counts_what_the_groups_hold(capsys: pytest.CaptureFixture[str]) -> None:
    model = Tied()
    groups = {group["name"]: group["params"] for group in param_groups(model, 0.1, sample=SAMPLE)}
    shown = capsys.readouterr().out
    for name, params in groups.items():
        assert f"{name}: {len(params)} tensors, {sum(value.numel() for value in params)} elements" in shown
    table = param_table(model, 0.1, sample=SAMPLE)
    assert f"{table}\n" == shown
    assert {row.name for row in table.of("exempt")} == set(VECTORS) and not table.of("frozen")


def test_a_quiet_call_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    param_groups(Tied(), 0.1, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_names_are_made_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Module()
    model.register_parameter("\x1b[2J\u202ename\n", nn.Parameter(torch.randn(3, 3)))
    model.register_module("x" * 300, nn.Linear(2, 2))
    model.add_module("\x07", type("\x1b[31m", (nn.Linear,), {})(2, 2))
    param_groups(model, 0.1, exempt=["*bias", "\x07.weight"])
    shown = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert max(map(len, shown.splitlines())) < 250


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("wrap", [lambda model: model, nn.DataParallel])
def test_the_groups_train(optimizer: Any, wrap: Any) -> None:
    model = wrap(Tied())
    steps = optimizer(param_groups(model, 0.01, sample=SAMPLE, verbose=False), lr=0.02)
    target = SAMPLE.roll(1, 1)
    losses = []
    for _ in range(40):
        steps.zero_grad()
        loss = nn.functional.cross_entropy(model(SAMPLE).flatten(0, 1), target.flatten())
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert [group["name"] for group in steps.param_groups] == ["decayed", "exempt"]
    again = optimizer(param_groups(model, 0.5, verbose=False), lr=0.1)
    again.load_state_dict(steps.state_dict())
    assert [group["weight_decay"] for group in again.param_groups] == [0.01, 0.0]


def test_no_scikit_learn_is_loaded() -> None:
    code = (
        "import sys, weightdecay.neural.groups; print([name for name in ('sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
