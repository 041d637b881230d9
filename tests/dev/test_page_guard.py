"""No page of another site reads the stand-ins or sends to them; their own pages work under their policies."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
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


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox() as inbox:
        yield inbox


async def status(url: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str]]:
    timeout = aiohttp.ClientTimeout(patience())
    async with aiohttp.ClientSession(timeout=timeout) as client, client.request(method, url, headers=headers) as answer:
        return answer.status, dict(answer.headers)


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_shown_under_a_strangers_name(inbox: Inbox, path: str) -> None:
    port = inbox.url.rpartition(":")[2].strip("/")

    answered, headers = await status(inbox.url + path, Host=f"rebound.attacker.example:{port}")

    assert answered == 421
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("inbox", True),  # a service of a compose file
        ("", False),
        ("127.0.0.1.attacker.example", False),
        ("attacker.example.", False),
        ("at tacker", False),
    ],
)
def test_a_name_is_this_servers_where_no_stranger_can_have_chosen_it(name: str, own: bool) -> None:
    assert is_own_name(name) is own


@pytest.mark.parametrize("origin", ["https://attacker.example", "http://127.0.0.1:1", "null", "http://[", ""])
async def test_a_page_of_another_site_presses_no_button(origin: str) -> None:
    async with SlackStandin() as slack:
        assert (await status(f"{slack.url}press", "POST", Origin=origin))[0] == 403


async def test_every_answer_says_what_it_may_do_also_a_mails_html(inbox: Inbox) -> None:
    mail = EmailMessage()
    mail["To"] = "analyst@example.com"
    mail.add_alternative("<body>Satz</body>", subtype="html")
    await aiosmtplib.send(mail, sender="relay@example.com", hostname="127.0.0.1", port=inbox.smtp_port)

    for path in PATHS[:-1]:
        _, headers = await status(inbox.url + path)

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    async with aiohttp.ClientSession() as client, client.get(f"{inbox.url}mails/1.html") as answer:
        assert "<body>Satz</body>" in await answer.text()


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
