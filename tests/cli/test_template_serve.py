"""relay template preview --serve: the console's pages of templates, for an author without Redis and secrets."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.support.commands import ROOT, environment
from tests.support.patience import patience
from tests.support.studio import OWN, write

pytestmark = pytest.mark.slow

FAILED = "slack/operation.failed.yaml"
CONFIG = """\
templates: {folder}
sources: {{ops: {{signature: {{secrets: {{current: "${{NOT_SET}}"}}}}}}}}
rules: []
channels: {{slack: {{token: "${{NOT_SET}}"}}, email: {{host: localhost, from: relay@example.com}}}}
destinations: {{analysts: {{email: [a@example.com], language: de, timezone: Europe/Berlin}}}}
"""


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    write(folder, FAILED, OWN)
    write(tmp_path, "relay.yaml", CONFIG.format(folder=folder))
    return folder


@asynccontextmanager
async def served(templates: Path) -> AsyncIterator[tuple[URL, aiohttp.ClientSession, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "template", "preview", "--serve", "-c", str(templates.parent / "relay.yaml"),
        cwd=ROOT, env=environment({}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with (
            asyncio.timeout(patience()),
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            assert process.stdout is not None
            link = URL((await process.stdout.readline()).decode().strip())
            yield link, browser, process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def text(browser: aiohttp.ClientSession, address: URL, status: int = 200) -> str:
    async with browser.get(address) as answer:
        assert answer.status == status
        return await answer.text()


async def test_an_author_edits_reloads_and_sees(templates: Path) -> None:
    async with served(templates) as (link, browser, process):
        first = await text(browser, link)
        message = link.with_path("/console/template").with_query(name="operation.failed", channel="slack")
        before = await text(browser, message)
        frame = await text(browser, message.with_path("/console/template/html", keep_query=True))
        german = await text(browser, message.with_query(name="operation.failed", destination="analysts", lang="de"))
        write(templates, FAILED, OWN.replace("mine", "changed"))
        after = await text(browser, message)
        file = write(templates, FAILED, "text: |\n  {{ op.nmae }}\n")
        broken = await text(browser, message)
        fault = f"{file}:2: nmae is unknown; did you mean name?"
        process.terminate()
        out, err = await process.communicate()

    assert f"<code>{templates}</code>" in first
    assert "Failed, mine: " in before
    assert "Failed, mine: " in frame
    assert "Fehlgeschlagen" in german
    assert "Vorlagen" in german
    assert ", changed: " in after
    assert f"<code>{fault}</code>" in broken
    assert (process.returncode, out, err) == (0, b"Reload a page to see what you saved; Ctrl-C ends this.\n", b"")
