"""Logging in at a provider that others wrote, from the first page to the session."""

import importlib.util
import time

import pytest

from relay.console.access.browser import PAGES
from relay.store import Store
from tests.console.access.real_provider import CLIENT, GROUP, SECRET, log_in, real_provider
from tests.support.auth import console, served
from tests.support.clock import Clock

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
            (entry,) = await here.audit()

    assert back.startswith(URL)
    if role:
        assert (done.status, done.location) == (303, "/console/now")
        assert (page.status, role in page.text) == (200, True)
        assert (entry.actor, entry.outcome, entry.detail["role"]) == ("Jana Doe", "in", role)
    else:
        assert (done.status, page.status) == (403, 303)
        assert entry.outcome != "in"
