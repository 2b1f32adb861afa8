"""The report of a comparison: one harmless file with the numbers of the record, written wholly or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.fragments import Fragment
from show.hostile import NAMES
from show.pages import assert_inert
from show.test_comparison import record, row
from weightdecay.records.comparison import Comparison, Difference
from weightdecay.records.comparison_words import HEADINGS, cells, footnote
from weightdecay.records.finding import Finding
from weightdecay.show.comparison_page import html, write_comparison
from weightdecay.show.sanitize import for_html

LIMIT = 200_000
ELEMENTS = set(
    "html head meta title style body main h1 h2 div p ul li strong span figure figcaption picture source img table "
    "caption thead tbody tr th td bdi data details summary dl dt dd code".split()
)
ATTRIBUTES = set("lang charset http-equiv content name class src srcset media alt scope value aria-label".split())
FINDINGS = (
    Finding("WD001", "error", "the first thing is wrong", "mend it"),
    Finding("WD003", "info", "the third is good to know", ""),
)


def full(**more: object) -> Comparison:
    """A comparison of which everything is known."""
    found = record(findings=FINDINGS, source="in/a.csv", target="y", command="weightdecay compare in/a.csv --target y")
    rows = [replace(one, decays=np.array([0.1, 0.2, 0.3]), tuning_seconds=1.5, stability=0.9) for one in found.rows]
    rows[1] = replace(rows[1], losses=np.array([0.1, 1.0, 1.9]), note="it is special")
    return replace(found, rows=tuple(rows), columns=("a", "b"), notes=("2 rows are left out",), **more)


def read(comparison: Comparison) -> Fragment:
    """The report of a comparison, which loads and runs nothing."""
    text = html(comparison)
    assert not set("\x00\x07\x1b\x9b\u202e\u2066\ufeff") & set(text)
    assert len(text.encode()) < LIMIT
    page = Fragment(text)
    assert text.startswith("<!doctype html>")
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert {name for _, attrs in page.elements for name in attrs} <= ATTRIBUTES
    assert page.elements[2] == ("meta", {"charset": "utf-8"})
    tag, policy = page.elements[3]
    (style,) = page.said("style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert tag == "meta" and policy == {
        "http-equiv": "Content-Security-Policy",
        "content": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'",
    }
    assert f"<style>{style}</style>" in text  # the bytes that a browser hashes
    assert "url(" not in style and "@import" not in style and "{{" not in style
    addresses = [attrs["src"] for attrs in page.of("img")] + [attrs["srcset"] for attrs in page.of("source")]
    assert len(addresses) == 2
    for address in addresses:
        start = "data:image/svg+xml;base64,"
        assert address.startswith(start)
        assert_inert(base64.b64decode(address.removeprefix(start), validate=True))
    return page


def tables(page: Fragment) -> list[list[str]]:
    """Full values of the numbers of each table, in order."""
    found: list[list[str]] = []
    for tag, attrs in page.elements:
        if tag == "table":
            found.append([])
        elif tag == "data" and found:
            found[-1].append(str(attrs["value"]))
    return found


def test_it_says_all_that_is_known():
    comparison = full()
    page = read(comparison)
    words = page.words()
    for line in (*comparison.verdict.splitlines(), footnote(comparison), comparison.command, "it is special"):
        assert line in words
    for finding in FINDINGS:
        assert finding.code in words and finding.message in words and finding.remedy in words
    assert [attrs["class"] for attrs in page.of("li")] == ["error", "info"]
    assert page.said("title") == page.said("h1") == ["Forms of regularisation to predict y from a.csv (M)"]
    assert "2 rows are left out" in page.said("p") and f"weightdecay {wd.__version__}" in words
    assert page.said("h2") == [
        "Forms",
        "How this was measured",
        "What was done when the rows were read",
        "How this was found",
    ]
    plain = read(record())
    assert plain.said("h2") == ["Forms", "How this was measured", "How this was found"]
    assert plain.said("title") == ["Forms of regularisation for M"]


@pytest.mark.parametrize("scoring", ["mean squared error", "−r2", "−neg_mean_absolute_error"])
def test_the_numbers_are_those_of_the_json_and_of_the_text(scoring: str):
    comparison = full(scoring=scoring)
    told = json.loads(comparison.to_json())
    sign = -1.0 if scoring == "−r2" else 1.0
    page = read(comparison)
    forms, losses, decays = tables(page)
    wanted = []
    for one in told["rows"]:
        same = float(one["to_decay"]["mean"]) == 0
        wanted += [sign * float(one["mean"]), *([] if same else [sign * float(one["to_decay"]["mean"])])]
        wanted += [sign * float(one["to_none"]["mean"]), *map(float, (one["nonzero"], one["stability"], one["decay"]))]
        wanted += map(float, (one["fit_seconds"], one["tuning_seconds"], one["overhead"]))
    assert list(map(float, forms)) == wanted
    for number, fold in enumerate(np.array(list(map(float, losses))).reshape(3, -1)):
        assert fold.tolist() == [1.0, *(sign * float(one["losses"][number]) for one in told["rows"])]
    chosen = [one for one in told["rows"] if one["name"] not in ("none", "infinite decay")]
    for number, fold in enumerate(np.array(list(map(float, decays))).reshape(3, -1)):
        assert fold.tolist() == [1.0, *(float(one["decays"][number]) for one in chosen)]
    shown = [text for where, text in page.texts if where in ("data", "bdi")]
    for line in cells(comparison):
        assert all(text in shown for text in line[1:] if text)
    header = [text for text in page.said("th") if text in HEADINGS]
    assert header[: len(HEADINGS)] == list(HEADINGS)


def attacked(names: tuple[str, ...]) -> Comparison:
    """A comparison with names in every text of it."""
    first, *others = names
    given = dict(zip(("cv", "how", "model_name", "source", "command", "target"), [*others, *[first] * 6], strict=False))
    found = tuple(Finding(name, "info", f"column {name!s} is odd", name) for name in names)
    comparison = full(scoring=f"−{first}", **given)
    rows = [
        replace(one, note=name, settings={"dropout": name})
        for one, name in zip(comparison.rows, names * 4, strict=False)
    ]
    return replace(
        comparison, rows=tuple(rows), findings=found, classes=names, notes=names, columns=names, weight=np.ones(3)
    )


def assert_text(names: tuple[str, ...]) -> None:
    """Names are read as they are, and change nothing in the structure of a page."""
    comparison = attacked(names)
    page = read(comparison)
    assert len(page.of("table")) == 3 and len(page.of("li")) == len(names) and len(page.of("dl")) == 2
    for name in filter(None, names):
        if len(name) < 200:
            assert for_html(name, 700) in page.said("p")


@pytest.mark.parametrize("group", range(0, len(NAMES), 10))
def test_names_from_data_stay_text(group: int):
    assert_text(NAMES[group : group + 10])


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_every_place(name: str):
    assert_text((name,))


def test_the_name_of_the_axis_fits_its_picture():
    page = read(full())
    for address, most in ((page.of("source")[0]["srcset"], 36), (page.of("img")[0]["src"], 66)):
        svg = base64.b64decode(str(address).partition(",")[2])
        lines = [text for text in re.findall(r">([^<>]+)</text>", svg.decode()) if re.search("[a-z]{3}", text)]
        assert max(map(len, lines)) <= most
        assert "held-out mean squared error less that of weight decay (left is better)" in " ".join(lines)


def test_unknown_numbers_are_left_empty():
    rows = (
        replace(row("none", 0.5), mean=math.nan, to_decay=Difference(), to_none=Difference(), interval=(math.nan,) * 2),
        replace(row("weight decay", 0.0), nonzero=math.nan, decay=math.nan, standard_error=math.nan),
        replace(row("L1", 0.5), losses=np.full(3, math.nan), fit_seconds=math.inf),
    )
    page = read(replace(record(), rows=rows))
    assert "nan" not in page.words().lower().replace("dominance", "")
    bare = replace(record(), rows=(replace(row("none", 0.5), mean=math.nan),))
    assert "none can be named" in read(bare).words()
    assert read(replace(record(), rows=rows, weight=np.zeros(0), repeat=np.zeros(0, dtype=int)))


def test_very_many_folds_and_classes_stay_small():
    many = 5000
    rows = tuple(
        replace(one, losses=np.random.default_rng(0).random(many), decays=np.random.default_rng(1).random(many))
        for one in full().rows
        for _ in range(2)
    )
    comparison = full(weight=np.ones(many), repeat=np.zeros(many, dtype=int), classes=('"' * 10_000,) * 300)
    long = tuple(Finding("WD001", "error", "<" * 10_000, "&" * 10_000) for _ in range(300))
    comparison = replace(comparison, rows=rows, findings=long, notes=("'" * 10_000,) * 20)
    page = read(comparison)
    assert "4,960 more folds; the JSON has all." in page.words() and "and 280 more" in page.words()


def test_a_record_from_json_makes_the_same_bytes():
    comparison = full()
    assert html(Comparison.from_json(comparison.to_json())) == html(comparison)


def test_the_file_is_the_page(tmp_path):
    comparison = full()
    assert write_comparison(comparison, str(tmp_path / "out.html")) == (tmp_path / "out.html").resolve()
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == html(comparison)
    assert os.listdir(tmp_path) == ["out.html"]


def test_what_fails_leaves_the_old_report(tmp_path):
    old = tmp_path / "out.html"
    old.write_text("old")
    with pytest.raises(AttributeError):
        write_comparison(replace(full(), findings=(None,)), old)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_comparison(full(), tmp_path / "missing" / "out.html")
    with pytest.raises(TypeError, match=r"needs a Comparison, not float; pass what wd\.compare returned"):
        write_comparison(0.1, old)  # type: ignore[arg-type]
    assert old.read_text() == "old" and os.listdir(tmp_path) == ["out.html"]


def test_a_real_comparison_makes_a_report(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 20))
    found = wd.compare(wd.LinearRegression(), X, 3 * X[:, 0] + rng.standard_normal(50), cv=5)
    page = Fragment(write_comparison(found, tmp_path / "out.html").read_text(encoding="utf-8"))
    assert found.verdict.splitlines()[0] in page.said("p")
    assert float(tables(page)[0][0]) == found.rows[0].mean


def test_the_door_writes_it(tmp_path):
    comparison = full()
    file = wd.report(comparison, tmp_path / "out.html")
    assert file.read_text(encoding="utf-8") == html(comparison)
