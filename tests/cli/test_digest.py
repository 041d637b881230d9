"""relay digest: what waits in a digest, what it would say now, and sending it before its time."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.support.events import body
from tests.support.inprocess import relay_beside
from tests.support.serving import change
from tests.support.stage import Stage, Surroundings, running

DIGEST = """
  morning: {email: [reader@example.com], mode: digest, at: "08:30", timezone: Europe/Berlin}
  digested: {slack: "#digested", mode: digest, days: mon}
rules:
  - {name: digests, events: ["operation.*"], notify: [morning, digested]}
"""


@pytest.fixture
def config(config: Path) -> Path:
    change(config, "\nrules:\n", DIGEST)
    return config


@pytest.fixture
async def running_stage(around: Surroundings, config: Path) -> AsyncIterator[Stage]:
    async with running(around, config) as one:
        yield Stage(around, one)


async def digest(stage: Stage, config: Path, verb: str, *arguments: str) -> Result:
    return await relay_beside("digest", verb, "-c", config, *arguments, env=stage.around.env)


async def test_what_waits_is_listed_shown_and_sent_before_its_time(running_stage: Stage, config: Path) -> None:
    names = {"operationId": "op-1", "operationName": "Run 1"}
    await running_stage.post(body("operation.completed", 100, status="Completed", **names))

    listed = await digest(running_stage, config, "list")
    mail = await digest(running_stage, config, "preview", "morning")
    slack = await digest(running_stage, config, "preview", "digested")
    html = json.loads((await digest(running_stage, config, "preview", "morning", "--json")).output)["html"]
    before = [*running_stage.around.inbox.mails]
    sent = await digest(running_stage, config, "send-now", "morning")
    [told] = await running_stage.around.mails(1)
    again = await digest(running_stage, config, "send-now", "morning")

    assert [line.split()[:2] for line in listed.output.splitlines()[1:]] == [
        ["morning", "reader@example.com"], ["digested", "#digested"],
    ]  # fmt: skip
    assert "08:30 daily, Europe/Berlin" in listed.output
    for shown in (mail.output, slack.output, html):
        assert "Run 1" in shown
    assert before == []
    assert (sent.exit_code, sent.output) == (0, "Queued for reader@example.com.\n")
    assert told.recipient == "reader@example.com"
    assert (again.exit_code, "nothing has come in for morning since its last digest" in again.output) == (1, True)


async def test_only_a_digest_has_one(running_stage: Stage, config: Path) -> None:
    for verb in ("preview", "send-now"):
        done = await digest(running_stage, config, verb, "mornin")

        assert (done.exit_code, "did you mean morning?" in done.output) == (1, True)
