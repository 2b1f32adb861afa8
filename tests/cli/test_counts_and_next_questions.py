"""Targets that count, and what a reader asks once the decay is known: how good the model is, which columns matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import PoissonRegressor

import weightdecay as wd
from weightdecay.show.model_words import model_lines

Run = Callable[..., Any]
RNG = np.random.default_rng(3)
N = 200
X = RNG.standard_normal((N, 3)) * [1.0, 10.0, 0.1]
VISITS = RNG.poisson(np.exp(0.2 + 0.8 * X[:, 0] - 0.05 * X[:, 1]))
HINT = "all are whole and skewed: if it counts, try --model poisson"


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    pl.DataFrame({"age": X[:, 0], "pay": X[:, 1], "luck": X[:, 2], "visits": VISITS}).write_csv(tmp_path / "counts.csv")
    return tmp_path / "counts.csv"


def test_counts_get_a_hint_and_their_own_model(run: Run, counts: Path, tmp_path: Path) -> None:
    plain = run("tune", counts, "--target", "visits")
    assert plain.code == 0 and HINT in " ".join(plain.out.split())
    saved = tmp_path / "visits.wd"
    done = run("tune", counts, "--target", "visits", "--model", "poisson", "--decays", "0.1,1", "--save", saved)
    assert done.code == 0 and "held-out Poisson deviance" in done.out and HINT not in done.out
    tuning = wd.load(saved).tuning_
    told = f"PoissonRegressor(alpha={tuning.decay:.4g})"
    assert tuning.model_name == "PoissonRegression" and f"(StandardScaler first): scikit-learn {told}" in tuning.verdict
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    rival = PoissonRegressor(alpha=tuning.decay, tol=1e-10, max_iter=1000).fit(Z, VISITS)
    done = run("predict", saved, counts)
    np.testing.assert_allclose([float(line) for line in done.out.split()[1:]], rival.predict(Z), rtol=1e-5)
    assert run("path", counts, "--target", "visits", "--model", "poisson", "--decays", "0.1,1").code == 0


@pytest.mark.parametrize(
    "target",
    [VISITS - 1.0, VISITS + 0.5, RNG.integers(0, 40, N), 1000 + VISITS, RNG.standard_normal(N)],
    ids=["negative", "fractions", "without a tail", "far from zero", "numbers"],
)
def test_other_numbers_get_no_hint(run: Run, tmp_path: Path, target: Any) -> None:
    pl.DataFrame({"age": X[:, 0], "y": np.asarray(target, dtype=float)}).write_csv(tmp_path / "t.csv")
    done = run("tune", tmp_path / "t.csv", "--target", "y")
    assert done.code == 0 and "--model poisson" not in done.out + done.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--classes",), "Poisson regression predicts numbers; give --model logistic, or network"),
        (("--class-weight", "balanced"), "it weighs classes, and Poisson regression predicts numbers"),
    ],
)
def test_a_wrong_call_is_a_sentence(run: Run, counts: Path, words: tuple[str, ...], sentence: str) -> None:
    done = run("tune", counts, "--target", "visits", "--model", "poisson", *words)
    # The terminal breaks the sentence into lines with a frame.
    assert done.code == 2 and sentence in " ".join(done.err.replace("│", " ").split())


def test_negative_counts_are_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    pl.DataFrame({"age": X[:, 0], "y": VISITS - 1}).write_csv(tmp_path / "t.csv")
    done = run("tune", tmp_path / "t.csv", "--target", "y", "--model", "poisson")
    assert done.code == 1 and "counts and rates are at least 0" in done.err and "Traceback" not in done.err


def test_how_good_the_model_is_and_which_columns_matter() -> None:
    noise = RNG.standard_normal(N)
    tuning = wd.tune(wd.LinearRegression(), X, 2.0 * X[:, 0] - 0.3 * X[:, 1] + noise, decays=[1e-3, 1e-2], cv=5)
    first, second = model_lines(tuning)
    assert first == f"Held out, the model explains {100 * tuning.diagnostics.r2:.2g} % of the variance " + (
        f"(R² {tuning.diagnostics.r2:.4g})."
    )
    sizes = tuning.model.coef_ * X.std(axis=0)
    assert second.startswith("Largest effects on the target, per standard deviation: ")
    shown = second.partition("deviation: ")[2].rstrip(".").split(", ")
    assert shown == [f"x{j} {sizes[j]:+.3g}" for j in np.argsort(-np.abs(sizes))]


def test_a_model_that_is_no_good_is_said_to_be_none_and_many_columns_are_counted() -> None:
    Z = RNG.standard_normal((40, 9))
    tuning = wd.tune(wd.LinearRegression(), Z, RNG.standard_normal(40), decays=[1e-6], cv=5)
    first, second = model_lines(tuning)
    assert tuning.diagnostics.r2 < 0 and "predicts no better than the mean" in first
    assert second.endswith("; 4 more are in the report.") and second.count(", x") == 4


def test_nothing_is_said_of_several_targets_or_without_a_model() -> None:
    several = wd.tune(wd.LinearRegression(), X, X[:, :2] + 1.0, decays=[0.1, 1.0], cv=5)
    assert list(model_lines(several)) == []
    assert list(model_lines(wd.Tuning.from_json(several.to_json()))) == []


def test_compare_tells_rows_by_their_place_in_the_file(run: Run, tmp_path: Path) -> None:
    size = X[:, 0].copy()
    size[107] = 60.0
    pl.DataFrame({"size": size, "pay": X[:, 1], "y": size + RNG.standard_normal(N)}).write_csv(tmp_path / "t.csv")
    done = run("compare", tmp_path / "t.csv", "--target", "y", "--cv", 3)
    assert done.code == 0 and "line 109" in done.out and "counted from 0" not in done.out
    assert "above 0 is worse" in " ".join(done.out.split())
