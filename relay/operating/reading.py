"""The account of what a source's format, and relay after it, make of a body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.domain.documents import decode
from relay.errors import Ignored, NotJson, RelayError, handling
from relay.formats.explaining import Line, Missed, explain
from relay.formats.mapping import Format, roots_of
from relay.receiving.reading import SourceReader


@dataclass(frozen=True, slots=True)
class Account:
    """The event that a body is, or why it is none. `case` counts from 1, 0 for none, and there are `cases`.

    `unknown`: fields with the words that no row has; `document`: relay's own that says the same.
    """

    event: str = ""
    ignored: str = ""
    refused: str = ""
    case: int = 0
    cases: int = 0
    missed: Sequence[Missed] = ()
    lines: Sequence[Line] = ()
    unknown: Sequence[tuple[str, str]] = ()
    document: Mapping[str, Any] | None = None


def account(reader: SourceReader, form: Format, body: bytes, headers: Mapping[str, str], received: datetime) -> Account:
    """Read it as relay would now. `headers` as the format reads them."""
    try:
        document = decode(body)
    except NotJson as error:
        return Account(refused=f"it is no unambiguous JSON object: {error}", cases=len(form.cases))
    event = ignored = refused = ""
    try:
        sent = {name: [text.encode("latin-1", "replace")] for name, text in headers.items()}
        with handling():
            event = reader.read(document, received_at=received, headers=sent).name
    except Ignored as error:
        ignored = error.message
    except RelayError as error:
        refused = str(error)
    reading = form.read(document, headers=headers, received=received)
    missed, lines = explain(form, roots_of(document, headers, received))
    return Account(
        event, ignored, refused, reading.case, len(form.cases), missed, lines, reading.unknown, reading.document
    )
