"""What operations ask for themselves: so many messages to a reader in an hour, and the rest in one at its end."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import RequestLimit, Target
from relay.engine.suppressions import Suppress
from tests.engine.partition import SECOND
from tests.engine.sending import Sending, rows
from tests.support import events
from tests.support.targets import mail

HOUR, MOST = 3600, 4


def asked(address: str = "reader@example.com", reader: str = "reader@example.com") -> Target:
    target = mail(address, destination="dynamic")
    return replace(target, limits=replace(target.limits, requested=RequestLimit(reader, MOST, float(HOUR))))


def ask(partition: Sending, *numbers: int, to: Target | None = None) -> None:
    """Let operations end that ask for a message."""
    for number in numbers:
        run = {"operationId": f"op-{number}", "operationName": f"Run {number}"}
        partition.report(events.completed(**run), [to or asked()])


def sent(partition: Sending) -> list[str]:
    return [delivery.event.subject for delivery in partition.send_all("email")]


def test_what_is_above_the_limit_is_in_one_at_the_end_of_the_hour(partition: Sending) -> None:
    for number in range(MOST + 3):
        ask(partition, number)
        partition.now += 60 * SECOND

    assert sent(partition) == [f"op-{number}" for number in range(MOST)]

    partition.now += HOUR * SECOND
    (late,) = partition.send_all("email")
    assert (late.kind, sorted(rows(late))) == ("roundup", ["op-4", "op-5", "op-6"])
    assert (partition.counts["held:requested"], partition.memory.counts["pending"]) == (3, 0)


def test_a_process_that_dies_does_not_use_up_the_limit_twice(partition: Sending) -> None:
    ask(partition, *range(MOST))
    assert len(partition.take("email")) == MOST
    partition.now += 400 * SECOND
    partition.lapse()  # before any was sent

    assert len(sent(partition)) == MOST
    assert "held:requested" not in partition.counts


def test_grave_failures_are_sent_at_once_but_not_without_end(partition: Sending) -> None:
    ask(partition, *range(MOST))
    sent(partition)
    for number in range(10, 14):
        failed: dict[str, Any] = {"operationId": f"op-{number}", "priority": "Critical" if number > 10 else "High"}
        partition.report(events.failed(**failed), [asked()])
        partition.now += SECOND

    assert sent(partition) == ["op-11"]
    assert partition.counts["held:requested"] == 3


def test_a_reader_is_one_by_all_addresses_and_another_is_another(partition: Sending) -> None:
    for number in range(2 * MOST):
        ask(partition, number, to=asked(f"reader+{number}@example.com"))
    ask(partition, 99, to=asked("other@example.com", "other@example.com"))

    addresses = [delivery.address for delivery in partition.send_all("email")]
    assert (len(addresses), addresses.count("other@example.com")) == (MOST + 1, 1)


@pytest.mark.parametrize("reason", ["bounced", "unsubscribed"])
def test_an_address_that_wants_nothing_any_more_costs_others_of_its_reader_nothing(
    partition: Sending, reason: str
) -> None:
    ask(partition, *range(MOST))
    sent(partition)
    for number, address in enumerate(("reader+runs@example.com", "reader@example.com")):
        ask(partition, 10 + number, to=asked(address))
        assert sent(partition) == []
    partition.do(Suppress("*", "reader+runs@example.com", reason))
    partition.now += HOUR * SECOND

    (late,) = partition.send_all("email")
    assert (late.address, sorted(rows(late))) == ("reader@example.com", ["op-10", "op-11"])
