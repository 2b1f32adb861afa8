"""The wide design of a table: scikit-learn's imputers and encoders are the judges."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from weightdecay.tables import pieces
from weightdecay.tables.encoder import Encoder, encode
from weightdecay.tables.preflight import TableError


def mixed(n: int, seed: int = 0, *, extra: bool = False) -> pd.DataFrame:
    """Numbers and texts with gaps; ties among the medians' neighbours and the most frequent levels are likely."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "whole": rng.integers(0, 9, n),
            "gaps": np.round(rng.standard_normal(n), 1),
            "kind": rng.choice(list("zyxab") + ["new"] * extra, n).astype(object),
            "many gaps": 1e6 * rng.random(n),
            "site": rng.choice(["North", "south", "Östlich", "É"] + ["newer"] * extra, n).astype(object),
            "truth": rng.random(n) < 0.5,
        }
    )
    for name, share in (("gaps", 0.1), ("kind", 0.2), ("many gaps", 0.6)):
        frame.loc[(rng.random(n) < share) | (np.arange(n) == 5), name] = None
    if extra:
        frame.loc[0, ["site", "gaps"]] = None
    return frame


def judged(train: pd.DataFrame, frame: pd.DataFrame) -> dict[str, Any]:
    """Columns of ``frame`` after scikit-learn's fit on ``train``, by the names that ours have."""
    made: dict[str, Any] = {}
    for name in ("whole", "gaps", "many gaps", "truth"):
        imputer = SimpleImputer(strategy="median").fit(train[[name]].astype(float))
        made[name] = imputer.transform(frame[[name]].astype(float))[:, 0]
    for name in ("kind", "site"):
        imputer = SimpleImputer(strategy="most_frequent", missing_values=None).fit(train[[name]])
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(imputer.transform(train[[name]]))
        block = encoder.transform(imputer.transform(frame[[name]]))
        made |= {f"{name} = {level}": block[:, place] for place, level in enumerate(encoder.categories_[0])}
    for name in ("gaps", "kind", "many gaps"):
        flags = MissingIndicator(features="all", missing_values=None if name == "kind" else np.nan)
        made[f"{name} is missing"] = flags.fit(train[[name]]).transform(frame[[name]])[:, 0]
    return made


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Gaps of texts as None, which is what scikit-learn is told that they are."""
    texts = {name: [None if pd.isna(one) else one for one in frame[name]] for name in ("kind", "site")}
    return frame.assign(**{name: pd.Series(values, index=frame.index, dtype=object) for name, values in texts.items()})


def in_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(clean(frame).to_dict("list"), nan_to_null=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_the_design_is_what_scikit_learn_makes(n: int, seed: int, kind: str) -> None:
    train, new = clean(mixed(n, seed)), clean(mixed(30, seed + 100, extra=True))
    ours: Any = (
        (lambda frame: pl.DataFrame(frame.to_dict("list"), nan_to_null=True)) if kind == "polars" else lambda X: X
    )
    encoder, encoded = encode(ours(train))
    expected = judged(train, train)
    assert sorted(encoder.names) == sorted(expected)
    assert encoded.matrix.flags.c_contiguous and encoded.matrix.dtype == np.float64
    np.testing.assert_array_equal(encoded.matrix, np.column_stack([expected[name] for name in encoder.names]))
    matrix, notes = encoder.apply(ours(new))
    expected = judged(train, new)
    np.testing.assert_array_equal(matrix, np.column_stack([expected[name] for name in encoder.names]))
    assert "column 'kind' has values that the training rows had not ('new'; " in notes[0]


def test_columns_stand_in_their_order_with_flags_beside_them() -> None:
    frame = pl.DataFrame({"x": [1.0, None, 3.0, 4.0], "k": ["v", "u", None, "v"], "z": [1, 2, 3, 4], "c": list("aabb")})
    encoder, encoded = encode(frame)
    assert encoder.names == ("x", "x is missing", "k = u", "k = v", "k is missing", "z", "c = a", "c = b")
    assert encoder.columns == ("x", "k", "z", "c")
    encoding = encoded.encoding
    assert [(one.value, one.flag) for one in encoding.filled] == [(0, 1)]
    assert [(one.start, one.stop, one.flag) for one in encoding.levels] == [(2, 4, 4)]
    assert (encoding.sums, encoding.flags, encoding.terms) == (((2, 3), (6, 7)), (1, 4), ())


def test_rows_that_do_not_count_are_as_if_not_there() -> None:
    train = clean(mixed(60, 3))
    used = np.random.default_rng(0).random(60) < 0.7
    train.loc[np.flatnonzero(~used)[0], "kind"] = "only here"
    encoder, encoded = encode(train, used=used)
    alone, of_used = encode(train[used].reset_index(drop=True))
    assert encoder.names == alone.names and encoder.recipes == alone.recipes
    np.testing.assert_array_equal(encoded.matrix[used], of_used.matrix)
    place = int(np.flatnonzero(~used)[0])
    assert encoded.matrix[place, [name.startswith("kind") for name in encoder.names]].sum() == 0


def test_gaps_of_rows_that_do_not_count_alone_make_no_flag() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 4.0, None]})
    encoder, encoded = encode(frame, used=np.array([True, True, True, False]))
    assert encoder.names == ("x",) and encoded.matrix[3, 0] == 2.0
    assert encoder.plan[0].missing == 1 and not encoded.encoding.of_rows


@pytest.mark.parametrize("values", [[5.0, 1.0, 3.0], [4.0, 1.0, 3.0, 2.0], [1e308, 1.7e308], [0.1, 0.7]])
def test_medians_are_those_of_numpy(values: list[float]) -> None:
    middle = np.median(np.array(values) / 2) * 2  # which does not overflow
    assert encode(pl.DataFrame({"x": [*values, None]}))[1].matrix[-1, 0] == middle


def test_columns_by_name_in_any_order_and_others_ignored() -> None:
    train = mixed(40)
    encoder, encoded = encode(train)
    matrix, notes = encoder.apply(train[train.columns[::-1]].assign(other=1, another="x"))
    np.testing.assert_array_equal(matrix, encoded.matrix)
    assert notes == ("columns that the model does not use are ignored: 'other', 'another'",)


def test_missing_columns_are_named() -> None:
    encoder = encode(mixed(40))[0]
    with pytest.raises(
        ValueError, match=r"^column 'site' is not in the table, and the model needs it; did you mean 'Sites'\?"
    ):
        encoder.apply(mixed(40).rename(columns={"site": "Sites"}))
    with pytest.raises(TableError, match="columns 'whole', 'site' are not in the table, and the model needs them"):
        encoder.apply(mixed(40).drop(columns=["site", "whole"]))


def test_gaps_where_the_training_rows_had_none_are_filled_and_told() -> None:
    train = pl.DataFrame({"x": [1.0, 2.0, 4.0], "k": ["b", "a", "b"]})
    matrix, notes = encode(train)[0].apply(pl.DataFrame({"x": [None, 3.0], "k": [None, "a"]}, schema=train.schema))
    assert matrix.tolist() == [[2, 0, 1], [3, 1, 0]]
    assert notes == (
        "column 'x' has no value in 1 row, though the training rows all had one: it takes the median 2",
        "column 'k' has no value in 1 row, though the training rows all had one: it takes the most frequent, 'b'",
    )


def test_new_rows_that_are_no_numbers_are_refused() -> None:
    encoder = encode(pl.DataFrame({"x": [1.0, 2.0, 4.0]}))[0]
    assert encoder.apply(pl.DataFrame({"x": ["1.5", "NA"]}))[0].tolist() == [[1.5], [2.0]]
    with pytest.raises(ValueError, match=r"column 'x' holds the text 'oops' \(row 1\); the model takes a number there"):
        encoder.apply(pl.DataFrame({"x": ["1", "oops"]}))
    with pytest.raises(ValueError, match="column 'x' is infinite"):
        encoder.apply(pl.DataFrame({"x": [1.0, np.inf]}))
    with pytest.raises(ValueError, match="column 'x' holds 'Date' where the model was trained on numbers"):
        encoder.apply(pl.DataFrame({"x": pl.Series(["2024-01-01"]).str.to_date()}))


def test_no_rows_are_an_empty_design() -> None:
    encoder = encode(mixed(40))[0]
    assert encoder.apply(mixed(40).iloc[:0])[0].shape == (0, len(encoder.names))


def test_names_are_unique() -> None:
    frame = pl.DataFrame({"x": [1.0, None, 3.0], "x is missing": [1, 2, 3], "x = a": [1, 2, 3]})
    frame = frame.with_columns(pl.Series("x is missing (2)", [3, 2, 1]))
    encoder = encode(frame)[0]
    assert encoder.names == ("x", "x is missing (3)", "x is missing", "x = a", "x is missing (2)")


def test_there_and_back_through_json_is_the_same() -> None:
    frame = mixed(40).assign(day=pd.date_range("2024-01-30", periods=40), x=np.pi, all_gone=None)
    encoder, encoded = encode(frame)
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert back == encoder and back.plan == encoder.plan
    np.testing.assert_array_equal(back.apply(frame)[0], encoded.matrix)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain.pop("recipes"),
        lambda plain: plain.update(format=4),
        lambda plain: plain["names"].pop(),
        lambda plain: plain["recipes"][0].update(kind="unknown"),
        lambda plain: plain["recipes"][0].update(filling="1.0"),
        lambda plain: plain["recipes"][0].update(filling=float("nan")),
        lambda plain: plain["recipes"][0].pop("flagged"),
        lambda plain: plain["recipes"][0].update(more=1),
        lambda plain: plain["recipes"][2].update(filling="none of the levels"),
        lambda plain: plain["recipes"][2].update(levels=[1, 2]),
        lambda plain: plain["plan"][0].update(kind="unknown"),
        lambda plain: plain.update(plan=None),
        lambda plain: plain.update(missing=1),
    ],
)
def test_what_is_no_encoder_is_refused(spoil: Any) -> None:
    plain = encode(mixed(40))[0].to_dict()
    spoil(plain)
    with pytest.raises(ValueError, match="the model's columns are not of format 3"):
        Encoder.from_dict(plain)


def test_encoders_of_the_first_format_are_read() -> None:
    encoder = encode(mixed(40).assign(day=pd.date_range("2024-01-30", periods=40)))[0]
    plain = encoder.to_dict()
    plain.update(format=1)
    plain.pop("missing")
    for recipe in plain["recipes"]:
        recipe.pop("form", None)
    assert Encoder.from_dict(plain) == encoder


def test_large_designs_of_mostly_zeros_are_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"k": [f"k{level}" for level in rng.integers(0, 40, 200)], "x": rng.standard_normal(200)})
    encoder, dense = encode(frame)
    monkeypatch.setattr(pieces, "DENSE_BYTES", 1000)
    assert isinstance(encode(frame)[1].matrix, sparse.csr_array)
    np.testing.assert_array_equal(encode(frame)[1].matrix.toarray(), dense.matrix)
    np.testing.assert_array_equal(encoder.apply(frame)[0].toarray(), dense.matrix)
    assert isinstance(encode(mixed(200))[1].matrix, np.ndarray)


def test_rows_in_several_blocks_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encode(mixed(100))[1].matrix
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 1000)
    np.testing.assert_array_equal(encode(mixed(100))[1].matrix, whole)


def test_more_rows_than_are_looked_up_one_by_one() -> None:
    """The two ways to find levels agree."""
    train = clean(mixed(5000))
    encoder, encoded = encode(train)
    np.testing.assert_array_equal(encoded.matrix[:500], encoder.apply(train[:500])[0])
    new = in_polars(train).with_columns(pl.Series("kind", ["unknown", None] * 2500))
    matrix, notes = encoder.apply(new)
    assert "'unknown'; 2,500 rows" in notes[0]
    np.testing.assert_array_equal(matrix[:500], encoder.apply(new[:500])[0])


def test_a_wide_table_takes_few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query for every column takes minutes where there are 20 000."""
    numbers = np.random.default_rng(0).standard_normal((20, 3000))
    numbers[3] = np.nan
    frame = pl.DataFrame({f"x{place}": column for place, column in enumerate(numbers.T)})
    queries = []
    collect = pl.LazyFrame.collect
    monkeypatch.setattr(
        pl.LazyFrame, "collect", lambda self, *args, **more: queries.append(1) or collect(self, *args, **more)
    )
    table = encode(frame)[0]
    assert len(table.names) == 6000 and len(queries) < 20
    queries.clear()
    assert table.apply(frame)[0].shape == (20, 6000) and len(queries) < 20


