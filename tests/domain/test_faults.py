"""What relay itself fails on: kept with class and place, answered once, seen by operators, replayed when mended."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.parsing import load
from relay.errors import HandlingFailed, InvalidEvent, StoreUnavailable, handling
from relay.ingest import Ingest
from relay.store import Store, keys
from relay.store.bodies import LEAVING
from tests.support import events
from tests.support.events import body
from tests.support.inprocess import relay_beside
from tests.support.stage import CONFIG, Stage

LENGTH = 4 * LEAVING  # of the quarantine
FAULT = "KeyError at relay/policy/targets.py:"


def tenant(document: dict[str, Any], name: str = "mail") -> dict[str, Any]:
    return document | {"tenantId": name}


async def dead(running: Stage, verb: str, *arguments: str) -> Result:
    return await relay_beside("dead", verb, "-c", CONFIG, *arguments, env=running.around.env | {"COLUMNS": "200"})


async def checks(running: Stage) -> dict[str, str]:
    async with aiohttp.ClientSession() as client, client.get(f"{running.admin_url}/readyz?verbose") as response:
        document: dict[str, Any] = await response.json()
        assert (response.status, document["ready"]) == (200, True)
        found: dict[str, str] = document["checks"]
        return found


def test_an_unexpected_error_tells_its_class_and_relay_s_own_line_and_never_its_text() -> None:
    with pytest.raises(HandlingFailed) as caught, handling():
        load('{"id": "secret-4711"')

    file, _, line = caught.value.where.partition(":")
    assert (caught.value.kind, file) == ("ValueError", "relay/domain/parsing.py")
    assert "from_json(line)" in Path(file).read_text("utf-8").splitlines()[int(line) - 1]
    assert f"{caught.value}" == f"ValueError at {caught.value.where}"


@pytest.mark.parametrize("error", [StoreUnavailable("away"), InvalidEvent("event", "expected its name")])
def test_what_relay_raises_on_purpose_passes(error: Exception) -> None:
    with pytest.raises(type(error)), handling():
        raise error


async def test_rules_that_fail_on_an_event_are_told_before_anything_reaches_redis(store: Store) -> None:
    config: Config = parse_config(CONFIG.read_text("utf-8"), env=dict.fromkeys(
        ("STAGE_SECRET", "STAGE_TOKEN"), "kFv8-the-secret-of-the-platform") | {
        "STAGE_SLACK": "http://127.0.0.1:9/", "STAGE_SMTP": "9"}, channels=CHANNELS)  # fmt: skip
    intake = Ingest(store, lambda: config, {})  # the channels that its destinations name are missing

    with pytest.raises(HandlingFailed, match=r"^KeyError at relay/policy/targets\.py:\d+$"):
        await intake.ingest(events.event_of(tenant(body())))

    assert await store.known(events.event_of(body()).own_id) == {}


@pytest.fixture
def mend() -> Iterator[Callable[[], None]]:
    """Take a channel away that a destination names, until it is called or the test ends."""
    before = dict(CHANNELS)

    def back() -> None:
        CHANNELS.clear()
        CHANNELS.update(before)  # in the order that messages name them

    del CHANNELS["email"]
    yield back
    back()


@pytest.mark.slow
async def test_an_event_that_relay_fails_on_is_kept_shown_and_replayed_once_it_is_mended(
    running_stage: Stage, mend: Callable[[], None]
) -> None:
    sent = tenant(body("operation.progress", 10))

    replies = [await running_stage.post(sent), await running_stage.post(sent)]

    name = replies[0].document["quarantine"]
    assert [(reply.status, reply.document["quarantine"]) for reply in replies] == [(422, name)] * 2
    assert (await checks(running_stage))["quarantine"] == (
        "1 event waits because relay itself failed; see `relay dead list`"
    )
    listed, shown = await dead(running_stage, "list"), await dead(running_stage, "show", name)
    told = f"relay itself failed on it: {FAULT}"
    assert told in " ".join(listed.stdout.split())
    assert told.partition(": ")[2] in shown.stdout
    assert json.loads((await dead(running_stage, "show", name, "--json")).stdout)["fault"] is True

    unmended = await dead(running_stage, "replay", name)
    assert unmended.exit_code == 1
    assert f"relay itself still fails on it: {FAULT}" in unmended.stderr

    mend()
    mended = await dead(running_stage, "replay", name)
    assert (mended.exit_code, mended.stderr) == (0, "")
    assert len(await running_stage.around.mails(2)) == 2
    assert "quarantine" not in await checks(running_stage)


@pytest.mark.slow
async def test_a_replay_counts_under_the_id_that_was_signed_and_no_other(running_stage: Stage) -> None:
    around = running_stage.around
    one, other = [tenant(body("operation.progress", 10, operationId=name)) for name in ("op-1", "op-2")]
    signed = json.dumps(one).encode()
    await around.store.bodies.keep("async-operations", signed, {"ce-id": "evt-D"}, "once invalid", fault=False)
    assert (await dead(running_stage, "replay", "--all")).exit_code == 0

    reply = await running_stage.post(other, headers=[("ce-id", "evt-D")])

    assert reply.document["status"] == "accepted"


async def test_what_relay_failed_on_outlives_what_makes_no_sense_and_is_never_pushed_out(
    redis_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.bodies.MOST", LENGTH)
    quarantine = redis_store.bodies
    kept = await quarantine.keep("s", b"{}", {}, "KeyError at relay/policy/matching.py:1", fault=True)
    names = [await quarantine.keep("s", b"%d" % n, {}, "no event", fault=False) for n in range(LENGTH + 1)]
    assert await quarantine.release(["\ud800"]) == 0  # as somebody may have typed it
    assert (await quarantine.faults(), await quarantine.size()) == (1, LENGTH - LEAVING + 2)
    later = names[2 * LEAVING]  # than what may have come in the same moment as the last that left
    assert [await quarantine.named(name) is not None for name in (kept, names[0], later, names[-1])] == [
        True, False, True, True,
    ]  # fmt: skip

    faults = {f"q-{number}": "{}" for number in range(LENGTH)}
    await redis_store.redis.hset(f"{keys.PREFIX}faults", mapping=faults)
    with pytest.raises(StoreUnavailable, match="quarantine is full"):
        await quarantine.keep("s", b"{1}", {}, "KeyError at relay/policy/matching.py:1", fault=True)
