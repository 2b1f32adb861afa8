"""Write the CSV files of this folder again, byte for byte.

Three come from scikit-learn's bundled data sets, one from the package ``palmerpenguins`` (``pip install
palmerpenguins``; without it that file is left alone)::

    python examples/make.py [FOLDER]

Values are written with the digits that were published (12 at most, which drops the rounding noise that some versions of
scikit-learn carry); whole columns of integers as integers.
"""

from __future__ import annotations

import csv
import sys
from importlib import resources
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine


def write(path: Path, names: list[str], table: np.ndarray) -> None:
    """Write an (n, p) table of numbers under p column names."""
    whole = [bool(np.all(column == np.round(column))) for column in table.T]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(names)
        for values in table:
            rows.writerow([int(v) if integer else float(f"{v:.12g}") for v, integer in zip(values, whole, strict=True)])


def diabetes(folder: Path) -> None:
    """442 patients, ten measurements in their own units, disease progression after a year."""
    bunch = load_diabetes(scaled=False)
    write(folder / "diabetes.csv", [*bunch.feature_names, "progression"], np.column_stack([bunch.data, bunch.target]))


def breast_cancer(folder: Path) -> None:
    """569 tumours, thirty measurements of their cells; scikit-learn codes malignant as 0, here it is 1."""
    bunch = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    write(folder / "breast_cancer.csv", [*names, "malignant"], np.column_stack([bunch.data, 1 - bunch.target]))


def wine(folder: Path) -> None:
    """178 wines, thirteen chemical measurements, three cultivars numbered from 1."""
    bunch = load_wine()
    names = [str(name).replace("/", "_") for name in bunch.feature_names]
    write(folder / "wine.csv", [*names, "cultivar"], np.column_stack([bunch.data, 1 + bunch.target]))


def penguins(folder: Path) -> None:
    """344 penguins with text categories and missing values (written NA), exactly as published."""
    text = resources.files("palmerpenguins").joinpath("data/penguins.csv").read_text(encoding="utf-8")
    (folder / "penguins.csv").write_text(text, encoding="utf-8", newline="\n")


def main(folder: Path) -> None:
    """Write all files into a folder."""
    diabetes(folder)
    breast_cancer(folder)
    wine(folder)
    try:
        penguins(folder)
    except ModuleNotFoundError as error:
        print(f"penguins.csv left alone: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
