"""Network estimators: scikit-learn's conventions, the search of every other estimator, sentences for bad input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes, load_wine  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402
from torch import nn  # noqa: E402

from weightdecay.linear.classification import LogisticRegression  # noqa: E402
from weightdecay.linear.estimators import LinearRegression  # noqa: E402
from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor  # noqa: E402
from weightdecay.neural.population.data import batches  # noqa: E402
from weightdecay.neural.population.training import made  # noqa: E402
from weightdecay.records.tuning import Tuning  # noqa: E402

MINI = "mini-batches see a row twice where a weight of 2 counts it double once"


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def expected_to_fail(estimator: Any) -> dict[str, str]:
    """Checks that mini-batches cannot pass."""
    return {f"check_sample_weight_equivalence_on_{kind}_data": MINI for kind in ("dense", "sparse")}


@parametrize_with_checks(
    [
        NetworkClassifier((16,), decay=0.01, epochs=60, batch_size=16, learning_rate=0.02),
        NetworkRegressor((16,), decay=0.01, epochs=60, batch_size=16, learning_rate=0.02),
    ],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def linear(n_inputs: int, n_outputs: int) -> nn.Module:
    """No hidden layer."""
    return nn.Linear(n_inputs, n_outputs)


@pytest.mark.parametrize("decay", [0.01, 0.3])
def test_a_linear_module_reaches_the_ridge_path(decay: float) -> None:
    """Law 2: full batch, coupled form, trained to its end; λ is the same number."""
    X, y = load_diabetes(return_X_y=True)
    settings: dict[str, Any] = {"optimizer": "sgd", "form": "coupled", "learning_rate": 0.05, "epochs": 3000}
    model = NetworkRegressor(module=linear, decay=decay, batch_size=len(y), **settings).fit(X, y)
    expected = LinearRegression(decay=decay).fit(X, y)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=0, atol=1e-5 * float(np.std(y)))
    coef = model.module_.weight.detach().numpy()[0] * model.scales_.y_scale / model.scales_.x_scale
    np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=1e-5 * np.abs(expected.coef_).max())


def test_a_linear_module_reaches_the_logistic_path() -> None:
    """The same of three classes."""
    X, y = load_wine(return_X_y=True)
    settings: dict[str, Any] = {"optimizer": "sgd", "form": "coupled", "learning_rate": 0.1, "epochs": 4000}
    model = NetworkClassifier(module=linear, decay=0.05, batch_size=len(y), **settings).fit(X, y)
    expected = LogisticRegression(decay=0.05).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=0, atol=1e-5)
    coef = model.module_.weight.detach().numpy() / model.scales_.x_scale
    np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=1e-5 * np.abs(expected.coef_).max())


def alone(X: Any, y: Any, train: Any, decay: float, epochs: int) -> Any:
    """Probabilities of all rows by a plain module and torch.optim.AdamW, in double precision."""
    mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
    Z, target = torch.as_tensor((X - mean) / scale), torch.as_tensor(y)
    make = lambda: nn.Sequential(nn.Linear(X.shape[1], 12), nn.ReLU(), nn.Linear(12, 3))  # noqa: E731
    module = made(make, 0).double()
    groups = [
        {"params": [one for one in module.parameters() if one.ndim > 1], "weight_decay": decay},
        {"params": [one for one in module.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=0.01)
    from weightdecay.neural.population.data import Rows

    rows = Rows(Z[train], target[train], torch.ones(len(train)).double())
    for epoch in range(epochs):
        for x, labels, share in batches(rows, 32, 0, epoch):
            optimiser.zero_grad()
            (nn.functional.cross_entropy(module(x), labels, reduction="none") * share).sum().backward()
            optimiser.step()
    with torch.no_grad():
        return torch.softmax(module.eval()(Z), dim=1).numpy()


def test_held_out_losses_are_those_of_members_trained_alone() -> None:
    """Law 7: folds × decays in single precision, beside plain torch in double: within 1e-3."""
    X, y = load_wine(return_X_y=True)
    decays = np.array([0.0, 0.1, 3.0])
    rng = np.random.default_rng(0).permutation(len(y))
    splits = [(np.sort(rng[60:]), np.sort(rng[:60])), (np.sort(rng[:100]), np.sort(rng[100:]))]
    model = NetworkClassifier((12,), epochs=8, batch_size=32, learning_rate=0.01, decays=decays, cv=splits).fit(X, y)
    for fold, (train, test) in enumerate(splits):
        for place, decay in enumerate(decays):
            chance = alone(X, y, train, float(decay), 8)[test]
            loss = -np.log(chance[np.arange(len(test)), y[test]]).mean()
            assert model.tuning_.losses[fold, place] == pytest.approx(loss, rel=1e-3)


def test_the_search_is_that_of_all_estimators() -> None:
    X, y = load_wine(return_X_y=True)
    model = NetworkClassifier((8,), epochs=10, batch_size=32, learning_rate=0.01, cv=3).fit(X, y)
    tuning = model.tuning_
    assert tuning.losses.shape == (3, len(tuning.decays)) and model.decay_ == tuning.decay
    assert tuning.window[0] <= tuning.decay <= tuning.window[1] and "decay" in tuning.verdict
    assert Tuning.from_json(tuning.to_json()) == tuning
    assert tuning.path.columns == ("0.weight", "2.weight") and np.isfinite(tuning.path.coef).all()
    history = model.history_
    assert history.loss.shape == history.held_out.shape == (11,) and history.weights.shape == (11, 2)
    assert history.loss[-1] < history.loss[0] and np.isfinite(history.held_out).all()
    again = NetworkClassifier((8,), epochs=10, batch_size=32, learning_rate=0.01, cv=3).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_early_stopping_takes_the_best_epoch() -> None:
    """A learning rate that overshoots late: the epoch kept is not the last, and a tenth of the rows never trained."""
    X, y = load_wine(return_X_y=True)
    settings: dict[str, Any] = {"decay": 0.0, "epochs": 200, "batch_size": 16, "learning_rate": 0.05}
    stopped = NetworkClassifier((32,), early_stopping=True, **settings).fit(X, y)
    assert stopped.n_iter_ < 200 and stopped.score(X, y) > 0.9


BAD: list[tuple[dict[str, Any], str]] = [
    ({"module": nn.Linear(13, 3)}, "is a module, and every member"),
    ({"module": 3}, r"expected a function of \(n_inputs, n_outputs\)"),
    ({"module": lambda a, b: 7}, "returned int, expected a torch module"),
    ({"module": lambda: nn.Linear(1, 1)}, "it is called with the numbers of inputs and outputs"),
    ({"module": lambda a, b: nn.Linear(a + 1, b)}, r"cannot take rows of shape \(13,\)"),
    ({"module": lambda a, b: nn.Linear(a, b + 1)}, r"gives \(2, 4\) for two rows, expected \(2, 3\)"),
    ({"hidden": (8, 0)}, "expected widths of hidden layers"),
    ({"optimizer": "adamw", "form": "coupled"}, "is Adam with decoupled decay"),
    ({"optimizer": "lion"}, "is not known"),
    ({"form": "l2"}, "is not known"),
    ({"epochs": 0}, "expected a whole number of at least 1"),
    ({"learning_rate": -1.0}, "expected a positive number"),
    ({"dropout": 1.0}, "expected a number from 0"),
    ({"decay": -1.0}, "expected 'auto' or a number of at least 0"),
    ({"decay": "best"}, "is not known"),
    ({"cv": "loo", "decay": "auto"}, "would train a network for every row"),
    ({"device": "abacus"}, "is not known"),
    ({"exempt": ["3.weight"]}, "matches no parameter and is no role"),
    ({"exempt": [nn.Linear(2, 2)]}, "names a module Linear without a parameter of this model"),
    ({"module": lambda a, b: nn.Linear(a, b), "dropout": 0.5}, "put torch.nn.Dropout into the module"),
]


@pytest.mark.parametrize("settings, sentence", BAD)
def test_bad_input_gets_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    X, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match=sentence):
        NetworkClassifier(**{"decay": 0.1, "epochs": 1, **settings}).fit(X, y)


def changed(values: Any, place: Any, value: float) -> Any:
    """A copy with another value at a place."""
    found = np.array(values, dtype=np.float64)
    found[place] = value
    return found


X_WINE, Y_WINE = load_wine(return_X_y=True)
BAD_DATA: list[tuple[dict[str, Any], str]] = [
    ({"X": changed(X_WINE, (7, 2), np.nan)}, "Input X contains NaN. It is in row 7, column 2; drop these rows"),
    ({"X": changed(X_WINE, ([9, 4], 2), np.inf)}, "Input X contains infinity .* in row 4, column 2 and 1 more place;"),
    ({"X": pd.DataFrame(changed(X_WINE, (0, 1), np.nan)).add_prefix("c")}, "in row 0, column 'c1'"),
    ({"y": changed(Y_WINE, 5, np.nan)}, "Input y contains NaN. It is in row 5; drop these rows, or give them a value"),
    ({"X": X_WINE[:, 0]}, "Expected 2D array, got 1D array"),
    ({"X": X_WINE[:, :0]}, r"0 feature\(s\)"),
    ({"X": X_WINE[:, :, None]}, "dim 3"),
    ({"y": Y_WINE[:-1]}, r"inconsistent numbers of samples: \[178, 177\]"),
    ({"y": np.zeros(178)}, "holds one class only"),
    ({"sample_weight": np.ones(3)}, r"sample_weight.shape == \(3,\), expected \(178,\)"),
    ({"sample_weight": changed(np.ones(178), 3, np.nan)}, "sample_weight contains NaN"),
    ({"sample_weight": changed(np.ones(178), 3, -1.0)}, "Negative values in data passed to `sample_weight`"),
    ({"sample_weight": np.eye(178)[0]}, "fewer than two rows have a positive sample weight"),
]


@pytest.mark.parametrize("given, sentence", BAD_DATA)
def test_bad_data_get_a_sentence_with_the_place(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        NetworkClassifier(decay=0.1, epochs=1).fit(**{"X": X_WINE, "y": Y_WINE, **given})


def test_gaps_of_targets_and_of_new_rows_are_placed_too() -> None:
    targets = changed(X_WINE[:, :2], (3, 1), np.nan)
    with pytest.raises(ValueError, match=r"Input y contains NaN\. It is in row 3 of target 1"):
        NetworkRegressor(decay=0.1, epochs=1).fit(X_WINE, targets)
    model = NetworkClassifier((4,), decay=0.1, epochs=1).fit(X_WINE, Y_WINE)
    with pytest.raises(ValueError, match=r"Input X contains NaN\. It is in row 7, column 2"):
        model.predict(changed(X_WINE, (7, 2), np.nan))
    with pytest.raises(ValueError, match="X has 12 features, but NetworkClassifier is expecting 13"):
        model.predict(X_WINE[:, 1:])


def test_rows_of_weight_zero_are_no_rows_and_weights_are_relative() -> None:
    weight = np.where(np.arange(178) % 3 == 0, 0.0, 1.0)
    settings: dict[str, Any] = {"epochs": 4, "batch_size": 32, "decays": [0.01, 1.0], "cv": 3, "learning_rate": 0.01}
    weighted = NetworkClassifier((4,), **settings).fit(X_WINE, Y_WINE, weight)
    fewer = NetworkClassifier((4,), **settings).fit(X_WINE[weight > 0], Y_WINE[weight > 0])
    np.testing.assert_allclose(weighted.tuning_.losses, fewer.tuning_.losses, rtol=1e-6)
    np.testing.assert_allclose(weighted.predict_proba(X_WINE), fewer.predict_proba(X_WINE), rtol=0, atol=1e-6)
    larger = NetworkClassifier((4,), **settings).fit(X_WINE, Y_WINE, 8.0 * weight)
    np.testing.assert_allclose(larger.tuning_.losses, weighted.tuning_.losses, rtol=1e-6)
    heavy = NetworkClassifier((4,), **settings).fit(X_WINE, Y_WINE, np.where(Y_WINE == 2, 30.0, 1.0))
    plain = NetworkClassifier((4,), **settings).fit(X_WINE, Y_WINE)
    assert heavy.predict_proba(X_WINE)[:, 2].mean() > plain.predict_proba(X_WINE)[:, 2].mean() + 0.05


class Branching(nn.Module):
    """A forward pass that looks at its numbers, which nothing can vectorise."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(n_inputs, 4), nn.Linear(4, n_outputs)

    def forward(self, x: Any) -> Any:
        """Of positive sums."""
        h = torch.relu(self.first(x))
        return self.head(h if float(h.detach().sum()) >= 0 else -h)