@pytest.mark.timeout(240)
@pytest.mark.parametrize("level", ["", pytest.param("k", marks=pytest.mark.long)])
def test_a_very_wide_table_takes_seconds(level: str) -> None:
    """Anything that looks at all columns for every column takes minutes."""
    values = np.random.default_rng(0).integers(0, 3, (20, 20_000)).astype(str)
    frame = pl.DataFrame({f"x{place}": [level + one for one in column] for place, column in enumerate(values.T)})
    encoder, encoded = encode(frame)
    np.testing.assert_array_equal(encoder.apply(frame)[0], encoded.matrix)


WORDS = [
    "",
    "NA",
    "none",
    "yes",
    "no",
    "True",
    "1",
    "1.5",
    "-2e3",
    "nan",
    "2024-01-31",
    "2024/02/01T10:00Z",
    "x",
    "X y",
]
COLUMNS = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.dates()), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.datetimes()), min_size=12, max_size=12),
    st.lists(st.sampled_from(WORDS), min_size=12, max_size=12),
    st.lists(st.sampled_from(["u", "v", "w v", None]), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.text()), min_size=12, max_size=12),
)


@settings(max_examples=200)
@given(st.lists(COLUMNS, min_size=1, max_size=5), st.integers(0, 2**12 - 1), st.booleans())
def test_the_rows_learned_from_are_encoded_as_new_rows_are(columns: list[list[Any]], used: int, prose: bool) -> None:
    """Whatever a table holds, it is refused with a sentence or both ways agree, also after a journey through JSON."""
    frame = pl.DataFrame({f"c{place}": pl.Series(values, strict=False) for place, values in enumerate(columns)})
    mask = np.array([bool(used >> row & 1) for row in range(12)])
    try:
        encoder, encoded = encode(frame, text=["c0"] if prose else [], used=mask)
    except TableError:
        return
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    dense = [one.toarray() if sparse.issparse(one) else one for one in (encoded.matrix, back.apply(frame)[0])]
    np.testing.assert_array_equal(dense[0], dense[1])
    assert dense[0].shape == (12, len(encoder.names)) and np.isfinite(dense[0]).all()
    assert len(set(encoder.names)) == len(encoder.names)
    for total in encoded.encoding.sums:
        assert (dense[0][mask][:, list(total)].sum(axis=1) == 1).all()
    for one in encoded.encoding.filled:
        gaps = dense[0][:, one.flag] == 1
        there = dense[0][mask & ~gaps, one.value]
        assert (dense[0][gaps, one.value] == np.median(there)).all()


def test_the_frame_is_left_as_it_was() -> None:
    for frame in (mixed(40), in_polars(mixed(40))):
        before = frame.copy() if isinstance(frame, pd.DataFrame) else frame.clone()
        encoder, encoded = encode(frame)
        encoded.matrix[:] = 0
        encoder.apply(frame)[0][:] = 0
        assert frame.equals(before)
