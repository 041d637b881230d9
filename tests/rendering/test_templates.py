"""The built-in wording: as it was agreed (tests/golden), within every limit, in both languages, readable by everyone.

How mails look is in test_mail_look.py, how Slack messages do in test_slack_look.py. RELAY_UPDATE_GOLDEN=1
writes what is said now into tests/golden; read the difference before you keep it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from relay.rendering.translatable import translatable
from relay.rendering.translations import OF_ALERTS, placeholders
from tests.rendering.slack_reading import strings
from tests.support import samples, slacks
from tests.support.mails import mail

ROOT = Path(__file__).parents[2]
MESSAGES = tuple(samples.bodies())
KINDS: tuple[Kind, ...] = ("each", "live", "reply")
LANGUAGES = ("en", "de")

Body = dict[str, Any]


# German


ENGLISH = (
    r"January|Jan(?!\.)|March|May|October|December|Started|Running|Completed|Failed|Timed out|Cancelled|Pending|High"
    r"|Medium|[Rr]ecords?|phase|of|left|found|after|at|in \d|minutes?|hours?|more|updated|started|Duration|Files"
)


@pytest.mark.parametrize("name", MESSAGES)
def test_german_is_german(renderer: Renderer, name: str) -> None:
    said = [slacks.message(renderer, name, kind, "de") for kind in slacks.KINDS]
    letter = mail(renderer, name, language="de")
    told = json.dumps(said, ensure_ascii=False) + letter["subject"] + letter["preheader"] + letter["text"]

    told = re.sub(r"<?https?://[^\s|>\"]+", "", told)
    for text in strings(samples.bodies()):
        told = told.replace(text, "") if " " in text else told  # free text of the sender stays as it is
    english = re.findall(rf"\b({ENGLISH})\b", told)
    assert english == []


@pytest.mark.parametrize(
    ("summary", "english", "german"),
    [
        ({"processVariants": 1, "anomaliesDetected": 1, "recordsAnalyzed": 1},
         "1 process variant and 1 anomaly found in 1 record.",
         "1 Prozessvariante und 1 Auffälligkeit in 1 Datensatz gefunden."),
        ({"processVariants": 2, "anomaliesDetected": 0, "recordsAnalyzed": 1500},
         "2 process variants and 0 anomalies found in 1,500 records.",
         "2 Prozessvarianten und 0 Auffälligkeiten in 1.500 Datensätzen gefunden."),
        ({"anomaliesDetected": 3}, "3 anomalies found.", "3 Auffälligkeiten gefunden."),
        ({"recordsProcessed": 89420}, "89,420 records processed.", "89.420 Datensätze verarbeitet."),
        ({"somethingElse": 5}, "Something else: 5", "Something else: 5"),
    ],
)  # fmt: skip
def test_the_result_is_counted_right(renderer: Renderer, summary: Body, english: str, german: str) -> None:
    operation = {"operationId": "op-1", "status": "Completed"}
    event = samples.event_of(
        samples.envelope(
            "operation.completed", "2024-01-20T12:03:00Z", operation=operation, results={"summary": summary}
        )
    )

    said = [
        renderer.render("email", "each", event, (), language=language, timezone="UTC", now=event.occurred_at)["text"]
        for language in LANGUAGES
    ]

    assert english in said[0].splitlines()
    assert german in said[1].splitlines()


def test_both_languages_have_every_message_with_the_same_values() -> None:
    with (ROOT / "templates/locales/de/messages.po").open("rb") as file:
        catalogue = read_po(file)

    for message in catalogue:
        if message.id:
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            source = message.id if isinstance(message.id, str) else " ".join(message.id)
            assert all(texts), message.id
            assert {name for text in texts for name in placeholders(str(text))} == placeholders(source), message.id


def test_the_catalogue_holds_nothing_that_no_template_says(renderer: Renderer) -> None:
    source = (ROOT / "templates/locales/de/messages.po").read_text("utf-8")
    written = {text for entry in translatable(renderer.library) for text in entry.texts}

    assert [text for text in re.findall(r'^msgid "(.+)"$', source, re.MULTILINE) if text not in written] == []
    assert OF_ALERTS.keys() <= written
    assert all(placeholders(words) == placeholders(said) for words, said in OF_ALERTS.items())
