"""Logging in at a provider that others wrote, from the first page to the session: Canaille, with one person and client.

https://canaille.readthedocs.io/. Run as a program, this module is that provider: it listens on a free port, says its
issuer in a line, and serves until its standard input ends.
"""

import asyncio
import importlib.util
import re
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import pytest
from joserfc.jwk import RSAKey

from relay.console.access.browser import PAGES
from relay.store import Store
from tests.support.auth import console, served
from tests.support.clock import Clock
from tests.support.patience import patience

CLIENT, SECRET = "relay", "s3cr3t-of-relay"
PERSON, PASSWORD, GROUP = "jana", "correct horse battery", "data-platform"


@asynccontextmanager
async def real_provider(redirect: str) -> AsyncIterator[str]:
    """Its issuer. `redirect` is the one address that it sends people back to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, redirect,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        issuer = await asyncio.wait_for(process.stdout.readline(), patience())
        assert issuer, "the provider has ended"
        yield issuer.decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


def fields_of(page: str) -> tuple[str, dict[str, str]]:
    """Return the action of a page's form ('' for the page itself) and its fields."""
    action = re.search(r'<form[^>]*action="([^"]*)"', page)
    return (action[1] if action else ""), dict(re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', page))


async def log_in(browser: Any, address: str) -> str:
    """Log in as a person whom relay has sent to this address; return the provider's last redirect."""
    answers = {"login": PERSON, "password": PASSWORD, "answer": "accept"}
    for _ in range(12):  # some of them only lead on
        page = await browser.get(address)
        while page.status == 200:
            leads, fields = fields_of(page.text)
            filled = {name: value for name, value in answers.items() if f'name="{name}"' in page.text}
            page = await browser.post(urljoin(address, leads), fields | filled, headers={})
        assert 300 <= page.status < 400, page.text
        address = urljoin(address, page.location)
        if "code=" in address:
            return address
    raise AssertionError(f"it goes round in circles: {address}")


def _serve(redirect: str) -> None:
    # In the process that it is for, and it brings no types.
    from canaille import create_app  # type: ignore[import-untyped]
    from canaille.app import models  # type: ignore[import-untyped]
    from canaille.backends import Backend  # type: ignore[import-untyped]
    from werkzeug.serving import make_server

    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    key = RSAKey.generate_key(2048, {"kid": "one"}).as_dict(private=True)
    app = create_app({
        "SECRET_KEY": "of a test, and of no use elsewhere",
        "SERVER_NAME": host,
        "PREFERRED_URL_SCHEME": "http",
        "SESSION_COOKIE_SECURE": False,
        "CANAILLE": {"DATABASE": "memory", "SMTP": None},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key], "TRUSTED_DOMAINS": ["localhost"]},
    })  # fmt: skip
    with app.app_context():
        person = models.User(user_name=PERSON, formatted_name="Jana Doe", family_name="Doe",
                             emails=["jana@example.com"], password=PASSWORD)  # fmt: skip
        Backend.instance.save(person)
        Backend.instance.save(models.Group(display_name=GROUP, members=[person]))
        client = models.Client(
            client_id=CLIENT, client_secret=SECRET, client_name="relay", client_uri="http://localhost",
            redirect_uris=[redirect], grant_types=["authorization_code"], response_types=["code"],
            scope=["openid", "profile", "email", "groups"], token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
        )  # fmt: skip
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    server = make_server("127.0.0.1", 0, app, threaded=True, fd=listening.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://{host}", flush=True)
    sys.stdin.read()


URL = "http://localhost:8081"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(importlib.util.find_spec("canaille") is None, reason="canaille is not installed"),
]


@pytest.mark.parametrize(("groups", "role"), [(f"operators: [{GROUP}]", "operator"), ("viewers: [others]", "")])
async def test_a_person_comes_in_with_the_role_of_their_groups(store: Store, groups: str, role: str) -> None:
    async with real_provider(f"{URL}{PAGES}/oidc/callback") as issuer:
        config = console(
            f"  url: {URL}\n",
            f'  oidc: {{issuer: "{issuer}", client_id: {CLIENT}, client_secret: "{SECRET}", {groups}}}\n',
        )
        async with served(config, store, Clock(time.time())) as here, here.browser() as browser:
            begun = await browser.get("/console/oidc/start?next=/console/now")
            back = await log_in(browser, begun.location)
            done = await browser.get(back.removeprefix(URL))
            page = await browser.get("/console/now")
            entries = await here.audit()

    assert back.startswith(URL)
    assert (done.status, page.status, len(entries)) == ((303, 200, 1) if role else (403, 303, 0))
    if role:
        assert (done.location, role in page.text) == ("/console/now", True)
        assert (entries[0].actor, entries[0].detail["role"]) == ("Jana Doe", role)


if __name__ == "__main__":
    _serve(sys.argv[1])
