"""The account of what a source's format, and relay after it, make of a body."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.domain.documents import decode_any
from relay.domain.events import Event
from relay.errors import Ignored, NotJson, RelayError, handling
from relay.formats.cases import Reading
from relay.formats.explaining import FEW, Line, Missed, explain
from relay.formats.mapping import Format, roots_of
from relay.formats.paths import Roots
from relay.receiving.reading import Refusal, SourceReader, of_format


@dataclass(frozen=True, slots=True)
class Account:
    """The event that a body, or an item of it, is, or why it is `ignored` or `refused`.

    case      which one it is read by, from 1; 0 for none. `missed`: those before it
    lines     the fields of the case; `unknown`: of these, with the words that no row has
    document  relay's own that says the same, as JSON
    """

    event: str = ""
    ignored: str = ""
    refused: str = ""
    case: int = 0
    missed: Sequence[Missed] = ()
    lines: Sequence[Line] = ()
    unknown: Sequence[tuple[str, str]] = ()
    document: str = ""


def events_of(reader: SourceReader, body: bytes, kept: Mapping[str, str], at: float) -> Sequence[Event | Refusal]:
    """Read a body that came then as relay would now. `kept`: the headers that were kept with it. Raises RelayError."""
    headers = {name: [text.encode("latin-1", "replace")] for name, text in of_format(kept).items()}
    return reader.events(body, received_at=datetime.fromtimestamp(at, UTC), headers=headers)


def accounts(
    reader: SourceReader, form: Format, body: bytes, kept: Mapping[str, str], at: float
) -> Sequence[Account]:  # fmt: skip
    """Return the account of a body, or of a body of several items that of each."""
    readings: list[Reading] = []
    told: list[tuple[Sequence[Missed], Sequence[Line]]] = []

    def use(number: int, roots: Roots) -> None:
        told.append(explain(form, number, roots) if len(told) < FEW else ([], []))
        readings.append(form.reading(number, roots))

    try:
        with handling():
            _, beyond = form.walk(roots_of(decode_any(body), of_format(kept)), use)
    except NotJson as error:
        return [Account(refused=f"it is no unambiguous JSON object: {error}")]
    except RelayError as error:
        return [Account(refused=str(error))]
    if beyond:
        readings.append(Reading(missing="each", beyond=beyond))
        told.append(([], []))
    texts = [
        json.dumps(reading.document, ensure_ascii=False, indent=2) if reading.document else "" for reading in readings
    ]  # fmt: skip - before what the source may not say is taken away
    events = reader.told(readings, body, received_at=datetime.fromtimestamp(at, UTC))
    rows = []
    for event, reading, text, (missed, lines) in zip(events, readings, texts, told, strict=True):
        ignored = event.message if isinstance(event, Ignored) else ""
        name, refused = (event.name, "") if isinstance(event, Event) else ("", "" if ignored else str(event))
        rows.append(Account(name, ignored, refused, reading.case, missed, lines, reading.unknown, text))
    return rows
