"""`step`: everything that can happen to a partition, and the one function that decides it.

Read it first: it shows all that relay does. Each entry is a frozen dataclass of relay/engine/entries.py; the
table names the function that decides it, in the module of its topic.
"""

from collections.abc import Callable
from typing import Any

from relay.engine import (
    acts,
    causes,
    clock,
    digests,
    entries,
    forgetting,
    health,
    intake,
    ledger,
    receipts,
    silences,
    suppressions,
    take,
    troubles,
    watching,
)
from relay.engine.ledger import write_story
from relay.engine.state import Changes, Draft, State

Decide = Callable[[Draft, Any, entries.Settings], Any]

# Events: from the platform, foreign senders, buttons, the watchdog and relay itself
EVENTS: dict[type, Decide] = {entries.Report: intake.report}
# Deliveries: what is due is handed out, marked, and settled by what became of it
DELIVERIES: dict[type, Decide] = {
    entries.Take: take.take,
    entries.Mark: receipts.mark,
    entries.Release: receipts.release,
    entries.Arrived: receipts.arrived,
    entries.Failed: receipts.failed,
    entries.GiveUp: receipts.give_up,
    entries.Withhold: receipts.withhold,
    entries.SetAside: receipts.set_aside,
    entries.Lapse: receipts.lapse,
    entries.ClaimMentions: causes.mention,
}
# Time that has come
TIME: dict[type, Decide] = {
    entries.ClockSetBack: clock.set_back,
    entries.Tick: watching.tick,
    entries.RunsDue: watching.due,
    entries.LookAgain: watching.look_again,
    entries.ReportTick: watching.report_tick,
    entries.LookAtTroubles: troubles.look,
    entries.KeepTroubles: troubles.keep,
    entries.TakeTurnFor: troubles.turn,
    entries.RecordWorks: health.record_works,
    entries.Lost: ledger.lost,
    entries.TakeTurn: watching.take_turn,
    entries.AskedPlatform: watching.asked,
    entries.Reconciled: watching.reconciled,
    entries.ForgetMissing: watching.forget_missing,
    entries.ForgetDocuments: forgetting.documents,
    entries.ScheduleDigest: digests.schedule,
    entries.GiveUpParked: acts.give_up_parked,
    entries.GatherParked: acts.gather,
    entries.GiveUpChannel: acts.give_up_channel,
}
# Acts of people
ACTS: dict[type, Decide] = {
    entries.ReplayDead: acts.replay,
    entries.DropDead: acts.drop,
    entries.AddSilence: silences.add,
    entries.EndSilence: silences.end,
    entries.PauseDestination: acts.pause,
    entries.ResumeDestination: acts.resume,
    entries.Announce: acts.announce,
    entries.LiftPauses: acts.lift,
    entries.SendDigest: digests.send_now,
    entries.Suppress: suppressions.suppress,
    entries.Unsuppress: suppressions.unsuppress,
}
DECIDES = {**EVENTS, **DELIVERIES, **TIME, **ACTS}


def step(state: State, entry: Any, now: int, settings: entries.Settings) -> tuple[Changes, Any]:
    """Return what follows from an entry, and the answer to its sender. `now`: ms since the epoch.

    Nothing is changed in `state`. What this raises concerns the entry alone: an error of the domain is the answer to
    its sender, `NotLoaded` asks for more of the state, and anything else is a fault of relay.
    """
    d = Draft(state, now)
    answer = DECIDES[type(entry)](d, entry, settings)
    write_story(d)
    return d.changes, answer
