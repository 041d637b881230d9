"""No page of another site reads the stand-ins or sends to them; their own pages work under their policies."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.page_server import is_own_name
from relay_sandbox.standins.slack import SlackStandin
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


async def test_every_answer_says_what_it_may_do(inbox: Inbox) -> None:
    for path in PATHS[:-1]:
        _, headers = await status(inbox.url + path)

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
