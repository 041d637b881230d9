"""TLS of the listeners, the faults of its files, and the settings of the operators' listener."""

import re
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from relay.configfile.validation import Section
from relay.receiving.secret_strength import refuse_weak

BLOCK = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
VERSION, UTC_TIME = 0xA0, 0x17  # of ASN.1, the tags of fields of a certificate
BEFORE_VALIDITY = 3  # serial number, algorithm and issuer
SOON = 14 * 86_400  # seconds before its end in which a certificate that is not renewed is worth a warning
MOMENT = "%Y-%m-%d %H:%M UTC"
REASONS = {  # OpenSSL's word → the key at fault, and what to say
    "KEY_VALUES_MISMATCH": ("key", "does not belong to the certificate; expected the key that it was made for"),
    "EE_KEY_TOO_SMALL": ("certificate", "has a key that is too short to be trusted; expected 2048 bits of RSA, or EC"),
    "CA_MD_TOO_WEAK": ("certificate", "is signed in a way that nobody trusts any more; expected SHA-256"),
}


class Tls(Section):
    """PEM files: the certificate with what is between it and its authority, its key, and who signs those of clients."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def faults(tls: Tls, now: float) -> Iterator[tuple[str, str]]:
    """Return what is wrong, each with the key at fault. Never what a file holds."""
    checks = (("certificate", _certificate), ("key", _key), ("client_ca", _certificate))
    unusable = [(key, _unreadable(path, look)) for key, look in checks if (path := getattr(tls, key))]
    yield from [(key, fault) for key, fault in unusable if fault] or _not_usable(tls, now)


def warnings(tls: Tls, now: float) -> Iterator[tuple[str, str]]:
    """Warn of a certificate that ends soon. OSError and ValueError as `ends` raises them."""
    if fault := ending(ends(tls), now):
        yield "certificate", fault


def ends(tls: Tls) -> float:
    """Return until when all certificates of its file are valid (epoch seconds). Raises OSError and ValueError."""
    return validity(_text(tls.certificate))[1].timestamp()


def ending(end: float, now: float) -> str:
    """Return a sentence if it ends soon, or has ended; '' if neither."""
    if end - now > SOON:
        return ""
    when = datetime.fromtimestamp(end, UTC).strftime(MOMENT)
    if end <= now:
        return f"ended on {when}, so nobody trusts it; renew it and send SIGHUP"
    days = int((end - now) // 86_400)
    return f"ends on {when}, in {f'{days} days' if days != 1 else '1 day'}; renew it and send SIGHUP"


def context(tls: Tls) -> ssl.SSLContext:
    """Return a listener's context. OSError, ssl.SSLError among them, if these files do not serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    load(context, tls)
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load(into: ssl.SSLContext, tls: Tls) -> None:
    """Give new connections the certificate. OSError, and the context is of no use, if the files do not serve."""
    into.load_cert_chain(tls.certificate, tls.key, password="")  # or else OpenSSL asks for one at the terminal


def _unreadable(path: Path, look: Callable[[str], str]) -> str:
    if "-----BEGIN" in str(path):
        return "expected the name of a file, without file: before it"
    try:
        return look(_text(path)).format(path=path)
    except (OSError, ValueError) as error:
        return f"cannot read {path}: {getattr(error, 'strerror', None) or 'this is no name of a file'}"


def _text(path: Path) -> str:
    return path.read_bytes().decode("ascii", "replace")


def _certificate(text: str) -> str:
    return "" if BLOCK.search(text) else "{path} holds no certificate; expected PEM, -----BEGIN CERTIFICATE-----"


def _key(text: str) -> str:
    if "PRIVATE KEY-----" not in text:
        return "{path} holds no private key; expected PEM, -----BEGIN PRIVATE KEY-----"
    if "ENCRYPTED" in text:
        return "{path} has a password, and relay can ask nobody; expected it without: openssl pkey -in KEY -out NEW"
    return ""


def _not_usable(tls: Tls, now: float) -> Iterator[tuple[str, str]]:
    try:
        context(tls)
        begin, end = validity(_text(tls.certificate))
    except ssl.SSLError as error:
        words = (error.reason or "OpenSSL cannot read them").replace("_", " ").lower()
        yield REASONS.get(error.reason or "", ("certificate", f"does not serve with this key: {words}"))
    except (OSError, ValueError):
        yield "certificate", f"{tls.certificate} cannot be read as a certificate"
    else:
        if begin.timestamp() > now:
            yield "certificate", f"is valid from {begin.strftime(MOMENT)} on; is the clock of this machine right?"
        elif end.timestamp() <= now:
            yield "certificate", f"ended on {end.strftime(MOMENT)}, so nobody trusts it; renew it"


def validity(pem: str) -> tuple[datetime, datetime]:
    """Return from when and until when all certificates in this text are valid. ValueError if it holds none."""
    periods = [_period(block) for block in BLOCK.findall(pem)]
    if not periods:
        raise ValueError("no certificate")
    return max(begin for begin, _ in periods), min(end for _, end in periods)


def _period(block: str) -> tuple[datetime, datetime]:
    """Read the validity of one certificate (https://www.rfc-editor.org/rfc/rfc5280#section-4.1)."""
    try:
        [(_, certificate)] = _elements(ssl.PEM_cert_to_DER_cert(block))
        _, signed = next(_elements(certificate))
        fields = [content for tag, content in _elements(signed) if tag != VERSION]
        begin, end = (_time(tag, content) for tag, content in _elements(fields[BEFORE_VALIDITY]))
    except (IndexError, StopIteration, ValueError):
        raise ValueError("no certificate") from None
    return begin, end


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the tags and contents of DER, in their order."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # the length of the length
            digits = length & 0x7F
            length, at = int.from_bytes(der[at : at + digits], "big"), at + digits
        yield tag, der[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # two digits of the year, which end with 2049
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _none_or_strong(token: SecretStr) -> SecretStr:
    return refuse_weak(token) if token.get_secret_value() else token


class Admin(Section):
    """The operators' listener."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None  # None: the one above that of senders
    token: Annotated[SecretStr, AfterValidator(_none_or_strong)] = SecretStr("")
    tls: Tls | None = None

    @property
    def closed(self) -> bool:
        """Return whether it asks for a token or a client certificate."""
        return bool(self.token.get_secret_value() or (self.tls and self.tls.client_ca))


def is_loopback(host: str) -> bool:
    """Return whether this machine alone reaches it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"
