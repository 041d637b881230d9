"""relay template preview --serve: the page as a browser without scripts gets it, and what it is told of changes."""

import asyncio
import html
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.commands import ROOT, environment
from tests.support.patience import patience
from tests.support.studio import OWN, served, write

pytestmark = pytest.mark.slow

FAILED = "slack/operation.failed.yaml"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    write(folder, FAILED, OWN)
    return folder


@pytest.fixture
async def browser(templates: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with served(templates) as address, aiohttp.ClientSession(address) as session:
        yield session


async def text(browser: aiohttp.ClientSession, address: str = "/") -> str:
    async with browser.get(address) as answer:
        assert answer.status == 200
        return await answer.text()


async def news(stream: aiohttp.ClientResponse, what: str) -> None:
    """Wait until the page is told of this."""
    async with asyncio.timeout(patience()):
        while (line := await stream.content.readline()) != f"data: {what}\n".encode():
            assert line


def frames(page: str) -> list[str]:
    return [html.unescape(source) for source in re.findall(r'<iframe[^>]* src="([^"]+)"', page)]


async def test_the_page_shows_a_message_in_both_channels(browser: aiohttp.ClientSession, templates: Path) -> None:
    page = await text(browser, "/?message=operation.failed&language=de&scheme=dark&width=phone")

    assert '<option value="operation.failed" selected>' in page
    assert '<option value="de" selected>' in page
    assert f"{templates / FAILED}</p>" in page
    assert "email/operation.failed.yaml, built in" in page
    assert "Fehlgeschlagen" in page
    assert 'id="shown" class="phone"' in page
    slack, mail = [await text(browser, source) for source in frames(page)]
    assert "Fehlgeschlagen, mine: " in slack
    assert "prefers-color-scheme" not in slack + mail
    assert "@media all {" in mail


async def test_the_variables_stand_beside_it_with_their_values(browser: aiohttp.ClientSession) -> None:
    page = await text(browser, "/?message=operation.failed")

    assert '<th scope="row">error.code</th><td class="value">WORKER_TIMEOUT</td>' in page
    assert '<th scope="row">op.cost</th>' in page


@pytest.mark.parametrize("asked", ["message=nothing&language=tlh&fixture=x&kind=y&scheme=z&width=w&type=t", ""])
async def test_what_there_is_not_is_exchanged_for_what_there_is(browser: aiohttp.ClientSession, asked: str) -> None:
    page = await text(browser, f"/?{asked}")

    assert '<option value="operation.failed" selected>' in page
    assert '<option value="typical" selected>' in page


async def test_a_saved_file_is_shown(browser: aiohttp.ClientSession, templates: Path) -> None:
    async with browser.get("/changes") as stream:
        before = await text(browser)
        write(templates, FAILED, OWN.replace("mine", "changed"))
        await news(stream, "Updated")

        assert ", mine: " in before
        assert ", changed: " in await text(browser)


async def test_a_broken_file_shows_its_error_in_place_and_the_page_goes_on(
    browser: aiohttp.ClientSession, templates: Path
) -> None:
    async with browser.get("/changes") as stream:
        file = write(templates, FAILED, "text: |\n  {{ op.nmae }}\n")
        await news(stream, "Updated")
        page = await text(browser)
        other = await text(browser, "/?message=operation.completed")
        write(templates, FAILED, "text: '{{ unfinished'\n")
        await news(stream, "Updated")
        unusable = await text(browser)
        write(templates, FAILED, OWN)
        await news(stream, "Updated")

        assert f'role="alert"><code>{file}:2: op.nmae is unknown; did you mean op.name?</code>' in page
        assert len(frames(page)) == 1  # the mail's
        assert len(frames(other)) == 2
        assert f"{file}:1: unexpected end of template" in unusable
        assert frames(unusable) == []
        assert len(frames(await text(browser))) == 2


async def test_findings_come_with_file_and_line(templates: Path) -> None:
    file = write(templates, "slack/operation.paused.yaml", "text: |\n  x\n  {% if 0 %}{{ opp }}{% endif %}\n")

    async with (
        served(templates, checked=True) as address,
        aiohttp.ClientSession(address) as browser,
        browser.get("/changes") as stream,
    ):
        page = await text(browser)
        if "Looking …" in page:
            await news(stream, "Checked")
            page = await text(browser)

    assert "<h2>Findings (1)</h2>" in page
    assert f'<span class="at">{file}:3</span><span>opp is unknown; did you mean op?</span>' in page


async def test_a_destination_and_a_type_can_be_chosen(templates: Path) -> None:
    write(templates, "slack/operation.failed@type=Data%20load.yaml", "text: 'typed {{ op.type }}'\n")
    config = "destinations: {analysts: {language: de, timezone: Europe/Berlin, email: [a@example.com]}}\n"

    async with served(templates, config) as address, aiohttp.ClientSession(address) as browser:
        page = await text(browser, "/?destination=analysts&type=Data%20load")

    assert '<option value="analysts" selected>' in page
    assert '<option value="Data load" selected>' in page
    assert '<option value="de" selected>' in page
    assert "typed Data load" in page


async def test_a_reader_of_a_variant_of_a_language_is_shown_what_they_read(templates: Path) -> None:
    config = "destinations: {wien: {language: de-AT, timezone: Nowhere/Nothing, email: [a@example.com]}}\n"

    async with served(templates, config) as address, aiohttp.ClientSession(address) as browser:
        page = await text(browser, "/?destination=wien")

    assert '<option value="de-AT" selected>' in page
    assert "Fehlgeschlagen, mine: " in page


async def test_a_name_that_somebody_else_gave_the_address_is_refused(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/", headers={"Host": "rebound.example:80"}) as answer:
        assert answer.status == 403


async def test_ctrl_c_ends_it_without_a_word(templates: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "template", "preview", "--serve", "--port", "0", "--templates", str(templates),
        cwd=ROOT, env=environment({}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience()):
            assert process.stdout is not None
            address = (await process.stdout.readline()).decode().strip()
            async with aiohttp.ClientSession(address) as browser, browser.get("/changes"):  # a page is open
                process.send_signal(signal.SIGINT)
                out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()

    assert address.startswith("http://127.0.0.1:")
    assert (process.returncode, out, err) == (0, b"what you save is shown at once; Ctrl-C ends this\n", b"")
