"""Findings of the data: for each a data set on which it must fire, and a near miss on which it must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse

import weightdecay as wd
from weightdecay.linear import ridge
from weightdecay.records.codes import CODES
from weightdecay.records.finding import Finding

Array = NDArray[np.float64]
N = 60


def data(n: int = N, p: int = 4) -> tuple[Array, Array]:
    """Columns without outliers (a row carries at most 5 % of a variance), and a target with noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, p)) + 0.3
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.standard_normal(n)


def findings(X: Any, y: Any, sample_weight: Any = None, **settings: Any) -> dict[str, Finding]:
    """Findings by code."""
    tuning = wd.tune(wd.LinearRegression(**settings), X, y, sample_weight=sample_weight, decays=[0.0, 0.01, 0.1, 10.0])
    found = {one.code: one for one in tuning.findings}
    assert len(found) == len(tuning.findings)
    assert set(found) <= set(CODES)
    return found


def with_column(column: Any) -> tuple[Array, Array]:
    """The data with one more column, x4."""
    X, y = data()
    return np.column_stack([X, column]), y


def test_plain_data_give_nothing_to_say() -> None:
    assert findings(*data()) == {}
    assert findings(sparse.csr_array(data()[0]), data()[1]) == {}


def test_scales_that_one_decay_cannot_serve() -> None:
    X, y = data()
    std = X.std(axis=0)
    wide, near = X / std * [1, 1, 101, 1], X / std * [1, 1, 99, 1]
    found = findings(wide, y, standardize=False)
    assert set(found) == {"WD004"}
    assert "'x2' (sd 101) is 101 times as large as" in found["WD004"].message
    assert findings(near, y, standardize=False) == {}
    assert findings(wide, y) == {}
    # A constant column has no scale to compare.
    assert "WD004" not in findings(np.column_stack([X, np.full(N, 1e9)]), y, standardize=False)
    assert "WD004" not in findings(X[:, :1] * 1e9, y, standardize=False)


@pytest.mark.parametrize("other", ["x1", "-3·x1 + 7", "1e-9·x1"])
def test_columns_that_are_copies_up_to_sign_scale_and_shift(other: str) -> None:
    x = data()[0][:, 1]
    column = {"x1": x, "-3·x1 + 7": -3 * x + 7, "1e-9·x1": 1e-9 * x}[other]
    found = findings(*with_column(column))
    assert set(found) == {"WD005"}
    assert found["WD005"].severity == "warning"
    assert found["WD005"].message == "one pair of columns carries the same information: 'x1' and 'x4'"


def test_columns_that_are_almost_copies_are_not_copies() -> None:
    x = data()[0][:, 1]
    noise = np.random.default_rng(1).standard_normal(N)
    for size in (1e-3, 1e-4):
        found = findings(*with_column(x + size * noise))
        assert set(found) == {"WD005"} and found["WD005"].severity == "info"
        assert found["WD005"].message.startswith(
            "columns are collinear, above all 'x1', 'x4': their condition index is"
        )


def test_collinear_columns_from_a_condition_index_of_thirty_on() -> None:
    X, y = data()
    Q = np.linalg.qr(X - X.mean(axis=0))[0]
    for index, told in ((31.0, True), (29.0, False)):
        r = (index**2 - 1) / (index**2 + 1)  # eigenvalues 1 ± r of a pair of correlation r
        Z = np.column_stack([Q[:, 0], r * Q[:, 0] + np.sqrt(1 - r**2) * Q[:, 1], Q[:, 2]])
        found = findings(Z, y)
        assert set(found) == ({"WD005"} if told else set())
        if told:
            assert found["WD005"].severity == "info" and "condition index is 31 (over 30)" in found["WD005"].message


def test_many_copies_are_counted_and_a_few_named() -> None:
    X, y = data()
    message = findings(np.column_stack([X, X, X]), y)["WD005"].message
    assert message.startswith("12 pairs of columns carry the same information: 'x0' and 'x4'; ")
    assert message.count(" and ") == 6 and message.endswith(" and more")


def test_a_combination_of_columns_that_is_zero() -> None:
    X, y = data()
    found = findings(*with_column(2 * X[:, 0] - X[:, 2] + 5))
    assert set(found) == {"WD005"}
    assert found["WD005"].severity == "info"
    assert "linearly dependent: 'x0', 'x2', 'x4' determine each other" in found["WD005"].message
    # All levels of a category, as dummy columns.
    levels = np.eye(3)[np.arange(N) % 3]
    assert "'x4', 'x5', 'x6'" in findings(np.column_stack([X, levels]), y)["WD005"].message
    assert findings(np.column_stack([X, levels[:, 1:]]), y) == {}


