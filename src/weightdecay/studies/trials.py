"""Trials: a search in a space of other parameters, the decay tuned for each setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone

from weightdecay.records.tuning import Trial, Tuning


def search_space(
    tuned: Callable[[Any], Tuning], estimator: Any, space: Mapping[str, Any], plan: tuple[str, int | None, Any]
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
    """
    trials, best = [], None
    for params in _settings(space, *plan):
        tuning = tuned(clone(estimator).set_params(**params))
        least = tuning.best
        trials.append(Trial(params, tuning.decay, float(tuning.mean[least]), float(tuning.standard_error[least])))
        if best is None or trials[-1].mean < best[0]:
            best = (trials[-1].mean, tuning)
    assert best is not None
    return replace(best[1], trials=tuple(sorted(trials, key=lambda one: one.mean)))


def _settings(space: Mapping[str, Any], search: str, count: int | None, random_state: Any) -> Iterator[dict[str, Any]]:
    """Every combination, or some of them at random without repetition."""
    for name, values in space.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or len(values) == 0:
            raise ValueError(f"space[{name!r}] = {values!r}: expected a sequence of values to try")
    combinations = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    if search == "grid":
        yield from combinations
    elif search == "random":
        rng = np.random.default_rng(0 if random_state is None else random_state)
        for index in rng.permutation(len(combinations))[: count or 10]:
            yield combinations[index]
    else:
        raise ValueError(f"search={search!r} is not known; give 'grid' or 'random'")
