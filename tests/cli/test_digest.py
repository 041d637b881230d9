"""relay digest: what waits in a digest, what it would say now, and sending it before its time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.commands import Done, relay
from tests.support.events import body
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, Surroundings, running, surroundings

pytestmark = pytest.mark.slow

DIGEST = """
  morning: {email: [reader@example.com], mode: digest, at: "08:30", timezone: Europe/Berlin}
  digested: {slack: "#digested", mode: digest, days: mon}
rules:
  - {name: digests, events: ["operation.*"], notify: [morning, digested]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    text = CONFIG.read_text("utf-8")
    head, found, rules = text.partition("\nrules:\n")
    assert found
    file = tmp_path / "relay.yaml"
    file.write_text(head + DIGEST + rules)
    return file


@pytest.fixture
async def around(redis_server: RedisServer) -> AsyncIterator[Surroundings]:
    async with surroundings(redis_server.url) as found:
        yield found


@pytest.fixture
async def running_stage(around: Surroundings, config: Path) -> AsyncIterator[Stage]:
    async with running(around, config) as one:
        yield Stage(around, one)


async def digest(stage: Stage, config: Path, verb: str, *arguments: str) -> Done:
    return await relay("digest", verb, "-c", config, *arguments, env=stage.around.env)


async def complete(stage: Stage, number: int = 1) -> None:
    names = {"operationId": f"op-{number}", "operationName": f"Run {number}"}
    await stage.post(body("operation.completed", 100, status="Completed", **names))


async def test_the_list_says_when_each_is_sent_and_what_waits(running_stage: Stage, config: Path) -> None:
    await complete(running_stage)

    done, facts = (
        await digest(running_stage, config, "list"),
        (await digest(running_stage, config, "list", "--json")).facts,
    )

    assert [(one["destination"], one["at"], one["days"], one["entries"]) for one in facts["digests"]] == [
        ("morning", "08:30", "daily", 1), ("digested", "08:30", "mon", 1),
    ]  # fmt: skip
    assert "reader@example.com" in done.out
    assert "08:30 daily, Europe/Berlin" in done.out


async def test_a_preview_shows_the_mail_and_sends_nothing(running_stage: Stage, config: Path, tmp_path: Path) -> None:
    await complete(running_stage)
    page = tmp_path / "digest.html"

    shown = await digest(running_stage, config, "preview", "morning", "--to", str(page))
    facts = (await digest(running_stage, config, "preview", "morning", "--json")).facts

    assert shown.status == 0
    assert "Run 1" in shown.out
    assert "Run 1" in page.read_text("utf-8")
    assert (facts["digest"]["totals"]["completed"], facts["fault"]) == (1, "")
    assert not any("Run 1" in str(mail) for mail in running_stage.around.inbox.mails)


async def test_a_preview_of_a_slack_digest_shows_its_words(running_stage: Stage, config: Path) -> None:
    await complete(running_stage)

    shown = await digest(running_stage, config, "preview", "digested")
    refused = await digest(running_stage, config, "preview", "digested", "--to", "x.html")

    assert (shown.status, "Run 1" in shown.out) == (0, True)
    assert (refused.status, "digested is no mail" in refused.err) == (1, True)


async def test_sent_now_it_arrives_and_a_second_time_there_is_nothing(running_stage: Stage, config: Path) -> None:
    await complete(running_stage)

    sent = await digest(running_stage, config, "send-now", "morning")
    mails = running_stage.around.inbox
    await mails.wait_for(lambda: any(mail.recipient == "reader@example.com" for mail in mails.mails), patience())
    again = await digest(running_stage, config, "send-now", "morning")

    assert (sent.status, sent.out) == (0, "queued for reader@example.com\n")
    assert (again.status, again.err) == (1, "nothing has come in for morning since its last digest\n")


async def test_only_a_digest_has_one(running_stage: Stage, config: Path) -> None:
    done = await digest(running_stage, config, "preview", "mornin")

    assert (done.status, "did you mean morning?" in done.err) == (1, True)
