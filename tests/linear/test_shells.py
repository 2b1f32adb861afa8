"""Shells of the Newton engine: scikit-learn's conventions, and what tuning in `fit` is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import weightdecay as wd


@parametrize_with_checks([wd.LogisticRegression(decay=0.1), wd.PoissonRegression(decay=0.1)])
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API is not set.*:sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_whole_of_check_estimator(estimator: Any, check: Any) -> None:
    """Every check of the installed scikit-learn; none is expected to fail."""
    check(estimator)


@pytest.mark.parametrize("model", [wd.LogisticRegression(), wd.PoissonRegression()], ids=repr)
def test_auto_is_the_search_and_the_refit(model: Any) -> None:
    """decay="auto" is `tune`, then the model at its decay."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 4))
    y = (X[:, 0] + rng.logistic(size=120) > 0).astype(int)
    fitted = model.fit(X, y)
    assert fitted.tuning_ == wd.tune(type(model)(), X, y)
    assert fitted.decay_ == fitted.tuning_.decay
    np.testing.assert_allclose(fitted.coef_, type(model)(fitted.decay_).fit(X, y).coef_, rtol=1e-12)
    np.testing.assert_allclose(fitted.coef_, fitted.tuning_.model.coef_, rtol=1e-12)
