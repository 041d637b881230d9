"""No page of another site reads the stand-ins or sends to them; their own pages work under their policies."""

import asyncio
import sys
from collections.abc import Mapping
from email.message import EmailMessage

import aiohttp
import aiosmtplib
import pytest

from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.page_server import is_own_name
from relay_sandbox.standins.slack import SlackStandin
from tests.support.commands import ROOT
from tests.support.patience import patience

PATHS = ("", "mails.json", "mails/1.html", "healthz")


async def status(url: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str]]:
    timeout = aiohttp.ClientTimeout(patience())
    async with aiohttp.ClientSession(timeout=timeout) as client, client.request(method, url, headers=headers) as answer:
        return answer.status, dict(answer.headers)


OURS = ("127.0.0.1", "::1", "localhost", "inbox")  # the last one: a service of a compose file
STRANGERS = ("", "127.0.0.1.attacker.example", "attacker.example.", "at tacker")


def test_a_name_is_this_servers_where_no_stranger_can_have_chosen_it() -> None:
    assert [name for name in (*OURS, *STRANGERS) if is_own_name(name)] == [*OURS]


@pytest.mark.parametrize("origin", ["https://attacker.example", "http://127.0.0.1:1", "null", "http://[", ""])
async def test_a_page_of_another_site_presses_no_button(origin: str) -> None:
    async with SlackStandin() as slack:
        assert (await status(f"{slack.url}press", "POST", Origin=origin))[0] == 403


async def test_every_answer_says_what_it_may_do_also_a_mails_html_and_a_strangers_name_has_none() -> None:
    mail = EmailMessage()
    mail["To"] = "analyst@example.com"
    mail.add_alternative("<body>Satz</body>", subtype="html")
    async with Inbox() as inbox:
        await aiosmtplib.send(mail, sender="relay@example.com", hostname="127.0.0.1", port=inbox.smtp_port)
        own = [await status(inbox.url + path) for path in PATHS]
        host = f"rebound.attacker.example:{inbox.url.rpartition(':')[2].strip('/')}"
        rebound = [await status(inbox.url + path, Host=host) for path in PATHS]
        async with aiohttp.ClientSession() as client, client.get(f"{inbox.url}mails/1.html") as answer:
            assert "<body>Satz</body>" in await answer.text()

    for _, headers in own[:-1]:
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    for answered, headers in rebound:
        assert answered == 421
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.slow
async def test_it_is_served_with_a_slack_for_a_relay_of_ones_own() -> None:
    command = ["-m", "relay_sandbox.standins", "--port", "0", "--smtp-port", "0", "--slack-port", "0"]
    serving = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert serving.stdout
    async with asyncio.timeout(patience()):
        inbox, slack = [(await serving.stdout.readline()).decode() for _ in range(2)]
    api = slack.partition("base_url: ")[2].rstrip("})\n")
    async with aiohttp.ClientSession() as client:
        posted = await client.post(f"{api}chat.postMessage", json={"channel": "#any", "text": "Hello"},
                                   headers={"Authorization": "Bearer xoxb-any"})  # fmt: skip
        answer = await posted.json()
        shown = await (await client.get(f"{api.removesuffix('api/')}messages.json")).text()
    serving.terminate()
    await serving.communicate()

    assert answer["ok"]
    assert "Hello" in shown
    assert "tls: none" in inbox
