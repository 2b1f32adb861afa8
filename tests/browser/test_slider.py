"""The slider in a real browser: by keyboard, by hand and by address, at every decay the numbers of the JSON."""

from __future__ import annotations

import base64
import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

import weightdecay as wd
from browser.chromium import Tab
from show.class_records import class_tuning
from show.records import GRID, data, tuning
from show.test_report_of_the_model import wide
from show.trainings import of_network
from weightdecay.records.later import Known
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.report import html
from weightdecay.show.sheet import label

Open = Callable[..., Tab]
ENDS = np.array([0.0, *GRID[::2], math.inf])
PAUSE = 0.6  # seconds after which the address has followed


@cache
def plain() -> tuple[Tuning, str]:
    """A record with both ends, and its report."""
    record = tuning(decays=ENDS)
    return record, html(record)


# What a reader finds beside the slider of a number, all of it as text.
SEEN = """(number) => {
  const box = document.querySelectorAll('.slider')[number], input = box.querySelector('input');
  const shown = (it) => getComputedStyle(it).display !== 'none';
  const all = (name) => [...box.querySelectorAll(name)].filter(shown);
  const text = (it, name) => it.querySelector(name).textContent;
  return {
    at: Number(input.value),
    last: Number(input.max),
    decay: text(box, 'output'),
    said: input.getAttribute('aria-valuetext'),
    remark: text(box, '.told'),
    figures: Object.fromEntries(all('.glance div').map(it => [text(it, 'dt'), text(it, 'dd')])),
    rows: all('tbody tr').map(it => [text(it, 'th'), text(it, 'td')]),
    units: all('.units li').map(it => it.textContent),
    marker: [...document.querySelectorAll('.mark line')].map(it => it.getAttribute('x1')),
  };
}"""
# The same at every stop, the slider moved as a hand does.
ALL = f"""(() => {{
  const seen = {SEEN}, found = [];
  document.querySelectorAll('.slider input').forEach((input, number) => {{
    const every = [];
    for (let at = 0; at <= Number(input.max); at++) {{
      input.value = at;
      input.dispatchEvent(new Event('input', {{ bubbles: true }}));
      every.push(seen(number));
    }}
    found.push(every);
  }});
  return found;
}})()"""


def seen(tab: Tab, number: int = 0) -> dict[str, Any]:
    """What is shown now."""
    found: dict[str, Any] = tab.run(f"({SEEN})({number})")
    return found


def styles(tab: Tab, name: str, *selectors: str) -> list[str]:
    """A property of the first element of each kind."""
    found: list[str] = tab.run(
        f"{json.dumps(selectors)}.map(it => getComputedStyle(document.querySelector(it))[{json.dumps(name)}])"
    )
    return found


def box(tab: Tab, selector: str) -> list[float]:
    """Left, top, width and height of the first element of a kind."""
    corner = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
    found: list[float] = tab.run(f"(it => [it.x, it.y, it.width, it.height])({corner})")
    return found


def go(tab: Tab, action: str) -> None:
    """Do what changes the address, and wait until the page has seen it."""
    tab.run(f"new Promise(done => {{ addEventListener('hashchange', done, {{ once: true }}); {action}; }})")


def move(tab: Tab, at: int, number: int = 0) -> None:
    """Move a slider as a hand does."""
    slider = f"document.querySelectorAll('.slider input')[{number}]"
    tab.run(f"(it => {{ it.value = {at}; it.dispatchEvent(new Event('input')); }})({slider})")


def told(value: object) -> str:
    """A number of the JSON, where inf and nan are words, as it is read."""
    return brief(float(value))  # type: ignore[arg-type]


