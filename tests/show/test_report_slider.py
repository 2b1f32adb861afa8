"""The slider's data in the report: the very texts of the JSON's numbers at every decay, harmless and in few bytes."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import weightdecay as wd
from show.class_records import class_tuning
from show.hostile import NAMES
from show.pages import Report, assert_harmless
from show.records import GRID, data, tuning
from show.test_pictures import places
from show.test_report_of_the_model import wide
from show.trainings import of_network
from weightdecay.records.later import Known
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.embedded import fingerprint, in_letters, script_data
from weightdecay.show.page_pictures import Room
from weightdecay.show.pictures import svg_address
from weightdecay.show.report import html
from weightdecay.show.sanitize import for_html
from weightdecay.show.sheet import label
from weightdecay.show.slider import slider
from weightdecay.show.validation_curve import path_of

ENDS = np.array([0.0, *GRID[::2], math.inf])
SCRIPT = files("weightdecay.show").joinpath("report.js").read_text(encoding="utf-8")


def of_page(page: Report, number: int = 0) -> dict[str, Any]:
    """The data of a slider in a page."""
    return apart(page.data[number])


def of(record: Tuning) -> dict[str, Any]:
    """The data of the slider of a record, without the rest of its page."""
    found = slider(record, path_of(record), (), Room(), nested=False)
    assert found is not None
    return apart(json.loads(found.data))


def apart(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a slider, its lists of texts taken apart."""
    found = dict(data)
    found["decay"] = found["decay"].split(" ")
    found["figures"] = {name: texts.split("|") for name, texts in found["figures"]}
    found["remark"] = [found["words"][int(at)] for at in found["remark"].split(" ")]
    found["units"] = {
        one[0]: [f"{one[0]}{value}{one[1]}" for value in one[2].split(" ")] for one in found["units"]["lines"]
    }
    return found


def listed(found: dict[str, Any], at: int) -> dict[str, str]:
    """The weights shown at a stop, the largest first."""
    given = found["weights"]
    order = given["order"][at if len(given["order"]) > 1 else 0].split()
    return {given["names"][int(one)]: text for one, text in zip(order, given["text"][at].split(), strict=True)}


def read(record: Tuning) -> tuple[dict[str, Any], dict[str, Any]]:
    """The slider of a record, and its JSON."""
    return of(record), json.loads(record.to_json())


def told(value: object) -> str:
    """A number of the JSON, where inf and nan are words, as it is read."""
    return brief(float(value))  # type: ignore[arg-type]


@pytest.mark.parametrize("decays", [GRID[::2], ENDS, [0.0, math.inf]], ids=["grid", "ends", "two"])
def test_every_number_at_every_stop_is_in_the_json(decays):
    record = tuning(decays=decays, diagnosed=True)
    found, known = of_page(assert_harmless(html(record))), json.loads(record.to_json())
    path = known["path"]
    assert found["decay"] == [told(one) for one in known["decays"]]
    assert found["figures"] == {
        "held-out mean squared error": [
            f"{told(mean)} ± {told(error)}" for mean, error in zip(known["mean"], known["standard_error"], strict=True)
        ],
        "effective degrees of freedom": [told(one) for one in path["df"]],
        "training loss": [told(one) for one in path["train_loss"]],
        "intercept": [told(one) for one in path["intercept"]],
    }
    for at, coef in enumerate(path["coef"]):
        expected = dict(zip(known["columns"], map(told, coef), strict=True))
        assert listed(found, at) == expected
    assert found["decay"][found["first"]] == told(known["decay"])
    # In the order of their effect at the decay in use.
    effect = np.abs(np.array(path["coef"][found["first"]]) * record.diagnostics.scale)
    assert list(listed(found, 0)) == [known["columns"][j] for j in np.argsort(-effect, kind="stable")]


