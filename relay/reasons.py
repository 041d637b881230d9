"""Reasons why an event was not notified, or a delivery was not sent: each code with its sentence for people.

The codes are what the store keeps, what metrics count (`held:<code>`, `dead`) and what `--json` prints. The engine
writes the same; a test finds those that are missing here.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType


class Reason(StrEnum):
    """A code. `sentence` may name the delivery's `{address}`, or the silence that held it in its place."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member


class Held(Reason):
    """Reasons why an event is not notified at a destination."""

    NO_RULE = "no_rule", "no rule matches, so nobody is told"
    INCREMENT = "increment", "it has not moved far enough since it was last told here"
    INTERVAL = "interval", "too little time has passed since it was last told here"
    QUIET_HOURS = "quiet_hours", "it came in quiet hours, and is told together with the rest at their end"
    SILENCED = (
        "silenced",
        "silence {address} held it: it is told together with the rest at the end of that, or not at all, as was chosen",
    )
    OVERFLOW = "overflow", "more new messages than the conversation takes; one rolling message shows it"
    REQUESTED = (
        "requested",
        "runs had asked for as many messages there as message_limit allows; one tells the rest",
    )
    BACKLOG = "backlog", "too much waited for something broken; one round-up tells it once that works again"
    LOW_PRIORITY = "low_priority", "its priority is Low, and no message stands here to keep up to date"
    SHOWN_BESIDE = "told_beside", "another message tells it in the same conversation"
    SHOWN_BY_BATCH = "batch", "the message of its batch shows it"
    HEALED = "healed", "it was started again within hold_failure; its end says that it had failed"
    FAILURE_SHOWN = (
        "failure_shown",
        "its failure was sent here and the run did not start again; only edited messages show the completion",
    )
    SAME_CAUSE = "same_cause", "others failed for the same cause just before; those that follow are told together"
    NOT_ALLOWED = "not_allowed", "the run asks for {address}, and dynamic_destinations does not allow it"
    UNSUBSCRIBED = "unsubscribed", "the reader of {address} has unsubscribed"
    BOUNCED = "bounced", "mails to {address} bounced, so nothing is sent there; `relay suppressed remove` ends that"
    SUPPRESSED = "suppressed", "{address} is on the list of `relay suppressed`"
    MUTED = "muted", "somebody has muted this run here by a button; its message is kept up to date all the same"
    TAKEN = "taken", "a reminder, and a person looks at this run already"
    NO_OUTCOME = "no_outcome", "only outcomes and stalled runs are told here"
    NOT_MAILED = (
        "not_mailed",
        "not worth a mail unless a rule names it: `operation.*` and `*` mail outcomes and stalled runs",
    )


class Superseded(Reason):
    """Reasons why a delivery that waited has nothing left to say."""

    NEWER_STATE = "newer state", "a newer state is told instead"
    COVERED_BY_ROOT = "covered_by_root", "the live message already shows it"
    COVERED_BY_BATCH = "covered_by_batch", "the message of its batch already shows it"
    COVERED_BY_CAUSE = (
        "covered_by_cause",
        "it failed for the same cause as another run, and is reported in that one's thread",
    )
    NOTHING = "nothing to tell", "nothing happened that it could tell"
    UNSUBSCRIBED = "unsubscribed", "its reader has unsubscribed meanwhile"
    BOUNCED = "bounced", "its address bounced meanwhile"
    SUPPRESSED = "suppressed", "its address was put on the list of `relay suppressed` meanwhile"
    RECOVERED = "it goes on again", "the run goes on again, so its alarm is not told any more"
    ALARM_NOT_SENT = (
        "its alarm was not delivered",
        "the alarm that is over did not arrive here, so its end is not told either",
    )
    ANSWERED = "answered", "a person looks at the run, it started again or ended well, so nothing is escalated"
    RUN_ENDED = "the run is over", "the run is over, so its progress is not told any more"


class Lapsed(Reason):
    """Outcomes of an attempt whose process died or was cut off."""

    NOT_SENT = "not sent", "its process died or was cut off before it sent anything; it is tried again"
    UNKNOWN = "outcome unknown", "its process died or was cut off while it was sending; it may have arrived"


class Waiting(Reason):
    """Reasons why a delivery is not sent now, even when due."""

    DESTINATION_REMOVED = "destination_removed", "the newest configuration does not have {address} there any more"


class Dead(Reason):
    """Reasons why a delivery is not tried again by itself."""

    REJECTED = "rejected", "refused for good"
    RETRIES_EXHAUSTED = "retries_exhausted", "every attempt failed"
    PAUSED_TOO_LONG = "paused_too_long", "it waited for too long for what was failing"
    CHANNEL_REMOVED = "channel_removed", "its channel is not configured any more"
    WORKER_CRASHED = "worker_crashed", "each process that took it ended, for three days"
    UNREADABLE = "unreadable", "relay could not read it; after an update it can be replayed"
    DESTINATION_REMOVED = "destination_removed", "the newest configuration has not had its destination for three days"
    EXPIRED = "expired", "what it should tell is no longer known"


@cache  # a page asks for one after another
def sentences(kind: type[Reason]) -> Mapping[str, str]:
    """The codes of one kind with their sentences."""
    return MappingProxyType({reason.value: reason.sentence for reason in kind})
