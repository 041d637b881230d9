"""The page of `relay template preview --serve` in a browser: it fits, and shows what is saved.

RELAY_SCREENSHOTS=FOLDER keeps the pictures.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser, blank, keep, needs_chromium
from tests.support.patience import patience
from tests.support.studio import OWN, served, write

pytestmark = [needs_chromium, pytest.mark.timeout(180), pytest.mark.slow]

FAILED = "slack/operation.failed.yaml"
SAID = "document.querySelector('#shown pre').textContent"
FOCUS = "document.activeElement.name"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    write(folder, FAILED, OWN)
    return folder


def until(browser: Browser, script: str) -> None:
    """Ask the page until this holds."""
    end = time.monotonic() + patience()
    while not browser.ask(f"new Promise((done) => setTimeout(() => done({script}), 50))"):
        assert time.monotonic() < end, script


async def test_it_fits_every_screen_in_either_scheme(browser: Browser, templates: Path) -> None:
    async with served(templates) as address:

        def look() -> None:
            for width in (1440, 360):
                browser.show(f"{address}?width=phone", width=width)
                for scheme in ("light", "dark"):
                    browser.prefer(dark=scheme == "dark")
                    shot = browser.taken(width)
                    keep(f"preview-page.{width}.{scheme}.png", shot.png)

                    assert shot.width <= width
                    assert not blank(shot.png)

        await asyncio.to_thread(look)


async def test_what_is_saved_and_chosen_is_shown_and_the_focus_stays(browser: Browser, templates: Path) -> None:
    async with served(templates) as address:

        def work() -> None:
            browser.show(address, width=1000)
            browser.ask("document.querySelector('[name=language]').focus()")
            write(templates, FAILED, OWN.replace("mine", "saved"))
            until(browser, f"{SAID}.includes('saved: ')")
            assert browser.ask(FOCUS) == "language"

            browser.ask(
                "(() => { const list = document.querySelector('[name=language]'); list.value = 'de'; "
                "list.dispatchEvent(new Event('change', {bubbles: true})) })()"
            )
            until(browser, f"{SAID}.includes('Fehlgeschlagen, saved: ')")
            assert "language=de" in browser.ask("location.search")
            assert browser.ask(FOCUS) == "language"

            write(templates, FAILED, "text: '{{ op.nmae }}'\n")
            until(browser, "document.querySelector('[role=alert]')?.textContent.includes('did you mean op.name?')")
            write(templates, FAILED, OWN)
            until(browser, f"!document.querySelector('[role=alert]') && {SAID}.includes('mine: ')")

        await asyncio.to_thread(work)


async def test_a_sample_that_is_half_written_is_told_and_the_page_goes_on(browser: Browser, templates: Path) -> None:
    async with served(templates) as address:
        said = "document.getElementById('said').textContent"

        def work() -> None:
            browser.show(address, width=1000)
            sample = write(templates, "samples/operation.failed.json", '{"event": "operation.failed", ')
            until(browser, f"{said}.includes('operation.failed.json: no sample of an event')")
            assert browser.ask(f"{SAID}.includes('mine: ')")

            sample.unlink()
            until(browser, f"{said}.startsWith('Updated')")
            assert browser.ask(f"{SAID}.includes('mine: ')")

        await asyncio.to_thread(work)


async def test_variables_are_filtered(browser: Browser, templates: Path) -> None:
    async with served(templates) as address:

        def work() -> None:
            browser.show(address, width=1000)
            browser.ask(
                "(() => { const filter = document.getElementById('filter'); filter.value = 'error.c'; "
                "filter.dispatchEvent(new Event('input', {bubbles: true})) })()"
            )
            shown = browser.ask(
                "[...document.querySelectorAll('#variables tbody tr:not([hidden]) th')].map((row) => row.textContent)"
            )
            assert shown == ["error.code"]

        await asyncio.to_thread(work)
