"""Reading of a source's documents into events: a foreign sender's by its format, and all within its permissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.domain.events import Document, Event
from relay.domain.parsing import parse
from relay.domain.permissions import Permissions
from relay.errors import Ignored, InvalidEvent
from relay.formats.mapping import Reading, restricted
from relay.receiving.permissions import source_permissions
from relay.receiving.sources import Signature, Source
from relay.receiving.unknown_words import UnknownWords

OF_FORMAT = "header:"  # before the names of headers that a format reads, in the quarantine: none of them is signed
NO_IDS: Mapping[str, str] = {}
UNCONFIGURED = Source(signature=Signature(scheme="none", allow_unsigned=True))  # it was, when it sent


@dataclass(frozen=True, slots=True)
class SourceReader:
    """The reader of one source. `permissions` is None where it may report everything."""

    name: str
    source: Source
    permissions: Permissions | None = None
    words: UnknownWords | None = None

    def read(
        self,
        document: Document,
        *,
        received_at: datetime,
        raw: bytes = b"",
        headers: Mapping[str, Sequence[bytes]] | None = None,
        ids: Mapping[str, str] = NO_IDS,
    ) -> Event:
        """Read a decoded body. Raises Ignored, InvalidEvent and NotPermitted. `ids`: `EventIdentity.ids`."""
        if form := self.source.reader:
            texts = {name: lines[0].decode("latin-1") for name, lines in (headers or {}).items() if len(lines) == 1}
            reading = form.read(document, headers=texts, received=received_at)
            if self.words:
                self.words.add(self.name, reading.unknown, received_at.timestamp())
            document, raw = self._mapped(reading), b""
        read = self.permissions.read if self.permissions else parse
        return read(
            document, source=self.name, received_at=received_at, default_event=self.source.event,
            platform=self.source.platform, raw=raw, **ids,
        )  # fmt: skip

    def _mapped(self, reading: Reading) -> Document:
        if reading.ignored:
            raise Ignored(reading.ignored)
        if reading.document is None:
            where = f"the format {self.source.format}, case {reading.case}, finds nothing that fits"
            words = "".join(f'; no row has the word "{word}"' for _, word in reading.unknown)
            raise InvalidEvent(reading.missing, f"{where}{words}")
        return restricted(reading.document, self.source.allows_link, self.source.contact_of)


def readers(sources: Mapping[str, Source], words: UnknownWords | None = None) -> dict[str, SourceReader]:
    """Return the reader of each source. `words` gets those that no row of its format has."""
    allowed = source_permissions(sources)
    return {name: SourceReader(name, source, allowed[name], words) for name, source in sources.items()}
