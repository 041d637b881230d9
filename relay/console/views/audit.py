"""Who did what."""

from datetime import datetime

from relay.console.desk import Desk
from relay.console.questions import Name, When, seconds_of
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import NO_PAGE
from relay.operating.filters import means
from relay.store.audit_pages import audit_page


class AuditQuestion(Question):
    """By these alone, of this alone: each may be any part of it, or have a `*`. `since` is `2h` (ago), or a time."""

    actor: Name = ""
    action: Name = ""
    since: When = ""
    cursor: Name = ""

    @property
    def given(self) -> dict[str, str]:
        return {name: text for name in ("actor", "action", "since") if (text := getattr(self, name))}


class ActFacts(Facts):
    """What somebody did, begun at this time (UTC). `outcome` is '' while it is under way, or where it was cut off."""

    at: datetime
    actor: str
    action: str
    address: str
    subject: str
    detail: dict[str, str]
    outcome: str


class AuditFacts(Facts):
    """Newest first; `cursor` and `looked_to` as of the dead letters."""

    acts: list[ActFacts]
    cursor: str
    looked_to: datetime | None


async def audit(desk: Desk, question: AuditQuestion) -> AuditFacts:
    actor, action = question.actor or None, question.action or None
    try:
        page = await audit_page(
            desk.audit,
            lambda entry: means(actor, entry.actor) and means(action, entry.action),
            since=seconds_of(desk, question.since) or 0.0,
            cursor=question.cursor,
        )
    except ValueError:
        raise Unknown(NO_PAGE) from None
    acts = [
        ActFacts(
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            address=entry.address,
            subject=entry.subject,
            detail=dict(entry.detail),
            outcome=entry.outcome,
        )
        for entry in page.rows
    ]
    return AuditFacts(acts=acts, cursor=page.cursor, looked_to=moment(page.looked_to))
