"""relay template: what a template author sees, from the first fault to the agreed wording."""

import email
import email.policy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.inprocess import REPOSITORY, relay
from tests.support.patience import patience

pytestmark = pytest.mark.slow

BUILT_IN = REPOSITORY / "templates"
EVENT = REPOSITORY / "tests" / "data" / "event.json"
MESSAGE = "slack/operation.paused.yaml"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory with one message of the author's own."""
    write(tmp_path, MESSAGE, "text: '{{ op.name|cut(80) }}'\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def lint(folder: Path) -> list[str]:
    """What lint says, without the verdict and without which message it was found in."""
    told = relay("template", "lint", "--templates", folder)
    assert told.exit_code in (0, 1), told.output
    return [line.partition(" (told of")[0] for line in told.output.splitlines()[:-1]]


# lint


def test_the_shipped_templates_are_right() -> None:
    told = relay("template", "lint", "-c", REPOSITORY / "config" / "relay.yaml")

    assert (told.exit_code, told.output) == (0, f"{BUILT_IN}: OK\n")


def test_templates_of_ones_own_are_right(own: Path) -> None:
    told = relay("template", "lint", "--templates", own)

    assert (told.exit_code, told.output) == (0, f"{own}, {BUILT_IN}: OK\n")


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
    ("text: 'x{% if 0 %}{{ links.nowhere }}{% endif %}'\n", ":1: links.nowhere is unknown; `relay template vars`"),
    ("text: 'x{% if 0 %}{{ op.name|shout }}{% endif %}'\n", ":1: |shout is unknown; did you mean |sort?"),
    ("text: 'x{% if 0 %}{{ say.compleeted() }}{% endif %}'\n", ":1: say.compleeted is unknown; did you mean say."),
    ("text: 'x{% if 0 %}{{ parts.titles() }}{% endif %}'\n", ":1: parts.titles is unknown; did you mean parts."),
    ("text: 'x{% if 0 %}{{ op is fine }}{% endif %}'\n", ":1: is fine is unknown; "),
    ("text: x\nlist?: [{each: a in opp.list, t: '{{ a }}'}]\n", ":2: opp is unknown; did you mean op?"),
    ("text: '{% trans %}Mine.{% endtrans %}'\n", ":1: no translation to de of 'Mine.'"),
    ("text: '{{ doc.reason.deeper.yet }}'\n", ":1: doc.reason is not there; write {{ doc.reason|default("),
    ("text: '{{ parts.push(op.status_label, op.nmae) }}'\n", ":1: op.nmae is unknown; did you mean op.name?"),
    ("text: x\nblocks: [{type: alert}]\n", ": Slack would refuse it: invalid_blocks: /blocks/0"),
    ("text: x\nblocks: [{type: section}]\n", ": Slack would refuse it: invalid_blocks: /blocks/0"),
    ("text: '" + "{% for a in range(99999) %}" * 2 + "{% endfor %}" * 2 + "x'\n",
     ":1: a list is longer than 10,000"),
]  # fmt: skip
RIGHT = [
    "{{ op.costCentre|default('') }}x", "{% set own = op.name %}{{ own }}", "{% if op.other is defined %}x{% endif %}x",
    "{% macro m(phase) %}{{ phase.anything|default('') }}{% endmacro %}x{{ m({}) }}",
    "{% for file in artifacts %}{{ file.name }}{% endfor %}x",
]  # fmt: skip


