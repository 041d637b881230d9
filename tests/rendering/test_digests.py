"""Digests and round-ups, by mail and in Slack: what comes first, what is counted, and that Slack takes them.

RELAY_UPDATE_GOLDEN=1 writes what it is now into tests/golden/digests; read the difference before you keep it.
"""

import json
import re

import pytest

from relay.domain.digest_entries import summarize
from relay.domain.parsing import parse
from relay.rendering import Renderer
from relay.rendering.formats.email import _cut
from relay_sandbox.standins.slack_limits import validate
from tests.rendering.golden import agreed
from tests.support import digests
from tests.support.mails import LANGUAGES, mail


def test_sixty_rows_of_a_digest_find_room(renderer: Renderer) -> None:
    content = mail(renderer, "digest.maximal")

    assert content["text"].count("\n- ") == 60
    assert re.findall(r"^\+ (\d+) more$", content["text"], re.MULTILINE) == ["12", "15", "12"]
    assert len(re.findall(r'/runs"[^>]*>\+ ', content["html"])) == 3


@pytest.mark.parametrize(("language", "words"), [("en", "2 h (usually 45 min)"), ("de", "2 h (üblich: 45 min)")])
def test_a_row_says_what_is_usual_where_it_was_out_of_the_ordinary(
    renderer: Renderer, language: str, words: str
) -> None:
    usual = [2580.0, 2700.0, 2880.0]
    runs = [digests.entry(number, name, "Completed", usual=usual, duration=seconds)
            for number, name, seconds in ((1, "Journeys", 7200), (2, "Invoices", 2760))]  # fmt: skip
    event = digests.told("digest", digests.FRIDAY, runs)

    text = renderer.render("email", "digest", event, (), language=language, timezone="UTC", now=digests.NOW)["text"]

    assert words in text.replace("\xa0", " ")
    assert text.count("45") == 1


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["The only run finished as planned; it took 45 min.", "The only run did not finish as planned.",
            "Both runs finished as planned; the median run took 1 h 10 min.", "Both runs finished as planned (2 jobs).",
            "1 of 2 runs finished as planned (2 jobs); it took 45 min."]),
    ("de", ["Der einzige Lauf ist planmäßig fertig; Dauer 45 min.",
            "Der einzige Lauf ist nicht planmäßig fertig geworden.",
            "Beide Läufe sind planmäßig fertig; typische Dauer 1 h 10 min.",
            "Beide Läufe sind planmäßig fertig (2 Jobs).",
            "1 von 2 Läufen planmäßig fertig (2 Jobs); Dauer 45 min."]),
])  # fmt: skip
def test_a_single_run_has_no_median_nor_have_different_jobs(
    renderer: Renderer, language: str, words: list[str]
) -> None:
    before = {
        "completed": 3,
        "failed": 0,
        "overdue": 0,
        "median": 2100,
        "to": digests.FRIDAY.isoformat(),
        "daily": True,
    }
    done, failed = digests.DONE[1], digests.ATTENTION[0]

    said = []
    again = done | {"id": "op-again", "duration": 5700}
    for entries in ([done], [failed], [done, again], [done, digests.DONE[2]], [done, failed]):
        event = digests.told("digest", digests.FRIDAY, entries, before=before if len(entries) == 1 else None)
        content = renderer.render("slack", "digest", event, (), language=language, timezone="UTC", now=digests.NOW)
        said.append(content["text"].replace("\xa0", " ").partition(". ")[2])
        if language == "de":
            said[-1] = said[-1].partition(". ")[2] if said[-1].startswith("März") else said[-1]

    assert said == words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", digests.DIGESTS)
def test_slack_takes_every_digest_and_round_up(renderer: Renderer, name: str, language: str) -> None:
    content = digests.render(renderer, "slack", name, language)

    assert validate(content) == []
    assert 1 <= len(content["blocks"]) <= 7
    assert 0 < len(content["text"]) <= 400
    assert not re.search(r"[*_<>`\n]|&amp;amp;", content["text"])
    assert re.search(r"\w+: \d", renderer.fallback("slack", digests.DIGESTS[name](), language)["text"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["digest.daily", "digest.weekly", "digest.empty", "roundup.quiet", "roundup.overflow"])
def test_a_digest_in_slack_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    content = digests.render(renderer, "slack", name, language)

    agreed(f"digests/{name}.{language}.json", json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def test_what_a_digest_in_slack_leaves_out_is_counted(renderer: Renderer) -> None:
    texts = [block["text"]["text"] for block in digests.render(renderer, "slack", "digest.hostile")["blocks"]
             if "text" in block]  # fmt: skip

    lists = [text.split("\n") for text in texts if "more>" in text]
    assert len(lists) == 3
    for title, *rows, more in lists:
        assert title.startswith("*")
        assert len(rows) + int(re.fullmatch(r"<\S+/runs\|\+ (\d+) more>", more)[1]) == 40


def test_a_row_that_finds_no_room_counts_as_many_as_it_stands_for() -> None:
    section = {"items": [{"runs": 2}, {"runs": 7}, {}], "more": 3}

    assert _cut(section, 1) == {"items": [{"runs": 2}], "more": 3 + 7 + 1}


@pytest.mark.parametrize(("language", "words"), [("en", "30 runs, 4 failed"), ("de", "30 Läufe, 4 fehlgeschlagen")])
def test_a_batch_of_which_failures_alone_are_known_does_not_say_how_many_completed(
    renderer: Renderer, language: str, words: str
) -> None:
    batch = digests.entry(1, "Q3 close", "Completed", batch=True, total=30, failed_count=4)
    event = digests.told("digest", digests.FRIDAY, [batch])

    text = renderer.render("email", "digest", event, (), language=language, timezone="UTC", now=digests.NOW)["text"]

    assert words in text.replace("\xa0", " ")


def test_the_row_of_a_batch_names_the_gravest_cause_first_and_who_has_which(renderer: Renderer) -> None:
    failed = [
        ("Load", "Normal", "worker 7 died"),
        ("Import", "Normal", "worker 8 died"),
        ("Export", "Critical", "no room"),
    ]
    rows = [{"operationId": name, "operationName": name, "status": "Failed", "priority": priority,
             "error": {"message": error}} for name, priority, error in failed]  # fmt: skip
    batch = {"batchId": "b", "batchName": "Nightly", "operations": [*rows, {"operationId": "x", "status": "Completed"}]}
    stated = {"event": "batch.completed", "timestamp": digests.NOW.isoformat(), "batch": batch}
    entry = summarize(parse(stated, source="s", received_at=digests.NOW))

    event = digests.told("digest", digests.FRIDAY, [entry])
    text = renderer.render("email", "digest", event, (), language="en", timezone="UTC", now=digests.NOW)["text"]

    assert "1 of 4 completed, 3 failed: Export: no room; Load, Import: worker 7 died" in text
