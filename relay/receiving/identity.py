"""Which id an event has, as far as the headers of its request say. Pure.

An id that the signature covers is the event's. CloudEvents' `ce-id` (binary mode) is signed under no scheme, so it
counts only together with the body that it came with: whoever is on the way may change it, and reaches no other event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from relay.domain.fields import MAX_ID
from relay.receiving.schemes import SignedRequest
from relay.receiving.signatures import signed_id

SHOWN = 200  # characters of a ce-id that stand before the digest of all of it


@dataclass(frozen=True, slots=True)
class EventIdentity:
    """What the headers say: the signed id (webhook-id or svix-id), and the ce-id; each may be empty."""

    signed: str = ""
    unsigned: str = ""

    @classmethod
    def of(cls, scheme: str, request: SignedRequest) -> "EventIdentity":
        """Of a verified request. ValueError if its signed id is none that could be shown or kept."""
        signed = _text([signed_id(scheme, request)])
        if signed is None:
            raise ValueError(f"Expected a webhook-id of up to {MAX_ID} printable characters.")
        return cls(signed, _text(request.headers.get("ce-id", ())) or "")

    @classmethod
    def from_quarantine(cls, headers: Mapping[str, str]) -> "EventIdentity":
        """From the `headers` that were kept with its body."""
        return cls(headers.get("webhook-id", ""), headers.get("ce-id", ""))

    @property
    def headers(self) -> dict[str, str]:
        return {name: text for name, text in (("webhook-id", self.signed), ("ce-id", self.unsigned)) if text}

    def ids(self, body: bytes) -> dict[str, str]:
        """The arguments for `relay.domain.parsing.parse`, given the request's body."""
        return {"delivery_id": self.signed, "unsigned_id": _bound(self.unsigned, body) if self.unsigned else ""}


def _bound(ce_id: str, body: bytes) -> str:
    digest = blake2b(ce_id.encode() + b"\0" + body, digest_size=16).hexdigest()
    return f"{ce_id[:SHOWN]}#{digest}"


def _text(values: Sequence[bytes]) -> str | None:
    """A header's one value; None for one that is too long, or has what cannot be shown, or for two."""
    text = values[0].decode(errors="replace") if values else ""
    return None if len(values) > 1 or len(text) > MAX_ID or not text.isprintable() or "\ufffd" in text else text
