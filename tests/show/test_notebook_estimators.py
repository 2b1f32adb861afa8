"""Estimators in notebooks: scikit-learn's diagram as it is, and below it the answer once a decay was tuned."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import weightdecay as wd
from show.fragments import Fragment, assert_harmless
from weightdecay.records.tuning_html import with_answer

START = "<style>.wd-note{"


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    return X, X[:, 0] + rng.standard_normal(40)


def unnumbered(text: str) -> str:
    """Without the numbers of scikit-learn's ids, which count up."""
    return re.sub(r"sk-(?:container|estimator)-id-\d+", "sk-id", text)


def parts(text: str) -> tuple[str, str]:
    """scikit-learn's diagram, and the answer below it."""
    diagram, start, answer = text.partition(START)
    assert start and answer.endswith("</body>")
    return diagram + "</body>", start + answer.removesuffix("</body>")


@pytest.mark.parametrize("kind", ["LinearRegression", "LogisticRegression", "PoissonRegression"])
def test_the_answer_stands_below_the_diagram(kind: str) -> None:
    X, y = rows()
    y = {"LinearRegression": y, "LogisticRegression": y > 0, "PoissonRegression": np.exp(y).round()}[kind]
    model = getattr(wd, kind)().fit(X, y)
    diagram, answer = parts(model._repr_html_())
    assert unnumbered(diagram) == unnumbered(estimator_html_repr(model))
    page = assert_harmless(answer)
    assert page.said("p") == model.tuning_.verdict.splitlines()
    assert len(page.said("title")) == 1 and page.of("polyline")
    assert len(answer.encode()) < 60_000
    bundle = model._repr_mimebundle_()
    assert bundle["text/plain"] == repr(model) and unnumbered(bundle["text/html"]) == unnumbered(model._repr_html_())
    # To show a model costs nothing: no finding is computed for it.
    assert "findings" not in vars(model.tuning_) and "path" not in vars(model.tuning_)


def test_without_a_tuning_there_is_the_diagram_alone() -> None:
    X, y = rows()
    fitted = wd.LinearRegression().fit(X, y)
    for model in (
        wd.LinearRegression(),
        wd.LinearRegression(decay=0.1).fit(X, y),
        wd.LogisticRegression(),
        clone(fitted),
    ):
        assert unnumbered(model._repr_html_()) == unnumbered(estimator_html_repr(model))
    assert with_answer("<p>of another shape</p>", None) == "<p>of another shape</p>"
    assert with_answer("<p>of another shape</p>", fitted.tuning_).startswith(f"<p>of another shape</p>{START}")


def test_several_targets() -> None:
    X, y = rows()
    _, answer = parts(wd.LinearRegression().fit(X, np.c_[y, -X[:, 1]])._repr_html_())
    assert "a decay of its own for each of 2 targets" in assert_harmless(answer).words()


@pytest.mark.parametrize("tuned", [False, True])
def test_in_pipelines_and_searches(tuned: bool) -> None:
    X, y = rows()
    model = wd.LinearRegression("auto" if tuned else 0.1)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    search = GridSearchCV(pipeline, {"linearregression__fit_intercept": [True, False]}, cv=2).fit(X, y)
    for one in (make_pipeline(StandardScaler(), model), pipeline, search, GridSearchCV(model, {"decay": [0.1, 1.0]})):
        text = one._repr_html_()
        assert "LinearRegression" in text and unnumbered(text) == unnumbered(one._repr_html_())
        assert START not in text  # the diagram of a pipeline is scikit-learn's alone
        assert unnumbered(text) == unnumbered(estimator_html_repr(one))
    assert (START in pipeline[-1]._repr_html_()) == (START in search.best_estimator_[-1]._repr_html_()) == tuned


def test_text_where_it_is_asked_for() -> None:
    X, y = rows()
    model = wd.LinearRegression().fit(X, y)
    before = repr(model)
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_") and set(model._repr_mimebundle_()) == {"text/plain"}
        assert repr(model) == before == "LinearRegression()"


def test_two_models_share_a_page() -> None:
    X, y = rows()
    model = wd.LinearRegression().fit(X, y)
    ids = re.findall(r'\bid="([^"]*)"', model._repr_html_() + model._repr_html_())
    assert ids and len(set(ids)) == len(ids)


def test_names_of_columns_do_no_harm() -> None:
    polars = pytest.importorskip("polars")
    X, y = rows()
    frame = polars.DataFrame({"<script>alert(1)</script>": X[:, 0], "</style><b>": X[:, 1], "\u202eevil": X[:, 2]})
    _, answer = parts(wd.LinearRegression(decay_groups={"<img src=x>": [0]}).fit(frame, y)._repr_html_())
    page = assert_harmless(answer)
    assert "<img src=x>" in page.words()


def test_networks() -> None:
    pytest.importorskip("torch")
    X, y = rows()
    model = wd.NetworkRegressor((2,), epochs=2, decays=[0.01, 0.1], cv=2).fit(X, y)
    _, answer = parts(model._repr_html_())
    assert assert_harmless(answer).said("p") == model.tuning_.verdict.splitlines()
    assert START not in wd.NetworkClassifier()._repr_html_()


def test_a_record_alone_loads_nothing_else() -> None:
    # What `wd.audit` users see works where scikit-learn was never imported.
    import subprocess

    code = (
        "import sys\nfrom weightdecay.records.audit import Audit\n"
        "assert Audit('SGD', 'auto', (), ())._repr_html_().startswith('<div>')\n"
        "assert not {'sklearn', 'matplotlib', 'torch', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scikit_learn_still_asks_for_what_is_overridden() -> None:
    assert callable(BaseEstimator._html_repr)
    assert Fragment("<p>balanced</p>").words() == "balanced"


def test_a_model_of_a_table_is_shown_as_the_estimator_inside(tmp_path: Path) -> None:
    frame = pl.DataFrame({"kind": ["a", "b", "c"] * 10, "size": range(30)})
    target = np.arange(30.0) + 5.0 * (np.arange(30) % 3)
    tuning = wd.tune(wd.LinearRegression(), frame, target, decays=[0.1, 1.0])
    model = wd.load(wd.save(tuning, tmp_path / "model.wd"))
    first = "Of the decays given, use 0.1"
    assert tuning.verdict.startswith(first) and first in model._repr_html_()
