"""The renderer: what templates are given, what they can do, and what they cannot break."""

import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.events import Event
from relay.domain.mrkdwn import TEXT_BUDGET, length, truncate_mrkdwn
from relay.errors import TemplateError
from relay.rendering import Renderer, RenderOptions, checks
from relay.rendering.localized_values import Localizer
from relay.rendering.renderer import message_of
from relay.rendering.sandbox import COMPILED
from relay.rendering.template_set import TemplateSet
from relay.rendering.texts import clean, cut, inert, safe_url
from relay.rendering.translations import Catalogues, languages
from tests.support import samples

BUILT_IN = Path(__file__).parents[2] / "templates"
NOW = datetime(2024, 1, 20, 12, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer([BUILT_IN], RenderOptions(samples.BASE_URL))


Build = Callable[..., Renderer]


@pytest.fixture
def alone(tmp_path: Path) -> Build:
    """A renderer that has these files and no others."""

    def build(files: dict[str, str], *more: Path, **options: Any) -> Renderer:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return Renderer([tmp_path, *more], RenderOptions(**options))

    return build


@pytest.fixture
def own(alone: Build) -> Build:
    """A renderer with files of the user's own before the built-in ones."""
    return lambda files, **options: alone(files, BUILT_IN, **options)


def render(
    renderer: Renderer, event: Event, channel: str = "slack", kind: Any = "each", **options: Any
) -> dict[str, Any]:
    given: dict[str, Any] = {"language": "en", "timezone": "Europe/Berlin", "now": NOW, "destination": "analysts"}
    history = options.pop("history", (event,))
    return renderer.render(channel, kind, event, history, **given | options)


def text_of(renderer: Renderer, event: Event, **options: Any) -> str:
    told: str = render(renderer, event, **options)["text"]
    return told


def body(name: str = "operation.progress", **operation: Any) -> dict[str, Any]:
    body = samples.bodies()[name]
    body["operation"] = body["operation"] | operation
    return body


def progress(**operation: Any) -> Event:
    return samples.event_of(body(**operation))


def only(text: str) -> dict[str, str]:
    return {"slack/operation.progress.yaml": f"text: {json.dumps(text)}"}


# What templates are given


def test_fields_that_relay_does_not_know_are_reachable_under_their_own_names(alone: Build) -> None:
    renderer = alone(only("{{ op.costCentre }} {{ doc.operation.nested.deep }} {{ op.execution.workerNode }}"))

    told = text_of(renderer, progress(costCentre="CC-7", nested={"deep": 5}))

    assert told == "CC-7 5 async-worker-03"


def test_a_documented_field_that_is_absent_prints_nothing(alone: Build) -> None:
    renderer = alone(only("[{{ op.operationDescription }}{{ op.cost }}{{ error.message }}{{ batch.name }}]"))

    assert text_of(renderer, progress()) == "[]"


def test_a_field_nobody_documented_needs_a_default_where_it_may_be_absent(alone: Build) -> None:
    renderer = alone(only("{{ op.costCentre.of.nobody|default('none') }}"))

    assert text_of(renderer, progress()) == "none"


@pytest.mark.parametrize(
    "expression", ["opp", "op.costCentre", "op.costCentre.deeper", "nothing.at.all", "op|unknown_name"]
)
def test_an_unknown_name_is_an_error_with_file_and_line(alone: Build, expression: str) -> None:
    with pytest.raises(TemplateError) as caught:
        text_of(alone({"slack/operation.progress.yaml": f"# first line\ntext: x {{{{ {expression} }}}}"}), progress())

    assert "slack/operation.progress.yaml:2: " in str(caught.value)


def test_a_documents_own_field_beats_a_method_of_that_name(alone: Build) -> None:
    renderer = alone(only("{{ op.items }} {{ op.keys }}"))

    assert text_of(renderer, progress(items="seven", keys="none")) == "seven none"


def test_thin_documents_are_completed_by_what_was_known_before(renderer: Renderer) -> None:
    events = samples.messages()

    told = render(renderer, events["operation.failed"], history=samples.history_of("operation.failed", events))

    assert "125,430 of 187,250" in json.dumps(told)


def test_an_earlier_attempts_failure_is_not_told_of_the_running_one(alone: Build) -> None:
    renderer = alone(only("{{ error.message }}|{{ op.phase }}"))
    failed = samples.event_of(samples.bodies()["operation.failed"])
    running = replace(progress(), occurred_at=failed.occurred_at + timedelta(minutes=5))

    assert text_of(renderer, running, history=(failed, running)) == "|Machine Learning Analysis"


def test_what_came_later_does_not_change_what_an_event_told(alone: Build) -> None:
    renderer = alone(only("{{ op.percentage|pct }}"))
    later = samples.event_of(body(progress={"percentage": 90}) | {"timestamp": "2024-01-20T12:00:00Z"})

    assert text_of(renderer, progress(), history=(progress(), later)) == "67%"


@pytest.mark.parametrize(("percentage", "told"), [(100, "99%"), (99.9, "99%"), (0, "0%"), (66.7, "66%"), (None, "")])
def test_only_a_completed_run_is_at_a_hundred_percent(alone: Build, percentage: float | None, told: str) -> None:
    renderer = alone(only("[{{ op.percentage|pct }}]"))

    assert text_of(renderer, progress(progress={"percentage": percentage})) == f"[{told}]"


def test_links_are_built_from_the_tracking_address(alone: Build) -> None:
    renderer = alone(only("{{ links.operation }}"), base_url="https://mining.example.com/")
    event = progress(trackingUrl="/api/{tenantId}/{projectId}/async/operation/op-1")

    assert text_of(renderer, event) == "https://mining.example.com/api/tenant-1/project-1/async/operation/op-1"


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("/api/{tenantId}/op-1", ""),
        ("/api/{unknown}/op-1", "https://mining.example.com"),
        ("//evil.example/op-1", "https://mining.example.com"),
        ("javascript:alert(1)", "https://mining.example.com"),
    ],
)
def test_an_address_that_cannot_be_made_whole_or_safe_is_no_link(alone: Build, address: str, base_url: str) -> None:
    renderer = alone(only("[{{ links.operation }}]"), base_url=base_url)

    assert text_of(renderer, progress(trackingUrl=address)) == "[]"