def agree(shown: dict[str, Any], known: dict[str, Any], at: int) -> None:
    """What is shown at a stop are the numbers of the JSON."""
    path = known["path"]
    assert (shown["at"], shown["last"]) == (at, len(known["decays"]) - 1)
    assert shown["decay"] == told(known["decays"][at])
    loss = f"{told(known['mean'][at])} ± {told(known['standard_error'][at])}"
    name = next(iter(shown["figures"]))
    assert name == f"held-out {known['scoring']}" and shown["figures"][name] == loss
    assert shown["said"] == f"decay {shown['decay']}, {name} {loss}"
    if path is None:
        assert shown["rows"] == []
        return
    for title, key in (
        ("effective degrees of freedom", "df"),
        ("training loss", "train_loss"),
        ("intercept", "intercept"),
    ):
        assert title not in shown["figures"] or shown["figures"][title] == told(path[key][at])
    names = path["columns"]
    coef = np.ravel(path["coef"][at])
    if len(coef) > len(names):
        names = [f"{column} · {one}" for one in known["classes"] for column in names]
    expected = dict(zip(names, map(told, coef), strict=True))
    assert len(shown["rows"]) == min(len(coef), 12)
    assert all(expected[name] == text for name, text in shown["rows"])


def quiet(tab: Tab) -> None:
    """Nothing on the console, nothing asked for but the file, no dialog."""
    assert tab.told("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    assert tab.told("Page.javascriptDialogOpening", "Page.windowOpen") == []
    asked = [one["request"]["url"] for one in tab.told("Network.requestWillBeSent")]
    assert [one.partition("#")[0].partition(":")[0] for one in asked if not one.startswith("data:image/svg")] == [
        "file"
    ]


def test_the_keyboard_reaches_every_decay(open_page: Open) -> None:
    record = tuning(decays=ENDS, diagnosed=True)
    known = json.loads(record.to_json())
    tab = open_page(html(record))
    agree(seen(tab), known, record.decays.tolist().index(record.decay))
    for _ in range(9):
        tab.press("Tab")
        if tab.run("document.activeElement.matches('.slider input')"):
            break
    assert tab.run("document.activeElement.getAttribute('type')") == "range"
    assert tab.run("document.querySelector('label[for=' + document.activeElement.id + ']').textContent") == "decay λ"
    tab.press("Home")
    for at in range(len(ENDS)):
        agree(seen(tab), known, at)
        tab.press("ArrowRight")
    agree(seen(tab), known, len(ENDS) - 1)
    tab.press("ArrowLeft")
    agree(seen(tab), known, len(ENDS) - 2)
    tab.press("End")
    agree(seen(tab), known, len(ENDS) - 1)
    assert "–" not in "".join(seen(tab)["units"])
    # Next come the buttons, in their order.
    tab.press("Tab")
    assert tab.run("document.activeElement.textContent") == "in use"
    tab.run("document.activeElement.click()")
    agree(seen(tab), known, record.decays.tolist().index(record.decay))
    quiet(tab)


def records() -> dict[str, Callable[[], Tuning]]:
    """Records of every kind."""
    return {
        "many columns": lambda: tuning(*data(n=80, p=40), GRID[::4], diagnosed=True),
        "without its path": lambda: replace(tuning(decays=GRID[::4]), later=Known()),
        "two classes": lambda: class_tuning(2),
        "three classes": lambda: class_tuning(3),
        "network": of_network,
    }


@pytest.mark.parametrize("kind", list(records()))
def test_every_stop_shows_the_numbers_of_the_json(kind: str, open_page: Open) -> None:
    record = records()[kind]()
    known = json.loads(record.to_json())
    tab = open_page(html(record))
    (every,) = tab.run(ALL)
    assert len(every) == len(record.decays)
    for at, shown in enumerate(every):
        agree(shown, known, at)
    assert all(len({tuple(one["marker"]) for one in every[at : at + 2]}) == 2 for at in range(len(every) - 1))
    quiet(tab)


def test_every_target_has_a_slider_of_its_own(open_page: Open) -> None:
    record = tuning(decays=GRID[::5], targets=2)
    tab = open_page(html(record))
    every = tab.run(ALL)
    assert len(every) == 2
    for shown, one in zip(every, record.targets, strict=True):
        known = json.loads(one.to_json())
        for at, stop in enumerate(shown):
            agree(stop, known, at)
    move(tab, 0, number=1)
    time.sleep(PAUSE)
    last, first = brief(record.decays[-1]), brief(record.decays[0])
    assert tab.run("location.hash") == f"#decay-1={last}&decay-2={first}"
    quiet(tab)


def test_the_address_keeps_the_place(open_page: Open) -> None:
    record, text = plain()
    known = json.loads(record.to_json())
    tab = open_page(text, f"#decay={float(ENDS[4]) * 1.02}")
    agree(seen(tab), known, 4)  # the nearest
    before = tab.run("history.length")
    for at in (6, 9):
        # Many steps, one place in the history.
        for step in (1, 2, at):
            move(tab, step)
        time.sleep(PAUSE)
        assert tab.run("location.hash") == f"#decay={brief(ENDS[at])}"
    assert tab.run("history.length") == before + 2
    for step, at in ((-1, 6), (-1, 4), (1, 6), (1, 9)):
        go(tab, f"history.go({step})")
        agree(seen(tab), known, at)
    for text, at in (("infinity", -1), ("inf", -1), ("0", 0), (brief(ENDS[7]), 7), ("1e-300", 1), ("1e300", -2)):
        go(tab, f"location.hash = 'decay={text}'")
        agree(seen(tab), known, at % len(ENDS))
    chosen = record.decays.tolist().index(record.decay)
    for text in ("decay=", "decay=-1", "decay=<b>", "decay=nan", ""):
        go(tab, "location.hash = 'decay=0'")
        agree(seen(tab), known, 0)
        go(tab, f"location.hash = '{text}'")
        agree(seen(tab), known, chosen)
    quiet(tab)


def test_the_address_of_a_finding_leaves_the_slider_alone(open_page: Open) -> None:
    _, text = plain()
    tab = open_page(text, "#decay=0")
    go(tab, "location.hash = 'WD001'")
    assert seen(tab)["at"] == 0


def test_a_click_on_the_curve_takes_the_nearest_decay(open_page: Open) -> None:
    _, text = plain()
    tab = open_page(text)
    tab.send("Emulation.setDeviceMetricsOverride", width=1000, height=1400, deviceScaleFactor=1, mobile=False)
    # The layer of marks lies on the picture, whatever its size.
    picture, layer = box(tab, ".plot img"), box(tab, ".mark.wide")
    np.testing.assert_allclose(picture, layer, atol=0.6)
    size = json.loads(tab.run("document.querySelector('script.decays').textContent"))["marks"][0]
    for at in (0, 5, len(ENDS) - 1):
        x = float(size["places"].split(" ")[at].split(",")[0]) / size["size"][0] * picture[2] + picture[0]
        for kind in ("mousePressed", "mouseReleased"):
            tab.send("Input.dispatchMouseEvent", type=kind, x=x + 1, y=picture[1] + 60, button="left", clickCount=1)
        assert seen(tab)["at"] == at
    tab.send("Emulation.setDeviceMetricsOverride", width=400, height=900, deviceScaleFactor=1, mobile=False)
    shown = styles(tab, "display", ".mark.wide", ".mark.narrow")
    assert shown == ["none", "block"]
    assert tab.run("document.documentElement.scrollWidth") <= 400


def test_a_screen_reader_is_told_once_the_slider_rests(open_page: Open) -> None:
    _, text = plain()
    tab = open_page(text)
    assert tab.run("document.querySelector('.slider [role=status]').textContent") == ""
    tab.run(ALL)
    assert tab.run("document.querySelector('.slider [role=status]').textContent") == ""
    time.sleep(1.2)
    said = tab.run("document.querySelector('.slider [role=status]').textContent")
    assert "the decayed columns are left out" in said and "effective degrees of freedom 0" in said
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    (node,) = (one for one in tree if one.get("role", {}).get("value") == "slider")
    assert node["name"]["value"] == "decay λ"
    given = {one["name"]: one["value"].get("value") for one in node["properties"]}
    # The protocol garbles the sign ± in this place.
    assert given["valuetext"].split(" ")[:6] == seen(tab)["said"].split(" ")[:6]
    assert (given["valuemin"], given["valuemax"]) == (0, len(ENDS) - 1)


def shot(tab: Tab) -> np.ndarray:
    """The first screen, as pixels."""
    content = base64.b64decode(tab.send("Page.captureScreenshot")["data"])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=float)


