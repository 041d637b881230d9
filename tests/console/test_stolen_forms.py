"""Every action, at both of its addresses, asked for by everybody who may not: refused, and nothing has changed."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, DummyCookieJar, FormData

from relay.console.access.browser import csrf_of
from relay.console.site import ACTIONS
from relay.store import Store
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.suppressions import Suppressions
from relay_sandbox.standins.slack import SlackStandin
from tests.console.operators import Listening, listening
from tests.support import events
from tests.support.audit import acts_of
from tests.support.auth import LOOKER, SAME, TOKEN, TOKENS
from tests.support.clock import Clock
from tests.support.console import console, open_channels, stage_config
from tests.support.every_case import every_case
from tests.support.queue import accept, claim, dead_letters
from tests.support.silences import added, silence
from tests.support.stage import CONFIG
from tests.support.targets import room

OPERATOR, OTHER, VIEWER, ENDED = ("o" * 43, "p" * 43, "v" * 43, "e" * 43)  # ids of sessions
FORM, JSON, TEXT = ("application/x-www-form-urlencoded", "application/json", "text/plain")
ADDRESS = "english@example.com"
FOREIGN = '  foreign: {format: gitlab, signature: {secrets: {current: "${STAGE_SECRET}"}}}\n'


@dataclass(frozen=True)
class Attempt:
    """`csrf` is sent in the form: whose it is, by the id of a session. A session is nothing at /api/v1."""

    status: int  # at /console
    cookie: str = ""
    csrf: str = ""
    headers: Mapping[str, str] | None = None
    method: str = "POST"
    kind: str = FORM
    query: str = ""
    api: int = 401


def token(text: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {text}"}


ATTEMPTS: Mapping[str, Attempt] = {
    "nobody": Attempt(303, headers=SAME),
    "nobody, with the token of somebody": Attempt(303, csrf=OPERATOR, headers=SAME),
    "a viewer": Attempt(403, VIEWER, VIEWER, SAME),
    "a viewer with an operator's token": Attempt(403, VIEWER, OPERATOR, SAME),
    "a page of another site": Attempt(403, OPERATOR, OPERATOR, {"Sec-Fetch-Site": "cross-site"}),
    "a page of another port": Attempt(403, OPERATOR, OPERATOR, {"Sec-Fetch-Site": "same-site"}),
    "no page": Attempt(403, OPERATOR, OPERATOR, {"Sec-Fetch-Site": "none"}),
    "a foreign origin": Attempt(403, OPERATOR, OPERATOR, {"Origin": "https://evil.example"}),
    "no origin": Attempt(403, OPERATOR, OPERATOR, {"Origin": "null"}),
    "an origin that begins like ours": Attempt(403, OPERATOR, OPERATOR, {"Origin": "http://127.0.0.1"}),
    "what says nothing of where it comes from": Attempt(403, OPERATOR, OPERATOR),
    "a form without its token": Attempt(403, OPERATOR, headers=SAME),
    "a form with another session's": Attempt(403, OPERATOR, OTHER, SAME),
    "a form with that of a session that is over": Attempt(403, OPERATOR, ENDED, SAME),
    "a session that is over": Attempt(303, ENDED, ENDED, SAME),
    "a token in the address": Attempt(403, OPERATOR, headers=SAME, query=f"?csrf={csrf_of(OPERATOR)}"),
    "a token in a header": Attempt(403, OPERATOR, headers={**SAME, "X-CSRF-Token": csrf_of(OPERATOR)}),
    "a form as text": Attempt(403, OPERATOR, OPERATOR, SAME, kind=TEXT),
    "a form as JSON": Attempt(403, OPERATOR, OPERATOR, SAME, kind=JSON),
    "a form in parts that are files": Attempt(403, OPERATOR, OPERATOR, SAME, kind="multipart/form-data"),
    "GET": Attempt(405, OPERATOR, OPERATOR, SAME, "GET"),
    "HEAD": Attempt(405, OPERATOR, OPERATOR, SAME, "HEAD"),
    "PUT": Attempt(405, OPERATOR, OPERATOR, SAME, "PUT"),
    "DELETE": Attempt(405, OPERATOR, OPERATOR, SAME, "DELETE"),
    "GET that says it is POST": Attempt(
        405, OPERATOR, OPERATOR, {**SAME, "X-HTTP-Method-Override": "POST"}, "GET", query="?_method=POST"
    ),
    "a viewer's program": Attempt(303, headers=token(LOOKER), api=403),
    "a program at a page": Attempt(303, headers=token(TOKEN[:-1])),
    "a program that looks": Attempt(303, headers=token(TOKEN), method="GET", api=405),
    "a wrong token beside a good session": Attempt(403, OPERATOR, headers=token("wrong")),
}  # fmt: skip


@pytest.fixture
async def here(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Listening]:
    async with guarded(store, clock, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def guarded(store: Store, clock: Clock, folder: Path) -> AsyncIterator[Listening]:
    """The listener with sessions and programs, and something for each action to be done to."""
    async with (
        SlackStandin() as slack,
        open_channels(stage_config(written(folder), STAGE_SLACK=slack.base_url)) as (config, channels),
        console(store, clock, config=config, channels=channels) as page,
        listening(page.context) as here,
    ):
        for id_, role in ((OPERATOR, "operator"), (OTHER, "operator"), (ENDED, "operator"), (VIEWER, "viewer")):
            await here.session(id_, role=role, name=role)  # type: ignore[arg-type]
        async with ClientSession(cookie_jar=DummyCookieJar()) as client:
            address, cookie = f"{here.url}/console/logout", {"Cookie": f"relay-console={here.cookies[ENDED]}"}
            form = {"csrf": csrf_of(ENDED)}
            async with client.post(address, data=form, headers=cookie | SAME, allow_redirects=False) as left:
                assert left.headers["Location"] == "/console/login"
        yield here


def written(folder: Path) -> Path:
    path = folder / "relay.yaml"
    config = CONFIG.read_text("utf-8").replace("\nsources:\n", f"\nsources:\n{FOREIGN}")
    path.write_text(f"{config}console:\n{TOKENS}", "utf-8")
    return path


async def forms(store: Store, clock: Clock) -> dict[str, dict[str, Any]]:
    """A good form for each action, with something that it would do."""
    await accept(store, *(events.completed(operationId=f"op-{number}") for number in range(2)), to=room())
    for delivery in await claim(store):
        await store.dead_letter(delivery, "rejected", "channel_not_found")
    letters = [letter.id for letter in await dead_letters(store)]
    good = events.body("operation.completed", 100, status="Completed") | {"tenantId": "room"}
    raw = [json.dumps(good | {"n": n}).encode() for n in range(2)]
    bodies = [await store.bodies.keep("async-operations", body, {}, "missing", fault=False) for body in raw]
    await OperatorPauses(store).pause("room", "Upgrade", "ana")
    await Suppressions(store).add(ADDRESS, "english", reason="unsubscribed")
    await added(store, silence(clock()))
    return {
        "/source/try": {"name": "foreign", "document": "{}"},
        "/dead/replay": {"id": letters[:1]},
        "/dead/drop": {"id": letters[1:]},
        "/quarantine/replay": {"id": bodies[:1]},
        "/quarantine/drop": {"id": bodies[1:]},
        "/destinations/pause": {"name": "team", "reason": "x", "lasts": "2h"},
        "/destinations/resume": {"name": "room"},
        "/destinations/test": {"name": "team"},
        "/destinations/allow": {"destination": "english", "address": ADDRESS},
        "/silences/add": {"destination": ["team"], "reason": "x", "lasts": "2h"},
        "/silences/expire": {"id": "s-1"},
    }


async def everything(store: Store) -> dict[bytes, bytes | None]:
    """All that Redis knows, but for who is logged in, and how often somebody has tried to."""
    names = [name async for name in store.redis.scan_iter(count=1000)]
    kept = [name for name in sorted(names) if not name.startswith(b"{relay}:console:")]
    return dict(zip(kept, [await store.redis.dump(name) for name in kept], strict=True))


async def ask(
    client: ClientSession, here: Listening, path: str, attempt: Attempt, fields: Mapping[str, Any], *, api: bool
) -> int:
    """The status of what is answered."""
    headers = dict(attempt.headers or {})
    cookie = here.cookies.get(attempt.cookie, attempt.cookie)
    headers |= {"Cookie": f"relay-console={cookie}"} if cookie else {}
    form = {**fields, **({"csrf": csrf_of(attempt.csrf)} if attempt.csrf else {})}
    data: Any = json.dumps(fields if api else form) if api or attempt.kind == JSON else urlencode(form, doseq=True)
    if attempt.kind == "multipart/form-data" and not api:
        data = FormData()
        for name, text in form.items():
            data.add_field(name, str(text).encode(), filename=name, content_type="text/html")
    else:
        headers["Content-Type"] = JSON if api and attempt.kind == FORM else attempt.kind
    looking = attempt.method in ("GET", "HEAD")
    address = f"{here.url}{path}{attempt.query}"
    if looking:
        address += f"{'&' if attempt.query else '?'}{urlencode(form, doseq=True)}"
    async with client.request(
        attempt.method, address, data=None if looking else data, headers=headers, allow_redirects=False
    ) as response:
        await response.read()
        return response.status


async def test_nobody_does_anything_who_may_not(here: Listening, store: Store, clock: Clock) -> None:
    good = await forms(store, clock)
    assert good.keys() == {action.path for action in ACTIONS}
    before = await everything(store)
    async with ClientSession(cookie_jar=DummyCookieJar()) as client:
        with every_case() as case:
            for path, fields in good.items():
                for name, attempt in ATTEMPTS.items():
                    with case(path, name):
                        page = await ask(client, here, f"/console{path}", attempt, fields, api=False)
                        api = await ask(client, here, f"/api/v1{path}", attempt, fields, api=True)
                        assert (page, api) == (attempt.status, attempt.api)
                with case(path, "did something"):
                    assert await everything(store) == before


@pytest.mark.parametrize("api", [False, True])
async def test_whoever_may_does_each_of_them(here: Listening, store: Store, clock: Clock, api: bool) -> None:
    good = await forms(store, clock)
    base = "/api/v1" if api else "/console"
    attempt = Attempt(200, headers=token(TOKEN)) if api else Attempt(303, OPERATOR, OPERATOR, SAME)
    async with ClientSession(cookie_jar=DummyCookieJar()) as client:
        with every_case() as case:
            for path, fields in good.items():
                if path == "/source/try":  # it changes nothing
                    continue
                with case(path):
                    before = await everything(store)
                    assert await ask(client, here, base + path, attempt, fields, api=api) == attempt.status
                    assert await everything(store) != before
    by = {"by": "console (token)" if api else "console (link)"}
    done = [act for act in await acts_of(store.redis) if by.items() <= act.detail.items()]
    assert len([act for act in done if act.actor == ("deploy" if api else "operator")]) == len(ACTIONS) - 1