def test_a_module_that_cannot_be_vectorised_is_a_loop_and_it_is_said() -> None:
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 64, "decays": [0.01, 1.0], "cv": 2}
    looped = NetworkClassifier(module=Branching, **settings).fit(X_WINE, Y_WINE).tuning_
    assert (looped.status == "one by one").all()
    (found,) = [one for one in looped.findings if one.code == "WD029"]
    assert "cannot be vectorised" in found.message and "one by one" in found.message and "torch.where" in found.remedy
    plain = lambda p, k: nn.Sequential(nn.Linear(p, 4), nn.ReLU(), nn.Linear(4, k))  # noqa: E731
    chained = NetworkClassifier(module=plain, **settings).fit(X_WINE, Y_WINE).tuning_
    assert "WD029" not in {one.code for one in chained.findings}
    np.testing.assert_allclose(looped.losses, chained.losses, rtol=1e-5)


def test_memory_that_does_not_hold_one_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from weightdecay.neural.population import groups

    def none(*given: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(groups, "trained", none)
    with pytest.raises(MemoryError, match="does not hold one network and a batch of 16 rows: give a smaller"):
        NetworkClassifier((4,), decay=0.1, batch_size=16).fit(X_WINE, Y_WINE)
    with pytest.raises(MemoryError, match="does not hold one network"):
        NetworkClassifier((4,), cv=2, batch_size=16).fit(X_WINE, Y_WINE)


class Words(nn.Module):
    """Columns as words of a vocabulary of 5, a norm with a gain of two dimensions, and a head."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 3)
        self.norm = nn.LayerNorm((n_inputs, 3))
        self.head = nn.Linear(3 * n_inputs, n_outputs)

    def forward(self, x: Any) -> Any:
        """(n, p) → (n, k)."""
        return self.head(self.norm(self.words(x.round().long().clamp(-2, 2) + 2)).flatten(1))


EXEMPT: list[tuple[Any, set[str]]] = [
    ("auto", {"words.weight", "norm.weight", "norm.bias", "head.bias"}),
    (None, set()),
    ([], set()),
    (["bias"], {"norm.bias", "head.bias"}),
    (["embedding", "head.*"], {"words.weight", "head.weight", "head.bias"}),
    ("norm gain", {"norm.weight"}),
    (lambda name, parameter, role: role == "head", {"head.weight"}),
]


@pytest.mark.parametrize("exempt, names", EXEMPT)
def test_who_is_exempt_is_told_by_what_parameters_are(exempt: Any, names: set[str]) -> None:
    """At a rate of next to nothing and λ = 1 in the independent form the first step leaves only who is exempt."""
    model = NetworkClassifier(
        module=Words, exempt=exempt, decay=1.0, form="independent", epochs=1, batch_size=178, learning_rate=1e-30
    ).fit(X_WINE, Y_WINE)
    alive = {name for name, one in model.module_.named_parameters() if float(one.detach().abs().max()) > 1e-20}
    assert alive == names - {"norm.bias"}  # which begins at 0


def test_roles_are_measured_once_for_all_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    from weightdecay.neural import groups

    calls, whole = [], groups.parameter_roles
    monkeypatch.setattr(groups, "parameter_roles", lambda *a, **k: calls.append(k["sample"].shape) or whole(*a, **k))
    NetworkClassifier((4,), epochs=1, decays=[0.1, 1.0], cv=3).fit(X_WINE, Y_WINE)
    assert calls == [(32, 13)]


def test_a_class_that_a_fold_never_sees_is_named() -> None:
    X, y = load_wine(return_X_y=True)
    splits = [(np.flatnonzero(y < 2), np.flatnonzero(y == 2)), (np.flatnonzero(y > 0), np.flatnonzero(y == 0))]
    with pytest.raises(ValueError, match="trains on no row of class"):
        NetworkClassifier(epochs=1, cv=splits).fit(X, y)


def test_a_network_that_diverges_is_no_candidate() -> None:
    """At η = 0.1, λ = 30 takes three times a weight away in every step."""
    X, y = load_wine(return_X_y=True)
    decays = np.array([0.0, 1e-3, 30.0])
    settings: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 60, "batch_size": 32}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NetworkClassifier((4,), decays=decays, cv=3, **settings).fit(X, y)
    assert (model.tuning_.status[:, -1] == "diverged").all() and model.decay_ < 1.0


@pytest.mark.parametrize("model", [NetworkClassifier, NetworkRegressor])
def test_of_many_rows_a_fifth_is_held_out_once(model: Any) -> None:
    X = np.random.default_rng(0).standard_normal((10_005, 2))
    y = (X[:, 0] > 0).astype(int) if model is NetworkClassifier else X[:, 0]
    tuning = model((4,), epochs=1, batch_size=512, decays=[0.0, 0.1]).fit(X, y).tuning_
    assert tuning.losses.shape == (1, 2) and np.isfinite(tuning.losses).all() and (tuning.standard_error > 0).all()
    assert "weight_decay=" in tuning.verdict
