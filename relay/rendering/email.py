"""The last step to a mail: one message becomes an HTML part and a text part, which say the same."""

from typing import Any

from css_inline import CSSInliner
from jinja2 import Template
from markupsafe import escape

from relay.rendering.filters import SIGNS
from relay.rendering.leaves import Values, render_text
from relay.rendering.texts import cut, line, plain

MAX_SUBJECT = 200
MAX_HTML = 256 * 1024
# What a layout may rely on, whatever the message's own file leaves out.
FIELDS: dict[str, Any] = {
    "subject": "", "preheader": "", "status": "", "status_label": "", "heading": "", "lead": "", "progress": None,
    "facts": [], "error": None, "next": "", "button": None, "sections": [],
}  # fmt: skip

_INLINER = CSSInliner(load_remote_stylesheets=False)


def finish(
    content: dict[str, Any], values: Values, html_values: Values, text: Template, html: Template
) -> dict[str, Any]:
    """`subject`, `preheader`, `text` and `html`, made by the layouts from the message's fields."""
    subject = cut(line(plain(content["subject"])), MAX_SUBJECT)
    preheader = cut(line(content.get("preheader", "")), MAX_SUBJECT)
    tone = content["status"].lower() if content.get("status") in SIGNS else "other"
    mail = {**FIELDS, **content, "subject": subject, "preheader": preheader, "tone": tone}
    return {
        "subject": subject,
        "preheader": plain(preheader),
        "text": plain(render_text(text, {**values, "mail": mail}, MAX_HTML)) + "\n",
        "html": _INLINER.inline(render_text(html, {**html_values, "mail": mail}, MAX_HTML)),
    }


def fallback(told: str, language: str) -> dict[str, Any]:
    """A mail without any template."""
    subject = cut(line(f"[relay] {told}"), MAX_SUBJECT)
    html = (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(subject)}</title>'
        f"</head><body><p>{escape(told)}</p></body></html>"
    )
    return {"subject": subject, "preheader": "", "text": f"{plain(told)}\n", "html": html}
