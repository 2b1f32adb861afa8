"""Tables of text, dates, prose and gaps for networks: every fold learns its encoding from its own training rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from scipy import sparse  # noqa: E402
from sklearn.feature_extraction.text import TfidfTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from laws.honest_tables import raw_table  # noqa: E402
from weightdecay.tables.encoder import encode  # noqa: E402
from weightdecay.tuning.folds import plan  # noqa: E402

Array = NDArray[np.float64]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table(n: int, seed: int = 0) -> tuple[pd.DataFrame, Array]:
    """Numbers and texts with gaps; a level, a gap and a number that only one row has."""
    frame, y = raw_table(n, seed)
    frame["rare gap"] = np.random.default_rng(seed + 7).standard_normal(n)
    frame.loc[n // 2, "rare gap"] = None
    frame["flat"] = 5.0
    frame.loc[n // 4, "flat"] = 1e6
    return frame, np.asarray(y)


def honest(frame: pd.DataFrame, train: Any, names: Sequence[str], weight: Array | None = None) -> Array:
    """All rows in columns of some names, by scikit-learn's steps fitted on the training rows; 0 where they lack it."""
    some = train if weight is None else train[weight[train] > 0]
    found: dict[str, Array] = {}
    for name in frame:
        column = frame[[name]]
        if column[name].dtype == object or str(column[name].dtype) in ("str", "string"):
            values = column.astype(object).where(column.notna(), None)
            impute = SimpleImputer(strategy="most_frequent", missing_values=None).fit(values.iloc[some])
            encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(
                impute.transform(values.iloc[some])
            )
            levels = encoder.transform(impute.transform(values))
            found |= {f"{name} = {one}": levels[:, at] for at, one in enumerate(encoder.categories_[0])}
            if column[name].iloc[some].isna().any():
                found[f"{name} is missing"] = column[name].isna().to_numpy(dtype=float)
        else:
            impute = SimpleImputer(strategy="median", add_indicator=True).fit(column.iloc[some])
            found |= dict(zip((name, f"{name} is missing"), impute.transform(column).T, strict=False))
    kept = [name for name in names if name in found and np.ptp(found[name][some]) > 0]
    made = np.column_stack([found[name] for name in kept])
    scaler = StandardScaler().fit(made[some], sample_weight=None if weight is None else weight[some])
    whole = np.zeros((len(frame), len(names)))
    whole[:, [list(names).index(name) for name in kept]] = scaler.transform(made)
    return whole


def opened(estimator: Any, frame: Any, y: Any, weight: Any = None, text: Sequence[str] = ()) -> tuple[Any, Any]:
    """The problem of an encoded table, and the design."""
    used = None if weight is None else weight > 0
    encoded = encode(frame, text=tuple(text), used=used)[1]
    return estimator.open(encoded, y, weight), encoded


def fold_inputs(problem: Any, cv: Any, y: Any) -> list[tuple[Any, Any, Array]]:
    """Rows that train and that are held out of every fold, and the inputs of all rows as the fold has them."""
    split = problem.split(plan(cv, len(y), y=y))
    split.held_out(np.array([np.inf]))
    return [(one.train, one.test, one.scales.inputs(problem.opened.X)) for one in split.known]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "cv", [KFold(5, shuffle=True, random_state=0), TimeSeriesSplit(3), GroupKFold(4)], ids=["k", "time", "groups"]
)
def test_inputs_of_a_fold_are_those_of_scikit_learns_steps(cv: Any, weighted: bool) -> None:
    n = 150
    frame, y = table(n)
    weight = None
    if weighted:
        weight = np.random.default_rng(1).uniform(0.2, 3.0, n)
        weight[::17] = 0.0
    problem, encoded = opened(wd.NetworkRegressor((4,), epochs=1), frame, y, weight)
    groups = np.random.default_rng(2).integers(0, 9, n) if isinstance(cv, GroupKFold) else None
    splits = list(cv.split(y, y, groups))
    found = fold_inputs(problem, splits, y)
    assert {"site = only here", "rare gap is missing", "flat", "kind is missing"} <= set(encoded.names)
    lost = 0
    for (train, test), (own, held, inputs) in zip(splits, found, strict=True):
        np.testing.assert_array_equal(np.sort(train), own)
        np.testing.assert_array_equal(np.sort(test), held)
        due = honest(frame, own, encoded.names, weight)
        np.testing.assert_allclose(inputs, due, rtol=1e-12, atol=1e-12)
        lost += int((~due.any(axis=0)).sum())
    assert lost >= 2  # a level, a gap and a number that no training row has


