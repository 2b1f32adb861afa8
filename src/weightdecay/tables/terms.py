"""Words of texts as columns: which terms are counted, and how often each occurs in a row, scaled to length 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

# A term is a run of at least two letters, digits or underscores.
TERM = r"\w{2,}"
ONE_LETTER = r"(?:^|\W)\w(?:\W|$)"
# A term that occurs in one row alone says nothing about others.
LEAST_ROWS = 2
MOST_TERMS = 20_000


def vocabulary(texts: pl.Series) -> tuple[str, ...]:
    """The terms that are counted, in code point order.

    Terms are the runs of two or more word characters of a text in lower case. Those that occur in at least
    `LEAST_ROWS` rows count; of more than `MOST_TERMS` the most frequent ones (of equally frequent ones the first).
    """
    import polars as pl

    counts = (
        _terms(texts)
        .group_by("term")
        .agg(pl.col("row").n_unique().alias("rows"), pl.len().alias("count"))
        .filter(pl.col("rows") >= LEAST_ROWS)
        .sort(["count", "term"], descending=[True, False])
        .head(MOST_TERMS)
        .collect()
    )
    return tuple(sorted(counts.get_column("term").to_list()))


def frequencies(texts: pl.Series, terms: Sequence[str]) -> Any:
    """How often each term occurs in each row, every row scaled to Euclidean length 1.

    Parameters
    ----------
    texts : Series of n texts
        A missing one has no terms.
    terms : sequence of p str
        In code point order.

    Returns
    -------
    sparse CSR array of shape (n, p)
        A row without any of the terms is empty.
    """
    import polars as pl
    from scipy import sparse

    codes = pl.DataFrame(
        {"term": list(terms), "code": np.arange(len(terms), dtype=np.int32)}, schema_overrides={"term": pl.String}
    )
    found = (
        _terms(texts)
        .join(codes.lazy(), on="term", how="inner")
        .group_by("row", "code")
        .agg(pl.len().cast(pl.Float64).alias("count"))
        .sort("row", "code")
        .with_columns(pl.col("count") / (pl.col("count") ** 2).sum().sqrt().over("row"))
        .collect()
    )
    rows = found.get_column("row").to_numpy()
    ends = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(texts)))))
    values, columns = found.get_column("count").to_numpy(), found.get_column("code").to_numpy()
    kind = np.int32 if len(values) < 2**31 else np.int64
    parts = (values, columns.astype(kind, copy=False), ends.astype(kind))
    return sparse.csr_array(parts, shape=(len(texts), len(terms)))


def _terms(texts: pl.Series) -> pl.LazyFrame:
    """Every term of every row, one a line, with the number of its row."""
    import polars as pl

    frame = pl.DataFrame({"term": texts.str.to_lowercase().str.extract_all(TERM)}).with_row_index("row")
    return frame.lazy().explode("term").filter(pl.col("term").is_not_null())
