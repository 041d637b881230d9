"""What mails say: in an inbox's list, and to who opens one, in the order of their questions."""

import pytest

from relay.rendering import Renderer
from tests.support import digests, samples
from tests.support.mails import CHANGES, LANGUAGES, SINGLE, document, mail


@pytest.mark.parametrize("name", SINGLE)
def test_a_subject_is_one_line_that_says_what_happened_to_what(renderer: Renderer, name: str) -> None:
    for change in CHANGES.values():
        content = mail(renderer, name, language="de", change=change)

        assert content["subject"][:2] in ("✓ ", "✕ ", "! ", "● ", "○ ", "– ")
        assert len(content["subject"]) <= 120
        assert content["subject"].isprintable()


@pytest.mark.parametrize(
    ("name", "language", "subject", "preheader"),
    [
        ("operation.failed", "en",
         "✕ Failed: Comprehensive Customer Journey Analysis – The SAP extractor did not answer for 300 s",
         "The SAP extractor did not answer for 300 s. Machine Learning Analysis, 72%, after 34 min. "
         "First failure in 24 runs."),
        ("operation.failed", "de",
         "✕ Fehlgeschlagen: Comprehensive Customer Journey Analysis – The SAP extractor did not answer for 300 s",
         "The SAP extractor did not answer for 300 s. Machine Learning Analysis, 72 %, nach 34 min. "
         "Erster Fehlschlag seit 24 Läufen."),
        ("operation.completed", "en",
         "✓ Completed: Comprehensive Customer Journey Analysis – 23 anomalies, 347 variants, 45 min",
         "347 process variants and 23 anomalies found in 187,248 records, in 45 min."),
        ("operation.completed", "de",
         "✓ Abgeschlossen: Comprehensive Customer Journey Analysis – 23 Auffälligkeiten, 347 Varianten, 45 min",
         "347 Prozessvarianten und 23 Auffälligkeiten in 187.248 Datensätzen gefunden. Dauer: 45 min."),
        ("operation.timeout", "en", "! Timed out: Comprehensive Customer Journey Analysis – Time limit of 2 h reached",
         "Time limit of 2 h reached. Machine Learning Analysis, 72%. Last progress 1 h 33 min before. "
         "First failure in 24 runs."),
        ("operation.stalled.flat", "de",
         "! Kein Fortschritt: Comprehensive Customer Journey Analysis – seit 13:31, 67 %",
         "Seit 13:31 bei 67 % (32 min). Letztes Lebenszeichen 13:52. Die Schätzung wurde 3 Mal verschoben."),
        ("operation.recovered", "en", "● Running again: Comprehensive Customer Journey Analysis – after 32 min",
         "Running again after 32 min without progress. "
         "67% · phase 3 of 4: Machine Learning Analysis · 15–20 min left"),
        ("batch.completed", "en",
         "! Completed with failures: Monthly Process Mining Pipeline – 1 of 3 failed",
         "1 of 3 completed, 1 failed, 1 not started. Duration: 1 h 17 min."),
        ("digest.daily", "en", "Daily digest for 9 March: 40 completed, 3 failed, 1 overdue",
         "40 of 43 runs finished as planned; the median took 38 min, 3 min more than on Friday."),
        ("digest.daily", "de", "Tagesübersicht vom 9. März: 40 abgeschlossen, 3 fehlgeschlagen, 1 überfällig",
         "40 von 43 Läufen planmäßig fertig; Mediandauer 38 min, 3 min mehr als am Freitag."),
        ("digest.weekly", "en", "Weekly digest, week 10 (2–8 March): 169 completed, 2 failed, 1 overdue",
         "169 of 171 runs finished as planned; the median took 38 min, as in the week before."),
        ("digest.weekly", "de", "Wochenübersicht KW 10 (2.–8. März): 169 abgeschlossen, 2 fehlgeschlagen, 1 überfällig",
         "169 von 171 Läufen planmäßig fertig; Mediandauer 38 min wie in der Vorwoche."),
        ("digest.empty", "en", "Weekly digest, week 10 (2–8 March): no runs",
         "No runs last week; relay is receiving events."),
        ("digest.empty", "de", "Wochenübersicht KW 10 (2.–8. März): keine Läufe",
         "Keine Läufe in der letzten Woche; relay empfängt Ereignisse."),
        ("roundup.quiet", "en", "While it was quiet: 2 completed, 2 failed",
         "2 need attention: 2 completed, 2 failed"),
        ("roundup.backlog", "en", "While messages did not get through: 2 completed, 2 failed",
         "2 need attention: 2 completed, 2 failed"),
        ("roundup.backlog", "de", "Als keine Nachrichten durchkamen: 2 abgeschlossen, 2 fehlgeschlagen",
         "2 × Handlungsbedarf: 2 abgeschlossen, 2 fehlgeschlagen"),
        ("roundup.silence", "en", "While messages were silenced: 2 completed, 2 failed",
         "2 need attention: 2 completed, 2 failed"),
        ("roundup.silence", "de", "Während der Stummschaltung: 2 abgeschlossen, 2 fehlgeschlagen",
         "2 × Handlungsbedarf: 2 abgeschlossen, 2 fehlgeschlagen"),
        ("roundup.overflow", "de", "12 weitere Läufe: 9 abgeschlossen, 2 fehlgeschlagen, 1 läuft",
         "2 × Handlungsbedarf: 9 abgeschlossen, 2 fehlgeschlagen, 1 läuft"),
    ],
)  # fmt: skip
def test_an_inbox_shows_the_gist(renderer: Renderer, name: str, language: str, subject: str, preheader: str) -> None:
    content = mail(renderer, name, language=language)

    assert (content["subject"], content["preheader"]) == (subject, preheader)


