"""Runs, batches and alarms in Slack, in the words of the design."""

import pytest

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from tests.support import samples, slacks
from tests.support.slack_reading import shown
from tests.support.slacks import KINDS, LANGUAGES, rendered

LIFE = {
    "en": [
        "🕓 *Started* · Order-to-Cash Q3 EMEA\n1,284,530 records in 5 phases. Expected to finish at 15:40.",
        "🔵 *Running* · Order-to-Cash Q3 EMEA\n▰▰▰▰▰▰▰▱▱▱ *68%* · phase 3 of 5: Discovery · 19 min left\n"
        "*Records* 873,480 of 1,284,530\n*Rate* 225/s\n*Expected* 15:40",
        "✅ *Completed* · Order-to-Cash Q3 EMEA\n214 process variants and *37 anomalies* found in 1,284,530 records, "
        "in 1 h 35 min.\nOpen result · Conformance report (PDF, 3.4 MB)",
        "✅ *Order-to-Cash Q3 EMEA* is complete.\n214 process variants and *37 anomalies* found in 1,284,530 records",
    ],
    "de": [
        "🕓 *Gestartet* · Order-to-Cash Q3 EMEA\n1.284.530 Datensätze in 5 Phasen. "
        "Voraussichtlich fertig um 15:40 Uhr.",
        "🔵 *Läuft* · Order-to-Cash Q3 EMEA\n▰▰▰▰▰▰▰▱▱▱ *68 %* · Phase 3 von 5: Discovery · noch 19 min\n"
        "*Datensätze* 873.480 von 1.284.530\n*Durchsatz* 225/s\n*Voraussichtlich* 15:40",
        "✅ *Abgeschlossen* · Order-to-Cash Q3 EMEA\n214 Prozessvarianten und *37 Auffälligkeiten* in 1.284.530 "
        "Datensätzen gefunden. Dauer: 1 h 35 min.\nErgebnis öffnen · Conformance report (PDF, 3,4 MB)",
        "✅ *Order-to-Cash Q3 EMEA* ist abgeschlossen.\n214 Prozessvarianten und *37 Auffälligkeiten* in 1.284.530",
    ],
}  # fmt: skip


