"""One message as what a browser or a mail program shows."""

import json
from dataclasses import dataclass
from html import escape
from typing import Any

from relay.channels import CHANNELS
from relay.domain.deliveries import Form, Kind, Notification, Preview
from relay.domain.events import Event
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import kinds_of

READER = "you@example.com"
FORMS: tuple[Form, ...] = ("each", "live", "reply", "also", "healed")
OF_STATUS = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}  # what is told in these words
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had

Told = tuple[Event, tuple[Event, ...]]
"""An event, and what was known when it came, itself included."""


@dataclass(frozen=True, slots=True)
class View:
    """How messages are shown."""

    kind: Form = "each"
    fixture: str = "typical"
    destination: str = ""
    profile: str = "classic"
    language: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A message, and what its readers see of it."""

    kind: Form
    content: dict[str, Any]
    preview: Preview

    @property
    def page(self) -> str:
        """The ending of the document that a browser shows."""
        return next(ending for ending in self.preview.documents if ending.endswith(".html"))


def drawn(renderer: IsolatedRenderer, channel: str, last: Told, view: View) -> Drawing:
    """The message as the channel sends it. TemplateError names file and line."""
    event, history = last
    kinds: tuple[Form, ...] = kinds_of(channel, event)
    fits = not event.about_batch and event.status in OF_STATUS.get(view.kind, ())
    kind = view.kind if view.kind in kinds or fits else kinds[0]
    content = renderer.render(
        channel, kind, event, history, language=view.language, timezone=view.timezone, now=event.occurred_at,
        destination=view.destination, healed=MISHAP if kind == "healed" else "",
    )  # fmt: skip
    told_as: Kind = "each" if kind in OF_STATUS else kind  # type: ignore[assignment]
    notification = Notification(
        delivery="preview", destination=view.destination or "preview", address=READER, kind=told_as, content=content,
        subject=event.subject, event=event.name, created_at=event.occurred_at, language=view.language,
        labels=event.labels,
    )  # fmt: skip
    preview = getattr(CHANNELS.get(channel), "preview", None)
    return Drawing(
        kind, content, preview(notification, view.profile) if preview else _text_alone(notification, channel)
    )


def stem(name: str, kind: Form, view: View) -> str:
    """The name of its files: what is as usual is left out."""
    parts = (
        name,
        "" if kind in ("each", name) else kind,
        "" if view.fixture == "typical" else view.fixture,
        view.destination,
        view.language,
    )
    return ".".join(part for part in parts if part)


def title_of(channel: str) -> str:
    """What pages call a channel."""
    return getattr(CHANNELS.get(channel), "title", channel.capitalize())


def _text_alone(notification: Notification, channel: str) -> Preview:
    """Of a channel that has no preview of its own."""
    sent = json.dumps(notification.content, ensure_ascii=False, indent=2) + "\n"
    text = notification.content.get("text", sent)
    page = f"""<!doctype html><html lang="{notification.language}"><head><meta charset="utf-8">
<meta name="color-scheme" content="light dark"><title>{escape(title_of(channel))}</title></head>
<body><pre style="white-space: pre-wrap">{escape(str(text))}</pre></body></html>"""
    return Preview({f"{channel}.json": sent, f"{channel}.html": page})
