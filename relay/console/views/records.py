"""The audit trail, and addresses that are not written to."""

from fnmatch import fnmatchcase

from relay.console.context import Context, seconds_of
from relay.console.facts import Facts, Filters, Name, NoQuestion, Time, When, existing
from relay.store.audit import AuditEntry
from relay.store.queries.suppressions import Suppressed, Suppressions


class AuditQuestion(Filters):
    """By these actors, of this action: each may be any part of it, or have a `*`. `since` is `2h` (ago), or a time."""

    actor: Name = ""
    action: Name = ""
    since: When = ""
    cursor: Name = ""


class AuditFacts(Facts):
    """Newest first. An act's `outcome` is '' while it is under way, or if it was cut off."""

    rows: list[AuditEntry]
    cursor: str
    looked_to: Time


class SuppressedFacts(Facts):
    """Suppressed addresses by destination (`*`: all), oldest first; `detail` is the mail server's answer."""

    rows: list[Suppressed]


async def audit(context: Context, question: AuditQuestion) -> AuditFacts:
    def fits(entry: AuditEntry) -> bool:
        return _means(question.actor, entry.actor) and _means(question.action, entry.action)

    since = seconds_of(context, question.since) or 0.0
    return AuditFacts.merged(await existing(context.audit.page(fits, since=since, cursor=question.cursor)))


async def suppressed(context: Context, _question: NoQuestion) -> SuppressedFacts:
    return SuppressedFacts(rows=[*await Suppressions(context.store).all()])


def _means(pattern: str, text: str) -> bool:
    """A pattern without a `*` may be any part."""
    whole = pattern if "*" in pattern else f"*{pattern}*"
    return fnmatchcase(text.casefold(), whole.casefold().replace("[", "[[]"))
