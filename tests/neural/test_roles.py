"""What each parameter is, against what was written down by hand for models of every kind."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

from weightdecay.neural.roles import parameter_roles  # noqa: E402


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def roles(model: nn.Module, **known: Any) -> dict[str, str]:
    return {one.name: one.role for one in parameter_roles(model, **known)}


def marks(model: nn.Module, **known: Any) -> dict[str, set[str]]:
    return {one.name: set(one.marks) for one in parameter_roles(model, **known) if one.marks}


class Gain(nn.Module):
    """A normalisation of its own, in one of the ways in which they are written."""

    def __init__(self, size: int, how: str) -> None:
        super().__init__()
        self.thing = nn.Parameter(torch.ones(size) if how != "one_plus" else torch.zeros(size))
        self.how = how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        if self.how == "llama":
            return self.thing * (x.float() * scale).to(x.dtype)
        if self.how == "one_plus":
            return x * scale * (1 + self.thing)
        if self.how == "scale_first":
            return x * (scale * self.thing)
        if self.how == "unbiased":
            return self.thing * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6)
        if self.how == "centred":
            return self.thing * ((x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6))
        if self.how == "unit":
            return F.normalize(x, dim=-1) * self.thing
        if self.how == "in_place":
            return (x * scale).mul_(self.thing)
        return F.rms_norm(x, (x.shape[-1],), self.thing)


GAINS = ["llama", "one_plus", "scale_first", "centred", "unit", "in_place", "fused"]


class Affine(nn.Module):
    """The class whose name says RMSNorm and which normalises nothing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm_weight = nn.Parameter(torch.ones(size))
        self.norm_shift = nn.Parameter(torch.zeros(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.norm_weight + self.norm_shift


Affine.__name__ = "RMSNorm"


class BatchStandardised(nn.Module):
    """Batch normalisation written by hand, folded into a factor and a shift."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factor = self.a / torch.sqrt(x.var((0, 2, 3), unbiased=False) + 1e-6)
        shift = self.b - x.mean((0, 2, 3)) * factor
        return x * factor[:, None, None] + shift[:, None, None]


@pytest.mark.parametrize("how", GAINS)
@pytest.mark.parametrize("sampled", [False, True])
def test_a_gain_is_told_by_what_it_multiplies(how: str, sampled: bool) -> None:
    model = nn.Sequential(nn.Linear(6, 12), Gain(12, how), nn.Linear(12, 2))
    known = {"sample": 3 * torch.randn(5, 6)} if sampled else {}
    assert roles(model, **known)["1.thing"] == "norm gain"


@pytest.mark.parametrize("sampled", [False, True])
def test_a_name_that_says_norm_makes_none(sampled: bool) -> None:
    model = nn.Sequential(nn.Linear(6, 12), Affine(12), nn.Linear(12, 2))
    found = roles(model, **({"sample": torch.randn(5, 6)} if sampled else {}))
    assert (found["1.norm_weight"], found["1.norm_shift"]) == ("scalar", "bias")


@pytest.mark.parametrize("sampled", [False, True])
def test_batch_normalisation_by_hand(sampled: bool) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), BatchStandardised(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2))
    found = roles(model, **({"sample": torch.randn(6, 3, 8, 8)} if sampled else {}))
    assert (found["1.a"], found["1.b"]) == ("norm gain", "bias")


class Block(nn.Module):
    def __init__(self, size: int, how: str, causal: bool) -> None:
        super().__init__()
        self.before, self.middle = Gain(size, how), Gain(size, how)
        self.mix = nn.Linear(size, 3 * size)
        self.out, self.up, self.down = nn.Linear(size, size), nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.layer_scale = nn.Parameter(torch.full((size,), 0.1))
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, steps, size = x.shape
        q, k, v = self.mix(self.before(x)).view(batch, steps, 3, 2, size // 2).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, steps, size))
        return x + self.layer_scale * self.down(F.gelu(self.up(self.middle(x))))


class Language(nn.Module):
    """Like GPT: embedding and head are one tensor, positions a bare parameter."""

    def __init__(self, tie: bool = True) -> None:
        super().__init__()
        self.lm = nn.Linear(8, 11, bias=False)
        self.words = nn.Embedding(11, 8)
        self.places = nn.Parameter(0.02 * torch.randn(6, 8))
        self.blocks = nn.ModuleList([Block(8, "llama", True) for _ in range(2)])
        self.last = Gain(8, "llama")
        if tie:
            self.lm.weight = self.words.weight

    def forward(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.words(index) + self.places[: index.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.lm(self.last(x)), x


BLOCK = {
    "layer_scale": "scalar",
    "before.thing": "norm gain",
    "middle.thing": "norm gain",
    **{f"{name}.weight": "matrix" for name in ("mix", "out", "up", "down")},
    **{f"{name}.bias": "bias" for name in ("mix", "out", "up", "down")},
}
BLOCKS = {f"blocks.{number}.{name}": role for number in (0, 1) for name, role in BLOCK.items()}
LANGUAGE = {"places": "embedding", "last.thing": "norm gain", **BLOCKS}
INDEX = [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [9, 9, 0, 1, 10]]


def test_a_language_model_with_tied_weights() -> None:
    found = parameter_roles(Language(), sample=torch.tensor(INDEX))
    assert {one.name: one.role for one in found} == {"lm.weight": "head", **LANGUAGE}
    tied = found[[one.name for one in found].index("lm.weight")]
    assert tied.words == {"head", "embedding", "tied"} and set(tied.names) == {"lm.weight", "words.weight"}


def test_a_language_model_without_ties() -> None:
    found = roles(Language(tie=False), sample=torch.tensor(INDEX))
    assert found == {"lm.weight": "head", "words.weight": "embedding", **LANGUAGE}


def test_without_a_sample_what_cannot_be_told_is_said_to_be_a_guess() -> None:
    found = {one.name: one for one in parameter_roles(Language())}
    assert {name for name, one in found.items() if not one.certain} == {
        "places",
        "blocks.0.layer_scale",
        "blocks.1.layer_scale",
    }
    assert found["lm.weight"].role == "head" and "sample=" in found["places"].why


class Vision(nn.Module):
    """Like a vision transformer: class token and positions are bare parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos = nn.Parameter(0.02 * torch.randn(1, 5, 8))
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.blocks = nn.ModuleList([Block(8, "unit", False) for _ in range(2)])
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def test_a_vision_transformer() -> None:
    assert roles(Vision(), sample=torch.randn(4, 3, 8, 8)) == {
        "cls": "embedding",
        "pos": "embedding",
        "patch.weight": "matrix",
        "patch.bias": "bias",
        "norm.weight": "norm gain",
        "norm.bias": "bias",
        "head.weight": "head",
        "head.bias": "bias",
        **BLOCKS,
    }


class Zoo(nn.Module):
    """Layers of torch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(7, 8)
        self.attention = nn.MultiheadAttention(8, 2, add_bias_kv=True, batch_first=True)
        self.lstm, self.gru = nn.LSTM(8, 8, batch_first=True), nn.GRU(8, 8, batch_first=True)
        self.cell = nn.GRUCell(8, 8)
        self.slope = nn.PReLU(8)
        self.up, self.group, self.instance = (
            nn.ConvTranspose1d(5, 4, 3),
            nn.GroupNorm(2, 4),
            nn.InstanceNorm1d(4, affine=True),
        )
        self.both = nn.Bilinear(8, 8, 6)
        self.batch = nn.BatchNorm1d(6)
        self.end = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        x = self.attention(x, x, x)[0]
        x = self.gru(self.lstm(x)[0])[0]
        x = self.instance(self.group(self.up(x)))
        y = self.slope(self.cell(x.mean(1)[:, :8], self.bag(index)))
        return self.end(self.batch(self.both(y, self.bag(index))))


ZOO = {
    "bag.weight": "embedding",
    "attention.in_proj_weight": "matrix",
    "attention.in_proj_bias": "bias",
    "attention.bias_k": "bias",
    "attention.bias_v": "bias",
    "attention.out_proj.weight": "matrix",
    "attention.out_proj.bias": "bias",
    **{f"{name}.weight_{one}_l0": "matrix" for name in ("lstm", "gru") for one in ("ih", "hh")},
    **{f"{name}.bias_{one}_l0": "bias" for name in ("lstm", "gru") for one in ("ih", "hh")},
    **{f"cell.weight_{one}": "matrix" for one in ("ih", "hh")},
    **{f"cell.bias_{one}": "bias" for one in ("ih", "hh")},
    "slope.weight": "scalar",
    **{f"{name}.weight": "norm gain" for name in ("group", "instance", "batch")},
    **{f"{name}.weight": "matrix" for name in ("up", "both")},
    **{f"{name}.bias": "bias" for name in ("up", "both", "group", "instance", "batch", "end")},
    "end.weight": "head",
}


@pytest.mark.parametrize("sampled", [False, True])
def test_torchs_own_layers(sampled: bool) -> None:
    sample = (torch.randn(4, 5, 8), torch.randint(0, 7, (4, 3)))
    found = parameter_roles(Zoo(), **({"sample": sample} if sampled else {}))
    assert {one.name: one.role for one in found} == ZOO
    assert not any(one.marks for one in found)
    assert {one.name for one in found if not one.certain} == (set() if sampled else {"end.weight"})


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_net_has_its_head_after_it(layer: type[nn.RNNBase]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read_out = nn.Linear(6, 2)
            self.net = layer(4, 6, num_layers=2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.read_out(self.net(x)[0][:, -1])

    found = roles(Net(), sample=torch.randn(3, 5, 4))
    assert found.pop("read_out.weight") == "head" and found.pop("read_out.bias") == "bias"
    assert {name.split("_")[0][4:] + "=" + role for name, role in found.items()} == {"weight=matrix", "bias=bias"}


class Bare(nn.Module):
    """Everything by hand: no module of torch's tells anything."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(4, 8))  # a matrix
        self.weight = nn.Parameter(torch.zeros(8))  # added
        self.norm = nn.Parameter(torch.randn(8, 8))  # a matrix of an einsum
        self.embedding = nn.Parameter(torch.randn(8))  # dotted with the data: one column of weights
        self.matrix = nn.Parameter(torch.randn(5, 8))  # looked up
        self.head = nn.Parameter(torch.tensor([0.5]))  # a temperature

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(x @ self.bias + self.weight) + self.matrix[index]
        x = torch.einsum("ni,io->no", x, self.norm).relu()
        return (x * self.embedding).sum(-1) / self.head.exp()


def test_use_corrects_the_type_of_the_module() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.layer, self.end = nn.Linear(4, 9, bias=False), nn.Embedding(6, 4), nn.Linear(6, 1)

        def forward(self, index: torch.Tensor) -> torch.Tensor:
            return self.end(F.embedding(index, self.table.weight) @ self.layer.weight.T)

    found = roles(Turned(), sample=torch.tensor([0, 8, 3]))
    assert (found["table.weight"], found["layer.weight"], found["end.weight"]) == ("embedding", "matrix", "head")


def test_many_random_numbers_are_not_taken_for_normalised_ones() -> None:
    found = roles(nn.Sequential(nn.Linear(2, 100_000), Affine(100_000)))
    assert found["1.norm_weight"] == "scalar"


def test_names_that_lie_are_not_believed() -> None:
    assert roles(Bare(), sample=(torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 4, 0]))) == {
        "bias": "matrix",
        "weight": "bias",
        "norm": "matrix",
        "embedding": "head",
        "matrix": "embedding",
        "head": "scalar",
    }


