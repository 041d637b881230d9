"""relay demo: a platform, relay, Slack and an inbox on this machine, and an honest verdict."""

import asyncio
import os
import re
import signal
import sys

import aiohttp
import pytest

from relay_sandbox.demo import Demo
from relay_sandbox.demo.story import ROOM
from tests.support.commands import ROOT, environment, relay
from tests.support.patience import patience

pytestmark = pytest.mark.slow

ADDRESSES = ("Slack", "Inbox", "Platform", "relay", "Operators", "Console")


async def test_it_ends_with_0_once_every_message_has_arrived() -> None:
    done = await relay("demo", "--until-done", env={})

    assert done.status == 0, done.out
    assert done.err == ""
    assert "All 13 expected messages arrived, each once." in done.out
    assert all(f"  {name:9} http://127.0.0.1:" in done.out for name in ADDRESSES)
    assert "200 duplicate" in done.out
    assert "200 late" in done.out
    mails = re.findall(r"relay → mail  to (\w+)@\S+  (?:. )?(\w+)", done.out)
    assert {name for name, word in mails if word in ("KRITISCH", "Abgeschlossen", "Tagesbericht")} == {"lead"}


async def test_the_calls_that_it_prints_are_taken_and_what_they_make_links_to_pages_that_are_there() -> None:
    async with Demo.open(os.environ, lambda _: None) as demo, aiohttp.ClientSession() as session:
        calls = [re.findall(r"'([^']*)'", command) for command in (demo.example, demo.ping)]
        (kind, body, own), (start,) = calls
        async with session.post(own, data=body, headers=dict([kind.split(": ")])) as taken, session.get(start) as said:
            answers = [taken.status, await said.text()]
        await demo.slack.wait_for(lambda: len(demo.slack.messages(ROOM)) == 2, patience())
        linked = re.findall(r"http://[^|>' ]+/runs/[^|>' ]+", str([each.blocks for each in demo.slack.messages(ROOM)]))
        pages = []
        for link in linked:
            async with session.get(link) as page:
                pages.append((page.status, page.content_type))

    assert answers == [202, "OK\n"]
    assert pages
    assert set(pages) == {(200, "text/html")}
    assert start.partition("/webhooks")[2].split("=")[0] in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.soak
async def test_every_address_that_it_prints_answers_and_ctrl_c_ends_all_of_it() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "demo", "--speed", "1", cwd=ROOT, env=environment({}),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    names, answers = dict[str, str](), dict[str, tuple[int, str]]()
    async with asyncio.timeout(patience()), aiohttp.ClientSession() as session:
        while b"Customer Journey" not in (line := await process.stdout.readline()):
            assert line, "it ended early"
            names |= {found[1]: found[2] for found in re.finditer(r"^  (\w+) +(http\S+)$", line.decode())}
        for name in ("Slack", "Inbox", "Platform", "relay"):
            async with session.get(names[name]) as response:
                answers[name] = (response.status, await response.text())
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()

    assert {status for status, _ in answers.values()} == {200}
    assert answers["relay"][1].startswith("This is relay, the webhook target for long-running operations")
    assert (process.returncode, errors) == (0, b"")
