"""Whether a run is as usual, in its Slack messages: what the other runs of its job say, and nothing where none do."""

from dataclasses import replace

import pytest

from relay.channels.slack.limits import validate
from relay.domain.events import Outcome
from relay.rendering import Renderer
from tests.support import samples, slacks
from tests.support.slack_reading import NBSP, profiles, shown, texts
from tests.support.slacks import LANGUAGES, past_ends


def life(renderer: Renderer, past: tuple[Outcome, ...], language: str, end: str = "completed") -> list[str]:
    """What the messages of a run say, one after the other."""
    return [shown(content) for _, content in slacks.life(language, renderer, end, past)]


@pytest.mark.parametrize(("minutes", "english", "german"), [
    (88, "done on 9 Mar at 15:40 CET, as usual", "voraussichtlich am 9. März um 15:40 Uhr MEZ fertig, wie üblich"),
    (74, "done on 9 Mar at 15:40 CET, 20 min later than usual",
     "voraussichtlich am 9. März um 15:40 Uhr MEZ fertig, 20 min später als üblich"),
])  # fmt: skip
def test_a_run_that_goes_on_says_whether_it_will_be_done_as_usual(
    renderer: Renderer, minutes: int, english: str, german: str
) -> None:
    past = past_ends(23, minutes=minutes)

    lines = [life(renderer, past, language)[1].split("\n")[1] for language in LANGUAGES]

    assert lines == [f"▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · {english}", f"▰▰▰▰▰▰▰▱▱▱ Discovery (3 von 5) · {german}"]


@pytest.mark.parametrize(("minutes", "conformance", "english", "german"), [
    (88, 25, ["1 h 35 min (usually 1 h 28 min)"], ["1 h 35 min (üblich 1 h 28 min)"]),
    (45, 4, ["1 h 35 min (usually 45 min)", "2.1 × as long as usual"],
     ["1 h 35 min (üblich 45 min)", "2,1-mal so lang wie üblich"]),
    (75, 7, ["1 h 35 min (usually 1 h 15 min)", "1.3 × as long as usual, mostly in Conformance (7 min → 27 min)"],
     ["1 h 35 min (üblich 1 h 15 min)", "1,3-mal so lang wie üblich, vor allem in Conformance (7 min → 27 min)"]),
    (180, 60, ["1 h 35 min (usually 3 h)", "Much quicker than usual"],
     ["1 h 35 min (üblich 3 h)", "Viel schneller als üblich"]),
])  # fmt: skip
def test_a_run_that_is_complete_says_how_long_it_usually_takes_and_what_was_slow(
    renderer: Renderer, minutes: int, conformance: int, english: list[str], german: list[str]
) -> None:
    past = past_ends(23, minutes=minutes, conformance=conformance)

    for language, expected in zip(LANGUAGES, (english, german), strict=True):
        title, *lines = life(renderer, past, language)[2].split("\n")

        assert title.endswith(f" · {expected[0]}")
        assert [line for line in lines if "usual" in line or "üblich" in line] == expected[1:]