def test_a_mail_of_a_failure_answers_in_the_order_of_the_questions(renderer: Renderer) -> None:
    text = mail(renderer, "operation.failed")["text"]

    order = ["Failed at 12:52", "Comprehensive Customer", "SOURCE_TIMEOUT", "did not answer for 300 s",
             "Stopped in Machine", "temporary", "View error: https://", "Process Discovery 13 min",
             "First failure in 24 runs", "Started: 12:18", "20 January 2024, all times in CET"]  # fmt: skip
    assert sorted(order, key=text.index) == order


def test_a_mail_of_a_failure_says_what_it_holds_up(renderer: Renderer) -> None:
    def in_batch(body: samples.Body) -> samples.Body:
        if body["event"] != "operation.failed":
            return body
        members = [{"operationId": body["operation"]["operationId"], "operationKey": "a", "status": "Failed"},
                   {"operationId": "b", "operationKey": "b", "status": "Pending", "dependencies": ["a"]},
                   {"operationId": "c", "operationKey": "c", "status": "Pending", "dependencies": ["b"]}]  # fmt: skip
        return body | {"batch": {"batchId": "batch-1", "operations": members}}

    english, german = (
        mail(renderer, "operation.failed", language=language, change=in_batch)["text"] for language in LANGUAGES
    )

    assert "\n2 later runs of this batch are waiting.\n" in english
    assert "\n2 nachfolgende Läufe dieses Batches warten.\n" in german


def test_a_long_error_is_cut_at_500_characters_and_the_rest_is_linked(renderer: Renderer) -> None:
    content = mail(renderer, "operation.failed", change=samples.maximal)
    html = document(content["html"])

    error = next(element for element in html.iter("div") if "error" in element.get("class", "").split())
    assert 480 < len("".join(error.itertext())) <= 500
    assert "Read the whole error: https://mining.example.com/tenant-1/project-1/runs/" in content["text"]
    assert "Read the whole error" not in mail(renderer, "operation.failed")["text"]


def test_a_file_says_until_when_it_can_be_had(renderer: Renderer) -> None:
    def expiring(body: samples.Body) -> samples.Body:
        for artifact in body.get("results", {}).get("artifacts", [])[:1]:
            artifact["expiresAt"] = "2024-01-27T12:00:00Z"
        return body

    english, german = (
        mail(renderer, "operation.completed", language=language, change=expiring)["text"] for language in LANGUAGES
    )

    assert "PDF, 3.2 MB, available until 27 Jan, 13:00" in english
    assert "PDF, 3,2 MB, verfügbar bis 27. Jan., 13:00" in german
    assert english.count("available until") == 1


def test_a_mail_says_why_it_came_and_how_to_end_it(renderer: Renderer) -> None:
    content = mail(renderer, "operation.completed", language="de")

    assert "im Verteiler „analysts“" in content["text"]
    assert f"Abbestellen: {digests.UNSUBSCRIBE}" in content["text"]
    assert f'href="{digests.UNSUBSCRIBE}"' in content["html"]


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "https://user@evil.example/"])
def test_no_mail_offers_to_end_it_where_that_is_not_possible(renderer: Renderer, address: str) -> None:
    event = samples.messages()["operation.completed"]
    content = renderer.render(
        "email", "each", event, (event,), language="en", timezone="UTC", now=event.occurred_at, unsubscribe=address
    )

    assert "Unsubscribe" not in content["text"] + content["html"]


@pytest.mark.parametrize(
    ("rule", "english", "german"),
    [
        ("silent", "Last event at 13:52, 32 min before this message. It usually reports every 40 s. It is at 67%.",
         "Letztes Ereignis um 13:52 Uhr, 32 min vor dieser Nachricht. Sonst kommt alle 40 s ein Ereignis. "
         "Stand: 67 %."),
        ("flat", "At 67% since 13:31 (32 min). Last sign of life 13:52.",
         "Seit 13:31 bei 67 % (32 min). Letztes Lebenszeichen 13:52."),
        ("overdue", "It was first expected to finish at 13:15 and is still running. It is at 67%.",
         "Der Lauf sollte ursprünglich um 13:15 Uhr fertig sein und läuft noch. Stand: 67 %."),
        ("deadline", "Its time limit passed at 14:15, but no end was reported. It is at 67%.",
         "Das Zeitlimit ist um 14:15 Uhr abgelaufen, ein Ende wurde nicht gemeldet. Stand: 67 %."),
        ("slow", "Still running; it usually takes 43–48 min. Mostly in Machine Learning Analysis, which usually "
         "takes 19 min. It is at 67%.",
         "Läuft noch; üblich sind 43–48 min. Vor allem in Machine Learning Analysis, wo 19 min üblich sind."),
    ],
)  # fmt: skip
def test_a_run_that_does_not_go_on_says_since_when(renderer: Renderer, rule: str, english: str, german: str) -> None:
    texts = [mail(renderer, f"operation.stalled.{rule}", language=language)["text"] for language in LANGUAGES]

    assert english in texts[0]
    assert german in texts[1]
