"""Opening: arguments and data, validated, become a `RidgeProblem`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import validate_data

from weightdecay.linear.cells import (
    check_array,
    check_collected,
    check_columns,
    check_missing,
    check_numbers,
    first_place,
    floats,
    more_places,
)
from weightdecay.linear.decay_groups import column_groups_of
from weightdecay.linear.design import Design
from weightdecay.linear.fold_maps import column, whole_spread
from weightdecay.linear.group_problem import check_groups
from weightdecay.linear.ridge import RidgeProblem
from weightdecay.linear.rows import Rows
from weightdecay.linear.sides import Side, Tall, Wide
from weightdecay.linear.units_of_rows import bad_cell, choose_scaling, extremes, scaled
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.encoding import Encoded, Encoding
from weightdecay.tuning.target_names import target_names

Array = NDArray[np.float64]

# A Gram matrix or kernel of this order takes 200 MB and a few seconds; beyond it sparse data go to Krylov spaces.
LARGE = 5000
# Numbers up to which X is scanned for extremes at once.
SCANNED = 4_000_000
SOLVERS = ("auto", "gradient_descent")


def open_ridge(estimator: Any, X: Any, y: Any, sample_weight: Any) -> RidgeProblem:
    """Validate data and parameters of a linear estimator.

    Raises
    ------
    ValueError
        What was given, what was expected, what to do next.
    """
    name = type(estimator).__name__
    check_target(y, name)
    targets = target_names(y)
    table, X = (X, X.matrix) if isinstance(X, Encoded) else (None, X)
    X, y = _validated(estimator, X, y)
    _check_parameters(estimator)
    X = X.tocsr() if sparse.issparse(X) else X
    n, p = X.shape
    given = [f"x{j}" for j in range(p)] if table is None else table.names
    columns = tuple(map(str, getattr(estimator, "feature_names_in_", given)))
    single = y.ndim == 1
    Y = np.asarray(y, dtype=np.float64).reshape(n, -1)
    weight = weights(sample_weight, n)
    centre, standardize = _centre(estimator.centre, Y.shape[1], p), bool(estimator.standardize)
    scaling = choose_scaling(sizes(X, columns), Y, weight, centre)
    plan = () if table is None else table.plan
    wanted = decay_weights_of(estimator.decay_weights, columns, plan)
    grouped = column_groups_of(estimator.decay_groups, wanted, columns, plan, encoded=table is not None)
    wanted = wanted if grouped is None else grouped.weights
    decay_weights, decay_exponent = scaling.decay_weights(wanted, standardize)
    design, centre = Design(bool(estimator.fit_intercept), standardize, decay_weights), scaling.centre(centre)
    if estimator.l1_ratio:
        kinks = scaling.kinks(wanted, decay_weights, standardize, decay_exponent)
        design = replace(design, l1_ratio=float(estimator.l1_ratio), kinks=kinks)
    X, Y = scaled(X, Y, scaling)
    rows = Rows(X, Y, scaling.weights(weight), None if table is None else with_truths(table))
    if rows.encoding is not None:
        design = encoded_design(rows, rows.encoding, design, centre)
    side = choose_side(rows, design, centre, estimator)
    opened = RidgeProblem(estimator, rows, design, centre, columns, single, name, side, scaling, targets)
    if grouped is not None:
        check_groups(opened, estimator)
    return replace(opened, decay_exponent=decay_exponent, plan=plan, decay_weights=wanted, column_groups=grouped)


def choose_side(rows: Rows, design: Design, centre: Array, estimator: Any) -> Side:
    """Through columns where they are no more than rows, else through rows; Krylov where both are many and sparse."""
    if design.l1_ratio:
        from weightdecay.linear.elastic_net_sides import choose_kinked

        return choose_kinked(rows, design, centre, LARGE)
    if sparse.issparse(rows.X) and min(rows.n, rows.p) > LARGE:
        from weightdecay.linear.krylov_side import Krylov

        # Its tolerance is of the error's energy norm; gradients are below ten times that.
        return Krylov(rows, design, centre, tol=estimator.tol / 10, max_iter=10 * estimator.max_iter)
    return Tall(rows, design, centre) if rows.p <= rows.n_positive else Wide(rows, design, centre)


def _validated(estimator: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """What scikit-learn makes of the data, once their columns are known to hold numbers."""
    check_collected(X, "X")
    check_columns(X)
    try:
        X, y = validate_data(
            estimator,
            X,
            y,
            accept_sparse=("csr", "csc"),
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
    except ValueError as error:
        if "could not convert string" in str(error):
            check_array(X)
        raise
    return X, y


def _check_parameters(estimator: Any) -> None:
    """Parameters that need no data."""
    for name in ("fit_intercept", "standardize"):
        if not isinstance(given := getattr(estimator, name), bool | np.bool_):
            raise ValueError(f"{name}={given!r}: expected True or False")
    if estimator.solver not in SOLVERS:
        raise ValueError(f"solver={estimator.solver!r} is not known; give one of {', '.join(map(repr, SOLVERS))}")
    ratio = estimator.l1_ratio
    if not isinstance(ratio, Real) or isinstance(ratio, bool) or not 0.0 <= float(ratio) <= 1.0:
        raise ValueError(f"l1_ratio={ratio!r}: expected a number from 0 (weight decay) to 1 (L1 alone)")


def check_target(y: Any, kind: str) -> None:
    """Finite numbers as targets, before scikit-learn says the same without the row."""
    check_collected(y, "y")
    values = np.asarray(y)
    if values.dtype.kind != "f":
        if values.dtype.kind not in "biuc" and values.ndim:
            check_missing(values)
            check_numbers(values, kind)
        return
    if np.isfinite(values).all():
        return
    bad = ~np.isfinite(values)
    first, where = first_place(values, bad)
    value = "NaN" if np.isnan(first) else f"infinity or a value too large for dtype({values.dtype.name!r})"
    raise ValueError(f"Input y contains {value}. It is {where}{more_places(bad)}; drop these rows or give them a value")


def sizes(X: Any, columns: tuple[str, ...]) -> Array:
    """Largest absolute value per column; of large data a sample, since the moments tell of nan and inf at no cost."""
    step = 1 if X.shape[0] * X.shape[1] <= SCANNED else max(1, X.shape[0] // 1024)
    largest, bad = extremes(X[::step])
    if bad.any():
        raise ValueError(bad_cell(X, columns))
    return largest


def weights(sample_weight: Any, n: int) -> Array | None:
    """Sample weights, None when they are all equal to one."""
    if sample_weight is None:
        return None
    weight = floats(sample_weight, "sample_weight", "one number of at least 0 per row")
    if weight.ndim == 0:
        weight = np.full(n, float(weight))
    if weight.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weight.shape}, expected ({n},): one weight per row")
    if not np.isfinite(weight).all() or (weight < 0).any():
        row = int(np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))[0])
        raise ValueError(f"sample_weight is {weight[row]} at row {row}; weights are finite and at least 0")
    if np.count_nonzero(weight) < 2:
        which = "all rows but one" if weight.any() else "all rows"
        raise ValueError(f"sample_weight is zero for {which}; give at least 2 rows a positive weight")
    return weight


def with_truths(table: Encoded) -> Encoding:
    """The encoding of a table, told which columns are truth values."""
    made = {one.made[0] for one in table.plan if one.kind == "boolean" and one.made}
    return replace(table.encoding, truths=tuple(j for j, name in enumerate(table.names) if name in made))


def encoded_design(rows: Rows, encoding: Encoding, design: Design, centre: Array) -> Design:
    """The design of an encoded table: terms have scales of their own, some columns are dependent by construction."""
    if centre.any() and encoding.of_rows:
        raise ValueError(
            "centre= needs columns of numbers without gaps; encode the table yourself, or leave centre out"
        )
    nulls = [(np.array(columns, dtype=np.intp), np.ones(len(columns))) for columns in encoding.sums]
    if not design.fit_intercept and nulls:  # a sum of 1 is then no sum of 0, but the difference of two is
        (first, ones), *others = nulls
        nulls = [(np.concatenate([first, more]), np.concatenate([ones, -each])) for more, each in others]
    seen: dict[bytes, int] = {}
    for flag in encoding.flags:
        twin = seen.setdefault(np.packbits(column(rows, flag) != 0).tobytes(), flag)
        if twin != flag:
            nulls.append((np.array([twin, flag], dtype=np.intp), np.array([1.0, -1.0])))
    return replace(design, spread=whole_spread(rows, encoding.terms), nulls=tuple(nulls))


def decay_weights_of(given: Any, columns: tuple[str, ...], plan: Sequence[ColumnPlan]) -> Array:
    """Decay weights (p,), given per column or by name: of a column, or of one of the table that columns came from."""
    if isinstance(given, Mapping):
        made = {name: (name,) for name in columns} | {one.name: one.made for one in plan if one.made}
        for name in given:
            if name not in made:
                close = difflib.get_close_matches(str(name), made, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "name columns of the table"
                raise ValueError(f"decay_weights names {name!r}, which is none of the columns; {hint}")
        # What was made of a column follows it, unless it is named itself.
        known = {part: weight for name, weight in given.items() for part in made[name]}
        known |= {name: weight for name, weight in given.items() if name in columns}
        given = [known.get(name, 1.0) for name in columns]
    p = len(columns)
    if given is None:
        return np.ones(p)
    weights = floats(given, "decay_weights", "one number of at least 0 per column; 0 exempts it")
    if weights.shape != (p,):
        raise ValueError(f"decay_weights has shape {weights.shape}, expected ({p},): one per column, 0 exempts it")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"decay_weights holds {weights.min()}; they are finite and at least 0")
    return weights


def _centre(centre: Any, t: int, p: int) -> Array:
    """The centre as (t, p)."""
    if centre is None:
        return np.zeros((t, p))
    given = floats(centre, "centre", "one number per column")
    if given.shape not in ((p,), (t, p)) or not np.isfinite(given).all():
        raise ValueError(f"centre has shape {given.shape}, expected ({p},) or ({t}, {p}) of finite numbers")
    return np.broadcast_to(given, (t, p)).copy()
