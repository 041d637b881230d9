"""relay template: what a template author sees, from the first fault to the finished page."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from tests.support.inprocess import REPOSITORY, relay

pytestmark = pytest.mark.slow

BUILT_IN = REPOSITORY / "templates"
MESSAGE = "slack/operation.paused.yaml"


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory with one message of the author's own."""
    write(tmp_path, MESSAGE, "text: '{{ op.name|cut(80) }}'\n")
    return tmp_path


def lint(folder: Path) -> list[str]:
    """Return what lint says, without the verdict."""
    told = relay("template", "lint", "--templates", folder)
    assert told.exit_code in (0, 1), told.output
    return told.output.splitlines()[:-1]


# lint


def test_the_shipped_templates_are_right() -> None:
    told = relay("template", "lint", "-c", REPOSITORY / "config" / "relay.yaml")

    assert (told.exit_code, told.output) == (0, f"{BUILT_IN}: OK\n")


# What is written into a message file, and what is said of it. `{% if 0 %}` is a branch that no event takes.
UNUSABLE = [
    ("text: '{{ unfinished'\n", ":1: unexpected end of template, expected 'end of print statement'."),
    ("text: '{{ op.name|shout }}'\n", ":1: No filter named 'shout'."),
    ("text: ok\nblocks: [{type: divider}, ]]\n", ":2: "),
    ("text: x\nlist: [{each: nothing, t: x}]\n", ":2: expected `each: NAME in LIST`"),
]
FAULTY = [
    ("blocks: [{type: divider}]\n", ":1: `text:` is missing: it is what a phone shows"),
    ("text: |\n  one\n  {% if 0 %}{{ opp.name }}{% endif %}\n", ":3: opp is unknown; did you mean op?"),
    ("text: 'x{% if 0 %}{{ op.estimated_duratoin }}{% endif %}'\n",
     ":1: op.estimated_duratoin is unknown; did you mean op.estimated_duration?"),
    ("text: 'x{% if 0 %}{{ links.nowhere }}{% endif %}'\n", ":1: links.nowhere is unknown; `relay template preview`"),
    ("text: 'x{% if 0 %}{{ op.name|shout }}{% endif %}'\n", ":1: |shout is unknown; did you mean |sort?"),
    ("text: 'x{% if 0 %}{{ say.compleeted() }}{% endif %}'\n", ":1: say.compleeted is unknown; did you mean say."),
    ("text: 'x{% if 0 %}{{ parts.titles() }}{% endif %}'\n", ":1: parts.titles is unknown; did you mean parts."),
    ("text: 'x{% if 0 %}{{ op is fine }}{% endif %}'\n", ":1: is fine is unknown; "),
    ("text: x\nlist?: [{each: a in opp.list, t: '{{ a }}'}]\n", ":2: opp is unknown; did you mean op?"),
    ("text: '{% trans %}Mine.{% endtrans %}'\n", ":1: no translation to de of 'Mine.'"),
    ("text: '{{ doc.reason.deeper.yet }}'\n", ":1: reason is not there; write |default("),
    ("text: '{{ parts.push(op.status_label, op.nmae) }}'\n", ":1: op.nmae is unknown; did you mean op.name?"),
    ("text: x\nblocks: [{type: alert}]\n", ": Slack would refuse it: invalid_blocks: /blocks/0"),
    ("text: x\nblocks: [{type: section}]\n", ": Slack would refuse it: invalid_blocks: /blocks/0"),
]  # fmt: skip
RIGHT = [
    "{{ op.costCentre|default('') }}x", "{% set own = op.name %}{{ own }}", "{% if op.other is defined %}x{% endif %}x",
    "{% macro m(phase) %}{{ phase.anything|default('') }}{% endmacro %}x{{ m({}) }}",
    "{% for file in artifacts %}{{ file.name }}{% endfor %}x",
]  # fmt: skip


@pytest.mark.parametrize("texts", [UNUSABLE, FAULTY], ids=["unusable", "faulty"])
def test_a_fault_is_told_with_its_place_and_what_is_right_is_not(texts: list[tuple[str, str]], tmp_path: Path) -> None:
    """All of them stand in one directory beside what is right."""
    for number, (text, _) in enumerate(texts):
        write(tmp_path, f"slack/event.n{number}.yaml", text)
    for number, text in enumerate(RIGHT):
        write(tmp_path, f"slack/right.n{number}.yaml", f"text: |\n  {text}\n")

    said = [line.removeprefix(f"{tmp_path}/slack/") for line in lint(tmp_path)]

    expected = {f"event.n{number}.yaml{fault}": text for number, (text, fault) in enumerate(texts)}
    assert {text: said for begin, text in expected.items() if not any(line.startswith(begin) for line in said)} == {}
    assert [line for line in said if not line.startswith("event.n")] == []


