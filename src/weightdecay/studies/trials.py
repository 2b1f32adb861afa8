"""Trials: a search in a space of other parameters, the decay tuned for each setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from weightdecay.decay.facts import nearest
from weightdecay.records.tuning import Trial, Tuning
from weightdecay.studies.fitters import searched_parameters
from weightdecay.tuning.interrupts import Interrupted, Partial
from weightdecay.tuning.progress import Progress

RANDOM = 10  # settings that a random search tries unless told


def search_space(
    tuned: Callable[[Any], Tuning],
    estimator: Any,
    space: Mapping[str, Any],
    plan: tuple[str, int | None, Any],
    progress: Progress,
) -> Tuning:
    """The best `Tuning` over a space, with every setting in its table of trials.

    Parameters
    ----------
    tuned : callable
        Tunes the decay of one candidate.
    estimator : estimator
        Its clones get the settings.
    space : dict of str to sequence
    plan : (search, n_candidates, random_state)
    progress : Progress
        Told of every setting as one step.
    """
    taken = searched_parameters(estimator)
    for name in space:
        if name in taken:
            raise ValueError(f"space has {name!r}, which {taken[name]}")
    settings = list(_settings(space, *plan))
    trials: list[Trial] = []
    best: Tuning | None = None
    progress.start(len(settings), "tuning the decay of every setting")
    try:
        for params in settings:
            tuning = tuned(_with(estimator, params))
            least = tuning.best
            trials.append(Trial(params, tuning.decay, float(tuning.mean[least]), float(tuning.standard_error[least])))
            if best is None or trials[-1].mean < best.mean[best.best]:
                best = tuning
            progress.advance(f"best decay {tuning.decay:.3g} with {params}")
    except KeyboardInterrupt as stopped:
        if best is None:
            raise
        partial = replace(_ranked(best, trials), later=Partial(best.later, len(trials), len(settings), "settings"))
        raise Interrupted(partial, len(trials), len(settings), "settings") from stopped
    finally:
        progress.finish()
    assert best is not None  # a space has at least one setting
    return _ranked(best, trials)


def _ranked(best: Tuning, trials: list[Trial]) -> Tuning:
    """The best setting's record with the table of all."""
    return replace(best, trials=tuple(sorted(trials, key=lambda one: one.mean)))


def _with(estimator: Any, params: Mapping[str, Any]) -> Any:
    """A clone with a setting."""
    candidate = clone(estimator)
    try:
        return candidate.set_params(**params)
    except ValueError:
        known = candidate.get_params()
        for name in params:
            if name not in known:
                inside = [one for one in known if one.endswith(f"__{name}")]  # of a step, whose name was left out
                raise ValueError(
                    f"space has {name!r}, which is no parameter of {type(estimator).__name__}"
                    f"{nearest(name, inside or known)}"
                ) from None
        raise


def _settings(space: Mapping[str, Any], search: str, count: int | None, random_state: Any) -> Iterator[dict[str, Any]]:
    """Every combination, or some of them at random without repetition."""
    for name, values in space.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or len(values) == 0:
            raise ValueError(f"space[{name!r}] = {values!r}: expected a sequence of values to try")
    combinations = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    if count is not None and not (search == "random" and count >= 1):
        raise ValueError(f"n_candidates={count!r}: it is a number of at least 1, and goes with search='random'")
    if search == "grid":
        yield from combinations
    elif search == "random":
        order = check_random_state(0 if random_state is None else random_state).permutation(len(combinations))
        yield from (combinations[index] for index in order[: RANDOM if count is None else count])
    else:
        raise ValueError(f"search={search!r} is not known; give 'grid' or 'random'")
