"""The dead letters: which there are, why, and what can be done about each."""

import json
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from relay.console.context import Context, seconds_of
from relay.console.facts import (
    BulkQuestion,
    Facts,
    Filters,
    Name,
    OfOperation,
    Question,
    Time,
    Unknown,
    When,
    existing,
    why_of,
)
from relay.operating import sweeps
from relay.operating.acts import letter_named
from relay.reasons import Dead, sentences
from relay.store.queries.dead_letters import DeadLetter, DeadPages
from relay.store.queries.history import History

SHOWN = 64_000  # characters of a body
READ = 1_000_000  # of a longer one only the beginning is shown, as it came


ADVICE: Mapping[str, str] = {
    Dead.REJECTED: "Mend what the answer names, such as the address or the rights of the bot, then replay it.",
    Dead.RETRIES_EXHAUSTED: "Replay it once the other side works again; the last answer says what was wrong.",
    Dead.PAUSED_TOO_LONG: "Replay it once its destination can be reached again, or drop it if it is too old.",
    Dead.CHANNEL_REMOVED: "Configure its channel again and replay it, or drop it.",
    Dead.WORKER_CRASHED: "Report it to the maintainers of relay; replay it after an update, or drop it.",
    Dead.UNREADABLE: "Replay it once relay is updated.",
    Dead.DESTINATION_REMOVED: "Configure its destination again and replay it, or drop it.",
    Dead.EXPIRED: "There is nothing left that it could tell: drop it.",
}


class DeadFilters(Filters):
    """`event` may have a `*`; `since` is `2h` (ago), or a time."""

    destination: Name = ""
    reason: Name = ""
    event: Name = ""
    since: When = ""

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether all but `since` hold, which is for the page to look at."""
        return (
            self.destination in ("", letter.destination)
            and self.reason in ("", letter.reason)
            and (not self.event or fnmatchcase(letter.event, self.event))
        )


class DeadQuestion(DeadFilters, BulkQuestion):
    """Dead letters."""


class IdQuestion(Question):
    """The id of one."""

    id: Name


class DeadFacts(OfOperation):
    """`why` is the reason as a sentence, `advice` a remedy, `error` the last answer; a digest has no `operation`."""

    id: str
    event: str
    destination: str
    channel: str
    address: str
    kind: str
    attempts: int
    reason: str
    why: str
    advice: str
    error: str
    died: Time


class DeadListFacts(Facts):
    """Newest first; `total` ignores filters. `looked_to`: a page that looked at as many as it may ends there."""

    total: int
    rows: list[DeadFacts]
    cursor: str
    looked_to: Time
    destinations: list[str]
    reasons: dict[str, str] = Field(exclude=True)  # with their sentences


class MeantFacts(Facts):
    """Number of dead letters of a destination and reason."""

    destination: str
    reason: str
    why: str
    count: int


class AllFacts(Facts):
    """Number of matches among the newest `looked`; `more`: at least so many. `since` and `before` bound the act."""

    since: Time
    count: int
    looked: int = 0
    more: bool = False
    of: list[MeantFacts] = Field(default_factory=list)
    before: float


class DeadLetterFacts(DeadFacts):
    """`body` is the event, `cut` if it is long; '' for a message that shows the operation's present state."""

    body: str
    cut: bool


async def dead(context: Context, question: DeadQuestion) -> DeadListFacts:
    pages, since = DeadPages(context.store), seconds_of(context, question.since)
    page = await existing(pages.page(question.matches, since=since, cursor=question.cursor))
    named = {*context.config().destinations, *await History(context.store).destinations()}
    rows = [_facts(letter) for letter in page.rows]
    return DeadListFacts.merged(
        page, total=await pages.count(), rows=rows, destinations=sorted(named), reasons=sentences(Dead)
    )


async def every(context: Context, question: DeadQuestion) -> AllFacts:
    since, before = seconds_of(context, question.since), context.clock()
    answer = await sweeps.meant(DeadPages(context.store), question.matches, since, before)
    of = [
        MeantFacts(destination=destination, reason=reason, why=why_of(reason, "dead"), count=count)
        for (destination, reason), count in answer.by.most_common()
    ]
    return AllFacts.merged(answer, since=since, of=of, before=before)


async def letter(context: Context, question: IdQuestion) -> DeadLetterFacts:
    """The id may be short."""
    dead_letter = await letter_named(context.admin, question.id)
    if dead_letter is None:
        raise Unknown(f"{question.id} is no dead letter: it was replayed or dropped, or never was one")
    whole = await context.admin.with_body(dead_letter)
    body, cut = laid_out(_document_of(whole.body))
    return DeadLetterFacts.merged(_facts(whole), body=body, cut=cut)


def _facts(letter: DeadLetter) -> DeadFacts:
    sentence, advice = why_of(letter.reason, "dead"), ADVICE.get(letter.reason, "")
    return DeadFacts.merged(letter, operation=letter.subject, died=letter.died_at, why=sentence, advice=advice)


def _document_of(body: str) -> Any:
    """Return what the sender said, of an event as relay keeps it; the text itself if it is none, or too long."""
    try:
        return json.loads(body)["document"] if body and len(body) <= READ else body
    except (ValueError, KeyError, TypeError, RecursionError):
        return body


def laid_out(body: object) -> tuple[str, bool]:
    """Return JSON indented, everything else as it is; and whether the end was left out."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if isinstance(text, str) and len(text) <= READ:
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    elif not isinstance(text, str):
        text = json.dumps(text, ensure_ascii=False, indent=2)
    return text[:SHOWN], len(text) > SHOWN