FAILURE = {
    "en": ("🔴 *Failed* · Order-to-Cash Q3 EMEA\nStopped in Conformance (phase 4 of 5) at 72% after 1 h 12 min: "
           "SAP extractor did not answer for 300 s.", "🔴 *Order-to-Cash Q3 EMEA* failed in Conformance. View error"),
    "de": ("🔴 *Fehlgeschlagen* · Order-to-Cash Q3 EMEA\n"
           "Abbruch in Conformance (Phase 4 von 5) bei 72 % nach 1 h 12 min: SAP extractor did not answer for 300 s.",
           "🔴 *Order-to-Cash Q3 EMEA* ist in Conformance fehlgeschlagen. Fehler ansehen"),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_is_told_in_the_words_of_the_design(renderer: Renderer, language: str) -> None:
    texts = [shown(content) for _, content in slacks.life(language, renderer)]

    assert [text[: len(words)] for text, words in zip(texts, LIFE[language], strict=True)] == LIFE[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failed_run_is_told_in_the_words_of_the_design(renderer: Renderer, language: str) -> None:
    texts = [shown(content) for _, content in slacks.life(language, renderer, "failed")][-2:]

    assert [text[: len(words)] for text, words in zip(texts, FAILURE[language], strict=True)] == [*FAILURE[language]]


@pytest.mark.parametrize(("language", "waiting"), [
    ("en", "🔴 *AP invoices DE* failed in Conformance. 2 later runs of this batch are waiting."),
    ("de", "🔴 *AP invoices DE* ist in Conformance fehlgeschlagen. 2 weitere Läufe dieses Batches warten."),
])  # fmt: skip
def test_a_failure_says_what_waits_for_it(renderer: Renderer, language: str, waiting: str) -> None:
    text = shown(slacks.message(renderer, "batch.operation.failed", "reply", language))

    assert text.startswith(waiting)
    assert "```SAP extractor did not answer for 300 s.```" in text


@pytest.mark.parametrize(("language", "words"), [
    ("en", "🔵 *Running* · Month-end batch, 14 of 20 done\n▰▰▰▰▰▰▰▱▱▱ ✅ 13 · 🔴 1 · 🔵 3 · waiting 3\n"
           "Failed: AP invoices DE (blocks 2)\nRunning: AP invoices FR, AP invoices IT, Inventory\n"
           "Blocked: AP reconciliation (by AP invoices DE), Group consolidation (by AP invoices DE)\n"),
    ("de", "🔵 *Läuft* · Month-end batch, 14 von 20 fertig\n▰▰▰▰▰▰▰▱▱▱ ✅ 13 · 🔴 1 · 🔵 3 · wartend 3\n"
           "Fehlgeschlagen: AP invoices DE (blockiert 2)\nLaufend: AP invoices FR, AP invoices IT, Inventory\n"
           "Blockiert: AP reconciliation (durch AP invoices DE), Group consolidation (durch AP invoices DE)\n"),
])  # fmt: skip
def test_a_batch_is_one_message_with_a_tally(renderer: Renderer, language: str, words: str) -> None:
    assert shown(slacks.message(renderer, "batch.operation.failed", "live", language)).startswith(words)


def test_a_batch_names_five_of_each_and_counts_the_rest(renderer: Renderer) -> None:
    body = slacks.bodies()["batch.operation.failed"]
    body["batch"] = slacks.month_end(1, 8, 9)

    text = shown(rendered(renderer, samples.event_of(body), "live"))

    lines = text.split("\n")
    assert [line.count(", ") + 1 for line in lines if line.startswith(("Failed:", "Running:"))] == [5, 5]
    assert "+ 7 more" in lines


WATCHED = {
    "silent": ("🟠 *No sign of life*", "Last event 32 min ago, at 13:52.",
               "🟠 *Kein Lebenszeichen*", "Letztes Ereignis vor 32 min, um 13:52 Uhr."),
    "flat": ("🟠 *No progress*", "At 67% since 13:31 (32 min). Last sign of life 13:52.",
             "🟠 *Kein Fortschritt*", "Seit 13:31 bei 67 % (32 min). Letztes Lebenszeichen 13:52."),
    "overdue": ("🟠 *Overdue*", "It was first expected to finish at 13:15 and is still running.",
                "🟠 *Überfällig*", "Der Lauf sollte ursprünglich um 13:15 Uhr fertig sein und läuft noch."),
    "deadline": ("🟠 *Past its deadline*", "Its time limit passed at 14:15, but no end was reported.",
                 "🟠 *Frist überschritten*", "Das Zeitlimit ist um 14:15 Uhr abgelaufen, ein Ende"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", WATCHED)
def test_a_run_that_does_not_go_on_says_why_that_is_thought(renderer: Renderer, rule: str, kind: Kind) -> None:
    english, german = (
        shown(slacks.message(renderer, f"operation.stalled.{rule}", kind, language)) for language in LANGUAGES
    )

    title, sentence, titel, satz = WATCHED[rule]
    assert english.startswith(f"{title} · Comprehensive Customer Journey Analysis\n{sentence}")
    assert german.startswith(f"{titel} · Comprehensive Customer Journey Analysis\n{satz}")
    assert "The estimate moved 3 times." in english
    assert ("▰▰▰▰▰▰▰▱▱▱ *67%*" in english) == (kind != "reply")
    assert "left" not in english  # nobody knows


@pytest.mark.parametrize(("language", "words"), [
    ("en", "Running again after 32 min without progress."), ("de", "Läuft wieder, nach 32 min ohne Fortschritt."),
])  # fmt: skip
def test_a_recovery_says_how_long_it_took(renderer: Renderer, language: str, words: str) -> None:
    for kind in ("each", "reply"):
        assert shown(slacks.message(renderer, "operation.recovered", kind, language)).split("\n")[1] == words
