"""L1 and elastic net as an engine: shared work, grids, degrees of freedom, descent, what is asked afterwards."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression as LeastSquares
from sklearn.model_selection import KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import weightdecay as wd
from laws.problems import regression
from weightdecay.linear import active_set, elastic_net, fold_split, moments, triangles, whole
from weightdecay.linear import quadratic as quadratics

N, P = 4000, 90  # more work than `fold_split.SMALL`: the moments are used


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts rows read, factorisations of active columns, and calls of coordinate descent."""
    found: Counter[str] = Counter()
    lock, original = Lock(), moments.row_blocks

    def reader(X: Any, **options: Any) -> Any:
        for block, part in original(X, **options):
            with lock:
                found["rows"] += block.stop - block.start
            yield block, part

    def counted(function: Any, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            found[name] += 1
            return function(*arguments, **options)

        return call

    for module in (moments, triangles):
        monkeypatch.setattr(module, "row_blocks", reader)
    monkeypatch.setattr(active_set, "_Solver", counted(active_set._Solver, "solves"))
    monkeypatch.setattr(quadratics, "_descended", counted(quadratics._descended, "descents"))
    for module in (fold_split, whole):
        monkeypatch.setattr(module, "tridiagonal", counted(module.tridiagonal, "tridiagonal"))
    return found


SEARCHES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "folds": (KFold(5), {}, 5),
    "groups": (6, {"groups": np.arange(N) // 30}, 6),
    "weights": (5, {"sample_weight": np.linspace(0.1, 2, N)}, 5),
    "time series": (TimeSeriesSplit(4), {}, 4),
    "repeats": (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), {}, 6),
    "overlapping": (ShuffleSplit(4, test_size=0.2, random_state=0), {}, 4),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("kind", ["dense", "sparse", "several targets"])
def test_folds_cost_one_pass_and_a_few_solves_a_decay(name: str, kind: str, count: Counter[str]) -> None:
    """Law 11: the rows are read once; every fold and decay is solved once, however often the search asks."""
    targets = 2 if kind == "several targets" else 1
    X, y = regression(N, P, t=2 if targets == 2 else 0)
    cv, settings, folds = SEARCHES[name]
    data = csr_array(X) if kind == "sparse" else X
    tuning = wd.tune(wd.LinearRegression(l1_ratio=0.9), data, y, cv=cv, **settings)
    tried = len(np.union1d(tuning.decays, [one.decay for one in tuning.references]))
    assert tried > 20 and tuning.losses.shape[0] == folds
    assert count["rows"] == N
    assert count["tridiagonal"] <= folds  # for no decay at all
    assert count["descents"] == 0
    assert count["solves"] <= 6 * folds * tried * targets


def test_the_model_reads_no_rows_again(count: Counter[str]) -> None:
    """The moments of all rows are the sum of those of the folds."""
    X, y = regression(N, P)
    tuning = wd.tune(wd.LinearRegression(l1_ratio=0.9), X, y)
    count.clear()
    assert tuning.model.coef_.shape == (P,)
    assert tuning.path.coef.shape == (len(tuning.decays), P) and set(tuning.opinions) == {"gcv"}
    assert count["rows"] == 0 and count["solves"] <= 6 * len(tuning.decays)


@pytest.mark.parametrize("mix", [1.0, 0.5, 0.01])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e7])
def test_the_grid_begins_where_no_column_is_left(mix: float, size: float) -> None:
    """From the least λ that leaves the constant model, four decades and more down, whatever y is measured in."""
    X, y = regression(150, 10, seed=1)
    y = y * size
    problem = wd.LinearRegression(l1_ratio=mix).open(X, y)
    grid = problem.candidates()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    least = np.abs(Z.T @ (y - y.mean())).max() / len(y) / mix
    assert least <= grid[-1] <= 10 * least and grid[0] <= 1e-4 * least
    path = wd.path(wd.LinearRegression(l1_ratio=mix), X, y, [least * (1 - 1e-9), least * (1 + 1e-9)])
    assert path.nonzeros.tolist() == [1, 0]
    tuning = wd.tune(wd.LinearRegression(l1_ratio=mix), X, y)
    assert tuning.cv == "5 folds" and len(tuning.decays) > 15


