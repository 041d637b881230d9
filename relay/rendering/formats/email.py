"""The last step to a mail: one message becomes an HTML part and a text part, which say the same."""

import re
from typing import Any

from css_inline import CSSInliner
from jinja2 import Template
from markupsafe import escape

from relay.rendering.text_template import Values, render_text
from relay.rendering.texts import cut, line, plain

MAX_SUBJECT = 200
MAX_HTML = 60 * 1024  # bytes; Gmail clips at about 102 KB, and a thread's mails may add up
MAX_DIGEST = 80 * 1024
MAX_TEXT = 256 * 1024
ROWS = (100, 20, 15, 10, 7, 5, 3, 1)  # of each section: fewer if they are long, so that no mail is clipped
# What a layout may rely on, whatever the message's own file leaves out.
FIELDS: dict[str, Any] = {
    "subject": "", "preheader": "", "status": "", "status_label": "", "heading": "", "lead": "", "when": "",
    "progress": None, "numbers": [], "facts": [], "error": None, "blocks": "", "next": "", "button": None,
    "details": [], "sections": [], "days": None, "note": "", "id": "",
}  # fmt: skip

_BLANK = re.compile(r"\n{3,}")
_INLINER = CSSInliner(load_remote_stylesheets=False)


def finish(
    content: dict[str, Any], values: Values, html_values: Values, text: Template, html: Template
) -> dict[str, Any]:
    """`subject`, `topic`, `preheader`, `text` and `html`, made by the layouts from the message's fields."""
    subject, preheader = (cut(line(content.get(name, "")), MAX_SUBJECT) for name in ("subject", "preheader"))
    topic = cut(line(content.get("topic", subject)), MAX_SUBJECT)
    mail = {**FIELDS, **content, "subject": plain(subject), "preheader": preheader}
    if mail["days"]:
        mail["days"] = _bars(mail["days"])
    limit = MAX_DIGEST if mail["days"] else MAX_HTML
    for rows in ROWS:
        shown = {**mail, "sections": [_cut(section, rows) for section in mail["sections"]]}
        page = _INLINER.inline(render_text(html, {**html_values, "mail": shown}, MAX_TEXT))
        if len(page.encode()) <= limit:
            break
    return {
        "subject": plain(subject),
        "topic": plain(topic),
        "preheader": plain(preheader),
        "text": _BLANK.sub("\n\n", plain(render_text(text, {**values, "mail": shown}, MAX_TEXT))) + "\n",
        "html": page,
    }


def fallback(told: str, name: str, language: str) -> dict[str, Any]:
    """A mail without any template."""
    subject, topic = (cut(line(f"[relay] {said}"), MAX_SUBJECT) for said in (told, name))
    html = (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(subject)}</title>'
        f"</head><body><p>{escape(told)}</p></body></html>"
    )
    return {"subject": subject, "topic": topic, "preheader": "", "text": f"{plain(told)}\n", "html": html}


def _cut(section: dict[str, Any], rows: int) -> dict[str, Any]:
    """The section's first rows; `more` counts what it does not show, and is 0 if it shows all."""
    items = section["items"]
    return {**section, "items": items[:rows], "more": int(section.get("more") or 0) + len(items[rows:])}


def _bars(days: dict[str, Any]) -> dict[str, Any]:
    """Each day's two bars, in whole percent of the busiest day's; a bar that stands for something can be seen."""
    counts = [(int(day["completed"]), int(day["failed"])) for day in days["rows"]]
    peak = max((sum(pair) for pair in counts), default=0) or 1
    shares = [[max(count * 96 // peak, 2) if count else 0 for count in pair] for pair in counts]
    return {**days, "rows": [{**day, "shares": pair} for day, pair in zip(days["rows"], shares, strict=True)]}
