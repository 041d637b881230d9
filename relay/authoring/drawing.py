"""Every form of a message as its readers see it, on one page."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from relay.authoring.looks import LOOKS
from relay.authoring.workspace import Reader
from relay.channels import CHANNELS, TEMPLATES
from relay.domain.deliveries import Form
from relay.domain.events import Event
from relay.rendering import Renderer
from relay.rendering.checks import kinds_of

OF_STATUS: Mapping[Form, tuple[str, ...]] = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark; }
iframe { width: 100%; height: 30rem; resize: vertical; border: 1px solid #8888; border-radius: 8px; background: #fff; }
section > div { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); gap: 1rem; }
"""

Sample = tuple[Event, tuple[Event, ...]]
"""An event, and what was known when it came, itself included."""


def page(renderer: Renderer, samples: Mapping[str, Sample], readers: Mapping[str, Reader], destination: str) -> str:
    """Return the page of these messages. TemplateError names file and line."""
    sections = [
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2><div>\n'
        + "".join(_drawn(renderer, sample, language, reader, destination)
                  for language, reader in readers.items())
        + "</div></section>\n"
        for name, sample in samples.items()
    ]  # fmt: skip
    links = " · ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in samples)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Messages</title><style>{STYLE}</style>'
    return f"{head}\n<h1>Messages</h1>\n<p>{links}</p>\n{''.join(sections)}"


def _drawn(renderer: Renderer, sample: Sample, language: str, reader: Reader, destination: str) -> str:
    """Return the message in every channel and form."""
    event, history = sample
    frames = ""
    for channel in TEMPLATES:
        for form in _forms(channel, event):
            content = renderer.render(
                channel, form, event, history, language=language, timezone=reader.timezone, now=event.occurred_at,
                destination=destination, healed=MISHAP if form == "healed" else "",
            )  # fmt: skip
            title = escape(" · ".join([getattr(CHANNELS.get(channel), "title", channel.capitalize()), form, language]))
            document = escape(_document(channel, content, event.occurred_at.timestamp()))
            frame = f'<iframe loading="lazy" sandbox="allow-scripts" title="{title}" srcdoc="{document}"></iframe>'
            frames += f"<article><h3>{title}</h3><p>{escape(str(content.get('subject', '')))}</p>{frame}</article>\n"
    return frames


def _forms(channel: str, event: Event) -> Iterator[Form]:
    kinds = kinds_of(channel, event)
    yield from kinds
    if "reply" in kinds and not event.about_batch:
        yield from (form for form, statuses in OF_STATUS.items() if event.status in statuses)


def _document(channel: str, content: dict[str, Any], at: float) -> str:
    if look := LOOKS.get(channel):
        return look.page(content, at)
    text = content.get("text", json.dumps(content, ensure_ascii=False, indent=2))
    return f'<!doctype html><meta charset="utf-8"><pre style="white-space: pre-wrap">{escape(str(text))}</pre>'
