"""Against polars and scikit-learn: a messy CSV to its report beside one read and one fit, and what a start costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

import weightdecay as wd
from benchmarks.measure import Result, medians, python_seconds, regression

EXAMPLES = Path(__file__).parents[1] / "examples"
NUMBERS, WITH_GAPS, LEVELS = 27, 10, (4, 8, 12)

RIVAL = f"""
import sys
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
frame = pl.read_csv(sys.argv[1])
numbers, texts = [f"x{{j}}" for j in range({NUMBERS})], [f"c{{j}}" for j in range({len(LEVELS)})]
words = make_pipeline(
    SimpleImputer(strategy="most_frequent", missing_values=None),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
)
table = ColumnTransformer(
    [("numbers", SimpleImputer(strategy="median", add_indicator=True), numbers), ("texts", words, texts)]
)
make_pipeline(table, StandardScaler(), Ridge(1.0)).fit(frame[numbers + texts], frame["y"].to_numpy())
"""


@cache
def mixed_csv(n: int) -> Path:
    """A CSV file of n rows: 27 numbers, 10 of them with gaps, 3 categories, one with gaps, and a target."""
    import polars as pl

    rng = np.random.default_rng(0)
    columns: dict[str, pl.Series] = {}
    for j in range(NUMBERS):
        values = pl.Series(rng.standard_normal(n).round(4))
        columns[f"x{j}"] = values.scatter(np.flatnonzero(rng.random(n) < 0.05), None) if j < WITH_GAPS else values
    for j, k in enumerate(LEVELS):
        codes = rng.integers(0, k, n)
        texts = pl.Series(np.array([f"level {level}" for level in range(k)])[codes])
        columns[f"c{j}"] = texts.scatter(np.flatnonzero(rng.random(n) < 0.03), None) if j == 0 else texts
    y = columns["x0"].fill_null(0.0).to_numpy() + 0.5 * columns["x12"].to_numpy() + rng.standard_normal(n)
    file = Path(tempfile.mkdtemp(prefix="weightdecay-")) / "mixed.csv"
    pl.DataFrame({**columns, "y": y.round(5)}).write_csv(file)
    return file


def _command(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "weightdecay", *words], check=True, capture_output=True)


def messy_csv_to_report(name: str, repeats: int) -> Result:
    """Read, encode inside 10 folds, tune, report; beside one read and one fit."""
    file = mixed_csv(1_000_000)
    report = str(file.with_name("report.html"))

    def ours() -> None:
        _command("tune", str(file), "--target", "y", "--report", report)

    def rival() -> None:
        subprocess.run([sys.executable, "-c", RIVAL, str(file)], check=True, capture_output=True)

    return Result(name, *medians(ours, rival, repeats), 2.0, None)


def diabetes_to_report(name: str, repeats: int) -> Result:
    """A small table to its report, beside the import of what others would need."""
    report = str(Path(tempfile.mkdtemp(prefix="weightdecay-")) / "report.html")

    def ours() -> None:
        _command("tune", str(EXAMPLES / "diabetes.csv"), "--target", "progression", "--report", report)

    rival = python_seconds("import sklearn.linear_model, matplotlib.pyplot, polars", 2 * repeats + 1)
    mine, _ = medians(ours, lambda: None, 2 * repeats + 1)
    return Result(name, mine, rival, 2.5, None)


def size_of_a_large_report(name: str, repeats: int) -> Result:
    """kB of the report on 1,000 columns and 100 decays; the bar is 500."""
    X, y = regression(3_000, 1_000)
    tuning = wd.tune(wd.LinearRegression(), X, y, decays=np.geomspace(1e-4, 1e2, 100), cv=5)
    file = wd.report(tuning, Path(tempfile.mkdtemp(prefix="weightdecay-")) / "report.html")
    return Result(name, file.stat().st_size / 1000, 500.0, 1.0, None, unit="kB")


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "1,000,000 × 30 mixed CSV to report / polars + one Pipeline fit": messy_csv_to_report,
    "diabetes CSV to report / import scikit-learn, matplotlib, polars": diabetes_to_report,
    "report of 1,000 columns × 100 decays / 500 kB": size_of_a_large_report,
}
