"""From a parsed event to its deliveries: earlier facts are filled in, the rules decide, and it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile

from relay.domain.batch_members import MEMBERS, with_member
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import CRITICAL, Event
from relay.domain.facts import LINK, Space, complete_outcome, fill, number_member, placed, states_all
from relay.domain.facts import facts as facts_stated
from relay.domain.failed_phases import FAILURE, is_failed_phase, lacks_cause, with_cause
from relay.domain.jobs import named
from relay.domain.parsing import critical_failures
from relay.domain.permissions import Permissions, listed_members
from relay.domain.run_numbers import compare, stated_begin
from relay.engine import jobs, names
from relay.engine.accept import accept
from relay.engine.arrival import Arrival, ms
from relay.engine.draft import Draft
from relay.engine.known import Facts, known
from relay.engine.records import DAY, SILENCES, STALLED, TERMINAL, Operation
from relay.engine.runs import event_of
from relay.engine.withholding import Silence
from relay.errors import NoRoom
from relay.policy.presentation import as_alarm, as_failure, is_failing_member, mark_informed
from relay.policy.silences import Silences, load


@dataclass(frozen=True, slots=True)
class Report:
    """An event. `targets`: those that are notified, instead of those that the rules name; its facts stay as they are.

    crowded  Redis has little room, so progress without a recipient is refused (NoRoom)
    kept     its body stays in the quarantine until it is known that this was taken: what fails on it loses nothing

    Raises AmbiguousId and NotPermitted as well.
    """

    event: Event
    targets: Sequence[Target] | None = None
    permissions: Permissions | None = None
    crowded: bool = False
    kept: bool = False

    def decide(self, d: Draft) -> Accepted:
        event = self.event
        if self.targets is not None:
            return _accept(d, event, self.targets)
        permissions = self.permissions if self.permissions and self.permissions.needs_facts else None
        event = _placed_batch(d, event, permissions) if event.about_batch else _filled(d, event, permissions)
        if event.compared and event.compared.late:
            return Accepted("late")
        if _is_skipped(d, event):
            return Accepted("ignored")
        event = _with_job(d, event)
        targets = _targets(d, event)
        if self.crowded and event.name == "operation.progress" and all(target.hold_reason for target in targets):
            raise NoRoom("Redis is nearly full, and nobody is notified of this progress")
        accepted = _accept(d, event, targets)
        if is_failed_phase(event):
            _explain(d, event)
        if accepted.status == "duplicate":
            return accepted
        if is_failing_member(event):
            return replace(accepted, member=_report_member(d, _own_failure(self.event)))
        # Which of all operations a callback's token may speak of, nobody has asked.
        for failure in critical_failures(event) if event.name == "batch.completed" and not permissions else ():
            _report_member(d, failure)
        return accepted


def _accept(d: Draft, event: Event, targets: Sequence[Target]) -> Accepted:
    """Accept it, an outcome that states more than the recorded one together with that."""
    accepted = accept(d, Arrival(event, targets))
    if accepted.status == "fuller":
        recorded = event_of(d, names.operation(event.subject, event.space(event.subject)), event.name)
        if recorded:
            event = replace(complete_outcome(recorded, event), job=event.job, compared=event.compared)
        accepted = accept(d, Arrival(event, targets, completes=True))
    if accepted.status == "fuller":
        accepted = replace(accepted, status="duplicate")
    if accepted.status == "duplicate" and event.compared and event.compared.differs:
        return replace(accepted, differs=True)
    return accepted


def _is_skipped(d: Draft, event: Event) -> bool:
    """Return whether it is of a run that did nothing, and of which nothing else is known.

    The end of such a run is remembered for a day: what it overtook would begin a message that never ends.
    """
    name = names.operation(event.subject, event.space(event.subject))
    o = d.get(Operation, name)
    if o and o.first is not None and event.retry <= (o.run or 0):
        return False
    if event.quiet:
        is_new, o = o is None, d.edit(Operation, name)
        o.skipped = event.retry, ms(event.occurred_at)
        o.retained = DAY if is_new else o.retained
        return True
    if o is None or o.skipped is None:
        return False
    moment = stated_begin(event)
    if event.name == "operation.phase.completed" and event.dated:
        moment = event.occurred_at
    run, ended = o.skipped
    return moment is not None and event.retry <= run and ms(moment) <= ended


def _targets(d: Draft, event: Event) -> Sequence[Target]:
    targets = _with_alarmed(d, event, d.settings.targets(event))
    if event.compared and event.compared.completes and not event.is_alert:  # people wait for what is resolved
        targets = mark_informed(targets, d.settings.targets(as_failure(event)))
    silences = _silences(d)
    return silences.applied(event, targets) if silences else targets


def _with_alarmed(d: Draft, event: Event, targets: Sequence[Target]) -> Sequence[Target]:
    """Add recipients of the open alarm which no rule notifies of the run's end; others get more than an edit."""
    o = d.get(Operation, names.operation(event.subject, event.space(event.subject)))
    if o is None or not event.terminal or event.about_batch or d.score(STALLED, o.name) is None:
        return targets
    targets = [
        replace(r.target, presentation=replace(r.target.presentation, thread_reply=True)) if r.lane in o.alarms_sent
        else r.target for r in Arrival(event, targets).recipients
    ]  # fmt: skip
    notified = {(its.destination, its.address) for its in targets if not its.hold_reason}
    missed = {
        where: r.target for r in Arrival(event, d.settings.targets(as_alarm(event))).recipients
        if r.lane in o.alarms_sent and not r.target.hold_reason
        and (where := (r.destination, r.address)) not in notified
    }  # fmt: skip
    return (*(its for its in targets if (its.destination, its.address) not in missed), *missed.values())