def test_terms_have_the_frequencies_of_the_training_rows() -> None:
    """A text's term frequencies, scaled to length 1, times inverse document frequencies, less the training mean."""
    n, rng = 90, np.random.default_rng(0)
    words = np.array(["ash", "birch", "cedar", "dogwood", "elm", "fir"])
    texts = [" ".join(rng.choice(words, 5, p=[0.4, 0.3, 0.15, 0.09, 0.05, 0.01])) for _ in range(n)]
    frame = pl.DataFrame({"size": rng.standard_normal(n), "text": texts})
    y = np.array([one.count("birch") for one in texts]) + rng.standard_normal(n)
    problem, encoded = opened(wd.NetworkRegressor((4,), epochs=1), frame, y, text=["text"])
    counts = np.array([[one.split().count(name) for name in words] for one in texts], dtype=float)
    shares = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    places = [encoded.names.index(f"text: {name}") for name in words if f"text: {name}" in encoded.names]
    kept = [at for at, name in enumerate(words) if f"text: {name}" in encoded.names]
    assert len(kept) >= 5
    for train, _, inputs in fold_inputs(problem, list(KFold(4).split(y)), y):
        idf = TfidfTransformer(norm=None, smooth_idf=True).fit(counts[train]).idf_[kept]
        due = (shares[:, kept] - shares[train][:, kept].mean(axis=0)) * idf
        due[:, np.ptp(shares[train][:, kept], axis=0) == 0] = 0.0
        np.testing.assert_allclose(inputs[:, places], due, rtol=1e-12, atol=1e-12)


def alone(Z: Array, y: Array, train: Any, decay: float, epochs: int) -> Array:
    """What a plain module and torch.optim.SGD with decoupled decay make of all rows, full batches, in doubles."""
    mean, scale = y[train].mean(), y[train].std()
    x, target = torch.as_tensor(Z), torch.as_tensor((y - mean) / scale)[:, None]
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(Z.shape[1], 6), nn.ReLU(), nn.Linear(6, 1)).double()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    for _ in range(epochs):
        optimiser.zero_grad()
        (0.5 * (module(x[train]) - target[train]) ** 2).mean().backward()
        with torch.no_grad():
            for one in module.parameters():
                one *= 1 - 0.05 * decay if one.ndim > 1 else 1
        optimiser.step()
    with torch.no_grad():
        return np.asarray(module(x)[:, 0].numpy() * scale + mean)


SETTINGS: dict[str, Any] = {"hidden": (6,), "epochs": 15, "batch_size": 1000, "learning_rate": 0.05, "optimizer": "sgd"}


def test_held_out_losses_are_those_of_networks_on_honest_columns() -> None:
    """Law 7 for raw tables, through the door."""
    frame, y = table(150)
    splits = list(KFold(3, shuffle=True, random_state=1).split(y))
    decays = [0.01, 1.0]
    tuning = wd.tune(wd.NetworkRegressor(**SETTINGS), frame, y, decays=decays, cv=splits)
    for fold, (train, test) in enumerate(splits):
        Z = honest(frame, train, tuning.columns)
        for place, decay in enumerate(decays):
            error = y[test] - alone(Z, y, train, decay, 15)[test]
            assert tuning.losses[fold, place] == pytest.approx((error**2).mean(), rel=1e-4)
    model = tuning.model
    assert type(model) is wd.TableModel and type(model.estimator) is wd.NetworkRegressor
    everything = np.arange(len(y))
    due = alone(honest(frame, everything, tuning.columns), y, everything, tuning.decay, 15)
    np.testing.assert_allclose(model.predict(frame), due, rtol=0, atol=1e-4 * y.std())
    np.testing.assert_array_equal(model.predict(frame[frame.columns[::-1]].iloc[:9]), model.predict(frame)[:9])


