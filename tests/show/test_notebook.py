"""Notebook fragments of records: the same numbers as everywhere, harmless, small, on light and on dark paper."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import sklearn

import weightdecay as wd
from show.fragments import Fragment, assert_harmless
from show.hostile import NAMES
from show.records import GRID, data, decay_path, tuning
from show.test_comparison import record as comparison
from show.test_monitor_picture import record as measured
from weightdecay.records.audit import Audit, AuditRow
from weightdecay.records.brief import brief
from weightdecay.records.comparison import Comparison
from weightdecay.records.finding import Finding
from weightdecay.records.later import Known
from weightdecay.records.notebook import BLUE, MARKS, safe, visible
from weightdecay.records.param_table import ParamRow, ParamTable
from weightdecay.records.tuning import Tuning
from weightdecay.show.sanitize import for_html

LIMIT = 60_000
FINDINGS = (
    Finding("WD001", "error", "the first thing is wrong", "mend it"),
    Finding("WD003", "info", "the third is good to know", ""),
)
SEVERAL = tuning(decays=GRID[::8], targets=2)
PATH = decay_path(*data(p=2), GRID[::8], ())
BOTH_ENDS = np.array([0.0, *GRID, math.inf])


def shown(record: object) -> Fragment:
    """The fragment of a record, which is harmless and small."""
    text = record._repr_html_()  # type: ignore[attr-defined]
    assert len(text.encode()) < LIMIT
    return assert_harmless(text)


def cells(page: Fragment) -> dict[str, str]:
    """Names and values of the table of numbers."""
    words = [text for where, text in page.texts if where in ("th", "td", "bdi")]
    return dict(zip(words[::2], words[1::2], strict=False))


def audit(name: str = "0.weight", count: int = 1, note: str = "") -> Audit:
    rows = tuple(
        AuditRow(f"{name}{'x' * k}", (3,), "matrix", (), True, 0.1, 1e-4, 1e-4, "decoupled", "decayed", note)
        for k in range(count)
    )
    return Audit(name, name, rows, tuple(Finding(one.code, one.severity, name, name) for one in FINDINGS))


def params(name: str = "0.weight", count: int = 1) -> ParamTable:
    rows = tuple(
        ParamRow(f"{name}{'x' * k}", "head", (), (1, 4), ("decayed", "exempt", "frozen")[k % 3], name, k % 2 == 0)
        for k in range(count)
    )
    return ParamTable(0.1, rows)


def test_a_tuning_says_what_the_record_says():
    record = tuning(findings=FINDINGS)
    page = shown(record)
    assert page.said("p")[: len(record.verdict.splitlines())] == record.verdict.splitlines()
    told = cells(page)
    best = record.best
    assert told["decay in use"] == brief(record.decay)
    assert told["held-out mean squared error"] == f"{brief(record.mean[best])} ± {brief(record.standard_error[best])}"
    assert told["window (tolerance 1 %)"] == " to ".join(map(brief, record.window))
    assert told["plausible range"] == " to ".join(map(brief, record.plausible))
    for one in record.references:
        assert told[f"held-out mean squared error, {one.name}"] == brief(one.mean)
    assert page.said("code") == ["WD001", "WD003"]
    for finding in FINDINGS:
        assert finding.message in page.words() and finding.remedy in page.words()
    assert Tuning.from_json(record.to_json())._repr_html_() == record._repr_html_()


def axes(page: Fragment) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What the labels of the axes say of places: (place, decay) and (place, value), and all labels of decays."""
    places = [
        (float(attrs["x"]), float(attrs["y"]), text, attrs.get("text-anchor"))
        for attrs, text in zip(page.of("text"), page.said("text"), strict=True)
    ]
    values = np.array([(y - 4, float(text)) for _, y, text, anchor in places if anchor == "end"])
    row = [(x, text) for x, y, text, anchor in places if anchor == "middle" and text != "decay λ"]
    lower = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    number = {text: 10.0 ** float(text[2:].translate(lower)) for _, text in row if re.fullmatch("10[⁻⁰-⁹¹²³]+", text)}
    known = [(x, number.get(text) or float(text)) for x, text in row if text not in ("0", "∞")]
    return np.array(known), values, [text for _, text in row]