QUICK = {
    "en": "Over after 1 h 35 min, usually 7 h 29 min to 7 h 31 min: please check that it had its data",
    "de": "Schon nach 1 h 35 min fertig, üblich sind 7 h 29 min bis 7 h 31 min: bitte prüfen, ob alle Daten da waren",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_that_was_too_quick_says_once_how_long_it_took(renderer: Renderer, language: str) -> None:
    told = [content for _, content in slacks.life(language, renderer, "completed", past_ends(23, minutes=450))]

    for content in told[2:]:
        assert QUICK[language] in shown(content)
        assert shown(content).count("1 h 35 min") == 1
        assert content["text"].replace(NBSP, " ").count("1 h 35 min") == 1


@pytest.mark.parametrize(("language", "usual"), [("en", "usually 14"), ("de", "üblich 14")])
def test_the_reply_says_how_long_each_phase_took_and_what_is_usual_for_a_slow_one(
    renderer: Renderer, language: str, usual: str
) -> None:
    line = f"Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 ({usual}) · Reporting 17 min"

    assert life(renderer, past_ends(23), language)[-1].split("\n")[1] == line


FAILED = {
    "first": (past_ends(23), "First failure in 24 runs · last success 8 Mar, 14:02 CET",
              "Erster Fehlschlag seit 24 Läufen · zuletzt erfolgreich 8. März, 14:02 Uhr MEZ"),
    "again": (past_ends(9, 2), "3 failures in a row since 7 Mar, 14:02 CET · last success 6 Mar, 14:02 CET · "
              "same error 2 times before",
              "3 Fehlschläge in Folge seit 7. März, 14:02 Uhr MEZ · zuletzt erfolgreich 6. März, 14:02 Uhr MEZ · "
              "derselbe Fehler schon 2 Mal zuvor"),
    "second run": (past_ends(1), "last success 8 Mar, 14:02 CET", "zuletzt erfolgreich 8. März, 14:02 Uhr MEZ"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILED)
def test_a_failure_says_whether_it_is_the_first_one(renderer: Renderer, case: str) -> None:
    past, english, german = FAILED[case]

    for language, line in zip(LANGUAGES, (english, german), strict=True):
        *_, root, reply = life(renderer, past, language, "failed")

        assert root.split("\n")[2] == line
        assert reply.split("\n")[2] == line


@pytest.mark.parametrize(("failures", "english", "german"), [
    (3, "Works again after 3 failures", "Wieder erfolgreich nach 3 Fehlschlägen"),
    (1, "Works again after 1 failure", "Wieder erfolgreich nach 1 Fehlschlag"),
])  # fmt: skip
def test_what_works_again_says_so_on_a_phone_too(renderer: Renderer, failures: int, english: str, german: str) -> None:
    for language, words in zip(LANGUAGES, (english, german), strict=True):
        _, _, (_, root), (_, reply) = slacks.life(language, renderer, "completed", past_ends(9, failures))

        assert root["text"].endswith(f". {words}.")
        assert words in shown(reply).split("\n")[1]
        assert words in shown(root).split("\n")[1]


@pytest.mark.parametrize("end", ["completed", "failed"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_job_of_which_nothing_is_known_nothing_is_said(renderer: Renderer, language: str, end: str) -> None:
    said = "\n".join(life(renderer, (), language, end))

    assert not [word for word in ("usual", "üblich", "failure", "Fehlschlag", "success", "erfolgreich") if word in said]
    assert " ·  · " not in said
    assert "()" not in said


def test_the_richer_form_has_the_error_and_the_usual_times_beside_the_phases(renderer: Renderer) -> None:
    *_, (_, root), _ = slacks.life("de", renderer, "failed")

    plan = next(block for block in root["rich"] if block["type"] == "plan")
    usual = [list(texts(task.get("details"))) for task in plan["tasks"]]
    assert usual == [[f"üblich {minutes}{NBSP}min"] for minutes in (12, 17, 22, 14, 17)]
    assert [list(texts(task.get("output"))) for task in plan["tasks"]] == [
        [],
        [],
        [],
        [slacks.CAUSE.replace("300 s", f"300{NBSP}s")],
        [],
    ]


def test_of_a_complete_run_only_the_slow_phase_has_its_usual_time(renderer: Renderer) -> None:
    _, _, (_, root), _ = slacks.life("en", renderer)

    plan = next(block for block in root["rich"] if block["type"] == "plan")
    usual = [list(texts(task.get("details"))) for task in plan["tasks"]]
    assert usual == [[], [], [], [f"usually 14{NBSP}min"], []]


@pytest.mark.parametrize("fixture", ["maximal", "hostile"])
def test_slack_takes_what_is_said_of_a_job(renderer: Renderer, fixture: str) -> None:
    change = {"maximal": samples.maximal, "hostile": samples.hostile}[fixture]
    for name in ("operation.failed", "operation.completed", "operation.progress"):
        event, history = slacks.event_and_history(name, change)
        event = replace(event, past=past_ends(30, 5))
        for kind in slacks.KINDS:
            content = renderer.render(
                "slack", kind, event, history, language="de", timezone="Europe/Berlin", now=slacks.NOW
            )
            for blocks in profiles(content).values():
                assert validate({"text": content["text"], "blocks": blocks}) == []
