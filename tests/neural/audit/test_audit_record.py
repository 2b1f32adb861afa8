"""The record of an audit: JSON there and back, text and HTML from hostile names, what counts as a problem."""

from __future__ import annotations

import io
import json
import math
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from weightdecay.records.audit import Audit, AuditRow
from weightdecay.records.finding import Finding
from weightdecay.show.audit_table import audit as table

HOSTILE = "<script>alert(1)</script>\x1b[31m[red]\u202e{{x}}&'\""


def row(name: str = "weight", **changes: Any) -> AuditRow:
    """A matrix under decoupled decay."""
    values: dict[str, Any] = {
        **{"name": name, "shape": (4, 3), "role": "matrix", "marks": (), "certain": True, "configured": 0.1},
        **{"promised": 1e-3, "shrink": 1e-3, "form": "decoupled", "treatment": "decayed", "note": ""},
    }
    return AuditRow(**values | changes)


def problem(severity: Any = "error", message: str = "wrong") -> Finding:
    return Finding("WD055", severity, message, "mend it")


RECORD = Audit(
    "AdamW",
    "auto",
    (
        row(),
        row("b", shape=(), role="bias", configured=None, promised=None, shrink=None, form="none", treatment="missing"),
        row("c", shrink=0.0, form="none", treatment="exempt", marks=("tied", "lora"), certain=False, note="seen"),
        row("d", shrink=-0.1),
    ),
    (problem(), problem("info")),
)


def test_json_there_and_back() -> None:
    text = RECORD.to_json()
    assert Audit.from_json(text) == RECORD
    plain = json.loads(text)
    assert plain["ok"] is False
    assert plain["rows"][0]["half_life"] == pytest.approx(math.log(2) / 1e-3)
    assert plain["rows"][2]["half_life"] == "inf"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{}], "problems": []}', '{"rows": 3}'])
def test_what_is_no_audit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Audit\.to_json"):
        Audit.from_json(text)


def test_what_counts() -> None:
    assert not RECORD.ok
    only_info = Audit("SGD", "all", (row(),), (problem("info"),))
    assert only_info.ok
    only_info.assert_ok()
    with pytest.raises(AssertionError, match="WD055: wrong; mend it"):
        only_info.assert_ok("info")
    with pytest.raises(AssertionError, match="mend it"):
        RECORD.assert_ok("error")
    with pytest.raises(ValueError, match="severity"):
        RECORD.assert_ok("fatal")  # type: ignore[arg-type]


def test_layers_of_one_build_share_a_line() -> None:
    rows = tuple(row(f"blocks.{number}.weight") for number in range(2000))
    text = str(Audit("AdamW", "auto", rows, ()))
    assert len(text.splitlines()) == 2
    assert "blocks.*.weight × 2000" in text
    assert "0.001 per step, half-life 693 steps" in text
    mixed = (*rows[:5], row("blocks.5.weight", shrink=2e-3))
    assert len(str(Audit("AdamW", "auto", mixed, ())).splitlines()) == 3


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_are_harmless() -> None:
    record = Audit(HOSTILE, HOSTILE, (row(HOSTILE, note=HOSTILE),), (problem(message=HOSTILE),))
    page = Page()
    page.feed(record._repr_html_())
    assert set(page.tags) <= {"div", "p", "b", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.names == {"style"}
    assert "<script>alert(1)</script>" in page.text
    for text in (str(record), record._repr_html_()):
        assert "\x1b" not in text and "\u202e" not in text
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(record))
    shown = console.export_text(styles=True)
    assert "\u202e" not in shown and "[red]" in shown
    assert Audit.from_json(record.to_json()) == record


def test_all_ways_show_the_same_numbers() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(RECORD))
    shown = console.export_text()
    for text in (shown, str(RECORD), RECORD._repr_html_()):
        for word in ("0.001", "693", "missing", "matrix, tied, lora?", "seen", "WD055"):
            assert word in text
