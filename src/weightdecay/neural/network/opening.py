"""Opening: data and parameters of a network estimator, checked and taken into one form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from weightdecay.neural.forms import FORMS
from weightdecay.neural.groups import exempt_names
from weightdecay.neural.network.architecture import checked_output, factory_of
from weightdecay.neural.network.centre import centre_of
from weightdecay.neural.network.inputs import validated, validated_rows
from weightdecay.neural.network.opened import Opened, device_of
from weightdecay.neural.network.problem import PATIENCE, NetworkProblem
from weightdecay.neural.population.optimisers import Settings
from weightdecay.neural.population.schedules import course_of
from weightdecay.neural.population.training import Schedule, made
from weightdecay.tuning.protocol import Facts, Scorer

Array = NDArray[np.float64]
Index = NDArray[np.intp]

OPTIMISERS = ("adam", "adamw", "sgd")
MOMENTUM = 0.9
# Rows on which it is measured what the parameters of a module are.
SAMPLE = 32


@final
@dataclass(frozen=True, eq=False)
class Judge:
    """A scorer applied to predictions (m, L, k) of some rows."""

    X: Array
    y: NDArray[Any]
    classes: NDArray[Any]
    weight: Array | None

    def __call__(self, scorer: Scorer, rows: Index, means: Array) -> Array:
        """−score (L,)."""
        from weightdecay.tuning.scoring import losses_of_probabilities, losses_of_targets

        if self.weight is not None:
            kept = self.weight[rows] > 0
            rows, means = rows[kept], means[kept]
        weight = None if self.weight is None else self.weight[rows]
        each = np.moveaxis(means, 1, 0)
        if len(self.classes):
            return losses_of_probabilities(scorer, self.X[rows], self.y[rows], self.classes, each, weight)
        y = self.y[rows] if self.y.ndim > 1 else self.y[rows][:, None]
        return np.asarray(losses_of_targets(scorer, self.X[rows], y, each, weight).mean(axis=1))


def open_network(estimator: Any, X: Any, y: Any, sample_weight: Any, *, classes: bool) -> NetworkProblem:
    """Validate data and parameters, and open them."""
    settings, epochs, batch_size = checked(estimator)
    X, y, columns, encoding = validated(estimator, X, y, classes=classes)
    single = y.ndim == 1
    given = y
    labels: NDArray[Any] = np.zeros(0)
    if classes:
        check_classification_targets(y)
        given = column_or_1d(y, warn=True)
        labels, code = np.unique(given, return_inverse=True)
        if len(labels) < 2:
            raise ValueError(f"y holds one class only, {labels[0]!r}; a classifier needs at least two")
        y = code.astype(np.float64)
    else:
        y = y.reshape(len(X), -1).astype(np.float64)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not (weight > 0).sum() >= 2:
        raise ValueError("fewer than two rows have a positive sample weight; give more rows, or weights above 0")
    opened = Opened(X, y, weight, labels, columns, single, device_of(estimator.device), encoding)
    factory = factory_of(estimator, X.shape[1], opened.n_outputs)
    seed = seed_of(estimator.random_state)
    some = np.flatnonzero(weight > 0)
    sample = opened.rows(some[:SAMPLE], opened.scales(some)).x
    module = made(factory, seed).to(opened.device)
    checked_output(module, sample, opened.n_outputs)
    exempt = exempt_names(module, estimator.exempt, sample)
    patience = PATIENCE if estimator.early_stopping else 0
    schedule = Schedule(epochs, batch_size, seed, patience, course_of(estimator.schedule))
    judge = Judge(X, given, labels, None if sample_weight is None else weight)
    facts = facts_of(estimator, opened, None if sample_weight is None else weight > 0)
    return NetworkProblem(
        estimator,
        opened,
        factory,
        settings,
        schedule,
        exempt,
        judge,
        facts,
        bool(estimator.early_stopping),
        centre=centre_of(estimator.centre, module),
    )


def facts_of(estimator: Any, opened: Opened, positive: NDArray[np.bool_] | None) -> Facts:
    """What a record reports of these data."""
    s, classes = opened.weight, len(opened.classes) > 0
    y = opened.y[:, None] if classes else opened.y
    spread = np.sqrt(s @ (y - s @ y / s.sum()) ** 2 / s.sum())
    return Facts(
        n_given=len(s),
        n_rows=int((s > 0).sum()),
        weight_sum=float(s.sum()),
        y_std=(math.nan,) if classes else (float(np.sqrt((spread**2).mean())),),
        n_targets=1,
        columns=opened.columns,
        model_name=type(estimator).__name__,
        standardize=True,
        loss_name=opened.objective.name,
        references=(("no decay", 0.0), ("torch AdamW's 0.01", 0.01)),
        strata=opened.y.astype(np.intp) if classes else None,
        positive=None if positive is None or positive.all() else positive,
        classes=tuple(str(one) for one in opened.classes),
        fold_work=math.inf,
    )


def checked(estimator: Any) -> tuple[Settings, int, int]:
    """The optimiser's settings, epochs and batch size.

    Raises
    ------
    ValueError
        A parameter that cannot be used, or two that contradict each other.
    """
    form, kind = estimator.form, estimator.optimizer
    if kind not in OPTIMISERS:
        raise ValueError(f"optimizer={kind!r} is not known; give one of {', '.join(map(repr, OPTIMISERS))}")
    if form not in FORMS:
        raise ValueError(f"form={form!r} is not known; give one of {', '.join(map(repr, FORMS))}")
    if kind == "adamw" and form != "decoupled":
        raise ValueError(
            f"optimizer='adamw' is Adam with decoupled decay, and form={form!r} is another: give optimizer='adam' with "
            "the form that you want"
        )
    for name, low in (("epochs", 1), ("batch_size", 1)):
        given = getattr(estimator, name)
        if not isinstance(given, Integral) or int(given) < low:
            raise ValueError(f"{name}={given!r}: expected a whole number of at least {low}")
    rate = estimator.learning_rate
    if not isinstance(rate, Real) or not 0 < float(rate) < math.inf:
        raise ValueError(f"learning_rate={rate!r}: expected a positive number such as 0.001")
    for name in ("dropout", "l1_ratio"):
        given = getattr(estimator, name)
        most = 1.0 if name == "l1_ratio" else math.nextafter(1.0, 0.0)
        if not isinstance(given, Real) or not 0.0 <= float(given) <= most:
            raise ValueError(
                f"{name}={given!r}: expected a number from 0 to {'1' if name == 'l1_ratio' else 'below 1'}"
            )
    if estimator.module is not None and float(estimator.dropout) > 0:
        raise ValueError(
            f"dropout={estimator.dropout!r} is for the layers of hidden=, and module= makes its own: put "
            "torch.nn.Dropout into the module, and leave dropout at 0"
        )
    momentum = (0.9, 0.999) if kind != "sgd" else (MOMENTUM, 0.0)
    settings = Settings("sgd" if kind == "sgd" else "adam", form, float(estimator.l1_ratio), momentum)
    return settings, int(estimator.epochs), int(estimator.batch_size)


def seed_of(random_state: Any) -> int:
    """A seed of torch from what scikit-learn takes; None is 0."""
    if random_state is None:
        return 0
    if isinstance(random_state, Integral):
        return int(random_state) % 2**31
    return int(check_random_state(random_state).randint(2**31 - 1))


def predicted(estimator: Any, X: Any) -> Array:
    """Outputs (n, k) of a fitted estimator in float64, in the units of the targets."""
    from weightdecay.neural.network.split import evaluated

    X, found = validated_rows(estimator, X), estimator.scales_
    return np.asarray(found.outputs(evaluated(estimator.module_, torch.as_tensor(found.inputs(X)))))
