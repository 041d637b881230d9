"""Digests, their windows, and buttons."""

import json
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Digest, Target, Window
from relay.engine import bundles
from relay.engine.arrival import Arrival
from relay.engine.bundles import ScheduleDigest, SendDigest, keep_baseline
from relay.engine.order import record_press, rejected_press
from relay.engine.records import Bundle, Delivery, Operation, rows
from tests.engine.lab import NOW, Lab
from tests.support import events
from tests.support.targets import mail

TODAY, TOMORROW = Window(NOW / 1000 - 60, NOW / 1000 + 60), Window(NOW / 1000 + 60, NOW / 1000 + 180)
TARGET = mail(how=Digest("Europe/Berlin", (TODAY, TOMORROW)))


def digest(lab: Lab, event: Any, target: Target = TARGET) -> list[tuple[Bundle, list[dict[str, Any]]]]:
    """Put an event into its digest; return all bundles with their rows."""
    assert lab.dispatch(event, target) == []
    return everything(lab)


def everything(lab: Lab) -> list[tuple[Bundle, list[dict[str, Any]]]]:
    lab.commit()
    found = sorted((r for r in lab.memory.records.values() if isinstance(r, Bundle)), key=lambda bundle: bundle.start)
    return [(bundle, [json.loads(row) for row in lab.d.table(rows(bundle.name)).values()]) for bundle in found]


def test_a_run_has_one_row_with_its_newest_state() -> None:
    lab = Lab()
    digest(lab, events.progress(10))
    digest(lab, events.progress(20))

    ((bundle, (row,)),) = digest(lab, events.failed())

    assert (row["id"], row["status"], row["tenant"], row["percentage"]) == (
        events.progress(1).subject,
        "Failed",
        "tenant-1",
        67,
    )
    assert (bundle.kind, bundle.zone, bundle.end, bundle.held) == ("digest", "Europe/Berlin", NOW + 60_000, 1)
    assert [(x.name, x.kind, x.due, x.created) for x in lab.deliveries()] == [
        (bundle.name, "digest", NOW + 60_000, NOW + 60_000)
    ]


def test_what_comes_after_it_was_closed_is_in_the_next() -> None:
    lab = Lab()
    ((bundle, _),) = digest(lab, events.progress(10))
    bundles.close(lab.d, bundle.name)
    lab.end(bundle.name)

    first, second = digest(lab, events.completed())

    assert first[0].closed
    assert first[1] == []
    assert (second[0].end, len(second[1])) == (NOW + 180_000, 1)


def test_what_comes_after_all_windows_were_closed_is_sent_at_once() -> None:
    lab = Lab()
    for number in range(5):
        for bundle, _ in digest(lab, events.completed(operationId=f"op-{number}")):
            if not bundle.closed:
                bundles.close(lab.d, bundle.name)
                lab.end(bundle.name)
    assert [bundle.kind for bundle, _ in everything(lab)] == ["digest"] * 5


@pytest.mark.parametrize("held", [True, False])
def test_a_digest_is_sent_before_its_time_if_it_holds_something(held: bool) -> None:
    lab = Lab()
    assert ScheduleDigest(TARGET, TODAY).decide(lab.d)
    assert not ScheduleDigest(TARGET, TODAY).decide(lab.d)
    if held:
        digest(lab, events.failed())

    assert SendDigest(TARGET, TODAY).decide(lab.d) == held

    found = [(bundle.start - NOW, bundle.end - NOW, len(rows)) for bundle, rows in everything(lab)]
    assert found == ([(-60_000, 0, 1), (0, 60_000, 0)] if held else [(-60_000, 60_000, 0)])
    assert not ScheduleDigest(TARGET, TODAY).decide(lab.d)


def test_a_digest_that_is_due_keeps_what_it_holds() -> None:
    lab = Lab()
    digest(lab, events.failed())
    lab.d.now += 60_000

    assert not SendDigest(TARGET, TODAY).decide(lab.d)

    assert [len(rows) for _, rows in everything(lab)] == [1]


def test_a_digest_shows_what_the_ones_before_amounted_to() -> None:
    lab = Lab()
    for end, days in ((NOW, {"1970-01-01": [3, 1]}), (NOW - 5, {"1970-01-01": [1, 1], "1969-12-01": [9, 9]})):
        baseline = {"last": f"{end}", "days": days, "to": end, "oldest": "1970-01-01"}
        keep_baseline(lab.d, Delivery("x", destination="analysts", address="analyst@example.com"), baseline)
    ((bundle, _),) = digest(lab, events.failed())

    bundles.close(lab.d, bundle.name)

    figures = lab.d.edit(Bundle, bundle.name).baseline
    assert figures == {"to": f"{NOW}", "last": f"{NOW}", "c:1970-01-01": "4", "f:1970-01-01": "2"}


def press(action: str, **fields: Any) -> Arrival:
    event = replace(events.failed(), action={"name": action, "run": 0} | fields)
    return Arrival(event, [TARGET])


@pytest.mark.parametrize("action", ["cancel", "mute"])
def test_a_button_does_its_thing_once_unless_nothing_came_of_it(action: str) -> None:
    lab = Lab()
    o = Operation("o", run=0)
    pressed = press(action, press="p1", pressed="{}")
    assert rejected_press(o, pressed) == ""
    record_press(lab.d, o, pressed)
    assert rejected_press(o, pressed) == "duplicate"

    record_press(lab.d, o, press(action, ok=False))

    assert rejected_press(o, pressed) == ""
    o.run = 1
    assert rejected_press(o, pressed) == "late"
