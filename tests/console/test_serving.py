"""Errors are pages, too, vendored scripts are unchanged, and `/openapi.json` has every page and action."""

import json
from hashlib import sha256

from aiohttp import ClientSession

from relay.console.api import described
from relay.console.pages import STATIC_FILES
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS
from relay.errors import StoreUnavailable
from relay.receiving import openapi
from relay.receiving.probes import Readiness
from relay.store import Store
from tests.console.operators import listening
from tests.support.clock import Clock
from tests.support.console import CSRF, Open, console
from tests.support.every_case import every_case
from tests.support.schemas import check_openapi


async def _away() -> Readiness:
    raise StoreUnavailable("Redis: it is away")


async def test_a_store_that_is_away_is_a_page_and_a_problem_and_no_fault_of_relay(store: Store, clock: Clock) -> None:
    async with console(store, clock, readiness=_away) as page:
        shown, answer = await page.ask("/console/now"), await page.ask("/api/v1/now")
    assert (shown[0], shown[1].startswith("<!doctype html>")) == (503, True)
    assert "store does not answer at the moment" in shown[1]
    assert (answer[0], json.loads(answer[1])["detail"]) == (503, "relay's store does not answer at the moment.")


async def test_a_page_that_asks_for_news_leaves_the_outcome_of_a_form_for_the_next_one(page: Open) -> None:
    form = {"csrf": CSRF, "back": "/console/now", "name": "room"}
    assert (await page.ask("/console/destinations/resume", "POST", data=form, allow_redirects=False))[0] == 303
    await page.page("/now", **{"HX-Request": "true"})
    assert "nobody has paused room" in await page.page("/now")
    assert "nobody has paused room" not in await page.page("/now")


ODD = "deliveries?operation=op-1"  # for which all of them must not be the answer
LISTS = ("operations", "jobs", "deliveries", "dead", "quarantine", "audit")
GONE = {
    **{f"/{name}?cursor=x": "This page of the list is not there; begin with its first page." for name in LISTS},
    "/deliveries?state=waiting&cursor=x": "This page of the list is not there",
    "/destination?name=x": "The configuration has no destination of this name.",
    "/dead-letter?id=00ff": "00ff is no dead letter",
    "/quarantined?id=q-00": "q-00 is not in the quarantine",
    "/job?name=none": "No run of the job none is known",
}


async def test_what_there_is_not_is_said(page: Open) -> None:
    with every_case() as case:
        for path, says in GONE.items():
            with case(path):
                status, text = await page.ask(f"/console{path}")
                assert (status, says in text) == (404, True)
    gone, none, odd = [await page.ask(f"/api/v1/{path}") for path in ("jobs?cursor=x", "dead-letter?id=00ff", ODD)]
    assert json.loads(gone[1])["detail"].startswith("This page of the list is not there")
    assert none[0] == 404
    assert (odd[0], json.loads(odd[1])["field"]) == (422, "operation")


def test_describes_every_page_and_action_that_is_served() -> None:
    views, actions = (*VIEWS, *ANSWERS), (*ACTIONS, *COMMANDS)
    described_ = openapi.document({"/healthz"}, {"/console"}, besides=[*described(views, actions, "/api/v1")])
    check_openapi(described_)
    assert described_["paths"].keys() - {"/healthz", "/console"} == {
        f"/api/v1{listed.path}" for listed in (*views, *actions)
    }
    get = described_["paths"]["/api/v1/dead"]["get"]
    assert {(field["name"], field["in"], field["required"]) for field in get["parameters"]} >= {
        ("since", "query", False)
    }
    assert get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/DeadListFacts")


async def test_operators_are_served_it(store: Store, clock: Clock) -> None:
    async with (
        console(store, clock) as page,
        listening(page.context) as here,
        ClientSession() as client,
        client.get(f"{here.url}/openapi.json") as response,
    ):
        assert {"/healthz", "/api/v1/now"} <= (await response.json())["paths"].keys()


# htmx 4.0.1 as the npm registry has it (dist/htmx.min.js), under the Zero-Clause BSD licence.
VENDORED = {
    "LICENSE-htmx": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
}


def test_vendored_scripts_are_as_their_authors_published_them() -> None:
    files = (STATIC_FILES / "vendor").iterdir()
    assert {file.name: sha256(file.read_bytes()).hexdigest() for file in files} == VENDORED
