"""Runs, batches and alarms in Slack, in the words of the design."""

import pytest

from relay.domain.deliveries import Kind
from relay.rendering import Renderer
from tests.support import samples, slacks
from tests.support.slack_reading import NBSP, shown
from tests.support.slacks import KINDS, LANGUAGES, rendered

LIFE = {
    "en": [
        "🕓 *Order-to-Cash Q3 EMEA* · Started\n"
        "1,284,530 records in 5 phases. Expected to finish on 9 Mar at 15:40 CET.\n"
        "started 9 Mar, 14:05 CET by J. Müller · High priority\nFollow the run · Process mining · `op-7f3a91c2`",
        "▶️ *Order-to-Cash Q3 EMEA* · 68%\n▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · done on 9 Mar at 15:40 CET, as usual\n"
        "873,480 of 1,284,530 records · 225/s · started 9 Mar, 14:05 CET by J. Müller · High priority\n"
        "Follow the run · Process mining · updated 9 Mar, 15:21 CET · `op-7f3a91c2`",
        "✅ *Order-to-Cash Q3 EMEA* · *37 anomalies*, 214 variants · 1 h 35 min (usually 1 h 28 min)\n"
        "Open result · Conformance report (PDF, 3.4 MB)\n"
        "1,284,530 records · started 9 Mar, 14:05 CET by J. Müller · finished 9 Mar, 15:40 CET · High priority\n"
        "Process mining · op-7f3a91c2",
        "✅ *Order-to-Cash Q3 EMEA* is complete.\n"
        "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (usually 14) · Reporting 17 min\n"
        "*Files*\n• Conformance report (PDF, 3.4 MB)\n"
        "• Variants (CSV, 18.2 MB)\n*Recommendations*\n• *High* · Automate the credit check",
    ],
    "de": [
        "🕓 *Order-to-Cash Q3 EMEA* · Gestartet\n"
        "1.284.530 Datensätze in 5 Phasen. Voraussichtlich am 9. März um 15:40 Uhr MEZ fertig.\n"
        "gestartet 9. März, 14:05 Uhr MEZ von J. Müller · Priorität hoch\nLauf verfolgen · Process Mining",
        "▶️ *Order-to-Cash Q3 EMEA* · 68 %\n"
        "▰▰▰▰▰▰▰▱▱▱ Discovery (3 von 5) · voraussichtlich am 9. März um 15:40 Uhr MEZ fertig, wie üblich\n"
        "873.480 von 1.284.530 Datensätzen · 225/s · gestartet 9. März, 14:05 Uhr MEZ von J. Müller · Priorität hoch\n"
        "Lauf verfolgen · Process Mining · Stand 9. März, 15:21 Uhr MEZ · `op-7f3a91c2`",
        "✅ *Order-to-Cash Q3 EMEA* · *37 Auffälligkeiten*, 214 Varianten · 1 h 35 min (üblich 1 h 28 min)\n"
        "Ergebnis öffnen · Conformance report (PDF, 3,4 MB)\n"
        "1.284.530 Datensätze · gestartet 9. März, 14:05 Uhr MEZ von J. Müller · beendet 9. März, 15:40 Uhr MEZ",
        "✅ *Order-to-Cash Q3 EMEA* ist abgeschlossen.\n"
        "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (üblich 14) · Reporting 17 min\n"
        "*Dateien*\n• Conformance report (PDF, 3,4 MB)\n",
    ],
}  # fmt: skip

