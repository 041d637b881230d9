"""How mails read and look: as it was agreed, in both languages, in every mail program, for everyone.

RELAY_UPDATE_GOLDEN=1 writes what is said now into tests/golden/email; read the difference before you keep it.
tests/screenshots has the tests in a browser.
"""

import json
import re
from collections.abc import Iterable
from itertools import product

import pytest

from relay.channels.email.messages import Mailbox, compose
from relay.channels.slack.limits import validate
from relay.domain.deliveries import Notification
from relay.rendering import Renderer
from relay.rendering.formats.email import MAX_DIGEST, MAX_HTML
from tests.support import digests, samples
from tests.support.faults import every_case
from tests.support.golden import GOLDEN, agreed
from tests.support.mails import (
    LANGUAGES,
    NAMES,
    SINGLE,
    colours,
    contrast,
    dark_rules,
    document,
    mail,
    numbers,
    renderer,
    visible,
)

CHANGES = {"typical": dict, "bare": samples.bare, "hostile": samples.hostile, "maximal": samples.maximal}
AGREED = (*SINGLE, "digest.daily", "digest.weekly", "digest.empty", "roundup.quiet", "roundup.overflow")
BUILT = ("operation.failed", "digest.daily")


def changes_of(name: str) -> Iterable[str]:
    """In which forms this mail can be had: a digest's documents are its own."""
    return CHANGES if name in SINGLE else ["typical"]


@pytest.fixture(scope="module", name="renderer")
def one_renderer() -> Renderer:
    return renderer()