def test_a_failure_in_a_batch_counts_all_that_waits_for_it_directly_or_not(alone: Build) -> None:
    renderer = alone(
        {"teams/generic.yaml": "rows: [{each: m in batch.operations, told: '{{ m.name }} {{ m.blocks }}'}]"}
    )
    chain = {"a": ["Failed", []], "b": ["Pending", ["a"]], "c": ["Pending", ["b", "a"]], "d": ["Completed", ["a"]],
             "e": ["Failed", ["e", "gone"]]}  # fmt: skip
    members = [{"operationKey": key, "status": status, "dependencies": needs} for key, (status, needs) in chain.items()]
    document = samples.envelope(
        "batch.completed", "2024-01-20T12:03:00Z", batch={"batchId": "b", "operations": members}
    )

    told = render(renderer, samples.event_of(document), "teams")

    assert told["rows"] == [{"told": text} for text in ("a 2", "b 0", "c 0", "d 0", "e 0")]


def test_the_largest_batch_that_is_accepted_is_rendered_soon(renderer: Renderer) -> None:
    members = [{"operationId": f"{n}", "status": "Failed", "dependencies": [f"{n - 1}"]} for n in range(14_000)]
    event = samples.event_of(
        samples.envelope("batch.completed", "2024-01-20T12:03:00Z", batch={"batchId": "b", "operations": members})
    )
    started = time.process_time()

    told = text_of(renderer, event)

    assert "14,000 failed" in told
    assert time.process_time() - started < 5


# Which message it is


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("operation.progress", "each", "operation.progress"),
        ("operation.phase.completed", "each", "operation.phase.completed"),
        ("operation.phase.completed", "live", "operation.progress"),
        ("operation.paused", "each", "operation.paused"),
        ("operation.paused", "live", "operation.progress"),
        ("operation.timeout", "each", "operation.timeout"),
        ("operation.timeout", "live", "operation.timeout"),
        ("operation.timeout", "reply", "operation.timeout"),
        ("batch.operation.completed", "each", "batch.operation.completed"),
        ("batch.operation.completed", "live", "batch.progress"),
        ("batch.completed", "live", "batch.completed"),
    ],
)
def test_a_live_message_shows_the_state_and_every_other_the_event(name: str, kind: Any, message: str) -> None:
    assert message_of(samples.messages()[name], kind) == message


@pytest.mark.parametrize("event", ["operation.failed", "operation.completed", "operation.cancelled"])
def test_a_timeout_is_told_as_one_whatever_the_event_is_called(renderer: Renderer, event: str) -> None:
    told = text_of(renderer, samples.event_of(body("operation.timeout") | {"event": event}))

    assert told.startswith("Timed out: ")


# A user's own files


def test_a_users_file_replaces_that_file_alone(own: Build) -> None:
    renderer = own(only("mine: {{ op.name }}"))
    started = samples.messages()["operation.started"]

    assert text_of(renderer, progress()) == "mine: Comprehensive Customer Journey Analysis"
    assert text_of(renderer, started).startswith("Started: Comprehensive Customer Journey Analysis")


def test_a_template_may_be_for_one_kind_of_message(own: Build) -> None:
    renderer = own({"slack/operation.progress.live.yaml": "text: live"})

    assert text_of(renderer, progress(), kind="live") == "live"
    assert text_of(renderer, progress(), kind="each") != "live"


def test_an_event_relay_does_not_know_can_have_a_template(alone: Build) -> None:
    renderer = alone({"slack/operation.paused.yaml": "text: 'paused: {{ doc.reason }}'"})

    assert text_of(renderer, samples.messages()["operation.paused"]) == "paused: Maintenance"


def test_the_wording_of_all_messages_is_replaced_with_the_sentences(own: Build) -> None:
    sentences = (BUILT_IN / "sentences.j2").read_text("utf-8")
    renderer = own({"sentences.j2": sentences.replace("%}{{ remaining }} left{%", "%}only {{ remaining }} to go{%")})

    assert "only 15–20\N{NO-BREAK SPACE}min to go" in text_of(renderer, progress())


def test_a_mail_of_ones_own_layout_keeps_its_content(own: Build) -> None:
    renderer = own(
        {"email/operation.progress.html": "<p style='x'>{{ mail.heading }}</p>{{ link('javascript:x', 'y') }}"}
    )

    told = render(renderer, progress(operationName="<b>"), "email")

    assert "&lt;b&gt;" in told["html"]
    assert "javascript" not in told["html"]
    assert "67%" in told["text"]


def test_a_new_channel_needs_a_folder_and_nothing_else(own: Build) -> None:
    renderer = own({"teams/generic.yaml": "title: '{{ op.name }}'\nurl?: '{{ links.operation }}'\ncount: 3"})

    told = render(renderer, progress(operationName='a "b" <c>'), "teams")

    assert told == {"title": 'a "b" <c>', "count": 3}
    assert renderer.fallback("teams", progress(), "en")["text"].startswith("Running: ")


def test_a_channel_without_templates_is_named(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match=r"no template for pager: expected a file pager/generic\.yaml"):
        render(renderer, progress(), "pager")


def test_a_third_language_is_one_folder(own: Build) -> None:
    catalogue = 'msgid "Running"\nmsgstr "En cours"\n\nmsgctxt "time"\nmsgid "HH:mm"\nmsgstr "HH\'h\'mm"\n'
    renderer = own(
        {"locales/fr/messages.po": catalogue}
        | only("{{ op.status_label }} {{ op.records_total|num }} {{ now|localtime }}")
    )

    assert renderer.languages == ("en", "fr", "de")
    assert text_of(renderer, progress(), language="fr") == "En cours 187\u202f250 13h03"


def test_a_users_translation_beats_the_built_in_one_message_by_message(own: Build) -> None:
    renderer = own({"locales/de/messages.po": 'msgid "Running"\nmsgstr "In Arbeit"\n'})

    told = text_of(renderer, progress(), language="de")

    assert told.startswith("In Arbeit: ")
    assert "noch 15–20\N{NO-BREAK SPACE}min" in told


