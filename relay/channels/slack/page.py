"""Slack messages as one HTML document that needs no server: for previews, and for the stand-in."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relay.channels.slack.limits import validate
from relay.domain.deliveries import Notification, Preview

PAGE = Path(__file__).with_name("page.html")
PREVIEW = "C0PREVIEW1"  # the id of the one conversation of a preview

Json = dict[str, Any]


def live_page() -> str:
    """Read the page that asks its server for the messages."""
    return PAGE.read_text("utf-8")


def still_page(state: Mapping[str, Any]) -> str:
    """Build the page that shows this state, in the form of its server, and asks for nothing."""
    document = json.dumps({"version": "0", **state}, ensure_ascii=False).replace("<", "\\u003c")
    script = f'<script type="application/json" id="given">{document}</script>\n<script>'
    return live_page().replace("<script>", script, 1)


def page_of(
    messages: Iterable[Mapping[str, Any]], *, at: float, conversation: str = "preview", workspace: str = "Preview"
) -> str:
    """Build the page of these messages (`text` and `blocks`) in one conversation. It shows why Slack would refuse
    one. `at` is the time of posting, in seconds since the epoch."""
    posted: list[Json] = []
    refusals: list[str] = []
    for message in messages:
        faults = validate(message)
        refusals += faults
        if not faults:
            posted.append(_posted(message, f"{at + len(posted) * 1e-5:.6f}"))
    return still_page({
        "workspace": workspace, "users": {}, "groups": {}, "violations": refusals[-20:], "whispers": [],
        "conversations": [{"id": PREVIEW, "name": conversation, "messages": posted}],
    })  # fmt: skip


def preview(notification: Notification, profile: str) -> Preview:
    """Build the preview with the blocks that every Slack shows, or the newer ones (`rich`)."""
    content = notification.content
    rich = content.get("rich") if profile == "rich" else None
    message = {"text": content["text"], "blocks": rich or content["blocks"]}
    return Preview(
        {
            "slack.json": json.dumps(message, ensure_ascii=False, indent=2) + "\n",
            "slack.html": page_of([message], at=notification.created_at.timestamp()),
        },
        scripted=True,
    )


def _posted(message: Mapping[str, Any], ts: str) -> Json:
    return {
        "ts": ts, "channel": PREVIEW, "text": message.get("text") or "", "blocks": message.get("blocks") or [],
        "attachments": message.get("attachments") or [], "thread_ts": "", "broadcast": False, "edited": False,
        "revisions": 0, "replies": [],
    }  # fmt: skip
