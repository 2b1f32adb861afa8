"""The tables of speed show what was measured, all of it, and the README's is made from the same files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from documentation.sources import DOCS, loaded

tables = loaded(DOCS / "extensions" / "benchmark_tables.py")
RESULTS = DOCS.parent / "benchmarks" / "results"


def test_no_file_of_results_and_no_row_is_left_out() -> None:
    assert {file.stem for file in RESULTS.glob("*.json")} == set(tables.files())
    for name in tables.files():
        rows = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["results"]
        lines = tables.whole(name).splitlines()[2:]
        assert len(lines) == len(rows) > 0
        told = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
        for row, line in zip(rows, lines, strict=True):
            assert line.startswith(f"| {row['name']} |")
            (measured,) = (one for one in told.splitlines() if one.startswith(f"| {row['name']} |"))
            assert ("MISSED" in measured) == ("missed" in line)


def test_amounts_and_ratios() -> None:
    assert [tables.amount(*one) for one in ((0.00386, "s"), (47.5, "s"), (1.04, "s"), (13.9, "MiB"), (2, ""))] == [
        "3.9 ms",
        "48 s",
        "1 s",
        "14 MiB",
        "2",
    ]
    pairs = ((1, 54.3), (3.05, 1), (1.03, 1), (1, 2))
    words = [tables.ratio({"ours": ours, "rival": rival, "unit": "s"}) for ours, rival in pairs]
    assert words == ["54 × faster", "3 × slower", "equal", "2 × faster"]
    assert tables.ratio({"ours": 14, "rival": 64, "unit": "MiB"}) == "0.22 ×"


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    text = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
    new = tables.renewed(text)
    assert new == f"before\n{tables.BEGIN}\n{tables.readme()}\n{tables.END}\nafter\n" == tables.renewed(new)
    with pytest.raises(ValueError, match="expected"):
        tables.renewed("no marks")


def test_the_readme_shows_slower_rows_too_and_is_current(repository: Path) -> None:
    assert "slower" in tables.readme() and "faster" in tables.readme()
    text = (repository / "README.md").read_text(encoding="utf-8")
    if tables.BEGIN in text:
        assert tables.renewed(text) == text, "run: python docs/extensions/benchmark_tables.py README.md"
