"""A message as it was sent: Slack's as text and blocks, a mail as its reader saw it. Kept for three days."""

import json
from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.framed import Frame, message_frame
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import said
from relay.store.copies import Copies, Copy

MOST = 200_000  # characters of what is shown


class MessageQuestion(Question):
    """`copy` is the name of the copy, as deliveries give it."""

    name: str = Field(min_length=1, max_length=100, alias="copy")


class MessageFacts(Facts):
    """`html` of a mail, `blocks` of Slack as JSON; /console/message/html shows either. `text` of any other channel is
    all of it, as JSON."""

    name: str
    at: datetime | None
    channel: str
    destination: str
    address: str
    kind: str
    event: str
    operation: str
    language: str
    mentions: list[str]
    subject: str
    text: str
    blocks: str
    html: str


async def message(desk: Desk, question: MessageQuestion) -> MessageFacts:
    kept = await kept_copy(desk, question.name)
    content = kept.content
    blocks = content.get("blocks")
    return MessageFacts(
        name=question.name,
        at=moment(kept.at),
        channel=kept.channel,
        destination=kept.destination,
        address=kept.address,
        kind=kept.kind,
        event=kept.event,
        operation=kept.subject,
        language=kept.language,
        mentions=[*kept.mentions],
        subject=_text(content.get("subject")),
        text=_text(content["text"] if "text" in content else json.dumps(content, ensure_ascii=False, indent=2)),
        blocks=json.dumps(blocks, ensure_ascii=False, indent=2)[:MOST] if blocks else "",
        html=_text(content.get("html")),
    )


async def kept_copy(desk: Desk, name: str) -> Copy:
    """Unknown where there is none (any more)."""
    kept = await Copies(desk.store, partial=True).of(name)
    if kept is None:
        raise Unknown(
            said("The message as it was sent is not kept: that is for three days, where the console has a login.")
        )
    return kept


async def html(desk: Desk, question: MessageQuestion) -> Frame:
    kept = await kept_copy(desk, question.name)
    return message_frame(kept.content, kept.at)


def _text(value: object) -> str:
    return value[:MOST] if isinstance(value, str) else ""