def test_a_variant_of_a_language_brings_its_own_numbers(own: Build) -> None:
    renderer = own(only("{{ op.status_label }} {{ op.records_total|num }}"))

    assert text_of(renderer, progress(), language="de-CH") == "Läuft 187’250"


@pytest.mark.parametrize("language", ["", "tlh", "xx-YY"])
def test_a_language_nobody_translated_is_english(renderer: Renderer, language: str) -> None:
    assert text_of(renderer, progress(), language=language).startswith("Running: ")


# The notation


def test_an_object_with_an_empty_field_is_left_out_and_an_optional_field_alone(alone: Build) -> None:
    renderer = alone({
        "teams/generic.yaml": """
title: x
cards:
  - {label: lost, value: "{{ op.cost }}"}
  - {label: kept, value?: "{{ op.cost }}", on: true, share: 0.5, none: null}
  - nested: {deep: {deeper: "{{ op.cost }}"}}
empty?: [{label: "{{ op.cost }}"}]
"""
    })  # fmt: skip

    told = render(renderer, progress(), "teams")

    assert told == {"title": "x", "cards": [{"label": "kept", "on": True, "share": 0.5, "none": None}]}


def test_each_repeats_an_object(alone: Build) -> None:
    renderer = alone({"teams/generic.yaml": """
rows:
  - {name: first}
  - each: phase in op.phases[:2]
    name: "{{ phase.phaseName }}"
    long?: "{% if phase.duration == '7 minutes' %}no{% endif %}"
"""})  # fmt: skip

    told = render(renderer, progress(), "teams")

    assert told["rows"] == [
        {"name": "first"}, {"name": "Data Loading & Validation", "long": "no"}, {"name": "Process Discovery"}
    ]  # fmt: skip


def test_data_can_not_become_structure(alone: Build) -> None:
    renderer = alone({"teams/generic.yaml": 'a: "{{ op.name }}"'})
    name = 'x"\nb: injected\n- {"c": 1}'

    assert render(renderer, progress(operationName=name), "teams") == {"a": 'x" b: injected - {"c": 1}'}


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"slack/x.yaml": "text: ok\nblocks:\n  - text: '{{ op.name'"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: |\n  one\n  {% if %}"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: [\n"}, r"slack/x\.yaml:2: "),
        ({"slack/x.yaml": "text: a\ntext: b"}, r"slack/x\.yaml:2: text stands here twice"),
        ({"slack/x.yaml": "- text"}, r"slack/x\.yaml:1: expected the fields of a message"),
        ({"slack/x.yaml": "text: a\nrows:\n  - each: artifacts\n    a: b"}, r"slack/x\.yaml:3: expected `each: NAME"),
        ({"slack/x.yaml": "text: a\nblocks:\n  - each: a in b c\n    a: b"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: '{{ op.name|center(99) }}'"}, r"slack/x\.yaml:1: No filter named 'center'"),
        ({"sentences.j2": "{% macro x() %}\n{% endif %}"}, r"sentences\.j2:2: "),
        ({"slack/parts.j2": "\n\n{{ 1 + }}"}, r"slack/parts\.j2:3: "),
        ({"email/layout.html": "<p>\n{{ oh no }}"}, r"email/layout\.html:2: "),
        ({"locales/de/messages.po": 'msgid "a"\nnonsense'}, r"locales/de/messages\.po:2: "),
        ({"locales/de/messages.po": 'msgid "a %(b)s"\nmsgstr "%(c)s"'}, r"locales/de/messages\.po:1: "),
        ({"locales/nolanguage/messages.po": ""}, r"locales/nolanguage/messages\.po: expected a folder named after"),
        ({"slack/x.yaml": "text: a\nlevel: 010"}, r"slack/x\.yaml:2: expected a number, found 010; quote it"),
        ({"slack/x.yaml": "text: a\nlevel: .inf"}, r"slack/x\.yaml:2: expected a number, found \.inf; quote it"),
        ({"slack/x.yaml": "text: a\nblocks: &a\n  - *a"}, r"slack/x\.yaml:2: anchors and aliases .* not supported"),
        ({"slack/x.yaml": "text: a\na: &a [x]\nb: [*a, *a]"}, r"slack/x\.yaml:2: anchors and aliases"),
        ({"slack/x.yaml": f"text: a\nblocks: {'[' * 2000}"}, r"slack/x\.yaml:1: nested too deep"),
        ({"slack/x.yaml": f"text: '{{{{ {'(' * 5000}1{')' * 5000} }}}}'"}, r"slack/x\.yaml:1: nested too deep"),
        ({"slack/x.yaml": "text: '{% autoescape false %}{{ op.name }}{% endautoescape %}'"},
         r"slack/x\.yaml:1: autoescape cannot be changed"),
        ({"email/layout.html": "<p>\n{% autoescape 1 > 2 %}{{ op.name }}{% endautoescape %}"},
         r"email/layout\.html:2: autoescape cannot be changed"),
    ],
)  # fmt: skip
def test_a_fault_stops_the_start_and_names_file_and_line(alone: Build, files: dict[str, str], place: str) -> None:
    with pytest.raises(TemplateError, match=place):
        alone(files)


def test_a_file_that_is_not_utf8_is_named(alone: Build, tmp_path: Path) -> None:
    for name in ("slack/x.yaml", "sentences.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"text: f\xfcr")

        with pytest.raises(TemplateError, match=f"^{name}: expected UTF-8"):
            alone({})

        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("channel", "template"),
    [
        ("slack", "text: a\nblocks: [{type: table, rows: [hello]}]"),
        ("slack", "text: a\nblocks: [{type: plan, title: x, tasks: [hello]}]"),
        ("slack", "text: a\nblocks: 5"),
        ("email", "subject: a\nsections: [{title: x}]"),
        ("email", "subject: a\nsections: 5"),
        ("email", "subject: a\ndays: [x]"),
    ],
)
def test_a_field_of_another_shape_is_told_with_its_file(own: Build, channel: str, template: str) -> None:
    renderer = own({f"{channel}/operation.progress.yaml": template})

    with pytest.raises(TemplateError, match=rf"{channel}/operation\.progress\.yaml: a field has another shape"):
        render(renderer, progress(), channel=channel)