FAILURE = {
    "en": ("❌ *Order-to-Cash Q3 EMEA* failed: SAP extractor did not answer for 300 s.\n"
           "Conformance (4 of 5) · 72% · after 1 h 12 min · 9 Mar, 15:17 CET · `SOURCE_TIMEOUT` · can be retried\n"
           "First failure in 24 runs · last success 8 Mar, 14:02 CET\nView run · Runbook"),
    "de": ("❌ *Order-to-Cash Q3 EMEA* ist fehlgeschlagen: SAP extractor did not answer for 300 s.\n"
           "Conformance (4 von 5) · 72 % · nach 1 h 12 min · 9. März, 15:17 Uhr MEZ · `SOURCE_TIMEOUT` · "
           "erneuter Versuch möglich\nErster Fehlschlag seit 24 Läufen · zuletzt erfolgreich 8. März, 14:02 Uhr MEZ\n"
           "Lauf ansehen · Runbook"),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_is_told_in_the_words_of_the_design(renderer: Renderer, language: str) -> None:
    texts = [shown(content) for _, content in slacks.life(language, renderer)]

    assert [text[: len(words)] for text, words in zip(texts, LIFE[language], strict=True)] == LIFE[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failed_run_says_its_cause_first_in_its_root_and_in_its_reply(renderer: Renderer, language: str) -> None:
    *_, root, reply = [shown(content) for _, content in slacks.life(language, renderer, "failed")]

    assert root.startswith(FAILURE[language])
    assert reply == FAILURE[language]


def test_a_reply_says_nothing_that_its_root_has_said(renderer: Renderer) -> None:
    *_, root, reply = [shown(content).split("\n") for _, content in slacks.life("en", renderer)]

    assert not {line for line in reply[1:] if len(line) > len("*Files*")} & set(root)


PHONE = {
    "operation.failed": (
        "Failed: Comprehensive Customer Journey Analysis – The SAP extractor did not answer for 300 s. "
        "Machine Learning Analysis, 72%, after 34 min.",
        "Fehlgeschlagen: Comprehensive Customer Journey Analysis – The SAP extractor did not answer for 300 s. "
        "Machine Learning Analysis, 72 %, nach 34 min.",
    ),
    "operation.timeout": (
        "Timed out: Comprehensive Customer Journey Analysis – Time limit of 2 h reached. "
        "Machine Learning Analysis, 72%. Last progress 1 h 33 min before.",
        "Zeitüberschreitung: Comprehensive Customer Journey Analysis – Zeitlimit von 2 h erreicht. "
        "Machine Learning Analysis, 72 %. Letzter Fortschritt 1 h 33 min davor.",
    ),
    "operation.cancelled": (
        "Cancelled: Comprehensive Customer Journey Analysis – By user123: User requested cancellation due to changed "
        "requirements. Machine Learning Analysis, 67%, after 24 min. Partial results of 2 phases are available.",
        "Abgebrochen: Comprehensive Customer Journey Analysis – Von user123: User requested cancellation due to "
        "changed requirements. Machine Learning Analysis, 67 %, nach 24 min. Teilergebnisse aus 2 Phasen liegen vor.",
    ),
    "operation.stalled.silent": (
        "No sign of life: Comprehensive Customer Journey Analysis – no event since 20 Jan, 13:52 CET. "
        "Machine Learning Analysis, 67%. The estimate moved 3 times.",
        "Kein Lebenszeichen: Comprehensive Customer Journey Analysis – seit 20. Jan., 13:52 Uhr MEZ kein Ereignis. "
        "Machine Learning Analysis, 67 %. Die Schätzung wurde 3 Mal verschoben.",
    ),
    "operation.progress": (
        "Running: Comprehensive Customer Journey Analysis – 67%, Machine Learning Analysis (3 of 4), "
        "done on 20 Jan at 13:05 CET, as usual",
        "Läuft: Comprehensive Customer Journey Analysis – 67 %, Machine Learning Analysis (3 von 4), "
        "voraussichtlich am 20. Jan. um 13:05 Uhr MEZ fertig, wie üblich",
    ),
    "operation.completed": (
        "Completed: Comprehensive Customer Journey Analysis – 23 anomalies, 347 variants, 45 min (usually 44 min)",
        "Abgeschlossen: Comprehensive Customer Journey Analysis – 23 Auffälligkeiten, 347 Varianten, "
        "45 min (üblich 44 min)",
    ),
}


@pytest.mark.parametrize("name", PHONE)
def test_a_phone_shows_the_cause_before_the_place_and_times_with_day_and_zone(renderer: Renderer, name: str) -> None:
    texts = [slacks.message(renderer, name, "live", language)["text"] for language in LANGUAGES]

    assert [text.replace(NBSP, " ") for text in texts] == [*PHONE[name]]


def test_a_phone_shows_a_long_cause_and_the_place_below_a_name_that_is_cut(renderer: Renderer) -> None:
    body = samples.bodies()["operation.failed"]
    body["operation"]["operationName"] = "Name " * 40
    body["error"]["message"] = "The source did not answer; " * 30

    text = rendered(renderer, samples.event_of(body), "reply")["text"].replace(NBSP, " ")

    name, cause = text.removeprefix("Failed: ").split(" – ")
    assert len(name) <= 60
    assert len(cause) > 240
    assert cause.endswith("… Machine Learning Analysis, 72%, after 34 min.")


@pytest.mark.parametrize(("language", "waiting"), [
    ("en", "❌ *AP invoices DE* failed: SAP extractor did not answer for 300 s.\n"
           "Conformance · 72% · 20 Jan, 13:58 CET · `SOURCE_TIMEOUT`\n2 later runs of this batch are waiting."),
    ("de", "❌ *AP invoices DE* ist fehlgeschlagen: SAP extractor did not answer for 300 s.\n"
           "Conformance · 72 % · 20. Jan., 13:58 Uhr MEZ · `SOURCE_TIMEOUT`\n"
           "2 nachfolgende Läufe dieses Batches warten."),
])  # fmt: skip
def test_a_failure_says_what_waits_for_it(renderer: Renderer, language: str, waiting: str) -> None:
    assert shown(slacks.message(renderer, "batch.operation.failed", "reply", language)).startswith(waiting)


def test_a_long_error_stands_below_its_beginning(renderer: Renderer) -> None:
    text = shown(slacks.message(renderer, "operation.failed", "reply", change=samples.maximal))

    assert "failed: Traceback" in text
    assert "```Traceback" in text
    assert "```" not in shown(slacks.message(renderer, "operation.failed", "reply"))


@pytest.mark.parametrize(("language", "words"), [
    ("en", "▶️ *Month-end batch* · Running\n▰▰▰▰▰▰▰▱▱▱ 14 of 20 · 13 done · 1 failed · 3 running · 3 waiting\n"
           "❌ AP invoices DE – SAP extractor did not answer for 300 s (blocks 2)\n"
           "Running: AP invoices FR, AP invoices IT, Inventory\n"
           "Blocked: AP reconciliation (by AP invoices DE), Group consolidation (by AP invoices DE)\n"),
    ("de", "▶️ *Month-end batch* · Läuft\n▰▰▰▰▰▰▰▱▱▱ 14 von 20 · 13 fertig · 1 fehlgeschlagen · 3 laufen · 3 warten\n"
           "❌ AP invoices DE – SAP extractor did not answer for 300 s (blockiert 2)\n"
           "In Arbeit: AP invoices FR, AP invoices IT, Inventory\n"
           "Blockiert: AP reconciliation (durch AP invoices DE), Group consolidation (durch AP invoices DE)\n"),
])  # fmt: skip
def test_a_batch_is_one_message_with_a_tally_in_words(renderer: Renderer, language: str, words: str) -> None:
    assert shown(slacks.message(renderer, "batch.operation.failed", "live", language)).startswith(words)


def test_a_batch_names_five_of_each_and_counts_the_rest(renderer: Renderer) -> None:
    body = slacks.bodies()["batch.operation.failed"]
    body["batch"] = slacks.month_end(1, 8, 9)

    lines = shown(rendered(renderer, samples.event_of(body), "live")).split("\n")

    assert sum(line.startswith("❌ ") for line in lines) == 5
    assert [line.count(", ") + 1 for line in lines if line.startswith("Running:")] == [5]
    assert "+ 7 more" in lines


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["⚠️ *Monthly Process Mining Pipeline* · Completed with failures",
            "1 of 3 completed, 1 failed, 1 not started. Duration: 1 h 17 min.", "❌ discovery – Failed (blocks 1)",
            "✅ data-prep · Completed", "⏹️ performance · Not started"]),
    ("de", ["⚠️ *Monthly Process Mining Pipeline* · Mit Fehlern abgeschlossen",
            "1 von 3 abgeschlossen, 1 fehlgeschlagen, 1 nicht gestartet. Dauer: 1 h 17 min.",
            "❌ discovery – Fehlgeschlagen (blockiert 1)", "✅ data-prep · Abgeschlossen",
            "⏹️ performance · Nicht gestartet"]),
])  # fmt: skip
def test_what_never_ran_in_a_batch_that_is_over_waits_for_nothing(
    renderer: Renderer, language: str, words: list[str]
) -> None:
    body = samples.bodies()["batch.completed"]
    body["batch"]["operations"][2]["status"] = "Pending"

    assert shown(rendered(renderer, samples.event_of(body), "reply", language)).split("\n")[:5] == words