class Queries(nn.Module):
    """Learned queries that ask the data; positions from a table of indices that are always the same."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(1, 3, 8))
        self.mask = nn.Parameter(torch.randn(8))
        self.table = nn.Parameter(torch.randn(9))
        self.place = nn.Embedding(5, 8)
        self.q, self.kv, self.end = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.where(x[..., :1] > 1, self.mask, x) + self.place(torch.arange(5))
        k, v = self.kv(x).chunk(2, -1)
        near = self.table[(torch.arange(3)[:, None] - torch.arange(5)) + 4]
        weights = (self.q(self.latents) @ k.transpose(1, 2) + near).softmax(-1)
        return self.end(weights @ v)


def test_learned_data() -> None:
    found = roles(Queries(), sample=torch.randn(4, 5, 8))
    assert [found[name] for name in ("latents", "mask", "place.weight")] == ["embedding"] * 3
    assert found["table"] in ("bias", "embedding")  # looked up and added: exempt either way
    assert (found["q.weight"], found["kv.weight"], found["end.weight"]) == ("matrix", "matrix", "head")


def weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


NORMALISED: list[tuple[Callable[[nn.Module], nn.Module], dict[str, str]]] = [
    (weight_norm, {"weight_g": "norm gain", "weight_v": "matrix"}),
    (
        parametrizations.weight_norm,
        {"parametrizations.weight.original0": "norm gain", "parametrizations.weight.original1": "matrix"},
    ),
    (nn.utils.spectral_norm, {"weight_orig": "matrix"}),
    (parametrizations.spectral_norm, {"parametrizations.weight.original": "matrix"}),
    (parametrizations.orthogonal, {"parametrizations.weight.original": "matrix"}),
]


@pytest.mark.parametrize(("wrap", "expected"), NORMALISED, ids=["wn-old", "wn-new", "sn-old", "sn-new", "orthogonal"])
@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("layer", [nn.Linear(6, 6), nn.Conv1d(6, 4, 2)], ids=["linear", "conv"])
def test_parametrisations_are_seen_through(
    wrap: Callable[[nn.Module], nn.Module], expected: dict[str, str], sampled: bool, layer: nn.Module
) -> None:
    model = nn.Sequential(wrap(layer.__class__(*((6, 6) if isinstance(layer, nn.Linear) else (6, 4, 2)))), nn.ReLU())
    model.append(nn.Linear(6, 2) if isinstance(layer, nn.Linear) else nn.Conv1d(4, 2, 1))
    sample = torch.randn(5, 6) if isinstance(layer, nn.Linear) else torch.randn(5, 6, 7)
    found = roles(model, **({"sample": sample} if sampled else {}))
    assert found == {f"0.{name}": role for name, role in expected.items()} | {
        "0.bias": "bias",
        "2.weight": "head",
        "2.bias": "bias",
    }


class LowRank(nn.Module):
    """The usual way: a frozen layer and a product beside it; merged: the product is added to the matrix itself."""

    def __init__(self, base: nn.Linear, rank: int, merged: bool) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features))
        self.up = nn.Parameter(torch.randn(base.out_features, rank))
        self.merged = merged

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.merged:
            return F.linear(x, self.base.weight + 2 * self.up @ self.down, self.base.bias)
        return self.base(x) + 2 * (F.dropout(x, 0.1, self.training) @ self.down.T) @ self.up.T


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_pairs_of_low_rank(merged: bool, sampled: bool) -> None:
    model = nn.Sequential(LowRank(nn.Linear(6, 8), 2, merged), nn.ReLU(), LowRank(nn.Linear(8, 8), 2, merged))
    known = {"sample": torch.randn(5, 6)} if sampled else {}
    found = {one.name: one for one in parameter_roles(model, **known)}
    assert {name for name, one in found.items() if "lora" in one.marks} == {"0.down", "0.up", "2.down", "2.up"}
    assert found["2.base.weight"].role == "head" and found["0.base.weight"].role == "matrix"
    assert {found[name].role for name in ("0.down", "0.up", "2.down", "2.up")} == {"matrix"}
    assert "2.base.weight" in found["2.up"].why


def test_a_bottleneck_beside_a_layer_is_no_pair() -> None:
    class Bottleneck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow, self.back = nn.Linear(8, 8), nn.Linear(8, 2), nn.Linear(2, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.wide(x) + self.back(self.narrow(x).relu())

    assert marks(nn.Sequential(Bottleneck(), nn.Linear(8, 1)), sample=torch.randn(3, 8)) == {}


@pytest.mark.parametrize("between", [nn.ReLU(), nn.Identity()])
@pytest.mark.parametrize("sampled", [False, True])
def test_a_chain_through_few_units_is_no_pair(between: nn.Module, sampled: bool) -> None:
    model = nn.Sequential(nn.Linear(8, 8), between, nn.Linear(8, 2), between, nn.Linear(2, 8))
    known = {"sample": torch.randn(3, 8)} if sampled else {}
    assert marks(model, **known) == {} and roles(model, **known)["4.weight"] == "head"


def test_low_rank_as_a_parametrisation() -> None:
    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.randn(8, 2))

        def forward(self, w: torch.Tensor) -> torch.Tensor:
            return w + self.b @ self.a

    layer = nn.Linear(6, 8)
    parametrize.register_parametrization(layer, "weight", Added())
    model = nn.Sequential(layer, nn.ReLU(), nn.Linear(8, 1))
    found = {one.name: one for one in parameter_roles(model, sample=torch.randn(3, 6))}
    for name in ("original", "0.a", "0.b"):
        assert found[f"0.parametrizations.weight.{name}"].role == "matrix"
    assert "lora" in found["0.parametrizations.weight.0.a"].marks


class Conv1D(nn.Module):
    """A linear layer written by hand, its matrix transposed; and a list of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.both = 5, nn.ParameterList([torch.randn(3, 5), torch.zeros(5)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = torch.addmm(self.both[1], x.reshape(-1, x.shape[-1]), self.both[0])
        return flat.view(*x.shape[:-1], self.out)


def test_a_trial_call_tells_a_layer_of_ones_own_without_a_sample() -> None:
    found = {one.name: one for one in parameter_roles(nn.Sequential(Conv1D(), nn.Linear(5, 1)))}
    assert (found["0.both.0"].role, found["0.both.1"].role) == ("matrix", "bias")
    assert found["0.both.0"].certain and found["0.both.1"].certain


def test_weights_tied_by_their_numbers_alone_are_told() -> None:
    model = nn.ModuleDict({"words": nn.Embedding(5, 4), "out": nn.Linear(4, 5), "other": nn.Linear(4, 5)})
    model["out"].weight = nn.Parameter(model["words"].weight.detach())
    found = {one.name: one.why for one in parameter_roles(model)}
    assert "shares its numbers with out.weight" in found["words.weight"]
    assert "shares its numbers with words.weight" in found["out.weight"]
    assert not any("shares" in why for name, why in found.items() if name not in ("words.weight", "out.weight"))


def test_parameters_flattened_into_one_are_refused() -> None:
    model = nn.Module()
    model.flat = nn.Parameter(torch.randn(40))
    model.flat._is_flat_param = True
    with pytest.raises(ValueError, match="use_orig_params=True"):
        parameter_roles(model)


def test_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 6), Gain(6, "llama"), nn.LayerNorm(6), nn.Linear(6, 2))
    assert list(roles(model).values()) == ["matrix", "bias", "bias", "norm gain", "bias", "head", "bias"]