@pytest.fixture(scope="module", params=[UNUSABLE, FAULTY], ids=["unusable", "faulty"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What lint says of each of these texts, all of them in one directory beside what is right."""
    folder = tmp_path_factory.mktemp("templates")
    texts = [text for text, _ in request.param]
    for number, text in enumerate(texts):
        write(folder, f"slack/event.n{number}.yaml", text)
    for number, text in enumerate(RIGHT):
        write(folder, f"slack/right.n{number}.yaml", f"text: |\n  {text}\n")
    faults = [line.removeprefix(f"{folder}/") for line in lint(folder)]
    found: dict[str, list[str]] = {}
    for number, text in enumerate(texts):
        name = f"slack/event.n{number}.yaml"
        found[text] = [line.removeprefix(name) for line in faults if line.startswith(f"{name}:")]
    return found | {"": [line for line in faults if not line.startswith("slack/event.")]}


def test_a_fault_is_told_with_its_place_and_what_to_do(told: dict[str, list[str]]) -> None:
    expected = [(text, fault) for text, fault in (*UNUSABLE, *FAULTY) if text in told]

    assert len(expected) == len(told) - 1
    assert [
        (text, fault, told[text]) for text, fault in expected if not any(line.startswith(fault) for line in told[text])
    ] == []


def test_what_is_right_is_not_reported(told: dict[str, list[str]]) -> None:
    assert told[""] == []


def test_what_is_found_in_two_ways_is_told_once(own: Path) -> None:
    file = write(own, MESSAGE, "text: |\n  x\n  {{ parts.title('', op.nmae, '') }}\n")

    tried = relay("template", "test", "--templates", own, "--update")

    assert lint(own) == [f"{file}:3: op.nmae is unknown; did you mean op.name?"]
    assert tried.output == f"{file}:3: op.nmae is unknown; did you mean op.name?\n"


def test_every_fault_is_told_at_once(own: Path) -> None:
    files = [write(own, f"slack/operation.{name}.yaml", "text: '{{ unfinished'\n") for name in ("completed", "failed")]
    catalogue = write(own, "locales/de/messages.po", 'msgid "%(name)s is late."\nmsgstr "%(nmae)s"\n')

    faults = lint(own)

    assert [line.partition(":")[0] for line in faults if "translation" not in line] == [
        str(file) for file in (*files, catalogue)
    ]


def test_a_file_for_a_destination_that_does_not_exist_is_told(own: Path, tmp_path: Path) -> None:
    write(own, "slack/operation.paused@analists.yaml", "text: x\n")
    config = write(tmp_path, "relay.yaml", f"templates: {own}\ndestinations: {{analysts: {{}}}}\nx: ${{NOT_SET}}\n")

    told = relay("template", "lint", "-c", config)

    assert (
        f"{own / 'slack' / 'operation.paused@analists.yaml'}:1: analists is no destination; did you mean analysts?"
        in told.output
    )
    assert told.exit_code == 1


RULES = "rules: [{name: some, events: ['*'], operation_types: [DataLoad, Forecast], notify: [analysts]}%s]\n"


@pytest.mark.parametrize(
    ("rules", "faults"),  # faults: what follows `operation.paused` in a file's name → what is said of it
    [
        (RULES % "", {
            "@type=Cleanup": "no rule is for operations of type Cleanup; expected DataLoad or Forecast",
            "@type=DataLoad": "",
            "@type=Forcast": "Forcast is the type of no sample and in no rule; did you mean Forecast?",
            "@type=Forecast@analysts":
                "this name serves no message; expected operation.paused@analysts@type=Forecast.yaml",
        }),
        ("", {
            "@type=Cleanup": "",
            "@type=ReportGenration":
                "ReportGenration is the type of no sample and in no rule; did you mean ReportGeneration?",
        }),
        (RULES % ", {name: all, notify: [analysts]}", {"@type=Cleanup": ""}),
        (f"{RULES % ''}dynamic_destinations: {{slack: ['#x']}}\n", {"@type=Cleanup": ""}),
    ],
)  # fmt: skip
def test_a_file_for_a_type_that_surely_does_not_exist_is_told(
    own: Path, tmp_path: Path, rules: str, faults: dict[str, str]
) -> None:
    files = {write(own, f"slack/operation.paused{mark}.yaml", "text: x\n"): fault for mark, fault in faults.items()}
    config = write(tmp_path, "relay.yaml", f"templates: {own}\ndestinations: {{analysts: {{}}}}\n{rules}")

    told = relay("template", "lint", "-c", config)

    assert sorted(told.output.splitlines()[:-1]) == [f"{file}:1: {fault}" for file, fault in files.items() if fault]


def test_json_has_each_fault_with_file_and_line(own: Path) -> None:
    file = write(own, MESSAGE, "text: |\n  one\n  {{ opp }}\n")

    told = relay("template", "lint", "--templates", own, "--json")

    facts = json.loads(told.output)
    assert (told.exit_code, facts["ok"]) == (1, False)
    assert {"file": str(file), "line": 3, "message": "opp is unknown; did you mean op?"} in facts["faults"]


def test_what_a_language_lacks_is_one_line(own: Path) -> None:
    file = write(own, "locales/fr/messages.po", 'msgid "Running"\nmsgstr "En cours"\n')

    [said] = lint(own)

    assert said.startswith(f"{file}: ")
    assert said.endswith(" texts have no translation to fr, for instance \"'at' HH:mm\"; "
                         "`relay template translate fr` adds them")  # fmt: skip


# translate


def test_a_catalogue_is_begun_and_brought_up_to_date(own: Path) -> None:
    write(own, MESSAGE, "text: '{{ _(\"Mine.\") }}'\n")
    begun = relay("template", "translate", "fr", "--templates", own)
    file = own / "locales" / "fr" / "messages.po"
    text = file.read_text("utf-8").replace('msgid "Mine."\nmsgstr ""', 'msgid "Mine."\nmsgstr "À moi."')
    file.write_text(text, "utf-8")
    again = relay("template", "translate", "fr", "--templates", own)
    same = file.read_text("utf-8")
    write(own, MESSAGE, "text: '{{ _(\"Ours.\") }}'\n")
    later = relay("template", "translate", "fr", "--templates", own)

    count = int(begun.output.removeprefix(f"{file}: ").partition(" ")[0])
    assert begun.output == f"{file}: {count} texts, {count} to be translated\n"
    assert again.output == f"{file}: {count} texts, {count - 1} to be translated\n"
    assert same == text
    assert later.output == f"{file}: {count} texts, {count} to be translated, 1 obsolete\n"
    assert f'#: {MESSAGE}\nmsgid "Ours."\nmsgstr ""\n' in file.read_text("utf-8")
    assert file.read_text("utf-8").endswith('#~ msgid "Mine."\n#~ msgstr "À moi."\n')


def test_a_language_that_comes_with_relay_needs_only_what_is_ones_own(own: Path) -> None:
    write(own, MESSAGE, 'text: \'{{ _("Mine.") }} {{ _("Files") }}\'\n')
    file = write(own, "locales/de/messages.po", 'msgid "Running"\nmsgstr "In Arbeit"\n')

    told = relay("template", "translate", "de", "--templates", own)

    assert told.output == f"{file}: 2 texts, 1 to be translated\n"
    assert 'msgid "Running"\nmsgstr "In Arbeit"\n' in file.read_text("utf-8")
    assert '"Files"' not in file.read_text("utf-8")


@pytest.mark.parametrize(("folder", "given", "used"), [
    ("fr", "FR", "fr"), ("", "FR", "fr"), ("", "pt_br", "pt-BR"), ("pt_BR", "pt-br", "pt_BR"), ("FR", "fr", "FR"),
])  # fmt: skip
def test_of_one_language_there_is_one_folder_however_it_is_spelled(
    own: Path, folder: str, given: str, used: str
) -> None:
    if folder:
        (own / "locales" / folder).mkdir(parents=True)

    told = relay("template", "translate", given, "--templates", own)

    assert told.output.startswith(f"{own / 'locales' / used / 'messages.po'}: ")
    assert [path.name for path in (own / "locales").iterdir()] == [used]


@pytest.mark.parametrize(
    ("language", "status", "reason"),
    [
        ("en", 2, "the templates are written in English"),
        ("tlh-xx-1", 1, "tlh-xx-1 is no language; expected its code, for instance fr or pt-BR"),
        ("../../x", 1, "../../x is no language"),
    ],
)
def test_what_cannot_be_translated_to_is_said(own: Path, language: str, status: int, reason: str) -> None:
    told = relay("template", "translate", language, "--templates", own)

    assert told.exit_code == status
    assert reason in told.output
    assert not (own / "locales").exists()
    assert relay("template", "translate", "fr").exit_code == 2


# preview


def test_a_message_is_written_for_both_channels(tmp_path: Path) -> None:
    told = relay("template", "preview", "operation.failed", "--lang", "de", "--to", tmp_path)

    assert told.exit_code == 0, told.output
    names = ["slack.json", "slack.html", "mail.html", "mail.txt", "eml"]
    assert told.output.splitlines() == [
        *(str(tmp_path / f"operation.failed.de.{name}") for name in names),
        f"{tmp_path / 'index.html'}: 5 files",
    ]
    message = json.loads((tmp_path / "operation.failed.de.slack.json").read_text("utf-8"))
    assert message["text"].startswith("Fehlgeschlagen: ")
    mail = email.message_from_bytes((tmp_path / "operation.failed.de.eml").read_bytes(), policy=email.policy.default)
    assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]
    assert "Fehlgeschlagen" in (tmp_path / "operation.failed.de.mail.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium to show the page in")
def test_the_page_shows_the_message_and_nothing_hostile_in_it(tmp_path: Path) -> None:
    relay("template", "preview", "operation.failed", "--fixture", "hostile", "--to", tmp_path)
    page = tmp_path / "operation.failed.hostile.en.slack.html"

    shown = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=patience(), check=True,
    ).stdout  # fmt: skip

    assert "<article" in shown.partition("<main>")[2].partition("<script")[0]
    assert "&lt;!channel&gt;" in shown.partition("<main>")[2].partition("<script")[0]
    assert "<img" not in shown.partition("<main>")[2].partition("<script")[0]


@pytest.mark.parametrize(
    ("kind", "message", "words"),
    [("also", "operation.failed", "Also: *"), ("healed", "operation.completed", "* failed and recovered.")],
)
def test_what_is_told_of_a_cause_or_a_failure_that_healed_is_written_too(
    tmp_path: Path, kind: str, message: str, words: str
) -> None:
    told = relay("template", "preview", message, "--kind", kind, "--lang", "en", "--to", tmp_path)
    other = relay("template", "preview", "operation.started", "--kind", kind, "--to", tmp_path)

    assert told.exit_code == other.exit_code == 0
    assert words in (tmp_path / f"{message}.{kind}.en.slack.json").read_text("utf-8")
    assert (tmp_path / "operation.started.en.slack.json").is_file()  # which has no such message


def test_the_mail_of_a_failure_that_healed_says_so(tmp_path: Path) -> None:
    relay("template", "preview", "operation.completed", "--kind", "healed", "--to", tmp_path)

    assert "Failed before" in (tmp_path / "operation.completed.healed.en.mail.txt").read_text("utf-8")


def test_without_a_name_every_message_is_written(tmp_path: Path) -> None:
    told = relay("template", "preview", "--kind", "live", "--to", tmp_path)

    samples = {file.stem for file in (BUILT_IN / "samples").glob("*.json")}
    written = {file.name.removesuffix(".live.en.slack.json") for file in tmp_path.glob("*.live.en.slack.json")}
    assert written == samples - {"digest", "roundup"}
    assert told.exit_code == 0
    assert told.output == f"{tmp_path / 'index.html'}: {len(samples) * 2 * 5 * 5} files\n"


def test_an_event_of_ones_own_is_told(own: Path, tmp_path: Path) -> None:
    told = relay("template", "preview", "--event", EVENT, "--templates", own, "--to", tmp_path / "out")

    name = json.loads(EVENT.read_text("utf-8"))["event"]
    assert told.output.splitlines()[:-1] == [
        str(tmp_path / "out" / f"{name}.en.{end}")
        for end in ("slack.json", "slack.html", "mail.html", "mail.txt", "eml")
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["operation.faild"], "there is no sample of operation.faild; did you mean operation.failed?"),
        (["--event", "/no/such.json"], "/no/such.json: cannot be read: No such file or directory"),
        (["operation.failed", "--lang", "dx"], "there is no dx; expected de or en"),
        (["operation.paused"], "operation.paused.yaml:1: division by zero"),
    ],
)
def test_what_cannot_be_shown_is_said(own: Path, tmp_path: Path, arguments: list[str], reason: str) -> None:
    write(own, MESSAGE, "text: '{{ 1 / 0 }}'\n")

    told = relay("template", "preview", *arguments, "--templates", own, "--to", tmp_path / "out")

    assert told.exit_code in (1, 2)
    assert reason in told.output
    assert "Traceback" not in told.output


CONFIG = """\
language: en
timezone: Europe/London
destinations:
  analysts: {email: [analyst@example.com], language: de, timezone: Europe/Berlin}
  ops: {email: [ops@example.com]}
"""


def shown(folder: Path, *arguments: str) -> str:
    """The text of the one mail that preview writes with these arguments, for a configuration with two destinations."""
    config = write(folder, "relay.yaml", CONFIG)
    told = relay("template", "preview", "operation.failed", "-c", config, "--to", folder / "out", *arguments)
    assert told.exit_code == 0, told.output
    [text] = [Path(line) for line in told.output.splitlines() if line.endswith(".mail.txt")]
    return text.read_text("utf-8")


def test_a_destination_is_shown_in_its_own_language_and_zone(tmp_path: Path) -> None:
    def times(*arguments: str | Path) -> tuple[str, str]:
        lines = shown(tmp_path, *arguments).splitlines()
        return lines[0], next(line for line in lines if line.startswith("20"))

    german = ("✕ Fehlgeschlagen um 12:52 Uhr", "20. Januar 2024, alle Zeiten in MEZ")
    assert times("--destination", "analysts") == german
    assert times("--destination", "ops") == ("✕ Failed at 11:52", "20 January 2024, all times in GMT")
    assert times() == ("✕ Failed at 11:52", "20 January 2024, all times in GMT")
    assert times("--destination", "analysts", "--lang", "en") == (
        "✕ Failed at 12:52",
        "20 January 2024, all times in CET",
    )


def test_a_destination_that_does_not_exist_is_not_shown(tmp_path: Path) -> None:
    config = write(tmp_path, "relay.yaml", CONFIG)

    told = relay("template", "preview", "-c", config, "--destination", "analyst", "--to", tmp_path / "out")

    assert told.exit_code == 2
    assert "there is no destination analyst; did you mean analysts?" in told.output


@pytest.mark.parametrize(
    "document",
    [
        {"operationId": "flat", "status": "Completed"},
        {"operation": {"operationId": "odd", "status": "Completed", "phases": ["loading"]}},
    ],
    ids=["flat", "odd"],
)
def test_a_sample_of_ones_own_may_have_another_shape(own: Path, document: dict[str, Any]) -> None:
    write(own, "samples/operation.completed.mine.json", json.dumps(document))

    assert lint(own) == []


def test_samples_have_their_links_even_where_no_platform_is_configured(tmp_path: Path) -> None:
    assert "View error: https://platform.example.com/" in shown(tmp_path)


def test_an_event_of_ones_own_has_the_links_that_it_would_have(tmp_path: Path) -> None:
    body = {"event": "operation.failed",
            "operation": {"operationId": "x", "status": "Failed", "trackingUrl": "/api/x"}}  # fmt: skip
    event = write(tmp_path, "event.json", json.dumps(body))

    relay("template", "preview", "--event", event, "--to", tmp_path / "out")

    assert "View error" not in (tmp_path / "out" / "operation.failed.en.mail.txt").read_text("utf-8")


# test


def test_what_was_agreed_is_compared_with_what_is_said(own: Path) -> None:
    missing = relay("template", "test", "--templates", own)
    agreed = relay("template", "test", "--templates", own, "--update")
    same = relay("template", "test", "--templates", own)
    write(own, MESSAGE, "text: 'Paused: {{ op.name|cut(80) }}'\n")
    other = relay("template", "test", "--templates", own)

    assert (missing.exit_code, agreed.exit_code, same.exit_code, other.exit_code) == (1, 0, 0, 1)
    names = {file.name for file in (own / "golden" / "slack").iterdir()}
    fixtures = ("empty", "hostile", "maximal", "minimal", "typical")
    assert names == {f"operation.paused.{fixture}.{code}.json" for fixture in fixtures for code in ("de", "en")}
    assert '-    "text": "Comprehensive Customer Journey Analysis"' in other.output
    assert '+    "text": "Paused: Comprehensive Customer Journey Analysis"' in other.output
    assert other.output.endswith("10 of 10 say something else than was agreed; --update agrees to it\n")


def test_what_is_agreed_but_said_no_more_is_told_and_removed(own: Path) -> None:
    relay("template", "test", "--templates", own, "--update")
    stale = write(own, "golden/slack/operation.gone.typical.en.json", "{}\n")

    told = relay("template", "test", "--templates", own)
    relay("template", "test", "--templates", own, "--update")

    assert told.exit_code == 1
    assert f"--- {stale} agreed" in told.output
    assert not stale.exists()


def test_a_message_for_one_destination_is_compared_as_well(own: Path) -> None:
    write(own, "email/operation.paused@analysts.yaml", (BUILT_IN / "email/generic.yaml").read_text("utf-8"))

    relay("template", "test", "--templates", own, "--update")

    [file] = (own / "golden" / "email").glob("operation.paused@analysts.typical.en.*")
    assert file.read_text("utf-8").startswith("Subject: ● ")


def test_a_message_for_one_type_is_compared_as_well(own: Path) -> None:
    write(own, "slack/operation.paused@type=Report%20run.yaml", "text: '{{ op.type }}'\n")

    relay("template", "test", "--templates", own, "--update")

    agreed = own / "golden" / "slack" / "operation.paused@type=Report%20run.typical.en.json"
    assert json.loads(agreed.read_text("utf-8"))["each"]["text"] == "Report run"


def test_without_templates_of_ones_own_there_is_nothing_to_compare() -> None:
    told = relay("template", "test", "-c", REPOSITORY / "config" / "relay.yaml")

    assert told.exit_code == 2
    assert "--templates" in told.output


# vars


def test_each_variable_has_a_type_and_an_example() -> None:
    told = relay("template", "vars", "--json")

    found = {row["path"]: row for row in json.loads(told.output)}
    assert found["op.name"] == {"path": "op.name", "type": "text", "optional": False,
                                "example": "Comprehensive Customer Journey Analysis"}  # fmt: skip
    assert (found["op.percentage"]["type"], found["op.percentage"]["optional"]) == ("number", True)
    assert found["op.started_at"]["type"] == "time"
    assert found["artifacts[].url"]["example"].startswith("https://")
    assert found["batch.operations[].waits_for"]["type"] == "list"


def test_the_table_has_a_line_for_each() -> None:
    told = relay("template", "vars")

    lines = [line.split()[0] for line in told.output.splitlines()]
    assert len(lines) == len(set(lines)) > 150
    assert {"op.phase_number", "error.message", "stalled.since", "dest.name"} - set(lines) == {"dest.name"}