@pytest.mark.parametrize("decays", [GRID, BOTH_ENDS], ids=["grid", "ends"])
@pytest.mark.parametrize("steep", [False, True])
def test_the_curve_read_off_its_axes_is_the_record(decays, steep):
    X, y = data(p=8, noise=0.02 if steep else 2.0)
    record = tuning(X, y, decays)
    page = shown(record)
    along, up, labels = axes(page)
    assert ("0" in labels, "∞" in labels) == (decays[0] == 0, math.isinf(decays[-1]))
    slope, start = np.polyfit(along[:, 0], np.log10(along[:, 1]), 1)
    # Three labels tell whether the axis of values is linear: theirs is the arithmetic or the geometric mean.
    low, middle, high = up[:, 1]
    logarithmic = abs(middle - math.sqrt(low * high)) < abs(middle - (low + high) / 2) if low > 0 else False
    assert logarithmic == steep
    scale = np.log if logarithmic else np.asarray
    value = np.polyfit(up[:, 0], scale(up[:, 1]), 1)
    line = next(one for one in page.of("polyline") if one["stroke-width"] == "2")
    drawn = np.array([[float(n) for n in pair.split(",")] for pair in line["points"].split()])
    finite = decays[(decays > 0) & np.isfinite(decays)]
    inner = drawn[1:-1] if len(decays) > len(finite) else drawn
    assert len(inner) == len(finite)
    np.testing.assert_allclose(start + slope * inner[:, 0], np.log10(finite), atol=0.03)
    wanted = scale(record.mean[np.isin(decays, finite)])
    inside = (inner[:, 1] > 22.5) & (inner[:, 1] < 141.5)
    assert inside.sum() >= len(inside) / 2
    span = abs(value[0]) * 120
    np.testing.assert_allclose(np.polyval(value, inner[:, 1])[inside], wanted[inside], atol=0.012 * span)
    (mark,) = page.of("circle")
    np.testing.assert_allclose(start + slope * float(mark["cx"]), math.log10(record.decay_min), atol=0.03)
    dashed = next(one for one in page.of("line") if "stroke-dasharray" in one)
    np.testing.assert_allclose(start + slope * float(dashed["x1"]), math.log10(record.decay), atol=0.03)
    window = next(one for one in page.of("polygon") if one["fill"] == BLUE)["points"].split()
    ends = [start + slope * float(window[at].split(",")[0]) for at in (0, 1)]
    known = [at for at, one in enumerate(record.window) if 0 < one < math.inf]
    assert known
    np.testing.assert_allclose(np.array(ends)[known], np.log10(np.array(record.window)[known]), atol=0.03)


def test_scores_stand_upright():
    record = tuning(decays=GRID[::4])
    scores = replace(record, scoring="−r2", losses=-record.losses, mean=-record.mean[::-1].copy())
    scores = replace(scores, decay_min=float(scores.decays[int(np.argmin(scores.mean))]))
    page = shown(scores)
    (mark,) = page.of("circle")
    line = next(one for one in page.of("polyline") if one["stroke-width"] == "2")
    heights = [float(pair.split(",")[1]) for pair in line["points"].split()]
    assert float(mark["cy"]) == min(heights)  # the best is highest
    assert brief(float(np.max(-scores.mean))) in page.said("desc")[0]
    assert cells(page)["held-out r2, no decay"] == brief(-record.references[0].mean)


@pytest.mark.parametrize(
    "decays", [[0.1], [0.0], [math.inf], [0.0, math.inf], [0.0, 0.1, math.inf], [0.09, 0.11], [1e-300, 1e300]]
)
def test_few_decays(decays):
    page = shown(tuning(decays=decays))
    assert len(page.of("circle")) >= 1 and len(page.said("title")) == 1