def test_the_same_strength_in_other_tools_at_every_stop():
    record = replace(tuning(decays=ENDS), weight_sum=90.0)
    found, known = read(record)
    finite = [one for one in known["decays"] if one != "inf"]
    sd = known["y_std"]
    for before, after, value in (
        ("scikit-learn Ridge(alpha=", ")", lambda decay: decay * 90),
        ("glmnet lambda=", "", lambda decay: decay * sd),
        ("torch SGD weight_decay=", " with MSELoss", lambda decay: 2 * decay),
        ("prior precision Λ = ", "", lambda decay: decay * 90),
    ):
        lines = found["units"][before]
        assert lines[:-1] == [f"{before}{told(value(decay))}{after}" for decay in finite]
        assert lines[-1] == f"{before}–{after}"
    assert "the decayed columns are left out" in found["remark"][-1]


def test_classes_have_a_c_and_one_vector_or_several():
    two, known = read(class_tuning(2))
    sums = [decay * known["weight_sum"] for decay in known["decays"]]
    assert two["units"]["scikit-learn LogisticRegression(C="] == [
        f"scikit-learn LogisticRegression(C={told(1 / one)})" for one in sums
    ]
    assert next(iter(two["figures"])) == "held-out log-loss" and "intercept" in two["figures"]
    three, known = read(class_tuning(3))
    assert "intercept" not in three["figures"]
    for at, coef in enumerate(known["path"]["coef"]):
        expected = {
            f"{column} · {name}": told(value)
            for name, row in zip(known["classes"], coef, strict=True)
            for column, value in zip(known["columns"], row, strict=True)
        }
        assert len(expected) == 12 and listed(three, at) == expected


def test_a_network_shows_the_norms_of_its_layers():
    record = of_network()
    found, known = read(record)
    assert found["weights"]["caption"] == "Norms of the layers" and "intercept" not in found["figures"]
    assert "effective degrees of freedom" not in found["figures"]
    for at, norms in enumerate(known["path"]["coef"]):
        assert set(listed(found, at).items()) == set(zip(known["path"]["columns"], map(told, norms), strict=True))
    (lines,) = found["units"].values()
    assert lines[0].startswith(f"weight_decay={told(known['decays'][0])} of a torch optimiser of the same form")


def test_an_l1_path_counts_what_is_not_zero_and_keeps_both_parts(repository):
    table = wd.read(repository / "examples" / "diabetes.csv", "progression")
    record = wd.tune(wd.LinearRegression(l1_ratio=0.5), table.X, table.y, decays=[1e-2, 1.0, 30.0], cv=3)
    found, known = read(record)
    counts = [sum(value != 0 for value in coef) for coef in known["path"]["coef"]]
    assert len(set(counts)) > 1
    assert found["figures"]["coefficients that are not zero"] == [told(one) for one in counts]
    lines = found["units"]["scikit-learn ElasticNet(alpha="]
    assert lines == [f"scikit-learn ElasticNet(alpha={told(one)}, l1_ratio=0.5)" for one in known["decays"]]


def test_scores_are_the_metric_itself():
    plain = tuning(decays=GRID[::4])
    record = replace(plain, scoring="−r2", mean=plain.mean / plain.mean.max() - 1)
    found, known = read(record)
    assert found["figures"]["held-out r2"] == [
        f"{told(-mean)} ± {told(error)}" for mean, error in zip(known["mean"], known["standard_error"], strict=True)
    ]


def test_what_is_not_known_is_left_out():
    plain = tuning(decays=GRID[::4])
    nothing = np.full(len(plain.decays), math.nan)
    bare = replace(plain, standard_error=nothing, y_std=math.nan, mean=np.where(plain.decays > 1, math.nan, plain.mean))
    found = of(replace(bare, later=Known()))
    assert found["weights"] is None
    assert list(found["figures"]) == ["held-out mean squared error"]
    assert found["figures"]["held-out mean squared error"][-1] == "–"
    assert not any(name.startswith("glmnet") for name in found["units"])
    assert "nan" not in json.dumps(found)


