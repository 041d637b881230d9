"""One cause fails 200 jobs of six owners, 20 of them Critical: no more reaches them than docs/notifications.md says."""

import re
from collections import defaultdict
from collections.abc import Callable
from email import message_from_bytes, policy
from itertools import pairwise
from typing import Any

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.store import Store
from relay_sandbox.standins.slack import SlackStandin
from relay_sandbox.standins.slack_records import User
from tests.support.clock import Clock
from tests.support.flow import POST, Flow
from tests.support.flow_events import outcome_of
from tests.support.scripted_smtp import ScriptedSmtp
from tests.support.stage import SECRET

JOBS, OWNERS, MINUTES = 200, 6, 2  # two fail a second, so the Critical ones are within 100 seconds
CRITICAL = {number for number in range(JOBS) if number % 10 == 3}
OF_CRITICAL = {number % OWNERS for number in CRITICAL}  # owners
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "%s"}}}}
channels:
  slack: {token: xoxb-1-flow, base_url: "%s"}
  email: {host: 127.0.0.1, port: %s, tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#team", mode: live}
  owners: {email: [owner, lead@example.com]}
owners:
%s
rules:
  - {name: live, events: ["operation.*"], notify: [team]}
  - {name: mails, events: [operation.failed], notify: [owners]}
"""


def name_of(number: int) -> str:
    return f"Team {number % OWNERS} job {number:03}"


def jobs_in(text: str) -> set[str]:
    return set(re.findall(r"Team \d job \d+", " ".join(text.split())))


def failure(number: int) -> dict[str, object]:
    priority = "Critical" if number in CRITICAL else "High"
    operation = outcome_of("Failed", operationId=f"op-{number}", operationName=name_of(number), priority=priority)
    error = {"code": "E17", "message": f"the source at 10.0.0.7 did not answer for {300 + number} s"}
    return operation | {"error": error, "projectId": "shop"}


async def test_a_storm_of_one_cause_stays_within_what_the_documentation_states(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    people = [User(f"U0OWNER{n}", f"owner{n}", f"owner{n}@example.com", f"Owner {n}") for n in range(OWNERS)]
    owners = "\n".join(f"  - {{jobs: ['Team {n} *'], people: [{user.email}]}}" for n, user in enumerate(people))
    async with SlackStandin(clock=clock) as slack, ScriptedSmtp() as smtp:
        slack.workspace.users |= {user.id: user for user in people}
        config = parse_config(CONFIG % (SECRET, slack.base_url, smtp.port, owners), env={}, channels=CHANNELS)
        flow = Flow(config, slack, clock, open_store)
        for number in range(JOBS):
            await flow.send(failure(number))
            if number % 2:
                await flow.wait(1)
        await flow.wait(700, step=5)
        counts = (await flow.ledger()).counts
        for channel in flow.channels:
            await channel.aclose()

    seen = [message for message in flow.messages() if not message.thread_ts or message.broadcast]
    lists = [message for message in seen if "more failed:" in message.text]
    # The first, each Critical one, and a row for each owner whom those did not mention.
    assert 1 + len(CRITICAL) <= len(seen) - len(lists) <= 1 + len(CRITICAL) + OWNERS - 1
    assert len(lists) <= len(OF_CRITICAL) * MINUTES
    assert len(flow.messages()) - len(lists) == JOBS  # all others are rows, which nobody is notified of

    posted = [(at, f"{arguments['text']} {arguments.get('blocks')}") for at, arguments in flow.calls(POST)]
    for number, user in enumerate(people):
        calls = [(at, text) for at, text in posted if f"<@{user.id}>" in text]
        critical = [(at, text) for at, text in calls if "CRITICAL" in text]
        assert 1 <= len(calls) <= 1 + (number in OF_CRITICAL) * (1 + MINUTES)
        assert all(later - before >= 60 for (before, _), (later, _) in pairwise(critical))
        assert {job for _, text in critical for job in jobs_in(text)} == {
            name_of(its) for its in CRITICAL if its % OWNERS == number
        }

    mails: dict[str, list[Any]] = defaultdict(list)
    for mail in smtp.taken:
        mails[mail.rcpt_to.strip("<>")].append(message_from_bytes(mail.data, policy=policy.default))
    assert len(mails["lead@example.com"]) == 1 + len(CRITICAL) + 2
    texts = [mail.get_body(("plain",)).get_content() for mail in mails["lead@example.com"]]
    assert {job for text in texts for job in jobs_in(text)} == {*map(name_of, range(JOBS))}
    assert max(len(mails[user.email]) for user in people) <= 1 + len(CRITICAL) // len(OF_CRITICAL) + 1 + 2
    assert (counts["pending"], counts["dead"]) == (0, 0)
