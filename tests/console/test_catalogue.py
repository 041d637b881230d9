"""Every text of the console is there in German and still said, and vendored scripts are unchanged."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from relay.console.pages import HERE
from relay.operating.explanation import HOLDS
from relay.operating.sentences import KINDS, NEXT, SENTENCES
from relay.reasons import Dead, Held, Lapsed, Superseded, Waiting, sentences
from relay.rendering.translations import placeholders

CATALOGUE = HERE / "locales" / "de" / "messages.po"
REASONS = (Held, Superseded, Lapsed, Waiting, Dead)  # whose sentences pages show
SAID = (
    "N_",
    "Done",
    "View",
    "phrase",
    "Unknown",
    "Hold",
)  # whose texts a page shows: the first text, of a view its title


def test_every_text_is_there_in_german() -> None:
    with CATALOGUE.open("rb") as file:
        german = {_first(message.id): message for message in read_po(file) if message.id}
    said = set(_said())
    lacking = sorted(text for text in said if text not in german or not all(_texts(german[text].string)))
    assert not lacking, f"add these to {CATALOGUE.name}:\n" + "\n".join(f'msgid "{text}"' for text in lacking)
    assert german.keys() - said == set(), "these are said no more"
    for text, message in german.items():
        for translated in _texts(message.string):
            assert placeholders(translated) <= placeholders(text) | {"num"}, text


def test_no_text_stands_there_twice() -> None:
    texts = Counter(re.findall(r'^msgid "(.+)"$', CATALOGUE.read_text("utf-8"), re.M))
    assert [text for text, count in texts.items() if count > 1] == []


def _said() -> Iterator[str]:
    for kind in REASONS:
        yield from sentences(kind).values()
    yield from (*SENTENCES.values(), *KINDS.values(), NEXT, *HOLDS.values())
    for template in sorted(HERE.rglob("*.html")):
        with template.open("rb") as file:
            for _, _, text, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), {}):
                if text and (isinstance(text, str) or text[0]):  # else a variable, whose values stand elsewhere
                    yield _first(text)
    for module in sorted(HERE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAID:
                yield from _texts_of(node)


def _texts_of(call: ast.Call) -> Iterator[str]:
    constants = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    texts = [value for value in constants if isinstance(value, str)]
    if (
        texts and "" not in texts and re.search(r"[a-z]", re.sub(r"%\(\w+\)s", "", texts[0]))
    ):  # else it is made of values alone, or has no page
        yield texts[-1] if call.func.id == "View" else texts[0]  # type: ignore[attr-defined]


def _first(text: str | tuple[str | None, ...]) -> str:
    return text if isinstance(text, str) else str(text[0])


def _texts(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


# htmx 4.0.1 as the npm registry has it (dist/htmx.min.js), under the Zero-Clause BSD licence.
VENDORED = {
    "LICENSE-htmx": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
}


def test_vendored_scripts_are_as_their_authors_published_them() -> None:
    files = (HERE / "static" / "vendor").iterdir()
    assert {file.name: sha256(file.read_bytes()).hexdigest() for file in files} == VENDORED
