"""Interrupted work: what was finished is kept, is told apart, and nothing that was not finished is made up."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

import weightdecay as wd
from tuning.fakes import FakeProblem, FakeSplit, falling, tuned, valley
from weightdecay.studies.foreign import coarse_first
from weightdecay.tuning.progress import Silent

Array = NDArray[np.float64]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
Y = X @ [1.0, 0.5, 0.0] + RNG.standard_normal(40)


@dataclass
class Breaking(FakeProblem):
    """Interrupted at a call of `held_out`, counted from 0."""

    at: int = 0

    def split(self, folds: Any) -> Any:
        whole = super().split(folds)
        held_out, left = whole.held_out, iter(range(self.at))

        def asked(decays: Array, scoring: Any = None, among: Array | None = None) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return held_out(decays, scoring, among)

        whole.held_out = asked  # type: ignore[method-assign]
        return whole


def stopped(problem: FakeProblem, decays: Any = None, **more: Any) -> wd.Interrupted:
    """What is raised."""
    with pytest.raises(wd.Interrupted) as caught:
        tuned(problem, decays, **more)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.__suppress_context__, "nobody wants to see where the key was pressed"
    return caught.value


def test_before_the_first_answer_nothing_is_known() -> None:
    for decays, asked in ((None, 11), ([0.1, 1.0], 2)):
        error = stopped(Breaking((valley(0.1),), at=0), decays)
        assert (error.tuning, error.tried, error.asked) == (None, 0, asked)
        assert str(error) == f"interrupted: 0 of {asked} decays were tried; too few for a result"


def test_interrupted_while_the_folds_are_factorised() -> None:
    @dataclass
    class Early(FakeProblem):
        def split(self, folds: Any) -> FakeSplit:
            raise KeyboardInterrupt

    error = stopped(Early((valley(0.1),)))
    assert (error.tuning, str(error)) == (None, "interrupted")


def test_between_two_rounds_the_last_one_is_the_result() -> None:
    curves = (valley(0.1),)
    error = stopped(Breaking(curves, at=1))
    tuning = error.tuning
    assert tuning is not None
    # The coarse lattice of the problem, two decays per decade, with the valley in it and the default of other tools.
    np.testing.assert_allclose(tuning.decays, 10.0 ** (np.arange(-6, 3) / 2), rtol=1e-12)
    assert tuning.decay == 0.1
    np.testing.assert_allclose(tuning.mean, curves[0](tuning.decays))
    assert [one.name for one in tuning.references] == ["no decay", "sklearn alpha=1", "infinite decay"]
    assert error.tried == len(tuning.decays) + 2 and error.asked > error.tried
    assert tuning.window[0] < 0.1 < tuning.window[1]


def test_the_result_says_that_it_is_partial_and_a_whole_one_does_not() -> None:
    error = stopped(Breaking((valley(0.1),), at=1))
    assert error.tuning is not None
    (told,) = (one for one in error.tuning.findings if one.code == "WD018")
    assert told.severity == "warning"
    assert told.message == f"the search was interrupted: {error.tried} of {error.asked} decays were tried"
    assert str(error).startswith(f"interrupted: {error.tried} of {error.asked} decays were tried; the result is")
    assert wd.Tuning.from_json(error.tuning.to_json()) == error.tuning
    assert error.tuning.model == ("fitted at", error.tuning.decay)
    assert "WD018" not in {one.code for one in tuned(FakeProblem((valley(0.1),))).findings}


def test_every_call_of_a_search_may_be_the_last() -> None:
    calls = 0
    while True:
        problem = Breaking((valley(1e-7), falling(1e3)), at=calls)
        try:
            whole = tuned(problem)
        except wd.Interrupted as error:
            assert (error.tuning is None) == (calls == 0)
            if error.tuning is not None:
                assert len(error.tuning.targets) == 2
                assert np.isfinite(error.tuning.mean).all() and error.tuning.verdict
            calls += 1
        else:
            break
    assert calls >= 3 and "WD018" not in {one.code for one in whole.findings}


@pytest.mark.parametrize("decays", [None, [0.01, 0.1, 1.0]])
def test_a_listener_hears_the_end_of_interrupted_work(decays: Any) -> None:
    heard = []

    class Listener(Silent):
        def finish(self) -> None:
            heard.append("finish")

    stopped(Breaking((valley(0.1),), at=0), decays, progress=Listener())
    assert heard == ["finish"]


class After:
    """Presses the interrupt key after some fits."""

    def __init__(self, fits: int) -> None:
        self.left, self.stages, self.told, self.over = fits, list[tuple[int, str]](), list[str](), 0

    def start(self, total: int, text: str) -> None:
        self.stages.append((total, text))

    def advance(self, text: str = "") -> None:
        self.told.append(text)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def finish(self) -> None:
        self.over += 1


DECAYS = [0.001, 0.01, 0.1, 1.0, 10.0]


@pytest.mark.parametrize("scoring", [None, "r2"])
@pytest.mark.parametrize("fits", range(1, 33, 3))
def test_of_refitted_estimators_every_finished_decay_is_kept(fits: int, scoring: str | None) -> None:
    """Five decays and three to compare with, four folds: fit by fit, against the whole result."""
    whole = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=4, scoring=scoring)
    listener = After(fits)
    with pytest.raises(wd.Interrupted) as caught:
        wd.tune(Ridge(), X, Y, decays=DECAYS, cv=4, scoring=scoring, progress=listener)
    order = coarse_first(np.array([0.0, *DECAYS, 1 / 40, math.inf]))[: fits // 4]
    given = sorted(set(order) & set(DECAYS))
    assert (caught.value.tried, caught.value.asked) == (len(given), 5)
    tuning = caught.value.tuning
    assert (tuning is None) == (not given)
    if tuning is not None:
        assert tuning.decays.tolist() == given
        where = np.searchsorted(whole.decays, given)
        np.testing.assert_array_equal(tuning.losses, whole.losses[:, where])
        np.testing.assert_array_equal(tuning.standard_error, whole.standard_error[where])
        assert {one.name for one in tuning.references} == {one.name for one in whole.references if one.decay in order}
        best = given[int(np.argmin(tuning.mean))]
        assert tuning.decay == best and tuning.model.alpha == pytest.approx(best * 40)
        assert tuning.verdict and tuning.to_json()
        # What lies beyond is not known unless it was tried.
        assert tuning.window[0] > 0 or 0.0 in order
        assert tuning.window[1] < math.inf or math.inf in order
    assert listener.over == 1


def test_a_search_of_refits_ends_with_its_coarse_grid() -> None:
    whole = After(0)
    wd.tune(Ridge(), X, Y, cv=4, progress=whole)
    (first, text), *later = whole.stages
    assert text == f"fitting {first // 4} decays × 4 folds" and later, "a stage for every round"
    assert sum(total for total, _ in whole.stages) == len(whole.told), "every step that was promised"
    with pytest.raises(wd.Interrupted) as caught:
        wd.tune(Ridge(), X, Y, cv=4, progress=After(first + 1))
    tuning = caught.value.tuning
    assert tuning is not None and caught.value.tried == first // 4 < caught.value.asked
    assert tuning.decays[0] <= 1e-5 and tuning.decays[-1] >= 100


def least(tuning: wd.Tuning) -> tuple[float, float]:
    """The least mean loss of all that was tried, and its decay."""
    others = [(one.mean, one.decay) for one in tuning.references]
    return min([*zip(tuning.mean.tolist(), tuning.decays.tolist(), strict=True), *others])


def test_every_fit_is_a_step_that_tells_the_best_so_far() -> None:
    listener = After(0)
    tuning = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=4, progress=listener)
    assert listener.stages == [(32, "fitting 8 decays × 4 folds")]
    assert listener.told[:3] == ["", "", ""], "a decay is judged by all its folds"
    loss, decay = least(tuning)
    assert listener.told[-1] == f"best so far: decay {decay:.3g} (held-out loss {loss:.4g})"
    scores = After(0)
    loss, decay = least(wd.tune(Ridge(), X, Y, decays=DECAYS, cv=4, scoring="r2", progress=scores))
    assert scores.told[-1] == f"best so far: decay {decay:.3g} (score {-loss:.4g})"
    together = After(0)
    wd.tune(Ridge(), X, Y, decays=DECAYS, cv="loo", scoring="r2", progress=together)
    assert set(together.told) == {""}, "scores of rows left out come all at once"


@pytest.mark.parametrize("cv", ["loo", [(np.arange(30), np.arange(30, 40))]])
def test_leave_one_out_and_a_single_hold_out_are_kept_too(cv: Any) -> None:
    whole = wd.tune(Ridge(), X, Y, decays=DECAYS, cv=cv)
    fits = 40 if cv == "loo" else 1
    with pytest.raises(wd.Interrupted) as caught:
        wd.tune(Ridge(), X, Y, decays=DECAYS, cv=cv, progress=After(4 * fits + 1))
    tuning = caught.value.tuning
    assert tuning is not None and 0 < len(tuning.decays) < 5
    where = np.searchsorted(whole.decays, tuning.decays)
    np.testing.assert_array_equal(tuning.mean, whole.mean[where])


@pytest.mark.parametrize("count", range(1, 40))
def test_decays_from_coarse_to_fine(count: int) -> None:
    order = coarse_first(np.arange(count, dtype=float)[::-1])
    assert sorted(order) == list(range(count))
    for done in range(3, count + 1):
        # Whatever is finished spans all, and no gap is over four times the fairest possible.
        gaps = np.diff(sorted(order[:done]))
        assert min(order[:done]) == 0 and max(order[:done]) == count - 1
        assert gaps.max() <= max(4 * (count - 1) / (done - 1), 1)


SLOW = """
import sys, time
import numpy as np
from sklearn.linear_model import Ridge
import weightdecay as wd

class SlowRidge(Ridge):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.02)
        return super().fit(X, y, sample_weight)

class Telling:
    fits = 0
    def start(self, total, text): ...
    def advance(self, text=""):
        self.fits += 1
        if self.fits == 20:
            print("go on", flush=True)
    def finish(self): ...

X = np.random.default_rng(0).standard_normal((40, 3))
try:
    wd.tune(SlowRidge(), X, X[:, 0] + X[:, 1] ** 2, cv=5, progress=Telling())
except wd.Interrupted as stopped:
    print(stopped.tried, stopped.tuning.to_json(), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_interrupt_key_in_a_process_of_its_own() -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "go on\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    tried, told = out.split(" ", 1)
    tuning = wd.Tuning.from_json(told)
    assert process.returncode == 0 and 4 <= int(tried) < 20
    assert 2 <= len(tuning.decays) <= int(tried) and json.loads(told)["decay"] == tuning.decay
