"""Bias and variance by parametric bootstrap: targets drawn from the tuned model, and all decays fitted to each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import poisson
from sklearn.utils import check_random_state

from weightdecay.records.tuning import Tuning
from weightdecay.studies.why.held_out_predictions import predicted, tested
from weightdecay.studies.why.opened import Opened
from weightdecay.studies.why.variance_closed import Parts
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.protocol import Problem

Array = NDArray[np.float64]

MANY, FEW = 20, 10  # samples
LINE, SHORT = 9, 7  # decays
# A network may follow its training rows without error, which tells nothing of the noise: no less than this share of
# the held-out loss is taken to be noise.
LEAST_NOISE = 0.5
DRAWS = 200  # tries for a sample in which every training set has all classes
SMALL = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Law:
    """A family of distributions of a target with means (…, k), in the unit of the loss that goes with it.

    Parameters
    ----------
    draw : callable of (means (n, k), generator)
        Targets (n,): numbers, or numbers of classes.
    noise : callable of means (m, k)
        The expected loss (m,) of the true means.
    apart : callable of (true means, other means)
        The divergence (…) by which the expected loss of other means is larger.
    middle : callable of means (B, …, k)
        The means (…, k) at the mean natural parameter.
    words : str
    """

    draw: Callable[[Array, np.random.RandomState], Array]
    noise: Callable[[Array], Array]
    apart: Callable[[Array, Array], Array]
    middle: Callable[[Array], Array]
    words: str


def gaussian(variance: float) -> Law:
    """Numbers with one variance; the loss is the squared error."""
    return Law(
        draw=lambda mean, generator: mean[:, 0] + math.sqrt(variance) * generator.standard_normal(len(mean)),
        noise=lambda mean: np.full(len(mean), variance),
        apart=lambda true, other: np.asarray(((true - other) ** 2)[..., 0]),
        middle=lambda means: np.asarray(means.mean(axis=0)),
        words=f"N(f(x), {variance:.3g}) with f the tuned model",
    )


def counts() -> Law:
    """Poisson counts; the loss is the Poisson deviance 2 (y log(y/μ) − y + μ)."""
    return Law(
        draw=lambda mean, generator: generator.poisson(mean[:, 0]).astype(np.float64),
        noise=_poisson_noise,
        apart=lambda true, other: np.asarray(
            2.0 * (xlogy(true, true / np.maximum(other, SMALL)) - true + other)[..., 0]
        ),
        middle=lambda means: np.asarray(np.exp(np.log(np.maximum(means, SMALL)).mean(axis=0))),
        words="Poisson counts with the means of the tuned model",
    )


def _poisson_noise(mean: Array) -> Array:
    """The expected deviance of counts from their own means, (m,): a sum, close to 1 where means are large."""
    mu = mean[:, 0]
    top = float(mu.max())
    y = np.arange(math.ceil(min(top, 1e4) + 12.0 * math.sqrt(min(top, 1e4)) + 20.0))
    found = np.ones(len(mu))
    for i in np.flatnonzero(mu <= 1e4).tolist():
        deviance = 2.0 * (xlogy(y, y / max(mu[i], SMALL)) - y + mu[i])
        found[i] = poisson.pmf(y, mu[i]) @ deviance
    return found


def categories() -> Law:
    """Classes with probabilities; the loss is the log-loss."""

    def draw(mean: Array, generator: np.random.RandomState) -> Array:
        return np.asarray((mean.cumsum(axis=1)[:, :-1] < generator.random_sample(len(mean))[:, None]).sum(axis=1))

    def middle(means: Array) -> Array:
        logarithm = np.log(np.maximum(means, SMALL)).mean(axis=0)
        found = np.exp(logarithm - logarithm.max(axis=-1, keepdims=True))
        return np.asarray(found / found.sum(axis=-1, keepdims=True))

    return Law(
        draw=draw,
        noise=lambda mean: np.asarray(-xlogy(mean, mean).sum(axis=-1)),
        apart=lambda true, other: np.asarray((xlogy(true, true) - xlogy(true, np.maximum(other, SMALL))).sum(axis=-1)),
        middle=middle,
        words="classes drawn with the probabilities of the tuned model",
    )


def most_decays(problem: Problem) -> int:
    """How many decays a curve has room for."""
    return SHORT if math.isinf(problem.facts().fold_work) else LINE


def by_bootstrap(
    work: Opened, folds: Folds, tuning: Tuning, decays: Array, how: tuple[int | None, Any, Progress]
) -> Parts:
    """The parts by B samples: with θ̄ the mean natural parameter, bias = D(truth, θ̄) and variance = mean D(θ̄, θ̂)."""
    given, random_state, progress = how
    dear = math.isinf(work.problem.facts().fold_work)
    count = given if given is not None else FEW if dear else MANY
    law, mean, labels = _plugged_in(work, tuning)
    generator = check_random_state(0 if random_state is None else random_state)
    progress.start(count, f"fitting {count} samples of the tuned model, {folds.text}")
    samples = []
    try:
        for _ in range(count):
            y = _sample(work, folds, law, mean, (labels, generator))
            problem = work.again(y if labels is None else labels[y.astype(int)])
            samples.append(predicted(problem.split(folds), decays, classes=labels is not None))
            progress.advance()
    finally:
        progress.finish()
    rows = tested(folds)
    weight = work.weight[rows] / work.weight[rows].sum()
    true, found = mean[rows], np.stack(samples)
    middle = law.middle(found)
    apart = law.apart(np.broadcast_to(true, found.shape), found) @ weight  # (B, L)
    around = law.apart(np.broadcast_to(middle, found.shape), found).mean(axis=0) @ weight
    variance = around * count / (count - 1)
    return Parts(
        bias=apart.mean(axis=0) - variance,
        variance=variance,
        error=apart.std(axis=0, ddof=1) / math.sqrt(count),
        noise=float(law.noise(true) @ weight),
        way="bootstrap",
        samples=count,
        plug_in=law.words,
    )


def _plugged_in(work: Opened, tuning: Tuning) -> tuple[Law, Array, NDArray[Any] | None]:
    """The law, its means (n, k) by the tuned model, and the labels of its classes."""
    facts, model, X = work.problem.facts(), tuning.model, work.rows.X
    if facts.classes:
        return categories(), np.asarray(model.predict_proba(X), dtype=np.float64), np.asarray(model.classes_)
    mean = np.asarray(model.predict(X), dtype=np.float64).reshape(-1, 1)
    if facts.loss_name == "Poisson deviance":
        return counts(), mean, None
    if not facts.loss_name.startswith("mean squared error"):
        raise ValueError(
            f"wd.why.bias_variance has no law for the {facts.loss_name} of {facts.model_name} to draw targets from; "
            "give LinearRegression, LogisticRegression, PoissonRegression or a network"
        )
    seen = float(np.interp(tuning.decay, tuning.decays, tuning.mean))
    y = np.asarray(work.rows.y, dtype=np.float64).ravel()
    training = float(np.average((y - mean[:, 0]) ** 2, weights=work.weight))
    return gaussian(seen * max(math.sqrt(training / seen), LEAST_NOISE)), mean, None


def _sample(
    work: Opened, folds: Folds, law: Law, mean: Array, how: tuple[NDArray[Any] | None, np.random.RandomState]
) -> Array:
    """A target (n,); of classes one of which no training set lacks any."""
    labels, generator = how
    if labels is None:
        return law.draw(mean, generator)
    trains = [train[work.used[train]] for train, _ in folds.splits()]
    for _ in range(DRAWS):
        y = law.draw(mean, generator)
        if all(len(np.unique(y[train])) == len(labels) for train in trains):
            return y
    raise ValueError(
        f"in {DRAWS} samples from the tuned model some fold never had all {len(labels)} classes to learn from, one of "
        "them is too rare; merge classes, or give fewer folds, such as cv=2"
    )
