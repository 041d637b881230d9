"""A page as Chromium shows it: a picture of all of it, how wide it really is, and what a script says of it.

with Browser() as browser:
    shot = browser.shot(html, width=360, dark=True)
"""

import os
import shutil
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest

from tests.support.patience import patience

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")  # fmt: skip

KEPT = os.environ.get("RELAY_SCREENSHOTS", "")  # a folder, or no picture is looked at by people

needs_chromium = pytest.mark.skipif(
    not CHROMIUM or find_spec("playwright") is None, reason="there is no Chromium here to look at pages with"
)


@dataclass(frozen=True)
class Shot:
    """The picture of a whole page, and the size of what is in it, in CSS pixels."""

    png: bytes
    width: int
    height: int


class Browser:
    """One window, for tests without an event loop. Its clock is Berlin's."""

    def __enter__(self) -> Self:
        from playwright.sync_api import sync_playwright

        self._folder = TemporaryDirectory(prefix="browser-")
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        self._page = self._browser.new_page(timezone_id="Europe/Berlin")
        self._page.set_default_timeout(1000 * patience())
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()
        self._folder.cleanup()

    def shot(self, page: str, *, width: int, dark: bool = False, script: str = "") -> Shot:
        """Return a picture of all of a page: an address, or the HTML itself. `script` runs before it is taken."""
        self.show(page, width=width, dark=dark)
        if script:
            self.ask(script)
        return self.taken()

    def taken(self) -> Shot:
        """Return a picture of all of the page that is shown."""
        size = self.ask("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        return Shot(self._page.screenshot(full_page=True, animations="disabled"), *size)

    def measure(self, page: str, *, width: int) -> int:
        """Return how wide the page is in a window of this width; more than that, and it must be scrolled sideways."""
        self.show(page, width=width)
        return int(self.ask("document.documentElement.scrollWidth"))

    def show(self, page: str, *, width: int, dark: bool = False) -> None:
        """Open it in a low window of this width, and wait until all of it is there."""
        self.prefer(dark=dark)
        self._page.set_viewport_size({"width": width, "height": 200})
        if not page.startswith(("http://", "https://")):
            file = Path(self._folder.name, "page.html")
            file.write_text(page, "utf-8")
            page = file.as_uri()
        self._page.goto(page)
        self.ask("document.fonts.ready.then(() => 1)")

    def prefer(self, *, dark: bool) -> None:
        """From now on the reader's scheme is this one, on the page that is shown too."""
        self._page.emulate_media(color_scheme="dark" if dark else "light")

    def ask(self, script: str) -> Any:
        """Return what this JavaScript expression says of the page, waited for if it is a promise."""
        return self._page.evaluate(script)


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
