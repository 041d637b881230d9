"""Texts of events stay texts: in Slack, in links and wherever they are put together or cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.display import HIDDEN, TEXT_BUDGET, length
from relay.rendering import Renderer
from relay.rendering.jobs import action
from relay.rendering.texts import clean, cut, inert, safe_url
from tests.rendering.slack_reading import mrkdwn
from tests.support.events import event_of
from tests.support.renderers import Build, only, progress, render, text_of


def test_what_hides_is_found_in_texts_that_python_calls_printable_too() -> None:
    letters = [character for character in map(chr, range(0x11_0000)) if not character.isascii() and character != "\x85"]
    hidden = [letter for letter in letters if HIDDEN.search(letter)]

    assert [clean(letter) for letter in hidden] == [""] * len(hidden)
    assert [clean(f"a{letter}b") for letter in hidden] == ["ab"] * len(hidden)


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


@pytest.mark.parametrize(("user", "mention"), [("U0ANALYST1", "<@U0ANALYST1>"), ("<!channel>", ""), ("u1> x", "")])
def test_only_an_id_of_slacks_becomes_a_mention(user: str, mention: str) -> None:
    assert action({"name": "retry", "user": user})["by"] == mention


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


def test_an_id_that_nobody_sees_is_shown_by_its_numbers(renderer: Renderer) -> None:
    event = event_of(
        {"event": "operation.started", "operation": {"operationId": "\u200b\u202e", "status": "Initiated"}}
    )

    for channel in ("slack", "email"):
        assert "\\u200b\\u202e" in str(render(renderer, event, channel)["text"])


def test_a_cut_leaves_words_whole_and_cuts_what_is_none() -> None:
    assert cut("1 completed, 1 failed, 1 not started", 34) == "1 completed, 1 failed, 1 not…"
    assert cut("1 completed, 1 failed, 1 not started", 30) == "1 completed, 1 failed, 1 not…"
    assert cut("x" * 40, 10) == "x" * 9 + "…"
    assert cut("see https://example.com/a/very/long/path/that/ends/nowhere", 50) == (
        "see https://example.com/a/very/long/path/that/end…"
    )


@given(st.text(max_size=80), st.integers(2, 40))
def test_a_cut_text_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


def test_a_message_stays_below_what_slack_takes_in_all(alone: Build) -> None:
    block = "  - {type: section, text: {type: mrkdwn, text: '{{ op.long }}'}}\n"
    renderer = alone({"slack/operation.progress.yaml": "text: x\nblocks:\n" + block * 60})

    told = render(renderer, progress(long="w" * 5000))

    assert len(told["blocks"]) == 50
    assert sum(length(text["text"]) for text in mrkdwn(told)) <= TEXT_BUDGET + 50
