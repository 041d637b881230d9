"""`step`: everything that can happen to a partition, and the one function that decides it.

Read it first: it shows all that relay does. Each entry is a frozen dataclass in the module of its topic: its fields are
what happened, `decide` says what follows from it, and returns the answer to its sender.
"""

from typing import Any

from relay.engine import (
    bundles,
    causes,
    clock,
    dead_letters,
    health,
    housekeeping,
    intake,
    parking,
    pauses,
    posted,
    receipts,
    suppressions,
    take,
    watch,
    withholding,
)
from relay.engine.draft import Draft, Settings
from relay.engine.ledger import write_story
from relay.engine.state import Changes, State

# From the platform, foreign senders, buttons, the watchdog and relay itself
EVENTS: tuple[type, ...] = (intake.Report,)
# What is due is handed out, marked, and settled by what became of it
DELIVERIES: tuple[type, ...] = (
    take.Take,
    receipts.Mark,
    receipts.Release,
    posted.Arrived,
    receipts.Failed,
    receipts.GiveUp,
    receipts.Withhold,
    receipts.Lapse,
    causes.ClaimMentions,
)
# Time that has come
TIME: tuple[type, ...] = (
    clock.TakeTurn,
    clock.TakeTurnFor,
    clock.ReportTick,
    clock.Reconciled,
    clock.LookAtTroubles,
    clock.KeepTroubles,
    watch.Tick,
    watch.RunsDue,
    watch.LookAgain,
    watch.AskedPlatform,
    watch.ForgetMissing,
    health.RecordWorks,
    bundles.ScheduleDigest,
    housekeeping.ForgetDocuments,
    housekeeping.GiveUpParked,
    housekeeping.GatherParked,
    housekeeping.GiveUpChannel,
)
# Acts of people
ACTS: tuple[type, ...] = (
    dead_letters.ReplayDead,
    dead_letters.DropDead,
    withholding.AddSilence,
    withholding.EndSilence,
    pauses.PauseDestination,
    pauses.ResumeDestination,
    pauses.LiftPauses,
    parking.Announce,
    bundles.SendDigest,
    suppressions.Suppress,
    suppressions.Unsuppress,
)
ENTRIES = frozenset((*EVENTS, *DELIVERIES, *TIME, *ACTS))


def step(state: State, entry: Any, now: int, settings: Settings) -> tuple[Changes, Any]:
    """Return what follows from an entry, and the answer to its sender. `now`: ms since the epoch.

    Nothing is changed in `state`. What this raises concerns the entry alone: an error of the domain is the answer to
    its sender, `NotLoaded` asks for more of the state, and anything else is a fault of relay.
    """
    if type(entry) not in ENTRIES:  # nor could it be read from the inbox (relay/store/journal/kinds.py)
        raise TypeError(f"{type(entry).__name__} is not in the table of relay/engine/step.py")
    d = Draft(state, now, settings)
    answer = entry.decide(d)
    write_story(d)
    return d.changes, answer