def test_what_comes_with_relay_is_compiled_when_it_is_first_needed() -> None:
    COMPILED.clear()
    library = TemplateSet([BUILT_IN])
    assert not COMPILED

    library.complete()
    compiled = len(COMPILED)
    assert compiled > 500

    sources = [*library.sources()]
    assert len(sources) > 500
    assert len(COMPILED) == compiled


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("text: a\nblocks:\n  - text: |\n      fine\n      {{ op.name + 1 }}", r"slack/operation\.progress\.yaml:5: "),
        ("text: a\nblocks:\n  - each: x in opp\n    a: b", r"slack/operation\.progress\.yaml:3: 'opp' is undefined"),
        ("text: '{{ op.cost }}'", r"slack/operation\.progress\.yaml: text is empty; write `text\?:`"),
        ("text: '{{ say.nothing_such() }}'", r"slack/operation\.progress\.yaml:1: "),
    ],
)
def test_a_fault_that_shows_late_names_file_and_line_too(alone: Build, template: str, place: str) -> None:
    renderer = alone({"slack/operation.progress.yaml": template})

    with pytest.raises(TemplateError, match=place):
        render(renderer, progress())


def test_a_fault_in_a_macro_is_placed_in_the_macro(alone: Build) -> None:
    renderer = alone(
        {"slack/parts.j2": "{% macro push(a, b, c) %}\n{{ nobody }}\n{% endmacro %}"}
        | only("{{ parts.push(1, 2, 3) }}")
    )

    with pytest.raises(TemplateError, match=r"slack/parts\.j2:2: 'nobody' is undefined"):
        render(renderer, progress())


# The sandbox


@pytest.mark.parametrize(
    "attack",
    [
        "{{ 'a' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ 9 ** 99999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999d}'.format(1) }}",
        "{{ 'x'.center(999999999) }}",
        "{{ op.name.replace('a', 'b') }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ op.__class__ }}",
        "{{ op['__class__'].mro() }}",
        "{{ say.progress.__globals__ }}",
        "{{ formats.__class__ }}",
        "{{ formats.now.strftime('%999999999d') }}",
        "{{ 1 .to_bytes(999999999, 'big') }}",
        "{{ op.update({}) }}",
        "{{ range(10000000)|list }}",
        "{% for i in range(99999) %}{{ op.name }}{% endfor %}",
        "{{ namespace(x=1) }}",
        "{{ lipsum() }}",
        "{{ self.__init__ }}",
        "{% include '../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_the_sandbox_refuses(alone: Build, attack: str) -> None:
    renderer = alone(only(attack) | {"sentences.j2": "{% macro progress() %}{% endmacro %}"})

    with pytest.raises(TemplateError, match=r"slack/operation\.progress\.yaml"):
        render(renderer, progress())


@pytest.mark.parametrize(
    "name",
    ["attr", "center", "filesizeformat", "forceescape", "format", "indent", "pprint", "random", "safe", "tojson",
     "truncate", "urlize", "wordwrap", "xmlattr"],
)  # fmt: skip
def test_filters_that_are_not_needed_are_not_there(alone: Build, name: str) -> None:
    with pytest.raises(TemplateError, match=f"No filter named '{name}'"):
        alone(only(f"{{{{ op.name|{name} }}}}"))


def test_arithmetic_with_numbers_works(alone: Build) -> None:
    renderer = alone(only("{{ 6 * 7 }} {{ 7 % 4 }} {{ op.name[:4]|upper ~ '!' }}"))

    assert text_of(renderer, progress()) == "42 3 COMP!"


# Escaping


ACTIVE = re.compile(r"<[^>]*>")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", ["each", "live", "reply"])
@pytest.mark.parametrize("name", sorted(samples.bodies()))
def test_nothing_hostile_becomes_active_in_slack(renderer: Renderer, name: str, kind: Any, language: str) -> None:
    events = samples.messages(samples.hostile)
    history = samples.history_of(name, events)

    told = render(renderer, events[name], kind=kind, history=history, language=language)

    for text in strings(told):
        active = ACTIVE.findall(text)
        assert all(token.startswith(f"<{samples.BASE_URL}/api/tenant-1/project-1/async/") for token in active)
        assert not re.search(r"[<>]", ACTIVE.sub("", text))
        assert not re.search("[\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0000-\u0009\u000b-\u001f]", text)
        formatted = re.sub(r"```[^`]*```", "", text)  # in a block of code nothing is formatted
        assert not re.search(r"\*bold\*|_italic_|~gone~|`code`|:tada:|\b49\b", formatted)
        assert "&amp;amp;" not in text
    assert not any(re.search(r"&(?!amp;|lt;|gt;)", text["text"]) for text in [told, *mrkdwn(told)])
    assert "\n" not in told["text"]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_every_text_of_slack_is_verbatim_so_that_bare_addresses_and_names_stay_text(renderer: Renderer) -> None:
    told = render(renderer, progress(operationName="see https://evil.example and @here"))

    assert all(text["verbatim"] for text in mrkdwn(told))


def mrkdwn(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value] if value.get("type") == "mrkdwn" else [text for item in value.values() for text in mrkdwn(item)]
    return [text for item in value for text in mrkdwn(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("{{ op.name }}", "&lt;!here&gt; &amp; \"it's\""),
        ("{{ op.name ~ '!' }}", "&lt;!here&gt; &amp; \"it's\"!"),
        ("{{ op.name|upper }}", "&lt;!HERE&gt; &amp; \"IT'S\""),
        ("{{ [op.name]|join('') }}", "&lt;!here&gt; &amp; \"it's\""),
        ("{% set x %}{{ op.name }}{% endset %}{{ x }}", "&lt;!here&gt; &amp; \"it's\""),
        ("{% trans who=op.name %}by {{ who }}{% endtrans %}", "by &lt;!here&gt; &amp; \"it's\""),
        ("{{ _('by %(who)s', who=op.name) }}", "by &lt;!here&gt; &amp; \"it's\""),
        ("{{ [op.name, op.name]|list_and }}", "&lt;!here&gt; &amp; \"it's\" and &lt;!here&gt; &amp; \"it's\""),
        ("{{ code(op.name) }}", "`&lt;!here&gt; &amp; \"it's\"`"),
        ("{{ link('https://a.example/?b=1&c=2', op.name) }}",
         "<https://a.example/?b=1&amp;c=2|&lt;!here&gt; &amp; \"it's\">"),
        ("{{ link('javascript:alert(1)', op.name) }}", "&lt;!here&gt; &amp; \"it's\""),
        ("<!date^1|{{ op.name }}>", "<!date^1|&lt;!here&gt; &amp; \"it's\">"),
    ],
)  # fmt: skip
def test_slack_texts_escape_exactly_once(alone: Build, expression: str, told: str) -> None:
    renderer = alone(only(expression))

    assert text_of(renderer, progress(operationName='<!here> & "it\'s"')) == told


@pytest.mark.parametrize(
    "expression",
    [
        "{{ code('x') ~ op.name }}", "{{ op.name ~ code('x') ~ op.name }}", "{{ code('x') + op.name }}",
        "{{ op.name + code('x') }}", "{{ [code('x'), op.name]|join(' ') }}", "{{ [op.name, 'y']|join(code('x')) }}",
        "{{ [op.name]|join }}", "{{ [op]|join(code('x'), attribute='name') }}", "{{ op.name|e }}",
        "{{ [op.name]|map('escape')|join }}", "{{ code('x')|replace('x', op.name) }}",
        "{{ op.name|replace('b', code('x')) }}", "{% set x = op.name ~ '' %}{{ x ~ code('x') }}",
        "{{ [op.name] }}", "{{ {'a': op.name} }}", "{{ _('Files') ~ op.name }}",
    ],
)  # fmt: skip
def test_what_events_say_stays_inert_when_it_is_put_together_with_markup(alone: Build, expression: str) -> None:
    renderer = alone(only(expression))

    told = text_of(renderer, progress(operationName="*b* :tada: <!here>"))

    assert "*b" not in told
    assert "*`x`" not in told
    assert ":tada:" not in told
    assert "<!" not in told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("{{ (op.name ~ ' & co')|upper }}", "A &lt; B &amp; CO"),
        ("{{ ['', none, op.name, 1]|join('-') }}", "--a &lt; b-1"),
        ("{{ [op, op]|join(' ', attribute='name') }}", "a &lt; b a &lt; b"),
        ("{{ op.name|replace('a', 'x', 1) }}", "x &lt; b"),
        ("{{ code('x') ~ ' ' ~ op.name }}", "`x` a &lt; b"),
        ("{{ 1 + 2 }}{{ ([1] + [2])|length }}", "32"),
    ],
)
def test_texts_are_put_together_as_ever(alone: Build, expression: str, told: str) -> None:
    renderer = alone(only(expression))

    assert text_of(renderer, progress(operationName="a < b")) == told


