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
