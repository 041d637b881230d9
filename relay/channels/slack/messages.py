"""Messages within Slack's limits when mentions are added, and reduced versions for one that it refuses.

The renderer keeps each block within its own limits; a fault that it cannot foresee costs a message its looks and never
its arrival.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from relay.channels.slack.errors import FailureKind, SlackError
from relay.domain.deliveries import PERSON, Notification, Receipt
from relay.domain.display import TEXT_BUDGET, escape_mrkdwn, truncate_mrkdwn
from relay.rendering.formats.slack import text_size, texts_in

log = structlog.get_logger(__name__)

MAX_SECTION = 3_000
MAX_LINE = 300
MIN_TEXT = 40  # a text cut shorter than this says nothing
NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}  # of what links lead to

# What people write in a configuration, and Slack in its answers. Ids hold a figure, and so differ from words.
USER_ID = re.compile(r"(?=.*\d)[UW][A-Z0-9]{2,20}")
GROUP_ID = re.compile(r"(?=.*\d)S[A-Z0-9]{2,20}")
EMAIL = re.compile(r"[^@\s<>|]+@[^@\s<>|]+")
EVERYBODY = {"@here": "<!here>", "@channel": "<!channel>"}

Message = dict[str, Any]
Answer = TypeVar("Answer")


def by_id(raw: str) -> str:
    """Return the mention of an id, which needs no look-up; else ''."""
    person, name = raw.startswith(PERSON), raw.strip().removeprefix(PERSON)
    if USER_ID.fullmatch(name):
        return f"<@{name}>"
    if person:
        return ""
    return f"<!subteam^{name}>" if GROUP_ID.fullmatch(name) else EVERYBODY.get(name, "")


def degraded_versions(content: Mapping[str, Any], mentions: str = "", otherwise: str = "") -> list[Message]:
    """Return the message in three degrees, the fullest first: as the templates made it, its words, one plain line.

    `content` has `text`, and may have `blocks`; all of it is mrkdwn, escaped already. `mentions` go before the blocks
    and behind the text; `otherwise` is the text of a message that has none.
    """
    text, blocks = content.get("text"), content.get("blocks") or ()
    words = "\n".join(texts_in(blocks)) or text or otherwise
    line = text or words
    plain = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", line).split())
    return [
        {
            "text": _with_mentions(line, mentions, MAX_SECTION),
            "blocks": fit_blocks(_addressed(blocks, mentions)),
        },
        {"text": _with_mentions(words, mentions, MAX_SECTION), "blocks": []},
        {"text": _with_mentions(plain, mentions, MAX_LINE), "blocks": []},
    ]


async def first_accepted(
    notification: Notification,
    mentions: str,
    post: Callable[[Message], Awaitable[Answer]],
    metadata: Mapping[str, Any] | None = None,
) -> Answer:
    """Return Slack's answer to the first version that it takes. Other errors than of the message are raised."""
    otherwise = escape_mrkdwn(f"{notification.event}: {notification.subject}")
    *fuller, plainest = degraded_versions(notification.content, mentions, otherwise)
    for version in fuller:
        if metadata:  # not where one line is left: it may be the fault
            version["metadata"] = metadata
        try:
            return await post(version)
        except SlackError as error:
            if error.kind is not FailureKind.MESSAGE:
                raise
            log.warning("message.reduced", subject=notification.subject, why=str(error))
            if "metadata" in error.code:
                metadata = None
    return await post(plainest)


def receipt_of(
    home: str, notification: Notification, message: Mapping[str, str], root: str = "", shown: str = ""
) -> Receipt:
    """Make the receipt of a message. `home`: of the workspace; `root`: of a reply's thread, which the lane keeps."""
    thread = notification.thread if notification.kind == "reply" else message if message["ts"] else {}
    return Receipt(_permalink(home, message, root), thread, shown)


def _permalink(home: str, message: Mapping[str, str], root: str) -> str:
    """Make the permalink: asking Slack for it would be one call more for every message."""
    channel, ts = message["channel"], message["ts"]
    if not home or not ts:
        return f"{channel}/{ts}"
    inside = f"?thread_ts={root}&cid={channel}" if root else ""
    return f"{home}archives/{channel}/p{ts.replace('.', '')}{inside}"


def _with_mentions(text: str, mentions: str, limit: int) -> str:
    """Put them behind the text, whole: a locked phone shows its beginning."""
    if not mentions:
        return truncate_mrkdwn(text, limit)
    return f"{truncate_mrkdwn(text, limit - len(mentions) - 1)} {mentions}"


def _addressed(blocks: Sequence[Message], mentions: str) -> list[Message]:
    """Put the mentions at the beginning of the first text that can hold them."""
    if not mentions or not blocks:
        return list(blocks)
    for index, block in enumerate(blocks):
        text = block.get("text")
        if block.get("type") == "section" and isinstance(text, Mapping) and text.get("type") == "mrkdwn":
            named = truncate_mrkdwn(f"{mentions} {text.get('text', '')}", MAX_SECTION)
            return [*blocks[:index], {**block, "text": {**text, "text": named}}, *blocks[index + 1 :]]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": mentions}}, *blocks]


def fit_blocks(blocks: Sequence[Message], room: int = TEXT_BUDGET) -> list[Message]:
    """Return the blocks that there is room for. A long text is cut; later blocks may still fit."""
    fitted = []
    for block in blocks:
        text, size = block.get("text"), text_size(block)
        if size > room >= MIN_TEXT and block.get("type") == "section" and isinstance(text, Mapping):
            block = {**block, "text": {**text, "text": truncate_mrkdwn(str(text.get("text", "")), room)}}  # noqa: PLW2901
            block.pop("fields", None)
            size = text_size(block)
        if size <= room:
            fitted.append(block)
            room -= size
    return fitted