def test_light_and_dark(open_page: Open) -> None:
    tab = open_page(plain()[1])
    tab.send("Emulation.setDeviceMetricsOverride", width=900, height=1200, deviceScaleFactor=1, mobile=False)
    mean = {}
    for scheme in ("light", "dark"):
        tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        pixels = shot(tab)
        assert pixels.std() > 15  # something is written
        mean[scheme] = pixels.mean()
        # The paper of the pictures is that of the page.
        left, top, width, _ = box(tab, "img")
        inside, outside = pixels[int(top) + 2, int(left + width / 4)], pixels[3, 3]
        assert np.abs(inside - outside).max() <= 3
    assert mean["light"] > 200 and mean["dark"] < 70


def test_on_paper_the_slider_gives_way_to_its_decay(open_page: Open) -> None:
    record, text = plain()
    tab = open_page(text, "#decay=0")
    assert base64.b64decode(tab.send("Page.printToPDF")["data"]).startswith(b"%PDF")
    tab.send("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    shown = styles(tab, "display", ".slide input", ".jumps", ".slide output", ".weights")
    assert shown[:2] == ["none", "none"] and "none" not in shown[2:]
    assert tab.run("getComputedStyle(document.querySelector('.slide output'), '::before').content") == '"Decay "'
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert f"Use decay = {brief(record.decay)}" in tab.run("document.body.innerText")


def test_without_scripts_all_else_is_there(open_page: Open) -> None:
    _, text = plain()
    with_scripts, without = open_page(text), open_page(text, scripts=False)
    outside = "[...document.querySelectorAll(it)].filter(one => !one.closest('.slider')).length"
    shape = f"['table', 'figure', 'img', 'h2', 'section'].map(it => {outside})"
    assert without.run("document.querySelector('.slider')") is None
    assert with_scripts.run(shape) == without.run(shape)
    words = without.run("document.body.innerText")
    assert "What each decay does" not in words and '"figures"' not in words


def test_a_report_opens_fast_and_alone(open_page: Open, repository: Any, tmp_path: Any, capsys: Any) -> None:
    table = wd.read(repository / "examples" / "breast_cancer.csv", "malignant")
    record = wd.tune(wd.LogisticRegression(), table.X, table.y, decays=[1e-4, 1e-3, 1e-2, 1e-1], cv=3)
    text = wd.report(record, tmp_path / "real.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 500_000
    tab = open_page(text)
    known = json.loads(record.to_json())
    (every,) = tab.run(ALL)
    for at, shown in enumerate(every):
        agree(shown, known, at)
    took = tab.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    with capsys.disabled():
        print(f" [breast cancer: {len(text.encode()):,} bytes, loaded in {took:.0f} ms]", end="")
    quiet(tab)


@pytest.mark.long
@pytest.mark.parametrize("name", ["column {}", "<" * 60 + "{}" + "<script>" * 2000])
def test_a_thousand_columns_open_fast(name: str, open_page: Open, capsys: Any) -> None:
    record = wide(1000, 100, name)
    text = html(record)
    tab = open_page(text)
    (every,) = tab.run(ALL)
    assert len(every) == 100
    for at, shown in enumerate(every):
        effect = np.abs(record.path.coef[at] * record.diagnostics.scale)
        largest = np.argsort(-effect, kind="stable")[:12]
        assert shown["rows"] == [[label(record.columns[j]), brief(record.path.coef[at, j])] for j in largest]
    took = tab.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    with capsys.disabled():
        print(f" [1,000 columns: {len(text.encode()):,} bytes, loaded in {took:.0f} ms]", end="")
    quiet(tab)
