"""The dead letters: which there are, why, and what can be done about each."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.payloads import document_of, laid_out
from relay.console.questions import Name, When, seconds_of
from relay.console.sentences import ADVICE, why
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import NO_PAGE, said
from relay.errors import RelayError, StoreUnavailable
from relay.operating.entries import letter_named
from relay.operating.filters import Filter
from relay.operating.sweeps import meant
from relay.reasons import Dead, sentences
from relay.store.dead_letters import DeadLetter
from relay.store.dead_pages import DeadPages
from relay.store.history import History


class DeadFilter(Question):
    """All must hold; '' for any. `event` may have a `*`; `since` is `2h` (ago), or a time."""

    destination: Name = ""
    reason: Name = ""
    event: Name = ""
    since: When = ""

    @property
    def selection(self) -> Filter:
        return Filter(self.destination or None, self.reason or None, self.event or None)

    @property
    def given(self) -> dict[str, str]:
        return {name: text for name in DeadFilter.model_fields if (text := getattr(self, name))}


class DeadQuestion(DeadFilter):
    """`cursor`: of the page before."""

    cursor: Name = ""


class DeadAllQuestion(DeadFilter):
    """`verb` is what shall be done with all of them."""

    verb: str = Field("replay", pattern="^(replay|drop)$")


class DeadLetterQuestion(Question):
    """The id of one."""

    id: Name


class DeadFacts(Facts):
    """A delivery that is not tried again by itself; `why` is its reason as a sentence, `advice` what to do about it.

    operation  the id that people know, with `name` and whose it is; '' for a digest, which is of many
    error      what the other side answered last
    died       in UTC
    """

    id: str
    operation: str
    name: str
    tenant: str
    project: str
    platform: str
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
    died: datetime


class DeadListFacts(Facts):
    """Newest first. `total` is how many there are, whatever the filters; `cursor` asks for the older ones.

    Where a page finds few because it has looked at as many as it may, `looked_to` is how far back that was.
    """

    total: int
    rows: list[DeadFacts]
    cursor: str
    looked_to: datetime | None
    destinations: list[str]
    reasons: list[str]


class MeantFacts(Facts):
    """How many of a destination died for a reason."""

    destination: str
    reason: str
    why: str
    count: int


class DeadAllFacts(Facts):
    """What all that match would be, among the newest, of which so many were `looked` at. `more`: at least so many.
    `since` and `before` (seconds since the epoch) go with the act: what dies later is not meant.
    """

    since: datetime | None
    count: int
    looked: int
    more: bool
    of: list[MeantFacts]
    before: float


class DeadLetterFacts(DeadFacts):
    """`body` is what it would tell, laid out, and `cut` whether its end was left out; '' for a message that shows the
    operation's present state.
    """

    body: str
    cut: bool


async def dead(desk: Desk, question: DeadQuestion) -> DeadListFacts:
    pages = DeadPages(desk.store, partial=True)
    try:
        page = await pages.page(
            question.selection.means, since=seconds_of(desk, question.since), cursor=question.cursor
        )
    except ValueError:
        raise Unknown(NO_PAGE) from None
    named = {*desk.config().destinations, *await History(desk.store, partial=True).destinations()}
    return DeadListFacts(
        total=await pages.count(),
        rows=[DeadFacts(**_facts(letter)) for letter in page.rows],
        cursor=page.cursor,
        looked_to=moment(page.looked_to),
        destinations=sorted(named),
        reasons=[*sentences(Dead)],
    )


async def every(desk: Desk, question: DeadAllQuestion) -> DeadAllFacts:
    since, before = seconds_of(desk, question.since), desk.clock()
    answer = await meant(DeadPages(desk.store, partial=True), question.selection, since, before)
    of = [
        MeantFacts(destination=destination, reason=reason, why=why(reason, "dead"), count=count)
        for (destination, reason), count in sorted(answer.of.items(), key=lambda item: -item[1])
    ]
    return DeadAllFacts(
        since=moment(since), count=answer.count, looked=answer.looked, more=answer.more, of=of, before=before
    )


async def letter(desk: Desk, question: DeadLetterQuestion) -> DeadLetterFacts:
    dead_letter = await named_letter(desk, question.id)
    body, cut = laid_out(document_of(dead_letter.body))
    return DeadLetterFacts(**_facts(dead_letter), body=body, cut=cut)


async def named_letter(desk: Desk, name: str) -> DeadLetter:
    """With its body; the id may be short. Unknown if it is dead no more."""
    try:
        dead_letter = await letter_named(desk.admin, name)
    except StoreUnavailable:
        raise
    except RelayError as error:
        raise Unknown(str(error)) from None
    if dead_letter is None:
        raise Unknown(said("%(name)s is no dead letter: it was replayed or dropped, or never was one"), name=name)
    return await desk.admin.with_body(dead_letter)


def _facts(letter: DeadLetter) -> Mapping[str, object]:
    return {
        "id": letter.id,
        "operation": letter.operation,
        "name": letter.title,
        "tenant": letter.tenant,
        "project": letter.project,
        "platform": letter.platform,
        "event": letter.event,
        "destination": letter.destination,
        "channel": letter.channel,
        "address": letter.address,
        "kind": letter.kind,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "why": why(letter.reason, "dead"),
        "advice": ADVICE.get(letter.reason, ""),
        "error": letter.error,
        "died": letter.died_at,
    }
