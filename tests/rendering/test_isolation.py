"""The user's templates, in a process of their own: what takes too much is ended, and relay's own wording is used."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
import uvloop

from relay.errors import TemplateError
from relay.rendering import IsolatedRenderer, Renderer
from relay.rendering.isolated import AVOIDED_FOR, Rendered
from relay.rendering.process import Bounds
from tests.support import samples
from tests.support.isolation import FILE, LOOPS, NOTE, children
from tests.support.renderers import compile_built_in

pytestmark = pytest.mark.slow

BUILT_IN = Path(__file__).parents[2] / "templates"
MB = 2**20
DOUBLING = (
    "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% else %}{{ x|length }}{% endif %}{% endmacro %}"
    "{{ m('x', 60) }}"
)  # fmt: skip

Build = Callable[..., IsolatedRenderer]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Build]:
    """A renderer with these texts of the user's own as messages: file name → the message's `text`."""
    compile_built_in()
    built: list[IsolatedRenderer] = []

    def build(*texts: str, more: dict[str, str] | None = None, **options: Any) -> IsolatedRenderer:
        files = dict(zip((FILE, "slack/operation.completed.yaml"), texts, strict=False)) | (more or {})
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(
                f"text: |\n  {text}\n" if name in (FILE, *files) and "\n" not in text else text
            )
        built.append(IsolatedRenderer([tmp_path, BUILT_IN], **options))
        return built[-1]

    yield build
    for renderer in built:
        renderer.close()


def most_memory(who: int) -> int:
    """The most memory that this process, or the largest of its ended children, ever had, in bytes."""
    return resource.getrusage(who).ru_maxrss * 1024


async def message(
    renderer: IsolatedRenderer, name: str = "operation.failed", channel: str = "slack", language: str = "en"
) -> Rendered:
    events = samples.messages()
    event = events[name]
    return await renderer.message(
        channel, "each", event, samples.history_of(name, events), language=language, timezone="Europe/Berlin",
        now=event.occurred_at, destination="analysts",
    )  # fmt: skip


def note_of(rendered: Rendered) -> str:
    note: str = rendered.content["blocks"][-1]["elements"][0]["text"]
    return note


# In which process


async def test_what_is_built_in_is_rendered_without_a_child(own: Build) -> None:
    renderer = own()

    rendered = await message(renderer)

    assert not rendered.fault
    assert children() == []


async def test_a_file_of_the_users_own_leaves_the_other_messages_in_this_process(own: Build) -> None:
    renderer = own("mine")

    rendered = await message(renderer, "operation.completed")

    assert not rendered.fault
    assert children() == []


@pytest.mark.parametrize("file", ["sentences.j2", "slack/parts.j2"])
async def test_shared_macros_of_the_users_own_have_a_part_in_every_message(own: Build, file: str) -> None:
    renderer = own(more={file: (BUILT_IN / file).read_text("utf-8")})

    rendered = await message(renderer, "operation.completed")

    assert not rendered.fault
    assert len(children()) == 1


async def test_the_child_renders_what_this_process_would(own: Build, tmp_path: Path) -> None:
    source = (BUILT_IN / FILE).read_text("utf-8")
    renderer = own(more={FILE: source + "# mine\n"})

    rendered = await message(renderer, language="de")

    events = samples.messages()
    event = events["operation.failed"]
    here = Renderer([tmp_path, BUILT_IN]).render(
        "slack", "each", event, samples.history_of("operation.failed", events), language="de",
        timezone="Europe/Berlin", now=event.occurred_at, destination="analysts",
    )  # fmt: skip
    assert rendered == Rendered(here)
    assert len(children()) == 1


async def test_the_child_compiles_what_its_parent_has_not(own: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.rendering.process.COMPILED", {})
    renderer = own("{{ op.name }}")

    assert not (await message(renderer)).fault


async def test_one_child_serves_twenty_messages_at_once(own: Build) -> None:
    renderer = own("{{ op.name }}")

    rendered = await asyncio.gather(*(message(renderer) for _ in range(20)))

    assert {one.content["text"] for one in rendered} == {"Comprehensive Customer Journey Analysis"}
    assert len(children()) == 1


async def test_a_hangup_that_reaches_the_child_as_well_costs_no_message(own: Build) -> None:
    renderer = own("mine")
    await message(renderer)
    before = children()

    os.kill(before[0], signal.SIGHUP)

    assert not (await message(renderer)).fault
    assert children() == before


async def test_closing_leaves_no_process_behind(own: Build) -> None:
    renderer = own("mine")
    await message(renderer)
    [child] = children()

    await renderer.aclose()

    assert children() == []
    assert not os.path.exists(f"/proc/{child}")  # noqa: ASYNC240, PTH110


async def test_closing_lets_what_was_asked_for_be_rendered(own: Build) -> None:
    renderer = own("mine")
    asked = [asyncio.ensure_future(message(renderer)) for _ in range(5)]
    await asyncio.sleep(0)

    await renderer.aclose()

    assert [(one.content["text"], one.fault) for one in await asyncio.gather(*asked)] == [("mine", "")] * 5
    assert children() == []


async def test_the_child_knows_none_of_relays_secrets(own: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    renderer = own("mine")
    await message(renderer)

    [child] = children()

    assert b"xoxb-secret" not in Path(f"/proc/{child}/environ").read_bytes()  # noqa: ASYNC240


def test_it_works_on_uvloop_too(own: Build) -> None:
    renderer = own("mine")

    async def work() -> Rendered:
        try:
            return await message(renderer)
        finally:
            await renderer.aclose()

    assert uvloop.run(work()).content["text"] == "mine"


# What takes too much


@pytest.mark.parametrize(
    "text",
    ["{{ op.__class__.__mro__ }}", "{{ op|attr('__class__') if 0 else op['__class__'].x }}", "{{ ''.__class__ }}",
     "{{ self.__init__.__globals__ }}", "{{ link.__globals__ }}", "{{ 'a' * 10**8 }}", "{{ 'a' * 100000000 }}",
     "{{ [0] * 100000000 }}", "{{ 9**9**9 }}", "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}",
     "{{ 'x'.center(999999999) }}", "{{ op.update({}) }}", "{% for a in range(10**9) %}{% endfor %}",
     "{% for a in range(1000000000) %}{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
     "{% for a in range(99999) %}x{% endfor %}", "{{ 1 / 0 }}"],
)  # fmt: skip
def test_the_sandbox_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "slack").mkdir()
    (tmp_path / FILE).write_text(f"text: |\n  {text}\n", "utf-8")
    events = samples.messages()
    event = events["operation.failed"]

    with pytest.raises(TemplateError) as refused:  # some when the file is compiled, the others when it is rendered
        Renderer([tmp_path, BUILT_IN]).render(
            "slack", "each", event, (event,), language="en", timezone="UTC", now=event.occurred_at
        )

    assert str(refused.value).startswith(f"{tmp_path / FILE}")


async def test_what_fails_is_told_in_relays_own_wording(own: Build) -> None:
    renderer = own("{{ ''.__class__ }}")

    rendered = await message(renderer)

    assert f"{FILE}:2: access to attribute '__class__' of 'str' object is unsafe" in rendered.fault
    assert "Failed: Comprehensive Customer Journey Analysis" in rendered.content["text"]
    assert note_of(rendered) == NOTE
    assert renderer.faults == {FILE: rendered.fault}


@pytest.mark.parametrize(
    "name", ["format", "center", "indent", "wordwrap", "xmlattr", "pprint", "attr", "safe", "tojson"]
)
def test_filters_that_grow_or_reach_further_are_not_there(own: Build, name: str) -> None:
    with pytest.raises(TemplateError, match=rf"operation.failed.yaml:2: No filter named '{name}'"):
        own(f"{{{{ op.name|{name} }}}}")


async def test_a_template_that_takes_too_long_is_ended(own: Build) -> None:
    renderer = own(LOOPS, bounds=Bounds(seconds=0.3))

    rendered = await message(renderer)

    assert rendered.fault == f"{FILE}: it took more than 0.3 s of processor time"
    assert note_of(rendered) == NOTE
    assert children() == []


@pytest.mark.parametrize("text", [DOUBLING, "{{ [1]|batch(9999999999, 'x')|list }}"])
async def test_a_template_that_takes_too_much_memory_is_ended(own: Build, text: str) -> None:
    renderer = own(text)
    before = most_memory(resource.RUSAGE_CHILDREN)  # of other tests' children: a browser, say

    rendered = await message(renderer)

    assert rendered.fault == f"{FILE}: it needed more than 256 MB of memory"
    assert note_of(rendered) == NOTE
    assert children() == []
    # The child begins with what this process has, after a thousand other tests a good deal.
    assert most_memory(resource.RUSAGE_CHILDREN) <= max(before, most_memory(resource.RUSAGE_SELF) + (256 + 40) * MB)


def test_compiling_computes_nothing(own: Build) -> None:
    replaced = "'x'" + f"|replace('x', '{'x' * 1500}')" * 3
    before = most_memory(resource.RUSAGE_SELF)

    own(f"{{{{ ({replaced})|length }}}}")  # 3.4 GB, if it were worked out

    assert most_memory(resource.RUSAGE_SELF) - before < 200 * MB


async def test_a_child_that_says_nothing_is_ended(own: Build) -> None:
    renderer = own("mine", bounds=Bounds(patience=0.3))
    await message(renderer)
    [child] = children()
    os.kill(child, signal.SIGSTOP)

    rendered = await message(renderer)

    assert rendered.fault == f"{FILE}: it gave no answer within 0.3 s"
    assert children() == []


async def test_a_child_that_was_ended_is_replaced(own: Build) -> None:
    now = [1000.0]
    renderer = own("mine", clock=lambda: now[0])
    await message(renderer)
    os.kill(children()[0], signal.SIGKILL)
    lost = await message(renderer)

    now[0] += AVOIDED_FOR
    again = await message(renderer)

    # Whether the loss shows depends on whether the end was seen before the message was asked for.
    assert lost.content["text"] == "mine" or "its process ended with status -9" in lost.fault
    assert again == Rendered({"text": "mine", "blocks": []})
    assert renderer.faults == {}
    assert len(children()) == 1


async def test_a_file_that_took_too_much_does_not_hold_up_the_others(own: Build) -> None:
    now = [1000.0]
    renderer = own(LOOPS, "mine", bounds=Bounds(seconds=0.3), clock=lambda: now[0])
    first = await message(renderer)
    now[0] += AVOIDED_FOR - 1

    second = await message(renderer)

    assert second.fault == first.fault
    assert children() == []  # it was not even tried
    assert (await message(renderer, "operation.completed")).content["text"] == "mine"


async def test_a_file_is_tried_again_after_its_rest(own: Build, tmp_path: Path) -> None:
    now = [1000.0]
    renderer = own(LOOPS, bounds=Bounds(seconds=0.3), clock=lambda: now[0])
    await message(renderer)
    (tmp_path / FILE).write_text("text: repaired\n")  # the next child reads it
    now[0] += AVOIDED_FOR

    rendered = await message(renderer)

    assert rendered.content["text"] == "repaired"


async def test_a_message_larger_than_any_is_refused(own: Build) -> None:
    rows = (
        "text: x\nrows: ["
        + ", ".join("{each: a in range(100), t: '{{ \"" + "x" * 1000 + "\" }}'}" for _ in range(30))
        + "]\n"
    )
    renderer = own(more={FILE: rows})

    rendered = await message(renderer)

    assert "the message grows beyond" in rendered.fault
    assert note_of(rendered) == NOTE


# The note


async def test_a_mail_says_so_in_both_parts(own: Build) -> None:
    renderer = own(more={"email/operation.failed.yaml": "subject: '{{ 1 / 0 }}'\n"})

    content = (await message(renderer, channel="email")).content

    note = "Shown with relay's own wording: the template email/operation.failed.yaml failed."
    assert content["text"].endswith(f"\n{note}\n")
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(content["html"])
    assert page.findall("body/p")[-1].text == note


async def test_the_note_is_in_the_readers_language(own: Build) -> None:
    rendered = await message(own("{{ 1 / 0 }}"), language="de")

    assert note_of(rendered) == f"In relays eigenem Wortlaut: Die Vorlage {FILE} ist fehlgeschlagen."


async def test_a_channel_without_built_in_templates_gets_a_plain_line(own: Build) -> None:
    rendered = await message(own(more={"teams/generic.yaml": "text: '{{ 1 / 0 }}'\n"}), channel="teams")

    assert rendered.content["text"].startswith("Failed: Comprehensive Customer Journey Analysis")
    assert "the template teams/generic.yaml failed" in rendered.content["text"]
