"""Words on the command line as values."""

from __future__ import annotations

import csv
import io
import itertools
import math
import shlex
import shutil
import subprocess

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.cli import options


@given(st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(lambda name: name == name.strip())))
def test_any_names_come_back_from_one_word(names: list[str]) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="", quoting=csv.QUOTE_ALL).writerow(names)
    assert options.names([line.getvalue()]) == names


def test_names_may_be_parted_by_commas_or_given_again() -> None:
    assert options.names(["a, b", "c", '"d, e",f', "", " , "]) == ["a", "b", "c", "d, e", "f"]
    assert options.names(None) == []


@given(st.floats(1e-300, 1e300), st.floats(1.001, 1e6), st.integers(2, 50))
def test_a_lattice_has_its_ends_and_one_ratio(low: float, factor: float, count: int) -> None:
    high = low * factor
    if math.isinf(high):
        return
    values = options.decays(f"{low!r}:{high!r}:{count}")
    assert values is not None and len(values) == count
    assert values[0] == low and values[-1] == high
    ratio = (high / low) ** (1 / (count - 1))
    assert all(b / a == pytest.approx(ratio, rel=1e-9) for a, b in itertools.pairwise(values))


def test_a_list_of_decays_is_read_as_floats() -> None:
    assert options.decays("0.01,0.1, 1e1,inf,0") == [0.01, 0.1, 10.0, math.inf, 0.0]
    assert options.decays(None) is None


@pytest.mark.parametrize(
    "word", ["", "a", "1;2", "1:", "1:2:3:4", "1:2:2.5", "-1", "nan", "1,-0.5", "0:1:3", "1:inf:3", "1:2:1"]
)
def test_other_words_are_no_decays(word: str) -> None:
    with pytest.raises(typer.BadParameter):
        options.decays(word)


def test_folds() -> None:
    assert [options.folds(word) for word in ("auto", "loo", "5", " 7 ")] == ["auto", "loo", 5, 7]
    for word in ("", "1", "0", "-3", "2.5", "LOO", "many"):
        with pytest.raises(typer.BadParameter):
            options.folds(word)


@pytest.mark.parametrize(
    "text", ["plain.csv", "with space", "it's", "größe 名前", "", "*", "$HOME", "`ls`", "!!", "-x", "~"]
)
def test_a_word_that_can_be_seen_is_quoted_for_any_shell(text: str) -> None:
    assert shlex.split(options.shell_word(text)) == [text]


UNSEEN = ["a\nb", "it's\x1b", "back\\slash\n", "\u202eabc", "a\t'\"$x`", "\x7f", "\U000e0041", "name\udcff.csv"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="$'…' is bash's")
@pytest.mark.parametrize("text", UNSEEN)
def test_a_word_that_cannot_be_seen_is_spelled_out(text: str) -> None:
    word = options.shell_word(text)
    assert word.isprintable()
    told = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert told == text.encode("utf-8", "surrogateescape")
