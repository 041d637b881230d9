"""The last step to a mail: one message becomes an HTML part and a text part, which say the same."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from markupsafe import escape

from relay.domain.deliveries import Kind
from relay.domain.links import LinkHosts
from relay.rendering.formats.plain import Content, FillLayout, PlainFormat
from relay.rendering.texts import cut, line, plain, unlinked

MAX_SUBJECT = 200
MAX_HTML = 60 * 1024  # bytes; Gmail clips at about 102 KB, and a thread's mails may add up
MAX_DIGEST = 80 * 1024
ROWS = (100, 20, 15, 10, 7, 5, 3, 1)  # of each section: fewer if they are long, so that no mail is clipped
# What a layout may rely on, whatever the message's own file leaves out.
FIELDS: dict[str, Any] = {
    "subject": "", "preheader": "", "status": "", "status_label": "", "heading": "", "error": None, "lead": "",
    "when": "", "progress": None, "numbers": [], "blocks": "", "next": "", "facts": [], "button": None, "links": [],
    "files": None, "phases": "", "history": "", "details": [], "trace": "", "sections": [], "days": None, "note": "",
    "id": "",
}  # fmt: skip

PADDING = "\u2007\ufeff" * 60  # behind the preheader, so that lists of mails show nothing of what follows
LEADING = frozenset({"url", "more_url"})  # addresses that were looked at already

_BODY = re.compile("<body[^>]*>")
_BLANK = re.compile(r"\n{3,}")


class EmailFormat(PlainFormat):
    """`subject`, `preheader`, `text` and `html`, made by the layouts from the message's fields."""

    required: ClassVar[Mapping[str, str]] = {"subject": "a mail needs one"}
    kinds: ClassVar[tuple[Kind, ...]] = ("each",)

    def unlinked(self, content: Content, hosts: LinkHosts) -> Content:
        return {key: _unlinked(key, value, hosts) for key, value in content.items()} if hosts.names else content

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:
        names = ("subject", "preheader", "status_label")
        subject, preheader, label = (cut(line(content.get(name, "")), MAX_SUBJECT) for name in names)
        preheader = preheader or label
        fields = {**FIELDS, **content, "subject": plain(subject), "preheader": preheader, "padding": PADDING}
        limit = MAX_DIGEST if fields["days"] else MAX_HTML
        for rows in ROWS:
            mail = {**fields, "sections": [_cut(section, rows) for section in fields["sections"]]}
            if fields["files"]:
                mail["files"] = _cut(fields["files"], rows)
            page = fill_layout("html", {"mail": mail})
            if len(page.encode()) <= limit:
                break
        text = fill_layout("txt", {"mail": mail})
        return {
            "subject": plain(subject),
            "preheader": plain(preheader),
            "text": _BLANK.sub("\n\n", plain(text)) + "\n",
            "html": page,
        }

    def fallback(self, text: str, language: str) -> Content:
        subject = cut(line(text), MAX_SUBJECT)
        html = (
            f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">'
            f"<title>{escape(subject)}</title></head><body><p>{escape(text)}</p></body></html>"
        )
        return {"subject": subject, "preheader": subject, "text": f"{plain(text)}\n", "html": html}

    def marked(self, content: Content, mark: str, note: str) -> Content:
        paragraph = _paragraph(note, "#1F2328", "#FFF8C5")
        html = _BODY.sub(lambda tag: tag[0] + paragraph, content["html"], count=1)
        return content | {
            "subject": f"[{mark}] {content['subject']}", "text": f"{note}\n\n{content['text']}", "html": html,
        }  # fmt: skip

    def footnote(self, content: Content, note: str) -> Content:
        paragraph = _paragraph(note, "#57606A", "#FFFFFF")
        head, _, tail = content["html"].rpartition("</body>")
        return content | {"text": f"{content['text']}\n{note}\n", "html": f"{head}{paragraph}</body>{tail}"}


def _paragraph(text: str, color: str, background: str) -> str:
    style = f"margin: 0; padding: 12px 24px; font: 14px sans-serif; color: {color}; background-color: {background}"
    return f'<p style="{style}">{escape(text)}</p>'


def _unlinked(key: str, value: Any, hosts: LinkHosts) -> Any:
    if isinstance(value, str):
        return value if key in LEADING else unlinked(value, hosts)
    if isinstance(value, dict):
        return {name: _unlinked(name, item, hosts) for name, item in value.items()}
    return [_unlinked(key, item, hosts) for item in value] if isinstance(value, list) else value


def _cut(section: dict[str, Any], rows: int) -> dict[str, Any]:
    """The section's first rows; `more` counts what it does not show, and is 0 if it shows all."""
    items = section["items"]
    left_out = sum(int(item.get("runs") or 1) for item in items[rows:])  # a row may stand for several
    return {**section, "items": items[:rows], "more": int(section.get("more") or 0) + left_out}
