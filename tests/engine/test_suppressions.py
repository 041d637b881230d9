"""Who is written to no more: how an address comes to be on the list, and whom that keeps out."""

import pytest

from relay.domain.deliveries import Each
from relay.engine.receipts import GiveUp
from relay.engine.suppressions import Suppress, Suppression
from tests.engine.partition import DAY
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import mail


@pytest.mark.parametrize(
    ("refusals", "listed"),
    [
        (["hard"], "bounced"),  # an address that does not exist, at once
        (["soft", "soft"], ""),
        (["soft", "soft", "soft"], "bounced"),
        (["soft", "soft", "14 days", "soft"], ""),
        (["soft", "8 days", "soft", "8 days", "soft"], ""),
        (["soft", "soft", "arrives", "soft"], ""),
    ],
    ids=" ".join,
)
def test_refusals_put_an_address_on_the_list_for_all_destinations(
    partition: Sending, refusals: list[str], listed: str
) -> None:
    for number, how in enumerate(refusals):
        if how.endswith(" days"):
            partition.now += int(how.removesuffix(" days")) * DAY + 1
            continue
        partition.report(events.completed(operationId=f"op-{number}"), [mail()])
        delivery = partition.begin("email")
        if how == "arrives":
            partition.settle(delivery, {})
        else:
            partition.tell(GiveUp, delivery, reason="rejected", error="550 5.2.1 mailbox disabled", bounce=how)

    held = partition.report(events.completed(), [mail(destination="others")]).held

    assert held == ((("others", listed),) if listed else ())
    kept = partition.d.get(Suppression, "* analyst@example.com")
    assert (kept and kept.detail) == ("550 5.2.1 mailbox disabled" if listed else None)


@pytest.mark.parametrize(
    ("reason", "essential", "waiting", "reached"),
    [
        ("unsubscribed", True, False, 1), ("unsubscribed", True, True, 1), ("unsubscribed", False, False, 0),
        ("unsubscribed", False, True, 0), ("bounced", True, False, 0), ("suppressed", True, True, 0),
    ],
)  # fmt: skip
def test_what_is_essential_reaches_whoever_has_unsubscribed_and_nobody_else(
    partition: Sending, reason: str, reached: int, *, essential: bool, waiting: bool
) -> None:
    """Before it is accepted, or while it waits."""
    steps = [
        lambda: partition.do(Suppress("analysts", "Analyst@example.com", reason)),
        lambda: partition.report(events.failed(), [mail(how=Each(bypass_quiet_hours=True, essential=essential))]),
    ]
    for step in reversed(steps) if waiting else steps:
        step()

    assert len(partition.take("email")) == reached