def test_classes_of_a_table() -> None:
    frame, y = table(120)
    labels = np.where(y > np.median(y), "high", "low")
    tuning = wd.tune(wd.NetworkClassifier(**SETTINGS), frame, labels, decays=[0.01, np.inf])
    assert tuning.cv == "5 stratified folds" and tuning.model.classes_.tolist() == ["high", "low"]
    np.testing.assert_allclose(tuning.losses[:, 1], np.log(2), rtol=1e-2)
    chance = tuning.model.predict_proba(frame)
    assert chance.shape == (120, 2) and tuning.model.score(frame, labels) > 0.6
    with pytest.warns(wd.NewRowsWarning):
        tuning.model.predict_proba(frame.assign(site="never seen"))


def test_settings_of_a_space_are_tuned_together_on_tables_too() -> None:
    frame, y = table(100)
    rates = [0.01, 0.05]
    both = wd.tune(wd.NetworkRegressor(**SETTINGS), frame, y, decays=[0.1, 1.0], cv=3, space={"learning_rate": rates})
    assert sorted(trial.params["learning_rate"] for trial in both.trials) == rates
    for trial in both.trials:
        one = wd.NetworkRegressor(**{**SETTINGS, **trial.params})
        np.testing.assert_array_equal(wd.tune(one, frame, y, decays=[0.1, 1.0], cv=3).mean.min(), trial.mean)


def test_what_does_not_vary_in_training_rows_says_nothing_of_others() -> None:
    """A plain array alike: a number that only a held-out row has cannot blow its prediction up."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
    X[:, 2] = 3.0
    splits = [(np.arange(40), np.arange(40, 60))]
    model = wd.NetworkRegressor((4,), epochs=3)
    before = wd.tune(model, X, y, decays=[0.01], cv=splits).losses
    X[50, 2] = 1e9
    np.testing.assert_array_equal(wd.tune(model, X, y, decays=[0.01], cv=splits).losses, before)


def test_sparse_columns_are_those_of_the_dense_array() -> None:
    rng = np.random.default_rng(0)
    X = np.where(rng.random((50, 6)) < 0.3, rng.standard_normal((50, 6)), 0.0)
    y = X.sum(axis=1)
    model = wd.NetworkRegressor((4,), decay=0.01, epochs=5)
    dense = model.fit(X, y).predict(X)
    for kind in (sparse.csr_array, sparse.csc_matrix):
        np.testing.assert_array_equal(wd.NetworkRegressor(**model.get_params()).fit(kind(X), y).predict(kind(X)), dense)


def test_sparse_columns_beyond_memory_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weightdecay.neural.network.inputs.memory", lambda: 8 * 8 * 1000)
    with pytest.raises(ValueError, match=r"50 rows and 30 columns, 12 kB: more than 8 kB, an eighth .* keep X sparse$"):
        wd.NetworkRegressor(epochs=1).fit(sparse.csr_array((50, 30)), np.arange(50.0))
    wd.NetworkRegressor(decay=0, epochs=1).fit(np.zeros((50, 30)), np.arange(50.0))  # what is there already is used


DATES = [date(2024, 1, 1 + day) for day in range(20)]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"kind": ["a", "b"] * 10}), "holds 'a' in row 0"),
        (pd.DataFrame({"kind": [1.0, "b"] * 10}), "holds 'b' in row 1"),
        (pd.DataFrame({"kind": pd.Series(["a", "b"] * 10, dtype="category")}), "holds 'a' in row 0"),
        (pd.DataFrame({"kind": pd.to_datetime(DATES)}), "holds Timestamp.*2024-01-01"),
        (pl.DataFrame({"kind": ["a", "b"] * 10}), "holds 'a' in row 0"),
        (pl.DataFrame({"kind": DATES}), r"holds datetime.date\(2024, 1, 1\) in row 0"),
    ],
)
def test_fit_refuses_text_and_says_what_takes_it(frame: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"column 'kind' {said}.*fit takes columns of numbers: wd.tune encodes text"):
        wd.NetworkRegressor(epochs=1).fit(frame, np.arange(20.0))