def test_a_combination_that_is_almost_zero_puts_digits_at_risk() -> None:
    X, _ = data()
    noise = np.random.default_rng(1).standard_normal(N)
    found = findings(*with_column(X[:, 0] - X[:, 2] + 1e-7 * noise))
    assert set(found) == {"WD014"}
    assert "above all 'x0', 'x2', 'x4'" in found["WD014"].message
    condition = float(found["WD014"].message.split("condition number is ")[1].split(",")[0])
    matrix = with_column(X[:, 0] - X[:, 2] + 1e-7 * noise)[0]
    assert condition == pytest.approx(np.linalg.cond((matrix - matrix.mean(axis=0)) / matrix.std(axis=0)), rel=1e-3)
    near = findings(*with_column(X[:, 0] - X[:, 2] + 1e-4 * noise))
    assert set(near) == {"WD005"} and near["WD005"].severity == "info"


def test_wide_data_are_not_told_of_combinations() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, 45))
    found = set(findings(X, X[:, 0] + rng.standard_normal(40)))
    assert "WD011" in found and not found & {"WD005", "WD014"}


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -1e-300])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_constant_column(value: float, kind: Any) -> None:
    X, y = with_column(np.full(N, value))
    found = findings(kind(X), y)
    assert set(found) == {"WD006"}
    assert found["WD006"].message == "'x4' is constant and gets no weight"


def test_a_column_that_varies_little_is_not_constant() -> None:
    assert findings(*with_column(1000.0 + 1e-3 * np.linspace(-1, 1, N))) == {}


def test_a_column_that_is_constant_where_there_is_weight() -> None:
    column = np.r_[np.zeros(N - 5), np.ones(5)]
    weight = np.r_[np.ones(N - 5), np.zeros(5)]
    X, y = with_column(column)
    assert "WD006" in findings(X, y, sample_weight=weight)
    assert "WD006" not in findings(X, y)


def test_several_constant_columns_are_named_and_counted() -> None:
    X, y = data()
    message = findings(np.column_stack([X, np.ones((N, 7))]), y)["WD006"].message
    assert message == "'x4', 'x5', 'x6', 'x7', 'x8' and 2 more are constant and get no weight"


def leaking(share: float, sign: float = 1.0) -> tuple[Array, Array]:
    """A last column whose squared correlation with the target is the share."""
    X, y = data()
    centred = y - y.mean()
    noise = np.random.default_rng(2).uniform(-1, 1, N)
    noise -= noise.mean() + centred * (noise @ centred) / (centred @ centred)
    noise *= np.linalg.norm(centred) / np.linalg.norm(noise)
    return np.column_stack([X, sign * (np.sqrt(share) * centred + np.sqrt(1 - share) * noise)]), y


def test_a_column_that_alone_explains_the_target() -> None:
    for sign in (1.0, -1.0):
        found = findings(*leaking(0.981, sign))
        assert "WD007" in found
        assert found["WD007"].message == "'x4' alone explains 98.10 % of the target's variance"
    assert "WD007" not in findings(*leaking(0.979))
    # With several targets, one that is explained is enough; a single column has no others to stand out from.
    X, y = leaking(0.99)
    assert "WD007" in findings(X, np.column_stack([data()[0] @ np.ones(4), y]))
    assert "WD007" not in findings(X[:, 4:], y)


def test_a_column_that_numbers_the_rows() -> None:
    for column in (np.arange(N), np.arange(N) + 1000, np.random.default_rng(0).permutation(N), -np.arange(N)):
        found = findings(*with_column(column))
        assert set(found) == {"WD008"}
        assert "'x4' numbers the rows" in found["WD008"].message


def test_columns_that_almost_number_the_rows() -> None:
    gap = np.r_[np.arange(N - 1), N]
    twice = np.r_[np.arange(N - 1), 0]
    halves = np.arange(N) / 2
    for column in (gap, twice, halves):
        assert "WD008" not in findings(*with_column(column))


