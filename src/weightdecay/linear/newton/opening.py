"""Opening: arguments and data, validated, become a `NewtonProblem`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from weightdecay.linear.cells import (
    check_array,
    check_collected,
    check_columns,
    check_missing,
    floats,
)
from weightdecay.linear.decay_groups import column_groups_of
from weightdecay.linear.design import Design
from weightdecay.linear.losses import Logistic, Loss, Poisson, Softmax
from weightdecay.linear.newton.groups import check_groups
from weightdecay.linear.newton.judges import OfClasses, OfMeans
from weightdecay.linear.newton.problem import Judge, NewtonProblem
from weightdecay.linear.opening import check_target, decay_weights_of, encoded_design, sizes, weights, with_truths
from weightdecay.linear.rows import Rows
from weightdecay.linear.units_of_rows import choose_scaling, scaled
from weightdecay.records.encoding import Encoded
from weightdecay.records.labels import class_names
from weightdecay.tuning.folds import label_codes
from weightdecay.tuning.target_names import target_names

Array = NDArray[np.float64]

SOLVERS = ("auto", "gradient_descent")


def open_classes(estimator: Any, X: Any, y: Any, sample_weight: Any) -> NewtonProblem:
    """Validate data and parameters of a logistic regression; sets ``classes_``.

    Raises
    ------
    ValueError
        What was given, what was expected, what to do next.
    """
    target = _labels(y)
    table, X = _validated(estimator, X, target)
    given = weights(sample_weight, len(target))
    # Rows of weight 0 are as good as removed, and with them a class that no other row has.
    used = slice(None) if given is None else given > 0
    estimator.classes_ = np.unique(target[used])
    k = len(estimator.classes_)
    if k < 2:
        whose = "y holds" if given is None or (given > 0).all() else "all rows of positive weight are of"
        raise ValueError(
            f"{whose} a single class ({_shown(estimator.classes_[0])}), and a classifier needs at least 2 classes; "
            "take rows of another one along"
        )
    code = np.minimum(np.searchsorted(estimator.classes_, target), k - 1)
    weight = _class_weights(estimator.class_weight, estimator.classes_, code, given)
    loss: Loss = Logistic() if k == 2 else Softmax(k)
    names = class_names(estimator.classes_)
    judge = OfClasses(X, target, estimator.classes_, given)
    return _opened(estimator, (table, X), code.astype(np.float64), weight, (loss, judge, names, target_names(y)))


def open_counts(estimator: Any, X: Any, y: Any, sample_weight: Any) -> NewtonProblem:
    """Validate data and parameters of a Poisson regression.

    Raises
    ------
    ValueError
        What was given, what was expected, what to do next.
    """
    check_target(y, type(estimator).__name__)
    names = target_names(y)
    target = np.asarray(column_or_1d(y, warn=True), dtype=np.float64)
    table, X = _validated(estimator, X, target)
    if (target < 0).any():
        row = int(np.argmax(target < 0))
        raise ValueError(
            f"y is {target[row]:g} in row {row}, but counts and rates are at least 0; correct the row, or use "
            "LinearRegression"
        )
    weight = weights(sample_weight, len(target))
    if not (target > 0 if weight is None else (target > 0) & (weight > 0)).any():
        raise ValueError("y is 0 in all rows that count, so that no rate can be learned; give rows with counts")
    return _opened(estimator, (table, X), target, weight, (Poisson(), OfMeans(X, target, weight), (), names))


def _opened(
    estimator: Any,
    table: tuple[Encoded | None, Any],
    target: Array,
    weight: Array | None,
    kind: tuple[Loss, Judge, tuple[str, ...], tuple[str, ...]],
) -> NewtonProblem:
    """The problem of checked data."""
    _check_parameters(estimator)
    encoded, X = table
    loss, judge, classes, names = kind
    X = X.tocsr() if sparse.issparse(X) else X
    p = X.shape[1]
    given = [f"x{j}" for j in range(p)] if encoded is None else encoded.names
    columns = tuple(map(str, getattr(estimator, "feature_names_in_", given)))
    scaling = choose_scaling(sizes(X, columns), np.ones((1, 1)), weight)
    plan = () if encoded is None else encoded.plan
    wanted = decay_weights_of(estimator.decay_weights, columns, plan)
    standardize = bool(estimator.standardize)
    grouped = column_groups_of(estimator.decay_groups, wanted, columns, plan, encoded=encoded is not None)
    wanted = wanted if grouped is None else grouped.weights
    decay_weights, exponent = scaling.decay_weights(wanted, standardize)
    if exponent:
        raise ValueError("decay_weights are so far apart that no decay serves them all; bring the columns to one unit")
    centre = scaling.centre(_centre(estimator.centre, loss.outputs, p))
    design = Design(bool(estimator.fit_intercept), standardize, decay_weights)
    X, Y = scaled(X, target[:, None], scaling)
    rows = Rows(X, Y, scaling.weights(weight), None if encoded is None else with_truths(encoded))
    if rows.encoding is not None:
        design = encoded_design(rows, rows.encoding, design, centre)
    total = scaling.weight_sum(rows.weight_sum)
    habit = "sklearn C=1" if classes else "sklearn alpha=1"
    opened = NewtonProblem(
        estimator,
        rows,
        design,
        centre,
        columns,
        type(estimator).__name__,
        loss,
        judge,
        scaling,
        (("no decay", 0.0), (habit, 1.0 / total if classes else 1.0)),
        classes,
        target.astype(np.intp) if classes else None,
        plan,
        names,
        wanted,
    )
    if grouped is None:
        return opened
    check_groups(opened, estimator)
    return replace(opened, column_groups=grouped)


def _labels(y: Any) -> NDArray[Any]:
    """Classes (n,)."""
    check_collected(y, "y")
    values = column_or_1d(y, warn=True)
    if values.dtype.kind == "f" and np.isfinite(values).all():
        between = np.flatnonzero(values != np.round(values))
        if between.size:
            raise ValueError(
                f"Unknown label type: y is continuous ({values[between[0]]:g} in row {between[0]}), and a classifier "
                "needs classes; give classes, or use LinearRegression"
            )
    check_missing(values)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argmax(~np.isfinite(values)))
        raise ValueError(f"Input y contains infinity or NaN in row {row}; drop these rows or give them a class")
    label_codes(values, "y")
    check_classification_targets(values)
    return np.asarray(values)


def _shown(label: Any) -> str:
    """A class in words."""
    return str(label.item() if isinstance(label, np.generic) else label)


def _validated(estimator: Any, X: Any, y: NDArray[Any]) -> tuple[Encoded | None, Any]:
    """The table, if there is one, and its columns as scikit-learn takes them."""
    table, X = (X, X.matrix) if isinstance(X, Encoded) else (None, X)
    check_collected(X, "X")
    check_columns(X)
    options = {"accept_sparse": ("csr", "csc"), "dtype": (np.float64, np.float32), "ensure_all_finite": False}
    try:
        X = validate_data(estimator, X, ensure_min_samples=2, **options)
    except ValueError as error:
        if "could not convert string" in str(error):
            check_array(X)
        raise
    if len(y) != X.shape[0]:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {X.shape[0]} rows and y {len(y)}; "
            "give one target per row"
        )
    return table, X


def _check_parameters(estimator: Any) -> None:
    """Parameters that need no data."""
    for name in ("fit_intercept", "standardize"):
        if not isinstance(given := getattr(estimator, name), bool | np.bool_):
            raise ValueError(f"{name}={given!r}: expected True or False")
    if estimator.solver not in SOLVERS:
        raise ValueError(f"solver={estimator.solver!r} is not known; give one of {', '.join(map(repr, SOLVERS))}")
    if not isinstance(estimator.l1_ratio, Real) or not 0.0 <= float(estimator.l1_ratio) <= 1.0:
        raise ValueError(
            f"l1_ratio={estimator.l1_ratio!r}: expected a number from 0 (weight decay) to 1 (lasso), the share of the "
            "1-norm"
        )


def _class_weights(given: Any, classes: NDArray[Any], code: NDArray[np.intp], weight: Array | None) -> Array | None:
    """Sample weights times those of classes, which are taken from all rows."""
    if given is None:
        return weight
    if isinstance(given, str) and given != "balanced":
        raise ValueError(f"class_weight={given!r}: expected None, 'balanced' or a dict of class to weight")
    s = np.ones(len(code)) if weight is None else weight
    if isinstance(given, str):
        sums = np.bincount(code, s, len(classes))
        present = sums > 0
        each = np.where(present, s.sum() / (present.sum() * np.where(present, sums, 1.0)), 0.0)
    elif isinstance(given, Mapping):
        strange = [one for one in given if one not in classes.tolist()]
        if strange:
            raise ValueError(f"class_weight names {strange[0]!r}, which is none of the classes {classes.tolist()[:5]}")
        each = floats([given.get(one, 1.0) for one in classes.tolist()], "class_weight", "one number per class")
        if not (np.isfinite(each).all() and (each >= 0).all()):
            raise ValueError("class_weight holds numbers that are negative or not finite; give weights of at least 0")
    else:
        raise ValueError(f"class_weight={given!r}: expected None, 'balanced' or a dict of class to weight")
    return weights(s * each[code], len(code))


def _centre(centre: Any, c: int, p: int) -> Array:
    """The centre as (c, p)."""
    if centre is None:
        return np.zeros((c, p))
    given = floats(centre, "centre", "one number per column")
    expected = f"({p},)" if c == 1 else f"({c}, {p}), a row per class,"
    fits = given.shape == (c, p) or (c == 1 and given.shape == (p,))
    if not fits or not np.isfinite(given).all():
        raise ValueError(f"centre has shape {given.shape}, expected {expected} of finite numbers")
    return given.reshape(c, p).copy()
