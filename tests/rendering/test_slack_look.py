"""Every Slack message: as it was agreed (tests/golden/slack), taken by Slack whatever the event says, in both profiles.

RELAY_UPDATE_GOLDEN=1 writes what is said now into tests/golden; read the difference before you keep it.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from relay.channels.slack.limits import validate
from relay.domain.deliveries import Kind
from relay.domain.events import Event
from relay.domain.mrkdwn import length
from relay.rendering import Renderer
from relay.rendering.fixtures import FIXTURES
from tests.support import samples, slacks
from tests.support.faults import every_case
from tests.support.golden import GOLDEN, agreed
from tests.support.slacks import KINDS, LANGUAGES, NAMES

PLATFORM = samples.BASE_URL + "/api/tenant-1/project-1/async/"
NBSP = "\u00a0"


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return slacks.renderer()


def profiles(content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The message's blocks by profile; not every message has a richer form."""
    return {profile: content[profile] for profile in ("blocks", "rich") if profile in content}


def texts(node: Any) -> Iterator[str]:
    """Every text that people read, in reading order."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("text", "title") and isinstance(value, str):
                yield value
            yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


def shown(content: dict[str, Any]) -> str:
    """The message as it is read, without links' addresses."""
    told = "\n".join(texts(content["blocks"])).replace(NBSP, " ")
    return re.sub(r"<[^|>]+\|([^>]*)>", r"\1", told)


# As it was agreed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_slack_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    said = {kind: slacks.message(renderer, name, kind, language) for kind in KINDS}

    agreed(f"slack/{name}.{language}.json", json.dumps(said, ensure_ascii=False, indent=2) + "\n")


def test_nothing_is_agreed_that_nobody_says() -> None:
    files = {f"{name}.{language}.json" for name in NAMES for language in LANGUAGES}

    assert {file.name for file in (GOLDEN / "slack").glob("operation.*")} | {
        file.name for file in (GOLDEN / "slack").glob("batch.*")
    } == files


# Slack takes it


