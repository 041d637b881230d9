"""Bundles: what is held back in quiet hours, above the cap, by a silence or for a digest is sent together, once."""

from datetime import UTC, datetime

from relay.domain.deliveries import Delivery, Presentation, Window
from relay.engine.bundles import SendDigest
from relay.engine.dead_letters import ReplayDead
from relay.engine.receipts import GiveUp, Mark, Withhold
from relay.engine.withholding import AddSilence, EndSilence
from relay.policy.silences import Silence
from tests.engine.partition import DAY, SECOND, Partition
from tests.engine.sending import Sending, rows
from tests.support import events
from tests.support.bundles import digest, night
from tests.support.silences import silence, silent
from tests.support.targets import changed, room, team

HOUR = 3600 * SECOND


def next_day(partition: Partition, days: int = 1) -> None:
    partition.now = partition.now // DAY * DAY + days * DAY


class TestDigests:
    def test_one_counts_the_runs_of_the_days_before_it(self, partition: Sending) -> None:
        for day in range(3):
            ended = events.body("operation.completed", 100, status="Completed", operationId=f"op-{day}")
            ended["timestamp"] = datetime.fromtimestamp(partition.now / 1000, UTC).isoformat()
            partition.report(events.event_of(ended), [digest(partition.now / 1000)])
            next_day(partition)
            (delivery,) = partition.send_all("email")

        assert [row["completed"] for row in delivery.event.document["days"][-4:-1]] == [1, 1, 1]

    def test_a_dead_one_is_replayed_with_its_entries(self, partition: Sending) -> None:
        partition.report(events.completed(operationId="a"), [digest(partition.now / 1000)])
        next_day(partition)
        dies = partition.begin("email")
        partition.tell(GiveUp, dies, reason="rejected", error="550")
        next_day(partition, 20)
        partition.do(ReplayDead([dies.id]))

        (again,) = partition.send_all("email")

        assert rows(again) == {"a": "Completed"}

    def test_of_one_that_is_sent_before_its_time_the_rest_comes_at_the_end(self, partition: Sending) -> None:
        target = digest(partition.now / 1000)
        partition.report(events.completed(operationId="a"), [target])
        send_now = SendDigest(target, target.how.windows[0])
        assert [bool(partition.do(send_now)) for _ in range(2)] == [True, False]
        (now,) = partition.send_all("email")
        partition.report(events.completed(operationId="b"), [target])
        assert partition.take("email") == []
        next_day(partition)
        (rest,) = partition.send_all("email")

        assert (rows(now), rows(rest)) == ({"a": "Completed"}, {"b": "Completed"})
        assert now.event.document["to"] == rest.event.document["from"]


class TestQuietHours:
    def test_in_the_morning_a_run_is_shown_as_it_is_then(self, partition: Sending) -> None:
        at_night = night(partition.now / 1000, team())
        partition.queue(*(events.started(operationId=name) for name in "abc"), to=at_night)
        partition.queue(events.failed(operationId="a"), to=changed(at_night, bypass_quiet_hours=True))
        partition.report(events.completed(operationId="b"), [])  # no rule brings it here
        partition.queue(events.completed(operationId="c"), to=changed(at_night, hold_reason="not_mailed"))
        alone = partition.take(quiet={"*": at_night.how.quiet_window})
        partition.arrive(alone[0])
        partition.now += 8 * HOUR

        (roundup,) = partition.take()

        assert [one.event.subject for one in alone] == ["a"]
        assert rows(roundup) == {"a": "Failed", "b": "Completed", "c": "Completed"}


class TestTheCap:
    CAPPED = team(new_message_cap=(20, 600.0), new_limits=(), post_after=0.0)

    def flood(self, partition: Sending, many: int) -> list[Delivery]:
        partition.queue(*(events.started(operationId=f"op-{number}") for number in range(many)), to=self.CAPPED)
        return [one for one in partition.send_all() if one.kind == "roundup"]

    def test_the_list_is_edited_in_place_at_its_distance(self, partition: Sending) -> None:
        (first,) = self.flood(partition, 22)
        ended, going = rows(first)
        partition.queue(events.completed(operationId=ended), to=self.CAPPED)
        assert partition.send_all() == []
        partition.now += 15 * SECOND

        (edit,) = partition.send_all()

        assert (edit.kind, edit.thread["ts"]) == ("roundup", first.event.subject)
        assert rows(edit) == {ended: "Completed", going: "Initiated"}

    def test_what_the_whole_conversation_is_to_see_passes(self, partition: Sending) -> None:
        self.flood(partition, 25)
        wide = changed(self.CAPPED, presentation=Presentation(thread_reply=True, broadcast=True))
        partition.queue(events.failed(operationId="bad"), to=wide)

        assert [(one.kind, one.event.subject) for one in partition.send_all()] == [("live", "bad")]


class TestSilences:
    def silence(self, partition: Sending, **changes: object) -> Silence:
        return silence(partition.now / 1000, **changes)

    def hold(self, partition: Sending, its: Silence, of: Delivery, how: str = "bundled") -> bool:
        return partition.tell(Withhold, of, silence=its.hold, how=how)

    def test_what_comes_after_a_held_one_need_not_wait_for_its_slot(self, partition: Sending) -> None:
        partition.queue(events.completed(operationId="a"), to=team())
        self.hold(partition, self.silence(partition), partition.take_one())
        partition.queue(events.completed(operationId="b"), to=team())

        assert partition.take_one().event.subject == "b"

    def test_a_digest_waits_and_is_still_that_of_its_window(self, partition: Sending) -> None:
        partition.report(events.completed(), [digest(partition.now / 1000)])
        next_day(partition)
        due = partition.take_one("email")
        self.hold(partition, self.silence(partition, destinations=("daily",)), due, "later")
        assert partition.take("email") == []
        partition.now += HOUR

        late = partition.take_one("email")

        assert (late.kind, late.event.document) == ("digest", due.event.document)

    def test_an_end_in_quiet_hours_waits_for_theirs(self, partition: Sending) -> None:
        now = partition.now / 1000
        at_night = night(now, room(), 3)
        partition.queue(events.completed(operationId="a"), to=silent(self.silence(partition), at_night))
        partition.now += HOUR
        partition.queue(events.completed(operationId="b"), to=at_night)
        assert partition.take(quiet={"room": Window(now - 60, now + 3 * 3600)}) == []
        partition.now += 2 * HOUR

        assert rows(partition.take_one()) == {"a": "Completed", "b": "Completed"}

    def test_whoever_has_not_heard_of_an_early_end_holds_nothing_more(self, partition: Sending) -> None:
        its = self.silence(partition)
        partition.do(AddSilence(its.id, "{}", round(its.until * 1000), 5))
        partition.queue(events.failed(operationId="a"), to=room())
        queued = partition.take_one()
        partition.do(EndSilence(its.id))

        partition.queue(events.failed(operationId="b"), to=silent(its, room()))

        assert not self.hold(partition, its, queued)
        assert partition.tell(Mark, queued)
        assert partition.take_one().event.subject == "b"
