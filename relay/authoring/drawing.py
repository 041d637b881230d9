"""One message as a browser, a frame of a page or a mail program shows it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
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
OF_STATUS = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had

HERE = Path(__file__).parent
FOR_THE_DARK = "(prefers-color-scheme: dark)"
EITHER = 'content="light dark"'  # of the meta elements that say which schemes a document knows

Documents = dict[str, str | bytes]  # by the endings of their files
Sample = tuple[Event, tuple[Event, ...]]
"""An event, and what was known when it came, itself included."""


@dataclass(frozen=True, slots=True)
class View:
    """Choices that change how a message looks. `operation_type` replaces the sample's where it is not empty."""

    kind: Form = "each"
    fixture: str = "typical"
    destination: str = ""
    profile: str = "classic"
    language: str = "en"
    timezone: str = "UTC"
    operation_type: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A message, and its documents by the endings of their files."""

    kind: Form
    content: dict[str, Any]
    documents: Documents


def drawn(renderer: IsolatedRenderer, channel: str, last: Sample, view: View) -> Drawing:
    """Return the message as the channel sends it. TemplateError names file and line."""
    event, history = last
    kind = kind_of(channel, event, view.kind)
    content = renderer.render(
        channel, kind, event, history, language=view.language, timezone=view.timezone, now=event.occurred_at,
        destination=view.destination, healed=MISHAP if kind == "healed" else "",
    )  # fmt: skip
    make = DOCUMENTS.get(channel)
    return Drawing(kind, content, make(content, event, kind, view) if make else {f"{channel}.json": _as_json(content)})


def kind_of(channel: str, event: Event, form: Form) -> Form:
    """Return this form where the event has one in this channel, else its usual form."""
    kinds: tuple[Form, ...] = kinds_of(channel, event)
    fits = not event.about_batch and event.status in OF_STATUS.get(form, ())
    return form if form in kinds or fits else kinds[0]


def _as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _slack(content: dict[str, Any], event: Event, _kind: Form, view: View) -> Documents:
    rich = content.get("rich") if view.profile == "rich" else None
    message = {"text": content["text"], "blocks": rich or content["blocks"]}
    return {
        "slack.json": _as_json(message),
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


def in_scheme(document: str, scheme: str) -> str:
    """Return the document as readers of this scheme see it, whatever the scheme of the page around it."""
    holds = "all" if scheme == "dark" else "not all"
    return document.replace(FOR_THE_DARK, holds).replace(EITHER, f'content="{scheme}"')


def scripted(document: str, nonce: str) -> str:
    """Return a page of Slack messages for a frame that runs no script but this page's own.

    It reports its height, and has what it shows as data with no `<` in it.
    """
    head, _, tail = document.replace("<script>", f'<script nonce="{nonce}">').rpartition("</body>")
    style, script = ((HERE / name).read_text("utf-8") for name in ("frame.css", "frame.js"))
    return f'{head}<style>{style}</style><script nonce="{nonce}">{script}</script></body>{tail}'
