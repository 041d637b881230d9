"""A whole relay, as it starts without a word about a console."""

from contextlib import aclosing

import aiohttp
from structlog.testing import capture_logs

from relay.config import VIEWER
from relay.console.access.login_flow import make_link
from relay.store import Store
from relay.store.sessions import Sessions
from tests.support.auth import Browser
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.stage import stage
from tests.support.waiting import until


async def test_a_link_lets_one_in_who_looks(redis_server: RedisServer) -> None:
    with capture_logs() as lines:
        async with stage(redis_server.url) as running:
            line = await until(lambda: next((line for line in lines if line["event"] == "console.link"), None))
            timeout, jar = aiohttp.ClientTimeout(patience()), aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
                browser = Browser(running.admin_url, session)
                before = [await browser.get(path) for path in ("/console/login", "/metrics")]
                german = [await browser.get(path) for path in ("/console/login?lang=de", "/console/login")]
                store = Store.open(redis_server.url, worker="command")
                async with aclosing(store):
                    done = await browser.post(
                        await make_link(Sessions(store), running.admin_url, VIEWER, "root@host-1")
                    )

    assert line["console"] == f"{running.admin_url}/console"
    assert [page.status for page in before] == [200, 200]
    assert "relay console link" in before[0].text
    assert ['<html lang="de">' in page.text for page in (*before, *german)] == [False, False, True, True]
    assert (done.status, len(done.cookies)) == (303, 1)
