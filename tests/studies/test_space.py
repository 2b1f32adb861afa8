"""A search in a space of other parameters: every setting tuned, and all of them in a table of trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import weightdecay as wd

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)) * [1, 10, 1, 1, 1]
Y = X[:, 0] + 0.1 * X[:, 1] + RNG.standard_normal(60) + 5
DECAYS = [0.01, 0.1, 1.0]


def test_every_setting_is_tuned_and_the_best_is_returned() -> None:
    space = {"standardize": [True, False], "fit_intercept": [True, False]}
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=5, space=space)
    assert len(tuning.trials) == 4
    for trial in tuning.trials:
        alone = wd.tune(wd.LinearRegression(**trial.params), X, Y, cv=5)
        assert trial.decay == alone.decay
        assert trial.mean == alone.mean[alone.best]
        assert trial.standard_error == alone.standard_error[alone.best]
    means = [trial.mean for trial in tuning.trials]
    assert means == sorted(means)
    best = wd.tune(wd.LinearRegression(**tuning.trials[0].params), X, Y, cv=5)
    np.testing.assert_array_equal(tuning.mean, best.mean)
    assert tuning.trials[0].params["fit_intercept"] is True
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_steps_of_a_pipeline_may_be_tried() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("ridge", Ridge())])
    tuning = wd.tune(pipeline, X, Y, decays=DECAYS, space={"scale": [StandardScaler(), MinMaxScaler(), "passthrough"]})
    assert len(tuning.trials) == 3
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_a_random_search_tries_some_settings_once() -> None:
    def tried(**more: Any) -> list[float]:
        space = {"l1_ratio": np.linspace(0.05, 1.0, 20)}
        tuning = wd.tune(ElasticNet(), X, Y, decays=[0.1], cv=3, space=space, search="random", **more)
        return [float(trial.params["l1_ratio"]) for trial in tuning.trials]

    assert len(tried()) == 10
    four = tried(n_candidates=4)
    assert len(four) == len(set(four)) == 4
    assert four == tried(n_candidates=4, random_state=0)
    assert four != tried(n_candidates=4, random_state=1)
    assert len(tried(n_candidates=50)) == 20


def test_folds_given_as_a_generator_serve_every_setting() -> None:
    space = {"fit_intercept": [True, False]}
    folds = KFold(3).split(X)
    tuning = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=folds, space=space)
    assert len(tuning.trials) == 2
    np.testing.assert_array_equal(
        tuning.losses, wd.tune(Ridge(**tuning.trials[0].params), X, Y, decays=DECAYS, cv=KFold(3)).losses
    )


@pytest.mark.parametrize("estimator", [wd.LinearRegression(), Ridge()], ids=["ours", "foreign"])
@pytest.mark.parametrize(
    "more",
    [
        {"cv": 4, "random_state": "drawn"},
        {"cv": KFold(2, shuffle=True)},
        {"cv": RepeatedKFold(n_splits=3, n_repeats=2)},
        {"cv": "auto"},
        {"cv": "loo"},
    ],
    ids=["int", "splitter", "repeats", "auto", "loo"],
)
def test_settings_are_compared_on_the_same_folds(estimator: Any, more: dict[str, Any]) -> None:
    if "random_state" in more:
        more = {**more, "random_state": np.random.RandomState(0)}
    # The same setting three times over: any difference is one of the folds.
    tuning = wd.tune(estimator, X, Y, decays=DECAYS, space={"fit_intercept": [True, True, True]}, **more)
    assert len({(trial.decay, trial.mean, trial.standard_error) for trial in tuning.trials}) == 1
    if isinstance(more["cv"], RepeatedKFold):
        assert tuning.losses.shape[0] == 6
    if more["cv"] == "loo":
        assert tuning.cv == "leave-one-out over 60 rows" and tuning.losses.shape[0] == 1


class Heard:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def start(self, total: int, text: str) -> None:
        self.told.append(("start", total))

    def advance(self, text: str = "") -> None:
        self.told.append(("advance", text))

    def finish(self) -> None:
        self.told.append(("finish", None))


def test_the_listener_hears_of_one_search() -> None:
    heard = Heard()
    wd.tune(Ridge(), X, Y, decays=DECAYS, space={"fit_intercept": [True, False]}, progress=heard)
    assert [name for name, _ in heard.told] == ["start", "advance", "advance", "finish"]
    assert heard.told[0] == ("start", 2)
    assert "{'fit_intercept': False}" in heard.told[2][1]
    broken = Heard()
    with pytest.raises(ValueError, match="no parameter of Ridge"):
        wd.tune(Ridge(), X, Y, space={"l2": [1]}, progress=broken)
    assert not broken.told  # settings that cannot be are told before any work


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (Ridge(), "alpha"),
        (LogisticRegression(), "C"),
        (Pipeline([("scale", StandardScaler()), ("ridge", Ridge())]), "ridge__alpha"),
        (Pipeline([("scale", StandardScaler()), ("ours", wd.LinearRegression())]), "ours__decay"),
        (wd.LinearRegression(), "decay"),
    ],
)
def test_a_space_does_not_hold_what_is_tuned(estimator: Any, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, Y, space={name: [0.1, 1.0]})
    assert str(caught.value).startswith(f"space has '{name}', which is tuned for every setting; give decays=")


@pytest.mark.parametrize("name", ["cv", "scoring", "rule", "decays", "tolerance", "random_state"])
def test_a_space_does_not_hold_how_settings_are_compared(name: str) -> None:
    for estimator, prefix in (
        (wd.LinearRegression(), ""),
        (Pipeline([("ours", wd.LinearRegression())]), "ours__"),
    ):
        with pytest.raises(ValueError, match=f"space has '{prefix}{name}', which says how every setting is tuned"):
            wd.tune(estimator, X, Y, space={prefix + name: [1, 2]})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"space": {"fit_intercept": True}}, "space['fit_intercept'] = True: expected a sequence"),
        ({"space": {"fit_intercept": []}}, "space['fit_intercept'] = []: expected a sequence"),
        ({"space": {"solver": "svd"}}, "space['solver'] = 'svd': expected a sequence"),
        ({"space": {"fit_intercept": [True]}, "search": "genetic"}, "search='genetic' is not known"),
        ({"space": {"fit_intercept": [True]}, "n_candidates": 3}, "n_candidates=3: it is a number of at least 1, and"),
        ({"space": {"fit_intercept": [True]}, "search": "random", "n_candidates": 0}, "n_candidates=0"),
        ({"space": {"decay": [0.1]}}, "space has 'decay', which is tuned for every setting"),
    ],
)
def test_a_space_that_cannot_be_searched_is_told(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(Ridge(), X, Y, decays=DECAYS, **more)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("estimator", "name", "sentence"),
    [
        (Ridge(), "fit_interceptt", "no parameter of Ridge; did you mean fit_intercept"),
        (
            Pipeline([("scale", StandardScaler()), ("elasticnet", ElasticNet())]),
            "l1_ratio",
            "no parameter of Pipeline; did you mean elasticnet__l1_ratio?",
        ),
        (Pipeline([("ridge", Ridge())]), "ridge__l2", "no parameter of Pipeline; did you mean ridge"),
    ],
)
def test_an_unknown_parameter_is_told_with_the_nearest(estimator: Any, name: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wd.tune(estimator, X, Y, decays=DECAYS, space={name: [1]})
    assert str(caught.value).startswith(f"space has {name!r}, which is {sentence}")


def test_a_step_may_be_tried_together_with_its_own_parameter() -> None:
    pipeline = Pipeline([("model", Ridge())])
    space = {"model": [ElasticNet()], "model__l1_ratio": [0.1, 0.9]}
    assert len(wd.tune(pipeline, X, Y, decays=DECAYS, cv=3, space=space).trials) == 2
    with pytest.raises(ValueError, match="space has 'ratio', which is no parameter of Pipeline; did you mean"):
        wd.tune(pipeline, X, Y, decays=DECAYS, space={"model": [ElasticNet()], "ratio": [0.1]})


def test_an_interrupt_keeps_the_settings_that_are_finished() -> None:
    """The best of them is returned with their table, and told to be partial."""

    class Impatient:
        done = 0

        def start(self, total: int, text: str) -> None: ...

        def advance(self, text: str = "") -> None:
            self.done += 1
            if self.done == 2:
                raise KeyboardInterrupt

        def finish(self) -> None: ...

    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = X[:, 0] + rng.standard_normal(40)
    space = {"fit_intercept": [True, False], "standardize": [True, False]}
    with pytest.raises(wd.Interrupted, match="2 of 4 settings were tried; the result is of those") as caught:
        wd.tune(wd.LinearRegression(), X, y, space=space, cv=4, progress=Impatient())
    partial = caught.value.tuning
    assert partial is not None and len(partial.trials) == 2
    assert partial.findings[0].code == "WD018" and "2 of 4 settings" in partial.findings[0].message


@pytest.mark.parametrize("sparse", [True, False])
def test_kinds_of_penalty_are_compared_on_the_same_folds(sparse: bool) -> None:
    """Weight decay alone would take leave-one-out, which an L1 part cannot; the paired error is that of the folds."""
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((120, 60))
    weights = rng.choice([-1.0, 1.0], 60) * (np.arange(60) < (3 if sparse else 60))
    y = columns @ weights * 3 / np.linalg.norm(weights) + rng.standard_normal(120)
    tuning = wd.tune(wd.LinearRegression(), columns, y, space={"l1_ratio": [0.0, 0.5, 1.0]})
    assert tuning.cv == "5 folds" and tuning.trials[0].paired == 0.0
    losses = {}
    for mix in (0.0, 0.5, 1.0):
        alone = wd.tune(wd.LinearRegression(l1_ratio=mix), columns, y, cv=5)
        losses[mix] = alone.losses[:, alone.best]
    first, *others = tuning.trials
    assert first.params == {"l1_ratio": 1.0 if sparse else 0.0} and tuning.l1_ratio == first.params["l1_ratio"]
    for one in others:
        difference = losses[one.params["l1_ratio"]] - losses[first.params["l1_ratio"]]
        assert one.paired == pytest.approx(difference.std(ddof=1) / np.sqrt(5), rel=1e-6)
    said = tuning.verdict.splitlines()[-1]
    better = "L1" if sparse else "Weight decay"
    assert said.startswith(f"{better} suits these data better: mean squared error ")
    assert wd.Tuning.from_json(tuning.to_json()) == tuning