def test_unknown_numbers():
    record = tuning(decays=GRID[::4])
    nothing = np.full(len(record.decays), math.nan)
    bare = replace(record, standard_error=nothing, window=(math.nan,) * 2, plausible=(math.nan,) * 2, later=Known())
    page = shown(bare)
    assert "nan" not in page.words() and "undefined" not in "".join(cells(page).values()).replace("undefined", "", 0)
    holes = record.mean.copy()
    holes[[3, 4]] = math.nan, math.inf
    page = shown(replace(record, mean=holes))
    assert sum(one.get("stroke-width") == "2" for one in page.of("polyline")) == 2
    assert "inf" not in "".join(one["points"] for one in page.of("polyline"))
    flat = replace(record, mean=np.zeros(len(record.decays)), standard_error=np.zeros(len(record.decays)))
    assert "nan" not in flat._repr_html_()


def test_every_target_has_its_decay():
    record = replace(tuning(decays=GRID[::4], targets=2), target_names=("<b>height</b>", "weight"))
    page = shown(record)
    assert "decay in use" not in cells(page)
    for name, one in zip(record.target_names, record.targets, strict=True):
        assert name in page.words() and brief(one.decay) in page.words()
    many = replace(record, targets=record.targets * 500, target_names=())
    assert re.search(r"[\d,]+ more rows not shown here", shown(many).words())


class Changed(Known):
    """Data that were changed since."""

    def findings(self, tuning):
        raise ValueError("the data were changed; <tune> again")


def test_changed_data_leave_the_rest():
    page = shown(replace(tuning(decays=GRID[::4]), later=Changed()))
    assert "The findings cannot be told: the data were changed; <tune> again" in page.words()
    assert page.said("title")


def test_a_comparison_shows_every_number_of_its_text():
    record = replace(comparison(), findings=FINDINGS)
    page = shown(record)
    words = page.words()
    for line in record.verdict.splitlines():
        assert line in words
    text = str(record).split("\n\n")[1]
    for word in re.findall(r"\S*\d\S*", text):
        assert word in words
    chosen = [attrs for attrs in page.of("tr") if attrs.get("class") == "wd-chosen"]
    assert len(chosen) == 1 and page.said("code") == ["WD001", "WD003"]
    assert Comparison.from_json(record.to_json())._repr_html_() == record._repr_html_()


def test_a_path_shows_its_largest_coefficients():
    X, y = data(p=12)
    path = decay_path(X, y, BOTH_ENDS, ())
    page = shown(path)
    assert len(page.of("polyline")) == 1 + 8  # zero, and the largest
    assert "the 8 largest of 12" in page.said("desc")[0]
    rows = [text for where, text in page.texts if where in ("th", "td", "bdi")]
    assert rows[4:6] == ["0", brief(float(path.df[0]))] and "12 of 42 decays." in page.words()
    several = replace(path, coef=np.stack([path.coef, path.coef], axis=1))
    assert not shown(several).of("svg")
    assert shown(decay_path(X, y, np.array([0.1]), ())).said("p")[0] == "1 model, decays from 0.1 to 0.1, 12 columns"
    wrong = path.coef.copy()
    wrong[0, 0], wrong[1, 1] = math.inf, math.nan
    assert "nan" not in "".join(str(one) for one in shown(replace(path, coef=wrong)).elements)


def test_networks_say_what_their_text_says():
    told = shown(params(count=7))
    for line in str(params(count=7)).splitlines()[1:]:
        for word in line.split():
            assert word.strip(":,") in told.words() or word in "(not trained, in no group):"
    seen = audit(count=3)
    for word in str(seen).split("\n")[0].split():
        assert word in shown(seen).words()
    record = measured()
    lines = record.text().splitlines()
    page = shown(record)
    assert page.said("p")[: len(lines) - len(record.findings)] == lines[: len(lines) - len(record.findings)]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(name):
    found = (Finding("WD001", "warning", f"column {name!s} is odd", name), Finding(name, "info", name, name))
    record = replace(SEVERAL, target_names=(name, name * 2), rule=name, cv=name, scoring=f"−{name}", model_name=name)
    record = replace(record, references=tuple(replace(one, name=name) for one in record.references))
    page = shown(replace(record, later=Known({}, None, found)))
    assert visible(name, 120) in page.words()
    plain = replace(record, targets=(), target_names=(name,), columns=(name,) * 8, later=Known({}, None, found))
    assert page.elements[0][0] == "style" and len(shown(plain).of("svg")) == 2
    forms = replace(comparison(scoring=f"−{name}", cv=name, how=name, notes=(name,)), findings=found)
    rows = tuple(replace(one, note=name) for one in forms.rows)
    assert len(shown(replace(forms, rows=rows)).of("tr")) == 5
    shown(replace(PATH, columns=(name, name * 2), units=name, target_names=(name,)))
    for one in (audit(name, 2, name), params(name, 4)):
        assert len(shown(one).of("table")) == 1


