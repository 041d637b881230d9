"""The quarantine in the console: what is there and why, trying it, and taking it as the event that it is today."""

import json
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
from tests.support.console import Open, confirmed, console
from tests.support.events import body

SOURCE = "async-operations"


def good(subject: str = "op-1") -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=subject) | {"tenantId": "live"}


async def keep(store: Store, document: Any, reason: str = "operation: missing", *, fault: bool = False) -> str:
    headers = {"content-type": "application/json"}
    return await store.bodies.keep(SOURCE, json.dumps(document).encode(), headers, reason, fault=fault)


async def accepted(store: Store) -> int:
    return (await Admin(store).ledger()).counts.get("accepted", 0)


async def listed(page: Open, query: str = "") -> list[str]:
    return [row["id"] for row in (await page.api(f"/quarantine?{query}"))["rows"]]


async def test_faults_of_relay_stand_first_with_their_place(page: Open, store: Store) -> None:
    refused = await keep(store, {"no": "<script>event</script>"}, "operation: <i>missing</i>")
    fault = await keep(store, good(), "KeyError at relay/x.py:1", fault=True)
    facts, shown = await page.api("/quarantine"), await page.page("/quarantine")
    assert [row["id"] for row in facts["rows"]] == [fault, refused]
    assert (facts["total"], facts["faults"], facts["matching"]) == (2, 1, 2)
    assert (await listed(page, "kind=refused"), await listed(page, "source=nobody")) == ([refused], [])
    assert "relay itself failed" in shown
    assert "operation: &lt;i&gt;missing&lt;/i&gt;" in shown
    one = await page.page(f"/quarantined?id={refused}")
    for part in ("&lt;script&gt;", "application/json", "has to change what it sends"):
        assert part in one


async def test_what_is_taken_leaves_and_what_is_still_refused_stays(page: Open, store: Store) -> None:
    fine, bad = await keep(store, good()), await keep(store, {"no": "event"})
    answer = await page.act("/quarantine/replay", id=[fine, bad])
    assert "1 taken as events. 1 stays: is still refused: " in answer
    assert await listed(page) == [bad]
    assert await accepted(store) == 1
    assert "Nothing was done: 1 stays: is still refused" in await page.act("/quarantine/replay", id=bad)
    assert "1 dropped from the quarantine" in await page.act("/quarantine/drop", id=bad)
    assert await listed(page) == []
    assert "somebody else has just" in await page.act("/quarantine/replay", id=bad)
    assert [(act.actor, act.action, act.outcome) for act in await acts_of(store.redis)] == [
        ("ana", f"quarantine {verb}", outcome)
        for verb, outcome in (("replay", "1 of 2"), ("replay", "0 of 1"), ("drop", "1 of 1"), ("replay", "0 of 1"))
    ]


async def test_all_that_match_are_taken_once_somebody_has_seen_how_many(store: Store) -> None:
    for number in range(3):
        await keep(store, good(f"op-{number}"), "KeyError at relay/x.py:1", fault=True)
    bad = await keep(store, {"no": "event"})
    async with console(store, Clock(time.time() + 1)) as page:
        asked = await page.page("/quarantine/all?kind=fault&since=1h")
        assert "Replay all quarantined bodies that match?" in asked
        assert "<dd>3</dd>" in asked
        assert "3 taken as events" in await page.act("/quarantine/replay", **confirmed(asked))
        assert await listed(page) == [bad]
    assert await accepted(store) == 3


def test_whoever_did_it_to_many_hears_of_faults_and_of_more() -> None:
    stay = Counter({"is still refused: operation: missing": 1})
    text = "2 taken as events. 1 stays: is still refused: operation: missing. There are more: do it again to go on."
    assert outcome("quarantine replay", Swept(done=2, stay=stay, more=True)).text == text
    assert outcome("quarantine replay", Swept(stay=stay, more=True)).refused
    assert outcome("quarantine replay", Swept(more=True)).refused
    shared = outcome("quarantine replay", Swept(done=1, gone=1, stay=stay)).text
    assert shared.startswith("1 taken as events. 1 somebody else has just replayed or dropped. 1 stays: is still")
    assert "There are more" in outcome("quarantine drop", Swept(done=50, more=True)).text


@pytest.mark.parametrize("fields", [{}, {"id": ["q-1"], "every": "true"}, {"every": "true", "kind": "any"}])
async def test_nonsense_does_nothing(page: Open, store: Store, fields: dict[str, Any]) -> None:
    name = await keep(store, good())
    assert "Nothing was done" in await page.act("/quarantine/drop", **fields)
    assert await listed(page) == [name]
    assert await acts_of(store.redis) == []
