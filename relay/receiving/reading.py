"""Reading of a source's documents into events: a foreign sender's by its format, and all within its permissions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from relay.domain.documents import decode, decode_any
from relay.domain.events import TERMINAL, Document, Event
from relay.domain.parsing import parse
from relay.domain.permissions import Permissions
from relay.errors import HandlingFailed, Ignored, InvalidEvent, handling
from relay.formats.cases import Reading
from relay.formats.mapping import MAX_EVENTS, Format
from relay.receiving.permissions import source_permissions
from relay.receiving.signature_settings import Signature
from relay.receiving.sources import Source
from relay.receiving.unknown_words import UnknownWords

REPEATED = 600.0  # seconds in which a body without a time is the same report
OF_FORMAT = "header:"  # before the names of headers that a format reads, where they are kept: none of them is signed
Refusal = InvalidEvent | HandlingFailed
NO_IDS: Mapping[str, str] = {}
UNCONFIGURED = Source(signature=Signature(scheme="none", allow_unsigned=True))  # it was, when it sent


@dataclass(frozen=True, slots=True)
class SourceReader:
    """The reader of one source. `permissions` is None where it may report everything."""

    name: str
    source: Source
    form: Format | None = None  # of a foreign sender; None where documents are relay's own
    permissions: Permissions | None = None
    words: UnknownWords | None = None

    def events(
        self,
        body: bytes,
        *,
        received_at: datetime,
        headers: Mapping[str, Sequence[bytes]] | None = None,
        ids: Mapping[str, str] = NO_IDS,
        limit: int = MAX_EVENTS,
    ) -> list[Event | Refusal]:
        """Read a body: one event, or by its format several, up to `most`. What is no event has its refusal there.

        `ids`: `EventIdentity.ids`. Raises NotJson and HandlingFailed.
        """
        with handling():
            if (form := self.form) is None:
                return [self._event(decode(body), body, received_at, ids)]
            sent = {name: (headers or {}).get(name, ()) for name in form.headers}
            texts = {name: lines[0].decode("latin-1") for name, lines in sent.items() if len(lines) == 1}
            readings = form.readings(decode_any(body), headers=texts, limit=limit)
        return self.told(readings, body, received_at=received_at, ids=ids)

    def told(
        self, readings: Sequence[Reading], body: bytes, *, received_at: datetime, ids: Mapping[str, str] = NO_IDS
    ) -> list[Event | Refusal]:  # fmt: skip
        """Return the event that each reading of this body is, or its refusal."""
        events = []
        for number, reading in enumerate(readings):
            if self.words:
                self.words.add(self.name, reading.unknown, received_at.timestamp())
            ids_of_item, document = ids, reading.document or {}
            over = document.get("operation", {}).get("status") in TERMINAL  # of which the ends are compared
            if not over and "timestamp" not in document and not any(ids.values()):
                # Else it would be news whenever it is sent again; and later the same may be true anew.
                minutes = b"%d" % (received_at.timestamp() // REPEATED)
                ids_of_item = {"unsigned_id": sha256(minutes + body).hexdigest()}
            if len(readings) > 1:  # an id is of one event, and the same again when the body is sent again
                ids_of_item = {name: id_ and f"{id_}/{number}" for name, id_ in ids_of_item.items()}
            events.append(self._event(reading, b"", received_at, ids_of_item))
        return events

    def _event(
        self, document: Document | Reading, raw: bytes, received_at: datetime, ids: Mapping[str, str]
    ) -> Event | Refusal:
        try:
            with handling():
                read = self.permissions.read if self.permissions else parse
                how: dict[str, Any] = {**ids}
                if isinstance(document, Reading):
                    how |= {"mapped": True, "quiet": document.quiet}
                    document = self._mapped(document)
                return read(
                    document, source=self.name, received_at=received_at, default_event=self.source.event,
                    platform=self.source.platform, raw=raw, **how,
                )  # fmt: skip
        except (InvalidEvent, HandlingFailed) as refusal:
            return refusal

    def _mapped(self, reading: Reading) -> Document:
        if reading.ignored:
            raise Ignored(reading.ignored)
        if reading.beyond:
            raise InvalidEvent("each", f"{reading.beyond} more items are left out; send fewer at a time")
        if reading.document is None:
            where = f"the format {self.source.format}, case {reading.case}, finds nothing that fits"
            words = "".join(f'; no row has the word "{word}"' for _, word in reading.unknown)
            raise InvalidEvent(reading.missing, f"{where}{words}")
        return _restricted(reading.document, self.source)


def _restricted(document: dict[str, Any], source: Source) -> Document:
    """Remove links that the source may not give, and add what the owner is mentioned by."""
    operation = document["operation"]
    phases = (document.get("phase", {}), *operation.get("phases", ()))
    for holder, key in ((operation, "trackingUrl"), *((phase, "url") for phase in phases)):
        if key in holder and not source.allows_link(holder[key]):
            del holder[key]
    if owner := operation.get("owner"):
        owner.update(source.contact_of(owner["name"]))
    return document


def of_format(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a format reads, of those that were kept with a body."""
    return {key.removeprefix(OF_FORMAT): text for key, text in headers.items() if key.startswith(OF_FORMAT)}


def first(events: Iterable[Event | Refusal]) -> Event:
    """Return the first event; where there is none, raise why."""
    outcomes = [*events]
    for event in outcomes:
        if isinstance(event, Event):
            return event
    raise outcomes[0]  # type: ignore[misc]


def readers(sources: Mapping[str, Source], words: UnknownWords | None = None) -> dict[str, SourceReader]:
    """Return the reader of each source. `words` gets those that no row of its format has."""
    allowed = source_permissions(sources)
    return {name: SourceReader(name, source, source.reader, allowed[name], words) for name, source in sources.items()}
