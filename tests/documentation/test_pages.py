"""The documentation is true: the code of every page runs, its commands work, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import weightdecay as wd
from documentation.sources import DOCS, loaded

PAGES = sorted(page.name for page in DOCS.glob("*.md"))
COMPUTED = (
    "commands.md",
    "form.md",
    "how_much.md",
    "meaning.md",
    "networks.md",
    "not_the_tool.md",
    "speed.md",
    "start.md",
    "where.md",
)


loaded(DOCS / "extensions" / "benchmark_tables.py")
page_code = loaded(DOCS / "extensions" / "page_code.py")


def run(text: str, name: str, folder: Path) -> list[str]:
    """What every piece of a page says."""
    from matplotlib import pyplot

    page, said = page_code.PageCode(folder), []
    does = {"run": page.run, "value": page.value, "command": page.command}
    try:
        for piece in page_code.pieces(text):
            where = [] if piece.kind == "command" else [f"docs/{name}, line {piece.line}"]
            said.append(does[piece.kind](piece.text, *where))
    finally:
        pyplot.close("all")
    return said


@pytest.mark.parametrize("name", COMPUTED)
def test_what_a_page_computes_runs(name: str, tmp_path: Path) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    said = run(text, name, tmp_path)
    assert len(said) == len(re.findall(r"^```\{(?:run|command)\}|\{value\}`", text, re.MULTILINE)) > 0
    assert all(said[i] for i, piece in enumerate(page_code.pieces(text)) if piece.kind != "run")


def test_no_page_computes_unseen() -> None:
    """Every page with code is run by the test above."""
    having = {name for name in PAGES if list(page_code.pieces((DOCS / name).read_text(encoding="utf-8")))}
    assert having == set(COMPUTED)


def test_a_page_that_fails_is_told(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    with pytest.raises(ZeroDivisionError):
        run("```{run}\n1 / 0\n```\n", "planted", tmp_path / "one")
    with pytest.raises(RuntimeError, match="ended with 2"):
        run("```{command}\nweightdecay convert 1 --from nowhere --to decay\n```\n", "planted", tmp_path / "two")
    with pytest.raises(NameError):
        run("{value}`missing`\n", "planted", tmp_path / "three")


def test_pieces_are_told_apart(tmp_path: Path) -> None:
    code = "```{run}\n:show: output\n:picture: words\nx = 3\nprint('x')\nx\n```\n"
    page = f"a {{value}}`1 + 1`\n\n{code}\n```sh\nls\n```\n{{value}}`x`\n"
    assert run(page, "planted", tmp_path) == ["2", "x\n3", "3"]
    assert [piece.line for piece in page_code.pieces(page)] == [1, 3, 14]


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert {name.split(".")[0] for name in listed} == set(wd.__all__), "docs/api.rst lists every public name once"
    for module in wd._MODULES:
        there = {name.partition(".")[2] for name in listed if name.startswith(f"{module}.")}
        assert there <= set(getattr(wd, module).__all__)
    assert {name for name in listed if name.startswith("plot.")} == {f"plot.{name}" for name in wd.plot.__all__}


def test_every_page_is_reached_and_links_lead_somewhere() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    tree = re.search(r"```\{toctree\}.*?^```", index, re.MULTILINE | re.DOTALL)
    assert tree is not None
    reached = {line for line in tree[0].splitlines() if re.fullmatch(r"[\w/]+", line)}
    assert {Path(name).stem for name in PAGES} - {"index"} <= reached
    for name in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", (DOCS / name).read_text(encoding="utf-8")):
            if not target.startswith(("http", "auto_examples/")):
                assert (DOCS / target).exists(), f"docs/{name} links to {target}, which is not there"


def test_the_sentences_that_the_start_explains_are_those_of_the_verdict() -> None:
    verdict = (DOCS.parent / "src" / "weightdecay" / "records" / "verdict.py").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "start.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = [words for row in rows for words in re.findall("`([^`]+)`", row)]
    assert len(named) > 6
    verdict = verdict.replace("{unsure}", "any is needed").replace("{brief(tuning.decay)}", "…")
    for words in named:
        assert re.split(": anything", words)[0] in verdict, f"{words!r} is no sentence of a verdict"
