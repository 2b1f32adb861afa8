"""Several targets under a scorer: each has its own curve and decay, the record outside that of all together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import r2_score

import weightdecay as wd
from laws.problems import regression
from weightdecay.linear import fold_split, opening, whole

DECAYS = [0.0, 0.01, 0.3, 2.0, np.inf]


@pytest.fixture(params=["tall", "moments", "wide", "krylov"])
def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way through the data; the limits that choose it moved where small data would go another."""
    name = str(request.param)
    if name == "moments":
        monkeypatch.setattr(fold_split, "SMALL", 0.0)
        monkeypatch.setattr(whole, "SMALL", 0.0)
    if name == "krylov":
        monkeypatch.setattr(opening, "LARGE", 10)
    return name


def table(side: str) -> tuple[Any, np.ndarray]:
    X, y = regression(40, 60 if side == "wide" else 12, seed=5)
    noise = np.random.default_rng(6).standard_normal((40, 2))
    Y = np.column_stack([y, 0.2 * y + noise[:, 0], noise[:, 1]])
    return csr_array(X) if side == "krylov" else X, Y


@pytest.mark.parametrize("cv", [4, "loo"])
def test_each_target_is_scored_as_if_alone(side: str, cv: Any) -> None:
    if side == "krylov" and cv == "loo":
        pytest.skip("large sparse data have no leave-one-out")
    X, Y = table(side)
    together = wd.tune(wd.LinearRegression(), X, Y, cv=cv, decays=DECAYS, scoring="r2")
    for number, one in enumerate(together.targets):
        alone = wd.tune(wd.LinearRegression(), X, Y[:, number], cv=cv, decays=DECAYS, scoring="r2")
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-9, atol=1e-12)
        assert one.decay == alone.decay and one.window == pytest.approx(alone.window, rel=1e-6)
    assert len(together.targets) == 3
    assert side == "wide" or len({one.decay for one in together.targets}) > 1
    # r2 averages over targets, so that the whole is the mean of the parts.
    np.testing.assert_allclose(together.mean, np.mean([one.mean for one in together.targets], axis=0), atol=1e-12)
    assert together.model.decay_.tolist() == [one.decay for one in together.targets]


def test_the_record_outside_is_the_score_of_all_targets_together(side: str) -> None:
    X, Y = table(side)

    def weighted_r2(y: np.ndarray, prediction: np.ndarray) -> float:
        return float(r2_score(y, prediction, multioutput="variance_weighted"))

    from sklearn.metrics import make_scorer

    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=4, decays=DECAYS, scoring=make_scorer(weighted_r2))
    separate = np.mean([one.mean for one in tuning.targets], axis=0)
    assert not np.allclose(tuning.mean, separate, rtol=1e-3)
    assert len(tuning.targets) == 3
    assert tuning.scoring == "−weighted_r2"
