"""What a `Tuning` computes only when asked: from the data as they were, by the estimator's own solver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import weightdecay as wd
from laws.problems import regression

ASKED = ("model", "path", "opinions", "findings")


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("changed", ["X", "y", "sample_weight"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_data_changed_meanwhile_are_told(asked: str, changed: str, kind: Any) -> None:
    X, y = regression(80, 4)
    data = {"X": kind(X), "y": y.copy(), "sample_weight": np.ones(80)}
    tuning = wd.tune(wd.LinearRegression(), **data)
    same = wd.tune(wd.LinearRegression(), **data)
    target = data[changed].data if sparse.issparse(data[changed]) else data[changed]
    target[...] = 0.5
    with pytest.raises(ValueError, match=r"were changed since the decay was tuned.*call tuning\.settled\(\) before"):
        getattr(tuning, asked)
    target[...] = 7.0
    with pytest.raises(ValueError, match="were changed"):
        same.to_json()


def test_what_was_settled_before_needs_no_data() -> None:
    X, y = regression(80, 4)
    tuning = wd.tune(wd.LinearRegression(), X, y)
    settled, text = tuning.settled(), tuning.to_json()
    X[...] = 0.0
    assert settled.to_json() == text and settled.findings == tuning.findings


def test_the_model_of_gradient_descent_is_of_gradient_descent() -> None:
    X, y = regression(60, 3)
    estimator = wd.LinearRegression(solver="gradient_descent", epochs=500, learning_rate=0.3, tol=1e-3)
    model = wd.tune(estimator, X, y, cv=5).model
    fitted = estimator.set_params(cv=5).fit(X, y)
    assert model.history_ is not None and model.n_iter_ == fitted.n_iter_ > 1
    np.testing.assert_array_equal(model.coef_, fitted.coef_)


@pytest.mark.parametrize("targets", [1, 2])
def test_the_model_of_a_table_of_targets_predicts_a_table(targets: int) -> None:
    X, y = regression(60, 3)
    Y = np.column_stack([y, -y])[:, :targets]
    model, fitted = wd.tune(wd.LinearRegression(), X, Y).model, wd.LinearRegression().fit(X, Y)
    assert model.predict(X).shape == fitted.predict(X).shape == (60, targets)
    np.testing.assert_array_equal(model.coef_, fitted.coef_)
    assert np.shape(model.decay_) == np.shape(fitted.decay_)


def test_names_and_deviations_of_targets_are_kept() -> None:
    X, y = regression(60, 3)
    Y = pd.DataFrame({"height": y, "weight": 10 * y + np.arange(60)})
    tuning = wd.tune(wd.LinearRegression(), X, Y)
    assert tuning.target_names == ("height", "weight") and np.isnan(tuning.y_std)
    for one, name in zip(tuning.targets, Y, strict=True):
        assert one.target_names == (name,)
        assert one.y_std == pytest.approx(Y[name].std(ddof=0))
        assert "glmnet lambda=" in one.verdict
    assert wd.tune(wd.LinearRegression(), X, Y["height"]).target_names == ("height",)
    assert wd.tune(wd.LinearRegression(), X, y).target_names == ()
    back = wd.Tuning.from_json(tuning.to_json())
    assert back.targets[1].target_names == ("weight",)
