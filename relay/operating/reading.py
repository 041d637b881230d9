"""The account of what a source's format, and relay after it, make of a body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.domain.documents import decode
from relay.errors import Ignored, NotJson, RelayError, handling
from relay.formats.explaining import Line, Missed, explain
from relay.formats.mapping import Format, roots_of
from relay.receiving.reading import SourceReader, of_format


@dataclass(frozen=True, slots=True)
class Account:
    """The event that a body is, or why it is `ignored` or `refused`.

    case, cases  which case holds, from 1, 0 for none; and how many there are. `missed`: those before it
    lines        the fields of the case; `unknown`: of these, with the words that no row has
    document     relay's own that says the same, as JSON
    """

    event: str = ""
    ignored: str = ""
    refused: str = ""
    case: int = 0
    cases: int = 0
    missed: tuple[Missed, ...] = ()
    lines: tuple[Line, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    document: str = ""


def account(reader: SourceReader, form: Format, body: bytes, kept: Mapping[str, str], at: float) -> Account:
    """Read a body that came then as relay would now. `kept`: the headers that were kept with it."""
    headers, received = of_format(kept), datetime.fromtimestamp(at, UTC)
    event = ignored = refused = ""
    try:
        document = decode(body)
        with handling():
            sent = {name: [text.encode("latin-1", "replace")] for name, text in headers.items()}
            event = reader.read(document, received_at=received, headers=sent).name
    except NotJson as error:
        return Account(refused=f"it is no unambiguous JSON object: {error}", cases=len(form.cases))
    except Ignored as error:
        ignored = error.message
    except RelayError as error:
        refused = str(error)
    reading = form.read(document, headers=headers, received=received)
    missed, lines = explain(form, roots_of(document, headers, received))
    text = json.dumps(reading.document, ensure_ascii=False, indent=2) if reading.document else ""
    of_form = reading.case, len(form.cases), tuple(missed), tuple(lines), reading.unknown, text
    return Account(event, ignored, refused, *of_form)
