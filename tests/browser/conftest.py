"""One browser for all tests of a process; without any they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from browser.chromium import Browser, Tab, find_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium to open reports in; scripts/browser installs Debian's")
    with Browser(program) as one:
        try:
            one.send("Browser.getVersion")
        except (OSError, EOFError, TimeoutError) as error:
            pytest.skip(f"{program} does not start here ({error})")
        yield one


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Opens a text as a file, watched from before it loads."""
    tabs: list[Tab] = []

    def opened(text: str, anchor: str = "", *, scripts: bool = True, name: str = "report.html") -> Tab:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        tabs.append(Tab(browser, scripts=scripts))
        tabs[-1].open(file.as_uri() + anchor)
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.close()
