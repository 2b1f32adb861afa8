"""Words of texts: scikit-learn's CountVectorizer and Normalizer are the judges."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import Normalizer

from weightdecay.tables import terms
from weightdecay.tables.encoder import Encoder, encode

WORDS = [
    *("the a of größe naïve don't e-mail x2 _id 12 ABC abc Straße 名前 été I/O".split()),
    *(f"w{i}" for i in range(40)),
]


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, len(WORDS) + 1)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 12), p=chance / chance.sum())) for _ in range(n)]


@pytest.mark.parametrize("seed", range(3))
def test_terms_and_frequencies_are_those_of_scikit_learn(seed: int) -> None:
    train, new = texts(200, seed), texts(50, seed + 100)
    judge = CountVectorizer(min_df=2)
    expected = Normalizer().fit_transform(judge.fit_transform(train))
    found = terms.vocabulary(pl.Series(train))
    assert found == tuple(judge.get_feature_names_out())
    np.testing.assert_allclose(terms.frequencies(pl.Series(train), found).toarray(), expected.toarray(), rtol=1e-14)
    expected = Normalizer().fit_transform(judge.transform(new))
    np.testing.assert_allclose(terms.frequencies(pl.Series(new), found).toarray(), expected.toarray(), rtol=1e-14)


def test_a_term_of_one_row_does_not_count_however_often_it_stands_there() -> None:
    assert terms.vocabulary(pl.Series(["aa aa aa bb", "bb", None])) == ("bb",)


def test_only_the_most_frequent_terms_count_and_of_equals_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "MOST_TERMS", 3)
    found = terms.vocabulary(pl.Series(["cc dd bb aa zz zz zz", "aa bb cc dd zz", "bb"]))
    assert found == ("aa", "bb", "zz")


def test_missing_texts_and_texts_of_other_words_are_empty() -> None:
    found = terms.frequencies(pl.Series(["aa bb", None, "", "zz", "bb bb"]), ("aa", "bb"))
    assert isinstance(found, sparse.csr_array) and found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), [[0.5**0.5] * 2, [0, 0], [0, 0], [0, 0], [0, 1]], rtol=1e-15)


def test_a_text_beside_other_columns() -> None:
    train = texts(60)
    frame = pl.DataFrame({"x": [float(row % 5) for row in range(60)], "t": train, "k": list("abc") * 20})
    encoder, encoded = encode(frame, text=["t"])
    assert isinstance(encoded.matrix, sparse.csr_array) and encoded.matrix.dtype == np.float64
    (block,) = encoded.encoding.terms
    judge = CountVectorizer(min_df=2).fit(train)
    assert encoder.names[block.start : block.stop] == tuple(f"t: {term}" for term in judge.get_feature_names_out())
    expected = Normalizer().transform(judge.transform(train)).toarray()
    matrix = encoded.matrix.toarray()
    np.testing.assert_allclose(matrix[:, block.start : block.stop], expected, rtol=1e-14)
    np.testing.assert_array_equal(matrix[:, 0], frame["x"].to_numpy())
    np.testing.assert_array_equal(matrix[:, block.stop :], np.tile(np.eye(3), (20, 1)))
    assert Encoder.from_dict(encoder.to_dict()) == encoder
    np.testing.assert_array_equal(encoder.apply(frame)[0].toarray(), matrix)


def test_terms_are_those_of_rows_that_count() -> None:
    frame = pl.DataFrame({"t": ["aa bb", "aa bb", "cc aa", "cc bb"], "x": [1.0, 2, 3, 4]})
    used = np.array([True, True, True, False])
    assert encode(frame, text=["t"], used=used)[0].names == ("t: aa", "t: bb", "x")


def test_a_text_without_recurring_words_is_left_out() -> None:
    encoder, encoded = encode(pl.DataFrame({"t": ["aa", "bb", "cc"], "x": [1.0, 2, 3]}), text=["t"])
    assert (
        encoder.names == ("x",) and encoder.plan[0].done == "left out: no word of two letters or more occurs in 2 rows"
    )
    assert isinstance(encoded.matrix, np.ndarray)


def test_a_text_column_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"text column 'tt' is not in the table; did you mean 't'\?"):
        encode(pl.DataFrame({"t": ["aa", "bb"], "x": [1.0, 2]}), text=["tt"])


def test_words_of_one_letter_are_told() -> None:
    encoder, _ = encode(pl.DataFrame({"t": ["A", "B", "A", "B"], "x": [1.0, 2, 3, 4]}), text=["t"])
    assert encoder.plan[0].done == (
        "left out: no word of two letters or more occurs in 2 rows (words of one letter are not counted)"
    )


def test_the_plan_says_what_a_text_becomes() -> None:
    frame = pl.DataFrame({"t": ["aa bb", "aa bb", "cc"], "u": ["dd", "dd", "e"]})
    done = [one.done for one in encode(frame, text=["t", "u"])[0].plan]
    assert done == [
        "one column for each of 2 words: how often it occurs, relative to the other words of its row",
        "one column for the word 'dd': how often it occurs, relative to the other words of its row",
    ]
