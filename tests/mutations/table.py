"""Mutations: what decides, delivers and commits, each wrong in one place, for the tests of its room to notice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
Replaced = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Mutation:
    """In its room, a folder or a file, `was` is there once."""

    room: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.room}: {self.was!r} → {self.becomes!r}"

    def find(self) -> list[Path]:
        """Return the files that have it, one for each place."""
        room = ROOT / self.room
        files = [file for file in (room.rglob("*") if room.is_dir() else [room]) if file.suffix in (".py", ".lua")]
        return [file for file in files for _ in range(file.read_text("utf-8").count(self.was))]


ENGINE: Replaced = [
    ("return a.run < was.run", "return a.run > was.run"),
    ("return percentage < was.percentage", "return percentage <= was.percentage"),
    ("a.rank < TERMINAL == was.rank", "a.rank <= TERMINAL == was.rank"),
    ("a.phases < was.phases", "a.phases <= was.phases"),
    ('WATCHED, "gates", "muted"', 'WATCHED, "muted"'),
    ("starts[-STARTS:]", "starts[:STARTS]"),
    ("max(percentage, was.percentage or 0)", "percentage"),
    ("    clear_documents(d, o)\n    d.take_out(STALLED", "    d.take_out(STALLED"),
    ("same = repeated or (used and is_known(d, known, a.fact_as_stated))", "same = repeated or used"),
    ('"" if used else a.sender_id, a.fact', '"", a.fact'),
    ("    if is_late(a, was):\n", "    if False:\n"),
    ("if same or is_subset(a, was):", "if same:"),
    ("    end_in_batch(d, a)\n", ""),
    ("d.keep(identities(o.name), KEEP_OPERATION)", "pass"),
    ("known.ticket or known.died", "known.died"),
    ("x.crashes >= MAX_UNREADABLE", "x.crashes > MAX_UNREADABLE"),
    ("        spend(d, limits)\n", ""),
    ("divert(d, x, self._hours(x), edit=edit) or ", ""),
    ("        d.place(FLYING, x.name, d.now)\n", ""),
    ("                x.seq = o.seq\n", "                pass\n"),
    ("self._due(index, STARVED)", "self._due(index)"),
    ("or keep_from_removed(d, x)", ""),
    ("            d = Draft(self.d, self.d.now)\n            _set_aside", "            _set_aside"),
    ("if until - d.now <= PARKED_FROM:", "if True:"),
    ("return not names or names[0] == x.name", "return True"),
    ("not thread.posted and bool(thread.waiting or thread.sending)", "bool(thread.waiting or thread.sending)"),
    ("first.ticket or first.due <= soon", "first.due <= soon"),
    ("if not reply.attempts and shown >= reply.seq:", "if not reply.attempts:"),
    ("x.marked, x.lasts = d.now, self.lasts", "x.lasts = self.lasts"),
    ("x.attempts += 0 if x.marked else 1", "x.attempts += 1"),
    ("    x.attempts -= 1 if x.marked else 0  # the", "    # the"),
    ("held(d, self) or _lapsed(d, self)", "held(d, self)"),
    ("return 0 <= d.now - x.marked < (x.lasts + BEGINS if x.lasts else CALL)", "return False"),
    ("if x.marked and not (converges", "if not (converges"),
    ("and entry.ticket and x.ticket == entry.ticket else", "and entry.ticket else"),
    ("if silence is None or is_over(d, silence):", "if silence is None:"),
    ("        if self.unknown:\n            doubt(d, x)\n", ""),
    ("not x.ticket and not x.died and", "not x.ticket and"),
    ("    _refund_slots(d, x)\n", ""),
    ("            repair(d, self)\n", ""),
    ("if body.users <= 0:", "if body.users < 0:"),
    ("    d.count(\"pending\", -1)\n    d.count(\"superseded\")", "    d.count(\"superseded\")"),
    ("max(heir.due, at)", "heir.due"),
    ("    heir.unknowns = max(heir.unknowns, x.unknowns)\n", ""),
    ("heir.urgency != \"1\" or x.urgency == \"1\"", "True"),
    ("    keep_doubt(d, x)\n    detach_outcome(d, x)\n", "    detach_outcome(d, x)\n"),
    ("    d.place(DEAD, x.name, d.now)\n", ""),
    ("x.due if held or a.terminal else min(was, x.due)", "x.due"),
    ("return max(d.now, first + r.post_after)", "return d.now"),
    ("if (waiting.attempts or waiting.faults) and not a.terminal:", "if False:"),
    ('waiting.lapsed = ""', "pass"),
    ("min(thread.touched, d.now) + r.min_interval", "0"),
    ("thread.done == entry.ticket", "False"),
    ("if calls_people and calls_people != entry.shown:", "if calls_people:"),
    ("max(waiting.due, d.now + thread.interval)", "waiting.due"),
    ("if (x.event, seq) in replies:", "if False:"),
    ("healed=lane in healed", "healed=False"),
    ("a.run != was.run:\n        return False", "False:\n        return False"),
    ("d.now - health.failed <= WITNESS", "True"),
    ("not health.failed or health.by == lane", "not health.failed"),
    ("ms = min(fault.ms, DAY)", "ms = fault.ms"),
    ("paused.probes += of_channel and probing", "pass"),
    ("x.last_marked + REPEAT <= d.now", "True"),
    ("d.first(parked_urgent(place), EVER, CHUNK) or ", ""),
    ("key=lambda x: x.failed", "key=lambda x: -x.failed"),
    ("(CHANNEL, DESTINATION)):\n        x.failing = x.failing or d.now", "(CHANNEL, DESTINATION)):\n        pass"),
    ("burst - reserve", "burst"),
    ("self.behind.get(name, -1) + 1", "0"),
    ("pause.until = d.now + PROBED", "pass"),
    ("or gravity > cause.gravity", ""),
    ("cause.first == x.name or cause.run == run", "cause.first == x.name"),
    ("d.now - cause.at >= window or ", ""),
    ("if delivery in cause.sent:\n        return False", "if False:\n        return False"),
    ("x.attempts or x.unknowns:", "x.unknowns:"),
    ("if d.field(table, a.mishap) is not None:", "if False:"),
    ("thread.standing or thread.posted or thread.bundle", "thread.posted"),
    ("percentage >= before + least.increment", "percentage > before + least.increment"),
    ("and percentage != 100", ""),
    ("failures >= IN_A_ROW", "failures > IN_A_ROW"),
    ("d.now >= until or x.ticket", "x.ticket"),
    ("d.size(index) >= most", "d.size(index) > most"),
    ("thread.touched + INTERVAL", "0"),
    ("if hours and not x.passes and", "if hours and"),
    ("or x.attempts or x.unknowns or not over_cap", "or not over_cap"),
    ("silence and due < end_of(silence) and", "silence and"),
    ("or (made is not None and made.ends <= d.now)", ""),
    ("len(bounces.deliveries) < BOUNCES", "len(bounces.deliveries) <= BOUNCES"),
    ("if at > oldest}", "}"),
    ("if d.score(WATCH, operation) == ticket:", "if True:"),
    ("if d.now - ticks.last > self.gap:", "if True:"),
    ("None if new_run else began(o)", "began(o)"),
    ("and place >= surplus", ""),
    ("number + 1, max(0", "number, max(0"),
    ("if len(o.tallies) == OPEN:", "if False:"),
    ("any(thread and any(thread.queues.values()) for thread in threads)", "False"),
    ("        r.reply = False\n", ""),
    ("and not x.ticket and not x.attempts:", "and not x.attempts:"),
    ("and not x.ticket and not x.attempts:", "and not x.ticket:"),
    ("was.rank == RUNNING\n        and a.run == was.run", "was.rank == RUNNING"),
    ("    return a.at < was.at\n", "    return False\n"),
    ("elif d.now - x.failing > age:", "elif d.now - x.created > age:"),
    ('if any(place.startswith(f"{channel} ") for place in places(d)):', "if False:"),
    ("(here or configured.heir(destination, channel))", "here"),
    (" or since < ticks.back", ""),
    ("0 < ticks.last < d.now - ABSENCE or ", ""),
    (" and health.works <= health.failed", ""),
    ("x.error, x.crashes = self.error, 0", "x.error = self.error"),
    ("1 if x.unreadable else x.crashes + 1", "x.crashes + 1"),
    ("x.crashes + 1 if x.unreadable else 1", "x.crashes + 1"),
    ("if self.refund_attempt and x.marked:", "if self.refund_attempt:"),
    ("and all(target.hold_reason for target in targets)", ""),
    ("and all(target.hold_reason for target in targets)", "and any(target.hold_reason for target in targets)"),
    ('bool(batch) and "ended" not in batch', "bool(batch)"),
    ("        o.facts.setdefault(name, value)\n", "        pass\n"),
    ('    o.facts.pop("pressed", None)\n\n\ndef _keep', "\n\ndef _keep"),
]  # fmt: skip
DELIVERING: Replaced = [
    ("if self.stopping or wait or not is_mine:", "if self.stopping or not is_mine:"),
    ("        if not await self._stored(lambda: self.store.mark_sending(delivery, channel.timeout)):\n"
         "            return\n        s", "        s"),
    ("outcome_unknown=not delivery.edits", "outcome_unknown=False"),
    ("if hold and await", "if False and await"),
    ("if error.pause == \"limit\":", "if False:"),
    ("await self._give_up(delivery, channel, error)\n            dead", "dead"),
    ("refund_attempt=bool(pause)", "refund_attempt=False"),
    ("now - trial.failing > GIVE_UP_AFTER", "False"),
    ("error.pause == \"channel\" and trial.suspect", "False"),
    ("long = seconds > LONG_THROTTLE", "long = True"),
    ("used = of_edit if delivery.edits else of_new", "used = of_new"),
    ("witnessed=not error.unsent", "witnessed=True"),
    ("return by != lane and now - at <= WITNESS", "return now - at <= WITNESS"),
    ("if claimed <= by", "if True"),
    ("fault.pause != \"limit\" and now", "now"),
    ("if witnessed or not pause.witnessed:", "if True:"),
    (".max_concurrency - len(sending)", ".max_concurrency"),
    ("            self._wakes[channel].set()  # a slot", "            # a slot"),
    ("if delivery.options and delivery.options.retry:", "if False:"),
    ("now - max(trial.deaf, trial.doubted) > LOOKED_FOR", "False"),
    ("return limits if ahead else", "return"),
]  # fmt: skip
JOURNAL: Replaced = [
    ("mark ~= stands or redis.call('GET', KEYS[1]) ~= term", "redis.call('GET', KEYS[1]) ~= term"),
    ("mark ~= stands or redis.call('GET', KEYS[1]) ~= term", "mark ~= stands"),
    ("if mark == sets then", "if false then"),
    ("  redis.call('XDEL', KEYS[3]", "  redis.call('XLEN', KEYS[3]) local _ = ({KEYS[3]"),
    ("if checks[name] and not", "if false and not"),
    ("now - back < tonumber(ARGV[7])", "false"),
    ("not same or owner and not mine", "owner and not mine"),
    ("else redis.call('ZREM', KEYS[4], process) end", "end"),
    ("math.max(tonumber(was), tonumber(ARGV[5]))", "tonumber(was)"),
    ("busy = waits > lag", "busy = false"),
    ("KEYS[3] and redis.call('GET', KEYS[3])", "false"),
    ("oldest and redis.call('MEMORY', 'USAGE', KEYS[1]) > most", "false"),
    ("                in_doubt = True\n", ""),
    ("                raise OtherData\n            return ms", "                pass\n            return ms"),
    ("            gone -= changes.tables.keys() | changes.logs.keys()", "            pass"),
    ("            self._backlog.put_back(left)\n", ""),
    ("if item.is_receipt or item.act:", "if item.act:"),
    ("if item.is_receipt or item.act:", "if item.is_receipt:"),
    ("        self._queue.displace()\n", ""),
    ("NOTHING if taken.in_order else newest", "NOTHING"),
    ("self._inbox.has_passed(item.follows)", "True"),
    ("        self._inbox.forget()\n", ""),
    ("self.held and self._monotonic() < self._until - LEFT", "self.held"),
    ("self._monotonic() - since > LASTS", "self._monotonic() - since > 0"),
    ("not name.endswith(RECEIVES)", "True"),
    ("id_ < self.pending[0].id if self.pending else", "True if self.pending else"),
    ("            self.pending.appendleft(item)", "            self.pending.append(item)"),
    ("if hot.until and hot.until <= self.now:", "if False:"),
    ("decode() != mark:\n                raise OtherData", "decode() != mark:\n                pass"),
    ("if len(page) == self._page:", "if False:"),
    ("            self.bytes -= hot.size\n            self.gone", "            self.gone"),
    ("if hot.whole and not fields:", "if False:"),
    ("if known is not None and known.done:", "if False:"),
    ("            self.draft.remove(WAITING, item.waits)", "            pass"),
    ("if self._writes >= MOST_WRITES:", "if False:"),
    ("SHRINKS * elapsed) + step)", "SHRINKS * elapsed))"),
    ("max(0.0, last - ms), last", "0.0, 0"),
    ("postponed(writes, self._clock.ahead)", "writes"),
    ("return int(last) if last.isdecimal() else 0", "return 0"),
    ("record.__dict__.update(unknown | layout.constants", "record.__dict__.update(layout.constants"),
    ('expiry = ("PX", record.lives + SLACK) if record.lives else ()', "expiry = ()"),
    ("kept < LONG or self._expires.get(key, 0) < now + kept - DAY", "self._expires.get(key, 0) < now"),
    ("            if _may_end(table):\n                upkeep.forget(name)\n", ""),
    ("until = now + record.lives if record is not None and record.lives else 0", "until = 0"),
    ("2 * EACH, until, whole=False", "2 * EACH, whole=False"),
    (" >= MOST_WAITING[item.admission]:", " >= 1 << 30:"),
    ("in reversed([*items]):\n            if item.id ==", "in [*items]:\n            if item.id =="),
    ("int(term), True, asked + LASTS", "int(term), True, self._monotonic() + LASTS"),
    ("        self._until = asked + LASTS\n", "        self._until = self._monotonic() + LASTS\n"),
    ("if self._guesses:  # it may", "if False:  # it may"),
]  # fmt: skip
POLICY: Replaced = [
    ("matches(text.casefold())", "matches(text)"),
    ("word.casefold()))", "word))"),
]
RECEIVING: Replaced = [
    ("deadline.reschedule(began + seconds + size / slowest)",
     "deadline.reschedule(asyncio.get_running_loop().time() + seconds)"),
    ("deadline.reschedule(began + seconds + size / slowest)", "pass"),
]  # fmt: skip
CHANNELS: Replaced = [
    ('mail.replace(b"\\r\\n.", b"\\r\\n..")', "mail"),
    ("if code in CREDENTIALS and stage is not Stage.DOT:", "if code in CREDENTIALS and stage is Stage.AUTH:"),
    ("if code in CREDENTIALS and stage is not Stage.DOT:", "if code in CREDENTIALS:"),
    ('"destination" if call == WEBHOOK and kind is FailureKind.WORKSPACE else _PAUSES', "_PAUSES"),
    ("unsent=kind is not FailureKind.UNKNOWN,", "unsent=True,"),
    ("outcome_unknown=kind is FailureKind.UNKNOWN and call in POSTS", "outcome_unknown=False"),
    ("if stage is Stage.MAIL and code == TOO_LARGE:", "if False:"),
    ("if code == CLOSING or (answer is Answer.LATER and ILL.search(str(error))):", "if code == CLOSING:"),
    ("if code == CLOSING or (answer is Answer.LATER and ILL.search(str(error))):",
     "if answer is Answer.LATER and ILL.search(str(error)):"),
    ('not enhanced.startswith(NOT_THE_RECIPIENT)) else ""', 'True) else ""'),
    ("            if self._refused:\n", "            if False:\n"),
    ("if error.kind not in (FailureKind.MESSAGE, FailureKind.UNSENT):", "if False:"),
    ('if response.status != 200 or word != "ok":', "if response.status != 200:"),
    ("retry_after = retry_after or THROTTLED_FOR", "pass"),
]  # fmt: skip
RENDERING: Replaced = [
    ("width if percentage >= 100 else", "width if percentage > 100 else"),
    ("* width + 0.5)), width - 1)", "* width + 0.5)), width)"),
    ("time.monotonic() < until and (not clocks", "True and (not clocks"),
    ("_used(clocks[0]) < seconds", "time.thread_time() < seconds"),
]
FORMATS: Replaced = [
    ("value[step] if -len(value) <= step < len(value) else None", "value[step] if step < len(value) else None"),
    ("value[step] if -len(value) <= step < len(value) else None", "value[step] if -len(value) <= step else None"),
    ("        if type(item) is not dict:\n            continue\n", ""),
    ("value = value.get(step) if type(value) is dict else None", "value = value.get(step)"),
    ('text.splitlines()[0].strip() if text.splitlines() else ""', "text.splitlines()[0].strip()"),
    ("value.get(str(step)) if type(value) is dict and type(step) is int else None",
     "value.get(str(step)) if type(step) is int else None"),
]  # fmt: skip
AUDIT: Replaced = [
    ('act.outcome = act.outcome or "done"', "pass"),
    ('act.outcome = f"failed: {type(error).__name__}"', "pass"),
    ("        if behind:  # the end", "        if False:  # the end"),
    ("{\"of\": of} if of else {}", "{}"),
]  # fmt: skip


# With the tests of each room
ROOMS: dict[str, tuple[Replaced, Sequence[str]]] = {
    "relay/engine": (ENGINE, ["tests/engine/test_*.py", "tests/store/test_*.py"]),
    "relay/delivering": (DELIVERING, ["tests/delivering/test_*.py"]),
    "relay/store/journal": (JOURNAL, ["tests/store/journal/test_*.py"]),
    "relay/policy": (POLICY, ["tests/policy/test_*.py"]),
    "relay/receiving": (RECEIVING, ["tests/receiving/test_*.py"]),
    "relay/channels": (CHANNELS, ["tests/channels/**/test_*.py"]),
    "relay/rendering": (RENDERING, ["tests/rendering/test_*.py"]),
    "relay/formats": (FORMATS, ["tests/formats/test_*.py"]),
    "relay/store/audit.py": (AUDIT, ["tests/store/test_audit.py"]),
}


def mutations() -> list[Mutation]:
    return [Mutation(room, *pair) for room, (replaced, _) in ROOMS.items() for pair in replaced]


def tests_of(room: str, file: Path | None = None) -> list[str]:
    """Return the tests of a room, those first that speak most of this file."""
    files = [test for pattern in ROOMS[room][1] for test in sorted(ROOT.glob(pattern))]
    return [
        f"{test}" for test in sorted(files, key=lambda test: -test.read_text("utf-8").count(file.stem) if file else 0)
    ]
