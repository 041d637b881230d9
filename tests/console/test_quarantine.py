"""The quarantine in the console: what is there and why, trying it, and taking it as the event that it is today."""

import json
import re
import time
from collections import Counter
from typing import Any

import pytest

from relay.console.actions.bulk import outcome
from relay.operating.sweeps import Swept
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.console import Open, console
from tests.support.events import body

SOURCE = "async-operations"


def good(subject: str = "op-1") -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=subject) | {"tenantId": "live"}


async def keep(store: Store, document: object, reason: str = "operation: missing", *, fault: bool = False) -> str:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return await store.quarantine.keep(SOURCE, raw, {"content-type": "application/json"}, reason, fault=fault)


async def accepted(store: Store) -> int:
    return (await Admin(store).ledger()).counts.get("accepted", 0)


async def listed(open_console: Open, query: str = "") -> list[str]:
    return [row["id"] for row in (await open_console.api(f"/quarantine?{query}"))["rows"]]


async def test_faults_of_relay_stand_first_with_their_place(store: Store, clock: Clock) -> None:
    refused = await keep(store, {"no": "<script>event</script>"}, "operation: <i>missing</i>")
    fault = await keep(store, good(), "KeyError at relay/x.py:1", fault=True)
    async with console(store, clock) as open_console:
        facts = await open_console.api("/quarantine")
        assert [row["id"] for row in facts["rows"]] == [fault, refused]
        assert (facts["total"], facts["faults"], facts["matching"]) == (2, 1, 2)
        assert await listed(open_console, "kind=refused") == [refused]
        assert await listed(open_console, "source=nobody") == []
        page = await open_console.page("/quarantine")
        assert "relay itself failed" in page
        assert "operation: &lt;i&gt;missing&lt;/i&gt;" in page
        one = await open_console.page(f"/quarantined?id={refused}")
        assert "&lt;script&gt;" in one
        assert "application/json" in one
        assert "has to change what it sends" in one


async def test_what_is_taken_leaves_and_what_is_still_refused_stays(store: Store, clock: Clock) -> None:
    fine, bad = await keep(store, good()), await keep(store, {"no": "event"})
    async with console(store, clock) as open_console:
        answer = await open_console.act("/quarantine/replay", id=[fine, bad])
        assert "1 taken as events. 1 stays: is still refused: " in answer
        assert await listed(open_console) == [bad]
        assert await accepted(store) == 1
        assert "Nothing was done: 1 stays: is still refused" in await open_console.act("/quarantine/replay", id=bad)
        assert "1 dropped from the quarantine" in await open_console.act("/quarantine/drop", id=bad)
        assert await listed(open_console) == []
        assert "somebody else has just" in await open_console.act("/quarantine/replay", id=bad)
    acts = await acts_of(store.redis)
    assert [(act.actor, act.action, act.outcome) for act in acts] == [
        ("ana", "quarantine replay", "1 of 2"),
        ("ana", "quarantine replay", "0 of 1"),
        ("ana", "quarantine drop", "1 of 1"),
        ("ana", "quarantine replay", "0 of 1"),
    ]


async def test_all_that_match_are_taken_once_somebody_has_seen_how_many(store: Store) -> None:
    for number in range(3):
        await keep(store, good(f"op-{number}"), "KeyError at relay/x.py:1", fault=True)
    bad = await keep(store, {"no": "event"})
    clock = Clock(time.time() + 1)
    async with console(store, clock) as open_console:
        page = await open_console.page("/quarantine/all?kind=fault&since=1h")
        assert "Replay all quarantined bodies that match?" in page
        assert "<dd>3</dd>" in page
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split('class="confirm"')[1]))
        del fields["csrf"]
        assert "3 taken as events" in await open_console.act("/quarantine/replay", **fields)
        assert await listed(open_console) == [bad]
    assert await accepted(store) == 3


def test_whoever_did_it_to_many_hears_of_faults_and_of_more() -> None:
    stay = Counter({"is still refused: operation: missing": 1})
    text = "2 taken as events. 1 stays: is still refused: operation: missing. There are more: do it again to go on."
    assert outcome("quarantine replay", Swept(done=2, stay=stay, more=True)).worded() == text
    assert outcome("quarantine replay", Swept(stay=stay, more=True)).refused
    assert outcome("quarantine replay", Swept(more=True)).refused
    shared = outcome("quarantine replay", Swept(done=1, gone=1, stay=stay)).worded()
    assert shared.startswith("1 taken as events. 1 somebody else has just replayed or dropped. 1 stays: is still")
    assert "There are more" in outcome("quarantine drop", Swept(done=50, more=True)).worded()


@pytest.mark.parametrize("fields", [{}, {"id": ["q-1"], "every": "true"}, {"every": "true", "kind": "any"}])
async def test_nonsense_does_nothing(store: Store, clock: Clock, fields: dict[str, Any]) -> None:
    name = await keep(store, good())
    async with console(store, clock) as open_console:
        assert "Nothing was done" in await open_console.act("/quarantine/drop", **fields)
        assert await listed(open_console) == [name]
    assert await acts_of(store.redis) == []
