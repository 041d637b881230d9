"""Mutations: what decides, delivers and commits, each wrong in one place, and the tests that are to notice.

Below the tests of a topic is what is replaced in its room, where it is there once, and by what.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Topics = Sequence[tuple[str, Sequence[tuple[str, str]]]]


@dataclass(frozen=True)
class Mutation:
    room: str
    was: str
    becomes: str
    tests: str

    def __str__(self) -> str:
        return f"{self.room}: {self.was!r} → {self.becomes!r}"

    def find(self, root: Path) -> list[Path]:
        """Return the files of its room that have what is replaced, one for each place."""
        files = [file for file in (root / self.room).rglob("*") if file.suffix in (".py", ".lua")]
        return [file for file in files for _ in range(file.read_text("utf-8").count(self.was))]


ENGINE: Topics = [
    ("store/test_operations.py store/test_runs.py store/test_accept.py flow/test_reruns.py", [
        ("return a.run < was.run", "return a.run > was.run"),
        ("return percentage < was.percentage", "return percentage <= was.percentage"),
        ("a.rank < TERMINAL == was.rank", "a.rank <= TERMINAL == was.rank"),
        ("a.phases < was.phases", "a.phases <= was.phases"),
        ("        \"gates\", \"muted\",", "        \"muted\","),
        ("starts[-STARTS:]", "starts[:STARTS]"),
        ("max(percentage, was.percentage or 0)", "percentage"),
        ("    d.clear(documents(o.name))\n", ""),
    ]),
    ("engine/test_intake.py store/test_accept.py store/test_shared_ids.py store/test_identity.py", [
        ("same = repeated or (used and is_known(d, known, a.fact_as_stated))", "same = repeated or used"),
        ('"" if used else a.sender_id, a.fact', '"", a.fact'),
        ("    if is_late(a, was):\n", "    if False:\n"),
        ("if same or is_subset(a, was):", "if same:"),
        ("    end_in_batch(d, a)\n", ""),
    ]),
    ("store/test_identity.py engine/test_growth.py", [
        ("if place % DIGEST == 0:", "if True:"),
        ("o.many and d.field", "d.field"),
        ("d.keep(identities(o.name), KEEP_OPERATION)", "pass"),
    ]),
    ("engine/test_take.py engine/test_dispatch.py store/test_queue.py store/test_waiting.py", [
        ("known.ticket or known.died", "known.died"),
        ("x.crashes >= MAX_CRASHES", "x.crashes > MAX_CRASHES"),
        ("        spend(d, limits)\n", ""),
        ("divert(d, x, self._hours(x), edit=edit) or ", ""),
        ("        d.place(FLYING, x.name, d.now)\n", ""),
        ("                x.seq = o.seq\n", "                pass\n"),
        ("self._due(index, STARVED)", "self._due(index)"),
        ("or keep_from_removed(d, x)", ""),
        ("            d = Draft(self.d, self.d.now)\n            _set_aside", "            _set_aside"),
        ("if until - d.now <= PARKED_FROM:", "if True:"),
    ]),
    ("engine/test_lanes.py engine/test_take.py store/test_live_messages.py flow/test_urgency.py", [
        ("return not names or names[0] == x.name", "return True"),
        ("not thread.posted and bool(thread.waiting or thread.sending)", "bool(thread.waiting or thread.sending)"),
        ("first.ticket or first.due <= soon", "first.due <= soon"),
        ("len(names) < LISTED and x.queue not in thread.behind", "len(names) < LISTED"),
        ("if not reply.attempts and shown >= reply.seq:", "if not reply.attempts:"),
        ("set_due(d, x, x.due - (x.dated - d.now))", "pass"),
    ]),
    ("engine/test_receipts.py store/test_lapses.py store/test_outcomes.py store/test_queue.py", [
        ("    x.marked = d.now\n", ""),
        ("x.attempts += 0 if x.marked else 1", "x.attempts += 1"),
        ("    x.attempts -= 1 if x.marked else 0  # the", "    # the"),
        ("held(d, self) or _lapsed(d, self)", "held(d, self)"),
        ("not 0 <= d.now - x.marked < CALL", "True"),
        ("if x.marked and not (converges", "if not (converges"),
        ("and entry.ticket and x.ticket == entry.ticket else", "and entry.ticket else"),
        ("if silence is None or is_over(d, silence):", "if silence is None:"),
        ("        if self.unknown:\n            doubt(d, x)\n", ""),
        ("not x.ticket and not x.died and", "not x.ticket and"),
        ("    _refund_slots(d, x)\n", ""),
        ("            repair(d, self)\n", ""),
    ]),
    ("engine/test_receipts.py store/test_live_messages.py store/test_state.py store/test_outcomes.py", [
        ("if body.users <= 0:", "if body.users < 0:"),
        ("    d.count(\"pending\", -1)\n    d.count(\"superseded\")", "    d.count(\"superseded\")"),
        ("max(lanes.due_of(d, heir), at)", "lanes.due_of(d, heir)"),
        ("    heir.unknowns = max(heir.unknowns, x.unknowns)\n", ""),
        ("heir.urgency != \"1\" or x.urgency == \"1\"", "True"),
        ("    keep_doubt(d, x)\n    detach_outcome(d, x)\n", "    detach_outcome(d, x)\n"),
        ("    d.place(DEAD, x.name, d.now)\n", ""),
    ]),
    ("store/test_live_messages.py flow/test_one_message.py store/test_holds.py", [
        ("x.due if held or a.terminal else min(was, x.due)", "x.due"),
        ("return max(d.now, first + r.post_after)", "return d.now"),
        ("if (waiting.attempts or waiting.faults) and not a.terminal:", "if False:"),
        ('waiting.lapsed = ""', "pass"),
        ("min(thread.touched, d.now) + r.min_interval", "0"),
    ]),
    ("store/test_live_messages.py engine/test_receipts.py store/test_lapses.py", [
        ("thread.done == entry.ticket", "False"),
        ("if calls_people and calls_people != entry.shown:", "if calls_people:"),
        ("max(due_of(d, waiting), d.now + thread.interval)", "due_of(d, waiting)"),
        ("if x.unknowns:\n        thread.doubt = 0", "if x.unknowns:\n        pass"),
    ]),
    ("store/test_runs.py store/test_live_messages.py flow/test_reruns.py store/test_holds.py", [
        ("if (x.event, seq) in replies:", "if False:"),
        ("healed=lane in healed", "healed=False"),
        ("a.run != was.run:\n        return False", "False:\n        return False"),
    ]),
    ("store/test_parking.py store/test_queue_faults.py store/test_operator_pauses.py", [
        ("d.now - health.failed <= WITNESS", "True"),
        ("not health.failed or health.by == lane", "not health.failed"),
        ("pause.until -= pause.at - d.now", "pass"),
        ("ms = min(fault.ms, DAY)", "ms = fault.ms"),
        ("paused.probes += of_channel and probing", "pass"),
    ]),
    ("store/test_parking.py engine/test_unreadable.py", [
        ("x.last_marked + REPEAT <= d.now", "True"),
        ("d.first(parked_urgent(place), EVER, CHUNK) or ", ""),
        ("key=lambda x: x.failed", "key=lambda x: -x.failed"),
        ("(CHANNEL, DESTINATION)):\n        x.failing = x.failing or d.now", "(CHANNEL, DESTINATION)):\n        pass"),
    ]),
    ("store/test_waiting.py engine/test_take.py flow/test_limits.py store/test_clock.py", [
        ("burst - reserve", "burst"),
        ("self.behind.get(name, -1) + 1", "0"),
        ("float(d.now) if at > d.now + period * burst + 1 else max", "max"),
        ("pause.until, pause.at = d.now + PROBED, d.now", "pass"),
    ]),
    ("engine/test_causes.py store/test_causes.py flow/test_causes.py", [
        ("or gravity > first.gravity", ""),
        ("first.first == x.name or first.run == run", "first.first == x.name"),
        ("d.now - cause.at >= window or ", ""),
        ("if delivery in cause.sent:\n        return False", "if False:\n        return False"),
        ("x.attempts or x.unknowns:", "x.unknowns:"),
    ]),
    ("store/test_live_messages.py flow/test_batches.py", [
        ("if d.field(table, a.mishap) is not None:", "if False:"),
        ("thread.standing or thread.posted or thread.bundle", "thread.posted"),
    ]),
    ("flow/test_amount.py store/test_operations.py store/test_live_messages.py", [
        ("percentage >= before + least.increment", "percentage > before + least.increment"),
        ("and percentage != 100", ""),
        ("all(0 <= waited", "all(waited"),
    ]),
    ("store/test_holds.py flow/test_held_failures.py", [
        ("row >= IN_A_ROW", "row > IN_A_ROW"),
        ("d.now >= until or x.ticket", "x.ticket"),
    ]),
    ("store/test_bundles.py store/test_live_messages.py flow/test_limits.py", [
        ("d.size(index) >= most", "d.size(index) > most"),
        ("thread.touched + INTERVAL", "0"),
    ]),
    ("store/test_held_messages.py store/test_bundles.py flow/test_urgency.py", [
        ("if hours and not x.passes and", "if hours and"),
        ("or x.attempts or x.unknowns or not over_cap", "or not over_cap"),
    ]),
    ("store/test_silences.py store/test_held_messages.py", [
        ("silence and due < end_of(silence) and", "silence and"),
        ("or (made is not None and made.ends <= d.now)", ""),
    ]),
    ("store/test_suppressions.py", [
        ("len(bounces.deliveries) < BOUNCES", "len(bounces.deliveries) <= BOUNCES"),
        ("if at > oldest}", "}"),
    ]),
    ("store/test_clock.py", [
        ("score - self.step)\n", "score)\n"),
        ("if due_at and x and x.kind not in BUNDLED:", "if due_at and x:"),
        ("        ticks.grace -= step\n", "        pass\n"),
    ]),
    ("engine/test_watch.py background/test_watchdog_life.py store/test_runs.py", [
        ("if d.score(WATCH, operation) == ticket:", "if True:"),
        ("if d.now - ticks.last > self.gap:", "if True:"),
    ]),
    ("engine/test_jobs.py store/test_jobs.py", [
        ("None if new_run else began(o)", "began(o)"),
        ("and place >= surplus", ""),
    ]),
    ("store/test_tallies.py store/test_history.py", [
        ("number + 1, max(0", "number, max(0"),
        ("if len(o.tallies) == OPEN:", "if False:"),
    ]),
    ("store/test_last_bodies.py store/test_memory.py", [
        ("any(thread and any(thread.queues.values()) for thread in threads)", "False"),
    ]),
]  # fmt: skip
DELIVERING: Topics = [
    ("delivering/test_worker.py delivering/test_repeating.py delivering/test_redis_away.py", [
        ("if self.stopping or wait or not is_mine:", "if self.stopping or not is_mine:"),
        ("        return not receipt\n", "        return True\n"),
        ("        if not await self._stored(lambda: self.store.mark_sending(delivery)):\n            return\n        s",
         "        s"),
        ("outcome_unknown=not delivery.edits", "outcome_unknown=False"),
        ("return not wait", "return True"),
        ("if hold and await", "if False and await"),
        ("if error.pause == \"limit\":", "if False:"),
        ("await self._give_up(delivery, channel, error)\n            dead", "dead"),
    ]),
    ("delivering/test_outcome.py", [
        ("refund_attempt=bool(pause)", "refund_attempt=False"),
        ("now - trial.failing > give_up_after", "False"),
        ("error.pause == \"channel\" and trial.suspect", "False"),
        ("long = seconds > LONG_THROTTLE", "long = True"),
        ("used = of_edit if delivery.edits else of_new", "used = of_new"),
        ("witnessed=not error.unsent", "witnessed=True"),
    ]),
    ("delivering/test_safeguards.py delivering/test_repeating.py", [
        ("return by != lane and now - at <= WITNESS", "return now - at <= WITNESS"),
        ("if claimed <= by", "if True"),
        ("fault.pause != \"limit\" and now", "now"),
        ("if witnessed or not pause.witnessed:", "if True:"),
    ]),
    ("delivering/test_worker.py", [
        (".max_concurrency - len(sending)", ".max_concurrency"),
        ("            self._wakes[channel].set()  # a slot", "            # a slot"),
    ]),
]  # fmt: skip
JOURNAL: Topics = [
    ("store/journal/test_commit.py store/journal/test_crashes.py", [
        ("mark ~= stands or redis.call('GET', KEYS[1]) ~= term", "redis.call('GET', KEYS[1]) ~= term"),
        ("mark ~= stands or redis.call('GET', KEYS[1]) ~= term", "mark ~= stands"),
        ("if mark == sets then", "if false then"),
        ("  redis.call('XDEL', KEYS[3]", "  redis.call('XLEN', KEYS[3]) local _ = ({KEYS[3]"),
        ("if checks[name] and not", "if false and not"),
    ]),
    ("store/journal/test_partition.py store/journal/test_commit.py store/test_owners.py", [
        ("now - back < tonumber(ARGV[7])", "false"),
        ("not same or owner and not mine", "owner and not mine"),
        ("else redis.call('ZREM', KEYS[4], process) end", "end"),
        ("math.max(tonumber(was), tonumber(ARGV[5]))", "tonumber(was)"),
    ]),
    ("store/journal/test_inbox.py store/journal/test_commit.py", [
        ("busy = waits > lag", "busy = false"),
        ("KEYS[3] and redis.call('GET', KEYS[3])", "false"),
        ("oldest and redis.call('MEMORY', 'USAGE', KEYS[1]) > most", "false"),
    ]),
    ("store/journal/test_crashes.py store/journal/test_partition.py store/journal/test_faults.py", [
        ("                in_doubt = True\n", ""),
        ("                raise OtherData\n            return ms", "                pass\n            return ms"),
        ("if deaths >= DEATHS:", "if deaths > DEATHS:"),
        ("            gone -= changes.tables.keys() | changes.logs.keys()", "            pass"),
        ("                items[len(batch.outcomes)].failed = error", "                pass"),
    ]),
    ("store/journal/test_partition.py store/journal/test_inbox.py store/journal/test_faults.py", [
        ("            self._inbox.put_back(left)\n", ""),
        ("            if item.is_receipt:", "            if False:"),
        ("        self._queue.displace()\n", ""),
        ("        if not taken.in_order:\n", "        if False:\n"),
        ("self._inbox.has_passed(item.follows)", "True"),
        ("        self._inbox.forget()\n", ""),
    ]),
    ("store/journal/test_partition.py store/test_owners.py store/journal/test_faults.py", [
        ("self.held and self._monotonic() < self._until - LEFT", "self.held"),
        ("self._monotonic() - since > LASTS", "self._monotonic() - since > 0"),
        ("not name.endswith(RECEIVES)", "True"),
    ]),
    ("store/journal/test_inbox.py store/journal/test_partition.py store/journal/test_crashes.py", [
        ("id_ < self.pending[0].id if self.pending else", "True if self.pending else"),
        ("            self.pending.appendleft(item)", "            self.pending.append(item)"),
    ]),
    ("store/journal/test_partition.py store/journal/test_engine.py store/journal/test_faults.py", [
        ("if hot.until and hot.until <= self.now:", "if False:"),
        ("decode() != mark:\n                raise OtherData", "decode() != mark:\n                pass"),
        ("if len(page) == PAGE:", "if False:"),
        ("            self.bytes -= hot.size\n            self.gone", "            self.gone"),
        ("if hot.whole and not fields:", "if False:"),
    ]),
    ("store/journal/test_partition.py store/journal/test_inbox.py store/journal/test_faults.py", [
        ("if known is not None and known.done:", "if False:"),
        ("            self.draft.remove(WAITING, item.waits)", "            pass"),
        ("if self._writes >= MOST_WRITES:", "if False:"),
    ]),
    ("store/journal/test_partition.py store/test_clock.py", [
        ("max(self._last, self._heard + elapsed)", "self._heard + elapsed"),
        ("if ms < self._last - SET_BACK:", "if False:"),
    ]),
    ("store/journal/test_codec.py store/test_sealing.py", [
        ("record.__dict__.update(unknown | layout.constants", "record.__dict__.update(layout.constants"),
        ("or type(value) is not type(default)", ""),
    ]),
    ("store/journal/test_commit.py store/journal/test_partition.py store/journal/test_engine.py", [
        ('expiry = ("PX", record.lives + SLACK) if record.lives else ()', "expiry = ()"),
        ("kept < LONG or self._expires.get(key, 0) < now + kept - DAY", "self._expires.get(key, 0) < now"),
        ("            if _may_end(table):\n                upkeep.forget(name)\n", ""),
    ]),
    ("store/journal/test_inbox.py store/journal/test_partition.py", [
        (" >= MOST_WAITING[item.admission]:", " >= 1 << 30:"),
        ("in reversed([*items]):\n            if item.id ==", "in [*items]:\n            if item.id =="),
    ]),
]  # fmt: skip


ROOMS = {"relay/engine": ENGINE, "relay/delivering": DELIVERING, "relay/store/journal": JOURNAL}


def mutations() -> Iterator[Mutation]:
    for room, topics in ROOMS.items():
        for tests, replaced in topics:
            yield from (Mutation(room, was, becomes, tests) for was, becomes in replaced)