def _silences(d: Draft) -> Silences | None:
    """Return the silences that are not over."""
    if next(d.descending(SILENCES), (0, ""))[0] <= d.now:  # the last to end
        return None
    going = {id_: ends for ends, id_ in takewhile(lambda row: row[0] > d.now, d.descending(SILENCES))}
    rows = [(id_, record.text, going[id_]) for id_, record in d.get_all(Silence, going).items()]
    return _read_silences(tuple(rows)) if rows else None


@lru_cache(maxsize=8)
def _read_silences(rows: Sequence[tuple[str, str, int]]) -> Silences:
    """Return them with their patterns. One that is damaged holds nothing."""
    silences = []
    for id_, text, ends in rows:
        try:
            silences.append(load(id_, text, ends / 1000))
        except ValueError:
            continue
    return Silences(silences)


def _with_job(d: Draft, event: Event) -> Event:
    """Add the name of its job by the operator's template, and to an outcome those before, where a rule asks."""
    if d.settings.job and event.operation:
        event = replace(event, job=named(d.settings.job, event.operation.document, event.document))
    if not (event.terminal and d.settings.asks("changes")):
        return event
    job = jobs.of(d, event)
    return jobs.compared(d, event, job) if job else event


def _explain(d: Draft, event: Event) -> None:
    """Complete the recorded failure, quietly, where this failed phase of its run came behind it."""
    if event.about_batch or event.original:
        return
    failure = event_of(d, names.operation(event.subject, event.space(event.subject)), FAILURE)
    if failure and lacks_cause(failure):
        explained = with_cause(failure, event.failed_phase)
        if not lacks_cause(explained):
            _accept(d, explained, d.settings.targets(explained))


def _own_failure(event: Event) -> Event:
    """Return the failure of the operation that a batch reports, as an event of its own."""
    document = {name: part for name, part in event.document.items() if name != "batch"} | {"event": FAILURE}
    return replace(event, id="", name=FAILURE, batch=None, document=document, raw=b"")


def _report_member(d: Draft, member: Event) -> Accepted | None:
    """Have a Critical failure that a batch reports notified and escalated as by its own event, which may never come."""
    member = _with_job(d, _filled(d, member, None))  # what its source may say was decided for the batch
    o = d.look(Operation, names.operation(member.subject, member.space(member.subject)))
    ended = o.rank == TERMINAL and member.retry <= (o.run or 0)
    critical = member.operation is not None and member.operation.priority == CRITICAL
    return _accept(d, member, _targets(d, member)) if critical and not ended else None


def _known(d: Draft, event: Event, id_: str) -> Facts:
    """Return what is known of this id. relay's own events are of an operation that was found before."""
    return known(d, id_, event.spaces if event.watch or event.action else Space.of_event(event))


def _filled(d: Draft, event: Event, permissions: Permissions | None) -> Event:
    """Fill in what earlier events stated of the operation, or of the one that it retries under a new id.

    Which run a retry is, its first event decides: the one its document names, and in any case one after the
    original's last.
    """
    if permissions is None and states_all(event) and _adds_nothing(d, event):
        return compare(event, {})
    stated, facts = event, _known(d, event, event.own_id)
    spaces, own = {event.own_id: facts.pop("space", "")}, facts
    if facts and not facts.get("original"):  # it has a message of its own by now
        event = replace(event, original="")
    if event.original and not facts:
        facts = _known(d, event, event.original)
        spaces[event.original] = facts.pop("space", "")
        run = int(facts.get("runs", 0)) + 1
        # The run before has a page of its own.
        facts = {**facts, "original": facts.get("original", event.original), "retry": f"{run}", LINK: ""}
    if "original_space" in facts:
        spaces[facts["original"]] = facts.pop("original_space")
    if permissions:  # before its error is read
        permissions.check(stated, Space.of_event(event).filled(Space.of(facts)), own)
    event = fill(event, facts)
    event = with_cause(compare(event, facts), event.failed_phase)
    if permissions:
        permissions.check_run(event, own)
    if event.member_of:  # the batch of its tenant, also where another one's is all that is known
        batch = known(d, event.member_of, Space.of_event(event))
        spaces[event.member_of] = batch.pop("space", "")
        if not event.watch:
            event = replace(event, batch_open=bool(batch) and "ended" not in batch)
    return placed(event, spaces)


def _adds_nothing(d: Draft, event: Event) -> bool:
    """Return whether what is known would fill in nothing, and puts the event into no other run: most are of these."""
    o = d.get(Operation, names.operation(event.own_id))
    if o is None:
        return True
    if o.run or o.shared or o.ends or o.skipped or o.rank == TERMINAL or o.leads_to:
        return False
    return o.facts.items() <= facts_stated(event).items()


def _placed_batch(d: Draft, event: Event, permissions: Permissions | None) -> Event:
    """Fill in the batch's tenant, and the run of the member that it reports: one of the same tenant."""
    stated, batch, facts = event, _known(d, event, event.subject), Facts()
    spaces = {event.subject: batch.pop("space", "")}
    whose = Space.of_event(event).filled(Space.of(batch))
    event = replace(event, platform=whose.platform, tenant=whose.tenant, project=whose.project,
                    link=event.link or batch.get(LINK, ""))  # fmt: skip
    if event.operation:
        facts = _known(d, event, event.own_id)
        spaces[event.own_id] = facts.pop("space", "")
        event = number_member(event, facts)
    if permissions:
        listed = [] if batch or facts else [_known(d, event, id_) for id_ in listed_members(event)]
        permissions.check_batch(stated, batch, facts, [fields for fields in listed if fields.keys() - {"space"}])
        event = permissions.with_kind(event, facts)
    return placed(replace(event, members=with_member(stated, batch.get(MEMBERS, ""))), spaces)
