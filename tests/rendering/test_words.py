"""Words that were wrong once: of batches, digests, names and limits, in Slack and by mail, in both languages."""

import json
from typing import Any

import pytest

from relay.domain.deliveries import Kind
from relay.domain.digest_entries import summarize
from relay.domain.events import Event
from relay.rendering import Renderer
from tests.support import digests, samples

AT = "2024-01-20T12:52:00Z"


def words(
    renderer: Renderer, channel: str, event: Event, language: str = "en", kind: Kind = "each", *history: Event
) -> str:
    """Return all that a message says."""
    content = renderer.render(channel, kind, event, (*history, event), language=language, timezone="Europe/Berlin",
                              now=event.occurred_at, destination="team")  # fmt: skip
    content.pop("html", None)
    return json.dumps(content, ensure_ascii=False).replace("\xa0", " ").replace("\\n", "\n")


def batch(*statuses: str, event: str = "batch.completed", **more: Any) -> Event:
    """A batch whose operations have these statuses; what did not complete says the same cause."""
    rows = [
        {"operationId": f"op-{n}", "operationName": f"Load {chr(65 + n)}", "status": status,
         **({} if status == "Completed" else {"error": "No room"})}
        for n, status in enumerate(statuses)
    ]  # fmt: skip
    its = {"batchId": "b-1", "batchName": "Month-end", "status": "Completed", "operations": rows, **more}
    return samples.event_of(samples.envelope(event, AT, batch=its))


FAILED, PARTLY = ("Failed", "Fehlgeschlagen"), ("Completed with failures", "Mit Fehlern abgeschlossen")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("statuses", "label", "marks"), [
    (("Failed", "Failed", "Timeout"), FAILED, "❌✕"),
    (("Failed", "Cancelled", "Pending"), FAILED, "❌✕"),
    (("Failed", "Completed", "Failed"), PARTLY, "⚠!"),
])  # fmt: skip
def test_a_batch_of_which_nothing_succeeded_failed(
    renderer: Renderer, statuses: tuple[str, ...], label: tuple[str, str], marks: str, language: str
) -> None:
    event = batch(*statuses)
    messages: dict[Kind, Event] = {
        "each": event, "live": event, "digest": digests.told("digest", digests.FRIDAY, [summarize(event)]),
    }  # fmt: skip

    for kind, of in messages.items():
        for channel, mark in zip(("slack", "email"), marks, strict=True):
            text = words(renderer, channel, of, language, kind)
            assert label[language == "de"] in text, kind
            assert mark in text, kind


@pytest.mark.parametrize(("language", "says"), [
    ("en", ["3 failed, 1 stalled", "3 need attention", "2 × No room", "Works again", "ended at 05:00"]),
    ("de", ["3 fehlgeschlagen, 1 hängt", "Handlungsbedarf bei 3 Läufen", "2 × No room", "Läuft wieder",
            "beendet um 05:00 Uhr"]),
])  # fmt: skip
def test_a_digest_parts_what_works_again_and_says_a_cause_once(
    renderer: Renderer, language: str, says: list[str]
) -> None:
    failed = [digests.entry(n, "Sync", "Failed", error="No room.") for n in range(2)]
    again = [digests.entry(n, "Load", status, at=f"2026-03-09T0{n}:00:00+00:00", error="Gone.")
             for n, status in ((4, "Failed"), (5, "Completed"))]  # fmt: skip
    stalled = digests.entry(9, "Slow", "Running", rule="silent")
    event = digests.told("digest", digests.FRIDAY, [*failed, *again, stalled])

    text = words(renderer, "email", event, language, "digest")

    for part in says:
        assert part in text, text
