"""Every mail that relay sends, and how its HTML reads: in order, and in which colours, in both schemes."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

from relay.domain.events import Event
from relay.rendering import Renderer
from tests.support import digests, samples

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "de")
SINGLE = (*samples.bodies(), *samples.watchdog_bodies())
NAMES = (*SINGLE, *digests.DIGESTS)
CHANGES = {"typical": dict, "bare": samples.bare, "hostile": samples.hostile, "maximal": samples.maximal}

Change = Callable[[dict[str, Any]], dict[str, Any]]
Rule = tuple[tuple[str, ...], dict[str, str]]


def renderer() -> Renderer:
    return Renderer([ROOT / "templates"], samples.OPTIONS)


@cache
def events_of(change: Change) -> dict[str, Event]:
    """The event of every single mail."""
    alarms = {name: samples.event_of(change(body)) for name, body in samples.watchdog_bodies().items()}
    return {**samples.messages(change), **alarms}


def mail(renderer: Renderer, name: str, *, language: str = "en", change: Change = dict) -> dict[str, Any]:
    """The mail of this name; `change` is applied to the documents of a single one."""
    return {**_mail(renderer, name, language, change)}


@cache
def _mail(renderer: Renderer, name: str, language: str, change: Change) -> dict[str, Any]:
    if name in digests.DIGESTS:
        return digests.render(renderer, "email", name, language)
    events = events_of(change)
    return renderer.render(
        "email", "each", events[name], samples.history_of(name, events), language=language, timezone="Europe/Berlin",
        now=events[name].occurred_at, destination="analysts", unsubscribe=digests.UNSUBSCRIBE,
    )  # fmt: skip


def changes_of(name: str) -> Iterable[str]:
    """In which forms this mail can be had: a digest's documents are its own."""
    return CHANGES if name in SINGLE else ["typical"]


def document(html: str) -> Element:
    """The mail as a browser reads it; any fault of the markup is an error."""
    parsed: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    return parsed


def visible(element: Element) -> list[str]:
    """Return what can be read, block by block; an image made of cells by its label."""
    if element.tag in ("head", "style") or "hidden" in element.get("class", "") or element.get("aria-hidden"):
        return []
    if element.get("role") == "img":
        return element.get("aria-label", "").split("; ")
    if element.tag in ("p", "h1", "h2", "th", "a") or element.get("class") in ("value", "error"):
        said = " ".join("".join(element.itertext()).split())
        return [said] if said else []
    return [text for child in element if isinstance(child.tag, str) for text in visible(child)]


def numbers(text: str) -> set[str]:
    """Every number, as it is written, addresses left out."""
    return set(re.findall(r"\d+(?:[.,:]\d+)*", re.sub(r"https?://\S+", "", text)))


def dark_rules(html: str) -> list[Rule]:
    """The selectors of the dark scheme with what they set, the most specific last."""
    block = html.partition("@media (prefers-color-scheme: dark) {")[2].partition("\n}\n</style>")[0]
    rules: list[Rule] = []
    for selectors, declared in re.findall(r"([^{}]+)\{([^{}]*)\}", block):
        rules += [(tuple(selector.split()), declarations(declared)) for selector in selectors.split(",")]
    return sorted(rules, key=lambda rule: (sum(part.startswith(".") for part in rule[0]), len(rule[0])))


def declarations(style: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in style.split(";") if ":" in each)
    return {key.strip(): value.replace("!important", "").strip() for key, _, value in pairs}


def colours(element: Element, above: tuple[Element, ...], dark: list[Rule]) -> Iterator[tuple[str, str]]:
    """(colour, background) of every element that has text of its own."""
    if element.tag in ("head", "style") or "hidden" in element.get("class", ""):
        return
    chain = (*above, element)
    if "".join([element.text or "", *(child.tail or "" for child in element)]).replace("\u00a0", " ").strip():
        yield nearest(chain, "color", dark), nearest(chain, "background-color", dark)
    for child in element:
        if isinstance(child.tag, str):
            yield from colours(child, chain, dark)


def nearest(chain: tuple[Element, ...], name: str, dark: list[Rule]) -> str:
    for depth in range(len(chain), 0, -1):
        coloured = {"background-color": chain[depth - 1].get("bgcolor", "")}
        style = {key: value for key, value in coloured.items() if value} | declarations(
            chain[depth - 1].get("style", "")
        )
        for selector, declared in dark:
            if matches(chain[:depth], selector):
                style |= declared
        if name in style:
            return style[name]
    raise AssertionError(f"no {name} at {chain[-1].tag} {chain[-1].get('class')}")


def matches(chain: tuple[Element, ...], selector: tuple[str, ...]) -> bool:
    def fits(element: Element, part: str) -> bool:
        return part[1:] in element.get("class", "").split() if part.startswith(".") else element.tag == part

    *outer, last = selector
    return fits(chain[-1], last) and all(any(fits(element, part) for element in chain[:-1]) for part in outer)


def contrast(colour: str, background: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(value: str) -> float:
        channels = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(colour), luminance(background)))
    return (lighter + 0.05) / (darker + 0.05)