# As it was agreed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", AGREED)
def test_a_mail_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    said = mail(renderer, name, language=language)

    head = "".join(f"{key.title()}: {said[key]}\n" for key in ("subject", "topic", "preheader"))
    outline = "\n".join(visible(document(said["html"])))
    agreed(f"email/{name}.{language}.txt", f"{head}\n{said['text']}\n===== HTML =====\n{outline}\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BUILT)
def test_a_mail_is_built_as_agreed(renderer: Renderer, name: str, language: str) -> None:
    agreed(f"email/{name}.{language}.html", mail(renderer, name, language=language)["html"])


def test_nothing_is_agreed_that_no_mail_says() -> None:
    texts = {f"{name}.{language}.txt" for name in AGREED for language in LANGUAGES}
    built = {f"{name}.{language}.html" for name in BUILT for language in LANGUAGES}

    assert {file.name for file in (GOLDEN / "email").glob("*.*")} == texts | built


# For every mail program, and for those who do not see it


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_flawless_html_that_a_screen_reader_can_follow(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change, language in product(changes_of(name), LANGUAGES):
            with case(change, language):
                html = document(mail(renderer, name, language=language, change=CHANGES[change])["html"])

                assert html.get("lang") == language
                assert html.findtext("head/title")
                assert len(list(html.iter("h1"))) == 1
                assert all(heading.get("scope") == "row" for heading in html.iter("th"))
                for table in html.iter("table"):
                    data = table.find("tbody/tr/th") is not None
                    assert data != (table.get("role") in ("presentation", "img"))
                    assert table.get("role") != "img" or table.get("aria-label")
                assert all(
                    link.get("href", "").startswith(("http://", "https://")) and visible(link)
                    for link in html.iter("a")
                )


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_holds_nothing_that_mail_programs_refuse(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name, change=samples.hostile)["html"]
    tags = {str(element.tag) for element in document(html).iter() if isinstance(element.tag, str)}

    allowed = {"html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "tr", "th", "td", "p", "h1",
               "h2", "a", "span"}  # fmt: skip
    assert tags <= allowed
    assert not re.search(r"flex|url\(|@import|data:|javascript:", html.replace("javascript:x", ""))


@pytest.mark.parametrize("name", SINGLE)
def test_what_an_event_says_adds_no_element_and_no_attribute(renderer: Renderer, name: str) -> None:
    typical, hostile = (shape(mail(renderer, name, change=change)["html"]) for change in (dict, samples.hostile))

    assert hostile <= typical


def shape(html: str) -> set[tuple[str, ...]]:
    return {(str(element.tag), *sorted(element.keys())) for element in document(html).iter()}


@pytest.mark.parametrize("name", NAMES)
def test_the_dark_scheme_and_the_narrow_screen_survive_inlining(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]

    assert html.count("<style") == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background-color: #FFFFFF" in html.partition("</style>")[2]


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_small_enough_not_to_be_clipped(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change in changes_of(name):
            content = mail(renderer, name, change=CHANGES[change])
            sent = compose(
                Notification("d-1", "analysts", "analyst@example.com", "each", content, "op-1", name, digests.NOW),
                Mailbox("relay@example.com"),
            )

            with case(change):
                assert len(content["html"].encode()) <= (MAX_DIGEST if name.startswith("digest") else MAX_HTML)
                assert max(map(len, sent.split(b"\r\n"))) <= 998


def test_sixty_rows_of_a_digest_find_room(renderer: Renderer) -> None:
    said = mail(renderer, "digest.maximal")

    assert said["text"].count("\n- ") == 60
    assert re.findall(r"^\+ (\d+) more$", said["text"], re.MULTILINE) == ["12", "15", "12"]


def test_rows_that_find_no_room_are_counted(renderer: Renderer) -> None:
    text = mail(renderer, "digest.hostile")["text"]

    left_out = [int(number) for number in re.findall(r"^\+ (\d+) more$", text, re.MULTILINE)]
    assert text.count("\n- ") + sum(left_out) == 3 * 40


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_smaller_than_14_pixels(renderer: Renderer, name: str) -> None:
    html = document(mail(renderer, name)["html"])

    for element in html.iter():
        style = element.get("style", "")
        size = re.search(r"font-size: (\d+)px", style)
        if size and "hidden" not in element.get("class", "") and "".join(element.itertext()).strip("\u00a0 \n"):
            assert int(size[1]) >= 14, element.get("class")


@pytest.mark.parametrize("name", NAMES)
def test_the_text_part_says_all_that_the_html_says(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change, language in product(changes_of(name), LANGUAGES):
            content = mail(renderer, name, language=language, change=CHANGES[change])
            html, text = document(content["html"]), content["text"]
            one_line = re.sub(r"\s+", " ", text)
            read = [re.sub(r"\s+", " ", line) for line in visible(html)]

            with case(change, language):
                assert [line for line in read if line not in one_line] == []
                assert numbers(" ".join(read)) <= numbers(text)
                assert {link.get("href", "") for link in html.iter("a")} <= set(re.findall(r"https?://\S+", text))
                assert "\u00a0" not in text + content["subject"] + content["topic"] + content["preheader"]
                assert "\n\n\n" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_text_has_enough_contrast(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]
    with every_case() as case:
        for scheme, dark in {"light": [], "dark": dark_rules(html)}.items():
            pairs = set(colours(document(html), (), dark))

            with case(scheme):
                assert pairs
                assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


# What the lines of an inbox say


@pytest.mark.parametrize("name", SINGLE)
def test_a_subject_is_one_line_that_says_what_happened_to_what(renderer: Renderer, name: str) -> None:
    for change in CHANGES.values():
        said = mail(renderer, name, language="de", change=change)

        for line in (said["subject"], said["topic"]):
            assert line.startswith("[relay] ")
            assert len(line) <= 200
            assert line.isprintable()
        assert said["subject"] != said["topic"]


@pytest.mark.parametrize("kind", ["operation", "batch"])
def test_all_mails_about_one_run_have_one_topic(renderer: Renderer, kind: str) -> None:
    topics = {mail(renderer, name)["topic"] for name in SINGLE if name.startswith(f"{kind}.")}

    assert topics == {{"operation": "[relay] Comprehensive Customer Journey Analysis",
                       "batch": "[relay] Monthly Process Mining Pipeline"}[kind]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "language", "subject", "preheader"),
    [
        ("operation.completed", "en", "[relay] Completed: Comprehensive Customer Journey Analysis",
         "Completed: 347 variants, 23 anomalies, 45 min."),
        ("operation.completed", "de", "[relay] Abgeschlossen: Comprehensive Customer Journey Analysis",
         "Abgeschlossen: 347 Varianten, 23 Auffälligkeiten, 45 min."),
        ("operation.stalled.flat", "de", "[relay] Kein Fortschritt: Comprehensive Customer Journey Analysis",
         "Kein Fortschritt: Seit 13:31 bei 67 % (32 min). Letztes Lebenszeichen 13:52. "
         "Die Schätzung wurde 3 Mal verschoben."),
        ("operation.recovered", "en", "[relay] Running again: Comprehensive Customer Journey Analysis",
         "Running again after 32 min without progress."),
        ("digest.daily", "en", "[relay] Daily digest 9 March: 41 completed, 2 failed, 1 overdue",
         "3 need attention. Completed 41 (up 4 vs. Friday) · Failed 2 (down 1) · Overdue 1 (no change) · "
         "Median time 38 min (up 3 min)"),
        ("digest.daily", "de",
         "[relay] Tagesübersicht 9. März: 41 abgeschlossen, 2 fehlgeschlagen, 1 überfällig",
         "3 brauchen Aufmerksamkeit. Abgeschlossen 41 (4 mehr als am Freitag) · Fehlgeschlagen 2 (1 weniger) · "
         "Überfällig 1 (unverändert) · Mittlere Dauer 38 min (3 min mehr)"),
        ("digest.weekly", "en", "[relay] Weekly digest 9 March: 169 completed, 2 failed, 1 overdue",
         "3 need attention. Completed 169 (down 11 vs. the week before) · Failed 2 (no change) · "
         "Overdue 1 (down 3) · Median time 38 min (no change)"),
        ("digest.weekly", "de",
         "[relay] Wochenübersicht 9. März: 169 abgeschlossen, 2 fehlgeschlagen, 1 überfällig",
         "3 brauchen Aufmerksamkeit. Abgeschlossen 169 (11 weniger als in der Vorwoche) · "
         "Fehlgeschlagen 2 (unverändert) · Überfällig 1 (3 weniger) · Mittlere Dauer 38 min (unverändert)"),
        ("digest.empty", "en", "[relay] Weekly digest 9 March: no runs",
         "No runs last week; relay is receiving events"),
        ("digest.empty", "de", "[relay] Wochenübersicht 9. März: keine Läufe",
         "Keine Läufe in der letzten Woche; relay empfängt Ereignisse"),
        ("roundup.quiet", "en", "[relay] While it was quiet: 3 completed, 1 failed",
         "1 needs attention: 3 completed, 1 failed"),
        ("roundup.overflow", "de", "[relay] 12 weitere Läufe: 10 abgeschlossen, 1 fehlgeschlagen, 1 läuft",
         "1 braucht Aufmerksamkeit: 10 abgeschlossen, 1 fehlgeschlagen, 1 läuft"),
    ],
)  # fmt: skip
def test_an_inbox_shows_the_gist(renderer: Renderer, name: str, language: str, subject: str, preheader: str) -> None:
    said = mail(renderer, name, language=language)

    assert (said["subject"], said["preheader"]) == (subject, preheader)


# What a reader finds, and in which order


def test_a_mail_of_a_failure_answers_in_the_order_of_the_questions(renderer: Renderer) -> None:
    text = mail(renderer, "operation.failed")["text"]

    order = ["Failed", "Comprehensive Customer", "Stopped in Machine", "Since 20 January 2024, 12:52 CET",
             "SOURCE_TIMEOUT", "did not answer for 300 s", "temporary", "View error: https://"]  # fmt: skip
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
    assert "\n2 weitere Läufe dieses Batches warten.\n" in german


def test_a_long_error_is_cut_at_500_characters_and_the_rest_is_linked(renderer: Renderer) -> None:
    said = mail(renderer, "operation.failed", change=samples.maximal)
    html = document(said["html"])

    error = next(element for element in html.iter("div") if "error" in element.get("class", "").split())
    assert len("".join(error.itertext())) == 500
    assert "Read the whole error: https://mining.example.com/api/" in said["text"]
    assert "Read the whole error" not in mail(renderer, "operation.failed")["text"]


def test_a_file_says_until_when_it_can_be_had(renderer: Renderer) -> None:
    def expiring(body: samples.Body) -> samples.Body:
        for artifact in body.get("results", {}).get("artifacts", [])[:1]:
            artifact["expiresAt"] = "2024-01-27T12:00:00Z"
        return body

    english, german = (
        mail(renderer, "operation.completed", language=language, change=expiring)["text"] for language in LANGUAGES
    )

    assert "PDF, 3.2 MB, available until 27 January 2024, 13:00 CET" in english
    assert "PDF, 3,2 MB, verfügbar bis 27. Januar 2024, 13:00 Uhr (MEZ)" in german
    assert english.count("available until") == 1


def test_a_mail_says_why_it_came_and_how_to_end_it(renderer: Renderer) -> None:
    said = mail(renderer, "operation.completed", language="de")

    assert "Ziel „analysts“" in said["text"]
    assert f"Abbestellen: {digests.UNSUBSCRIBE}" in said["text"]
    assert f'href="{digests.UNSUBSCRIBE}"' in said["html"]


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "https://user@evil.example/"])
def test_no_mail_offers_to_end_it_where_that_is_not_possible(renderer: Renderer, address: str) -> None:
    event = samples.messages()["operation.completed"]
    said = renderer.render(
        "email", "each", event, (event,), language="en", timezone="UTC", now=event.occurred_at, unsubscribe=address
    )

    assert "Unsubscribe" not in said["text"] + said["html"]


@pytest.mark.parametrize(
    ("rule", "english", "german"),
    [
        ("silent", "Last event 32 min ago, at 13:52. It is at 67%.",
         "Letztes Ereignis vor 32 min, um 13:52 Uhr. Stand: 67 %."),
        ("flat", "At 67% since 13:31 (32 min). Last sign of life 13:52.",
         "Seit 13:31 bei 67 % (32 min). Letztes Lebenszeichen 13:52."),
        ("overdue", "It was first expected to finish at 13:15 and is still running. It is at 67%.",
         "Der Lauf sollte ursprünglich um 13:15 Uhr fertig sein und läuft noch. Stand: 67 %."),
        ("deadline", "Its time limit passed at 14:15, but no end was reported. It is at 67%.",
         "Das Zeitlimit ist um 14:15 Uhr abgelaufen, ein Ende wurde nicht gemeldet. Stand: 67 %."),
    ],
)  # fmt: skip
def test_a_run_that_does_not_go_on_says_since_when(renderer: Renderer, rule: str, english: str, german: str) -> None:
    said = [mail(renderer, f"operation.stalled.{rule}", language=language)["text"] for language in LANGUAGES]

    assert english in said[0]
    assert german in said[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_tells_what_needs_attention_first(renderer: Renderer, language: str) -> None:
    text = mail(renderer, "digest.daily", language=language)["text"]

    order = {"en": ["3 need", "Completed: 41", "Needs attention", "\nCompleted\n", "Still running", "Runs per day",
                    "12 progress updates were held back"],
             "de": ["3 brauchen", "Abgeschlossen: 41", "Handlungsbedarf", "\nAbgeschlossen\n", "Noch laufend",
                    "Läufe pro Tag", "12 Fortschrittsmeldungen wurden zurückgehalten"]}[language]  # fmt: skip
    assert sorted(order, key=text.index) == order


def test_the_bars_of_a_digest_are_told_to_those_who_do_not_see_them(renderer: Renderer) -> None:
    html = document(mail(renderer, "digest.daily")["html"])

    chart = next(table for table in html.iter("table") if table.get("role") == "img")
    assert chart.get("aria-label", "").startswith("Tue 3: 44 completed; Wed 4: 36 completed, 5 failed; ")
    rows = [[cell.get("width") for cell in row.iter("td") if "bar" in cell.get("class", "").split()]
            for row in chart.findall("tbody/tr")]  # fmt: skip
    assert rows[2] == ["92%", "3%", "5%"]  # the busiest day
    assert rows[4] == ["100%"]  # no bar for no run
    assert all(sum(int(str(width).rstrip("%")) for width in row) == 100 for row in rows)


def test_an_empty_digest_is_one_line(renderer: Renderer) -> None:
    text = mail(renderer, "digest.empty")["text"]

    assert "\nNo runs last week; relay is receiving events\n" in text
    assert "Completed" not in text
    assert "Needs attention" not in text


# The same in Slack


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", digests.DIGESTS)
def test_slack_takes_every_digest_and_round_up(renderer: Renderer, name: str, language: str) -> None:
    said = digests.render(renderer, "slack", name, language)

    assert validate(said) == []
    assert 1 <= len(said["blocks"]) <= 7
    assert 0 < len(said["text"]) <= 150
    assert not re.search(r"[*_<>`\n]|&amp;amp;", said["text"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_a_digest_calls_anybody_or_leads_anywhere_in_slack(renderer: Renderer, language: str) -> None:
    said = json.dumps(digests.render(renderer, "slack", "digest.hostile", language), ensure_ascii=False)

    assert {token[: len(samples.BASE_URL) + 1] for token in re.findall(r"<[^>]*>?", said)} == {f"<{samples.BASE_URL}"}
    assert not re.search(r"<[!@#]|\*bold\*|_italic_|~gone~|:tada:", said)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["digest.daily", "digest.weekly", "digest.empty", "roundup.quiet", "roundup.overflow"])
def test_a_digest_in_slack_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    said = digests.render(renderer, "slack", name, language)

    agreed(f"digests/{name}.{language}.json", json.dumps(said, ensure_ascii=False, indent=2) + "\n")


def test_what_a_digest_in_slack_leaves_out_is_counted(renderer: Renderer) -> None:
    texts = [block["text"]["text"] for block in digests.render(renderer, "slack", "digest.hostile")["blocks"]
             if "text" in block]  # fmt: skip

    lists = [text.split("\n") for text in texts[1:]]
    assert len(lists) == 3
    for title, *rows, more in lists:
        assert title.startswith("*")
        assert len(rows) + int(re.fullmatch(r"\+ (\d+) more", more)[1]) == 40