def test_a_row_that_rules_a_column() -> None:
    def spiked(share: float, n: int) -> tuple[Array, Array]:
        # One entry a over entries ±1: a²(1 − 1/n) against the total n − 1 + a²(1 − 1/n).
        column = np.tile([1.0, -1.0], n // 2)
        column[:2] = 0.0
        column[0] = np.sqrt(share / (1 - share) * (n - 2) / (1 - 1 / n))
        X, y = data(n)
        return np.column_stack([X, column]), y

    found = findings(*spiked(0.105, 400))
    assert set(found) == {"WD009"}
    assert found["WD009"].message.startswith(
        "row 0 (counted from 0) carries 10 % of the variance of 'x4'; leave-one-out"
    )
    assert "leave-one-out" not in findings(*spiked(0.105, 400), standardize=False)["WD009"].message
    assert findings(*spiked(0.095, 400)) == {}
    # Few rows carry more each: twice what the largest of n·p normal numbers does.
    limit = 4 * np.log(N * 5) / N
    assert set(findings(*spiked(limit + 0.01, N))) == {"WD009"}
    assert findings(*spiked(limit - 0.01, N)) == {}


@pytest.mark.parametrize(("n", "p"), [(40, 3), (50, 10), (80, 5), (200, 30)])
def test_no_row_of_normal_numbers_rules(n: int, p: int) -> None:
    for seed in range(20):
        X = np.random.default_rng(seed).standard_normal((n, p))
        assert "WD009" not in findings(X, X[:, 0] + np.random.default_rng(seed + 1).standard_normal(n))


def test_a_row_that_rules_a_sparse_column_is_told_where_it_changes_the_folds() -> None:
    X, y = data(400)
    rare = sparse.csr_array(np.column_stack([X, np.eye(400)[:, 7]]))
    assert "row 7 (counted from 0) carries 100 % of the variance of 'x4'" in findings(rare, y)["WD009"].message
    assert "WD009" not in findings(rare, y, standardize=False)


def test_two_rows_are_no_leak_and_an_only_column_is_not_to_be_dropped() -> None:
    X, y = data(9)
    assert "WD007" not in findings(np.column_stack([X, y]), y)
    X, y = data(10)
    assert "WD007" in findings(np.column_stack([X, y]), y)
    year = np.arange(40.0)[:, None]
    (only,) = (one for one in findings(year, np.cos(year[:, 0])).values() if one.code == "WD008")
    assert "drop" not in only.remedy and "no other column" in only.remedy


def test_few_rows() -> None:
    assert "WD010" in findings(*data(29))
    assert "WD010" not in findings(*data(30))
    X, y = data(40)
    assert "WD010" in findings(X, y, sample_weight=np.r_[np.ones(29), np.zeros(11)])


def test_more_columns_than_rows() -> None:
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (40, 41))
    y = X[:, 0] + rng.standard_normal(40)
    assert "WD011" in findings(X, y)
    assert "WD011" not in findings(X[:, :40], y)


def test_names_of_frames_are_used() -> None:
    X, y = with_column(np.full(N, 3.0))
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d", "year"])
    assert findings(frame, y)["WD006"].message == "'year' is constant and gets no weight"


def test_a_fit_pays_only_for_the_findings_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def counted(problem: object) -> tuple[Finding, ...]:
        calls.append(problem)
        return ()

    monkeypatch.setattr(ridge, "data_findings", counted)
    X, y = data()
    model = wd.LinearRegression().fit(X, y)
    assert model.tuning_ is not None
    assert model.tuning_.verdict and model.predict(X).shape == (N,)
    assert calls == []
    _ = model.tuning_.findings, model.tuning_.findings
    assert len(calls) == 1


def test_dependent_columns_are_all_named_however_small_their_part() -> None:
    """A time of hours and minutes written as one number, in a small table and in a large one."""
    for n in (400, 400_000):
        rng = np.random.default_rng(0)
        hour, minute = rng.integers(0, 24, n), rng.integers(0, 60, n)
        others = rng.standard_normal((n, 26)) if n > 1000 else rng.standard_normal((n, 2))
        X = np.column_stack([100.0 * hour + minute, hour, minute, others])
        found = findings(X, rng.standard_normal(n))
        assert found["WD005"].message == "columns are linearly dependent: 'x0', 'x1', 'x2' determine each other"


def test_what_a_table_was_made_of_is_named_and_not_its_levels() -> None:
    import polars as pl

    rng = np.random.default_rng(0)
    country = rng.integers(0, 6, 300)
    frame = pl.DataFrame(
        {
            "country": [f"c{one}" for one in country],
            "continent": [f"part {one // 3}" for one in country],
            "day": pl.Series(np.arange(300)).cast(pl.Date),
            "note": ["stable"] * 290 + [None] * 10,
            "x": rng.standard_normal(300),
        }
    )
    told = {one.code: one.message for one in wd.tune(wd.LinearRegression(), frame, rng.standard_normal(300)).findings}
    assert told["WD005"] == "columns are linearly dependent: 'country', 'continent' determine each other"
    assert "WD008" not in told  # days in a row are dates
    assert "WD006" not in told  # a level that the plan made


def test_the_construction_of_a_table_is_no_news() -> None:
    """Parts of dates with gaps, truth values and words: neither dependent nor dominated."""
    import polars as pl

    rng = np.random.default_rng(0)
    n = 730
    days = pl.Series([None if i % 9 == 0 else i for i in range(n)]).cast(pl.Int32).cast(pl.Date)
    words = [" ".join(rng.choice([f"word{k}" for k in range(200)], 4)) for _ in range(n)]
    frame = pl.DataFrame(
        {"day": days, "rare": [i % 200 == 3 for i in range(n)], "note": words, "x": rng.standard_normal(n)}
    )
    codes = {one.code for one in wd.tune(wd.LinearRegression(), frame, rng.standard_normal(n), text=["note"]).findings}
    assert not codes & {"WD005", "WD006", "WD008", "WD009", "WD014"}
    half = frame[["rare", "x"]].with_columns(half=pl.Series(["a", "b"] * (n // 2)))
    truths = wd.tune(wd.LinearRegression(), half, rng.standard_normal(n))
    assert truths.cv.startswith("leave-one-out")