class Large(nn.Module):
    """Bare parameters of a module that cannot be called alone: only the forward pass tells."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.first, self.end = nn.Linear(6, 12), nn.Linear(12, 3)
        self.gain, self.scale = nn.Parameter(torch.ones(12)), nn.Parameter(torch.ones(12))
        self.rows, self.turned = nn.Parameter(torch.ones(12, 1)), nn.Parameter(torch.randn(12, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        size = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
        x = x * size * self.gain if self.how == "data" else x * (size * self.gain)
        x = F.linear(x.relu(), self.rows * self.turned[:, torch.arange(11, -1, -1)])
        return self.end(x.tanh() * self.scale)


@pytest.mark.parametrize("how", ["data", "size"])
def test_bare_parameters_of_a_large_module(how: str) -> None:
    found = {one.name: one for one in parameter_roles(Large(how), sample=4 * torch.randn(5, 6))}
    assert {name: found[name].words for name in ("gain", "scale", "rows", "turned")} == {
        "gain": {"norm gain"},
        "scale": {"scalar"},
        "rows": {"norm gain"},
        "turned": {"matrix"},
    }


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor
    note: str = ""


def test_an_output_of_a_class_of_ones_own() -> None:
    class Net(nn.Linear):
        def forward(self, x: torch.Tensor) -> Answer:
            return Answer(super().forward(x))

    assert roles(Net(3, 2), sample=torch.randn(4, 3)) == {"weight": "head", "bias": "bias"}


class TwoEnds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.policy, self.trunk, self.value = nn.Linear(8, 3), nn.Linear(4, 8), nn.Linear(8, 1)
        self.spare = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.trunk(x).relu()
        return {"hidden": hidden, "policy": self.policy(hidden), "value": self.value(hidden)}


def test_two_heads_and_a_layer_that_is_not_used() -> None:
    found = {one.name: one for one in parameter_roles(TwoEnds(), sample=torch.randn(3, 4))}
    assert {name for name, one in found.items() if one.role == "head"} == {"policy.weight", "value.weight"}
    assert {name for name, one in found.items() if "unused" in one.marks} == {"spare.weight", "spare.bias"}
    assert (found["spare.weight"].role, found["spare.bias"].role) == ("matrix", "bias")
    order = sorted((one.order, name) for name, one in found.items() if one.order is not None)
    assert [name.split(".")[0] for _, name in order] == ["trunk", "trunk", "policy", "policy", "value", "value"]


def test_a_loss_tells_which_output_counts() -> None:
    found = parameter_roles(TwoEnds(), sample=torch.randn(3, 4), loss=lambda out: out["policy"].square().mean())
    assert [one.name for one in found if one.role == "head"] == ["policy.weight"]


def test_a_residual_net_without_a_last_layer() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.early(x).tanh()
            return x + self.late(x).tanh()

    found = roles(Residual(), sample=torch.randn(3, 4))
    assert (found["late.weight"], found["early.weight"]) == ("head", "matrix")


@pytest.fixture
def process_group() -> Iterator[None]:
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("torch without gloo")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def described(model: nn.Module, sample: Any) -> list[tuple[Any, ...]]:
    return [
        (one.name, one.role, one.also, one.marks, one.why, one.certain, one.order, one.invariance)
        for one in parameter_roles(model, sample=sample)
    ]


WRAPS = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "parallel": nn.DataParallel,
    "both": lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
    "averaged": lambda model: torch.optim.swa_utils.AveragedModel(model),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("sampled", [False, True])
def test_wrapping_changes_nothing(wrap: str, sampled: bool) -> None:
    model, sample = Language(), torch.tensor(INDEX) if sampled else None
    before = described(model, sample)
    assert described(WRAPS[wrap](model), sample) == before


def test_distributed_wrapping_changes_nothing(process_group: None) -> None:
    model, sample = Language(), torch.tensor(INDEX)
    before = described(model, sample)
    wrapped = nn.parallel.DistributedDataParallel(model)
    assert described(wrapped, sample) == before
    assert next(wrapped.named_parameters())[0].startswith("module.")


def test_parts_that_are_compiled_change_nothing() -> None:
    model, sample = Language(), torch.tensor(INDEX)
    before = described(model, sample)
    for number, block in enumerate(model.blocks):
        model.blocks[number] = torch.compile(block, backend="eager")
    model.compile(backend="eager")
    assert described(model, sample) == before


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_modules_are_told_by_what_they_do(sampled: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))
    known = {"sample": torch.randn(5, 4)} if sampled else {}
    expected = roles(model, **known)
    assert roles(torch.jit.script(model), **known) == expected
    assert list(expected.values()) == ["matrix", "bias", "norm gain", "bias", "head", "bias"]


def test_a_child_that_is_called_module_keeps_its_name() -> None:
    model = nn.Module()
    model.module = nn.Linear(2, 2)
    assert list(roles(model)) == ["module.weight", "module.bias"]


class Detached(nn.Linear):
    def __init__(self) -> None:
        super().__init__(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


@pytest.mark.parametrize(
    ("model", "known", "expected"),
    [
        (nn.LazyLinear(3), {}, "call the model once"),
        (nn.Linear(3, 1), {"loss": lambda out: out.sum()}, "without a sample"),
        (nn.Linear(3, 1), {"sample": torch.randn(2, 5)}, "cannot be called with the sample"),
        (Detached(), {"sample": torch.randn(2, 3)}, "no output of the model depends"),
        (nn.Linear(3, 1), {"sample": torch.randn(2, 3), "loss": lambda out: out}, "one number"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_what_cannot_be_answered_is_refused_with_a_remedy(
    model: nn.Module, known: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        parameter_roles(model, **known)


def test_something_that_is_no_module() -> None:
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        parameter_roles([nn.Linear(2, 2)])  # type: ignore[arg-type]
