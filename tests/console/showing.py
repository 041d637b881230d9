"""The console in the system's Chromium, as people see and use it: driven by Playwright, judged by axe.

async with showing(world.admin_url) as browser:
    page = await browser.open("/now", width=360, dark=True)
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import CHROMIUM, FLAGS, KEPT, needs_chromium
from tests.support.patience import patience

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

WIDTH, HEIGHT = 1440, 900
SERIOUS = ("serious", "critical")

shown_in_a_browser = [needs_chromium, pytest.mark.slow, pytest.mark.timeout(180),
                      pytest.mark.asyncio(loop_scope="session")]  # fmt: skip


@dataclass
class Showing:
    """One browser before one console. `faults` are what its pages complained of, such as what the CSP refused."""

    url: str
    context: "BrowserContext"
    page: "Page"
    faults: list[str] = field(default_factory=list)

    async def enter(self, link: str) -> None:
        """Log in by a one-time link."""
        await self.page.goto(link)
        await self.page.get_by_role("button", name="Come in").click()
        await self.page.wait_for_url("**/console/now")

    async def open(self, path: str, *, width: int = WIDTH, dark: bool = False) -> "Page":
        """A page of the console, in a window of this width, in this scheme."""
        await self.page.set_viewport_size({"width": width, "height": HEIGHT})
        await self.page.emulate_media(color_scheme="dark" if dark else "light")
        await self.page.goto(f"{self.url}/console{path}")
        return self.page

    async def look(self, *, width: int, dark: bool) -> bytes:
        """The picture of the page that is open, in another window; of all of it, where people look at pictures."""
        await self.page.set_viewport_size({"width": width, "height": HEIGHT})
        await self.page.emulate_media(color_scheme="dark" if dark else "light")
        return await self.page.screenshot(full_page=bool(KEPT), animations="disabled")

    async def sideways(self) -> list[str]:
        """Return elements that make the page wider than its window."""
        found: list[str] = await self.page.evaluate(WIDER)
        return found

    async def kept_out(self, rules: str) -> list[str]:
        """Return axe's serious findings: which rule, and where. `rules` are its options.

        Frames show what others wrote, and let nobody look in.
        """
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(_axe())
        answer = await self.page.evaluate(
            f"axe.run(document, {{resultTypes: ['violations'], iframes: false, ...{rules}}})"
        )
        return [
            f"{row['id']} ({row['impact']}): {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for row in answer["violations"]
            if row["impact"] in SERIOUS
            for node in row["nodes"][:3]
        ]


WIDER = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll("main *, header *, footer *")]
    .filter((one) => one.getBoundingClientRect().right > room + 1 && !one.closest(".scroll, pre, nav"))
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 160)).concat(["something wider"]);
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator["Browser"]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        await browser.close()


@asynccontextmanager
async def showing(browser: "Browser", url: str, *, cookies: Sequence[Mapping[str, Any]] = ()) -> AsyncIterator[Showing]:
    """A browser with these cookies: without any, nobody has come in yet."""
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", bypass_csp=False)
    await context.add_cookies([*cookies])  # type: ignore[list-item]
    context.set_default_timeout(1000 * patience(20))
    page = await context.new_page()
    shown = Showing(url, context, page)

    def heard(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            shown.faults.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    page.on("console", heard)
    page.on("pageerror", lambda error: shown.faults.append(str(error)))
    yield shown
    await context.close()


@cache
def _axe() -> str:
    """axe-core, as the package brings it."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