def test_one_decay_has_no_slider_and_targets_have_one_each():
    assert assert_harmless(html(tuning(decays=[0.1]))).data == []
    record = tuning(decays=GRID[::4], targets=2)
    page = assert_harmless(html(record))
    assert [one["heading"] for one in page.data] == ["h3", "h3"]
    for number, one in enumerate(record.targets):
        found = of_page(page, number)
        losses = [f"{brief(mean)} ± {brief(error)}" for mean, error in zip(one.mean, one.standard_error, strict=True)]
        assert found["figures"]["held-out mean squared error"] == losses


def test_a_decay_between_those_tried_starts_at_the_nearest():
    record = tuning(decays=ENDS)
    at = of(replace(record, decay=float(ENDS[3]) * 1.1))["first"]
    assert at == 3
    assert of(replace(record, decay=1e9))["first"] == len(ENDS) - 2


def test_decays_that_read_the_same_are_told_apart():
    close = [0.1, 0.1 + 1e-9, 1.0]
    assert of(tuning(decays=close))["decay"] == ["0.1", "0.100000001", "1"]
    assert len(set(of(tuning(decays=[0.1, 0.10000001]))["decay"])) == 2


def test_remarks_say_where_a_decay_stands():
    record = tuning(decays=ENDS)
    record = replace(record, rule="1se", decay=record.decay_1se)
    found = of(record)
    at = {decay: remark for decay, remark in zip(record.decays.tolist(), found["remark"], strict=True)}
    assert at[record.decay_min] == "best" and at[record.decay_1se].startswith("in use; 1-SE")
    for decay, remark in at.items():
        assert ("within 1 % of the best" in remark) == (
            record.window[0] <= decay <= record.window[1] and decay != record.decay_min
        )
        assert ("over-fitting" in remark) <= (decay < record.decay_min)
        assert ("under-fitting" in remark) <= (decay > record.decay_min)
    jumps = dict(found["jumps"])
    assert jumps["no decay"] == 0 and jumps["infinite decay"] == len(record.decays) - 1
    assert record.decays[jumps["best"]] == record.decay_min and record.decays[jumps["in use"]] == record.decay


def test_where_nothing_is_known_of_the_window_nothing_is_said_of_it():
    record = replace(tuning(decays=ENDS), window=(math.nan, math.nan), plausible=(math.nan, math.nan))
    assert set(of(record)["words"]) <= {"", "in use; best", "1-SE", "the decayed columns are left out"}


def distance(point: tuple[float, float], line: np.ndarray) -> float:
    """From a point to a line of straight parts."""
    a, b = line[:-1], line[1:]
    along = np.clip(((point - a) * (b - a)).sum(axis=1) / np.maximum(((b - a) ** 2).sum(axis=1), 1e-12), 0, 1)
    return float(np.sqrt(((a + along[:, None] * (b - a) - point) ** 2).sum(axis=1)).min())


@pytest.mark.parametrize("wanted", ["wide", "narrow"])
def test_the_marker_stands_on_the_curve_of_the_picture(wanted):
    page = assert_harmless(html(tuning(decays=ENDS)))
    marks = page.data[0]["marks"][wanted == "narrow"]
    picture = ElementTree.fromstring((page.pictures() if wanted == "wide" else page.narrow_pictures())[0])
    assert [float(picture.attrib[name].removesuffix("pt")) for name in ("width", "height")] == marks["size"]
    (shape,) = (
        one.attrib["d"]
        for one in picture.iter("{http://www.w3.org/2000/svg}path")
        if re.search(r"stroke: ?#0072b2", style := one.attrib.get("style", ""))
        and re.search("stroke-width: ?1.8", style)
        if len(places(one.attrib["d"])) > 3
    )
    curve = np.array([pair for _, pair in places(shape)])
    seen = [tuple(map(float, one.split(","))) for one in marks["places"].split(" ") if not one.endswith(",")]
    inner = [one for one in seen if curve[0, 0] <= one[0] <= curve[-1, 0]]
    assert len(inner) >= len(ENDS) // 2
    assert max(distance(one, curve) for one in inner) < 0.6
    xs = [float(one.split(",")[0]) for one in marks["places"].split(" ")]
    assert xs == sorted(xs) and len(xs) == len(ENDS) and xs[-1] < marks["size"][0]


