"""A user's templates: what they may not do is refused, what takes too much is ended, and relay goes on meanwhile."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import pytest

from relay.domain.events import Event
from relay.errors import TemplateError
from relay.rendering import AVOIDED_FOR, IsolatedRenderer, Rendered
from relay.rendering.time_out import TooSlow, within
from tests.rendering.templates_of_others import FILE, LOOPS, NOTE
from tests.support import samples
from tests.support.renderers import BUILT_IN, Build, only, progress, render

# A template may be ended while Hypothesis hooks into the collector: it is ended again, and Python tells of the first.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*gc_callback")
PAUSE = 0.05  # seconds for which nothing may hold up the event loop
OWN_WORDING = "Failed: Comprehensive…Analysis"
LONG = "<b x> " * 20_000  # of a message of an error, say
SHORT = 0.25  # seconds that a message may take here
WIDE_ROW = "{each: a in range(100), t: '{{ \"" + "x" * 1000 + "\" }}'}"
STYLED = f"<html><head><style>{'p { color: red }' * 1000}</style></head><body>{'<p>x</p>' * 5000}</body></html>"

NESTED = "each: a in range(100), x: 1"
for _ in range(5):
    NESTED = f"each: a in range(100), rows: [{{{NESTED}}}]"
NESTED = f"{{{NESTED}}}"

REFUSED = (
    "{{ ''.__class__.__mro__ }}", "{{ op.__class__ }}", "{{ op['__class__'].mro() }}", "{{ op|attr('__class__') }}",
    "{{ say.progress.__globals__ }}", "{{ link.__globals__ }}", "{{ self.__init__.__globals__ }}",
    "{{ formats.__class__ }}", "{{ formats.now.strftime('%999999999d') }}", "{{ 1 .to_bytes(999999999, 'big') }}",
    "{{ op.update({}) }}", "{{ op.name.replace('a', 'b') }}", "{{ namespace(x=1) }}", "{{ lipsum() }}",
    "{% include '../../etc/passwd' %}", "{% extends 'sentences.j2' %}", "{% include '/etc/passwd' %}", "{{ 1 / 0 }}",
    "{{ 'a' * 100000000 }}", "{{ [1] * 100000000 }}", "{{ 9 ** 99999999 }}", "{{ 9**9**9 }}", "{{ '%999999999d' % 1 }}",
    "{{ '{:999999999d}'.format(1) }}", "{{ 'x'.center(999999999) }}", "{{ 'x'.ljust(999999999) }}",
    "{{ 'x'.zfill(999999999) }}", "{{ ('x'|string).join(['a']) }}", "{{ range(10000000)|list }}",
    "{{ op.name is sameas(op.name) }}", "{{ [[1], [2]]|sum(start='x') }}",
)  # fmt: skip

TOO_MUCH = {
    "loops in loops": LOOPS,
    "loops over long texts": "{% for a in error.message %}{% for b in error.message %}{% endfor %}{% endfor %}",
    "a loop that calls itself": "{% for a in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "macros without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macros that call two": "{% macro m(n) %}{{ m(n - 1) ~ m(n - 1) if n }}{% endmacro %}{{ m(60) }}",
    "texts that double": "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% else %}{{ x|length }}{% endif %}"
    "{% endmacro %}{{ m('x', 60) }}",
    "texts that are added": "{% macro m(x, n) %}{{ m(x + x, n - 1) if n }}{% endmacro %}{{ m('x', 60) }}",
    "blocks that double": "{% macro m(x, n) %}{% set y %}{{ x }}{{ x }}{% endset %}{{ m(y, n - 1) if n }}{% endmacro %}"
    "{{ m('x', 60) }}",
    "lists that double": "{% macro m(x, n) %}{{ m(x + x, n - 1) if n }}{% endmacro %}{{ m([1], 60) }}",
    "a text between all": "{{ range(9999)|join(error.message)|length }}",
    "a text for each character": "{{ error.message|replace('', error.message)|length }}",
    "sorting": "{% for a in range(9999) %}{{ range(9999)|sort(reverse=true)|first }}{% endfor %}",
    "words that are written": "{% for a in range(9999) %}" + "words " * 500 + "{% endfor %}",
    "words that are kept": "{% set x %}{% for a in range(9999) %}" + "words " * 500 + "{% endfor %}{% endset %}",
    "the same file in itself": f"{{% include '{FILE}' %}}{{% include '{FILE}' %}}",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def nothing_to_collect() -> Iterator[None]:
    """As in relay, which keeps what it has imported out of each collection (relay/cli/serve.py)."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def mine(tmp_path: Path) -> AsyncIterator[Callable[..., IsolatedRenderer]]:
    """A renderer with these texts of the user's own as messages: file name → the message's `text`."""
    built: list[IsolatedRenderer] = []

    def build(*texts: str, more: dict[str, str] | None = None, **options: Any) -> IsolatedRenderer:
        named = zip((FILE, "slack/operation.completed.yaml"), texts, strict=False)
        for name, text in ({name: f"text: |\n  {text}\n" for name, text in named} | (more or {})).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        built.append(IsolatedRenderer([tmp_path, BUILT_IN], **options))
        return built[-1]

    yield build
    for renderer in built:
        await renderer.aclose()


def failed(**error: Any) -> Event:
    event = samples.messages()["operation.failed"]
    return replace(
        event, error={**event.error, **error}, document={**event.document, "error": {**event.error, **error}}
    )