# What does not concern templates may be wrong, and nothing has to be set.
CONFIG = """\
language: en
server: {port: "${NOT_SET}", drain: 99h}
retry: {retry_delay: "${NOT_SET}"}
timezone: Europe/London
sources: {ops: {signature: {secrets: {current: "${NOT_SET}"}}}}
channels: {email: {host: localhost, from: relay@example.com}, slack: {token: "${NOT_SET_EITHER}"}}
destinations:
  analysts: {email: [analyst@example.com], language: de, timezone: Europe/Berlin}
  ops: {email: ["${NOT_SET}"], retry: {retry_delay: "${NOT_SET}"}}
"""


def test_a_file_for_a_destination_that_does_not_exist_is_reported(own: Path, tmp_path: Path) -> None:
    files = [write(own, f"slack/operation.paused@{name}.yaml", "text: x\n") for name in ("analysts", "analists")]
    config = write(tmp_path, "relay.yaml", f"templates: {own}\n{CONFIG}rules: []\n")

    told = relay("template", "lint", "-c", config, "--json")

    facts = json.loads(told.output)
    assert [(row["file"], row["line"], row["message"]) for row in facts["faults"]] == [
        (str(files[1]), 1, "analists is no destination; did you mean analysts?")
    ]
    assert (told.exit_code, facts["ok"]) == (1, False)


# preview


def frames(page: Path) -> dict[str, str]:
    """Return what the frames of a page show, by their titles."""
    frame = re.compile(r'<iframe [^>]*title="([^"]*)" srcdoc="([^"]*)">')
    return {title: unescape(document) for title, document in frame.findall(page.read_text("utf-8"))}


def test_a_page_shows_each_form_of_a_message_in_both_channels_and_languages(tmp_path: Path) -> None:
    page = tmp_path / "out" / "failed.html"

    told = relay("template", "preview", "operation.failed", "--to", page)

    assert (told.exit_code, told.output) == (0, f"{page}: 1 message\n")
    shown = frames(page)
    forms = ("Slack · each", "Slack · live", "Slack · reply", "Slack · also", "Mail · each")
    assert [*shown] == [f"{form} · {language}" for language in ("en", "de") for form in forms]
    assert "Fehlgeschlagen: " in shown["Slack · each · de"]
    assert "Failed" in shown["Mail · each · en"]
    assert "✕ Fehlgeschlagen: " in page.read_text("utf-8")  # the subject
    assert all("https://platform.example.com/" in document for document in shown.values())  # samples have links


def test_a_page_of_all_messages_has_those_without_a_sample_too(own: Path, tmp_path: Path) -> None:
    write(own, "slack/event.mine.yaml", "text: 'mine {{ op.id }}'\n")

    told = relay("template", "preview", "--templates", own, "--to", tmp_path / "all.html")

    assert told.exit_code == 0, told.output
    text = (tmp_path / "all.html").read_text("utf-8")
    assert {'id="operation.failed"', 'id="digest"', 'id="event.mine"'} <= {*re.findall(r'id="[a-z.]+"', text)}
    assert "mine bare" in text


def test_a_page_shows_the_variables_of_each_message(tmp_path: Path) -> None:
    relay("template", "preview", "operation.failed", "--to", tmp_path / "page.html")

    [shown] = re.findall(r"<pre>(.*?)</pre>", (tmp_path / "page.html").read_text("utf-8"), re.DOTALL)
    variables = json.loads(unescape(shown))
    assert variables["op"]["name"] == "Comprehensive Customer Journey Analysis"
    assert variables["op"]["started_at"].startswith("2024-01-20T")
    assert variables["links"]["operation"].startswith("https://platform.example.com/")
    assert {"formats", "doc"}.isdisjoint(variables)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["operation.faild"], "there is no message operation.faild; did you mean operation.failed?"),
        (["--event", "/no/such.json"], "/no/such.json: No such file or directory"),
        (["operation.paused"], "operation.paused.yaml:1: division by zero"),
    ],
)
def test_what_cannot_be_shown_is_said(own: Path, tmp_path: Path, arguments: list[str], reason: str) -> None:
    write(own, MESSAGE, "text: '{{ 1 / 0 }}'\n")

    told = relay("template", "preview", *arguments, "--templates", own, "--to", tmp_path / "out.html")

    assert told.exit_code in (1, 2)
    assert reason in told.output
    assert "Traceback" not in told.output


def test_a_destination_is_shown_in_its_own_language_and_zone(tmp_path: Path) -> None:
    config = write(tmp_path, "relay.yaml", f"{CONFIG}rules: []\n")
    page = tmp_path / "out.html"

    def mail(language: str, *arguments: str) -> str:
        told = relay("template", "preview", "operation.failed", "-c", config, "--to", page, *arguments)
        assert told.exit_code == 0, told.output
        return frames(page)[f"Mail · each · {language}"]

    german = mail("de", "--destination", "analysts")
    assert "um 12:52 Uhr" in german
    assert "alle Zeiten in MEZ" in german
    assert [title for title in frames(page) if title.endswith(" · en")] == []
    usual = mail("en")
    assert "at 11:52" in usual
    assert "all times in GMT" in usual
    wrong = relay("template", "preview", "-c", config, "--destination", "analyst", "--to", page)
    assert (wrong.exit_code, "did you mean analysts?" in wrong.output) == (2, True)