@pytest.mark.parametrize(
    "name",
    [
        "column {}",
        pytest.param("<" * 60 + "{}" + "<script>" * 2000, marks=pytest.mark.long),
        pytest.param("\N{GRINNING FACE}" * 90 + "{}", marks=pytest.mark.long),
    ],
)
def test_a_thousand_columns_show_the_twelve_largest_of_each_decay(name):
    record = wide(1000, 100, name)
    text = html(record)
    assert len(text.encode()) < 490_000
    found = of_page(assert_harmless(text))
    assert found["weights"]["most"] == 12 and found["weights"]["caption"].startswith("The 12 largest of 1,000 ")
    for at in (0, 37, 99):
        effect = np.abs(record.path.coef[at] * record.diagnostics.scale)
        largest = np.argsort(-effect, kind="stable")[:12]
        given = found["weights"]
        order = [given["names"][int(one)] for one in given["order"][at].split()]
        assert order == [label(record.columns[j]) for j in largest]
        assert given["text"][at].split() == [brief(record.path.coef[at, j]) for j in largest]


def test_very_many_decays_keep_those_with_a_name():
    decays = np.geomspace(1e-6, 1e6, 2000)
    record = tuning(*data(n=20, p=3), decays)
    found = of(record)
    assert 250 <= len(found["decay"]) <= 253
    assert {brief(record.decay), brief(record.decay_1se)} <= set(found["decay"])


def test_data_for_the_script_cannot_leave_it():
    hostile = [*NAMES, "</script><script>", "<!--<script>", "\u2028\u2029", "&lt;/script>", "\\u003c", '"}', "]]>"]
    text = script_data(hostile)
    assert json.loads(text) == hostile
    assert not set(text) & set("<>&\u2028\u2029\n\r")
    with pytest.raises(ValueError):
        script_data(math.nan)


def test_a_picture_in_letters_is_the_same_picture():
    names = [for_html(name, 40).replace("$", r"\$") for name in NAMES[:40] if name.strip()]

    def draw(ax):
        ax.plot(np.linspace(0, 1, 50), np.sin(np.linspace(0, 9, 50)), "--")
        for at, name in enumerate([*names, "\"double\" and 'single' % # & < > %3C"]):
            ax.text(0, at, name)

    address = svg_address(draw, 4, 3)
    written = in_letters(address)
    assert len(written) < 0.92 * len(address) and in_letters(written) == written
    page = Report(f'<html><img src="{written}"><img srcset="{written}" src="{address}"></html>')
    first, other = (ElementTree.fromstring(one) for one in page.pictures())
    for one, two in zip(first.iter(), other.iter(), strict=True):
        assert one.tag == two.tag and one.text == two.text and set(one.attrib) == set(two.attrib)
        for name, value in one.attrib.items():
            assert re.sub(r"([:;,]) ", r"\1", value.replace(",", " ")) == re.sub(
                r"([:;,]) ", r"\1", two.attrib[name].replace(",", " ")
            )
        assert "d" not in one.attrib or places(one.attrib["d"]) == places(two.attrib["d"])
    assert in_letters("") == "" and in_letters("data:,x") == "data:,x"


def test_the_script_reads_no_markup_and_asks_for_nothing():
    forbidden = (
        *(
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "createContextualFragment",
        ),
        *(
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "import(",
            "localStorage",
            "sessionStorage",
            "cookie",
            "postMessage",
        ),
        *("http:", "https:", "</script", "<!--", ".src", ".href", "javascript:", "setTimeout('", 'setAttribute("on'),
    )
    without = SCRIPT.replace("http://www.w3.org/2000/svg", "")
    assert [one for one in forbidden if one in without] == []
    assert len(SCRIPT.splitlines()) <= 400


def test_a_fingerprint_is_that_of_the_standard():
    # The example of Content Security Policy Level 3, section 8.3.
    assert fingerprint("alert('Hello, world.');") == "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
