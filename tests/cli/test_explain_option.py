"""``weightdecay tune --explain``: why decay works, in the report and on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import weightdecay as wd
from cli.conftest import Run
from weightdecay.records.why import Refused
from weightdecay.studies import why

TITLES = ("Bias and variance", "What decay gains as rows", "Under more noise", "What a wrong decay costs", "With more")


def test_the_report_has_a_part_for_every_measurement_and_the_terminal_a_sentence(
    run: Run, data: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    drop = ("--drop", "w", "--drop", "group")
    done = run("tune", data, "--target", "y", *drop, "--report", page, "--explain", "--cv", 5)
    assert done.code == 0, done.err
    text = page.read_text(encoding="utf-8")
    assert all(f"<h3>{title}" in text for title in TITLES)
    for name in ("bias variance", "learning curve", "noise", "sensitivity", "double descent"):
        assert f"\n{name}: " in done.out
    without = run("tune", data, "--target", "y", *drop, "--report", page, "--cv", 5)
    assert without.code == 0 and "Why it works" not in page.read_text(encoding="utf-8")


def test_with_json_it_is_in_the_report_alone(run: Run, data: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    given = ("--weight", "w", "--group", "group", "--cv", 4)
    done = run("tune", data, "--target", "y", *given, "--report", page, "--explain", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["decay"] >= 0
    assert "Why it works" in page.read_text(encoding="utf-8")


def test_the_interrupt_key_leaves_the_answer_and_a_report_without_it(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(why, "explain", pressed)
    page = tmp_path / "report.html"
    done = run("tune", data, "--target", "y", "--drop", "w", "--drop", "group", "--report", page, "--explain")
    assert done.code == 130 and "interrupted while measuring why" in done.err
    assert "decay = " in done.out and "Why it works" not in page.read_text(encoding="utf-8")


def test_a_report_takes_what_was_refused_and_refuses_what_is_no_measurement(tmp_path: Path) -> None:
    X = [[float(i % 7), float(i % 5)] for i in range(20)]
    y = [row[0] + 0.1 * (i % 3) for i, row in enumerate(X)]
    tuning = wd.tune(wd.LinearRegression(), X, y)
    file = wd.report(tuning, tmp_path / "a.html", explain=[Refused("noise", "<b>too few</b> rows")])
    assert "&lt;b&gt;too few" in file.read_text(encoding="utf-8")
    with pytest.raises(TypeError, match=r"wd\.why"):
        wd.report(tuning, tmp_path / "b.html", explain=["noise"])
    assert not (tmp_path / "b.html").exists()
    comparison = wd.compare(wd.LinearRegression(), X, y, cv=3)
    with pytest.raises(TypeError, match="goes with the report of a Tuning"):
        wd.report(comparison, tmp_path / "c.html", explain=[Refused("noise", "no")])