async def message(
    renderer: IsolatedRenderer, name: str = "operation.failed", channel: str = "slack", language: str = "en",
    event: Event | None = None,
) -> Rendered:  # fmt: skip
    events = samples.messages()
    event = event or events[name]
    return await renderer.message(
        channel, "each", event, (*samples.history_of(name, events)[:-1], event), language=language,
        timezone="Europe/Berlin", now=event.occurred_at, destination="analysts",
    )  # fmt: skip


async def longest_pause(work: Callable[[], Any]) -> tuple[float, Any]:
    """For how much of this process's own time, whatever else the machine does, the loop did not go on."""
    pauses = [0.0]

    async def tick() -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(0.0005)
            pauses.append((now := time.process_time()) - before)
            before = now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        made = await work()
        return max(pauses), made
    finally:
        ticking.cancel()


def note_of(rendered: Rendered) -> str:
    note: str = rendered.content["blocks"][-1]["elements"][0]["text"]
    return note


@pytest.mark.parametrize("text", REFUSED)
def test_the_sandbox_refuses(alone: Build, text: str) -> None:
    with pytest.raises(TemplateError, match=r"slack/operation\.progress\.yaml:1: "):
        render(alone(only(text) | {"sentences.j2": "{% macro progress() %}{% endmacro %}"}), progress())


@pytest.mark.slow
@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_what_takes_too_much_holds_up_nobody(mine: Callable[..., IsolatedRenderer], text: str) -> None:
    renderer = mine(text, seconds=SHORT)
    event = failed(message=LONG)
    await renderer.prepare()

    for _ in range(20):  # whatever holds up the loop by itself does so each time; a busy machine does not
        renderer._avoided.clear()
        pause, rendered = await longest_pause(lambda: message(renderer, event=event))
        if pause <= PAUSE:
            break

    assert FILE in rendered.fault
    assert rendered.content["text"].startswith(OWN_WORDING)
    assert note_of(rendered) == NOTE
    assert renderer.faults == {FILE: rendered.fault}
    assert pause <= PAUSE


@pytest.mark.parametrize(("channel", "files", "fault"), [
    ("slack", {FILE: f"text: x\nrows: [{', '.join([WIDE_ROW] * 30)}]\n"}, "it grows beyond 1,048,576 characters"),
    ("slack", {FILE: f"text: x\nrows: [{NESTED}]\n"}, "it grows beyond 1,048,576 characters"),
    ("email", {"email/layout.html": STYLED}, "email/layout.html: there are too many elements for so many styles"),
])  # fmt: skip
async def test_a_message_larger_than_any_is_refused(
    mine: Callable[..., IsolatedRenderer], channel: str, files: dict[str, str], fault: str
) -> None:
    rendered = await message(mine(more=files), channel=channel)

    assert fault in rendered.fault
    assert "Comprehensive" in rendered.content["text"]


async def test_a_file_that_took_too_long_is_left_alone_for_a_minute(mine: Callable[..., IsolatedRenderer]) -> None:
    now = [1000.0]
    text = f"{{% if error.retryable %}}{LOOPS}{{% endif %}}mine"
    renderer = mine(text, "mine", seconds=SHORT, clock=lambda: now[0])
    harmless = failed(retryable=False)
    first = await message(renderer)
    now[0] += AVOIDED_FOR - 1

    second = await message(renderer, event=harmless)

    assert second.fault == first.fault == f"{FILE}: it took more than 0.25 s of processor time"
    assert (await message(renderer, "operation.completed")).content["text"] == "mine"
    now[0] += 1
    assert (await message(renderer, event=harmless)).content["text"] == "mine"


def test_time_in_which_it_does_not_run_does_not_count() -> None:
    assert within(0.05, FILE, lambda: time.sleep(0.3) or "made") == "made"


def test_what_does_not_end_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.rendering.time_out.TRIES", 1)

    with pytest.raises(TooSlow, match=f"{FILE}: it does not end"):
        within(60.0, FILE, lambda: time.sleep(2.0), patience=0.05)


async def test_what_fails_is_told_in_relays_own_wording(mine: Callable[..., IsolatedRenderer], tmp_path: Path) -> None:
    renderer = mine("{{ ''.__class__ }}")

    rendered = await message(renderer)

    assert rendered.fault == f"{tmp_path / FILE}:2: access to attribute '__class__' of 'str' object is unsafe."
    assert rendered.content["text"].startswith(OWN_WORDING)
    assert note_of(rendered) == NOTE
    (tmp_path / FILE).write_text("text: mine\n", "utf-8")
    assert (await message(mine())).content["text"] == "mine"


async def test_a_mail_says_so_in_both_parts_and_in_the_readers_language(mine: Callable[..., IsolatedRenderer]) -> None:
    renderer = mine("{{ 1 / 0 }}", more={"email/operation.failed.yaml": "subject: '{{ 1 / 0 }}'\n"})

    content = (await message(renderer, channel="email")).content

    note = "Shown in relay's own wording because the template email/operation.failed.yaml failed."
    assert content["text"].endswith(f"\n{note}\n")
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(content["html"])
    assert page.findall("body/p")[-1].text == note
    german = await message(renderer, language="de")
    assert note_of(german) == f"Im Standardwortlaut von relay, weil die Vorlage {FILE} fehlerhaft ist."
