"""What is remembered of an operation: thin documents are filled, newer ones are laid over older ones."""

from relay.domain.facts import fill, merge_documents
from relay.domain.parsing import dump, load, parse
from tests.support import events
from tests.support.events import RECEIVED, seed


def test_what_is_known_fills_a_thin_document() -> None:
    thin = parse(seed("cancel-operation.response"), source="s", received_at=RECEIVED)

    filled = fill(thin, {"type": "DataEnrichment", "name": "Nightly", "priority": "High", "tenant": "t"})

    assert filled.operation is not None
    assert (filled.operation.type, filled.operation.name, filled.operation.priority) == (
        "DataEnrichment",
        "Nightly",
        "High",
    )
    assert load(dump(filled)) == filled


def test_newer_documents_are_laid_over_older_ones() -> None:
    merged = merge_documents([events.started(), events.progress(40), events.completed(resultUrl="https://x")])

    assert merged["operationName"] == "Comprehensive Customer Journey Analysis"
    assert merged["progress"]["percentage"] == 100
    assert merged["resultUrl"] == "https://x"
