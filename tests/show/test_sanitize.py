"""Text from data is harmless in every sink, and otherwise what it was."""

from __future__ import annotations

import io
import unicodedata
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from rich.console import Console
from rich.text import Text

from show.hostile import INVISIBLE, MARKUP, NAMES, PLAIN, TERMINAL
from show.pages import assert_inert
from show.records import GRID, data, decay_path, tuning
from weightdecay.records.finding import Finding
from weightdecay.records.history import History
from weightdecay.records.tuning import Tuning
from weightdecay.show import plots, terminal
from weightdecay.show.labels import fitted, name_room
from weightdecay.show.sanitize import MAX_MARKS, SUBSTITUTE, for_html, for_plot, for_terminal

SINKS = (for_terminal, for_plot, for_html)
FORBIDDEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
JOINERS = "\u200c\u200d"


def short(name: str) -> str:
    """A name for a test."""
    return ascii(name[:24])


def visible(markup: str) -> str:
    """What rich shows of markup, colours apart."""
    return Text.from_markup(markup, emoji=False).plain


def printed(*things: object, colours: bool) -> str:
    """What reaches a terminal."""
    out = io.StringIO()
    Console(file=out, force_terminal=colours, width=100, emoji=False, highlight=False).print(*things)
    return out.getvalue()


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("name", NAMES, ids=short)
def test_nothing_invisible_or_commanding_is_left(sink, name):
    clean = sink(name)
    for letter in clean:
        category = unicodedata.category(letter)
        assert category not in FORBIDDEN
        assert category != "Cf" or letter in JOINERS
    clean.encode("utf-8")


@given(st.text(st.characters(categories=("L", "N", "S", "P", "Zs"))))
def test_harmless_letters_stay_as_they_are(harmless):
    assert for_html(harmless, 10**6) == harmless
    assert visible(for_terminal(harmless, 10**6)) == harmless
    assert for_plot(harmless, 10**6).replace("\\$", "$") == harmless


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("letter", "\x00\x1b\x7f\x9b\u202e\u2066\u200b\ufeff\u00ad\ud800\ue000\uffff\U000e0041\u2028")
def test_what_is_taken_away_leaves_a_sign(sink, letter):
    assert sink(f"a{letter}b") == f"a{SUBSTITUTE}b"


@pytest.mark.parametrize("letter", "\t\n\r")
def test_breaks_become_blanks(letter):
    assert for_html(f"a{letter}b") == "a b"


def test_letters_that_need_a_joiner_or_marks_keep_them():
    for name in ("👩\u200d🔬", "می\u200cخواهم", "ा\u0902पु", "e\u0301"):
        assert for_html(name) == name


def test_marks_that_deface_the_lines_around_are_cut():
    assert for_html("a" + "\u0301" * 50 + "b") == "a" + "\u0301" * MAX_MARKS + "b"


@pytest.mark.parametrize("limit", [4, 7, 24, 120])
def test_long_text_keeps_both_its_ends(limit):
    text = "".join(chr(0x4E00 + k) for k in range(10_000))
    short = for_html(text, limit)
    assert len(short) == limit
    head, tail = short.split("…")
    assert head and tail
    assert text.startswith(head) and text.endswith(tail)
    assert for_html(text[:limit], limit) == text[:limit]


def test_names_that_differ_at_their_ends_stay_different():
    names = [f"measurement of the same long thing, number {k}" for k in range(200)]
    assert len({for_plot(name, 24) for name in names}) == 200


@given(st.text(alphabet="[]\\/a=#@ ", max_size=8), st.text(alphabet="[]\\/a=#@ ", max_size=8))
def test_markup_of_rich_never_works_alone_or_with_its_neighbours(first, second):
    # Two names that are harmless alone may form a tag together.
    assert visible(f"[bold]{for_terminal(first)}[/]") == first
    both = f"[dim]{for_terminal(first)}{for_terminal(second)}: {for_terminal(first)} {for_terminal(second)}[/]"
    assert visible(both) == f"{first}{second}: {first} {second}"
    assert [str(span.style) for span in Text.from_markup(both).spans if str(span.style) != "none"] == ["dim"]


def everywhere(name: str) -> Tuning:
    """A tuning that holds a name wherever text from data can stand."""
    X, y = data(p=2)
    finding = Finding("WD001", "warning", f"column {name!s} is odd", f"drop {name!s}")
    one = tuning(X, y, GRID[::4], columns=(name, "plain"), findings=(finding,), command=f"weightdecay tune {name!s}")
    return replace(one, rule=name, cv=name, scoring=name, model_name=name)


@pytest.mark.parametrize("name", NAMES, ids=short)
def test_no_escape_reaches_a_terminal(name):
    record = everywhere(name)
    plain = printed(terminal.tuning(record), terminal.path(record.path), colours=False)
    assert not FORBIDDEN & {unicodedata.category(letter) for letter in plain.replace("\n", "")}
    coloured = printed(terminal.tuning(record), terminal.path(record.path), colours=True)
    # The only escapes are rich's own colours: no cursor, no title, no link.
    assert all(piece[:1] == "[" and "m" in piece for piece in coloured.split("\x1b")[1:])
    assert "\x1b]" not in coloured
    for piece in coloured.split("\x1b[")[1:]:
        assert set(piece.split("m", 1)[0]) <= set("0123456789;")


@pytest.mark.parametrize("group", range(0, len(NAMES), 24))
def test_figures_save_whatever_the_columns_are_called(group):
    names = NAMES[group : group + 24]
    X, y = data(p=len(names))
    path = decay_path(X, y, GRID[::6], names)
    record = replace(tuning(X, y, GRID[::6], columns=names), scoring="".join(names)[:500])
    weights = np.cumsum(np.ones((5, len(names))), axis=0)
    history = History(0.1, weights, np.ones(5), True, "done", names)
    drawings = (
        lambda ax: plots.path(path, ax=ax, top=24),
        lambda ax: plots.validation(record, ax=ax),
        lambda ax: plots.training([history, replace(history, decay=1.0)], ax=ax, top=24),
    )
    for draw in drawings:
        ax, svg, png = Figure(figsize=(7, 6)).add_subplot(), io.BytesIO(), io.BytesIO()
        with warnings.catch_warnings():
            # Scripts that matplotlib's font lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            draw(ax)
            ax.figure.savefig(svg, format="svg")
            ax.figure.savefig(png, format="png")
        if ax.get_ylabel() in ("coefficient", "weight"):
            assert {text.get_text() for text in ax.texts} == {fitted(name, name_room(ax)) for name in names}
        assert png.getvalue().startswith(b"\x89PNG")
        assert_inert(svg.getvalue())


@pytest.mark.parametrize("name", [*MARKUP, *TERMINAL, *INVISIBLE, *PLAIN], ids=short)
def test_matplotlib_draws_exactly_the_harmless_text(name):
    figure = Figure()
    text = figure.text(0, 0, for_plot(name))
    shown, mathematics = text._preprocess_math(text.get_text())
    assert mathematics is False
    assert shown == for_html(name)


def test_the_catalogue_is_large_enough():
    assert len(set(NAMES)) >= 60
