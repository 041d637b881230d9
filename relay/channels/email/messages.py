"""Mails of notifications, as bytes: the same for every attempt. Pure.

Written by hand because the library's `EmailMessage` takes 1.5 ms a mail and this 0.1 ms. What makes it safe is that
the set of headers is closed, and that every value passes `_line`, `_label` or `address`: nothing in an event can add a
line. Everything is ASCII, no line is longer than 998 characters, and bodies are quoted-printable.
"""

import base64
import binascii
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import format_datetime, quote, unquote
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

from relay.domain.deliveries import Notification
from relay.rendering.digests import ROUND_UPS
from relay.rendering.texts import clean

WIDTH = 76
MAX_SUBJECT = 200
MAX_LABEL = 64  # characters of an event's or a destination's name in an id
FRAME = len("=?utf-8?b??=")  # of an encoded word, which makes 4 characters of 3 bytes
LONGEST_SENDER = 15  # characters of the last part of a Feedback-ID
LONGEST = 900  # characters without a space that may stand in a header line; RFC 5322 §2.1.1 allows 998

URGENT = frozenset({("Critical", "Failed"), ("Critical", "Timeout")})  # priority and status

# Exchange's own word for "do not answer": everything but bounces, which are wanted.
SUPPRESSED = "DR, RN, NRN, OOF, AutoReply"

LABELS = ("status", "priority", "operation", "batch")  # of a notification

LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ATOM = re.compile(r"[A-Za-z0-9_-]+")
_ROUTING = frozenset('%!|/\\`$"{}*?')
_DISPLAYED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Sender of a mail, or where its answers go."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def header(self, key: str) -> str:
        """Write it as the header of this name."""
        if not self.name:
            return self.address
        name = f'"{quote(self.name)}"' if _as_it_is(self.name) else _words(self.name, len(f"{key}: "))
        return f"{name} <{self.address}>" if len(name) < WIDTH / 2 else f"{name}\r\n <{self.address}>"


def mailbox(raw: str) -> Mailbox:
    """Read `Operations <relay@example.com>` or the address alone; ValueError says what was expected."""
    displayed = _DISPLAYED.fullmatch(raw.strip())
    name, bare = displayed.groups() if displayed else ("", raw.strip())
    result = Mailbox(address(bare), unquote(_line(name.strip())))
    if not result.address.isascii():
        raise ValueError(f"expected an address of ASCII letters, found {result.address!r}")
    return result


def address(raw: str) -> str:
    """Read an address, its domain in ASCII; ValueError says why it is none.

    Only the grammar counts. The intranet's names are good, dotless and `.local` ones as well, which the library
    refuses; so it is shown each name one level deeper, where none is reserved.
    """
    try:
        parsed = validate_email(f"{raw}.net", check_deliverability=False, allow_quoted_local=False,
                               allow_domain_literal=False, allow_display_name=False)  # fmt: skip
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise ValueError(f"expected one e-mail address such as analyst@example.com, found {raw!r:.120}: "
                         f"{reason[:1].lower()}{reason[1:]}") from None  # fmt: skip
    domain = parsed.ascii_domain.removesuffix(".net")
    if domain.rpartition(".")[2].isdigit():
        raise ValueError(f"expected an e-mail address with the name of a host, found {raw!r}")
    return f"{parsed.local_part}@{domain}"


def ambiguity(address: str) -> str:
    """Return why an event may not name this address: mail servers may route its local part; '' if it may."""
    local = address.rpartition("@")[0]
    if local.startswith("-"):
        return "an address that begins with - may be taken for an option"
    if len(local.encode("utf-8", "replace")) > LONGEST_LOCAL:
        return f"more than {LONGEST_LOCAL} characters before the @"
    odd = next((sign for sign in local if sign in _ROUTING), "")
    return f"with {odd} in it a mail server may take it for more than a mailbox" if odd else ""


