"""One message as what a browser or a mail program shows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.channels.email.messages import Mailbox, compose
from relay.channels.slack.page import page_of
from relay.domain.deliveries import Form, Kind, Notification, labels_of
from relay.domain.events import Event
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import kinds_of

SENDER = Mailbox("relay@example.com", "relay")
READER = "you@example.com"
FORMS: tuple[Form, ...] = ("each", "live", "reply", "also", "healed")
OF_STATUS = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}  # what is told in these words
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had

Documents = dict[str, str | bytes]  # by the endings of their files
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
    """A message, and its documents by the endings of their files."""

    kind: Form
    content: dict[str, Any]
    documents: Documents


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
    make = DOCUMENTS.get(channel)
    return Drawing(kind, content, make(content, event, kind, view) if make else {f"{channel}.json": as_json(content)})


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


def as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _slack(content: dict[str, Any], event: Event, _kind: Form, view: View) -> Documents:
    rich = content.get("rich") if view.profile == "rich" else None
    message = {"text": content["text"], "blocks": rich or content["blocks"]}
    return {
        "slack.json": as_json(message),
        "slack.html": page_of([message], at=event.occurred_at.timestamp()),
    }


def _mail(content: dict[str, Any], event: Event, form: Form, view: View) -> Documents:
    kind: Kind = "each" if form in OF_STATUS else form  # type: ignore[assignment]
    notification = Notification(
        delivery="preview", destination=view.destination or "preview", address=READER, kind=kind, content=content,
        subject=event.subject, event=event.name, created_at=event.occurred_at, language=view.language,
        labels=labels_of(event),
    )  # fmt: skip
    return {"mail.html": content["html"], "mail.txt": content["text"], "eml": compose(notification, SENDER)}


DOCUMENTS: Mapping[str, Callable[[dict[str, Any], Event, Form, View], Documents]] = {
    "slack": _slack,
    "email": _mail,
}  # of any other channel it is the content as JSON
