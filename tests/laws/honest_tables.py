"""Raw tables, their wide design by hand, and honest refits by scikit-learn: none of it is the package's own work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from weightdecay.records.encoding import Encoded, Encoding, Filled, Levels

Array = NDArray[np.float64]


def raw_table(n: int, seed: int = 0, numbers: int = 4) -> tuple[pd.DataFrame, Array]:
    """Numbers far from 0 and of different scales, some with gaps, and texts with gaps, one level of them rare."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {f"x{j}": 10.0 ** (j % 4) * (3 + rng.gamma(2.0, size=n)) for j in range(numbers)}
        | {"kind": rng.choice(["ash", "birch", "cedar"], n, p=[0.41, 0.4, 0.19]), "site": rng.choice(list("pqrst"), n)}
    )
    y = frame["x0"].to_numpy() + (frame["kind"] == "birch") * 2.0 + rng.standard_normal(n)
    for name, share in (("x0", 0.2), ("x2", 0.1), ("kind", 0.15)):
        frame.loc[rng.random(n) < share, name] = None
    y += 1.5 * frame["x0"].isna().to_numpy()
    frame["kind"] = frame["kind"].astype(object).where(frame["kind"].notna(), None)
    frame.loc[n // 3, "site"] = "only here"
    return frame, y


def by_hand(frame: pd.DataFrame, used: NDArray[np.bool_] | None = None) -> Encoded:
    """The wide design: gaps take the medians and most frequent levels of all rows that count."""
    used = np.ones(len(frame), dtype=bool) if used is None else used
    columns: list[Array] = []
    names: list[str] = []
    filled, levels, sums, flags = [], [], [], []

    def add(name: str, values: Any) -> int:
        columns.append(np.asarray(values, dtype=np.float64))
        names.append(name)
        return len(columns) - 1

    for name in frame:
        column = frame[name]
        gaps = column.isna()
        if column.dtype == object or str(column.dtype) in ("str", "string"):
            known = sorted(set(column[used].dropna()))
            counts = column[used].value_counts()
            mode = min(level for level in known if counts[level] == counts.max())
            start = len(columns)
            for level in known:
                add(f"{name} = {level}", (column.where(~gaps, mode) == level))
            sums.append(tuple(range(start, len(columns))))
            if gaps.any():
                flags.append(add(f"{name} is missing", gaps))
                levels.append(Levels(start, start + len(known), flags[-1]))
        else:
            at = add(name, column.fillna(column[used].median()))
            if gaps.any():
                flags.append(add(f"{name} is missing", gaps))
                filled.append(Filled(at, flags[-1]))
    encoding = Encoding(tuple(filled), tuple(levels), (), tuple(sums), tuple(flags))
    return Encoded(np.column_stack(columns), tuple(names), encoding)


def pipeline(frame: pd.DataFrame, alpha: float, standardize: bool = True, fit_intercept: bool = True) -> Pipeline:
    """The reference: imputers with flags, one-hot encoding, standardisation and ridge, all of them fitted together."""
    texts = [name for name in frame if frame[name].dtype == object or str(frame[name].dtype) in ("str", "string")]
    numbers = [name for name in frame if name not in texts]
    numeric = SimpleImputer(strategy="median", add_indicator=True)
    words = FeatureUnion(
        [
            (
                "levels",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent", missing_values=None),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
            ),
            ("flags", MissingIndicator(missing_values=None, features="missing-only", error_on_new=False)),
        ]
    )
    table = ColumnTransformer([("numbers", numeric, numbers), ("texts", words, texts)])
    scale = [("scale", StandardScaler(with_mean=fit_intercept))] if standardize else []
    return Pipeline(
        [("table", table), *scale, ("ridge", Ridge(alpha=alpha, fit_intercept=fit_intercept, solver="svd"))]
    )


def honest_losses(
    frame: pd.DataFrame,
    y: Array,
    precisions: Sequence[float],
    splits: Sequence[tuple[Any, Any]],
    weight: Array | None = None,
    **settings: bool,
) -> Array:
    """Weighted mean squared errors (F, L) of refits, one pipeline for every fold and prior precision."""
    s = np.ones(len(y)) if weight is None else weight
    losses = np.empty((len(splits), len(precisions)))
    for f, (train, test) in enumerate(splits):
        train = np.asarray(train)[s[train] > 0]
        for place, alpha in enumerate(precisions):
            model = pipeline(frame, alpha, **settings)
            weights = {"ridge__sample_weight": s[train]}
            if settings.get("standardize", True):
                weights["scale__sample_weight"] = s[train]
            model.fit(frame.iloc[train], y[train], **weights)
            error = y[test] - model.predict(frame.iloc[test])
            losses[f, place] = np.average(error**2, weights=s[test])
    return losses
