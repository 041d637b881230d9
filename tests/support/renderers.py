"""Renderers with files of a user's own, and events to render."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.domain.events import Event
from relay.rendering import Renderer
from tests.support import samples

BUILT_IN = Path(__file__).parents[2] / "templates"
NOW = datetime(2024, 1, 20, 12, 3, tzinfo=UTC)


Build = Callable[..., Renderer]


def render(
    renderer: Renderer, event: Event, channel: str = "slack", kind: Any = "each", **options: Any
) -> dict[str, Any]:
    given: dict[str, Any] = {"language": "en", "timezone": "Europe/Berlin", "now": NOW, "destination": "analysts"}
    history = options.pop("history", (event,))
    return renderer.render(channel, kind, event, history, **given | options)


def text_of(renderer: Renderer, event: Event, **options: Any) -> str:
    told: str = render(renderer, event, **options)["text"]
    return told


def body(name: str = "operation.progress", **operation: Any) -> dict[str, Any]:
    body = samples.bodies()[name]
    body["operation"] = body["operation"] | operation
    return body


def progress(**operation: Any) -> Event:
    return samples.event_of(body(**operation))


def only(text: str) -> dict[str, str]:
    return {"slack/operation.progress.yaml": f"text: {json.dumps(text)}"}
