"""A page as Chromium shows it: a picture of all of it, how wide it really is, and what a script says of it.

Chromium is spoken to through two pipes: https://chromedevtools.github.io/devtools-protocol/. One browser serves any
number of pages:

    with Browser() as browser:
        shot = browser.shot(html, width=360, dark=True)
"""

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any, Self

import pytest

from tests.support.patience import patience

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--disable-dev-shm-usage", "--remote-debugging-pipe")  # fmt: skip

KEPT = os.environ.get("RELAY_SCREENSHOTS", "")  # a folder, or no picture is looked at by people

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here to look at pages with")

# Chromium reads commands from descriptor 3 and answers on 4; nothing else may hand these on by accident.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass(frozen=True)
class Shot:
    """The picture of a whole page, and the size of what is in it, in CSS pixels."""

    png: bytes
    width: int
    height: int


class Browser:
    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        commands, self._to = (_high(end) for end in os.pipe())
        self._from, answers = (_high(end) for end in os.pipe())
        launch = [sys.executable, "-c", LAUNCH, str(commands), str(answers), CHROMIUM]
        self._process = subprocess.Popen(
            [*launch, *FLAGS, f"--user-data-dir={self._folder.name}"],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._received = b""
        self._events: deque[dict[str, Any]] = deque()
        self._number = 0
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._call("Page.enable")
        self._call("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)  # which is how Chromium is told to end
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._from)
        self._folder.cleanup()

    def shot(self, page: str | Path, *, width: int, dark: bool = False, script: str = "") -> Shot:
        """A picture of all of a page: an address, a file, or the HTML itself. `script` runs before it is taken."""
        self.show(page, width=width, dark=dark)
        if script:
            self.ask(script)
        return self.taken(width)

    def taken(self, width: int) -> Shot:
        """A picture of all of the page that is shown, in a window of this width."""
        size = self.ask("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": max(width, size[0]), "height": size[1], "scale": 1}
        taken = self._call(
            "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True, "optimizeForSpeed": not KEPT}
        )
        return Shot(base64.b64decode(taken["data"]), *size)

    def measure(self, page: str | Path, *, width: int, dark: bool = False) -> int:
        """Return how wide the page is in a window of this width; more than that, and it must be scrolled sideways."""
        self.show(page, width=width, dark=dark)
        return int(self.ask("document.documentElement.scrollWidth"))

    def show(self, page: str | Path, *, width: int, dark: bool = False) -> None:
        """Open it in a low window of this width, and wait until all of it is there. Its clock is Berlin's."""
        self.prefer(dark=dark)
        metrics = {"width": width, "height": 200, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics)
        if not isinstance(page, Path) and not page.startswith(("http://", "https://", "file://", "data:")):
            file = Path(self._folder.name, "page.html")
            file.write_text(page, "utf-8")
            page = file
        self._events.clear()
        self._call("Page.navigate", {"url": page.absolute().as_uri() if isinstance(page, Path) else page})
        self._wait("Page.loadEventFired")
        self.ask("document.fonts.ready.then(() => 1)")

    def prefer(self, *, dark: bool) -> None:
        """From now on the reader's scheme is this one, on the page that is shown too."""
        scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        self._call("Emulation.setEmulatedMedia", scheme)

    def carry(self, url: str, cookies: Mapping[str, str]) -> None:
        """From now on these cookies go with whatever is asked there."""
        for name, value in cookies.items():
            self._call("Network.setCookie", {"url": url, "name": name, "value": value, "httpOnly": True})

    def ask(self, script: str) -> Any:
        """Return what this JavaScript expression says of the page, waited for if it is a promise."""
        answer = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def _call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        session = {} if method.startswith("Target.") else {"sessionId": self._session}
        message = {"id": self._number, "method": method, "params": parameters or {}, **session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def _wait(self, method: str) -> None:
        while not any(event.get("method") == method for event in self._events):
            self._events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + patience()
        while b"\0" not in self._received:
            ready, _, _ = select([self._from], [], [], max(0, end - time.monotonic()))
            data = os.read(self._from, 1 << 20) if ready else b""
            assert data, "Chromium has ended" if ready else "Chromium does not answer"
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


def screenshot(page: str | Path, width: int, dark: bool = False) -> bytes:
    """The picture of one page, in a browser of its own."""
    with Browser() as browser:
        return browser.shot(page, width=width, dark=dark).png


def measure(page: str | Path, width: int, dark: bool = False) -> int:
    """Return how wide one page is, in a browser of its own."""
    with Browser() as browser:
        return browser.measure(page, width=width, dark=dark)


def blank(png: bytes) -> bool:
    """Return whether the picture shows one colour and nothing else: text alone needs dozens of shades."""
    data, place = b"", 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        data += png[place + 8 : place + 8 + length] if png[place + 4 : place + 8] == b"IDAT" else b""
        place += 12 + length
    shades: set[int] = set()
    picture = zlib.decompressobj()
    while len(shades) < 12 and (part := picture.decompress(picture.unconsumed_tail or data, 1 << 16)):
        shades.update(part)
    return len(shades) < 12


def keep(name: str, png: bytes) -> None:
    """Leave the picture in $RELAY_SCREENSHOTS, for people who want to look at it."""
    if KEPT:
        Path(KEPT).mkdir(parents=True, exist_ok=True)
        Path(KEPT, name).write_bytes(png)


def _high(descriptor: int) -> int:
    """The same end of a pipe under a number that no launch can mistake for 3 or 4."""
    moved: int = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
