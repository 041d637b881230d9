"""From a notification to the bytes of one mail, the same for every attempt.

Headers: https://www.rfc-editor.org/rfc/rfc5322, automatic mail: https://www.rfc-editor.org/rfc/rfc3834.
"""

import hashlib
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from relay.deliveries import Notification

MAX_SUBJECT = 200
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # EmailMessage itself lets NUL through


def build(notification: Notification, sender: Address, reply_to: str = "", *, html: bool = True) -> EmailMessage:
    """One mail to one recipient. Stable Message-ID and Date, so that a repeat is recognised as one."""
    domain = sender.domain
    thread = hashlib.sha256(notification.subject.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    event = re.sub(r"[^A-Za-z0-9.-]", "-", notification.event)[:64]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = header(str(notification.content["subject"]))[:MAX_SUBJECT]
    mail["From"] = sender
    mail["To"] = Address(addr_spec=notification.address)
    if reply_to:
        mail["Reply-To"] = Address(addr_spec=reply_to)
    mail["Date"] = format_datetime(notification.created_at)
    mail["Message-ID"] = f"<op.{thread}.{event}.{notification.delivery[:32]}@{domain}>"
    # No such mail exists: clients thread by it, and Gmail does as long as the subject stays the same.
    mail["In-Reply-To"] = mail["References"] = f"<op.{thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "DR, RN, NRN, OOF, AutoReply"  # All would suppress bounces as well
    mail["List-Id"] = f"<{_label(notification.destination)}.relay.{domain}>"
    mail["Content-Language"] = notification.language
    mail.set_content(str(notification.content["text"]), cte="quoted-printable")
    if html and notification.content.get("html"):
        mail.add_alternative(str(notification.content["html"]), subtype="html", cte="quoted-printable")
    return mail


def encode(mail: EmailMessage, *, utf8: bool) -> bytes:
    """The mail as it travels; `utf8` only where an address needs it and the server can take it."""
    return mail.as_bytes(policy=SMTPUTF8 if utf8 else SMTP)


def header(text: str) -> str:
    """Text that can stand in a header and add none."""
    return " ".join(_CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).split())


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", name)[:60].strip("-") or "relay"
