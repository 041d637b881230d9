"""relay digest: what waits in a digest, what it would say now, and sending it before its time."""

from pathlib import Path

from tests.cli.asking import Commands
from tests.cli.serving import change
from tests.support.events import body
from tests.support.stage import Stage, Surroundings, running

DIGEST = """
  morning: {email: [reader@example.com], mode: digest, at: "08:30", timezone: Europe/Berlin}
  digested: {slack: "#digested", mode: digest, days: mon}
rules:
  - {name: digests, events: ["operation.*"], notify: [morning, digested]}
"""


async def test_what_waits_is_listed_shown_and_sent_before_its_time(around: Surroundings, config: Path) -> None:
    change(config, "\nrules:\n", DIGEST)
    cli = Commands(around, config)
    event = body("operation.completed", 100, status="Completed", operationId="op-1", operationName="Run 1")
    async with running(around, config) as one:
        await Stage(around, one).post(event)
        listed = (await cli("digest")).output
        mail, slack = [(await cli("digest", name)).output for name in ("morning", "digested")]
        html = (await cli.facts("digest", "morning"))["html"]
        wrong = [await cli("digest", "mornin", *send) for send in ((), ("--send",))]
        before = [*around.inbox.mails]
        sent = await cli("digest", "morning", "--send")
        [told] = await around.mails(1)
        again = await cli("digest", "morning", "--send")

    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["morning", "reader@example.com"], ["digested", "#digested"],
    ]  # fmt: skip
    assert "08:30 daily, Europe/Berlin" in listed
    assert [("Run 1" in shown) for shown in (mail, slack, html)] == [True] * 3
    assert [(done.exit_code, "did you mean morning?" in done.output) for done in wrong] == [(1, True)] * 2
    assert before == []
    assert (sent.exit_code, sent.output) == (0, "Queued for reader@example.com.\n")
    assert told.recipient == "reader@example.com"
    assert (again.exit_code, "nothing has come in for morning since its last digest" in again.output) == (1, True)
