"""What a silence says, which may be made, and which means an event at a target, or a delivery about to be sent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.domain.deliveries import Delivery, Target
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, RESOLVED, TROUBLE, Event
from relay.policy.silences import DAY, MOST_WORDS, Silence, Silences, dump, faults, load, strongest
from tests.support import events
from tests.support.bundles import digest
from tests.support.silences import HOUR, silence
from tests.support.targets import room

NOW = events.RECEIVED.timestamp()
EVERYTHING = silence(NOW, destinations=())


def held(silences: list[Silence], event: Event, target: Target) -> Silence | None:
    (applied,) = Silences(silences).applied(event, [target])
    return applied.silence and next(one for one in silences if one.hold == applied.silence)


def delivery(event: Event, **values: Any) -> Delivery:
    good = {"id": "d", "ticket": "t", "destination": "room", "channel": "slack", "address": "#room", "kind": "each",
            "history": (event,), "thread": {}, "attempt": 1, "created_at": events.RECEIVED}  # fmt: skip
    return Delivery(event=event, **(good | values))


def many(name: str, kind: str) -> Event:
    at = datetime.fromtimestamp(NOW, UTC)
    return Event("box", name, "relay", at, at, document={"event": name, "kind": kind})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"destinations": ()}, "expected something that it is for, or that it is for everything"),
        ({"until": NOW}, "its end is over"),
        ({"starts": NOW + 2 * HOUR}, "it ends before it begins"),
        ({"until": NOW + 30 * DAY + 1}, "it lasts longer than 30 days"),
        ({"starts": NOW + 31 * DAY, "until": NOW + 32 * DAY}, "it begins in more than 30 days"),
        ({"jobs": ("",)}, "jobs: expected values of 1 to 200 characters"),
        ({"jobs": ("x",) * (MOST_WORDS + 1)}, "jobs: 51 values; expected at most 50"),
    ],
)
def test_what_may_not_be_is_said(changes: dict[str, Any], says: str) -> None:
    [found] = faults(silence(NOW, **changes), NOW)

    assert says in found


def test_one_for_everything_names_nothing() -> None:
    assert faults(silence(NOW, destinations=()), NOW, everything=True) == []
    assert "expected one of the two" in faults(silence(NOW), NOW, everything=True)[0]


@pytest.mark.parametrize(
    ("at", "state", "holds"), [(-1, "pending", False), (0, "active", True), (HOUR, "expired", False)]
)
def test_it_holds_from_its_beginning_until_its_end(at: float, state: str, *, holds: bool) -> None:
    its = silence(NOW)

    assert (its.state(NOW + at), its.holds(NOW + at)) == (state, holds)


def test_one_that_was_ended_is_over() -> None:
    its = silence(NOW, ended=NOW + 60)

    assert (its.ends, its.state(NOW + 60), its.hold.end) == (NOW + 60, "expired", NOW + HOUR)


def test_what_is_kept_is_the_same_when_it_is_read() -> None:
    its = silence(NOW, jobs=("Größe *",), then="nothing")

    assert load("s-1", dump(its), its.until) == its
    assert load("s-1", dump(its)[:-1] + ', "of_a_newer_relay": 1}', its.until) == its
    assert load("s-1", dump(its), NOW + 60) == replace(its, ended=NOW + 60)


def test_of_several_one_that_promises_to_tell_decides_and_of_these_the_last() -> None:
    short, long = silence(NOW), silence(NOW, id="s-2", until=NOW + 2 * HOUR)
    never = silence(NOW, id="s-3", until=NOW + 3 * HOUR, then="nothing")

    assert strongest([never, long, short]) == long
    assert strongest([never]) == never
    assert strongest([]) is None


class TestEvents:
    @pytest.mark.parametrize(
        ("matchers", "meant"),
        [
            ({}, True),
            ({"destinations": ("room",)}, True),
            ({"destinations": ("team", "room")}, True),
            ({"destinations": ("team",)}, False),
            ({"jobs": ("comprehensive *",)}, True),
            ({"jobs": ("Sales",)}, False),
            ({"types": ("*analysis",)}, True),
            ({"types": ("Import",)}, False),
            ({"priorities": ("High",)}, True),
            ({"priorities": ("Critical",)}, False),
            ({"tenants": ("tenant-1",)}, True),
            ({"tenants": ("tenant-2",)}, False),
            ({"projects": ("project-*",)}, True),
            ({"projects": ("other",)}, False),
            ({"destinations": ("room",), "jobs": ("Sales",)}, False),  # all must hold
            ({"jobs": ("Sales", "*Analysis")}, True),  # any of them
        ],
    )
    def test_all_its_matchers_must_hold(self, matchers: dict[str, Any], *, meant: bool) -> None:
        event = events.failed(priority="High", operationType="ProcessMiningAnalysis")
        its = silence(NOW, **({"destinations": ()} | matchers))

        assert (held([its], event, room()) is not None) is meant

    def test_a_job_is_known_by_its_name_without_numbers_too(self) -> None:
        event = events.completed(operationName="Sales 2024-01-20, batch 7")

        for name in ("Sales 2024-01-20, batch 7", "Sales #, batch #", "sales batch"):
            assert held([silence(NOW, jobs=(name,))], event, room()), name

    def test_and_by_what_the_operators_template_says(self) -> None:
        assert held([silence(NOW, jobs=("nightly",))], replace(events.completed(), job="Nightly"), room())

    def test_a_batch_by_its_own_name(self) -> None:
        event = events.event_of({"event": "batch.completed", "batch": {"batchId": "b", "batchName": "Month end"}})

        assert held([silence(NOW, jobs=("month *",))], event, room())
        assert held([silence(NOW, types=("*",))], event, room()) is None  # it is of no type

    @pytest.mark.parametrize(("starts", "until"), [(NOW + 1, NOW + HOUR), (NOW - HOUR, NOW)])
    def test_none_holds_before_it_begins_or_after_its_end(self, starts: float, until: float) -> None:
        assert held([silence(NOW, starts=starts, until=until)], events.failed(), room()) is None

    def test_what_nobody_is_told_anyway_stays_so(self) -> None:
        target = room(hold_reason="not_mailed")

        assert Silences([EVERYTHING]).applied(events.failed(), [target]) == [target]

    @pytest.mark.parametrize(
        ("its", "reason"),
        [
            (silence(NOW, destinations=("daily",), then="nothing"), "silenced"),
            (silence(NOW, destinations=("daily",)), ""),
            (replace(EVERYTHING, then="nothing"), ""),
        ],
    )
    def test_a_digest_leaves_out_what_is_silenced_there_and_never_told(self, its: Silence, reason: str) -> None:
        (applied,) = Silences([its]).applied(events.failed(), [digest(NOW)])

        assert (applied.hold_reason, bool(applied.silence)) == (reason, bool(reason))

    def test_a_job_none_of_whose_runs_began_is_known_by_what_relay_says_of_it(self) -> None:
        at = events.RECEIVED
        missing = [
            Event("", "operation.stalled", "relay", at, at, document={"job": ["", "", "", "Import", name]})
            for name in ("Sales #", "Stock #")
        ]
        silences = Silences([silence(NOW, jobs=("Sales *",))])

        assert [silences.applied(event, (room(),))[0].silence is not None for event in missing] == [True, False]


class TestDeliveries:
    @pytest.mark.parametrize(("then", "how"), [("summary", "bundled"), ("nothing", "dropped")])
    def test_what_happened_in_it_is_held(self, then: Any, how: str) -> None:
        its = silence(NOW, jobs=("Comprehensive *",), then=then)

        assert Silences([its]).hold(delivery(events.failed()), NOW) == (its.hold, how)

    @pytest.mark.parametrize(
        "older",
        [
            delivery(events.failed()),
            delivery(many("roundup", "backlog"), kind="roundup"),
            delivery(many("digest", "digest"), kind="digest"),
            delivery(many(TROUBLE, "")),
        ],
    )
    def test_what_is_older_is_not(self, older: Delivery) -> None:
        assert Silences([silence(NOW + 1)]).hold(older, NOW + 2) is None

    def test_a_template_names_its_job(self) -> None:
        its, failed = Silences([silence(NOW, jobs=("Process*",))]), delivery(events.failed())

        assert its.hold(failed, NOW, "{operationType}")
        assert its.hold(failed, NOW) is None

    def test_a_template_names_it_by_what_earlier_events_stated(self) -> None:
        stated, failed = events.progress(10, parameters={"dataset": "orders"}), events.failed(parameters=None)
        its = Silences([silence(NOW, jobs=("orders",))])

        assert its.hold(delivery(failed, history=(stated, failed)), NOW, "{parameters.dataset}")
        assert its.hold(delivery(failed), NOW, "{parameters.dataset}") is None

    @pytest.mark.parametrize("name", [ACTION_REQUESTED, ACTION_DONE])
    def test_what_somebody_waits_for_is_not_held(self, name: str) -> None:
        assert Silences([silence(NOW)]).hold(delivery(replace(events.failed(), name=name)), NOW) is None

    def test_nor_an_edit(self) -> None:
        edit = delivery(events.failed(), kind="live", thread={"ts": "1.1"})

        assert Silences([silence(NOW)]).hold(edit, NOW) is None
        assert Silences([silence(NOW)]).hold(replace(edit, thread={}), NOW)

    @pytest.mark.parametrize(
        "told",
        [
            delivery(many("digest", "digest"), kind="digest"),
            delivery(many(TROUBLE, "")),
            delivery(many(RESOLVED, "")),
        ],
    )
    def test_digests_and_notices_to_operators_wait_where_their_destination_is_named(self, told: Delivery) -> None:
        its = silence(NOW)

        assert Silences([EVERYTHING]).hold(told, NOW) is None
        assert Silences([replace(its, tenants=("*",))]).hold(told, NOW) is None
        assert Silences([its]).hold(told, NOW) == (its.hold, "later")
        assert Silences([replace(its, then="nothing")]).hold(told, NOW) == (
            replace(its.hold, in_summary=False),
            "dropped",
        )

    def test_a_round_up_is_held_where_everything_is(self) -> None:
        told = delivery(many("roundup", "quiet"), kind="roundup")

        assert Silences([EVERYTHING]).hold(told, NOW) == (EVERYTHING.hold, "bundled")
        assert Silences([silence(NOW, jobs=("*",))]).hold(told, NOW) is None
        assert Silences([silence(NOW)]).hold(replace(told, thread={"ts": "1.1"}), NOW) is None  # it stands


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("Sales", "sales", True),
        ("Sales", "Sales EMEA", False),
        ("Sales *", "Sales EMEA", True),
        ("*a*e*", "Sales", True),
        ("S*s*s", "Sales", False),  # a letter counts once
        ("Größe *", "GRÖSSE 1", True),
        ("[S]ales", "Sales", False),
        ("*", "", False),
        ("*a" * 99, "a" * 98 + "b" * 900, False),  # at once
    ],
)
def test_a_star_stands_for_any_part_whatever_the_case(pattern: str, name: str, *, matches: bool) -> None:
    event = events.completed(operationName=name)

    assert bool(Silences([silence(NOW, jobs=(pattern,))]).matching(event, NOW)) is matches
