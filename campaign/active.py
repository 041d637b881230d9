"""Search for active content and foreign links in what people are shown: each function names what it found."""

import email.policy
import json
import re
from collections.abc import Collection, Iterator
from email import message_from_bytes
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib

ELEMENTS = {"html", "head", "main", "meta", "title", "style", "body", "div", "span", "p", "a", "b", "strong", "em",
            "br", "details", "summary", "table", "tbody", "thead", "tr", "td", "th", "h1", "h2", "h3", "ul", "ol", "li",
            "hr", "img", "pre", "code", "small", "center"}  # fmt: skip
ADDRESSES = {"href", "src", "background", "action", "formaction", "poster", "data", "srcset", "cite", "longdesc",
             "ping"}  # fmt: skip
FETCHED = re.compile(r"url\s*\(|@import|expression\s*\(|image-set|behavior\s*:", re.IGNORECASE)
HEADERS = {"from", "to", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "x-entity-ref-id",
           "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "auto-submitted", "precedence",
           "x-auto-response-suppress", "importance", "x-relay-event", "x-relay-status", "x-relay-priority",
           "x-relay-operation", "x-relay-batch", "content-language", "mime-version", "content-type",
           "content-transfer-encoding"}  # fmt: skip
LONGEST_LINE = 998  # RFC 5322 §2.1.1
# Marks that turn or hide the writing; controls, but for the ends of lines.
DISGUISES = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MENTION = re.compile(r"<[!@#][^>]*>|<(?=[!@#])")
ROW = re.compile(r'[a-zA-Z_:][\w:]*(\{([a-z_]+="[^"\\]*",?)*\})? ([-+]?[\d.]+(e[-+]?\d+)?|NaN|[-+]Inf)')
DATE = re.compile(r"<!date\^\d{1,12}\^[^<>|]*(\^[^<>|]*)?\|[^<>]*>")
ANGLED = re.compile(r"<([^<>|]*)(\|[^<>]*)?>")
PADDING = "\u2007\ufeff"  # relay's own, behind what a list of mails shows of one


def in_html(html: str, hosts: Collection[str]) -> Iterator[str]:
    """Find elements, attributes and addresses that must not be in a mail, as a browser reads it."""
    root: Element = html5lib.HTMLParser(namespaceHTMLElements=False).parse(html)
    for element in root.iter():
        tag: object = element.tag
        if not isinstance(tag, str):  # of a comment it is a function
            continue
        if tag not in ELEMENTS:
            yield f"<{tag}>"
        if element.tag == "meta" and "refresh" in (element.get("http-equiv") or "").lower():
            yield "meta refresh"
        if element.tag == "style" and FETCHED.search(element.text or ""):
            yield "a style that fetches"
        for name, value in element.attrib.items():
            if str(name).lower().startswith("on"):
                yield f"{name}={value[:60]}"
            elif name == "style" and FETCHED.search(value):
                yield f"style {value[:60]}"
            elif name in ADDRESSES and not _leads_to(value, hosts):
                yield f"{name}={value[:100]}"
            elif name == "src":
                yield f"a picture from outside, {value[:100]}"


def in_mail(raw: bytes, hosts: Collection[str]) -> Iterator[str]:
    """The whole mail as a server takes it and a program shows it."""
    yield from (f"a line of {len(line)} bytes" for line in raw.split(b"\r\n") if len(line) > LONGEST_LINE)
    if re.search(rb"[\x00\x80-\xff]|(?<!\r)\n|\r(?!\n)", raw):
        yield "bytes that are no ASCII lines"
    message = message_from_bytes(raw, policy=email.policy.default)
    names = [name.lower() for name in message]
    yield from (f"header {name}" for name in names if name not in HEADERS)
    yield from (f"header {name} twice" for name in {*names} if names.count(name) > 1)
    for name, value in message.items():
        if CONTROLS.search(str(value)) or DISGUISES.search(str(value)):
            yield f"a disguise in {name}: {value!r:.100}"
    if message.defects:
        yield f"defects: {message.defects}"
    parts = [part for part in message.walk() if not part.is_multipart()]
    if [part.get_content_type() for part in parts] not in (["text/plain", "text/html"], ["text/plain"]):
        yield f"parts {[part.get_content_type() for part in parts]}"
    for part in parts:
        content = part.get_content() if part.get_content_maintype() == "text" else ""
        yield from in_text(content.replace(PADDING, ""), lines=True)
        if part.get_content_type() == "text/html":
            yield from in_html(content, hosts)


def in_slack(message: Any, hosts: Collection[str]) -> Iterator[str]:
    """All texts of a message as Slack reads them: mentions, links, addresses of buttons, marks that disguise."""
    if isinstance(message, dict):
        if message.get("type") == "mrkdwn" and not message.get("verbatim"):
            yield f"text in which Slack looks for names and addresses: {message.get('text')!r:.100}"
        for key, value in message.items():
            if key in ("url", "image_url", "thumb_url") and not _leads_to(str(value), hosts):
                yield f"{key}={value!r:.100}"
            yield from in_slack(value, hosts)
    elif isinstance(message, list):
        for item in message:
            yield from in_slack(item, hosts)
    elif isinstance(message, str):
        yield from in_text(message, lines=True)
        text = DATE.sub("", message)
        yield from (f"mention {found}" for found in MENTION.findall(text))
        yield from (f"link {found[0][:100]}" for found in ANGLED.findall(text) if not _leads_to(found[0], hosts))
        if re.search("[<>]", ANGLED.sub("", text)) and not message.startswith(("http", "{")):
            yield f"a stray angle bracket in {text!r:.100}"


def in_text(text: str, *, lines: bool = False) -> Iterator[str]:
    """Return what a terminal, or a reader's eye, would be led astray by."""
    text = text.replace("\r\n", "\n") if lines else text
    yield from (f"control {found!r}" for found in {*CONTROLS.findall(text)})
    yield from (f"disguise {found!r}" for found in {*DISGUISES.findall(text)})


def in_log(raw: bytes) -> Iterator[str]:
    """A log in which each line is one JSON object, written so that no terminal is led astray either."""
    for line in raw.split(b"\n")[:-1]:
        try:
            whole = isinstance(json.loads(line), dict)
        except ValueError:
            whole = False
        if not whole:
            yield f"no JSON object: {line[:100]!r}"
        elif re.search(rb"[\x00-\x1f\x7f]", line):
            yield f"a control in {line[:100]!r}"


def in_metrics(text: str) -> Iterator[str]:
    """Find rows that are none, and labels whose values are neither names nor words of the code."""
    for row in text.splitlines():
        if row and not row.startswith("#"):
            if not ROW.fullmatch(row):
                yield f"row {row[:100]}"
            yield from (f"label {value[:100]}" for value in re.findall(r'="([^"]*)"', row)
                        if not re.fullmatch(r"[\w.:+#/@-]*", value))  # fmt: skip


def _leads_to(address: str, hosts: Collection[str]) -> bool:
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    allowed_host = any(host == allowed or host.endswith(f".{allowed}") for allowed in hosts)
    return parts.scheme in ("https", "http") and allowed_host and "@" not in parts.netloc and port in (None, 443, 80)
