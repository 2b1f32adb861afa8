"""Headless Chromium, spoken to over a pipe in its DevTools protocol: JSON messages that end in NUL."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser reads from descriptor 3 and writes to descriptor 4.
PIPES = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
SWITCHES = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--mute-audio", "--hide-scrollbars", "--force-color-profile=srgb"),
)
PATIENCE = 60.0  # seconds for an answer, of a machine with much else to do


def find_browser() -> str | None:
    """A Chromium on this machine: the one that CHROMIUM names, or the first on the path."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser of one's own, with a profile of its own, gone when the block ends."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="weightdecay-browser-")
        # Root has no sandbox; what is opened are pages of these tests alone.
        own = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = ["sh", "-c", PIPES, "sh", program, *SWITCHES, *own, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self.answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        self.number = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self) -> None:
        """Take messages from the pipe until it ends."""
        rest = b""
        assert self.process.stdout is not None
        while part := os.read(self.process.stdout.fileno(), 1 << 20):
            *whole, rest = (rest + part).split(b"\0")
            for message in whole:
                self.answers.put(json.loads(message))
        self.answers.put(None)

    def send(self, method: str, session: str = "", **given: Any) -> dict[str, Any]:
        """Ask, and wait for the answer; what else the browser tells meanwhile is kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        assert self.process.stdin is not None
        os.write(self.process.stdin.fileno(), json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            found = self._next(until, method)
            if found.get("id") == self.number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                answer: dict[str, Any] = found["result"]
                return answer
            self.events.append(found)

    def _next(self, until: float, what: str) -> dict[str, Any]:
        """The next message."""
        try:
            found = self.answers.get(timeout=max(until - time.monotonic(), 0.01))
        except queue.Empty:
            raise TimeoutError(f"no answer to {what} in {PATIENCE:g} s") from None
        if found is None:
            raise EOFError(f"the browser ended before it answered {what}")
        return found

    def wait_for(self, session: str, method: str) -> dict[str, Any]:
        """The first event of that name of a page, told already or still to come; it is taken from the list."""
        until = time.monotonic() + PATIENCE
        while True:
            for place, event in enumerate(self.events):
                if event.get("sessionId") == session and event.get("method") == method:
                    return self.events.pop(place)
            self.events.append(self._next(until, method))

    def close(self) -> None:
        """End it, by force if need be, and remove its profile."""
        try:
            self.send("Browser.close")
            self.process.wait(timeout=10)
        except (OSError, RuntimeError, TimeoutError, EOFError, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.reader.join(timeout=10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        # Its helpers may still write for a moment.
        for _ in range(50):
            shutil.rmtree(self.profile, ignore_errors=True)
            if not Path(self.profile).exists():
                break
            time.sleep(0.1)


class Tab:
    """A page in the browser, watched: its console, its requests, its dialogs."""

    def __init__(self, browser: Browser, *, scripts: bool = True) -> None:
        self.browser = browser
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{part}.enable")
        if not scripts:
            self.send("Emulation.setScriptExecutionDisabled", value=True)

    def send(self, method: str, **given: Any) -> dict[str, Any]:
        """Ask this page."""
        return self.browser.send(method, self.session, **given)

    def open(self, address: str) -> None:
        """Go to an address and wait until all of it is there."""
        self.send("Page.navigate", url=address)
        self.browser.wait_for(self.session, "Page.loadEventFired")

    def run(self, expression: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key, down and up."""
        code = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Tab": 9, "PageUp": 33, "PageDown": 34}[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """The events of those names so far."""
        self.run("0")  # whatever came before this answer is in the list
        return [
            event["params"]
            for event in self.browser.events
            if event.get("sessionId") == self.session and event["method"] in methods
        ]

    def close(self) -> None:
        """Close the page, and forget its events."""
        self.browser.send("Target.closeTarget", targetId=self.target)
        self.browser.events = [one for one in self.browser.events if one.get("sessionId") != self.session]
