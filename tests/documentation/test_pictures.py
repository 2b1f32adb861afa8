"""The README's pictures are what the tool shows today."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from documentation.sources import DOCS, loaded

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"(?<![\w#])-?\d+\.?\d*(?:e-?\d+)?")
loaded(DOCS / "extensions" / "page_code.py")
pictures = loaded(DOCS / "pictures.py")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    made: dict[str, str] = pictures.pictures()
    return made


def kept(name: str) -> str:
    return (DOCS / "images" / name).read_text(encoding="utf-8")


def test_the_terminal_says_what_it_says_today(made: dict[str, str]) -> None:
    assert kept("verdict.svg") == made["verdict.svg"], "run: python docs/pictures.py"


def test_the_terminal_shows_the_command_and_its_whole_answer(
    made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ElementTree.fromstring(made["verdict.svg"])
    lines = ["".join(text.itertext()).rstrip() for text in tree.iter(f"{SVG}text")]
    assert lines[0] == f"$ {pictures.COMMAND}"
    monkeypatch.chdir(pictures.ROOT)
    tuning = pictures.tuned()
    shown = " ".join(" ".join(lines[1:]).split())
    for sentence in tuning.verdict.splitlines():
        assert sentence in shown
    assert max(map(len, lines)) <= pictures.COLUMNS
    told = tree.findtext(f"{SVG}desc") or ""
    assert " ".join(told.split()) == shown


def test_the_curve_is_that_of_today(made: dict[str, str]) -> None:
    """To a hundredth of a point where the same matplotlib drew it; another one still must tell the same verdict."""
    ours, theirs = made["flagship.svg"], kept("flagship.svg")
    described = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
    then, now = described.search(theirs), described.search(ours)
    assert then is not None and now is not None and then[1] == now[1], "run: python docs/pictures.py"
    if f"Matplotlib v{matplotlib.__version__}," in theirs:
        assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs), "run: python docs/pictures.py"
        before, after = (np.array([float(one) for one in NUMBER.findall(text)]) for text in (theirs, ours))
        np.testing.assert_allclose(after, before, atol=0.01)


def test_they_are_the_same_bytes_each_time(made: dict[str, str]) -> None:
    assert pictures.pictures() == made


def test_nothing_is_loaded_or_run(made: dict[str, str]) -> None:
    for text in made.values():
        for element in ElementTree.fromstring(text).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "image", "foreignObject", "a")
            for name, value in element.attrib.items():
                assert not name.lower().startswith("on")
                assert name.rpartition("}")[2] not in ("href", "src") or value.startswith(("#", "http://purl.org/"))
        assert "@import" not in text and "url(http" not in text


def test_they_can_be_written_elsewhere(tmp_path: Path, made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "pictures", lambda: made)
    pictures.main(tmp_path / "new")
    assert {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "new").iterdir()} == made