def test_the_habit_is_that_of_lasso() -> None:
    """scikit-learn's alpha goes with the mean there, not with the sum over rows."""
    X, y = regression(60, 5)
    tuning = wd.tune(wd.LinearRegression(l1_ratio=1.0), X, y, decays=[0.1, 1.0])
    habit = tuning.reference("sklearn alpha=1")
    assert habit is not None and habit.decay == 1.0 and habit.mean == tuning.mean[1]
    assert "ElasticNet(alpha=0.1, l1_ratio=1), glmnet lambda=0.1 at alpha=1" in tuning.verdict


def test_leave_one_out_is_refused_with_what_to_do() -> None:
    X, y = regression(30, 3)
    for estimator in (wd.LinearRegression(l1_ratio=1.0), wd.LinearRegression(l1_ratio=0.5)):
        with pytest.raises(ValueError, match=r"short-cut that an L1 part does not have; give cv=5, or cv=LeaveOneOut"):
            wd.tune(estimator, X, y, cv="loo")
    with pytest.raises(ValueError, match="short-cut that an L1 part does not have"):
        wd.tune(wd.LinearRegression(l1_ratio=1.0), *regression(20, 40), cv="loo")
    assert wd.tune(wd.LinearRegression(l1_ratio=1.0), X, y, cv=LeaveOneOut()).losses.shape[0] == 30


@pytest.mark.parametrize("ratio", [-0.1, 1.1, np.nan, "1", None, True])
def test_a_ratio_is_a_share(ratio: Any) -> None:
    with pytest.raises(ValueError, match="l1_ratio="):
        wd.LinearRegression(0.1, l1_ratio=ratio).fit(*regression(20, 2))


@pytest.mark.parametrize("exempt", [False, True])
@pytest.mark.parametrize("shape", [(80, 9), (30, 50)])
def test_degrees_of_freedom(shape: tuple[int, int], exempt: bool) -> None:
    """With L1 alone the number of columns, with both parts the trace of the smoother of those that are not zero."""
    X, y = regression(*shape, seed=2)
    weights = np.ones(shape[1])
    weights[:2] = 0.0 if exempt else 1.0
    decays = [0.0, 0.01, 0.1, 0.5, np.inf]
    alone = wd.path(wd.LinearRegression(l1_ratio=1.0, decay_weights=weights), X, y, decays)
    np.testing.assert_allclose(alone.df, alone.nonzeros, atol=1e-9)
    assert alone.nonzeros[-1] == (2 if exempt else 0) and alone.selects
    both = wd.path(wd.LinearRegression(l1_ratio=0.3, decay_weights=weights), X, y, decays)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    for decay, coef, df in zip(decays[1:-1], both.coef[1:-1], both.df[1:-1], strict=True):
        active = Z[:, coef != 0]
        ridge = np.diag(len(y) * decay * 0.7 * weights[coef != 0])
        np.testing.assert_allclose(
            df, np.trace(np.linalg.solve(active.T @ active + ridge, active.T @ active)), rtol=1e-9
        )


def test_counts_of_several_targets() -> None:
    """Each has its own; those shown together are means and sums."""
    X, Y = regression(60, 7, t=2, seed=3)
    path = wd.path(wd.LinearRegression(l1_ratio=1.0), X, Y, [0.01, 0.5, 2.0])
    assert path.nonzeros.shape == path.df.shape == (3, 2)
    np.testing.assert_array_equal(path.nonzeros, (path.coef != 0).sum(axis=2))
    np.testing.assert_allclose(path.mean_df, path.df.mean(axis=1))
    tuning = wd.tune(wd.LinearRegression(l1_ratio=1.0), X, Y)
    assert [one.path.df.ndim for one in tuning.targets] == [1, 1]
    back = wd.Tuning.from_json(tuning.to_json())
    assert back == tuning and back.path.df.shape == tuning.path.df.shape and back.l1_ratio == 1.0
    plain = wd.path(wd.LinearRegression(), X, Y, [0.01, 1.0])
    assert plain.df.shape == (2,) and not plain.selects


