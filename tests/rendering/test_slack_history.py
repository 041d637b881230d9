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


@pytest.mark.parametrize(("minutes", "words"), [(88, "as usual"), (74, "20 min later than usual")])
def test_a_run_that_goes_on_says_whether_it_will_be_done_as_usual(renderer: Renderer, minutes: int, words: str) -> None:
    line = life(renderer, past_ends(23, minutes=minutes), "en")[1].split("\n")[1]

    assert line == f"▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · done on 9 Mar at 15:40 CET, {words}"


@pytest.mark.parametrize(("minutes", "conformance", "words"), [
    (88, 25, ["1 h 35 min (usually 1 h 28 min)"]),
    (45, 4, ["1 h 35 min (usually 45 min)", "2.1 × as long as usual"]),
    (75, 7, ["1 h 35 min (usually 1 h 15 min)", "1.3 × as long as usual, mostly in Conformance (7 min → 27 min)"]),
    (180, 60, ["1 h 35 min (usually 3 h)", "Much quicker than usual"]),
])  # fmt: skip
def test_a_run_that_is_complete_says_how_long_it_usually_takes_and_what_was_slow(
    renderer: Renderer, minutes: int, conformance: int, words: list[str]
) -> None:
    title, *lines = life(renderer, past_ends(23, minutes=minutes, conformance=conformance), "en")[2].split("\n")

    assert title.endswith(f" · {words[0]}")
    assert [line for line in lines if "usual" in line] == words[1:]


def test_a_run_that_was_too_quick_says_once_how_long_it_took(renderer: Renderer) -> None:
    contents = [content for _, content in slacks.life("en", renderer, "completed", past_ends(23, minutes=450))]

    for content in contents[2:]:
        words = "Over after 1 h 35 min, usually 7 h 29 min to 7 h 31 min: please check that it had its data"
        assert words in shown(content)
        assert shown(content).count("1 h 35 min") == 1
        assert content["text"].replace(NBSP, " ").count("1 h 35 min") == 1


def test_the_reply_says_how_long_each_phase_took_and_what_is_usual_for_a_slow_one(renderer: Renderer) -> None:
    line = "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (usually 14) · Reporting 17 min"

    assert life(renderer, past_ends(23), "en")[-1].split("\n")[1] == line


@pytest.mark.parametrize(("past", "words"), [
    (past_ends(23), "First failure in 24 runs · last success 8 Mar, 14:02 CET"),
    (past_ends(9, 2), "3 failures in a row since 7 Mar, 14:02 CET · last success 6 Mar, 14:02 CET · "
     "same error 2 times before"),
    (past_ends(1), "last success 8 Mar, 14:02 CET"),
])  # fmt: skip
def test_a_failure_says_whether_it_is_the_first_one(renderer: Renderer, past: tuple[Outcome, ...], words: str) -> None:
    *_, root, reply = life(renderer, past, "en", "failed")

    assert root.split("\n")[2] == reply.split("\n")[2] == words


@pytest.mark.parametrize(("failures", "words"), [(3, "after 3 failures"), (1, "after 1 failure")])
def test_what_works_again_says_so_on_a_phone_too(renderer: Renderer, failures: int, words: str) -> None:
    _, _, (_, root), (_, reply) = slacks.life("en", renderer, "completed", past_ends(9, failures))

    assert root["text"].endswith(f". Works again {words}.")
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