def test_links_lead_to_the_allowed_hosts_alone(own: Build) -> None:
    files = {"slack/operation.progress.yaml": """
text: x
blocks:
  - type: section
    text: {type: mrkdwn, text: "{{ link(op.first, 'one') }} {{ link(op.second, 'two') }}"}
  - type: actions
    elements:
      - {type: button, text: {type: plain_text, text: A}, url: "{{ op.first }}"}
      - {type: button, text: {type: plain_text, text: B}, url: "{{ op.second }}"}
"""}  # fmt: skip
    event = progress(first="https://files.example.com/a", second="https://example.com.evil.org/b")

    told = render(own(files, hosts=("example.com",)), event)
    anywhere = render(own(files), event)

    assert told["blocks"][0]["text"]["text"] == "<https://files.example.com/a|one> two"
    assert [button["url"] for button in told["blocks"][1]["elements"]] == ["https://files.example.com/a"]
    assert len(anywhere["blocks"][1]["elements"]) == 2


def test_an_address_field_holds_a_plain_safe_address_or_is_left_out(alone: Build) -> None:
    renderer = alone({"slack/operation.progress.yaml": """
text: x
blocks:
  - type: actions
    elements:
      - {type: button, text: {type: plain_text, text: A}, url: "{{ op.good }}"}
      - {type: button, text: {type: plain_text, text: B}, url: "{{ op.bad }}"}
"""})  # fmt: skip

    told = render(renderer, progress(good="https://a.example/?b=1&c='2'", bad="javascript:alert(1)"))

    assert [button["url"] for button in told["blocks"][0]["elements"]] == ["https://a.example/?b=1&c='2'"]


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://localhost:8080/a", "HTTPS://EXAMPLE.com/ä?q=1#f", "https://192.0.2.1/x",
     "https://xn--bcher-kva.example/", "https://a.example/x~y_z*(1)!"],
)  # fmt: skip
def test_an_ordinary_address_is_safe(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["", None, 7, "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x",
     "vbscript:x", "//evil.example", "/relative", "ftp://a.example", "https://", "https:///path",
     "https://good.com@evil.example",
     "https://user:secret@a.example", "https://a.example\\@evil.example", "https://a.example/ space",
     "https://a.example/\nx", "https://a.example/>", "https://a.example|x", 'https://a.example/"x',
     "https://a.example:port/", "https://аррӏе.example", "https://[::1", "https://-a.example", "https://a..example",
     "https://a.example/" + "x" * 2000,
     "\u202ehttps://a.example"],
)  # fmt: skip
def test_any_other_address_is_not(url: object) -> None:
    assert safe_url(url) == ""


def test_disguises_are_taken_out_of_every_text_and_key() -> None:
    document = {"a\u202eb": ["x\u200by\ufeff", {"k": "one\r\ntwo\u2028three\x00\x1b[31m"}], "n": 5}

    assert clean(document) == {"ab": ["xy", {"k": "one\ntwo\nthree[31m"}], "n": 5}


@pytest.mark.parametrize("emoji", ["👩‍🔬", "🏳️‍🌈", "❤️‍🔥", "🇩🇪"])
def test_emoji_of_several_parts_stay_whole(emoji: str) -> None:
    assert clean(f"a {emoji} b") == f"a {emoji} b"


