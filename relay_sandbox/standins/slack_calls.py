"""A call of Slack's Web API as it arrives, and the faults that tests script for it."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from relay_sandbox.standins.slack_records import Json


@dataclass(frozen=True)
class Fault:
    """What happens to one call instead of a proper answer.

    error   Slack's code, answered as {"ok": false}, with `extra` fields
    body    sent as it is, in place of JSON
    applied the call takes effect all the same, so that only its answer is lost
    close   the connection breaks without an answer
    hang    no answer ever comes
    """

    error: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    applied: bool = False
    close: bool = False
    hang: bool = False


@dataclass(frozen=True)
class SlackCall:
    method: str
    arguments: Json
    at: float
    token: str = field(repr=False)

    @property
    def lane(self) -> tuple[str, str]:
        """What a 429 holds up: posts to this conversation, or the whole method."""
        return self.method, str(self.arguments.get("channel", "")) if self.method == "chat.postMessage" else ""


async def arguments_of(request: web.Request) -> Json:
    """From JSON, a form or the address, as Slack takes them; lists and objects may come as JSON inside a form."""
    if request.content_type == "application/json":
        arguments = await request.json()
        return arguments if isinstance(arguments, dict) else {}
    arguments = {**request.query, **await request.post()}
    for key in ("blocks", "attachments", "metadata"):
        if isinstance(arguments.get(key), str):
            with contextlib.suppress(ValueError):
                arguments[key] = json.loads(arguments[key])
    return arguments
