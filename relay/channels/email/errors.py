"""Errors of mail servers as DeliveryErrors: one table over where a dialogue ended and how.

The codes are those of RFC 5321 §4.2, the ones in the text (5.3.4) those of RFC 3463.
"""

import re
import ssl
from collections.abc import Mapping
from enum import Enum
from typing import Any

from aiosmtplib import SMTPException, SMTPNotSupported, SMTPResponseException

from relay.errors import Bounce, DeliveryError

GREYLISTED_FOR = 60.0  # seconds that a recipient's server wants between two attempts, at the least
MAX_REPLY = 300


class Stage(Enum):
    """Stage of the dialogue. Its text completes "the mail server … failed at"."""

    CONNECT = "the connection"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    NOOP = "NOOP"
    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"  # the final dot has not left, so nothing can have arrived
    DOT = "the end of the mail"  # it has, so everything may have


class Answer(Enum):
    LATER = "4xx"
    NO = "5xx"
    NONE = "nothing, or nothing that makes sense"


Verdict = Mapping[str, Any]  # fields of the MailError

AWAY: Verdict = {"pause": "channel"}
# Up to and including MAIL nothing depends on the mail or its recipient: what fails would fail for every other mail
# too, so all wait, and no delivery loses an attempt. A 5xx needs an operator.
_SERVER: dict[Answer, Verdict] = {
    Answer.LATER: AWAY,
    Answer.NO: {"pause": "channel", "refused": True},
    Answer.NONE: AWAY,
}
# From RCPT on a refusal may be this mail's own fault, and one mail must not hold up the others. A server that breaks
# off is away: if it does so for this mail alone, others get through (relay.policy.retry).
_MAIL: dict[Answer, Verdict] = {
    Answer.LATER: {"retry_after": GREYLISTED_FOR},
    Answer.NO: {"permanent": True},
    Answer.NONE: AWAY,
}
VERDICTS: Mapping[Stage, Mapping[Answer, Verdict]] = {
    **dict.fromkeys(Stage, _SERVER),
    **dict.fromkeys((Stage.RCPT, Stage.DATA), _MAIL),
    Stage.DOT: _MAIL | {Answer.NONE: {"outcome_unknown": True, "pause": "channel", "unsent": False}},
}
CLOSING = 421  # wherever it comes, the server leaves (RFC 5321 §3.8)
ILL = re.compile(r"\b4\.3\.\d{1,3}\b")  # the server itself, and no mail or recipient (RFC 3463 §3.4)
TOO_LARGE = 552
# What the enhanced codes of a 5xx say of the recipient (https://www.rfc-editor.org/rfc/rfc3463#section-3).
NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.10"})
# These blame the sender, the mail or a server: a suppression would be for our fault.
NOT_THE_RECIPIENT = ("5.1.7", "5.1.8", "5.2.3", "5.3.", "5.5.", "5.6.", "5.7.")
CREDENTIALS = frozenset({530, 534, 535, 538})  # RFC 4954 §6: about the login, wherever they come

# Advice to operators.
ADVICE: Mapping[Stage, str] = {
    Stage.CONNECT: "check channels.email.host, port and tls",
    Stage.STARTTLS: "nothing is sent in clear text; check channels.email.host, port, tls and ca_file",
    Stage.AUTH: "check channels.email.username and password",
    Stage.MAIL: "check that channels.email.from may send through this server",
}


class MailError(DeliveryError):
    """A mail that was not taken, or perhaps was; `stage` and `code` say where the dialogue ended and how."""

    def __init__(self, message: str, stage: Stage, verdict: Verdict, code: int = 0) -> None:
        bounce = _bounce(stage, code, message) if verdict.get("permanent") else ""
        super().__init__(message, **{"unsent": True, **verdict}, bounce=bounce)
        self.stage = stage
        self.code = code

    @property
    def too_large(self) -> bool:
        """Return whether the server would take a smaller mail: 552, unless that is a full mailbox (5.2.2)."""
        enhanced = _enhanced(str(self))
        return enhanced in ("5.3.4", "5.2.3") if enhanced else self.code == TOO_LARGE and self.stage is not Stage.RCPT


def failed(stage: Stage, error: Exception, server: str) -> MailError:
    """Translate a failure of `server` at this stage."""
    code = error.code if isinstance(error, SMTPResponseException) else 0
    untrusted = _distrust_of(error)
    if code in CREDENTIALS and stage is not Stage.DOT:
        answer, stage = Answer.NO, Stage.AUTH
    elif untrusted or isinstance(error, SMTPNotSupported):
        answer = Answer.NO
    else:
        answer = {4: Answer.LATER, 5: Answer.NO}.get(code // 100, Answer.NONE)
    verdict = VERDICTS[stage][answer]
    if code == CLOSING or (answer is Answer.LATER and ILL.search(str(error))):
        verdict = AWAY
    if stage is Stage.MAIL and code == TOO_LARGE:
        verdict = {"permanent": True}  # by its SIZE: other mails are smaller, and must not wait for this one
    reason = f"{untrusted}" if untrusted else _reason(error)
    advice = f"; {ADVICE[stage]}" if answer is not Answer.LATER and verdict.get("pause") and stage in ADVICE else ""
    doubt = "; it may have arrived all the same" if verdict.get("outcome_unknown") else ""
    return MailError(f"{server} failed at {stage.value}: {reason}{advice}{doubt}", stage, verdict, code)


def one_line(code: int, message: str) -> str:
    """Write a server's reply on one line, without controls and not too long."""
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", f"{code} {message}").strip()
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= MAX_REPLY else f"{line[: MAX_REPLY - 1]}…"


def _enhanced(text: str) -> str:
    """Return the enhanced code of a permanent refusal; '' where the server gives none."""
    match = re.search(r"\b5\.\d\.\d{1,3}\b", text)
    return match[0] if match else ""


def _bounce(stage: Stage, code: int, message: str) -> Bounce:
    """Classify a refusal as a bounce. Without an enhanced code only the answer to RCPT is about the recipient."""
    enhanced = _enhanced(message)
    if code // 100 != 5 or stage not in (Stage.RCPT, Stage.DATA, Stage.DOT):
        return ""
    if enhanced in NO_SUCH_ADDRESS:
        return "hard"
    return "soft" if (stage is Stage.RCPT if not enhanced else not enhanced.startswith(NOT_THE_RECIPIENT)) else ""


def _distrust_of(error: Exception) -> str:
    """Return why the connection cannot be trusted; '' for other errors."""
    for fault in (error, error.__cause__):
        if isinstance(fault, ssl.SSLCertVerificationError):
            return f"its certificate is not valid here: {fault.verify_message}"
        if isinstance(fault, ssl.SSLError) and not isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return f"no TLS: {fault.reason or 'the handshake failed'}"
    return ""


def _reason(error: Exception) -> str:
    match error:
        case SMTPResponseException() if 200 <= error.code < 600:
            return f"it answered {one_line(error.code, error.message)}"
        case SMTPResponseException():
            return "it answered what is no SMTP"
        case TimeoutError():
            return "no answer in time"
        case OSError() if error.strerror and not isinstance(error, SMTPException):
            return error.strerror
        case ConnectionError():
            return "the connection broke"
        case _:
            return one_line(0, str(error)).removeprefix("0 ") or type(error).__name__
