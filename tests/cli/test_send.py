"""relay send: an event that the running relay signs and sends to itself, and what it was answered."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from relay.store.queries.reachability import OperatorPauses
from tests.support.audit import acts_of
from tests.support.events import body
from tests.support.inprocess import relay_beside
from tests.support.stage import CONFIG, Stage


@pytest.fixture
def event(tmp_path: Path) -> Path:
    file = tmp_path / "event.json"
    document = body("operation.failed", 40, status="Failed") | {"tenantId": "mail"}
    file.write_bytes(json.dumps(document | {"timestamp": "2024-01-20T12:00:00Z"}).encode() + b"\n \n")
    return file


async def send(running: Stage, *arguments: object) -> Result:
    env = {**running.around.env, "RELAY_ACTOR": "jana@here"}
    return await relay_beside("send", *arguments, "-c", CONFIG, env=env)


async def test_it_is_signed_and_taken_and_where_it_is_told_is_said(running_stage: Stage, event: Path) -> None:
    pauses = OperatorPauses(running_stage.around.store)
    await pauses.pause("english", "a move", "ana", seconds=600)
    first, again = await send(running_stage, event), await send(running_stage, event, "--json")
    await pauses.resume("english")
    mails = await running_stage.around.mails(2)
    acts = await acts_of(running_stage.around.store.redis)

    assert first.exit_code == again.exit_code == 0
    assert first.output.startswith('202 Accepted\n{"status":"accepted"')
    assert "english email, each: english@example.com\n    because of mails\n    paused by ana until " in first.output
    assert json.loads(again.output)["answer"]["status"] == "duplicate"
    assert {mail.recipient for mail in mails} == {"english@example.com", "german@example.com"}
    assert [(act.actor, act.action, act.subject, act.outcome) for act in acts] == [
        ("jana@here", "send", "async-operations", "202"), ("jana@here", "send", "async-operations", "200"),
    ]  # fmt: skip


async def test_what_is_not_taken_leaves_with_1_and_says_why(running_stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"event": "operation.failed"}')

    done = await send(running_stage, file, "--now")

    assert (done.exit_code, "422 Unprocessable" in done.output) == (1, True)
