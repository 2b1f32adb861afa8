"""Trials: a search in a space of other parameters, the decay tuned for each setting."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from weightdecay.decay.facts import nearest
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Tuning
from weightdecay.studies.fitters import searched_parameters
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.interrupts import Interrupted, Partial
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.protocol import Joint, Jointly, Waiting
from weightdecay.tuning.selection import standard_error

RANDOM = 10  # settings that a random search tries unless told


def settings_of(
    estimator: Any, space: Mapping[str, Any], plan: tuple[str, int | None, Any]
) -> list[tuple[dict[str, Any], Any]]:
    """Every setting of a space, with the clone that has it.

    Parameters
    ----------
    estimator : estimator
    space : dict of str to sequence
    plan : (search, n_candidates, random_state)
    """
    taken = searched_parameters(estimator)
    for name in space:
        if name in taken:
            raise ValueError(f"space has {name!r}, which {taken[name]}")
    return [(params, _with(estimator, params)) for params in _settings(space, *plan)]


def search_space(
    tuned: Callable[[Any], Tuning],
    settings: Sequence[tuple[dict[str, Any], Any]],
    folds: Callable[[], Folds | None],
    progress: Progress,
) -> Tuning:
    """The best `Tuning` over a space, with every setting in its table of trials.

    Parameters
    ----------
    tuned : callable
        Tunes the decay of one candidate.
    settings : sequence of (dict, estimator)
        The candidates.
    folds : callable
        The folds that all were tuned on, once the first is.
    progress : Progress
        Told of every setting as one step.
    """
    found: dict[int, Tuning] = {}
    first = settings[0][1]
    source = _apart(tuned, settings, progress)
    if isinstance(first, Jointly):
        source = _together(tuned, settings, first.jointly(settings), progress)
    try:
        with closing(source):
            found.update(source)
    except KeyboardInterrupt as stopped:
        done, of = len(found), len(settings)
        if not done:
            raise stopped if isinstance(stopped, Interrupted) else Interrupted(None, 0, of, "settings") from stopped
        best = _best(settings, found, folds())
        partial = replace(best, later=Partial(best.later, done, of, "settings"))
        raise Interrupted(partial, done, of, "settings") from stopped
    finally:
        progress.finish()
    return _best(settings, found, folds())


Tuned = Generator[tuple[int, Tuning], None, None]


def _apart(tuned: Callable[[Any], Tuning], settings: Sequence[tuple[dict[str, Any], Any]], progress: Progress) -> Tuned:
    """Tune one setting after the other."""
    progress.start(len(settings), "tuning the decay of every setting")
    for number, (params, candidate) in enumerate(settings):
        one = tuned(candidate)
        yield number, one
        progress.advance(f"best decay {one.decay:.3g} with {params}")


def _together(
    tuned: Callable[[Any], Tuning], settings: Sequence[tuple[dict[str, Any], Any]], joint: Joint, progress: Progress
) -> Tuned:
    """Tune all settings in rounds: each search goes on until it needs work, and that of all of them is done at once.

    A search that waited begins anew with all that is known by then, which costs next to nothing beside the work.
    """
    waiting = list(range(len(settings)))
    try:
        while waiting:
            still = []
            for number in waiting:
                try:
                    one = tuned(settings[number][1])
                except Waiting:
                    still.append(number)
                else:
                    yield number, one
            waiting = still
            if waiting:
                joint.work(progress)
    finally:
        joint.finish()


def _best(settings: Sequence[tuple[dict[str, Any], Any]], found: Mapping[int, Tuning], folds: Folds | None) -> Tuning:
    """The best of those that are tuned, with the table of all."""
    table = _Table()
    for number in sorted(found):
        table.add(settings[number][0], found[number])
    best = min((found[number] for number in sorted(found)), key=lambda one: float(one.mean[one.best]))
    return replace(best, trials=table.ranked(folds))


class _Table:
    """Settings tried, with the losses of the folds at the best decay of each."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.losses: list[NDArray[np.float64]] = []
        self.weight: NDArray[np.float64] | None = None

    def add(self, params: Mapping[str, Any], one: Tuning) -> None:
        """One more, once it is tuned."""
        least = float(one.mean[one.best]), float(one.standard_error[one.best])
        decays, losses = tuple(one.decays.tolist()), tuple(one.mean.tolist())
        self.trials.append(Trial(params, one.decay, *least, decays=decays, losses=losses))
        self.losses.append(one.losses[:, one.best])
        self.weight = one.weight

    def ranked(self, folds: Folds | None) -> tuple[Trial, ...]:
        """Best first, each with the paired error of its difference to the best."""
        first = min(range(len(self.trials)), key=lambda number: self.trials[number].mean)
        paired = [math.nan] * len(self.trials)
        if folds is not None and self.weight is not None and len(folds.repeat) == len(self.weight) > 1:
            differences = np.stack(self.losses, axis=1) - self.losses[first][:, None]
            paired = standard_error(differences, self.weight, folds.repeat).tolist()
        found = (replace(one, paired=error) for one, error in zip(self.trials, paired, strict=True))
        return tuple(sorted(found, key=lambda one: one.mean))


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
