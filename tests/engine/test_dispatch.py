"""Who is notified of an event, how, and when."""

from collections.abc import Callable

import pytest

from relay.domain.deliveries import Gate, Presentation, Silenced, Target, Window
from relay.domain.events import Event
from relay.engine.records import REPLIES, Bundle, rows
from tests.engine.lab import NOW, Lab
from tests.support import events
from tests.support.targets import changed, mail, room, team

REPLY = Presentation(thread_reply=True)
LOW = Presentation(new_message=False)
HOUR = 3600
MORNING = Window(NOW / 1000 - HOUR, NOW / 1000 + HOUR)
AFTER = NOW + HOUR * 1000


def silence(*, in_summary: bool = True) -> Silenced:
    return Silenced("s1", MORNING.start, MORNING.end, in_summary)


def phase_end() -> Event:
    return events.event_of(events.body("operation.phase.completed", 40))


class TestLiveMessages:
    def test_a_first_message_waits_for_a_run_that_lasts(self) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), team(post_after=30.0))

        lab.d.now += 5000
        lab.dispatch(events.progress(20), team(post_after=30.0))

        (x,) = lab.deliveries()
        assert (x.kind, x.seq, x.due, x.body) == ("live", 2, NOW + 30_000, "")
        assert lab.memory.counts == {"accepted": 2, "pending": 1, "superseded": 1}

    @pytest.mark.parametrize(
        ("event", "due"), [(events.progress(20), 15_000), (phase_end(), 25_000), (events.failed(), 10_000)]
    )
    def test_edits_keep_their_distance(self, event: Event, due: int) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), team(min_interval=15.0))
        lab.post()
        lab.d.now += 10_000

        lab.dispatch(event, team(min_interval=15.0))

        assert [x.due - NOW for x in lab.deliveries()] == [due]

    def test_a_back_off_is_kept_for_all_but_an_outcome(self) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), team())
        (x,) = lab.deliveries()
        x = lab.edit(x.name)
        x.attempts, x.due = 2, NOW + 60_000
        lab.commit()

        lab.dispatch(events.progress(20), team())
        assert [x.due for x in lab.deliveries()] == [NOW + 60_000]
        lab.dispatch(events.completed(), team())
        assert [x.due for x in lab.deliveries()] == [NOW]

    def test_an_outcome_below_a_posted_message_is_a_reply_and_an_edit(self) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), team())
        lab.post()

        lab.dispatch(events.failed(), team(presentation=REPLY))

        edit, reply = sorted(lab.deliveries(), key=lambda x: x.kind)
        assert (edit.kind, edit.due, edit.body) == ("live", NOW, "")
        assert (reply.kind, reply.queue, reply.due) == ("reply", REPLIES, NOW + 3000)
        assert lab.memory.records[f"body:{reply.body}"].users == 1
        assert lab.edit(edit.name).lane == reply.lane

    @pytest.mark.parametrize(
        ("target", "reason"),
        [
            (team(presentation=LOW), "low_priority"),
            (team(presentation=LOW, update_only=True), "told_beside"),
            (team(hold_reason="wrong_zone"), "wrong_zone"),
        ],
    )
    def test_what_begins_no_message(self, target: Target, reason: str) -> None:
        lab = Lab()

        assert lab.dispatch(events.progress(10), target) == [("team", reason)]

        assert lab.deliveries() == []
        assert lab.memory.counts == {"accepted": 1, f"held:{reason}": 1}


def test_a_batch_speaks_for_its_members_and_the_first_that_failed_is_seen_by_all() -> None:
    lab = Lab()
    below = team(presentation=Presentation(batch_reply=True, broadcast=True, once_in_batch=True))
    lab.dispatch(events.event_of({"event": "batch.started", "batch": {"batchId": "b-1"}}), team())

    members = [events.failed(operationId=f"op-{number}", batchId="b-1") for number in range(3)]
    held = [lab.dispatch(event, below) for event in [*members, members[0]]]

    assert held == [[], [], [], [("team", "batch")]]
    assert [x.loud for x in lab.deliveries() if x.kind == "reply"] == [True, False, False]
    assert len({x.lane for x in lab.deliveries()}) == 1


class TestMessagesOfTheirOwn:
    def test_each_event_is_one(self) -> None:
        lab = Lab()

        lab.dispatch(events.progress(10), room(), mail())
        lab.dispatch(events.failed(), room())

        assert [(x.kind, x.address, x.seq) for x in lab.deliveries()] == [
            ("each", "#room", 1), ("each", "analyst@example.com", 1), ("each", "#room", 2)
        ]  # fmt: skip
        assert [record.users for key, record in lab.memory.records.items() if key.startswith("body:")] == [2, 1]

    def test_a_failure_that_waits_gives_way_to_its_completion(self) -> None:
        lab = Lab()
        lab.dispatch(events.failed(), mail())

        assert lab.dispatch(events.completed(), mail(failure_shown=True)) == []
        assert [x.event for x in lab.deliveries()] == ["operation.completed"]
        lab.take(lab.deliveries()[0].name)
        assert lab.dispatch(events.completed(), mail(failure_shown=True)) == [("analysts", "failure_shown")]


