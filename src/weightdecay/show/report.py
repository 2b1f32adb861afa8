"""The report: one HTML file that loads nothing, runs nothing and can be sent to anybody."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.records.tuning import Tuning
from weightdecay.show.files import check_writable, write_text
from weightdecay.show.page import page

if TYPE_CHECKING:
    from jinja2 import Template


def report(result: Tuning, path: str | Path) -> Path:
    """Write a report as one self-contained HTML file.

    It holds the verdict, the findings, the picture of the curve, the coefficients beside least squares and beside the
    models of the folds, their path, the held-out residuals (of a classifier which classes are taken for which, and
    whether its probabilities can be taken at their word), what other criteria and habits would choose and what that
    costs, the settings that a search has tried, every number of the curve, what became of the columns, what was done
    when the rows were read, and the command and the versions that repeat the work. What was not computed is left out.
    It has no script and loads nothing, and stays below 500 kB with 1,000 columns and 100 decays; the file is there
    wholly or not at all.

    Parameters
    ----------
    result : Tuning
        What `wd.tune` returned.
    path : str or Path
        The file to write.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    TypeError
        The result is not a `Tuning`.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> tuning = wd.tune(wd.LinearRegression(), X, y)
    >>> file = wd.report(tuning, pathlib.Path(tempfile.mkdtemp()) / "report.html")
    >>> file.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    if not isinstance(result, Tuning):
        raise TypeError(
            f"a report needs a Tuning, not {type(result).__name__}; pass what wd.tune returned, or model.tuning_"
        )
    # Before the work, not after it.
    check_writable(path)
    return write_text(path, html(result))


def html(tuning: Tuning) -> str:
    """The report as text."""
    return _template().render(page=page(tuning))


@cache
def _template() -> Template:
    """The template, with every value escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("weightdecay.show", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")