@pytest.mark.parametrize("name", NAMES)
def test_slack_takes_every_message_in_both_profiles(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind, fixture, language in product(KINDS, FIXTURES, LANGUAGES):
            content = slacks.message(renderer, name, kind, language, FIXTURES[fixture])

            for profile, blocks in profiles(content).items():
                with case(kind, fixture, language, profile):
                    assert validate({"text": content["text"], "blocks": blocks}) == []
                    assert 1 <= len(blocks) <= 7
                    ids = [block["block_id"] for block in blocks if "block_id" in block]
                    assert len(ids) == len(set(ids))
                    assert not {"actions", "button"} & {block["type"] for block in blocks}


@pytest.mark.parametrize("name", NAMES)
def test_a_typical_message_is_short(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind in KINDS:
            content = slacks.message(renderer, name, kind)

            addresses = sum(length(address) for address in re.findall(r"<(http[^|]*)\|", str(content["blocks"])))
            with case(kind):
                assert sum(map(length, texts(content["blocks"]))) - addresses <= 1_500


@pytest.mark.parametrize("name", NAMES)
def test_what_a_phone_shows_is_one_plain_line_with_status_and_name(renderer: Renderer, name: str) -> None:
    names = ("Comprehensive Customer", "Monthly Process", "Data Preparation", "Month-end", "AP invoices")
    with every_case() as case:
        for kind, fixture, language in product(KINDS, FIXTURES, LANGUAGES):
            text = slacks.message(renderer, name, kind, language, FIXTURES[fixture])["text"]

            label, _, rest = text.partition(": ")
            with case(kind, fixture, language):
                assert re.fullmatch(r"[A-ZÜ][\w' ]{3,30}", label.replace(NBSP, " "))
                assert rest
                assert length(text) <= 150
                assert not re.search(r"[<>\n▰▱]", text)
                if fixture == "typical":
                    assert rest.startswith(names)
                    assert not re.search(r"[*_`]", text.replace("SOURCE_TIMEOUT", ""))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_an_event_mentions_anybody_or_leads_anywhere(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind, language in product(KINDS, LANGUAGES):
            content = slacks.message(renderer, name, kind, language, FIXTURES["hostile"])

            for text in texts(content):
                with case(kind, language, repr(text)):
                    for token in re.findall(r"<[^>]*>?", text):
                        assert token.startswith(f"<{PLATFORM}")
                    assert "<!" not in text
                    assert "<@" not in text
                    assert not re.search(r"\*bold\*|_italic_|~gone~|:tada:", re.sub(r"```[^`]*```", "", text))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_too_long_is_cut_between_characters_and_linked(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind in KINDS:
            passages = list(texts(slacks.message(renderer, name, kind, "en", FIXTURES["maximal"])))

            for text in passages:
                with case(kind, repr(text)):
                    assert text.encode("utf-16", "strict")
                    assert not re.search(r"&[a-z]{0,3}…", text)
                    assert text.count("<") == text.count(">")
                    assert text.count("```") % 2 == 0
            with case(kind):
                assert any("…" in text for text in passages)
                outcome = kind != "reply" or name.partition(".")[2] in ("completed", "failed", "timeout")
                if outcome and name != "batch.operation.failed" and has_tracking_url(name):
                    assert "<https://" in "".join(passages)


def has_tracking_url(name: str) -> bool:
    """Whether the event's document says where the run can be looked at."""
    body = slacks.bodies()[name]
    return "trackingUrl" in (body["batch"] if name.startswith("batch.") and "batch" in body else body["operation"])


# What is known, and what is not


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("operation.")])
def test_unknown_progress_is_not_shown_as_none(renderer: Renderer, name: str) -> None:
    event = samples.event_of(FIXTURES["minimal"](slacks.bodies()[name]))
    with every_case() as case:
        for kind in KINDS:
            text = shown(rendered(renderer, event, kind))

            with case(kind):
                assert not re.search(r"▱|0[ \u00a0]?%|100", text)
                assert "None" not in text


@pytest.mark.parametrize("status", ["Running", "Completed", "Failed"])
def test_only_what_is_complete_is_at_a_hundred(renderer: Renderer, status: str) -> None:
    body = samples.bodies()["operation.progress"]
    body["operation"] |= {"status": status, "progress": {"percentage": 100, "currentPhase": "Reporting"}}
    names = {"Running": "progress", "Completed": "completed", "Failed": "failed"}

    told = rendered(renderer, samples.event_of(body | {"event": f"operation.{names[status]}"}), "live")

    assert "100" not in shown(told) + told["text"]
    assert ("99%" in shown(told)) == (status != "Completed")
    assert "▰▰▰▰▰▰▰▰▰▰" not in shown(told)


def test_a_live_message_keeps_its_height_while_the_run_lasts(renderer: Renderer) -> None:
    told = [slacks.message(renderer, name, "live")["blocks"] for name in ("operation.progress", "operation.paused",
                                                                          "operation.recovered")]  # fmt: skip

    assert len({tuple(block["type"] for block in blocks) for blocks in told}) == 1
    assert len({str(blocks[0]["text"]["text"]).count("\n") for blocks in told}) == 1


def test_a_run_that_says_nothing_of_its_progress_is_told_to_last(renderer: Renderer) -> None:
    body = samples.bodies()["operation.progress"]
    body["operation"] = {"operationId": "op-1", "operationName": "Quiet", "dateCreated": "2024-01-20T11:15:00Z"}

    told = [rendered(renderer, samples.event_of(body), "live", language) for language in LANGUAGES]

    assert [shown(each).split("\n")[1] for each in told] == ["Running for 26 min.", "Läuft seit 26 min."]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_attempt_is_told_as_one(renderer: Renderer, kind: Kind) -> None:
    for name in ("operation.progress", "operation.failed", "operation.timeout"):
        body = slacks.bodies()[name]
        body["operation"] |= {"retryNumber": 1}

        told = shown(rendered(renderer, samples.event_of(body), kind))

        assert ("*Attempt* 2" in told) == (kind != "reply" or name == "operation.progress")


def test_a_name_is_cut_at_120_characters(renderer: Renderer) -> None:
    said = slacks.message(renderer, "operation.progress", change=FIXTURES["maximal"])

    title = said["blocks"][0]["text"]["text"].split("\n")[0]
    assert title.endswith("…")
    assert len(re.sub(r"&\w+;", "&", title.split(" · ", 1)[1])) <= 120


@pytest.mark.parametrize(
    ("name", "kind", "total"), [("operation.completed", "reply", 50), ("operation.completed", "each", 50),
                                ("batch.completed", "reply", 303)]
)  # fmt: skip
def test_what_is_left_out_of_a_long_list_is_counted(renderer: Renderer, name: str, kind: Kind, total: int) -> None:
    blocks = slacks.message(renderer, name, kind, change=FIXTURES["maximal"])["blocks"]

    told = [block["text"]["text"] for block in blocks if "text" in block]
    lines = next(text for text in told[1:] if "+ " in text).split("\n")
    items = sum(line.startswith(("• ", "✅", "🔴", "⏳")) for line in lines)
    assert items >= 1
    assert lines[-1] == f"+ {total - items} more"


def test_nothing_is_linked_without_the_platforms_address() -> None:
    said = slacks.message(Renderer([slacks.ROOT / "templates"]), "operation.progress")

    assert "<http" not in json.dumps(said)


# One run, in the words of the design


def rendered(renderer: Renderer, event: Event, kind: Kind, language: str = "en", *history: Event) -> dict[str, Any]:
    return renderer.render(
        "slack", kind, event, (*history, event), language=language, timezone="Europe/Berlin", now=event.occurred_at
    )


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
    told = [shown(content) for _, content in slacks.life(language, renderer)]

    assert [each[: len(words)] for each, words in zip(told, LIFE[language], strict=True)] == LIFE[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failed_run_is_told_in_the_words_of_the_design(renderer: Renderer, language: str) -> None:
    told = [shown(content) for _, content in slacks.life(language, renderer, "failed")][-2:]

    assert [each[: len(words)] for each, words in zip(told, FAILURE[language], strict=True)] == [*FAILURE[language]]


@pytest.mark.parametrize(("language", "waiting"), [
    ("en", "🔴 *AP invoices DE* failed in Conformance. 2 later runs of this batch are waiting."),
    ("de", "🔴 *AP invoices DE* ist in Conformance fehlgeschlagen. 2 weitere Läufe dieses Batches warten."),
])  # fmt: skip
def test_a_failure_says_what_waits_for_it(renderer: Renderer, language: str, waiting: str) -> None:
    told = shown(slacks.message(renderer, "batch.operation.failed", "reply", language))

    assert told.startswith(waiting)
    assert "```SAP extractor did not answer for 300 s.```" in told


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

    told = shown(rendered(renderer, samples.event_of(body), "live"))

    lines = told.split("\n")
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
    english, german = (shown(slacks.message(renderer, f"operation.stalled.{rule}", kind, each)) for each in LANGUAGES)

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


# The richer blocks


@pytest.mark.parametrize(("name", "states"), [
    ("operation.progress", "complete complete in_progress pending"),
    ("operation.stalled.flat", "complete complete in_progress pending"),
    ("operation.failed", "complete complete error pending"),
    ("operation.timeout", "complete complete error pending"),
    ("operation.completed", "complete complete complete complete"),
])  # fmt: skip
def test_the_phases_are_a_plan(renderer: Renderer, name: str, states: str) -> None:
    content = slacks.message(renderer, name, "live", "de")

    plan = next(block for block in content["rich"] if block["type"] == "plan")
    assert plan["title"] == "Phasen"
    assert [task["status"] for task in plan["tasks"]] == states.split()
    assert plan["tasks"][0]["title"] == f"Data Loading & Validation · 7{NBSP}min"
    assert not any(block["type"] == "plan" for block in content["blocks"])


def test_a_batch_ends_with_a_table_of_all_its_operations(renderer: Renderer) -> None:
    content = slacks.message(renderer, "batch.finished", "reply", "de")

    table = next(block for block in content["rich"] if block["type"] == "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[0] == ["Operation", "Status", "Dauer", "Abhängig von"]
    assert len(rows) == 21
    assert rows[14] == ["AP invoices DE", "🔴 Fehlgeschlagen", "–", "–"]
    assert rows[-1] == ["Group consolidation", "⚪ Abgebrochen", "–", "AP reconciliation"]
    assert "rich" not in slacks.message(renderer, "batch.finished", "live")


def test_a_table_that_is_too_long_ends_with_a_mark(renderer: Renderer) -> None:
    content = slacks.message(renderer, "batch.completed", "reply", change=FIXTURES["maximal"])

    table = next(block for block in content["rich"] if block["type"] == "table")
    assert [cell["text"] for cell in table["rows"][-1]] == ["…"] * 4
    assert validate({"text": content["text"], "blocks": content["rich"]}) == []


def test_a_message_without_phases_has_no_richer_form(renderer: Renderer) -> None:
    event = samples.event_of(FIXTURES["minimal"](samples.bodies()["operation.progress"]))

    assert "rich" not in rendered(renderer, event, "live")


def test_now_is_told_in_the_readers_zone(renderer: Renderer) -> None:
    event, history = slacks.told("operation.progress")
    told = renderer.render("slack", "live", event, history, language="en", timezone="America/New_York",
                           now=datetime.fromisoformat("2024-01-20T13:30:00Z"))  # fmt: skip

    assert "*Expected* 07:05" in shown(told)
