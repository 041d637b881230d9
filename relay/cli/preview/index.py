"""index.html: every preview that was written, one at a time, in both schemes and widths. Needs no server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.authoring.drawing import title_of
from relay.authoring.framing import framed, in_scheme
from relay.cli.preview.markup import SCHEMES, WIDTHS, choice, page, raw, tag

FRAMES = "frames"  # the folder of what index.html shows, beside it


@dataclass(frozen=True, slots=True)
class Page:
    """One message's document that a browser can show, with the name of its file."""

    message: str
    language: str
    fixture: str
    channel: str
    file: str
    document: str


def write_index(folder: Path, pages: Sequence[Page]) -> Path:
    """index.html, and each of the pages as it is in either scheme."""
    (folder / FRAMES).mkdir(parents=True, exist_ok=True)
    for row in pages:
        for scheme in SCHEMES:
            document = framed(in_scheme(row.document, scheme))
            (folder / _frame(row, scheme)).write_text(document, "utf-8")
    index = folder / "index.html"
    index.write_text(_index_of(pages), "utf-8")
    return index


def _frame(row: Page, scheme: str) -> str:
    return f"{FRAMES}/{row.file.removesuffix('.html')}.{scheme}.html"


def _index_of(pages: Sequence[Page]) -> str:
    files = {
        f"{row.message} {row.language} {row.fixture} {row.channel} {scheme}": _frame(row, scheme)
        for row in pages for scheme in SCHEMES
    }  # fmt: skip
    listed = json.dumps(files, ensure_ascii=False).replace("<", "\\u003c")
    choices = [
        choice(label, name, {value: value for value in dict.fromkeys(getattr(row, name) for row in pages)}, chosen)
        for label, name, chosen in (("Message", "message", ""), ("Language", "language", ""),
                                    ("Event says", "fixture", "typical"))
    ]  # fmt: skip
    choices += [choice("Scheme", "scheme", SCHEMES, "light"), choice("Width", "width", WIDTHS, "desktop")]
    channels = dict.fromkeys(row.channel for row in pages)
    links = "".join(raw("li", tag("a", row.file, href=row.file)) for row in pages)
    head = raw("div", tag("h1", "Templates") + tag("p", f"{len(pages)} previews"), class_="bar")
    body = [
        raw("header", head + raw("form", "".join(choices), id="choice")),
        raw("main", raw("div", "".join(map(_channel, channels)), id="shown"), class_="work alone"),
        f'<script type="application/json" id="files">{listed}</script>',
        raw("noscript", raw("ul", links)),
    ]
    return page("Templates", body, script="index.js")


def _channel(channel: str) -> str:
    title = title_of(channel)
    frame = raw("div", tag("iframe", title=f"{title} message"), class_="frame")
    empty = raw("p", "There is no such message in this channel.", class_="empty")
    return raw("section", tag("h2", title) + tag("p", class_="file") + frame + empty, data_channel=channel)