WATCHED = {
    "silent": ("no event since 20 Jan, 13:52 CET", "Last event on 20 Jan at 13:52 CET, 32 min before this message.",
               "seit 20. Jan., 13:52 Uhr MEZ kein Ereignis",
               "Letztes Ereignis am 20. Jan. um 13:52 Uhr MEZ, 32 min vor dieser Nachricht."),
    "flat": ("no progress since 20 Jan, 13:31 CET", "At 67% since 20 Jan, 13:31 CET (32 min). Last sign of life",
             "seit 20. Jan., 13:31 Uhr MEZ kein Fortschritt", "Seit 20. Jan., 13:31 Uhr MEZ bei 67 % (32 min)."),
    "overdue": ("still running, first expected to finish on 20 Jan at 13:15 CET",
                "It was first expected to finish on 20 Jan at 13:15 CET and is still running.",
                "läuft noch, sollte ursprünglich am 20. Jan. um 13:15 Uhr MEZ fertig sein",
                "Der Lauf sollte ursprünglich am 20. Jan. um 13:15 Uhr MEZ fertig sein und läuft noch."),
    "deadline": ("its time limit passed on 20 Jan at 14:15 CET, but no end was reported",
                 "Its time limit passed on 20 Jan at 14:15 CET, but no end was reported.",
                 "Zeitlimit am 20. Jan. um 14:15 Uhr MEZ abgelaufen, aber kein Ende gemeldet",
                 "Das Zeitlimit ist am 20. Jan. um 14:15 Uhr MEZ abgelaufen, ein Ende"),
    "slow": ("still running, usually 43–48 min", "Still running; it usually takes 43–48 min. Mostly in",
             "läuft noch, üblich sind 43–48 min", "Läuft noch; üblich sind 43–48 min. Vor allem in"),
}  # fmt: skip
LABELS = {"silent": ("No sign of life", "Kein Lebenszeichen"), "flat": ("No progress", "Kein Fortschritt"),
          "overdue": ("Overdue", "Überfällig"), "deadline": ("Past its deadline", "Frist überschritten"),
          "slow": ("Slower than usual", "Langsamer als üblich")}  # fmt: skip