def compose(
    notification: Notification,
    sender: Mailbox,
    reply_to: Mailbox | None = None,
    *,
    html: bool = True,
) -> bytes:
    """Compose the mail; without `html` its text alone. All mails of an operation have one root."""
    content = notification.content
    domain = sender.domain
    within = f"{notification.space}\0" if notification.space else ""  # no id can look like one within another space
    root = f"op.{_digest(within + notification.subject, 16)}"
    id_ = ".".join(part for part in (root, _label(notification.event), _digest(notification.delivery, 12)) if part)
    team = _label(notification.destination).lower() or "all"
    round_up = notification.event in ROUND_UPS
    # No mail has this id. It stands for the operation, so that all mails about it become one thread.
    parent = "" if round_up else f"<{root}@{domain}>"
    labels = notification.labels
    subject = _line(str(content.get("subject") or "")) or _line(f"{notification.event}: {notification.subject}")
    subject = subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 1]}…"
    link = notification.unsubscribe if _is_link(notification.unsubscribe) else ""
    headers = {
        "From": sender.header("From"),
        "To": notification.address,
        "Reply-To": reply_to.header("Reply-To") if reply_to else "",
        "Subject": _folded("Subject", subject),
        # Equal for every attempt, both of them: Exchange drops a second copy only if its date is the same as well.
        "Date": format_datetime(notification.created_at),
        "Message-ID": f"<{id_}@{domain}>",
        "In-Reply-To": parent,
        "References": parent,
        "X-Entity-Ref-ID": id_ if round_up else "",  # Gmail keeps mails apart by it
        "List-Id": f"<{team}.relay.{domain}>",
        # Both belong into the DKIM signature: https://www.rfc-editor.org/rfc/rfc8058#section-4
        "List-Unsubscribe": f"<{link}>" if link else "",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if link else "",
        "Feedback-ID": f"{_label(notification.event) or 'other'}:{team}:relay:{domain[-LONGEST_SENDER:].strip('.-')}",
        "Auto-Submitted": "auto-generated",  # RFC 3834: no robot answers
        "X-Auto-Response-Suppress": SUPPRESSED,
        "Precedence": "bulk" if round_up else "",
        # The one of several such headers that RFC 4021 lists for mail; some filters take X-Priority for a sign of spam.
        "Importance": "high" if (labels.get("priority"), labels.get("status")) in URGENT else "",
        # For readers' filters: what happened, in the platform's words, whatever the language of the mail.
        "X-Relay-Event": _labelled("X-Relay-Event", notification.event),
        **{f"X-Relay-{name.title()}": _labelled(f"X-Relay-{name}", labels.get(name, "")) for name in LABELS},
        "Content-Language": _label(notification.language.replace("_", "-")),
        "MIME-Version": "1.0",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    parts = [_part("plain", str(content.get("text") or subject))]
    if html and content.get("html"):
        parts.append(_part("html", str(content["html"])))
    return head.encode() + (_alternatives(parts, id_) if len(parts) > 1 else parts[0])


def _part(kind: str, text: str) -> bytes:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.replace("\n", "").isprintable():  # nearly all are; the patterns take 10 times as long
        text = _CONTROLS.sub("", text)
    lines = text.rstrip("\n") + "\n"
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    # The encoder ends the lines it makes as it finds the first one to end.
    return head.encode() + binascii.b2a_qp(lines.replace("\n", "\r\n").encode("utf-8", "replace"))


def _alternatives(parts: Iterable[bytes], seed: str) -> bytes:
    boundary = f"=_{_digest(seed, 24)}".encode()  # "=_" cannot stand in quoted-printable text
    # The line end before a boundary is the boundary's, not the part's.
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return (b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n' + lines + b"--" + boundary
            + b"--\r\n")  # fmt: skip


def _digest(text: str, length: int) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _label(name: str) -> str:
    """Reduce a name to what an id may hold: words with dots between them."""
    return ".".join(_ATOM.findall(name))[:MAX_LABEL].strip(".")


def _line(text: str) -> str:
    """Write one line: white space and controls of every alphabet become single spaces."""
    return _BREAKS.sub(" ", text).strip()


def _is_link(url: str) -> bool:
    """Return whether a header can hold the address as it is: in one piece, and nothing that could end it."""
    return bool(re.fullmatch(rf"https?://[!-;=?-~]{{1,{LONGEST}}}", url))


def _as_it_is(line: str) -> bool:
    """Return whether the line needs no encoding, and cannot be taken for one either."""
    return line.isascii() and "=?" not in line and max(map(len, line.split(" "))) <= LONGEST


def _labelled(name: str, text: str) -> str:
    """Write a header that programs read: one line of bounded length of what a sender wrote."""
    return _folded(name, _line(clean(text))[:MAX_SUBJECT])


def _folded(name: str, line: str) -> str:
    """Fold a header's text over lines where it is long."""
    name += ": "
    if not _as_it_is(line):
        return _words(line, len(name))
    if len(line) <= WIDTH - len(name):
        return line
    folded = textwrap.wrap(line, WIDTH, initial_indent=name, break_long_words=False, break_on_hyphens=False)
    return "\r\n ".join(folded).removeprefix(name)


def _words(line: str, used: int) -> str:
    """Write encoded words (RFC 2047 §2), no character cut in two; `used` characters precede the first."""
    chunks: list[bytes] = []
    while line:
        room = (WIDTH - (len(" ") if chunks else used) - FRAME) // 4 * 3
        letters = room
        while len(encoded := line[:letters].encode("utf-8", "replace")) > room:
            letters -= max(1, (len(encoded) - room) // 4)  # none has more than 4 bytes, so as many stay as can
        chunks.append(encoded)
        line = line[letters:]
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in chunks)