@pytest.mark.parametrize(
    "text", ["op-ff0e_84~00*x", "snake_case_name", "2*3", "12:30", "https://a.example/x_y", "AT&T"]
)
def test_ids_and_numbers_keep_every_character(text: str) -> None:
    assert inert(text) == text


@given(st.text(max_size=80), st.integers(2, 40))
def test_a_cut_text_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


LINK_OR_TEXT = st.sampled_from(["<https://a.example|a>", "&amp;", "&lt;", "𝔘🔬", "plain", " ", "é"])


@given(st.lists(LINK_OR_TEXT, max_size=30).map("".join), st.integers(1, 80))
def test_a_cut_never_tears_a_link_an_entity_or_a_character(text: str, limit: int) -> None:
    told = truncate_mrkdwn(text, limit)

    assert length(told) <= limit
    assert re.fullmatch(r"(<https://a\.example\|a>|&amp;|&lt;|[^<>&])*", told)


def test_a_message_stays_below_what_slack_takes_in_all(alone: Build) -> None:
    block = "  - {type: section, text: {type: mrkdwn, text: '{{ op.long }}'}}\n"
    renderer = alone({"slack/operation.progress.yaml": "text: x\nblocks:\n" + block * 60})

    told = render(renderer, progress(long="w" * 5000))

    assert len(told["blocks"]) == 50
    assert sum(length(text["text"]) for text in mrkdwn(told)) <= TEXT_BUDGET + 50


# Without templates


@pytest.mark.parametrize("name", sorted(samples.bodies()))
@pytest.mark.parametrize("change", [samples.bare, samples.hostile, samples.maximal])
def test_a_message_can_be_made_without_any_template(renderer: Renderer, name: str, change: Any) -> None:
    event = samples.messages(change)[name]

    slack, mail = (renderer.fallback(channel, event, "de") for channel in ("slack", "email"))

    assert 0 < len(slack["text"]) <= 150
    assert not re.search(r"[<>]", slack["text"] + slack["blocks"][0]["text"]["text"])
    assert set(mail) == {"subject", "topic", "preheader", "text", "html"}
    assert "\n" not in mail["subject"]
    assert "<script" not in mail["html"]


def test_the_plain_message_says_what_happened_to_what_and_why(renderer: Renderer) -> None:
    event = samples.messages()["operation.failed"]

    told = renderer.fallback("email", event, "de")

    assert told["text"] == (
        "Fehlgeschlagen: Comprehensive Customer Journey Analysis – The SAP extractor did not answer for 300 s.\n"
    )


# Numbers, times and amounts


def formats(language: str, zone: str = "Europe/Berlin", now: datetime = NOW) -> Localizer:
    return Localizer(Catalogues([BUILT_IN]).language(language), ZoneInfo(zone), now)


@pytest.mark.parametrize(
    ("method", "value", "english", "german"),
    [
        ("num", 1284530, "1,284,530", "1.284.530"),
        ("num", 94.7, "94.7", "94,7"),
        ("num", 2.0, "2", "2"),
        ("num", "many", "many", "many"),
        ("pct", 42, "42%", "42\u00a0%"),
        ("pct", 99.99, "99%", "99\u00a0%"),
        ("duration", 5700, "1 h 35 min", "1 h 35 min"),
        ("duration", 3600, "1 h", "1 h"),
        ("duration", 0, "0 s", "0 s"),
        ("duration", 59.6, "1 min", "1 min"),
        ("duration", 75, "1 min 15 s", "1 min 15 s"),
        ("duration", 1395, "23 min", "23 min"),
        ("duration", 97_200, "1 d 3 h", "1 d 3 h"),
        ("duration", "45 minutes", "45 min", "45 min"),
        ("duration", "23 minutes 15 seconds", "23 min", "23 min"),
        ("duration", "1 hour and 5 minutes", "1 h 5 min", "1 h 5 min"),
        ("duration", "15-20 minutes", "15–20 min", "15–20 min"),
        ("duration", "1.5-2 hours", "1.5–2 h", "1,5–2 h"),
        ("duration", "4.2 hours", "4 h 12 min", "4 h 12 min"),
        ("duration", "01:05:00", "1 h 5 min", "1 h 5 min"),
        ("duration", "PT1H5M", "1 h 5 min", "1 h 5 min"),
        ("duration", "a while", "a while", "a while"),
        ("bytes", 3_400_000, "3.4 MB", "3,4 MB"),
        ("bytes", 999, "999 B", "999 B"),
        ("bytes", "890 KB", "890 KB", "890 KB"),
        ("bytes", "45.7 MB", "45.7 MB", "45,7 MB"),
        ("bytes", "large", "large", "large"),
        ("rate", "1890 records/minute", "1,890/min", "1.890/min"),
        ("rate", "12.5 per second", "12.5/s", "12,5/s"),
        ("rate", 225, "225/s", "225/s"),
        ("rate", "fast", "fast", "fast"),
        ("money", "$2.45", "$2.45", "2,45\u00a0$"),
        ("money", "3.20 EUR", "€3.20", "3,20\u00a0€"),
        ("money", "free", "free", "free"),
        ("amount", True, "yes", "ja"),
        ("amount", 347, "347", "347"),
        ("amount", "3.2 MB", "3.2 MB", "3,2 MB"),
        ("amount", "4161 records/minute", "4,161/min", "4.161/min"),
        ("amount", "Medium-High", "Medium-High", "Medium-High"),
        ("localtime", "2024-01-20T14:40:00Z", "15:40", "15:40"),
        ("localtime", "2024-01-20T14:40:00", "15:40", "15:40"),
        ("localtime", "2024-03-09T14:05:00Z", "9 Mar, 15:05", "9. März, 15:05"),
        ("localtime", "2023-12-31T23:30:00+00:00", "1 Jan, 00:30", "1. Jan., 00:30"),
        ("localtime", "2023-12-31T20:30:00Z", "31 Dec 2023, 21:30", "31. Dez. 2023, 21:30"),
        ("localtime", "soon", "soon", "soon"),
    ],
)  # fmt: skip
def test_amounts_are_told_as_the_language_tells_them(method: str, value: object, english: str, german: str) -> None:
    assert (getattr(formats("en"), method)(value), getattr(formats("de"), method)(value)) == (english, german)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Pacific/Honolulu", "20 Jan, 02:03"),
        ("Pacific/Kiritimati", "21 Jan, 02:03"),
        ("Asia/Kathmandu", "17:48"),
        ("UTC", "12:03"),
    ],
)
def test_today_is_today_in_the_readers_zone(zone: str, told: str) -> None:
    assert formats("en", zone, NOW.replace(hour=8)).localtime("2024-01-20T12:03:00Z") == told


