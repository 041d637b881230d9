"""The page of `relay template preview --serve`, as HTML that needs no script: whoever has one need not press Show."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from relay.authoring.checking import Finding
from relay.authoring.drawing import Drawing, title_of
from relay.authoring.studio import Choice, Studio
from relay.authoring.variables import DEPTH, paths, shown
from relay.cli.preview.markup import SCHEMES, WIDTHS, choice, page, raw, tag
from relay.rendering.fixtures import FIXTURES

KINDS = {"each": "a message", "live": "the live message", "reply": "the reply", "also": "one more of a cause",
         "healed": "the end after a failure"}  # fmt: skip
PROFILES = {"classic": "Classic", "rich": "Rich"}
SHOWN = 100  # findings

Drawings = Mapping[str, Drawing | str]


def whole_page(studio: Studio, chosen: Choice, drawings: Drawings, nonce: str) -> str:
    own = str(studio.workspace.own or "no templates of your own; name their directory with --templates")
    form = "".join(_choices(studio, chosen)) + raw("noscript", tag("button", "Show"))
    head = raw("div", tag("h1", "Templates") + tag("p", own) + tag("p", id="said", role="status"), class_="bar")
    shown = "".join(_channel(studio, channel, chosen, drawing) for channel, drawing in drawings.items())
    body = [
        raw("header", head + raw("form", form, id="choice")),
        raw("div", raw("main", shown, id="shown", class_=chosen.width) + _beside(studio, chosen), class_="work"),
    ]
    return page("Templates", body, script="page.js", nonce=nonce)


def address(chosen: Choice) -> str:
    """What the address says of the choice."""
    view = chosen.view
    return urlencode({
        "message": chosen.message, "language": chosen.language, "fixture": view.fixture, "kind": view.kind,
        "profile": view.profile, "destination": view.destination, "type": chosen.operation_type,
        "scheme": chosen.scheme, "width": chosen.width,
    })  # fmt: skip


def _choices(studio: Studio, chosen: Choice) -> list[str]:
    view, workspace = chosen.view, studio.workspace
    rows = [
        choice("Message", "message", _same(studio.messages()), chosen.message),
        choice("Language", "language", _same(studio.languages), chosen.language),
        choice("Event says", "fixture", _same(FIXTURES), view.fixture),
        choice("In Slack", "kind", KINDS, view.kind),
        choice("Blocks", "profile", PROFILES, view.profile),
    ]
    if workspace.destinations:
        rows.append(choice("Destination", "destination", {"": "any"} | _same(workspace.destinations), view.destination))
    if studio.operation_types:
        types = {"": "the sample's"} | _same(studio.operation_types)
        rows.append(choice("Type", "type", types, chosen.operation_type))
    return [*rows, choice("Scheme", "scheme", SCHEMES, chosen.scheme), choice("Width", "width", WIDTHS, chosen.width)]


def _same(names: Any) -> dict[str, str]:
    return {name: name for name in names}


def _channel(studio: Studio, channel: str, chosen: Choice, drawing: Drawing | str) -> str:
    title = tag("h2", title_of(channel))
    if isinstance(drawing, str):
        return raw("section", title + raw("div", tag("code", drawing), class_="fault", role="alert"))
    file, own = studio.file(channel, chosen, drawing)
    source = tag("p", f"{file}" if own else f"{file.parent.name}/{file.name}, built in", class_="file")
    shown = ""
    content = drawing.content
    if "subject" in content:
        rows = [(label, content.get(name)) for label, name in (("Subject", "subject"), ("Preview", "preheader"))]
        shown = raw("dl", "".join(tag("dt", label) + tag("dd", str(text or "")) for label, text in rows))
    frame = tag("iframe", title=f"{title_of(channel)} message", src=f"/{channel}?{address(chosen)}",
                sandbox="allow-scripts")  # fmt: skip
    return raw("section", title + source + shown + raw("div", frame, class_="frame") + _source(drawing))


def _source(drawing: Drawing) -> str:
    documents = drawing.preview.documents
    ending = next(name for name in documents if name.endswith((".txt", ".json")))
    summary = "Text part" if ending.endswith(".txt") else "As it is sent"
    return raw("details", tag("summary", summary) + tag("pre", str(documents[ending]), tabindex="0"))


def _beside(studio: Studio, chosen: Choice) -> str:
    return raw(
        "aside", _findings(studio) + _variables(studio, chosen), id="beside", aria_label="Findings and variables"
    )


def _findings(studio: Studio) -> str:
    findings = studio.findings
    if findings is None:
        return raw("section", tag("h2", "Findings") + tag("p", "Looking …", class_="empty"), id="findings")
    rows = "".join(map(_finding, findings[:SHOWN])) + (
        tag("li", f"and {len(findings) - SHOWN} more") if len(findings) > SHOWN else ""
    )
    listed = raw("ul", rows) if findings else tag("p", "None: all is right.", class_="empty")
    return raw("section", tag("h2", f"Findings ({len(findings)})") + listed, id="findings")


def _finding(finding: Finding) -> str:
    at = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return raw("li", tag("span", at, class_="at") + tag("span", finding.message))


def _variables(studio: Studio, chosen: Choice) -> str:
    named = [(path, shown(value)) for path, value in paths(studio.values(chosen), "", DEPTH)]
    rows = "".join(
        raw("tr", tag("th", path, scope="row") + tag("td", text, class_="value"))
        for path, text in sorted(named, key=lambda row: (not row[1], row[0]))  # what is empty comes last
    )
    head = raw("thead", raw("tr", tag("th", "Name", scope="col") + tag("th", "Value", scope="col")))
    table = raw("table", tag("caption", "What this event says", class_="empty") + head + raw("tbody", rows))
    scrolled = raw("div", table, class_="scrolled", tabindex="0", role="region", aria_label="Variables")
    search = '<label>Filter <input id="filter" type="search" autocomplete="off"></label>'
    return raw("section", tag("h2", "Variables") + search + scrolled, id="variables")
