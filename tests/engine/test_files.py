"""A message about a completion waits for its files, where the run's callbacks were heard before; it has them then."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.events import Event
from tests.engine.partition import SECOND
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import mail, team

MAIL = mail()
FILES = {"artifacts": [{"fileName": "report.pdf"}]}


def completed(source: str, **parts: Any) -> Event:
    document = events.body("operation.completed", 100, status="Completed")
    return events.event_of(document | parts, source=source)


def progress() -> Event:
    return events.event_of(events.body(percentage=40), source="progress")


def files_of(partition: Sending, channel: str = "email") -> list[object]:
    return [one.event.results.get("artifacts") for one in partition.send_all(channel, seconds=1)]


def test_a_mail_leaves_with_the_files_that_the_callback_brings(partition: Sending) -> None:
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook", results={"summary": {"recordsProcessed": 5}}), to=MAIL)
    assert files_of(partition) == []

    partition.hear(completed("completion", results=FILES), to=MAIL)

    assert files_of(partition) == [FILES["artifacts"]]
    partition.now += 60 * SECOND
    assert files_of(partition) == []


@pytest.mark.parametrize("run", [0, 1], ids=["correction", "next run"])
def test_it_leaves_before_the_outcome_that_comes_meanwhile(partition: Sending, run: int) -> None:
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook"), to=MAIL)
    partition.now += SECOND
    partition.hear(events.failed(retryNumber=run), to=MAIL)

    sent = partition.send_all("email", seconds=20)

    assert [one.event.name for one in sent] == ["operation.completed", "operation.failed"]


def test_what_the_same_source_repeats_does_not_end_the_wait(partition: Sending) -> None:
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook"), completed("hook"), to=MAIL)

    assert files_of(partition) == []


def test_a_callback_without_files_ends_the_wait(partition: Sending) -> None:
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook"), completed("completion"), to=MAIL)

    assert files_of(partition) == [None]


def test_it_does_not_wait_for_a_source_that_may_not_bring_any(partition: Sending) -> None:
    partition.without_files = frozenset({"progress"})
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook"), to=MAIL)

    assert files_of(partition) == [None]


def test_it_waits_ten_seconds_at_most_and_files_that_come_later_make_no_second_mail(partition: Sending) -> None:
    partition.hear(progress(), to=MAIL)
    partition.send_all("email")
    partition.hear(completed("hook"), to=MAIL)
    partition.now += 10 * SECOND

    assert files_of(partition) == [None]
    partition.hear(completed("completion", results=FILES), to=MAIL)
    partition.now += 60 * SECOND
    assert files_of(partition) == []


@pytest.mark.parametrize(
    "report",
    [
        completed("hook"),
        completed("progress"),
        completed("progress", results=FILES),
        replace(events.failed(), source="hook"),
    ],
)
def test_what_nothing_is_announced_for_leaves_at_once(partition: Sending, report: Event) -> None:
    if report.source == "progress":
        partition.hear(progress(), to=MAIL)
        partition.send_all("email")
    partition.hear(report, to=MAIL)

    assert len(files_of(partition)) == 1


def test_a_live_message_shows_the_end_at_once_and_the_files_when_they_come(partition: Sending) -> None:
    partition.hear(progress(), to=team())
    partition.send_all(seconds=8)
    partition.hear(completed("hook"), to=team())
    assert partition.send_all(seconds=1)
    partition.hear(completed("completion", results=FILES), to=team())

    assert FILES["artifacts"] in [one.event.results.get("artifacts") for one in partition.send_all(seconds=20)]