class TestACompletionBehindItsFailure:
    def replies(self, lab: Lab) -> list[str]:
        return [x.event for x in lab.deliveries() if x.kind == "reply"]

    @pytest.mark.parametrize(
        ("began", "replies"), [("", ["operation.completed"]), ("sent", []), ("under way", ["operation.failed"])]
    )
    def test_replaces_it_without_a_second_reply(self, began: str, replies: list[str]) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), team())
        lab.post()
        lab.dispatch(events.failed(), team(presentation=REPLY))
        (reply,) = [x.name for x in lab.deliveries() if x.kind == "reply"]
        if began:
            lab.take(reply)
        if began == "sent":
            lab.end(reply)

        lab.dispatch(events.completed(), team(presentation=REPLY, failure_shown=True))

        assert self.replies(lab) == replies
        assert [x.event for x in lab.deliveries() if x.kind == "live"] == ["operation.completed"]

    @pytest.mark.parametrize("target", [mail, room], ids=["mail", "room"])
    @pytest.mark.parametrize("began", ["under way", "tried"])
    def test_neither_drops_nor_repeats_what_may_have_been_sent(self, began: str, target: Callable[..., Target]) -> None:
        lab = Lab()
        lab.dispatch(events.failed(), target())
        (x,) = lab.deliveries()
        if began == "under way":
            lab.take(x.name)
        else:
            lab.edit(x.name).attempts = 1

        ((_, reason),) = lab.dispatch(events.completed(), target(failure_shown=True))

        assert reason == "failure_shown"
        assert [x.event for x in lab.deliveries()] == ["operation.failed"]


@pytest.mark.parametrize(
    ("gates", "first", "then", "after", "reason"),
    [
        ([Gate(25.0)], 10, events.progress(30), 0, "increment"),
        ([Gate(25.0)], 10, events.progress(35), 0, ""),
        ([Gate(25.0)], 90, events.progress(100), 0, ""),
        ([Gate(0.0, 60.0)], 10, events.progress(35), 59, "interval"),
        ([Gate(0.0, 60.0)], 10, events.progress(35), 60, ""),
        ([Gate(50.0), Gate(0.0, 60.0)], 10, events.progress(60), 0, ""),
        ([], 10, events.progress(10), 0, ""),
    ],
)
def test_progress_passes_by_how_far_it_moved(
    gates: list[Gate], first: float, then: Event, after: float, reason: str
) -> None:
    lab = Lab()
    target = room(gates=tuple(gates))
    lab.dispatch(events.progress(first), target)
    lab.d.now += round(after * 1000)

    assert lab.dispatch(then, target) == ([("room", reason)] if reason else [])


class TestQuietHoursAndSilences:
    QUIET = mail(quiet_window=MORNING)

    def bundles(self, lab: Lab) -> dict[str, int]:
        lab.commit()
        found = [record for record in lab.memory.records.values() if isinstance(record, Bundle)]
        return {bundle.kind: len(lab.d.table(rows(bundle.name))) for bundle in found}

    @pytest.mark.parametrize(
        ("target", "reason", "bundles"),
        [
            (QUIET, "quiet_hours", {"quiet": 1}),
            (changed(QUIET, silence=silence()), "silenced", {"silence": 1}),
            (changed(QUIET, silence=silence(in_summary=False)), "silenced", {}),
            (changed(QUIET, bypass_quiet_hours=True), "", {}),
            (changed(QUIET, essential=True), "", {}),
            (mail(silence=silence()), "silenced", {"silence": 1}),
            (changed(QUIET, quiet_window=Window(0, NOW / 1000)), "", {}),
        ],
    )
    def test_a_new_message_is_held(self, target: Target, reason: str, bundles: dict[str, int]) -> None:
        lab = Lab()
        assert lab.dispatch(events.failed(), target) == ([("analysts", reason)] if reason else [])
        assert self.bundles(lab) == bundles
        assert [x.due for x in lab.deliveries() if x.kind == "roundup"] == [AFTER] * len(bundles)

    def test_a_message_that_is_due_after_the_silence_is_not_held(self) -> None:
        lab = Lab()
        short = Silenced("s1", MORNING.start, NOW / 1000 + 10)

        assert lab.dispatch(events.progress(10), team(post_after=30.0, silence=short)) == []

    def test_a_silence_takes_its_run_out_of_the_morning(self) -> None:
        lab = Lab()
        lab.dispatch(events.progress(10), self.QUIET)

        lab.dispatch(events.failed(), changed(self.QUIET, silence=silence()))

        assert self.bundles(lab) == {"quiet": 0, "silence": 1}
