"""The report: one HTML file that loads nothing, runs its own script alone and can be sent to anybody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from weightdecay.records.comparison import Comparison
from weightdecay.records.tuning import Tuning
from weightdecay.show.comparison_page import write_comparison
from weightdecay.show.embedded import fingerprint
from weightdecay.show.files import check_writable, write_text
from weightdecay.show.page import page
from weightdecay.show.page_templates import part, template
from weightdecay.show.why_sections import Measured


def report(result: Tuning | Comparison, path: str | Path, *, explain: Iterable[Measured] = ()) -> Path:
    """Write a report as one self-contained HTML file.

    It holds the verdict, the findings, the picture of the curve, the coefficients beside least squares and beside the
    models of the folds, their path, the held-out residuals (of a classifier which classes are taken for which, and
    whether its probabilities can be taken at their word), what other criteria and habits would choose and what that
    costs, the settings that a search has tried, every number of the curve, what became of the columns, what was done
    when the rows were read, and the command and the versions that repeat the work. What was not computed is left out.

    A slider goes along the decays and shows at each of them its place on the curve, the held-out loss, the degrees of
    freedom, the largest weights and the same strength in the units of other tools; the address keeps the place
    (``report.html#decay=0.01``). Its script computes nothing: every text is in the page. Without scripts all else is
    there. The page loads nothing, its policy allows only its own script and style, by their SHA-256, and it stays below
    500 kB with 1,000 columns and 100 decays; the file is there wholly or not at all.

    Of a comparison it tells which form of regularisation suits the data, and how all forms did; that has no script.

    Parameters
    ----------
    result : Tuning or Comparison
        What `wd.tune` or `wd.compare` returned.
    path : str or Path
        The file to write.
    explain : iterable of records of `wd.why`, optional
        Why decay works on these rows, as `wd.why.explain` or its single functions have measured it: a part of the
        report for each, with its picture.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    TypeError
        The result is neither, or what is to be explained is no record of `wd.why` or goes with a comparison.
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
    told = tuple(explain)
    if isinstance(result, Comparison):
        if told:
            raise TypeError("explain= goes with the report of a Tuning; a comparison has one answer, and no decay")
        return write_comparison(result, path)
    if not isinstance(result, Tuning):
        raise TypeError(
            f"a report needs a Tuning, not {type(result).__name__}; pass what wd.tune returned, or model.tuning_, "
            "or what wd.compare returned"
        )
    # Before the work, not after it.
    check_writable(path)
    return write_text(path, html(result, told))


def html(tuning: Tuning, explain: Iterable[Measured] = ()) -> str:
    """The report as text."""
    style, script = part("report.css"), part("report.js")
    return template("report.html.jinja").render(
        page=page(tuning, explain), style=style, script=script, policy=_policy(style, script)
    )


def _policy(style: str, script: str) -> str:
    """What the page may do: show its own pictures in its own style, and run its own script."""
    return (
        f"default-src 'none'; script-src '{fingerprint(script)}'; style-src '{fingerprint(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
