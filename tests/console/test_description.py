"""`/openapi.json` is valid, and has every page and action of the console."""

from aiohttp import ClientSession

from relay.console.api import described
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS
from relay.receiving import openapi
from relay.store import Store
from tests.console.operators import listening
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.schemas import check_openapi


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