@pytest.mark.parametrize("letter", ["a", '"', "<", "&", "身", "👩", "\u0301", "\x00", "\u202e", "قد"])
def test_the_largest_stay_small(letter):
    """Ten thousand decays, a thousand findings, many targets, forms and parameters, and names of 10 kB."""
    name = letter * 10_000
    found = tuple(Finding(name, "error", name, name) for _ in range(1000))
    decays = np.geomspace(1e-9, 1e9, 10_000)
    wave = 2.0 + np.sin(np.arange(10_000))
    small = SEVERAL
    large = replace(
        small, decays=decays, mean=wave, standard_error=wave, paired=wave, losses=wave[None], decay=1.0,
        decay_min=float(decays[int(np.argmin(wave))]), status=np.full((1, 10_000), "exact"),
        targets=small.targets * 100,
        target_names=(name,) * 100, cv=name, scoring=f"−{name}", model_name=name, rule=name,
        references=tuple(replace(one, name=name) for one in small.references * 5), later=Known({}, None, found),
    )  # fmt: skip
    assert "more" in shown(large).words()
    shown(replace(large, targets=(), target_names=()))
    forms = comparison(scoring=f"−{name}", cv=name, how=name)
    rows = tuple(replace(one, name="L1", note=name) for one in forms.rows * 20)
    shown(replace(forms, rows=rows, findings=found))
    shown(replace(audit(name, 90, name), problems=found))
    shown(params(name, 90))
    shown(
        ParamTable(
            0.1, tuple(replace(params().rows[0], name=f"{letter}{k}.a{k}b", why=f"{k}x{k}") for k in range(1000))
        )
    )


def test_fragments_share_a_page():
    record = tuning(decays=GRID[::4])
    page = assert_harmless(record._repr_html_() + record._repr_html_() + comparison()._repr_html_())
    assert not [attrs for _, attrs in page.elements if "id" in attrs or "name" in attrs]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("paper", ["#ffffff", "#111111", "#1e1e1e", "#212121"])
def test_marks_are_seen_on_every_paper(paper):
    for colour in (BLUE, *MARKS.values()):
        light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3.0


def test_text_is_shown_where_it_is_asked_for():
    record = tuning(decays=GRID[::4])
    before = repr(record)
    every = (record, comparison(), audit(), params(), decay_path(*data(), GRID[::4], ()), measured())
    with sklearn.config_context(display="text"):
        assert [one._repr_html_() for one in every] == [None] * len(every)
        assert repr(record) == before
    assert before.startswith("Tuning(LinearRegression, 10 decays, leave-one-out: Use decay = ")
    assert all(one._repr_html_() for one in every)


@pytest.mark.parametrize("name", NAMES)
def test_text_is_made_harmless_as_for_reports(name):
    if len(name) <= 200:
        assert visible(name, 200) == for_html(name, 200)
    assert len(visible(name, 50)) <= 50
    assert len(safe(name, 50).encode()) <= 100
    (page,) = [Fragment(f"<p>{safe(name, 10_000)}</p>")]
    assert page.words() == visible(name, 10_000) or len(name) == 10_000 or len(name) > 10_000


def test_a_real_search_shows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5))
    y = X[:, 0] + rng.standard_normal(60)
    space, few = {"l1_ratio": [0.0, 1.0]}, [0.01, 0.1, 1.0]
    for found in (
        wd.tune(wd.LinearRegression(cv=3, decays=few), X, y, space=space),
        wd.tune(wd.LogisticRegression(), X, np.digitize(y, [-0.5, 0.5]), cv=3, decays=few, scoring="accuracy"),
        wd.path(wd.LogisticRegression(), X, np.digitize(y, [-0.5, 0.5]), few),
    ):
        assert shown(found).of("table")
