"""One message as a browser, a frame of a page or a mail program shows it."""

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from relay.channels import CHANNELS
from relay.domain.deliveries import Form, Kind, Notification, Preview
from relay.domain.events import Event
from relay.rendering import Renderer
from relay.rendering.checks import kinds_of

READER = "you@example.com"
FORMS: tuple[Form, ...] = ("each", "live", "reply", "also", "healed")
OF_STATUS = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had

HERE = Path(__file__).parent

Sample = tuple[Event, tuple[Event, ...]]
"""An event, and what was known when it came, itself included."""


@dataclass(frozen=True, slots=True)
class View:
    """Choices that change how a message looks."""

    kind: Form = "each"
    fixture: str = "typical"
    destination: str = ""
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


def drawn(renderer: Renderer, channel: str, last: Sample, view: View) -> Drawing:
    """Return the message as the channel sends it. TemplateError names file and line."""
    event, history = last
    kind = kind_of(channel, event, view.kind)
    content = renderer.render(
        channel, kind, event, history, language=view.language, timezone=view.timezone, now=event.occurred_at,
        destination=view.destination, healed=MISHAP if kind == "healed" else "",
    )  # fmt: skip
    sent_as: Kind = "each" if kind in OF_STATUS else kind  # type: ignore[assignment]
    notification = Notification(
        delivery="preview", destination=view.destination or "preview", address=READER, kind=sent_as, content=content,
        subject=event.subject, event=event.name, created_at=event.occurred_at, language=view.language,
        labels=event.filters,
    )  # fmt: skip
    preview = getattr(CHANNELS.get(channel), "preview", None)
    return Drawing(kind, content, preview(notification) if preview else _text_alone(notification, channel))


def kind_of(channel: str, event: Event, form: Form) -> Form:
    """Return this form where the event has one in this channel, else its usual form."""
    kinds: tuple[Form, ...] = kinds_of(channel, event)
    fits = not event.about_batch and event.status in OF_STATUS.get(form, ())
    return form if form in kinds or fits else kinds[0]


def _text_alone(notification: Notification, channel: str) -> Preview:
    """Return the preview of a channel that has none of its own."""
    sent = json.dumps(notification.content, ensure_ascii=False, indent=2) + "\n"
    text = notification.content.get("text", sent)
    title = getattr(CHANNELS.get(channel), "title", channel.capitalize())
    page = f"""<!doctype html><html lang="{notification.language}"><head><meta charset="utf-8">
<meta name="color-scheme" content="light dark"><title>{escape(title)}</title></head>
<body><pre style="white-space: pre-wrap">{escape(str(text))}</pre></body></html>"""
    return Preview({f"{channel}.json": sent, f"{channel}.html": page})


def scripted(document: str, nonce: str) -> str:
    """Return a page of Slack messages for a frame that runs this page's script alone and is told its height."""
    head, _, tail = document.replace("<script>", f'<script nonce="{nonce}">').rpartition("</body>")
    style, script = ((HERE / name).read_text("utf-8") for name in ("frame.css", "frame.js"))
    return f'{head}<style>{style}</style><script nonce="{nonce}">{script}</script></body>{tail}'
