"""Posterior intervals and sandwich errors in the report and in the picture: the numbers of the record, named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from numpy.testing import assert_allclose

import weightdecay as wd
from show.pages import assert_harmless
from show.records import GRID, tuning
from show.test_coefficient_plot import drawn
from weightdecay.records.interval_words import interval_line
from weightdecay.records.later import Known
from weightdecay.show.labels import INK
from weightdecay.show.report import html


def diagnosed() -> wd.Tuning:
    """A tuning whose coefficients have standard deviations, one of them unknown, and which has intervals."""
    record = tuning(decays=GRID[::8], diagnosed=True)
    found: Any = record.diagnostics
    posterior = 0.1 + 0.01 * np.arange(8.0)
    posterior[3] = np.nan
    spread = replace(
        found,
        posterior_std=posterior,
        sandwich_std=posterior[::-1] / 2,
        posterior_intercept_std=0.5,
        sandwich_intercept_std=0.25,
    )
    intervals = wd.Intervals(
        record.decay, float(record.mean.min()), (1.0, 2.0), 60, 1.6, (0.9, 2.5), GRID[:2], "2 folds"
    )
    return replace(record, later=Known({}, record.path, (), spread, intervals))


def test_the_table_has_them_in_full() -> None:
    record = diagnosed()
    told = json.loads(record.to_json())["diagnostics"]
    page = assert_harmless(html(record))
    coef = np.array([told["intercept"], *told["coef"]])
    std = np.array([told["posterior_intercept_std"], *map(float, told["posterior_std"])])
    assert_allclose(page.column("Coefficients", "posterior low"), coef - 1.96 * std, rtol=1e-12)
    assert_allclose(page.column("Coefficients", "posterior high"), coef + 1.96 * std, rtol=1e-12)
    errors = page.column("Coefficients", "sandwich error")
    assert_allclose(errors, [told["sandwich_intercept_std"], *map(float, told["sandwich_std"])], rtol=1e-15)
    words = page.words()
    assert "95 % posterior interval under the prior that this decay is" in words
    assert "scatters about its own mean" in words and "no error about the true value" in words


def test_without_them_neither_the_table_nor_the_picture_speaks_of_them() -> None:
    bare = tuning(decays=GRID[::8], diagnosed=True)
    page = assert_harmless(html(bare))
    assert "posterior" not in page.words() and "sandwich" not in page.words()
    texts = [one.get_text() for one in drawn(bare).get_legend().get_texts()]
    assert "95 % posterior interval" not in texts and "95 % interval" not in page.words()


def test_whiskers_stand_where_the_numbers_are() -> None:
    record = diagnosed()
    found: Any = record.diagnostics
    ax = drawn(record)
    thin = [one for one in ax.collections if isinstance(one, LineCollection) and one.get_linewidth()[0] == 0.8]
    (lines,) = [
        one for one in thin if np.allclose(one.get_color()[0, :3], [int(INK[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    ]
    order = np.argsort(-np.abs(found.coef * found.scale))
    at = {float(segment[0, 1]): (segment[0, 0], segment[1, 0]) for segment in lines.get_segments()}
    for height, j in enumerate(order):
        if j == 3:
            assert height not in at
            continue
        low, high = (found.scale[j] * (found.coef[j] + side * 1.96 * found.posterior_std[j]) for side in (-1, 1))
        assert_allclose(at[height], (low, high))
    assert "95 % posterior interval" in [one.get_text() for one in ax.get_legend().get_texts()]


def test_the_page_and_the_terminal_say_the_line() -> None:
    record = diagnosed()
    line = interval_line(record)
    assert "0.9 to 2.5 (nested cross-validation, 2 folds)" in line
    assert line in assert_harmless(html(record)).words()
    console = wd.terminal.console()
    with console.capture() as caught:
        console.print(wd.terminal.tuning(record))
    assert line in caught.get()
