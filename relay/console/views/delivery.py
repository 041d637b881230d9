"""One delivery: what it says or would say, its attempts, when it is tried next, and why it waits."""

from datetime import datetime
from typing import Any

from pydantic import Field

from relay.console.desk import Desk
from relay.console.framed import Frame, message_frame
from relay.console.previews import PreviewFacts, preview
from relay.console.questions import Name
from relay.console.sentences import why
from relay.console.view import Facts, Question, Unknown
from relay.console.views.delivery_facts import DeliveryFacts, ended_facts, waiting_facts
from relay.console.words import said
from relay.domain.facts import Space
from relay.errors import AmbiguousId, Unsealable
from relay.operating.timeline import facts_of
from relay.store.delivery_contents import DeliveryContents
from relay.store.history import History
from relay.store.waiting import Waiting

GONE = said(
    "this delivery is over, and the record of where it went to has it no more; the page of its operation has what is "
    "still known"
)


class DeliveryQuestion(Question):
    """Its id; of one that is over also where it went and when it ended (ms since the epoch): the record is kept so."""

    id: Name
    destination: Name = ""
    at: int = Field(0, ge=0, lt=10**15)


class LineFacts(Facts):
    """One line of what happened to its operation at this destination; `line` is what was noted, as `relay explain
    --json` has it.
    """

    at: datetime
    line: dict[str, Any]


class OneDeliveryFacts(DeliveryFacts):
    """With what happened there, oldest first; of an operation that is known."""

    story: list[LineFacts]


async def delivery(desk: Desk, question: DeliveryQuestion) -> OneDeliveryFacts:
    waits = await Waiting(desk.store, partial=True).named(question.id, desk.clock())
    facts = (await waiting_facts(desk, [waits]))[0] if waits else await _ended(desk, question)
    if waits and waits.state == "dead":
        facts = await _dead(desk, facts)
    return OneDeliveryFacts(**facts.model_dump(), story=await _story(desk, facts))


async def trial(desk: Desk, question: DeliveryQuestion) -> PreviewFacts:
    try:
        content = await DeliveryContents(desk.store).of(question.id)
    except Unsealable as error:
        raise Unknown(said("it cannot be shown: %(fault)s"), fault=str(error)) from None
    if content is None:
        text = said("%(id)s neither waits nor is dead, or what it would tell is no longer known")
        raise Unknown(text, id=question.id)
    return await preview(desk, content)


async def trial_html(desk: Desk, question: DeliveryQuestion) -> Frame:
    shown = await trial(desk, question)
    content = {"text": shown.event, "blocks": shown.blocks} if shown.blocks else {"html": shown.html}
    return message_frame(content, desk.clock())


async def _dead(desk: Desk, facts: DeliveryFacts) -> DeliveryFacts:
    """With why, and since when."""
    letter = await desk.admin.dead_letter(facts.id)
    if letter is None:  # replayed or dropped just now
        return facts
    sentence = why(letter.reason, "dead", letter.address)
    return facts.model_copy(update={"reason": letter.reason, "why": sentence, "at": letter.died_at})


async def _ended(desk: Desk, question: DeliveryQuestion) -> DeliveryFacts:
    if question.destination and question.at:
        page = await History(desk.store, partial=True).page(
            destination=question.destination, since=question.at / 1000, until=(question.at + 1) / 1000, most=200
        )
        for row in page.rows:
            if row.id == question.id:
                return ended_facts(row)
    raise Unknown(GONE)


async def _story(desk: Desk, facts: DeliveryFacts) -> list[LineFacts]:
    if not facts.operation:
        return []
    space = Space(tenant=facts.tenant, project=facts.project, platform=facts.platform)
    try:
        timeline = await desk.admin.timeline(facts.operation, space)
    except AmbiguousId:
        return []
    lines = facts_of(timeline)["timeline"] if timeline else []
    own = [line for line in lines if line.get("destination") == facts.destination]
    return [LineFacts(at=datetime.fromisoformat(line["at"]), line=line) for line in own]