NAME = "⚠️ *Comprehensive Customer Journey Analysis* · "


@pytest.mark.parametrize("kind", ["each", "live"])
@pytest.mark.parametrize("rule", WATCHED)
def test_a_message_that_stays_says_since_when_a_run_does_not_go_on(renderer: Renderer, rule: str, kind: Kind) -> None:
    english, german = (
        shown(slacks.message(renderer, f"operation.stalled.{rule}", kind, language)) for language in LANGUAGES
    )

    since, _, seit, _ = WATCHED[rule]
    assert english.startswith(f"{NAME}{since}\nAt 67% in Machine Learning Analysis (3 of 4) · ")
    assert german.startswith(f"{NAME}{seit}\nBei 67 % in Machine Learning Analysis (3 von 4) · ")
    assert "estimate moved 3 times" in english
    assert "32 min" not in english  # that would be wrong a minute later
    assert ("please check" in english) == (rule == "deadline")


@pytest.mark.parametrize("rule", WATCHED)
def test_the_reply_that_tells_of_it_once_says_how_long_it_has_been(renderer: Renderer, rule: str) -> None:
    english, german = (
        shown(slacks.message(renderer, f"operation.stalled.{rule}", "reply", language)) for language in LANGUAGES
    )

    _, sentence, _, satz = WATCHED[rule]
    assert english.startswith(f"{NAME}{LABELS[rule][0]}\n{sentence}")
    assert german.startswith(f"{NAME}{LABELS[rule][1]}\n{satz}")
    assert english.endswith("\nView run")
    assert german.endswith("\nLauf ansehen")


@pytest.mark.parametrize(("language", "words"), [
    ("en", "Running again after 32 min without progress."), ("de", "Läuft nach 32 min ohne Fortschritt wieder."),
])  # fmt: skip
def test_a_recovery_says_how_long_it_took(renderer: Renderer, language: str, words: str) -> None:
    for kind in KINDS[::2]:
        text = shown(slacks.message(renderer, "operation.recovered", kind, language))

        assert text.split("\n")[0] == f"▶️ *Comprehensive Customer Journey Analysis* · {words}"