@pytest.mark.parametrize("mix", [1.0, 0.4])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"standardize": False, "learning_rate": 0.02},
        {"fit_intercept": False, "learning_rate": 0.02},
        {"decay_weights": [0.0, 1.0, 3.0, 0.5]},
        {"centre": [0.5, 0.0, -1.0, 0.0]},
    ],
)
def test_proximal_gradient_descent_ends_where_the_exact_solver_is(settings: dict[str, Any], mix: float) -> None:
    """Two ways that share nothing but the penalty; the objective never rises on the way."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((70, 4)) * [1, 2, 1, 1] + [0, 3, 0, 1]
    Y = np.stack([X[:, 0] + rng.standard_normal(70), X[:, 1] - X[:, 2] + rng.standard_normal(70)], axis=1)
    exact = wd.LinearRegression([0.1, 0.4], l1_ratio=mix, **settings).fit(X, Y)
    how = {"learning_rate": 0.3, **settings, "solver": "gradient_descent", "epochs": 20_000}
    model = wd.LinearRegression([0.1, 0.4], l1_ratio=mix, **how).fit(X, Y)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-7)
    np.testing.assert_allclose(model.intercept_, exact.intercept_, atol=1e-7)
    assert ((model.coef_ == 0) == (exact.coef_ == 0)).all()
    assert model.history_ is not None and model.history_.converged
    assert (np.diff(model.history_.loss) <= 1e-12).all()


def test_descent_of_one_step_is_the_textbook_update() -> None:
    """u ← soft(u − α∇, αλρ)/(1 + αλ(1 − ρ)), from zero."""
    X, y = regression(40, 3, seed=5)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        settings = {"l1_ratio": 0.6, "solver": "gradient_descent", "epochs": 1, "learning_rate": 0.1}
        model = wd.LinearRegression(0.5, **settings).fit(X, y)
    step = 0.1 * Z.T @ (y - y.mean()) / 40
    u = np.sign(step) * np.maximum(np.abs(step) - 0.1 * 0.5 * 0.6, 0.0) / (1 + 0.1 * 0.5 * 0.4)
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), u, rtol=1e-10)


KINDS = {"tall": (60, 6), "wide": (25, 40), "one column": (30, 1)}


@pytest.mark.parametrize("kind", [*KINDS, "sparse", "two targets", "constant target"])
@pytest.mark.parametrize("mix", [pytest.param(1.0, marks=pytest.mark.long), 0.5])
def test_what_is_asked_afterwards(kind: str, mix: float, tmp_path: Path) -> None:
    """Diagnostics, findings, intervals, report, file, JSON."""
    X, y = regression(*KINDS.get(kind, (60, 6)), t=2 if kind == "two targets" else 0, seed=6)
    y = np.full(60, 3.0) if kind == "constant target" else y
    tuning = wd.tune(wd.LinearRegression(l1_ratio=mix), csr_array(X) if kind == "sparse" else X, y)
    assert isinstance(tuning.findings, tuple) and tuning.l1_ratio == mix
    one = tuning.targets[0] if tuning.targets else tuning
    found = one.diagnostics
    assert found is not None and found.df <= found.rank + 1e-9
    coef = np.atleast_2d(tuning.model.coef_)[0]
    np.testing.assert_allclose(found.coef, coef, rtol=1e-8, atol=1e-10)
    wd.report(tuning, str(tmp_path / "out.html"))
    wd.save(tuning.model, str(tmp_path / "model.wd"))
    loaded = wd.load(str(tmp_path / "model.wd"))
    assert loaded.l1_ratio == mix
    np.testing.assert_array_equal(loaded.predict(X), tuning.model.predict(X))
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_fold_models_of_diagnostics_are_refits() -> None:
    """Least and greatest coefficients among the folds, at their own Λ, of tall and of wide data."""
    for shape in KINDS.values():
        X, y = regression(*shape, seed=7)
        pairs = list(KFold(3).split(X))
        tuning = wd.tune(wd.LinearRegression(l1_ratio=0.8), X, y, decays=[0.1], cv=pairs)
        coef = []
        for train, _ in pairs:
            share = 0.1 * len(y) / len(train)
            coef.append(wd.LinearRegression(share, l1_ratio=0.8).fit(X[train], y[train]).coef_)
        found = tuning.diagnostics
        assert found is not None
        np.testing.assert_allclose(found.fold_low, np.min(coef, axis=0), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.fold_high, np.max(coef, axis=0), rtol=1e-8, atol=1e-10)


def test_least_squares_beside_the_model() -> None:
    X, y = regression(60, 6, seed=8)
    found = wd.tune(wd.LinearRegression(l1_ratio=1.0), X, y).diagnostics
    assert found is not None and found.rank == pytest.approx(6)
    np.testing.assert_allclose(found.least_squares, LeastSquares().fit(X, y).coef_, rtol=1e-9)


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_scorers(scoring: str, shape: str) -> None:
    """On the held-out rows of honest refits."""
    from sklearn.metrics import get_scorer

    X, y = regression(*KINDS[shape], seed=9)
    pairs = list(KFold(3).split(X))
    tuning = wd.tune(wd.LinearRegression(l1_ratio=0.5), X, y, decays=[0.1, 1.0], cv=pairs, scoring=scoring)
    for fold, (train, test) in enumerate(pairs):
        model = wd.LinearRegression(0.1 * len(y) / len(train), l1_ratio=0.5).fit(X[train], y[train])
        assert tuning.losses[fold, 0] == pytest.approx(-get_scorer(scoring)(model, X[test], y[test]), rel=1e-8)


class TestLargeSparse:
    """Sparse data that are not made dense: centred in passing, and without the end of the path."""

    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("weightdecay.linear.elastic_net_rows.MADE_DENSE", 0)

    @staticmethod
    def data(t: int = 0) -> tuple[Any, Any, Any]:
        rng = np.random.default_rng(0)
        X = sparse.random_array((80, 120), density=0.1, rng=rng, format="csr")
        Y = X @ (rng.standard_normal((120, max(t, 1))) * (np.arange(120) < 6)[:, None])
        Y = Y + 0.1 * rng.standard_normal(Y.shape)
        return X, Y if t else Y[:, 0], rng.uniform(0.5, 2.0, 80)

    @pytest.mark.parametrize("settings", [{}, {"standardize": False}, {"fit_intercept": False}, {"centre": "some"}])
    @pytest.mark.parametrize("mix", [1.0, 0.5])
    def test_they_are_the_same_data(self, mix: float, settings: dict[str, Any]) -> None:
        X, Y, s = self.data(t=2)
        if settings:
            settings = {**settings, "centre": np.linspace(-1, 1, 120)} if "centre" in settings else settings
        decays, estimator = [0.003, 0.03, 0.3], wd.LinearRegression(l1_ratio=mix, **settings)
        stored = wd.tune(estimator, X, Y, decays=decays, cv=4, sample_weight=s)
        dense = wd.tune(estimator, X.toarray(), Y, decays=decays, cv=4, sample_weight=s)
        np.testing.assert_allclose(stored.losses, dense.losses, rtol=1e-9)
        np.testing.assert_allclose(stored.model.coef_, dense.model.coef_, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(stored.path.df, dense.path.df, rtol=1e-8)

    def test_the_end_of_the_path_is_not_known(self) -> None:
        X, y, _ = self.data()
        tuning = wd.tune(wd.LinearRegression(l1_ratio=1.0), X, y)
        none = tuning.reference("no decay")
        assert none is not None and np.isnan(none.mean) and 0 < tuning.decay < 1
        assert "(its loss is not known)" in tuning.verdict
        with pytest.raises(
            ValueError, match=r"not available for sparse data as large as 80 × 120; give a decay above 0"
        ):
            wd.LinearRegression(0.0, l1_ratio=1.0).fit(X, y)
        with pytest.raises(ValueError, match="3 columns are exempt from decay, which with an L1 part"):
            wd.LinearRegression(1.0, l1_ratio=1.0, decay_weights=[0.0] * 3 + [1.0] * 117).fit(X, y)

    def test_more_columns_than_are_factorised(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Coordinate descent goes on until its own tolerance; a fold that is not done is told."""
        monkeypatch.setattr(quadratics.OfSparse, "most", 2)
        X, y, _ = self.data()
        exact = wd.tune(wd.LinearRegression(l1_ratio=0.5), X.toarray(), y, decays=[0.1, 0.3], cv=4)
        rough = wd.tune(wd.LinearRegression(l1_ratio=0.5), X, y, decays=[0.1, 0.3], cv=4)
        np.testing.assert_allclose(rough.losses, exact.losses, rtol=1e-4)
        monkeypatch.setattr(quadratics, "SWEEPS", 1)
        stopped = wd.tune(wd.LinearRegression(l1_ratio=0.5), X, y, decays=[0.001, 0.3], cv=4)
        assert "not converged" in stopped.status and "WD013" in [one.code for one in stopped.findings]


def test_a_model_that_is_not_reached_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A returned model too."""
    monkeypatch.setattr(elastic_net, "UNFINISHED", -1.0)
    X, y = regression(30, 50, seed=10)
    with pytest.warns(ConvergenceWarning, match="not converged"):
        model = wd.LinearRegression(0.1, l1_ratio=0.5).fit(X, y)
    assert model.status_.startswith("not converged")
    assert set(wd.path(wd.LinearRegression(l1_ratio=0.5), X, y, [0.1]).status) == {"not converged"}