@pytest.mark.parametrize(
    ("utc", "told"),
    [
        ("2024-03-31T00:59:00Z", "31 March 2024, 01:59 CET"),
        ("2024-03-31T01:00:00Z", "31 March 2024, 03:00 CEST"),
        ("2024-10-27T00:30:00Z", "27 October 2024, 02:30 CEST"),
        ("2024-10-27T01:30:00Z", "27 October 2024, 02:30 CET"),
    ],
)
def test_a_full_time_names_its_zone_so_that_the_repeated_hour_is_clear(utc: str, told: str) -> None:
    assert formats("en").localtime(utc, "full") == told


# Files of the user's own


@pytest.mark.parametrize(
    ("files", "kind", "destination", "told"),
    [
        (["completed"], "each", "analysts", "completed"),
        (["completed"], "reply", "analysts", "completed"),  # although a reply is built in
        (["completed", "completed.reply"], "reply", "analysts", "completed.reply"),
        (["completed", "completed.reply"], "each", "analysts", "completed"),
        (["completed", "completed@analysts"], "each", "analysts", "completed@analysts"),
        (["completed", "completed@analysts"], "each", "team", "completed"),
        (["completed.reply", "completed@analysts"], "reply", "analysts", "completed@analysts"),
        (["completed@analysts", "completed.reply@analysts"], "reply", "analysts", "completed.reply@analysts"),
        (["completed@analysts", "completed.reply@analysts"], "live", "analysts", "completed@analysts"),
    ],
)
def test_the_closest_file_of_the_users_own_is_taken(
    own: Build, files: list[str], kind: Any, destination: str, told: str
) -> None:
    renderer = own({f"slack/operation.{file}.yaml": f"text: '{file}'" for file in files})
    event = samples.messages()["operation.completed"]

    assert render(renderer, event, kind=kind, destination=destination)["text"] == told
    assert renderer.overriding_file("slack", kind, event, destination) == f"slack/operation.{told}.yaml"


def test_without_a_file_that_fits_the_built_in_one_is_taken(own: Build, renderer: Renderer) -> None:
    event = samples.messages()["operation.completed"]
    with_others = own({"slack/operation.completed@team.yaml": "text: other", "slack/operation.failed.yaml": "text: x"},
                      base_url=samples.BASE_URL)  # fmt: skip

    assert render(with_others, event) == render(renderer, event)
    assert with_others.overriding_file("slack", "each", event, "analysts") == ""


def test_a_mail_has_the_layout_that_is_closest(own: Build) -> None:
    renderer = own(
        {"email/layout@analysts.txt": "analysts: {{ mail.heading }}", "email/operation.failed.txt": "failed"}
    )
    events = samples.messages()

    assert render(renderer, events["operation.completed"], "email")["text"].startswith("analysts: Comprehensive")
    assert render(renderer, events["operation.failed"], "email")["text"] == "failed\n"
    assert "analysts: " not in render(renderer, events["operation.completed"], "email", destination="team")["text"]


def test_agreed_files_beside_the_templates_are_no_templates(own: Build) -> None:
    renderer = own({"golden/email/operation.failed.typical.en.txt": "{{ what a mail says", "golden/x.yaml": "{{"})

    assert "golden" not in renderer.library.channels


# A language of the user's own


def french(*, without: str = "") -> str:
    """A whole French catalogue: some words are French, the others are marked as if they were."""
    words = {
        "Completed": "Terminé",
        "Files": "Fichiers",
        "Finished": "Fini",
        "d MMMM y, HH:mm z": "d MMMM y 'à' HH:mm z",
    }
    library, german = (
        Renderer([BUILT_IN]).library,
        read_po(io.BytesIO((BUILT_IN / "locales/de/messages.po").read_bytes())),
    )
    catalogue = Catalog(locale="fr")
    for message in german:
        if message.id and message.id != without:
            texts = message.id if isinstance(message.id, tuple) else (message.id,)
            told = tuple(words.get(text, text if message.context == "time" else f"fr:{text}") for text in texts)
            catalogue.add(message.id, told if len(told) > 1 else told[0], context=message.context)
    for _, (context, text) in checks.messages(library):  # what German lacks, if anything
        if catalogue.get(text, context) is None and text != without:
            catalogue.add(text, words.get(text, f"fr:{text}"), context=context)
    written = io.BytesIO()
    write_po(written, catalogue)
    return written.getvalue().decode()


def test_a_whole_catalogue_is_all_that_a_third_language_needs(own: Build) -> None:
    renderer = own({"locales/fr/messages.po": french()})

    mail = render(renderer, samples.messages()["operation.completed"], "email", language="fr")

    assert renderer.languages == ("en", "fr", "de")
    assert "Terminé" in mail["subject"]
    assert "187\u202f248" in mail["html"]
    assert "187 248" in mail["text"]
    assert "20 janvier 2024 à 13:03" in mail["text"]
    assert "Fichiers" in mail["text"]
    assert not [fault for fault in renderer.check() if "translation to fr" in fault]


def test_a_language_of_the_users_own_may_be_configured(tmp_path: Path) -> None:
    catalogue = tmp_path / "locales" / "fr" / "messages.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(french(), "utf-8")

    assert languages([tmp_path, BUILT_IN]) == ("en", "fr", "de")


def test_what_a_third_language_lacks_is_told(own: Build) -> None:
    renderer = own({"locales/fr/messages.po": french(without="Files")})

    lacking = {fault.partition(": ")[2] for fault in renderer.check() if "translation to fr" in fault}

    assert lacking == {"no translation to fr of 'Files'"}


