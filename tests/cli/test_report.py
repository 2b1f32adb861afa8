"""``weightdecay report``: the page of a stored tuning is the page of the work itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weightdecay as wd

Run = Callable[..., Any]
PLAIN = ("--target", "y", "--drop", "w,group")


@pytest.fixture
def stored(run: Run, data: Path, tmp_path: Path) -> Path:
    """A tuning as JSON and in a model, and its report."""
    words = ["tune", data, *PLAIN, "--decays", "1e-6,2e-6", "--report", tmp_path / "page.html"]
    done = run(*words, "--save", tmp_path / "model.wd", "--json")
    (tmp_path / "tuning.json").write_text(done.out)
    return tmp_path


def page(file: Path) -> str:
    """A report without what differs from one writing to the next."""
    return re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "DATE", file.read_text("utf-8"))


@pytest.mark.parametrize("source", ["tuning.json", "model.wd"])
def test_the_page_of_what_was_stored(source: str, run: Run, stored: Path) -> None:
    done = run("report", stored / source, stored / "again.html")
    assert (done.code, done.err, done.out) == (0, "", f"report: {stored / 'again.html'}\n")
    assert page(stored / "again.html") == page(stored / "page.html")
    assert "or leave out --decays" in page(stored / "again.html")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_shells_make_of_a_redirect(encoding: str, run: Run, stored: Path) -> None:
    (stored / "marked.json").write_text((stored / "tuning.json").read_text(), encoding=encoding)
    assert run("report", stored / "marked.json", stored / "out.html").code == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "this is not JSON"),
        (b"a,b\n1,2\n", "this is not JSON"),
        (b'{"decay": 1}', "this JSON is not a Tuning: it lacks"),
        (b"[1, 2]", "this JSON is not a Tuning"),
        (b"\xff{}", "it is no text"),
        (b"PK\x03\x04\0\0\0\0more", "no model of weightdecay"),
        (b"\0" * 40, "no model of weightdecay"),
    ],
)
def test_other_files_are_one_sentence(content: bytes, told: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(content)
    done = run("report", tmp_path / "in", tmp_path / "out.html")
    assert (done.code, done.out) == (1, "") and told in done.err and done.err.count("\n") == 1
    assert "tune --save" in done.err
    assert not (tmp_path / "out.html").exists()


def test_files_that_are_not_there_or_none(run: Run, tmp_path: Path) -> None:
    for source, told in (("no.json", "No such file"), (".", "is a folder or a device")):
        done = run("report", f"{tmp_path}/{source}", tmp_path / "out.html")
        assert (done.code, done.out) == (1, "") and told in done.err and done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(run: Run, stored: Path) -> None:
    done = run("report", stored / "tuning.json", stored / "nowhere" / "out.html")
    assert done.code == 1 and "there is no folder" in done.err
    before = (stored / "tuning.json").read_bytes()
    done = run("report", stored / "tuning.json", stored / "tuning.json")
    assert done.code == 2 and "it would overwrite the source" in done.err
    assert (stored / "tuning.json").read_bytes() == before


def test_a_model_whose_decay_was_given(run: Run, tmp_path: Path) -> None:
    model = wd.LinearRegression(decay=0.1).fit([[1.0], [2.0], [4.0]], [1.0, 3.0, 5.0])
    wd.save(model, tmp_path / "model.wd")
    done = run("report", tmp_path / "model.wd", tmp_path / "out.html")
    assert done.code == 1 and "a model whose decay was given, not tuned" in done.err
