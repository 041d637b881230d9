"""Messages on the stand-in's page, as one HTML document that needs no server: for previews and for tests."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relay.dev.standins.slack_workspace import Workspace

PAGE = Path(__file__).with_name("slack_page.html")


def live_page() -> str:
    """The page that asks its server for what it shows."""
    return PAGE.read_text("utf-8")


def page_of(
    messages: Iterable[Mapping[str, Any]], *, at: float, conversation: str = "preview", workspace: str = "Preview"
) -> str:
    """These messages (`text` and `blocks`, as they would be posted) in one conversation. Where Slack would refuse one,
    the page shows why instead. `at` is the time of posting, in seconds since the epoch."""
    posted = Workspace(name=workspace, clock=lambda: at)
    for message in messages:
        posted.call("chat.postMessage", {"channel": f"#{conversation}", **message})
    return still_page(posted)


def still_page(workspace: Workspace) -> str:
    """The workspace as it is now, its threads and edits included."""
    state = json.dumps({"version": "0", **workspace.snapshot()}, ensure_ascii=False).replace("<", "\\u003c")
    return live_page().replace("<script>", f'<script type="application/json" id="given">{state}</script>\n<script>', 1)
