"""The page of a source with a format: its last bodies, one in the quarantine, or a pasted one, and how it is read."""

import json
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from relay.config import Config
from relay.console.folding import folded
from relay.store import Store
from relay.store.bodies import Bodies
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.console import console, stage_config
from tests.support.foreign import PING, alert, alerts, workflow_run

SENDERS = Path(__file__).parents[1] / "data" / "senders.yaml"
LONG = {"open": {"list": [*range(20)], "short": [1] * 12, "long": {f"k{n}": n for n in range(13)}}}


def senders() -> Config:
    return stage_config(SENDERS)


async def came(store: Store, clock: Clock, source: str, *documents: Any, **headers: str) -> None:
    bodies = Bodies(store.plain)
    for document in documents:
        bodies.add(source, json.dumps(document).encode(), headers, clock())
    await bodies.flush()


async def test_a_body_is_shown_beside_what_is_read_of_it(store: Store, clock: Clock) -> None:
    odd = workflow_run("completed", "melted", name="<b>Nightly</b>")
    await came(store, clock, "github", PING, odd)
    await came(store, clock, "billing", {"batch": {"no": 7}, "state": "HOLD"}, **{"header:x-kind": "run"})
    async with console(store, clock, config=senders()) as page:
        assert 'href="/console/source?name=github"' in await page.page("/now")
        newest = await page.page("/source?name=github")
        facts = await page.api("/source?name=github")
        by_header = (await page.api("/source?name=billing"))["read"][0]

    assert "no row has the word melted" in newest
    assert "&lt;b&gt;Nightly&lt;/b&gt;" in newest
    assert 'no row has the word "melted"' in facts["read"][0]["refused"]
    assert [(row["number"], row["outcomes"]) for row in facts["bodies"]] == [(2, ["refused"]), (1, ["ignored"])]
    assert (by_header["event"], by_header["case"]) == ("operation.progress", 2)
    assert json.loads(by_header["document"])["operation"]["operationId"] == "7"


async def test_from_the_quarantine_it_is_read_by_todays_format(store: Store, clock: Clock) -> None:
    body, headers = json.dumps({"batch": {"no": 7}, "state": "RUN"}).encode(), {"header:x-kind": "run"}
    name = await store.bodies.keep("billing", body, headers, "status", fault=False)
    other = await store.bodies.keep("async-operations", body, {}, "status", fault=False)
    async with console(store, clock, config=senders(), role="viewer") as page:
        there = await page.page(f"/quarantined?id={name}")
        where = f"/source?name=billing&quarantined={name}"
        assert escape(f"/console{where}") in there
        assert "It is read as operation.progress" in await page.page(where)
        assert "/console/source" not in await page.page(f"/quarantined?id={other}")
        for wrong in (f"name=github&quarantined={name}", "name=github&body=1", "name=cron", "name=nobody"):
            assert (await page.ask(f"/api/v1/source?{wrong}"))[0] == 404, wrong


@pytest.mark.parametrize(
    ("source", "document", "shown"),
    [
        ("github", json.dumps(workflow_run()), "It is read as operation.completed"),
        ("alerts", json.dumps(alerts(alert("DiskFull"), 7)), "How item 2 is read"),
        ("github", '{"x": 1}', "Case 3 does not hold: <code>zen</code>"),
        ("github", "{half", "it is no unambiguous JSON object"),
        ("github", "[" * 100_000, "it is no unambiguous JSON object"),
        ("github", "", "Nothing was done: document"),
    ],
)
async def test_a_pasted_body_is_read_and_kept_nowhere(
    store: Store, clock: Clock, source: str, document: str, shown: str
) -> None:
    async with console(store, clock, config=senders()) as page:
        assert shown in await page.act("/source/try", name=source, document=document)
        async with page.client.post(
            page.server.make_url("/api/v1/source/try"), json={"name": "x", "document": "{}"}
        ) as r:
            assert r.status == 404
    assert await Bodies(store.plain).last(source) == []
    assert await store.bodies.size() == 0
    assert await acts_of(store.redis) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (json.dumps(LONG, indent=2), ["list", "long"]),
        (json.dumps(LONG, indent=2)[:-12], ["list"]),  # cut off
        ("}\n]\n{\n<script>", []),
        ("", []),
    ],
)
def test_long_parts_are_folded_and_nothing_else_is_changed(text: str, names: list[str]) -> None:
    html = str(folded(text))
    assert [part.split("&#34;")[1] for part in html.split("<details>")[1:]] == names
    assert html.count("<details>") == html.count("</details>")
    bare = re.sub(r"</?(?:details|summary)>", "", re.sub(" <small>.*?</small></summary>", "\n", html))
    assert "<" not in bare
    assert unescape(bare) == f"{text}\n"