@pytest.mark.parametrize("told", ["100 % of it", "%(name)9s", "%(name)d", "%s", "%(name)999999999s"])
def test_a_translation_that_could_grow_or_fail_is_refused(own: Build, told: str) -> None:
    catalogue = (
        f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\nmsgid "%(name)s is late."\nmsgstr "{told}"\n'
    )

    with pytest.raises(TemplateError, match=r"locales/de/messages.po:4: a %"):
        own({"locales/de/messages.po": catalogue})


# Trying it all out


def test_the_built_in_templates_have_no_fault(renderer: Renderer) -> None:
    assert renderer.check() == []


def test_a_check_finds_what_only_a_bare_event_shows(own: Build) -> None:
    renderer = own(only("{{ op.execution.workerNode }}"))

    faults = [fault for fault in renderer.check() if "operation.progress.yaml:1: " in fault]

    assert faults
    assert "workerNode" in faults[0] or "None" in faults[0]


def test_a_check_finds_what_is_not_translated(own: Build) -> None:
    renderer = own(only("{% trans %}A sentence of my own.{% endtrans %}"))

    assert [fault.split(": ", 1)[1] for fault in renderer.check()] == [
        "no translation to de of 'A sentence of my own.'"
    ]


def test_a_check_tries_the_users_own_samples(own: Build) -> None:
    body = samples.bodies()["operation.paused"] | {"event": "operation.resumed", "note": "x"}
    renderer = own({
        "samples/resumed.json": json.dumps(body),
        "slack/operation.resumed.yaml": "text: '{{ doc.note|default(\"\") }} {{ doc.note.text }}'",
    })  # fmt: skip

    assert any("slack/operation.resumed.yaml:1" in fault for fault in renderer.check())


def test_a_sample_that_is_no_event_is_named(own: Build) -> None:
    renderer = own({"samples/broken.json": '{"event": "operation.progress"}'})

    assert "samples/broken.json: no sample of an event: " in renderer.check()[0]


# The author's guide


def test_every_field_and_filter_of_the_guide_is_there(alone: Build) -> None:
    guide = (BUILT_IN.parent / "docs" / "templates.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", guide, re.MULTILINE))
    paths = [
        f"{name}{'[0]' if 'a list' in told else ''}.{field}"
        for name, told in rows.items()
        for field in re.findall(r"`(\w+)`", told.partition("of each")[0])
        if field not in ("operation.phase.completed",) and name != "list_and"
    ]
    filters = [
        name for row in re.findall(r"^\| (`\w.*?`) \|", guide, re.MULTILINE) for name in re.findall(r"`(\w+)", row)
    ]
    filters = filters[filters.index("num") :]
    lines = [f"a{n}?: '{{{{ {path} }}}}'" for n, path in enumerate(paths)]
    lines += [f"b{n}?: '{{% if 0 %}}{{{{ op|{name} }}}}{{% endif %}}'" for n, name in enumerate(filters)]
    renderer = alone({"teams/generic.yaml": "\n".join(lines)})

    told = render(renderer, samples.messages()["operation.completed"], "teams")

    assert len(paths) > 80
    assert len(filters) > 15
    assert len(told) > 40


# Runs that relay's own watchdog found stalled


def alarm(name: str, **parts: Any) -> Event:
    body = samples.bodies()["operation.progress"]
    return samples.event_of({"event": f"operation.{name}", "timestamp": "2024-01-20T11:50:00Z",
                             "operation": body["operation"], **parts})  # fmt: skip


STALLED = alarm("stalled", stalled={"rule": "overdue", "seconds": 600})
SILENT = alarm("stalled", stalled={"rule": "silent", "seconds": 900})
RECOVERED = alarm("recovered", recovered={"rule": "silent", "seconds": 600, "flapping": False})
STILL_OVERDUE = alarm("recovered", recovered={"rule": "silent"}, stalled={"rule": "overdue", "seconds": 600})
PROGRESS, DONE = (samples.messages()[name] for name in ("operation.progress", "operation.completed"))


@pytest.mark.parametrize(
    ("history", "shown"),
    [
        pytest.param((PROGRESS, STALLED), "🟠", id="stalled"),
        pytest.param((STALLED, PROGRESS), "🟠", id="progress, also by a clock that is behind, takes no alarm back"),
        pytest.param((SILENT, PROGRESS), "🔵", id="what is heard of is not silent"),
        pytest.param((PROGRESS, STALLED, RECOVERED), "🔵", id="recovered"),
        pytest.param((STALLED, RECOVERED, PROGRESS), "🔵", id="progress after a recovery"),
        pytest.param((PROGRESS, STALLED, STILL_OVERDUE), "🟠", id="recovered of one thing, not of another"),
        pytest.param((PROGRESS, STALLED, DONE), "✅", id="the end"),
    ],
)
def test_a_live_message_shows_an_alarm_for_as_long_as_it_stands(
    renderer: Renderer, history: tuple[Event, ...], shown: str
) -> None:
    told = renderer.render("slack", "live", history[-1], history, language="en", timezone="UTC", now=NOW)

    assert json.dumps(told["blocks"], ensure_ascii=False).count(shown) == 1
    assert sum(json.dumps(told["blocks"], ensure_ascii=False).count(sign) for sign in "🟠🔵✅") == 1


def test_progress_told_by_itself_says_that_the_run_goes_on(renderer: Renderer) -> None:
    told = renderer.render("slack", "each", PROGRESS, (STALLED, PROGRESS), language="en", timezone="UTC", now=NOW)

    assert "🔵" in json.dumps(told["blocks"], ensure_ascii=False)


def test_an_alarm_that_stands_is_shown_with_the_run_as_it_is_by_now(renderer: Renderer) -> None:
    at_40 = alarm("stalled", stalled={"rule": "overdue", "since": "2024-01-20T11:30:00Z", "percentage": 40})

    told = renderer.render("slack", "live", PROGRESS, (at_40, PROGRESS), language="en", timezone="UTC", now=NOW)

    said = json.dumps(told, ensure_ascii=False)
    assert "67%" in said
    assert "40%" not in said
