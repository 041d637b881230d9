"""Writing to Redis makes no login: who a session or a link is for is signed by a secret that is not there."""

import json

import pytest

from relay.console.access import identity, login_flow
from relay.console.access.identity import LINK, NAME
from relay.domain.tokens import Signing
from relay.store import keys
from relay.store.sessions import Sessions, _name
from tests.support.auth import Browser, Served
from tests.support.stage import SIGNING

ID = "x" * 43
FORGED = Signing(lambda: [b"a-secret-of-whoever-writes-to-redis"])


async def plant(here: Served, kind: str) -> None:
    """Write a record of this id, with all that relay has ever read of one."""
    record = {"name": "mallory", "via": "link", "began": here.clock(), "role": "operator", "maker": "mallory"}
    await here.store.redis.set(f"{keys.PREFIX}{_name(kind, ID)}", json.dumps(record))


def session_cookies(here: Served) -> list[str]:
    facts = (ID, "mallory", LINK, f"{here.clock()}", "operator")
    genuine = SIGNING.issue(identity.PURPOSE, ID, "jana", LINK, f"{here.clock()}", "viewer")
    forged = FORGED.issue(identity.PURPOSE, *facts)
    other = [SIGNING.issue(purpose, *facts) for purpose in (login_flow.PURPOSE, "unsubscribe", "slack-button")]
    return [ID, forged, *other, f"{forged.partition('.')[0]}.{genuine.partition('.')[2]}", f"{ID}.", "."]


async def test_a_session_that_is_planted_in_redis_is_no_login(here: Served, browser: Browser) -> None:
    await plant(here, "session")
    for cookie in session_cookies(here):
        browser.session.cookie_jar.update_cookies({NAME: cookie})
        assert (await browser.get("/console/now")).status == 303, cookie


async def test_a_link_that_is_planted_in_redis_lets_no_one_in(here: Served, browser: Browser) -> None:
    await plant(here, "link")
    facts = (ID, "operator", "mallory", f"{here.clock() + 600:.0f}")
    other = [SIGNING.issue(purpose, *facts) for purpose in (identity.PURPOSE, "unsubscribe", "slack-button")]
    for token in (ID, FORGED.issue(login_flow.PURPOSE, *facts), *other):
        assert (await browser.post(f"/console/enter/{token}")).status == 403, token


async def test_a_link_that_redis_keeps_for_longer_has_ended_all_the_same(here: Served, browser: Browser) -> None:
    facts = (ID, "operator", "jana", f"{here.clock() - 1:.0f}")
    await Sessions(here.store).lay(ID, 3600)

    assert (await browser.post(f"/console/enter/{SIGNING.issue(login_flow.PURPOSE, *facts)}")).status == 403


@pytest.mark.parametrize(("kept", "status"), [(True, 200), (False, 303)])
async def test_sessions_last_as_long_as_their_secret_is_listed(
    here: Served, browser: Browser, *, kept: bool, status: int
) -> None:
    await browser.log_in()
    old = here.secrets[0]
    here.secrets[:] = [b"another-secret-of-relay", *([old] if kept else [])]

    assert (await browser.get("/console/now")).status == status


async def test_without_a_secret_there_is_no_console(here: Served, browser: Browser) -> None:
    await browser.log_in()
    here.secrets.clear()

    assert [(await browser.get(path)).status for path in ("/console/now", "/console/login")] == [404, 404]
